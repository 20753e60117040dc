/* lex_query.c - text to query: words, weights, clauses. */
#include "lex_parts.h"
#include "lex_words.h"

#include <string.h>

struct parse {
	struct lex_query *q;
	const struct lex *x;
	bool with_stop_words;
	uint32_t words;		/* that count, known or not */
	struct lex_clause *clause;	/* the one being read, NULL in plain text */
	bool is_unknown;	/* the clause holds a word that is not in the lexicon */
	struct err *err;
};

enum { STOP_READING = 1 };	/* what add_word() answers when the query is full; -1 errors */

void
lex_query_clear(struct lex_query *q)
{
	q->terms = 0;
	q->clauses = 0;
	q->clause_words = 0;
	q->unknown = 0;
	q->is_impossible = false;
}

bool
lex_query_add(struct lex_query *q, const struct lex_term *t, float weight)
{
	if (!(weight > 0 && weight < 1e9f))
		return false;
	for (uint32_t i = 0; i < q->terms; i++) {
		if (q->term[i].term.id == t->id) {
			q->term[i].weight += weight;
			return true;
		}
	}
	if (q->terms == QUERY_TERMS_MAX)
		return false;
	q->term[q->terms++] = (struct lex_query_term){*t, weight};
	return true;
}

/* ---- words ---- */

static int
add_word(void *context, const char *word, size_t len, unsigned flags, size_t start, size_t end)
{
	struct parse *p = context;
	struct lex_query *q = p->q;
	struct lex_term t;
	int found = lex_find(p->x, word, len, &t, p->err);

	(void)start;
	(void)end;
	if (found == -1)
		return -1;
	if (p->clause != NULL && found) {
		if (q->clause_words == QUERY_TERMS_MAX)
			return STOP_READING;
		q->clause_word[q->clause_words++] = t;
		p->clause->words++;
	}
	if (p->clause != NULL && !found)
		p->is_unknown = true;
	if (p->clause != NULL && p->clause->is_not)
		return 0;
	if ((flags & ANALYZE_STOP_WORD) && !p->with_stop_words)
		return 0;
	p->words++;
	if (found)
		return lex_query_add(q, &t, 1) ? 0 : STOP_READING;
	q->unknown++;
	return 0;
}

static int
read_clause(
    struct parse *p, struct analyzer *a, const char *text, size_t len, bool is_not)
{
	struct lex_query *q = p->q;
	struct lex_clause *c = &q->clause[q->clauses];
	int rc;

	if (q->clauses == LEX_CLAUSES_MAX)
		return STOP_READING;
	*c = (struct lex_clause){.is_not = is_not, .word = (uint16_t)q->clause_words};
	p->clause = c;
	p->is_unknown = false;
	rc = analyze(a, text, len, add_word, p);
	p->clause = NULL;
	if (p->is_unknown) {	/* nothing holds it: a must fails, a not never does */
		q->clause_words = c->word;
		if (!is_not)
			q->is_impossible = true;
	} else if (c->words > 0) {
		q->clauses++;
	}
	return rc;
}

/* ---- the syntax, as lex.h describes it ---- */

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct operator {
	bool is_not;
	size_t from, len;	/* of what it is about */
	size_t end;		/* behind it all, closing quote included */
};

static bool
is_operand(char c)
{
	return c == '"' || (unsigned char)c >= 0x80 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* The operator at text[at], which is behind white space or the beginning. */
static bool
find_operator(const char *text, size_t len, size_t at, struct operator *o)
{
	bool is_signed = text[at] == '+' || text[at] == '-';
	size_t from = at + is_signed, end;
	const char *close;

	o->is_not = text[at] == '-';
	if (from == len || !is_operand(text[from]) || (!is_signed && text[from] != '"'))
		return false;
	if (text[from] == '"') {
		if ((close = memchr(text + from + 1, '"', len - from - 1)) == NULL)
			return false;
		o->from = from + 1;
		o->len = (size_t)(close - text) - o->from;
		o->end = o->from + o->len + 1;
		return true;
	}
	for (end = from; end < len && !is_space(text[end]); end++)
		continue;
	o->from = from;
	o->len = end - from;
	o->end = end;
	return true;
}

/* The next place behind `at` where an operator may stand. */
static size_t
next_place(const char *text, size_t len, size_t at)
{
	for (at++; at < len; at++)
		if (is_space(text[at - 1]) &&
		    (text[at] == '+' || text[at] == '-' || text[at] == '"'))
			return at;
	return len;
}

static int
read_text(struct parse *p, struct analyzer *a, const char *text, size_t len, bool is_plain)
{
	struct operator o;
	size_t at = 0, next;
	int rc = 0;

	if (is_plain)
		return analyze(a, text, len, add_word, p);
	for (; at < len && rc == 0; at = next) {
		if ((at == 0 || is_space(text[at - 1])) && find_operator(text, len, at, &o)) {
			rc = read_clause(p, a, text + o.from, o.len, o.is_not);
			next = o.end;
		} else {
			next = next_place(text, len, at);
			rc = analyze(a, text + at, next - at, add_word, p);
		}
	}
	return rc;
}

int
lex_query_parse(struct lex_query *q, const struct lex *x, struct analyzer *a, const char *text,
    size_t len, enum lex_syntax syntax, struct err *e)
{
	struct parse p = {.q = q, .x = x, .err = e};

	lex_query_clear(q);
	if (read_text(&p, a, text, len, syntax == LEX_PLAIN) == -1)
		return -1;
	if (p.words > 0)
		return 0;
	p.with_stop_words = true;
	lex_query_clear(q);
	return read_text(&p, a, text, len, syntax == LEX_PLAIN) == -1 ? -1 : 0;
}

void
lex_query_of_words(struct lex_query *q, const struct lex_words *w)
{
	lex_query_clear(q);
	for (uint32_t i = 0; i < w->count; i++) {
		if (!w->word[i].is_known)
			q->unknown++;
		else if (!lex_query_add(q, &w->word[i].term, 1))
			return;		/* it is full */
	}
}
