/* test_consul_lock.c - sessions and locks: every state, every event, and whole lives. */
#include "unit.h"

#include "../../fcgi/consul_lock.h"

static struct consul_session s;
static struct consul_lock l;

static int
begin(void **state)
{
	(void)state;
	s = (struct consul_session){0};
	l = (struct consul_lock){0};
	return 0;
}

static enum session_ask
turn(bool is_wanted, int64_t now)
{
	bool expired;

	return consul_session_turn(&s, is_wanted, &expired, now);
}

/* A session that lives, made at `now`. */
static void
make_session(int64_t now)
{
	assert_int_equal(turn(true, now), SESSION_ASK_MAKE);
	assert_false(consul_session_event(&s, SESSION_EV_MADE, "11111111-2222", now));
	assert_int_equal(s.state, SESSION_ALIVE);
}

static void
hold_lock(int64_t now)
{
	assert_false(consul_lock_event(&l, LOCK_EV_WANT, now));
	assert_true(consul_lock_is_due(&l, &s, now));
	consul_lock_event(&l, LOCK_EV_TRY, now);
	assert_false(consul_lock_is_due(&l, &s, now));
	assert_false(consul_lock_event(&l, LOCK_EV_GRANTED, now));
	assert_int_equal(l.state, LOCK_HELD);
}

static void
no_event_leads_out_of_the_tables(void **state)
{
	(void)state;
	for (int from = 0; from < SESSION_STATE_MAX; from++)
		for (int event = 0; event < SESSION_EV_MAX; event++)
			assert_true(session_next_state((enum session_state)from,
			    (enum session_event)event) < SESSION_STATE_MAX);
	for (int from = 0; from < LOCK_STATE_MAX; from++)
		for (int event = 0; event < LOCK_EV_MAX; event++)
			assert_true(lock_next_state((enum lock_state)from, (enum lock_event)event) <
			    LOCK_STATE_MAX);
}

/* Held only by a grant that was asked for; left only by a drop or with the session. */
static void
a_lock_is_held_by_a_grant_alone(void **state)
{
	(void)state;
	for (int from = 0; from < LOCK_STATE_MAX; from++)
		for (int event = 0; event < LOCK_EV_MAX; event++) {
			enum lock_state next =
			    lock_next_state((enum lock_state)from, (enum lock_event)event);
			if (next == LOCK_HELD && from != LOCK_HELD)
				assert_true(from == LOCK_TRYING && event == LOCK_EV_GRANTED);
			if (from == LOCK_HELD && next != LOCK_HELD)
				assert_true(event == LOCK_EV_DROP || event == LOCK_EV_GONE);
			if (event == LOCK_EV_DROP)
				assert_true(next == LOCK_FREE || next == LOCK_DROPPING ||
				    next == LOCK_RELEASING);
		}
}

static void
a_session_is_made_when_wanted_and_renewed_in_time(void **state)
{
	(void)state;
	assert_int_equal(turn(false, 1000), SESSION_ASK_NOTHING);
	assert_int_equal(consul_session_due(&s, false), INT64_MAX);
	make_session(1000);
	assert_int_equal(consul_session_due(&s, false), 1000 + SESSION_RENEW_MS);
	assert_int_equal(turn(true, 10999), SESSION_ASK_NOTHING);
	assert_int_equal(turn(true, 11000), SESSION_ASK_RENEW);
	assert_int_equal(turn(true, 11001), SESSION_ASK_NOTHING);
	assert_false(consul_session_event(&s, SESSION_EV_RENEWED, NULL, 11010));
	assert_int_equal(s.alive_until_ms, 11010 + SESSION_TTL_MS);
	assert_int_equal(consul_session_due(&s, true), 21010);
}

static void
a_renewal_that_fails_is_tried_again_until_the_ttl_is_over(void **state)
{
	int64_t now = 11000;
	bool expired = false;
	int tries = 0;

	(void)state;
	make_session(1000);
	hold_lock(1000);
	for (; !expired; now += 500) {
		enum session_ask ask = consul_session_turn(&s, true, &expired, now);
		if (ask == SESSION_ASK_RENEW) {
			tries++;
			assert_false(consul_session_event(&s, SESSION_EV_FAILED, NULL, now));
		}
		assert_true(now < 60000);
	}
	assert_int_equal(now - 500, 1000 + SESSION_TTL_MS);
	assert_true(tries > 10);
	assert_int_equal(s.lost, 1);
	assert_string_equal(s.id, "");
	consul_lock_event(&l, LOCK_EV_GONE, now);
	assert_true(l.is_lost);
	assert_int_equal(l.state, LOCK_WANTED);
	assert_false(consul_lock_is_due(&l, &s, now));	/* not before there is a session */
}

static void
a_session_the_server_forgot_takes_its_locks_along_and_is_made_anew(void **state)
{
	(void)state;
	make_session(0);
	hold_lock(0);
	assert_int_equal(turn(true, SESSION_RENEW_MS), SESSION_ASK_RENEW);
	assert_true(consul_session_event(&s, SESSION_EV_GONE, NULL, 10010));
	consul_lock_event(&l, LOCK_EV_GONE, 10010);
	assert_true(l.is_lost);
	make_session(10010);
	assert_true(consul_lock_is_due(&l, &s, 10010));
	consul_lock_event(&l, LOCK_EV_TRY, 10010);
	consul_lock_event(&l, LOCK_EV_REFUSED, 10020);	/* the lock-delay */
	assert_true(l.is_lost);
	assert_false(consul_lock_is_due(&l, &s, 10020 + LOCK_RETRY_MS - 1));
	assert_true(consul_lock_is_due(&l, &s, 10020 + LOCK_RETRY_MS));
	consul_lock_event(&l, LOCK_EV_TRY, 12020);
	consul_lock_event(&l, LOCK_EV_GRANTED, 12030);
	assert_false(l.is_lost);
	assert_int_equal(s.made, 2);
}

static void
a_session_that_may_not_be_is_asked_for_seldom(void **state)
{
	(void)state;
	assert_int_equal(turn(true, 0), SESSION_ASK_MAKE);
	consul_session_event(&s, SESSION_EV_DENIED, NULL, 5);
	assert_int_equal(s.state, SESSION_DENIED);
	assert_int_equal(turn(true, 5 + SESSION_DENIED_MS - 1), SESSION_ASK_NOTHING);
	assert_int_equal(turn(true, 5 + SESSION_DENIED_MS), SESSION_ASK_MAKE);
}

static void
a_session_nobody_wants_is_given_up(void **state)
{
	int64_t now = 0;
	enum session_ask ask;

	(void)state;
	make_session(0);
	while ((ask = turn(false, now)) != SESSION_ASK_END) {
		if (ask == SESSION_ASK_RENEW)
			consul_session_event(&s, SESSION_EV_RENEWED, NULL, now);
		now += 1000;
		assert_true(now < 2 * LOCK_IDLE_MS + SESSION_RENEW_MS);
	}
	assert_true(now >= LOCK_IDLE_MS);
	assert_string_equal(s.id, "11111111-2222");	/* to be destroyed */
	assert_int_equal(s.state, SESSION_NONE);
	assert_int_equal(turn(false, now + 100000), SESSION_ASK_NOTHING);
	make_session(now + 100000);
}

static void
what_is_dropped_in_the_middle_of_a_try_is_released(void **state)
{
	static const struct {
		enum lock_event answer;
		bool release;
		enum lock_state then;
	} t[] = {{LOCK_EV_GRANTED, true, LOCK_RELEASING}, {LOCK_EV_REFUSED, false, LOCK_FREE},
	    {LOCK_EV_FAILED, true, LOCK_RELEASING}};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		begin(NULL);
		make_session(0);
		consul_lock_event(&l, LOCK_EV_WANT, 0);
		consul_lock_event(&l, LOCK_EV_TRY, 0);
		assert_false(consul_lock_event(&l, LOCK_EV_DROP, 1));
		assert_int_equal(l.state, LOCK_DROPPING);
		assert_int_equal(consul_lock_event(&l, t[i].answer, 2), t[i].release);
		assert_int_equal(l.state, t[i].then);
		consul_lock_event(&l, LOCK_EV_RELEASED, 3);
		assert_int_equal(l.state, LOCK_FREE);
	}
}

static void
a_lock_wanted_again_waits_for_its_release(void **state)
{
	(void)state;
	make_session(0);
	hold_lock(0);
	assert_true(consul_lock_event(&l, LOCK_EV_DROP, 10));
	consul_lock_event(&l, LOCK_EV_WANT, 11);
	assert_false(consul_lock_is_due(&l, &s, 11));
	consul_lock_event(&l, LOCK_EV_RELEASED, 12);
	assert_true(consul_lock_is_due(&l, &s, 11 + SESSION_RETRY_MS));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
	    T(no_event_leads_out_of_the_tables),
	    T(a_lock_is_held_by_a_grant_alone),
	    T(a_session_is_made_when_wanted_and_renewed_in_time),
	    T(a_renewal_that_fails_is_tried_again_until_the_ttl_is_over),
	    T(a_session_the_server_forgot_takes_its_locks_along_and_is_made_anew),
	    T(a_session_that_may_not_be_is_asked_for_seldom),
	    T(a_session_nobody_wants_is_given_up),
	    T(what_is_dropped_in_the_middle_of_a_try_is_released),
	    T(a_lock_wanted_again_waits_for_its_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
