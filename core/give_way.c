/* give_way.c - places in long work where the process may let others have the processor. */
#include "give_way.h"

#include <stddef.h>

_Thread_local uint64_t give_way_worked_ns;

static give_way_fn *ask_process;
static void *ask_context;

void
give_way_by(give_way_fn *ask, void *context)
{
	ask_process = ask;
	ask_context = context;
}

void
give_way_now(void)
{
	give_way_worked_ns = 0;
	if (ask_process != NULL)
		ask_process(ask_context);
}
