/* test_reply.c - answers: one shape of errors, whole answers, answers in pieces. */
#include "unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../../fcgi/reply.h"

static char sent[4096];
static size_t sent_bytes;
static int sends_left;

static int
take(void *to, const char *bytes, size_t n)
{
	(void)to;
	if (sends_left-- == 0)
		return -1;
	assert_true(sent_bytes + n < sizeof sent);
	memcpy(sent + sent_bytes, bytes, n);
	sent_bytes += n;
	sent[sent_bytes] = '\0';
	return 0;
}

static void
a_whole_answer_has_its_length(void **state)
{
	struct reply p;
	struct buf out;

	(void)state;
	reply_init(&p);
	buf_init(&out, 4096);
	buf_adds(&p.body, "{}\n");
	reply_header(&p, "X-Good", "1");
	reply_header(&p, "X-Split", "a\r\nSet-Cookie: b");
	reply_format(&p, &out, 0);
	assert_non_null(strstr(out.data, "Status: 200 OK\r\n"));
	assert_non_null(strstr(out.data, "Content-Type: application/json\r\nContent-Length: 3\r\n"));
	assert_non_null(strstr(out.data, "X-Good: 1\r\n"));
	assert_null(strstr(out.data, "Set-Cookie"));
	assert_non_null(strstr(out.data, "\r\n\r\n{}\n"));
	buf_fini(&out);
	reply_fini(&p);
}

static void
a_stream_sends_its_head_once_and_its_pieces_at_once(void **state)
{
	struct reply p;
	struct err e;

	(void)state;
	reply_init(&p);
	assert_refused(reply_stream_begin(&p, "text/event-stream", &e), &e, ERR_INTERNAL);
	reply_reset(&p);
	p.send = take;
	sent_bytes = 0;
	sends_left = 2;
	assert_ok(reply_stream_begin(&p, "text/event-stream", &e), &e);
	assert_non_null(strstr(sent, "Content-Type: text/event-stream\r\n"));
	assert_non_null(strstr(sent, "X-Accel-Buffering: no\r\n"));
	assert_null(strstr(sent, "Content-Length"));
	sent_bytes = 0;
	buf_adds(&p.body, "data: 1\n\n");
	assert_ok(reply_stream_flush(&p, &e), &e);
	assert_string_equal(sent, "data: 1\n\n");
	assert_int_equal(p.body.len, 0);
	assert_ok(reply_stream_flush(&p, &e), &e);	/* nothing to send is no failure */
	buf_adds(&p.body, "data: 2\n\n");
	assert_refused(reply_stream_flush(&p, &e), &e, ERR_PEER);
	assert_true(p.is_cut);
	sends_left = 1;
	assert_refused(reply_stream_flush(&p, &e), &e, ERR_PEER);	/* gone stays gone */
	assert_int_equal(sends_left, 1);
	reply_fini(&p);
}

static void
a_client_that_hangs_up_is_noticed(void **state)
{
	struct reply p;
	int ends[2];

	(void)state;
	reply_init(&p);
	assert_true(reply_has_reader(&p));	/* unknown: somebody may be there */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	p.peer_fd = ends[0];
	assert_true(reply_has_reader(&p));
	close(ends[1]);
	assert_false(reply_has_reader(&p));
	close(ends[0]);
	reply_fini(&p);
}

static void
faults_of_ours_keep_their_words(void **state)
{
	struct reply p;
	struct err e;

	(void)state;
	reply_init(&p);
	err_set(&e, ERR_IO, "/var/lib/secret: no such file");
	reply_error(&p, &e);
	assert_int_equal(p.status, 503);
	assert_null(strstr(p.body.data, "secret"));
	assert_non_null(strstr(p.headers.data, "Retry-After: "));
	reply_reset(&p);
	err_set(&e, ERR_TENANT, "there is no tenant \"x\"");
	reply_error(&p, &e);
	assert_int_equal(p.status, 404);
	assert_non_null(strstr(p.body.data, "there is no tenant \\\"x\\\""));
	reply_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_whole_answer_has_its_length),
	    cmocka_unit_test(a_stream_sends_its_head_once_and_its_pieces_at_once),
	    cmocka_unit_test(a_client_that_hangs_up_is_noticed),
	    cmocka_unit_test(faults_of_ours_keep_their_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
