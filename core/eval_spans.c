/* eval_spans.c - how much of the marked answers the first passages hold. */
#include "eval_spans.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assemble.h"
#include "clk.h"
#include "digest.h"
#include "file.h"
#include "generation.h"
#include "json.h"

enum { DOCUMENTS_MAX = 4096, LINES_BYTES_MAX = 1 << 30 };
static const char tenant[] = "eval";

struct span {
	size_t start, end;
};

struct document {
	char name[256];
	char *bytes;		/* owned */
	size_t n;
};

struct set {
	const char *dir;
	const struct eval_spans_options *options;
	struct document *documents;	/* by name */
	size_t count;
	char *questions, *chunks;	/* the files, owned */
	size_t questions_len, chunks_len;
	struct assembly *assembly;
	struct eval_spans_scores *scores;
	uint64_t bytes;			/* of all chunks */
};

bool
eval_spans_is_set(const char *dir)
{
	char path[PATH_MAX];

	return file_join(path, sizeof path, dir, "questions.jsonl", NULL) == 0 &&
	    access(path, F_OK) == 0;
}

/* ---- reading ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct document *)a)->name, ((const struct document *)b)->name);
}

static int
read_document(struct set *s, const char *folder, const char *name, struct err *e)
{
	struct document *d = reallocarray(s->documents, s->count + 1, sizeof *d);
	char path[PATH_MAX];

	if (d == NULL)
		return err_sys(e, ERR_NOMEM, "set");
	s->documents = d;
	d += s->count;
	*d = (struct document){.bytes = NULL};
	if (s->count == DOCUMENTS_MAX || strlen(name) >= sizeof d->name)
		return err_set(e, ERR_LIMIT, "%s: too many documents, or too long a name", folder);
	memcpy(d->name, name, strlen(name) + 1);
	s->count++;
	if (file_join(path, sizeof path, folder, name, e) == -1)
		return -1;
	return file_read(&d->bytes, &d->n, path, DOCUMENT_BYTES_MAX, e);
}

static int
read_documents(struct set *s, struct err *e)
{
	char folder[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int rc = 0;

	if (file_join(folder, sizeof folder, s->dir, "docs", e) == -1)
		return -1;
	if ((dir = opendir(folder)) == NULL)
		return err_sys(e, ERR_IO, "%s", folder);
	while (rc == 0 && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			rc = read_document(s, folder, entry->d_name, e);
	closedir(dir);
	if (s->count > 1)
		qsort(s->documents, s->count, sizeof *s->documents, by_name);
	return rc;
}

static int
read_set(struct set *s, struct err *e)
{
	char path[PATH_MAX];

	if (file_join(path, sizeof path, s->dir, "questions.jsonl", e) == -1 ||
	    file_read(&s->questions, &s->questions_len, path, LINES_BYTES_MAX, e) == -1 ||
	    read_documents(s, e) == -1)
		return -1;
	if (s->options->chunks == NULL)
		return 0;
	return file_read(&s->chunks, &s->chunks_len, s->options->chunks, LINES_BYTES_MAX, e);
}

static void
free_set(struct set *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->documents[i].bytes);
	free(s->documents);
	free(s->questions);
	free(s->chunks);
	assembly_free(s->assembly);
}

static struct document *
find_document(const struct set *s, const char *name)
{
	struct document wanted;

	if (strlen(name) >= sizeof wanted.name)
		return NULL;
	memcpy(wanted.name, name, strlen(name) + 1);
	return bsearch(&wanted, s->documents, s->count, sizeof wanted, by_name);
}

/* Calls for each line that holds an object; errors name the line. */
static int
each_line(const char *what, const char *bytes, size_t n,
    int (*each)(void *context, struct json_object *o, struct err *e), void *context,
    struct err *e)
{
	size_t line = 0, len;
	struct json_object *o;
	int rc = 0;

	for (size_t at = 0; at < n && rc == 0; at += len + 1) {
		const char *end = memchr(bytes + at, '\n', n - at);

		line++;
		len = end != NULL ? (size_t)(end - bytes) - at : n - at;
		if (len == 0)
			continue;
		if ((rc = json_parse_object(&o, bytes + at, len, e)) == 0) {
			rc = each(context, o, e);
			json_object_put(o);
		}
		if (rc == -1)
			err_prefix(e, "%s:%zu", what, line);
	}
	return rc;
}

/* "doc", and a span within it. */
static int
read_span(struct json_object *o, const struct document *d, struct span *out, struct err *e)
{
	int64_t start = 0, end = 0;

	if (json_get_int(o, "start_byte", true, 0, INT64_MAX, &start, e) == -1 ||
	    json_get_int(o, "end_byte", true, 0, INT64_MAX, &end, e) == -1)
		return -1;
	*out = (struct span){(size_t)start, (size_t)end};
	return out->start <= out->end && out->end <= d->n
		   ? 0
		   : err_set(e, ERR_CORRUPT, "a span outside of %s", d->name);
}

static int
read_name(const struct set *s, struct json_object *o, const struct document **d, struct err *e)
{
	const char *name = "";

	if (json_get_text(o, "doc", true, 255, &name, e) == -1)
		return -1;
	*d = find_document(s, name);
	return *d != NULL ? 0 : err_set(e, ERR_CORRUPT, "there is no document %.64s", name);
}

/* ---- building ---- */

static int
add_document(struct set *s, const struct document *d, const char *title, struct err *e)
{
	struct store_document document = {.key = d->name, .title = title, .source = d->name,
	    .bytes = d->n, .sha256 = "", .charset = "UTF-8"};

	s->scores->documents++;
	return assembly_add_document(s->assembly, &document, e);
}

static int
add_chunk(struct set *s, const struct store_chunk *c, struct err *e)
{
	s->scores->chunks++;
	s->bytes += c->text_len;
	return assembly_add_chunk(s->assembly, c, e);
}

static struct store_chunk
chunk_of(const struct digest *d, const struct chunk *c, char heading[TEXT_PATH_BYTES])
{
	digest_heading(d, c, heading, TEXT_PATH_BYTES);
	return (struct store_chunk){.start = c->start, .end = c->end, .heading = heading,
	    .text = d->text.text + c->start, .text_len = c->end - c->start};
}

static int
add_chunks(struct set *s, const struct digest *d, struct err *e)
{
	char heading[TEXT_PATH_BYTES], above[TEXT_PATH_BYTES];

	for (size_t i = 0; i < d->chunks.count; i++) {
		const struct chunk *c = &d->chunks.at[i];
		struct store_chunk mine = chunk_of(d, c, heading);

		if (c->parent != CHUNK_NO_PARENT) {
			struct store_chunk p = chunk_of(d, &d->chunks.parents[c->parent], above);
			mine.parent = (struct store_passage){.start = p.start, .end = p.end,
			    .heading = p.heading, .text = p.text, .text_len = p.text_len};
		}
		if (add_chunk(s, &mine, e) == -1)
			return -1;
	}
	return 0;
}

static int
cut_document(struct set *s, const struct document *d, const struct chunk_params *p, struct err *e)
{
	struct digest g;
	int rc = -1;

	if (digest_make(&g, d->name, d->bytes, d->n, p, e) == -1)
		return -1;
	if (g.refused[0] != '\0')
		err_set(e, ERR_NOT_TEXT, "%s: %s", d->name, g.refused);
	else if (!g.text.is_source_bytes)
		err_set(e, ERR_UNSUPPORTED, "%s: spans are bytes of UTF-8 text", d->name);
	else if (add_document(s, d, g.text.title, e) == 0)
		rc = add_chunks(s, &g, e);
	digest_fini(&g);
	return rc;
}

struct taking {
	struct set *s;
	const struct document *document;	/* the last one */
};

static int
take_chunk(void *context, struct json_object *o, struct err *e)
{
	struct taking *t = context;
	const struct document *d;
	struct span span;

	if (read_name(t->s, o, &d, e) == -1 || read_span(o, d, &span, e) == -1)
		return -1;
	if (d != t->document && add_document(t->s, d, "", e) == -1)
		return -1;
	t->document = d;
	return add_chunk(t->s,
	    &(struct store_chunk){.start = span.start, .end = span.end, .heading = "",
		.text = d->bytes + span.start, .text_len = span.end - span.start},
	    e);
}

static int
assemble(struct set *s, struct err *e)
{
	struct taking t = {.s = s};
	struct assembly_report made;
	struct chunk_params p;
	int rc = 0;

	if (s->options->chunks != NULL) {
		rc = each_line(s->options->chunks, s->chunks, s->chunks_len, take_chunk, &t, e);
	} else {
		if (build_chunk_params(&s->options->config, &p, e) == -1)
			return -1;
		for (size_t i = 0; i < s->count && rc == 0; i++)
			rc = cut_document(s, &s->documents[i], &p, e);
		chunk_rules_free(p.rules);
	}
	return rc == 0 ? assembly_finish(s->assembly, &made, e) : -1;
}

static int
build(struct set *s, const char *data, struct index **out, struct err *e)
{
	char dir[PATH_MAX], tmp[PATH_MAX], name[GENERATION_NAME_BYTES];
	bool existed;

	if (generation_dir(dir, data, tenant, "", e) == -1 ||
	    file_join(tmp, sizeof tmp, dir, ".tmp-eval", e) == -1 ||
	    file_make_dirs(tmp, 0700, e) == -1 ||
	    assembly_new(&s->assembly, tmp, tenant, &s->options->config, e) == -1 ||
	    assemble(s, e) == -1 || generation_publish(name, &existed, data, tenant, tmp, e) == -1)
		return -1;
	return index_open(out, data, tenant, name, e);
}

/* ---- asking ---- */

struct asking {
	struct set *s;
	struct index *x;
	struct query_scratch *scratch;
	struct arena arena;
};

/* Bytes of the span that lie within hits of the document, each once. */
static size_t
bytes_found(const struct span *span, const struct query_result *r, const char *document)
{
	size_t found = 0, at = span->start;

	while (at < span->end) {
		size_t reach = at, next = span->end;

		for (size_t i = 0; i < r->count; i++) {
			const struct store_chunk *c = &r->hits[i].chunk;

			if (strcmp(c->key, document) != 0)
				continue;
			if (c->start <= at && c->end > reach)
				reach = (size_t)c->end;
			else if (c->start > at && c->start < next)
				next = (size_t)c->start;
		}
		if (reach > at) {
			reach = reach < span->end ? reach : span->end;
			found += reach - at;
			at = reach;
		} else {
			at = next;
		}
	}
	return found;
}

static void
score(struct eval_spans_scores *t, size_t marked, size_t found, const struct query_result *r)
{
	size_t answered = 0;

	for (size_t i = 0; i < r->count; i++)
		answered += (size_t)(r->hits[i].chunk.end - r->hits[i].chunk.start);
	t->questions++;
	t->answered_bytes += (double)answered;
	t->recall += marked > 0 ? (double)found / (double)marked : 0;
	t->precision += answered > 0 ? (double)found / (double)answered : 0;
	t->iou += answered + marked > found ? (double)found / (double)(answered + marked - found) : 0;
}

static int
ask(void *context, struct json_object *o, struct err *e)
{
	struct asking *a = context;
	const struct eval_spans_options *options = a->s->options;
	struct query q = {.mode = options->mode, .top_k = options->top_k};
	const struct document *d;
	struct json_object *spans = NULL;
	struct query_result r;
	size_t marked = 0, found = 0;

	if (read_name(a->s, o, &d, e) == -1 ||
	    json_get_text(o, "text", true, QUERY_TEXT_MAX, &q.text, e) == -1 ||
	    json_get_array(o, "spans", true, &spans, e) == -1)
		return -1;
	q.text_len = strlen(q.text);
	arena_reset(&a->arena);
	if (query_run(a->x, a->scratch, &q, &a->arena, &r, e) == -1)
		return -1;
	for (size_t i = 0; i < json_object_array_length(spans); i++) {
		struct span span;

		if (read_span(json_object_array_get_idx(spans, i), d, &span, e) == -1)
			return -1;
		marked += span.end - span.start;
		found += bytes_found(&span, &r, d->name);
	}
	score(a->s->scores, marked, found, &r);
	return 0;
}

static int
ask_all(struct set *s, struct index *x, struct err *e)
{
	struct asking a = {.s = s, .x = x};
	int rc;

	if (query_scratch_new(&a.scratch, e) == -1)
		return -1;
	arena_init(&a.arena, 1u << 30);
	rc = each_line("questions.jsonl", s->questions, s->questions_len, ask, &a, e);
	arena_fini(&a.arena);
	query_scratch_free(a.scratch);
	return rc;
}

static void
take_means(struct eval_spans_scores *t, uint64_t bytes)
{
	double n = t->questions > 0 ? (double)t->questions : 1;

	t->answered_bytes /= n;
	t->recall /= n;
	t->precision /= n;
	t->iou /= n;
	t->chunk_bytes = t->chunks > 0 ? (double)bytes / (double)t->chunks : 0;
}

static int
build_and_ask(struct set *s, const char *data, struct err *e)
{
	int64_t begin = clk_ns(), built;
	struct index *x;
	int rc;

	if (build(s, data, &x, e) == -1)
		return -1;
	built = clk_ns();
	rc = ask_all(s, x, e);
	s->scores->build_seconds = (double)(built - begin) / 1e9;
	s->scores->query_seconds = (double)(clk_ns() - built) / 1e9;
	index_close(x);
	take_means(s->scores, s->bytes);
	return rc;
}

int
eval_spans_run(const char *dir, const struct eval_spans_options *o, struct eval_spans_scores *t,
    struct err *e)
{
	const char *base = getenv("TMPDIR");
	struct set s = {.dir = dir, .options = o, .scores = t};
	char data[PATH_MAX];
	int rc = -1;

	*t = (struct eval_spans_scores){0};
	if (file_join(data, sizeof data, base != NULL && base[0] != '\0' ? base : "/tmp",
		"ragpool-eval-XXXXXX", e) == -1)
		return -1;
	if (read_set(&s, e) == 0) {
		if (mkdtemp(data) == NULL) {
			err_sys(e, ERR_IO, "%s", data);
		} else {
			rc = build_and_ask(&s, data, e);
			file_remove_tree(data, NULL);
		}
	}
	free_set(&s);
	return rc;
}
