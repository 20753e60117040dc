/* confine.h - what a worker gives up before it takes its first request.
 *
 * A worker reads sealed generations and answers on a socket it was given; what it never does
 * is taken from it, whatever unit or shell it was started from: gaining privileges, starting
 * programs, sockets other than unix ones, listening, tracing, mounting, kernel modules and
 * keys (seccomp); writing, making, renaming or removing files anywhere but in the folders
 * named (Landlock).  A kernel that lacks one of them does without.
 *
 * Cost  measured: 250 us once, 65 ns a system call.
 */
#ifndef RAGPOOL_CONFINE_H
#define RAGPOOL_CONFINE_H

#include <stdbool.h>

enum { CONFINE_FILES_MAX = 4 };

struct confined {
	bool calls;	/* seccomp is in force */
	bool files;	/* Landlock is */
};

/* files: NULL-terminated, at most CONFINE_FILES_MAX; in the folder of each, files may be made
 * and written.  "" is passed over.  below: NULL, or a folder in which files and folders may be
 * made, written, renamed in place and removed.  For good. */
void confine_worker(const char *const *files, const char *below, struct confined *out);

#endif
