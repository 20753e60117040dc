/* json_scan.c - RFC 8259, to the letter. */
#include "json_scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bounds.h"
#include "utf8.h"

struct scan {
	const char *start;
	const char *at;
	const char *end;
	size_t members;
	int depth;
	struct err *e;
};

static int scan_value(struct scan *s);

static int
refuse(struct scan *s, enum err_code code, const char *why)
{
	size_t line = 1, column = 1;

	for (const char *p = s->start; p < s->at; p++) {
		column++;
		if (*p == '\n') {
			line++;
			column = 1;
		}
	}
	return err_set(s->e, code, "line %zu, column %zu: %s", line, column, why);
}

static void
skip_space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
		s->at++;
}

static bool
take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static int
hex4(struct scan *s, uint32_t *unit)
{
	*unit = 0;
	for (int i = 0; i < 4; i++, s->at++) {
		int c = s->at < s->end ? *s->at : 0;
		int digit = c >= '0' && c <= '9' ? c - '0'
		    : c >= 'a' && c <= 'f'	 ? c - 'a' + 10
		    : c >= 'A' && c <= 'F'	 ? c - 'A' + 10
						 : -1;
		if (digit == -1)
			return refuse(s, ERR_JSON, "\\u needs four hexadecimal digits");
		*unit = *unit << 4 | (uint32_t)digit;
	}
	return 0;
}

static int
scan_unicode_escape(struct scan *s)
{
	uint32_t unit, low;

	if (hex4(s, &unit) == -1)
		return -1;
	if (unit == 0)
		return refuse(s, ERR_JSON, "\\u0000 is not allowed");
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return refuse(s, ERR_JSON, "a low surrogate without its high one");
	if (unit < 0xd800 || unit > 0xdbff)
		return 0;
	if (!take(s, '\\') || !take(s, 'u') || hex4(s, &low) == -1 || low < 0xdc00 ||
	    low > 0xdfff)
		return refuse(s, ERR_JSON, "a high surrogate without its low one");
	return 0;
}

static int
scan_string(struct scan *s)
{
	uint32_t cp;
	size_t len;

	if (!take(s, '"'))
		return refuse(s, ERR_JSON, "a string in double quotes is expected");
	while (s->at < s->end && *s->at != '"') {
		if ((unsigned char)*s->at < 0x20)
			return refuse(s, ERR_JSON, "a control character in a string");
		if (take(s, '\\')) {
			if (take(s, 'u')) {
				if (scan_unicode_escape(s) == -1)
					return -1;
			} else if (s->at < s->end && strchr("\"\\/bfnrt", *s->at) != NULL) {
				s->at++;
			} else {
				return refuse(s, ERR_JSON, "an unknown escape");
			}
			continue;
		}
		if ((len = utf8_next(s->at, (size_t)(s->end - s->at), &cp)) == 0)
			return refuse(s, ERR_UTF8, "bytes that are not UTF-8");
		s->at += len;
	}
	return take(s, '"') ? 0 : refuse(s, ERR_JSON, "the string has no end");
}

static size_t
skip_digits(struct scan *s)
{
	const char *from = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return (size_t)(s->at - from);
}

static int
scan_number(struct scan *s)
{
	take(s, '-');
	if (!take(s, '0') && skip_digits(s) == 0)
		return refuse(s, ERR_JSON, "a value is expected");
	if (take(s, '.') && skip_digits(s) == 0)
		return refuse(s, ERR_JSON, "a digit is expected");
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			take(s, '-');
		if (skip_digits(s) == 0)
			return refuse(s, ERR_JSON, "a digit is expected");
	}
	return 0;
}

static int
scan_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
		return refuse(s, ERR_JSON, "a value is expected");
	s->at += n;
	return 0;
}

static int
scan_members(struct scan *s)
{
	skip_space(s);
	if (take(s, '}'))
		return 0;
	do {
		skip_space(s);
		if (scan_string(s) == -1)
			return -1;
		s->members++;
		skip_space(s);
		if (!take(s, ':'))
			return refuse(s, ERR_JSON, "':' is expected");
		if (scan_value(s) == -1)
			return -1;
		skip_space(s);
	} while (take(s, ','));
	return take(s, '}') ? 0 : refuse(s, ERR_JSON, "',' or '}' is expected");
}

static int
scan_elements(struct scan *s)
{
	skip_space(s);
	if (take(s, ']'))
		return 0;
	do {
		if (scan_value(s) == -1)
			return -1;
		skip_space(s);
	} while (take(s, ','));
	return take(s, ']') ? 0 : refuse(s, ERR_JSON, "',' or ']' is expected");
}

static int
scan_nested(struct scan *s, int (*inside)(struct scan *))
{
	int rc;

	s->at++;
	if (++s->depth > JSON_DEPTH_MAX)
		return refuse(s, ERR_JSON_DEPTH, "nested too deeply");
	rc = inside(s);
	s->depth--;
	return rc;
}

static int
scan_value(struct scan *s)
{
	skip_space(s);
	if (s->at == s->end)
		return refuse(s, ERR_JSON, "the text ends where a value is expected");
	switch (*s->at) {
	case '{':
		return scan_nested(s, scan_members);
	case '[':
		return scan_nested(s, scan_elements);
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		return scan_number(s);
	}
}

int
json_scan(const char *bytes, size_t n, size_t *members, struct err *e)
{
	struct scan s = {.start = bytes, .at = bytes, .end = bytes + n, .e = e};

	skip_space(&s);
	if (s.at == s.end)
		return err_set(e, ERR_EMPTY_BODY, "there is no JSON here");
	if (scan_value(&s) == -1)
		return -1;
	skip_space(&s);
	if (s.at != s.end)
		return refuse(&s, ERR_JSON, "bytes behind the end");
	*members = s.members;
	return 0;
}
