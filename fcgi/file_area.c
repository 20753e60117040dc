/* file_area.c - whose uploaded files a caller's are. */
#include "file_area.h"

#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "tenant.h"

static bool
is_for_one_tenant(const struct caller *c)
{
	return c->scope_count == 1 && strchr(c->scope[0], '*') == NULL;
}

static void
add_word(struct hash_sha256 *h, const char *word)
{
	hash_sha256_add(h, word, strlen(word) + 1);	/* with its end, so that words stay apart */
}

static int
hash_caller(const struct caller *c, char hex[SHA256_HEX_BYTES], struct err *e)
{
	struct hash_sha256 *h = hash_sha256_new(e);
	uint8_t digest[SHA256_BYTES];

	if (h == NULL)
		return -1;
	add_word(h, c->is_token ? "token" : "key");
	add_word(h, c->id);
	if (c->is_token && strcmp(c->id, "-") == 0)
		for (size_t i = 0; i < c->scope_count; i++)
			add_word(h, c->scope[i]);
	hash_sha256_end(h, digest);
	hash_hex(digest, hex);
	return 0;
}

void
file_area_of_tenant(const char *tenant, char out[UPLOAD_AREA_BYTES])
{
	snprintf(out, UPLOAD_AREA_BYTES, "t-%.*s", TENANT_NAME_BYTES, tenant);
}

int
file_area_of(const struct caller *c, char out[UPLOAD_AREA_BYTES], struct err *e)
{
	char hex[SHA256_HEX_BYTES];

	if (c->filter != NULL)
		return err_set(e, ERR_FORBIDDEN,
		    "files need a key for whole tenants, this one carries a filter");
	if (is_for_one_tenant(c)) {
		file_area_of_tenant(c->scope[0], out);
		return 0;
	}
	if (hash_caller(c, hex, e) == -1)
		return -1;
	snprintf(out, UPLOAD_AREA_BYTES, "k-%.32s", hex);
	return 0;
}
