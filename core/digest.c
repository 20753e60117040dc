/* digest.c - a document's bytes to what is kept of it. */
#include "digest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "text_parts.h"

bool
digest_is_fault(const struct err *e)
{
	static const enum err_code codes[] = {ERR_NOT_TEXT, ERR_UNSUPPORTED, ERR_LIMIT, ERR_UTF8,
	    ERR_PERMISSION, ERR_INPUT, ERR_EMPTY, ERR_ENCRYPTED, ERR_SCANNED, ERR_DAMAGED,
	    ERR_HOSTILE, ERR_EXTRACTOR, ERR_NO_EXTRACTOR, ERR_JSON, ERR_JSON_DEPTH,
	    ERR_DUPLICATE_KEY, ERR_NOT_OBJECT, ERR_RANGE};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (e->code == codes[i])
			return true;
	return false;
}

void
digest_refuse(struct digest *d, const struct err *why)
{
	digest_fini(d);
	snprintf(d->refused, sizeof d->refused, "%s: %s", err_row(why->code)->slug, why->text);
}

static int
hash_bytes(struct digest *d, const char *bytes, size_t n, struct err *e)
{
	uint8_t raw[SHA256_BYTES];

	if (hash_sha256_of(bytes, n, raw, e) == -1)
		return -1;
	hash_hex(raw, d->sha256);
	return 0;
}

static int
cut_text(struct digest *d, const struct chunk_params *p, struct err *e)
{
	if (chunk_document(&d->text, p, &d->chunks, e) == -1)
		return -1;
	return d->chunks.count > 0 ? 0 : err_set(e, ERR_NOT_TEXT, "no text in it");
}

int
digest_make(struct digest *d, const char *name, const char *bytes, size_t n,
    const struct chunk_params *p, struct err *e)
{
	struct err why;

	*d = (struct digest){0};
	if (hash_bytes(d, bytes, n, e) == -1)
		return -1;
	if (text_extract(name, bytes, n, &d->text, &why) == 0 && cut_text(d, p, &why) == 0)
		return 0;
	if (digest_is_fault(&why)) {
		digest_refuse(d, &why);
		return 0;
	}
	digest_fini(d);
	if (e != NULL)
		*e = why;
	return -1;
}

int
digest_of_text(struct digest *d, const struct text_document *text, const struct chunk_params *p,
    struct err *e)
{
	*d = (struct digest){.text = *text};
	if (hash_bytes(d, text->text, text->len, e) == 0 && cut_text(d, p, e) == 0)
		return 0;
	d->text = (struct text_document){0};
	digest_fini(d);
	return -1;
}

void
digest_fini(struct digest *d)
{
	chunk_list_fini(&d->chunks);
	text_document_fini(&d->text);
}

void
digest_heading(const struct digest *d, const struct chunk *c, char *out, size_t size)
{
	size_t n = text_heading_path(&d->text, c->heading, out, size);

	if (c->head_len == 0 || n + 4 >= size)
		return;
	if (n > 0) {
		memcpy(out + n, " > ", 3);
		n += 3;
	}
	text_squeeze(out + n, size - n, d->text.text + c->head_at, c->head_len);
}
