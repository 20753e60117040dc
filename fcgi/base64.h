/* base64.h - base64 with its padding (RFC 4648, section 4), and base64url without (section 5,
 * as RFC 7515 uses it), strictly: white space, other alphabets and bits that are left over (two
 * texts for the same bytes) are refused.
 */
#ifndef RAGPOOL_BASE64_H
#define RAGPOOL_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* n characters into out[size]; false when they are malformed or do not fit. */
bool base64_decode(const char *text, size_t n, uint8_t *out, size_t size, size_t *used);
/* Appends n bytes. */
void base64_put(struct buf *b, const void *bytes, size_t n);

/* The same without padding, for addresses.  n characters into out[size]; false when they are malformed or do not fit. */
bool base64url_decode(const char *text, size_t n, uint8_t *out, size_t size, size_t *used);
/* n bytes into out, NUL-terminated; out needs (n * 4 + 2) / 3 + 1 bytes. */
void base64url_encode(const uint8_t *bytes, size_t n, char *out);

#endif
