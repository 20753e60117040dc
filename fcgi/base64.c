/* base64.c - base64url without padding. */
#include "base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int
value_of(char c)
{
	const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

	return at != NULL ? (int)(at - alphabet) : -1;
}

bool
base64url_decode(const char *text, size_t n, uint8_t *out, size_t size, size_t *used)
{
	uint32_t bits = 0;
	unsigned held = 0;
	int v;

	*used = 0;
	if (n % 4 == 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((v = value_of(text[i])) == -1)
			return false;
		bits = bits << 6 | (uint32_t)v;
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (*used == size)
			return false;
		out[(*used)++] = (uint8_t)(bits >> held);
	}
	return (bits & ((1U << held) - 1)) == 0;
}

void
base64url_encode(const uint8_t *bytes, size_t n, char *out)
{
	uint32_t bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | bytes[i];
		for (held += 8; held >= 6; held -= 6)
			*out++ = alphabet[bits >> (held - 6) & 63];
	}
	if (held > 0)
		*out++ = alphabet[bits << (6 - held) & 63];
	*out = '\0';
}
