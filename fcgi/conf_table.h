/* conf_table.h - the rows of conf.def as data; shared by the files of conf.h only. */
#ifndef RAGPOOL_CONF_TABLE_H
#define RAGPOOL_CONF_TABLE_H

#include "conf.h"

enum conf_section { IN_GLOBAL, IN_CONSUL, IN_POOL, IN_MODEL, IN_OBJECT_STORE, CONF_SECTION_MAX };

#define CONF_TYPES(X) \
	X(STRING, "text") \
	X(PATH, "absolute path") \
	X(USER, "user") \
	X(GROUP, "group") \
	X(ADDRESS, "http address") \
	X(URL, "http address, with a path or without") \
	X(INT, "number") \
	X(COUNT, "number or cores") \
	X(SIZE, "size: bytes, or with k, m, g") \
	X(TIME, "time: with ms, s, m, h, d") \
	X(RATE, "rate: N/s, N/m, N/h, or 0 for none") \
	X(BOOL, "yes or no") \
	X(MODE, "octal mode") \
	X(CHOICE, "word")
enum conf_type {
#define X(name, words) CONF_##name,
	CONF_TYPES(X)
#undef X
	    CONF_TYPE_MAX
};

struct conf_row {
	enum conf_section section;
	enum conf_type type;
	const char *key;
	size_t offset;			/* in the struct of its section */
	int64_t min, max;
	const char *preset;		/* the default, as written in a file */
	const char *words;		/* of a CHOICE, else NULL */
	bool reload;
	const char *help;
};

extern const struct conf_row conf_rows[];
extern const size_t conf_row_count;
enum { CONF_ROWS_MAX = 256, CONF_VALUE_MAX = 2048 };

/* NULL: the section has no such option. */
const struct conf_row *conf_row_find(enum conf_section section, const char *key);
const char *conf_section_name(enum conf_section section);
const char *conf_type_words(enum conf_type type);
bool conf_type_is_text(enum conf_type type);

/* Parses text into the row's member of `members`, which replaces what is there.  The
 * words of an error name the value and the rule, not the key. */
int conf_value_set(const struct conf_row *row, void *members, const char *text, struct err *e);
void conf_value_free(const struct conf_row *row, void *members);
bool conf_value_is_same(const struct conf_row *row, const void *a, const void *b);
/* A stored number as it would be written: "30s", "64k", "0660"; into out[32]. */
void conf_value_write(const struct conf_row *row, int64_t value, char *out, size_t size);

/* A RATE: requests and the seconds they are for, in one number, and out of it. */
static inline int64_t
conf_rate_pack(int64_t requests, int unit)
{
	return requests << 2 | unit;
}
/* What cannot be right about the i-th model, seen with the others; *key is the option to
 * blame. */
int conf_model_check(const struct conf *c, size_t i, const char **key, struct err *e);

/* Of keys in Consul. */
int conf_prefix_check(const char *prefix, struct err *e);
/* CONSUL_HTTP_ADDR and its like, over what the file says.  Each error is a line. */
int conf_apply_environment(struct conf *c, struct buf *errors, struct err *e);

/* Names the nearest of the candidates in *best, if one is near enough to be meant. */
void conf_nearest(const char *word, const char *candidate, size_t *distance, const char **best);

static inline char **
conf_text_at(const struct conf_row *row, void *members)
{
	return (char **)(void *)((char *)members + row->offset);
}

static inline int64_t *
conf_number_at(const struct conf_row *row, void *members)
{
	return (int64_t *)(void *)((char *)members + row->offset);
}

static inline bool *
conf_bool_at(const struct conf_row *row, void *members)
{
	return (bool *)(void *)((char *)members + row->offset);
}

#endif
