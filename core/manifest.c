/* manifest.c - manifest.json: what a generation is made of, and so its name.
 *
 * Written with a fixed order and layout and no time or host in it: the same content
 * gives the same bytes.
 */
#include "generation.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "file.h"
#include "json.h"
#include "tenant.h"

enum { MANIFEST_MAX = 64 * 1024 };

static void
put_member(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, "  \"%s\": ", name);
	json_put_text(b, value, strlen(value));
	buf_adds(b, ",\n");
}

static void
put_file(struct buf *b, const char *name, uint64_t bytes, const char *sha256, const char *end)
{
	buf_addf(b, "    \"%s\": {\"bytes\": %llu, \"sha256\": \"%s\"}%s\n", name,
	    (unsigned long long)bytes, sha256, end);
}

static void
format_manifest(struct buf *b, const struct manifest *m)
{
	buf_addf(b, "{\n  \"format\": %d,\n", GENERATION_FORMAT);
	put_member(b, "tenant", m->tenant);
	put_member(b, "config_version", m->config_version);
	put_member(b, "parameters", m->parameters);
	put_member(b, "embedder", m->embedder);
	put_member(b, "language", m->language);
	put_member(b, "base", m->base);
	if (m->answer_model[0] != '\0')
		put_member(b, "answer_model", m->answer_model);
	buf_addf(b, "  \"documents\": %llu,\n  \"chunks\": %llu,\n  \"dim\": %u,\n",
	    (unsigned long long)m->documents, (unsigned long long)m->chunks, m->dim);
	buf_addf(b, "  \"changed_since_training\": %llu,\n", (unsigned long long)m->changed);
	buf_adds(b, "  \"files\": {\n");
	put_file(b, "index.rpx", m->index_bytes, m->index_sha256, ",");
	put_file(b, "store.db", m->store_bytes, m->store_sha256, "");
	buf_adds(b, "  }\n}\n");
}

static int
hash12_of(const char *bytes, size_t n, char hash12[13], struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES];

	if (hash_sha256_of(bytes, n, digest, e) == -1)
		return -1;
	hash_hex(digest, hex);
	memcpy(hash12, hex, 12);
	hash12[12] = '\0';
	return 0;
}

int
manifest_write(const struct manifest *m, const char *dir, char hash12[13], struct err *e)
{
	char path[PATH_MAX];
	struct buf b;
	int rc = -1;

	buf_init(&b, MANIFEST_MAX);
	format_manifest(&b, m);
	if (buf_check(&b, "manifest.json", e) == 0 &&
	    file_join(path, sizeof path, dir, "manifest.json", e) == 0 &&
	    hash12_of(b.data, b.len, hash12, e) == 0)
		rc = file_replace(path, b.data, b.len, 0640, e);
	buf_fini(&b);
	return rc;
}

static int
read_text(struct json_object *o, const char *name, char *out, size_t size, struct err *e)
{
	const char *text;

	if (json_get_text(o, name, true, size - 1, &text, e) == -1)
		return -1;
	snprintf(out, size, "%s", text);
	return 0;
}

/* A member that not every manifest has. */
static int
read_optional(struct json_object *o, const char *name, char *out, size_t size, struct err *e)
{
	const char *text = "";

	if (json_get_text(o, name, false, size - 1, &text, e) == -1)
		return -1;
	snprintf(out, size, "%s", text);
	return 0;
}

static int
read_count(struct json_object *o, const char *name, int64_t max, uint64_t *out, struct err *e)
{
	int64_t value;

	if (json_get_int(o, name, true, 0, max, &value, e) == -1)
		return -1;
	*out = (uint64_t)value;
	return 0;
}

static int
read_file_entry(struct json_object *files, const char *name, uint64_t *bytes,
    char sha256[SHA256_HEX_BYTES], struct err *e)
{
	struct json_object *entry;

	if (json_get_object(files, name, true, &entry, e) == -1 ||
	    read_count(entry, "bytes", INT64_MAX, bytes, e) == -1 ||
	    read_text(entry, "sha256", sha256, SHA256_HEX_BYTES, e) == -1)
		return -1;
	return 0;
}

static int
read_members(struct manifest *m, struct json_object *o, struct err *e)
{
	struct json_object *files;
	int64_t format;
	uint64_t dim;

	if (json_get_int(o, "format", true, 1, INT64_MAX, &format, e) == -1)
		return -1;
	if (format > GENERATION_FORMAT)
		return err_set(e, ERR_FORMAT_NEW, "format %lld, this program reads up to %d",
		    (long long)format, GENERATION_FORMAT);
	if (read_text(o, "tenant", m->tenant, sizeof m->tenant, e) == -1 ||
	    read_text(o, "config_version", m->config_version, sizeof m->config_version, e) == -1 ||
	    read_text(o, "parameters", m->parameters, sizeof m->parameters, e) == -1 ||
	    read_text(o, "embedder", m->embedder, sizeof m->embedder, e) == -1 ||
	    read_text(o, "language", m->language, sizeof m->language, e) == -1 ||
	    read_text(o, "base", m->base, sizeof m->base, e) == -1 ||
	    read_optional(o, "answer_model", m->answer_model, sizeof m->answer_model, e) == -1 ||
	    read_count(o, "documents", INDEX_ROWS_MAX, &m->documents, e) == -1 ||
	    read_count(o, "chunks", INDEX_ROWS_MAX, &m->chunks, e) == -1 ||
	    read_count(o, "dim", INDEX_DIM_MAX, &dim, e) == -1 ||
	    read_count(o, "changed_since_training", INDEX_ROWS_MAX, &m->changed, e) == -1 ||
	    json_get_object(o, "files", true, &files, e) == -1 ||
	    read_file_entry(files, "index.rpx", &m->index_bytes, m->index_sha256, e) == -1 ||
	    read_file_entry(files, "store.db", &m->store_bytes, m->store_sha256, e) == -1)
		return -1;
	m->dim = (uint32_t)dim;
	return tenant_name_check(m->tenant, strlen(m->tenant), e);
}

int
manifest_read(struct manifest *m, const char *dir, char hash12[13], struct err *e)
{
	char path[PATH_MAX], *bytes = NULL;
	struct json_object *o = NULL;
	size_t n;
	int rc = -1;

	memset(m, 0, sizeof *m);
	if (file_join(path, sizeof path, dir, "manifest.json", e) == -1 ||
	    file_read(&bytes, &n, path, MANIFEST_MAX, e) == -1)
		return -1;
	if (json_parse_object(&o, bytes, n, e) == -1 || read_members(m, o, e) == -1) {
		if (e != NULL && e->code != ERR_FORMAT_NEW && e->code != ERR_NOMEM)
			e->code = ERR_CORRUPT;
		err_prefix(e, "%s", path);
		goto out;
	}
	rc = hash12 != NULL ? hash12_of(bytes, n, hash12, e) : 0;
out:
	json_object_put(o);
	free(bytes);
	return rc;
}
