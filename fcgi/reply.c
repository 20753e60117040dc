/* reply.c - one answer. */
#include "reply.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

enum { RETRY_AFTER_S = 2, RETRY_COLD_S = 1 };

static const char type_json[] = "application/json";

void
reply_init(struct reply *p)
{
	*p = (struct reply){.status = 200, .type = type_json, .peer_fd = -1};
	buf_init(&p->headers, REPLY_HEADERS_MAX);
	buf_init(&p->body, REPLY_BODY_MAX);
}

void
reply_fini(struct reply *p)
{
	buf_fini(&p->headers);
	buf_fini(&p->body);
}

void
reply_reset(struct reply *p)
{
	p->status = 200;
	p->type = type_json;
	p->dialect = REPLY_OURS;
	p->may_be_kept = false;
	p->is_streaming = false;
	p->is_cut = false;
	buf_reset(&p->headers);
	buf_reset(&p->body);
}

void
reply_header(struct reply *p, const char *name, const char *value)
{
	for (const char *c = value; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return;
	if (buf_room(&p->headers, strlen(name) + strlen(value) + 4) == NULL)
		return;		/* all of it or nothing */
	buf_adds(&p->headers, name);
	buf_adds(&p->headers, ": ");
	buf_adds(&p->headers, value);
	buf_adds(&p->headers, "\r\n");
}

static const char *
error_type(int status)
{
	if (status == 401 || status == 403)
		return "authentication_error";
	if (status == 429)
		return "rate_limit_error";
	return status < 500 ? "invalid_request_error" : "server_error";
}

/* "top_k" of: "top_k" must be ... */
static void
put_param(struct buf *b, const struct err *e)
{
	size_t n = e->text[0] == '"' ? strcspn(e->text + 1, "\"\\ ") : 0;

	if (n > 0 && e->text[n + 1] == '"' && err_row(e->code)->http_status < 500)
		json_put_text(b, e->text + 1, n);
	else
		buf_adds(b, "null");
}

/* Dify's numbers for what it tells apart; our status for the rest. */
static int
dify_code(const struct err *e)
{
	switch (e->code) {
	case ERR_AUTH:
	case ERR_FORBIDDEN:
	case ERR_OPEN:
		return 1002;
	case ERR_TENANT:
	case ERR_TENANT_NAME:
		return 2001;
	default:
		return err_row(e->code)->http_status;
	}
}

static bool
is_for_caller(const struct err *e)
{
	if (e->code == ERR_AUTH)
		return false;	/* which check failed is nobody's business */
	return err_row(e->code)->http_status < 500 || e->code == ERR_NOT_READY ||
	    e->code == ERR_COLD;
}

void
reply_error(struct reply *p, const struct err *e)
{
	const struct err_row *row = err_row(e->code);
	const char *text = is_for_caller(e) ? e->text : row->meaning;
	size_t n = strlen(text);
	char seconds[16];

	buf_reset(&p->body);
	p->type = type_json;
	p->may_be_kept = false;
	p->status = row->http_status;
	buf_addf(&p->body, "{\"error\": {\"code\": \"%s\", \"message\": ", row->slug);
	json_put_text(&p->body, text, n);
	buf_addf(&p->body, ", \"type\": \"%s\", \"param\": ", error_type(p->status));
	put_param(&p->body, e);
	buf_adds(&p->body, "}, \"detail\": ");
	json_put_text(&p->body, text, n);
	if (p->dialect == REPLY_DIFY) {
		buf_addf(&p->body, ", \"error_code\": %d, \"error_msg\": ", dify_code(e));
		json_put_text(&p->body, text, n);
	}
	buf_adds(&p->body, "}\n");
	if (p->status == 503 || p->status == 507 || e->code == ERR_INBOX_FULL) {
		snprintf(seconds, sizeof seconds, "%d",
		    e->code == ERR_COLD ? RETRY_COLD_S : RETRY_AFTER_S);
		reply_header(p, "Retry-After", seconds);
	}
}

static const char *
reason_phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} t[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {304, "Not Modified"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {409, "Conflict"},
	    {413, "Content Too Large"},
	    {415, "Unsupported Media Type"},
	    {417, "Expectation Failed"},
	    {422, "Unprocessable Content"},
	    {429, "Too Many Requests"},
	    {500, "Internal Server Error"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	    {507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (t[i].status == status)
			return t[i].phrase;
	return "Status";
}

static void
format_head(const struct reply *p, struct buf *out)
{
	buf_adds(out, "Status: ");
	buf_addu(out, (uint64_t)p->status);
	buf_addc(out, ' ');
	buf_adds(out, reason_phrase(p->status));
	if (p->type[0] != '\0') {
		buf_adds(out, "\r\nContent-Type: ");
		buf_adds(out, p->type);
	}
	if (!p->is_streaming && p->status != 304 && p->status != 204) {
		buf_adds(out, "\r\nContent-Length: ");
		buf_addu(out, p->body.len);
	}
	buf_adds(out, "\r\nCache-Control: ");
	buf_adds(out, p->may_be_kept ? "private, no-cache" : "no-store");
	buf_adds(out, "\r\nX-Content-Type-Options: nosniff\r\n");
	buf_add(out, p->headers.data, p->headers.len);
	buf_adds(out, "\r\n");
}

static int
send_now(struct reply *p, struct buf *b, struct err *e)
{
	if (buf_check(b, "the answer", e) == -1)
		return -1;
	if (p->is_cut || p->send(p->to, b->data, b->len) == -1) {
		p->is_cut = true;
		return err_set(e, ERR_PEER, "the client has gone away");
	}
	buf_reset(b);
	return 0;
}

int
reply_stream_begin(struct reply *p, const char *type, struct err *e)
{
	struct buf head;
	int rc;

	if (p->send == NULL)
		return err_set(e, ERR_INTERNAL, "nothing can be streamed here");
	p->type = type;
	p->is_streaming = true;
	reply_header(p, "X-Accel-Buffering", "no");
	buf_init(&head, REPLY_HEADERS_MAX + 1024);
	format_head(p, &head);
	rc = send_now(p, &head, e);
	buf_fini(&head);
	return rc;
}

int
reply_stream_flush(struct reply *p, struct err *e)
{
	return p->body.len == 0 ? 0 : send_now(p, &p->body, e);
}

bool
reply_has_reader(const struct reply *p)
{
	struct pollfd fd = {.fd = p->peer_fd, .events = POLLRDHUP};

	if (p->is_cut)
		return false;
	return p->peer_fd == -1 || poll(&fd, 1, 0) != 1 ||
	    (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) == 0;
}

void
reply_format(const struct reply *p, struct buf *out, int head_only)
{
	format_head(p, out);
	if (!head_only)
		buf_add(out, p->body.data, p->body.len);
}
