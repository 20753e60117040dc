/* source.c - what all sources share. */
#include "source.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "glob.h"

int
source_open(struct source **out, const struct build_config *config, struct err *e)
{
	*out = NULL;
	if (strcmp(config->source_type, "directory") == 0)
		return source_directory_open(out, config->source_path, "", e);
	return err_set(e, ERR_SOURCE, "data_source.type \"%s\" is not read here",
	    config->source_type);
}

void
source_close(struct source *s)
{
	if (s != NULL)
		s->close(s);
}

int
source_read_each(struct source *s, struct source_item *items, size_t count,
    source_got_fn *got, void *context, struct err *e)
{
	struct err why;
	char *bytes;
	size_t n;
	int rc = 0;

	if (s->read_each != NULL)
		return s->read_each(s, items, count, got, context, e);
	for (size_t i = 0; i < count && rc == 0; i++) {
		bytes = NULL;
		n = 0;
		if (s->read(s, &items[i], &bytes, &n, &why) == -1)
			rc = got(context, &items[i], NULL, 0, &why, e);
		else
			rc = got(context, &items[i], bytes, n, NULL, e);
		free(bytes);
	}
	return rc;
}

/* ---- patterns ---- */

struct filtered_source {
	struct source base;
	struct source *inner;		/* owned */
	char *include, *exclude;	/* owned */
	source_item_fn *each;		/* of the listing that runs */
	void *context;
};

static bool
matches_one(const char *patterns, const char *key)
{
	const char *end;

	for (; *patterns != '\0'; patterns = *end == '\n' ? end + 1 : end) {
		end = strchrnul(patterns, '\n');
		if (end > patterns && glob_match(patterns, (size_t)(end - patterns), key))
			return true;
	}
	return false;
}

static int
check_patterns(const char *patterns, struct err *e)
{
	const char *end;

	for (; *patterns != '\0'; patterns = *end == '\n' ? end + 1 : end) {
		end = strchrnul(patterns, '\n');
		if (end > patterns && glob_check(patterns, (size_t)(end - patterns), e) == -1)
			return -1;
	}
	return 0;
}

int
source_globs_check(const struct source_globs *g, struct err *e)
{
	return check_patterns(g->include, e) == 0 && check_patterns(g->exclude, e) == 0 ? 0 : -1;
}

static int
pass_item(void *context, const struct source_item *item, struct err *e)
{
	struct filtered_source *s = context;

	if ((s->include[0] != '\0' && !matches_one(s->include, item->key)) ||
	    matches_one(s->exclude, item->key))
		return 0;
	return s->each(s->context, item, e);
}

static int
filtered_list(struct source *base, source_item_fn *each, void *context, struct err *e)
{
	struct filtered_source *s = (struct filtered_source *)base;

	s->each = each;
	s->context = context;
	return s->inner->list(s->inner, pass_item, s, e);
}

static int
filtered_read_each(struct source *base, struct source_item *items, size_t count,
    source_got_fn *got, void *context, struct err *e)
{
	struct filtered_source *s = (struct filtered_source *)base;

	return source_read_each(s->inner, items, count, got, context, e);
}

static void
filtered_close(struct source *base)
{
	struct filtered_source *s = (struct filtered_source *)base;

	source_close(s->inner);
	free(s->include);
	free(s->exclude);
	free(s);
}

int
source_filtered(
    struct source **out, struct source *inner, const struct source_globs *g, struct err *e)
{
	struct filtered_source *s;

	*out = NULL;
	if (source_globs_check(g, e) == -1) {
		source_close(inner);
		return -1;
	}
	if ((s = calloc(1, sizeof *s)) == NULL) {
		source_close(inner);
		return err_sys(e, ERR_NOMEM, "a source");
	}
	s->base = (struct source){filtered_list, NULL, filtered_read_each,
	    filtered_close};
	s->inner = inner;
	s->include = strdup(g->include);
	s->exclude = strdup(g->exclude);
	if (s->include == NULL || s->exclude == NULL) {
		filtered_close(&s->base);
		return err_sys(e, ERR_NOMEM, "a source");
	}
	*out = &s->base;
	return 0;
}
