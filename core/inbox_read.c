/* inbox_read.c - entries that wait: listing, reading, ending. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failpoint.h"
#include "file.h"
#include "inbox_parts.h"
#include "json.h"
#include "leftover.h"

/* ---- listing ---- */

struct names {
	char (*at)[INBOX_NAME_BYTES];
	size_t count, room;
};

static int
add_name(void *context, int folder, const char *file, struct err *e)
{
	struct names *l = context;
	struct inbox_name n;
	void *more;

	(void)folder;
	if (!inbox_name_parse(&n, file))
		return 0;
	if (l->count == l->room) {
		size_t room = l->room == 0 ? 64 : 2 * l->room;
		if ((more = reallocarray(l->at, room, sizeof *l->at)) == NULL)
			return err_sys(e, ERR_NOMEM, "an inbox");
		l->at = more;
		l->room = room;
	}
	snprintf(l->at[l->count++], INBOX_NAME_BYTES, "%s", file);
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

int
inbox_list(char (**names)[INBOX_NAME_BYTES], size_t *count, const char *data_dir,
    const char *tenant, struct err *e)
{
	struct names l = {0};
	char folder[PATH_MAX];

	*names = NULL;
	*count = 0;
	if (inbox_folder(folder, sizeof folder, data_dir, tenant, e) == -1)
		return -1;
	if (file_each_name(folder, add_name, &l, e) == -1) {
		free(l.at);
		return -1;
	}
	if (l.count > 1)
		qsort(l.at, l.count, sizeof *l.at, by_name);
	*names = l.at;
	*count = l.count;
	return 0;
}

static int
count_file(void *context, int folder, const char *file, struct err *e)
{
	struct inbox_limits *l = context;
	struct inbox_name n;
	struct stat st;

	(void)e;
	if (!inbox_name_parse(&n, file))
		return 0;
	l->entries++;
	if (fstatat(folder, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		l->bytes += (uint64_t)st.st_size;
	return 0;
}

int
inbox_count(const char *data_dir, const char *tenant, struct inbox_limits *out, struct err *e)
{
	char folder[PATH_MAX];

	*out = (struct inbox_limits){0};
	if (inbox_folder(folder, sizeof folder, data_dir, tenant, e) == -1)
		return -1;
	return file_each_name(folder, count_file, out, e);
}

static int
is_id(void *context, int folder, const char *file, struct err *e)
{
	const char *id = context;
	struct inbox_name n;

	(void)folder;
	(void)e;
	return inbox_name_parse(&n, file) && strcmp(n.id, id) == 0;
}

bool
inbox_has(const char *data_dir, const char *tenant, const char *id)
{
	char folder[PATH_MAX];

	return inbox_folder(folder, sizeof folder, data_dir, tenant, NULL) == 0 &&
	    file_each_name(folder, is_id, (void *)(uintptr_t)id, NULL) == 1;
}

struct wanted {
	const char *id;
	char *name;
	int64_t accepted;
};

static int
take_wanted(void *context, int folder, const char *file, struct err *e)
{
	struct wanted *w = context;
	struct inbox_name n;
	struct stat st;

	(void)e;
	if (!inbox_name_parse(&n, file) || strcmp(n.id, w->id) != 0 ||
	    fstatat(folder, file, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	snprintf(w->name, INBOX_NAME_BYTES, "%s", file);
	w->accepted = (int64_t)st.st_mtim.tv_sec;
	return 1;
}

int
inbox_find(const char *data_dir, const char *tenant, const char *id,
    char name[INBOX_NAME_BYTES], int64_t *accepted, struct err *e)
{
	struct wanted w = {.id = id, .name = name};
	char folder[PATH_MAX];

	name[0] = '\0';
	if (inbox_folder(folder, sizeof folder, data_dir, tenant, e) == -1 ||
	    file_each_name(folder, take_wanted, &w, e) == -1)
		return -1;
	*accepted = w.accepted;
	return 0;
}

/* ---- reading ---- */

/* Where the index lies in a mapped entry. */
static int
find_index(const struct file_map *m, size_t *at, size_t *n, const char *name, struct err *e)
{
	char digits[9] = "", *end;
	const unsigned char *tail;

	if (m->len < INBOX_TAIL_BYTES ||
	    memcmp((tail = m->data + m->len - INBOX_TAIL_BYTES) + 8, INBOX_MAGIC, 8) != 0)
		return err_set(e, ERR_CORRUPT, "%s: cut off, or not an entry", name);
	memcpy(digits, tail, 8);
	*n = strtoul(digits, &end, 16);
	if (*end != '\0' || *n > m->len - INBOX_TAIL_BYTES)
		return err_set(e, ERR_CORRUPT, "%s: its index is not in it", name);
	*at = m->len - INBOX_TAIL_BYTES - *n;
	return 0;
}

static int
read_item(struct inbox_item *out, struct json_object *o, uint64_t end, struct err *e)
{
	const char *op = "";
	int64_t at = 0, bytes = 0;

	*out = (struct inbox_item){0};
	if (json_get_text(o, "op", true, 16, &op, e) == -1 ||
	    json_get_text(o, "key", true, DOCUMENT_PATH_BYTES, &out->key, e) == -1 ||
	    json_get_text(o, "name", false, DOCUMENT_PATH_BYTES, &out->name, e) == -1 ||
	    json_get_text(o, "title", false, DOCUMENT_PATH_BYTES, &out->title, e) == -1 ||
	    json_get_text(o, "meta", false, INBOX_META_BYTES, &out->meta, e) == -1 ||
	    json_get_text(o, "type", false, 256, &out->type, e) == -1 ||
	    json_get_int(o, "at", false, 0, INT64_MAX, &at, e) == -1 ||
	    json_get_int(o, "bytes", false, 0, INT64_MAX, &bytes, e) == -1)
		return -1;
	if ((out->op = inbox_op_of(op)) == INBOX_OP_MAX)
		return err_set(e, ERR_CORRUPT, "an item that is to be \"%.16s\"", op);
	out->at = (uint64_t)at;
	out->bytes = (uint64_t)bytes;
	if (out->at > end || out->bytes > end - out->at)
		return err_set(e, ERR_CORRUPT, "a document that is not in its entry");
	return 0;
}

static int
each_item(struct json_object *index, const struct file_map *m, uint64_t end, bool with_bytes,
    inbox_item_fn *each, void *context, struct err *e)
{
	struct json_object *items;
	struct inbox_item item;
	int rc = 0;

	if (json_get_array(index, "items", true, &items, e) == -1)
		return -1;
	for (size_t i = 0; rc == 0 && i < json_object_array_length(items); i++) {
		struct json_object *o = json_object_array_get_idx(items, i);
		if (!json_object_is_type(o, json_type_object))
			return err_set(e, ERR_CORRUPT, "an item that is no object");
		if ((rc = read_item(&item, o, end, e)) == 0)
			rc = each(context, &item,
			    with_bytes ? (const char *)m->data + item.at : NULL, e);
	}
	return rc;
}

int
inbox_read(const char *data_dir, const char *tenant, const char *name, bool with_bytes,
    inbox_item_fn *each, void *context, struct err *e)
{
	char folder[PATH_MAX], path[PATH_MAX];
	struct json_object *index = NULL;
	struct file_map m;
	size_t at = 0, n = 0;
	int rc = -1;

	if (inbox_folder(folder, sizeof folder, data_dir, tenant, e) == -1 ||
	    file_join(path, sizeof path, folder, name, e) == -1 || file_map(&m, path, e) == -1)
		return -1;
	if (find_index(&m, &at, &n, name, e) == 0) {
		if (json_parse_object(&index, (const char *)m.data + at, n, e) == 0)
			rc = each_item(index, &m, at, with_bytes, each, context, e);
		else
			err_set(e, ERR_CORRUPT, "%s: its index cannot be read", name);
	}
	json_object_put(index);
	file_unmap(&m);
	return rc;
}

/* ---- ending ---- */

int
inbox_done(const char *data_dir, const char *tenant, const char *name, struct err *e)
{
	char folder[PATH_MAX], path[PATH_MAX];

	if (inbox_folder(folder, sizeof folder, data_dir, tenant, e) == -1 ||
	    file_join(path, sizeof path, folder, name, e) == -1)
		return -1;
	return unlink(path) == 0 || errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", path);
}

/* The reason first: whatever lies in dead/ has one. */
int
inbox_bury(const char *data_dir, const char *tenant, const char *name, const char *why,
    struct err *e)
{
	char folder[PATH_MAX], from[PATH_MAX], dead[PATH_MAX], to[PATH_MAX];
	char reason[INBOX_NAME_BYTES + 8], text[PATH_MAX];

	snprintf(reason, sizeof reason, "%s.why", name);
	if (inbox_folder(folder, sizeof folder, data_dir, tenant, e) == -1 ||
	    file_join(from, sizeof from, folder, name, e) == -1 ||
	    file_join(dead, sizeof dead, folder, "dead", e) == -1 ||
	    file_make_dirs(dead, 0750, e) == -1 || file_join(to, sizeof to, dead, name, e) == -1 ||
	    file_join(text, sizeof text, dead, reason, e) == -1 ||
	    file_replace(text, why, strlen(why), 0640, e) == -1)
		return -1;
	failpoint(FAIL_INTAKE_EXPLAINED);
	return rename(from, to) == 0 ? file_sync(dead, e) : err_sys(e, ERR_IO, "%s", to);
}

int
inbox_sync(const char *data_dir, const char *tenant, struct err *e)
{
	char folder[PATH_MAX];

	if (inbox_folder(folder, sizeof folder, data_dir, tenant, e) == -1)
		return -1;
	return file_sync(folder, e);
}

int
inbox_sweep(const char *data_dir, const char *tenant, struct err *e)
{
	char folder[PATH_MAX], dead[PATH_MAX];

	if (inbox_folder(folder, sizeof folder, data_dir, tenant, e) == -1 ||
	    file_join(dead, sizeof dead, folder, "dead", e) == -1 ||
	    leftover_sweep(folder, e) == -1)
		return -1;
	return leftover_sweep(dead, e);
}
