/* test_rest.c - every thread of a build pauses while questions are asked, and nothing else changes. */
#include "unit.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../../core/clk.h"
#include "../../core/crew.h"
#include "../../fcgi/demand.h"
#include "../../fcgi/rest.h"

enum { PAUSES = 20, HUNG_S = 60 };

/* How often this thread left the processor of itself. */
static long
pauses(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nvcsw;
}

/* How often this thread paused in so much processor time. */
static long
pauses_in(long ms)
{
	clockid_t me = CLOCK_THREAD_CPUTIME_ID;
	struct timespec began, now;
	long first = pauses();

	clock_gettime(me, &began);
	do
		clock_gettime(me, &now);
	while ((now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1000000 < ms);
	return pauses() - first;
}

static atomic_int rested;

/* Computes until it has paused often enough; no system call of the loop's own ever waits. */
static void
compute(void *context, size_t part)
{
	int64_t until = clk_ns() + HUNG_S * INT64_C(1000000000);
	long first = pauses();

	(void)context;
	(void)part;
	while (pauses() - first < PAUSES && clk_ns() < until)
		continue;
	if (pauses() - first >= PAUSES)
		atomic_fetch_add(&rested, 1);
}

static void
who_computes_pauses(void **state)
{
	struct err e;

	(void)state;
	assert_ok(rest_begin(&e), &e);
	compute(NULL, 0);
	assert_int_equal(rested, 1);
}

static void
hired_threads_pause_too(void **state)
{
	(void)state;
	rested = 0;
	crew_set_size(4);
	crew_run(compute, NULL, 4);
	assert_int_equal(rested, 4);
	/* Timers end with their threads: more crews than a process may have timers. */
	rested = 0;
	for (int i = 0; i < 50; i++)
		crew_run(compute, NULL, 2);
	assert_int_equal(rested, 100);
	crew_set_size(1);
}

static int
open_board(void **state)
{
	static struct board board;
	struct err e;

	assert_ok(board_create(&board, 2, &e), &e);
	atomic_store(&board.head->workers, 2);
	demand_look_at(&board);
	*state = &board;
	return 0;
}

static int
close_board(void **state)
{
	demand_look_at(NULL);
	board_close(*state);
	return 0;
}

static void
nobody_pauses_for_nobody(void **state)
{
	struct board *b = *state;

	assert_in_range(pauses_in(200), 0, PAUSES / 2);
	atomic_store(&b->slots[1].request_ns, 1);
	rested = 0;
	compute(NULL, 0);
	assert_int_equal(rested, 1);
}

/* Two milliseconds of pauses of three tenths, and one of work: six a millisecond. */
static void
way_is_made_while_a_question_is_in_hand(void **state)
{
	enum { SPELL_MS = 100 };
	struct board *b = *state;

	atomic_store(&b->slots[1].request_ns, 1);
	assert_in_range(pauses_in(SPELL_MS), 3 * SPELL_MS, LONG_MAX);
}

/* A read that waits longer than the pauses are apart goes on after each. */
static void *
write_late(void *arg)
{
	static const struct timespec late = {.tv_nsec = 20000000};

	nanosleep(&late, NULL);
	return write(*(int *)arg, "x", 1) == 1 ? arg : NULL;
}

static void
a_read_goes_on(void **state)
{
	int ends[2];
	pthread_t writer;
	void *wrote;
	sigset_t all, old;
	char c;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	assert_int_equal(pthread_create(&writer, NULL, write_late, &ends[1]), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(read(ends[0], &c, 1), 1);
	pthread_join(writer, &wrote);
	assert_non_null(wrote);
	close(ends[0]);
	close(ends[1]);
}

/* By the processor time of a build the supervisor knows whether it hangs: one that waits uses none. */
static void
who_waits_is_left_alone(void **state)
{
	int64_t until = clk_ns() + HUNG_S * INT64_C(1000000000), from;
	int woken = 0;

	(void)state;
	/* Some dozens of looks later nothing interrupts a second's quarter. */
	do {
		struct timespec quarter = {.tv_nsec = 250000000};
		from = clk_ns();
		woken += nanosleep(&quarter, NULL) == -1;
	} while (clk_ns() - from < 250000000 && clk_ns() < until);
	assert_in_range(woken, 0, 60);
}

int
main(void)
{
#define with_board(f) cmocka_unit_test_setup_teardown(f, open_board, close_board)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_computes_pauses),
	    cmocka_unit_test(hired_threads_pause_too),
	    with_board(nobody_pauses_for_nobody),
	    with_board(way_is_made_while_a_question_is_in_hand),
	    cmocka_unit_test(a_read_goes_on),
	    cmocka_unit_test(who_waits_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
