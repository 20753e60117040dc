/* hash.c - crc32c and SHA-256. */
#include "hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- crc32c ---- */

static uint32_t crc_table[8][256];

static void
crc_make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = (c >> 1) ^ ((c & 1) ? 0x82f63b78u : 0);
		crc_table[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			crc_table[k][i] =
			    (crc_table[k - 1][i] >> 8) ^ crc_table[0][crc_table[k - 1][i] & 255];
}

/* Slicing by eight; the reference that the instruction is tested against. */
static uint32_t
crc_by_table(uint32_t c, const uint8_t *p, size_t n)
{
	if (crc_table[0][1] == 0)
		crc_make_tables();
	for (; n >= 8; n -= 8, p += 8) {
		uint32_t lo = c ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
				      (uint32_t)p[3] << 24);
		c = crc_table[7][lo & 255] ^ crc_table[6][lo >> 8 & 255] ^
		    crc_table[5][lo >> 16 & 255] ^ crc_table[4][lo >> 24] ^ crc_table[3][p[4]] ^
		    crc_table[2][p[5]] ^ crc_table[1][p[6]] ^ crc_table[0][p[7]];
	}
	while (n-- > 0)
		c = (c >> 8) ^ crc_table[0][(c ^ *p++) & 255];
	return c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc_by_instruction(uint32_t c, const uint8_t *p, size_t n)
{
	uint64_t wide = c, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	c = (uint32_t)wide;
	while (n-- > 0)
		c = __builtin_ia32_crc32qi(c, *p++);
	return c;
}
#endif

uint32_t
hash_crc32c(uint32_t crc, const void *bytes, size_t n)
{
	uint32_t c = ~crc;

#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_by_instruction(c, bytes, n);
#endif
	return ~crc_by_table(c, bytes, n);
}

/* ---- SHA-256 ---- */

struct hash_sha256 {
	EVP_MD_CTX *ctx;
};

struct hash_sha256 *
hash_sha256_new(struct err *e)
{
	struct hash_sha256 *h = calloc(1, sizeof *h);

	if (h == NULL || (h->ctx = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1) {
		hash_sha256_free(h);
		err_set(e, ERR_NOMEM, "sha256: no memory");
		return NULL;
	}
	return h;
}

void
hash_sha256_add(struct hash_sha256 *h, const void *bytes, size_t n)
{
	EVP_DigestUpdate(h->ctx, bytes, n);
}

void
hash_sha256_end(struct hash_sha256 *h, uint8_t out[SHA256_BYTES])
{
	unsigned len = SHA256_BYTES;

	EVP_DigestFinal_ex(h->ctx, out, &len);
	hash_sha256_free(h);
}

void
hash_sha256_free(struct hash_sha256 *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

int
hash_sha256_of(const void *bytes, size_t n, uint8_t out[SHA256_BYTES], struct err *e)
{
	struct hash_sha256 *h = hash_sha256_new(e);

	if (h == NULL)
		return -1;
	hash_sha256_add(h, bytes, n);
	hash_sha256_end(h, out);
	return 0;
}

int
hash_sha256_file(const char *path, uint8_t out[SHA256_BYTES], uint64_t *size, struct err *e)
{
	enum { BLOCK = 256 * 1024 };
	struct hash_sha256 *h = NULL;
	uint8_t *block = NULL;
	uint64_t total = 0;
	ssize_t n;
	int fd, rc = -1;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if ((block = malloc(BLOCK)) == NULL) {
		err_sys(e, ERR_NOMEM, "%s", path);
		goto out;
	}
	if ((h = hash_sha256_new(e)) == NULL)
		goto out;
	while ((n = read(fd, block, BLOCK)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_sys(e, ERR_IO, "%s", path);
			goto out;
		}
		hash_sha256_add(h, block, (size_t)n);
		total += (uint64_t)n;
	}
	hash_sha256_end(h, out);
	h = NULL;
	if (size != NULL)
		*size = total;
	rc = 0;
out:
	hash_sha256_free(h);
	free(block);
	close(fd);
	return rc;
}

void
hash_hex(const uint8_t digest[SHA256_BYTES], char out[SHA256_HEX_BYTES])
{
	static const char hex[] = "0123456789abcdef";

	for (int i = 0; i < SHA256_BYTES; i++) {
		out[2 * i] = hex[digest[i] >> 4];
		out[2 * i + 1] = hex[digest[i] & 15];
	}
	out[SHA256_HEX_BYTES - 1] = '\0';
}
