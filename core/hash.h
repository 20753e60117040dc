/* hash.h - the two checksums of the product.
 *
 * crc32c (Castagnoli, RFC 3720 appendix B.4) guards index sections against damage;
 * SHA-256 (FIPS 180-4, by libcrypto) names content.  crc32c uses the CPU's
 * instruction where there is one (measured 6 GB/s against 0.5 in tables).
 */
#ifndef RAGPOOL_HASH_H
#define RAGPOOL_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

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
