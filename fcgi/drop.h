/* drop.h - from root to an ordinary user, for good.
 *
 * Order   folders are made and given away, the socket is bound, then root is dropped:
 *         afterwards nothing needs it any more.
 * Errors  ERR_CONFIG for a name nobody has, ERR_PERMISSION when the kernel refuses or
 *         root could be had back.
 */
#ifndef RAGPOOL_DROP_H
#define RAGPOOL_DROP_H

#include <stdbool.h>
#include <sys/types.h>

#include "err.h"

struct drop_target {
	bool is_needed;		/* we are root and a user is named */
	uid_t uid;
	gid_t gid;
	char user[64];
};

/* A user's ids, and its group when `group` is "".  Numbers are taken as they are. */
int drop_find(struct drop_target *t, const char *user, const char *group, struct err *e);
/* One id; (uid_t)-1 or (gid_t)-1 for "". */
int drop_find_user(uid_t *uid, const char *user, struct err *e);
int drop_find_group(gid_t *gid, const char *group, struct err *e);
/* Makes the folder and what is above it; while root is still to be dropped, it is given
 * to the target. */
int drop_make_dir(const char *path, mode_t mode, const struct drop_target *t, struct err *e);
int drop_now(const struct drop_target *t, struct err *e);

#endif
