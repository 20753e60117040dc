/* test_chunk_split.c - counting, and where text may be cut. */
#include "unit_text.h"

static void
tokens_follow_the_rule(void **state)
{
	static const struct {
		const char *text;
		size_t tokens, characters, words;
	} t[] = {
	    {"", 0, 0, 0},
	    {" \n\t", 0, 3, 0},
	    {"word", 1, 4, 1},
	    {"letter letters", 3, 14, 2},
	    {"Hello, world!", 4, 13, 2},
	    {"1234", 2, 4, 1},
	    {"--------", 2, 8, 1},
	    {"a+b", 3, 3, 1},
	    {"\xe4\xb8\xad\xe6\x96\x87", 2, 2, 2},
	    {"\xe7\x94\xa8 C \xe5\x86\x99", 3, 5, 3},
	    {"\xe3\x80\x82", 1, 1, 1},
	    {"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82", 2, 6, 1},
	    {"caf\xc3\xa9s", 1, 5, 1},
	    {"\xf0\x9f\x98\x80", 1, 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		size_t n = strlen(t[i].text);

		if (chunk_tokens(t[i].text, n) != t[i].tokens ||
		    chunk_characters(t[i].text, n) != t[i].characters ||
		    chunk_words(t[i].text, n) != t[i].words)
			fail_msg("row %zu: %zu %zu %zu", i, chunk_tokens(t[i].text, n),
			    chunk_characters(t[i].text, n), chunk_words(t[i].text, n));
	}
}

static void
a_whole_counts_no_more_than_its_parts(void **state)
{
	const char *s = "internationalization123456,,,,,,,, \xe4\xb8\xad\xe6\x96\x87-x 9a9a9a zz";
	size_t n = strlen(s);

	(void)state;
	for (int unit = 0; unit < CHUNK_UNIT_MAX; unit++)
		for (size_t at = 0; at <= n; at++)
			assert_true(chunk_measure(unit, s, n) <= chunk_measure(unit, s, at) +
				chunk_measure(unit, s + at, n - at));
}

static void
sentences_end_where_a_reader_pauses(void **state)
{
	static const struct {
		const char *text;
		size_t first;		/* bytes of the first sentence */
	} t[] = {
	    {"One. Two.", 4},
	    {"One? Two", 4},
	    {"No end", 6},
	    {"Dr. Smith came. He", 15},
	    {"J. S. Bach wrote. It", 17},
	    {"See e.g. Paris. It", 15},
	    {"version 1.2 is out. Now", 19},
	    {"He said \"Go!\" Then", 13},
	    {"etc. and more. X", 14},
	    {"Wait... what. X", 13},
	    {"It is **bold.** Next", 15},
	    {"a\n\nb", 1},
	    {"soft\nbreak. X", 11},
	    {"\xe5\xa5\xbd\xe3\x80\x82\xe5\x90\x97", 6},
	    {"\xe2\x80\x9c\xe5\xa5\xbd\xef\xbc\x81\xe2\x80\x9d\xe4\xbb\x96", 12},
	    {"\xe5\xa5\xbd\xef\xbc\x9f\xef\xbc\x81\xe5\x90\x97", 9},
	    {"\xe7\x94\xb2\xef\xbc\x9b\xe4\xb9\x99", 6},
	    {"\xe7\x94\xb2\xef\xbc\x8c\xe4\xb9\x99", 9},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (chunk_sentence_end(t[i].text, 0, strlen(t[i].text)) != t[i].first)
			fail_msg("%s: %zu, not %zu", t[i].text,
			    chunk_sentence_end(t[i].text, 0, strlen(t[i].text)), t[i].first);
}

/* e + acute; flag; family; Hangul jamo; Devanagari with a vowel sign; CR LF; prepend. */
static const char clusters[] =
    "ae\xcc\x81z\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa\xf0\x9f\x87\xab\xf0\x9f\x87\xb7"
    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7\xe2\x80\x8d\xf0\x9f\x91\xa6"
    "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab\xe1\x84\x80\xea\xb0\x80\xea\xb0\x81"
    "\xe0\xa4\x95\xe0\xa4\xbf\r\n\xd8\x80\xd9\xa1\xe4\xb8\xad\xe6\x96\x87\xef\xb8\x8f.";

static void
no_cut_lies_within_a_cluster(void **state)
{
	size_t n = sizeof clusters - 1;
	bool at[sizeof clusters];
	uint32_t cp;

	(void)state;
	cluster_boundaries(clusters, n, at);
	for (size_t i = 0; i < n; i += utf8_next(clusters + i, n - i, &cp))
		if (chunk_may_cut(clusters, n, i) && !at[i])
			fail_msg("a cluster is cut at byte %zu", i);
	assert_true(chunk_may_cut("ab", 2, 1));
	assert_true(chunk_may_cut("\xe4\xb8\xad\xe6\x96\x87", 6, 3));
}

static void
pieces_are_small_and_end_at_clusters(void **state)
{
	char s[sizeof clusters * 3];
	bool at[sizeof s];
	size_t n;

	(void)state;
	n = (size_t)snprintf(s, sizeof s, "%s%s", clusters, clusters);
	cluster_boundaries(s, n, at);
	for (int unit = 0; unit < CHUNK_UNIT_MAX; unit++)
		for (size_t max = 1; max < 20; max++)
			for (size_t i = 0, end; i < n; i = text_skip_space(s, end, n)) {
				enum chunk_cut cut;

				end = chunk_piece_end(s, i, n, unit, max, &cut);
				assert_true(end > i);
				if (!at[end])
					fail_msg("unit %d max %zu: cut at %zu", unit, max, end);
			}
}

static void
pieces_prefer_lines_and_clauses(void **state)
{
	static const struct {
		const char *text;
		size_t max, end;
		enum chunk_cut cut;
	} t[] = {
	    {"one two three", 2, 7, CUT_WORD},
	    {"one, two three", 8, 4, CUT_CLAUSE},
	    {"one two\nthree", 8, 7, CUT_LINE},
	    {"one two", 8, 7, CUT_SENTENCE},
	    {"abcdefghijklmnopqrstuvwxyz", 2, 2, CUT_INSIDE},
	    {"\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97", 2, 6, CUT_WORD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		enum chunk_cut cut;
		size_t end = chunk_piece_end(t[i].text, 0, strlen(t[i].text), CHUNK_TOKENS,
		    t[i].max, &cut);

		if (end != t[i].end || cut != t[i].cut)
			fail_msg("row %zu: ends at %zu, cut %d", i, end, (int)cut);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tokens_follow_the_rule),
	    cmocka_unit_test(a_whole_counts_no_more_than_its_parts),
	    cmocka_unit_test(sentences_end_where_a_reader_pauses),
	    cmocka_unit_test(no_cut_lies_within_a_cluster),
	    cmocka_unit_test(pieces_are_small_and_end_at_clusters),
	    cmocka_unit_test(pieces_prefer_lines_and_clauses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
