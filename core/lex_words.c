/* lex_words.c - the words of a question, analysed and looked up once. */
#include "lex_words.h"

#include <stdlib.h>

struct reading {
	struct lex_words *w;
	const struct lex *x;
	bool with_stop_words;
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

/* analyze_fn */
static int
take_word(void *context, const char *bytes, size_t len, unsigned flags, size_t start, size_t end)
{
	struct reading *r = context;
	struct lex_words *w = r->w;
	struct lex_word *word;
	int found;

	if ((flags & ANALYZE_STOP_WORD) && !r->with_stop_words)
		return 0;
	if (make_room(w, r->err) == -1)
		return -1;
	word = &w->word[w->count];
	if ((found = lex_find(r->x, bytes, len, &word->term, r->err)) == -1)
		return -1;
	word->is_known = found == 1;
	word->start = (uint32_t)start;
	word->end = (uint32_t)end;
	w->count++;
	return 0;
}

int
lex_words_read(struct lex_words *w, const struct lex *x, struct analyzer *a, const char *text,
    size_t len, struct err *e)
{
	struct reading r = {.w = w, .x = x, .err = e};

	w->count = 0;
	if (analyze(a, text, len, take_word, &r) != 0)
		return -1;
	if (w->count > 0)
		return 0;
	r.with_stop_words = true;
	return analyze(a, text, len, take_word, &r) != 0 ? -1 : 0;
}

void
lex_words_fini(struct lex_words *w)
{
	free(w->word);
	*w = (struct lex_words){0};
}
