/* static_model.c - a folder of static word vectors as an embedder. */
#include "static_model.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "file.h"
#include "hash.h"
#include "json.h"
#include "vec.h"
#include "wordpiece.h"

enum { HEADER_BYTES_MAX = 1 << 20 };

enum static_type { TYPE_I8, TYPE_F16, TYPE_F32 };

struct static_model {
	struct file_map map;
	struct wordpiece *tokenizer;
	const unsigned char *data;	/* in the map; of no alignment */
	uint32_t rows;
	uint32_t dim;
	enum static_type type;
	uint32_t model_crc, tokenizer_crc;
};

/* ---- opening ---- */

static int
type_of(const char *name, enum static_type *type, size_t *bytes, struct err *e)
{
	static const struct {
		const char *name;
		size_t bytes;
	} types[] = {[TYPE_I8] = {"I8", 1}, [TYPE_F16] = {"F16", 2}, [TYPE_F32] = {"F32", 4}};

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].name, name) == 0) {
			*type = (enum static_type)i;
			*bytes = types[i].bytes;
			return 0;
		}
	return err_set(e, ERR_UNSUPPORTED, "embeddings of type %s", name);
}

/* Two whole numbers, neither below 0. */
static int
take_pair(struct json_object *tensor, const char *name, uint64_t out[2], struct err *e)
{
	struct json_object *pair;

	if (json_get_array(tensor, name, true, &pair, e) == -1)
		return -1;
	if (json_object_array_length(pair) != 2)
		return err_set(e, ERR_UNSUPPORTED, "embeddings: %s is not of two numbers", name);
	for (size_t i = 0; i < 2; i++) {
		struct json_object *n = json_object_array_get_idx(pair, i);
		if (!json_object_is_type(n, json_type_int) || json_object_get_int64(n) < 0)
			return err_set(e, ERR_CORRUPT, "embeddings: bad %s", name);
		out[i] = (uint64_t)json_object_get_int64(n);
	}
	return 0;
}

static int
take_tensor(struct static_model *m, struct json_object *tensor, size_t at, struct err *e)
{
	uint64_t shape[2], place[2], cells, bytes, left = m->map.len - at;
	const char *type;
	size_t one = 0;

	if (json_get_text(tensor, "dtype", true, 16, &type, e) == -1 ||
	    type_of(type, &m->type, &one, e) == -1 || take_pair(tensor, "shape", shape, e) == -1 ||
	    take_pair(tensor, "data_offsets", place, e) == -1)
		return -1;
	if (shape[0] == 0 || shape[0] > UINT32_MAX || shape[1] == 0 || shape[1] > INDEX_DIM_MAX)
		return err_set(e, ERR_UNSUPPORTED, "embeddings of shape %llu x %llu",
		    (unsigned long long)shape[0], (unsigned long long)shape[1]);
	if (__builtin_mul_overflow(shape[0], shape[1], &cells) ||
	    __builtin_mul_overflow(cells, one, &bytes) || place[0] > place[1] ||
	    place[1] > left || place[1] - place[0] != bytes)
		return err_set(e, ERR_CORRUPT, "embeddings lie outside the file");
	m->data = m->map.data + at + place[0];
	m->rows = (uint32_t)shape[0];
	m->dim = (uint32_t)shape[1];
	return 0;
}

static int
take_header(struct static_model *m, struct err *e)
{
	struct json_object *root = NULL, *tensor = NULL, *other = NULL;
	uint64_t len = 0;
	int rc = -1;

	for (size_t i = 0; i < 8 && i < m->map.len; i++)
		len |= (uint64_t)m->map.data[i] << 8 * i;
	if (m->map.len < 8 || len > HEADER_BYTES_MAX || len > m->map.len - 8)
		return err_set(e, ERR_CORRUPT, "not a safetensors file");
	if (json_parse_object(&root, (const char *)m->map.data + 8, (size_t)len, e) == -1 ||
	    json_get_object(root, "embeddings", true, &tensor, e) == -1)
		goto out;
	if (json_object_object_get_ex(root, "mapping", &other) ||
	    json_object_object_get_ex(root, "weights", &other)) {
		err_set(e, ERR_UNSUPPORTED, "a model with a mapping or weights beside the embeddings");
		goto out;
	}
	rc = take_tensor(m, tensor, 8 + (size_t)len, e);
out:
	json_object_put(root);
	return rc;
}

int
static_model_open(struct static_model **out, const char *folder, struct err *e)
{
	struct static_model *m = calloc(1, sizeof *m);
	char path[PATH_MAX];

	*out = NULL;
	if (m == NULL)
		return err_sys(e, ERR_NOMEM, "%s", folder);
	if (file_join(path, sizeof path, folder, "model.safetensors", e) == -1 ||
	    file_map(&m->map, path, e) == -1)
		goto fail;
	if (take_header(m, e) == -1) {
		err_prefix(e, "%s", path);
		goto fail;
	}
	m->model_crc = hash_crc32c(0, m->map.data, m->map.len);
	if (file_join(path, sizeof path, folder, "tokenizer.json", e) == -1 ||
	    wordpiece_open(&m->tokenizer, path, &m->tokenizer_crc, e) == -1)
		goto fail;
	*out = m;
	return 0;
fail:
	static_model_close(m);
	return -1;
}

void
static_model_close(struct static_model *m)
{
	if (m == NULL)
		return;
	wordpiece_close(m->tokenizer);
	file_unmap(&m->map);
	free(m);
}

uint32_t
static_model_dim(const struct static_model *m)
{
	return m->dim;
}

void
static_model_crc(const struct static_model *m, uint32_t *model, uint32_t *tokenizer)
{
	*model = m->model_crc;
	*tokenizer = m->tokenizer_crc;
}

/* ---- text ---- */

struct static_tokens {
	uint32_t *id;
	size_t max, n;
};

static void
keep_token(void *context, uint32_t id)
{
	struct static_tokens *t = context;

	if (t->n < t->max)
		t->id[t->n] = id;
	t->n++;
}

size_t
static_model_tokens(
    const struct static_model *m, const char *text, size_t len, uint32_t *id, size_t max)
{
	struct static_tokens t = {id, max, 0};

	wordpiece_run(m->tokenizer, text, len, keep_token, &t);
	return t.n;
}

struct static_sum {
	const struct static_model *m;
	float *sum;
};

static void
add_row(void *context, uint32_t id)
{
	const struct static_sum *s = context;
	const struct static_model *m = s->m;
	size_t at = (size_t)id * m->dim;
	float row[INDEX_DIM_MAX];
	uint16_t half[INDEX_DIM_MAX];

	if (id >= m->rows)
		return;
	switch (m->type) {		/* copies, since the data has no alignment */
	case TYPE_I8:
		for (uint32_t i = 0; i < m->dim; i++)
			row[i] = (float)(int8_t)m->data[at + i];
		break;
	case TYPE_F16:
		memcpy(half, m->data + 2 * at, m->dim * sizeof *half);
		vec_ops()->from_half(row, half, m->dim);
		break;
	case TYPE_F32:
		memcpy(row, m->data + 4 * at, m->dim * sizeof *row);
		break;
	}
	for (uint32_t i = 0; i < m->dim; i++)
		s->sum[i] += row[i];
}

bool
static_model_embed(const struct static_model *m, const char *text, size_t len, float *out)
{
	struct static_sum s = {m, out};

	memset(out, 0, m->dim * sizeof *out);
	wordpiece_run(m->tokenizer, text, len, add_row, &s);
	/* The mean has the direction of the sum. */
	return vec_normalise(out, out, m->dim);
}
