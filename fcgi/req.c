/* req.c - one request, bounded and checked. */
#include "req.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bounds.h"
#include "req_id.h"
#include "utf8.h"

enum { BODY_FIRST = 16 * 1024 };

static const char *const method_names[] = {
    [REQ_GET] = "GET",
    [REQ_HEAD] = "HEAD",
    [REQ_POST] = "POST",
    [REQ_PUT] = "PUT",
    [REQ_DELETE] = "DELETE",
    [REQ_OPTIONS] = "OPTIONS",
    [REQ_OTHER] = "?",
};

const char *
req_method_name(enum req_method m)
{
	return method_names[m];
}

const char *
req_param(const struct req *r, const char *name)
{
	size_t n = strlen(name);

	for (char *const *p = r->envp; p != NULL && *p != NULL; p++)
		if ((*p)[0] == name[0] && strncmp(*p, name, n) == 0 && (*p)[n] == '=')
			return *p + n + 1;
	return NULL;
}

static enum req_method
method_of(const char *name)
{
	for (int m = 0; m < REQ_OTHER; m++)
		if (strcmp(name, method_names[m]) == 0)
			return m;
	return REQ_OTHER;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* Decodes n bytes of a part of a URI once; NULL when it is malformed.  In a path '+' is
 * itself, behind '?' it is a space; and an encoded slash parts nothing. */
static const char *
decode(const char *raw, size_t n, bool plus_is_space, struct arena *a)
{
	char *out = arena_alloc(a, n + 1);
	size_t used = 0;

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)raw[i];
		if (c == '%') {
			if (i + 2 >= n || hex_digit(raw[i + 1]) < 0 || hex_digit(raw[i + 2]) < 0)
				return NULL;
			c = hex_digit(raw[i + 1]) << 4 | hex_digit(raw[i + 2]);
			i += 2;
			if (c == '/' && !plus_is_space) {
				out[used++] = REQ_ENCODED_SLASH;
				continue;
			}
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return NULL;
		out[used++] = (char)c;
	}
	out[used] = '\0';
	return utf8_is_valid(out, used) ? out : NULL;
}

static int
parse_address(struct req *r, struct err *e)
{
	const char *uri = req_param(r, "REQUEST_URI"), *mark;

	if (uri == NULL || uri[0] != '/')
		return err_set(e, ERR_INPUT, "the request has no REQUEST_URI");
	mark = strchr(uri, '?');
	r->query = mark != NULL ? mark + 1 : "";
	r->path =
	    decode(uri, mark != NULL ? (size_t)(mark - uri) : strlen(uri), false, r->arena);
	if (r->path == NULL)
		return err_set(e, r->arena->failed ? ERR_NOMEM : ERR_INPUT,
		    "the address is not a decodable path");
	return 0;
}

/* Without a length, or with the -1 that programs in Go pass on for it (Caddy), the end of the
 * records ends the body. */
static int
parse_length(struct req *r, struct err *e)
{
	const char *text = req_param(r, "CONTENT_LENGTH");
	char *end;
	unsigned long long n;

	r->has_no_length = text == NULL || text[0] == '\0' || strcmp(text, "-1") == 0;
	if (r->has_no_length)
		return 0;
	if (text[0] < '0' || text[0] > '9')
		return err_set(e, ERR_INPUT, "the content length is not a number");
	n = strtoull(text, &end, 10);
	if (*end != '\0')
		return err_set(e, ERR_INPUT, "the content length is not a number");
	r->content_length = n > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)n;
	return 0;
}

static int
check_expectation(const struct req *r, struct err *e)
{
	const char *wish = req_param(r, "HTTP_EXPECT");

	if (wish == NULL || wish[0] == '\0' || strcasecmp(wish, "100-continue") == 0)
		return 0;
	return err_set(e, ERR_EXPECTATION, "of all expectations only 100-continue is met");
}

int
req_init(struct req *r, char *const *envp, struct arena *a, req_read_fn *read, void *from,
    struct err *e)
{
	const char *method, *type;

	*r = (struct req){.envp = envp, .arena = a, .read = read, .read_from = from, .body = ""};
	method = req_param(r, "REQUEST_METHOD");
	r->method = method != NULL ? method_of(method) : REQ_OTHER;
	type = req_param(r, "CONTENT_TYPE");
	r->content_type = type != NULL ? type : "";
	r->id = req_id_of(req_param(r, "HTTP_X_REQUEST_ID"), a);
	r->trace = req_trace_of(req_param(r, "HTTP_TRACEPARENT"));
	if (parse_address(r, e) == -1 || parse_length(r, e) == -1)
		return -1;
	return check_expectation(r, e);
}

int
req_query_get(const struct req *r, const char *name, const char **out, struct err *e)
{
	const char *found = NULL, *end;
	size_t n = strlen(name), length = 0;

	*out = NULL;
	for (const char *p = r->query; *p != '\0'; p = *end != '\0' ? end + 1 : end) {
		end = strchrnul(p, '&');
		if (strncmp(p, name, n) != 0 || (p[n] != '=' && p + n != end))
			continue;
		if (found != NULL)
			return err_set(e, ERR_INPUT, "the address names \"%s\" twice", name);
		found = p[n] == '=' ? p + n + 1 : end;
		length = (size_t)(end - found);
	}
	if (found == NULL)
		return 0;
	if ((*out = decode(found, length, true, r->arena)) == NULL)
		return err_set(e, r->arena->failed ? ERR_NOMEM : ERR_INPUT,
		    "the value of \"%s\" in the address cannot be decoded", name);
	return 0;
}

int
req_begin_body(struct req *r, size_t max, struct err *e)
{
	const char *encoding = req_param(r, "HTTP_CONTENT_ENCODING");

	if (r->has_no_length)
		r->content_length = max;
	if (r->content_length > max)
		return err_set(e, ERR_BODY_SIZE, "the body is larger than %zu bytes", max);
	if (encoding != NULL && encoding[0] != '\0' && strcasecmp(encoding, "identity") != 0)
		return err_set(e, ERR_ENCODING, "send the body without Content-Encoding");
	return 0;
}

long
req_read(struct req *r, char *into, size_t n, struct err *e)
{
	size_t left = r->content_length - r->taken;
	char more;
	long got;

	if (left == 0 && !r->has_no_length)
		return 0;
	if (left == 0) {
		if ((got = r->read(r->read_from, &more, 1)) > 0)
			return err_set(e, ERR_BODY_SIZE, "the body is larger than %zu bytes",
			    r->content_length);
	} else {
		got = r->read(r->read_from, into, n < left ? n : left);
	}
	if (got == 0 && r->has_no_length)
		return 0;
	if (got <= 0 && r->has_no_length)
		return err_set(e, ERR_TRUNCATED_BODY, "the body stops after %zu bytes", r->taken);
	if (got <= 0)
		return err_set(e, ERR_TRUNCATED_BODY, "%zu of %zu bytes arrived", r->taken,
		    r->content_length);
	r->taken += (size_t)got;
	return got;
}

/* Room for all of a body of which the length is known, for what comes of another. */
static char *
grow_body(struct req *r, const char *body, size_t *room)
{
	size_t more = body == NULL ? BODY_FIRST : 2 * *room;
	char *larger;

	*room = r->has_no_length && more < r->content_length ? more : r->content_length;
	if ((larger = arena_alloc(r->arena, *room + 1)) != NULL && body != NULL)
		memcpy(larger, body, r->taken);
	return larger;
}

int
req_read_body(struct req *r, size_t max, struct err *e)
{
	char *body = NULL;
	size_t room = 0;
	long got;

	if (req_begin_body(r, max, e) == -1)
		return -1;
	do {
		/* At the most there is no room, and no need of it: req_read() says how it ends. */
		if ((body == NULL || (r->taken == room && room < r->content_length)) &&
		    (body = grow_body(r, body, &room)) == NULL)
			return err_set(e, ERR_NOMEM, "no memory for the body");
		if ((got = req_read(r, body + r->taken, room - r->taken, e)) == -1)
			return -1;
	} while (got > 0);
	body[r->taken] = '\0';
	r->body = body;
	r->content_length = r->taken;
	r->has_no_length = false;
	return 0;
}

static bool
is_json_type(const char *type, size_t n)
{
	static const char plain[] = "application/json";

	while (n > 0 && (type[n - 1] == ' ' || type[n - 1] == '\t'))
		n--;
	if (n == sizeof plain - 1 && strncasecmp(type, plain, n) == 0)
		return true;
	return n > 5 && strncasecmp(type + n - 5, "+json", 5) == 0;
}

int
req_need_json(const struct req *r, struct err *e)
{
	const char *type = r->content_type, *rest = strchr(type, ';'), *charset;
	size_t n = rest != NULL ? (size_t)(rest - type) : strlen(type);

	if (!is_json_type(type, n))
		return err_set(e, ERR_MEDIA_TYPE, "send Content-Type: application/json");
	if (rest != NULL && (charset = strcasestr(rest, "charset=")) != NULL) {
		charset += strlen("charset=");
		charset += *charset == '"';
		if (strncasecmp(charset, "utf-8", 5) != 0 && strncasecmp(charset, "utf8", 4) != 0)
			return err_set(e, ERR_MEDIA_TYPE, "JSON is sent in UTF-8");
	}
	return 0;
}
