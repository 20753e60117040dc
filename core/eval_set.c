/* eval_set.c - a folder of judged questions, read into memory. */
#include "eval_set.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "bounds.h"
#include "file.h"
#include "json.h"

enum { LINE_MAX_BYTES = 64 << 20 };

/* ---- lines of a file, packed or not ---- */

struct lines {
	char path[PATH_MAX];
	gzFile file;
	struct buf line;
	size_t number;
};

static int
lines_open(struct lines *l, const char *dir, const char *name, struct err *e)
{
	buf_init(&l->line, LINE_MAX_BYTES);
	l->number = 0;
	l->file = NULL;
	if (file_join(l->path, sizeof l->path, dir, name, e) == -1)
		return -1;
	if ((l->file = gzopen(l->path, "rb")) == NULL)
		return err_sys(e, ERR_IO, "%s", l->path);
	return 0;
}

static void
lines_close(struct lines *l)
{
	if (l->file != NULL)
		gzclose(l->file);
	buf_fini(&l->line);
}

/* 1: the next line, without its end, is in l->line; 0: no more; -1. */
static int
lines_next(struct lines *l, struct err *e)
{
	char part[65536];
	int code;

	buf_reset(&l->line);
	l->number++;
	while (gzgets(l->file, part, sizeof part) != NULL) {
		size_t n = strlen(part);
		buf_add(&l->line, part, n);
		if (n > 0 && part[n - 1] == '\n')
			break;
	}
	gzerror(l->file, &code);
	if (code != Z_OK && code != Z_STREAM_END)
		return err_set(e, ERR_IO, "%s: cannot be read or unpacked", l->path);
	if (buf_check(&l->line, l->path, e) == -1)
		return -1;
	while (l->line.len > 0 && strchr("\r\n", l->line.data[l->line.len - 1]) != NULL)
		l->line.data[--l->line.len] = '\0';
	return l->line.len > 0 || !gzeof(l->file);
}

static int
in_line(const struct lines *l, struct err *e)
{
	err_prefix(e, "%s:%zu", l->path, l->number);
	return -1;
}

/* ---- the three files ---- */

static int
copy_member(struct json_object *o, const char *name, bool needed, char **out, struct err *e)
{
	const char *text = "";

	if (json_get_text(o, name, needed, LINE_MAX_BYTES, &text, e) == -1)
		return -1;
	if ((*out = strdup(text)) == NULL)
		return err_sys(e, ERR_NOMEM, "set");
	return 0;
}

static int
add_document(struct eval_set *s, struct json_object *o, struct err *e)
{
	struct eval_document *d = reallocarray(s->documents, s->document_count + 1, sizeof *d);

	if (d == NULL)
		return err_sys(e, ERR_NOMEM, "set");
	s->documents = d;
	d += s->document_count++;
	*d = (struct eval_document){0};
	if (copy_member(o, "id", true, &d->id, e) == -1 ||
	    copy_member(o, "title", false, &d->title, e) == -1)
		return -1;
	return copy_member(o, "text", true, &d->text, e);
}

static int
add_question(struct eval_set *s, struct json_object *o, struct err *e)
{
	struct eval_question *q = reallocarray(s->questions, s->question_count + 1, sizeof *q);

	if (q == NULL)
		return err_sys(e, ERR_NOMEM, "set");
	s->questions = q;
	q += s->question_count++;
	*q = (struct eval_question){0};
	if (copy_member(o, "id", true, &q->id, e) == -1)
		return -1;
	return copy_member(o, "text", true, &q->text, e);
}

static int
read_jsonl(struct eval_set *s, const char *dir, const char *name,
    int (*add)(struct eval_set *, struct json_object *, struct err *), struct err *e)
{
	struct lines l;
	struct json_object *o;
	int got = -1, rc = -1;

	if (lines_open(&l, dir, name, e) == -1)
		goto out;
	while ((got = lines_next(&l, e)) == 1) {
		if (strspn(l.line.data, " \t") == l.line.len)
			continue;
		if (json_parse_object(&o, l.line.data, l.line.len, e) == -1) {
			in_line(&l, e);
			goto out;
		}
		rc = add(s, o, e);
		json_object_put(o);
		if (rc == -1) {
			in_line(&l, e);
			goto out;
		}
	}
	rc = got;
out:
	lines_close(&l);
	return rc;
}

/* An id and where it stands, to be found by bisection. */
struct place {
	const char *id;
	uint32_t at;
};

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->id, ((const struct place *)b)->id);
}

static struct place *
places_of(size_t count, const char *(*id)(const struct eval_set *, size_t),
    const struct eval_set *s)
{
	struct place *p = calloc(count + 1, sizeof *p);

	for (size_t i = 0; p != NULL && i < count; i++)
		p[i] = (struct place){id(s, i), (uint32_t)i};
	if (p != NULL && count > 1)
		qsort(p, count, sizeof *p, by_id);
	return p;
}

static const char *
id_of_document(const struct eval_set *s, size_t i)
{
	return s->documents[i].id;
}

static const char *
id_of_question(const struct eval_set *s, size_t i)
{
	return s->questions[i].id;
}

static int
add_judgement(struct eval_set *s, const struct place *documents, const struct place *questions,
    char *line, struct err *e)
{
	struct place question = {.id = line}, document = {0};
	const struct place *q, *d;
	struct eval_judgement *j;
	char *relevance;
	long value;

	if ((document.id = strchr(line, '\t')) == NULL ||
	    (relevance = strchr(document.id + 1, '\t')) == NULL)
		return err_set(e, ERR_INPUT, "three fields are expected");
	*(char *)(uintptr_t)document.id++ = '\0';
	*relevance++ = '\0';
	value = strtol(relevance, NULL, 10);
	q = bsearch(&question, questions, s->question_count, sizeof *q, by_id);
	d = bsearch(&document, documents, s->document_count, sizeof *d, by_id);
	if (q == NULL || d == NULL)
		return err_set(e, ERR_CORRUPT, "an unknown id: %.64s",
		    q == NULL ? question.id : document.id);
	if (value <= 0)
		return 0;
	if ((j = reallocarray(s->judgements, s->judgement_count + 1, sizeof *j)) == NULL)
		return err_sys(e, ERR_NOMEM, "set");
	s->judgements = j;
	j[s->judgement_count++] = (struct eval_judgement){q->at, d->at, (uint32_t)value};
	return 0;
}

static int
by_question(const void *a, const void *b)
{
	const struct eval_judgement *x = a, *y = b;

	if (x->question != y->question)
		return x->question < y->question ? -1 : 1;
	return (x->document > y->document) - (x->document < y->document);
}

static void
hand_out_judgements(struct eval_set *s)
{
	if (s->judgement_count > 1)
		qsort(s->judgements, s->judgement_count, sizeof s->judgements[0], by_question);
	for (size_t i = s->judgement_count; i-- > 0;) {
		struct eval_question *q = &s->questions[s->judgements[i].question];
		q->first_judgement = i;
		q->judgements++;
	}
}

static int
read_judgements(struct eval_set *s, const char *dir, struct err *e)
{
	struct place *documents = places_of(s->document_count, id_of_document, s);
	struct place *questions = places_of(s->question_count, id_of_question, s);
	struct lines l;
	int got = -1, rc = -1;

	if (lines_open(&l, dir, "qrels.tsv", e) == -1)
		goto out;
	if (documents == NULL || questions == NULL) {
		err_sys(e, ERR_NOMEM, "set");
		goto out;
	}
	while ((got = lines_next(&l, e)) == 1) {
		if (l.line.len == 0 || (l.number == 1 && strncmp(l.line.data, "query-id\t", 9) == 0))
			continue;
		if (add_judgement(s, documents, questions, l.line.data, e) == -1) {
			in_line(&l, e);
			goto out;
		}
	}
	rc = got;
	hand_out_judgements(s);
out:
	lines_close(&l);
	free(documents);
	free(questions);
	return rc;
}

int
eval_set_read(struct eval_set *s, const char *dir, struct err *e)
{
	char path[PATH_MAX];
	bool is_plain;

	*s = (struct eval_set){0};
	if (file_join(path, sizeof path, dir, "corpus.jsonl", e) == -1)
		return -1;
	is_plain = access(path, F_OK) == 0;
	if (read_jsonl(s, dir, is_plain ? "corpus.jsonl" : "corpus.jsonl.gz", add_document, e) == 0 &&
	    read_jsonl(s, dir, "queries.jsonl", add_question, e) == 0 &&
	    read_judgements(s, dir, e) == 0)
		return 0;
	eval_set_fini(s);
	return -1;
}

void
eval_set_fini(struct eval_set *s)
{
	for (size_t i = 0; i < s->document_count; i++) {
		free(s->documents[i].id);
		free(s->documents[i].title);
		free(s->documents[i].text);
	}
	for (size_t i = 0; i < s->question_count; i++) {
		free(s->questions[i].id);
		free(s->questions[i].text);
	}
	free(s->documents);
	free(s->questions);
	free(s->judgements);
	*s = (struct eval_set){0};
}
