/* restore.c - one tenant of a backup, back into a data folder that may serve meanwhile. */
#include "backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_place.h"
#include "backup_uploads.h"
#include "db.h"
#include "file.h"
#include "file_area.h"
#include "generation.h"
#include "knowledge.h"
#include "pins.h"
#include "quarantine.h"

struct restoring {
	const struct restore_request *r;
	const char *tenant;
	char current[GENERATION_NAME_BYTES];	/* the backup's; "": it has none */
	struct restore_report *report;
};

/* ---- what is there ---- */

static int
read_current(struct restoring *x, struct err *e)
{
	char path[BACKUP_PATH_BYTES], from[PATH_MAX], *text;
	size_t n;

	snprintf(path, sizeof path, "tenants/%s/current", x->tenant);
	if (backup_list_find(x->r->list, path) == NULL)
		return 0;
	if (file_join(from, sizeof from, x->r->backup, path, e) == -1 ||
	    file_read(&text, &n, from, GENERATION_NAME_BYTES + 1, e) == -1)
		return -1;
	snprintf(x->current, sizeof x->current, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	return generation_name_check(x->current, e);
}

/* A newer generation than the backup's was made since. */
static int
check_generation(const struct restoring *x, struct err *e)
{
	char now[GENERATION_NAME_BYTES];

	if (x->current[0] == '\0' ||
	    generation_current(now, x->r->data_dir, x->tenant, NULL) == -1 ||
	    strcmp(now, x->current) == 0 || generation_seq(now) < generation_seq(x->current))
		return 0;
	return err_set(e, ERR_INPUT, "%s is at %s, the backup at %s: --force goes back",
	    x->tenant, now, x->current);
}

static int
only_named(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strstr(entry->d_name, ".tmp-") == NULL &&
	    strcmp(entry->d_name, "lock") != 0;
}

/* Everything below the folder is in the backup, too, in the same size. */
static int
check_folder(const struct restoring *x, const char *path, struct err *e)
{
	char where[PATH_MAX], below[BACKUP_PATH_BYTES];
	const struct backup_file *f;
	struct dirent **names;
	struct stat st;
	int n, rc = 0;

	if (file_join(where, sizeof where, x->r->data_dir, path, e) == -1)
		return -1;
	if (lstat(where, &st) == -1)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", where);
	if (!S_ISDIR(st.st_mode)) {
		f = backup_list_find(x->r->list, path);
		return f != NULL && f->bytes == (uint64_t)st.st_size ?
		    0 :
		    err_set(e, ERR_INPUT,
			"%s has documents that were sent since the backup: --force drops them",
			x->tenant);
	}
	if ((n = scandir(where, &names, only_named, alphasort)) == -1)
		return err_sys(e, ERR_IO, "%s", where);
	for (int i = 0; i < n; i++) {
		if (rc == 0 && (rc = file_join(below, sizeof below, path, names[i]->d_name, e)) == 0)
			rc = check_folder(x, below, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

static int
check_newer(const struct restoring *x, struct err *e)
{
	char pushed[BACKUP_PATH_BYTES], inbox[BACKUP_PATH_BYTES];

	if (x->r->force)
		return 0;
	snprintf(pushed, sizeof pushed, "tenants/%s/pushed", x->tenant);
	snprintf(inbox, sizeof inbox, "inbox/%s", x->tenant);
	return check_generation(x, e) == -1 || check_folder(x, pushed, e) == -1 ||
		check_folder(x, inbox, e) == -1 ?
	    -1 :
	    0;
}

/* ---- generations ---- */

/* A damaged one gives way; who has it open keeps it. */
static int
clear_place(const char *dir, struct err *e)
{
	char aside[PATH_MAX];

	if (access(dir, F_OK) == -1)
		return 0;
	if (snprintf(aside, sizeof aside, "%.*s/.tmp-%d-damaged", (int)(strrchr(dir, '/') - dir), dir,
		(int)getpid()) >= (int)sizeof aside)
		return err_set(e, ERR_LIMIT, "path too long");
	if (rename(dir, aside) == -1)
		return err_sys(e, ERR_IO, "%s", dir);
	return file_remove_tree(aside, e);
}

static int
fill(const struct restoring *x, const char *from, const char *to, struct err *e)
{
	static const char *const files[] = {"manifest.json", "store.db", "index.rpx"};
	char a[PATH_MAX], b[PATH_MAX];

	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (file_join(a, sizeof a, from, files[i], e) == -1 ||
		    file_join(b, sizeof b, to, files[i], e) == -1 ||
		    place_link_or_copy(a, b, 0440, !x->r->copies, e) == -1)
			return -1;
	return 0;
}

static int
restore_generation(struct restoring *x, const char *name, const char *from, struct err *e)
{
	const char *data = x->r->data_dir;
	char dir[PATH_MAX], parent[PATH_MAX], tmp[PATH_MAX];
	bool existed;
	int rc = -1;

	if (generation_dir(dir, data, x->tenant, name, e) == -1 ||
	    generation_dir(parent, data, x->tenant, "", e) == -1 ||
	    file_make_dirs(parent, 0755, e) == -1)
		return -1;
	if (generation_verify(data, x->tenant, name, NULL) == 0)
		return 0;
	if (clear_place(dir, e) == -1)
		return -1;
	snprintf(tmp, sizeof tmp, "%.*s/.tmp-%d-restore", PATH_MAX - 64, parent, (int)getpid());
	if (file_remove_tree(tmp, e) == -1)
		return -1;
	if (mkdir(tmp, 0755) == -1)
		return err_sys(e, ERR_IO, "mkdir %s", tmp);
	if (fill(x, from, tmp, e) == 0)
		rc = generation_adopt(data, x->tenant, name, tmp, &existed, e);
	if (rc == -1)
		file_remove_tree(tmp, NULL);
	x->report->generations += rc == 0;
	return rc;
}

static int
restore_generations(struct restoring *x, struct err *e)
{
	char prefix[BACKUP_PATH_BYTES], name[GENERATION_NAME_BYTES], from[PATH_MAX];
	const struct backup_file *f;
	size_t count, at;

	snprintf(prefix, sizeof prefix, "tenants/%s/gen/", x->tenant);
	at = strlen(prefix);
	f = backup_list_below(x->r->list, prefix, &count);
	for (size_t i = 0; i < count; i++) {
		const char *slash = strchr(f[i].path + at, '/');
		if (slash == NULL || strcmp(slash, "/manifest.json") != 0)
			continue;
		snprintf(name, sizeof name, "%.*s", (int)(slash - f[i].path - (ptrdiff_t)at),
		    f[i].path + at);
		if (generation_name_check(name, e) == -1 ||
		    snprintf(from, sizeof from, "%s/%s%s", x->r->backup, prefix, name) >=
			(int)sizeof from ||
		    restore_generation(x, name, from, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- single files ---- */

static int
make_parent(const char *path, struct err *e)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
	return file_is_folder(folder) ? 0 : file_make_dirs(folder, 0755, e);
}

/* A whole new file in the place of the old one, durable. */
static int
replace(const struct restoring *x, const char *path, bool may_link, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX], aside[PATH_MAX];

	if (file_join(from, sizeof from, x->r->backup, path, e) == -1 ||
	    file_join(to, sizeof to, x->r->data_dir, path, e) == -1 ||
	    make_parent(to, e) == -1)
		return -1;
	if (snprintf(aside, sizeof aside, "%s.tmp-%d", to, (int)getpid()) >= (int)sizeof aside)
		return err_set(e, ERR_LIMIT, "path too long");
	unlink(aside);
	if (place_link_or_copy(from, aside, 0640, may_link && !x->r->copies, e) == -1)
		return -1;
	if (rename(aside, to) == -1) {
		err_sys(e, ERR_IO, "%s", to);
		unlink(aside);
		return -1;
	}
	unlink(aside);		/* of two links to one file rename() leaves both */
	*strrchr(to, '/') = '\0';
	return file_sync(to, e);
}

static int
replace_if_saved(const struct restoring *x, const char *path, struct err *e)
{
	return backup_list_find(x->r->list, path) == NULL ? 0 : replace(x, path, false, e);
}

/* What a killed build left half done in the old file is undone first: its journal would be
 * played back into the new one. */
static int
restore_database(const struct restoring *x, const char *name, struct err *e)
{
	char path[BACKUP_PATH_BYTES], old[PATH_MAX];
	sqlite3 *db;
	int rc = 0;

	snprintf(path, sizeof path, "tenants/%s/%s", x->tenant, name);
	if (backup_list_find(x->r->list, path) == NULL)
		return 0;
	if (file_join(old, sizeof old, x->r->data_dir, path, e) == -1)
		return -1;
	if (access(old, F_OK) == 0) {
		if (db_open_write(&db, old, e) == -1)
			return -1;
		rc = db_run(db, "begin immediate; commit", e);
		db_close(db);
		/* A file that is no database any more has no journal that anybody would play. */
		if (rc == -1 && e->code != ERR_CORRUPT)
			return -1;
	}
	return replace(x, path, false, e);
}

/* ---- documents that were sent ---- */

/* What is not in the backup goes; only with force is there such a thing. */
static int
drop_others(const struct restoring *x, const char *path, struct err *e)
{
	char where[PATH_MAX], below[BACKUP_PATH_BYTES];
	struct dirent **names;
	int n, rc = 0;

	if (file_join(where, sizeof where, x->r->data_dir, path, e) == -1)
		return -1;
	if (!file_is_folder(where))
		return access(where, F_OK) == -1 || backup_list_find(x->r->list, path) != NULL ||
			unlink(where) == 0 ?
		    0 :
		    err_sys(e, ERR_IO, "%s", where);
	if ((n = scandir(where, &names, only_named, alphasort)) == -1)
		return err_sys(e, ERR_IO, "%s", where);
	for (int i = 0; i < n; i++) {
		if (rc == 0 && (rc = file_join(below, sizeof below, path, names[i]->d_name, e)) == 0)
			rc = drop_others(x, below, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

static int
restore_tree(const struct restoring *x, const char *path, struct err *e)
{
	char prefix[BACKUP_PATH_BYTES];
	const struct backup_file *f;
	size_t count;

	snprintf(prefix, sizeof prefix, "%.400s/", path);
	f = backup_list_below(x->r->list, prefix, &count);
	for (size_t i = 0; i < count; i++)
		if (replace(x, f[i].path, true, e) == -1)
			return -1;
	return 0;
}

/* The inbox keeps what was accepted since: it is newer than all that the backup holds. */
static int
restore_sent(const struct restoring *x, struct err *e)
{
	char pushed[BACKUP_PATH_BYTES], inbox[BACKUP_PATH_BYTES];

	snprintf(pushed, sizeof pushed, "tenants/%s/pushed", x->tenant);
	snprintf(inbox, sizeof inbox, "inbox/%s", x->tenant);
	if (restore_tree(x, pushed, e) == -1 || drop_others(x, pushed, e) == -1)
		return -1;
	return restore_tree(x, inbox, e);
}

/* ---- the document ---- */

/* What is wanted is said by where documents come from; the backup speaks where nobody does. */
static int
restore_document(struct restoring *x, struct err *e)
{
	char path[BACKUP_PATH_BYTES], marker[BACKUP_PATH_BYTES], there[PATH_MAX], from[PATH_MAX];
	struct placed ignored;

	snprintf(path, sizeof path, "lkg/%s.json", x->tenant);
	snprintf(marker, sizeof marker, "lkg/%s.consul", x->tenant);
	if (backup_list_find(x->r->list, path) == NULL)
		return 0;
	if (file_join(there, sizeof there, x->r->data_dir, path, e) == -1)
		return -1;
	if (access(there, F_OK) == -1) {
		if (replace_if_saved(x, marker, e) == -1 || replace(x, path, false, e) == -1)
			return -1;
		x->report->has_document = true;
	}
	if (x->r->documents_dir == NULL)
		return 0;
	if (file_join(from, sizeof from, x->r->backup, path, e) == -1 ||
	    snprintf(there, sizeof there, "%s/%s.json", x->r->documents_dir, x->tenant) >=
		(int)sizeof there)
		return err_set(e, ERR_LIMIT, "path too long");
	return access(there, F_OK) == 0 ? 0 : place_copy(from, there, 0640, &ignored, e);
}

/* ---- the whole ---- */

static int
restore_verdicts(const struct restoring *x, struct err *e)
{
	char prefix[BACKUP_PATH_BYTES];
	const struct backup_file *f;
	size_t count;

	snprintf(prefix, sizeof prefix, "tenants/%s/verdict/", x->tenant);
	f = backup_list_below(x->r->list, prefix, &count);
	for (size_t i = 0; i < count; i++)
		if (replace(x, f[i].path, false, e) == -1)
			return -1;
	snprintf(prefix, sizeof prefix, "tenants/%s/golden.jsonl", x->tenant);
	return replace_if_saved(x, prefix, e);
}

/* Under the lock of the tenant: no build reads or writes meanwhile.  The pointer comes last. */
static int
restore_parts(struct restoring *x, struct err *e)
{
	char area[UPLOAD_AREA_BYTES];

	file_area_of_tenant(x->tenant, area);
	if (restore_uploads_of(x->r, area, &x->report->uploads, e) == -1 ||
	    restore_generations(x, e) == -1 || restore_sent(x, e) == -1 ||
	    restore_database(x, "ledger.db", e) == -1 || restore_database(x, "source.db", e) == -1 ||
	    restore_verdicts(x, e) == -1 || restore_document(x, e) == -1)
		return -1;
	if (x->current[0] == '\0')
		return 0;
	if (generation_set_current(x->r->data_dir, x->tenant, x->current, e) == -1)
		return -1;
	snprintf(x->report->generation, sizeof x->report->generation, "%s", x->current);
	return 0;
}

int
restore_tenant(const struct restore_request *r, const char *tenant,
    struct restore_report *report, struct err *e)
{
	struct restoring x = {.r = r, .tenant = tenant, .report = report};
	char dir[PATH_MAX];
	int lock, rc = -1;

	*report = (struct restore_report){0};
	if (generation_dir(dir, r->data_dir, tenant, "", e) == -1 ||
	    backup_verify_tenant(r->backup, r->list, tenant, e) == -1 ||
	    read_current(&x, e) == -1 || file_make_dirs(dir, 0755, e) == -1)
		return -1;
	if ((lock = knowledge_lock(r->data_dir, tenant, e)) == -1)
		return -1;
	if (check_newer(&x, e) == 0)
		rc = restore_parts(&x, e);
	close(lock);
	return rc;
}

/* ---- pins and quarantine ---- */

static int
restore_pins(const struct restore_request *r, const char *tenant, struct err *e)
{
	struct pins saved = {0}, here = {0};
	bool any = false, changed;
	int rc = -1;

	if (pins_load(&saved, r->backup, e) == -1 || pins_load(&here, r->data_dir, e) == -1)
		goto out;
	for (int origin = 0; origin < PIN_ORIGIN_MAX; origin++) {
		const struct pin *p = pins_find(&saved, tenant, (enum pin_origin)origin);
		if (p == NULL)
			continue;
		if (pins_set(&here, tenant, p->generation, p->origin, &changed, e) == -1)
			goto out;
		any |= changed;
	}
	rc = any ? pins_save(&here, r->data_dir, e) : 0;
out:
	pins_fini(&saved);
	pins_fini(&here);
	return rc;
}

int
restore_lists(const struct restore_request *r, const char *tenant, struct err *e)
{
	struct quarantine saved = {0}, here = {0};
	const struct quarantine_entry *q;
	size_t count = 0;
	int rc = -1;

	if (restore_pins(r, tenant, e) == -1)
		return -1;
	if (quarantine_load(&saved, r->backup, e) == -1 ||
	    quarantine_load(&here, r->data_dir, e) == -1)
		goto out;
	q = quarantine_of(&saved, tenant, &count);
	for (size_t i = 0; i < count; i++)
		if (quarantine_add(&here, tenant, q[i].generation, q[i].reason, q[i].since_s, e) == -1)
			goto out;
	rc = count > 0 ? quarantine_save(&here, r->data_dir, e) : 0;
out:
	quarantine_fini(&saved);
	quarantine_fini(&here);
	return rc;
}
