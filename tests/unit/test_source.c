/* test_source.c - what a listing brings, and what becomes of it. */
#include "unit.h"

#include "build.h"
#include "file.h"
#include "knowledge.h"
#include "source.h"

/* A source that answers from tables and counts what it is asked. */
struct fake {
	struct source base;
	const struct source_item *items;
	size_t count;
	enum err_code fails;	/* every read */
	int reads, sames;
};

static char *base;
static struct fake fake;

static int
fake_list(struct source *s, source_item_fn *each, void *context, struct err *e)
{
	(void)s;
	for (size_t i = 0; i < fake.count; i++)
		if (each(context, &fake.items[i], e) == -1)
			return -1;
	return 0;
}

static int
fake_read(struct source *s, struct source_item *item, char **bytes, size_t *n, struct err *e)
{
	(void)s;
	*bytes = NULL;
	if (fake.fails != ERR_NONE)
		return err_set(e, fake.fails, "as told");
	if (item->known != NULL && strcmp(item->known, "etag-1") == 0) {
		fake.sames++;
		return 0;
	}
	fake.reads++;
	strcpy(item->stamp, "etag-1");
	*bytes = strdup("words of the document that was read");
	*n = strlen(*bytes);
	return 0;
}

static void
fake_close(struct source *s)
{
	(void)s;
}

static int
sync(const struct source_item *items, size_t count, struct sync_report *r, struct err *e)
{
	struct build_config c = {.version = "v1", .chunk_size = 64, .chunk_overlap = 4};
	struct knowledge *k;
	int rc;

	fake.base = (struct source){fake_list, fake_read, NULL, fake_close};
	fake.items = items;
	fake.count = count;
	fake.reads = fake.sames = 0;
	assert_ok(knowledge_open(&k, base, "t", e), e);
	rc = knowledge_sync(k, &fake.base, &c, true, r, e);
	knowledge_close(k);
	return rc;
}

static int
set_up(void **state)
{
	(void)state;
	base = unit_folder();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

static int
keep_meta(void *context, const struct store_document *d, struct err *e)
{
	(void)e;
	snprintf(context, 500, "%s", d->meta);
	return 0;
}

static int
pass_chunk(void *context, const struct store_chunk *c, struct err *e)
{
	(void)context, (void)c, (void)e;
	return 0;
}

static void
a_document_without_a_stamp_is_asked_for_and_not_read_twice(void **state)
{
	const struct source_item item = {.key = "https://x/a", .size = SOURCE_SIZE_UNKNOWN};
	struct sync_report r;
	struct err e;

	(void)state;
	assert_ok(sync(&item, 1, &r, &e), &e);
	assert_int_equal(fake.reads, 1);
	assert_int_equal(r.added, 1);
	assert_ok(sync(&item, 1, &r, &e), &e);
	assert_int_equal(fake.reads, 0);
	assert_int_equal(fake.sames, 1);
	assert_int_equal(r.unchanged, 1);
	assert_int_equal(r.changed + r.added + r.removed, 0);
}

static void
what_the_listing_brought_is_not_read(void **state)
{
	static const struct knowledge_walk walk = {keep_meta, pass_chunk};
	static const char text[] = "# Heading\n\nwords";
	const struct source_item item = {.key = "42", .size = sizeof text - 1, .stamp = "1",
	    .name = "row.md", .bytes = text, .title = "ignored: the text has one",
	    .meta = "{\"team\": \"red\", \"path\": \"no\", \"n\": 3, \"deep\": {}, \"l\": [1, \"b\"]}"};
	struct sync_report r;
	struct knowledge *k;
	char meta[500] = "";
	struct err e;

	(void)state;
	assert_ok(sync(&item, 1, &r, &e), &e);
	assert_int_equal(fake.reads, 0);
	assert_int_equal(r.added, 1);
	assert_ok(knowledge_open(&k, base, "t", &e), &e);
	assert_ok(knowledge_each(k, &walk, meta, &e), &e);
	knowledge_close(k);
	assert_string_equal(meta, "{\"path\": \"42\", \"title\": \"Heading\", \"kind\": \"markdown\", "
		"\"folder\": \"\", \"bytes\": 16, \"team\": \"red\", \"n\": 3, \"l\": [1, \"b\"]}");
	assert_ok(sync(&item, 1, &r, &e), &e);
	assert_int_equal(r.unchanged, 1);
}

static void
one_that_cannot_be_read_is_left_out_alone(void **state)
{
	const struct source_item items[] = {{.key = "a", .size = 3, .stamp = "1"},
	    {.key = "b", .size = 1, .stamp = "1", .why = "it lies in an archive"}};
	struct sync_report r;
	struct err e;

	(void)state;
	fake.fails = ERR_LIMIT;
	assert_ok(sync(items, 2, &r, &e), &e);
	assert_int_equal(r.refused, 2);
	assert_ok(sync(items, 2, &r, &e), &e);
	assert_int_equal(r.unchanged, 2);	/* and not tried again while it is the same */
	assert_int_equal(r.refused, 2);
	fake.fails = ERR_NONE;
}

static void
a_source_that_fails_changes_nothing(void **state)
{
	const struct source_item items[] = {{.key = "a", .size = 3, .stamp = "2"},
	    {.key = "c", .size = 3, .stamp = "1"}};
	struct sync_report r;
	struct err e;

	(void)state;
	fake.fails = ERR_PEER;
	assert_refused(sync(items, 2, &r, &e), &e, ERR_PEER);
	fake.fails = ERR_NONE;
	assert_ok(sync(items, 2, &r, &e), &e);
	assert_int_equal(r.changed, 1);
	assert_int_equal(r.added, 1);
	assert_int_equal(r.removed, 1);
}

static int
count_item(void *context, const struct source_item *item, struct err *e)
{
	(void)e;
	snprintf((char *)context + strlen(context), 100, "%s ", item->key);
	return 0;
}

static void
patterns_choose_from_a_listing(void **state)
{
	const struct source_item items[] = {{.key = "a.md"}, {.key = "x/b.md"}, {.key = "x/c.txt"},
	    {.key = "draft/d.md"}};
	const struct source_globs globs = {.include = "*.md\n*.rst", .exclude = "draft/**"};
	const struct source_globs bad = {.include = "[", .exclude = ""};
	char keys[500] = "";
	struct source *s;
	struct err e;

	(void)state;
	fake.base = (struct source){fake_list, fake_read, NULL, fake_close};
	fake.items = items;
	fake.count = 4;
	assert_ok(source_filtered(&s, &fake.base, &globs, &e), &e);
	assert_ok(s->list(s, count_item, keys, &e), &e);
	source_close(s);
	assert_string_equal(keys, "a.md x/b.md ");
	assert_refused(source_filtered(&s, &fake.base, &bad, &e), &e, ERR_CONFIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_document_without_a_stamp_is_asked_for_and_not_read_twice, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		what_the_listing_brought_is_not_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		one_that_cannot_be_read_is_left_out_alone, set_up, NULL),
	    cmocka_unit_test_setup_teardown(
		a_source_that_fails_changes_nothing, NULL, tear_down),
	    cmocka_unit_test(patterns_choose_from_a_listing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
