/* test_build_incremental.c - generations that grow from one another. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "file.h"
#include "generation.h"
#include "query.h"

/* 300 documents of ten sections; every section says a word that no other says. */
enum { DOCUMENTS = 300, SECTIONS = 10, WORDS = 30, VOCABULARY = 1200, STEPS = 10, ALIKE = 3 };

static char *root;
static char docs[600];

/* ---- the corpus ---- */

static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* No digits: those would make parts of words. */
static void
spell(char *out, uint64_t n)
{
	for (int i = 0; i < 6; i++) {
		*out++ = "bdfgklmnprstvz"[n % 14];
		n /= 14;
		*out++ = "aeiou"[n % 5];
		n /= 5;
	}
	*out = '\0';
}

static void
own_word(char *out, unsigned document, unsigned section, unsigned revision)
{
	spell(out, mix(mix(mix(document + 1) ^ section) ^ (uint64_t)revision << 32) >> 4);
}

/* Sections of one document share a topic, a tenth of the vocabulary. */
static void
put_document(unsigned document, unsigned revision, unsigned changed_sections)
{
	static char text[SECTIONS * WORDS * 20];
	char path[800], word[32];
	size_t n = 0;
	struct err e;

	n += (size_t)sprintf(text, "# Number %u\n\n", document);
	for (unsigned s = 0; s < SECTIONS; s++) {
		unsigned now = s < changed_sections ? revision : 0;
		own_word(word, document, s, now);
		n += (size_t)sprintf(text + n, "## Section %c of %s\n\n%s", 'a' + (int)s, word, word);
		for (unsigned i = 0; i < WORDS + now % 4; i++) {
			uint64_t at = mix(mix(document * 64 + s) + i + ((uint64_t)now << 40));
			uint64_t topic = at % 4 == 0 ? at >> 8 : document % 10;
			spell(word, mix(topic % 10 * (VOCABULARY / 10) +
				(at >> 20) % ((at >> 50 & 63) + 1) % (VOCABULARY / 10)) >> 4);
			n += (size_t)sprintf(text + n, " %s", word);
		}
		n += (size_t)sprintf(text + n, ".\n\n");
	}
	snprintf(path, sizeof path, "%s/d%04u.md", docs, document);
	assert_ok(file_replace(path, text, n, 0644, &e), &e);
}

static void
drop_document(unsigned document)
{
	char path[800];

	snprintf(path, sizeof path, "%s/d%04u.md", docs, document);
	assert_int_equal(unlink(path), 0);
}

static int
make_corpus(void **state)
{
	(void)state;
	root = unit_folder();
	snprintf(docs, sizeof docs, "%s/docs", root);
	if (file_make_dirs(docs, 0755, NULL) == -1)
		return -1;
	for (unsigned i = 0; i < DOCUMENTS; i++)
		put_document(i, 0, 0);
	return 0;
}

static int
drop_corpus(void **state)
{
	(void)state;
	unit_folder_gone(root);
	return 0;
}

/* ---- building and asking ---- */

struct run {
	const char *folder;	/* below root */
	const char *version;
	const char *language;	/* NULL: english */
	bool full;
	bool keep_pointer;
};

static const char *
data_dir(const struct run *r)
{
	static char path[700];

	snprintf(path, sizeof path, "%s/%s", root, r->folder);
	return path;
}

static void
build(const struct run *r, struct build_report *report)
{
	struct build_config c = {.source_type = "directory", .chunk_size = 256,
	    .chunk_overlap = 0, .embedding_model = "builtin:lsa", .graph = DENSE_GRAPH_ALWAYS};
	struct build_request q = {.data_dir = data_dir(r), .tenant = "t", .config = &c,
	    .full = r->full, .max_shrink = 100};
	struct err e;

	snprintf(c.version, sizeof c.version, "%s", r->version);
	snprintf(c.language, sizeof c.language, "%s", r->language != NULL ? r->language : "english");
	snprintf(c.source_path, sizeof c.source_path, "%s", docs);
	assert_ok(build_run(&q, report, &e), &e);
	if (!r->keep_pointer)
		assert_ok(generation_set_current(q.data_dir, "t", report->generation, &e), &e);
}

static struct index *
open_built(const struct run *r, const struct build_report *report)
{
	struct index *x;
	struct err e;

	assert_ok(index_open(&x, data_dir(r), "t", report->generation, &e), &e);
	return x;
}

/* The document of the first hit that says the word; false when none does. */
static bool
find_word(struct index *x, const char *word, char key[64])
{
	struct query q = {.text = word, .text_len = strlen(word), .top_k = 20};
	struct query_scratch *s;
	struct query_result r;
	struct arena a;
	struct err e;
	bool found = false;

	arena_init(&a, 64 << 20);
	assert_ok(query_scratch_new(&s, &e), &e);
	assert_ok(query_run(x, s, &q, &a, &r, &e), &e);
	for (size_t i = 0; i < r.count && !found; i++) {
		found = memmem(r.hits[i].chunk.text, r.hits[i].chunk.text_len, word,
			    strlen(word)) != NULL;
		snprintf(key, 64, "%s", r.hits[i].chunk.key);
	}
	query_scratch_free(s);
	arena_fini(&a);
	return found;
}

static void
expect_in(struct index *x, const char *word, unsigned document)
{
	char key[64], wanted[64];

	snprintf(wanted, sizeof wanted, "d%04u.md", document);
	if (!find_word(x, word, key))
		fail_msg("%s is nowhere, it stands in %s", word, wanted);
	assert_string_equal(key, wanted);
}

static void
expect_nowhere(struct index *x, const char *word)
{
	char key[64];

	if (find_word(x, word, key))
		fail_msg("%s is still found, in %s", word, key);
}

static const char *
hash_of(const struct build_report *r)
{
	return strchr(r->generation, '-');
}

/* ---- ten steps ---- */

/* In step n: documents 2n and 2n + 1 are edited, document 100 + n goes, 300 + n comes. */
static void
change_source(unsigned step)
{
	put_document(2 * step, step + 1, 1);
	put_document(2 * step + 1, step + 1, 2);
	drop_document(100 + step);
	put_document(300 + step, 0, 0);
}

static void
expect_new_content(struct index *x, unsigned steps)
{
	char word[32];

	for (unsigned n = 0; n < steps; n++) {
		own_word(word, 2 * n, 0, n + 1);
		expect_in(x, word, 2 * n);
		own_word(word, 2 * n, 0, 0);
		expect_nowhere(x, word);
		own_word(word, 2 * n + 1, 1, n + 1);
		expect_in(x, word, 2 * n + 1);
		own_word(word, 100 + n, 3, 0);
		expect_nowhere(x, word);
		own_word(word, 300 + n, 5, 0);
		expect_in(x, word, 300 + n);
	}
	own_word(word, 200, 7, 0);
	expect_in(x, word, 200);
}

static void
ten_increments_answer_from_the_new_content_everywhere_alike(void **state)
{
	const struct run here = {"one", "v1", NULL, false, false};
	const struct run there = {"two", "v1", NULL, false, false};
	struct build_report report, before, other;
	struct index *x;

	(void)state;
	build(&here, &report);
	assert_string_equal(report.base, "");
	assert_int_equal(report.chunks, DOCUMENTS * SECTIONS);
	build(&there, &other);
	for (unsigned step = 0; step < STEPS; step++) {
		before = report;
		change_source(step);
		build(&here, &report);
		assert_string_equal(report.base, before.generation);
		assert_int_equal(report.reused_rows, DOCUMENTS * SECTIONS - SECTIONS - 3);
		if (step < ALIKE) {
			build(&there, &other);
			assert_string_equal(report.generation, other.generation);
		}
		x = open_built(&here, &report);
		assert_string_equal(x->manifest.base, before.generation);
		assert_int_equal(x->manifest.changed, (step + 1) * (SECTIONS + 3));
		expect_new_content(x, step + 1);
		index_close(x);
	}
}

/* The following go on from there: each builds, and leaves its generation current. */

static void
the_same_source_again_makes_nothing_new(void **state)
{
	const struct run r = {"one", "v1", NULL, false, false};
	char current[GENERATION_NAME_BYTES];
	struct build_report report;
	struct err e;

	(void)state;
	assert_ok(generation_current(current, data_dir(&r), "t", &e), &e);
	build(&r, &report);
	assert_true(report.existed);
	assert_string_equal(report.generation, current);
}

static void
index_stat(const struct run *r, const char *generation, struct stat *st)
{
	char path[900];

	snprintf(path, sizeof path, "%s/tenants/t/gen/%s/index.rpx", data_dir(r), generation);
	assert_int_equal(stat(path, st), 0);
}

static void
another_version_alone_takes_the_index_as_it_is(void **state)
{
	const struct run r = {"one", "v2", NULL, false, false};
	struct build_report report;
	struct stat old, new;

	(void)state;
	build(&r, &report);
	assert_false(report.existed);
	assert_int_equal(report.reused_rows, report.chunks);
	assert_int_not_equal(strlen(report.base), 0);
	index_stat(&r, report.base, &old);
	index_stat(&r, report.generation, &new);
	assert_int_equal(old.st_ino, new.st_ino);
}

static void
a_full_build_depends_on_the_source_alone(void **state)
{
	const struct run grown = {"one", "v2", NULL, true, true};
	const struct run fresh = {"three", "v2", NULL, false, false};
	struct build_report one, two;

	(void)state;
	build(&grown, &one);
	build(&fresh, &two);
	assert_string_equal(one.base, "");
	assert_string_equal(two.base, "");
	assert_string_equal(hash_of(&one), hash_of(&two));
}

static void
other_parameters_make_a_full_build(void **state)
{
	const struct run r = {"one", "v2", "german", false, true};
	struct build_report report;

	(void)state;
	build(&r, &report);
	assert_string_equal(report.base, "");
	assert_int_equal(report.reused_rows, 0);
}

static void
a_damaged_base_is_not_grown_from(void **state)
{
	const struct run r = {"three", "v3", NULL, false, true};
	char current[GENERATION_NAME_BYTES], path[900], byte;
	struct build_report report;
	struct stat st;
	struct err e;
	int fd;

	(void)state;
	assert_ok(generation_current(current, data_dir(&r), "t", &e), &e);
	snprintf(path, sizeof path, "%s/tenants/t/gen/%s/index.rpx", data_dir(&r), current);
	assert_int_equal(chmod(path, 0640), 0);
	assert_return_code(fd = open(path, O_RDWR), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pread(fd, &byte, 1, st.st_size / 2), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, st.st_size / 2), 1);
	close(fd);
	build(&r, &report);
	assert_string_equal(report.base, "");
}

static void
too_many_changes_since_training_make_a_full_build(void **state)
{
	const struct run r = {"one", "v2", NULL, false, false};
	const struct run fresh = {"four", "v2", NULL, false, false};
	struct build_report report, other;
	struct index *x;

	(void)state;
	/* 130 chunks changed in the ten steps; 160 and 20 more are past 10 % of 3,000. */
	for (unsigned i = 0; i < 16; i++)
		put_document(150 + i, 77, SECTIONS);
	build(&r, &report);
	assert_int_not_equal(strlen(report.base), 0);
	for (unsigned i = 0; i < 2; i++)
		put_document(180 + i, 77, SECTIONS);
	build(&r, &report);
	assert_string_equal(report.base, "");
	x = open_built(&r, &report);
	assert_int_equal(x->manifest.changed, 0);
	index_close(x);
	build(&fresh, &other);
	assert_string_equal(hash_of(&report), hash_of(&other));
}

static void
a_fifth_of_the_base_gone_makes_a_full_build(void **state)
{
	const struct run r = {"one", "v2", NULL, false, false};
	struct build_report report;

	(void)state;
	for (unsigned i = 0; i < 61; i++)
		drop_document(200 + i);
	build(&r, &report);
	assert_string_equal(report.base, "");
	assert_int_equal(report.chunks, (DOCUMENTS - 61) * SECTIONS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ten_increments_answer_from_the_new_content_everywhere_alike),
	    cmocka_unit_test(the_same_source_again_makes_nothing_new),
	    cmocka_unit_test(another_version_alone_takes_the_index_as_it_is),
	    cmocka_unit_test(a_full_build_depends_on_the_source_alone),
	    cmocka_unit_test(other_parameters_make_a_full_build),
	    cmocka_unit_test(a_damaged_base_is_not_grown_from),
	    cmocka_unit_test(too_many_changes_since_training_make_a_full_build),
	    cmocka_unit_test(a_fifth_of_the_base_gone_makes_a_full_build),
	};
	return cmocka_run_group_tests(tests, make_corpus, drop_corpus);
}
