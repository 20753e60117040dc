/* source_push.c - documents that were sent through the API (core/pushed.h). */
#include "pushed.h"
#include "source_kinds.h"

int
source_push_open(struct source **out, const struct source_options *o,
    const struct source_world *w, struct err *e)
{
	(void)o;
	return source_pushed_open(out, w->data_dir, w->tenant, e);
}
