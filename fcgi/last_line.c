/* last_line.c - how a short-lived program that failed says so. */
#include "last_line.h"

#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "json.h"

void
last_line_error(const struct err *e)
{
	struct buf b;

	buf_init(&b, 8 * ERR_TEXT_BYTES);
	json_put_text(&b, e->text, strlen(e->text));
	if (!b.failed)
		printf("{\"error\": {\"code\": \"%s\", \"message\": %s}}\n",
		    err_row(e->code)->slug, b.data);
	buf_fini(&b);
}
