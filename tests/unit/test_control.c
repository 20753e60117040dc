/* test_control.c - the control socket: one line in, lines out, bounds held. */
#include "unit.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../fcgi/control.h"
#include "../../fcgi/listen.h"

static char *folder;
static char path[600];
static struct control *c;
static unsigned asked;
static control_id waiting;

/* "later" is answered by the test, anything else at once with itself. */
static void
on_line(void *context, control_id client, const char *line, size_t n)
{
	assert_ptr_equal(context, &asked);
	assert_int_equal(strlen(line), n);
	asked++;
	if (strcmp(line, "later") == 0)
		waiting = client;
	else
		control_send(c, client, line, true);
}

static int
open_it(void **state)
{
	struct listen_spec spec = {
	    .uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600, .backlog = 64};
	struct err e;
	int fd;

	(void)state;
	folder = unit_folder();
	snprintf(path, sizeof path, "%s/c.sock", folder);
	spec.path = path;
	assert_ok(listen_unix(&fd, &spec, &e), &e);
	assert_ok(control_open(&c, fd, on_line, &asked, &e), &e);
	asked = 0;
	return 0;
}

static int
close_it(void **state)
{
	(void)state;
	control_close(c);
	unit_folder_gone(folder);
	return 0;
}

static int
client(const char *text, size_t n)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%.100s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
	return fd;
}

/* What is there, as text; "closed" when the other side is gone without a byte. */
static const char *
heard(int fd)
{
	static char text[8192];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);

	if (n <= 0)
		return n == 0 ? "closed" : "nothing";
	text[n] = '\0';
	return text;
}

static void
a_line_is_answered_and_the_client_closed(void **state)
{
	int fd = client("hello\n", 6);

	(void)state;
	control_turn(c);
	assert_string_equal(heard(fd), "hello\n");
	assert_string_equal(heard(fd), "closed");
	close(fd);
}

static void
half_a_line_waits_for_its_end(void **state)
{
	int fd = client("hel", 3);

	(void)state;
	control_turn(c);
	assert_int_equal(asked, 0);
	assert_int_equal(send(fd, "lo\n", 3, MSG_NOSIGNAL), 3);
	control_turn(c);
	assert_string_equal(heard(fd), "hello\n");
	close(fd);
}

static void
an_answer_may_come_later_and_in_parts(void **state)
{
	int fd = client("later\n", 6);

	(void)state;
	control_turn(c);
	assert_string_equal(heard(fd), "nothing");
	control_send(c, waiting, "progress", false);
	control_turn(c);
	assert_string_equal(heard(fd), "progress\n");
	control_send(c, waiting, "done", true);
	control_turn(c);
	assert_string_equal(heard(fd), "done\n");
	assert_string_equal(heard(fd), "closed");
	close(fd);
}

static void
a_client_that_left_is_nobody(void **state)
{
	int fd = client("later\n", 6);
	struct curl_waitfd fds[CONTROL_CLIENTS + 1];

	(void)state;
	control_turn(c);
	close(fd);
	control_turn(c);
	control_send(c, waiting, "done", true);
	control_turn(c);
	assert_int_equal(control_fds(c, fds), 1);
}

static void
an_endless_line_is_cut_off(void **state)
{
	static char big[CONTROL_LINE_MAX * 2];
	int fd;

	(void)state;
	memset(big, 'x', sizeof big);
	fd = client(big, sizeof big);
	control_turn(c);
	assert_int_equal(asked, 0);
	assert_int_equal(recv(fd, big, sizeof big, 0) > 0, 0);
	close(fd);
}

static void
a_second_line_on_a_connection_is_not_a_second_question(void **state)
{
	int fd = client("later\nlater\n", 12);

	(void)state;
	control_turn(c);
	assert_int_equal(asked, 1);
	close(fd);
	control_turn(c);
}

static void
more_clients_than_places_wait_for_theirs(void **state)
{
	enum { CLIENTS = CONTROL_CLIENTS * 2 };
	struct curl_waitfd polled[CONTROL_CLIENTS + 1];
	int fds[CLIENTS];

	(void)state;
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client("h", 1);
	control_turn(c);
	assert_int_equal(control_fds(c, polled), CONTROL_CLIENTS);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(send(fds[i], "\n", 1, MSG_NOSIGNAL), 1);
	for (int i = 0; i < 4; i++)
		control_turn(c);
	for (int i = 0; i < CLIENTS; i++) {
		assert_string_equal(heard(fds[i]), "h\n");
		close(fds[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_SOCKET(test) cmocka_unit_test_setup_teardown(test, open_it, close_it)
	    WITH_SOCKET(a_line_is_answered_and_the_client_closed),
	    WITH_SOCKET(half_a_line_waits_for_its_end),
	    WITH_SOCKET(an_answer_may_come_later_and_in_parts),
	    WITH_SOCKET(a_client_that_left_is_nobody),
	    WITH_SOCKET(an_endless_line_is_cut_off),
	    WITH_SOCKET(a_second_line_on_a_connection_is_not_a_second_question),
	    WITH_SOCKET(more_clients_than_places_wait_for_theirs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
