/* test_poison.c - tenants whose data ends workers: three deaths of one generation, within ten
 * minutes, and nobody else's. */
#include "unit.h"

#include "../../fcgi/list_file.h"
#include "../../fcgi/poison.h"

struct fixture {
	struct board board;
	struct poison poison;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_int_equal(board_create(&f->board, 2, NULL), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	board_close(&f->board);
	free(f);
	return 0;
}

static bool
dies(struct fixture *f, const char *tenant, const char *generation, int64_t now_ms)
{
	return poison_note_death(&f->poison, &f->board, tenant, generation, now_ms);
}

static void
the_third_death_quarantines_that_generation_alone(void **state)
{
	struct fixture *f = *state;

	assert_false(dies(f, "alpha", "1-a", 1000));
	assert_false(dies(f, "beta", "1-b", 1001));
	assert_false(dies(f, "alpha", "1-a", 2000));
	assert_false(poison_is_listed(&f->board, "alpha", "1-a"));
	assert_true(dies(f, "alpha", "1-a", 3000));
	assert_true(poison_is_listed(&f->board, "alpha", "1-a"));
	assert_false(poison_is_listed(&f->board, "alpha", "2-c"));
	assert_false(poison_is_listed(&f->board, "beta", "1-b"));
	assert_string_equal(poison_of_tenant(&f->board, "alpha"), "1-a");
	assert_null(poison_of_tenant(&f->board, "beta"));
	assert_false(dies(f, "alpha", "1-a", 3001));	/* told once */
}

static void
deaths_far_apart_are_nobodys_fault(void **state)
{
	struct fixture *f = *state;

	for (int64_t now = 1; now < 20 * POISON_WINDOW_MS; now += POISON_WINDOW_MS / 2 + 1)
		assert_false(dies(f, "alpha", "1-a", now));
	assert_int_equal(atomic_load(&f->board.head->poisoned_count), 0);
}

static void
a_death_without_a_tenant_counts_for_nobody(void **state)
{
	struct fixture *f = *state;

	for (int i = 1; i < 10; i++)
		assert_false(dies(f, "", "", i));
}

static void
it_is_lifted_by_another_generation_and_by_hand(void **state)
{
	struct fixture *f = *state;

	for (int i = 1; i <= POISON_DEATHS; i++)
		dies(f, "alpha", "1-a", i);
	assert_false(poison_lift(&f->poison, &f->board, "alpha", "1-a"));
	assert_true(poison_is_listed(&f->board, "alpha", "1-a"));
	assert_true(poison_lift(&f->poison, &f->board, "alpha", "2-b"));
	assert_false(poison_is_listed(&f->board, "alpha", "1-a"));
	assert_false(dies(f, "alpha", "1-a", 4));	/* the count begins anew */
	assert_false(dies(f, "alpha", "1-a", 5));
	assert_true(dies(f, "alpha", "1-a", 6));
	assert_true(poison_lift(&f->poison, &f->board, "alpha", NULL));
	assert_int_equal(atomic_load(&f->board.head->poisoned_count), 0);
}

static void
more_than_fit_push_out_the_oldest(void **state)
{
	struct fixture *f = *state;
	char name[32];

	for (int n = 0; n <= BOARD_POISONED_MAX; n++)
		for (int i = 0; i < POISON_DEATHS; i++) {
			snprintf(name, sizeof name, "t%d", n);
			dies(f, name, "1-a", 1 + n);
		}
	assert_false(poison_is_listed(&f->board, "t0", "1-a"));
	assert_true(poison_is_listed(&f->board, "t1", "1-a"));
	assert_true(poison_is_listed(&f->board, name, "1-a"));
	assert_int_equal(atomic_load(&f->board.head->poisoned_count), BOARD_POISONED_MAX);
}

static void
latencies_fall_into_powers_of_two(void **state)
{
	static const struct {
		int64_t ns;
		unsigned bucket;
	} rows[] = {{-5, 0}, {0, 0}, {1999, 0}, {2000, 1}, {3999, 1}, {4000, 2}, {1023999, 9},
	    {1024000, 10}, {INT64_C(8388608000), 23}, {INT64_MAX, 23}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(board_latency_bucket(rows[i].ns), rows[i].bucket);
}

static void
a_worker_hangs_only_without_a_request(void **state)
{
	struct board_slot *s = &((struct fixture *)*state)->board.slots[1];
	int64_t late = 1 + (BOARD_STALE_MS + 1) * INT64_C(1000000);

	assert_false(board_slot_is_stale(s, late));	/* it never turned its loop: booting */
	atomic_store(&s->heartbeat_ns, 1);
	assert_false(board_slot_is_stale(s, late / 2));
	assert_true(board_slot_is_stale(s, late));
	atomic_store(&s->state, SLOT_RELOADING);	/* the roll looks after that one */
	assert_false(board_slot_is_stale(s, late));
	atomic_store(&s->state, SLOT_IDLE);
	atomic_store(&s->request_ns, 5);		/* and the request's deadline after that */
	assert_false(board_slot_is_stale(s, late));
	assert_true(board_slot_is_busy(s));
	board_slot_clean(s);
	assert_false(board_slot_is_stale(s, late));
}

/* What a killed supervisor knew, its successor knows; a worker asks the new scoreboard. */
static void
the_list_is_kept_over_a_restart(void **state)
{
	struct fixture *f = *state, next = {0};
	static const char *const bad[] = {"../x\t1-0123456789ab\n", "alpha\t../1\n", "alpha\n"};
	char *folder = unit_folder();
	struct buf lines;
	struct err e;

	assert_int_equal(board_create(&next.board, 2, NULL), 0);
	assert_ok(poison_load(&next.poison, &next.board, folder, &e), &e);	/* there is none */
	for (int i = 0; i < POISON_DEATHS; i++) {
		dies(f, "alpha", "1-0123456789ab", 1000 + i);
		dies(f, "beta", "7-0123456789ab", 1000 + i);
	}
	assert_ok(poison_save(&f->board, folder, &e), &e);
	assert_ok(poison_load(&next.poison, &next.board, folder, &e), &e);
	assert_true(poison_is_listed(&next.board, "alpha", "1-0123456789ab"));
	assert_true(poison_is_listed(&next.board, "beta", "7-0123456789ab"));
	assert_ok(poison_load(&next.poison, &next.board, folder, &e), &e);	/* not twice */
	assert_int_equal(atomic_load(&next.board.head->poisoned_count), 2);
	assert_true(poison_lift(&next.poison, &next.board, "alpha", NULL));
	assert_true(poison_lift(&next.poison, &next.board, "beta", "8-0123456789ab"));
	assert_ok(poison_save(&next.board, folder, &e), &e);
	board_close(&next.board);

	assert_int_equal(board_create(&next.board, 2, NULL), 0);
	assert_ok(poison_load(&next.poison, &next.board, folder, &e), &e);
	assert_int_equal(atomic_load(&next.board.head->poisoned_count), 0);
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		buf_init(&lines, 1000);
		buf_adds(&lines, bad[i]);
		assert_ok(list_file_save(folder, "poisoned", &lines, 1, &e), &e);
		buf_fini(&lines);
		assert_refused(poison_load(&next.poison, &next.board, folder, &e), &e, ERR_CORRUPT);
	}
	board_close(&next.board);
	unit_folder_gone(folder);
}

/* One death before a restart and two after it, on a machine whose clock began anew. */
static void
deaths_are_kept_over_a_restart(void **state)
{
	struct fixture *f = *state;
	struct poison next = {0}, late = {0};
	const char *g = "1-0123456789ab";
	char *folder = unit_folder();
	struct err e;

	assert_ok(poison_load_suspects(&next, folder, 5000, 900000, &e), &e);	/* there are none */
	dies(f, "alpha", g, 1000000);
	dies(f, "beta", g, 1000);			/* long ago */
	assert_ok(poison_save_suspects(&f->poison, folder, 1001000, 901000, &e), &e);
	assert_ok(poison_load_suspects(&next, folder, 5000, 961000, &e), &e);
	assert_false(poison_note_death(&next, &f->board, "beta", g, 5001));
	assert_false(poison_note_death(&next, &f->board, "alpha", g, 5001));
	assert_true(poison_note_death(&next, &f->board, "alpha", g, 5002));
	assert_ok(poison_load_suspects(
	    &late, folder, 5000, 901000 + POISON_WINDOW_MS, &e), &e);
	assert_int_equal(late.suspects[0].deaths_ms[POISON_DEATHS - 1], 0);
	assert_ok(poison_load_suspects(&late, folder, 5000, 1, &e), &e);	/* set back */
	assert_int_equal(late.suspects[0].deaths_ms[POISON_DEATHS - 1], 5000);
	unit_folder_gone(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	    TEST(the_third_death_quarantines_that_generation_alone),
	    TEST(deaths_far_apart_are_nobodys_fault),
	    TEST(a_death_without_a_tenant_counts_for_nobody),
	    TEST(it_is_lifted_by_another_generation_and_by_hand),
	    TEST(more_than_fit_push_out_the_oldest),
	    TEST(latencies_fall_into_powers_of_two),
	    TEST(a_worker_hangs_only_without_a_request),
	    TEST(deaths_are_kept_over_a_restart),
	    cmocka_unit_test_setup_teardown(the_list_is_kept_over_a_restart, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
