/* http_answer.c - an HTTP/1.1 answer, as it arrives. */
#include "http_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK" */
static int
read_status(struct http_answer *a, const char *line, size_t n)
{
	if (n < 12 || memcmp(line, "HTTP/1.", 7) != 0 || !is_digit(line[7]) || line[8] != ' ' ||
	    !is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) ||
	    (n > 12 && line[12] != ' '))
		return -1;
	a->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0';
	a->is_kept = line[7] == '1';
	return a->status >= 100 ? 0 : -1;
}

void
http_answer_header(const struct http_answer *a, const char *name, char *out, size_t size)
{
	const char *line = a->head, *end = a->head + a->head_bytes;
	size_t wanted = strlen(name);

	out[0] = '\0';
	while (line < end) {
		const char *stop = memchr(line, '\r', (size_t)(end - line));
		const char *value = line + wanted + 1;
		if (stop == NULL)
			return;
		if ((size_t)(stop - line) > wanted && line[wanted] == ':' &&
		    strncasecmp(line, name, wanted) == 0) {
			while (value < stop && (*value == ' ' || *value == '\t'))
				value++;
			if ((size_t)(stop - value) < size) {
				memcpy(out, value, (size_t)(stop - value));
				out[stop - value] = '\0';
			}
			return;
		}
		line = stop + 2;
	}
}

/* Hexadecimal or decimal; -1 when it is no number or past the limit. */
static long
read_size(const char *text, size_t n, unsigned base)
{
	long value = 0;

	if (n == 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		char c = text[i] | 0x20;
		long digit = is_digit(text[i]) ? text[i] - '0' :
		    base == 16 && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (digit == -1 || (value = value * base + digit) > HTTP_ANSWER_BODY_MAX)
			return -1;
	}
	return value;
}

/* Walks over the chunks; with `join`, moves what they hold together.  1, 0, -1 as above. */
static int
walk_chunks(struct http_answer *a, char *at, char *end, bool join)
{
	char *into = at;

	a->body = at;
	for (;;) {
		char *stop = memmem(at, (size_t)(end - at), "\r\n", 2);
		long size;
		if (stop == NULL)
			return end - at > 4096 ? -1 : 0;
		size = read_size(at, strcspn(at, "\r; \t"), 16);
		if (size == -1)
			return -1;
		at = stop + 2;
		if (size == 0) {
			a->body_bytes = (size_t)(into - a->body);
			/* Trailers are not for us: only an answer without them is kept. */
			if (end - at < 2)
				return 0;
			a->is_kept = a->is_kept && at + 2 == end && memcmp(at, "\r\n", 2) == 0;
			return 1;
		}
		if (end - at < size + 2)
			return 0;
		if (memcmp(at + size, "\r\n", 2) != 0)
			return -1;
		if (join)
			memmove(into, at, (size_t)size);
		into += size;
		at += size + 2;
	}
}

static int
read_body(struct http_answer *a, char *at, char *end, bool at_end)
{
	char text[64];
	long size;
	int rc;

	http_answer_header(a, "Connection", text, sizeof text);
	if (strcasecmp(text, "close") == 0)
		a->is_kept = false;
	http_answer_header(a, "Transfer-Encoding", text, sizeof text);
	if (strcasecmp(text, "chunked") == 0) {
		bool is_kept = a->is_kept;
		if ((rc = walk_chunks(a, at, end, false)) != 1)
			return at_end && rc == 0 ? -1 : rc;
		a->is_kept = is_kept;
		return walk_chunks(a, at, end, true);
	}
	a->body = at;
	a->body_bytes = (size_t)(end - at);
	if (a->status == 204 || a->status == 304)
		return 1;
	http_answer_header(a, "Content-Length", text, sizeof text);
	if (text[0] == '\0') {
		a->is_kept = false;
		return at_end;
	}
	if ((size = read_size(text, strlen(text), 10)) == -1 || end - at > size)
		return -1;
	return end - at == size ? 1 : at_end ? -1 : 0;
}

int
http_answer_read(struct http_answer *a, char *bytes, size_t n, bool at_end)
{
	char *end = memmem(bytes, n, "\r\n\r\n", 4), *first;

	*a = (struct http_answer){0};
	if (end == NULL)
		return at_end || n > HTTP_ANSWER_HEAD_MAX ? -1 : 0;
	first = memmem(bytes, n, "\r\n", 2);
	if (read_status(a, bytes, (size_t)(first - bytes)) == -1)
		return -1;
	if (a->status < 200)		/* "continue", and then the answer */
		return http_answer_read(a, end + 4, n - (size_t)(end + 4 - bytes), at_end);
	a->head = first + 2;
	a->head_bytes = (size_t)(end + 2 - a->head);
	if (first == end)
		a->head_bytes = 0;
	return read_body(a, end + 4, bytes + n, at_end);
}
