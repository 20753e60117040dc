/* vectors.c - vectors of passages that a model elsewhere made, kept in source.db. */
#include "vectors.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "db.h"

static const char schema[] =
    "create table if not exists vector(identity integer not null, hash blob not null,"
    " vector blob not null, primary key(identity, hash)) strict, without rowid;"
    "create temp table if not exists used(hash blob primary key) without rowid;"
    "delete from temp.used";

struct vectors {
	sqlite3 *db;
	uint32_t identity;
	sqlite3_stmt *find, *put, *use;
	float found[INDEX_DIM_MAX];
};

void
passage_put(struct buf *b, const char *title, const char *heading, const char *text, size_t len)
{
	buf_addf(b, "%s\n%s\n", title, heading);
	buf_add(b, text, len);
}

int
vectors_open(struct vectors **out, sqlite3 *db, uint32_t identity, struct err *e)
{
	struct vectors *v = calloc(1, sizeof *v);

	*out = NULL;
	if (v == NULL)
		return err_sys(e, ERR_NOMEM, "vectors");
	v->db = db;
	v->identity = identity;
	if (db_run(db, schema, e) == -1 ||
	    db_statement(&v->find, db, "select vector from vector where identity = ? and hash = ?",
		e) == -1 ||
	    db_statement(&v->put, db, "insert or replace into vector values(?,?,?)", e) == -1 ||
	    db_statement(&v->use, db, "insert or ignore into temp.used values(?)", e) == -1) {
		vectors_close(v);
		return -1;
	}
	*out = v;
	return 0;
}

void
vectors_close(struct vectors *v)
{
	if (v == NULL)
		return;
	sqlite3_finalize(v->find);
	sqlite3_finalize(v->put);
	sqlite3_finalize(v->use);
	free(v);
}

static void
bind_hash(sqlite3_stmt *s, int at, const uint8_t hash[SHA256_BYTES])
{
	sqlite3_bind_blob(s, at, hash, SHA256_BYTES, SQLITE_STATIC);
}

int
vectors_find(struct vectors *v, const uint8_t hash[SHA256_BYTES], const float **vector,
    uint32_t *dim, struct err *e)
{
	size_t bytes = 0;
	int got;

	sqlite3_bind_int64(v->find, 1, v->identity);
	bind_hash(v->find, 2, hash);
	if ((got = db_step_row(v->find, e)) == 1) {
		bytes = (size_t)sqlite3_column_bytes(v->find, 0);
		if (bytes == 0 || bytes > sizeof v->found || bytes % sizeof v->found[0] != 0)
			got = err_set(e, ERR_CORRUPT, "source.db: a vector of %zu bytes", bytes);
		else
			memcpy(v->found, sqlite3_column_blob(v->find, 0), bytes);
	}
	sqlite3_reset(v->find);
	*vector = v->found;
	*dim = (uint32_t)(bytes / sizeof v->found[0]);
	return got;
}

static int
put_one(struct vectors *v, const uint8_t hash[SHA256_BYTES], const float *vector, uint32_t dim,
    struct err *e)
{
	sqlite3_bind_int64(v->put, 1, v->identity);
	bind_hash(v->put, 2, hash);
	sqlite3_bind_blob64(v->put, 3, vector, dim * sizeof *vector, SQLITE_STATIC);
	return db_step_done(v->put, e);
}

int
vectors_put(struct vectors *v, uint8_t (*hashes)[SHA256_BYTES], const float *vectors,
    size_t count, uint32_t dim, struct err *e)
{
	if (db_run(v->db, "begin immediate", e) == -1)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (put_one(v, hashes[i], vectors + i * dim, dim, e) == -1)
			goto fail;
	if (db_run(v->db, "commit", e) == 0)
		return 0;
fail:
	sqlite3_exec(v->db, "rollback", NULL, NULL, NULL);
	return -1;
}

int
vectors_add(struct vectors *v, const uint8_t hash[SHA256_BYTES], const float *vector,
    uint32_t dim, struct err *e)
{
	return put_one(v, hash, vector, dim, e);
}

int
vectors_use(struct vectors *v, const uint8_t hash[SHA256_BYTES], bool *is_first, struct err *e)
{
	bind_hash(v->use, 1, hash);
	if (db_step_done(v->use, e) == -1)
		return -1;
	*is_first = sqlite3_changes64(v->db) > 0;
	return 0;
}

int
vectors_sweep(struct vectors *v, struct err *e)
{
	return db_run(v->db, "delete from vector where hash not in (select hash from temp.used)", e);
}
