/* test_columns.c - filters on columns give what they mean, and damage is survived. */
#include "unit.h"

#include <unistd.h>

#include "columns.h"
#include "file.h"
#include "json.h"

enum { DOCUMENTS = 203, FIELDS = 5 };

static char *folder;
static char path[600];
static struct arena arena;
static uint32_t seed = 11;

static int
make_folder(void **state)
{
	(void)state;
	folder = unit_folder();
	snprintf(path, sizeof path, "%s/index.rpx", folder);
	arena_init(&arena, 64 << 20);
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(folder);
	arena_fini(&arena);
	return 0;
}

static uint32_t
below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* ---- the documents, also as plain arrays ---- */

static const char *const words[] = {"", "a", "ab", "abc", "b", "ba", "c\xe4\xb8\xad", "zz"};
static const char *const fields[FIELDS] = {"a", "aa", "b", "lang", "z"};

static struct {
	struct filter_value value[4];
	int count;
} model[DOCUMENTS][FIELDS];

static struct filter_value
some_value(void)
{
	struct filter_value v = {.type = (enum filter_type)(1 + below(3))};

	v.text = words[below(8)];
	v.len = strlen(v.text);
	v.number = (double)below(6) - 2.5;
	v.truth = below(2);
	return v;
}

static void
put_value(struct buf *b, const struct filter_value *v)
{
	if (v->type == FILTER_STRING)
		json_put_text(b, v->text, v->len);
	else if (v->type == FILTER_NUMBER)
		buf_addf(b, "%g", v->number);
	else
		buf_adds(b, v->truth ? "true" : "false");
}

static void
make_document(int d, struct buf *b)
{
	bool more = false;

	buf_reset(b);
	buf_addc(b, '{');
	for (int f = 0; f < FIELDS; f++) {
		int n = model[d][f].count = (int)below(5) - 1;
		if (n <= 0) {
			model[d][f].count = 0;
			continue;
		}
		buf_addf(b, "%s\"%s\": [", more ? ", " : "", fields[f]);
		for (int i = 0; i < n; i++) {
			model[d][f].value[i] = some_value();
			buf_adds(b, i > 0 ? ", " : "");
			put_value(b, &model[d][f].value[i]);
		}
		buf_addc(b, ']');
		more = true;
	}
	buf_addc(b, '}');
}

static void
write_columns(int documents)
{
	struct columns_writer *c;
	struct rpx_writer *w;
	struct buf b;
	struct err e;

	unlink(path);
	buf_init(&b, 1 << 20);
	assert_ok(columns_new(&c, &e), &e);
	for (int d = 0; d < documents; d++) {
		make_document(d, &b);
		assert_ok(columns_add(c, b.data, &e), &e);
	}
	assert_ok(rpx_create(&w, path, "t", &e), &e);
	assert_ok(columns_write(c, w, &e), &e);
	assert_ok(rpx_finish(w, &e), &e);
	columns_free(c);
	buf_fini(&b);
}

/* ---- the meaning, word for word from filter.h ---- */

static bool
one_matches(const struct filter *f, const struct filter_value *v, const struct filter_value *x)
{
	int order;

	if (v->type != x->type)
		return false;
	if (f->op == FILTER_PREFIX)
		return x->len >= v->len && memcmp(x->text, v->text, v->len) == 0;
	if (f->op == FILTER_SUFFIX)
		return x->len >= v->len && strcmp(x->text + x->len - v->len, v->text) == 0;
	if (f->op == FILTER_CONTAINS)
		return strstr(x->text, v->text) != NULL;
	if (x->type == FILTER_STRING)
		order = strcmp(x->text, v->text);
	else if (x->type == FILTER_NUMBER)
		order = x->number < v->number ? -1 : x->number > v->number;
	else
		order = (int)x->truth - (int)v->truth;
	switch (f->op) {
	case FILTER_GT:
		return order > 0;
	case FILTER_GTE:
		return order >= 0;
	case FILTER_LT:
		return order < 0;
	case FILTER_LTE:
		return order <= 0;
	default:
		return order == 0;
	}
}

static bool
matches(const struct filter *f, int d)
{
	int field = 0;
	bool any = false;

	if (filter_is_compound(f->op)) {
		any = f->op != FILTER_OR;
		for (const struct filter *c = f->first; c != NULL; c = c->next)
			any = f->op == FILTER_OR ? any | matches(c, d) : any & matches(c, d);
		return f->op == FILTER_NOT ? !any : any;
	}
	while (field < FIELDS && strcmp(fields[field], f->field) != 0)
		field++;
	for (int i = 0; field < FIELDS && i < model[d][field].count; i++) {
		any |= f->op == FILTER_EXISTS;
		for (uint32_t k = 0; k < f->count; k++)
			any |= one_matches(f, &f->values[k], &model[d][field].value[i]);
	}
	return f->op == FILTER_NE || f->op == FILTER_NIN ? !any : any;
}

/* ---- trees ---- */

static struct filter *
some_filter(int levels)
{
	struct filter *f = arena_calloc(&arena, 1, sizeof *f), **link = &f->first;
	struct filter_value *values = arena_calloc(&arena, 8, sizeof *values);

	f->op = (enum filter_op)below(FILTER_OP_MAX);
	if (levels == 1 && filter_is_compound(f->op))
		f->op = FILTER_EQ;
	if (filter_is_compound(f->op)) {
		uint32_t n = f->op == FILTER_NOT ? 1 : below(4);
		for (uint32_t i = 0; i < n; i++, link = &(*link)->next)
			*link = some_filter(levels - 1);
		return f;
	}
	f->field = below(8) == 0 ? "nowhere" : fields[below(FIELDS)];
	f->count = f->op == FILTER_EXISTS ? 0
		   : f->op == FILTER_IN || f->op == FILTER_NIN ? below(8) : 1;
	f->values = values;
	for (uint32_t i = 0; i < f->count; i++)
		do
			values[i] = some_value();
		while ((filter_is_part(f->op) && values[i].type != FILTER_STRING) ||
		       (f->op >= FILTER_GT && f->op <= FILTER_LTE && values[i].type == FILTER_BOOL));
	return f;
}

static void
random_trees_mean_what_the_header_says(void **state)
{
	static const int sizes[] = {1, 63, 64, 65, DOCUMENTS};
	uint64_t bits[DOCUMENTS / 64 + 1];
	struct columns *c;
	struct rpx r;
	struct err e;
	int some = 0;

	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		write_columns(sizes[s]);
		assert_ok(rpx_open(&r, path, &e), &e);
		assert_ok(columns_open(&c, &r, &e), &e);
		assert_int_equal(columns_documents(c), sizes[s]);
		for (int round = 0; round < 3000; round++) {
			arena_reset(&arena);
			struct filter *f = some_filter(1 + round % 4);
			if (columns_filter(c, f, bits, &arena, &e) == -1) {
				assert_int_equal(e.code, ERR_FILTER);	/* too many nodes */
				continue;
			}
			for (int d = 0; d < (sizes[s] + 63) / 64 * 64; d++) {
				bool is = bits[d / 64] >> d % 64 & 1;
				assert_int_equal(is, d < sizes[s] && matches(f, d));
				some += is;
			}
		}
		columns_close(c);
		rpx_close(&r);
	}
	assert_true(some > 100000);
}

static void
the_same_documents_give_the_same_bytes(void **state)
{
	char *one, *two;
	size_t n1, n2;
	struct err e;

	(void)state;
	seed = 5;
	write_columns(DOCUMENTS);
	assert_ok(file_read(&one, &n1, path, 1 << 24, &e), &e);
	seed = 5;
	write_columns(DOCUMENTS);
	assert_ok(file_read(&two, &n2, path, 1 << 24, &e), &e);
	assert_int_equal(n1, n2);
	assert_memory_equal(one, two, n1);
	free(one);
	free(two);
}

/* Damage in the section ends in a refusal or a wrong answer, never in a crash. */
static void
hostile_sections_are_survived(void **state)
{
	uint64_t bits[DOCUMENTS / 64 + 1];
	struct rpx_writer *w;
	struct columns *c;
	struct rpx r, bad;
	struct err e;
	size_t n, refused = 0;
	uint64_t items;
	char other[700], *copy;
	const char *section;

	(void)state;
	snprintf(other, sizeof other, "%s/bad.rpx", folder);
	write_columns(DOCUMENTS);
	assert_ok(rpx_open(&r, path, &e), &e);
	section = rpx_find(&r, RPX_COLUMNS, &n, &items);
	copy = malloc(n);
	for (int round = 0; round < 1500; round++) {
		size_t len = round % 5 == 0 ? below((uint32_t)n) : n;
		memcpy(copy, section, n);
		for (uint32_t i = below(4); i < 4; i++) {
			uint32_t at = below(round % 2 ? 1000 : (uint32_t)n);
			copy[at] = (char)(below(3) == 0 ? 0xff : below(256));
		}
		unlink(other);
		assert_ok(rpx_create(&w, other, "t", &e), &e);
		assert_ok(rpx_add(w, RPX_COLUMNS, copy, len, items, &e), &e);
		assert_ok(rpx_finish(w, &e), &e);
		assert_ok(rpx_open(&bad, other, &e), &e);
		if (columns_open(&c, &bad, &e) == -1) {
			refused++;
			rpx_close(&bad);
			continue;
		}
		for (int k = 0; k < 20; k++) {
			arena_reset(&arena);
			columns_filter(c, some_filter(3), bits, &arena, &e);
		}
		columns_close(c);
		rpx_close(&bad);
	}
	assert_true(refused > 300);
	free(copy);
	rpx_close(&r);
}

static void
more_fields_than_fit_are_left_out(void **state)
{
	struct filter f = {.op = FILTER_EXISTS};
	struct columns_writer *w;
	struct columns *c;
	struct rpx_writer *out;
	struct rpx r;
	struct buf b;
	uint64_t bits;
	char name[32];
	struct err e;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_adds(&b, "{\"deep\": {\"x\": 1}, \"none\": null");
	for (int i = 0; i < 100; i++)
		buf_addf(&b, ", \"f%d\": 1", i);
	buf_addc(&b, '}');
	assert_ok(columns_new(&w, &e), &e);
	assert_ok(columns_add(w, b.data, &e), &e);
	assert_refused(columns_add(w, "[1]", &e), &e, ERR_NOT_OBJECT);
	columns_free(w);
	assert_ok(columns_new(&w, &e), &e);
	assert_ok(columns_add(w, b.data, &e), &e);
	unlink(path);
	assert_ok(rpx_create(&out, path, "t", &e), &e);
	assert_ok(columns_write(w, out, &e), &e);
	assert_ok(rpx_finish(out, &e), &e);
	columns_free(w);
	assert_ok(rpx_open(&r, path, &e), &e);
	assert_ok(columns_open(&c, &r, &e), &e);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "f%d", i);
		f.field = name;
		assert_ok(columns_filter(c, &f, &bits, &arena, &e), &e);
		assert_int_equal(bits, i < COLUMNS_FIELDS_MAX);
	}
	columns_close(c);
	rpx_close(&r);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_trees_mean_what_the_header_says),
	    cmocka_unit_test(the_same_documents_give_the_same_bytes),
	    cmocka_unit_test(hostile_sections_are_survived),
	    cmocka_unit_test(more_fields_than_fit_are_left_out),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
