/* test_demand.c - whether anybody asks, by the scoreboard. */
#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../fcgi/demand.h"

static const int64_t ms = 1000000;

static int
open_board(void **state)
{
	static struct board board;
	struct err e;

	assert_ok(board_create(&board, 3, &e), &e);
	atomic_store(&board.head->workers, 3);
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
unknown_is_demand(void **state)
{
	(void)state;
	demand_look_at(NULL);
	assert_true(demand_is_there(1));
	assert_true(demand_is_there(INT64_MAX / 2));
}

static void
nobody_asked(void **state)
{
	(void)state;
	assert_false(demand_is_there(5000 * ms));
}

static void
it_lasts_a_second_after_a_request(void **state)
{
	struct board *b = *state;

	demand_is_there(5000 * ms);
	atomic_fetch_add(&b->slots[2].requests, 1);
	assert_true(demand_is_there(6000 * ms));
	assert_true(demand_is_there(6999 * ms));
	assert_false(demand_is_there(7000 * ms));
	atomic_fetch_add(&b->slots[0].requests, 1);
	assert_true(demand_is_there(7001 * ms));
}

static void
a_request_in_hand_is_demand(void **state)
{
	struct board *b = *state;

	demand_is_there(5000 * ms);
	atomic_store(&b->slots[1].request_ns, 4000 * ms);
	assert_true(demand_is_there(20000 * ms));
	assert_true(demand_is_there(40000 * ms));
	atomic_store(&b->slots[1].request_ns, 0);
	assert_true(demand_is_there(40999 * ms));
	assert_false(demand_is_there(41000 * ms));
}

static void
one_that_waits_for_a_model_is_none(void **state)
{
	struct board *b = *state;

	demand_is_there(5000 * ms);
	atomic_store(&b->slots[1].stage, STAGE_ANSWER);
	atomic_store(&b->slots[1].request_ns, 4000 * ms);
	assert_false(demand_is_there(20000 * ms));
}

static void
in_hand_is_now_or_since_the_last_look(void **state)
{
	struct board *b = *state;
	uint64_t done = 0;

	demand_is_in_hand(&done);
	assert_false(demand_is_in_hand(&done));
	atomic_store(&b->slots[1].request_ns, 1);
	assert_true(demand_is_in_hand(&done));
	assert_true(demand_is_in_hand(&done));
	atomic_store(&b->slots[1].stage, STAGE_ANSWER);
	assert_false(demand_is_in_hand(&done));
	atomic_store(&b->slots[1].request_ns, 0);
	assert_false(demand_is_in_hand(&done));
	atomic_fetch_add(&b->slots[2].requests, 1);
	assert_true(demand_is_in_hand(&done));
	assert_false(demand_is_in_hand(&done));
	demand_look_at(NULL);
	assert_false(demand_is_in_hand(&done));
	assert_int_equal(demand_workers(), 0);
}

/* There is room for hundreds: to read it all, thousands of times a second, costs what it should save. */
static void
only_slots_that_are_filled_are_read(void **state)
{
	struct board *b = *state;
	uint64_t done = 0;

	atomic_store(&b->head->workers, 2);
	demand_is_in_hand(&done);
	demand_is_there(5000 * ms);
	atomic_store(&b->slots[2].request_ns, 4000 * ms);
	assert_false(demand_is_there(20000 * ms));
	assert_false(demand_is_in_hand(&done));
	assert_int_equal(demand_workers(), 2);
	atomic_store(&b->head->workers, 1000);
	assert_int_equal(demand_workers(), 3);
	assert_true(demand_is_there(20000 * ms));
}

/* What a build does, with the fd that it inherits. */
static void
a_build_sees_what_workers_write(void **state)
{
	struct board *b = *state;
	char fd[16];
	int copy = dup(b->fd);

	snprintf(fd, sizeof fd, "%d", copy);
	setenv("RAGPOOL_BOARD_FD", fd, 1);
	demand_look_at(NULL);
	demand_begin();
	assert_int_equal(fcntl(copy, F_GETFD), -1);
	demand_is_there(5000 * ms);
	assert_false(demand_is_there(9000 * ms));
	atomic_store(&b->slots[1].request_ns, 1);
	assert_true(demand_is_there(9000 * ms));
	unsetenv("RAGPOOL_BOARD_FD");
}

static void
what_is_no_scoreboard_is_not_believed(void **state)
{
	static const char *const bad[] = {"", "x", "7x", "-1", "999"};
	int fd = memfd_create("empty", MFD_CLOEXEC);
	char number[16];

	(void)state;
	demand_look_at(NULL);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		setenv("RAGPOOL_BOARD_FD", bad[i], 1);
		demand_begin();
		assert_true(demand_is_there(1));
	}
	snprintf(number, sizeof number, "%d", fd);
	setenv("RAGPOOL_BOARD_FD", number, 1);
	demand_begin();
	assert_true(demand_is_there(1));
	unsetenv("RAGPOOL_BOARD_FD");
}

int
main(void)
{
#define with_board(f) cmocka_unit_test_setup_teardown(f, open_board, close_board)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(unknown_is_demand),
	    with_board(nobody_asked),
	    with_board(it_lasts_a_second_after_a_request),
	    with_board(a_request_in_hand_is_demand),
	    with_board(one_that_waits_for_a_model_is_none),
	    with_board(in_hand_is_now_or_since_the_last_look),
	    with_board(only_slots_that_are_filled_are_read),
	    with_board(a_build_sees_what_workers_write),
	    with_board(what_is_no_scoreboard_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
