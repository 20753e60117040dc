/* cite.c - the marks [n] in an answer as it arrives. */
#include "cite.h"

#include <stdio.h>
#include <string.h>

enum { NUMBERS_MAX = 16 };

static const char open_wide[] = "\xe3\x80\x90", close_wide[] = "\xe3\x80\x91";	/* 【 】 */

void
cite_init(struct cite *c, const bool *is_given, size_t given_count)
{
	/* Not all of it: six kilobytes are marks that nobody has made yet. */
	c->mark_count = c->held_len = 0;
	c->is_given = is_given;
	c->given_count = given_count;
	c->ticks = c->code = c->dropped = 0;
	buf_init(&c->text, CITE_TEXT_MAX);
}

void
cite_fini(struct cite *c)
{
	buf_fini(&c->text);
}

/* ---- a mark ---- */

/* What begins a mark at s: its length; 0: nothing does; -1: too few bytes to say. */
static int
opening(const char *s, size_t n)
{
	if (s[0] == '[')
		return 1;
	for (size_t i = 0; i < 3; i++) {
		if (i == n)
			return -1;
		if (s[i] != open_wide[i])
			return 0;
	}
	return 3;
}

static int
closing(const char *s, size_t n)
{
	if (s[0] == ']')
		return 1;
	for (size_t i = 0; i < 3; i++) {
		if (i == n)
			return -1;
		if (s[i] != close_wide[i])
			return 0;
	}
	return 3;
}

struct numbers {
	unsigned at[NUMBERS_MAX];
	size_t count;
	bool is_range;		/* the next one ends it */
};

static void
add_number(struct numbers *m, unsigned n)
{
	unsigned from = m->is_range && m->count > 0 ? m->at[m->count - 1] + 1 : n;

	m->is_range = false;
	if (from > n)
		from = n;
	for (; from <= n && m->count < NUMBERS_MAX; from++)
		m->at[m->count++] = from;
}

/* Digits at s into the numbers; how many bytes, -1 when the number is too large. */
static int
take_digits(struct numbers *m, const char *s, size_t n)
{
	unsigned value = 0;
	size_t i = 0;

	while (i < n && s[i] >= '0' && s[i] <= '9') {
		value = value * 10 + (unsigned)(s[i++] - '0');
		if (value > CITE_NUMBER_MAX)
			return -1;
	}
	add_number(m, value);
	return (int)i;
}

/* A whole mark at s: its length, the numbers in *m; 0: it is none; -1: too few bytes. */
static int
parse_mark(const char *s, size_t n, struct numbers *m)
{
	int open = opening(s, n), close, digits;
	size_t i;

	*m = (struct numbers){0};
	if (open <= 0)
		return open;
	for (i = (size_t)open; i < n;) {
		if ((close = closing(s + i, n - i)) < 0)
			return -1;
		if (close > 0)
			return m->count > 0 && !m->is_range ? (int)i + close : 0;
		if (s[i] >= '0' && s[i] <= '9') {
			if ((digits = take_digits(m, s + i, n - i)) == -1)
				return 0;
			i += (size_t)digits;
			continue;
		}
		if (s[i] == '-' && m->count > 0 && !m->is_range)
			m->is_range = true;
		else if (!(s[i] == ',' || s[i] == ' ' || (s[i] == '^' && m->count == 0)))
			return 0;
		i++;
	}
	return n < CITE_HELD_MAX - 1 ? -1 : 0;	/* with the space before it, it is full */
}

/* ---- what leaves ---- */

static bool
is_given(const struct cite *c, unsigned n)
{
	return n >= 1 && n <= c->given_count && c->is_given[n - 1];
}

static void
put_mark(struct cite *c, unsigned n)
{
	struct answer_mark *m = &c->marks[c->mark_count];

	if (c->mark_count == CITE_MARKS_MAX)
		return;
	m->number = n;
	m->start = c->text.len;
	buf_addf(&c->text, "[%u]", n);
	m->end = c->text.len;
	c->mark_count++;
}

/* The space before a mark leaves only if one of its numbers does. */
static void
put_numbers(struct cite *c, const struct numbers *m, bool has_space)
{
	for (size_t i = 0; i < m->count; i++) {
		if (!is_given(c, m->at[i])) {
			c->dropped++;
			continue;
		}
		if (has_space)
			buf_addc(&c->text, ' ');
		has_space = false;
		put_mark(c, m->at[i]);
	}
}

/* Runs of backticks open and close code: one of the same length closes. */
static void
note_tick(struct cite *c, char byte)
{
	if (byte == '`') {
		c->ticks++;
		return;
	}
	if (c->ticks == 0)
		return;
	if (c->code == 0)
		c->code = c->ticks;
	else if (c->code == c->ticks)
		c->code = 0;
	c->ticks = 0;
}

static void
put_byte(struct cite *c, char byte)
{
	note_tick(c, byte);
	buf_addc(&c->text, byte);
}

/* Takes what it can from the beginning of the held bytes; 0: it must wait for more. */
static size_t
take_held(struct cite *c, bool is_end)
{
	const char *s = c->held;
	size_t n = c->held_len, space = s[0] == ' ';
	struct numbers m;
	int len;

	if (n == space && !is_end)
		return 0;
	if (s[0] != '`')
		note_tick(c, s[0]);
	len = n > space && c->code == 0 ? parse_mark(s + space, n - space, &m) : 0;
	if (len < 0 && !is_end)
		return 0;
	if (len > 0) {
		put_numbers(c, &m, space > 0);
		return space + (size_t)len;
	}
	put_byte(c, s[0]);
	return 1;
}

static void
settle(struct cite *c, bool is_end)
{
	size_t took;

	while (c->held_len > 0 && (took = take_held(c, is_end)) > 0) {
		c->held_len -= took;
		memmove(c->held, c->held + took, c->held_len);
	}
}

int
cite_add(struct cite *c, const char *piece, size_t n, struct err *e)
{
	size_t part;

	while (n > 0) {
		part = CITE_HELD_MAX - c->held_len;
		part = part < n ? part : n;
		memcpy(c->held + c->held_len, piece, part);
		c->held_len += part;
		piece += part;
		n -= part;
		settle(c, false);
	}
	return buf_check(&c->text, "an answer", e);
}

int
cite_end(struct cite *c, struct err *e)
{
	settle(c, true);
	return buf_check(&c->text, "an answer", e);
}
