/* unit_text.h - what the tests of text and chunks share: the promises of text.h and
 * chunk.h as checks that hold for any document. */
#ifndef RAGPOOL_UNIT_TEXT_H
#define RAGPOOL_UNIT_TEXT_H

#include "unit.h"

#include <utf8proc.h>

#include "chunk_parts.h"

static inline void
extract(struct text_document *d, const char *name, const char *bytes)
{
	struct err e;

	assert_ok(text_extract(name, bytes, strlen(bytes), d, &e), &e);
}

/* The block's text, in a buffer that the next call reuses. */
static inline const char *
block_text(const struct text_document *d, size_t i)
{
	static char out[4096];
	size_t n;

	assert_in_range(i, 0, d->block_count - 1);
	n = d->blocks[i].end - d->blocks[i].start;
	assert_in_range(n, 1, sizeof out - 1);
	memcpy(out, d->text + d->blocks[i].start, n);
	out[n] = '\0';
	return out;
}

static inline void
assert_block(const struct text_document *d, size_t i, enum text_block_kind kind,
    const char *path, const char *text)
{
	char got[TEXT_PATH_BYTES];

	assert_string_equal(block_text(d, i), text);
	assert_string_equal(text_block_kind_name(d->blocks[i].kind), text_block_kind_name(kind));
	text_heading_path(d, d->blocks[i].heading, got, sizeof got);
	assert_string_equal(got, path);
}

static inline void
check_span_is_trimmed(const struct text_document *d, size_t start, size_t end)
{
	assert_true(start < end && end <= d->len);
	assert_int_equal(text_skip_space(d->text, start, end), start);
	assert_int_equal(text_trim_space(d->text, start, end), end);
	assert_true(utf8_is_valid(d->text + start, end - start));
}

static inline void
check_document(const struct text_document *d)
{
	size_t end = 0;

	assert_true(utf8_is_valid(d->text, d->len));
	assert_null(memchr(d->text, '\0', d->len));
	assert_true(d->block_count > 0);
	for (size_t i = 0; i < d->block_count; i++) {
		const struct text_block *b = &d->blocks[i];

		assert_true(b->start >= end);
		check_span_is_trimmed(d, b->start, b->end);
		if (d->kind != TEXT_MARKDOWN)
			assert_int_equal(text_skip_space(d->text, end, b->start), b->start);
		if (b->heading != TEXT_NO_HEADING)
			assert_true(b->heading < d->heading_count);
		assert_int_equal(b->kind == TEXT_HEADING, b->level != 0);
		end = b->end;
	}
	for (size_t i = 0; i < d->heading_count; i++)
		if (d->headings[i].parent != TEXT_NO_HEADING) {
			assert_true(d->headings[i].parent < i);
			assert_true(d->headings[d->headings[i].parent].level <
			    d->headings[i].level);
		}
}

/* Nothing but white space of any block lies in [from, to). */
static inline void
check_no_block_in(const struct text_document *d, size_t *block, size_t from, size_t to)
{
	while (*block < d->block_count && d->blocks[*block].end <= from)
		++*block;
	for (size_t i = *block; i < d->block_count && d->blocks[i].start < to; i++) {
		size_t a = d->blocks[i].start > from ? d->blocks[i].start : from;
		size_t b = d->blocks[i].end < to ? d->blocks[i].end : to;

		if (text_skip_space(d->text, a, b) != b)
			fail_msg("bytes %zu..%zu are in no chunk", a, b);
	}
}

static inline void
check_chunks(const struct text_document *d, const struct chunk_params *p,
    const struct chunk_list *l)
{
	size_t start = 0, end = 0, block = 0;

	assert_true(l->count > 0);
	for (size_t i = 0; i < l->count; i++) {
		const struct chunk *c = &l->at[i];

		check_span_is_trimmed(d, c->start, c->end);
		if (i > 0)
			assert_true(c->start > start && c->end > end);
		/* One cluster of 64 characters may be larger than the smallest size. */
		assert_in_range(c->size, 1, p->size > 64 ? p->size : 64);
		assert_int_equal(c->size, chunk_measure(p->unit, d->text + c->start,
					      c->end - c->start));
		if (c->start > end)
			check_no_block_in(d, &block, end, c->start);
		start = c->start;
		end = c->end;
	}
	check_no_block_in(d, &block, end, d->len);
}

static inline void
chunk_checked(const struct text_document *d, const struct chunk_params *p,
    struct chunk_list *l)
{
	struct err e;

	assert_ok(chunk_document(d, p, l, &e), &e);
	check_chunks(d, p, l);
}

/* Whether a cluster boundary of UAX 29 lies at each byte. */
static inline void
cluster_boundaries(const char *s, size_t n, bool *at)
{
	utf8proc_int32_t before = 0, cp, state = 0;

	memset(at, 0, n + 1);
	at[0] = at[n] = true;
	for (size_t i = 0; i < n;) {
		size_t len = (size_t)utf8proc_iterate((const utf8proc_uint8_t *)s + i,
		    (utf8proc_ssize_t)(n - i), &cp);

		if (i > 0)
			at[i] = utf8proc_grapheme_break_stateful(before, cp, &state);
		before = cp;
		i += len;
	}
}

/* No chunk begins or ends within a cluster; white space belongs to none. */
static inline void
check_clusters(const struct text_document *d, const struct chunk_list *l)
{
	bool *at = malloc(d->len + 1);

	cluster_boundaries(d->text, d->len, at);
	for (size_t i = 0; i < l->count; i++) {
		const struct chunk *c = &l->at[i];

		if (text_trim_space(d->text, 0, c->start) == c->start && !at[c->start])
			fail_msg("chunk %zu begins within a cluster at %zu", i, c->start);
		if (c->end < d->len && text_space_len(d->text + c->end, d->len - c->end) == 0 &&
		    !at[c->end])
			fail_msg("chunk %zu ends within a cluster at %zu", i, c->end);
	}
	free(at);
}

#endif
