/* test_chunk.c - chunks: the promises of chunk.h, on made-up documents. */
#include "unit_text.h"

#include "bounds.h"
#include "clk.h"

static struct chunk_params
params(unsigned size, unsigned overlap)
{
	return (struct chunk_params){.size = size, .overlap = overlap, .unit = CHUNK_TOKENS};
}

static const char *
chunk_text(const struct text_document *d, const struct chunk_list *l, size_t i)
{
	static char out[8192];

	assert_true(i < l->count);
	snprintf(out, sizeof out, "%.*s", (int)(l->at[i].end - l->at[i].start),
	    d->text + l->at[i].start);
	return out;
}

static void
assert_chunks(const char *name, const char *source, struct chunk_params p, const char *const *want)
{
	struct text_document d;
	struct chunk_list l;
	size_t n = 0;

	extract(&d, name, source);
	chunk_checked(&d, &p, &l);
	for (; want[n] != NULL && n < l.count; n++)
		assert_string_equal(chunk_text(&d, &l, n), want[n]);
	if (want[n] != NULL || n < l.count)
		fail_msg("%zu chunks", l.count);
	chunk_list_fini(&l);
	text_document_fini(&d);
}

static void
parameters_are_checked(void **state)
{
	static const struct {
		unsigned size, overlap, unit;
		bool fine;
	} t[] = {
	    {CHUNK_SIZE_DEFAULT, CHUNK_OVERLAP_DEFAULT, CHUNK_TOKENS, true},
	    {CHUNK_TOKENS_MIN, 0, CHUNK_TOKENS, true},
	    {CHUNK_TOKENS_MIN - 1, 0, CHUNK_TOKENS, false},
	    {CHUNK_TOKENS_MAX, 0, CHUNK_WORDS, true},
	    {CHUNK_TOKENS_MAX + 1, 0, CHUNK_WORDS, false},
	    {CHUNK_TOKENS_MAX * 8, 0, CHUNK_CHARACTERS, true},
	    {CHUNK_TOKENS_MAX * 8 + 1, 0, CHUNK_CHARACTERS, false},
	    {100, 99, CHUNK_TOKENS, true},
	    {100, 100, CHUNK_TOKENS, false},
	    {100, 0, CHUNK_UNIT_MAX, false},
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct chunk_params p = {
		    .size = t[i].size, .overlap = t[i].overlap, .unit = (enum chunk_unit)t[i].unit};

		if ((chunk_params_check(&p, &e) == 0) != t[i].fine)
			fail_msg("row %zu", i);
	}
}

static void
a_small_document_is_one_chunk(void **state)
{
	static const char *const want[] = {"# A\n\nOne. Two.\n\n- x\n- y", NULL};

	(void)state;
	assert_chunks("a.md", "\n# A\n\nOne. Two.\n\n- x\n- y\n\n", params(64, 8), want);
}

static void
cuts_prefer_paragraphs_then_sentences(void **state)
{
	static const char *const paragraphs[] = {
	    "One two three four. Five six seven eight.", "Nine ten. Eleven twelve is it.", NULL};
	static const char *const sentences[] = {"One two three four five six. Seven eight nine ten.",
	    "Eleven twelve up here. Last.", NULL};

	(void)state;
	assert_chunks("a.txt", "One two three four. Five six seven eight.\n\nNine ten. Eleven twelve is it.",
	    params(16, 0), paragraphs);
	assert_chunks("a.txt", "One two three four five six. Seven eight nine ten. Eleven twelve up "
			       "here. Last.",
	    params(16, 0), sentences);
}

static void
overlap_repeats_whole_sentences(void **state)
{
	static const char *const want[] = {"One two three four. Five six. Seven eight nine.",
	    "Seven eight nine. Ten eleven twelve, and so on.", NULL};

	(void)state;
	assert_chunks("a.txt", "One two three four. Five six. Seven eight nine. Ten eleven twelve, "
			       "and so on.",
	    params(16, 3), want);	/* rounded up to a sentence of four */
}

static void
chinese_is_cut_at_its_own_marks(void **state)
{
	/* Sentences of eight, seven and six characters with their marks. */
	static const char *const want[] = {
	    "\xe4\xb8\x80\xe4\xba\x8c\xe4\xb8\x89\xe5\x9b\x9b\xe4\xba\x94\xe5\x85\xad\xe4\xb8\x83"
	    "\xe3\x80\x82\xe7\x94\xb2\xe4\xb9\x99\xe4\xb8\x99\xe4\xb8\x81\xe6\x88\x8a\xe5\xb7\xb1"
	    "\xef\xbc\x81",
	    "\xe5\xad\x90\xe4\xb8\x91\xe5\xaf\x85\xe5\x8d\xaf\xe8\xbe\xb0\xef\xbc\x9f", NULL};
	char source[256];

	(void)state;
	snprintf(source, sizeof source, "%s%s", want[0], want[1]);
	assert_chunks("a.txt", source, params(16, 0), want);
}

static void
headings_begin_chunks_and_carry_their_path(void **state)
{
	const char *source = "# Guide\n\nIntro text of some length here.\n\n## Install\n\n"
			     "Run the installer and wait.\n\n## Use\n\nOpen the program now.\n";
	struct chunk_params p = params(24, 4);
	struct text_document d;
	struct chunk_list l;
	char path[TEXT_PATH_BYTES];

	(void)state;
	extract(&d, "a.md", source);
	chunk_checked(&d, &p, &l);
	assert_int_equal(l.count, 3);
	text_heading_path(&d, l.at[1].heading, path, sizeof path);
	assert_string_equal(path, "Guide > Install");
	assert_string_equal(chunk_text(&d, &l, 1), "## Install\n\nRun the installer and wait.");
	text_heading_path(&d, l.at[2].heading, path, sizeof path);
	assert_string_equal(path, "Guide > Use");
	chunk_list_fini(&l);
	text_document_fini(&d);
}

static void
tiny_sections_share_a_chunk_under_their_parent(void **state)
{
	struct chunk_params p = params(64, 8);
	struct text_document d;
	struct chunk_list l;
	char path[TEXT_PATH_BYTES];

	(void)state;
	extract(&d, "a.md", "# A\n## B\nx\n## C\ny\n");
	chunk_checked(&d, &p, &l);
	assert_int_equal(l.count, 1);
	text_heading_path(&d, l.at[0].heading, path, sizeof path);
	assert_string_equal(path, "A");
	chunk_list_fini(&l);
	text_document_fini(&d);
}

static void
a_heading_is_not_left_behind(void **state)
{
	static const char *const want[] = {"One two three four five six seven eight nine ten.",
	    "# H\n\nAlpha beta gamma delta epsilon zeta.", NULL};

	(void)state;
	assert_chunks("a.md", "One two three four five six seven eight nine ten.\n\n# H\n\n"
			      "Alpha beta gamma delta epsilon zeta.",
	    params(16, 0), want);
}

static void
tables_and_code_that_fit_stay_whole(void **state)
{
	static const char *const table[] = {"Some words before it here.",
	    "|a|b|\n|-|-|\n|1|2|\n\nAfter.", NULL};
	static const char *const rows[] = {"|a|b|\n|-|-|\n|1|2|\n|3|4|", "|5|6|", NULL};
	static const char *const code[] = {
	    "Now look. Some more words are here too.", "```\nx = 1.\ny = 2.\n```", NULL};

	(void)state;
	assert_chunks("a.md", "Some words before it here.\n\n|a|b|\n|-|-|\n|1|2|\n\nAfter.",
	    params(17, 0), table);
	assert_chunks("a.md", "|a|b|\n|-|-|\n|1|2|\n|3|4|\n|5|6|", params(20, 0), rows);
	assert_chunks("a.md", "Now look. Some more words are here too.\n\n```\nx = 1.\ny = 2.\n```",
	    params(16, 0), code);
}

static void
units_are_counted_as_asked(void **state)
{
	struct chunk_params p = {.size = 20, .unit = CHUNK_CHARACTERS};
	struct text_document d;
	struct chunk_list l;

	(void)state;
	extract(&d, "a.txt", "aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj kkkk");
	chunk_checked(&d, &p, &l);
	assert_string_equal(chunk_text(&d, &l, 0), "aaaa bbbb cccc dddd");
	assert_int_equal(l.at[0].size, 19);
	chunk_list_fini(&l);
	p = (struct chunk_params){.size = 16, .unit = CHUNK_WORDS};
	chunk_checked(&d, &p, &l);
	assert_int_equal(l.count, 1);
	assert_int_equal(l.at[0].size, 11);
	chunk_list_fini(&l);
	text_document_fini(&d);
}

static void
one_endless_word_is_cut_and_bounded(void **state)
{
	static const char *const cells[] = {"x", "\xe4\xb8\xad", "e\xcc\x81", "\xcc\x81", "0a",
	    "\xf0\x9f\x91\xa9\xe2\x80\x8d"};
	enum { BYTES = 60000 };
	char *s = malloc(BYTES + 1);
	struct text_document d;
	struct chunk_list l;

	(void)state;
	for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
		size_t len = strlen(cells[i]), n = BYTES / len * len;

		for (size_t at = 0; at < n; at++)
			s[at] = cells[i][at % len];
		s[n] = '\0';
		extract(&d, "a.txt", s);
		for (int unit = 0; unit < CHUNK_UNIT_MAX; unit++) {
			struct chunk_params p = {.size = 64, .overlap = 8, .unit = unit};

			chunk_checked(&d, &p, &l);
			assert_true(l.count > 1);
			chunk_list_fini(&l);
		}
		text_document_fini(&d);
	}
	free(s);
}

/* A document of everything there is, from a generator. */
static char *
mixed_document(uint32_t seed, size_t bytes)
{
	static const char *const parts[] = {"Word ", "another one. ", "\n", "\n\n", "# Heading\n",
	    "### Deeper `code`\n", "- item\n", "1. first\n", "| a | b |\n|---|---|\n| 1 | 2 |\n",
	    "```\ncode line\n", "```\n", "\xe4\xb8\xad\xe6\x96\x87\xe5\x8f\xa5\xe5\xad\x90\xe3\x80\x82",
	    "\xef\xbc\x8c", "e\xcc\x81", "\xe0\xa4\xbf",
	    "\xf0\x9f\x87\xa9", "\xe1\x84\x92\xe1\x85\xa1", "\xea\xb0\x80", "\xd8\x80",
	    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7", "    ",
	    "\r\n", "x, y; z: ", "\xe3\x80\x80", "?! ", "averyveryverylongwordindeed", "===\n", "---\n"};
	char *s = malloc(bytes + 64);
	size_t n = 0;

	while (n < bytes) {
		const char *part;

		seed = seed * 1664525 + 1013904223;
		part = parts[(seed >> 16) % (sizeof parts / sizeof parts[0])];
		memcpy(s + n, part, strlen(part));
		n += strlen(part);
	}
	s[n] = '\0';
	return s;
}

static void
promises_hold_on_any_mixture(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 60; seed++) {
		char *s = mixed_document(seed, 3000);
		struct text_document d;
		struct chunk_list l;

		extract(&d, seed % 3 == 0 ? "a.txt" : "a.md", s);
		check_document(&d);
		for (unsigned i = 0; i < 6; i++) {
			struct chunk_params p = {.size = i < 3 ? 16 : 100, .unit = i % 3,
			    .overlap = seed % 2 == 0 ? 0 : i < 3 ? 15 : 20};

			chunk_checked(&d, &p, &l);
			check_clusters(&d, &l);
			chunk_list_fini(&l);
		}
		text_document_fini(&d);
		free(s);
	}
}

static void
same_document_gives_same_chunks(void **state)
{
	char *s = mixed_document(7, 20000);
	struct chunk_params p;
	struct text_document d;
	struct chunk_list one, two;

	(void)state;
	chunk_params_default(&p);
	extract(&d, "a.md", s);
	chunk_checked(&d, &p, &one);
	chunk_checked(&d, &p, &two);
	assert_int_equal(one.count, two.count);
	assert_memory_equal(one.at, two.at, one.count * sizeof *one.at);
	chunk_list_fini(&one);
	chunk_list_fini(&two);
	text_document_fini(&d);
	free(s);
}

/* Eight times the text may take at most thirty times the time (a noisy machine's
 * margin; a quadratic step would take sixty-four). */
static void
time_is_linear(void **state)
{
	int64_t took[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		char *s = mixed_document(3, i == 0 ? 200000 : 1600000);
		struct chunk_params p = params(512, 256);
		struct text_document d;
		struct chunk_list l;
		struct err e;
		int64_t began = clk_cpu_ns();

		extract(&d, "a.md", s);
		assert_ok(chunk_document(&d, &p, &l, &e), &e);
		took[i] = clk_cpu_ns() - began;
		chunk_list_fini(&l);
		text_document_fini(&d);
		free(s);
	}
	assert_true(took[1] < took[0] * 30 + 20000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parameters_are_checked),
	    cmocka_unit_test(a_small_document_is_one_chunk),
	    cmocka_unit_test(cuts_prefer_paragraphs_then_sentences),
	    cmocka_unit_test(overlap_repeats_whole_sentences),
	    cmocka_unit_test(chinese_is_cut_at_its_own_marks),
	    cmocka_unit_test(headings_begin_chunks_and_carry_their_path),
	    cmocka_unit_test(tiny_sections_share_a_chunk_under_their_parent),
	    cmocka_unit_test(a_heading_is_not_left_behind),
	    cmocka_unit_test(tables_and_code_that_fit_stay_whole),
	    cmocka_unit_test(units_are_counted_as_asked),
	    cmocka_unit_test(one_endless_word_is_cut_and_bounded),
	    cmocka_unit_test(promises_hold_on_any_mixture),
	    cmocka_unit_test(same_document_gives_same_chunks),
	    cmocka_unit_test(time_is_linear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
