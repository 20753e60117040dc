/* source_options.c - "data_source" of a tenant's document. */
#include "source_options.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "json.h"
#include "s3_names.h"
#include "source.h"
#include "utf8.h"

static const char *const type_names[SOURCE_TYPE_MAX] = {[SOURCE_DIRECTORY] = "directory",
    [SOURCE_S3] = "s3", [SOURCE_HTTP] = "http", [SOURCE_GIT] = "git",
    [SOURCE_SQLITE] = "sqlite", [SOURCE_POSTGRES] = "postgres", [SOURCE_PUSH] = "push"};

/* Which types know an option, and which need it. */
#define T(name) (1u << SOURCE_##name)
#define FILES (T(DIRECTORY) | T(S3) | T(HTTP) | T(GIT))
#define ROWS (T(HTTP) | T(SQLITE) | T(POSTGRES))

typedef int check_fn(const char *text, struct err *e);

static int
check_path(const char *path, struct err *e)
{
	const char *s = path;

	if (path[0] != '/')
		return err_set(e, ERR_CONFIG, "\"path\" must be absolute");
	for (; (s = strstr(s, "/..")) != NULL; s += 3)
		if (s[3] == '/' || s[3] == '\0')
			return err_set(e, ERR_CONFIG, "\"path\" must have no \"..\" in it");
	return 0;
}

/* What kind of address it is worth judging is known when it is used: here only its form. */
static int
check_address(const char *url, struct err *e)
{
	if (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0)
		return 0;
	return err_set(e, ERR_CONFIG, "\"%.100s\" is not an http or https address", url);
}

static int
check_addressing(const char *text, struct err *e)
{
	if (strcmp(text, "auto") == 0 || strcmp(text, "path") == 0 || strcmp(text, "virtual") == 0)
		return 0;
	return err_set(e, ERR_CONFIG, "\"addressing\" may be auto, path or virtual");
}

static int
check_format(const char *text, struct err *e)
{
	if (strcmp(text, "txt") == 0 || strcmp(text, "md") == 0 || strcmp(text, "html") == 0)
		return 0;
	return err_set(e, ERR_CONFIG, "\"format\" may be txt, md or html");
}

static int
check_name(const char *text, struct err *e)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_.-";

	if (text[strspn(text, bytes)] == '\0')
		return 0;
	return err_set(e, ERR_CONFIG, "\"credentials\" is the name of a profile: letters, digits, "
				      "_ . and -");
}

/* git takes no ref that begins with '-': it would be an option. */
static int
check_ref(const char *text, struct err *e)
{
	if (text[0] != '-' && strpbrk(text, " :?*[\\^~") == NULL && strstr(text, "..") == NULL)
		return 0;
	return err_set(e, ERR_CONFIG, "\"ref\" is not a branch, tag or commit: %.64s", text);
}

static int
check_dsn(const char *text, struct err *e)
{
	if (strcasestr(text, "password") == NULL && strstr(text, "://") == NULL)
		return 0;
	return err_set(e, ERR_CONFIG, "\"dsn\" is written as \"host=... dbname=... user=...\" and "
				      "holds no password; name credentials instead");
}

static const struct option {
	const char *name;
	unsigned types, needed;
	size_t at, size;
	check_fn *check;
	const char *preset;
	bool is_list;
} options[] = {
#define OPTION(name, types, needed, check, preset, is_list) \
	{#name, types, needed, offsetof(struct source_options, name), \
	    sizeof ((struct source_options *)0)->name, check, preset, is_list},
    OPTION(path, T(DIRECTORY) | T(GIT) | T(SQLITE), T(DIRECTORY) | T(GIT) | T(SQLITE),
	check_path, "", false)
    OPTION(include, FILES, 0, NULL, "", true)
    OPTION(exclude, FILES, 0, NULL, "", true)
    OPTION(bucket, T(S3), T(S3), s3_bucket_check, "", false)
    OPTION(prefix, T(S3), 0, NULL, "", false)
    OPTION(region, T(S3), 0, s3_region_check, "", false)
    OPTION(endpoint, T(S3), 0, check_address, "", false)
    OPTION(addressing, T(S3), 0, check_addressing, "auto", false)
    OPTION(credentials, T(S3) | T(HTTP) | T(POSTGRES), 0, check_name, "", false)
    OPTION(url, T(HTTP), T(HTTP), check_address, "", false)
    OPTION(items, T(HTTP), 0, NULL, "", false)
    OPTION(next, T(HTTP), 0, NULL, "next", false)
    OPTION(cursor_param, T(HTTP), 0, NULL, "", false)
    OPTION(page_param, T(HTTP), 0, NULL, "", false)
    OPTION(hosts, T(HTTP), 0, NULL, "", true)
    OPTION(ref, T(GIT), 0, check_ref, "HEAD", false)
    OPTION(dsn, T(POSTGRES), T(POSTGRES), check_dsn, "", false)
    OPTION(query, T(SQLITE) | T(POSTGRES), T(SQLITE) | T(POSTGRES), NULL, "", false)
    OPTION(key, ROWS, 0, NULL, "id", false)
    OPTION(text, ROWS, 0, NULL, "text", false)
    OPTION(title, ROWS, 0, NULL, "title", false)
    OPTION(revision, T(HTTP), 0, NULL, "revision", false)
    OPTION(link, T(HTTP), 0, NULL, "url", false)
    OPTION(format, ROWS, 0, check_format, "", false)
#undef OPTION
};
enum { OPTIONS = sizeof options / sizeof options[0] };

static int
check_text(const char *name, const char *text, bool is_query, struct err *e)
{
	for (const char *s = text; *s != '\0'; s++)
		if (((unsigned char)*s < 0x20 || *s == 0x7f) &&
		    !(is_query && (*s == '\n' || *s == '\t' || *s == '\r')))
			return err_set(e, ERR_CONFIG, "\"%s\" has a control character in it", name);
	return 0;
}

/* Adds a line to a list's text. */
static int
add_line(char *out, const struct option *row, struct json_object *v, struct err *e)
{
	size_t used = strlen(out), n;
	const char *text;

	if (!json_object_is_type(v, json_type_string))
		return err_set(e, ERR_TYPE, "\"%s\" must be a string or a list of them", row->name);
	text = json_object_get_string(v);
	n = strlen(text);
	if (used + n + 2 > row->size)
		return err_set(e, ERR_RANGE, "\"%s\" is longer than %zu bytes", row->name, row->size);
	if (check_text(row->name, text, false, e) == -1)
		return -1;
	memcpy(out + used, text, n);
	memcpy(out + used + n, "\n", 2);
	return 0;
}

static int
read_list(char *out, const struct option *row, struct json_object *data_source, struct err *e)
{
	struct json_object *list;

	if (!json_object_object_get_ex(data_source, row->name, &list) || list == NULL)
		return 0;
	if (!json_object_is_type(list, json_type_array))
		return add_line(out, row, list, e);
	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (add_line(out, row, json_object_array_get_idx(list, i), e) == -1)
			return -1;
	return 0;
}

static int
read_option(struct source_options *o, const struct option *row, struct json_object *data_source,
    struct err *e)
{
	char *out = (char *)o + row->at;
	const char *text = row->preset;
	bool needed = (row->needed & (1u << o->type)) != 0;

	if (row->is_list)
		return read_list(out, row, data_source, e);
	if (json_get_text(data_source, row->name, needed, row->size - 1, &text, e) == -1 ||
	    check_text(row->name, text, strcmp(row->name, "query") == 0, e) == -1)
		return -1;
	if (needed && text[0] == '\0')
		return err_set(e, ERR_CONFIG, "\"%s\" is empty", row->name);
	if (row->check != NULL && text[0] != '\0' && row->check(text, e) == -1)
		return -1;
	strcpy(out, text);
	return 0;
}

static void
note_others(
    const struct source_options *o, struct json_object *data_source, struct buf *notes)
{
	json_object_object_foreach(data_source, name, child) {
		const struct option *row = options;
		(void)child;
		if (strcmp(name, "type") == 0)
			continue;
		while (row < options + OPTIONS && strcmp(row->name, name) != 0)
			row++;
		if (row == options + OPTIONS)
			buf_addf(notes, "data_source: \"%.64s\" is unknown and has no effect\n", name);
		else if ((row->types & (1u << o->type)) == 0 && o->type != SOURCE_TYPE_MAX)
			buf_addf(notes, "data_source: \"%s\" has no effect for type %s\n", name,
			    o->type_name);
	}
}

int
source_options_read(struct source_options *o, struct json_object *data_source,
    struct buf *notes, struct err *e)
{
	const struct source_globs globs = {o->include, o->exclude};
	const char *type = NULL;

	*o = (struct source_options){.type = SOURCE_TYPE_MAX};
	if (json_get_text(data_source, "type", true, sizeof o->type_name - 1, &type, e) == -1)
		return -1;
	if (type[0] == '\0')
		return err_set(e, ERR_CONFIG, "\"type\" is empty");
	strcpy(o->type_name, type);
	for (int i = 0; i < SOURCE_TYPE_MAX; i++)
		if (strcmp(type_names[i], type) == 0)
			o->type = (enum source_type)i;
	note_others(o, data_source, notes);
	for (size_t i = 0; i < OPTIONS && o->type != SOURCE_TYPE_MAX; i++)
		if ((options[i].types & (1u << o->type)) != 0 &&
		    read_option(o, &options[i], data_source, e) == -1)
			return -1;
	return source_globs_check(&globs, e);
}

int
source_options_check_type(const struct source_options *o, struct err *e)
{
#ifndef HAVE_LIBPQ
	if (o->type == SOURCE_POSTGRES)
		return err_set(e, ERR_SOURCE,
		    "data_source: type \"postgres\" needs a build with libpq (--with-postgres)");
#endif
	if (o->type != SOURCE_TYPE_MAX)
		return 0;
	return err_set(e, ERR_SOURCE, "data_source: type \"%s\" is not one of directory, s3, http, "
				      "git, sqlite, postgres, push",
	    o->type_name);
}
