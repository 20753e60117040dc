/* text_email.c - a message (.eml): RFC 5322 headers, MIME parts (RFC 2045..2047).
 *
 * The subject is the title; sender, receivers and date are fields and the first paragraph.
 * Of alternatives the plain text is taken, unless it is empty; of everything else all that
 * is text, in order, messages within the message too.  Attachments are named, not opened.
 */
#include "text_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bounds.h"
#include "text_charset.h"
#include "text_outline.h"

enum { DEPTH_MAX = 8, PARTS_MAX = 512, HEADER_BYTES = 4096, ATTACHMENTS_MAX = 64 };

struct span {
	const char *s;
	size_t n;
};

struct mail {
	struct outline o;
	unsigned parts;
	unsigned attachments;
	struct buf names;	/* of the attachments */
};

/* ---- encodings ---- */

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static void
add_base64(struct buf *out, struct span in)
{
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < in.n && in.s[i] != '='; i++) {
		int digit = base64_digit(in.s[i]);

		if (digit < 0)
			continue;
		bits = bits << 6 | (uint32_t)digit;
		if ((have += 6) >= 8) {
			have -= 8;
			buf_addc(out, (char)(bits >> have & 0xff));
		}
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In a header "_" is a space. */
static void
add_quoted_printable(struct buf *out, struct span in, bool in_header)
{
	for (size_t i = 0; i < in.n; i++) {
		char c = in.s[i];

		if (c == '_' && in_header) {
			buf_addc(out, ' ');
		} else if (c != '=') {
			buf_addc(out, c);
		} else if (i + 2 < in.n && hex_digit(in.s[i + 1]) >= 0 && hex_digit(in.s[i + 2]) >= 0) {
			buf_addc(out, (char)(hex_digit(in.s[i + 1]) * 16 + hex_digit(in.s[i + 2])));
			i += 2;
		} else if (i + 1 < in.n && in.s[i + 1] == '\n') {
			i++;
		} else if (i + 2 < in.n && in.s[i + 1] == '\r' && in.s[i + 2] == '\n') {
			i += 2;
		}
	}
}

/* Bytes of a charset as UTF-8; what cannot be decoded is left out. */
static void
add_decoded(struct buf *out, struct span bytes, const char *charset)
{
	struct text_decoded d = {0};

	if (bytes.n > 0 && text_decode(bytes.s, bytes.n, charset, &d, NULL) == 0)
		buf_add(out, d.text, d.len);
	text_decoded_fini(&d);
}

/* ---- headers ---- */

/* The header's value, with its folded lines; n == 0: there is none. */
static struct span
find_header(struct span head, const char *name)
{
	size_t len = strlen(name), next;

	for (size_t at = 0; at < head.n; at = next) {
		size_t end = text_line_end(head.s, at, head.n, &next);

		if (end - at <= len || head.s[at + len] != ':' ||
		    strncasecmp(head.s + at, name, len) != 0)
			continue;
		at += len + 1;
		while (next < head.n && (head.s[next] == ' ' || head.s[next] == '\t'))
			end = text_line_end(head.s, next, head.n, &next);
		at = text_skip_space(head.s, at, end);
		return (struct span){head.s + at, text_trim_space(head.s, at, end) - at};
	}
	return (struct span){"", 0};
}

/* "=?charset?B?...?=" at v: its bytes are decoded into out, its length answered. */
static size_t
encoded_word(struct buf *out, struct span v)
{
	const char *charset, *how, *text, *end;
	char name[32];
	struct buf bytes;

	if (v.n < 8 || v.s[0] != '=' || v.s[1] != '?')
		return 0;
	charset = v.s + 2;
	if ((how = memchr(charset, '?', v.n - 2)) == NULL || how + 2 >= v.s + v.n || how[2] != '?')
		return 0;
	text = how + 3;
	if ((end = memmem(text, (size_t)(v.s + v.n - text), "?=", 2)) == NULL)
		return 0;
	snprintf(name, sizeof name, "%.*s", (int)(how - charset < 31 ? how - charset : 31), charset);
	name[strcspn(name, "*")] = '\0';
	buf_init(&bytes, HEADER_BYTES);
	if ((how[1] | 32) == 'b')
		add_base64(&bytes, (struct span){text, (size_t)(end - text)});
	else
		add_quoted_printable(&bytes, (struct span){text, (size_t)(end - text)}, true);
	add_decoded(out, (struct span){bytes.data, bytes.len}, name);
	buf_fini(&bytes);
	return (size_t)(end + 2 - v.s);
}

static void
decode_header(struct buf *out, struct span v)
{
	struct buf word;
	size_t at = 0, len;
	bool after_word = false;

	buf_init(&word, 4 * HEADER_BYTES);
	v.n = v.n < HEADER_BYTES ? v.n : HEADER_BYTES;
	while (at < v.n) {
		size_t blank = text_skip_space(v.s, at, v.n);

		buf_reset(&word);
		len = encoded_word(&word, (struct span){v.s + blank, v.n - blank});
		if (len == 0) {
			buf_addc(out, v.s[at++]);
			after_word = false;
			continue;
		}
		/* White space between two encoded words is not meant. */
		if (blank > at && !after_word)
			buf_addc(out, ' ');
		buf_add(out, word.data, word.len);
		at = blank + len;
		after_word = true;
	}
	buf_fini(&word);
	/* Raw bytes of some charset are against the rules, and common. */
	if (out->len > 0 && !utf8_is_valid(out->data, out->len)) {
		struct buf raw = *out;

		buf_init(out, raw.max);
		add_decoded(out, (struct span){raw.data, raw.len}, "");
		buf_fini(&raw);
	}
}

/* "name=value" or "name=\"value\"" behind a header's first word. */
static void
find_parameter(struct span v, const char *name, char *out, size_t size)
{
	size_t len = strlen(name), n = 0;

	out[0] = '\0';
	for (size_t at = 0; at + len < v.n; at++) {
		size_t from = at + len;

		if ((at > 0 && strchr("; \t\r\n", v.s[at - 1]) == NULL) ||
		    strncasecmp(v.s + at, name, len) != 0 || v.s[from++] != '=')
			continue;
		if (from < v.n && v.s[from] == '"') {
			for (from++; from < v.n && v.s[from] != '"' && n < size - 1; from++)
				out[n++] = v.s[from];
		} else {
			for (; from < v.n && strchr("; \t\r\n", v.s[from]) == NULL && n < size - 1;
			     from++)
				out[n++] = v.s[from];
		}
		out[n] = '\0';
		return;
	}
}

static bool
begins_with(struct span v, const char *word)
{
	size_t n = strlen(word);

	return v.n >= n && strncasecmp(v.s, word, n) == 0;
}

/* Head and body of a message or a part. */
static struct span
split_head(struct span all, struct span *body)
{
	size_t next;

	for (size_t at = 0; at < all.n; at = next) {
		if (text_line_end(all.s, at, all.n, &next) == at) {
			*body = (struct span){all.s + next, all.n - next};
			return (struct span){all.s, at};
		}
	}
	*body = (struct span){"", 0};
	return all;
}

/* ---- what a part says ---- */

/* Decoded bytes of a part; owned by out. */
static void
decode_body(struct buf *out, struct span head, struct span body)
{
	struct span how = find_header(head, "Content-Transfer-Encoding");

	if (begins_with(how, "base64"))
		add_base64(out, body);
	else if (begins_with(how, "quoted-printable"))
		add_quoted_printable(out, body, false);
	else
		buf_add(out, body.s, body.n);
}

static void
put_blocks(struct mail *m, const struct text_document *d)
{
	for (size_t i = 0; i < d->block_count; i++) {
		const struct text_block *k = &d->blocks[i];

		if (k->kind == TEXT_HEADING)
			outline_heading(&m->o, k->level < 6 ? k->level + 1u : 6,
			    d->text + k->start, k->end - k->start);
		else
			outline_block(&m->o, (enum text_block_kind)k->kind, d->text + k->start,
			    k->end - k->start);
	}
}

/* Whether there was any text in it. */
static bool
put_text(struct mail *m, struct span head, struct span body, bool is_html)
{
	struct text_document d;
	struct buf bytes, text;
	char charset[32];
	bool any;

	buf_init(&bytes, DOCUMENT_BYTES_MAX);
	buf_init(&text, DOCUMENT_BYTES_MAX);
	decode_body(&bytes, head, body);
	find_parameter(find_header(head, "Content-Type"), "charset", charset, sizeof charset);
	/* A page's own charset counts only where the mail names none. */
	if (is_html && charset[0] == '\0')
		buf_add(&text, bytes.data, bytes.len);
	else
		add_decoded(&text, (struct span){bytes.data, bytes.len}, charset);
	any = text.len > 0 && !text.failed &&
	      text_extract(is_html ? "part.html" : "part.txt", text.data, text.len, &d, NULL) == 0;
	if (any) {
		put_blocks(m, &d);
		text_document_fini(&d);
	}
	buf_fini(&bytes);
	buf_fini(&text);
	return any;
}

static void
name_attachment(struct mail *m, struct span head)
{
	char name[256];
	struct buf decoded;

	find_parameter(find_header(head, "Content-Disposition"), "filename", name, sizeof name);
	if (name[0] == '\0')
		find_parameter(find_header(head, "Content-Type"), "name", name, sizeof name);
	if (name[0] == '\0' || m->attachments == ATTACHMENTS_MAX)
		return;
	buf_init(&decoded, HEADER_BYTES);
	decode_header(&decoded, (struct span){name, strlen(name)});
	buf_adds(&m->names, m->attachments++ == 0 ? "" : ", ");
	buf_add(&m->names, decoded.data, decoded.len);
	buf_fini(&decoded);
}

static bool put_part(struct mail *m, struct span all, unsigned depth);

/* The part behind the boundary at *at; false: there is none.  The last ends anywhere. */
static bool
next_part(struct span body, const char *boundary, size_t *at, struct span *part)
{
	char mark[160];
	size_t len = (size_t)snprintf(mark, sizeof mark, "--%s", boundary), next, end;
	size_t start = SIZE_MAX;
	bool is_last;

	for (; *at < body.n; *at = next) {
		end = text_trim_space(body.s, *at, text_line_end(body.s, *at, body.n, &next));
		if (end - *at < len || memcmp(body.s + *at, mark, len) != 0)
			continue;
		is_last = end - *at == len + 2 && memcmp(body.s + *at + len, "--", 2) == 0;
		if (end - *at != len && !is_last)
			continue;	/* another boundary that begins alike */
		if (start != SIZE_MAX) {
			*part = (struct span){body.s + start, *at - start};
			return true;
		}
		if (is_last)
			return false;
		start = next;
	}
	if (start == SIZE_MAX || start >= body.n)
		return false;
	*part = (struct span){body.s + start, body.n - start};
	return true;
}

/* In an alternative the first that gives text is enough, plain text before others. */
static bool
put_alternative(struct mail *m, struct span body, const char *boundary, unsigned depth)
{
	static const bool plain_first[] = {true, false};
	struct span part, rest;

	for (int i = 0; i < 2; i++)
		for (size_t at = 0; next_part(body, boundary, &at, &part);) {
			struct span type = find_header(split_head(part, &rest), "Content-Type");
			bool is_plain = type.n == 0 || begins_with(type, "text/plain");

			if (is_plain == plain_first[i] && put_part(m, part, depth + 1))
				return true;
		}
	return false;
}

static bool
put_multipart(struct mail *m, struct span head, struct span body, unsigned depth)
{
	struct span type = find_header(head, "Content-Type"), part;
	char boundary[128];
	bool any = false;

	find_parameter(type, "boundary", boundary, sizeof boundary);
	if (boundary[0] == '\0')
		return false;
	if (begins_with(type, "multipart/alternative"))
		return put_alternative(m, body, boundary, depth);
	for (size_t at = 0; next_part(body, boundary, &at, &part);)
		any |= put_part(m, part, depth + 1);
	return any;
}

/* ---- messages ---- */

static void
put_header_line(struct mail *m, struct buf *lines, struct span head, const char *name,
    const char *field)
{
	struct buf value;

	buf_init(&value, 2 * HEADER_BYTES);
	decode_header(&value, find_header(head, name));
	if (value.len > 0) {
		if (lines != NULL)
			buf_addf(lines, "%s: %.*s\n", name, (int)value.len, value.data);
		if (field != NULL)
			outline_field(&m->o, field, value.data, value.len);
	}
	buf_fini(&value);
}

static bool
put_message(struct mail *m, struct span all, unsigned depth)
{
	struct buf subject, lines;
	struct span body, head = split_head(all, &body);
	bool is_first = depth == 0;

	buf_init(&subject, 2 * HEADER_BYTES);
	buf_init(&lines, 16 * HEADER_BYTES);
	decode_header(&subject, find_header(head, "Subject"));
	if (subject.len > 0 && is_first)
		outline_title(&m->o, subject.data, subject.len);
	if (subject.len > 0)
		outline_heading(&m->o, depth < 5 ? depth + 1 : 6, subject.data, subject.len);
	put_header_line(m, &lines, head, "From", is_first ? "from" : NULL);
	put_header_line(m, &lines, head, "To", is_first ? "to" : NULL);
	put_header_line(m, &lines, head, "Cc", is_first ? "cc" : NULL);
	put_header_line(m, &lines, head, "Date", is_first ? "date" : NULL);
	put_header_line(m, NULL, head, "Message-ID", is_first ? "message_id" : NULL);
	if (lines.len > 0)
		outline_block(&m->o, TEXT_PARAGRAPH, lines.data, lines.len);
	buf_fini(&subject);
	buf_fini(&lines);
	return put_part(m, all, depth);
}

static bool
put_part(struct mail *m, struct span all, unsigned depth)
{
	struct span body, head = split_head(all, &body);
	struct span type = find_header(head, "Content-Type");

	if (depth > DEPTH_MAX || m->parts++ > PARTS_MAX)
		return false;
	if (begins_with(find_header(head, "Content-Disposition"), "attachment")) {
		name_attachment(m, head);
		return false;
	}
	if (begins_with(type, "multipart/"))
		return put_multipart(m, head, body, depth);
	if (begins_with(type, "message/rfc822"))
		return put_message(m, body, depth + 1);
	if (type.n == 0 || begins_with(type, "text/html") || begins_with(type, "text/plain"))
		return put_text(m, head, body, begins_with(type, "text/html"));
	name_attachment(m, head);
	return false;
}

int
text_walk_email(struct text_builder *b, const char *bytes, size_t n, struct err *e)
{
	struct mail m = {0};
	struct span all = {bytes, n}, body;
	struct span head = split_head(all, &body);
	struct buf records;
	int rc = -1;

	if (find_header(head, "From").n == 0 && find_header(head, "Subject").n == 0 &&
	    find_header(head, "Date").n == 0)
		return err_set(e, ERR_DAMAGED, "an e-mail without From, Subject or Date");
	buf_init(&records, 2 * (size_t)DOCUMENT_BYTES_MAX);
	buf_init(&m.names, 64 * 1024);
	outline_init(&m.o, &records);
	outline_kind(&m.o, TEXT_EMAIL);
	put_message(&m, all, 0);
	if (m.names.len > 0)
		outline_field(&m.o, "attachments", m.names.data, m.names.len);
	if (outline_end(&m.o, e) == 0)
		rc = text_walk_outline(b, records.data, records.len, e);
	outline_fini(&m.o);
	buf_fini(&m.names);
	buf_fini(&records);
	return rc;
}
