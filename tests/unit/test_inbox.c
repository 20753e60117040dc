/* test_inbox.c - entries, their order, keys and bounds; what a build takes in of them. */
#include "unit_inbox.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "failpoint.h"
#include "file.h"
#include "intake.h"
#include "ledger.h"
#include "log.h"
#include "pushed.h"

static int
set_up(void **state)
{
	char path[200];
	struct err e;

	inbox_set_up(state);
	snprintf(path, sizeof path, "%s/tenants/t", base);
	assert_ok(file_make_dirs(path, 0755, &e), &e);
	return 0;
}

static int
send_text(const char *id, const char *text, const char *key, char job[INBOX_ID_BYTES],
    bool *existed, struct err *e)
{
	const struct inbox_limits limits = {.bytes = 10000, .entries = 20};
	const struct inbox_item item = {.key = id};
	struct inbox_entry n;

	assert_ok(inbox_begin(&n, base, "t", e), e);
	assert_ok(inbox_write(&n, text, strlen(text), e), e);
	assert_ok(inbox_put(&n, &item, e), e);
	return inbox_commit(&n, &limits, key, job, existed, e);
}

static void
put(const char *id, const char *text)
{
	inbox_say(INBOX_PUT, id, text, NULL);
}

static void
take(const char *id)
{
	inbox_say(INBOX_REMOVE, id, NULL, NULL);
}

static void
holds(const char *id, const char *text)
{
	const char *got;
	char *owned;
	size_t n;
	struct err e;

	if (text == NULL) {
		assert_false(pushed_has(base, "t", id));
		return;
	}
	assert_ok(pushed_get(base, "t", id, &owned, &got, &n, &e), &e);
	assert_string_equal(got, text);
	free(owned);
}

static void
run_intake(struct intake *i)
{
	struct err e;

	assert_ok(intake_run(i, base, "t", &e), &e);
	intake_close(i);
}

static void
the_later_write_wins_and_the_inbox_is_empty_then(void **state)
{
	struct inbox_limits waits;
	struct intake i;
	bool goes;
	struct err e;

	(void)state;
	put("a", "one");
	put("b", "kept");
	put("a", "two");
	put("c", "gone");
	take("c");
	run_intake(&i);
	assert_ok(ledger_is_removing(base, "t", "c", &goes, &e), &e);
	assert_true(goes);
	assert_ok(ledger_is_removing(base, "t", "b", &goes, &e), &e);
	assert_false(goes);
	assert_int_equal(i.entries, 5);
	assert_int_equal(i.removed_since, 1);
	holds("a", "two");
	holds("b", "kept");
	holds("c", NULL);
	assert_ok(inbox_count(base, "t", &waits, &e), &e);
	assert_int_equal(waits.entries, 0);
	run_intake(&i);
	assert_int_equal(i.entries, 0);
	assert_int_equal(i.jobs, 5);	/* no build has succeeded: they are this one's, too */
}

static void
a_key_makes_one_job_waiting_or_done_and_never_two_things(void **state)
{
	char first[INBOX_ID_BYTES], again[INBOX_ID_BYTES];
	struct intake i;
	bool existed;
	struct err e;

	(void)state;
	assert_ok(send_text("a", "x", "key", first, &existed, &e), &e);
	assert_false(existed);
	assert_ok(send_text("a", "x", "key", again, &existed, &e), &e);
	assert_true(existed);
	assert_string_equal(again, first);
	run_intake(&i);
	assert_ok(send_text("a", "x", "key", again, &existed, &e), &e);
	assert_true(existed);
	assert_string_equal(again, first);
	assert_int_equal(send_text("a", "y", "key", again, &existed, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT_KEY);
	assert_true(inbox_id_is_valid(first));
	assert_false(inbox_id_is_valid("../../../etc/passwd.."));
}

static void
what_is_too_much_is_refused_and_nothing_of_it_stays(void **state)
{
	char job[INBOX_ID_BYTES], big[12000];
	struct inbox_limits waits;
	bool existed;
	struct err e;

	(void)state;
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	assert_int_equal(send_text("a", big, NULL, job, &existed, &e), -1);
	assert_int_equal(e.code, ERR_INBOX_FULL);
	for (int i = 0; i < 20; i++)
		put("a", "x");
	assert_int_equal(send_text("a", "x", NULL, job, &existed, &e), -1);
	assert_int_equal(e.code, ERR_INBOX_FULL);
	assert_ok(inbox_count(base, "t", &waits, &e), &e);
	assert_int_equal(waits.entries, 20);
}

static void
write_file(const char *name, const char *bytes)
{
	char path[300];
	struct err e;

	snprintf(path, sizeof path, "%s/inbox/t/%s", base, name);
	assert_ok(file_replace(path, bytes, strlen(bytes), 0640, &e), &e);
}

static void
a_broken_entry_is_put_aside_and_blocks_nobody(void **state)
{
	static const char *const bad[] = {"", "x", "00000002RPIN0001", "{}00000002RPIN0001",
	    "{\"items\": [{\"op\": \"put\", \"key\": \"k\", \"at\": 0, \"bytes\": 99}]}"
	    "00000039RPIN0001",
	    "[]zzzzzzzzRPIN0001"};
	char name[40], why[300];
	struct ledger *l;
	struct ledger_job j;
	struct intake i;
	struct err e;

	(void)state;
	put("a", "good");
	for (unsigned k = 0; k < sizeof bad / sizeof bad[0]; k++) {
		snprintf(name, sizeof name, "%012x-0000000%x", 100 + k, k);
		write_file(name, bad[k]);
	}
	put("b", "good too");
	run_intake(&i);
	assert_int_equal(i.entries, 2);
	assert_int_equal(i.rejected, sizeof bad / sizeof bad[0]);
	holds("a", "good");
	holds("b", "good too");
	snprintf(why, sizeof why, "%s/inbox/t/dead/000000000064-00000000.why", base);
	assert_int_equal(access(why, F_OK), 0);
	assert_ok(ledger_open_read(&l, base, "t", &e), &e);
	assert_int_equal(ledger_find_job(l, "000000000064-00000000", &j, &e), 1);
	assert_int_equal(j.state, JOB_FAILED);
	ledger_close(l);
	run_intake(&i);
	assert_int_equal(i.jobs, 2);	/* the bad ones are not taken up again */
}

static void
every_cut_of_an_entry_is_refused(void **state)
{
	char job[INBOX_ID_BYTES], path[300], *bytes;
	struct intake i;
	struct err e;
	bool existed;
	size_t n;

	(void)state;
	assert_ok(send_text("a", "whole", NULL, job, &existed, &e), &e);
	snprintf(path, sizeof path, "%s/inbox/t/%s", base, job);
	assert_ok(file_read(&bytes, &n, path, 10000, &e), &e);
	for (size_t cut = 0; cut < n; cut += 7) {
		char name[40];
		snprintf(name, sizeof name, "%012zx-00000000", 1000 + cut);
		snprintf(path, sizeof path, "%s/inbox/t/%s", base, name);
		assert_ok(file_replace(path, bytes, cut, 0640, &e), &e);
	}
	free(bytes);
	run_intake(&i);
	assert_int_equal(i.entries, 1);
	assert_int_equal(i.rejected, (n + 6) / 7);
	holds("a", "whole");
}

/* Killed at the place, and run again, it comes to what an undisturbed one comes to. */
static void
killed_anywhere_the_next_run_takes_all_in(void **state)
{
	struct intake i;
	uint64_t before = 0;
	int status;
	pid_t child;

	(void)state;
	for (unsigned at = FAIL_INTAKE_BEGUN; at <= FAIL_INTAKE_DONE; at++) {
		if (at == FAIL_INTAKE_EXPLAINED)
			continue;	/* nothing is put aside here */
		put("old", "of a former build");
		run_intake(&i);
		take("old");
		put("a", "one");
		put("a", "two");
		put("b", "stays");
		take("b");
		put("c", "three");
		if ((child = fork()) == 0) {
			failpoint_arm(failpoint_name(at));
			run_intake(&i);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		run_intake(&i);
		holds("a", "two");
		holds("b", NULL);
		holds("c", "three");
		holds("old", NULL);
		/* The removal counts, whoever carried it out: a build that finds less is right. */
		assert_in_range(i.removed_ever, before + 1, before + 4);
		before = i.removed_ever;
	}
}

/* Moved by a run that was killed before the ledger knew, its job would be nowhere. */
static void
a_job_that_is_put_aside_is_never_nowhere(void **state)
{
	static const char id[] = "000000000064-00000000";
	char name[INBOX_NAME_BYTES + 40];
	struct ledger_job j;
	struct ledger *l;
	struct intake i;
	struct err e;
	int status;
	pid_t child;

	(void)state;
	for (unsigned at = FAIL_INTAKE_BEGUN; at <= FAIL_INTAKE_DONE; at++) {
		put("a", "x");
		write_file(id, "x");
		if ((child = fork()) == 0) {
			failpoint_arm(failpoint_name(at));
			run_intake(&i);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_ok(ledger_open_read(&l, base, "t", &e), &e);
		if (!inbox_has(base, "t", id))
			assert_int_equal(ledger_find_job(l, id, &j, &e), 1);
		ledger_close(l);
		run_intake(&i);
		assert_false(inbox_has(base, "t", id));
		snprintf(name, sizeof name, "%s/inbox/t/dead/%s.why", base, id);
		assert_int_equal(unlink(name), 0);
	}
}

static void
an_error_is_not_the_entrys_fault(void **state)
{
	char folder[300], place[320];
	struct intake i;
	struct err e;

	(void)state;
	put("a", "kept");
	snprintf(folder, sizeof folder, "%s/tenants/t/pushed", base);
	for (int n = 0; n < 2 * INTAKE_TRIES_MAX; n++) {
		assert_ok(file_replace(folder, "", 0, 0644, &e), &e);	/* no folder can be made */
		assert_int_equal(intake_run(&i, base, "t", &e), -1);
		intake_close(&i);
	}
	assert_int_equal(unlink(folder), 0);
	run_intake(&i);
	assert_int_equal(i.rejected, 0);
	holds("a", "kept");
	snprintf(place, sizeof place, "%s/tenants/t/intake.tries", base);
	assert_int_equal(access(place, F_OK), -1);
}

static void
what_ends_every_build_is_put_aside(void **state)
{
	struct intake i;
	int status;
	pid_t child;

	(void)state;
	put("a", "hostile");
	for (int n = 0; n < INTAKE_TRIES_MAX; n++) {
		if ((child = fork()) == 0) {
			failpoint_arm("intake.applied");
			run_intake(&i);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
	}
	put("b", "harmless");
	run_intake(&i);
	assert_int_equal(i.rejected, 1);
	holds("b", "harmless");
}

/* Two builds, and the first one's generation never goes live: the second one brings its jobs. */
static void
a_generation_brings_the_jobs_of_those_before_it(void **state)
{
	char first[INBOX_ID_BYTES];
	struct ledger_job j;
	struct ledger *l;
	struct intake i;
	size_t open;
	bool existed;
	struct err e;

	(void)state;
	assert_ok(send_text("a", "x", NULL, first, &existed, &e), &e);
	for (int round = 0; round < 2; round++) {	/* the second has nothing new */
		assert_ok(intake_run(&i, base, "t", &e), &e);
		assert_ok(ledger_built(i.ledger, i.build,
			      round == 0 ? "1-0123456789ab" : "2-0123456789ab", &e), &e);
		intake_close(&i);
	}
	assert_ok(ledger_settle(base, "t", "2-0123456789ab", &open, &e), &e);
	assert_int_equal(open, 0);
	assert_ok(ledger_open_read(&l, base, "t", &e), &e);
	assert_int_equal(ledger_find_job(l, first, &j, &e), 1);
	assert_int_equal(j.state, JOB_LIVE);
	ledger_close(l);
}

/* Killed while it wrote to the file, as far as the journal on disk. */
static void
leave_half_a_transaction(const char *path)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		sqlite3 *db;
		sqlite3_open(path, &db);
		sqlite3_exec(db,
		    "pragma cache_size = 1; begin immediate;"
		    "update job set state = 'live';"
		    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)"
		    " insert into item select 'x', i, 'put', 'some key of some length' from n",
		    NULL, NULL, NULL);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void
a_ledger_left_half_written_is_no_empty_one(void **state)
{
	char path[300], journal[320];
	struct ledger *l;
	struct intake i;
	struct err e;

	(void)state;
	put("a", "x");
	run_intake(&i);
	snprintf(path, sizeof path, "%s/tenants/t/ledger.db", base);
	snprintf(journal, sizeof journal, "%s-journal", path);
	leave_half_a_transaction(path);
	assert_int_equal(access(journal, F_OK), 0);
	assert_int_equal(ledger_open_read(&l, base, "t", &e), -1);
	run_intake(&i);
	assert_int_equal(i.jobs, 1);	/* it is still to be built */
	assert_int_equal(access(journal, F_OK), -1);
	assert_ok(ledger_open_read(&l, base, "t", &e), &e);
	ledger_close(l);
}

static void
a_ledger_of_the_first_version_is_brought_up(void **state)
{
	char path[300];
	struct ledger *l;
	struct intake i;
	sqlite3 *db;
	size_t open;
	struct err e;

	(void)state;
	put("a", "x");
	run_intake(&i);
	snprintf(path, sizeof path, "%s/tenants/t/ledger.db", base);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "drop table made; pragma user_version = 1;"
		"alter table build drop column removed_ever", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_ok(ledger_count_open(base, "t", &open, &e), &e);
	assert_int_equal(open, 1);
	assert_ok(ledger_open(&l, base, "t", &e), &e);
	assert_ok(ledger_built(l, i.build, "1-0123456789ab", &e), &e);
	ledger_close(l);
}

static void
jobs_go_from_building_to_live(void **state)
{
	char job[INBOX_ID_BYTES];
	struct ledger_job j;
	struct ledger *l;
	bool existed;
	size_t open;
	uint64_t build;
	struct err e;

	(void)state;
	assert_ok(send_text("a", "x", NULL, job, &existed, &e), &e);
	for (int round = 0; round < 2; round++) {	/* the first one fails */
		struct intake i;
		assert_ok(intake_run(&i, base, "t", &e), &e);
		assert_int_equal(i.jobs, 1);
		build = i.build;
		intake_close(&i);
		if (round == 0)
			assert_ok(ledger_fail(base, "t", "", "no luck", true, &e), &e);
	}
	assert_ok(ledger_open(&l, base, "t", &e), &e);
	assert_ok(ledger_built(l, build, "1-0123456789ab", &e), &e);
	assert_int_equal(ledger_find_job(l, job, &j, &e), 1);
	assert_int_equal(j.state, JOB_GATED);
	assert_ok(ledger_settle(base, "t", "1-ffffffffffff", &open, &e), &e);
	assert_int_equal(open, 1);
	assert_ok(ledger_settle(base, "t", "1-0123456789ab", &open, &e), &e);
	assert_int_equal(open, 0);
	assert_int_equal(ledger_find_job(l, job, &j, &e), 1);
	assert_int_equal(j.state, JOB_LIVE);
	assert_string_equal(j.reason, "");
	ledger_close(l);
}

/* ---- by document ---- */

static void
other_fields_leave_the_bytes_and_need_a_document(void **state)
{
	const char *meta;
	struct arena a;
	struct intake i;
	struct err e;

	(void)state;
	arena_init(&a, 1 << 16);
	put("a", "the bytes");
	inbox_say(INBOX_DESCRIBE, "a", NULL, "{\"n\": 1}");
	inbox_say(INBOX_DESCRIBE, "nobody", NULL, "{\"n\": 2}");
	run_intake(&i);
	holds("a", "the bytes");
	holds("nobody", NULL);
	assert_ok(pushed_meta(base, "t", "a", &a, &meta, &e), &e);
	assert_string_equal(meta, "{\"n\": 1}");
	assert_refused(pushed_meta(base, "t", "nobody", &a, &meta, &e), &e, ERR_DOCUMENT);
	inbox_say(INBOX_DESCRIBE, "a", NULL, NULL);
	run_intake(&i);
	assert_ok(pushed_meta(base, "t", "a", &a, &meta, &e), &e);
	assert_null(meta);
	holds("a", "the bytes");
	arena_fini(&a);
}

static int
count_leaving(void *context, const char *key, struct err *e)
{
	(void)e;
	assert_string_equal(key, "gone");
	++*(int *)context;
	return 0;
}

static int
see_document(void *context, const struct ledger_document *d, struct err *e)
{
	(void)e;
	snprintf(context, 64, "%s %s", d->key, job_state_name(d->state));
	return 0;
}

static void
a_removal_is_told_until_it_is_live(void **state)
{
	char told[64] = "";
	struct intake i;
	struct ledger *l;
	int leaving = 0;
	size_t open;
	struct err e;

	(void)state;
	put("file-0123456789abcdef01234567/a.md", "kept");
	put("gone", "x");
	take("gone");
	run_intake(&i);
	assert_ok(ledger_open(&l, base, "t", &e), &e);
	assert_int_equal(ledger_each_leaving(l, count_leaving, &leaving, &e), 0);
	assert_int_equal(leaving, 1);
	assert_int_equal(
	    ledger_find_document(l, NULL, "0123456789abcdef01234567", see_document, told, &e), 1);
	assert_string_equal(told, "file-0123456789abcdef01234567/a.md building");
	assert_ok(ledger_built(l, i.build, "1-0123456789ab", &e), &e);
	assert_ok(ledger_settle(base, "t", "1-0123456789ab", &open, &e), &e);
	leaving = 0;
	assert_int_equal(ledger_each_leaving(l, count_leaving, &leaving, &e), 0);
	assert_int_equal(leaving, 0);
	told[0] = '\0';
	assert_int_equal(ledger_each_document_before(l, NULL, see_document, told, &e), 0);
	assert_string_equal(told, "file-0123456789abcdef01234567/a.md live");
	told[0] = '\0';
	assert_int_equal(ledger_each_unsettled(l, see_document, told, &e), 0);
	assert_string_equal(told, "");
	ledger_close(l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, inbox_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_later_write_wins_and_the_inbox_is_empty_then),
	    TEST(a_key_makes_one_job_waiting_or_done_and_never_two_things),
	    TEST(what_is_too_much_is_refused_and_nothing_of_it_stays),
	    TEST(a_broken_entry_is_put_aside_and_blocks_nobody),
	    TEST(every_cut_of_an_entry_is_refused),
	    TEST(killed_anywhere_the_next_run_takes_all_in),
	    TEST(a_job_that_is_put_aside_is_never_nowhere),
	    TEST(an_error_is_not_the_entrys_fault),
	    TEST(what_ends_every_build_is_put_aside),
	    TEST(jobs_go_from_building_to_live),
	    TEST(a_generation_brings_the_jobs_of_those_before_it),
	    TEST(a_ledger_left_half_written_is_no_empty_one),
	    TEST(a_ledger_of_the_first_version_is_brought_up),
	    TEST(other_fields_leave_the_bytes_and_need_a_document),
	    TEST(a_removal_is_told_until_it_is_live),
	};

	log_init("test", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
