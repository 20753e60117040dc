/* test_meter.c - rates: exact over processes, forgotten when past, fair when scarce. */
#include "unit.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../core/clk.h"
#include "../../fcgi/quota.h"
#include "../../fcgi/meter.h"
#include "../../fcgi/share.h"
#include "../../fcgi/watch.h"

static struct meter *meter;

static int
make_meter(void **state)
{
	(void)state;
	meter = mmap(NULL, sizeof *meter, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return meter == MAP_FAILED ? -1 : 0;
}

static int
drop_meter(void **state)
{
	(void)state;
	return munmap(meter, sizeof *meter);
}

static unsigned
taken(uint64_t key, const struct meter_rule *rule, unsigned tries, int64_t now_us)
{
	struct meter_answer a;
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += meter_take(meter, key, rule, now_us, &a);
	return n;
}

static void
a_burst_is_let_in_and_then_the_rate(void **state)
{
	struct meter_rule rule = meter_rule_of(10, 1);
	struct meter_answer a;
	int64_t now = 5000000;

	(void)state;
	assert_true(meter_take(meter, 1, &rule, now, &a));
	assert_int_equal(a.limit, 10);
	assert_int_equal(a.remaining, 9);
	assert_int_equal(a.retry_s, 0);
	assert_int_equal(taken(1, &rule, 100, now), 9);
	assert_false(meter_take(meter, 1, &rule, now, &a));
	assert_int_equal(a.remaining, 0);
	assert_int_equal(a.retry_s, 1);
	assert_int_equal(a.reset_s, 1);
	assert_int_equal(taken(1, &rule, 100, now + 99999), 0);
	assert_int_equal(taken(1, &rule, 100, now + 100000), 1);
	assert_int_equal(taken(1, &rule, 100, now + 500000), 4);
	assert_int_equal(taken(1, &rule, 100, now + 60000000), 10);
	assert_int_equal(taken(2, &rule, 100, now), 10);	/* another key is another's */
}

static void
slow_rates_and_no_rates(void **state)
{
	struct meter_rule hourly = meter_rule_of(3, 3600), none = meter_rule_of(0, 1);
	struct meter_answer a;
	int64_t now = 1;

	(void)state;
	assert_int_equal(none.interval_us, 0);
	assert_int_equal(taken(3, &hourly, 100, now), 3);
	assert_false(meter_take(meter, 3, &hourly, now, &a));
	assert_int_equal(a.retry_s, 1200);
	assert_int_equal(taken(3, &hourly, 100, now + INT64_C(1200000000)), 1);
}

static void
the_clock_may_wrap(void **state)
{
	struct meter_rule rule = meter_rule_of(10, 1);
	int64_t wrap = INT64_C(1) << 44, now = wrap - 50000;

	(void)state;
	assert_int_equal(taken(4, &rule, 100, now), 10);
	assert_int_equal(taken(4, &rule, 100, now + 100000), 1);
	/* Half a turn later the old time seems to lie ahead; it is not believed. */
	assert_int_equal(taken(4, &rule, 100, now + wrap / 2), 10);
}

/* Whatever else is counted, a key that is under way is not forgotten. */
static void
many_keys_do_not_disturb_each_other(void **state)
{
	struct meter_rule rule = meter_rule_of(2, 1);
	unsigned wrong = 0;
	int64_t now = 7000000;

	(void)state;
	for (uint64_t i = 0; i < 20000; i++)
		if (taken(meter_key(9, &i, sizeof i), &rule, 1, now) != 1)
			wrong++;
	for (uint64_t i = 0; i < 20000; i++)
		if (taken(meter_key(9, &i, sizeof i), &rule, 5, now) != 1)
			wrong++;
	/* 20,000 keys in 32,768 sets: a shared bucket or a full set is that rare. */
	assert_true(wrong <= 4);
}

static void
several_processes_let_in_exactly_the_burst(void **state)
{
	enum { PROCESSES = 4, TRIES = 40000, BURST = 50000 };
	struct meter_rule rule = meter_rule_of(BURST, 3600);
	_Atomic unsigned *sum = mmap(
	    NULL, sizeof *sum, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			atomic_fetch_add(sum, taken(5, &rule, TRIES, 9000000));
			_exit(0);
		}
	for (int i = 0; i < PROCESSES; i++)
		wait(NULL);
	assert_int_equal(*sum, BURST);
	munmap((void *)sum, sizeof *sum);
}

static void
debts_grow_are_bounded_and_go(void **state)
{
	int64_t now = 11000000;

	(void)state;
	assert_int_equal(meter_debt(meter, 6, now), 0);
	meter_charge(meter, 6, 300, 1000, now);
	meter_charge(meter, 6, 300, 1000, now);
	assert_int_equal(meter_debt(meter, 6, now), 600);
	assert_int_equal(meter_debt(meter, 6, now + 100), 500);
	meter_charge(meter, 6, 99999, 1000, now);
	assert_int_equal(meter_debt(meter, 6, now), 1000);
	assert_int_equal(meter_debt(meter, 6, now + 5000), 0);
}

static void
rules_are_read(void **state)
{
	static const char *const bad[] = {"", "5", "5/", "/5", "5/0", "5/3601", "1000001/1", "5/1x"};
	struct meter_rule rule;

	(void)state;
	assert_true(quota_read_rule(&rule, "100/60"));
	assert_int_equal(rule.interval_us, 600000);
	assert_int_equal(rule.burst, 100);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (quota_read_rule(&rule, bad[i]))
			fail_msg("%s", bad[i]);
}

/* What was counted by the address is in; whoever enters a second time is counted a second time. */
static void
a_tenant_in_the_address_is_counted_once(void **state)
{
	const struct quota_rules rules = {.tenant = meter_rule_of(10, 3600), .fair = true};
	struct quota l = {.rules = &rules, .meter = meter};
	struct reply p;
	struct err e;

	(void)state;
	reply_init(&p);
	for (unsigned i = 1; i <= 3; i++) {
		quota_begin(&l);
		assert_int_equal(quota_check_address(&l, "addressed", &p, &e), 0);
		assert_int_equal(quota_check_tenant(&l, "addressed", &p, &e), 0);
		assert_int_equal(l.told.remaining, 10 - 2 * i + 1);
		assert_int_equal(quota_check_tenant(&l, "addressed", &p, &e), 0);
		assert_int_equal(l.told.remaining, 10 - 2 * i);
	}
	quota_begin(&l);
	assert_int_equal(quota_check_address(&l, "addressed", &p, &e), 0);
	quota_begin(&l);	/* the next request does not live on what this one paid */
	assert_int_equal(quota_check_tenant(&l, "addressed", &p, &e), 0);
	assert_int_equal(l.told.remaining, 2);
	for (int i = 0; i < 3; i++) {
		quota_begin(&l);
		assert_int_equal(quota_check_address(&l, "addressed", &p, &e), i < 2 ? 0 : -1);
	}
	assert_int_equal(e.code, ERR_RATE);
	reply_fini(&p);
}

/* ---- fair shares ---- */

static void
set_busy(struct board *b, unsigned busy)
{
	for (unsigned i = 0; i < b->head->slots; i++) {
		atomic_store(&b->slots[i].state, i < busy ? SLOT_SERVING : SLOT_IDLE);
		atomic_store(&b->slots[i].request_ns, i < busy ? 1 : 0);
	}
}

/* So many requests of `ms` each, one after another; how many were let in. */
static unsigned
ask(struct share *s, const char *tenant, unsigned n, int64_t ms, int64_t *now)
{
	unsigned in = 0;

	for (unsigned i = 0; i < n; i++) {
		if (share_enter(s, tenant, *now)) {
			in++;
			*now += ms * 1000;
			share_leave(s, *now);
		} else {
			*now += 1000;
		}
	}
	return in;
}

static void
only_who_took_too_much_waits_and_only_when_workers_are_scarce(void **state)
{
	struct board b;
	struct share s;
	int64_t now = 1000000000;
	unsigned in = 0;
	struct err e;

	(void)state;
	assert_ok(board_create(&b, 4, &e), &e);
	s = (struct share){.board = &b, .slot = 0};
	set_busy(&b, 4);
	/* Alone, one tenant may have everything, for as long as it likes. */
	assert_int_equal(ask(&s, "noisy", 100, 100, &now), 100);
	/* Beside another it may have half of them.  It tries to have all four at once, ten times
	 * a second; a refusal is over at once. */
	for (int i = 0; i < 40; i++) {
		struct share other = {.board = &b, .slot = (unsigned)i % 4};
		int64_t then = now;
		ask(&s, "quiet", 1, 1, &then);
		then = now;
		in += ask(&other, "noisy", 1, 100, &then);
		now += i % 4 == 3 ? 100000 : 0;
	}
	assert_in_range(in, 18, 26);
	for (int i = 0; i < 16; i++) {
		int64_t then = now;
		ask(&s, "noisy", 1, 100, &then);
	}
	assert_false(share_enter(&s, "noisy", now));
	assert_true(share_enter(&s, "quiet", now));
	share_leave(&s, now + 1000);
	/* With workers to spare nobody waits. */
	set_busy(&b, 1);
	assert_true(share_enter(&s, "noisy", now));
	share_leave(&s, now);
	set_busy(&b, 4);
	assert_false(share_enter(&s, "noisy", now));
	/* A second later its debt is gone, and so is the other tenant. */
	now += 1100000;
	assert_true(share_enter(&s, "noisy", now));
	share_leave(&s, now);
	board_close(&b);
}

/* A tenant with all four workers for so long, that owes as much as can be owed. */
static void
take_everything(struct board *b, const char *tenant, int64_t *now)
{
	for (int i = 0; i < 80; i++) {
		struct share s = {.board = b, .slot = (unsigned)i % 4};
		int64_t then = *now;
		assert_int_equal(ask(&s, tenant, 1, 50, &then), 1);
		*now += i % 4 == 3 ? 50000 : 0;
	}
	assert_true(meter_debt(b->meter, meter_key(0x7368, tenant, strlen(tenant)), *now) >
	    SHARE_DEBT_US);
}

static void
a_stranger_is_let_past_but_nobody_waits_for_one_who_does_not_come(void **state)
{
	struct board b;
	struct share s;
	int64_t now = 1000000000;
	struct err e;

	(void)state;
	assert_ok(board_create(&b, 4, &e), &e);
	s = (struct share){.board = &b, .slot = 0};
	set_busy(&b, 4);
	take_everything(&b, "noisy", &now);
	/* It owes, but all workers are free for the stranger: nobody was held up. */
	set_busy(&b, 1);
	assert_int_equal(ask(&s, "stranger", 1, 1, &now), 1);
	set_busy(&b, 3);
	assert_true(share_enter(&s, "noisy", now));
	share_leave(&s, now);
	/* Another stranger finds all at work: the others step back at once, and not for long. */
	set_busy(&b, 4);
	assert_int_equal(ask(&s, "other", 1, 1, &now), 1);
	set_busy(&b, 3);
	assert_false(share_enter(&s, "noisy", now));
	now += 80000;
	assert_true(share_enter(&s, "noisy", now));
	share_leave(&s, now);
	board_close(&b);
}

static void
one_that_asks_now_and_then_is_expected(void **state)
{
	struct board b;
	struct share s;
	int64_t now = 1000000000;
	struct err e;

	(void)state;
	assert_ok(board_create(&b, 4, &e), &e);
	s = (struct share){.board = &b, .slot = 0};
	set_busy(&b, 4);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&s, "slow", 1, 1, &now), 1);
		now += 5000000;
	}
	assert_int_equal(ask(&s, "slow", 1, 1, &now), 1);
	now += 2000000;
	for (int i = 0; i < 40; i++) {		/* as much as is let in, all at once */
		int64_t then = now;
		ask(&s, "noisy", 1, 50, &then);
	}
	assert_false(share_enter(&s, "noisy", now));
	set_busy(&b, 2);
	assert_true(share_enter(&s, "noisy", now));
	share_leave(&s, now);
	board_close(&b);
}

/* It owes little, but has its half in hand and would take the last worker but one. */
static void
nobody_takes_all_workers_at_one_moment(void **state)
{
	struct board b;
	struct share s[4];
	int64_t now = 1000000000;
	struct err e;

	(void)state;
	assert_ok(board_create(&b, 4, &e), &e);
	for (unsigned i = 0; i < 4; i++)
		s[i] = (struct share){.board = &b, .slot = i};
	set_busy(&b, 4);
	assert_int_equal(ask(&s[3], "noisy", 1, 100, &now), 1);	/* owes 50 ms */
	assert_int_equal(ask(&s[3], "quiet", 1, 1, &now), 1);	/* was held up */
	assert_true(share_enter(&s[0], "noisy", now));
	assert_true(share_enter(&s[1], "noisy", now));
	assert_false(share_enter(&s[2], "noisy", now));
	assert_true(share_enter(&s[2], "quiet", now));
	share_leave(&s[2], now);
	/* One of four is free still, or nobody else is there: the third may go. */
	atomic_store(&b.slots[3].state, SLOT_IDLE);
	assert_true(share_enter(&s[2], "noisy", now));
	share_leave(&s[2], now);
	set_busy(&b, 4);
	now += 20000;
	assert_false(share_enter(&s[2], "noisy", now));
	now += 100000;
	assert_true(share_enter(&s[2], "noisy", now));
	for (int i = 0; i < 3; i++)
		share_leave(&s[i], now);
	assert_int_equal(atomic_load(&b.slots[0].share_key), 0);
	board_close(&b);
}

/* Nobody was held up, and the last free worker is kept for who comes back all the same. */
static void
the_last_free_worker_is_not_for_one_that_owes_much(void **state)
{
	struct board b, one;
	struct share s, only;
	int64_t now = 1000000000;
	struct err e;

	(void)state;
	assert_ok(board_create(&b, 4, &e), &e);
	s = (struct share){.board = &b, .slot = 0};
	set_busy(&b, 1);
	assert_int_equal(ask(&s, "quiet", 1, 1, &now), 1);
	take_everything(&b, "noisy", &now);
	set_busy(&b, 3);
	assert_true(share_enter(&s, "noisy", now));
	share_leave(&s, now);
	set_busy(&b, 4);
	assert_false(share_enter(&s, "noisy", now));
	assert_true(share_enter(&s, "quiet", now));
	share_leave(&s, now);
	/* For a minute. */
	now += SHARE_RECENT_US;
	take_everything(&b, "noisy", &now);
	assert_true(share_enter(&s, "noisy", now));
	share_leave(&s, now);
	board_close(&b);
	/* Where there is but one worker, nothing can be kept. */
	assert_ok(board_create(&one, 1, &e), &e);
	only = (struct share){.board = &one, .slot = 0};
	set_busy(&one, 0);
	assert_int_equal(ask(&only, "quiet", 1, 1, &now), 1);
	now += 1000000;
	assert_int_equal(ask(&only, "noisy", 20, 100, &now), 20);
	board_close(&one);
}

/* How often the worker gives way in a request with a stage each `stage_us`. */
static unsigned
count_ways_given(struct share *s, unsigned stages, int64_t stage_us, int64_t *now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < stages; i++) {
		*now += stage_us;
		if (!share_should_give_way(s, *now))
			continue;
		n++;
		share_gave_way(s, *now);
	}
	return n;
}

static unsigned
ways_given_to(struct share *s, const char *tenant, unsigned stages, int64_t stage_us, int64_t *now)
{
	unsigned n;

	assert_true(share_enter(s, tenant, *now));
	n = count_ways_given(s, stages, stage_us, now);
	share_leave(s, *now);
	return n;
}

static void
whoever_owes_or_takes_long_gives_way(void **state)
{
	struct board b;
	struct share s;
	int64_t now = 1000000000;
	struct err e;

	(void)state;
	assert_ok(board_create(&b, 4, &e), &e);
	s = (struct share){.board = &b, .slot = 0};
	set_busy(&b, 1);
	assert_int_equal(count_ways_given(&s, 10, 100000, &now), 0);	/* no request, no haste */
	/* A question of half a millisecond never does, a long request once a millisecond. */
	assert_int_equal(ways_given_to(&s, "noisy", 5, 100, &now), 0);
	assert_int_equal(ways_given_to(&s, "noisy", 200, 100, &now), 20);
	/* What owes, but has been alone: no more often. */
	take_everything(&b, "noisy", &now);
	set_busy(&b, 1);
	assert_int_equal(ways_given_to(&s, "noisy", 200, 100, &now), 20);
	/* Others are about: at each stage.  They are within their share and go on as before. */
	assert_int_equal(ways_given_to(&s, "quiet", 5, 100, &now), 0);
	assert_int_equal(ways_given_to(&s, "noisy", 200, 100, &now), 200);
	assert_int_equal(ways_given_to(&s, "quiet", 5, 100, &now), 0);
	/* The time in which others had the processor is not its own. */
	assert_true(share_enter(&s, "quiet", now));
	now += SHARE_LONG_US;
	assert_true(share_should_give_way(&s, now));
	now += 10 * SHARE_LONG_US;
	share_gave_way(&s, now);
	assert_false(share_should_give_way(&s, now + SHARE_LONG_US - 1));
	share_leave(&s, now);
	/* Nothing is owed for ever. */
	now += 2000000;
	assert_int_equal(ways_given_to(&s, "noisy", 5, 100, &now), 0);
	board_close(&b);
}

/* The stages of a request are where it does. */
static void
a_worker_gives_way_between_stages(void **state)
{
	struct board b;
	struct share s;
	struct watch w = {.share = &s};
	int64_t now = clk_ns() / 1000;
	struct err e;

	(void)state;
	assert_ok(board_create(&b, 4, &e), &e);
	s = (struct share){.board = &b, .slot = 0};
	watch_begin(&w);
	assert_ptr_equal(w.share, &s);
	assert_true(share_enter(&s, "quiet", now));
	watch_stage(&w, STAGE_OTHER);
	share_leave(&s, now + 1);
	assert_true(share_enter(&s, "noisy", now));
	s.gave_way_us = now - SHARE_LONG_US;		/* has taken long */
	watch_stage(&w, STAGE_SEARCH);
	assert_true(s.gave_way_us >= now);
	share_leave(&s, now + 1);
	s.gave_way_us = 0;
	watch_stage(&w, STAGE_WRITE);
	assert_int_equal(s.gave_way_us, 0);		/* no request */
	board_close(&b);
}

/* Where connections would soon be refused to everyone, those who owe are, also alone. */
static void
the_line_is_kept_short_by_those_who_owe(void **state)
{
	struct board b;
	struct share s;
	uint64_t woken;
	int line[2];
	int64_t now = 1000000000;
	struct err e;

	(void)state;
	assert_ok(board_create(&b, 4, &e), &e);
	s = (struct share){.board = &b, .slot = 0};
	set_busy(&b, 4);
	take_everything(&b, "noisy", &now);
	assert_int_equal(pipe(line), 0);
	assert_int_equal(write(line[1], "", 1), 1);	/* somebody waits */
	s.listen_fd = line[0];
	atomic_store(&b.head->pools[0].listen_queue_len, 511);
	atomic_store(&b.head->pools[0].listen_queue, 200);
	assert_true(share_enter(&s, "noisy", now));
	share_leave(&s, now);
	assert_int_equal(read(b.wake_fd, &woken, sizeof woken), sizeof woken);	/* to count it */
	assert_int_equal(read(b.wake_fd, &woken, sizeof woken), -1);
	atomic_store(&b.head->pools[0].listen_queue, 300);
	assert_false(share_enter(&s, "noisy", now));
	/* Others are about: sooner. */
	atomic_store(&b.head->pools[0].listen_queue, 65);
	assert_true(share_enter(&s, "noisy", now));
	share_leave(&s, now);
	assert_true(share_enter(&s, "quiet", now));
	share_leave(&s, now);
	now += 200000;
	assert_false(share_enter(&s, "noisy", now));
	/* The line is gone since the supervisor looked. */
	set_busy(&b, 3);
	s.listen_fd = line[1];
	assert_true(share_enter(&s, "noisy", now));
	share_leave(&s, now);
	close(line[0]);
	close(line[1]);
	board_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_burst_is_let_in_and_then_the_rate),
	    cmocka_unit_test(slow_rates_and_no_rates),
	    cmocka_unit_test(the_clock_may_wrap),
	    cmocka_unit_test(many_keys_do_not_disturb_each_other),
	    cmocka_unit_test(several_processes_let_in_exactly_the_burst),
	    cmocka_unit_test(debts_grow_are_bounded_and_go),
	    cmocka_unit_test(rules_are_read),
	    cmocka_unit_test(a_tenant_in_the_address_is_counted_once),
	    cmocka_unit_test(only_who_took_too_much_waits_and_only_when_workers_are_scarce),
	    cmocka_unit_test(a_stranger_is_let_past_but_nobody_waits_for_one_who_does_not_come),
	    cmocka_unit_test(one_that_asks_now_and_then_is_expected),
	    cmocka_unit_test(nobody_takes_all_workers_at_one_moment),
	    cmocka_unit_test(the_last_free_worker_is_not_for_one_that_owes_much),
	    cmocka_unit_test(whoever_owes_or_takes_long_gives_way),
	    cmocka_unit_test(a_worker_gives_way_between_stages),
	    cmocka_unit_test(the_line_is_kept_short_by_those_who_owe),
	};
	return cmocka_run_group_tests(tests, make_meter, drop_meter);
}
