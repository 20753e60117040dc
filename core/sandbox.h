/* sandbox.h - parsers of what strangers wrote, in a child that can do nothing else.
 *
 * Two kinds of children.  sandbox_call() forks and runs a function of ours on memory the
 * child inherits; it may compute, allocate and write its answer.  sandbox_program() starts
 * a program with bytes as standard input; it may besides read files below /usr, /lib and
 * /etc (libraries, fonts, character maps), where the kernel has Landlock.
 *
 * Neither can open a socket or a file for writing, start another process, trace, mount or
 * gain privileges (seccomp, no_new_privs, an empty environment, no descriptor but its own);
 * both have limits of CPU time, time, memory, output, files and processes, and die with
 * their parent.  A kernel without seccomp runs neither.
 *
 * Memory  what is answered is owned: free(), buf_fini().
 * Errors  ERR_EXTRACTOR the child crashed, hung, or was stopped by a limit: the text says
 *         which; ERR_LIMIT more output than allowed; ERR_NO_EXTRACTOR no such program;
 *         ERR_IO, ERR_NOMEM of this process; and, by sandbox_call(), the function's own.
 * Cost    a fork: about 1 ms, and more where this process holds much memory.
 * Threads the function must not need a lock that another thread may hold at the fork.
 */
#ifndef RAGPOOL_SANDBOX_H
#define RAGPOOL_SANDBOX_H

#include <stddef.h>

#include "buf.h"
#include "err.h"

struct sandbox_limits {
	unsigned cpu_s;		/* CPU time */
	unsigned wall_s;	/* from the start to the end of output */
	size_t memory;		/* address space, beyond what is there at the fork */
	size_t output;		/* bytes that are taken */
};

/* Runs in the child.  What it adds to out is the answer; -1 with *e refuses. */
typedef int sandbox_fn(void *context, struct buf *out, struct err *e);

/* *out is NUL-terminated.  A child may answer anything: check it as any input. */
int sandbox_call(const struct sandbox_limits *l, sandbox_fn *fn, void *context, char **out,
    size_t *n, struct err *e);

enum { SANDBOX_COMPLAINT_BYTES = 4096 };

struct sandbox_output {
	struct buf out;
	int exit_code;		/* of a program that ended by itself */
	char complaint[SANDBOX_COMPLAINT_BYTES];	/* the end of its standard error */
};

/* argv[0] is an absolute path; NULL-terminated.  A program that ends by itself is no error,
 * whatever its exit code.  On failure there is nothing to free. */
int sandbox_program(const struct sandbox_limits *l, const char *const *argv, const char *input,
    size_t n, struct sandbox_output *out, struct err *e);

#endif
