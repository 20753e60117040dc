/* test_confine.c - what a confined worker can still do, and what it cannot. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../fcgi/confine.h"

enum { SKIPPED = 77 };

/* Runs in a child, confined to making files beside `log`; answers its exit code. */
static int
run_confined(int (*check)(const char *log, const struct confined *c))
{
	char folder[] = "/tmp/test_confine.XXXXXX", log[64], made[64];
	int status;
	pid_t child;

	assert_non_null(mkdtemp(folder));
	snprintf(log, sizeof log, "%s/log", folder);
	snprintf(made, sizeof made, "%s/made", folder);
	if ((child = fork()) == 0) {
		const char *files[] = {"", log, NULL};
		struct confined c;
		confine_worker(files, NULL, &c);
		_exit(check(log, &c));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	unlink(log);
	unlink(made);
	rmdir(folder);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
try_calls(const char *log, const struct confined *c)
{
	char *const argv[] = {"true", NULL};

	(void)log;
	if (!c->calls)
		return SKIPPED;
	if (socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EAFNOSUPPORT)
		return 1;
	if (socket(AF_INET6, SOCK_DGRAM, 0) != -1 || socket(AF_NETLINK, SOCK_RAW, 0) != -1)
		return 2;
	if (socket(AF_UNIX, SOCK_STREAM, 0) == -1)
		return 3;
	if (execv("/bin/true", argv) != -1 || errno != EPERM)
		return 4;
	if (setuid(0) != -1)
		return 5;
	return 0;
}

static void
no_network_and_no_program(void **state)
{
	int code = run_confined(try_calls);

	(void)state;
	if (code == SKIPPED)
		skip();
	assert_int_equal(code, 0);
}

static int
try_files(const char *log, const struct confined *c)
{
	char other[80];

	if (!c->files)
		return SKIPPED;
	if (open(log, O_WRONLY | O_APPEND | O_CREAT, 0640) == -1 ||
	    open(log, O_WRONLY | O_APPEND | O_CREAT, 0640) == -1)
		return 1;		/* the log, and the log after a rotation */
	if (open("/tmp/test_confine.elsewhere", O_WRONLY | O_CREAT, 0600) != -1)
		return 2;
	snprintf(other, sizeof other, "%s.d", log);
	if (mkdir(other, 0700) != -1 || unlink(log) != -1 || rename(log, other) != -1)
		return 3;
	if (open("/proc/self/statm", O_RDONLY) == -1 || open("/etc/passwd", O_RDONLY) == -1)
		return 4;
	return 0;
}

static void
files_are_made_beside_the_log_only(void **state)
{
	int code = run_confined(try_files);

	(void)state;
	if (code == SKIPPED)
		skip();
	assert_int_equal(code, 0);
}

/* A folder in which a worker may keep files: made, renamed in place, removed; and nowhere
 * else. */
static int
try_keeping(const char *below)
{
	char path[120], to[120];
	int fd;

	snprintf(path, sizeof path, "%s/tenant", below);
	if (mkdir(path, 0750) == -1)
		return 1;
	snprintf(path, sizeof path, "%s/tenant/.tmp", below);
	snprintf(to, sizeof to, "%s/tenant/entry", below);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640)) == -1 || write(fd, "x", 1) != 1)
		return 2;
	if (rename(path, to) == -1 || open(to, O_WRONLY | O_TRUNC) == -1 || unlink(to) == -1)
		return 3;
	snprintf(path, sizeof path, "%s/../other", below);
	if (open(path, O_WRONLY | O_CREAT, 0640) != -1 || mkdir(path, 0750) != -1)
		return 4;
	snprintf(path, sizeof path, "%s/../kept", below);
	return unlink(path) == -1 ? 0 : 5;
}

static void
what_it_may_keep_is_below_one_folder(void **state)
{
	char *base = unit_folder(), below[100], kept[100];
	const char *none[] = {NULL};
	struct confined c;
	int status;
	pid_t child;

	(void)state;
	snprintf(below, sizeof below, "%s/inbox", base);
	snprintf(kept, sizeof kept, "%s/kept", base);
	assert_int_equal(mkdir(below, 0750), 0);
	close(open(kept, O_WRONLY | O_CREAT, 0640));
	if ((child = fork()) == 0) {
		confine_worker(none, below, &c);
		_exit(c.files ? try_keeping(below) : SKIPPED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	unit_folder_gone(base);
	if (WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_network_and_no_program),
	    cmocka_unit_test(what_it_may_keep_is_below_one_folder),
	    cmocka_unit_test(files_are_made_beside_the_log_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
