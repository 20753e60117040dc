/* assemble.c - documents and their chunks to the files of one generation. */
#include "assemble.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze.h"
#include "bounds.h"
#include "buf.h"
#include "file.h"
#include "generation.h"
#include "hash.h"
#include "index_build.h"
#include "static_model.h"
#include "termdoc.h"

/* Counted up when other parts of a document become a row's terms or its vector. */
enum { ROW_VERSION = 1 };

struct assembly {
	const char *dir;
	const char *tenant;
	const struct build_config *config;
	struct store_writer *store;
	struct analyzer *analyzer;
	struct columns_writer *columns;
	struct termdoc terms;
	struct index_row *rows;
	size_t room;
	uint64_t documents;
	uint64_t document;	/* of the chunks that come now */
	char *key, *title;	/* of that document, owned */
	struct static_model *model;	/* NULL: the built-in embedder */
	struct vectors *elsewhere;	/* borrowed: a model's outside; NULL: another embedder */
	uint32_t dim;			/* of vectors, 0 until it is known */
	float *vectors;			/* of either model, a row each */
	struct buf passage;		/* what is embedded */
	const struct index *base;	/* borrowed, NULL: a full build */
	const struct told *training, *linking;	/* borrowed, or NULL */
};

/* The folder in "static:<folder>", NULL for another embedder. */
static const char *
static_folder(const struct build_config *config)
{
	static const char prefix[] = "static:";
	size_t n = sizeof prefix - 1;

	return strncmp(config->embedding_model, prefix, n) == 0 ? config->embedding_model + n
								 : NULL;
}

static int
open_model(struct assembly *a, struct err *e)
{
	const char *folder = static_folder(a->config);

	if (folder == NULL)
		return 0;
	if (static_model_open(&a->model, folder, e) == -1)
		return -1;
	a->dim = static_model_dim(a->model);
	return 0;
}

int
assembly_new(struct assembly **out, const char *dir, const char *tenant,
    const struct build_config *config, struct err *e)
{
	struct assembly *a = calloc(1, sizeof *a);
	char path[PATH_MAX];

	*out = NULL;
	if (a == NULL)
		return err_sys(e, ERR_NOMEM, "%s", dir);
	a->dir = dir;
	a->tenant = tenant;
	a->config = config;
	buf_init(&a->passage, DOCUMENT_BYTES_MAX);
	if (file_join(path, sizeof path, dir, "store.db", e) == -1 ||
	    termdoc_init(&a->terms, e) == -1 || columns_new(&a->columns, e) == -1 ||
	    analyzer_new(&a->analyzer, config->language, e) == -1 || open_model(a, e) == -1 ||
	    store_create(&a->store, path, e) == -1) {
		assembly_free(a);
		return -1;
	}
	*out = a;
	return 0;
}

void
assembly_set_base(struct assembly *a, const struct index *base)
{
	a->base = base;
}

void
assembly_set_vectors(struct assembly *a, struct vectors *v)
{
	a->elsewhere = v;
}

void
assembly_set_told(
    struct assembly *a, const struct told *training, const struct told *linking)
{
	a->training = training;
	a->linking = linking;
}

void
assembly_free(struct assembly *a)
{
	if (a == NULL)
		return;
	store_abandon(a->store);
	analyzer_free(a->analyzer);
	termdoc_fini(&a->terms);
	columns_free(a->columns);
	static_model_close(a->model);
	buf_fini(&a->passage);
	free(a->vectors);
	free(a->rows);
	free(a->key);
	free(a->title);
	free(a);
}

/* ---- documents and chunks coming in ---- */

static int
keep_text(char **place, const char *text, struct err *e)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return err_sys(e, ERR_NOMEM, "build");
	free(*place);
	*place = copy;
	return 0;
}

int
assembly_add_document(struct assembly *a, const struct store_document *d, struct err *e)
{
	a->documents++;
	if (keep_text(&a->key, d->key, e) == -1 || keep_text(&a->title, d->title, e) == -1 ||
	    columns_add(a->columns, d->meta != NULL ? d->meta : "{}", e) == -1)
		return -1;
	return store_add_document(a->store, d, &a->document, e);
}

/* The chunk's identity: the document it is in and what it says, which its title and headings
 * are part of: rows with one identity have the same terms.  Not where: an edit moves all
 * that follows. */
static int
chunk_identity(
    const struct assembly *a, const struct store_chunk *c, uint64_t *id, struct err *e)
{
	struct hash_sha256 *h = hash_sha256_new(e);
	uint8_t digest[SHA256_BYTES];

	if (h == NULL)
		return -1;
	hash_sha256_add(h, a->key, strlen(a->key) + 1);
	hash_sha256_add(h, a->title, strlen(a->title) + 1);
	hash_sha256_add(h, c->heading, strlen(c->heading) + 1);
	hash_sha256_add(h, c->text, c->text_len);
	hash_sha256_end(h, digest);
	memcpy(id, digest, sizeof *id);
	return 0;
}

static int
grow_vectors(struct assembly *a, struct err *e)
{
	float *vectors;

	if (a->dim == 0)
		return 0;
	vectors = reallocarray(a->vectors, a->room, a->dim * sizeof *vectors);
	if (vectors == NULL)
		return err_sys(e, ERR_NOMEM, "build");
	a->vectors = vectors;
	return 0;
}

static int
find_elsewhere(struct assembly *a, const float **vector, struct err *e)
{
	uint8_t hash[SHA256_BYTES];
	uint32_t dim;
	int got;

	if (hash_sha256_of(a->passage.data, a->passage.len, hash, e) == -1 ||
	    (got = vectors_find(a->elsewhere, hash, vector, &dim, e)) == -1)
		return -1;
	if (got == 0)
		return err_set(e, ERR_CORRUPT, "source.db: a passage has no vector");
	if (a->dim == 0) {
		a->dim = dim;
		if (grow_vectors(a, e) == -1)
			return -1;
	}
	return dim == a->dim ? 0 : err_set(e, ERR_DIMENSION,
		   "source.db: vectors of %u and of %u numbers from one model", a->dim, dim);
}

/* A model sees the passage under its title and headings. */
static int
add_vector(struct assembly *a, const struct store_chunk *c, struct err *e)
{
	size_t row = a->terms.rows - 1;
	const float *vector;

	buf_reset(&a->passage);
	passage_put(&a->passage, a->title, c->heading, c->text, c->text_len);
	if (buf_check(&a->passage, "a passage", e) == -1)
		return -1;
	if (a->model != NULL) {
		static_model_embed(
		    a->model, a->passage.data, a->passage.len, a->vectors + row * a->dim);
		return 0;
	}
	if (find_elsewhere(a, &vector, e) == -1)
		return -1;
	memcpy(a->vectors + row * a->dim, vector, a->dim * sizeof *vector);
	return 0;
}

static int
grow_rows(struct assembly *a, struct err *e)
{
	size_t room = a->room == 0 ? 1024 : 2 * a->room;
	struct index_row *rows = reallocarray(a->rows, room, sizeof *rows);

	if (rows == NULL)
		return err_sys(e, ERR_NOMEM, "build");
	a->rows = rows;
	a->room = room;
	return grow_vectors(a, e);
}

static int
add_row(struct assembly *a, const struct store_chunk *c, uint32_t passage, struct err *e)
{
	uint32_t at = a->terms.rows - 1;

	if (at == a->room && grow_rows(a, e) == -1)
		return -1;
	a->rows[at] = (struct index_row){.document = (uint32_t)a->document, .passage = passage};
	if ((a->model != NULL || a->elsewhere != NULL) && add_vector(a, c, e) == -1)
		return -1;
	return chunk_identity(a, c, &a->rows[at].chunk, e);
}

static int
add_terms(struct assembly *a, const char *text, size_t len, struct err *e)
{
	return termdoc_add_text(&a->terms, a->analyzer, text, len, e);
}

int
assembly_add_chunk(struct assembly *a, const struct store_chunk *c, struct err *e)
{
	struct store_chunk mine = *c;
	size_t title = strlen(a->title);
	uint32_t passage;

	mine.document = a->document;
	if (store_add_chunk(a->store, &mine, &passage, e) == -1 || termdoc_begin_row(&a->terms, e) == -1 ||
	    add_terms(a, a->title, title, e) == -1 || add_terms(a, a->title, title, e) == -1 ||
	    add_terms(a, c->heading, strlen(c->heading), e) == -1 ||
	    add_terms(a, c->text, c->text_len, e) == -1)
		return -1;
	return add_row(a, c, passage, e);
}

/* ---- the files ---- */

int
assembly_parameters(const struct build_config *c, char hex[SHA256_HEX_BYTES], struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	char text[512], chunking[CHUNKING_TEXT_BYTES];
	int n;

	if (build_chunking_text(c, chunking, e) == -1)
		return -1;
	n = snprintf(text, sizeof text,
	    "analyzer=%d\nrow=%d\nchunking=%s\nlanguage=%s\nmodel=%s\n"
	    "m=%u\nef_construction=%u\nexact=%d\ngraph=%d\n",
	    ANALYZER_VERSION, ROW_VERSION, chunking, c->language,
	    c->embedding_model, c->m, c->ef_construction, (int)c->exact, (int)c->graph);

	/* The same name may stand for another model one day. */
	if (c->embedding_identity != 0)
		n += snprintf(text + n, sizeof text - (size_t)n, "identity=%u\n",
		    c->embedding_identity);
	if (hash_sha256_of(text, (size_t)n, digest, e) == -1)
		return -1;
	hash_hex(digest, hex);
	return 0;
}

static int
digest_file(const char *dir, const char *name, char hex[SHA256_HEX_BYTES], uint64_t *bytes,
    struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	char path[PATH_MAX];

	if (file_join(path, sizeof path, dir, name, e) == -1 ||
	    hash_sha256_file(path, digest, bytes, e) == -1)
		return -1;
	hash_hex(digest, hex);
	return 0;
}

static int
write_manifest(const struct assembly *a, const struct assembly_report *report, struct err *e)
{
	struct manifest m = {0};
	char hash12[13];

	snprintf(m.tenant, sizeof m.tenant, "%s", a->tenant);
	snprintf(m.config_version, sizeof m.config_version, "%s", a->config->version);
	snprintf(m.language, sizeof m.language, "%s", a->config->language);
	snprintf(m.embedder, sizeof m.embedder, "%s",
	    report->dim != 0 ? a->config->embedding_model : "none");
	snprintf(m.answer_model, sizeof m.answer_model, "%s", a->config->answer_model);
	m.documents = report->documents;
	m.chunks = report->chunks;
	m.dim = report->dim;
	m.changed = report->changed;
	if (!report->is_full)
		snprintf(m.base, sizeof m.base, "%s", index_generation(a->base));
	if (assembly_parameters(a->config, m.parameters, e) == -1 ||
	    digest_file(a->dir, "index.rpx", m.index_sha256, &m.index_bytes, e) == -1 ||
	    digest_file(a->dir, "store.db", m.store_sha256, &m.store_bytes, e) == -1)
		return -1;
	return manifest_write(&m, a->dir, hash12, e);
}

static int
write_index(struct assembly *a, struct assembly_report *report, struct err *e)
{
	struct index_input input = {.tenant = a->tenant,
	    .terms = &a->terms,
	    .rows = a->rows,
	    .columns = a->columns,
	    .vectors = a->vectors,
	    .model = a->model,
	    .model_name = a->model != NULL ? static_folder(a->config) : a->config->embedding_model,
	    .dim = a->dim,
	    .base = a->base,
	    .config = a->config,
	    .training = a->training,
	    .linking = a->linking};
	struct index_made made;
	char path[PATH_MAX];

	if (file_join(path, sizeof path, a->dir, "index.rpx", e) == -1 ||
	    index_write(path, &input, &made, e) == -1)
		return -1;
	report->dim = made.dim;
	report->is_full = !made.has_grown;
	report->reused_rows = made.reused_rows;
	report->changed = made.changed;
	return 0;
}

int
assembly_finish(struct assembly *a, struct assembly_report *report, struct err *e)
{
	struct store_writer *store = a->store;

	*report = (struct assembly_report){.documents = a->documents, .chunks = a->terms.rows};
	/* A folder that is empty is a disk that is not there; nothing that was sent is nothing. */
	if (a->terms.rows == 0 && strcmp(a->config->source_type, "push") != 0)
		return err_set(e, ERR_SOURCE, "the source holds no document with text");
	a->store = NULL;
	if (store_finish(store, e) == -1 || termdoc_seal(&a->terms, e) == -1 ||
	    write_index(a, report, e) == -1)
		return -1;
	return write_manifest(a, report, e);
}
