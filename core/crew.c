/* crew.c - work in parts, done by several threads at once. */
#include "crew.h"

#include <pthread.h>
#include <sched.h>

static unsigned size = 1;

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

struct crew {
	crew_fn *work;
	void *context;
	size_t parts, next;
};

static void *
take_parts(void *arg)
{
	struct crew *c = arg;
	size_t part;

	while ((part = __atomic_fetch_add(&c->next, 1, __ATOMIC_RELAXED)) < c->parts)
		c->work(c->context, part);
	return NULL;
}

void
crew_run(crew_fn *work, void *context, size_t parts)
{
	struct crew c = {.work = work, .context = context, .parts = parts};
	pthread_t thread[CREW_MAX];
	unsigned hired = 0;

	while (hired + 1 < size && hired + 1 < parts &&
	    pthread_create(&thread[hired], NULL, take_parts, &c) == 0)
		hired++;
	take_parts(&c);
	while (hired > 0)
		pthread_join(thread[--hired], NULL);
}
