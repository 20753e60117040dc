/* base64.c - base64 with its padding, base64url without. */
#include "base64.h"

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int
value_of(const char *alphabet, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == alphabet[62] ? 62 : c == alphabet[63] ? 63 : -1;
}

static bool
decode(const char *alphabet, const char *text, size_t n, uint8_t *out, size_t size, size_t *used)
{
	uint32_t bits = 0;
	unsigned held = 0;
	int v;

	*used = 0;
	if (n % 4 == 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((v = value_of(alphabet, text[i])) == -1)
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

bool
base64_decode(const char *text, size_t n, uint8_t *out, size_t size, size_t *used)
{
	size_t pad = 0;

	*used = 0;
	if (n % 4 != 0)
		return false;
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	return decode(plain, text, n - pad, out, size, used);
}

void
base64_put(struct buf *b, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t bits = (uint32_t)at[i] << 16;
		if (i + 1 < n)
			bits |= (uint32_t)at[i + 1] << 8;
		if (i + 2 < n)
			bits |= at[i + 2];
		buf_addc(b, plain[bits >> 18]);
		buf_addc(b, plain[bits >> 12 & 63]);
		buf_addc(b, i + 1 < n ? plain[bits >> 6 & 63] : '=');
		buf_addc(b, i + 2 < n ? plain[bits & 63] : '=');
	}
}

bool
base64url_decode(const char *text, size_t n, uint8_t *out, size_t size, size_t *used)
{
	return decode(url, text, n, out, size, used);
}

void
base64url_encode(const uint8_t *bytes, size_t n, char *out)
{
	uint32_t bits = 0;
	unsigned held = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | bytes[i];
		for (held += 8; held >= 6; held -= 6)
			*out++ = url[bits >> (held - 6) & 63];
	}
	if (held > 0)
		*out++ = url[bits << (6 - held) & 63];
	*out = '\0';
}
