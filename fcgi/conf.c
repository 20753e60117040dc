/* conf.c - ragpool.conf: lines to options, and defaults. */
#include "conf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf_table.h"
#include "file.h"
#include "s3_names.h"
#include "tenant.h"
#include "utf8.h"

#define PREFIX_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/"

/* One section as it stands in the file. */
struct section {
	void *members;			/* where its rows go; NULL: unknown, skipped */
	enum conf_section kind;
	unsigned line;			/* of its header; 0: not there */
	unsigned set[CONF_ROWS_MAX];	/* line of each row; 0: not there */
};

struct parser {
	struct conf *conf;
	const char *name;
	struct buf *errors;
	size_t count;			/* of errors */
	char first[160];		/* the first of them */
	unsigned line;
	struct section global, consul, pools[CONF_POOLS_MAX], models[MODELS_MAX];
	struct section stores[CONF_OBJECT_STORES_MAX];
	struct section skipped;		/* under a header that was refused */
	struct section *now;		/* NULL before the first header */
};

static void __attribute__((format(printf, 4, 5)))
complain(struct parser *p, unsigned line, size_t column, const char *fmt, ...)
{
	char text[ERR_TEXT_BYTES + 256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_addf(p->errors, "%s:%u:%zu: %s\n", p->name, line, column, text);
	if (p->count++ == 0)
		snprintf(p->first, sizeof p->first, "%s:%u:%zu: %.100s", p->name, line, column, text);
}

/* Columns are counted in characters, from 1. */
static size_t
column_of(const char *line, const char *at)
{
	size_t column = 1;

	for (; line < at; line++)
		column += ((unsigned char)*line & 0xc0) != 0x80;
	return column;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *
skip_blanks(char *s)
{
	while (is_blank(*s))
		s++;
	return s;
}

static void
cut_blanks(char *from, char *end)
{
	while (end > from && is_blank(end[-1]))
		end--;
	*end = '\0';
}

static bool
is_comment(char c)
{
	return c == ';' || c == '#';
}

/* Only a comment may follow. */
static void
expect_end(struct parser *p, const char *line, char *at)
{
	at = skip_blanks(at);
	if (*at != '\0' && !is_comment(*at))
		complain(p, p->line, column_of(line, at), "\"%.64s\" is too much here", at);
}

/* A section with a name of its own: where its members are, and how many there are. */
struct named {
	enum conf_section kind;
	char *members;			/* of the first; the name comes first in each */
	size_t size;
	size_t *count;
	size_t max;
	struct section *sections;
};

static struct section *
open_named(struct parser *p, const struct named *n, const char *line, const char *name)
{
	const char *kind = conf_section_name(n->kind);
	size_t column = column_of(line, name), len = strlen(name);
	struct err e;

	if (tenant_name_check(name, len, &e) == -1) {
		complain(p, p->line, column,
		    "a %s's name is 1 to %d of a-z 0-9 . _ - and begins with a letter or digit", kind,
		    TENANT_NAME_BYTES);
		return &p->skipped;
	}
	for (size_t i = 0; i < *n->count; i++)
		if (strcmp(n->members + i * n->size, name) == 0) {
			complain(p, p->line, column, "[%s %s] stands in line %u already", kind, name,
			    n->sections[i].line);
			return &p->skipped;
		}
	if (*n->count == n->max) {
		complain(p, p->line, column, "more than %zu %ss", n->max, kind);
		return &p->skipped;
	}
	memcpy(n->members + *n->count * n->size, name, len + 1);
	n->sections[*n->count] = (struct section){
	    .members = n->members + *n->count * n->size, .kind = n->kind, .line = p->line};
	return &n->sections[(*n->count)++];
}

static struct section *
open_pool(struct parser *p, const char *line, const char *name)
{
	struct conf *c = p->conf;
	struct named pools = {IN_POOL, (char *)c->pools, sizeof c->pools[0], &c->pool_count,
	    CONF_POOLS_MAX, p->pools};

	return open_named(p, &pools, line, name);
}

static struct section *
open_model(struct parser *p, const char *line, const char *name)
{
	struct conf *c = p->conf;
	struct named models = {IN_MODEL, (char *)c->models, sizeof c->models[0],
	    &c->model_count, MODELS_MAX, p->models};

	return open_named(p, &models, line, name);
}

static struct section *
open_store(struct parser *p, const char *line, const char *name)
{
	struct conf *c = p->conf;
	struct named stores = {IN_OBJECT_STORE, (char *)c->object_stores,
	    sizeof c->object_stores[0], &c->object_store_count, CONF_OBJECT_STORES_MAX, p->stores};

	return open_named(p, &stores, line, name);
}

static struct section *
open_single(struct parser *p, struct section *s, enum conf_section kind, void *members,
    size_t column)
{
	if (s->line != 0) {
		complain(p, p->line, column, "[%s] stands in line %u already",
		    conf_section_name(kind), s->line);
		return &p->skipped;
	}
	*s = (struct section){.members = members, .kind = kind, .line = p->line};
	return s;
}

static struct section *
unknown_section(struct parser *p, const char *line, const char *name)
{
	const char *best = NULL;
	size_t distance = 0, column = column_of(line, name);

	for (int i = 0; i < CONF_SECTION_MAX; i++)
		conf_nearest(name, conf_section_name((enum conf_section)i), &distance, &best);
	if (best != NULL && strcmp(best, "object_store") == 0)
		complain(p, p->line, column,
		    "unknown section [%.64s]; a store is written [object_store NAME]", name);
	else if (best != NULL && strcmp(best, "model") == 0)
		complain(p, p->line, column,
		    "unknown section [%.64s]; a model is written [model NAME]", name);
	else if (best != NULL && strcmp(best, "pool") != 0)
		complain(p, p->line, column, "unknown section [%.64s]; did you mean [%s]?", name,
		    best);
	else
		complain(p, p->line, column,
		    "unknown section [%.64s]; a pool is written [pool NAME]", name);
	return &p->skipped;
}

static void
read_header(struct parser *p, char *line, char *at)
{
	char *name = skip_blanks(at + 1), *end = strchr(at, ']');

	p->now = &p->skipped;
	if (end == NULL) {
		complain(p, p->line, column_of(line, at), "the ] of a section is missing");
		return;
	}
	cut_blanks(name, end);
	if (end < name)
		name = end;
	if (strcmp(name, "global") == 0)
		p->now = open_single(p, &p->global, IN_GLOBAL, &p->conf->global,
		    column_of(line, name));
	else if (strcmp(name, "consul") == 0)
		p->now = open_single(p, &p->consul, IN_CONSUL, &p->conf->consul,
		    column_of(line, name));
	else if (strncmp(name, "pool", 4) == 0 && is_blank(name[4]))
		p->now = open_pool(p, line, skip_blanks(name + 4));
	else if (strncmp(name, "model", 5) == 0 && is_blank(name[5]))
		p->now = open_model(p, line, skip_blanks(name + 5));
	else if (strncmp(name, "object_store", 12) == 0 && is_blank(name[12]))
		p->now = open_store(p, line, skip_blanks(name + 12));
	else if (strcmp(name, "object_store") == 0)
		complain(p, p->line, column_of(line, name),
		    "an object store has a name: [object_store NAME]");
	else if (strcmp(name, "model") == 0)
		complain(p, p->line, column_of(line, name), "a model has a name: [model NAME]");
	else if (strcmp(name, "pool") == 0)
		complain(p, p->line, column_of(line, name), "a pool has a name: [pool NAME]");
	else
		p->now = unknown_section(p, line, name);
	expect_end(p, line, end + 1);
}

/* The value, cut out of the line in place; NULL when it was refused. */
static char *
read_value(struct parser *p, char *line, char *at)
{
	char *to, *from, *value;

	if (*at != '"') {
		for (from = at; *from != '\0'; from++)
			if (is_comment(*from) && (from == at || is_blank(from[-1])))
				break;
		cut_blanks(at, from);
		return at;
	}
	value = to = from = at + 1;
	while (*from != '"') {
		if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
			from++;
		if (*from == '\0') {
			complain(p, p->line, column_of(line, at), "the closing quote is missing");
			return NULL;
		}
		*to++ = *from++;
	}
	expect_end(p, line, from + 1);
	*to = '\0';
	return value;
}

static void
unknown_key(struct parser *p, const char *key, size_t column)
{
	const char *best = NULL;
	size_t distance = 0;

	for (size_t i = 0; i < conf_row_count; i++)
		if (conf_rows[i].section == p->now->kind)
			conf_nearest(key, conf_rows[i].key, &distance, &best);
	if (best != NULL) {
		complain(p, p->line, column, "unknown option \"%.64s\"; did you mean \"%s\"?", key,
		    best);
		return;
	}
	for (size_t i = 0; i < conf_row_count; i++)
		if (strcmp(conf_rows[i].key, key) == 0) {
			complain(p, p->line, column, "\"%s\" belongs in [%s%s]", key,
			    conf_section_name(conf_rows[i].section),
			    conf_rows[i].section >= IN_POOL ? " NAME" : "");
			return;
		}
	complain(p, p->line, column, "unknown option \"%.64s\" in [%s]", key,
	    conf_section_name(p->now->kind));
}

static void
read_option(struct parser *p, char *line, char *at)
{
	char *equals = strchr(at, '='), *value;
	const struct conf_row *row;
	size_t key_column, value_column;
	struct err e;

	key_column = column_of(line, at);
	if (equals == NULL) {
		complain(p, p->line, key_column, "neither [section] nor option = value");
		return;
	}
	value = skip_blanks(equals + 1);
	value_column = column_of(line, value);
	cut_blanks(at, equals);
	if (p->now == NULL) {
		complain(p, p->line, key_column, "\"%.64s\" stands before any [section]", at);
		p->now = &p->skipped;
	}
	if ((value = read_value(p, line, value)) == NULL || p->now->members == NULL)
		return;
	if ((row = conf_row_find(p->now->kind, at)) == NULL) {
		unknown_key(p, at, key_column);
		return;
	}
	if (p->now->set[row - conf_rows] != 0) {
		complain(p, p->line, key_column, "\"%s\" stands in line %u already", at,
		    p->now->set[row - conf_rows]);
		return;
	}
	p->now->set[row - conf_rows] = p->line;
	if (conf_value_set(row, p->now->members, value, &e) == -1)
		complain(p, p->line, value_column, "%s: %s", row->key, e.text);
}

/* Bytes that no editor shows, and bytes that are no text, are named by their place. */
static bool
line_is_text(struct parser *p, const char *line, size_t n)
{
	uint32_t cp;
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		len = utf8_next(line + i, n - i, &cp);
		if (len != 0 && (cp >= 0x20 || cp == '\t') && cp != 0x7f)
			continue;
		complain(p, p->line, column_of(line, line + i), "%s",
		    len == 0 ? "not UTF-8" : cp == 0 ? "a NUL byte" : "a control character");
		return false;
	}
	return true;
}

static void
read_line(struct parser *p, const char *bytes, size_t n)
{
	char line[CONF_VALUE_MAX + 1], *at;

	if (n > 0 && bytes[n - 1] == '\r')
		n--;
	if (n > CONF_VALUE_MAX) {
		complain(p, p->line, 1, "a line of more than %d bytes", CONF_VALUE_MAX);
		return;
	}
	if (!line_is_text(p, bytes, n))
		return;
	memcpy(line, bytes, n);
	cut_blanks(line, line + n);
	at = skip_blanks(line);
	if (*at == '[')
		read_header(p, line, at);
	else if (*at != '\0' && !is_comment(*at))
		read_option(p, line, at);
}

/* {run_dir}/x and its like; only defaults are expanded. */
static void
expand(const struct conf *c, const char *preset, const char *name, struct buf *out)
{
	const struct {
		const char *name, *value;
	} words[] = {{"{run_dir}", c->global.run_dir}, {"{data_dir}", c->global.data_dir},
	    {"{libexecdir}", RAGPOOL_LIBEXECDIR}, {"{bindir}", RAGPOOL_BINDIR},
	    {"{sysconfdir}", RAGPOOL_SYSCONFDIR}, {"{pool}", name}, {"{model}", name}};

	while (*preset != '\0') {
		size_t i = 0, count = sizeof words / sizeof words[0];
		while (i < count && strncmp(preset, words[i].name, strlen(words[i].name)) != 0)
			i++;
		if (i == count) {
			buf_addc(out, *preset++);
			continue;
		}
		if (words[i].value != NULL)
			buf_adds(out, words[i].value);
		preset += strlen(words[i].name);
	}
}

/* What the file left out.  A default can only be refused when it was expanded with a
 * value of the file. */
static void
fill_defaults(struct parser *p, struct section *s, enum conf_section kind, void *members,
    const char *name)
{
	const struct conf_row *row;
	struct buf text;
	struct err e;

	buf_init(&text, CONF_VALUE_MAX);
	for (size_t i = 0; i < conf_row_count; i++) {
		row = &conf_rows[i];
		if (row->section != kind || s->set[i] != 0)
			continue;
		buf_reset(&text);
		buf_adds(&text, "");
		expand(p->conf, row->preset, name, &text);
		if (buf_check(&text, row->key, &e) == -1 ||
		    conf_value_set(row, members, text.data, &e) == -1)
			complain(p, s->line, 1, "%s (by default): %s", row->key, e.text);
	}
	buf_fini(&text);
}

static unsigned
line_of(const struct section *s, const char *key)
{
	const struct conf_row *row = conf_row_find(s->kind, key);

	return s->set[row - conf_rows] != 0 ? s->set[row - conf_rows] : s->line;
}

/* 1 <= min_spare <= max_spare, neither it nor start over max: as php-fpm has it. */
static void
check_spares(struct parser *p, const struct conf_pool *pool, const struct section *at)
{
	int64_t max = pool->max_workers != 0 ? pool->max_workers : pool->workers;

	if (pool->pm != 1)
		return;
	if (pool->min_spare_workers > pool->max_spare_workers)
		complain(p, line_of(at, "min_spare_workers"), 1,
		    "min_spare_workers: more than max_spare_workers (%lld)",
		    (long long)pool->max_spare_workers);
	if (pool->min_spare_workers > max)
		complain(p, line_of(at, "min_spare_workers"), 1,
		    "min_spare_workers: more than max_workers (%lld)", (long long)max);
	if (pool->start_workers > max)
		complain(p, line_of(at, "start_workers"), 1,
		    "start_workers: more than max_workers (%lld)", (long long)max);
}

/* What a model's options mean together is conf_model.c's to know. */
static void
check_models(struct parser *p)
{
	const struct conf *c = p->conf;
	const char *key;
	struct err e;

	for (size_t i = 0; i < c->model_count; i++)
		if (conf_model_check(c, i, &key, &e) == -1)
			complain(p, line_of(&p->models[i], key), 1, "%s: %s", key, e.text);
}

/* A store is of one type, and has what that needs. */
static void
check_store(struct parser *p, size_t i)
{
	const struct conf_object_store *s = &p->conf->object_stores[i];
	size_t n = strlen(s->prefix);
	struct err e;

	if (s->type == OBJECT_STORE_DIRECTORY && s->path[0] == '\0')
		complain(p, p->stores[i].line, 1, "a store of type directory needs a path");
	if (s->type == OBJECT_STORE_S3 && s3_bucket_check(s->bucket, &e) == -1)
		complain(p, line_of(&p->stores[i], "bucket"), 1, "bucket: %s", e.text);
	if (n > 0 && (s->prefix[n - 1] != '/' || s->prefix[0] == '/' || strstr(s->prefix, "..") ||
			 s->prefix[strspn(s->prefix, PREFIX_BYTES)] != '\0'))
		complain(p, line_of(&p->stores[i], "prefix"), 1,
		    "prefix: \"%.64s\" must be letters, digits, - . _ and /, end in a slash and not "
		    "begin with one", s->prefix);
}

static bool
has_chat_model(const struct conf *c)
{
	for (size_t i = 0; i < c->model_count; i++)
		if (c->models[i].kind == MODEL_CHAT)
			return true;
	return false;
}

/* A worker that is killed for its time cannot fall back on the passages. */
static void
check_answers(struct parser *p, const struct conf_pool *pool, const struct section *lines)
{
	const struct conf_model *m = conf_model_named(p->conf, pool->answer_model);

	if (pool->answer_model[0] != '\0' && (m == NULL || m->kind != MODEL_CHAT))
		complain(p, line_of(lines, "answer_model"), 1,
		    "answer_model: there is no [model %s] with kind = chat", pool->answer_model);
	if (has_chat_model(p->conf) && pool->answer_timeout_ms >= pool->request_timeout_ms)
		complain(p, line_of(lines, "answer_timeout"), 1,
		    "answer_timeout: not less than request_timeout (%lld ms)",
		    (long long)pool->request_timeout_ms);
}

/* What leaves this host has to have somewhere to go. */
static void
check_cold(struct parser *p)
{
	const struct conf *c = p->conf;
	const char *store = c->global.cold_store[0] != '\0' ? c->global.cold_store
							     : c->consul.object_store;
	size_t i = 0;

	while (i < c->object_store_count && strcmp(c->object_stores[i].name, store) != 0)
		i++;
	if (i < c->object_store_count)
		return;
	if (c->global.cold_store[0] != '\0')
		complain(p, line_of(&p->global, "cold_store"), 1,
		    "cold_store: there is no [object_store %.64s]", store);
	else if (c->global.cold_after_ms != 0)
		complain(p, line_of(&p->global, "cold_after"), 1,
		    "cold_after: name an [object_store NAME] with cold_store");
}

/* Rules between options. */
static void
check_together(struct parser *p)
{
	const struct conf *c = p->conf;
	struct err e;

	if (c->consul.prefix != NULL && conf_prefix_check(c->consul.prefix, &e) == -1)
		complain(p, line_of(&p->consul, "prefix"), 1, "%s", e.text);
	for (size_t i = 0; i < c->object_store_count && p->count == 0; i++)
		check_store(p, i);
	if (p->count == 0)
		check_cold(p);
	if (c->pool_count == 0 && p->count == 0)
		complain(p, p->line, 1, "there is no pool; write one as [pool NAME]");
	for (size_t i = 0; i < c->pool_count; i++)
		check_spares(p, &c->pools[i], &p->pools[i]);
	for (size_t i = 0; i < c->pool_count; i++)
		for (size_t j = 0; j < i; j++)
			if (c->pools[i].listen != NULL && c->pools[j].listen != NULL &&
			    strcmp(c->pools[i].listen, c->pools[j].listen) == 0)
				complain(p, line_of(&p->pools[i], "listen"), 1,
				    "listen: [pool %s] has this socket already", c->pools[j].name);
	if (p->count == 0)
		check_models(p);
	for (size_t i = 0; i < c->pool_count && p->count == 0; i++)
		check_answers(p, &c->pools[i], &p->pools[i]);
}

static int
too_many(const struct parser *p, const char *first, struct err *e)
{
	if (p->count == 1)
		return err_set(e, ERR_CONFIG, "%s", first);
	return err_set(e, ERR_CONFIG, "%s (and %zu more)", first, p->count - 1);
}

int
conf_parse(struct conf *c, const char *name, const char *bytes, size_t n, struct buf *errors,
    struct err *e)
{
	struct parser *p = NULL;
	size_t start = 0, end;
	int rc = -1;

	*c = (struct conf){0};
	if (n > CONF_FILE_MAX)
		return err_set(e, ERR_LIMIT, "%s: larger than %d bytes", name, CONF_FILE_MAX);
	p = calloc(1, sizeof *p);
	c->pools = calloc(CONF_POOLS_MAX, sizeof *c->pools);
	c->models = calloc(MODELS_MAX, sizeof *c->models);
	c->object_stores = calloc(CONF_OBJECT_STORES_MAX, sizeof *c->object_stores);
	c->path = strdup(name);
	c->consul.token = strdup("");
	if (p == NULL || c->pools == NULL || c->models == NULL || c->object_stores == NULL || c->path == NULL || c->consul.token == NULL) {
		err_set(e, ERR_NOMEM, "%s: no memory", name);
		goto out;
	}
	*p = (struct parser){.conf = c, .name = name, .errors = errors};
	p->consul.kind = IN_CONSUL;
	while (start < n) {
		const char *newline = memchr(bytes + start, '\n', n - start);
		end = newline != NULL ? (size_t)(newline - bytes) : n;
		p->line++;
		/* A byte order mark is how some editors begin a file. */
		if (start == 0 && n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
			start = 3;
		read_line(p, bytes + start, end - start);
		start = end + 1;
	}
	fill_defaults(p, &p->global, IN_GLOBAL, &c->global, "");
	fill_defaults(p, &p->consul, IN_CONSUL, &c->consul, "");
	for (size_t i = 0; i < c->pool_count; i++)
		fill_defaults(p, &p->pools[i], IN_POOL, &c->pools[i], c->pools[i].name);
	for (size_t i = 0; i < c->model_count; i++)
		fill_defaults(p, &p->models[i], IN_MODEL, &c->models[i], c->models[i].name);
	for (size_t i = 0; i < c->object_store_count; i++)
		fill_defaults(p, &p->stores[i], IN_OBJECT_STORE, &c->object_stores[i],
		    c->object_stores[i].name);
	check_together(p);
	rc = p->count == 0 ? 0 : too_many(p, p->first, e);
out:
	free(p);
	if (rc == -1)
		conf_fini(c);
	return rc;
}

int
conf_load(struct conf *c, const char *path, struct buf *errors, struct err *e)
{
	char *bytes = NULL;
	size_t n;
	int rc = -1;

	*c = (struct conf){0};
	if (file_read(&bytes, &n, path, CONF_FILE_MAX, e) == -1) {
		buf_addf(errors, "%s\n", e->text);
		return -1;
	}
	if (conf_parse(c, path, bytes, n, errors, e) == -1 ||
	    conf_apply_environment(c, errors, e) == -1)
		goto out;
	rc = 0;
out:
	free(bytes);
	if (rc == -1)
		conf_fini(c);
	return rc;
}

static void
free_section(enum conf_section kind, void *members)
{
	for (size_t i = 0; i < conf_row_count; i++)
		if (conf_rows[i].section == kind)
			conf_value_free(&conf_rows[i], members);
}

void
conf_fini(struct conf *c)
{
	if (c == NULL)
		return;
	free_section(IN_GLOBAL, &c->global);
	free_section(IN_CONSUL, &c->consul);
	for (size_t i = 0; i < c->pool_count; i++)
		free_section(IN_POOL, &c->pools[i]);
	for (size_t i = 0; i < c->model_count; i++)
		free_section(IN_MODEL, &c->models[i]);
	free(c->models);
	for (size_t i = 0; i < c->object_store_count; i++)
		free_section(IN_OBJECT_STORE, &c->object_stores[i]);
	free(c->object_stores);
	if (c->consul.token != NULL)
		explicit_bzero(c->consul.token, strlen(c->consul.token));
	free(c->consul.token);
	free(c->pools);
	free(c->path);
	*c = (struct conf){0};
}

const struct conf_pool *
conf_pool_find(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->pool_count; i++)
		if (strcmp(c->pools[i].name, name) == 0)
			return &c->pools[i];
	return NULL;
}

const char *
conf_default_path(void)
{
	return RAGPOOL_SYSCONFDIR "/ragpool/ragpool.conf";
}
