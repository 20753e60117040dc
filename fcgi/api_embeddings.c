/* api_embeddings.c - POST /v1/embeddings, for clients of OpenAI's wire.
 *
 *   {"model", "input": "..." or ["...", ...], "encoding_format": "float" | "base64"}
 *   -> {"object": "list", "data": [{"object": "embedding", "index", "embedding"}], "model",
 *       "usage": {"prompt_tokens", "total_tokens"}}
 *
 * base64 is of the floats as they lie in memory, little endian, which is what OpenAI's own
 * clients ask for.  "input_type" (query, document) is ours: some models embed them apart.
 * Source  the shapes are those of OpenAI's published specification of this interface.
 */
#include "api.h"

#include <openssl/evp.h>
#include <string.h>

#include "embedding.h"

static void
put_numbers(struct buf *b, const float *v, uint32_t dim)
{
	buf_addc(b, '[');
	for (uint32_t i = 0; i < dim; i++) {
		if (i > 0)
			buf_addc(b, ',');
		json_put_float(b, v[i]);
	}
	buf_addc(b, ']');
}

/* This product runs on little-endian machines alone (rpx.h). */
static void
put_base64(struct buf *b, const float *v, uint32_t dim)
{
	size_t n = dim * sizeof *v;
	char *to;

	buf_addc(b, '"');
	if ((to = buf_room(b, (n + 2) / 3 * 4 + 1)) != NULL)
		buf_grew(b, (size_t)EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)v, (int)n));
	buf_addc(b, '"');
}

static void
put_answer(struct buf *b, const struct embedding *m, bool is_base64)
{
	buf_adds(b, "{\"object\": \"list\", \"data\": [");
	for (size_t i = 0; i < m->count; i++) {
		buf_addf(b, "%s{\"object\": \"embedding\", \"index\": %zu, \"embedding\": ",
		    i > 0 ? ", " : "", i);
		if (is_base64)
			put_base64(b, m->vectors + i * m->dim, m->dim);
		else
			put_numbers(b, m->vectors + i * m->dim, m->dim);
		buf_addc(b, '}');
	}
	buf_adds(b, "], \"model\": ");
	json_put_text(b, m->model, strlen(m->model));
	buf_addf(b, ", \"usage\": {\"prompt_tokens\": %zu, \"total_tokens\": %zu}}\n", m->tokens,
	    m->tokens);
}

int
api_embeddings(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	static const char *const members[] = {"model", "input", "encoding_format", "dimensions",
	    "input_type", "user", NULL};
	struct embedding m = {0};
	const char *format = "float", *user;
	struct json_object *body;
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (json_only(body, members, e) == -1 ||
	    json_get_text(body, "model", true, 256, &m.model, e) == -1 ||
	    json_get_text(body, "encoding_format", false, 16, &format, e) == -1 ||
	    json_get_text(body, "user", false, 256, &user, e) == -1 ||
	    embedding_read_options(&m, body, e) == -1 ||
	    embedding_read_input(&m, body, r->arena, e) == -1)
		goto out;
	if (strcmp(format, "float") != 0 && strcmp(format, "base64") != 0) {
		err_set(e, ERR_RANGE, "\"encoding_format\" must be float or base64");
		goto out;
	}
	if ((rc = embedding_run(api, &m, r, p, e)) == 0)
		put_answer(&p->body, &m, format[0] == 'b');
out:
	json_object_put(body);
	return rc;
}
