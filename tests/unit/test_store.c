/* test_store.c - store.db: what is written is fetched, what is damaged is refused. */
#include "unit.h"

#include <unistd.h>

#include "db.h"
#include "file.h"
#include "store.h"

static char *folder;
static char path[600];

static int
make_folder(void **state)
{
	(void)state;
	folder = unit_folder();
	snprintf(path, sizeof path, "%s/odd name %%25 ?#.db", folder);
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(folder);
	return 0;
}

/* Texts are not terminated. */
static void
assert_text(const char *text, size_t n, const char *expected)
{
	assert_int_equal(n, strlen(expected));
	assert_memory_equal(text, expected, n);
}

static void
write_two_documents(void)
{
	struct store_writer *w;
	struct store_document d = {.key = "a/b.md", .title = "Title", .source = "a/b.md",
	    .bytes = 10, .sha256 = "00", .charset = "UTF-8"};
	struct store_chunk c = {.start = 2, .end = 7, .heading = "H > I", .text = "hello"};
	char journal[sizeof path + 16];
	uint64_t id;
	struct err e;

	unlink(path);
	assert_ok(store_create(&w, path, &e), &e);
	assert_ok(store_add_document(w, &d, &id, &e), &e);
	assert_int_equal(id, 1);
	c.document = id;
	c.text_len = 5;
	assert_ok(store_add_chunk(w, &c, NULL, &e), &e);
	d.key = "z";
	d.title = "\xe7\x9f\xa5\xe8\xaf\x86";
	assert_ok(store_add_document(w, &d, &id, &e), &e);
	c.document = id;
	c.text = "world";
	assert_ok(store_add_chunk(w, &c, NULL, &e), &e);
	snprintf(journal, sizeof journal, "%s-journal", path);
	assert_int_equal(access(journal, F_OK), -1);	/* sealed with it, if it could not be removed */
	assert_ok(store_finish(w, &e), &e);
}

static void
chunks_come_back_with_their_document(void **state)
{
	struct store *s;
	struct store_chunk c;
	struct arena a;
	uint64_t documents, chunks;
	struct err e;

	(void)state;
	write_two_documents();
	arena_init(&a, 1 << 20);
	assert_ok(store_open(&s, path, &e), &e);
	assert_ok(store_counts(s, &documents, &chunks, &e), &e);
	assert_int_equal(documents, 2);
	assert_int_equal(chunks, 2);
	assert_ok(store_fetch(s, 0, &a, &c, &e), &e);
	assert_text(c.text, c.text_len, "hello");
	assert_string_equal(c.heading, "H > I");
	assert_string_equal(c.title, "Title");
	assert_int_equal(c.start, 2);
	assert_int_equal(c.end, 7);
	assert_ok(store_fetch(s, 1, &a, &c, &e), &e);
	assert_string_equal(c.key, "z");
	assert_refused(store_fetch(s, 2, &a, &c, &e), &e, ERR_CORRUPT);
	store_close(s);
	arena_fini(&a);
}

static void
pages_and_passages_come_back(void **state)
{
	struct store_document d = {.key = "a.pdf", .title = "", .source = "a.pdf", .sha256 = "00",
	    .charset = "UTF-8"};
	struct store_chunk c = {.heading = "", .text = "small", .text_len = 5, .end = 5, .page = 3,
	    .parent = {.end = 11, .heading = "P", .text = "small large", .text_len = 11, .page = 2}};
	struct store_writer *w;
	struct store *s;
	struct arena a;
	uint32_t passage[3];
	struct err e;

	(void)state;
	unlink(path);
	assert_ok(store_create(&w, path, &e), &e);
	assert_ok(store_add_document(w, &d, &c.document, &e), &e);
	assert_ok(store_add_chunk(w, &c, &passage[0], &e), &e);
	c.start = 6;
	c.end = 11;
	assert_ok(store_add_chunk(w, &c, &passage[1], &e), &e);
	c.parent.start = 20;
	c.parent.end = 31;
	assert_ok(store_add_chunk(w, &c, &passage[2], &e), &e);
	assert_ok(store_finish(w, &e), &e);
	assert_int_equal(passage[0], 1);
	assert_int_equal(passage[1], 1);
	assert_int_equal(passage[2], 2);
	arena_init(&a, 1 << 20);
	assert_ok(store_open(&s, path, &e), &e);
	assert_ok(store_fetch(s, 1, &a, &c, &e), &e);
	assert_int_equal(c.page, 3);
	assert_text(c.text, c.text_len, "small");
	assert_text(c.parent.text, c.parent.text_len, "small large");
	assert_int_equal(c.parent.page, 2);
	assert_string_equal(c.parent.heading, "P");
	store_close(s);
	arena_fini(&a);
}

static void
a_store_of_version_1_is_still_read(void **state)
{
	struct store *s;
	struct store_chunk c;
	struct arena a;
	sqlite3 *db;
	struct err e;

	(void)state;
	unlink(path);
	assert_ok(db_open_write(&db, path, &e), &e);
	assert_ok(db_run(db,
		      "pragma application_id = 1380995923; pragma user_version = 1;"
		      "create table document(id integer primary key, key, title, source, bytes,"
		      " sha256, charset, meta);"
		      "create table chunk(id integer primary key, document, start, end, heading, text);"
		      "insert into document values(1, 'k', 't', 's', 1, '', 'UTF-8', '{}');"
		      "insert into chunk values(1, 1, 0, 5, 'H', 'hello')", &e), &e);
	db_close(db);
	arena_init(&a, 1 << 20);
	assert_ok(store_open(&s, path, &e), &e);
	assert_ok(store_fetch(s, 0, &a, &c, &e), &e);
	assert_text(c.text, c.text_len, "hello");
	assert_int_equal(c.page, 0);
	assert_int_equal(c.parent.text_len, 0);
	store_close(s);
	arena_fini(&a);
	assert_ok(db_open_write(&db, path, &e), &e);
	assert_ok(db_run(db, "pragma user_version = 3", &e), &e);
	db_close(db);
	assert_refused(store_open(&s, path, &e), &e, ERR_FORMAT_NEW);
}

static void
same_input_gives_same_bytes(void **state)
{
	char *one, *two;
	size_t n1, n2;
	struct err e;

	(void)state;
	write_two_documents();
	assert_ok(file_read(&one, &n1, path, 1 << 24, &e), &e);
	write_two_documents();
	assert_ok(file_read(&two, &n2, path, 1 << 24, &e), &e);
	assert_int_equal(n1, n2);
	assert_memory_equal(one, two, n1);
	free(one);
	free(two);
}

static void
files_that_are_no_store_are_refused(void **state)
{
	struct store *s;
	char *bytes;
	size_t n;
	struct err e;

	(void)state;
	write_two_documents();
	assert_ok(file_read(&bytes, &n, path, 1 << 24, &e), &e);
	assert_ok(file_replace(path, "", 0, 0600, &e), &e);
	assert_refused(store_open(&s, path, &e), &e, ERR_CORRUPT);
	assert_ok(file_replace(path, "not a database at all, but long enough", 38, 0600, &e), &e);
	assert_refused(store_open(&s, path, &e), &e, ERR_CORRUPT);
	bytes[68] ^= 1;		/* the application id */
	assert_ok(file_replace(path, bytes, n, 0600, &e), &e);
	assert_refused(store_open(&s, path, &e), &e, ERR_CORRUPT);
	bytes[68] ^= 1;
	bytes[63] += 1;		/* the version */
	assert_ok(file_replace(path, bytes, n, 0600, &e), &e);
	assert_refused(store_open(&s, path, &e), &e, ERR_FORMAT_NEW);
	unlink(path);
	assert_refused(store_open(&s, path, &e), &e, ERR_NOT_FOUND);
	free(bytes);
}

static void
a_document_is_put_together_from_its_chunks(void **state)
{
	static const struct {
		unsigned document, start, end;
		const char *text;
	} rows[] = {{1, 0, 5, "first"}, {2, 2, 7, "hello"}, {2, 5, 10, "lo wo"}, {2, 12, 16, "rld."},
	    {3, 0, 4, "last"}};
	struct store_document d = {.key = "a", .title = "A", .source = "a", .sha256 = "00",
	    .charset = "UTF-8"};
	struct store_text t;
	struct store_writer *w;
	struct store *s;
	struct arena a;
	uint64_t id;
	struct err e;

	(void)state;
	unlink(path);
	assert_ok(store_create(&w, path, &e), &e);
	for (int i = 0; i < 3; i++)
		assert_ok(store_add_document(w, &d, &id, &e), &e);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct store_chunk c = {.document = rows[i].document, .start = rows[i].start,
		    .end = rows[i].end, .heading = "", .text = rows[i].text,
		    .text_len = strlen(rows[i].text)};
		assert_ok(store_add_chunk(w, &c, NULL, &e), &e);
	}
	assert_ok(store_finish(w, &e), &e);
	arena_init(&a, 1 << 20);
	assert_ok(store_open(&s, path, &e), &e);
	for (uint32_t row = 1; row <= 3; row++) {
		assert_ok(store_document_text(s, row, 1000, &a, &t, &e), &e);
		assert_string_equal(t.text, "hello wo\n\nrld.");
		assert_true(t.is_whole && t.start == 2 && t.end == 16);
	}
	assert_ok(store_document_text(s, 3, 8, &a, &t, &e), &e);
	assert_string_equal(t.text, "rld.");
	assert_false(t.is_whole);
	assert_ok(store_document_text(s, 0, 1, &a, &t, &e), &e);
	assert_string_equal(t.text, "first");	/* the row itself, whatever the bound */
	assert_ok(store_document_text(s, 4, 9, &a, &t, &e), &e);
	assert_string_equal(t.text, "last");
	assert_refused(store_document_text(s, 5, 9, &a, &t, &e), &e, ERR_CORRUPT);
	store_close(s);
	arena_fini(&a);
}

/* ---- finding ---- */

struct seen {
	char keys[16][16];
	size_t count;
};

static int
see(void *context, uint64_t id, const struct store_document *d, struct err *e)
{
	struct seen *s = context;

	(void)id;
	(void)e;
	snprintf(s->keys[s->count++], sizeof s->keys[0], "%s", d->key);
	return 0;
}

/* Documents "b", "d", "f", ... of 0, 1 or 2 chunks. */
static void
write_many(unsigned count)
{
	struct store_document d = {
	    .title = "", .source = "", .sha256 = "", .charset = "", .meta = "{}"};
	struct store_chunk c = {.heading = "", .text = "", .text_len = 0};
	struct store_writer *w;
	char key[2] = "";
	struct err e;

	unlink(path);
	assert_ok(store_create(&w, path, &e), &e);
	for (unsigned i = 0; i < count; i++) {
		key[0] = (char)('b' + 2 * i);
		d.key = key;
		assert_ok(store_add_document(w, &d, &c.document, &e), &e);
		for (unsigned k = 0; k < i % 3; k++)
			assert_ok(store_add_chunk(w, &c, NULL, &e), &e);
	}
	assert_ok(store_finish(w, &e), &e);
}

static void
every_document_is_found_by_its_key_and_no_other(void **state)
{
	struct store *s;
	char key[2] = "";
	uint32_t row, rows;
	struct err e;

	(void)state;
	for (unsigned count = 0; count < 9; count++) {
		write_many(count);
		assert_ok(store_open(&s, path, &e), &e);
		rows = 0;
		for (unsigned i = 0; i <= 2 * count + 1; i++) {
			struct seen seen = {.count = 0};
			bool is_there = i % 2 == 1 && i / 2 < count;
			key[0] = (char)('a' + i);
			assert_int_equal(store_find_document(s, key, see, &seen, &e), is_there);
			assert_int_equal(seen.count, is_there);
			if (!is_there)
				continue;
			assert_int_equal(store_first_row(s, i / 2 + 1, &row, &e), i / 2 % 3 > 0);
			if (i / 2 % 3 > 0)
				assert_int_equal(row, rows);
			rows += i / 2 % 3;
		}
		store_close(s);
	}
}

static void
documents_are_walked_both_ways_from_anywhere(void **state)
{
	struct seen seen;
	struct store *s;
	char key[2] = "";
	struct err e;

	(void)state;
	write_many(5);			/* b d f h j */
	assert_ok(store_open(&s, path, &e), &e);
	for (unsigned i = 0; i < 11; i++) {
		key[0] = (char)('a' + i);
		seen.count = 0;
		assert_ok(store_each_document_after(s, key, see, &seen, &e), &e);
		assert_int_equal(seen.count, 5 - (i + 1) / 2);
		if (seen.count > 0)
			assert_string_equal(seen.keys[seen.count - 1], "j");
		seen.count = 0;
		assert_ok(store_each_document_before(s, key, see, &seen, &e), &e);
		assert_int_equal(seen.count, i / 2);
		if (seen.count > 0)
			assert_string_equal(seen.keys[seen.count - 1], "b");
	}
	seen.count = 0;
	assert_ok(store_each_document_before(s, NULL, see, &seen, &e), &e);
	assert_int_equal(seen.count, 5);
	assert_string_equal(seen.keys[0], "j");
	store_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chunks_come_back_with_their_document),
	    cmocka_unit_test(every_document_is_found_by_its_key_and_no_other),
	    cmocka_unit_test(documents_are_walked_both_ways_from_anywhere),
	    cmocka_unit_test(pages_and_passages_come_back),
	    cmocka_unit_test(a_document_is_put_together_from_its_chunks),
	    cmocka_unit_test(a_store_of_version_1_is_still_read),
	    cmocka_unit_test(same_input_gives_same_bytes),
	    cmocka_unit_test(files_that_are_no_store_are_refused),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
