/* analyze_parts.h - what the files of the analyzer share: analyze.c reads the characters,
 * analyze_word.c and analyze_run.c make terms of them.
 *
 * Errors  a function that calls each() leaves its answer in rc and calls it no more once
 *         that is not 0; who called the function looks at rc before going on.
 */
#ifndef RAGPOOL_ANALYZE_PARTS_H
#define RAGPOOL_ANALYZE_PARTS_H

#include "analyze.h"
#include "bounds.h"
#include "stem.h"

struct analyzer {
	struct stemmer *stemmer;
	bool is_english;
	bool has_stop_words;
};

/* Half a bigram: a character with its marks. */
enum { UNIT_BYTES_MAX = TERM_BYTES_MAX / 2 };

/* One character of a run that is cut into bigrams. */
struct unit {
	size_t len;	/* 0: none */
	size_t start, end;
	bool is_han;
	bool is_stop_word;	/* within a question phrase */
	char bytes[UNIT_BYTES_MAX];
};

/* The state of one call: at most one of word and run is in progress. */
struct walk {
	struct analyzer *a;
	const char *text;
	size_t len, at;
	analyze_fn *each;
	analyze_word_fn *ask;	/* NULL: nobody */
	void *context;
	int rc;			/* what each() answered last */
	size_t word_len;	/* 0: no word in progress */
	size_t word_start, word_end;
	bool is_full;		/* the word is cut: later characters are not kept */
	bool is_foreign;	/* holds a letter the stemmer does not read */
	size_t question_end;	/* of the question phrases met so far, in the text */
	struct unit before, now;
	char word[TERM_BYTES_MAX];
};

static inline bool
is_high(char c)
{
	return ((unsigned char)c & 0x80) != 0;
}

/* A whole word, folded; start and end are its place in the text. */
void word_emit(
    struct walk *w, const char *word, size_t len, bool is_foreign, size_t start, size_t end);
/* The parts of the word just emitted, whose len bytes are text[start, start + len), all
 * ASCII, in lower case. */
void word_emit_parts(struct walk *w, const char *word, size_t len, size_t start);
void word_grow(struct walk *w, const char *bytes, size_t n, size_t start, size_t end);
/* Ends the word in progress, if there is one. */
void word_flush(struct walk *w);

/* The next character of a run, which begins with it if there is none. */
void run_add(
    struct walk *w, uint32_t cp, const char *bytes, size_t n, size_t start, size_t end);
/* A mark on the last character of the run. */
void run_grow(struct walk *w, const char *bytes, size_t n, size_t end);
/* Ends the run in progress, if there is one. */
void run_flush(struct walk *w);

#endif
