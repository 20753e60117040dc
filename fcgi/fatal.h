/* fatal.h - a last word from a worker that crashes.
 *
 * A mapped file that shrank (SIGBUS), a fault of ours (SIGSEGV, SIGILL, SIGFPE, SIGABRT): one
 * line names the tenant in hand, then the signal ends the process as if nobody had looked.
 * The slot of the scoreboard names the tenant too; who keeps doing this is quarantined by
 * the supervisor (poison.h).
 */
#ifndef RAGPOOL_FATAL_H
#define RAGPOOL_FATAL_H

/* `tenant` is read in the handler: NUL-terminated, alive until the end, "" for none. */
void fatal_take_signals(const char *tenant);

#endif
