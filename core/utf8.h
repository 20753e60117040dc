/* utf8.h - strict UTF-8 (RFC 3629): no overlong forms, no surrogates, <= U+10FFFF. */
#ifndef RAGPOOL_UTF8_H
#define RAGPOOL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads one character at s (n > 0 bytes left); its length 1..4, or 0 when the bytes
 * are not UTF-8.  The code point goes to *cp.  (_long: of what is not ASCII.) */
size_t utf8_next_long(const char *s, size_t n, uint32_t *cp);
static inline size_t
utf8_next(const char *s, size_t n, uint32_t *cp)
{
	if ((signed char)*s < 0)
		return utf8_next_long(s, n, cp);
	*cp = (unsigned char)*s;
	return 1;
}
bool utf8_is_valid(const char *s, size_t n);
/* The largest m <= n such that s[0..m) ends on a character boundary. */
size_t utf8_floor(const char *s, size_t n);

/* Character classes the analyzer, the chunker and the extractors share. */
static inline bool
utf8_is_han(uint32_t cp)
{
	return (cp >= 0x4e00 && cp <= 0x9fff) || (cp >= 0x3400 && cp <= 0x4dbf) ||
	    (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0x20000 && cp <= 0x3134f) || cp == 0x3005 ||
	    cp == 0x3007;
}

/* A digit, or a letter of a script that is written in words: Latin, Greek, Cyrillic, ... */
static inline bool
utf8_is_word(uint32_t cp)
{
	return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') ||
	    (cp >= 0xc0 && cp < 0x2000);
}

static inline bool
utf8_is_kana(uint32_t cp)
{
	return (cp >= 0x3041 && cp <= 0x309f) || (cp >= 0x30a0 && cp <= 0x30ff) ||
	    (cp >= 0x31f0 && cp <= 0x31ff) || (cp >= 0xff66 && cp <= 0xff9d);
}

#endif
