/* hits.c - the hits of a question as JSON. */
#include "hits.h"

#include <string.h>

/* Parts of the score, which add up to it, and where the hit stood in each half. */
static void
put_explanation(struct buf *b, const struct fuse_hit *h)
{
	buf_adds(b, ", \"explain\": {\"words\": ");
	json_put_float(b, h->part.bm25);
	buf_adds(b, ", \"nearness\": ");
	json_put_float(b, h->part.near);
	buf_adds(b, ", \"vector\": ");
	json_put_float(b, h->part.dense);
	buf_adds(b, ", \"bm25\": ");
	json_put_float(b, h->bm25);
	buf_adds(b, ", \"cosine\": ");
	json_put_float(b, h->cosine);
	buf_addf(b, ", \"word_rank\": %u, \"vector_rank\": %u}", h->lexical_place, h->dense_place);
}

/* It comes from a file: only an object of strict JSON goes into the answer. */
int
hits_put_metadata(struct buf *b, const char *meta, struct err *e)
{
	struct json_object *o;

	if (json_parse_object(&o, meta, strlen(meta), NULL) == -1)
		return err_set(e, ERR_CORRUPT, "store.db: the metadata of a document is damaged");
	json_object_put(o);
	buf_adds(b, meta);
	return 0;
}

static int
put_hit(struct buf *b, const struct query_hit *h, const struct question *q, struct err *e)
{
	buf_adds(b, "{\"score\": ");
	json_put_float(b, h->score);
	buf_adds(b, ", \"text\": ");
	json_put_text(b, h->chunk.text, h->chunk.text_len);
	buf_adds(b, ", \"title\": ");
	json_put_text(b, h->chunk.title, strlen(h->chunk.title));
	buf_adds(b, ", \"source\": ");
	json_put_text(b, h->chunk.source, strlen(h->chunk.source));
	buf_adds(b, ", \"start\": ");
	buf_addu(b, h->chunk.start);
	buf_adds(b, ", \"end\": ");
	buf_addu(b, h->chunk.end);
	buf_adds(b, ", \"heading\": ");
	json_put_text(b, h->chunk.heading, strlen(h->chunk.heading));
	if (h->chunk.page != 0)
		buf_addf(b, ", \"page\": %u", h->chunk.page);
	if (h->matched_end != 0)
		buf_addf(b, ", \"matched\": {\"start\": %llu, \"end\": %llu}",
		    (unsigned long long)h->matched_start, (unsigned long long)h->matched_end);
	if (q->explain)
		put_explanation(b, &h->how);
	if (q->with_metadata) {
		buf_adds(b, ", \"metadata\": ");
		if (hits_put_metadata(b, h->chunk.meta, e) == -1)
			return -1;
	}
	buf_addc(b, '}');
	return 0;
}

int
hits_put(struct buf *b, const struct query_result *r, const struct question *q, struct err *e)
{
	buf_addc(b, '[');
	for (size_t i = 0; i < r->count; i++) {
		if (i > 0)
			buf_adds(b, ", ");
		if (put_hit(b, &r->hits[i], q, e) == -1)
			return -1;
	}
	buf_addc(b, ']');
	return 0;
}
