/* base64.h - base64url without padding (RFC 4648, section 5), strictly.
 *
 * Source  RFC 7515 uses this form; padding, white space, other alphabets and bits that are
 *         left over (two texts for the same bytes) are refused.
 */
#ifndef RAGPOOL_BASE64_H
#define RAGPOOL_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n characters into out[size]; false when they are malformed or do not fit. */
bool base64url_decode(const char *text, size_t n, uint8_t *out, size_t size, size_t *used);
/* n bytes into out, NUL-terminated; out needs (n * 4 + 2) / 3 + 1 bytes. */
void base64url_encode(const uint8_t *bytes, size_t n, char *out);

#endif
