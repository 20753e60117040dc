/* sandbox_parts.h - what the child does to itself before it reads anything. */
#ifndef RAGPOOL_SANDBOX_PARTS_H
#define RAGPOOL_SANDBOX_PARTS_H

#include "sandbox.h"

enum sandbox_kind { SANDBOX_FUNCTION, SANDBOX_PROGRAM };

/* Limits, privileges, the file system, system calls, in this order; false when one of them
 * cannot be had.  For the child only: none of it can be undone. */
bool sandbox_enter(enum sandbox_kind kind, const struct sandbox_limits *l);

#endif
