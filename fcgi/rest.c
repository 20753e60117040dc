/* rest.c - a build that lets others to the processor. */
#include "rest.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "crew.h"

/* A shorter rest lets in who waits already, but leaves no free processor to who is woken next: 20 us
 * twice a millisecond took away half of what questions wait for, these all of it. */
enum { EVERY_NS = 1000000, REST_NS = 300000 };

/* glibc has no name for it before 2.38. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static _Thread_local timer_t timer;
static _Thread_local bool has_timer;

static void
rest(int number)
{
	static const struct timespec moment = {.tv_nsec = REST_NS};
	int saved = errno;

	(void)number;
	nanosleep(&moment, NULL);
	errno = saved;
}

/* A thread that can have no timer works without a pause. */
static void
begin_thread(void)
{
	static const struct itimerspec every = {{0, EVERY_NS}, {0, EVERY_NS}};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 9};

	event.sigev_notify_thread_id = gettid();
	has_timer = timer_create(CLOCK_MONOTONIC, &event, &timer) == 0;
	if (has_timer)
		timer_settime(timer, 0, &every, NULL);
}

static void
end_thread(void)
{
	if (has_timer)
		timer_delete(timer);
	has_timer = false;
}

int
rest_begin(struct err *e)
{
	struct sigaction a = {.sa_handler = rest, .sa_flags = SA_RESTART};

	sigemptyset(&a.sa_mask);
	if (sigaction(SIGRTMIN + 9, &a, NULL) == -1)
		return err_sys(e, ERR_INTERNAL, "sigaction");
	crew_set_manners(begin_thread, end_thread);
	begin_thread();
	return 0;
}
