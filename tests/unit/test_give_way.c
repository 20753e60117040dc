/* test_give_way.c - long work asks, again and again, whether others should go first. */
#include "unit.h"

#include "dense_shelf.h"
#include "give_way.h"
#include "lex_corpus.h"

static unsigned asked;

static void
count(void *context)
{
	assert_ptr_equal(context, &asked);
	asked++;
}

static int
begin_counting(void **state)
{
	give_way_by(count, &asked);
	give_way_now();
	asked = 0;
	return make_folder(state);
}

static int
end_counting(void **state)
{
	give_way_by(NULL, NULL);
	return drop_folder(state);
}

static void
it_asks_once_in_a_while(void **state)
{
	(void)state;
	give_way_after(GIVE_WAY_NS - 1);
	assert_int_equal(asked, 0);
	give_way_after(1);
	assert_int_equal(asked, 1);
	give_way_after(GIVE_WAY_NS - 1);
	assert_int_equal(asked, 1);
	for (int i = 0; i < 10; i++)
		give_way_after(GIVE_WAY_NS);
	assert_int_equal(asked, 11);
	give_way_by(NULL, NULL);
	give_way_after(GIVE_WAY_NS);
	assert_int_equal(asked, 11);
}

/* ---- the loops that take long ---- */

enum { ROWS = 40000, DIM = 16 };

static void
search_shelf(struct dense_params p)
{
	float *v = make_rows(ROWS, DIM, 5);
	struct dense_options o = {.k = 10};
	struct dense_report report;
	struct dense_hit hit[10];
	struct shelf b;
	struct err e;
	uint32_t n;

	put_on_shelf(&b, v, ROWS, &p);
	asked = 0;
	assert_ok(dense_search(b.d, b.s, v, &o, hit, &n, &report, &e), &e);
	assert_int_equal(n, 10);
	clear_shelf(&b);
	free(v);
}

static void
scans_do(void **state)
{
	(void)state;
	search_shelf((struct dense_params){.dim = DIM, .graph = DENSE_GRAPH_NEVER});
	assert_in_range(asked, 4, 40);
}

static void
postings_do(void **state)
{
	static const struct lex_params params = LEX_PARAMS_DEFAULT;
	static struct lex_query q;
	struct lex_options o = {.k = 10, .exhaustive = true};
	struct lex_hit hit[10];
	struct corpus c;
	struct err e;
	uint32_t n;

	(void)state;
	corpus_begin(&c);
	corpus_random_rows(&c, ROWS, 30, 20);
	corpus_end(&c, &params);
	corpus_query(&c, &q, "1 2 3 4 5 6");
	asked = 0;
	assert_ok(lex_search(c.x, c.s, &q, &o, hit, &n, NULL, &e), &e);
	assert_int_equal(n, 10);
	assert_in_range(asked, 2, 40);
	corpus_gone(&c);
}

int
main(void)
{
#define counted(f) cmocka_unit_test_setup_teardown(f, begin_counting, end_counting)
	const struct CMUnitTest tests[] = {
	    counted(it_asks_once_in_a_while),
	    counted(scans_do),
	    counted(postings_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
