/* test_child.c - short-lived programs: their last line, their end, their time. */
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "../../fcgi/child.h"
#include "json.h"

/* Runs a shell's script to its end, as the supervisor's loop does. */
static void
run(struct child *c, const char *script)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct err e;
	int status;

	assert_ok(child_start(c, "/bin/sh", argv, 1000, 60000, &e), &e);
	while (c->out_fd != -1) {
		struct pollfd p = {.fd = c->out_fd, .events = POLLIN};
		assert_int_equal(poll(&p, 1, 60000), 1);
		child_read(c);
	}
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	assert_false(child_reap(c, c->pid + 1, 0));
	assert_true(child_reap(c, c->pid, status));
	assert_true(c->is_ended);
}

static void
the_last_line_is_the_answer(void **state)
{
	struct child c;
	struct json_object *o;
	const char *text = "";
	struct err e;

	(void)state;
	run(&c, "echo one; echo '{\"a\": \"b\"}'; echo");
	assert_true(child_is_well(&c));
	assert_ok(child_result(&c, &o, &e), &e);
	assert_ok(json_get_text(o, "a", true, 8, &text, &e), &e);
	assert_string_equal(text, "b");
	json_object_put(o);
	child_fini(&c);
	assert_int_equal(c.pid, 0);
}

static void
much_output_keeps_its_end(void **state)
{
	struct child c;
	struct json_object *o;
	struct err e;

	(void)state;
	run(&c, "i=0; while [ $i -lt 4000 ]; do echo 'a line of sixty bytes or so that is of no "
		"interest to anybody'; i=$((i+1)); done; echo '{}'");
	assert_ok(child_result(&c, &o, &e), &e);
	json_object_put(o);
	child_fini(&c);
}

static void
a_failure_says_why(void **state)
{
	static const struct {
		const char *script, *reason;
		bool is_busy;
	} rows[] = {
	    {"echo '{\"error\": {\"message\": \"no such folder\"}}'; exit 66", "no such folder",
		false},
	    {"exit 75", "the build failed: something was busy (exit 75)", true},
	    {"echo not json; exit 3", "the build failed: no reason was given (exit 3)", false},
	    {"kill -SEGV $$", "the build ended by SIGSEGV", false},
	};
	struct child c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		run(&c, rows[i].script);
		assert_false(child_is_well(&c));
		assert_int_equal(child_is_busy(&c), rows[i].is_busy);
		child_reason(&c, "build", &e);
		assert_string_equal(e.text, rows[i].reason);
		child_fini(&c);
	}
}

static void
silence_is_no_answer(void **state)
{
	struct child c;
	struct json_object *o;
	struct err e;

	(void)state;
	run(&c, "exit 0");
	assert_refused(child_result(&c, &o, &e), &e, ERR_INTERNAL);
	assert_null(o);
	child_fini(&c);
}

static void
over_its_time_it_is_asked_and_then_killed(void **state)
{
	const char *argv[] = {"sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done", NULL};
	struct pollfd p = {.events = POLLIN};
	struct child c;
	struct err e;
	int status;

	(void)state;
	assert_ok(child_start(&c, "/bin/sh", argv, 1000, 500, &e), &e);
	p.fd = c.out_fd;
	assert_int_equal(poll(&p, 1, 60000), 1);	/* the trap is set */
	assert_false(child_check_time(&c, 1499));
	assert_true(child_check_time(&c, 1500));
	assert_false(child_check_time(&c, 1501));
	assert_int_equal(waitpid(c.pid, &status, WNOHANG), 0);
	assert_false(child_check_time(&c, 1500 + CHILD_GRACE_MS));
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(child_reap(&c, c.pid, status));
	child_reason(&c, "probe", &e);
	assert_string_equal(e.text, "the probe was stopped");
	child_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_last_line_is_the_answer),
	    cmocka_unit_test(much_output_keeps_its_end),
	    cmocka_unit_test(a_failure_says_why),
	    cmocka_unit_test(silence_is_no_answer),
	    cmocka_unit_test(over_its_time_it_is_asked_and_then_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
