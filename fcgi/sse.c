/* sse.c - server-sent events, as bytes. */
#include "sse.h"

#include <string.h>

void
sse_event(struct buf *b, const char *name, const char *data, size_t n)
{
	const char *end = data + n, *line;
	size_t len;

	if (name != NULL)
		buf_addf(b, "event: %s\n", name);
	do {
		line = data;
		while (data < end && *data != '\n' && *data != '\r')
			data++;
		len = (size_t)(data - line);
		buf_adds(b, "data: ");
		buf_add(b, line, len);
		buf_addc(b, '\n');
	} while (data++ < end);
	buf_addc(b, '\n');
}

void
sse_comment(struct buf *b)
{
	buf_adds(b, ": \n\n");
}
