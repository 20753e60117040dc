/* build_config.c - how a tenant's documents are cut, as parameters and as a text. */
#include "build.h"

#include <stdio.h>
#include <string.h>

#include "chunk.h"
#include "hash.h"

int
build_chunk_params(const struct build_config *c, struct chunk_params *p, struct err *e)
{
	const char *patterns[CHUNK_SEPARATORS_MAX];
	size_t count = 0;

	chunk_params_default(p);
	p->size = c->chunk_size;
	p->overlap = c->chunk_overlap;
	p->unit = c->chunk_unit;
	p->parent_size = c->parent_size;
	if (chunk_params_check(p, e) == -1)
		return -1;
	for (const char *s = c->separators; *s != '\0'; s += strlen(s) + 1) {
		if (count == CHUNK_SEPARATORS_MAX)
			return err_set(
			    e, ERR_RANGE, "more than %d separators", CHUNK_SEPARATORS_MAX);
		patterns[count++] = s;
	}
	return count > 0 ? chunk_rules_new(&p->rules, patterns, count, e) : 0;
}

int
build_chunking_text(
    const struct build_config *c, char out[CHUNKING_TEXT_BYTES], struct err *e)
{
	char hex[SHA256_HEX_BYTES];
	uint8_t digest[SHA256_BYTES];
	size_t n = 0;

	while (c->separators[n] != '\0')
		n += strlen(c->separators + n) + 1;
	if (hash_sha256_of(c->separators, n, digest, e) == -1)
		return -1;
	hash_hex(digest, hex);
	snprintf(out, CHUNKING_TEXT_BYTES, "unit %d size %u overlap %u parent %u separators %.16s",
	    (int)c->chunk_unit, c->chunk_size, c->chunk_overlap, c->parent_size,
	    n > 0 ? hex : "none");
	return 0;
}
