/* chunk_count.c - how long a text is: tokens, characters, words.
 *
 * The token rule, without a vocabulary: within a run of one class a token takes up to
 *
 *   6  Latin letters (so a word of 7..12 letters is two)
 *   3  digits
 *   3  letters of other alphabets
 *   4  of the same punctuation mark ("----"); different marks are one each
 *   1  Han, Kana or Hangul character, or symbol
 *
 * and white space takes none.  Rounding up within a run makes the count of a whole at
 * most the sum of its parts, which the packing in chunk.c relies on.
 */
#include "chunk_parts.h"

#include <string.h>

enum class { SPACE, LATIN, DIGIT, ALPHABET, MARK, SINGLE, CLASS_MAX };

static const unsigned char per_token[CLASS_MAX] = {
    [SPACE] = 1, [LATIN] = 6, [DIGIT] = 3, [ALPHABET] = 3, [MARK] = 4, [SINGLE] = 1};

static enum class
class_of_ascii(unsigned char c)
{
	if ((c | 32) >= 'a' && (c | 32) <= 'z')
		return LATIN;
	if (c >= '0' && c <= '9')
		return DIGIT;
	return c == ' ' || (c >= '\t' && c <= '\r') ? SPACE : MARK;
}

static enum class
class_of(const char *s, size_t n, uint32_t cp)
{
	if (text_space_len(s, n) > 0)
		return SPACE;
	if (cp < 0xc0)
		return MARK;
	if (cp < 0x250 || (cp >= 0x1e00 && cp < 0x1f00))
		return LATIN;
	if (utf8_is_han(cp) || utf8_is_kana(cp) || (cp >= 0xac00 && cp < 0xd7a4))
		return SINGLE;
	if ((cp >= 0x2010 && cp < 0x2070) || (cp >= 0x3001 && cp < 0x3040) ||
	    (cp >= 0xff01 && cp < 0xff66))
		return MARK;
	return cp < 0x2000 || (cp >= 0x2c00 && cp < 0x2e00) || (cp >= 0xa000 && cp < 0xac00)
		   ? ALPHABET
		   : SINGLE;
}

size_t
chunk_tokens(const char *text, size_t n)
{
	size_t total = 0, run = 0, len;
	enum class now = SPACE, class;
	uint32_t cp, mark = 0;

	for (size_t i = 0; i < n; i += len) {
		cp = (unsigned char)text[i];
		len = 1;
		if (cp < 0x80)
			class = class_of_ascii((unsigned char)cp);
		else if ((len = utf8_next(text + i, n - i, &cp)) > 0)
			class = class_of(text + i, n - i, cp);
		else
			class = SINGLE, len = 1;
		if (class == now && class != SPACE && run < per_token[class] &&
		    (class != MARK || cp == mark)) {
			run++;
			continue;
		}
		if (class != SPACE)
			total++;
		now = class;
		run = 1;
		mark = cp;
	}
	return total;
}

size_t
chunk_characters(const char *text, size_t n)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += ((unsigned char)text[i] & 0xc0) != 0x80;
	return total;
}

size_t
chunk_words(const char *text, size_t n)
{
	enum { LETTERS_PER_WORD = 64 };		/* a line of base64 is not one word */
	size_t total = 0, run = 0, len;
	uint32_t cp;

	for (size_t i = 0; i < n; i += len) {
		bool han;

		if ((len = utf8_next(text + i, n - i, &cp)) == 0)
			len = 1, cp = 0xfffd;
		if (text_space_len(text + i, n - i) > 0) {
			run = 0;
			continue;
		}
		han = utf8_is_han(cp) || utf8_is_kana(cp);
		if (han || run == 0 || run == LETTERS_PER_WORD) {
			total++;
			run = 0;
		}
		run = han ? 0 : run + 1;
	}
	return total;
}

size_t
chunk_measure(enum chunk_unit unit, const char *s, size_t n)
{
	switch (unit) {
	case CHUNK_CHARACTERS:
		return chunk_characters(s, n);
	case CHUNK_WORDS:
		return chunk_words(s, n);
	default:
		return chunk_tokens(s, n);
	}
}

int
chunk_unit_by_name(const char *name, enum chunk_unit *unit)
{
	static const char *const names[] = {"tokens", "characters", "words"};

	_Static_assert(sizeof names / sizeof names[0] == CHUNK_UNIT_MAX, "a name each");
	for (int i = 0; i < CHUNK_UNIT_MAX; i++) {
		if (strcmp(name, names[i]) == 0) {
			*unit = (enum chunk_unit)i;
			return 0;
		}
	}
	return -1;
}
