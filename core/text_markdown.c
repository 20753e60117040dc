/* text_markdown.c - the block structure of Markdown, with exact spans in the source.
 *
 * A line scanner of our own, and md4c only for the words of a heading (one line of at
 * most HEADING_LINE_MAX bytes).  Two reasons.  md4c's callbacks carry no position for
 * fences, table rules and reference definitions, so spans would be guessed back from
 * text pointers; and its inline parser is quadratic: 400 KB of "[[[...]]]" kept md4c
 * 0.4.8 busy for 27 s.  This scanner looks at each line once or twice.
 *
 * Follows CommonMark and GFM tables for what a chunk boundary needs.  It departs from
 * them where no boundary depends on it: quotes and raw HTML are paragraphs, the items
 * of nested lists are lines of one list.
 */
#include "text_parts.h"

#include <md4c.h>
#include <string.h>
#include <strings.h>

enum { HEADING_LINE_MAX = 1024, FRONT_MATTER_MAX = 64 * 1024 };

struct line {
	size_t start, end, next;	/* end: without the line feed */
	size_t text;			/* first byte that is not blank */
	size_t indent;			/* columns before it, tab stops of 4 */
};

struct scan {
	struct text_builder *b;
	const char *s;
	size_t n;
	bool open;			/* a block is being collected */
	bool open_continues;
	enum text_block_kind kind;
	size_t start, end;
	bool in_list;
	bool after_blank;
	char fence;			/* of the open code block, or 0 */
	size_t fence_len;
};

static void
read_line(const char *s, size_t at, size_t n, struct line *l)
{
	l->start = l->text = at;
	l->end = text_line_end(s, at, n, &l->next);
	l->indent = 0;
	for (; l->text < l->end; l->text++) {
		if (s[l->text] == '\t')
			l->indent += 4 - l->indent % 4;
		else if (s[l->text] == ' ')
			l->indent++;
		else if (s[l->text] != '\r')
			break;
	}
}

static void
close_block(struct scan *m)
{
	if (m->open)
		text_add_block(m->b, m->kind, m->start, m->end, m->open_continues);
	m->open = false;
	m->fence = 0;
}

static void
open_block(struct scan *m, enum text_block_kind kind, const struct line *l)
{
	close_block(m);
	m->open = true;
	m->open_continues = m->in_list;
	m->kind = kind;
	m->start = l->start;
	m->end = l->end;
}

/* ---- what a line is ---- */

static size_t
run_of(const char *s, size_t at, size_t end, char c)
{
	size_t len = 0;

	while (at + len < end && s[at + len] == c)
		len++;
	return len;
}

static size_t
fence_len(const struct scan *m, const struct line *l)
{
	char c = l->text < l->end ? m->s[l->text] : 0;
	size_t len;

	if (c != '`' && c != '~')
		return 0;
	len = run_of(m->s, l->text, l->end, c);
	/* "```x```" on one line is a code span. */
	if (len < 3 || (c == '`' && memchr(m->s + l->text + len, '`', l->end - l->text - len)))
		return 0;
	return len;
}

static bool
closes_fence(const struct scan *m, const struct line *l)
{
	size_t len = run_of(m->s, l->text, l->end, m->fence);

	return len >= m->fence_len && text_skip_space(m->s, l->text + len, l->end) == l->end;
}

/* 1..6, or 0. */
static unsigned
atx_level(const struct scan *m, const struct line *l)
{
	size_t len = run_of(m->s, l->text, l->end, '#');

	if (len == 0 || len > 6 || l->indent > 3)
		return 0;
	if (l->text + len < l->end && text_space_len(m->s + l->text + len, 1) == 0)
		return 0;
	return (unsigned)len;
}

static bool
is_rule(const struct scan *m, const struct line *l)
{
	char c = m->s[l->text];
	size_t marks = 0;

	if (l->indent > 3 || (c != '-' && c != '*' && c != '_'))
		return false;
	for (size_t i = l->text; i < l->end; i++) {
		if (m->s[i] == c)
			marks++;
		else if (m->s[i] != ' ' && m->s[i] != '\t')
			return false;
	}
	return marks >= 3;
}

static unsigned
setext_level(const struct scan *m, const struct line *l)
{
	char c = m->s[l->text];
	size_t len;

	if (l->indent > 3 || (c != '=' && c != '-'))
		return 0;
	len = run_of(m->s, l->text, l->end, c);
	if (text_skip_space(m->s, l->text + len, l->end) != l->end)
		return 0;
	return c == '=' ? 1 : 2;
}

static bool
is_list_item(const struct scan *m, const struct line *l)
{
	size_t at = l->text, digits = 0;

	if (l->indent > 3 && !m->in_list)
		return false;
	while (at + digits < l->end && digits < 10 && m->s[at + digits] >= '0' &&
	    m->s[at + digits] <= '9')
		digits++;
	at += digits;
	if (at >= l->end || digits > 9)
		return false;
	if (digits > 0 ? m->s[at] != '.' && m->s[at] != ')'
		       : m->s[at] != '-' && m->s[at] != '*' && m->s[at] != '+')
		return false;
	return at + 1 == l->end || m->s[at + 1] == ' ' || m->s[at + 1] == '\t';
}

/* A table: a line with a bar, then a line of bars, dashes and colons. */
static bool
begins_table(const struct scan *m, const struct line *l)
{
	struct line rule;
	bool bar = false, dash = false;

	if (l->next >= m->n || memchr(m->s + l->text, '|', l->end - l->text) == NULL)
		return false;
	read_line(m->s, l->next, m->n, &rule);
	for (size_t i = rule.text; i < rule.end; i++) {
		char c = m->s[i];

		bar |= c == '|';
		dash |= c == '-';
		if (c != '|' && c != '-' && c != ':' && c != ' ' && c != '\t')
			return false;
	}
	return bar && dash;
}

/* ---- headings ---- */

struct words {
	char text[HEADING_LINE_MAX];
	size_t len;
};

static int
keep_words(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE size, void *context)
{
	static const struct {
		const char *name, *text;
	} entities[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""},
	    {"&nbsp;", " "}, {"&#39;", "'"}};
	const size_t known = type == MD_TEXT_ENTITY ? sizeof entities / sizeof entities[0] : 0;
	struct words *w = context;

	if (type == MD_TEXT_HTML || type == MD_TEXT_NULLCHAR)
		return 0;
	if (type == MD_TEXT_BR || type == MD_TEXT_SOFTBR) {
		text = " ";
		size = 1;
	}
	for (size_t i = 0; i < known; i++)
		if (strlen(entities[i].name) == size && !memcmp(entities[i].name, text, size)) {
			text = entities[i].text;
			size = (MD_SIZE)strlen(text);
		}
	if (size > sizeof w->text - w->len)
		size = (MD_SIZE)(sizeof w->text - w->len);
	memcpy(w->text + w->len, text, size);
	w->len += size;
	return 0;
}

static int
ignore_block(MD_BLOCKTYPE type, void *detail, void *context)
{
	(void)type, (void)detail, (void)context;
	return 0;
}

static int
ignore_span(MD_SPANTYPE type, void *detail, void *context)
{
	(void)type, (void)detail, (void)context;
	return 0;
}

/* "## The `max_conn` option {#max-conn}" gives "The max_conn option". */
static void
add_heading(struct scan *m, unsigned level, size_t start, size_t end, size_t from, size_t to)
{
	static const MD_PARSER parser = {
	    .flags =
		MD_FLAG_NOINDENTEDCODEBLOCKS | MD_FLAG_NOHTMLBLOCKS | MD_FLAG_STRIKETHROUGH,
	    .enter_block = ignore_block, .leave_block = ignore_block,
	    .enter_span = ignore_span, .leave_span = ignore_span, .text = keep_words};
	struct words w = {.len = 0};
	const char *id;

	from = text_skip_space(m->s, from, to);
	to = text_trim_space(m->s, from, to);
	if (to > from && m->s[to - 1] == '}' && (id = memrchr(m->s + from, '{', to - from)) &&
	    id[1] == '#')
		to = text_trim_space(m->s, from, (size_t)(id - m->s));
	if (to - from > HEADING_LINE_MAX)
		to = from + utf8_floor(m->s + from, HEADING_LINE_MAX);
	/* "# 1. Setup" is not a list: the words are shown to md4c as a heading's. */
	md_parse(m->s + from, (MD_SIZE)(to - from), &parser, &w);
	if (w.len == 0 || is_list_item(m, &(struct line){.text = from, .end = to})) {
		w.len = to - from < sizeof w.text ? to - from : sizeof w.text;
		memcpy(w.text, m->s + from, w.len);
	}
	text_add_heading(m->b, level, start, end, w.text, utf8_floor(w.text, w.len));
	if (level == 1 && m->b->d->title[0] == '\0')
		text_squeeze(
		    m->b->d->title, TEXT_TITLE_BYTES, w.text, utf8_floor(w.text, w.len));
}

static void
atx_heading(struct scan *m, const struct line *l, unsigned level)
{
	size_t from = l->text + level, to = text_trim_space(m->s, from, l->end), bare = to;

	while (bare > from && m->s[bare - 1] == '#')
		bare--;
	if (bare == from || text_space_len(m->s + bare - 1, 1) == 1)
		to = bare;			/* a closing sequence of # */
	close_block(m);
	m->in_list = false;
	add_heading(m, level, l->start, l->end, from, to);
}

/* ---- front matter ---- */

static void
take_title(struct scan *m, const struct line *l, char separator)
{
	size_t at = l->start + 5, end = l->end;

	if (l->end - l->start < 6 || strncasecmp(m->s + l->start, "title", 5) != 0)
		return;
	at = text_skip_space(m->s, at, end);
	if (at == end || m->s[at] != separator)
		return;
	at = text_skip_space(m->s, at + 1, end);
	end = text_trim_space(m->s, at, end);
	if (end - at >= 2 && (m->s[at] == '"' || m->s[at] == '\'') &&
	    m->s[end - 1] == m->s[at]) {
		at++;
		end--;
	}
	text_squeeze(m->b->d->title, TEXT_TITLE_BYTES, m->s + at, end - at);
}

/* YAML between "---" lines or TOML between "+++" lines, at the very beginning.
 * Returns where the text begins. */
static size_t
front_matter(struct scan *m)
{
	size_t at = text_skip_space(m->s, 0, m->n < 3 ? m->n : 3);	/* a byte order mark */
	size_t max = m->n < FRONT_MATTER_MAX ? m->n : FRONT_MATTER_MAX;
	struct line l;
	char mark;

	if (m->n == 0 || at >= m->n)
		return 0;
	mark = m->s[at];
	read_line(m->s, at, m->n, &l);
	if ((mark != '-' && mark != '+') || run_of(m->s, at, l.end, mark) != 3 ||
	    text_trim_space(m->s, at, l.end) != at + 3)
		return 0;
	for (size_t p = l.next; p < max; p = l.next) {
		read_line(m->s, p, m->n, &l);
		if (run_of(m->s, p, l.end, mark) == 3 &&
		    text_trim_space(m->s, p, l.end) == p + 3)
			return l.next;
	}
	return 0;
}

static size_t
skip_front_matter(struct scan *m)
{
	size_t body = front_matter(m);
	struct line l;

	if (body > 0) {
		m->b->d->front_at = text_skip_space(m->s, 0, body);
		m->b->d->front_len = body - m->b->d->front_at;
	}
	for (size_t p = 0; p < body; p = l.next) {
		read_line(m->s, p, body, &l);
		if (m->b->d->title[0] == '\0') {
			take_title(m, &l, ':');
			take_title(m, &l, '=');
		}
	}
	return body;
}

/* ---- the walk ---- */

static void
blank_line(struct scan *m)
{
	if (m->open && (m->kind == TEXT_PARAGRAPH || m->kind == TEXT_TABLE))
		close_block(m);
	m->after_blank = true;
}

static bool
fence_line(struct scan *m, const struct line *l)
{
	size_t len;

	if (m->fence != 0) {
		m->end = l->end;
		if (closes_fence(m, l))
			close_block(m);
		return true;
	}
	if ((len = fence_len(m, l)) == 0 || (l->indent > 3 && !m->in_list))
		return false;
	if (l->indent < 2 && m->after_blank)
		m->in_list = false;
	open_block(m, TEXT_CODE, l);
	m->fence = m->s[l->text];
	m->fence_len = len;
	return true;
}

/* Setext headings and thematic breaks, which look alike. */
static bool
underline(struct scan *m, const struct line *l)
{
	unsigned level = setext_level(m, l);
	size_t start = m->start, end = m->end;

	if (level > 0 && m->open && m->kind == TEXT_PARAGRAPH && !m->after_blank) {
		m->open = false;
		m->in_list = false;
		add_heading(m, level, start, l->end, start, end);
		return true;
	}
	if (!is_rule(m, l))
		return false;
	close_block(m);
	m->in_list = false;
	return true;
}

static bool
list_line(struct scan *m, const struct line *l)
{
	bool item = is_list_item(m, l);

	if (!item && !(m->in_list && (l->indent >= 2 || !m->after_blank))) {
		if (m->in_list)
			close_block(m);
		m->in_list = false;
		return false;
	}
	if (m->open && m->kind == TEXT_LIST) {
		m->end = l->end;
	} else {
		/* "1986. A great year" within a paragraph does not begin a list. */
		if (m->open && m->kind == TEXT_PARAGRAPH && m->s[l->text] >= '0' &&
		    m->s[l->text] <= '9' &&
		    (m->s[l->text] != '1' ||
			(m->s[l->text + 1] >= '0' && m->s[l->text + 1] <= '9')))
			return false;
		open_block(m, TEXT_LIST, l);
		m->in_list = true;
	}
	return true;
}

static void
other_line(struct scan *m, const struct line *l)
{
	bool going_on = m->open && m->kind == TEXT_PARAGRAPH;

	if (m->open && m->kind == TEXT_CODE && l->indent >= 4) {
		m->end = l->end;
	} else if (l->indent >= 4 && !going_on) {
		open_block(m, TEXT_CODE, l);
	} else if (going_on) {
		m->end = l->end;
	} else {
		open_block(m, TEXT_PARAGRAPH, l);
	}
}

static void
scan_line(struct scan *m, const struct line *l)
{
	unsigned level;

	if (fence_line(m, l))
		return;
	if (l->text == l->end) {
		blank_line(m);
		return;
	}
	if ((level = atx_level(m, l)) > 0) {
		atx_heading(m, l, level);
	} else if (underline(m, l)) {
		;
	} else if (m->open && m->kind == TEXT_TABLE) {
		m->end = l->end;
	} else if (!is_list_item(m, l) && begins_table(m, l)) {
		if (l->indent < 2)
			m->in_list = false;
		open_block(m, TEXT_TABLE, l);
	} else if (!list_line(m, l)) {
		other_line(m, l);
	}
	m->after_blank = false;
}

int
text_walk_markdown(struct text_builder *b, struct err *e)
{
	struct scan m = {.b = b, .s = b->d->text, .n = b->d->len, .after_blank = true};
	struct line l;

	(void)e;
	for (size_t at = skip_front_matter(&m); at < m.n; at = l.next) {
		read_line(m.s, at, m.n, &l);
		scan_line(&m, &l);
	}
	close_block(&m);
	return 0;
}
