/* buf.h - bytes that grow, up to a maximum that every buffer must name.
 *
 * Memory  owned by the struct; buf_fini() frees.  data is always NUL-terminated
 *         once something was added (the NUL is not counted in len).
 * Errors  growing past max or out of memory sets ->failed and drops the rest;
 *         test buf_failed() once, at the end.
 */
#ifndef RAGPOOL_BUF_H
#define RAGPOOL_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "err.h"

struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max;
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/* Empties the buffer and keeps its memory. */
void buf_reset(struct buf *b);
void buf_add(struct buf *b, const void *bytes, size_t n);
/* Inline, so that the length of what is written in the program is known. */
static inline void
buf_adds(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}
void buf_addc(struct buf *b, char c);
/* n in decimal digits. */
void buf_addu(struct buf *b, uint64_t n);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for n more bytes to be written at the returned place, NULL on failure;
 * call buf_grew() with what was used. */
char *buf_room(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
/* -1 with ERR_LIMIT or ERR_NOMEM when an earlier call failed. */
int buf_check(const struct buf *b, const char *what, struct err *e);
/* The bytes, owned by the caller from here; the buffer is empty afterwards. */
char *buf_take(struct buf *b);

#endif
