/* drop.c - from root to an ordinary user. */
#include "drop.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

static bool
is_number(const char *text, unsigned long *value)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	*value = strtoul(text, &end, 10);
	return *end == '\0' && *value < 0xfffffffful;
}

int
drop_find_user(uid_t *uid, const char *user, struct err *e)
{
	unsigned long number;
	const struct passwd *p;

	*uid = (uid_t)-1;
	if (user[0] == '\0')
		return 0;
	if ((p = getpwnam(user)) != NULL)
		*uid = p->pw_uid;
	else if (is_number(user, &number))
		*uid = (uid_t)number;
	else
		return err_set(e, ERR_CONFIG, "there is no user \"%s\"", user);
	return 0;
}

int
drop_find_group(gid_t *gid, const char *group, struct err *e)
{
	unsigned long number;
	const struct group *g;

	*gid = (gid_t)-1;
	if (group[0] == '\0')
		return 0;
	if ((g = getgrnam(group)) != NULL)
		*gid = g->gr_gid;
	else if (is_number(group, &number))
		*gid = (gid_t)number;
	else
		return err_set(e, ERR_CONFIG, "there is no group \"%s\"", group);
	return 0;
}

int
drop_find(struct drop_target *t, const char *user, const char *group, struct err *e)
{
	const struct passwd *p;

	*t = (struct drop_target){.uid = geteuid(), .gid = getegid()};
	if (geteuid() != 0 || user[0] == '\0' || strcmp(user, "root") == 0)
		return 0;
	if (drop_find_user(&t->uid, user, e) == -1 || drop_find_group(&t->gid, group, e) == -1)
		return -1;
	p = getpwuid(t->uid);
	if (t->gid == (gid_t)-1)
		t->gid = p != NULL ? p->pw_gid : (gid_t)t->uid;
	snprintf(t->user, sizeof t->user, "%s", p != NULL ? p->pw_name : "");
	t->is_needed = t->uid != 0;
	return 0;
}

int
drop_make_dir(const char *path, mode_t mode, const struct drop_target *t, struct err *e)
{
	struct stat st;
	int fd, rc = 0;

	if (file_make_dirs(path, mode, e) == -1)
		return -1;
	if (!t->is_needed)
		return 0;
	/* By its fd: the name may have been bent to somewhere else meanwhile. */
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if (fstat(fd, &st) == -1 ||
	    ((st.st_uid != t->uid || st.st_gid != t->gid) && fchown(fd, t->uid, t->gid) == -1))
		rc = err_sys(e, ERR_IO, "%s", path);
	close(fd);
	return rc;
}

static int
set_groups(const struct drop_target *t)
{
	return t->user[0] != '\0' ? initgroups(t->user, t->gid) : setgroups(1, &t->gid);
}

int
drop_now(const struct drop_target *t, struct err *e)
{
	uid_t r, f, s;
	gid_t gr, gf, gs;

	if (!t->is_needed)
		return 0;
	if (set_groups(t) == -1 || setresgid(t->gid, t->gid, t->gid) == -1 ||
	    setresuid(t->uid, t->uid, t->uid) == -1)
		return err_sys(e, ERR_PERMISSION, "to become user %s", t->user);
	if (getresuid(&r, &f, &s) == -1 || getresgid(&gr, &gf, &gs) == -1 || r != t->uid ||
	    f != t->uid || s != t->uid || gr != t->gid || gf != t->gid || gs != t->gid ||
	    setuid(0) != -1 || seteuid(0) != -1)
		return err_set(e, ERR_PERMISSION, "root was not given up");
	return 0;
}
