/* hash.h - the two checksums of the product, and one for tables in memory.
 *
 * crc32c (Castagnoli, RFC 3720 appendix B.4) guards index sections against damage;
 * SHA-256 (FIPS 180-4, by libcrypto) names content.  crc32c uses the CPU's
 * instruction where there is one (measured 6 GB/s against 0.5 in tables).
 */
#ifndef RAGPOOL_HASH_H
#define RAGPOOL_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"

/* Of a word, for a table that is never written to a file: well mixed in its low bits. */
static inline uint32_t
hash_word(const char *word, size_t len)
{
	uint64_t h = len * 0x9e3779b97f4a7c15u, w = 0;
	uint32_t first, last;

	for (; len > 8; word += 8, len -= 8) {
		memcpy(&w, word, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	if (len >= 4) {		/* they overlap: none is left out, none behind the word read */
		memcpy(&first, word, 4);
		memcpy(&last, word + len - 4, 4);
		w = (uint64_t)last << 32 | first;
	} else if (len > 0) {
		w = (uint64_t)(unsigned char)word[0] << 16 |
		    (uint64_t)(unsigned char)word[len / 2] << 8 | (unsigned char)word[len - 1];
	}
	h = (h ^ w) * 0xff51afd7ed558ccdu;
	return (uint32_t)(h >> 40);
}

enum { SHA256_BYTES = 32, SHA256_HEX_BYTES = 65 };

/* crc of the bytes so far, 0 to begin; hash_crc32c(0, "123456789", 9) is 0xe3069283. */
uint32_t hash_crc32c(uint32_t crc, const void *bytes, size_t n);

struct hash_sha256;	/* running state */
struct hash_sha256 *hash_sha256_new(struct err *e);
void hash_sha256_add(struct hash_sha256 *h, const void *bytes, size_t n);
/* Finishes and frees h. */
void hash_sha256_end(struct hash_sha256 *h, uint8_t out[SHA256_BYTES]);
void hash_sha256_free(struct hash_sha256 *h);

int hash_sha256_of(const void *bytes, size_t n, uint8_t out[SHA256_BYTES], struct err *e);
/* Reads the file in blocks; size in bytes into *size if not NULL. */
int hash_sha256_file(const char *path, uint8_t out[SHA256_BYTES], uint64_t *size, struct err *e);
void hash_hex(const uint8_t digest[SHA256_BYTES], char out[SHA256_HEX_BYTES]);

#endif
