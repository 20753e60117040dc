/* store_about.h - the member "store" of a tenant's document: what clients of the interface of
 * vector stores call it.
 *
 *   "store": {"name": "...", "description": "...", "metadata": {...}, "created_at": 1800000000}
 *
 * A document that has it was made through that interface, or its operator allows it to be changed
 * and deleted there; one without belongs to its operator alone.
 *
 * Bounds  name STORE_NAME_BYTES, description STORE_DESCRIPTION_BYTES; metadata at most
 *         STORE_PAIRS_MAX texts of STORE_VALUE_BYTES under keys of STORE_KEY_BYTES.
 * Errors  ERR_TYPE, ERR_RANGE, naming the member; ERR_LIMIT.
 * Memory  what is read is borrowed from the document.
 */
#ifndef RAGPOOL_STORE_ABOUT_H
#define RAGPOOL_STORE_ABOUT_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

#include "err.h"

enum {
	STORE_NAME_BYTES = 1024,
	STORE_DESCRIPTION_BYTES = 4096,
	STORE_PAIRS_MAX = 16,
	STORE_KEY_BYTES = 64 * 4,	/* 64 characters */
	STORE_VALUE_BYTES = 512 * 4,
};

struct store_about {
	bool is_ours;			/* there is such a member */
	const char *name, *description;	/* NULL: not said */
	struct json_object *metadata;	/* NULL: none */
	int64_t created;		/* seconds since 1970; 0: not said */
	int64_t chunk_size, chunk_overlap;	/* as the document says; 0 and -1: not */
};

void store_about_read(struct store_about *s, struct json_object *document);
/* Whether the members name, description and metadata of an object are such; null and absent
 * ones are. */
int store_about_check(struct json_object *o, struct err *e);
/* A document for a tenant of what is sent to it; owned.  wish: name, description, metadata;
 * chunk_size 0: as usual. */
struct json_object *store_document_new(
    struct json_object *wish, int64_t chunk_size, int64_t chunk_overlap, int64_t now);
/* Takes over what is there of name, description and metadata, null for none, and gives the
 * document its next version. */
int store_document_change(
    struct json_object *document, struct json_object *changes, struct err *e);

#endif
