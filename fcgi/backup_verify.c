/* backup_verify.c - is a backup still what it was? */
#include "backup.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "backup_uploads.h"
#include "db.h"
#include "file.h"
#include "file_area.h"
#include "generation.h"
#include "tenant.h"

/* "tenants/<tenant>/gen/<name>/manifest.json" -> both names. */
static bool
is_generation(const char *path, char tenant[TENANT_NAME_BYTES + 1],
    char name[GENERATION_NAME_BYTES])
{
	int end = 0;

	_Static_assert(TENANT_NAME_BYTES == 63 && GENERATION_NAME_BYTES > 32, "the widths below");
	return sscanf(path, "tenants/%63[^/]/gen/%32[^/]/manifest.json%n", tenant, name, &end) == 2 &&
	    end != 0 && path[end] == '\0';
}

/* Of a folder that is read, never of one that is written: the file may be on a read-only disk. */
static int
check_database(const char *path, struct err *e)
{
	sqlite3_stmt *s = NULL;
	const char *said;
	sqlite3 *db;
	int rc = -1;

	if (db_open_foreign(&db, path, e) == -1)
		return -1;
	if (db_statement(&s, db, "pragma quick_check(1)", e) == 0 && db_step_row(s, e) == 1) {
		said = (const char *)sqlite3_column_text(s, 0);
		rc = said != NULL && strcmp(said, "ok") == 0 ?
		    0 :
		    err_set(e, ERR_CORRUPT, "%s: %s", path, said != NULL ? said : "unreadable");
	}
	sqlite3_finalize(s);
	db_close(db);
	return rc;
}

static bool
is_database(const char *path)
{
	size_t n = strlen(path);

	return n > 3 && strcmp(path + n - 3, ".db") == 0 && strstr(path, "/gen/") == NULL;
}

/* The bytes, and where this file stands for more, all of that. */
static int
check_file(const char *folder, const struct backup_file *f, struct err *e)
{
	char tenant[TENANT_NAME_BYTES + 1], name[GENERATION_NAME_BYTES], path[PATH_MAX];

	if (backup_is_no_upload(f->path))
		return err_set(e, ERR_CORRUPT, "%s: not where an uploaded file lies", f->path);
	if (backup_file_check(f, folder, e) == -1 ||
	    file_join(path, sizeof path, folder, f->path, e) == -1)
		return -1;
	if (is_database(f->path))
		return check_database(path, e);
	if (!is_generation(f->path, tenant, name))
		return 0;
	*strrchr(path, '/') = '\0';
	return generation_verify_folder(path, tenant, name, e);
}

size_t
backup_verify(const char *folder, const struct backup_list *l,
    void (*tell)(void *context, const struct err *e), void *context)
{
	size_t faults = 0;
	struct err e;

	for (size_t i = 0; i < l->count; i++)
		if (check_file(folder, &l->files[i], &e) == -1) {
			faults++;
			tell(context, &e);
		}
	return faults;
}

static int
check_below(const char *folder, const struct backup_list *l, const char *prefix, size_t *count,
    struct err *e)
{
	const struct backup_file *f = backup_list_below(l, prefix, count);

	for (size_t i = 0; i < *count; i++)
		if (check_file(folder, &f[i], e) == -1)
			return -1;
	return 0;
}

int
backup_verify_tenant(
    const char *folder, const struct backup_list *l, const char *tenant, struct err *e)
{
	static const char *const below[][2] = {
	    {"tenants/", "/"}, {"inbox/", "/"}, {"lkg/", ".json"}, {"lkg/", ".consul"}};
	char prefix[BACKUP_PATH_BYTES], area[UPLOAD_AREA_BYTES];
	size_t count, all = 0;

	for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
		snprintf(prefix, sizeof prefix, "%s%s%s", below[i][0], tenant, below[i][1]);
		if (check_below(folder, l, prefix, &count, e) == -1)
			return -1;
		all += count;
	}
	if (all == 0)
		return err_set(e, ERR_TENANT, "the backup has no tenant \"%s\"", tenant);
	file_area_of_tenant(tenant, area);
	snprintf(prefix, sizeof prefix, UPLOADS_FOLDER "/%s/", area);
	return check_below(folder, l, prefix, &count, e);
}

/* "tenants/<tenant>/..." and "lkg/<tenant>.json" */
static bool
tenant_of(const char *path, char tenant[TENANT_NAME_BYTES + 1])
{
	int end = 0;
	size_t n;

	if (sscanf(path, "tenants/%63[^/]/%n", tenant, &end) == 1 && end != 0)
		return tenant_name_is_valid(tenant, strlen(tenant));
	n = strlen(path);
	if (strncmp(path, "lkg/", 4) != 0 || n < 10 || n - 9 > TENANT_NAME_BYTES ||
	    strcmp(path + n - 5, ".json") != 0)
		return false;
	snprintf(tenant, TENANT_NAME_BYTES + 1, "%.*s", (int)(n - 9), path + 4);
	return tenant_name_is_valid(tenant, n - 9);
}

static bool
has_folder(const struct backup_list *l, const char *tenant)
{
	char prefix[BACKUP_PATH_BYTES];
	size_t count;

	snprintf(prefix, sizeof prefix, "tenants/%s/", tenant);
	return backup_list_below(l, prefix, &count) != NULL;
}

int
backup_each_tenant(const struct backup_list *l,
    int (*each)(void *context, const char *tenant), void *context)
{
	char tenant[TENANT_NAME_BYTES + 1], last[TENANT_NAME_BYTES + 1] = "";
	int rc = 0;

	for (size_t i = 0; i < l->count && rc == 0; i++) {
		if (!tenant_of(l->files[i].path, tenant) || strcmp(tenant, last) == 0 ||
		    (l->files[i].path[0] == 'l' && has_folder(l, tenant)))
			continue;
		snprintf(last, sizeof last, "%s", tenant);
		rc = each(context, tenant);
	}
	return rc;
}
