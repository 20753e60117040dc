/* test_chunk_parents.c - chunks within larger passages, the heads of torn tables, pages. */
#include "unit_text.h"

static char *
many_sentences(int count)
{
	char *s = malloc((size_t)count * 80), *at = s;

	at = stpcpy(at, "# One\n\n");
	for (int i = 0; i < count; i++) {
		at += sprintf(at, "Sentence number %d says something about topic %d.%s", i, i % 7,
		    i % 9 == 8 ? "\n\n" : " ");
		if (i % 40 == 39)
			at += sprintf(at, "\n\n## Part %d\n\n", i / 40);
	}
	return s;
}

static void
check_parents(const struct text_document *d, const struct chunk_params *p,
    const struct chunk_list *l)
{
	size_t parent = 0;

	assert_true(l->parent_count > 0);
	for (size_t i = 0; i < l->parent_count; i++) {
		check_span_is_trimmed(d, l->parents[i].start, l->parents[i].end);
		assert_true(i == 0 || l->parents[i].start >= l->parents[i - 1].end);
		assert_in_range(l->parents[i].size, 1, p->parent_size);
	}
	for (size_t i = 0; i < l->count; i++) {
		const struct chunk *c = &l->at[i], *of = &l->parents[c->parent];

		assert_true(c->parent < l->parent_count && c->parent >= parent);
		assert_true(c->parent <= parent + 1);
		assert_true(c->start >= of->start && c->end <= of->end);
		parent = c->parent;
	}
	assert_int_equal(parent, l->parent_count - 1);
}

static void
every_chunk_lies_within_its_parent(void **state)
{
	static const unsigned sizes[][3] = {
	    {64, 8, 256}, {16, 4, 17}, {32, 0, 512}, {100, 50, 300}, {512, 50, 8192}};
	char *s = many_sentences(400);
	struct text_document d;
	struct chunk_list l;

	(void)state;
	extract(&d, "a.md", s);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		for (int unit = 0; unit < CHUNK_UNIT_MAX; unit++) {
			struct chunk_params p = {.size = sizes[i][0], .overlap = sizes[i][1],
			    .parent_size = sizes[i][2], .unit = (enum chunk_unit)unit};

			chunk_checked(&d, &p, &l);
			check_parents(&d, &p, &l);
			chunk_list_fini(&l);
		}
	text_document_fini(&d);
	free(s);
}

static void
an_atom_across_an_edge_is_cut_at_it(void **state)
{
	/* One sentence larger than a parent: its pieces differ for parents and for chunks. */
	char s[6000] = "", *at = s;
	struct chunk_params p = {.size = 64, .parent_size = 100};
	struct text_document d;
	struct chunk_list l;

	(void)state;
	for (int i = 0; i < 700; i++)
		at += sprintf(at, "w%d ", i);
	extract(&d, "a.txt", s);
	chunk_checked(&d, &p, &l);
	check_parents(&d, &p, &l);
	assert_true(l.parent_count > 5);
	chunk_list_fini(&l);
	text_document_fini(&d);
}

static void
parents_are_larger_than_chunks(void **state)
{
	struct chunk_params p = {.size = 64, .parent_size = 64};
	struct err e;

	(void)state;
	assert_refused(chunk_params_check(&p, &e), &e, ERR_RANGE);
	p.parent_size = 65;
	assert_ok(chunk_params_check(&p, &e), &e);
	p.parent_size = 8193;
	assert_refused(chunk_params_check(&p, &e), &e, ERR_RANGE);
	p.unit = CHUNK_CHARACTERS;
	assert_ok(chunk_params_check(&p, &e), &e);
}

static void
chunks_of_a_torn_table_know_its_head(void **state)
{
	char s[8000] = "Words before.\n\n| Name | Port |\n|---|---|\n", *at = s + strlen(s);
	struct chunk_params p = {.size = 64};
	struct text_document d;
	struct chunk_list l;

	(void)state;
	for (int i = 0; i < 60; i++)
		at += sprintf(at, "| service%d | %d |\n", i, 1000 + i);
	strcpy(at, "\nWords behind.\n");
	extract(&d, "a.md", s);
	chunk_checked(&d, &p, &l);
	assert_true(l.count > 5);
	assert_int_equal(l.at[0].head_len, 0);	/* it has the head itself */
	for (size_t i = 1; i < l.count; i++) {
		if (d.text[l.at[i].start] != '|')
			continue;
		assert_int_equal(l.at[i].head_len, strlen("| Name | Port |"));
		assert_memory_equal(d.text + l.at[i].head_at, "| Name | Port |", l.at[i].head_len);
	}
	chunk_list_fini(&l);
	text_document_fini(&d);
}

static void
functions_of_code_are_chunks_of_their_own(void **state)
{
	char s[20000] = "", *at = s;
	struct chunk_params p = {.size = 128};
	struct text_document d;
	struct chunk_list l;
	char path[TEXT_PATH_BYTES];

	(void)state;
	for (int i = 0; i < 12; i++) {
		at += sprintf(at, "def job%d(a):\n", i);
		for (int k = 0; k < 6; k++)
			at += sprintf(at, "    total = total + compute_%d(a, %d)\n", i, k);
		*at++ = '\n';
	}
	*at = '\0';
	extract(&d, "a.py", s);
	chunk_checked(&d, &p, &l);
	assert_int_equal(l.count, 12);
	for (size_t i = 0; i < l.count; i++) {
		text_heading_path(&d, l.at[i].heading, path, sizeof path);
		assert_memory_equal(path, "job", 3);
		assert_memory_equal(d.text + l.at[i].start, "def ", 4);
	}
	chunk_list_fini(&l);
	text_document_fini(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_chunk_lies_within_its_parent),
	    cmocka_unit_test(an_atom_across_an_edge_is_cut_at_it),
	    cmocka_unit_test(parents_are_larger_than_chunks),
	    cmocka_unit_test(chunks_of_a_torn_table_know_its_head),
	    cmocka_unit_test(functions_of_code_are_chunks_of_their_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
