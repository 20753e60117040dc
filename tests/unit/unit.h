/* unit.h - what every cmocka test includes, in the order cmocka wants it. */
#ifndef RAGPOOL_UNIT_H
#define RAGPOOL_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "err.h"

/* Fails with the error's own words. */
#define assert_ok(call, e) \
	do { \
		if ((call) != 0) \
			fail_msg("%s: %s", #call, (e)->text); \
	} while (0)
#define assert_refused(call, e, wanted) \
	do { \
		assert_int_equal((call), -1); \
		assert_string_equal(err_row((e)->code)->slug, err_row(wanted)->slug); \
	} while (0)

/* A fresh folder below TMPDIR, removed by unit_folder_gone(). */
static inline char *
unit_folder(void)
{
	const char *base = getenv("TMPDIR");
	char *path = malloc(512);

	snprintf(path, 512, "%s/ragpool-unit-XXXXXX", base != NULL ? base : "/tmp");
	assert_non_null(mkdtemp(path));
	return path;
}

static inline void
unit_folder_gone(char *path)
{
	int file_remove_tree(const char *, struct err *);

	file_remove_tree(path, NULL);
	free(path);
}

#endif
