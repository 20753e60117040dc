/* test_orphans.c - orphans are known by pid and start time, and nobody else is signalled. */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../fcgi/orphans.h"
#include "file.h"

static char *folder;

static int
make_folder(void **state)
{
	(void)state;
	folder = unit_folder();
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(folder);
	return 0;
}

static pid_t
sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGQUIT, SIG_DFL);	/* ignored in what a shell runs in the background */
		for (;;)
			pause();
	}
	return pid;
}

static void
the_living_are_found_and_let_go(void **state)
{
	struct orphan list[2] = {{.pid = sleeper()}, {.pid = sleeper()}};
	struct orphans o;
	struct err e;
	int status;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_true((list[i].started = orphan_started(list[i].pid)) != 0);
	assert_ok(orphans_write(folder, list, 2, &e), &e);
	kill(list[0].pid, SIGKILL);
	waitpid(list[0].pid, &status, 0);
	orphans_read(&o, folder);
	assert_int_equal(o.count, 1);
	assert_int_equal(orphans_release(&o), 1);
	waitpid(list[1].pid, &status, 0);
	assert_int_equal(WTERMSIG(status), SIGQUIT);
	assert_int_equal(orphans_release(&o), 0);
}

static void
one_that_does_not_leave_is_ended(void **state)
{
	struct orphan list[1] = {{.pid = sleeper()}};
	struct orphans o;
	struct err e;
	int status;

	(void)state;
	kill(list[0].pid, SIGSTOP);
	assert_int_equal(waitpid(list[0].pid, &status, WUNTRACED), list[0].pid);
	list[0].started = orphan_started(list[0].pid);
	assert_ok(orphans_write(folder, list, 1, &e), &e);
	orphans_read(&o, folder);
	assert_int_equal(orphans_release(&o), 1);
	assert_int_equal(waitpid(list[0].pid, &status, WNOHANG), 0);
	assert_int_equal(orphans_end(&o), 1);
	waitpid(list[0].pid, &status, 0);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(orphans_end(&o), 0);
}

static void
a_stranger_with_the_pid_is_not_an_orphan(void **state)
{
	struct orphan list[1] = {{.pid = getpid()}};
	struct orphans o;
	struct err e;

	(void)state;
	list[0].started = orphan_started(getpid()) + 1;
	assert_ok(orphans_write(folder, list, 1, &e), &e);
	orphans_read(&o, folder);
	assert_int_equal(o.count, 0);
}

static void
a_zombie_is_not_an_orphan(void **state)
{
	pid_t pid = fork();
	siginfo_t info;
	int status;

	(void)state;
	if (pid == 0)
		_exit(0);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	assert_int_equal(orphan_started(pid), 0);
	waitpid(pid, &status, 0);
}

static void
a_damaged_list_names_nobody(void **state)
{
	static const char *const texts[] = {
	    "", "\n\n", "1 1\n", "-1 5\n", "0 0\n", "x y\n", "99999999999 1\n", "12"};
	char path[700];
	struct orphans o;
	struct err e;

	(void)state;
	snprintf(path, sizeof path, "%s/ragpoold.workers", folder);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		assert_ok(file_replace(path, texts[i], strlen(texts[i]), 0644, &e), &e);
		orphans_read(&o, folder);
		assert_int_equal(o.count, 0);
	}
	orphans_remove(folder);
	orphans_read(&o, folder);
	assert_int_equal(o.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_living_are_found_and_let_go),
	    cmocka_unit_test(one_that_does_not_leave_is_ended),
	    cmocka_unit_test(a_stranger_with_the_pid_is_not_an_orphan),
	    cmocka_unit_test(a_zombie_is_not_an_orphan),
	    cmocka_unit_test(a_damaged_list_names_nobody),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
