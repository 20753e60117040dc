/* buf.c - growable bytes with a mandatory maximum. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_fini(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->data);
	*b = (struct buf){.max = b->max};
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

static int
buf_grow(struct buf *b, size_t need)
{
	size_t cap = b->cap != 0 ? b->cap : 256;
	char *data;

	while (cap < need)
		cap += cap / 2 + 64;
	if (cap > b->max + 1)
		cap = b->max + 1;
	if ((data = realloc(b->data, cap)) == NULL)
		return -1;
	b->data = data;
	b->cap = cap;
	return 0;
}

char *
buf_room(struct buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (n > b->max || b->len > b->max - n ||
	    (b->len + n + 1 > b->cap && buf_grow(b, b->len + n + 1) == -1)) {
		b->failed = true;
		return NULL;
	}
	return b->data + b->len;
}

void
buf_grew(struct buf *b, size_t n)
{
	b->len += n;
	b->data[b->len] = '\0';
}

/* What was asked for mostly fits: an answer is some two hundred small pieces. */
static bool
has_room(const struct buf *b, size_t n)
{
	return n < b->cap - b->len && !b->failed;
}

void
buf_add(struct buf *b, const void *bytes, size_t n)
{
	if (!has_room(b, n) && buf_room(b, n) == NULL)
		return;
	if (n > 0)
		memcpy(b->data + b->len, bytes, n);
	buf_grew(b, n);
}

void
buf_addc(struct buf *b, char c)
{
	if (!has_room(b, 1) && buf_room(b, 1) == NULL)
		return;
	b->data[b->len] = c;
	buf_grew(b, 1);
}

void
buf_addu(struct buf *b, uint64_t n)
{
	char text[DECIMAL_BYTES];

	buf_add(b, text, decimal_of(n, text));
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	size_t room;
	char *at;
	int n;

	if (buf_room(b, 0) == NULL)
		return;
	room = b->cap - b->len;		/* mostly it fits, and is written but once */
	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(b->data + b->len, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (at = buf_room(b, (size_t)n)) != NULL) {
		if ((size_t)n >= room)
			vsnprintf(at, (size_t)n + 1, fmt, again);
		buf_grew(b, (size_t)n);
	} else {
		b->data[b->len] = '\0';
	}
	va_end(again);
}

int
buf_check(const struct buf *b, const char *what, struct err *e)
{
	if (!b->failed)
		return 0;
	if (b->len >= b->max / 2)
		return err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", what, b->max);
	return err_set(e, ERR_NOMEM, "%s: no memory", what);
}

char *
buf_take(struct buf *b)
{
	char *data;

	if (b->data == NULL)
		buf_add(b, "", 0);
	data = b->data;
	*b = (struct buf){.max = b->max};
	return data;
}
