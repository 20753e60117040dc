/* unit_inbox.h - a data folder with an inbox, and requests of one document in it. */
#ifndef RAGPOOL_UNIT_INBOX_H
#define RAGPOOL_UNIT_INBOX_H

#include "unit.h"

#include "inbox.h"

static char *base;

static inline int
inbox_set_up(void **state)
{
	struct err e;

	(void)state;
	base = unit_folder();
	assert_ok(inbox_make(base, &e), &e);
	return 0;
}

static inline int
inbox_tear_down(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

/* A request that tells tenant t of one document; text of INBOX_PUT alone, meta may be NULL. */
static inline void
inbox_say(enum inbox_op op, const char *key, const char *text, const char *meta)
{
	const struct inbox_item item = {.key = key, .meta = meta};
	const struct inbox_limits limits = {0};
	char job[INBOX_ID_BYTES];
	struct inbox_entry n;
	bool existed;
	struct err e;

	assert_ok(inbox_begin(&n, base, "t", &e), &e);
	if (op == INBOX_PUT) {
		assert_ok(inbox_write(&n, text, strlen(text), &e), &e);
		assert_ok(inbox_put(&n, &item, &e), &e);
	} else if (op == INBOX_REMOVE) {
		assert_ok(inbox_remove(&n, key, &e), &e);
	} else {
		assert_ok(inbox_describe(&n, key, meta, &e), &e);
	}
	assert_ok(inbox_commit(&n, &limits, NULL, job, &existed, &e), &e);
}

#endif
