/* termdoc.c - the token sequences of all rows, with their dictionary. */
#include "termdoc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bounds.h"

struct word {
	uint64_t at;	/* in bytes */
	uint32_t hash;
	uint32_t len;
};

struct termdoc_building {
	uint64_t seed;		/* hostile texts cannot aim at one chain */
	uint32_t *slot;		/* open addressing: word number + 1, 0 empty */
	uint32_t slots;		/* a power of two, at most three quarters full */
	struct word *word;
	size_t words_cap;
	char *bytes;
	size_t bytes_len, bytes_cap;
	size_t tokens, tokens_cap;
	size_t rows_cap;
	struct err *err;	/* of the call under way */
	struct termdoc *owner;
};

/* ---- growing ---- */

/* Room for `need` items of `size` bytes in *array, half as much again each time. */
static int
grow(void *array, size_t *cap, size_t need, size_t size, struct err *e)
{
	void **p = array, *moved;
	size_t want;

	if (need <= *cap)
		return 0;
	want = *cap + *cap / 2 + 64;
	if (want < need)
		want = need;
	if (want > SIZE_MAX / size || (moved = realloc(*p, want * size)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the words of the rows");
	*p = moved;
	*cap = want;
	return 0;
}

static int
grow_slots(struct termdoc_building *b, uint32_t words, struct err *e)
{
	uint32_t slots = b->slots * 2, *slot;

	if (slots == 0 || (slot = calloc(slots, sizeof *slot)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the words of the rows");
	for (uint32_t i = 0; i < words; i++) {
		uint32_t at = b->word[i].hash & (slots - 1);
		while (slot[at] != 0)
			at = (at + 1) & (slots - 1);
		slot[at] = i + 1;
	}
	free(b->slot);
	b->slot = slot;
	b->slots = slots;
	return 0;
}

int
termdoc_init(struct termdoc *t, struct err *e)
{
	struct termdoc_building *b;

	memset(t, 0, sizeof *t);
	if ((b = calloc(1, sizeof *b)) == NULL)
		return err_sys(e, ERR_NOMEM, "termdoc");
	t->building = b;
	b->owner = t;
	b->slots = 2048;
	if (getrandom(&b->seed, sizeof b->seed, GRND_NONBLOCK) != sizeof b->seed)
		b->seed = (uint64_t)(uintptr_t)b;
	if (grow_slots(b, 0, e) == -1)
		return -1;
	if (grow(&t->row_at, &b->rows_cap, 1, sizeof *t->row_at, e) == -1)
		return -1;
	t->row_at[0] = 0;
	return 0;
}

static void
building_free(struct termdoc_building *b)
{
	if (b == NULL)
		return;
	free(b->slot);
	free(b->word);
	free(b->bytes);
	free(b);
}

void
termdoc_fini(struct termdoc *t)
{
	building_free(t->building);
	free(t->row_at);
	free(t->token);
	free(t->df);
	free(t->term_at);
	free(t->term_bytes);
	memset(t, 0, sizeof *t);
}

/* ---- adding ---- */

static uint32_t
hash_term(uint64_t seed, const char *term, size_t len)
{
	uint64_t h = seed ^ len * 0x9e3779b97f4a7c15u, w;

	while (len >= 8) {
		memcpy(&w, term, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
		term += 8;
		len -= 8;
	}
	w = 0;
	memcpy(&w, term, len);
	h = (h ^ w) * 0xff51afd7ed558ccdu;
	h = (h ^ h >> 32) * 0xc4ceb9fe1a85ec53u;
	return (uint32_t)(h >> 32);
}

static int
add_word(struct termdoc *t, const char *term, size_t len, uint32_t hash, struct err *e)
{
	struct termdoc_building *b = t->building;

	if (t->terms >= UINT32_MAX - 2)
		return err_set(e, ERR_LIMIT, "more than %u distinct words", t->terms);
	if (grow(&b->word, &b->words_cap, (size_t)t->terms + 1, sizeof *b->word, e) == -1 ||
	    grow(&b->bytes, &b->bytes_cap, b->bytes_len + len, 1, e) == -1)
		return -1;
	b->word[t->terms] = (struct word){b->bytes_len, hash, (uint32_t)len};
	memcpy(b->bytes + b->bytes_len, term, len);
	b->bytes_len += len;
	t->terms++;
	return 0;
}

/* The number of a word, a new one if need be. */
static int
number_of(struct termdoc *t, const char *term, size_t len, uint32_t *out, struct err *e)
{
	struct termdoc_building *b = t->building;
	uint32_t hash = hash_term(b->seed, term, len), at = hash & (b->slots - 1);

	for (; b->slot[at] != 0; at = (at + 1) & (b->slots - 1)) {
		const struct word *w = &b->word[b->slot[at] - 1];
		if (w->hash == hash && w->len == len &&
		    memcmp(b->bytes + w->at, term, len) == 0) {
			*out = b->slot[at] - 1;
			return 0;
		}
	}
	if (add_word(t, term, len, hash, e) == -1)
		return -1;
	b->slot[at] = t->terms;
	*out = t->terms - 1;
	if (t->terms > b->slots / 4 * 3)
		return grow_slots(b, t->terms, e);
	return 0;
}

static int
add_token(void *context, const char *term, size_t len, unsigned flags, size_t start, size_t end)
{
	struct termdoc_building *b = context;
	struct termdoc *t = b->owner;
	uint32_t number;

	(void)flags;
	(void)start;
	(void)end;
	if (number_of(t, term, len, &number, b->err) == -1)
		return -1;
	if (b->tokens == b->tokens_cap &&
	    grow(&t->token, &b->tokens_cap, b->tokens + 1, sizeof *t->token, b->err) == -1)
		return -1;
	t->token[b->tokens++] = number;
	return 0;
}

int
termdoc_begin_row(struct termdoc *t, struct err *e)
{
	struct termdoc_building *b = t->building;

	if (t->rows >= INDEX_ROWS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d rows", INDEX_ROWS_MAX);
	if (grow(&t->row_at, &b->rows_cap, (size_t)t->rows + 2, sizeof *t->row_at, e) == -1)
		return -1;
	t->rows++;
	t->row_at[t->rows] = b->tokens;
	return 0;
}

int
termdoc_add_text(
    struct termdoc *t, struct analyzer *a, const char *text, size_t len, struct err *e)
{
	struct termdoc_building *b = t->building;
	int rc;

	b->err = e;
	rc = analyze(a, text, len, add_token, b);
	b->err = NULL;
	t->row_at[t->rows] = b->tokens;
	return rc == 0 ? 0 : -1;
}

/* ---- sealing ---- */

/* The first eight bytes decide most comparisons. */
struct sort_key {
	uint64_t head;	/* big-endian, padded with zeros */
	uint32_t number;
	uint32_t len;
};

static int
compare_keys(const void *x, const void *y, void *context)
{
	const struct termdoc_building *b = context;
	const struct sort_key *k = x, *l = y;
	size_t shorter = k->len < l->len ? k->len : l->len;
	int c;

	if (k->head != l->head)
		return k->head < l->head ? -1 : 1;
	c = memcmp(b->bytes + b->word[k->number].at, b->bytes + b->word[l->number].at, shorter);
	if (c != 0)
		return c;
	return k->len < l->len ? -1 : k->len > l->len;
}

static struct sort_key *
sorted_words(const struct termdoc *t)
{
	struct termdoc_building *b = t->building;
	struct sort_key *key = malloc((t->terms + (size_t)1) * sizeof *key);

	if (key == NULL)
		return NULL;
	for (uint32_t i = 0; i < t->terms; i++) {
		const struct word *w = &b->word[i];
		unsigned char head[8] = {0};
		memcpy(head, b->bytes + w->at, w->len < 8 ? w->len : 8);
		memcpy(&key[i].head, head, 8);
		key[i].head = __builtin_bswap64(key[i].head);
		key[i].number = i;
		key[i].len = w->len;
	}
	qsort_r(key, t->terms, sizeof *key, compare_keys, b);
	return key;
}

/* new_id[old number] = place in the order. */
static void
lay_out_terms(struct termdoc *t, const struct sort_key *key, uint32_t *new_id)
{
	const struct termdoc_building *b = t->building;
	uint64_t at = 0;

	for (uint32_t i = 0; i < t->terms; i++) {
		t->term_at[i] = at;
		memcpy(t->term_bytes + at, b->bytes + b->word[key[i].number].at, key[i].len);
		at += key[i].len;
		new_id[key[i].number] = i;
	}
	t->term_at[t->terms] = at;
}

/* last_row[term] is one more than the last row counted. */
static void
renumber_and_count(struct termdoc *t, const uint32_t *new_id, uint32_t *last_row)
{
	for (uint32_t row = 0; row < t->rows; row++) {
		for (uint64_t i = t->row_at[row]; i < t->row_at[row + 1]; i++) {
			uint32_t id = new_id[t->token[i]];
			t->token[i] = id;
			if (last_row[id] != row + 1) {
				last_row[id] = row + 1;
				t->df[id]++;
			}
		}
	}
}

int
termdoc_seal(struct termdoc *t, struct err *e)
{
	size_t terms = t->terms;
	struct sort_key *key = sorted_words(t);
	uint32_t *new_id = malloc((terms + 1) * sizeof *new_id);
	uint32_t *last_row = calloc(terms + 1, sizeof *last_row);
	int rc = -1;

	t->df = calloc(terms + 1, sizeof *t->df);
	t->term_at = malloc((terms + 1) * sizeof *t->term_at);
	t->term_bytes = malloc(t->building->bytes_len + 1);
	if (key == NULL || new_id == NULL || last_row == NULL || t->df == NULL ||
	    t->term_at == NULL || t->term_bytes == NULL) {
		err_set(e, ERR_NOMEM, "no memory to sort the words of the rows");
		goto out;
	}
	lay_out_terms(t, key, new_id);
	renumber_and_count(t, new_id, last_row);
	building_free(t->building);
	t->building = NULL;
	rc = 0;
out:
	free(key);
	free(new_id);
	free(last_row);
	return rc;
}

uint32_t
termdoc_find(const struct termdoc *t, const char *term, size_t len)
{
	uint32_t low = 0, high = t->terms;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		size_t n = (size_t)(t->term_at[mid + 1] - t->term_at[mid]);
		int c = memcmp(t->term_bytes + t->term_at[mid], term, n < len ? n : len);
		if (c == 0 && n == len)
			return mid;
		if (c < 0 || (c == 0 && n < len))
			low = mid + 1;
		else
			high = mid;
	}
	return UINT32_MAX;
}
