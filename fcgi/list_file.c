/* list_file.c - a short list that is kept over restarts. */
#include "list_file.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "hash.h"

enum { HEAD_MAX = 128 };

int
list_file_save(const char *data_dir, const char *name, const struct buf *lines, size_t count,
    struct err *e)
{
	char path[PATH_MAX];
	struct buf whole;
	int rc = -1;

	buf_init(&whole, lines->len + HEAD_MAX);
	buf_addf(&whole, "ragpool-%s 1 %zu %08x\n", name, count,
	    hash_crc32c(0, lines->data, lines->len));
	buf_add(&whole, lines->data, lines->len);
	if (buf_check(lines, name, e) == 0 && buf_check(&whole, name, e) == 0 &&
	    file_join(path, sizeof path, data_dir, name, e) == 0)
		rc = file_replace(path, whole.data, whole.len, 0640, e);
	buf_fini(&whole);
	return rc;
}

/* Splits a line in place; the last field takes what is left. */
static int
split(char *line, char **field, unsigned fields, struct err *e)
{
	field[0] = line;
	for (unsigned i = 1; i < fields; i++) {
		if ((field[i] = strchr(field[i - 1], '\t')) == NULL)
			return err_set(e, ERR_CORRUPT, "a line without its %u fields", fields);
		*field[i]++ = '\0';
	}
	return 0;
}

/* What follows the first line; NULL: it is not the first line of such a list. */
static char *
read_head(char *text, size_t n, const char *name, size_t *count, unsigned *crc)
{
	char head[HEAD_MAX], *lines = n > 0 ? memchr(text, '\n', n) : NULL;

	if (lines == NULL || memchr(text, '\0', n) != NULL)
		return NULL;
	snprintf(head, sizeof head, "ragpool-%s 1 ", name);
	if (strncmp(text, head, strlen(head)) != 0 ||
	    sscanf(text + strlen(head), "%zu %8x\n", count, crc) != 2)
		return NULL;
	return lines + 1;
}

static int
load_text(char *text, size_t n, const char *name, unsigned fields, list_file_entry_fn *entry,
    void *context, struct err *e)
{
	char *field[LIST_FILE_FIELDS_MAX], *end;
	size_t wanted = 0, count = 0;
	unsigned crc = 0;
	char *at = read_head(text, n, name, &wanted, &crc);

	if (at == NULL)
		return err_set(e, ERR_CORRUPT, "not a list of this kind (%s)", name);
	if (hash_crc32c(0, at, n - (size_t)(at - text)) != crc)
		return err_set(e, ERR_CORRUPT, "the checksum differs");
	for (; at < text + n; at = end + 1, count++) {
		if ((end = strchr(at, '\n')) == NULL)
			return err_set(e, ERR_CORRUPT, "a line without its end");
		*end = '\0';
		if (split(at, field, fields, e) == -1 || entry(context, field, e) == -1)
			return -1;
	}
	if (count != wanted)
		return err_set(e, ERR_CORRUPT, "%zu entries, the first line says %zu", count, wanted);
	return 0;
}

int
list_file_load(const char *data_dir, const char *name, unsigned fields, size_t max_bytes,
    list_file_entry_fn *entry, void *context, struct err *e)
{
	char path[PATH_MAX], *text = NULL;
	struct err why;
	size_t n;
	int rc;

	assert(fields > 0 && fields <= LIST_FILE_FIELDS_MAX);
	if (file_join(path, sizeof path, data_dir, name, e) == -1)
		return -1;
	if (file_read(&text, &n, path, max_bytes + HEAD_MAX, &why) == -1) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		if (e != NULL)
			*e = why;
		return -1;
	}
	if ((rc = load_text(text, n, name, fields, entry, context, e)) == -1)
		err_prefix(e, "%s", path);
	free(text);
	return rc;
}
