/* test_knowledge.c - a source's documents, kept between builds. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failpoint.h"
#include "file.h"
#include "knowledge.h"

static char *base;
static char data[600], docs[600];

static int
make_folder(void **state)
{
	(void)state;
	base = unit_folder();
	snprintf(data, sizeof data, "%s/data", base);
	snprintf(docs, sizeof docs, "%s/docs", base);
	return file_make_dirs(docs, 0755, NULL);
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

static void
put(const char *name, const char *text)
{
	char path[800];
	struct err e;

	snprintf(path, sizeof path, "%s/%s", docs, name);
	assert_ok(file_replace(path, text, strlen(text), 0644, &e), &e);
}

static void
drop(const char *name)
{
	char path[800];

	snprintf(path, sizeof path, "%s/%s", docs, name);
	unlink(path);
}

static struct build_config
config_of(unsigned chunk_size)
{
	struct build_config c = {.version = "v1", .source_type = "directory",
	    .chunk_size = chunk_size, .chunk_overlap = 4, .language = "english"};

	snprintf(c.source_path, sizeof c.source_path, "%s", docs);
	return c;
}

static int
sync_with(unsigned chunk_size, unsigned max_shrink, struct sync_report *report, struct err *e)
{
	struct build_config c = config_of(chunk_size);
	struct knowledge *k;
	struct source *s;
	int rc;

	assert_ok(source_open(&s, &c, e), e);
	assert_ok(knowledge_open(&k, data, "t", e), e);
	rc = knowledge_sync(k, s, &c, max_shrink, report, e);
	knowledge_close(k);
	source_close(s);
	return rc;
}

struct seen {
	char keys[40000];
	char texts[80000];
	int chunks;
};

static int
see_document(void *context, const struct store_document *d, struct err *e)
{
	struct seen *s = context;

	(void)e;
	strcat(s->keys, d->key);
	strcat(s->keys, " ");
	return 0;
}

static int
see_chunk(void *context, const struct store_chunk *c, struct err *e)
{
	struct seen *s = context;

	(void)e;
	s->chunks++;
	strncat(s->texts, c->text, c->text_len);
	strcat(s->texts, "|");
	return 0;
}

static void
look(struct seen *s)
{
	static const struct knowledge_walk walk = {see_document, see_chunk};
	struct knowledge *k;
	struct err e;

	memset(s, 0, sizeof *s);
	assert_ok(knowledge_open(&k, data, "t", &e), &e);
	assert_ok(knowledge_each(k, &walk, s, &e), &e);
	knowledge_close(k);
}

static void
only_what_changed_is_read_again(void **state)
{
	struct sync_report r;
	struct seen s;
	struct err e;

	(void)state;
	put("a.md", "# One\n\nThe first document.\n");
	put("b.txt", "The second document.\n");
	put("c.bin", "\x7f" "ELF\x01\x02\x03");
	assert_ok(sync_with(512, 50, &r, &e), &e);
	assert_int_equal(r.added, 3);
	assert_int_equal(r.refused, 1);
	assert_ok(sync_with(512, 50, &r, &e), &e);
	assert_int_equal(r.unchanged, 3);
	assert_int_equal(r.added + r.changed + r.removed, 0);
	assert_int_equal(r.refused, 1);
	put("b.txt", "The second document, changed.\n");
	drop("a.md");
	assert_ok(sync_with(512, 50, &r, &e), &e);
	assert_int_equal(r.changed, 1);
	assert_int_equal(r.removed, 1);
	look(&s);
	assert_string_equal(s.keys, "b.txt ");
	assert_string_equal(s.texts, "The second document, changed.|");
}

static void
a_shorter_version_leaves_no_tail(void **state)
{
	struct sync_report r;
	struct seen before, after;
	char text[4000] = "";
	struct err e;

	(void)state;
	for (int i = 0; i < 60; i++)
		sprintf(text + strlen(text), "Sentence number %d of the long version. ", i);
	put("b.txt", text);
	assert_ok(sync_with(32, 50, &r, &e), &e);
	look(&before);
	assert_true(before.chunks > 5);
	put("b.txt", "Short.");
	assert_ok(sync_with(32, 50, &r, &e), &e);
	look(&after);
	assert_int_equal(after.chunks, 1);
	assert_string_equal(after.texts, "Short.|");
}

static void
rows_are_documents_of_their_own(void **state)
{
	struct sync_report r;
	struct seen s;
	struct err e;

	(void)state;
	put("t.csv", "id,text\nx,First row.\ny,Second row.\nx,Third row.\n");
	assert_ok(sync_with(32, 100, &r, &e), &e);
	assert_int_equal(r.added, 1);
	look(&s);
	assert_non_null(strstr(s.keys, "t.csv#x t.csv#x~3 t.csv#y "));
	assert_null(strstr(s.keys, "t.csv "));
	assert_ok(sync_with(32, 100, &r, &e), &e);
	assert_int_equal(r.unchanged, r.listed);
	put("t.csv", "id,text\ny,Second row.\n");
	assert_ok(sync_with(32, 100, &r, &e), &e);
	assert_int_equal(r.changed, 1);
	look(&s);
	assert_null(strstr(s.keys, "t.csv#x"));
	assert_non_null(strstr(s.keys, "t.csv#y "));
	/* A file is taken as a whole or not: a bad row leaves none of them. */
	put("t.csv", "id,text\ny,Second row.\n\"z,open\n");
	assert_ok(sync_with(32, 100, &r, &e), &e);
	assert_true(r.refused > 0);
	look(&s);
	assert_null(strstr(s.keys, "t.csv"));
	put("t.csv", "id,text\ny,Second row.\n");
	assert_ok(sync_with(32, 100, &r, &e), &e);
	drop("t.csv");
	assert_ok(sync_with(32, 100, &r, &e), &e);
	assert_int_equal(r.removed, 1);
	look(&s);
	assert_null(strstr(s.keys, "t.csv"));
}

static void
another_chunk_size_chunks_anew(void **state)
{
	struct sync_report r;
	struct err e;

	(void)state;
	assert_ok(sync_with(32, 50, &r, &e), &e);
	assert_int_equal(r.changed, 0);
	assert_ok(sync_with(64, 50, &r, &e), &e);
	assert_int_equal(r.changed, r.listed);
}

static void
a_listing_that_shrinks_is_refused_and_changes_nothing(void **state)
{
	struct sync_report r;
	struct seen s;
	char name[32];
	struct err e;

	(void)state;
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "d%02d.txt", i);
		put(name, "Some text.");
	}
	assert_ok(sync_with(64, 50, &r, &e), &e);
	for (int i = 0; i < 25; i++) {
		snprintf(name, sizeof name, "d%02d.txt", i);
		drop(name);
	}
	assert_refused(sync_with(64, 50, &r, &e), &e, ERR_SHRINK);
	assert_refused(sync_with(64, 80, &r, &e), &e, ERR_SHRINK);
	look(&s);
	assert_non_null(strstr(s.keys, "d00.txt"));
	assert_ok(sync_with(64, 100, &r, &e), &e);
	assert_int_equal(r.removed, 25);
}

static void
links_and_hidden_files_are_not_documents(void **state)
{
	struct sync_report r;
	char link[800];
	struct err e;

	(void)state;
	assert_ok(sync_with(64, 100, &r, &e), &e);
	uint64_t before = r.listed;
	snprintf(link, sizeof link, "%s/link.txt", docs);
	assert_int_equal(symlink("/etc/passwd", link), 0);
	snprintf(link, sizeof link, "%s/folder", docs);
	assert_int_equal(symlink("/etc", link), 0);
	snprintf(link, sizeof link, "%s/pipe.txt", docs);
	assert_int_equal(mkfifo(link, 0600), 0);
	put(".hidden.txt", "secret");
	assert_ok(sync_with(64, 100, &r, &e), &e);
	assert_int_equal(r.listed, before);
}

static void
two_builds_of_one_tenant_exclude_each_other(void **state)
{
	struct knowledge *one, *two;
	struct err e;

	(void)state;
	assert_ok(knowledge_open(&one, data, "t", &e), &e);
	assert_refused(knowledge_open(&two, data, "t", &e), &e, ERR_BUSY);
	knowledge_close(one);
	assert_ok(knowledge_open(&two, data, "t", &e), &e);
	knowledge_close(two);
}

/* ---- a sync that is killed ---- */

static char *shared;	/* the folder of the tests before */

static int
make_own(void **state)
{
	shared = base;
	return make_folder(state);
}

static int
drop_own(void **state)
{
	drop_folder(state);
	base = shared;
	return 0;
}

enum { MANY = 2 * SYNC_PIECE_DOCUMENTS + 200 };

static void
put_many(unsigned from, unsigned to, const char *text)
{
	char path[800];

	for (unsigned i = from; i < to; i++) {
		snprintf(path, sizeof path, "%s/%05u.txt", docs, i);
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		assert_true(fd != -1);
		assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
		close(fd);
	}
}

static void
killed_at(const char *failpoint_and_count)
{
	struct sync_report r;
	struct err e;
	int status;
	pid_t child = fork();

	if (child == 0) {
		failpoint_arm(failpoint_and_count);
		sync_with(512, 50, &r, &e);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void
a_killed_sync_goes_on_where_it_was(void **state)
{
	struct sync_report r;
	struct err e;

	(void)state;
	put_many(0, MANY, "One of many.");
	killed_at("sync.document:1150");	/* two pieces are kept, 149 documents are not */
	assert_ok(sync_with(512, 50, &r, &e), &e);
	assert_int_equal(r.unchanged, 2 * SYNC_PIECE_DOCUMENTS);
	assert_int_equal(r.added, MANY - 2 * SYNC_PIECE_DOCUMENTS);
	put_many(0, MANY, "Every one has changed.");
	killed_at("sync.piece:2");
	assert_ok(sync_with(512, 50, &r, &e), &e);
	assert_int_equal(r.changed, MANY - 2 * SYNC_PIECE_DOCUMENTS);
}

/* A source whose listing brings every document, as rows of a database do; it breaks off after
 * so many. */
struct rows {
	struct source source;
	unsigned count;
};

static int
list_rows(struct source *s, source_item_fn *each, void *context, struct err *e)
{
	const struct rows *r = (const struct rows *)s;
	char key[32];

	for (unsigned i = 0; i < r->count; i++) {
		struct source_item item = {.key = key, .stamp = "one", .bytes = "A row.", .size = 6};
		snprintf(key, sizeof key, "%05u", i);
		if (each(context, &item, e) == -1)
			return -1;
	}
	return r->count == MANY ? 0 : err_set(e, ERR_PEER, "the rows end in the middle");
}

static int
sync_rows(unsigned count, struct sync_report *report, struct err *e)
{
	struct rows rows = {.source.list = list_rows, .count = count};
	struct build_config c = config_of(512);
	struct knowledge *k;
	int rc;

	assert_ok(knowledge_open(&k, data, "t", e), e);
	rc = knowledge_sync(k, &rows.source, &c, 50, report, e);
	knowledge_close(k);
	return rc;
}

static void
what_a_listing_brought_is_kept_when_it_breaks_off(void **state)
{
	struct sync_report r;
	struct seen s;
	struct err e;

	(void)state;
	assert_refused(sync_rows(MANY - 50, &r, &e), &e, ERR_PEER);
	assert_ok(sync_rows(MANY, &r, &e), &e);
	assert_int_equal(r.unchanged, 2 * SYNC_PIECE_DOCUMENTS);
	assert_int_equal(r.added, MANY - 2 * SYNC_PIECE_DOCUMENTS);
	assert_refused(sync_rows(10, &r, &e), &e, ERR_PEER);
	look(&s);
	assert_int_equal(s.chunks, MANY);
}

/* What is not listed goes with the last piece and not before. */
static void
a_killed_sync_has_deleted_nothing(void **state)
{
	char path[800];
	struct sync_report r;
	struct seen s;
	struct err e;

	(void)state;
	put_many(0, MANY, "One of many.");
	assert_ok(sync_with(512, 50, &r, &e), &e);
	snprintf(path, sizeof path, "%s/00001.txt", docs);
	assert_int_equal(unlink(path), 0);
	put_many(2, MANY, "Every one has changed.");
	killed_at("sync.commit");
	look(&s);
	assert_non_null(strstr(s.keys, "00001.txt"));
	assert_ok(sync_with(512, 50, &r, &e), &e);
	assert_int_equal(r.removed, 1);
}

/* Killed again and again, it is still held against what there was when one came to its end. */
static void
what_shrinks_bit_by_bit_in_killed_syncs_is_refused(void **state)
{
	struct sync_report r;
	struct err e;

	(void)state;
	put_many(0, MANY, "One of many.");
	assert_ok(sync_with(512, 50, &r, &e), &e);
	put_many(0, MANY, "\x7f" "ELF\x01\x02\x03");	/* no text any more */
	killed_at("sync.piece:1");
	killed_at("sync.piece:1");
	assert_refused(sync_with(512, 50, &r, &e), &e, ERR_SHRINK);
	assert_refused(sync_with(512, 50, &r, &e), &e, ERR_SHRINK);
	/* Nor is one of them taken for read, when it can be again: with the same stamp. */
	assert_ok(sync_with(512, 100, &r, &e), &e);
	assert_int_equal(r.changed, MANY);
	assert_int_equal(r.refused, MANY);
	assert_ok(sync_with(512, 50, &r, &e), &e);
	assert_int_equal(r.unchanged, MANY);
}

static void
what_was_asked_for_is_no_shrinking_and_counts_once(void **state)
{
	struct build_config c = config_of(512);
	struct knowledge *k;
	struct sync_report r;
	struct source *s;
	struct err e;

	(void)state;
	put_many(0, 100, "One of many.");
	assert_ok(sync_with(512, 50, &r, &e), &e);
	assert_ok(source_open(&s, &c, &e), &e);
	assert_ok(knowledge_open(&k, data, "t", &e), &e);
	for (unsigned i = 0; i < 70; i++) {
		char path[800];
		snprintf(path, sizeof path, "%s/%05u.txt", docs, i);
		assert_int_equal(unlink(path), 0);
	}
	assert_refused(knowledge_sync(k, s, &c, 50, &r, &e), &e, ERR_SHRINK);
	knowledge_expect_removals(k, 70);
	assert_ok(knowledge_sync(k, s, &c, 50, &r, &e), &e);
	assert_int_equal(r.removed, 70);
	for (unsigned i = 70; i < 90; i++) {	/* these nobody asked for */
		char path[800];
		snprintf(path, sizeof path, "%s/%05u.txt", docs, i);
		assert_int_equal(unlink(path), 0);
	}
	assert_refused(knowledge_sync(k, s, &c, 50, &r, &e), &e, ERR_SHRINK);
	knowledge_close(k);
	source_close(s);
}

/* As on a full disk: what was written of the piece that failed does not stay. */
static void
a_write_that_fails_gives_its_room_back(void **state)
{
	struct rlimit full = {0};
	struct sync_report r;
	struct stat before, after;
	char path[800], text[5000];
	struct err e;
	int status;
	pid_t child;

	(void)state;
	put_many(0, 10, "One of many.");
	assert_ok(sync_with(512, 50, &r, &e), &e);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	put_many(10, MANY, text);
	snprintf(path, sizeof path, "%s/tenants/t/source.db", data);
	assert_int_equal(stat(path, &before), 0);
	if ((child = fork()) == 0) {
		signal(SIGXFSZ, SIG_IGN);
		full.rlim_cur = full.rlim_max = 2 << 20;	/* less than the first piece */
		setrlimit(RLIMIT_FSIZE, &full);
		_exit(sync_with(512, 50, &r, &e) == -1 ? 7 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	strcat(path, "-journal");
	assert_int_equal(access(path, F_OK), -1);
	assert_ok(sync_with(512, 50, &r, &e), &e);
	assert_int_equal(r.added, MANY - 10);
}

static void
a_file_of_the_version_before_is_brought_up_as_it_is(void **state)
{
	struct sync_report r;
	char path[800];
	sqlite3 *db;
	struct err e;

	(void)state;
	put_many(0, 100, "One of many.");
	assert_ok(sync_with(512, 50, &r, &e), &e);
	snprintf(path, sizeof path, "%s/tenants/t/source.db", data);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "drop table synced; pragma user_version = 3", NULL, NULL,
		NULL), SQLITE_OK);
	sqlite3_close(db);
	for (unsigned i = 0; i < 70; i++) {
		snprintf(path, sizeof path, "%s/%05u.txt", docs, i);
		assert_int_equal(unlink(path), 0);
	}
	assert_refused(sync_with(512, 50, &r, &e), &e, ERR_SHRINK);
	assert_ok(sync_with(512, 100, &r, &e), &e);
	assert_int_equal(r.unchanged, 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_what_changed_is_read_again),
	    cmocka_unit_test(a_shorter_version_leaves_no_tail),
	    cmocka_unit_test(rows_are_documents_of_their_own),
	    cmocka_unit_test(another_chunk_size_chunks_anew),
	    cmocka_unit_test(a_listing_that_shrinks_is_refused_and_changes_nothing),
	    cmocka_unit_test(links_and_hidden_files_are_not_documents),
	    cmocka_unit_test(two_builds_of_one_tenant_exclude_each_other),
	    cmocka_unit_test_setup_teardown(
		a_killed_sync_goes_on_where_it_was, make_own, drop_own),
	    cmocka_unit_test_setup_teardown(
		what_a_listing_brought_is_kept_when_it_breaks_off, make_own, drop_own),
	    cmocka_unit_test_setup_teardown(
		a_killed_sync_has_deleted_nothing, make_own, drop_own),
	    cmocka_unit_test_setup_teardown(
		what_shrinks_bit_by_bit_in_killed_syncs_is_refused, make_own, drop_own),
	    cmocka_unit_test_setup_teardown(
		what_was_asked_for_is_no_shrinking_and_counts_once, make_own, drop_own),
	    cmocka_unit_test_setup_teardown(
		a_write_that_fails_gives_its_room_back, make_own, drop_own),
	    cmocka_unit_test_setup_teardown(
		a_file_of_the_version_before_is_brought_up_as_it_is, make_own, drop_own),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
