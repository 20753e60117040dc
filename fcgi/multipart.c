/* multipart.c - a body of multipart/form-data, piece by piece. */
#include "multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "utf8.h"

enum { BOUNDARY_BYTES_MAX = 70 };

static int
malformed(struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, "the multipart body is malformed: %s", what);
}

bool
multipart_is(const struct req *r)
{
	static const char type[] = "multipart/form-data";

	return strncasecmp(r->content_type, type, sizeof type - 1) == 0 &&
	    strchr("; \t", r->content_type[sizeof type - 1]) != NULL;
}

/* ---- parameters of a header ---- */

/* name="value" or name=token behind the first ';', decoded into out; 1 found, 0 not. */
static int
parameter(char *out, size_t size, const char *header, size_t n, const char *name, struct err *e)
{
	const char *at = header, *end = header + n;
	size_t used = 0, len = strlen(name);
	bool quoted = false;

	for (; at < end; at++) {
		if (*at == '"')
			quoted = !quoted;
		else if (*at == '\\' && quoted)
			at++;
		if (quoted || *at != ';')
			continue;
		while (at + 1 < end && (at[1] == ' ' || at[1] == '\t'))
			at++;
		if ((size_t)(end - at - 1) > len && strncasecmp(at + 1, name, len) == 0 &&
		    at[1 + len] == '=')
			break;
	}
	if (at >= end)
		return 0;
	at += 2 + len;
	quoted = at < end && *at == '"';
	for (at += quoted; at < end && (quoted ? *at != '"' : strchr("; \t", *at) == NULL); at++) {
		if (quoted && *at == '\\' && at + 1 < end && (at[1] == '"' || at[1] == '\\'))
			at++;
		if (used + 1 >= size)
			return malformed(e, "a name is too long");
		out[used++] = *at;
	}
	if (quoted && at >= end)
		return malformed(e, "a quote does not end");
	out[used] = '\0';
	return 1;
}

static bool
is_plain(const char *text)
{
	for (const char *s = text; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return utf8_is_valid(text, strlen(text));
}

int
multipart_open(struct multipart *m, struct req *r, struct err *e)
{
	char boundary[BOUNDARY_BYTES_MAX + 1] = "";
	size_t n;

	m->r = r;
	m->is_read = false;
	m->parts = 0;
	m->at = 0;
	m->len = 2;
	memcpy(m->bytes, "\r\n", 2);	/* so that the first boundary is like the others */
	if (parameter(boundary, sizeof boundary, r->content_type, strlen(r->content_type),
		"boundary", NULL) != 1 ||
	    (n = strlen(boundary)) == 0 || !is_plain(boundary) || boundary[n - 1] == ' ')
		return err_set(e, ERR_MEDIA_TYPE,
		    "multipart/form-data needs a boundary of 1 to %d characters",
		    BOUNDARY_BYTES_MAX);
	m->mark_bytes = (size_t)snprintf(m->mark, sizeof m->mark, "\r\n--%s", boundary);
	return 0;
}

/* ---- bytes ---- */

/* As much as there is room for, or is left. */
static int
fill(struct multipart *m, struct err *e)
{
	long got;

	if (m->at > 0) {
		memmove(m->bytes, m->bytes + m->at, m->len - m->at);
		m->len -= m->at;
		m->at = 0;
	}
	while (m->len < sizeof m->bytes && !m->is_read) {
		got = req_read(m->r, m->bytes + m->len, sizeof m->bytes - m->len, e);
		if (got == -1)
			return -1;
		m->is_read = got == 0;
		m->len += (size_t)got;
	}
	return 0;
}

static const char *
find(const struct multipart *m, const char *what, size_t n)
{
	return memmem(m->bytes + m->at, m->len - m->at, what, n);
}

/* Bytes that are surely the part's own; 0 at its end. */
static long
available(struct multipart *m, struct err *e)
{
	const char *mark;

	if (m->len - m->at < 2 * m->mark_bytes && fill(m, e) == -1)
		return -1;
	if ((mark = find(m, m->mark, m->mark_bytes)) != NULL)
		return mark - (m->bytes + m->at);
	if (m->len - m->at >= m->mark_bytes && (!m->is_read || m->len - m->at > m->mark_bytes))
		return (long)(m->len - m->at - m->mark_bytes + 1);
	return malformed(e, "its last boundary is missing");
}

long
multipart_read(struct multipart *m, char *into, size_t n, struct err *e)
{
	long has = available(m, e);

	if (has <= 0)
		return has;
	if ((size_t)has > n)
		has = (long)n;
	memcpy(into, m->bytes + m->at, (size_t)has);
	m->at += (size_t)has;
	return has;
}

const char *
multipart_text(struct multipart *m, size_t max, struct err *e)
{
	char *text = arena_alloc(m->r->arena, max + 1);
	size_t used = 0;
	long got;

	if (text == NULL) {
		err_set(e, ERR_NOMEM, "no memory for a field");
		return NULL;
	}
	while ((got = multipart_read(m, text + used, max + 1 - used, e)) > 0)
		if ((used += (size_t)got) > max) {
			err_set(e, ERR_BODY_SIZE, "the field \"%.64s\" is larger than %zu bytes",
			    m->name, max);
			return NULL;
		}
	text[used] = '\0';
	if (got == 0 && (strlen(text) != used || !utf8_is_valid(text, used))) {
		err_set(e, ERR_UTF8, "the field \"%.64s\" is not text", m->name);
		return NULL;
	}
	return got == 0 ? text : NULL;
}

/* ---- parts ---- */

static int
take_header(struct multipart *m, const char *line, size_t n, struct err *e)
{
	const char *colon = memchr(line, ':', n), *value;
	size_t name, len;

	if (colon == NULL)
		return malformed(e, "a header without a colon");
	name = (size_t)(colon - line);
	for (value = colon + 1; value < line + n && (*value == ' ' || *value == '\t'); value++)
		;
	len = (size_t)(line + n - value);
	if (name == 19 && strncasecmp(line, "content-disposition", name) == 0) {
		if (len < 9 || strncasecmp(value, "form-data", 9) != 0 ||
		    parameter(m->name, sizeof m->name, value, len, "name", e) != 1 ||
		    parameter(m->file, sizeof m->file, value, len, "filename", e) == -1)
			return malformed(e, "a part without a name");
	} else if (name == 12 && strncasecmp(line, "content-type", name) == 0) {
		snprintf(m->type, sizeof m->type, "%.*s", (int)(len < 255 ? len : 255), value);
	} else if (name == 25 && strncasecmp(line, "content-transfer-encoding", name) == 0 &&
	    !(len == 6 && strncasecmp(value, "binary", 6) == 0) &&
	    !(len == 4 && (strncasecmp(value, "8bit", 4) == 0 || strncasecmp(value, "7bit", 4) == 0))) {
		return err_set(e, ERR_ENCODING, "send parts without a transfer encoding");
	}
	return 0;
}

static int
take_headers(struct multipart *m, struct err *e)
{
	const char *end, *line, *stop;

	m->name[0] = m->file[0] = m->type[0] = '\0';
	if (fill(m, e) == -1)
		return -1;
	end = find(m, "\r\n\r\n", 4);
	if (end == NULL || end - (m->bytes + m->at) > MULTIPART_HEADERS_MAX)
		return malformed(e, "a part's headers do not end");
	for (line = m->bytes + m->at + 2; line < end; line = stop + 2) {
		stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		if (take_header(m, line, (size_t)(stop - line), e) == -1)
			return -1;
	}
	m->at = (size_t)(end + 4 - m->bytes);
	/* An empty part's boundary begins with the line feed that ends its headers. */
	if (m->name[0] == '\0' || !is_plain(m->name) || !is_plain(m->file) || !is_plain(m->type))
		return malformed(e, "a part without a name of plain text");
	return 1;
}

int
multipart_next(struct multipart *m, struct err *e)
{
	long has;

	while ((has = available(m, e)) > 0)
		m->at += (size_t)has;
	if (has == -1)
		return -1;
	m->at += m->mark_bytes;
	if (m->len - m->at < 2 && fill(m, e) == -1)
		return -1;
	if (m->len - m->at >= 2 && memcmp(m->bytes + m->at, "--", 2) == 0)
		return 0;
	if (m->len - m->at < 2 || memcmp(m->bytes + m->at, "\r\n", 2) != 0)
		return malformed(e, "something behind a boundary");
	if (m->parts++ == MULTIPART_PARTS_MAX)
		return malformed(e, "too many parts");
	return take_headers(m, e);
}
