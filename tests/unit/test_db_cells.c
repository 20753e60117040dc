/* test_db_cells.c - rows read where they lie are what SQLite says, and damage is no harm. */
#include "unit.h"

#include <unistd.h>

#include "db_cells.h"

enum { ROWS = 900, COLUMNS = 5, TEXT_MAX = 9000 };

static char *folder;
static char path[600];
static uint64_t seed;

static int
make_folder(void **state)
{
	(void)state;
	folder = unit_folder();
	snprintf(path, sizeof path, "%s/cells.db", folder);
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(folder);
	return 0;
}

static uint64_t
roll(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return seed >> 20;
}

static sqlite3 *
create(int page_bytes, int reserved, const char *schema)
{
	char sql[64];
	sqlite3 *db;
	struct err e;

	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(sql, sizeof sql, "pragma page_size = %d", page_bytes);
	assert_ok(db_run(db, sql, &e), &e);
	assert_int_equal(sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved), SQLITE_OK);
	assert_ok(db_run(db, schema, &e), &e);
	assert_ok(db_run(db, "begin", &e), &e);
	return db;
}

static void
bind_number(sqlite3_stmt *q, int at)
{
	if (roll() % 8 == 0)
		sqlite3_bind_null(q, at);
	else
		sqlite3_bind_int64(q, at, (int64_t)(roll() << 40 ^ roll()) >> roll() % 64);
}

static void
bind_text(sqlite3_stmt *q, int at)
{
	static char text[TEXT_MAX];
	size_t n = roll() % 3 > 0 ? roll() % 60 : roll() % TEXT_MAX;

	for (size_t i = 0; i < n; i++)
		text[i] = (char)('a' + roll() % 26);
	sqlite3_bind_text(q, at, text, (int)n, SQLITE_TRANSIENT);
}

/* Ids with gaps of at most `gap`, in no order, some of them gone again. */
static void
fill(sqlite3 *db, unsigned gap)
{
	sqlite3_stmt *q;
	struct err e;

	assert_ok(db_statement(&q, db, "insert or replace into t values(?,?,?,?,?)", &e), &e);
	for (int i = 0; i < ROWS; i++) {
		sqlite3_bind_int64(q, 1, (int64_t)(1 + (gap == 0 ? (uint64_t)i : roll() % (gap * ROWS))));
		bind_number(q, 2);
		bind_text(q, 3);
		bind_number(q, 4);
		bind_text(q, 5);
		assert_ok(db_step_done(q, &e), &e);
	}
	sqlite3_finalize(q);
	if (gap > 0)
		assert_ok(db_run(db, "delete from t where id % 7 = 3", &e), &e);
	assert_ok(db_run(db, "commit", &e), &e);
}

#define SCHEMA "create table other(x); create table t(id integer primary key, a integer, b text, c integer, d text) strict"

static void
expect_row(const struct db_cells *c, const struct db_table *t, sqlite3_stmt *q)
{
	struct db_cell cell[COLUMNS];
	struct arena a;

	arena_init(&a, 1 << 20);
	assert_true(db_cells_read(c, t, sqlite3_column_int64(q, 0), &a, cell, COLUMNS));
	assert_int_equal(cell[0].kind, DB_CELL_NULL);
	for (int i = 1; i < COLUMNS; i++) {
		int type = sqlite3_column_type(q, i);
		assert_int_equal(cell[i].kind, type == SQLITE_NULL ? DB_CELL_NULL :
			type == SQLITE_INTEGER			 ? DB_CELL_NUMBER :
								   DB_CELL_TEXT);
		if (type == SQLITE_INTEGER)
			assert_true(cell[i].number == sqlite3_column_int64(q, i));
		if (type != SQLITE_TEXT)
			continue;
		assert_int_equal(cell[i].len, sqlite3_column_bytes(q, i));
		assert_memory_equal(cell[i].text, sqlite3_column_text(q, i), cell[i].len);
	}
	arena_fini(&a);
}

static void
expect_all(sqlite3 *db)
{
	struct db_cell cell[COLUMNS];
	struct db_cells c;
	struct db_table t;
	sqlite3_stmt *q;
	int64_t last = 0, id;
	struct arena a;
	struct err e;

	db_cells_open(&c, path);
	db_cells_table(&c, db, "t", &t);
	arena_init(&a, 1 << 20);
	assert_ok(db_statement(&q, db, "select * from t order by id", &e), &e);
	while (db_step_row(q, &e) == 1) {
		id = sqlite3_column_int64(q, 0);
		for (int64_t gone = id - 1; gone > last && gone > id - 3; gone--)
			assert_false(db_cells_read(&c, &t, gone, &a, cell, COLUMNS));
		expect_row(&c, &t, q);
		last = id;
	}
	assert_int_equal(t.last, last);
	sqlite3_finalize(q);
	assert_false(db_cells_read(&c, &t, 0, &a, cell, COLUMNS));
	assert_false(db_cells_read(&c, &t, -1, &a, cell, COLUMNS));
	assert_false(db_cells_read(&c, &t, last + 1, &a, cell, COLUMNS));
	if (last > 0)
		assert_false(db_cells_read(&c, &t, last, &a, cell, COLUMNS + 1));
	assert_ok(db_cells_verify(&c, &t, db, "t", &e), &e);
	arena_fini(&a);
	db_cells_close(&c);
}

static void
every_row_is_what_sqlite_says(void **state)
{
	static const int page_bytes[] = {512, 1024, 4096, 65536};
	sqlite3 *db;

	(void)state;
	seed = 1;
	for (size_t i = 0; i < 4; i++)
		for (unsigned gap = 0; gap < 4; gap++) {
			db = create(page_bytes[i], gap == 2 ? 24 : 0, SCHEMA);
			fill(db, gap == 3 ? 1u << 20 : gap);
			expect_all(db);
			db_close(db);
		}
}

static void
a_table_of_nothing_has_no_row(void **state)
{
	sqlite3 *db = create(4096, 0, SCHEMA);
	struct err e;

	(void)state;
	assert_ok(db_run(db, "commit", &e), &e);
	expect_all(db);
	db_close(db);
}

/* What is asked of SQLite: other kinds of values, texts that are not UTF-8, no such table. */
static void
what_is_not_plain_is_left_to_sqlite(void **state)
{
	struct db_cell cell[2];
	struct db_cells c;
	struct db_table t;
	struct arena a;
	sqlite3 *db;
	struct err e;

	(void)state;
	arena_init(&a, 1 << 20);
	db = create(4096, 0, "create table t(id integer primary key, x)");
	assert_ok(db_run(db, "insert into t values(1, 1.5), (2, x'00'), (3, 'text'); commit", &e), &e);
	db_cells_open(&c, path);
	db_cells_table(&c, db, "nothing", &t);
	assert_false(db_cells_read(&c, &t, 1, &a, cell, 2));
	db_cells_table(&c, db, "t", &t);
	assert_false(db_cells_read(&c, &t, 1, &a, cell, 2));
	assert_false(db_cells_read(&c, &t, 2, &a, cell, 2));
	assert_true(db_cells_read(&c, &t, 3, &a, cell, 2));
	db_cells_close(&c);
	db_close(db);

	db = create(4096, 0, "pragma encoding = 'UTF-16'; create table t(id integer primary key, x)");
	assert_ok(db_run(db, "insert into t values(1, 'text'); commit", &e), &e);
	db_cells_open(&c, path);
	db_cells_table(&c, db, "t", &t);
	assert_false(db_cells_read(&c, &t, 1, &a, cell, 2));
	assert_ok(db_cells_verify(&c, &t, db, "t", &e), &e);
	db_cells_close(&c);
	db_close(db);
	arena_fini(&a);
}

static void
a_difference_is_found(void **state)
{
	struct db_cells c;
	struct db_table t;
	sqlite3 *db;
	struct err e;

	(void)state;
	seed = 2;
	db = create(1024, 0, SCHEMA);
	fill(db, 1);
	db_cells_open(&c, path);
	db_cells_table(&c, db, "t", &t);
	assert_ok(db_cells_verify(&c, &t, db, "t", &e), &e);
	/* Not written yet: it is in SQLite's memory alone. */
	assert_ok(db_run(db, "begin; update t set a = 77 where id = (select max(id) from t)", &e), &e);
	assert_refused(db_cells_verify(&c, &t, db, "t", &e), &e, ERR_CORRUPT);
	db_cells_close(&c);
	db_close(db);
}

static void
write_damaged(const char *bytes, size_t n, const char *to)
{
	FILE *f = fopen(to, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Reads all of a damaged file: whatever comes back lies in memory that is there. */
static unsigned
read_all(const char *file, const struct db_table *t)
{
	struct db_cell cell[COLUMNS];
	struct db_cells c;
	struct arena a;
	unsigned sum = 0;

	arena_init(&a, 1 << 20);
	db_cells_open(&c, file);
	for (int64_t id = 1; id <= t->last && c.map.data != NULL; id++) {
		arena_reset(&a);
		if (!db_cells_read(&c, t, id, &a, cell, COLUMNS))
			continue;
		for (int i = 0; i < COLUMNS; i++)
			for (size_t k = 0; cell[i].kind == DB_CELL_TEXT && k < cell[i].len; k++)
				sum += (unsigned char)cell[i].text[k];
	}
	db_cells_close(&c);
	arena_fini(&a);
	return sum;
}

static void
damage_is_no_harm(void **state)
{
	struct db_cells c;
	struct db_table t;
	size_t len, n;
	char other[700], *bytes;
	sqlite3 *db;
	struct err e;

	(void)state;
	seed = 3;
	snprintf(other, sizeof other, "%s/damaged.db", folder);
	db = create(512, 0, SCHEMA);
	fill(db, 0);
	db_cells_open(&c, path);
	db_cells_table(&c, db, "t", &t);
	db_cells_close(&c);
	db_close(db);
	assert_ok(file_read(&bytes, &len, path, 64 << 20, &e), &e);
	for (int round = 0; round < 60; round++) {
		char *copy = malloc(len);
		memcpy(copy, bytes, len);
		for (unsigned i = 0; i < 1u << round % 11; i++)
			copy[100 + roll() % (len - 100)] = (char)(roll() % 3 > 0 ? roll() : 0xff);
		n = round % 3 == 0 ? roll() % len : len;
		write_damaged(copy, n, other);
		read_all(other, &t);
		free(copy);
	}
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_is_what_sqlite_says),
	    cmocka_unit_test(a_table_of_nothing_has_no_row),
	    cmocka_unit_test(what_is_not_plain_is_left_to_sqlite),
	    cmocka_unit_test(a_difference_is_found),
	    cmocka_unit_test(damage_is_no_harm),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
