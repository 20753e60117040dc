/* exchange_export.c - a tenant's documents and chunks as JSON lines. */
#include "exchange.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base64.h"
#include "bounds.h"
#include "buf.h"
#include "db.h"
#include "file.h"
#include "generation.h"
#include "hash.h"
#include "index.h"
#include "json.h"
#include "knowledge_exchange.h"
#include "vectors.h"

#define LINE_BYTES_MAX ((size_t)4 << 30)
#define FETCH_BYTES_MAX ((size_t)1 << 30)

struct exporting {
	enum exchange_vectors vectors;
	FILE *out;
	struct exchange_report *report;
	struct buf line, passage;
	char base64[(INDEX_DIM_MAX * sizeof(float) * 4 + 2) / 3 + 1];
	sqlite3_stmt *find;	/* vectors of a passage; NULL: there are none */
	bool has_looked;
};

/* ---- writing ---- */

static void
put_text(struct buf *b, const char *name, const char *text, size_t n)
{
	buf_addf(b, ", \"%s\": ", name);
	json_put_text(b, text, n);
}

static void
put_span(struct buf *b, uint64_t start, uint64_t end, const char *heading, uint32_t page,
    const char *text, size_t n)
{
	buf_addf(b, "{\"start\": %" PRIu64 ", \"end\": %" PRIu64, start, end);
	if (heading[0] != '\0')
		put_text(b, "heading", heading, strlen(heading));
	if (page != 0)
		buf_addf(b, ", \"page\": %u", page);
	put_text(b, "text", text, n);
}

static void
put_vector(struct exporting *x, uint32_t identity, const float *v, uint32_t dim)
{
	struct buf *b = &x->line;

	buf_addf(b, "{\"identity\": %u, ", identity);
	if (x->vectors == EXCHANGE_BASE64) {
		base64url_encode((const uint8_t *)v, dim * sizeof *v, x->base64);
		buf_addf(b, "\"f32\": \"%s\"}", x->base64);
	} else {
		buf_adds(b, "\"values\": [");
		for (uint32_t i = 0; i < dim; i++) {
			if (i > 0)
				buf_addc(b, ',');
			json_put_float(b, v[i]);
		}
		buf_adds(b, "]}");
	}
	x->report->vectors++;
}

static void
put_chunk(struct exporting *x, const struct store_chunk *c, bool is_first)
{
	struct buf *b = &x->line;

	if (!is_first)
		buf_adds(b, ", ");
	put_span(b, c->start, c->end, c->heading, c->page, c->text, c->text_len);
	if (c->parent.text_len > 0) {
		buf_adds(b, ", \"parent\": ");
		put_span(b, c->parent.start, c->parent.end, c->parent.heading, c->parent.page,
		    c->parent.text, c->parent.text_len);
		buf_addc(b, '}');
	}
	x->report->chunks++;
}

static void
begin_document(struct exporting *x, const char *key, const char *title, const char *charset,
    uint64_t bytes, const char *sha256, const char *meta)
{
	struct buf *b = &x->line;

	buf_reset(b);
	buf_adds(b, "{\"key\": ");
	json_put_text(b, key, strlen(key));
	put_text(b, "title", title, strlen(title));
	put_text(b, "charset", charset, strlen(charset));
	buf_addf(b, ", \"bytes\": %" PRIu64, bytes);
	put_text(b, "sha256", sha256, strlen(sha256));
	buf_addf(b, ", \"meta\": %s", meta[0] != '\0' ? meta : "{}");
	x->report->documents++;
}

static int
end_document(struct exporting *x, struct err *e)
{
	buf_adds(&x->line, "]}\n");
	if (buf_check(&x->line, "a document", e) == -1)
		return -1;
	return fwrite(x->line.data, 1, x->line.len, x->out) == x->line.len ?
	    0 :
	    err_sys(e, ERR_IO, "standard output");
}

static int
write_head(struct exporting *x, const char *tenant, const char *from, struct err *e)
{
	return fprintf(x->out, "{\"ragpool_export\": 1, \"tenant\": \"%s\", \"from\": \"%s\"}\n",
		   tenant, from) > 0 ?
	    0 :
	    err_sys(e, ERR_IO, "standard output");
}

/* ---- from source.db ---- */

static int
look_for_vectors(struct exporting *x, sqlite3 *db, struct err *e)
{
	sqlite3_stmt *s;
	int got;

	if (x->has_looked || x->vectors == EXCHANGE_NONE)
		return 0;
	x->has_looked = true;
	if (db_statement(&s, db, "select 1 from sqlite_schema where name = 'vector'", e) == -1)
		return -1;
	got = db_step_row(s, e);
	sqlite3_finalize(s);
	return got != 1 ? got :
	    db_statement(&x->find, db, "select identity, vector from vector where hash = ?"
	    " order by identity", e);
}

/* Of the passage that is made of the chunk, whatever models embedded it. */
static int
put_vectors(struct exporting *x, const char *title, const struct store_chunk *c, struct err *e)
{
	float v[INDEX_DIM_MAX];
	uint8_t hash[SHA256_BYTES];
	size_t count = 0, bytes;
	int got;

	if (x->find == NULL)
		return 0;
	buf_reset(&x->passage);
	passage_put(&x->passage, title, c->heading, c->text, c->text_len);
	if (buf_check(&x->passage, "a passage", e) == -1 ||
	    hash_sha256_of(x->passage.data, x->passage.len, hash, e) == -1)
		return -1;
	sqlite3_bind_blob(x->find, 1, hash, sizeof hash, SQLITE_STATIC);
	while ((got = db_step_row(x->find, e)) == 1) {
		bytes = (size_t)sqlite3_column_bytes(x->find, 1);
		if (bytes == 0 || bytes > sizeof v || bytes % sizeof v[0] != 0)
			continue;
		memcpy(v, sqlite3_column_blob(x->find, 1), bytes);
		buf_adds(&x->line, count++ == 0 ? ", \"vectors\": [" : ", ");
		put_vector(x, (uint32_t)sqlite3_column_int64(x->find, 0), v,
		    (uint32_t)(bytes / sizeof v[0]));
	}
	sqlite3_reset(x->find);
	if (count > 0)
		buf_addc(&x->line, ']');
	return got;
}

static int
export_document(void *context, sqlite3 *db, const struct knowledge_document *d, struct err *e)
{
	struct exporting *x = context;

	if (look_for_vectors(x, db, e) == -1)
		return -1;
	begin_document(x, d->key, d->title, d->charset, d->bytes, d->sha256, d->meta);
	put_text(&x->line, "cut", d->params, strlen(d->params));
	put_text(&x->line, "text", d->text, d->text_len);
	buf_adds(&x->line, ", \"chunks\": [");
	for (size_t i = 0; i < d->count; i++) {
		put_chunk(x, &d->chunks[i], i == 0);
		if (put_vectors(x, d->title, &d->chunks[i], e) == -1)
			return -1;
		buf_addc(&x->line, '}');
	}
	return end_document(x, e);
}

/* A copy below gen/, where a sweep finds what is left of a killed one: neither a build nor
 * the export waits for the other. */
static int
export_source(struct exporting *x, const char *data_dir, const char *tenant, struct err *e)
{
	char parent[PATH_MAX], from[PATH_MAX], dir[PATH_MAX], copy[PATH_MAX];
	int rc = -1;

	if (generation_tenant_dir(parent, data_dir, tenant, e) == -1 ||
	    file_join(from, sizeof from, parent, "source.db", e) == -1 ||
	    generation_dir(parent, data_dir, tenant, "", e) == -1)
		return -1;
	if (access(from, F_OK) == -1)
		return err_sys(e, ERR_IO, "%s", from);
	snprintf(dir, sizeof dir, "%.*s/.tmp-%d-export", PATH_MAX - 64, parent, (int)getpid());
	if (file_remove_tree(dir, e) == -1 || file_make_dirs(dir, 0750, e) == -1)
		return -1;
	if (file_join(copy, sizeof copy, dir, "source.db", e) == 0 &&
	    db_copy(from, copy, e) == 0 && write_head(x, tenant, "source.db", e) == 0)
		rc = knowledge_export(copy, export_document, x, e);
	sqlite3_finalize(x->find);	/* the database closes with its last statement */
	x->find = NULL;
	file_remove_tree(dir, NULL);
	return rc;
}

/* ---- from a generation ---- */

struct walking {
	struct exporting *x;
	struct index *index;
	struct arena words;
	uint32_t row;		/* the next one */
};

static int
put_row_vector(struct walking *w, struct err *e)
{
	float v[INDEX_DIM_MAX];

	(void)e;
	if (w->x->vectors == EXCHANGE_NONE || w->index->dense == NULL ||
	    !dense_vector(w->index->dense, w->row, v))
		return 0;
	buf_adds(&w->x->line, ", \"vectors\": [");
	put_vector(w->x, embed_identity(w->index->embed), v, embed_dim(w->index->embed));
	buf_addc(&w->x->line, ']');
	return 0;
}

static int
export_sealed(void *context, uint64_t id, const struct store_document *d, struct err *e)
{
	struct walking *w = context;
	struct exporting *x = w->x;
	struct store_chunk c;
	bool is_first = true;

	begin_document(x, d->key, d->title, d->charset, d->bytes, d->sha256, d->meta);
	buf_adds(&x->line, ", \"chunks\": [");
	for (; w->row < w->index->rows && w->index->row[w->row].document == id; w->row++) {
		arena_reset(&w->words);
		if (store_fetch(w->index->store, w->row, &w->words, &c, e) == -1)
			return -1;
		put_chunk(x, &c, is_first);
		is_first = false;
		if (put_row_vector(w, e) == -1)
			return -1;
		buf_addc(&x->line, '}');
	}
	return end_document(x, e);
}

static int
export_generation(struct exporting *x, const char *data_dir, const char *tenant,
    const char *generation, struct err *e)
{
	struct walking w = {.x = x};
	int rc = -1;

	arena_init(&w.words, FETCH_BYTES_MAX);
	if (index_open(&w.index, data_dir, tenant, generation, e) == 0 &&
	    write_head(x, tenant, generation, e) == 0)
		rc = store_each_document(w.index->store, export_sealed, &w, e);
	index_close(w.index);
	arena_fini(&w.words);
	return rc;
}

int
exchange_export(const char *data_dir, const char *tenant, const char *generation,
    enum exchange_vectors vectors, FILE *out, struct exchange_report *report, struct err *e)
{
	struct exporting x = {.vectors = vectors, .out = out, .report = report};
	int rc;

	*report = (struct exchange_report){0};
	buf_init(&x.line, LINE_BYTES_MAX);
	buf_init(&x.passage, DOCUMENT_BYTES_MAX);
	rc = generation != NULL ? export_generation(&x, data_dir, tenant, generation, e) :
				  export_source(&x, data_dir, tenant, e);
	if (rc == 0 && fflush(out) != 0)
		rc = err_sys(e, ERR_IO, "standard output");
	buf_fini(&x.line);
	buf_fini(&x.passage);
	return rc;
}
