/* lex_kept.c - rows of posting lists that were decoded for the question at hand. */
#include "lex_kept.h"

#include <stdlib.h>

#include "lex_parts.h"

enum { ROWS_MAX = 32768 };
_Static_assert(LEX_WINDOW / LEX_BLOCK <= 128, "bits of lex_kept_list");

int
lex_kept_init(struct lex_kept *k, struct err *e)
{
	/* A whole block may be read where the last one has fewer. */
	*k = (struct lex_kept){.rows = malloc((ROWS_MAX + LEX_BLOCK) * sizeof *k->rows)};
	return k->rows != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory to search in");
}

void
lex_kept_fini(struct lex_kept *k)
{
	free(k->rows);
	k->rows = NULL;
}

void
lex_kept_begin(struct lex_kept *k, uint32_t serial, uint32_t rows)
{
	k->serial = serial;
	k->lists = 0;
	k->used = rows <= LEX_WINDOW ? 0 : ROWS_MAX;
}

struct lex_kept_list *
lex_kept_add(struct lex_kept *k, uint32_t id, uint32_t df)
{
	/* The last block writes so much behind its last row. */
	uint32_t room = (df + 2 * LEX_SPARE - 1) / LEX_SPARE * LEX_SPARE;
	struct lex_kept_list *l = &k->list[k->lists];

	if (k->lists == LEX_KEPT_LISTS || df > LEX_WINDOW || room > ROWS_MAX - k->used)
		return NULL;
	*l = (struct lex_kept_list){.row = k->rows + k->used, .id = id};
	k->used += room;
	k->lists++;
	return l;
}

struct lex_kept_list *
lex_kept_find(struct lex_kept *k, uint32_t serial, uint32_t id)
{
	if (k == NULL || k->serial != serial)
		return NULL;
	for (uint32_t i = 0; i < k->lists; i++)
		if (k->list[i].id == id)
			return &k->list[i];
	return NULL;
}
