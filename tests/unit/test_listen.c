/* test_listen.c - the socket is never stolen, a stale one is replaced, one lock holds. */
#include "unit.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "../../fcgi/listen.h"
#include "../../fcgi/runlock.h"

static char *folder;
static char path[600];

static int
make_folder(void **state)
{
	(void)state;
	folder = unit_folder();
	snprintf(path, sizeof path, "%s/s.sock", folder);
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(folder);
	return 0;
}

static struct listen_spec
spec(void)
{
	return (struct listen_spec){.path = path, .mode = 0660, .uid = (uid_t)-1,
	    .gid = (gid_t)-1, .backlog = 8};
}

static int
connect_there(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%.100s", path);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
a_fresh_socket_has_its_mode_and_takes_connections(void **state)
{
	struct listen_spec s = spec();
	struct stat st;
	struct err e;
	int fd, client;

	(void)state;
	assert_ok(listen_unix(&fd, &s, &e), &e);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_true((client = connect_there()) != -1);
	close(client);
	close(fd);
}

static void
a_live_socket_is_left_alone(void **state)
{
	struct listen_spec s = spec();
	struct stat before, after;
	struct err e;
	int fd, other, client;

	(void)state;
	assert_ok(listen_unix(&fd, &s, &e), &e);
	stat(path, &before);
	assert_refused(listen_unix(&other, &s, &e), &e, ERR_BUSY);
	assert_non_null(strstr(e.text, "pid"));
	stat(path, &after);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_true((client = connect_there()) != -1);
	close(client);
	close(fd);
}

static void
a_stale_socket_is_replaced(void **state)
{
	struct listen_spec s = spec();
	struct err e;
	int fd, client;

	(void)state;
	assert_ok(listen_unix(&fd, &s, &e), &e);
	close(fd);
	assert_int_equal(connect_there(), -1);
	assert_ok(listen_unix(&fd, &s, &e), &e);
	assert_true((client = connect_there()) != -1);
	close(client);
	listen_remove(fd, path);
	assert_int_equal(access(path, F_OK), -1);
	close(fd);
}

/* The dead parent's children keep its socket: only its heir may have the name. */
static void
the_socket_of_a_dead_process_goes_to_its_heir_only(void **state)
{
	struct listen_spec s = spec();
	struct err e;
	int ends[2], fd, status;
	pid_t parent;
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	if ((parent = fork()) == 0) {
		if (listen_unix(&fd, &s, &e) == -1)
			_exit(1);
		if (fork() == 0) {
			close(ends[1]);
			(void)!read(ends[0], &byte, 1);	/* holds the socket until told */
			_exit(0);
		}
		_exit(0);
	}
	close(ends[0]);
	waitpid(parent, &status, 0);
	assert_int_equal(status, 0);
	assert_refused(listen_unix(&fd, &s, &e), &e, ERR_BUSY);
	s.heir_of = parent;
	assert_ok(listen_unix(&fd, &s, &e), &e);
	close(ends[1]);
	listen_remove(fd, path);
	close(fd);
}

static void
a_file_in_the_way_is_not_removed(void **state)
{
	struct listen_spec s = spec();
	struct err e;
	int fd;

	(void)state;
	unlink(path);
	assert_ok(file_replace(path, "x", 1, 0600, &e), &e);
	assert_refused(listen_unix(&fd, &s, &e), &e, ERR_CONFIG);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
}

static void
a_long_path_is_refused_with_its_bound(void **state)
{
	static char longest[200];
	struct listen_spec s = spec();
	struct err e;
	int fd;

	(void)state;
	memset(longest, 'a', sizeof longest - 1);
	s.path = longest;
	assert_refused(listen_unix(&fd, &s, &e), &e, ERR_CONFIG);
}

static void
without_activation_there_is_no_inherited_socket(void **state)
{
	struct listen_inherited l;
	struct err e;
	int fd;

	(void)state;
	setenv("LISTEN_PID", "1", 1);		/* somebody else's */
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "fcgi", 1);
	assert_ok(listen_inherit(&l, &e), &e);
	assert_ok(listen_claim(&l, "fcgi", &fd, &e), &e);
	assert_int_equal(fd, -1);
	assert_ok(listen_claim_only(&l, &fd, &e), &e);
	assert_int_equal(fd, -1);
	assert_null(getenv("LISTEN_FDS"));
	assert_int_equal(listen_close_rest(&l), 0);
}

/* In a child, where fd 3 and 4 can be what they have to be. */
static int
claim_in_child(void)
{
	struct listen_spec s = spec();
	struct listen_inherited l;
	int fd, got;
	char pid[32];

	if (listen_unix(&fd, &s, NULL) == -1)
		return 1;
	fd = fcntl(fd, F_DUPFD, 10);	/* out of the way of those it becomes */
	dup2(0, 3);
	dup2(fd, 4);
	dup2(fd, 5);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "3", 1);
	setenv("LISTEN_FDNAMES", "control:query:answer", 1);
	if (listen_inherit(&l, NULL) == -1 || listen_claim(&l, "answer", &got, NULL) == -1 ||
	    got != 5)
		return 2;
	if (listen_claim(&l, "answer", &got, NULL) == -1 || got != -1)
		return 3;
	if (listen_claim(&l, "other", &got, NULL) == -1 || got != -1)
		return 4;
	if (listen_claim(&l, "control", &got, NULL) == 0)
		return 5;		/* fd 3 is no listening socket */
	if (listen_claim_only(&l, &got, NULL) == -1 || got != -1)
		return 6;		/* there were several */
	return listen_close_rest(&l) == 2 && fcntl(4, F_GETFD) == -1 ? 0 : 7;
}

static void
inherited_sockets_are_claimed_by_name_and_once(void **state)
{
	int status;
	pid_t child;

	(void)state;
	if ((child = fork()) == 0)
		_exit(claim_in_child());
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	unlink(path);
}

static void
one_holds_the_lock_and_the_other_is_told_who(void **state)
{
	struct runlock one, two;
	char pid_file[700], words[64];
	struct err e;

	(void)state;
	snprintf(pid_file, sizeof pid_file, "%s/ragpoold.pid", folder);
	assert_ok(runlock_take(&one, folder, &e), &e);
	assert_int_equal(one.predecessor, 0);
	assert_ok(runlock_write_pid(&one, pid_file, &e), &e);
	assert_refused(runlock_take(&two, folder, &e), &e, ERR_BUSY);
	snprintf(words, sizeof words, "already running (pid %d)", (int)getpid());
	assert_string_equal(e.text, words);
	runlock_release(&one, pid_file);
	assert_int_equal(access(pid_file, F_OK), -1);
	assert_ok(runlock_take(&two, folder, &e), &e);
	assert_int_equal(two.predecessor, 0);
	runlock_release(&two, pid_file);
}

static void
whatever_the_lock_file_says_the_lock_decides(void **state)
{
	static const char *const contents[] = {"1\n", "", "garbage", "-5", "99999999999999"};
	char lock_file[700], pid_file[700];
	struct runlock lock;
	struct err e;

	(void)state;
	snprintf(lock_file, sizeof lock_file, "%s/ragpoold.lock", folder);
	snprintf(pid_file, sizeof pid_file, "%s/ragpoold.pid", folder);
	for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
		assert_ok(
		    file_replace(lock_file, contents[i], strlen(contents[i]), 0644, &e), &e);
		assert_ok(runlock_take(&lock, folder, &e), &e);
		assert_int_equal(lock.predecessor, i == 0 ? 1 : 0);
		assert_ok(runlock_write_pid(&lock, pid_file, &e), &e);
		runlock_release(&lock, pid_file);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_fresh_socket_has_its_mode_and_takes_connections),
	    cmocka_unit_test(a_live_socket_is_left_alone),
	    cmocka_unit_test(a_stale_socket_is_replaced),
	    cmocka_unit_test(the_socket_of_a_dead_process_goes_to_its_heir_only),
	    cmocka_unit_test(a_file_in_the_way_is_not_removed),
	    cmocka_unit_test(a_long_path_is_refused_with_its_bound),
	    cmocka_unit_test(without_activation_there_is_no_inherited_socket),
	    cmocka_unit_test(inherited_sockets_are_claimed_by_name_and_once),
	    cmocka_unit_test(one_holds_the_lock_and_the_other_is_told_who),
	    cmocka_unit_test(whatever_the_lock_file_says_the_lock_decides),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
