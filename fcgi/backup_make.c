/* backup_make.c - a backup of a data folder, while it serves. */
#include "backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup_place.h"
#include "backup_uploads.h"
#include "db.h"
#include "file.h"
#include "file_area.h"
#include "generation.h"
#include "pins.h"
#include "tenant.h"

enum {
	TRIES = 5,		/* while builds and sweeps change what is saved */
	TREE_DEPTH_MAX = 4,
	TENANT_PATH_BYTES = TENANT_NAME_BYTES + 16,
	AREA_PATH_BYTES = sizeof UPLOADS_FOLDER + UPLOAD_AREA_BYTES,
};

struct making {
	const struct backup_request *r;
	struct place place;
	struct backup_list list, before;
	char before_folder[PATH_MAX];
	char folder[PATH_MAX];		/* being made */
	struct pins pins;
	struct backup_report *report;
};

/* ---- what is there ---- */

static int
save_if_there(struct making *m, const char *path, enum place_how how, struct err *e)
{
	char from[PATH_MAX];

	if (file_join(from, sizeof from, m->r->data_dir, path, e) == -1)
		return -1;
	if (access(from, F_OK) == -1 && errno == ENOENT)
		return 0;
	return place_into(&m->place, from, path, how, NULL, e);
}

static int
only_named(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && strstr(entry->d_name, ".tmp-") == NULL;
}

/* Everything below a folder; sealed files but for those called "lock". */
static int
save_tree(struct making *m, const char *path, int depth, struct err *e)
{
	char from[PATH_MAX], below[BACKUP_PATH_BYTES];
	struct dirent **names;
	int n, rc = 0;

	if (file_join(from, sizeof from, m->r->data_dir, path, e) == -1)
		return -1;
	if (!file_is_folder(from))
		return access(from, F_OK) == -1 ? 0 : place_into(&m->place, from, path,
		    strcmp(strrchr(from, '/'), "/lock") == 0 ? PLACE_CHANGING : PLACE_SEALED, NULL, e);
	if (depth == TREE_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "%s: folders nest too deeply", from);
	if ((n = scandir(from, &names, only_named, alphasort)) == -1)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", from);
	for (int i = 0; i < n; i++) {
		if (rc == 0 && (rc = file_join(below, sizeof below, path, names[i]->d_name, e)) == 0)
			rc = save_tree(m, below, depth + 1, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* ---- databases ---- */

static int
save_database(struct making *m, const char *tenant, const char *name, struct err *e)
{
	char path[BACKUP_PATH_BYTES], from[PATH_MAX], to[PATH_MAX];

	snprintf(path, sizeof path, "tenants/%s/%s", tenant, name);
	if (file_join(from, sizeof from, m->r->data_dir, path, e) == -1 ||
	    file_join(to, sizeof to, m->folder, path, e) == -1)
		return -1;
	if (access(from, F_OK) == -1 && errno == ENOENT)
		return 0;
	if (place_make_parent(to, e) == -1 || db_copy(from, to, e) == -1)
		return -1;
	return place_listed(&m->place, path, e);
}

/* ---- generations ---- */

static bool
was_saved(const struct making *m, const char *path, const char *sha256)
{
	const struct backup_file *f =
	    m->place.before != NULL ? backup_list_find(&m->before, path) : NULL;

	return f != NULL && strcmp(f->sha256, sha256) == 0;
}

/* Verified when it is new: a backup of what is damaged helps nobody. */
static int
save_generation(struct making *m, const char *tenant, const char *name, struct err *e)
{
	char gen[TENANT_PATH_BYTES + GENERATION_NAME_BYTES + 16], from[PATH_MAX], path[PATH_MAX];
	char to[PATH_MAX], verdict[BACKUP_PATH_BYTES];
	struct manifest about;
	struct {
		const char *name, *sha256;
	} files[] = {{"manifest.json", NULL}, {"store.db", about.store_sha256},
	    {"index.rpx", about.index_sha256}};
	bool is_known = true;

	snprintf(gen, sizeof gen, "tenants/%s/gen/%s", tenant, name);
	if (file_join(from, sizeof from, m->r->data_dir, gen, e) == -1 ||
	    file_join(to, sizeof to, m->folder, gen, e) == -1 ||
	    manifest_read(&about, from, NULL, e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char below[BACKUP_PATH_BYTES];
		if (file_join(below, sizeof below, gen, files[i].name, e) == -1 ||
		    file_join(path, sizeof path, from, files[i].name, e) == -1 ||
		    place_into(&m->place, path, below, PLACE_SEALED, files[i].sha256, e) == -1)
			return -1;
		is_known &= files[i].sha256 == NULL || was_saved(m, below, files[i].sha256);
	}
	if (!is_known && generation_verify_folder(to, tenant, name, e) == -1)
		return -1;
	snprintf(verdict, sizeof verdict, "tenants/%s/verdict/%s.json", tenant, name);
	return save_if_there(m, verdict, PLACE_CHANGING, e);
}

static bool
is_wanted(const struct making *m, const char *tenant, const char *name, const char *current)
{
	if (m->r->all_generations || strcmp(name, current) == 0)
		return true;
	for (int origin = 0; origin < PIN_ORIGIN_MAX; origin++) {
		const struct pin *p = pins_find(&m->pins, tenant, (enum pin_origin)origin);
		if (p != NULL && strcmp(p->generation, name) == 0)
			return true;
	}
	return false;
}

/* The pointer that the saved generations stand for, not the one that is there by now. */
static int
save_pointer(struct making *m, const char *tenant, const char *current, struct err *e)
{
	char path[BACKUP_PATH_BYTES], to[PATH_MAX], line[GENERATION_NAME_BYTES + 1];
	int n = snprintf(line, sizeof line, "%s\n", current);

	snprintf(path, sizeof path, "tenants/%s/current", tenant);
	if (file_join(to, sizeof to, m->folder, path, e) == -1 || place_make_parent(to, e) == -1 ||
	    file_replace(to, line, (size_t)n, 0640, e) == -1)
		return -1;
	return place_listed(&m->place, path, e);
}

static int
save_generations(struct making *m, const char *tenant, struct err *e)
{
	char(*names)[GENERATION_NAME_BYTES];
	char current[GENERATION_NAME_BYTES] = "";
	struct err why;
	size_t count;
	bool has_current = false;
	int rc = 0;

	if (generation_current(current, m->r->data_dir, tenant, &why) == -1 &&
	    why.code != ERR_NOT_READY)
		return err_set(e, why.code, "%s", why.text);
	if (generation_list(&names, &count, m->r->data_dir, tenant, e) == -1)
		return -1;
	for (size_t i = 0; i < count && rc == 0; i++) {
		bool is_current = strcmp(names[i], current) == 0;
		has_current |= is_current;
		if (generation_is_away(m->r->data_dir, tenant, names[i])) {
			if (is_current)		/* the object store has it: it is no pointer's */
				current[0] = '\0';
			continue;
		}
		if (is_wanted(m, tenant, names[i], current))
			rc = save_generation(m, tenant, names[i], e);
	}
	free(names);
	if (rc == -1 || current[0] == '\0')
		return rc;
	if (!has_current)
		return err_set(e, ERR_NOT_FOUND, "its current generation %s is not there", current);
	return save_pointer(m, tenant, current, e);
}

/* ---- documents that were sent ---- */

static bool
is_saved(const struct making *m, const char *inbox, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof path, "%s/%s/%s", m->folder, inbox, name) <
	    (int)sizeof path && access(path, F_OK) == 0;
}

/* What a build takes in moves from the inbox to the documents.  An entry that was there
 * before the documents were saved, and not any more behind them, may be in neither, or an
 * older one in the inbox could replace a newer document later: then all is looked at again. */
static int
save_sent(struct making *m, const char *tenant, struct err *e)
{
	char inbox[TENANT_PATH_BYTES], pushed[TENANT_PATH_BYTES + 16], path[PATH_MAX];
	struct dirent **names = NULL;
	int n, rc;

	snprintf(inbox, sizeof inbox, "inbox/%s", tenant);
	snprintf(pushed, sizeof pushed, "tenants/%s/pushed", tenant);
	if (file_join(path, sizeof path, m->r->data_dir, inbox, e) == -1)
		return -1;
	if ((n = scandir(path, &names, only_named, alphasort)) == -1 && errno != ENOENT)
		return err_sys(e, ERR_IO, "%s", path);
	if ((rc = save_tree(m, pushed, 0, e)) == 0)
		rc = save_tree(m, inbox, 0, e);
	for (int i = 0; i < n; i++) {
		if (rc == 0 && !is_saved(m, inbox, names[i]->d_name))
			rc = err_set(e, ERR_NOT_FOUND, "%s/%s was taken in meanwhile", inbox,
			    names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* ---- one tenant ---- */

static int
save_parts(struct making *m, const char *tenant, struct err *e)
{
	static const char *const files[][2] = {
	    {"tenants/", "/golden.jsonl"}, {"lkg/", ".json"}, {"lkg/", ".consul"}};
	char path[BACKUP_PATH_BYTES], area[UPLOAD_AREA_BYTES];

	file_area_of_tenant(tenant, area);
	if (backup_save_uploads(&m->place, m->r->data_dir, area, e) == -1 ||
	    save_generations(m, tenant, e) == -1 || save_sent(m, tenant, e) == -1 ||
	    save_database(m, tenant, "source.db", e) == -1 ||
	    save_database(m, tenant, "ledger.db", e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s%s%s", files[i][0], tenant, files[i][1]);
		if (save_if_there(m, path, PLACE_CHANGING, e) == -1)
			return -1;
	}
	return 0;
}

/* What was listed since goes again from the list. */
static void
unlist(struct making *m, const struct place *before, size_t count)
{
	m->list.count = count;
	m->place.files = before->files;
	m->place.bytes = before->bytes;
	m->place.new_bytes = before->new_bytes;
}

static void
remove_saved(const struct making *m, const char *name)
{
	char path[PATH_MAX];

	if (file_join(path, sizeof path, m->folder, name, NULL) == 0)
		file_remove_tree(path, NULL);
}

/* What was saved of a tenant goes again. */
static void
forget_tenant(struct making *m, const char *tenant, const struct place *before, size_t count)
{
	static const char *const below[][2] = {
	    {"tenants/", ""}, {"inbox/", ""}, {"lkg/", ".json"}, {"lkg/", ".consul"}};
	char name[AREA_PATH_BYTES], area[UPLOAD_AREA_BYTES];

	unlist(m, before, count);
	for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
		snprintf(name, sizeof name, "%s%s%s", below[i][0], tenant, below[i][1]);
		remove_saved(m, name);
	}
	file_area_of_tenant(tenant, area);
	snprintf(name, sizeof name, UPLOADS_FOLDER "/%s", area);
	remove_saved(m, name);
}

/* What was there a moment ago may have been swept or taken in: tried again, not lost. */
static void
save_tenant(struct making *m, const char *tenant)
{
	const struct backup_request *r = m->r;
	const struct place before = m->place;
	size_t count = m->list.count;
	struct err e;
	int rc = -1;

	for (int i = 0; i < TRIES && rc == -1; i++) {
		if ((rc = save_parts(m, tenant, &e)) == 0)
			break;
		forget_tenant(m, tenant, &before, count);
		if (e.code != ERR_NOT_FOUND)
			break;
	}
	if (rc == 0)
		m->report->tenants++;
	else
		m->report->failed++;
	if (r->tell != NULL)
		r->tell(r->context, tenant, rc == 0 ? NULL : &e);
}

/* ---- uploaded files of no tenant ---- */

/* Areas that are not saved yet: those of keys, and of tenants that are not there. */
static int
save_area(void *context, const char *area, struct err *ignored)
{
	struct making *m = context;
	const struct place before = m->place;
	size_t count = m->list.count;
	char name[AREA_PATH_BYTES];
	struct err e;

	(void)ignored;
	if (is_saved(m, UPLOADS_FOLDER, area) ||
	    backup_save_uploads(&m->place, m->r->data_dir, area, &e) == 0)
		return 0;
	unlist(m, &before, count);
	snprintf(name, sizeof name, UPLOADS_FOLDER "/%s", area);
	remove_saved(m, name);
	m->report->failed++;
	if (m->r->tell != NULL)
		m->r->tell(m->r->context, name, &e);
	return 0;
}

/* ---- all of them ---- */

static int
is_tenant(const struct dirent *entry)
{
	return tenant_name_is_valid(entry->d_name, strlen(entry->d_name));
}

static int
is_document(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0 &&
	    tenant_name_is_valid(entry->d_name, n - 5);
}

/* Those with a folder; and, behind them, those of which there is no more than a document. */
static int
save_all(struct making *m, struct err *e)
{
	char path[PATH_MAX], name[NAME_MAX + 1];
	struct dirent **names = NULL;
	int n;

	if (file_join(path, sizeof path, m->r->data_dir, "tenants", e) == -1)
		return -1;
	if ((n = scandir(path, &names, is_tenant, alphasort)) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	for (int i = 0; i < n; i++) {
		save_tenant(m, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	names = NULL;
	if (file_join(path, sizeof path, m->r->data_dir, "lkg", e) == -1)
		return -1;
	if ((n = scandir(path, &names, is_document, alphasort)) == -1)
		n = errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", path);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "%.*s", (int)strlen(names[i]->d_name) - 5,
		    names[i]->d_name);
		if (snprintf(path, sizeof path, "%s/tenants/%s", m->r->data_dir, name) <
			(int)sizeof path && !file_is_folder(path))
			save_tenant(m, name);
		free(names[i]);
	}
	free(names);
	return n == -1 ? -1 : upload_each_area(m->r->data_dir, save_area, m, e);
}

static int
save_chosen(struct making *m, struct err *e)
{
	char path[PATH_MAX], document[PATH_MAX];

	for (size_t i = 0; i < m->r->count; i++) {
		const char *tenant = m->r->tenants[i];
		if (generation_tenant_dir(path, m->r->data_dir, tenant, e) == -1)
			return -1;
		snprintf(document, sizeof document, "%.2000s/lkg/%s.json", m->r->data_dir, tenant);
		if (!file_is_folder(path) && access(document, F_OK) == -1)
			return err_set(e, ERR_TENANT, "there is no tenant \"%s\"", tenant);
		save_tenant(m, tenant);
	}
	return 0;
}

/* ---- the folder of backups ---- */

static int
is_backup_name(const struct dirent *entry)
{
	const char *name = entry->d_name;

	return strlen(name) == 20 && strspn(name, "0123456789TZ.") == 20 && name[8] == 'T' &&
	    name[15] == '.' && name[19] == 'Z';
}

static int
is_left_over(const struct dirent *entry)
{
	return strncmp(entry->d_name, ".tmp-", 5) == 0;
}

/* All but the newest `keep` of the names that `which` lets through. */
static int
remove_names(const char *folder, int (*which)(const struct dirent *), unsigned keep,
    uint64_t *removed, struct err *e)
{
	char path[PATH_MAX];
	struct dirent **names;
	int n = scandir(folder, &names, which, alphasort), rc = 0;

	if (n == -1)
		return err_sys(e, ERR_IO, "%s", folder);
	for (int i = 0; i < n; i++) {
		if (rc == 0 && (unsigned)(n - i) > keep &&
		    (rc = file_join(path, sizeof path, folder, names[i]->d_name, e)) == 0) {
			rc = file_remove_tree(path, e);
			*removed += rc == 0;
		}
		free(names[i]);
	}
	free(names);
	return rc;
}

int
backup_open(const char *folder, const char *name, char *out, struct backup_list *l, struct err *e)
{
	struct dirent **names;
	struct err why;
	int n, rc = -1;

	if (snprintf(out, PATH_MAX, name != NULL ? "%s/%s" : "%s", folder, name) >= PATH_MAX)
		return err_set(e, ERR_LIMIT, "path too long: %.200s", folder);
	if (backup_list_load(l, out, &why) == 0)
		return 0;
	if (name != NULL || why.code != ERR_NOT_FOUND) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	if ((n = scandir(folder, &names, is_backup_name, alphasort)) == -1)
		return err_sys(e, ERR_IO, "%s", folder);
	if (n == 0)
		err_set(e, ERR_NOT_FOUND, "%s: there is no backup in it", folder);
	for (int i = n - 1; i >= 0; i--) {
		if (i == n - 1 && file_join(out, PATH_MAX, folder, names[i]->d_name, e) == 0)
			rc = backup_list_load(l, out, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* The folder's own lock; a kill gives it back. */
static int
lock_folder(const char *folder, struct err *e)
{
	char path[PATH_MAX];
	int fd;

	if (file_make_dirs(folder, 0750, e) == -1 ||
	    file_join(path, sizeof path, folder, "lock", e) == -1)
		return -1;
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (errno == EWOULDBLOCK)
		err_set(e, ERR_BUSY, "%s: another backup is being made there", folder);
	else
		err_sys(e, ERR_IO, "%s", path);
	close(fd);
	return -1;
}

static void
take_stamp(struct making *m)
{
	struct timespec now;
	struct tm utc;
	char day[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(day, sizeof day, "%Y%m%dT%H%M%S", &utc);
	snprintf(m->report->name, sizeof m->report->name, "%.15s.%03ldZ", day,
	    now.tv_nsec / 1000000);
	strftime(m->list.at, sizeof m->list.at, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* All that was written, and the folders it is in, in one go; files were fsynced one by one. */
static int
sync_all(const char *folder, struct err *e)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd == -1)
		return err_sys(e, ERR_IO, "%s", folder);
	if (syncfs(fd) == -1)
		rc = err_sys(e, ERR_IO, "syncfs %s", folder);
	close(fd);
	return rc;
}

static int
begin(struct making *m, struct err *e)
{
	const struct backup_request *r = m->r;
	char name[BACKUP_STAMP_BYTES + 8];
	uint64_t ignored = 0;

	if (remove_names(r->folder, is_left_over, 0, &ignored, e) == -1)
		return -1;
	if (backup_open(r->folder, NULL, m->before_folder, &m->before, NULL) == 0)
		m->place.before = m->before_folder;
	take_stamp(m);
	snprintf(name, sizeof name, ".tmp-%s", m->report->name);
	if (file_join(m->folder, sizeof m->folder, r->folder, name, e) == -1)
		return -1;
	if (mkdir(m->folder, 0750) == -1)
		return err_sys(e, ERR_IO, "mkdir %s", m->folder);
	return pins_load(&m->pins, r->data_dir, e);
}

static int
seal(struct making *m, struct err *e)
{
	char final[PATH_MAX];

	if (sync_all(m->folder, e) == -1 || backup_list_save(&m->list, m->folder, e) == -1 ||
	    file_join(final, sizeof final, m->r->folder, m->report->name, e) == -1)
		return -1;
	if (rename(m->folder, final) == -1)
		return err_sys(e, ERR_IO, "rename to %s", final);
	return file_sync(m->r->folder, e);
}

static int
make(struct making *m, struct err *e)
{
	const struct backup_request *r = m->r;

	if (begin(m, e) == -1 || (r->count > 0 ? save_chosen(m, e) : save_all(m, e)) == -1 ||
	    save_if_there(m, "pins", PLACE_CHANGING, e) == -1 ||
	    save_if_there(m, "quarantine", PLACE_CHANGING, e) == -1 ||
	    (r->keys && save_if_there(m, "keys.json", PLACE_CHANGING, e) == -1) || seal(m, e) == -1)
		return -1;
	m->report->files = m->place.files;
	m->report->bytes = m->place.bytes;
	m->report->new_bytes = m->place.new_bytes;
	if (r->keep == 0)
		return 0;
	return remove_names(r->folder, is_backup_name, r->keep, &m->report->removed, e);
}

int
backup_make(const struct backup_request *r, struct backup_report *report, struct err *e)
{
	struct making m = {.r = r, .report = report};
	int lock, rc;

	*report = (struct backup_report){0};
	if ((lock = lock_folder(r->folder, e)) == -1)
		return -1;
	backup_list_init(&m.list);
	backup_list_init(&m.before);
	m.place = (struct place){.folder = m.folder, .list = &m.list, .listed = &m.before,
	    .copies = r->copies};
	if ((rc = make(&m, e)) == -1 && m.folder[0] != '\0')
		file_remove_tree(m.folder, NULL);
	pins_fini(&m.pins);
	backup_list_fini(&m.list);
	backup_list_fini(&m.before);
	close(lock);
	return rc;
}
