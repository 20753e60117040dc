/* rest.c - a build that lets others to the processor. */
#include "rest.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "clk.h"
#include "crew.h"
#include "demand.h"

enum {
	EVERY_NS = 1000000,	/* a rest, at the latest */
	REST_NS = 300000,
	WAY_NS = 2000000,	/* the longest way made for questions, ... */
	RUN_NS = 1000000,	/* ... and how long nothing is made way for after it */
	LOOK_NS = 100000,	/* between two looks, while questions are asked */
	LOOK_WORKERS = 32,	/* so many are looked at for nothing; more of them less often */
	COMPUTED_NS = 1000000,	/* of processor time: looks begin, ... */
	IDLE_LOOKS = 30,	/* ... and end after so many without any; a disk takes less */
};

/* glibc has no name for it before 2.38. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* The looks' timer runs while the thread computes: one that counts its processor time starts it, and
 * it stops itself when there was none, so that a thread which waits uses no time at all (by that the
 * supervisor knows a build that hangs). */
enum { COMPUTES, LOOKS, TIMERS };

static _Thread_local timer_t timer[TIMERS];
static _Thread_local volatile sig_atomic_t timers;
static _Thread_local int64_t every_ns;		/* between two looks, 0: none */
static _Thread_local int64_t looked_ns;		/* the end of the last look; */
static _Thread_local int64_t used_ns;		/* processor time till then, */
static _Thread_local long pushed;		/* how often it was taken away, */
static _Thread_local uint64_t done;		/* and questions answered */
static _Thread_local int64_t due_ns;		/* the next rest */
static _Thread_local int64_t runs_until_ns;
static _Thread_local int idle_looks;

static int64_t
thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* How often somebody else was given the processor while this thread wanted it. */
static long
times_pushed(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nivcsw;
}

static void
look_every(int64_t ns)
{
	const struct itimerspec every = {{0, ns}, {0, ns}};

	if (ns == every_ns)
		return;
	every_ns = ns;
	timer_settime(timer[LOOKS], 0, &every, NULL);
}

static void
note_look(void)
{
	looked_ns = clk_ns();
	used_ns = thread_ns();
	pushed = times_pushed();
}

/* Since the last look; what could not use the processor did not wait. */
static bool
has_waited(int64_t passed_ns)
{
	return thread_ns() - used_ns < passed_ns / 4 && times_pushed() == pushed;
}

/* Coming back in the middle of a question would take the processor from it once more. */
static void
make_way(int64_t began_ns)
{
	static const struct timespec moment = {.tv_nsec = REST_NS};
	int64_t now_ns;
	bool is_in_hand;

	do {
		nanosleep(&moment, NULL);
		now_ns = clk_ns();
		is_in_hand = demand_is_in_hand(&done);
	} while (is_in_hand && now_ns - began_ns < WAY_NS);
	due_ns = now_ns + EVERY_NS;
	runs_until_ns = is_in_hand ? now_ns + RUN_NS : now_ns;
}

static void
look(void)
{
	int64_t now_ns = clk_ns(), passed_ns = now_ns - looked_ns;
	bool is_asked;

	if (passed_ns < every_ns / 2)		/* was due while the last one rested */
		return;
	is_asked = demand_is_there(now_ns);
	idle_looks = has_waited(passed_ns) ? idle_looks + 1 : 0;
	if (idle_looks == IDLE_LOOKS) {
		look_every(0);
		return;
	}
	look_every(is_asked ? LOOK_NS * (1 + demand_workers() / LOOK_WORKERS) : EVERY_NS);
	if (idle_looks == 0 && is_asked && now_ns >= runs_until_ns &&
	    (times_pushed() != pushed || demand_is_in_hand(&done) || now_ns >= due_ns))
		make_way(now_ns);
	note_look();
}

/* All it calls is safe in a handler of signals. */
static void
on_timer(int number, siginfo_t *info, void *context)
{
	int saved = errno;
	bool has_timers = timers == TIMERS;	/* where they end, their numbers may be others' */

	(void)number;
	(void)context;
	if (has_timers && info->si_value.sival_int == LOOKS && every_ns > 0) {
		look();
	} else if (has_timers && info->si_value.sival_int == COMPUTES && every_ns == 0) {
		note_look();
		idle_looks = 0;
		look_every(EVERY_NS);
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

/* A thread that can have no timers works without a rest. */
static void
begin_thread(void)
{
	static const struct itimerspec every = {{0, COMPUTED_NS}, {0, COMPUTED_NS}};

	if (make_timer(COMPUTES, CLOCK_THREAD_CPUTIME_ID) && make_timer(LOOKS, CLOCK_MONOTONIC))
		timer_settime(timer[COMPUTES], 0, &every, NULL);
}

static void
end_thread(void)
{
	while (timers > 0)
		timer_delete(timer[--timers]);
	every_ns = 0;
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
