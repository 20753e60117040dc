/* wire_embed.c - texts to an endpoint's question, its answer to vectors. */
#include "wire.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"

/* ---- questions ---- */

static void
put_texts(struct buf *b, const char *name, const struct embed_text *texts, size_t count)
{
	buf_addf(b, ", \"%s\": [", name);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_addc(b, ',');
		json_put_text(b, texts[i].text, texts[i].len);
	}
	buf_addc(b, ']');
}

static void
put_model(struct buf *b, const struct conf_model *m)
{
	buf_adds(b, "{\"model\": ");
	json_put_text(b, m->model, strlen(m->model));
}

void
wire_embed_question(struct buf *b, const struct conf_model *m, const struct embed_text *texts,
    size_t count, bool is_query)
{
	put_model(b, m);
	put_texts(b, m->api == API_COHERE ? "texts" : "input", texts, count);
	if (m->api == API_COHERE)
		buf_addf(b, ", \"input_type\": \"%s\", \"embedding_types\": [\"float\"]",
		    is_query ? "search_query" : "search_document");
	else if (m->api != API_OLLAMA && m->encoding == ENCODING_BASE64)
		buf_adds(b, ", \"encoding_format\": \"base64\"");
	if (m->send_dimension)
		buf_addf(b, ", \"%s\": %lld", m->api == API_COHERE ? "output_dimension" : "dimensions",
		    (long long)m->dimension);
	buf_addc(b, '}');
}

void
wire_rerank_question(struct buf *b, const struct conf_model *m, const char *query,
    const struct embed_text *texts, size_t count)
{
	put_model(b, m);
	buf_adds(b, ", \"query\": ");
	json_put_text(b, query, strlen(query));
	put_texts(b, "documents", texts, count);
	buf_addf(b, ", \"top_n\": %zu", count);
	if (m->api != API_COHERE)
		buf_adds(b, ", \"return_documents\": false");
	buf_addc(b, '}');
}

/* ---- vectors ---- */

/* The answer's vectors as they are put into their places. */
struct taking {
	struct wire_vectors *v;
	size_t count;
	uint32_t dim;
	bool *has;		/* count */
};

static bool
host_is_little(void)
{
	const uint16_t one = 1;

	return *(const unsigned char *)&one == 1;
}

static int
read_base64(float *out, uint32_t dim, struct json_object *o, struct err *e)
{
	uint8_t *bytes = (uint8_t *)out;
	uint32_t word;
	size_t used;

	if (!base64_decode(json_object_get_string(o), (size_t)json_object_get_string_len(o), bytes,
		dim * sizeof *out, &used) ||
	    used != dim * sizeof *out)
		return err_set(e, ERR_PEER, "a vector that is not base64 of %u floats", dim);
	for (uint32_t i = 0; i < dim && !host_is_little(); i++) {
		memcpy(&word, bytes + 4 * i, 4);
		word = __builtin_bswap32(word);
		memcpy(bytes + 4 * i, &word, 4);
	}
	return 0;
}

static int
read_floats(float *out, uint32_t dim, struct json_object *list, struct err *e)
{
	for (uint32_t i = 0; i < dim; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		if (!json_object_is_type(o, json_type_double) && !json_object_is_type(o, json_type_int))
			return err_set(e, ERR_PEER, "number %u of a vector is none", i);
		out[i] = (float)json_object_get_double(o);
	}
	return 0;
}

static int
check_vector(const float *v, uint32_t dim, size_t place, struct err *e)
{
	bool is_zero = true;

	for (uint32_t i = 0; i < dim; i++) {
		if (!isfinite(v[i]))
			return err_set(e, ERR_PEER, "vector %zu: number %u is not finite", place, i);
		is_zero = is_zero && v[i] == 0;
	}
	return is_zero ? err_set(e, ERR_PEER, "vector %zu is all zeros", place) : 0;
}

/* How many numbers the vector has; 0 when it is not one. */
static size_t
length_of(struct json_object *o)
{
	size_t n;

	if (json_object_is_type(o, json_type_array))
		return json_object_array_length(o);
	if (!json_object_is_type(o, json_type_string))
		return 0;
	n = (size_t)json_object_get_string_len(o);
	while (n > 0 && json_object_get_string(o)[n - 1] == '=')
		n--;
	return n * 3 / 4 / sizeof(float);
}

static int
take_vector(struct taking *t, size_t place, struct json_object *o, struct err *e)
{
	size_t n = length_of(o);
	float *at;

	if (place >= t->count || t->has[place])
		return err_set(e, ERR_PEER, "index %zu twice, or past %zu texts", place, t->count);
	if (n == 0 || n > INDEX_DIM_MAX)
		return err_set(e, ERR_PEER, "vector %zu has %zu numbers", place, n);
	if (t->dim == 0)
		t->dim = (uint32_t)n;
	if (n != t->dim)
		return err_set(e, ERR_PEER, "vector %zu has %zu numbers, not %u", place, n, t->dim);
	if (t->v->at == NULL && (t->v->at = calloc(t->count, n * sizeof(float))) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for vectors");
	at = t->v->at + place * t->dim;
	t->has[place] = true;
	if ((json_object_is_type(o, json_type_string) ? read_base64(at, t->dim, o, e)
						      : read_floats(at, t->dim, o, e)) == -1)
		return -1;
	return check_vector(at, t->dim, place, e);
}

/* ---- answers ---- */

/* The place of an item of "data": its index, or where it stands if none has one. */
static int
place_of(struct json_object *item, size_t at, size_t *place, struct err *e)
{
	int64_t index = (int64_t)at;

	if (!json_object_is_type(item, json_type_object))
		return err_set(e, ERR_PEER, "\"data\": item %zu is no object", at);
	if (json_get_int(item, "index", false, 0, MODEL_TEXTS_MAX, &index, e) == -1)
		return -1;
	*place = (size_t)index;
	return 0;
}

static int
take_openai(struct taking *t, struct json_object *root, struct err *e)
{
	struct json_object *data = NULL, *vector;
	size_t place = 0;

	if (json_get_array(root, "data", true, &data, e) == -1)
		return -1;
	if (json_object_array_length(data) != t->count)
		return err_set(e, ERR_PEER, "%zu vectors for %zu texts",
		    json_object_array_length(data), t->count);
	for (size_t i = 0; i < t->count; i++) {
		struct json_object *item = json_object_array_get_idx(data, i);
		if (place_of(item, i, &place, e) == -1)
			return -1;
		if (!json_object_object_get_ex(item, "embedding", &vector))
			return err_set(e, ERR_PEER, "\"data\": item %zu has no embedding", i);
		if (take_vector(t, place, vector, e) == -1)
			return -1;
	}
	return 0;
}

static int
take_list(struct taking *t, struct json_object *list, struct err *e)
{
	if (json_object_array_length(list) != t->count)
		return err_set(e, ERR_PEER, "%zu vectors for %zu texts",
		    json_object_array_length(list), t->count);
	for (size_t i = 0; i < t->count; i++)
		if (take_vector(t, i, json_object_array_get_idx(list, i), e) == -1)
			return -1;
	return 0;
}

/* Ollama: "embeddings": [[...]]; Cohere: "embeddings": {"float": [[...]]}. */
static int
take_embeddings(struct taking *t, struct json_object *root, bool is_cohere, struct err *e)
{
	struct json_object *list = NULL, *outer = root;

	if (is_cohere && json_get_object(root, "embeddings", true, &outer, e) == -1)
		return -1;
	if (json_get_array(outer, is_cohere ? "float" : "embeddings", true, &list, e) == -1)
		return -1;
	return take_list(t, list, e);
}

static uint64_t
tokens_of(struct json_object *root)
{
	struct json_object *usage = NULL;
	int64_t tokens = 0;

	json_get_int(root, "prompt_eval_count", false, 0, INT64_MAX, &tokens, NULL);
	if (json_get_object(root, "usage", false, &usage, NULL) == 0 && usage != NULL &&
	    json_get_int(usage, "prompt_tokens", false, 0, INT64_MAX, &tokens, NULL) == 0 &&
	    tokens == 0)
		json_get_int(usage, "total_tokens", false, 0, INT64_MAX, &tokens, NULL);
	return (uint64_t)tokens;
}

int
wire_embed_answer(struct wire_vectors *v, const struct conf_model *m, const char *bytes,
    size_t n, size_t count, uint32_t dim, struct err *e)
{
	struct taking t = {.v = v, .count = count, .dim = dim};
	struct json_object *root = NULL;
	int rc = -1;

	*v = (struct wire_vectors){0};
	if ((t.has = calloc(count + 1, sizeof *t.has)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for vectors");
	if (json_parse_object(&root, bytes, n, e) == -1)
		goto out;
	if (m->api == API_OPENAI || m->api == API_JINA)
		rc = take_openai(&t, root, e);
	else
		rc = take_embeddings(&t, root, m->api == API_COHERE, e);
	v->dim = t.dim;
	v->tokens = tokens_of(root);
out:
	if (rc == -1) {
		free(v->at);
		v->at = NULL;
		if (e != NULL && e->code != ERR_NOMEM)
			e->code = ERR_PEER;
	}
	json_object_put(root);
	free(t.has);
	return rc;
}

/* {"results": [{"index", "relevance_score"}]}, in any order. */
int
wire_rerank_answer(float *scores, size_t count, const char *bytes, size_t n, struct err *e)
{
	struct json_object *root = NULL, *results = NULL;
	int64_t index;
	double score;
	int rc = -1;

	for (size_t i = 0; i < count; i++)
		scores[i] = NAN;
	if (json_parse_object(&root, bytes, n, e) == -1 ||
	    json_get_array(root, "results", true, &results, e) == -1)
		goto out;
	if (json_object_array_length(results) != count) {
		err_set(e, ERR_PEER, "%zu scores for %zu texts", json_object_array_length(results),
		    count);
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(results, i);
		if (!json_object_is_type(item, json_type_object)) {
			err_set(e, ERR_PEER, "\"results\": item %zu is no object", i);
			goto out;
		}
		if (json_get_int(item, "index", true, 0, (int64_t)count - 1, &index, e) == -1 ||
		    json_get_double(item, "relevance_score", true, -1e30, 1e30, &score, e) == -1)
			goto out;
		if (!isnan(scores[index])) {
			err_set(e, ERR_PEER, "index %lld twice", (long long)index);
			goto out;
		}
		scores[index] = (float)score;
	}
	rc = 0;
out:
	if (rc == -1 && e != NULL && e->code != ERR_NOMEM)
		e->code = ERR_PEER;
	json_object_put(root);
	return rc;
}
