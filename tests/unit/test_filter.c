/* test_filter.c - filters from JSON, in both shapes: what they become, and what is refused. */
#include "unit.h"

#include "filter_json.h"

static struct arena arena;

static int
make_arena(void **state)
{
	(void)state;
	arena_init(&arena, 16 << 20);
	return 0;
}

static int
drop_arena(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

static int
parse(const char *json, const struct filter **f, struct err *e)
{
	struct json_object *o;
	int rc;

	assert_ok(json_parse_object(&o, json, strlen(json), e), e);
	rc = filter_from_json(f, o, "filters", &arena, e);
	json_object_put(o);
	return rc;
}

/* The tree in one line: (and (eq lang "en") (gte year 3)). */
static void
print(const struct filter *f, char *out, size_t size)
{
	size_t n = strlen(out);

	n += (size_t)snprintf(out + n, size - n, "(%s", filter_op_name(f->op));
	if (f->field != NULL)
		n += (size_t)snprintf(out + n, size - n, " %s", f->field);
	for (uint32_t i = 0; i < f->count; i++) {
		const struct filter_value *v = &f->values[i];
		if (v->type == FILTER_STRING)
			n += (size_t)snprintf(out + n, size - n, " '%.*s'", (int)v->len, v->text);
		else if (v->type == FILTER_NUMBER)
			n += (size_t)snprintf(out + n, size - n, " %g", v->number);
		else
			n += (size_t)snprintf(out + n, size - n, " %s", v->truth ? "true" : "false");
	}
	for (const struct filter *c = f->first; c != NULL; c = c->next) {
		snprintf(out + strlen(out), size - strlen(out), " ");
		print(c, out, size);
	}
	n = strlen(out);
	snprintf(out + n, size - n, ")");
}

static const struct {
	const char *json, *tree;
} good[] = {
    {"{'type':'eq','key':'lang','value':'en'}", "(eq lang 'en')"},
    {"{'type':'ne','key':'a','value':true}", "(ne a true)"},
    {"{'type':'nin','key':'a','value':[1,'x',false]}", "(nin a 1 'x' false)"},
    {"{'type':'in','key':'a','value':[]}", "(in a)"},
    {"{'type':'prefix','key':'a','value':''}", "(prefix a '')"},
    {"{'type':'suffix','key':'a','value':'.md'}", "(suffix a '.md')"},
    {"{'a':{'$contains':'x y'}}", "(contains a 'x y')"},
    {"{'type':'exists','key':'a'}", "(exists a)"},
    {"{'type':'exists','key':'a','value':false}", "(not (exists a))"},
    {"{'type':'and','filters':[{'type':'lt','key':'a','value':3}]}", "(and (lt a 3))"},
    {"{'type':'or','filters':[{'type':'gt','key':'a','value':'m'},{'b':1}]}",
	"(or (gt a 'm') (eq b 1))"},
    {"{'type':'not','filters':[{'a':1}]}", "(not (eq a 1))"},
    {"{}", "(and)"},
    {"{'lang':'en'}", "(eq lang 'en')"},
    {"{'lang':'en','year':{'$gte':2020,'$lt':2024}}",
	"(and (eq lang 'en') (and (gte year 2020) (lt year 2024)))"},
    {"{'$or':[{'a':{'$in':[1,2]}},{'b':{'$exists':false}}]}",
	"(or (in a 1 2) (not (exists b)))"},
    {"{'$not':{'a':{'$prefix':'x'}},'b':{'$not':{'$lte':3}}}",
	"(and (not (prefix a 'x')) (not (lte b 3)))"},
    {"{'type':'article'}", "(eq type 'article')"},
    {"{'type':{'$eq':'eq'}}", "(eq type 'eq')"},
    {"{'$and':[{'type':'eq','key':'k','value':-0.5}]}", "(and (eq k -0.5))"},
};

static char *
quotes(const char *text)
{
	static char out[4096];
	size_t i = 0;

	for (; text[i] != '\0' && i + 1 < sizeof out; i++)
		out[i] = text[i] == '\'' ? '"' : text[i];
	out[i] = '\0';
	return out;
}

static void
both_shapes_become_one_tree(void **state)
{
	const struct filter *f;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		char tree[1000] = "";
		assert_ok(parse(quotes(good[i].json), &f, &e), &e);
		print(f, tree, sizeof tree);
		assert_string_equal(tree, good[i].tree);
	}
}

static const struct {
	const char *json, *words;
} bad[] = {
    {"{'type':'eq','key':'a'}", "filters: \"value\" is missing"},
    {"{'type':'eq','value':1}", "filters: \"key\" must be"},
    {"{'type':'eq','key':'a','value':1,'x':2}", "filters.x: means nothing"},
    {"{'type':'like','key':'a','value':1}", "filters.type: must be eq"},
    {"{'type':'eq','key':'a','value':[1]}", "filters.value: the value must be"},
    {"{'type':'eq','key':'a','value':null}", "filters.value: the value must be"},
    {"{'type':'in','key':'a','value':1}", "filters.value: the value must be a list"},
    {"{'type':'in','key':'a','value':[1,{}]}", "filters.value[1]: the value must be"},
    {"{'type':'gt','key':'a','value':true}", "filters.value: gt takes a string or a number"},
    {"{'type':'prefix','key':'a','value':1}", "filters.value: prefix takes a string"},
    {"{'type':'suffix','key':'a','value':true}", "filters.value: suffix takes a string"},
    {"{'a':{'$contains':1}}", "filters.a.$contains: contains takes a string"},
    {"{'type':'exists','key':'a','value':1}", "filters.value: exists takes"},
    {"{'type':'eq','key':'','value':1}", "a field's name"},
    {"{'type':'and','filters':[]}", "filters.filters: must be a list"},
    {"{'type':'and'}", "filters.filters: must be a list"},
    {"{'type':'not','filters':[{'a':1},{'b':1}]}", "not takes one filter"},
    {"{'type':'or','filters':[{'a':1},7]}", "filters.filters[1]: must be an object"},
    {"{'$or':[{'a':1},{'year':{'$near':3}}]}", "filters.$or[1].year.$near: is no operator"},
    {"{'$or':[{}]}", "filters.$or[0]: the filter is empty"},
    {"{'$nor':[{'a':1}]}", "filters.$nor: is no operator here"},
    {"{'$and':{'a':1}}", "filters.$and: must be a list"},
    {"{'a':{}}", "filters.a: names no operator"},
    {"{'a':{'b':1}}", "filters.a.b: is no operator on a field"},
    {"{'a':[1,2]}", "filters.a: the value must be"},
    {"{'a':{'$and':[]}}", "filters.a.$and: is no operator on a field"},
};

static void
what_is_wrong_is_refused_with_its_place(void **state)
{
	const struct filter *f;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_refused(parse(quotes(bad[i].json), &f, &e), &e, ERR_FILTER);
		if (strstr(e.text, bad[i].words) == NULL)
			fail_msg("%s: %s", bad[i].json, e.text);
		assert_null(f);
	}
}

static void
repeat(struct buf *b, const char *text, int n)
{
	while (n-- > 0)
		buf_adds(b, text);
}

static void
bounds_hold_and_one_more_is_refused(void **state)
{
	const struct filter *f;
	struct buf b;
	struct err e;

	(void)state;
	buf_init(&b, 1 << 20);
	for (int over = 0; over < 2; over++) {
		buf_reset(&b);
		buf_adds(&b, "{\"$or\":[{\"a\":1}");
		repeat(&b, ",{\"a\":1}", 62 + over);
		buf_adds(&b, "]}");
		assert_int_equal(parse(b.data, &f, &e), -over);
		buf_reset(&b);
		buf_adds(&b, "{\"a\":{\"$in\":[1");
		repeat(&b, ",1", 999 + over);
		buf_adds(&b, "]}}");
		assert_int_equal(parse(b.data, &f, &e), -over);
		buf_reset(&b);
		buf_adds(&b, "{\"a\":\"");
		repeat(&b, "x", 1024 + over);
		buf_adds(&b, "\"}");
		assert_int_equal(parse(b.data, &f, &e), -over);
		buf_reset(&b);
		buf_adds(&b, "{\"");
		repeat(&b, "x", 64 + over);
		buf_adds(&b, "\":1}");
		assert_int_equal(parse(b.data, &f, &e), -over);
		buf_reset(&b);
		repeat(&b, "{\"$not\":", 7 + over);
		buf_adds(&b, "{\"a\":1}");
		repeat(&b, "}", 7 + over);
		assert_int_equal(parse(b.data, &f, &e), -over);
	}
	assert_int_equal(e.code, ERR_FILTER);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_shapes_become_one_tree),
	    cmocka_unit_test(what_is_wrong_is_refused_with_its_place),
	    cmocka_unit_test(bounds_hold_and_one_more_is_refused),
	};
	return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
