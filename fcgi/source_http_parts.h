/* source_http_parts.h - what the two files of the HTTP source share; nobody else includes it.
 * source_http.c asks and reads, source_http_list.c knows what is listed and where it lies.
 */
#ifndef RAGPOOL_SOURCE_HTTP_PARTS_H
#define RAGPOOL_SOURCE_HTTP_PARTS_H

#include "arena.h"
#include "http.h"
#include "secrets.h"
#include "source_kinds.h"

/* Where a document of the last listing is to be had. */
struct place {
	const char *key, *url;
};

struct http_source {
	struct source base;
	struct source_options o;
	struct http *http;
	struct secrets secrets;
	struct arena words;
	struct place *places;		/* sorted by key once the listing is done */
	size_t place_count, place_room;
	bool has_secrets;
};

/* The whole answer to a listing's address; *body is owned by the caller, NUL after its n bytes.
 * Errors: ERR_SOURCE, ERR_PEER, ERR_LIMIT, those of http_each(). */
int http_source_fetch_listing(struct http_source *s, const char *url, char **body, size_t *n,
    struct err *e);

/* source_list_fn: passes each document that the listing names on and keeps where it is to be
 * had.  Errors: ERR_SOURCE, ERR_LIMIT, ERR_NOMEM, those of each() and of fetching. */
int http_source_list(struct source *base, source_item_fn *each, void *context, struct err *e);

/* Where the last listing says that the document is; its key, an address, if it says nothing. */
const char *http_source_url_of(const struct http_source *s, const char *key);

#endif
