/* consul_pointer.h - the value of PREFIX{tenant}/generation, by which the hosts of a fleet
 * agree on what is live, and of PREFIX{tenant}/pin beside it.
 *
 *   { "generation": "7-0a1b2c3d4e5f",             required
 *     "manifest_sha256": "0a1b2c3d4e5f...",       of its manifest.json
 *     "where": "s3://bucket/prefix/...",          where it can be fetched; absent: nowhere
 *     "config_version": "v1.3",                   of the document it was built from
 *     "previous": "6-...", "host": "web3",        what it replaced, and who says so
 *     "withdrawn_version": "v1.4",                rolled back: no host builds that again
 *     "flip": 12 }                                counts the replacements
 *
 * Which of two is newer: `flip`, where both have it.  It is carried on by whoever writes,
 * so it survives a Consul that was wiped, and betrays one that was restored to the past.
 * A value written by hand without it is judged by its ModifyIndex.
 *
 * A pin is such an object, of which only "generation" counts, or the bare name.
 *
 * Bounds  CONSUL_POINTER_MAX bytes; unknown members mean nothing here.
 * Errors  what json_parse_object() and the getters of json.h answer; ERR_CONFIG when the
 *         members contradict each other.
 */
#ifndef RAGPOOL_CONSUL_POINTER_H
#define RAGPOOL_CONSUL_POINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "buf.h"
#include "err.h"
#include "hash.h"

enum { CONSUL_POINTER_MAX = 8192, POINTER_WHERE_BYTES = 257, POINTER_HOST_BYTES = 64 };

struct consul_pointer {
	char generation[GENERATION_NAME_BYTES];	/* "": there is no pointer */
	char manifest[SHA256_HEX_BYTES];	/* the others: "" when not told */
	char where[POINTER_WHERE_BYTES];
	char version[VERSION_BYTES + 1];
	char previous[GENERATION_NAME_BYTES];
	char withdrawn[VERSION_BYTES + 1];
	char host[POINTER_HOST_BYTES];
	uint64_t flip;				/* 0: not told */
	uint64_t index;				/* ModifyIndex of the key; not in the value */
};

int consul_pointer_parse(
    struct consul_pointer *p, const char *bytes, size_t n, uint64_t index, struct err *e);
void consul_pointer_write(const struct consul_pointer *p, struct buf *b);
int consul_pin_parse(
    char generation[GENERATION_NAME_BYTES], const char *bytes, size_t n, struct err *e);

#define POINTER_ORDERS(X) \
	X(POINTER_SAME, "same")		/* the same generation, nothing to do */ \
	X(POINTER_NEWER, "newer") \
	X(POINTER_OLDER, "older")	/* the past came back */
enum pointer_order {
#define X(symbol, name) symbol,
	POINTER_ORDERS(X)
#undef X
	    POINTER_ORDER_MAX
};

/* How `next` stands to `now`, which may be empty. */
enum pointer_order consul_pointer_compare(
    const struct consul_pointer *now, const struct consul_pointer *next);
/* Two names of generations of the same content: their numbers may differ by host. */
bool generation_is_same_content(const char *a, const char *b);

#endif
