/* conf_table.c - the rows of conf.def as data, and words for them. */
#include "conf_table.h"

#include <string.h>

enum { RESTART = false, RELOAD = true };

const struct conf_row conf_rows[] = {
#define ROW(section, where, type, key, field, min, max, preset, words, when, help) \
	{where, CONF_##type, #key, offsetof(struct section, field), min, max, preset, words, \
	    when, help},
#define GLOBAL(...) ROW(conf_global, IN_GLOBAL, __VA_ARGS__)
#define CONSUL(...) ROW(conf_consul, IN_CONSUL, __VA_ARGS__)
#define POOL(...) ROW(conf_pool, IN_POOL, __VA_ARGS__)
#define MODEL(...) ROW(conf_model, IN_MODEL, __VA_ARGS__)
#define OBJECT_STORE(...) ROW(conf_object_store, IN_OBJECT_STORE, __VA_ARGS__)
#include "conf.def"
#undef ROW
};
const size_t conf_row_count = sizeof conf_rows / sizeof conf_rows[0];
_Static_assert(sizeof conf_rows / sizeof conf_rows[0] <= CONF_ROWS_MAX, "room for all rows");

const struct conf_row *
conf_row_find(enum conf_section section, const char *key)
{
	for (size_t i = 0; i < conf_row_count; i++)
		if (conf_rows[i].section == section && strcmp(conf_rows[i].key, key) == 0)
			return &conf_rows[i];
	return NULL;
}

const char *
conf_section_name(enum conf_section section)
{
	static const char *const names[CONF_SECTION_MAX] = {"global", "consul", "pool",
	    "model", "object_store"};

	return names[section];
}

const char *
conf_type_words(enum conf_type type)
{
	static const char *const words[CONF_TYPE_MAX] = {
#define X(name, text) [CONF_##name] = text,
		CONF_TYPES(X)
#undef X
	};

	return words[type];
}

bool
conf_type_is_text(enum conf_type type)
{
	return type <= CONF_URL;
}

/* Levenshtein's distance; words longer than 63 bytes are nobody's typing error. */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), row[64];

	if (n >= 64 || m >= 64)
		return 64;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t corner = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);
			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

void
conf_nearest(const char *word, const char *candidate, size_t *distance, const char **best)
{
	size_t d = edit_distance(word, candidate);

	if (d > 1 + strlen(word) / 3 || (*best != NULL && d >= *distance))
		return;
	*distance = d;
	*best = candidate;
}
