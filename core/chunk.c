/* chunk.c - packs a document's sentences, rows and lines into chunks.
 *
 * The smallest units ("atoms") come in text order; a window collects them until the
 * next one no longer fits.  Then the strongest cut in the window's last part ends a
 * chunk, its last sentences stay as overlap, and the window goes on.  The window never
 * holds more than one chunk's atoms, whatever the document's size.
 */
#include "chunk_parts.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"

enum {
	CHARACTERS_PER_TOKEN = 8,	/* the range of sizes in characters */
	PIECES = 8,			/* an overlong sentence is cut in pieces of size / 8 */
	LONG_SENTENCE = 4,		/* overlong: more than size / 4 */
	LOW = 3,			/* a chunk ends in the last two thirds of the window */
	ROUNDING = 2,			/* the overlap may be longer by a half, to be whole */
	TINY = 4,			/* a section smaller than size / 4 takes in the next */
};

struct atom {
	size_t start, end;
	size_t size;
	size_t gap;		/* size of what lies before it: white space, a thematic break */
	uint32_t heading;
	enum chunk_cut cut;	/* how good a place before it is to cut */
};

struct packer {
	const struct text_document *d;
	const struct chunk_params *params;
	struct chunk_list *out;
	struct err *e;
	size_t overlap;		/* the one asked for, at most half of the size */
	struct atom *atoms;
	size_t count, cap;
	size_t fresh;		/* atoms before this one are overlap: in a chunk already */
	size_t used;		/* size of the window */
	uint32_t heading;	/* of the block at hand */
	size_t passed;		/* rules' cuts up to here are done with */
	const struct chunk_list *parents;	/* NULL: none */
	size_t parent;		/* the one that the window is in */
};

void
chunk_params_default(struct chunk_params *p)
{
	*p = (struct chunk_params){
	    .size = CHUNK_SIZE_DEFAULT, .overlap = CHUNK_OVERLAP_DEFAULT, .unit = CHUNK_TOKENS};
}

int
chunk_params_check(const struct chunk_params *p, struct err *e)
{
	unsigned scale = p->unit == CHUNK_CHARACTERS ? CHARACTERS_PER_TOKEN : 1;

	if ((unsigned)p->unit >= CHUNK_UNIT_MAX)
		return err_set(e, ERR_RANGE, "the chunk unit is unknown");
	if (p->size < CHUNK_TOKENS_MIN || p->size > CHUNK_TOKENS_MAX * scale)
		return err_set(e, ERR_RANGE, "chunk size %u is not within %d and %u", p->size,
		    CHUNK_TOKENS_MIN, CHUNK_TOKENS_MAX * scale);
	if (p->overlap >= p->size)
		return err_set(e, ERR_RANGE, "chunk overlap %u is not less than the size %u",
		    p->overlap, p->size);
	if (p->parent_size != 0 &&
	    (p->parent_size <= p->size || p->parent_size > CHUNK_TOKENS_MAX * scale))
		return err_set(e, ERR_RANGE, "parent size %u is not within %u and %u",
		    p->parent_size, p->size + 1, CHUNK_TOKENS_MAX * scale);
	return 0;
}

/* ---- the window ---- */

static int
emit(struct packer *p, size_t count)
{
	struct chunk_list *l = p->out;
	struct chunk c = {.start = p->atoms[0].start, .end = p->atoms[count - 1].end,
	    .heading = p->atoms[0].heading,
	    .page = text_page_at(p->d, p->atoms[0].start),
	    .parent = p->parents != NULL ? (uint32_t)p->parent : CHUNK_NO_PARENT};

	if (l->count == l->cap) {
		size_t cap = l->cap != 0 ? l->cap * 2 : 64;
		struct chunk *at = reallocarray(l->at, cap, sizeof *at);

		if (at == NULL)
			return err_set(p->e, ERR_NOMEM, "no memory for %zu chunks", cap);
		l->at = at;
		l->cap = cap;
	}
	for (size_t i = 1; i < count; i++)
		if (p->atoms[i].heading != c.heading)
			c.heading = text_heading_common(p->d, c.heading, p->atoms[i].heading);
	c.size = (uint32_t)chunk_measure(
	    p->params->unit, p->d->text + c.start, c.end - c.start);
	l->at[l->count++] = c;
	return 0;
}

static size_t
size_of(const struct packer *p, size_t from, size_t to)
{
	size_t size = 0;

	for (size_t i = from; i < to; i++)
		size += p->atoms[i].size + (i > from ? p->atoms[i].gap : 0);
	return size;
}

static void
drop(struct packer *p, size_t count)
{
	if (count == 0)
		return;
	memmove(p->atoms, p->atoms + count, (p->count - count) * sizeof *p->atoms);
	p->count -= count;
	p->fresh = p->fresh > count ? p->fresh - count : 0;
	p->used = size_of(p, 0, p->count);
}

/* Where the window is best cut: the strongest place in its last two thirds (counted
 * without the overlap), the last of equals; if none is there, anywhere.
 *
 * Two thirds and the rounded overlap by measurement: 472 questions with marked spans
 * over five documents of 1.4 MB, the share of the spans' bytes within BM25's first
 * five chunks at 512/50.  Last third 0.927, half 0.939, two thirds 0.948; with the
 * overlap never above 50, half 0.934.  Windows of 512 tokens cut anywhere have 0.943
 * with chunks longer by a fifth, and 0.932 with chunks of the same length. */
static size_t
best_cut(const struct packer *p, enum chunk_cut at_end)
{
	size_t size = size_of(p, 0, p->fresh), best = p->count, early = p->count;
	size_t low = size + (p->params->size - size) / LOW;
	enum chunk_cut best_is = CUT_INSIDE, early_is = CUT_INSIDE;

	for (size_t i = p->fresh + 1; i <= p->count; i++) {
		enum chunk_cut cut = i < p->count ? p->atoms[i].cut : at_end;

		size += p->atoms[i - 1].size + (i > 1 ? p->atoms[i - 1].gap : 0);
		if (size >= low && cut >= best_is) {
			best_is = cut;
			best = i;
		}
		if (cut >= early_is) {
			early_is = cut;
			early = i;
		}
	}
	return size >= low ? best : early;
}

/* The first atom of the overlap that a chunk ending before `end` leaves: whole
 * sentences, or words where the cut itself broke a sentence. */
static size_t
overlap_start(const struct packer *p, size_t end, enum chunk_cut cut)
{
	enum chunk_cut wanted = cut >= CUT_SENTENCE ? CUT_SENTENCE : CUT_WORD;
	size_t size = 0, best = end, most = p->overlap + p->overlap / ROUNDING;

	if (most > p->params->size / 2)
		most = p->params->size / 2;
	if (cut >= CUT_HEADING)
		return end;
	for (size_t i = end - 1; i > 0; i--) {
		size += p->atoms[i].size + (i + 1 < end ? p->atoms[i + 1].gap : 0);
		if (size > most)
			break;
		if (p->atoms[i].cut >= wanted)
			best = i;
		if (p->atoms[i].cut >= CUT_HEADING)
			break;
	}
	return best;
}

/* Makes the window smaller by a chunk, or by an atom of overlap. */
static int
make_room(struct packer *p, enum chunk_cut at_end)
{
	size_t end, keep;

	if (p->fresh == p->count) {
		drop(p, 1);
		return 0;
	}
	end = best_cut(p, at_end);
	if (emit(p, end) == -1)
		return -1;
	keep = overlap_start(p, end, end < p->count ? p->atoms[end].cut : at_end);
	p->fresh = end;
	drop(p, keep);
	return 0;
}

/* A heading ends the chunk before it, unless that would be tiny. */
static int
before_heading(struct packer *p)
{
	if (p->fresh < p->count) {
		if (size_of(p, p->fresh, p->count) * TINY < p->params->size)
			return 0;
		if (emit(p, p->count) == -1)
			return -1;
	}
	drop(p, p->count);
	return 0;
}

static int
put_within_parent(struct packer *p, size_t start, size_t end, enum chunk_cut cut)
{
	const char *s = p->d->text;
	struct atom a = {.start = start, .end = end, .heading = p->heading, .cut = cut,
	    .size = chunk_measure(p->params->unit, s + start, end - start)};

	if (cut >= CUT_HEADING && cut < CUT_RULE && before_heading(p) == -1)
		return -1;
	if (p->count > 0) {
		size_t last = p->atoms[p->count - 1].end;

		a.gap = chunk_measure(p->params->unit, s + last, start - last);
	}
	while (p->count > 0 && p->used + a.gap + a.size > p->params->size)
		if (make_room(p, cut) == -1)
			return -1;
	if (p->count == p->cap) {
		size_t cap = p->cap != 0 ? p->cap * 2 : 256;
		struct atom *atoms = reallocarray(p->atoms, cap, sizeof *atoms);

		if (atoms == NULL)
			return err_set(p->e, ERR_NOMEM, "no memory for a chunk's sentences");
		p->atoms = atoms;
		p->cap = cap;
	}
	p->used += a.size + (p->count > 0 ? a.gap : 0);
	p->atoms[p->count++] = a;
	return 0;
}

/* No chunk goes over the edge of a parent, where an atom of its own may lie across. */
static int
put_atom(struct packer *p, size_t start, size_t end, enum chunk_cut cut)
{
	const char *s = p->d->text;

	while (p->parents != NULL && p->parent + 1 < p->parents->count) {
		size_t edge = p->parents->at[p->parent + 1].start;

		if (edge >= end)
			break;
		if (edge > start &&
		    put_within_parent(p, start, text_trim_space(s, start, edge), cut) == -1)
			return -1;
		if (p->fresh < p->count && emit(p, p->count) == -1)
			return -1;
		drop(p, p->count);
		p->parent++;
		start = edge > start ? edge : start;
	}
	return put_within_parent(p, start, end, cut);
}

/* ---- from blocks to atoms ---- */

static int
put_span(struct packer *p, size_t at, size_t end, enum chunk_cut cut)
{
	const char *s = p->d->text;
	unsigned size = p->params->size;
	enum chunk_cut next_cut;

	at = text_skip_space(s, at, end);
	end = text_trim_space(s, at, end);
	if (at < end &&
	    chunk_measure(p->params->unit, s + at, end - at) * LONG_SENTENCE <= size)
		return put_atom(p, at, end, cut);
	while (at < end) {
		size_t stop = chunk_piece_end(
		    s, at, end, p->params->unit, size / PIECES, &next_cut);

		if (put_atom(p, at, stop, cut) == -1)
			return -1;
		at = text_skip_space(s, stop, end);
		cut = next_cut;
	}
	return 0;
}

/* Cuts of the rules before `at` strengthen *cut; the answer is the first one between
 * at and end, or end. */
static int
next_rule(struct packer *p, size_t at, size_t end, enum chunk_cut *cut, size_t *found,
    enum chunk_cut *found_cut)
{
	struct chunk_rules *rules = p->params->rules;

	*found = end;
	while (rules != NULL) {
		enum chunk_cut strength = CUT_INSIDE;
		size_t where;

		if (chunk_rules_next(rules, p->passed, end, &where, &strength, p->e) == -1)
			return -1;
		if (where == 0)
			break;
		p->passed = where;
		if (where <= at) {
			if (strength > *cut)
				*cut = strength;
		} else if (chunk_may_cut(p->d->text, p->d->len, where)) {
			*found = where;
			*found_cut = strength;
			break;
		}
	}
	return 0;
}

static int
put_sentence(struct packer *p, size_t at, size_t end, enum chunk_cut cut)
{
	while (at < end) {
		enum chunk_cut next_cut = CUT_INSIDE;
		size_t stop;

		at = text_skip_space(p->d->text, at, end);
		if (next_rule(p, at, end, &cut, &stop, &next_cut) == -1 ||
		    put_span(p, at, stop, cut) == -1)
			return -1;
		at = stop;
		cut = next_cut;
	}
	return 0;
}

static int
put_sentences(struct packer *p, size_t at, size_t end, enum chunk_cut cut)
{
	const char *s = p->d->text;

	for (at = text_skip_space(s, at, end); at < end; cut = CUT_SENTENCE) {
		size_t stop = chunk_sentence_end(s, at, end);

		if (put_sentence(p, at, stop, cut) == -1)
			return -1;
		at = text_skip_space(s, stop, end);
	}
	return 0;
}

static bool
begins_item(const char *s, size_t at, size_t end)
{
	size_t digits = 0;

	at = text_skip_space(s, at, end);
	while (at + digits < end && digits < 10 && s[at + digits] >= '0' &&
	    s[at + digits] <= '9')
		digits++;
	at += digits;
	if (at + 1 >= end || s[at + 1] != ' ')
		return false;
	return digits > 0 ? s[at] == '.' || s[at] == ')'
			  : s[at] == '-' || s[at] == '*' || s[at] == '+';
}

static int
put_list(struct packer *p, const struct text_block *b, enum chunk_cut cut)
{
	const char *s = p->d->text;
	size_t item = b->start, next;

	for (size_t at = b->start; at < b->end; at = next) {
		size_t end = text_line_end(s, at, b->end, &next);

		if (at > item && begins_item(s, at, end)) {
			if (put_sentences(p, item, at, cut) == -1)
				return -1;
			item = at;
			cut = CUT_ITEM;
		}
	}
	return put_sentences(p, item, b->end, cut);
}

/* The rows of a table, the lines of code. */
static int
put_lines(struct packer *p, const struct text_block *b, enum chunk_cut cut)
{
	const char *s = p->d->text;
	enum chunk_cut between = b->kind == TEXT_TABLE ? CUT_ITEM : CUT_LINE;
	size_t next;

	for (size_t at = b->start; at < b->end; at = next) {
		size_t end = text_line_end(s, at, b->end, &next);

		if (text_skip_space(s, at, end) == end) {
			cut = cut == CUT_LINE ? CUT_SENTENCE : cut;
			continue;
		}
		if (put_sentence(p, at, end, cut) == -1)
			return -1;
		cut = between;
	}
	return 0;
}

/* Size of the headings that the window ends with: they go with what follows. */
static size_t
headings_waiting(const struct packer *p)
{
	size_t i = p->count;

	while (i > 0 && p->atoms[i - 1].cut >= CUT_HEADING && p->atoms[i - 1].cut < CUT_RULE)
		i--;
	return size_of(p, i, p->count);
}

static int
put_whole(struct packer *p, const struct text_block *b, enum chunk_cut cut)
{
	enum chunk_cut inside;
	size_t found = b->start;

	/* A rule's cut inside would tear what is kept whole: it is passed over. */
	while (found < b->end)
		if (next_rule(p, b->start, b->end, &cut, &found, &inside) == -1)
			return -1;
	return put_atom(p, b->start, b->end, cut);
}

static int
put_block(struct packer *p, const struct text_block *b, const struct text_block *before)
{
	enum chunk_cut cut = CUT_BLOCK;
	size_t size;

	p->heading = b->heading;
	if (b->kind == TEXT_HEADING)
		cut = (enum chunk_cut)(CUT_HEADING + 6 - b->level);
	else if (before != NULL && before->kind == TEXT_HEADING)
		cut = CUT_AFTER_HEADING;
	else if (b->continues)
		cut = CUT_ITEM;
	if (b->kind == TEXT_LIST)
		return put_list(p, b, cut);
	if (b->kind != TEXT_TABLE && b->kind != TEXT_CODE)
		return put_sentences(p, b->start, b->end, cut);
	size = chunk_measure(p->params->unit, p->d->text + b->start, b->end - b->start);
	if (headings_waiting(p) + size <= p->params->size)
		return put_whole(p, b, cut);
	return put_lines(p, b, cut);
}

/* ---- tables that were torn ---- */

/* The first row of a table says what the others mean: a chunk that begins further down
 * takes note of it. */
static void
note_heads(const struct text_document *d, struct chunk *at, size_t count)
{
	size_t block = 0, next;

	for (size_t i = 0; i < count; i++) {
		const struct text_block *b;

		while (block < d->block_count && d->blocks[block].end <= at[i].start)
			block++;
		if (block == d->block_count)
			return;
		b = &d->blocks[block];
		if (b->kind != TEXT_TABLE || at[i].start <= b->start)
			continue;
		at[i].head_at = b->start;
		at[i].head_len = text_line_end(d->text, b->start, b->end, &next) - b->start;
		/* A chunk within the first row needs no telling. */
		if (at[i].start < next)
			at[i].head_len = 0;
	}
}

/* ---- documents ---- */

static int
pack_document(const struct text_document *d, const struct chunk_params *p,
    const struct chunk_list *parents, struct chunk_list *out, struct err *e)
{
	struct packer packer = {.d = d, .params = p, .out = out, .e = e, .parents = parents};
	int rc = -1;

	packer.overlap = p->overlap < p->size / 2 ? p->overlap : p->size / 2;
	if (p->rules != NULL)
		chunk_rules_start(p->rules, d->text, d->len);
	for (size_t i = 0; i < d->block_count; i++)
		if (put_block(&packer, &d->blocks[i], i > 0 ? &d->blocks[i - 1] : NULL) == -1)
			goto out;
	if (packer.fresh < packer.count && emit(&packer, packer.count) == -1)
		goto out;
	note_heads(d, out->at, out->count);
	rc = 0;
out:
	free(packer.atoms);
	return rc;
}

static int
pack_with_parents(const struct text_document *d, const struct chunk_params *p,
    struct chunk_list *out, struct err *e)
{
	struct chunk_params large = *p;
	struct chunk_list parents = {0};
	int rc;

	large.size = p->parent_size;
	large.overlap = 0;
	rc = pack_document(d, &large, NULL, &parents, e);
	if (rc == 0)
		rc = pack_document(d, p, &parents, out, e);
	out->parents = parents.at;
	out->parent_count = parents.count;
	return rc;
}

int
chunk_document(const struct text_document *d, const struct chunk_params *p,
    struct chunk_list *out, struct err *e)
{
	int rc;

	*out = (struct chunk_list){0};
	if (chunk_params_check(p, e) == -1)
		return -1;
	rc = p->parent_size > 0 ? pack_with_parents(d, p, out, e)
				: pack_document(d, p, NULL, out, e);
	if (rc == -1)
		chunk_list_fini(out);
	return rc;
}

void
chunk_list_fini(struct chunk_list *l)
{
	free(l->at);
	free(l->parents);
	*l = (struct chunk_list){0};
}
