/* rest.c - a build that lets others to the processor. */
#include "rest.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "clk.h"
#include "crew.h"
#include "demand.h"

/* A shorter rest lets in who waits already, but leaves no free processor to who is woken next: 20 us
 * twice a millisecond took away half of what questions wait for, these all of it. */
enum { EVERY_NS = 1000000, REST_NS = 300000 };

/* glibc has no name for it before 2.38. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* The pauses' timer runs while the thread computes: one that counts its processor time starts it, and
 * it stops itself when there was none, so that a thread which waits uses no time at all (by that the
 * supervisor knows a build that hangs). */
enum { COMPUTES, PAUSES, TIMERS };
enum { COMPUTED_NS = 10000000, WAITED_NS = 50000 };

static _Thread_local timer_t timer[TIMERS];
static _Thread_local int timers;
static _Thread_local bool is_pausing;
static _Thread_local int64_t used_ns;

static int64_t
thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void
set_pausing(bool on)
{
	const struct itimerspec every = {
	    {0, on ? EVERY_NS : 0}, {0, on ? EVERY_NS : 0}};

	is_pausing = on;
	timer_settime(timer[PAUSES], 0, &every, NULL);
}

static void
rest(int64_t now_ns)
{
	static const struct timespec moment = {.tv_nsec = REST_NS};
	bool waited = now_ns - used_ns < WAITED_NS;

	used_ns = now_ns;
	if (waited)
		set_pausing(false);
	else if (demand_is_there(clk_ns()))
		nanosleep(&moment, NULL);
}

/* All it calls is safe in a handler of signals. */
static void
on_timer(int number, siginfo_t *info, void *context)
{
	int saved = errno;
	int64_t now_ns = thread_ns();

	(void)number;
	(void)context;
	if (info->si_value.sival_int == PAUSES && is_pausing) {
		rest(now_ns);
	} else if (info->si_value.sival_int == COMPUTES && !is_pausing) {
		used_ns = now_ns;
		set_pausing(true);
	}
	errno = saved;
}

static bool
make_timer(int which, clockid_t clock)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
	    .sigev_signo = SIGRTMIN + 9, .sigev_value = {.sival_int = which}};

	event.sigev_notify_thread_id = gettid();
	if (timer_create(clock, &event, &timer[which]) == -1)
		return false;
	timers++;
	return true;
}

/* A thread that can have no timers works without a pause. */
static void
begin_thread(void)
{
	static const struct itimerspec every = {{0, COMPUTED_NS}, {0, COMPUTED_NS}};

	if (make_timer(COMPUTES, CLOCK_THREAD_CPUTIME_ID) && make_timer(PAUSES, CLOCK_MONOTONIC))
		timer_settime(timer[COMPUTES], 0, &every, NULL);
}

static void
end_thread(void)
{
	while (timers > 0)
		timer_delete(timer[--timers]);
	is_pausing = false;
}

int
rest_begin(struct err *e)
{
	struct sigaction a = {.sa_sigaction = on_timer, .sa_flags = SA_RESTART | SA_SIGINFO};

	sigemptyset(&a.sa_mask);
	if (sigaction(SIGRTMIN + 9, &a, NULL) == -1)
		return err_sys(e, ERR_INTERNAL, "sigaction");
	crew_set_manners(begin_thread, end_thread);
	begin_thread();
	return 0;
}
