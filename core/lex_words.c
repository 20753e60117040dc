/* lex_words.c - the words of a question, analysed and looked up once. */
#include "lex_words.h"

#include <stdlib.h>

#include "lex_parts.h"
#include "lex_recall.h"

struct reading {
	struct lex_words *w;
	const struct lex *x;
	bool with_stop_words;
	const char *written;	/* the word whose term comes next, NULL for none */
	size_t written_len;
	struct err *err;
};

static int
make_room(struct lex_words *w, struct err *e)
{
	uint32_t cap = w->cap < 32 ? 32 : 2 * w->cap;
	struct lex_word *more;

	if (w->count < w->cap)
		return 0;
	if ((more = realloc(w->word, cap * sizeof *more)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a question's words");
	w->word = more;
	w->cap = cap;
	return 0;
}

/* term NULL: it is not in the lexicon. */
static int
add_word(struct reading *r, const struct lex_term *term, size_t start, size_t end)
{
	struct lex_words *w = r->w;
	struct lex_word *word;

	if (make_room(w, r->err) == -1)
		return -1;
	word = &w->word[w->count++];
	word->is_known = term != NULL;
	word->start = (uint32_t)start;
	word->end = (uint32_t)end;
	if (term != NULL)
		word->term = *term;
	return 0;
}

static int
add_recalled(struct reading *r, const struct lex_recalled *k, size_t start, size_t end)
{
	return add_word(
	    r, k->flags & LEX_RECALL_IN_LEXICON ? &k->term : NULL, start, end);
}

/* analyze_word_fn */
static int
recall_word(void *context, const char *bytes, size_t len, size_t start, size_t end)
{
	struct reading *r = context;
	const struct lex_recalled *k =
	    lex_recall_find(r->w->recall, r->x->serial, true, bytes, len);

	r->written = NULL;
	if (k == NULL) {
		r->written = bytes;
		r->written_len = len;
		return 0;
	}
	if (k->flags & LEX_RECALL_STOP_WORD)
		return r->with_stop_words ? 0 : ANALYZE_DONE;
	return add_recalled(r, k, start, end) == -1 ? -1 : ANALYZE_DONE;
}

/* Under the word as it was written, if it was one, else under its term. */
static void
remember(struct reading *r, unsigned flags, const char *bytes, size_t len,
    const struct lex_term *term)
{
	if (r->written != NULL)
		lex_recall_put(r->w->recall, r->x->serial, flags | LEX_RECALL_WRITTEN, r->written,
		    r->written_len, term);
	else
		lex_recall_put(r->w->recall, r->x->serial, flags, bytes, len, term);
}

/* analyze_fn */
static int
take_word(void *context, const char *bytes, size_t len, unsigned flags, size_t start, size_t end)
{
	struct reading *r = context;
	const struct lex_recalled *k;
	struct lex_term term;
	int found;

	if ((flags & ANALYZE_STOP_WORD) && !r->with_stop_words) {
		if (r->written != NULL)
			remember(r, LEX_RECALL_STOP_WORD, bytes, len, NULL);
		r->written = NULL;
		return 0;
	}
	k = r->written == NULL
	    ? lex_recall_find(r->w->recall, r->x->serial, false, bytes, len) : NULL;
	if (k != NULL)
		return add_recalled(r, k, start, end);
	if ((found = lex_find(r->x, bytes, len, &term, r->err)) == -1)
		return -1;
	if (!(flags & ANALYZE_STOP_WORD) || r->written == NULL)
		remember(r, 0, bytes, len, found == 1 ? &term : NULL);
	r->written = NULL;
	return add_word(r, found == 1 ? &term : NULL, start, end);
}

int
lex_words_read(struct lex_words *w, const struct lex *x, struct analyzer *a, const char *text,
    size_t len, struct err *e)
{
	struct reading r = {.w = w, .x = x, .err = e};

	w->count = 0;
	if (w->recall == NULL && (w->recall = lex_recall_new(e)) == NULL)
		return -1;
	lex_recall_fetch(w->recall, x->serial, text, len);
	if (analyze_words(a, text, len, recall_word, take_word, &r) != 0)
		return -1;
	if (w->count > 0)
		return 0;
	r.with_stop_words = true;
	return analyze_words(a, text, len, recall_word, take_word, &r) != 0 ? -1 : 0;
}

void
lex_words_fini(struct lex_words *w)
{
	free(w->word);
	lex_recall_free(w->recall);
	*w = (struct lex_words){0};
}
