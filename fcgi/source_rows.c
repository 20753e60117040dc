/* source_rows.c - rows of a query as documents. */
#include "source_rows.h"

#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "json.h"
#include "utf8.h"

static int
find_column(const struct rows *r, const char *name)
{
	for (size_t i = 0; i < r->columns; i++)
		if (strcmp(r->names[i], name) == 0)
			return (int)i;
	return -1;
}

static int
need_column(const struct rows *r, const char *option, const char *name, int *at, struct err *e)
{
	if ((*at = find_column(r, name)) != -1)
		return 0;
	return err_set(e, ERR_SOURCE, "the query has no column \"%s\", which is to be the %s; name "
				      "another with \"%s\"",
	    name, option, option);
}

int
rows_init(struct rows *r, const struct source_options *o, const char *const *names,
    size_t columns, source_item_fn *each, void *context, struct err *e)
{
	*r = (struct rows){.options = o, .columns = columns, .each = each, .context = context};
	buf_init(&r->meta, SOURCE_META_BYTES);
	buf_init(&r->words, 2 * DOCUMENT_PATH_BYTES);
	if (columns > ROW_COLUMNS_MAX)
		return err_set(e, ERR_SOURCE, "the query has more than %d columns", ROW_COLUMNS_MAX);
	memcpy(r->names, names, columns * sizeof names[0]);
	if (need_column(r, "key", o->key, &r->key_at, e) == -1 ||
	    need_column(r, "text", o->text, &r->text_at, e) == -1)
		return -1;
	r->title_at = find_column(r, o->title);
	return 0;
}

void
rows_fini(struct rows *r)
{
	hash_sha256_free(r->hash);
	r->hash = NULL;
	buf_fini(&r->meta);
	buf_fini(&r->words);
}

int
rows_begin_row(struct rows *r, struct err *e)
{
	r->key = r->title = r->text = NULL;
	r->key_len = r->title_len = r->text_len = 0;
	buf_reset(&r->meta);
	buf_addc(&r->meta, '{');
	r->count++;
	r->hash = hash_sha256_new(e);
	return r->hash != NULL ? 0 : -1;
}

static void
add_field(struct rows *r, const char *name, enum row_kind kind, const char *bytes, size_t n)
{
	size_t before = r->meta.len;

	if (kind == ROW_NULL || kind == ROW_BYTES || r->meta.failed)
		return;
	buf_adds(&r->meta, before > 1 ? ", " : "");
	json_put_text(&r->meta, name, strlen(name));
	buf_adds(&r->meta, ": ");
	if (kind == ROW_TEXT)
		json_put_text(&r->meta, bytes, n);
	else
		buf_add(&r->meta, bytes, n);
	if (r->meta.failed) {		/* too much: fields that fitted stay */
		r->meta.failed = false;
		r->meta.len = before;
	}
}

void
rows_add(struct rows *r, size_t column, enum row_kind kind, const char *bytes, size_t n)
{
	uint64_t frame[2] = {kind, n};
	int at = (int)column;

	hash_sha256_add(r->hash, frame, sizeof frame);
	hash_sha256_add(r->hash, bytes != NULL ? bytes : "", n);
	if (kind == ROW_NULL)
		return;
	if (at == r->key_at) {
		r->key = bytes;
		r->key_len = n;
	} else if (at == r->text_at) {
		r->text = bytes;
		r->text_len = n;
	} else if (at == r->title_at) {
		r->title = bytes;
		r->title_len = n;
	} else {
		add_field(r, r->names[column], kind, bytes, n);
	}
}

static bool
is_plain(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	return n <= DOCUMENT_PATH_BYTES && utf8_is_valid(s, n);
}

/* The key and title as strings of their own, one behind the other. */
static void
take_words(struct rows *r, struct source_item *item)
{
	size_t title_at;

	buf_reset(&r->words);
	buf_add(&r->words, r->key, r->key_len);
	buf_addc(&r->words, '\0');
	title_at = r->words.len;
	if (r->title != NULL && is_plain(r->title, r->title_len))
		buf_add(&r->words, r->title, r->title_len);
	buf_addc(&r->words, '\0');
	item->key = r->words.data;
	item->title = r->words.data + title_at;
}

int
rows_end_row(struct rows *r, struct err *e)
{
	struct source_item item = {.size = r->text_len, .bytes = r->text, .meta = NULL};
	uint8_t digest[SHA256_BYTES];
	char name[16], bad_key[64];

	hash_sha256_end(r->hash, digest);
	r->hash = NULL;
	hash_hex(digest, item.stamp);
	if (r->key == NULL || r->key_len == 0)
		return err_set(e, ERR_SOURCE, "row %llu of the query has no key",
		    (unsigned long long)r->count);
	buf_addc(&r->meta, '}');
	item.meta = r->meta.data;
	if (r->text == NULL) {
		item.bytes = "";
		item.size = 0;
	} else if (r->text_len > DOCUMENT_BYTES_MAX) {
		item.why = "larger than 256 MiB";
	}
	if (is_plain(r->key, r->key_len)) {
		take_words(r, &item);
	} else {
		snprintf(bad_key, sizeof bad_key, "row %llu", (unsigned long long)r->count);
		item.key = bad_key;
		item.why = "its key is too long, or not text";
	}
	if (r->options->format[0] != '\0') {
		snprintf(name, sizeof name, "row.%s", r->options->format);
		item.name = name;
	}
	return r->each(r->context, &item, e);
}
