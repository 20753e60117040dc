/* embed.c - text to vector, by the embedder a generation was built with. */
#include "embed.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "file.h"
#include "lsa.h"
#include "vec.h"

struct embed {
	enum embed_kind kind;
	uint32_t dim, identity;
	char name[DOCUMENT_PATH_BYTES];
	uint64_t terms;			/* of the lexicon */
	struct lsa lsa;
	struct static_model *model;
};

/* ---- opening ---- */

static int
take_header(struct embed *m, const struct embed_header *h, size_t bytes, struct err *e)
{
	if (bytes < sizeof *h)
		return err_set(e, ERR_CORRUPT, "embedder section: cut short: %zu bytes", bytes);
	if (h->format > EMBED_FORMAT)
		return err_set(e, ERR_FORMAT_NEW, "embedder section: format %u, this program "
		    "reads up to %d", h->format, EMBED_FORMAT);
	if (h->format != EMBED_FORMAT || h->dim == 0 || h->dim > INDEX_DIM_MAX)
		return err_set(e, ERR_CORRUPT, "embedder section: bad header");
	m->kind = (enum embed_kind)h->kind;
	m->dim = h->dim;
	if (m->kind == EMBED_KIND_LSA)
		return 0;
	if (m->kind != EMBED_KIND_STATIC && m->kind != EMBED_KIND_EXTERNAL)
		return err_set(e, ERR_FORMAT_NEW, "embedder of kind %u, unknown here", h->kind);
	if (h->name_bytes == 0 || h->name_bytes >= sizeof m->name ||
	    bytes != sizeof *h + h->name_bytes ||
	    memchr(h + 1, '\0', h->name_bytes) != NULL)
		return err_set(e, ERR_CORRUPT, "embedder section: bad name");
	memcpy(m->name, h + 1, h->name_bytes);
	if (m->kind == EMBED_KIND_EXTERNAL)
		m->identity = h->model_crc;
	return 0;
}

static int
open_static(struct embed *m, const struct embed_header *h, const char *folder, struct err *e)
{
	char path[PATH_MAX];
	const char *at = m->name;
	uint32_t model, tokenizer;

	if (*at != '/') {
		if (file_join(path, sizeof path, folder, m->name, e) == -1)
			return -1;
		at = path;
	}
	if (static_model_open(&m->model, at, e) == -1)
		return -1;
	static_model_crc(m->model, &model, &tokenizer);
	if (static_model_dim(m->model) != m->dim || model != h->model_crc ||
	    tokenizer != h->tokenizer_crc)
		return err_set(e, ERR_SOURCE, "%s: not the model the generation was built with", at);
	return 0;
}

static int
open_kind(struct embed *m, const void *section, size_t bytes, const char *folder, struct err *e)
{
	if (take_header(m, section, bytes, e) == -1)
		return -1;
	if (m->kind == EMBED_KIND_STATIC)
		return open_static(m, section, folder, e);
	if (m->kind == EMBED_KIND_LSA) {
		memcpy(m->name, "builtin:lsa", sizeof "builtin:lsa");
		return lsa_open(&m->lsa, section, bytes, m->terms, e);
	}
	return 0;
}

int
embed_open(struct embed **out, const struct rpx *r, const char *folder, uint64_t terms,
    struct err *e)
{
	struct embed *m = calloc(1, sizeof *m);
	const void *section;
	size_t bytes;

	*out = NULL;
	if (m == NULL)
		return err_sys(e, ERR_NOMEM, "embedder");
	m->terms = terms;
	section = rpx_find(r, RPX_EMBEDDER, &bytes, NULL);
	if (section != NULL && open_kind(m, section, bytes, folder, e) == -1) {
		embed_close(m);
		return -1;
	}
	*out = m;
	return 0;
}

void
embed_close(struct embed *m)
{
	if (m == NULL)
		return;
	static_model_close(m->model);
	free(m);
}

enum embed_kind
embed_kind(const struct embed *m)
{
	return m->kind;
}

uint32_t
embed_dim(const struct embed *m)
{
	return m->dim;
}

const char *
embed_name(const struct embed *m)
{
	return m->name;
}

uint32_t
embed_identity(const struct embed *m)
{
	return m->identity;
}

const struct lsa *
embed_model(const struct embed *m)
{
	return m->kind == EMBED_KIND_LSA ? &m->lsa : NULL;
}

/* ---- queries ---- */

bool
embed_terms(const struct embed *m, const struct lsa_term *term, size_t n, float *out)
{
	assert(m->kind == EMBED_KIND_LSA);
	return lsa_embed(&m->lsa, term, n, out);
}

int
embed_query(const struct embed *m, const char *text, size_t len, float *out, bool *has,
    struct err *e)
{
	assert(m->kind != EMBED_KIND_LSA);
	*has = false;
	if (m->kind == EMBED_KIND_EXTERNAL)
		return err_set(e, ERR_MISSING_FIELD, "this tenant's vectors are made by %s: the "
		    "query needs its own", m->name);
	if (m->kind == EMBED_KIND_STATIC)
		*has = static_model_embed(m->model, text, len, out);
	return 0;
}

int
embed_given(const struct embed *m, const float *given, size_t n, float *out, bool *has,
    struct err *e)
{
	*has = false;
	if (n != m->dim)
		return err_set(e, ERR_DIMENSION, "the vector has %zu numbers, the index %u", n,
		    m->dim);
	for (size_t i = 0; i < n; i++)
		if (!isfinite(given[i]))
			return err_set(e, ERR_RANGE, "number %zu of the vector is not finite", i);
	if (out != given)
		memcpy(out, given, n * sizeof *out);
	*has = vec_normalise(out, out, m->dim);
	return 0;
}

/* ---- writing ---- */

static int
put_named(struct rpx_writer *w, struct embed_header *h, const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 0 || len >= DOCUMENT_PATH_BYTES)
		return err_set(e, ERR_RANGE, "an embedder's name of %zu bytes", len);
	h->format = EMBED_FORMAT;
	h->name_bytes = (uint32_t)len;
	if (rpx_begin(w, RPX_EMBEDDER, e) == -1 || rpx_put(w, h, sizeof *h, e) == -1 ||
	    rpx_put(w, name, len, e) == -1)
		return -1;
	return rpx_end(w, 1, e);
}

int
embed_put_static(
    struct rpx_writer *w, const struct static_model *m, const char *name, struct err *e)
{
	struct embed_header h = {.kind = EMBED_KIND_STATIC, .dim = static_model_dim(m)};

	static_model_crc(m, &h.model_crc, &h.tokenizer_crc);
	return put_named(w, &h, name, e);
}

int
embed_put_external(struct rpx_writer *w, uint32_t dim, const char *name, uint32_t identity,
    struct err *e)
{
	struct embed_header h = {.kind = EMBED_KIND_EXTERNAL, .dim = dim, .model_crc = identity};

	if (dim == 0 || dim > INDEX_DIM_MAX)
		return err_set(e, ERR_RANGE, "vectors of %u numbers", dim);
	return put_named(w, &h, name, e);
}
