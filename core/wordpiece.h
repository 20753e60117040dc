/* wordpiece.h - BERT's uncased WordPiece: text to token ids, by a tokenizer.json.
 *
 * Control characters go, letters become small (unless the file says otherwise), accents
 * are dropped (NFD without Mn), white space ends a word, each punctuation mark and each
 * Han character is a word of its own.  A word is cut into the longest pieces of the
 * vocabulary from the left; one that cannot be, or of more than 100 characters, is
 * unknown and left out, as are [CLS] and [SEP].
 *
 * Shapes  vocabulary below 2^22 tokens; the file below 64 MiB.
 * Memory  the vocabulary is copied, the JSON tree given back.
 * Errors  ERR_UNSUPPORTED for another kind of tokenizer, ERR_CORRUPT for a file that
 *         contradicts itself, and those of json_parse().  Text never fails: bytes that
 *         are not UTF-8 end a word.
 * Cost    opening about 30 ms for 30,000 tokens, nearly all of it JSON.
 * Source  Wu et al. 2016; the "tokenizers" library's BertNormalizer, BertPreTokenizer.
 */
#ifndef RAGPOOL_WORDPIECE_H
#define RAGPOOL_WORDPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct wordpiece;

/* *crc: crc32c of the file's bytes. */
int wordpiece_open(struct wordpiece **out, const char *path, uint32_t *crc, struct err *e);
void wordpiece_close(struct wordpiece *w);
/* One more than the largest id. */
uint32_t wordpiece_ids(const struct wordpiece *w);
/* each() gets the ids in text order. */
void wordpiece_run(const struct wordpiece *w, const char *text, size_t len,
    void (*each)(void *context, uint32_t id), void *context);

#endif
