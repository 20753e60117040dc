/* fcgi_in.c - a FastCGI request, read from a peer that nobody vouches for. */
#include "fcgi_in.h"

#include <errno.h>
#include <fastcgi.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "clk.h"

void
fcgi_in_init(struct fcgi_in *in)
{
	memset(in, 0, sizeof *in);
	in->fd = -1;
	buf_init(&in->params, FCGI_IN_PARAMS_MAX);
}

void
fcgi_in_fini(struct fcgi_in *in)
{
	buf_fini(&in->params);
}

static int
give_up(struct fcgi_in *in)
{
	in->is_broken = true;
	return -1;
}

/* ---- bytes ---- */

static int64_t
time_left_ms(const struct fcgi_in *in)
{
	int64_t allowed = FCGI_IN_MS + (int64_t)(in->body_bytes * 1000 / FCGI_IN_BODY_RATE);

	return in->began_ms + allowed - clk_ms();
}

/* Waits until the peer has sent something, or may not be waited for any longer. */
static int
wait_for_bytes(struct fcgi_in *in)
{
	struct pollfd fd = {.fd = in->fd, .events = POLLIN};
	int64_t left = time_left_ms(in);
	int rc;

	if (in->is_answered || left <= 0)
		return give_up(in);
	if ((rc = poll(&fd, 1, (int)left)) == -1 && errno == EINTR)
		return 0;
	return rc > 0 ? 0 : give_up(in);
}

/* Fills the empty buffer with whatever is there.  1: something; 0: nothing yet. */
static int
take_bytes(struct fcgi_in *in)
{
	ssize_t got = recv(in->fd, in->buffer, sizeof in->buffer, MSG_DONTWAIT);

	if (got == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return give_up(in);
	in->at = in->buffer;
	in->end = in->buffer + got;
	return 1;
}

/* At least one byte stands at in->at after this. */
static int
need_bytes(struct fcgi_in *in)
{
	int got = 0;

	if (in->at < in->end)
		return 0;
	while (got == 0)
		if ((got = take_bytes(in)) == 0 && wait_for_bytes(in) == -1)
			return -1;
	/* A peer that always has one more byte does not get more time than a silent one. */
	if (got == 1 && !in->is_answered && time_left_ms(in) <= 0)
		return give_up(in);
	return got == 1 ? 0 : -1;
}

static size_t
buffered(const struct fcgi_in *in, size_t wanted)
{
	size_t n = (size_t)(in->end - in->at);

	return n < wanted ? n : wanted;
}

static int
read_bytes(struct fcgi_in *in, void *into, size_t n)
{
	unsigned char *out = into;

	while (n > 0) {
		size_t part;
		if (need_bytes(in) == -1)
			return -1;
		part = buffered(in, n);
		memcpy(out, in->at, part);
		in->at += part;
		out += part;
		n -= part;
	}
	return 0;
}

static int
skip_bytes(struct fcgi_in *in, size_t *n)
{
	while (*n > 0) {
		size_t part;
		if (need_bytes(in) == -1)
			return -1;
		part = buffered(in, *n);
		in->at += part;
		*n -= part;
	}
	return 0;
}

/* ---- records ---- */

/* Leaves what is left of the record behind and reads the head of the next one. */
static int
next_record(struct fcgi_in *in)
{
	FCGI_Header h;

	if (skip_bytes(in, &in->content) == -1 || skip_bytes(in, &in->padding) == -1 ||
	    read_bytes(in, &h, sizeof h) == -1)
		return -1;
	if (h.version != FCGI_VERSION_1)
		return give_up(in);
	in->type = h.type;
	in->record_id = h.requestIdB1 << 8 | h.requestIdB0;
	in->content = (size_t)(h.contentLengthB1 << 8 | h.contentLengthB0);
	in->padding = h.paddingLength;
	return 0;
}

/* A short answer to the peer; one that does not take it is not waited for. */
static int
tell(struct fcgi_in *in, int type, int id, const void *content, size_t n)
{
	FCGI_Header head = {
	    .version = FCGI_VERSION_1,
	    .type = (unsigned char)type,
	    .requestIdB1 = (unsigned char)(id >> 8),
	    .requestIdB0 = (unsigned char)id,
	    .contentLengthB1 = (unsigned char)(n >> 8),
	    .contentLengthB0 = (unsigned char)n,
	};
	unsigned char record[sizeof head + 128];

	memcpy(record, &head, sizeof head);
	memcpy(record + sizeof head, content, n);
	n += sizeof head;
	if (send(in->fd, record, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
		return give_up(in);
	return 0;
}

static int
refuse_request(struct fcgi_in *in, int why)
{
	FCGI_EndRequestBody body = {.protocolStatus = (unsigned char)why};

	return tell(in, FCGI_END_REQUEST, in->record_id, &body, sizeof body);
}

/* The length of a name or value at *p, of which `end` is the end; -1 when it is cut. */
static int64_t
read_length(const unsigned char **p, const unsigned char *end)
{
	const unsigned char *at = *p;

	if (at == end)
		return -1;
	if (*at < 0x80) {
		*p = at + 1;
		return *at;
	}
	if (end - at < 4)
		return -1;
	*p = at + 4;
	return (int64_t)(at[0] & 0x7f) << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

/* A name and a value, both inside what is there; -1 otherwise. */
struct pair {
	const unsigned char *name, *value;
	size_t name_bytes, value_bytes;
};

static int
read_pair(const unsigned char **p, const unsigned char *end, struct pair *out)
{
	int64_t name, value;

	if ((name = read_length(p, end)) == -1 || (value = read_length(p, end)) == -1 ||
	    name > end - *p || value > end - *p - name)
		return -1;
	*out = (struct pair){.name = *p, .name_bytes = (size_t)name,
	    .value = *p + name, .value_bytes = (size_t)value};
	*p += name + value;
	return 0;
}

/* What we are, to a peer that asks before its requests. */
static int
answer_values(struct fcgi_in *in)
{
	static const struct {
		const char *name, *value;
	} known[] = {{FCGI_MAX_CONNS, "1"}, {FCGI_MAX_REQS, "1"}, {FCGI_MPXS_CONNS, "0"}};
	unsigned char asked[256], answer[128];
	const unsigned char *p = asked, *end;
	bool told[3] = {false};
	struct pair pair;
	size_t n = in->content, used = 0;

	if (n > sizeof asked || read_bytes(in, asked, n) == -1)
		return give_up(in);
	in->content = 0;
	end = asked + n;
	while (p < end) {
		if (read_pair(&p, end, &pair) == -1)
			return give_up(in);
		for (size_t i = 0; i < 3; i++) {
			size_t length = strlen(known[i].name);
			if (told[i] || length != pair.name_bytes ||
			    memcmp(known[i].name, pair.name, length) != 0)
				continue;
			told[i] = true;
			answer[used++] = (unsigned char)length;
			answer[used++] = 1;
			memcpy(answer + used, known[i].name, length);
			used += length;
			answer[used++] = (unsigned char)known[i].value[0];
		}
	}
	return tell(in, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, answer, used);
}

/* A record that is not of the request in hand. */
static int
take_stray(struct fcgi_in *in)
{
	FCGI_UnknownTypeBody unknown = {.type = (unsigned char)in->type};

	if (++in->strays > FCGI_IN_STRAYS_MAX)
		return give_up(in);
	if (in->record_id != FCGI_NULL_REQUEST_ID)
		return in->type == FCGI_BEGIN_REQUEST ?
		    refuse_request(in, FCGI_CANT_MPX_CONN) : 0;
	if (in->type == FCGI_GET_VALUES)
		return answer_values(in);
	return tell(in, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, &unknown, sizeof unknown);
}

/* ---- the head ---- */

static int
take_begin(struct fcgi_in *in)
{
	FCGI_BeginRequestBody b;

	if (in->record_id == FCGI_NULL_REQUEST_ID || in->content != sizeof b ||
	    read_bytes(in, &b, sizeof b) == -1)
		return give_up(in);
	in->content = 0;
	if ((b.roleB1 << 8 | b.roleB0) != FCGI_RESPONDER) {
		refuse_request(in, FCGI_UNKNOWN_ROLE);
		return give_up(in);
	}
	in->id = in->record_id;
	in->is_kept = b.flags & FCGI_KEEP_CONN;
	return 0;
}

static int
take_params(struct fcgi_in *in)
{
	while (in->content > 0) {
		size_t part;
		if (need_bytes(in) == -1)
			return -1;
		part = buffered(in, in->content);
		buf_add(&in->params, in->at, part);
		if (in->params.failed)
			return give_up(in);
		in->at += part;
		in->content -= part;
	}
	return 0;
}

/* Makes "NAME=VALUE" of the pairs, where they lie: with its two lengths a pair is never
 * shorter than its string with '=' and NUL. */
static int
make_envp(struct fcgi_in *in)
{
	const unsigned char *p = (unsigned char *)in->params.data, *end = p + in->params.len;
	char *out = in->params.data;
	struct pair pair;
	size_t count = 0;

	while (p < end) {
		if (read_pair(&p, end, &pair) == -1 || count == FCGI_IN_PARAMS_COUNT ||
		    pair.name_bytes == 0 || memchr(pair.name, '=', pair.name_bytes) != NULL ||
		    memchr(pair.name, '\0', pair.name_bytes + pair.value_bytes) != NULL)
			return give_up(in);
		in->envp[count++] = out;
		memmove(out, pair.name, pair.name_bytes);
		out += pair.name_bytes;
		*out++ = '=';
		memmove(out, pair.value, pair.value_bytes);
		out += pair.value_bytes;
		*out++ = '\0';
	}
	in->envp[count] = NULL;
	return 0;
}

/* Of records before the body: 1 when the parameters are whole. */
static int
take_head_record(struct fcgi_in *in)
{
	if (next_record(in) == -1)
		return -1;
	if (in->id == 0 && in->type == FCGI_BEGIN_REQUEST)
		return take_begin(in);
	if (in->id == 0 || in->record_id != in->id)
		return take_stray(in);
	if (in->type != FCGI_PARAMS)
		return give_up(in);	/* aborted, begun twice, or a body without a head */
	if (in->content == 0)
		return make_envp(in) == -1 ? -1 : 1;
	return take_params(in);
}

/* ---- the body ---- */

/* As libfcgi asks its streams: more bytes between rdNext and stop, or closed. */
static void
fill_body(FCGX_Stream *s)
{
	struct fcgi_in *in = s->data;
	size_t part;

	while (!in->is_ended && !in->is_broken && in->content == 0) {
		if (next_record(in) == -1)
			break;
		if (in->record_id != in->id) {
			take_stray(in);
			skip_bytes(in, &in->content);
		} else if (in->type != FCGI_STDIN) {
			give_up(in);
		} else if (in->content == 0) {
			in->is_ended = true;
		}
	}
	if (in->is_ended || in->is_broken || need_bytes(in) == -1) {
		s->isClosed = 1;
		s->FCGI_errno = in->is_broken ? FCGX_PROTOCOL_ERROR : 0;
		return;
	}
	part = buffered(in, in->content);
	s->rdNext = in->at;
	s->stop = s->wrNext = in->at + part;
	in->at += part;
	in->content -= part;
	in->body_bytes += part;
}

static void
open_body(struct fcgi_in *in)
{
	in->body = (FCGX_Stream){.isReader = 1, .fillBuffProc = fill_body, .data = in,
	    .rdNext = in->buffer, .wrNext = in->buffer, .stop = in->buffer,
	    .stopUnget = in->buffer};
}

int
fcgi_in_begin(struct fcgi_in *in, int fd)
{
	int got = 0;

	in->fd = fd;
	in->id = 0;
	in->is_kept = in->is_ended = in->is_broken = in->is_answered = false;
	in->began_ms = clk_ms();
	in->body_bytes = 0;
	in->strays = 0;
	in->content = in->padding = 0;
	in->at = in->end = in->buffer;
	in->envp[0] = NULL;
	buf_reset(&in->params);
	while (got == 0)
		got = take_head_record(in);
	if (got == -1)
		return 0;
	open_body(in);
	return 1;
}

bool
fcgi_in_is_done(struct fcgi_in *in)
{
	size_t before = in->body_bytes;
	char left[1024];

	/* Nearly always all of it lies in the buffer already. */
	in->is_answered = true;
	while (FCGX_GetStr(left, sizeof left, &in->body) > 0)
		if (in->body_bytes - before > sizeof in->buffer)
			return false;
	return in->is_ended && in->padding == 0 && in->at == in->end;
}
