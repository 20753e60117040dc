/* generation.c - sealed generations: names, publishing, pointers, sweeping. */
#include "generation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failpoint.h"
#include "file.h"
#include "leftover.h"
#include "rpx.h"
#include "tenant.h"

static const char *const sealed_files[] = {"manifest.json", "store.db", "index.rpx"};
enum { SEALED_FILES = sizeof sealed_files / sizeof sealed_files[0] };

/* ---- names ---- */

static bool
is_generation_name(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	return digits >= 1 && digits <= 18 && name[0] != '0' && name[digits] == '-' &&
	    strlen(name + digits + 1) == 12 &&
	    strspn(name + digits + 1, "0123456789abcdef") == 12;
}

int
generation_name_check(const char *name, struct err *e)
{
	if (is_generation_name(name))
		return 0;
	return err_set(e, ERR_INPUT, "not a generation's name: %.40s", name);
}

uint64_t
generation_seq(const char *name)
{
	return strtoull(name, NULL, 10);
}

int
generation_tenant_dir(char *out, const char *data_dir, const char *tenant, struct err *e)
{
	int n;

	if (tenant_name_check(tenant, strlen(tenant), e) == -1)
		return -1;
	n = snprintf(out, PATH_MAX, "%s/tenants/%s", data_dir, tenant);
	return n < PATH_MAX - 128 ? 0 : err_set(e, ERR_LIMIT, "data folder's path too long");
}

int
generation_dir(
    char *out, const char *data_dir, const char *tenant, const char *name, struct err *e)
{
	size_t used;

	if (generation_tenant_dir(out, data_dir, tenant, e) == -1 ||
	    (name[0] != '\0' && generation_name_check(name, e) == -1))
		return -1;
	used = strlen(out);
	snprintf(out + used, PATH_MAX - used, name[0] != '\0' ? "/gen/%s" : "/gen", name);
	return 0;
}

int
generation_verdict_path(
    char *out, const char *data_dir, const char *tenant, const char *name, struct err *e)
{
	size_t used;

	if (generation_name_check(name, e) == -1 ||
	    generation_tenant_dir(out, data_dir, tenant, e) == -1)
		return -1;
	used = strlen(out);
	snprintf(out + used, PATH_MAX - used, "/verdict/%s.json", name);
	return 0;
}

/* ---- listing ---- */

static int
newest_first(const void *a, const void *b)
{
	uint64_t x = generation_seq(a), y = generation_seq(b);

	return x != y ? (x < y) - (x > y) : strcmp(a, b);
}

int
generation_list(char (**names)[GENERATION_NAME_BYTES], size_t *count, const char *data_dir,
    const char *tenant, struct err *e)
{
	char path[PATH_MAX];
	char(*list)[GENERATION_NAME_BYTES] = NULL, (*grown)[GENERATION_NAME_BYTES];
	size_t used = 0;
	struct dirent *entry;
	DIR *dir;

	*names = NULL;
	*count = 0;
	if (generation_dir(path, data_dir, tenant, "", e) == -1)
		return -1;
	if ((dir = opendir(path)) == NULL)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", path);
	while ((entry = readdir(dir)) != NULL) {
		if (!is_generation_name(entry->d_name))
			continue;
		if ((grown = reallocarray(list, used + 1, sizeof *list)) == NULL) {
			free(list);
			closedir(dir);
			return err_sys(e, ERR_NOMEM, "%s", path);
		}
		list = grown;
		memcpy(list[used++], entry->d_name, strlen(entry->d_name) + 1);
	}
	closedir(dir);
	if (used > 1)
		qsort(list, used, sizeof *list, newest_first);
	*names = list;
	*count = used;
	return 0;
}

/* ---- publishing ---- */

static int
seal_files(const char *dir, struct err *e)
{
	char path[PATH_MAX];

	for (int i = 0; i < SEALED_FILES; i++) {
		if (file_join(path, sizeof path, dir, sealed_files[i], e) == -1)
			return -1;
		if (chmod(path, 0440) == -1)
			return err_sys(e, ERR_IO, "%s", path);
		if (file_sync(path, e) == -1)
			return -1;
	}
	return file_sync(dir, e);
}

/* The name of a generation with this hash that is there already and whole, or the next seq:
 * a damaged one is not touched, and does not stand in the way of its repair. */
static int
choose_name(char name[GENERATION_NAME_BYTES], bool *existed, const char *data_dir,
    const char *tenant, const char hash12[13], struct err *e)
{
	char(*names)[GENERATION_NAME_BYTES];
	size_t count;

	if (generation_list(&names, &count, data_dir, tenant, e) == -1)
		return -1;
	*existed = false;
	for (size_t i = 0; i < count && !*existed; i++) {
		if (strcmp(strchr(names[i], '-') + 1, hash12) == 0 &&
		    generation_verify(data_dir, tenant, names[i], NULL) == 0) {
			memcpy(name, names[i], GENERATION_NAME_BYTES);
			*existed = true;
		}
	}
	if (!*existed)
		snprintf(name, GENERATION_NAME_BYTES, "%" PRIu64 "-%s",
		    count > 0 ? generation_seq(names[0]) + 1 : 1, hash12);
	free(names);
	return 0;
}

int
generation_publish(char name[GENERATION_NAME_BYTES], bool *existed, const char *data_dir,
    const char *tenant, const char *tmp_dir, struct err *e)
{
	char final[PATH_MAX], parent[PATH_MAX], hash12[13];
	struct manifest m;

	if (manifest_read(&m, tmp_dir, hash12, e) == -1)
		return -1;
	if (strcmp(m.tenant, tenant) != 0)
		return err_set(e, ERR_CORRUPT, "the manifest is of tenant %s", m.tenant);
	if (choose_name(name, existed, data_dir, tenant, hash12, e) == -1)
		return -1;
	if (*existed)
		return file_remove_tree(tmp_dir, e);
	if (generation_dir(final, data_dir, tenant, name, e) == -1 ||
	    generation_dir(parent, data_dir, tenant, "", e) == -1 || seal_files(tmp_dir, e) == -1)
		return -1;
	failpoint(FAIL_SEALED);
	if (rename(tmp_dir, final) == -1)
		return err_sys(e, ERR_IO, "rename to %s", final);
	return file_sync(parent, e);
}

/* ---- verifying ---- */

static int
verify_file(const char *dir, const char *name, uint64_t want_bytes, const char *want_sha256,
    struct err *e)
{
	char path[PATH_MAX], hex[SHA256_HEX_BYTES];
	uint8_t digest[SHA256_BYTES];
	uint64_t bytes;

	if (file_join(path, sizeof path, dir, name, e) == -1 ||
	    hash_sha256_file(path, digest, &bytes, e) == -1)
		return -1;
	hash_hex(digest, hex);
	if (bytes != want_bytes)
		return err_set(e, ERR_CORRUPT, "%s: %" PRIu64 " bytes, the manifest says %" PRIu64,
		    path, bytes, want_bytes);
	if (strcmp(hex, want_sha256) != 0)
		return err_set(e, ERR_CORRUPT, "%s: SHA-256 differs from the manifest", path);
	return 0;
}

static int
verify_index(const char *dir, const char *tenant, struct err *e)
{
	char path[PATH_MAX];
	struct rpx r;
	int rc;

	if (file_join(path, sizeof path, dir, "index.rpx", e) == -1 || rpx_open(&r, path, e) == -1)
		return -1;
	rc = rpx_verify(&r, e);
	if (rc == 0 && strcmp(r.tenant, tenant) != 0)
		rc = err_set(e, ERR_CORRUPT, "%s: belongs to tenant %s", path, r.tenant);
	rpx_close(&r);
	return rc;
}

int
generation_verify_folder(const char *dir, const char *tenant, const char *name, struct err *e)
{
	char hash12[13];
	struct manifest m;

	if (generation_name_check(name, e) == -1 || manifest_read(&m, dir, hash12, e) == -1)
		return -1;
	if (strcmp(strchr(name, '-') + 1, hash12) != 0)
		return err_set(e, ERR_CORRUPT, "%s: the manifest's hash is %s", name, hash12);
	if (strcmp(m.tenant, tenant) != 0)
		return err_set(e, ERR_CORRUPT, "%s: the manifest is of tenant %s", name, m.tenant);
	if (verify_file(dir, "index.rpx", m.index_bytes, m.index_sha256, e) == -1 ||
	    verify_file(dir, "store.db", m.store_bytes, m.store_sha256, e) == -1)
		return -1;
	return verify_index(dir, tenant, e);
}

int
generation_verify(const char *data_dir, const char *tenant, const char *name, struct err *e)
{
	char dir[PATH_MAX];

	if (generation_dir(dir, data_dir, tenant, name, e) == -1)
		return -1;
	return generation_verify_folder(dir, tenant, name, e);
}

/* ---- away ---- */

static const char *const heavy_files[] = {"index.rpx", "store.db"};

bool
generation_is_away(const char *data_dir, const char *tenant, const char *name)
{
	char dir[PATH_MAX], path[PATH_MAX];

	return generation_dir(dir, data_dir, tenant, name, NULL) == 0 &&
	    file_join(path, sizeof path, dir, "manifest.json", NULL) == 0 &&
	    access(path, F_OK) == 0 &&
	    file_join(path, sizeof path, dir, heavy_files[0], NULL) == 0 &&
	    access(path, F_OK) == -1 && errno == ENOENT;
}

int
generation_send_away(
    const char *data_dir, const char *tenant, const char *name, struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX];

	if (generation_dir(dir, data_dir, tenant, name, e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof heavy_files / sizeof heavy_files[0]; i++) {
		if (file_join(path, sizeof path, dir, heavy_files[i], e) == -1)
			return -1;
		if (unlink(path) == -1 && errno != ENOENT)
			return err_sys(e, ERR_IO, "%s", path);
		if (file_sync(dir, e) == -1)
			return -1;
	}
	return 0;
}

/* The other way round. */
static int
bring_back(const char *dir, const char *tmp_dir, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (size_t i = sizeof heavy_files / sizeof heavy_files[0]; i-- > 0;) {
		if (file_join(from, sizeof from, tmp_dir, heavy_files[i], e) == -1 ||
		    file_join(to, sizeof to, dir, heavy_files[i], e) == -1)
			return -1;
		if (rename(from, to) == -1)
			return err_sys(e, ERR_IO, "rename to %s", to);
		if (file_sync(dir, e) == -1)
			return -1;
	}
	return file_remove_tree(tmp_dir, e);
}

int
generation_adopt(const char *data_dir, const char *tenant, const char *name,
    const char *tmp_dir, bool *existed, struct err *e)
{
	char final[PATH_MAX], parent[PATH_MAX];

	*existed = false;
	if (generation_name_check(name, e) == -1 ||
	    generation_dir(final, data_dir, tenant, name, e) == -1 ||
	    generation_dir(parent, data_dir, tenant, "", e) == -1 ||
	    generation_verify_folder(tmp_dir, tenant, name, e) == -1 || seal_files(tmp_dir, e) == -1)
		return -1;
	if (rename(tmp_dir, final) == 0)
		return file_sync(parent, e);
	if (errno != ENOTEMPTY && errno != EEXIST)
		return err_sys(e, ERR_IO, "rename to %s", final);
	if (generation_is_away(data_dir, tenant, name))
		return bring_back(final, tmp_dir, e);
	*existed = true;	/* somebody was faster */
	if (generation_verify(data_dir, tenant, name, e) == -1)
		return -1;
	return file_remove_tree(tmp_dir, e);
}

/* ---- the pointer ---- */

int
generation_current(
    char name[GENERATION_NAME_BYTES], const char *data_dir, const char *tenant, struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX], *text;
	struct err local;
	size_t n;

	if (e == NULL)
		e = &local;
	if (generation_tenant_dir(dir, data_dir, tenant, e) == -1 ||
	    file_join(path, sizeof path, dir, "current", e) == -1)
		return -1;
	if (file_read(&text, &n, path, 256, e) == -1)
		return e->code == ERR_NOT_FOUND
		    ? err_set(e, ERR_NOT_READY, "%s has no generation yet", tenant)
		    : -1;
	text[strcspn(text, "\r\n")] = '\0';
	if (!is_generation_name(text)) {
		err_set(e, ERR_CORRUPT, "%s: not a generation's name", path);
		free(text);
		return -1;
	}
	snprintf(name, GENERATION_NAME_BYTES, "%s", text);
	free(text);
	return 0;
}

int
generation_set_current(const char *data_dir, const char *tenant, const char *name, struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX], line[GENERATION_NAME_BYTES + 1];
	struct stat st;
	int n;

	if (generation_name_check(name, e) == -1 ||
	    generation_dir(dir, data_dir, tenant, name, e) == -1)
		return -1;
	if (stat(dir, &st) == -1)
		return err_sys(e, ERR_IO, "%s", dir);
	if (generation_tenant_dir(dir, data_dir, tenant, e) == -1 ||
	    file_join(path, sizeof path, dir, "current", e) == -1)
		return -1;
	n = snprintf(line, sizeof line, "%s\n", name);
	return file_replace(path, line, (size_t)n, 0644, e);
}

/* ---- sweeping ---- */

static int
sweep_leftovers(const char *data_dir, const char *tenant, struct err *e)
{
	static const char *const folders[] = {"gen", "verdict", "."};
	char dir[PATH_MAX], path[PATH_MAX];

	if (generation_tenant_dir(dir, data_dir, tenant, e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		if (file_join(path, sizeof path, dir, folders[i], e) == -1 ||
		    leftover_sweep(path, e) == -1)
			return -1;
	return 0;
}

static int
remove_generation(const char *data_dir, const char *tenant, const char *name, struct err *e)
{
	char path[PATH_MAX];

	if (generation_dir(path, data_dir, tenant, name, e) == -1 ||
	    file_remove_tree(path, e) == -1 ||
	    generation_verdict_path(path, data_dir, tenant, name, e) == -1)
		return -1;
	if (unlink(path) == -1 && errno != ENOENT)
		return err_sys(e, ERR_IO, "%s", path);
	return 0;
}

/* When it was sealed here, 0 when nobody knows. */
static int64_t
sealed_s(const char *data_dir, const char *tenant, const char *name)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct stat st;

	if (generation_dir(dir, data_dir, tenant, name, NULL) == -1 ||
	    file_join(path, sizeof path, dir, "manifest.json", NULL) == -1 || stat(path, &st) == -1)
		return 0;
	return (int64_t)st.st_mtime;
}

/* The state of a walk from the newest to the oldest. */
struct sweeping {
	const struct generation_rules *rules;
	unsigned serving, refused;
	int64_t replaced_s;	/* when the next one that may serve was sealed; 0: there is none */
};

/* Whether its number and its time let it stay. */
static bool
is_kept(struct sweeping *w, bool is_refused, int64_t sealed)
{
	const struct generation_rules *r = w->rules;
	int64_t since = is_refused ? sealed : w->replaced_s;
	bool is_over = r->ttl_s > 0 && since != 0 && r->now_s - since > r->ttl_s;

	if (is_refused)
		return w->refused++ == 0 && !is_over;
	if (sealed != 0)
		w->replaced_s = sealed;
	return w->serving++ < r->keep && !is_over;
}

int
generation_sweep(const char *data_dir, const char *tenant, const struct generation_rules *rules,
    generation_use_fn *use, void *context, struct err *e)
{
	char(*names)[GENERATION_NAME_BYTES];
	char current[GENERATION_NAME_BYTES] = "";
	struct sweeping w = {.rules = rules};
	size_t count;
	int rc = 0;

	if (generation_list(&names, &count, data_dir, tenant, e) == -1)
		return -1;
	generation_current(current, data_dir, tenant, NULL);
	for (size_t i = 0; i < count && rc == 0; i++) {
		struct generation_use u = {0};
		if (use != NULL)
			u = use(context, names[i]);
		if (!is_kept(&w, u.is_refused, sealed_s(data_dir, tenant, names[i])) &&
		    !u.is_used && strcmp(names[i], current) != 0)
			rc = remove_generation(data_dir, tenant, names[i], e);
	}
	free(names);
	return rc == 0 ? sweep_leftovers(data_dir, tenant, e) : rc;
}
