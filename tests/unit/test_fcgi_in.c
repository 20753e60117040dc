/* test_fcgi_in.c - FastCGI from hostile peers: a request, or a connection dropped; never more. */
#include "unit.h"

#include <fastcgi.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../fcgi/fcgi_in.h"

static struct fcgi_in in;
static struct buf wire;		/* what the peer sends */
static int ours, theirs;

static int
setup(void **state)
{
	int pair[2], room = 8 << 20;

	(void)state;
	fcgi_in_init(&in);
	buf_init(&wire, 16 << 20);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		return -1;
	ours = pair[0];
	theirs = pair[1];
	setsockopt(theirs, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	setsockopt(theirs, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fcgi_in_fini(&in);
	buf_fini(&wire);
	close(ours);
	if (theirs != -1)
		close(theirs);
	return 0;
}

/* ---- what a peer says ---- */

static void
put_record(int type, int id, const void *content, size_t n, int padding)
{
	static const char zeros[255];
	unsigned char head[8] = {1, (unsigned char)type, (unsigned char)(id >> 8),
	    (unsigned char)id, (unsigned char)(n >> 8), (unsigned char)n,
	    (unsigned char)padding, 0};

	buf_add(&wire, head, sizeof head);
	buf_add(&wire, content, n);
	buf_add(&wire, zeros, (size_t)padding);
}

static void
put_begin(int id, int role, int flags)
{
	unsigned char body[8] = {(unsigned char)(role >> 8), (unsigned char)role,
	    (unsigned char)flags};

	put_record(FCGI_BEGIN_REQUEST, id, body, sizeof body, 0);
}

static void
put_length(struct buf *b, size_t n)
{
	if (n < 128) {
		buf_addc(b, (char)n);
		return;
	}
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_addc(b, (char)((shift == 24 ? 0x80 : 0) | (n >> shift & 0xff)));
}

static void
put_pair(struct buf *b, const char *name, size_t name_bytes, const char *value, size_t value_bytes)
{
	put_length(b, name_bytes);
	put_length(b, value_bytes);
	buf_add(b, name, name_bytes);
	buf_add(b, value, value_bytes);
}

/* A request as nginx sends it, its parameters cut into records of `cut` bytes. */
static void
put_request(int id, int flags, size_t cut, const char *body)
{
	struct buf p;

	buf_init(&p, 1 << 20);
	put_begin(id, FCGI_RESPONDER, flags);
	put_pair(&p, "REQUEST_METHOD", 14, "POST", 4);
	put_pair(&p, "EMPTY", 5, "", 0);
	put_pair(&p, "REQUEST_URI", 11, "/query/t1", 9);
	for (size_t at = 0; at < p.len; at += cut)
		put_record(FCGI_PARAMS, id, p.data + at, p.len - at < cut ? p.len - at : cut,
		    (int)(at % 7));
	put_record(FCGI_PARAMS, id, "", 0, 0);
	if (body[0] != '\0')
		put_record(FCGI_STDIN, id, body, strlen(body), 3);
	put_record(FCGI_STDIN, id, "", 0, 0);
	buf_fini(&p);
}

static void
send_wire(void)
{
	size_t sent = 0;

	fcntl(theirs, F_SETFL, O_NONBLOCK);
	while (sent < wire.len) {
		ssize_t n = send(theirs, wire.data + sent, wire.len - sent, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	buf_reset(&wire);
}

/* All that the peer says is said, and it hangs up. */
static int
begin(void)
{
	send_wire();
	shutdown(theirs, SHUT_WR);
	return fcgi_in_begin(&in, ours);
}

static const char *
param(const char *name)
{
	return FCGX_GetParam(name, in.envp);
}

/* ---- tests ---- */

static void
a_request_is_read_however_it_is_cut(void **state)
{
	char body[64];

	for (size_t cut = 1; cut < 70; cut += 3) {
		put_request(0x1234, 0, cut, "{\"query\": 1}");
		assert_int_equal(begin(), 1);
		assert_string_equal(param("REQUEST_METHOD"), "POST");
		assert_string_equal(param("EMPTY"), "");
		assert_string_equal(param("REQUEST_URI"), "/query/t1");
		assert_null(in.envp[3]);
		assert_int_equal(in.id, 0x1234);
		assert_int_equal(FCGX_GetStr(body, 5, &in.body), 5);
		assert_int_equal(FCGX_GetStr(body + 5, 50, &in.body), 7);
		assert_memory_equal(body, "{\"query\": 1}", 12);
		assert_int_equal(FCGX_GetError(&in.body), 0);
		assert_true(fcgi_in_is_done(&in));
		teardown(state);
		setup(state);
	}
}

static void
a_kept_connection_serves_one_after_another(void **state)
{
	(void)state;
	for (int i = 1; i <= 3; i++) {
		put_request(i, FCGI_KEEP_CONN, 1000, i == 2 ? "unread body" : "");
		send_wire();
		assert_int_equal(fcgi_in_begin(&in, ours), 1);
		assert_int_equal(in.id, i);
		assert_true(in.is_kept);
		assert_true(fcgi_in_is_done(&in));
	}
	put_request(4, FCGI_KEEP_CONN, 1000, "");
	put_request(5, FCGI_KEEP_CONN, 1000, "");
	assert_int_equal(begin(), 1);
	assert_false(fcgi_in_is_done(&in));	/* it talks ahead: not worth keeping */
}

static void
what_is_not_read_is_known(void **state)
{
	static char large[60000];

	(void)state;
	memset(large, 'x', sizeof large - 1);
	put_request(1, 0, 1000, large);
	send_wire();
	assert_int_equal(fcgi_in_begin(&in, ours), 1);
	assert_false(fcgi_in_is_done(&in));
}

static void
put_params(const char *bytes, size_t n)
{
	put_begin(1, FCGI_RESPONDER, 0);
	put_record(FCGI_PARAMS, 1, bytes, n, 0);
	put_record(FCGI_PARAMS, 1, "", 0, 0);
}

static void
hostile_heads_cost_their_connection(void **state)
{
	static const struct {
		const char *name;
		const char *params;
		size_t n;
	} t[] = {
	    {"lengths near 2^31", "\xff\xff\xff\xfe\x01" "ab", 7},
	    {"two of 2^30", "\xc0\0\0\0\xc0\0\0\0" "ab", 10},
	    {"a length that is cut", "\x80\0\0", 3},
	    {"a name without its value's length", "\x01", 1},
	    {"a name past the end", "\x05\0abc", 5},
	    {"a value past the end", "\x01\x05" "abc", 5},
	    {"no name", "\0\x01" "a", 3},
	    {"NUL in a name", "\x02\0a\0", 4},
	    {"NUL in a value", "\x01\x02" "ab\0", 5},
	    {"'=' in a name", "\x03\x01" "a=bc", 6},
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		put_params(t[i].params, t[i].n);
		if (begin() != 0)
			fail_msg("%s: taken", t[i].name);
		assert_true(in.is_broken);
		teardown(state);
		setup(state);
	}
}

static void
put_case(int i)
{
	switch (i) {
	case 0:		/* another version */
		put_request(1, 0, 100, "");
		wire.data[0] = 2;
		break;
	case 1:		/* HTTP */
		buf_adds(&wire, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		break;
	case 2:		/* a body without a head */
		put_begin(1, FCGI_RESPONDER, 0);
		put_record(FCGI_STDIN, 1, "x", 1, 0);
		break;
	case 3:		/* a role that is not ours */
		put_begin(1, 9, 0);
		break;
	case 4:		/* begun twice */
		put_begin(1, FCGI_RESPONDER, 0);
		put_begin(1, FCGI_RESPONDER, 0);
		break;
	case 5:		/* aborted before it is whole */
		put_begin(1, FCGI_RESPONDER, 0);
		put_record(FCGI_ABORT_REQUEST, 1, "", 0, 0);
		break;
	case 6:		/* a begin that is too short */
		put_record(FCGI_BEGIN_REQUEST, 1, "\0\1", 2, 0);
		break;
	case 7:		/* request 0 is nobody */
		put_begin(0, FCGI_RESPONDER, 0);
		break;
	case 8:		/* strays without end */
		for (int n = 0; n < 200; n++)
			put_record(FCGI_STDIN, 7, "x", 1, 9);
		break;
	case 9:		/* half a head */
		buf_add(&wire, "\1\1\0\1", 4);
		break;
	case 10:	/* a record that ends early */
		put_request(1, 0, 100, "");
		wire.len = 30;
		break;
	case 11:	/* a question about ourselves that is too long */
		{
			static char junk[4096];
			put_record(FCGI_GET_VALUES, 0, junk, sizeof junk, 0);
		}
		break;
	case 12:	/* and one that is malformed */
		put_record(FCGI_GET_VALUES, 0, "\x80\xff", 2, 0);
		break;
	}
}

static void
hostile_records_cost_their_connection(void **state)
{
	for (int i = 0; i <= 12; i++) {
		put_case(i);
		if (begin() != 0)
			fail_msg("case %d: taken", i);
		teardown(state);
		setup(state);
	}
	assert_int_equal(begin(), 0);	/* silence, and gone */
}

/* More than the bytes, more than the pairs that are taken; and the most of both. */
static void
parameters_are_bounded(void **state)
{
	static char value[4000];
	struct buf p;

	memset(value, 'v', sizeof value);
	for (int round = 0; round < 4; round++) {
		size_t pairs = (size_t[]){260, 263, 1024, 1025}[round];
		size_t bytes = round < 2 ? sizeof value : 1;
		put_begin(1, FCGI_RESPONDER, 0);
		buf_init(&p, 4 << 20);
		for (size_t i = 0; i < pairs; i++)
			put_pair(&p, "NAME", 4, value, bytes);
		for (size_t at = 0; at < p.len; at += 60000)
			put_record(FCGI_PARAMS, 1, p.data + at,
			    p.len - at < 60000 ? p.len - at : 60000, 0);
		put_record(FCGI_PARAMS, 1, "", 0, 0);
		assert_int_equal(begin(), round % 2 == 0);
		buf_fini(&p);
		teardown(state);
		setup(state);
	}
}

static void
a_second_request_beside_the_first_is_told_no(void **state)
{
	unsigned char told[16];
	char body[8];

	(void)state;
	put_begin(1, FCGI_RESPONDER, 0);
	put_begin(2, FCGI_RESPONDER, 0);
	put_record(FCGI_PARAMS, 2, "\x01\x01" "ab", 4, 0);
	put_record(FCGI_PARAMS, 1, "\x01\x01" "cd", 4, 0);
	put_record(FCGI_PARAMS, 1, "", 0, 0);
	put_record(FCGI_STDIN, 2, "no", 2, 0);
	put_record(FCGI_STDIN, 1, "yes", 3, 0);
	put_record(FCGI_STDIN, 1, "", 0, 0);
	assert_int_equal(begin(), 1);
	assert_int_equal(in.id, 1);
	assert_string_equal(param("c"), "d");
	assert_null(param("a"));
	assert_int_equal(read(theirs, told, sizeof told), 16);
	assert_int_equal(told[1], FCGI_END_REQUEST);
	assert_int_equal(told[3], 2);
	assert_int_equal(told[12], FCGI_CANT_MPX_CONN);
	assert_int_equal(FCGX_GetStr(body, sizeof body, &in.body), 3);
	assert_memory_equal(body, "yes", 3);
}

static void
what_we_are_is_told_to_who_asks(void **state)
{
	unsigned char told[128];
	ssize_t n;

	(void)state;
	put_record(FCGI_GET_VALUES, 0, "\x0f\0FCGI_MPXS_CONNS\x04\0JUNK", 23, 0);
	put_record(99, 0, "x", 1, 0);
	put_request(1, 0, 100, "");
	assert_int_equal(begin(), 1);
	n = read(theirs, told, sizeof told);
	assert_int_equal(n, 8 + 18 + 16);
	assert_int_equal(told[1], FCGI_GET_VALUES_RESULT);
	assert_memory_equal(told + 8, "\x0f\x01" "FCGI_MPXS_CONNS0", 18);
	assert_int_equal(told[8 + 18 + 1], FCGI_UNKNOWN_TYPE);
	assert_int_equal(told[8 + 18 + 8], 99);
}

static void
a_body_that_breaks_off_is_an_error(void **state)
{
	static const struct {
		const char *name;
		int type, id;
	} t[] = {{"gone", 0, 0}, {"aborted", FCGI_ABORT_REQUEST, 1}, {"begun again",
	    FCGI_BEGIN_REQUEST, 1}, {"parameters again", FCGI_PARAMS, 1}};
	char body[16];

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		put_params("\x01\x01" "ab", 4);
		put_record(FCGI_STDIN, 1, "abc", 3, 0);
		if (t[i].type != 0)
			put_record(t[i].type, t[i].id, "", 0, 0);
		assert_int_equal(begin(), 1);
		assert_int_equal(FCGX_GetStr(body, sizeof body, &in.body), 3);
		if (FCGX_GetError(&in.body) == 0)
			fail_msg("%s: not seen", t[i].name);
		assert_int_equal(FCGX_GetStr(body, sizeof body, &in.body), 0);
		assert_false(fcgi_in_is_done(&in));
		teardown(state);
		setup(state);
	}
}

/* Whatever the bytes are: an end, envp inside its buffer, no more body than was sent. */
static void
any_bytes_come_to_an_end(void **state)
{
	uint32_t seed = 1;
	char body[4096];

	for (int round = 0; round < 3000; round++) {
		put_request(1, round & 1, 1 + (size_t)round % 50, "{\"query\": \"x\"}");
		for (int hits = 0; hits <= round % 6; hits++) {
			seed = seed * 1664525 + 1013904223;
			wire.data[(seed >> 8) % wire.len] = (char)(seed >> 24);
		}
		if (begin() == 1) {
			for (char **p = in.envp; *p != NULL; p++)
				assert_true(*p >= in.params.data &&
				    *p + strlen(*p) < in.params.data + in.params.len);
			while (FCGX_GetStr(body, sizeof body, &in.body) > 0)
				;
			fcgi_in_is_done(&in);
		}
		assert_true(in.body_bytes < 4096);
		teardown(state);
		setup(state);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(a_request_is_read_however_it_is_cut),
	    T(a_kept_connection_serves_one_after_another),
	    T(what_is_not_read_is_known),
	    T(hostile_heads_cost_their_connection),
	    T(hostile_records_cost_their_connection),
	    T(parameters_are_bounded),
	    T(a_second_request_beside_the_first_is_told_no),
	    T(what_we_are_is_told_to_who_asks),
	    T(a_body_that_breaks_off_is_an_error),
	    T(any_bytes_come_to_an_end),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
