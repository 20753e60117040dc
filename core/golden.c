/* golden.c - the questions by which two generations are compared. */
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "filter_json.h"
#include "utf8.h"

enum { SENTENCE_MIN = 24, SENTENCE_MAX = 200, SPARE = 4 };

static int
no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory for golden queries");
}

/* The next place; given and sampled have GOLDEN_MAX each. */
static struct golden_query *
add(struct golden *g, struct arena *a, struct err *e)
{
	if (g->query == NULL) {
		g->query = arena_calloc(a, (size_t)2 * GOLDEN_MAX, sizeof *g->query);
		g->room = g->query != NULL ? (size_t)2 * GOLDEN_MAX : 0;
	}
	if (g->count == g->room) {
		no_memory(e);
		return NULL;
	}
	return &g->query[g->count++];
}

/* ---- given ---- */

static int
read_expected(struct golden_query *q, struct json_object *o, struct arena *a, struct err *e)
{
	struct json_object *list = NULL;
	size_t n = 1;

	if (!json_object_object_get_ex(o, "expected", &list) || list == NULL)
		return 0;
	if (json_object_is_type(list, json_type_array))
		n = json_object_array_length(list);
	if (n > GOLDEN_EXPECTED_MAX)
		return err_set(e, ERR_LIMIT, "\"expected\" names more than %d documents",
		    GOLDEN_EXPECTED_MAX);
	if ((q->expected = arena_calloc(a, n + 1, sizeof *q->expected)) == NULL)
		return no_memory(e);
	for (size_t i = 0; i < n; i++) {
		struct json_object *key = list;
		if (json_object_is_type(list, json_type_array))
			key = json_object_array_get_idx(list, i);
		if (!json_object_is_type(key, json_type_string) ||
		    json_object_get_string_len(key) == 0)
			return err_set(e, ERR_TYPE,
			    "\"expected\" is not the key of a document or a list of them");
		q->expected[i] = arena_copy(a, json_object_get_string(key),
		    (size_t)json_object_get_string_len(key));
		if (q->expected[i] == NULL)
			return no_memory(e);
	}
	q->expected_count = n;
	return 0;
}

static int
read_query(struct golden *g, struct json_object *o, struct arena *a, struct err *e)
{
	static const char *const names[] = {"query", "expected", "filters", NULL};
	struct json_object *filters = NULL;
	struct golden_query *q;
	const char *text = "";

	if (!json_object_is_type(o, json_type_object))
		return err_set(e, ERR_NOT_OBJECT, "a golden query is an object");
	if (g->given == GOLDEN_MAX)
		return err_set(e, ERR_LIMIT, "more than %d golden queries", GOLDEN_MAX);
	if (json_only(o, names, e) == -1 ||
	    json_get_text(o, "query", true, GOLDEN_QUERY_BYTES, &text, e) == -1 ||
	    json_get_object(o, "filters", false, &filters, e) == -1)
		return -1;
	if (text[strspn(text, " \t\r\n")] == '\0')
		return err_set(e, ERR_EMPTY_QUERY, "\"query\" has no text");
	if ((q = add(g, a, e)) == NULL)
		return -1;
	g->given++;
	q->len = strlen(text);
	if ((q->text = arena_copy(a, text, q->len)) == NULL)
		return no_memory(e);
	if (filters != NULL && filter_from_json(&q->filter, filters, "filters", a, e) == -1)
		return -1;
	return read_expected(q, o, a, e);
}

int
golden_read_member(struct golden *g, struct json_object *list, struct arena *a, struct err *e)
{
	if (list == NULL)
		return 0;
	if (!json_object_is_type(list, json_type_array))
		return err_set(e, ERR_TYPE, "\"golden\" is not a list");
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (read_query(g, json_object_array_get_idx(list, i), a, e) == -1) {
			err_prefix(e, "golden[%zu]", i);
			return -1;
		}
	return 0;
}

static int
read_line(struct golden *g, const char *line, size_t n, struct arena *a, struct err *e)
{
	struct json_object *o;
	int rc;

	if (strspn(line, " \t\r") >= n)
		return 0;
	if (json_parse_object(&o, line, n, e) == -1)
		return -1;
	rc = read_query(g, o, a, e);
	json_object_put(o);
	return rc;
}

int
golden_read_file(struct golden *g, const char *path, struct arena *a, struct err *e)
{
	char *bytes = NULL, *line, *end;
	struct err why;
	size_t n, number = 0;
	int rc = 0;

	if (file_read(&bytes, &n, path, GOLDEN_FILE_MAX, &why) == -1) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		if (e != NULL)
			*e = why;
		return -1;
	}
	for (line = bytes; rc == 0 && line < bytes + n; line = end + 1) {
		number++;
		if ((end = memchr(line, '\n', (size_t)(bytes + n - line))) == NULL)
			end = bytes + n;
		if ((rc = read_line(g, line, (size_t)(end - line), a, e)) == -1)
			err_prefix(e, "%s:%zu", path, number);
	}
	free(bytes);
	return rc;
}

/* ---- sampled ---- */

struct candidate {
	uint64_t hash;
	uint32_t row;
};

/* splitmix64's finisher: identities that are alike get hashes that are not. */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The rows with the `room` smallest hashes, smallest first. */
static size_t
smallest(const struct index *x, struct candidate *best, size_t room)
{
	size_t used = 0;

	for (uint32_t row = 0; row < x->rows; row++) {
		struct candidate c = {.hash = mix(x->row[row].chunk), .row = row};
		size_t at;

		if (used == room && c.hash >= best[used - 1].hash)
			continue;
		used += used < room;
		for (at = used - 1; at > 0 && best[at - 1].hash > c.hash; at--)
			best[at] = best[at - 1];
		best[at] = c;
	}
	return used;
}

/* Moves the first passage of each document to the front, in order; the others follow. */
static void
spread(const struct index *x, struct candidate *best, size_t n)
{
	size_t front = 0;

	for (size_t i = 0; i < n; i++) {
		struct candidate c = best[i];
		bool is_first = true;

		for (size_t j = 0; j < front && is_first; j++)
			is_first = x->row[best[j].row].document != x->row[c.row].document;
		if (!is_first)
			continue;
		memmove(&best[front + 1], &best[front], (i - front) * sizeof *best);
		best[front++] = c;
	}
}

static bool
ends_sentence(uint32_t cp)
{
	return cp == '.' || cp == '!' || cp == '?' || cp == '\n' || cp == 0x3002 ||
	    cp == 0xff01 || cp == 0xff1f;	/* 。！？ */
}

/* The first sentence that is long enough to say something. */
static size_t
sentence_of(const char *text, size_t n)
{
	size_t most = n < SENTENCE_MAX ? n : utf8_floor(text, SENTENCE_MAX), len;
	uint32_t cp;

	for (size_t i = 0; i < most; i += len) {
		if ((len = utf8_next(text + i, most - i, &cp)) == 0)
			return i;
		if (i + len >= SENTENCE_MIN && ends_sentence(cp))
			return i + len;
	}
	return most;
}

/* "title heading" of every other passage that has a heading, else its first sentence. */
static int
phrase(struct golden_query *q, const struct store_chunk *c, bool by_heading, struct arena *a)
{
	const char *heading = strrchr(c->heading, '>'), *text = c->text;
	size_t n = c->text_len, room;
	char *out;

	if (by_heading && c->heading[0] != '\0') {
		heading = heading != NULL ? heading + 1 : c->heading;
		room = strlen(c->title) + strlen(heading) + 2;
		if ((out = arena_alloc(a, room)) == NULL)
			return -1;
		snprintf(out, room, "%s %s", c->title, heading);
		q->text = out;
		q->len = strlen(out);
		if (q->len > GOLDEN_QUERY_BYTES)
			q->len = utf8_floor(out, GOLDEN_QUERY_BYTES);
		return 0;
	}
	while (n > 0 && strchr(" \t\r\n#>*-=|", *text) != NULL) {
		text++;
		n--;
	}
	q->len = sentence_of(text, n);
	return (q->text = arena_copy(a, text, q->len)) != NULL ? 0 : -1;
}

static int
sample_row(struct golden *g, struct index *x, const struct candidate *c, struct arena *a,
    struct err *e)
{
	struct store_chunk chunk;
	struct golden_query *q;

	if (store_fetch(x->store, c->row, a, &chunk, e) == -1)
		return -1;
	if ((q = add(g, a, e)) == NULL)
		return -1;
	q->is_sampled = true;
	q->row = c->row;
	if (phrase(q, &chunk, (c->hash & 1) == 0, a) == -1)
		return no_memory(e);
	if (q->len == 0 || strspn(q->text, " \t\r\n") >= q->len)
		g->count--;		/* nothing that could be asked */
	return 0;
}

int
golden_sample(struct golden *g, struct index *x, unsigned count, struct arena *a, struct err *e)
{
	size_t room, n, from = g->count;
	struct candidate *best;

	if (count > GOLDEN_MAX)
		count = GOLDEN_MAX;
	if (count == 0 || x->rows == 0)
		return 0;
	room = (size_t)count * SPARE;
	if ((best = arena_alloc(a, room * sizeof *best)) == NULL)
		return no_memory(e);
	n = smallest(x, best, room);
	spread(x, best, n);
	for (size_t i = 0; i < n && g->count - from < count; i++)
		if (sample_row(g, x, &best[i], a, e) == -1)
			return -1;
	return 0;
}
