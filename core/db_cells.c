/* db_cells.c - rows of a sealed SQLite file, read where they lie. */
#include "db_cells.h"

#include <stdio.h>
#include <string.h>

enum {
	FILE_HEAD = 100,		/* of the first page */
	INTERIOR = 5, LEAF = 13,	/* kinds of a table's pages */
	DEPTH_MAX = 20,
	GUESSES = 3,			/* before the search halves what is left */
	COLUMNS_MAX = 16,
};

typedef const unsigned char *bytes;

static uint32_t
u16(bytes p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
u32(bytes p)
{
	return u16(p) << 16 | u16(p + 2);
}

static bytes
long_varint(bytes p, bytes end, uint64_t *out)
{
	uint64_t value = 0;

	for (int i = 0; i < 8 && p < end; i++) {
		value = value << 7 | (*p & 0x7f);
		if (*p++ < 0x80) {
			*out = value;
			return p;
		}
	}
	if (p >= end)
		return NULL;
	*out = value << 8 | *p;
	return p + 1;
}

/* Behind a number of at most nine bytes, the high ones first; NULL: it is cut. */
static inline bytes
varint(bytes p, bytes end, uint64_t *out)
{
	if (p >= end || *p >= 0x80)
		return long_varint(p, end, out);
	*out = *p;
	return p + 1;
}

/* ---- pages ---- */

struct page {
	bytes start, end;	/* of what is usable */
	bytes cells;		/* where each cell begins, in the order of their ids */
	uint32_t count;
	uint32_t last_child;	/* of an interior page */
	bool is_leaf;
};

static bytes
page_start(const struct db_cells *c, uint32_t number)
{
	if (number == 0 || number > c->pages)
		return NULL;
	return c->map.data + (size_t)(number - 1) * c->page_bytes;
}

static bool
open_page(const struct db_cells *c, uint32_t number, struct page *out)
{
	bytes start = page_start(c, number), head;

	if (start == NULL)
		return false;
	head = start + (number == 1 ? FILE_HEAD : 0);
	if (head[0] != INTERIOR && head[0] != LEAF)
		return false;
	*out = (struct page){.start = start, .end = start + c->usable, .count = u16(head + 3),
	    .is_leaf = head[0] == LEAF};
	out->cells = head + (out->is_leaf ? 8 : 12);
	if (!out->is_leaf)
		out->last_child = u32(head + 8);
	return out->cells <= out->end && out->count <= (size_t)(out->end - out->cells) / 2;
}

/* A cell, at least its first five bytes; NULL: it lies elsewhere. */
static bytes
cell_at(const struct page *p, uint32_t i)
{
	size_t at = u16(p->cells + 2 * (size_t)i), room = (size_t)(p->end - p->start);

	return at >= (size_t)(p->cells - p->start) && at + 5 <= room ? p->start + at : NULL;
}

/* The id of a cell: of a row in a leaf, else the last below its child. */
static bool
id_at(const struct page *p, uint32_t i, int64_t *id)
{
	bytes at = cell_at(p, i);
	uint64_t n;

	if (at == NULL)
		return false;
	at = p->is_leaf ? varint(at, p->end, &n) : at + 4;
	if (at == NULL || varint(at, p->end, &n) == NULL)
		return false;
	*id = (int64_t)n;
	return true;
}

/* ---- the walk ---- */

/* The first cell whose id is not below `id`, which lies in (low, high]; count: there is none.
 * Ids are numbered through, so that where one stands can be guessed. */
static bool
find_cell(const struct page *p, int64_t id, int64_t *low, int64_t *high, uint32_t *out)
{
	uint32_t from = 0, to = p->count, middle;
	int64_t at;

	for (int tries = 0; from < to; tries++) {
		middle = from + (to - from) / 2;
		if (tries < GUESSES)
			middle = from + (uint32_t)((double)(to - from) *
				((double)(id - *low - 1) / (double)(*high - *low)));
		if (middle < from || middle >= to || !id_at(p, middle, &at))
			return false;
		if (at < id) {
			from = middle + 1;
			*low = at;
		} else {
			to = middle;
			*high = at;
		}
		if (*low >= id || *high < id)
			return false;	/* not in order */
	}
	*out = from;
	return true;
}

/* The leaf that has the row, and its cell. */
static bytes
find_row(const struct db_cells *c, const struct db_table *t, int64_t id, struct page *leaf)
{
	uint32_t number = t->root, i;
	int64_t low = 0, high = t->last;
	bytes cell;

	if (id < 1 || id > t->last)
		return NULL;
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		if (!open_page(c, number, leaf) || !find_cell(leaf, id, &low, &high, &i))
			return NULL;
		if (leaf->is_leaf)
			return i < leaf->count && high == id ? cell_at(leaf, i) : NULL;
		number = leaf->last_child;
		if (i < leaf->count) {
			if ((cell = cell_at(leaf, i)) == NULL)
				return NULL;
			number = u32(cell);
		}
	}
	return NULL;
}

/* ---- a row's bytes ---- */

/* How many of a row's n bytes are in its leaf; the rest follows on pages of its own. */
static size_t
local_bytes(const struct db_cells *c, size_t n)
{
	size_t most = c->usable - 35, least = (c->usable - 12) * 32 / 255 - 23, some;

	if (n <= most)
		return n;
	some = least + (n - least) % (c->usable - 4);
	return some <= most ? some : least;
}

static bytes
join_pages(const struct db_cells *c, bytes local, size_t here, size_t n, struct arena *a)
{
	uint32_t next = u32(local + here);
	unsigned char *all;
	bytes page;
	size_t part;

	if (n > c->map.len || (all = arena_alloc(a, n)) == NULL)
		return NULL;
	memcpy(all, local, here);
	for (size_t have = here; have < n; have += part) {
		if ((page = page_start(c, next)) == NULL)
			return NULL;
		next = u32(page);
		part = n - have < c->usable - 4 ? n - have : c->usable - 4;
		memcpy(all + have, page + 4, part);
	}
	return all;
}

/* The record of a row, n bytes. */
static bytes
row_bytes(const struct db_cells *c, const struct page *leaf, bytes cell, struct arena *a, size_t *n)
{
	uint64_t bytes_all, id;
	size_t here, room;
	bytes at;

	if ((at = varint(cell, leaf->end, &bytes_all)) == NULL ||
	    (at = varint(at, leaf->end, &id)) == NULL || bytes_all > c->map.len)
		return NULL;
	*n = (size_t)bytes_all;
	here = local_bytes(c, *n);
	room = (size_t)(leaf->end - at);
	if (here == *n)
		return here <= room ? at : NULL;
	return here + 4 <= room ? join_pages(c, at, here, *n, a) : NULL;
}

/* ---- values ---- */

static const unsigned char number_bytes[] = {0, 1, 2, 3, 4, 6, 8, 0, 0, 0};

static int64_t
read_number(bytes p, size_t n)
{
	uint64_t value = n > 0 && (p[0] & 0x80) != 0 ? UINT64_MAX : 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | p[i];
	return (int64_t)value;
}

/* The value of a type; how many bytes it has, -1 for one that is not read here. */
static int64_t
read_value(uint64_t type, bytes at, size_t room, struct db_cell *out)
{
	size_t n = type >= 13 ? (size_t)(type - 13) / 2 : type < 10 ? number_bytes[type] : 0;

	*out = (struct db_cell){0};
	if (n > room || type == 7 || type == 10 || type == 11 || (type >= 12 && type % 2 == 0))
		return -1;
	if (type >= 13) {
		out->kind = DB_CELL_TEXT;
		out->text = (const char *)at;
		out->len = n;
	} else if (type != 0) {
		out->kind = DB_CELL_NUMBER;
		out->number = type == 8 || type == 9 ? (int64_t)type - 8 : read_number(at, n);
	}
	return (int64_t)n;
}

/* A record: the length of its head, a type for each column, and their values. */
static bool
read_record(bytes p, size_t n, struct db_cell *out, size_t count)
{
	bytes end = p + n, at = p, value;
	uint64_t head, type;
	int64_t took;

	if ((at = varint(at, end, &head)) == NULL || head > n)
		return false;
	value = p + head;
	for (size_t i = 0; i < count; i++) {
		if ((at = varint(at, p + head, &type)) == NULL ||
		    (took = read_value(type, value, (size_t)(end - value), &out[i])) == -1)
			return false;
		value += took;
	}
	return true;
}

bool
db_cells_read(const struct db_cells *c, const struct db_table *t, int64_t id, struct arena *a,
    struct db_cell *out, size_t count)
{
	struct page leaf;
	bytes cell, record;
	size_t n;

	return t->root != 0 && (cell = find_row(c, t, id, &leaf)) != NULL &&
	    (record = row_bytes(c, &leaf, cell, a, &n)) != NULL &&
	    read_record(record, n, out, count);
}

/* ---- opening ---- */

/* Texts in UTF-8, and nothing of a kind that is newer than this. */
static bool
read_head(struct db_cells *c)
{
	static const char magic[16] = "SQLite format 3";
	bytes p = c->map.data;
	size_t pages;

	if (c->map.len < FILE_HEAD || memcmp(p, magic, sizeof magic) != 0)
		return false;
	c->page_bytes = u16(p + 16) == 1 ? 65536 : u16(p + 16);
	if (c->page_bytes < 512 || (c->page_bytes & (c->page_bytes - 1)) != 0 ||
	    c->page_bytes - p[20] < 480 || p[19] > 2 || u32(p + 56) != 1)
		return false;
	c->usable = c->page_bytes - p[20];
	pages = c->map.len / c->page_bytes;
	c->pages = pages < UINT32_MAX ? (uint32_t)pages : UINT32_MAX;
	return true;
}

void
db_cells_open(struct db_cells *c, const char *path)
{
	*c = (struct db_cells){0};
	if (file_map(&c->map, path, NULL) == -1 || !read_head(c))
		db_cells_close(c);
}

void
db_cells_close(struct db_cells *c)
{
	file_unmap(&c->map);
	*c = (struct db_cells){0};
}

static int64_t
last_id(const struct db_cells *c, uint32_t number)
{
	struct page p;
	int64_t id = 0;

	for (int depth = 0; depth < DEPTH_MAX && open_page(c, number, &p); depth++) {
		if (p.is_leaf)
			return p.count > 0 && id_at(&p, p.count - 1, &id) ? id : 0;
		number = p.last_child;
	}
	return 0;
}

void
db_cells_table(const struct db_cells *c, sqlite3 *db, const char *name, struct db_table *out)
{
	sqlite3_stmt *q;

	*out = (struct db_table){0};
	if (c->map.data == NULL ||
	    db_statement(&q, db, "select rootpage from sqlite_schema where type = 'table' and name = ?",
		NULL) == -1)
		return;
	db_bind_text(q, 1, name);
	if (db_step_row(q, NULL) == 1)
		out->root = (uint32_t)sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	out->last = last_id(c, out->root);
}

/* ---- verifying ---- */

static bool
is_same(const struct db_cell *cell, sqlite3_stmt *q, int column)
{
	switch (sqlite3_column_type(q, column)) {
	case SQLITE_NULL:
		return cell->kind == DB_CELL_NULL;
	case SQLITE_INTEGER:
		return cell->kind == DB_CELL_NUMBER && cell->number == sqlite3_column_int64(q, column);
	case SQLITE_TEXT:
		return cell->kind == DB_CELL_TEXT &&
		    cell->len == (size_t)sqlite3_column_bytes(q, column) &&
		    memcmp(cell->text, sqlite3_column_text(q, column), cell->len) == 0;
	default:
		return false;
	}
}

static int
verify_row(const struct db_cells *c, const struct db_table *t, sqlite3_stmt *q, struct arena *a,
    const char *name, struct err *e)
{
	struct db_cell cells[COLUMNS_MAX];
	int columns = sqlite3_column_count(q);
	int64_t id = sqlite3_column_int64(q, 0);

	columns = columns < COLUMNS_MAX ? columns : COLUMNS_MAX;
	arena_reset(a);
	if (!db_cells_read(c, t, id, a, cells, (size_t)columns))
		return 0;
	for (int i = 1; i < columns; i++)
		if (!is_same(&cells[i], q, i))
			return err_set(e, ERR_CORRUPT, "%s %lld is not what its page holds", name,
			    (long long)id);
	return 0;
}

int
db_cells_verify(const struct db_cells *c, const struct db_table *t, sqlite3 *db, const char *name,
    struct err *e)
{
	char sql[96];
	sqlite3_stmt *q;
	struct arena a;
	int got, rc = 0;

	if (t->root == 0)
		return 0;
	snprintf(sql, sizeof sql, "select * from \"%s\" order by id", name);
	if (db_statement(&q, db, sql, e) == -1)
		return -1;
	arena_init(&a, SIZE_MAX / 2);
	while (rc == 0 && (got = db_step_row(q, e)) != 0)
		rc = got == -1 ? -1 : verify_row(c, t, q, &a, name, e);
	arena_fini(&a);
	sqlite3_finalize(q);
	return rc;
}
