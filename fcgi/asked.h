/* asked.h - when somebody asked for a tenant last: the time of a small file.
 *
 *   DATA/inbox/.asked/<tenant>
 *
 * Workers write it, the supervisor reads its time and watches the folder; so it is known after
 * any restart, and to anybody who looks.  Where the supervisor has not made the folder, nobody
 * wants to know, and a note is a failed open().
 */
#ifndef RAGPOOL_ASKED_H
#define RAGPOOL_ASKED_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

int asked_folder(char *out, size_t size, const char *data_dir, struct err *e);
/* Now; the supervisor is woken.  What fails is tried with the next request. */
void asked_note(const char *data_dir, const char *tenant);
/* Seconds since 1970; 0: never. */
int64_t asked_last_s(const char *data_dir, const char *tenant);
void asked_forget(const char *data_dir, const char *tenant);

#endif
