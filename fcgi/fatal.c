/* fatal.c - a last word from a worker that crashes.  In the handler only functions that are
 * safe there run. */
#include "fatal.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

enum { LINE_BYTES = 256, STACK_BYTES = 16384 };

static const char *in_hand = "";
static const int taken[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

static size_t
add(char *line, size_t used, const char *text)
{
	while (*text != '\0' && used < LINE_BYTES - 1)
		line[used++] = *text++;
	return used;
}

static void
say_and_die(int number)
{
	const char *name = sigabbrev_np(number);
	char line[LINE_BYTES];
	size_t n = add(line, 0, "ragpool-worker: ended by SIG");

	n = add(line, n, name != NULL ? name : "?");
	n = add(line, n, " tenant=");
	n = add(line, n, in_hand[0] != '\0' ? in_hand : "-");
	line[n++] = '\n';
	(void)!write(log_fd(), line, n);
	raise(number);		/* SA_RESETHAND: this time it is the default */
}

/* What a sanitizer or a debugger has taken already stays theirs. */
static bool
is_free(int number)
{
	struct sigaction now;

	return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

void
fatal_take_signals(const char *tenant)
{
	static char stack[STACK_BYTES] __attribute__((aligned(16)));
	stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction last_word = {
	    .sa_handler = say_and_die, .sa_flags = SA_RESETHAND | SA_NODEFER | SA_ONSTACK};

	in_hand = tenant;
	sigaltstack(&other, NULL);
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		if (is_free(taken[i]))
			sigaction(taken[i], &last_word, NULL);
}
