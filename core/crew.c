/* crew.c - work in parts, done by several threads at once. */
#include "crew.h"

#include <pthread.h>
#include <sched.h>

static unsigned size = 1;
static crew_manner_fn *begin_manner, *end_manner;

void
crew_set_size(unsigned threads)
{
	cpu_set_t usable;

	if (threads == 0)
		threads = sched_getaffinity(0, sizeof usable, &usable) == 0
		    ? (unsigned)CPU_COUNT(&usable) : 1;
	size = threads < CREW_MAX ? threads : CREW_MAX;
}

unsigned
crew_size(void)
{
	return size;
}

void
crew_set_manners(crew_manner_fn *begin, crew_manner_fn *end)
{
	begin_manner = begin;
	end_manner = end;
}

void
crew_begin_thread(void)
{
	if (begin_manner != NULL)
		begin_manner();
}

void
crew_end_thread(void)
{
	if (end_manner != NULL)
		end_manner();
}

struct crew {
	crew_fn *work;
	void *context;
	size_t parts, next;
};

static void
take_parts(struct crew *c)
{
	size_t part;

	while ((part = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED)) < c->parts)
		c->work(c->context, part);
}

static void *
be_hired(void *arg)
{
	crew_begin_thread();
	take_parts(arg);
	crew_end_thread();
	return NULL;
}

void
crew_run(crew_fn *work, void *context, size_t parts)
{
	struct crew c = {.work = work, .context = context, .parts = parts};
	pthread_t thread[CREW_MAX];
	unsigned hired = 0;

	while (hired + 1 < size && hired + 1 < parts &&
	    pthread_create(&thread[hired], NULL, be_hired, &c) == 0)
		hired++;
	take_parts(&c);
	while (hired > 0)
		pthread_join(thread[--hired], NULL);
}
