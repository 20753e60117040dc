/* recipe.c - what a published generation consists of: its files, cut into pieces.
 *
 *   {"format": 1, "tenant": "t", "generation": "7-0123456789ab", "piece_bytes": 16777216,
 *    "files": {"manifest.json": {"bytes": 812, "sha256": "...", "pieces": ["..."]}, ...}}
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "generation.h"
#include "json.h"
#include "objects.h"
#include "tenant.h"

enum { RECIPE_FORMAT = 1 };

const char *const recipe_names[RECIPE_FILES] = {"manifest.json", "index.rpx", "store.db"};

void
recipe_fini(struct recipe *r)
{
	for (int i = 0; i < RECIPE_FILES; i++)
		free(r->file[i].pieces);
	*r = (struct recipe){0};
}

size_t
recipe_piece_bytes(const struct recipe_file *f, size_t piece)
{
	uint64_t from = (uint64_t)piece * PIECE_BYTES;

	return f->bytes - from < PIECE_BYTES ? (size_t)(f->bytes - from) : PIECE_BYTES;
}

bool
recipe_is_piece(const char *bytes, size_t n, const char *sha256)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES];

	if (hash_sha256_of(bytes, n, digest, NULL) == -1)
		return false;
	hash_hex(digest, hex);
	return strcmp(hex, sha256) == 0;
}

/* ---- making ---- */

static int
add_piece(struct recipe_file *f, const uint8_t digest[SHA256_BYTES], struct err *e)
{
	char(*grown)[SHA256_HEX_BYTES];

	if ((grown = reallocarray(f->pieces, f->piece_count + 1, sizeof *grown)) == NULL)
		return err_sys(e, ERR_NOMEM, "%s", f->name);
	f->pieces = grown;
	hash_hex(digest, f->pieces[f->piece_count++]);
	return 0;
}

/* Reads up to a piece; the bytes got, -1 on failure. */
static ssize_t
read_piece(int fd, char *bytes)
{
	size_t used = 0;
	ssize_t n = 1;

	while (used < PIECE_BYTES && n != 0) {
		n = read(fd, bytes + used, PIECE_BYTES - used);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

static int
cut_file(struct recipe_file *f, int fd, const char *path, char *bytes, struct err *e)
{
	struct hash_sha256 *whole = hash_sha256_new(e);
	uint8_t digest[SHA256_BYTES];
	ssize_t n = 0;
	int rc = whole != NULL ? 0 : -1;

	while (rc == 0 && (n = read_piece(fd, bytes)) > 0) {
		hash_sha256_add(whole, bytes, (size_t)n);
		f->bytes += (uint64_t)n;
		rc = hash_sha256_of(bytes, (size_t)n, digest, e);
		if (rc == 0)
			rc = add_piece(f, digest, e);
	}
	if (rc == -1) {
		hash_sha256_free(whole);
		return -1;
	}
	hash_sha256_end(whole, digest);
	hash_hex(digest, f->sha256);
	return n == 0 ? 0 : err_sys(e, ERR_IO, "%s", path);
}

static int
make_file(struct recipe_file *f, const char *dir, const char *name, char *bytes, struct err *e)
{
	char path[PATH_MAX];
	int fd, rc;

	f->name = name;
	if (file_join(path, sizeof path, dir, name, e) == -1)
		return -1;
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	rc = cut_file(f, fd, path, bytes, e);
	close(fd);
	return rc;
}

/* What is published must be what the manifest says. */
static int
check_against_manifest(const struct recipe *r, const char *dir, struct err *e)
{
	struct manifest m;
	char hash12[13];

	if (manifest_read(&m, dir, hash12, e) == -1)
		return -1;
	if (strcmp(hash12, strchr(r->generation, '-') + 1) != 0 ||
	    strcmp(r->file[1].sha256, m.index_sha256) != 0 ||
	    strcmp(r->file[2].sha256, m.store_sha256) != 0)
		return err_set(e, ERR_CORRUPT, "%s is damaged: it is not what its manifest says", dir);
	return 0;
}

int
recipe_make(struct recipe *r, const char *data_dir, const char *tenant, const char *generation,
    struct err *e)
{
	char dir[PATH_MAX], *bytes = NULL;
	int rc = -1;

	*r = (struct recipe){0};
	if (generation_name_check(generation, e) == -1 ||
	    generation_dir(dir, data_dir, tenant, generation, e) == -1)
		return -1;
	strcpy(r->generation, generation);
	strcpy(r->tenant, tenant);
	if ((bytes = malloc(PIECE_BYTES)) == NULL)
		return err_sys(e, ERR_NOMEM, "%s", dir);
	for (int i = 0; i < RECIPE_FILES; i++)
		if (make_file(&r->file[i], dir, recipe_names[i], bytes, e) == -1)
			goto out;
	rc = check_against_manifest(r, dir, e);
out:
	free(bytes);
	if (rc == -1)
		recipe_fini(r);
	return rc;
}

/* ---- writing and reading ---- */

int
recipe_write(const struct recipe *r, struct buf *out, struct err *e)
{
	buf_addf(out, "{\"format\": %d, \"tenant\": \"%s\", \"generation\": \"%s\", "
		      "\"piece_bytes\": %d,\n \"files\": {",
	    RECIPE_FORMAT, r->tenant, r->generation, PIECE_BYTES);
	for (int i = 0; i < RECIPE_FILES; i++) {
		const struct recipe_file *f = &r->file[i];
		buf_addf(out, "%s\n  \"%s\": {\"bytes\": %llu, \"sha256\": \"%s\", \"pieces\": [",
		    i > 0 ? "," : "", f->name, (unsigned long long)f->bytes, f->sha256);
		for (size_t p = 0; p < f->piece_count; p++)
			buf_addf(out, "%s\n   \"%s\"", p > 0 ? "," : "", f->pieces[p]);
		buf_adds(out, "]}");
	}
	buf_adds(out, "}}\n");
	return buf_check(out, "a recipe", e);
}

static bool
is_sha256(const char *text)
{
	return text != NULL && strlen(text) == SHA256_HEX_BYTES - 1 &&
	    strspn(text, "0123456789abcdef") == SHA256_HEX_BYTES - 1;
}

static int
read_pieces(struct recipe_file *f, struct json_object *list, struct err *e)
{
	size_t n = json_object_array_length(list);

	if (n != (f->bytes + PIECE_BYTES - 1) / PIECE_BYTES)
		return err_set(e, ERR_CORRUPT, "%s: %zu pieces do not make %llu bytes", f->name, n,
		    (unsigned long long)f->bytes);
	if ((f->pieces = calloc(n + 1, sizeof *f->pieces)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a recipe");
	for (size_t i = 0; i < n; i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		const char *text = json_object_is_type(v, json_type_string)
		    ? json_object_get_string(v)
		    : NULL;
		if (!is_sha256(text))
			return err_set(e, ERR_CORRUPT, "%s: piece %zu has no name", f->name, i);
		memcpy(f->pieces[f->piece_count++], text, SHA256_HEX_BYTES);
	}
	return 0;
}

static int
read_file_of(struct recipe_file *f, struct json_object *files, const char *name, struct err *e)
{
	struct json_object *o, *pieces;
	const char *sha256;
	int64_t bytes;

	f->name = name;
	if (json_get_object(files, name, true, &o, e) == -1 ||
	    json_get_int(o, "bytes", true, 1, (int64_t)1 << 44, &bytes, e) == -1 ||
	    json_get_text(o, "sha256", true, SHA256_HEX_BYTES - 1, &sha256, e) == -1 ||
	    json_get_array(o, "pieces", true, &pieces, e) == -1)
		return -1;
	if (!is_sha256(sha256))
		return err_set(e, ERR_CORRUPT, "%s: no SHA-256", name);
	f->bytes = (uint64_t)bytes;
	memcpy(f->sha256, sha256, SHA256_HEX_BYTES);
	return read_pieces(f, pieces, e);
}

static int
read_members(struct recipe *r, struct json_object *o, struct err *e)
{
	const char *generation, *tenant;
	struct json_object *files;
	int64_t format, piece_bytes;

	if (json_get_int(o, "format", true, 1, INT64_MAX, &format, e) == -1)
		return -1;
	if (format > RECIPE_FORMAT)
		return err_set(e, ERR_FORMAT_NEW, "format %lld, this program reads up to %d",
		    (long long)format, RECIPE_FORMAT);
	if (json_get_text(o, "generation", true, GENERATION_NAME_BYTES - 1, &generation, e) == -1 ||
	    json_get_text(o, "tenant", true, TENANT_NAME_BYTES, &tenant, e) == -1 ||
	    json_get_int(o, "piece_bytes", true, PIECE_BYTES, PIECE_BYTES, &piece_bytes, e) == -1 ||
	    json_get_object(o, "files", true, &files, e) == -1 ||
	    generation_name_check(generation, e) == -1 ||
	    tenant_name_check(tenant, strlen(tenant), e) == -1)
		return -1;
	strcpy(r->generation, generation);
	strcpy(r->tenant, tenant);
	for (int i = 0; i < RECIPE_FILES; i++)
		if (read_file_of(&r->file[i], files, recipe_names[i], e) == -1)
			return -1;
	return 0;
}

int
recipe_parse(struct recipe *r, const char *bytes, size_t n, struct err *e)
{
	struct json_object *o = NULL;
	int rc = -1;

	*r = (struct recipe){0};
	if (json_parse_object(&o, bytes, n, e) == 0 && read_members(r, o, e) == 0)
		rc = 0;
	json_object_put(o);
	if (rc == 0)
		return 0;
	if (e != NULL && e->code != ERR_FORMAT_NEW && e->code != ERR_NOMEM)
		e->code = ERR_CORRUPT;
	err_prefix(e, "the recipe");
	recipe_fini(r);
	return -1;
}
