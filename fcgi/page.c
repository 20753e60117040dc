/* page.c - which part of a long list is asked for. */
#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
page_read(struct page *page, const struct req *r, size_t usual, size_t max, struct err *e)
{
	const char *limit, *order;
	long n = (long)usual;
	char *end;

	if (req_query_get(r, "limit", &limit, e) == -1 ||
	    req_query_get(r, "order", &order, e) == -1 ||
	    req_query_get(r, "after", &page->after, e) == -1 ||
	    req_query_get(r, "before", &page->before, e) == -1)
		return -1;
	if (limit != NULL)
		n = strtol(limit, &end, 10);
	if (limit != NULL && (end == limit || *end != '\0' || n < 1 || n > (long)max))
		return err_set(e, ERR_RANGE, "\"limit\" must be 1 to %zu", max);
	if (order != NULL && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0)
		return err_set(e, ERR_RANGE, "\"order\" must be asc or desc");
	page->limit = (size_t)n;
	page->ascending = order != NULL && strcmp(order, "asc") == 0;
	return 0;
}

void
page_begin(struct page_out *o, struct buf *b, const struct page *page)
{
	*o = (struct page_out){.b = b, .limit = page->limit};
	buf_adds(b, "{\"object\": \"list\", \"data\": [");
}

bool
page_next(struct page_out *o, const char *id)
{
	if (o->count == o->limit) {
		o->has_more = true;
		return false;
	}
	if (o->count++ == 0)
		snprintf(o->first, sizeof o->first, "%s", id);
	else
		buf_adds(o->b, ", ");
	snprintf(o->last, sizeof o->last, "%s", id);
	return true;
}

void
page_end(struct page_out *o)
{
	buf_adds(o->b, "], ");
	if (o->count > 0)
		buf_addf(o->b, "\"first_id\": \"%s\", \"last_id\": \"%s\"", o->first, o->last);
	else
		buf_adds(o->b, "\"first_id\": null, \"last_id\": null");
	buf_addf(o->b, ", \"has_more\": %s}\n", o->has_more ? "true" : "false");
}
