/* chunk.h - cut a document into pieces a model and a reader can hold.
 *
 * The text is seen as sentences, table rows and code lines; chunks are packed from
 * them up to the size and end at the strongest boundary in the chunk's last part: a
 * rule's cut, a heading, a block, a list item, a sentence, a clause, a word.  A table
 * or a code block that fits stays whole.  A heading begins a new chunk once the chunk
 * before it is not tiny.  The overlap repeats whole sentences of the chunk before, up
 * to a half more than asked for so as to be whole, and nothing over a heading.
 *
 * Parents with parent_size the text is cut twice: into large passages without overlap, and
 *         each of these into chunks.  What is found is a chunk, what is shown its parent.
 * Shapes  chunks' starts and ends both increase strictly; text[start, end) is the
 *         chunk, it begins and ends on a byte that is not white space, and never
 *         splits a character or a grapheme cluster (of up to 64 characters; white space
 *         belongs to none).  Every byte of a block that is not white space is in at
 *         least one chunk.
 * Units   `size` and `overlap` are in params.unit; a chunk's size never exceeds the
 *         wanted one, but for a single cluster larger than that.
 * Memory  the list is owned, chunk_list_fini() frees.
 * Errors  ERR_RANGE parameters; ERR_LIMIT a separator that costs too much; ERR_NOMEM.
 * Cost    linear in the text; holds one chunk's sentences at a time.
 */
#ifndef RAGPOOL_CHUNK_H
#define RAGPOOL_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "text.h"

enum chunk_unit { CHUNK_TOKENS, CHUNK_CHARACTERS, CHUNK_WORDS, CHUNK_UNIT_MAX };

enum {
	CHUNK_SIZE_DEFAULT = 512,
	CHUNK_OVERLAP_DEFAULT = 50,
	CHUNK_SEPARATORS_MAX = 16,
	CHUNK_SEPARATOR_BYTES = 1024,
};

struct chunk_rules;

struct chunk_params {
	unsigned size;			/* see chunk_params_check() */
	unsigned overlap;		/* less than size; above its half it counts as half */
	enum chunk_unit unit;
	struct chunk_rules *rules;	/* borrowed; NULL: the built-in boundaries only */
	unsigned parent_size;		/* 0: none; else more than size, see below */
};

struct chunk {
	size_t start, end;	/* bytes in the document's text */
	uint32_t size;		/* of text[start, end) in the unit asked for */
	uint32_t heading;	/* the nearest one over all of it, or TEXT_NO_HEADING */
	uint32_t parent;	/* in ->parents, or CHUNK_NO_PARENT */
	uint32_t page;		/* that it begins on, from 1; 0: there are none */
	size_t head_at, head_len;	/* header row of the table it begins in, unless it has it */
};

#define CHUNK_NO_PARENT UINT32_MAX

struct chunk_list {
	struct chunk *at;
	size_t count;
	size_t cap;
	struct chunk *parents;
	size_t parent_count;
};

void chunk_params_default(struct chunk_params *p);
/* ERR_RANGE naming the member.  size: CHUNK_TOKENS_MIN..CHUNK_TOKENS_MAX tokens or
 * words, or 8 times as many characters. */
int chunk_params_check(const struct chunk_params *p, struct err *e);

int chunk_document(const struct text_document *d, const struct chunk_params *p,
    struct chunk_list *out, struct err *e);
void chunk_list_fini(struct chunk_list *l);

/* About how many tokens a model will count, without any model's vocabulary: see
 * chunk_count.c for the rule and how far off it is.  The count of a whole is never
 * more than the counts of its parts together. */
size_t chunk_tokens(const char *text, size_t n);
size_t chunk_characters(const char *text, size_t n);
/* Words between white space; a Han or Kana character is a word of its own. */
size_t chunk_words(const char *text, size_t n);
/* "tokens", "characters", "words"; -1 for another name. */
int chunk_unit_by_name(const char *name, enum chunk_unit *unit);

/* ---- separators ---- */

/* Regular expressions (PCRE2, UTF, multi-line) that name preferred cuts, the first the
 * strongest; all are stronger than any built-in boundary.  The cut is where a match
 * ends, so a separator stays with the text before it; "(?=...)" cuts before.
 * ERR_INPUT names the pattern, the place and the reason.  A match may take 100000
 * steps, 1024 KiB and a depth of 1000; no JIT.  Not for two threads at once. */
int chunk_rules_new(
    struct chunk_rules **out, const char *const *patterns, size_t count, struct err *e);
void chunk_rules_free(struct chunk_rules *r);

#endif
