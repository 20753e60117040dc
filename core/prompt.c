/* prompt.c - what a language model is told. */
#include "prompt.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "chunk.h"
#include "file.h"
#include "json.h"
#include "utf8.h"

enum section { SYSTEM, USER, SECTIONS };

#define PLACEHOLDERS(X) \
	X(PUT_PASSAGES, "{{passages}}") \
	X(PUT_QUESTION, "{{question}}") \
	X(PUT_LANGUAGE, "{{language}}") \
	X(PUT_TENANT, "{{tenant}}")
enum placeholder {
#define X(symbol, text) symbol,
	PLACEHOLDERS(X)
#undef X
	    PLACEHOLDER_MAX
};
static const char *const placeholders[] = {
#define X(symbol, text) text,
    PLACEHOLDERS(X)
#undef X
};

struct prompt {
	char *bytes;
	const char *text[SECTIONS];	/* of bytes */
	size_t len[SECTIONS];
};

/* ---- templates ---- */

static int
refuse(struct err *e, const char *name, size_t line, const char *what, const char *which)
{
	return err_set(e, ERR_CONFIG, "%s:%zu: %s%s", name, line, what, which);
}

static size_t
line_of(const struct prompt *p, const char *at)
{
	size_t line = 1;

	for (const char *s = p->bytes; s < at; s++)
		line += *s == '\n';
	return line;
}

/* The placeholder at s, PLACEHOLDER_MAX when it is none that is known. */
static enum placeholder
placeholder_at(const char *s, size_t n)
{
	int i = 0;

	while (i < PLACEHOLDER_MAX &&
	    (strlen(placeholders[i]) > n || memcmp(s, placeholders[i], strlen(placeholders[i])) != 0))
		i++;
	return (enum placeholder)i;
}

static int
check_section(const struct prompt *p, enum section section, const char *name, struct err *e)
{
	const char *text = p->text[section], *end = text + p->len[section], *s = text;
	unsigned seen[PLACEHOLDER_MAX + 1] = {0};
	enum placeholder which;

	while ((s = memmem(s, (size_t)(end - s), "{{", 2)) != NULL) {
		which = placeholder_at(s, (size_t)(end - s));
		if (which == PLACEHOLDER_MAX)
			return refuse(e, name, line_of(p, s), "no placeholder that is known: ",
			    "passages, question, language, tenant");
		if (which <= PUT_QUESTION && (section != USER || seen[which]++ > 0))
			return refuse(e, name, line_of(p, s), placeholders[which],
			    " may stand in [user] only, and once");
		s += strlen(placeholders[which]);
	}
	if (section == USER && (seen[PUT_PASSAGES] == 0 || seen[PUT_QUESTION] == 0))
		return refuse(e, name, line_of(p, end),
		    placeholders[seen[PUT_PASSAGES] == 0 ? PUT_PASSAGES : PUT_QUESTION],
		    " is missing in [user]");
	return 0;
}

static void
trim(const char **text, size_t *len)
{
	while (*len > 0 && ((*text)[0] == '\n' || (*text)[0] == '\r')) {
		++*text;
		--*len;
	}
	while (*len > 0 && strchr(" \t\r\n", (*text)[*len - 1]) != NULL)
		--*len;
}

/* Where the section's heading stands, a line of its own; NULL: nowhere. */
static const char *
find_heading(const char *bytes, const char *heading)
{
	size_t n = strlen(heading);
	const char *s = bytes;

	while ((s = strstr(s, heading)) != NULL) {
		if ((s == bytes || s[-1] == '\n') && (s[n] == '\n' || s[n] == '\r' || s[n] == '\0'))
			return s;
		s += n;
	}
	return NULL;
}

static int
cut_sections(struct prompt *p, const char *name, struct err *e)
{
	static const char *const headings[SECTIONS] = {"[system]", "[user]"};
	const char *at[SECTIONS];

	for (int i = 0; i < SECTIONS; i++)
		if ((at[i] = find_heading(p->bytes, headings[i])) == NULL)
			return refuse(e, name, 1, "there is no line that says ", headings[i]);
	if (at[USER] < at[SYSTEM])
		return refuse(e, name, line_of(p, at[USER]), headings[USER], " comes after [system]");
	p->text[SYSTEM] = at[SYSTEM] + strlen(headings[SYSTEM]);
	p->len[SYSTEM] = (size_t)(at[USER] - p->text[SYSTEM]);
	p->text[USER] = at[USER] + strlen(headings[USER]);
	p->len[USER] = strlen(p->text[USER]);
	for (int i = 0; i < SECTIONS; i++) {
		trim(&p->text[i], &p->len[i]);
		if (check_section(p, (enum section)i, name, e) == -1)
			return -1;
	}
	return 0;
}

/* bytes is taken, also on failure. */
static int
parse_taken(struct prompt **out, const char *name, char *bytes, size_t n, struct err *e)
{
	struct prompt *p = calloc(1, sizeof *p);

	*out = NULL;
	if (p == NULL || bytes == NULL) {
		free(bytes);
		free(p);
		return err_set(e, ERR_NOMEM, "no memory for a prompt");
	}
	p->bytes = bytes;
	if (memchr(bytes, '\0', n) != NULL || !utf8_is_valid(bytes, n)) {
		prompt_free(p);
		return err_set(e, ERR_UTF8, "%s: not a text in UTF-8", name);
	}
	if (cut_sections(p, name, e) == -1) {
		prompt_free(p);
		return -1;
	}
	*out = p;
	return 0;
}

int
prompt_parse(struct prompt **out, const char *name, const char *bytes, size_t n, struct err *e)
{
	*out = NULL;
	if (n > PROMPT_FILE_MAX)
		return err_set(e, ERR_LIMIT, "%s: larger than %d bytes", name, PROMPT_FILE_MAX);
	return parse_taken(out, name, strndup(bytes, n), n, e);
}

int
prompt_read(struct prompt **out, const char *path, struct err *e)
{
	char *bytes;
	size_t n;

	*out = NULL;
	if (file_read(&bytes, &n, path, PROMPT_FILE_MAX, e) == -1)
		return -1;
	return parse_taken(out, path, bytes, n, e);
}

int
prompt_builtin(struct prompt **out, struct err *e)
{
	return prompt_parse(
	    out, "the built-in prompt", prompt_builtin_text, strlen(prompt_builtin_text), e);
}

void
prompt_free(struct prompt *p)
{
	if (p == NULL)
		return;
	free(p->bytes);
	free(p);
}

/* ---- data ---- */

/* Read by models and not by people: tags (U+E0000...), and marks of direction. */
static bool
is_hidden(uint32_t cp)
{
	return (cp >= 0xe0000 && cp <= 0xe007f) || (cp >= 0x202a && cp <= 0x202e) ||
	    (cp >= 0x2066 && cp <= 0x2069);
}

static void
put_visible(struct buf *b, const char *text, size_t n)
{
	size_t plain = 0, len;
	uint32_t cp;

	for (size_t i = 0; i < n; i += len) {
		if ((len = utf8_next(text + i, n - i, &cp)) == 0) {
			len = 1;
			continue;	/* json_put_text() replaces it */
		}
		if (!is_hidden(cp))
			continue;
		buf_add(b, text + plain, i - plain);
		plain = i + len;
	}
	buf_add(b, text + plain, n - plain);
}

/* What follows "trust" in each object: how long its text is, and the text. */
static int
put_text(struct buf *b, const char *text, size_t n, struct err *e)
{
	struct buf seen, quoted;
	int rc = -1;

	buf_init(&seen, n + 1);
	buf_init(&quoted, 6 * n + 16);
	put_visible(&seen, text, n);
	json_put_text(&quoted, seen.data != NULL ? seen.data : "", seen.len);
	if (buf_check(&seen, "a text", e) == 0 && buf_check(&quoted, "a text", e) == 0) {
		buf_addf(b, ", \"bytes\": %zu, \"text\": %s}", quoted.len, quoted.data);
		rc = 0;
	}
	buf_fini(&seen);
	buf_fini(&quoted);
	return rc;
}

static int
put_passage(
    struct buf *b, size_t number, const struct prompt_passage *p, size_t n, struct err *e)
{
	buf_addf(b, "PASSAGE %zu {\"trust\": \"data\", \"title\": ", number);
	json_put_text(b, p->title, strlen(p->title));
	buf_adds(b, ", \"source\": ");
	json_put_text(b, p->source, strlen(p->source));
	if (n < p->text_len)
		buf_adds(b, ", \"cut\": true");
	if (put_text(b, p->text, n, e) == -1)
		return -1;
	buf_addc(b, '\n');
	return 0;
}

/* ---- the budget ---- */

/* The most bytes of the text that are so many tokens. */
static size_t
bytes_within(const char *text, size_t n, size_t tokens)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = utf8_floor(text, low + (high - low + 1) / 2);
		if (middle <= low)
			break;
		if (chunk_tokens(text, middle) <= tokens)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/* The first of the turns that are said again, so that they take at most half of the budget. */
static size_t
first_turn(const struct prompt_parts *parts, size_t *tokens)
{
	size_t first = parts->turn_count, used = 0, more;

	while (first > 0) {
		const struct prompt_turn *t = &parts->turns[first - 1];
		more = chunk_tokens(t->text, t->text_len);
		if (used + more > parts->budget / 2)
			break;
		used += more;
		first--;
	}
	*tokens = used;
	return first;
}

static int
put_passages(struct buf *b, const struct prompt_parts *parts, size_t budget, struct err *e)
{
	size_t used = 0, tokens, count = 0;

	for (size_t i = 0; i < parts->passage_count; i++) {
		struct prompt_passage *p = &parts->passages[i];
		tokens = chunk_tokens(p->text, p->text_len);
		p->is_taken = used + tokens <= budget;
		if (!p->is_taken)
			continue;
		used += tokens;
		count++;
		if (put_passage(b, i + 1, p, p->text_len, e) == -1)
			return -1;
	}
	if (count > 0 || parts->passage_count == 0)
		return 0;
	parts->passages[0].is_taken = true;
	return put_passage(b, 1, &parts->passages[0],
	    bytes_within(parts->passages[0].text, parts->passages[0].text_len, budget), e);
}

/* ---- messages ---- */

static int
put_placeholder(struct buf *b, enum placeholder which, const struct prompt_parts *parts,
    size_t budget, struct err *e)
{
	switch (which) {
	case PUT_PASSAGES:
		return put_passages(b, parts, budget, e);
	case PUT_QUESTION:
		buf_adds(b, "QUESTION {\"trust\": \"caller\"");
		return put_text(b, parts->question, parts->question_len, e);
	case PUT_LANGUAGE:
		buf_adds(b, answer_language_name(parts->language));
		return 0;
	default:
		buf_adds(b, parts->tenant);
		return 0;
	}
}

/* The section with everything in its place, as the content of one message. */
static int
put_section(struct buf *out, const struct prompt *p, enum section section,
    const struct prompt_parts *parts, size_t budget, struct err *e)
{
	static const char *const roles[SECTIONS] = {"system", "user"};
	const char *s = p->text[section], *end = s + p->len[section], *at;
	struct buf text;
	int rc = 0;

	buf_init(&text, MODEL_CHAT_MAX);
	while (rc == 0 && (at = memmem(s, (size_t)(end - s), "{{", 2)) != NULL) {
		enum placeholder which = placeholder_at(at, (size_t)(end - at));
		buf_add(&text, s, (size_t)(at - s));
		s = at + strlen(placeholders[which]);
		rc = put_placeholder(&text, which, parts, budget, e);
	}
	buf_add(&text, s, (size_t)(end - s));
	if (rc == 0 && (rc = buf_check(&text, "a prompt", e)) == 0) {
		buf_addf(out, "{\"role\": \"%s\", \"content\": ", roles[section]);
		json_put_text(out, text.data != NULL ? text.data : "", text.len);
		buf_addc(out, '}');
	}
	buf_fini(&text);
	return rc;
}

int
prompt_build(
    const struct prompt *p, const struct prompt_parts *parts, struct buf *out, struct err *e)
{
	size_t turns_tokens, first = first_turn(parts, &turns_tokens);

	buf_addc(out, '[');
	if (put_section(out, p, SYSTEM, parts, 0, e) == -1)
		return -1;
	for (size_t i = first; i < parts->turn_count; i++) {
		const struct prompt_turn *t = &parts->turns[i];
		buf_addf(out, ", {\"role\": \"%s\", \"content\": ", t->role);
		json_put_text(out, t->text, t->text_len);
		buf_addc(out, '}');
	}
	buf_adds(out, ", ");
	if (put_section(out, p, USER, parts, parts->budget - turns_tokens, e) == -1)
		return -1;
	buf_addc(out, ']');
	return buf_check(out, "a prompt", e);
}
