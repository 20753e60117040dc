/* build.c - a tenant's source to a sealed generation. */
#include "build.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze.h"
#include "file.h"
#include "generation.h"
#include "hash.h"
#include "index_build.h"
#include "knowledge.h"
#include "termdoc.h"

/* What the walk over documents and chunks fills. */
struct gathering {
	struct store_writer *store;
	struct analyzer *analyzer;
	struct termdoc terms;
	struct index_row *rows;
	size_t room;
	uint64_t documents;
	uint64_t document;	/* of the chunks that come now */
	char *key, *title;	/* of that document, owned */
};

/* ---- gathering ---- */

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

static int
gather_document(void *context, const struct store_document *d, struct err *e)
{
	struct gathering *g = context;

	g->documents++;
	if (keep_text(&g->key, d->key, e) == -1 || keep_text(&g->title, d->title, e) == -1)
		return -1;
	return store_add_document(g->store, d, &g->document, e);
}

/* The chunk's identity: the document it is in, where, and what it says. */
static int
chunk_identity(const struct gathering *g, const struct store_chunk *c, uint64_t *id, struct err *e)
{
	struct hash_sha256 *h = hash_sha256_new(e);
	uint64_t span[2] = {c->start, c->end};
	uint8_t digest[SHA256_BYTES];

	if (h == NULL)
		return -1;
	hash_sha256_add(h, g->key, strlen(g->key) + 1);
	hash_sha256_add(h, span, sizeof span);
	hash_sha256_add(h, c->text, c->text_len);
	hash_sha256_end(h, digest);
	memcpy(id, digest, sizeof *id);
	return 0;
}

static int
add_row(struct gathering *g, const struct store_chunk *c, struct err *e)
{
	struct index_row *row;
	uint32_t at = g->terms.rows - 1;

	if (at == g->room) {
		size_t room = g->room == 0 ? 1024 : 2 * g->room;
		if ((row = reallocarray(g->rows, room, sizeof *row)) == NULL)
			return err_sys(e, ERR_NOMEM, "build");
		g->rows = row;
		g->room = room;
	}
	row = &g->rows[at];
	*row = (struct index_row){.document = (uint32_t)g->document};
	return chunk_identity(g, c, &row->chunk, e);
}

static int
gather_chunk(void *context, const struct store_chunk *c, struct err *e)
{
	struct gathering *g = context;
	struct store_chunk mine = *c;

	mine.document = g->document;
	if (store_add_chunk(g->store, &mine, e) == -1 || termdoc_begin_row(&g->terms, e) == -1 ||
	    termdoc_add_text(&g->terms, g->analyzer, g->title, strlen(g->title), e) == -1 ||
	    termdoc_add_text(&g->terms, g->analyzer, c->heading, strlen(c->heading), e) == -1 ||
	    termdoc_add_text(&g->terms, g->analyzer, c->text, c->text_len, e) == -1)
		return -1;
	return add_row(g, c, e);
}

static void
gathering_fini(struct gathering *g)
{
	store_abandon(g->store);
	analyzer_free(g->analyzer);
	termdoc_fini(&g->terms);
	free(g->rows);
	free(g->key);
	free(g->title);
}

/* ---- the generation's files ---- */

static int
write_files(struct knowledge *k, const struct build_request *r, const char *dir,
    struct build_report *report, struct err *e)
{
	static const struct knowledge_walk walk = {gather_document, gather_chunk};
	struct gathering g = {0};
	struct index_input input;
	struct store_writer *store;
	char path[PATH_MAX];
	int rc = -1;

	if (file_join(path, sizeof path, dir, "store.db", e) == -1 ||
	    termdoc_init(&g.terms, e) == -1 ||
	    analyzer_new(&g.analyzer, r->config->language, e) == -1 ||
	    store_create(&g.store, path, e) == -1 || knowledge_each(k, &walk, &g, e) == -1)
		goto out;
	if (g.terms.rows == 0) {
		err_set(e, ERR_SOURCE, "the source holds no document with text (%llu listed)",
		    (unsigned long long)report->listed);
		goto out;
	}
	store = g.store;
	g.store = NULL;
	if (store_finish(store, e) == -1 || termdoc_seal(&g.terms, e) == -1 ||
	    file_join(path, sizeof path, dir, "index.rpx", e) == -1)
		goto out;
	input = (struct index_input){
	    .tenant = r->tenant, .config = r->config, .terms = &g.terms, .rows = g.rows};
	if (index_write(path, &input, &report->dim, e) == -1)
		goto out;
	report->documents = g.documents;
	report->chunks = g.terms.rows;
	rc = 0;
out:
	gathering_fini(&g);
	return rc;
}

/* What the bytes depend on besides the documents. */
static int
parameters_digest(const struct build_config *c, char hex[SHA256_HEX_BYTES], struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	char text[512];
	int n = snprintf(text, sizeof text, "chunk_size=%u\nchunk_overlap=%u\nlanguage=%s\nmodel=%s\n",
	    c->chunk_size, c->chunk_overlap, c->language, c->embedding_model);

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
write_manifest(const struct build_request *r, const char *dir, const struct build_report *report,
    struct err *e)
{
	struct manifest m = {0};
	char hash12[13];

	snprintf(m.tenant, sizeof m.tenant, "%s", r->tenant);
	snprintf(m.config_version, sizeof m.config_version, "%s", r->config->version);
	snprintf(m.embedder, sizeof m.embedder, "%s",
	    report->dim != 0 ? r->config->embedding_model : "none");
	m.documents = report->documents;
	m.chunks = report->chunks;
	m.dim = report->dim;
	if (parameters_digest(r->config, m.parameters, e) == -1 ||
	    digest_file(dir, "index.rpx", m.index_sha256, &m.index_bytes, e) == -1 ||
	    digest_file(dir, "store.db", m.store_sha256, &m.store_bytes, e) == -1)
		return -1;
	return manifest_write(&m, dir, hash12, e);
}

static int
make_folder(char dir[PATH_MAX], const struct build_request *r, struct err *e)
{
	size_t used;

	if (generation_dir(dir, r->data_dir, r->tenant, "", e) == -1)
		return -1;
	used = strlen(dir);
	snprintf(dir + used, PATH_MAX - used, "/.tmp-%d-build", (int)getpid());
	if (file_remove_tree(dir, e) == -1)
		return -1;
	return mkdir(dir, 0755) == 0 ? 0 : err_sys(e, ERR_IO, "mkdir %s", dir);
}

static int
make_generation(struct knowledge *k, const struct build_request *r, struct build_report *report,
    struct err *e)
{
	char dir[PATH_MAX];

	if (make_folder(dir, r, e) == -1)
		return -1;
	if (write_files(k, r, dir, report, e) == -1 || write_manifest(r, dir, report, e) == -1 ||
	    generation_publish(report->generation, &report->existed, r->data_dir, r->tenant, dir,
		e) == -1) {
		file_remove_tree(dir, NULL);
		return -1;
	}
	return 0;
}

int
build_run(const struct build_request *r, struct build_report *report, struct err *e)
{
	struct knowledge *k = NULL;
	struct source *source = NULL;
	struct sync_report sync;
	int rc = -1;

	*report = (struct build_report){0};
	if (source_open(&source, r->config, e) == -1 ||
	    knowledge_open(&k, r->data_dir, r->tenant, e) == -1 ||
	    knowledge_sync(k, source, r->config, r->allow_shrink, &sync, e) == -1)
		goto out;
	report->listed = sync.listed;
	report->added = sync.added;
	report->changed = sync.changed;
	report->removed = sync.removed;
	report->unchanged = sync.unchanged;
	report->refused = sync.refused;
	if (r->refused != NULL &&
	    knowledge_each_refused(k, r->refused, r->refused_context, e) == -1)
		goto out;
	rc = make_generation(k, r, report, e);
	if (rc == 0)
		rc = generation_verify(r->data_dir, r->tenant, report->generation, e);
out:
	knowledge_close(k);
	source_close(source);
	return rc;
}
