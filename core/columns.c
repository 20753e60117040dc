/* columns.c - the section of columns, and filters evaluated on it. */
#include "columns.h"

#include <stdlib.h>
#include <string.h>

#include "columns_format.h"
#include "give_way.h"

enum { DOCUMENT_NS = 2 };

struct column {
	const char *name;
	const uint32_t *first;
	const void *values;
	const uint64_t *places;
	const char *bytes;
	struct columns_entry entry;	/* copied, so it cannot change */
};

struct columns {
	uint32_t documents;
	uint32_t count;
	struct column column[COLUMNS_MAX];
};

/* ---- opening ---- */

/* count items of size bytes lie in the section, at a multiple of 8. */
static bool
fits(uint64_t at, uint64_t count, uint64_t size, size_t bytes)
{
	return at % 8 == 0 && at <= bytes && count <= (bytes - at) / size;
}

static bool
is_sound(const struct columns_entry *c, uint32_t documents, size_t bytes)
{
	if (c->type < FILTER_STRING || c->type > FILTER_BOOL || c->name_len == 0 ||
	    c->name_len > FILTER_FIELD_BYTES || c->name_at > bytes ||
	    c->name_len > bytes - c->name_at)
		return false;
	if (!fits(c->first_at, (uint64_t)documents + 1, sizeof(uint32_t), bytes) ||
	    !fits(c->values_at, c->values, columns_width(c->type), bytes))
		return false;
	return c->type != FILTER_STRING ||
	       (fits(c->places_at, (uint64_t)c->words + 1, sizeof(uint64_t), bytes) &&
		   fits(c->bytes_at, c->bytes, 1, bytes));
}

static int
compare_names(const struct column *a, const char *name, size_t len)
{
	size_t n = a->entry.name_len < len ? a->entry.name_len : len;
	int order = memcmp(a->name, name, n);

	return order != 0 ? order : (a->entry.name_len > len) - (a->entry.name_len < len);
}

static bool
is_in_order(const struct column *a, const struct column *b)
{
	int order = compare_names(a, b->name, b->entry.name_len);

	return order < 0 || (order == 0 && a->entry.type < b->entry.type);
}

static int
read_columns(struct columns *c, const char *section, size_t bytes, struct err *e)
{
	for (uint32_t i = 0; i < c->count; i++) {
		struct column *k = &c->column[i];
		memcpy(&k->entry,
		    section + sizeof(struct columns_header) + i * sizeof k->entry,
		    sizeof k->entry);
		if (!is_sound(&k->entry, c->documents, bytes))
			return err_set(e, ERR_CORRUPT, "index.rpx: column %u is damaged", i);
		k->name = section + k->entry.name_at;
		k->first = (const void *)(section + k->entry.first_at);
		k->values = section + k->entry.values_at;
		if (k->entry.type == FILTER_STRING) {
			k->places = (const void *)(section + k->entry.places_at);
			k->bytes = section + k->entry.bytes_at;
		}
		if (i > 0 && !is_in_order(k - 1, k))
			return err_set(e, ERR_CORRUPT, "index.rpx: columns are out of order");
	}
	return 0;
}

static int
read_header(struct columns *c, const char *section, size_t bytes, uint64_t items, struct err *e)
{
	struct columns_header h;

	if (bytes < sizeof h)
		return err_set(e, ERR_CORRUPT, "index.rpx: the columns are cut");
	memcpy(&h, section, sizeof h);
	if (h.version > COLUMNS_VERSION)
		return err_set(e, ERR_FORMAT_NEW, "index.rpx: columns of version %u, this program "
						  "knows %d", h.version, COLUMNS_VERSION);
	if (h.version == 0 || h.columns > COLUMNS_MAX || h.documents != items ||
	    bytes < sizeof h + h.columns * sizeof(struct columns_entry))
		return err_set(e, ERR_CORRUPT, "index.rpx: the columns are damaged");
	c->documents = h.documents;
	c->count = h.columns;
	return 0;
}

int
columns_open(struct columns **out, const struct rpx *r, struct err *e)
{
	size_t bytes;
	uint64_t items;
	const char *section = rpx_find(r, RPX_COLUMNS, &bytes, &items);
	struct columns *c;

	*out = NULL;
	if (section == NULL)
		return 0;
	if ((c = calloc(1, sizeof *c)) == NULL)
		return err_sys(e, ERR_NOMEM, "columns");
	if (read_header(c, section, bytes, items, e) == -1 ||
	    read_columns(c, section, bytes, e) == -1) {
		free(c);
		return -1;
	}
	*out = c;
	return 0;
}

void
columns_close(struct columns *c)
{
	free(c);
}

uint32_t
columns_documents(const struct columns *c)
{
	return c->documents;
}

/* ---- dictionaries ---- */

static int
corrupt(struct err *e)
{
	return err_set(e, ERR_CORRUPT, "index.rpx: a column is damaged");
}

static int
word_at(const struct column *k, uint32_t i, struct filter_value *out, struct err *e)
{
	uint64_t from = k->places[i], to = k->places[i + 1];

	if (from > to || to > k->entry.bytes)
		return corrupt(e);
	*out = (struct filter_value){
	    .type = FILTER_STRING, .text = k->bytes + from, .len = (size_t)(to - from)};
	return 0;
}

/* How a word stands to the value: below 0 when it comes before.  With `begins`, words that
 * begin with the value count as equal. */
static int
stands(const struct filter_value *word, const struct filter_value *v, bool begins)
{
	struct filter_value cut = *word;

	if (begins && cut.len > v->len)
		cut.len = v->len;
	return filter_compare(&cut, v);
}

/* The first word that stands at (above: behind) the value. */
static int
bound(const struct column *k, const struct filter_value *v, bool begins, bool above,
    uint32_t *out, struct err *e)
{
	uint32_t low = 0, high = k->entry.words;
	struct filter_value word;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (word_at(k, middle, &word, e) == -1)
			return -1;
		int order = stands(&word, v, begins);
		if (order < 0 || (above && order == 0))
			low = middle + 1;
		else
			high = middle;
	}
	*out = low;
	return 0;
}

/* ---- leaves ---- */

/* What a value has to be; one of the three by the column's type. */
struct wanted {
	enum filter_op op;		/* eq, gt, gte, lt, lte, in */
	const struct filter_value *value;
	uint32_t low, high;		/* strings: codes from low to before high */
	uint32_t *codes;		/* strings, in: sorted */
	double *numbers;		/* numbers, in: sorted */
	uint32_t count;			/* of codes or numbers */
	bool truth[2];			/* bools: accepted */
};

static int
compare_codes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int
compare_numbers(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int
want_range(const struct column *k, const struct filter *f, struct wanted *w, struct err *e)
{
	const struct filter_value *v = &f->values[0];
	bool begins = f->op == FILTER_PREFIX;

	w->high = k->entry.words;
	if ((f->op == FILTER_EQ || f->op == FILTER_GTE || begins) &&
	    bound(k, v, begins, false, &w->low, e) == -1)
		return -1;
	if (f->op == FILTER_GT && bound(k, v, false, true, &w->low, e) == -1)
		return -1;
	if ((f->op == FILTER_EQ || f->op == FILTER_LTE || begins) &&
	    bound(k, v, begins, true, &w->high, e) == -1)
		return -1;
	if (f->op == FILTER_LT && bound(k, v, false, false, &w->high, e) == -1)
		return -1;
	return 0;
}

static int
want_codes(const struct column *k, const struct filter *f, struct wanted *w, struct err *e)
{
	uint32_t low, high;

	for (uint32_t i = 0; i < f->count; i++) {
		const struct filter_value *v = &f->values[i];
		if (v->type != FILTER_STRING)
			continue;
		if (bound(k, v, false, false, &low, e) == -1 ||
		    bound(k, v, false, true, &high, e) == -1)
			return -1;
		if (low < high)
			w->codes[w->count++] = low;
	}
	qsort(w->codes, w->count, sizeof *w->codes, compare_codes);
	return 0;
}

/* suffix, contains: words are in no order for these, so each is looked at. */
static int
want_parts(const struct column *k, const struct filter *f, struct wanted *w, struct arena *a,
    struct err *e)
{
	struct filter_value word;

	if ((w->codes = arena_alloc(a, (k->entry.words + 1) * sizeof *w->codes)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the filter");
	for (uint32_t i = 0; i < k->entry.words; i++) {
		if (word_at(k, i, &word, e) == -1)
			return -1;
		if (filter_part_matches(f->op, &f->values[0], word.text, word.len))
			w->codes[w->count++] = i;
	}
	w->op = FILTER_IN;
	return 0;
}

static void
want_numbers(const struct filter *f, struct wanted *w)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (f->values[i].type == FILTER_NUMBER)
			w->numbers[w->count++] = f->values[i].number;
	qsort(w->numbers, w->count, sizeof *w->numbers, compare_numbers);
}

static void
want_bools(const struct filter *f, struct wanted *w)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (f->values[i].type == FILTER_BOOL)
			w->truth[f->values[i].truth] = true;
}

static bool
number_is(const struct wanted *w, double x)
{
	double v;

	if (w->op == FILTER_IN)
		return bsearch(&x, w->numbers, w->count, sizeof x, compare_numbers) != NULL;
	v = w->value->number;
	switch (w->op) {
	case FILTER_EQ:
		return x == v;
	case FILTER_GT:
		return x > v;
	case FILTER_GTE:
		return x >= v;
	case FILTER_LT:
		return x < v;
	default:
		return x <= v;
	}
}

static bool
code_is(const struct wanted *w, uint32_t code)
{
	if (w->op == FILTER_IN)
		return bsearch(&code, w->codes, w->count, sizeof code, compare_codes) != NULL;
	return code >= w->low && code < w->high;
}

static bool
value_is(const struct column *k, const struct wanted *w, uint32_t i)
{
	switch (k->entry.type) {
	case FILTER_STRING:
		return code_is(w, ((const uint32_t *)k->values)[i]);
	case FILTER_NUMBER:
		return number_is(w, ((const double *)k->values)[i]);
	default:
		return w->truth[((const uint8_t *)k->values)[i] != 0];
	}
}

/* Sets the bit of each document with a value that is wanted; w NULL: with any value. */
static int
mark(const struct columns *c, const struct column *k, const struct wanted *w, uint64_t *out,
    struct err *e)
{
	for (uint32_t d = 0; d < c->documents; d++) {
		uint32_t from = k->first[d], to = k->first[d + 1];
		bool is = w == NULL && from < to;
		if (from > to || to > k->entry.values)
			return corrupt(e);
		for (uint32_t i = from; w != NULL && i < to && !is; i++)
			is = value_is(k, w, i);
		if (is)
			out[d / 64] |= UINT64_C(1) << d % 64;
		if (d % 64 == 63)
			give_way_after(64 * DOCUMENT_NS);
	}
	return 0;
}

static int
want_list(const struct column *k, const struct filter *f, struct wanted *w, struct arena *a,
    struct err *e)
{
	w->codes = arena_alloc(a, f->count * sizeof *w->codes);
	w->numbers = arena_alloc(a, f->count * sizeof *w->numbers);
	if (w->codes == NULL || w->numbers == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the filter");
	if (k->entry.type == FILTER_STRING)
		return want_codes(k, f, w, e);
	if (k->entry.type == FILTER_NUMBER)
		want_numbers(f, w);
	return 0;
}

/* eq, gt, .. in, prefix, suffix, contains on one column. */
static int
mark_leaf(const struct columns *c, const struct column *k, const struct filter *f,
    uint64_t *out, struct arena *a, struct err *e)
{
	struct wanted w = {.op = f->op, .value = f->values};

	if (f->op == FILTER_IN) {
		if (want_list(k, f, &w, a, e) == -1)
			return -1;
	} else if (f->values[0].type != k->entry.type) {
		return 0;
	} else if (f->op == FILTER_SUFFIX || f->op == FILTER_CONTAINS) {
		if (want_parts(k, f, &w, a, e) == -1)
			return -1;
	} else if (k->entry.type == FILTER_STRING && want_range(k, f, &w, e) == -1) {
		return -1;
	}
	want_bools(f, &w);
	return mark(c, k, &w, out, e);
}

/* ---- the tree ---- */

struct evaluation {
	const struct columns *c;
	size_t words;
	struct arena *a;
	uint64_t *level[FILTER_DEPTH_MAX];	/* a bitmap for each level below the root */
};

static void
fill(struct evaluation *v, uint64_t *out, bool value)
{
	uint32_t rest = v->c->documents % 64;

	if (v->words == 0)
		return;
	memset(out, value ? 0xff : 0, v->words * sizeof *out);
	if (value && rest != 0)
		out[v->words - 1] = (UINT64_C(1) << rest) - 1;
}

static void
flip(struct evaluation *v, uint64_t *out)
{
	uint32_t rest = v->c->documents % 64;

	for (size_t i = 0; i < v->words; i++)
		out[i] = ~out[i];
	if (v->words > 0 && rest != 0)
		out[v->words - 1] &= (UINT64_C(1) << rest) - 1;
}

static int
evaluate_leaf(struct evaluation *v, const struct filter *f, uint64_t *out, struct err *e)
{
	bool is_not = f->op == FILTER_NE || f->op == FILTER_NIN;
	struct filter plain = *f;
	size_t len = strlen(f->field);

	if (is_not)
		plain.op = f->op == FILTER_NE ? FILTER_EQ : FILTER_IN;
	fill(v, out, false);
	for (uint32_t i = 0; i < v->c->count; i++) {
		const struct column *k = &v->c->column[i];
		if (compare_names(k, f->field, len) != 0)
			continue;
		if (f->op == FILTER_EXISTS ? mark(v->c, k, NULL, out, e) == -1
					   : mark_leaf(v->c, k, &plain, out, v->a, e) == -1)
			return -1;
	}
	if (is_not)
		flip(v, out);
	return 0;
}

static int
evaluate(struct evaluation *v, const struct filter *f, unsigned level, uint64_t *out,
    struct err *e)
{
	uint64_t *child = v->level[level];

	if (!filter_is_compound(f->op))
		return evaluate_leaf(v, f, out, e);
	fill(v, out, f->op != FILTER_OR);
	for (const struct filter *c = f->first; c != NULL; c = c->next) {
		if (evaluate(v, c, level + 1, child, e) == -1)
			return -1;
		for (size_t i = 0; i < v->words; i++)
			out[i] = f->op == FILTER_OR ? out[i] | child[i] : out[i] & child[i];
	}
	if (f->op == FILTER_NOT)
		flip(v, out);
	return 0;
}

int
columns_filter(const struct columns *c, const struct filter *f, uint64_t *out, struct arena *a,
    struct err *e)
{
	struct evaluation v = {.c = c, .words = ((size_t)c->documents + 63) / 64, .a = a};
	unsigned depth;

	if (filter_check(f, e) == -1)
		return -1;
	depth = filter_depth(f);
	for (unsigned i = 0; i + 1 < depth; i++)
		if ((v.level[i] = arena_alloc(a, v.words * sizeof *out)) == NULL)
			return err_set(e, ERR_NOMEM, "no memory for the filter");
	return evaluate(&v, f, 0, out, e);
}
