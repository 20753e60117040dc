/* test_handover.c - what one supervisor leaves to the next: written and read back, and nothing
 * else accepted. */
#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../fcgi/handover.h"

static int
listening_socket(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Two bytes of family: the kernel picks an abstract name. */
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a.sun_family), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static int
some_fd(void)
{
	return memfd_create("some", MFD_CLOEXEC);
}

static struct handover
example(void)
{
	struct handover h = {.lock_fd = some_fd(), .board_fd = some_fd(), .wake_fd = some_fd(),
	    .program_fd = some_fd(), .started_ms = 123456789012, .spawned = 7, .died = 5,
	    .killed_late = 1, .pool_count = 2, .worker_count = 2};

	h.pools[0] = (struct handover_pool){
	    .name = "query", .fd = listening_socket(), .extra = -1, .target = 4};
	h.pools[1] = (struct handover_pool){
	    .name = "answer", .fd = listening_socket(), .is_activated = true};
	h.workers[0] = (struct handover_worker){.slot = 3, .pool = "query", .pid = 4711,
	    .started = 99, .phase = PHASE_READY, .is_wanted = true, .spawned_ms = 55};
	h.workers[1] = (struct handover_worker){.slot = 255, .pool = "answer", .pid = 4712,
	    .started = 100, .phase = PHASE_STOPPING, .failures = 2};
	return h;
}

static void
close_all(const struct handover *h)
{
	close(h->lock_fd);
	close(h->board_fd);
	close(h->wake_fd);
	close(h->program_fd);
	for (unsigned i = 0; i < h->pool_count; i++)
		close(h->pools[i].fd);
}

static void
what_is_written_is_read(void **state)
{
	struct handover h = example(), back;
	int fd = handover_write(&h, NULL);

	(void)state;
	assert_int_equal(handover_read(&back, fd, NULL), 0);
	assert_memory_equal(&back, &h, sizeof h);
	assert_int_equal(handover_read(&back, fd, NULL), 0);	/* and once more */
	assert_int_equal(handover_find_pool(&back, "answer")->fd, h.pools[1].fd);
	assert_null(handover_find_pool(&back, "other"));
	close(fd);
	close_all(&h);
}

static void
descriptors_are_kept_and_taken_back(void **state)
{
	struct handover h = example();
	int fd = handover_write(&h, NULL), other = dup(0);

	(void)state;
	assert_int_equal(fcntl(other, F_GETFD), 0);
	handover_keep(&h, fd, true);
	assert_int_equal(fcntl(other, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(h.board_fd, F_GETFD), 0);
	close(other);
	assert_int_equal(fcntl(h.pools[1].fd, F_GETFD), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	handover_keep(&h, fd, false);
	assert_int_equal(fcntl(h.pools[1].fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(h.lock_fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	close_all(&h);
}

/* Reads the example with one text replaced by another. */
static int
read_changed(const struct handover *h, const char *from, const char *to)
{
	char text[4096], changed[8192], *at;
	struct handover back;
	struct err e;
	int fd = handover_write(h, NULL), rc;
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	text[n] = '\0';
	at = strstr(text, from);
	assert_non_null(at);
	snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to,
	    at + strlen(from));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, changed, strlen(changed), 0), (ssize_t)strlen(changed));
	rc = handover_read(&back, fd, &e);
	if (rc == -1)
		assert_int_equal(e.code, ERR_CORRUPT);
	close(fd);
	return rc;
}

static void
anything_else_is_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
	    {"ragpool-handover 1", "ragpool-handover 2"},
	    {"end\n", ""},
	    {"end\n", "end\nmore\n"},
	    {"worker 3", "worker 256"},
	    {"worker 3", "workers 3"},
	    {"4711", "1"},
	    {"4711", "-5"},
	    {" ready ", " unready "},
	    {"pool query", "pool Query"},
	    {"pool query", "pool ../x"},
	    {"query 4711", "a-name-that-is-longer-than-any-name-of-a-pool-could-ever-be-xxxxxxxx 4711"},
	    {" 7 5 1\n", " 7 5\n"},
	    {" 7 5 1\n", " 7 5 1 2\n"},
	    {"self ", "self 99999 "},
	};
	struct handover h = example();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (read_changed(&h, rows[i].from, rows[i].to) != -1)
			fail_msg("accepted with \"%s\" for \"%s\"", rows[i].to, rows[i].from);
	close_all(&h);
}

static void
a_pool_needs_a_listening_socket(void **state)
{
	struct handover h = example(), back;
	struct err e;
	int fd;

	(void)state;
	close(h.pools[0].fd);
	h.pools[0].fd = some_fd();
	fd = handover_write(&h, NULL);
	assert_int_equal(handover_read(&back, fd, &e), -1);
	assert_string_equal(e.text, "handover: pool query has no listening socket");
	close(fd);
	close_all(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(descriptors_are_kept_and_taken_back),
	    cmocka_unit_test(anything_else_is_refused),
	    cmocka_unit_test(a_pool_needs_a_listening_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
