/* utf8.c - strict UTF-8. */
#include "utf8.h"

size_t
utf8_next_long(const char *s, size_t n, uint32_t *cp)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t c = p[0], low;
	size_t len;

	if (c >= 0xc2 && c <= 0xdf) {
		len = 2;
		low = 0x80;
		c &= 0x1f;
	} else if (c >= 0xe0 && c <= 0xef) {
		len = 3;
		low = 0x800;
		c &= 0x0f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		len = 4;
		low = 0x10000;
		c &= 0x07;
	} else {
		return 0;
	}
	if (n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < low || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*cp = c;
	return len;
}

bool
utf8_is_valid(const char *s, size_t n)
{
	uint32_t cp;

	for (size_t i = 0, len; i < n; i += len)
		if ((len = utf8_next(s + i, n - i, &cp)) == 0)
			return false;
	return true;
}

size_t
utf8_floor(const char *s, size_t n)
{
	size_t back = 0;

	/* Step back over continuation bytes to the lead byte of the last character. */
	while (back < n && back < 4 && ((unsigned char)s[n - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back < n) {
		uint32_t cp;
		size_t lead = n - 1 - back;
		size_t len = utf8_next(s + lead, n - lead, &cp);
		return len == back + 1 ? n : lead;
	}
	return n;
}
