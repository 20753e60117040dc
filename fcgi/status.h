/* status.h - what the files that write the status share; nobody else includes it.
 *
 * Each adds JSON to a buffer and changes nothing; the members are described in ragpool(1).
 */
#ifndef RAGPOOL_STATUS_H
#define RAGPOOL_STATUS_H

#include "sup.h"

/* The object of the roll. */
void status_put_roll(const struct sup *s, struct buf *b);
/* Members of a tenant: pointer, pinned, quarantined. */
void status_put_held(const struct sup *s, const char *tenant, struct buf *b);

#endif
