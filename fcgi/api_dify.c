/* api_dify.c - POST /retrieval: a tenant as an external knowledge base of Dify.
 *
 *   {"knowledge_id", "query", "retrieval_setting": {"top_k", "score_threshold"},
 *    "metadata_condition": {"logical_operator", "conditions": [{"name",
 *     "comparison_operator", "value"}]}}
 *   -> {"records": [{"content", "score", "title", "metadata": {}}]}
 *
 * Source  Dify's external knowledge interface.  A condition becomes a filter (filter.h):
 *         "empty" is a field that is not there; "before" and "after" compare as strings do,
 *         which for dates such as 2024-05-01 is by time.
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#include "hits.h"
#include "question.h"
#include "unit_score.h"

/* What Dify calls it, and what it is here. */
static const struct comparison {
	const char *name;
	enum filter_op op;
	bool negated;
} comparisons[] = {
    {"contains", FILTER_CONTAINS, false},
    {"not contains", FILTER_CONTAINS, true},
    {"start with", FILTER_PREFIX, false},
    {"end with", FILTER_SUFFIX, false},
    {"is", FILTER_EQ, false},
    {"is not", FILTER_NE, false},
    {"in", FILTER_IN, false},
    {"not in", FILTER_NIN, false},
    {"empty", FILTER_EXISTS, true},
    {"not empty", FILTER_EXISTS, false},
    {"=", FILTER_EQ, false},
    {"!=", FILTER_NE, false},
    {"\xe2\x89\xa0", FILTER_NE, false},	/* ≠ */
    {">", FILTER_GT, false},
    {"<", FILTER_LT, false},
    {">=", FILTER_GTE, false},
    {"\xe2\x89\xa5", FILTER_GTE, false},	/* ≥ */
    {"<=", FILTER_LTE, false},
    {"\xe2\x89\xa4", FILTER_LTE, false},	/* ≤ */
    {"before", FILTER_LT, false},
    {"after", FILTER_GT, false},
};

static const struct comparison *
find_comparison(const char *name)
{
	for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++)
		if (strcmp(comparisons[i].name, name) == 0)
			return &comparisons[i];
	return NULL;
}

/* Dify sends numbers as text when they come from a form: what compares by size is taken for a
 * number when it reads as one. */
static bool
is_number(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out - *out == 0;
}

static int
read_value(struct filter_value *v, struct json_object *o, bool by_size, struct err *e)
{
	double number;

	if (json_object_is_type(o, json_type_string)) {
		*v = (struct filter_value){.type = FILTER_STRING, .text = json_object_get_string(o),
		    .len = (size_t)json_object_get_string_len(o)};
		if (by_size && is_number(v->text, &number))
			*v = (struct filter_value){.type = FILTER_NUMBER, .number = number};
		return 0;
	}
	if (json_object_is_type(o, json_type_int) || json_object_is_type(o, json_type_double)) {
		*v = (struct filter_value){
		    .type = FILTER_NUMBER, .number = json_object_get_double(o)};
		return 0;
	}
	if (!json_object_is_type(o, json_type_boolean))
		return err_set(e, ERR_FILTER, "a condition's \"value\" must be a text or a number");
	*v = (struct filter_value){.type = FILTER_BOOL, .truth = json_object_get_boolean(o)};
	return 0;
}

/* One value, or the values of a list. */
static int
read_values(struct filter *f, struct json_object *o, bool by_size, struct arena *a, struct err *e)
{
	bool is_list = f->op == FILTER_IN || f->op == FILTER_NIN;
	size_t n = is_list && json_object_is_type(o, json_type_array) ?
	    json_object_array_length(o) : 1;
	struct filter_value *values;

	if (f->op == FILTER_EXISTS)
		return 0;
	if (o == NULL)
		return err_set(e, ERR_FILTER, "a condition on \"%.64s\" lacks its \"value\"", f->field);
	if (n > FILTER_LIST_MAX)
		return err_set(e, ERR_FILTER, "more than %d values", FILTER_LIST_MAX);
	if ((values = arena_calloc(a, n + 1, sizeof *values)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a filter");
	for (size_t i = 0; i < n; i++)
		if (read_value(&values[i],
			json_object_is_type(o, json_type_array) ? json_object_array_get_idx(o, i) : o,
			by_size, e) == -1)
			return -1;
	f->values = values;
	f->count = (uint32_t)n;
	return 0;
}

static struct filter *
new_node(struct arena *a, enum filter_op op, struct filter *first)
{
	struct filter *f = arena_calloc(a, 1, sizeof *f);

	if (f != NULL)
		*f = (struct filter){.op = op, .first = first};
	return f;
}

static int
read_condition(struct filter **out, struct json_object *o, struct arena *a, struct err *e)
{
	static const char *const members[] = {"name", "comparison_operator", "value", NULL};
	const struct comparison *c;
	const char *name, *comparison;
	struct json_object *value = NULL;

	if (json_only(o, members, e) == -1 ||
	    json_get_text(o, "name", true, FILTER_FIELD_BYTES, &name, e) == -1 ||
	    json_get_text(o, "comparison_operator", true, 32, &comparison, e) == -1)
		return -1;
	if ((c = find_comparison(comparison)) == NULL)
		return err_set(e, ERR_FILTER, "\"%.32s\" is no comparison", comparison);
	if ((*out = new_node(a, c->op, NULL)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a filter");
	(*out)->field = name;
	json_object_object_get_ex(o, "value", &value);
	if (read_values(*out, value, c->op >= FILTER_GT && c->op <= FILTER_LTE, a, e) == -1)
		return -1;
	if (c->negated && (*out = new_node(a, FILTER_NOT, *out)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a filter");
	return 0;
}

static int
read_conditions(struct filter *all, struct json_object *list, struct arena *a, struct err *e)
{
	struct filter **link = &all->first;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		if (!json_object_is_type(o, json_type_object))
			return err_set(e, ERR_FILTER, "\"conditions\" must hold objects");
		if (read_condition(link, o, a, e) == -1)
			return -1;
		link = &(*link)->next;
	}
	return 0;
}

static int
read_metadata_condition(struct question *q, struct json_object *body, struct arena *a,
    struct err *e)
{
	static const char *const members[] = {"logical_operator", "conditions", NULL};
	struct json_object *o = NULL, *list = NULL;
	const char *logical = "and";
	struct filter *all;

	if (json_get_object(body, "metadata_condition", false, &o, e) == -1)
		return -1;
	if (o == NULL)
		return 0;
	if (json_only(o, members, e) == -1 ||
	    json_get_text(o, "logical_operator", false, 8, &logical, e) == -1 ||
	    json_get_array(o, "conditions", false, &list, e) == -1)
		return -1;
	if (strcmp(logical, "and") != 0 && strcmp(logical, "or") != 0)
		return err_set(e, ERR_FILTER, "\"logical_operator\" must be and, or or");
	if (list == NULL || json_object_array_length(list) == 0)
		return 0;
	all = new_node(a, strcmp(logical, "or") == 0 ? FILTER_OR : FILTER_AND, NULL);
	if (all == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a filter");
	q->query.filter = all;
	return read_conditions(all, list, a, e) == -1 ? -1 : filter_check(all, e);
}

static int
read_setting(struct question *q, struct json_object *body, unsigned top_k_max, struct err *e)
{
	static const char *const members[] = {"top_k", "score_threshold", NULL};
	struct json_object *o = NULL;
	int64_t top_k = TOP_K_DEFAULT;
	double least = 0;

	if (json_get_object(body, "retrieval_setting", false, &o, e) == -1)
		return -1;
	if (o != NULL &&
	    (json_only(o, members, e) == -1 ||
		json_get_int(o, "top_k", false, 1, top_k_max, &top_k, e) == -1 ||
		json_get_double(o, "score_threshold", false, 0, 1, &least, e) == -1))
		return -1;
	q->query.top_k = (unsigned)top_k;
	q->has_threshold = least > 0;
	q->threshold = (float)least;
	return 0;
}

static int
put_record(struct buf *b, const struct query_hit *h, struct err *e)
{
	const struct store_chunk *c = &h->chunk;

	buf_adds(b, "{\"content\": ");
	json_put_text(b, c->text, c->text_len);
	buf_adds(b, ", \"score\": ");
	json_put_float(b, unit_score(h->score));
	buf_adds(b, ", \"title\": ");
	json_put_text(b, c->title, strlen(c->title));
	buf_adds(b, ", \"metadata\": ");
	if (hits_put_metadata(b, c->meta, e) == -1)
		return -1;
	buf_addc(b, '}');
	return 0;
}

static int
retrieve(struct api *api, struct req *r, struct question *q, struct json_object *text,
    struct reply *p, struct err *e)
{
	struct query_result result;
	struct index *x;

	if (question_open(api, q, r, p, &x, e) == -1)
		return -1;
	if (question_was_answered(api, q, r, x, p))
		return 0;
	if (question_ask(api, q, x, json_object_get_string(text),
		(size_t)json_object_get_string_len(text), r->arena, &result, e) == -1)
		return -1;
	buf_adds(&p->body, "{\"records\": [");
	for (size_t i = 0; i < result.count; i++) {
		buf_adds(&p->body, i > 0 ? ", " : "");
		if (put_record(&p->body, &result.hits[i], e) == -1)
			return -1;
	}
	buf_adds(&p->body, "]}\n");
	question_keep_answer(api, p);
	return 0;
}

int
api_dify(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	static const char *const members[] = {
	    "knowledge_id", "query", "retrieval_setting", "metadata_condition", NULL};
	struct json_object *body, *query;
	struct question q = {0};
	const char *text;
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (json_only(body, members, e) == 0 &&
	    json_get_text(body, "knowledge_id", true, TENANT_NAME_BYTES, &q.tenant, e) == 0 &&
	    json_get_text(body, "query", true, REQUEST_BODY_MAX, &text, e) == 0 &&
	    read_setting(&q, body, api->top_k_max, e) == 0 &&
	    read_metadata_condition(&q, body, r->arena, e) == 0 &&
	    json_object_object_get_ex(body, "query", &query))
		rc = retrieve(api, r, &q, query, p, e);
	json_object_put(body);
	return rc;
}
