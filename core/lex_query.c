/* lex_query.c - text to query: words, weights, clauses. */
#include "lex_parts.h"

#include <string.h>

struct parse {
	struct lex_query *q;
	const struct lex *x;
	bool with_stop_words;
	uint32_t words;		/* that count, known or not */
	struct lex_clause *clause;	/* the one being read, NULL in plain text */
	uint32_t neighbour;	/* place in q->term of the word before, or NO_NEIGHBOUR */
	size_t neighbour_end;	/* where it ends in the text being read */
	bool is_unknown;	/* the clause holds a word that is not in the lexicon */
	struct err *err;
};

#define NO_NEIGHBOUR UINT32_MAX
enum { STOP_READING = 1 };	/* what add_word() answers when the query is full; -1 errors */

void
lex_query_clear(struct lex_query *q)
{
	q->terms = 0;
	q->pairs = 0;
	q->clauses = 0;
	q->clause_words = 0;
	q->unknown = 0;
	q->is_impossible = false;
}

/* The place of a term in q->term, q->terms when it is not there. */
static uint32_t
place_of(const struct lex_query *q, uint32_t id)
{
	uint32_t i = 0;

	while (i < q->terms && q->term[i].term.id != id)
		i++;
	return i;
}

bool
lex_query_add(struct lex_query *q, const struct lex_term *t, float weight)
{
	uint32_t i = place_of(q, t->id);

	if (!(weight > 0 && weight < 1e9f))
		return false;
	if (i < q->terms) {
		q->term[i].weight += weight;
		return true;
	}
	if (q->terms == QUERY_TERMS_MAX)
		return false;
	q->term[q->terms++] = (struct lex_query_term){*t, weight};
	return true;
}

/* Pairs past the last place are left out: they only refine. */
static void
add_pair(struct lex_query *q, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < q->pairs; i++) {
		if (q->pair[i].a == a && q->pair[i].b == b) {
			q->pair[i].count++;
			return;
		}
	}
	if (q->pairs < LEX_PAIRS_MAX)
		q->pair[q->pairs++] = (struct lex_pair){(uint16_t)a, (uint16_t)b, 1};
}

/* ---- words ---- */

/* The word just counted stands at text[start, end): does it make a pair with the one
 * before?  Terms made from the same characters do not. */
static void
meet_neighbour(struct parse *p, uint32_t place, size_t start, size_t end)
{
	if (p->neighbour != NO_NEIGHBOUR && p->neighbour != place && start >= p->neighbour_end)
		add_pair(p->q, p->neighbour, place);
	p->neighbour = place;
	p->neighbour_end = end;
}

static int
add_word(void *context, const char *word, size_t len, unsigned flags, size_t start, size_t end)
{
	struct parse *p = context;
	struct lex_query *q = p->q;
	struct lex_term t;
	int found = lex_find(p->x, word, len, &t, p->err);

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
	if (!found) {
		q->unknown++;
		p->neighbour = NO_NEIGHBOUR;
		return 0;
	}
	if (!lex_query_add(q, &t, 1))
		return STOP_READING;
	meet_neighbour(p, place_of(q, t.id), start, end);
	return 0;
}

/* Offsets count from here: what was read before ends before all of it. */
static int
read_words(struct parse *p, struct analyzer *a, const char *text, size_t len)
{
	p->neighbour_end = 0;
	return analyze(a, text, len, add_word, p);
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
	rc = read_words(p, a, text, len);
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
		return read_words(p, a, text, len);
	for (; at < len && rc == 0; at = next) {
		if ((at == 0 || is_space(text[at - 1])) && find_operator(text, len, at, &o)) {
			rc = read_clause(p, a, text + o.from, o.len, o.is_not);
			next = o.end;
		} else {
			next = next_place(text, len, at);
			rc = read_words(p, a, text + at, next - at);
		}
	}
	return rc;
}

int
lex_query_parse(struct lex_query *q, const struct lex *x, struct analyzer *a, const char *text,
    size_t len, enum lex_syntax syntax, struct err *e)
{
	struct parse p = {.q = q, .x = x, .err = e, .neighbour = NO_NEIGHBOUR};

	lex_query_clear(q);
	if (read_text(&p, a, text, len, syntax == LEX_PLAIN) == -1)
		return -1;
	if (p.words > 0)
		return 0;
	p.with_stop_words = true;
	p.neighbour = NO_NEIGHBOUR;
	lex_query_clear(q);
	return read_text(&p, a, text, len, syntax == LEX_PLAIN) == -1 ? -1 : 0;
}
