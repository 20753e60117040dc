/* test_build_damaged.c - a source.db that is damaged is kept aside and made anew. */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build.h"
#include "file.h"

enum { DOCUMENTS = 40 };

static char *base;
static char data[600], docs[600], database[800];

static void
put(unsigned number, const char *more)
{
	char path[800], text[3000];
	struct err e;

	snprintf(path, sizeof path, "%s/%u.md", docs, number);
	snprintf(text, sizeof text, "# Number %u\n\n%s A worker reopens the index. %0*u\n", number,
	    more, 2000, number);
	assert_ok(file_replace(path, text, strlen(text), 0644, &e), &e);
}

static int
make_folder(void **state)
{
	(void)state;
	base = unit_folder();
	snprintf(data, sizeof data, "%s/data", base);
	snprintf(docs, sizeof docs, "%s/docs", base);
	snprintf(database, sizeof database, "%s/tenants/t/source.db", data);
	if (file_make_dirs(docs, 0755, NULL) == -1)
		return -1;
	for (unsigned i = 0; i < DOCUMENTS; i++)
		put(i, "First.");
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

struct heard {
	char name[BUILD_ASIDE_BYTES];
	unsigned times;
};

static void
note_damaged(void *context, const char *name, const char *what)
{
	struct heard *h = context;

	assert_true(what[0] != '\0');
	snprintf(h->name, sizeof h->name, "%s", name);
	h->times++;
}

static int
build(struct heard *heard, struct build_report *report, struct err *e)
{
	struct build_config c = {.version = "v1", .source_type = "directory", .chunk_size = 128,
	    .chunk_overlap = 8, .language = "english", .embedding_model = "builtin:lsa"};
	struct build_request r = {.data_dir = data, .tenant = "t", .config = &c,
	    .max_shrink = 50, .damaged = note_damaged, .damaged_context = heard};

	*heard = (struct heard){0};
	snprintf(c.source_path, sizeof c.source_path, "%s", docs);
	return build_run(&r, report, e);
}

/* How many files of the tenant's folder begin with this. */
static unsigned
count_files(const char *begin)
{
	char path[800];
	struct dirent *d;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "%s/tenants/t", data);
	assert_non_null(dir = opendir(path));
	while ((d = readdir(dir)) != NULL)
		n += strncmp(d->d_name, begin, strlen(begin)) == 0;
	closedir(dir);
	return n;
}

/* ---- how it is damaged ---- */

static void
overwrite(off_t at, size_t n)
{
	static const char noise[1 << 16] = "noise";
	int fd = open(database, O_WRONLY);

	assert_true(fd != -1 && n <= sizeof noise);
	assert_int_equal(pwrite(fd, noise, n, at), (ssize_t)n);
	close(fd);
}

static void
run_sql(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
become_garbage(void)
{
	overwrite(0, 1 << 16);
}

static void
lose_pages(void)
{
	overwrite(8192, 1 << 15);
}

static void
lose_the_end(void)
{
	struct stat st;

	assert_int_equal(stat(database, &st), 0);
	assert_int_equal(truncate(database, st.st_size / 2), 0);
}

static void
lose_all_but_a_little(void)
{
	assert_int_equal(truncate(database, 700), 0);
}

static void
lose_the_name(void)
{
	run_sql("pragma application_id = 7");
}

static void
lose_a_table(void)
{
	run_sql("drop table synced");
}

static void
lose_a_row(void)
{
	run_sql("delete from synced");
}

static void
hold_what_cannot_be(void)
{
	run_sql("update chunk set end = 1000000 where document = 3 and ordinal = 0");
}

static const struct {
	const char *what;
	void (*damage)(void);
} rows[] = {
    {"garbage", become_garbage},
    {"lost pages", lose_pages},
    {"lost end", lose_the_end},
    {"a little left", lose_all_but_a_little},
    {"another name", lose_the_name},
    {"a lost table", lose_a_table},
    {"a lost row", lose_a_row},
    {"a chunk outside", hold_what_cannot_be},
};

/* ---- what comes of it ---- */

static void
it_is_made_anew_whatever_is_wrong_with_it(void **state)
{
	struct build_report report;
	struct heard heard;
	struct err e;

	(void)state;
	assert_ok(build(&heard, &report, &e), &e);
	assert_int_equal(heard.times, 0);
	assert_string_equal(report.set_aside, "");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		rows[i].damage();
		if (build(&heard, &report, &e) == -1)
			fail_msg("%s: %s", rows[i].what, e.text);
		if (heard.times != 1 || strcmp(heard.name, report.set_aside) != 0)
			fail_msg("%s: told %u times, %s", rows[i].what, heard.times, report.set_aside);
		if (report.documents != DOCUMENTS || report.added != DOCUMENTS)
			fail_msg("%s: %u documents", rows[i].what, (unsigned)report.documents);
		if (count_files("source.db.damaged-") != 1 || count_files(report.set_aside) != 1)
			fail_msg("%s: %u are kept", rows[i].what, count_files("source.db.damaged-"));
		assert_ok(build(&heard, &report, &e), &e);
		if (heard.times != 0 || report.unchanged != DOCUMENTS)
			fail_msg("%s: and again", rows[i].what);
	}
}

static void
its_journal_goes_with_it(void **state)
{
	struct build_report report;
	char path[900];
	struct heard heard;
	struct err e;

	(void)state;
	become_garbage();
	snprintf(path, sizeof path, "%s-journal", database);
	assert_ok(file_replace(path, "noise", 5, 0644, &e), &e);
	assert_ok(build(&heard, &report, &e), &e);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(report.documents, DOCUMENTS);
}

/* SQLite says nothing of the file then: it stays. */
static void
a_disk_that_is_full_is_no_damage(void **state)
{
	struct rlimit full = {0};
	struct build_report report;
	struct heard heard;
	struct stat st;
	struct err e;
	int status;
	pid_t child;

	(void)state;
	assert_ok(build(&heard, &report, &e), &e);
	assert_int_equal(stat(database, &st), 0);
	for (unsigned i = 0; i < 2 * DOCUMENTS; i++)
		put(i, "Second.");
	if ((child = fork()) == 0) {
		signal(SIGXFSZ, SIG_IGN);
		full.rlim_cur = full.rlim_max = (rlim_t)st.st_size;
		setrlimit(RLIMIT_FSIZE, &full);
		_exit(build(&heard, &report, &e) == -1 && heard.times == 0 ? 7 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_ok(build(&heard, &report, &e), &e);
	assert_int_equal(heard.times, 0);
	assert_int_equal(report.documents, 2 * DOCUMENTS);
}

static void
what_cannot_be_opened_stays_where_it_is(void **state)
{
	struct build_report report;
	struct heard heard;
	struct err e;

	(void)state;
	assert_int_equal(unlink(database), 0);
	assert_int_equal(mkdir(database, 0755), 0);
	assert_refused(build(&heard, &report, &e), &e, ERR_DB);
	assert_int_equal(heard.times, 0);
	assert_true(file_is_folder(database));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_made_anew_whatever_is_wrong_with_it),
	    cmocka_unit_test(its_journal_goes_with_it),
	    cmocka_unit_test(a_disk_that_is_full_is_no_damage),
	    cmocka_unit_test(what_cannot_be_opened_stays_where_it_is),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
