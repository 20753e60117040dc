/* analyze_run.c - runs of characters without spaces: bigrams, and single Han characters. */
#include <string.h>

#include "analyze_parts.h"
#include "stop.h"
#include "utf8.h"

static void
emit_single(struct walk *w)
{
	const struct unit *u = &w->now;

	w->rc = w->each(w->context, u->bytes, u->len, u->is_stop_word ? ANALYZE_STOP_WORD : 0,
	    u->start, u->end);
}

static void
emit_bigram(struct walk *w)
{
	const struct unit *b = &w->before, *n = &w->now;
	char term[TERM_BYTES_MAX];

	memcpy(term, b->bytes, b->len);
	memcpy(term + b->len, n->bytes, n->len);
	w->rc = w->each(w->context, term, b->len + n->len,
	    b->is_stop_word && n->is_stop_word ? ANALYZE_STOP_WORD : 0, b->start, n->end);
}

/* The terms that end with the last character, now that no mark can follow it. */
static void
finish_unit(struct walk *w, bool is_last)
{
	bool is_alone = is_last && w->before.len == 0;

	if (w->before.len > 0)
		emit_bigram(w);
	if (w->rc == 0 && (w->now.is_han || is_alone))
		emit_single(w);
}

/* Whether the character is part of a question phrase that began before it or begins with
 * it.  The text behind it is compared as written: NFKC changes none of these. */
static bool
is_question(struct walk *w, uint32_t cp, size_t start, size_t end)
{
	int n = stop_chinese_question(cp, w->text + end, w->len - end);

	if (n >= 0 && end + (size_t)n > w->question_end)
		w->question_end = end + (size_t)n;
	return start < w->question_end;
}

void
run_add(struct walk *w, uint32_t cp, const char *bytes, size_t n, size_t start, size_t end)
{
	if (w->now.len > 0) {
		finish_unit(w, false);
		if (w->rc != 0)
			return;
		w->before = w->now;
	}
	memcpy(w->now.bytes, bytes, n);
	w->now.len = n;
	w->now.start = start;
	w->now.end = end;
	w->now.is_han = utf8_is_han(cp);
	w->now.is_stop_word =
	    w->now.is_han && w->a->has_stop_words && is_question(w, cp, start, end);
}

void
run_grow(struct walk *w, const char *bytes, size_t n, size_t end)
{
	w->now.end = end;
	if (w->now.len + n > sizeof w->now.bytes)
		return;
	memcpy(w->now.bytes + w->now.len, bytes, n);
	w->now.len += n;
}

void
run_flush(struct walk *w)
{
	if (w->now.len == 0)
		return;
	finish_unit(w, true);
	w->now.len = 0;
	w->before.len = 0;
}
