/* load_topics.c - the questions of a load test, and what should be found. */
#include "load_topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "json.h"

static const char *const usual[] = {
    "科技领域最新进展",
    "金融领域最新进展",
    "医疗领域最新进展",
};

void
load_topics_fini(struct load_topics *t)
{
	for (size_t i = 0; i < t->count; i++) {
		for (size_t j = 0; j < t->list[i].relevant_count; j++)
			free(t->list[i].relevant[j]);
		free(t->list[i].relevant);
		free(t->list[i].request);
	}
	free(t->list);
	*t = (struct load_topics){0};
}

/* The next place of the list, counted at once so that fini frees whatever gets into it. */
static struct load_topic *
add_topic(struct load_topics *t, struct err *e)
{
	struct load_topic *list;

	if (t->count == LOAD_TOPICS_MAX) {
		err_set(e, ERR_LIMIT, "more than %d questions", LOAD_TOPICS_MAX);
		return NULL;
	}
	if ((t->count & (t->count + 1)) == 0 || t->list == NULL) {
		list = realloc(t->list, (2 * t->count + 2) * sizeof *list);
		if (list == NULL) {
			err_set(e, ERR_NOMEM, "questions");
			return NULL;
		}
		t->list = list;
	}
	t->list[t->count] = (struct load_topic){0};
	return &t->list[t->count++];
}

static int
write_request(struct load_topic *topic, const char *text, const char *tenant, unsigned top_k,
    struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, REQUEST_BODY_MAX);
	buf_adds(&b, "{\"query\": ");
	json_put_text(&b, text, strlen(text));
	if (tenant != NULL) {
		buf_adds(&b, ", \"tenant\": ");
		json_put_text(&b, tenant, strlen(tenant));
	}
	buf_addf(&b, ", \"top_k\": %u}", top_k);
	if ((rc = buf_check(&b, "the question", e)) == 0) {
		topic->request_bytes = b.len;
		topic->request = buf_take(&b);
	}
	buf_fini(&b);
	return rc;
}

static int
read_relevant(struct load_topic *topic, struct json_object *list, struct err *e)
{
	size_t n = json_object_array_length(list);

	if (n > LOAD_RELEVANT_MAX)
		return err_set(e, ERR_LIMIT, "more than %d documents", LOAD_RELEVANT_MAX);
	if (n > 0 && (topic->relevant = calloc(n, sizeof *topic->relevant)) == NULL)
		return err_set(e, ERR_NOMEM, "questions");
	for (size_t i = 0; i < n; i++) {
		struct json_object *name = json_object_array_get_idx(list, i);
		if (!json_object_is_type(name, json_type_string))
			return err_set(e, ERR_TYPE, "\"relevant\" must hold texts only");
		topic->relevant[i] = strdup(json_object_get_string(name));
		if (topic->relevant[i] == NULL)
			return err_set(e, ERR_NOMEM, "questions");
		topic->relevant_count++;
	}
	return 0;
}

static int
read_judged(struct load_topic *topic, const char *line, const char *tenant, unsigned top_k,
    struct err *e)
{
	static const char *const known[] = {"query", "relevant", NULL};
	struct json_object *o = NULL, *list = NULL;
	const char *text;
	int rc = -1;

	if (json_parse_object(&o, line, strlen(line), e) == 0 && json_only(o, known, e) == 0 &&
	    json_get_text(o, "query", true, QUERY_TEXT_MAX, &text, e) == 0 &&
	    json_get_array(o, "relevant", false, &list, e) == 0 &&
	    write_request(topic, text, tenant, top_k, e) == 0 &&
	    (list == NULL || read_relevant(topic, list, e) == 0))
		rc = 0;
	json_object_put(o);
	return rc;
}

static int
add_line(struct load_topics *t, const char *line, const char *tenant, unsigned top_k,
    struct err *e)
{
	struct load_topic *topic = add_topic(t, e);
	int rc;

	if (topic == NULL)
		return -1;
	rc = line[0] == '{' ? read_judged(topic, line, tenant, top_k, e) :
			      write_request(topic, line, tenant, top_k, e);
	t->judged += rc == 0 && topic->relevant_count > 0;
	return rc;
}

static int
read_lines(struct load_topics *t, FILE *f, const char *path, const char *tenant, unsigned top_k,
    struct err *e)
{
	struct err why;
	size_t room = 0, number = 0;
	char *line = NULL;
	int rc = 0;

	while (rc == 0 && getline(&line, &room, f) != -1) {
		number++;
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (add_line(t, line, tenant, top_k, &why) == -1)
			rc = err_set(e, why.code, "%s:%zu: %s", path, number, why.text);
	}
	free(line);
	if (rc == 0 && ferror(f))
		return err_sys(e, ERR_IO, "%s", path);
	if (rc == 0 && t->count == 0)
		return err_set(e, ERR_INPUT, "%s: it holds no question", path);
	return rc;
}

int
load_topics_read(struct load_topics *t, const char *path, const char *tenant, unsigned top_k,
    struct err *e)
{
	FILE *f;
	int rc;

	*t = (struct load_topics){0};
	if (path == NULL) {
		for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
			if (add_line(t, usual[i], tenant, top_k, e) == -1)
				return -1;
		return 0;
	}
	if ((f = fopen(path, "re")) == NULL)
		return err_sys(e, ERR_IO, "%s", path);
	rc = read_lines(t, f, path, tenant, top_k, e);
	fclose(f);
	return rc;
}

static bool
ends_with_path(const char *source, const char *path)
{
	size_t n = strlen(source), m = strlen(path);

	return n >= m && strcmp(source + n - m, path) == 0 &&
	    (n == m || source[n - m - 1] == '/');
}

static bool
is_among(struct json_object *hits, const char *path)
{
	struct json_object *source;

	for (size_t i = 0; i < json_object_array_length(hits); i++)
		if (json_object_object_get_ex(json_object_array_get_idx(hits, i), "source",
			&source) && ends_with_path(json_object_get_string(source), path))
			return true;
	return false;
}

long
load_topic_found(const struct load_topic *t, const char *answer, size_t n)
{
	struct json_object *o = NULL, *hits = NULL;
	struct err e;
	long found = -1;

	if (json_parse_object(&o, answer, n, &e) == 0 &&
	    json_get_array(o, "hits", true, &hits, &e) == 0) {
		found = 0;
		for (size_t i = 0; i < t->relevant_count; i++)
			found += is_among(hits, t->relevant[i]);
	}
	json_object_put(o);
	return found;
}
