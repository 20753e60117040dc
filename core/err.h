/* err.h - an error as a value: a code from err.def and a sentence.
 *
 * Functions that can fail return 0 or -1 and take a `struct err *` last, filled
 * only on failure.  Callers that do not care for the words may pass NULL.  An
 * error is passed up unchanged and logged once, at the edge of the process.
 */
#ifndef RAGPOOL_ERR_H
#define RAGPOOL_ERR_H

enum err_code {
	ERR_NONE = 0,
#define X(symbol, slug, http, exit, text) symbol,
#include "err.def"
#undef X
	ERR_CODE_MAX
};

enum { ERR_TEXT_BYTES = 320 };

struct err {
	enum err_code code;
	char text[ERR_TEXT_BYTES];
};

/* One row of err.def. */
struct err_row {
	const char *slug;
	int http_status;
	int exit_code;
	const char *meaning;
};

/* Fills *e and returns -1, so that `return err_set(...)` reads well. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set(), with ": " and the words for errno behind the text.  ENOMEM,
 * ENOENT and EACCES/EPERM/EROFS choose their own code; any other errno takes `code`. */
int err_sys(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text that is there. */
void err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void err_clear(struct err *e);

/* The code of a slug; ERR_PEER for what is none of ours. */
enum err_code err_code_of(const char *slug);

/* The row of a code; never NULL. */
const struct err_row *err_row(enum err_code code);

#endif
