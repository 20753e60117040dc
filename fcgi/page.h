/* page.h - which part of a long list is asked for: limit, order, after, before.
 *
 * As OpenAI's lists have it: `after` and `before` are ids that stand in the list; a page begins
 * behind the one and ends before the other, in the order asked for (the newest first, unless
 * "asc" is).
 * Errors  ERR_RANGE, ERR_INPUT.
 */
#ifndef RAGPOOL_PAGE_H
#define RAGPOOL_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"
#include "req.h"

struct page {
	size_t limit;
	bool ascending;
	const char *after, *before;	/* NULL: not given */
};

/* limit: 1 to `max`, `usual` when it is not given. */
int page_read(struct page *page, const struct req *r, size_t usual, size_t max, struct err *e);

/* A list that is being written: {"object": "list", "data": [...], "first_id", "last_id",
 * "has_more"}. */
struct page_out {
	struct buf *b;
	size_t count, limit;
	bool has_more;
	char first[80], last[80];
};

void page_begin(struct page_out *o, struct buf *b, const struct page *page);
/* The next item of this id comes; false: it is one too many, and there is more. */
bool page_next(struct page_out *o, const char *id);
void page_end(struct page_out *o);

#endif
