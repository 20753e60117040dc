/* db_cells.h - rows of a sealed SQLite file, read where they lie.
 *
 * For the one thing that every question asks of a store, the row of an id, five times over: a
 * file that never changes is mapped, and a walk down the tree of its table finds the cell.  The
 * layout is SQLite's contract with everybody (https://sqlite.org/fileformat2.html, sections 1.5,
 * 1.6 and 2.1: b-tree pages, overflow pages, records).  Everything else is SQLite's business,
 * and so is whatever is not plain here: a row that is not found, that is damaged, or of values
 * this does not read is one to ask SQLite for, which tells what is the matter.
 *
 * Bounds  every page number, offset, length and depth is checked against the file.
 * Memory  values are borrowed from the mapping, until db_cells_close(); those of a row that
 *         is larger than a page are put together in the arena.
 * Cost    0.2 us a row of a table of 10,000 (SQLite: 1 us), mostly waiting for memory.
 */
#ifndef RAGPOOL_DB_CELLS_H
#define RAGPOOL_DB_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "db.h"
#include "err.h"
#include "file.h"

struct db_cells {
	struct file_map map;
	size_t page_bytes, usable;	/* usable: without what is reserved at each page's end */
	uint32_t pages;
};

struct db_table {
	uint32_t root;			/* its first page; 0: not read here */
	int64_t last;			/* the largest id */
};

enum db_cell_kind { DB_CELL_NULL, DB_CELL_NUMBER, DB_CELL_TEXT };

struct db_cell {
	enum db_cell_kind kind;
	int64_t number;
	const char *text;		/* not terminated */
	size_t len;
};

/* What cannot be read here is not mapped, and no table is found in it: no error. */
void db_cells_open(struct db_cells *c, const char *path);
void db_cells_close(struct db_cells *c);
/* Asks db, which is open on the same file, where the table begins. */
void db_cells_table(const struct db_cells *c, sqlite3 *db, const char *name, struct db_table *out);
/* The first `count` values of a row; the id's own column is DB_CELL_NULL.  false: ask SQLite. */
bool db_cells_read(const struct db_cells *c, const struct db_table *t, int64_t id, struct arena *a,
    struct db_cell *out, size_t count);
/* Compares every row of the table with what SQLite says: ERR_CORRUPT where a row is read here
 * and is not the same.  A row that is not read here is not looked at. */
int db_cells_verify(const struct db_cells *c, const struct db_table *t, sqlite3 *db,
    const char *name, struct err *e);

#endif
