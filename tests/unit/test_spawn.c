/* test_spawn.c - a child gets what it is given, and nothing else. */
#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../fcgi/spawn.h"

/* Runs the shell line and answers its output; *status is how it ended. */
static char *
output_of(const char *line, const char *const *env, int keep, int *status)
{
	static char out[4096];
	const char *argv[] = {"sh", "-c", line, NULL};
	struct spawn s = {
	    .path = "/bin/sh", .argv = argv, .env = env, .in_fd = -1, .err_fd = -1};
	int ends[2];
	size_t used = 0;
	ssize_t n;
	struct err e;
	pid_t pid;

	if (keep != -1) {
		s.keep[0] = keep;
		s.keep_count = 1;
	}
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	s.out_fd = ends[1];
	assert_ok(spawn_run(&pid, &s, &e), &e);
	close(ends[1]);
	while ((n = read(ends[0], out + used, sizeof out - 1 - used)) > 0)
		used += (size_t)n;
	out[used] = '\0';
	close(ends[0]);
	waitpid(pid, status, 0);
	return out;
}

static void
only_the_named_descriptors_cross(void **state)
{
	char wanted[64];
	int kept = fcntl(0, F_DUPFD, 40), other = fcntl(0, F_DUPFD, 50), status;
	char *out;

	(void)state;
	snprintf(wanted, sizeof wanted, "%d\n", kept);
	/* A shell's own descriptors are its own; ours are those from 40 on. */
	out = output_of("for f in /proc/$$/fd/*; do n=${f##*/}; [ $n -ge 40 ] && echo $n; done;"
			":",
	    NULL, kept, &status);
	assert_string_equal(out, wanted);
	close(kept);
	close(other);
}

static void
signals_start_from_nothing(void **state)
{
	/* By the shell itself: while it starts another program it blocks signals. */
	const char *line = "while read name mask; do case $name in SigBlk:|SigIgn:)"
			   " echo $mask;; esac; done </proc/$$/status";
	/* 32 and 33 are the C library's own, and nobody can reset them. */
	const unsigned long long library = 3ull << 31;
	unsigned long long blocked = 1, ignored = 1;
	sigset_t all, before;
	int status;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(
	    sscanf(output_of(line, NULL, -1, &status), "%llx %llx", &blocked, &ignored), 2);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(blocked, 0);
	assert_int_equal(ignored & ~library, 0);
}

static void
signals_that_it_takes_wait_for_it(void **state)
{
	const char *argv[] = {"sh", "-c",
	    "while read name mask; do case $name in SigBlk:) echo $mask;; esac; done </proc/$$/status",
	    NULL};
	struct spawn s = {.path = "/bin/sh", .argv = argv, .in_fd = -1, .err_fd = -1,
	    .takes_signals = true};
	unsigned long long blocked = 0, wanted = 0;
	const int taken[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGTERM};
	char out[64] = "";
	int ends[2], status;
	struct err e;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		wanted |= 1ull << (taken[i] - 1);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	s.out_fd = ends[1];
	assert_ok(spawn_run(&pid, &s, &e), &e);
	close(ends[1]);
	assert_true(read(ends[0], out, sizeof out - 1) > 0);
	close(ends[0]);
	waitpid(pid, &status, 0);
	assert_int_equal(sscanf(out, "%llx", &blocked), 1);
	assert_int_equal(blocked, wanted);
}

static void
the_environment_is_ours_with_the_additions(void **state)
{
	const char *const env[] = {"RAGPOOL_TEST=new", NULL};
	int status;

	(void)state;
	setenv("RAGPOOL_TEST", "old", 1);
	setenv("RAGPOOL_OTHER", "stays", 1);
	assert_string_equal(
	    output_of("echo $RAGPOOL_TEST $RAGPOOL_OTHER", env, -1, &status), "new stays\n");
	assert_int_equal(status, 0);
}

static void
a_program_that_is_not_there_ends_with_71(void **state)
{
	const char *argv[] = {"nothing", NULL};
	struct spawn s = {.path = "/nonexistent/nothing", .argv = argv, .in_fd = -1,
	    .out_fd = -1, .err_fd = open("/dev/null", O_WRONLY)};
	struct err e;
	pid_t pid;
	int status;

	(void)state;
	assert_ok(spawn_run(&pid, &s, &e), &e);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 71);
	close(s.err_fd);
}

static void
a_background_child_leads_its_own_group(void **state)
{
	const char *argv[] = {"sh", "-c", "kill -STOP $$", NULL};
	struct spawn s = {.path = "/bin/sh", .argv = argv, .in_fd = -1, .out_fd = -1,
	    .err_fd = -1, .background = true};
	struct err e;
	pid_t pid;
	int status;

	(void)state;
	assert_ok(spawn_run(&pid, &s, &e), &e);
	assert_int_equal(kill(-pid, SIGKILL), 0);
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status));
}

/* Others take the processor from it as soon as they wake: fcgi/spawn.c. */
static void
a_background_child_gives_way(void **state)
{
	const char *argv[] = {"sh", "-c", "kill -STOP $$", NULL};
	struct spawn s = {.path = "/bin/sh", .argv = argv, .in_fd = -1, .out_fd = -1,
	    .err_fd = -1, .background = true};
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} is = {0};
	struct err e;
	pid_t pid;
	int status;

	(void)state;
	assert_ok(spawn_run(&pid, &s, &e), &e);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_int_equal(syscall(SYS_sched_getattr, pid, &is, (unsigned)sizeof is, 0U), 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(is.policy, SCHED_BATCH);
	assert_int_equal(is.nice, 10);
	if (is.runtime != 0)	/* 0: a kernel that knows no slices */
		assert_int_equal(is.runtime, 100000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_the_named_descriptors_cross),
	    cmocka_unit_test(signals_start_from_nothing),
	    cmocka_unit_test(signals_that_it_takes_wait_for_it),
	    cmocka_unit_test(the_environment_is_ours_with_the_additions),
	    cmocka_unit_test(a_program_that_is_not_there_ends_with_71),
	    cmocka_unit_test(a_background_child_leads_its_own_group),
	    cmocka_unit_test(a_background_child_gives_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
