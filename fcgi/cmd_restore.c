/* cmd_restore.c - ragpool restore: tenants of a backup, back into a data folder. */
#include "cmd.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "backup_place.h"
#include "backup_uploads.h"
#include "file.h"
#include "pins.h"

struct restoring {
	const struct cmd *cmd;
	struct restore_request request;
	char *const *tenants;
	size_t count;		/* 0: all that are in the backup */
	bool keys;
	bool is_running;	/* a supervisor heard of it */
	int code;		/* of the first failure */
};

static void
fail(struct restoring *x, const struct err *e)
{
	int code = cmd_fail(x->cmd, e);

	x->code = x->code != 0 ? x->code : code;
}

static int
restore_one(void *context, const char *tenant)
{
	struct restoring *x = context;
	struct restore_report made;
	struct err e;

	if (restore_tenant(&x->request, tenant, &made, &e) == -1) {
		err_prefix(&e, "%s", tenant);
		fail(x, &e);
		return 0;
	}
	printf("%s %s%s", tenant,
	    made.generation[0] != '\0' ? made.generation : "without a generation",
	    made.has_document ? ", with its document" : "");
	if (made.uploads > 0)
		printf(", %zu uploaded files", made.uploads);
	printf("\n");
	return 0;
}

/* Those of no tenant that came back: only when all is asked for. */
static void
restore_other_files(struct restoring *x)
{
	size_t restored;
	struct err e;

	if (restore_uploads(&x->request, &restored, &e) == -1)
		fail(x, &e);
	if (restored > 0)
		printf("%zu more uploaded files\n", restored);
}

static int
each_tenant(struct restoring *x, int (*each)(void *context, const char *tenant))
{
	int rc = 0;

	if (x->count == 0)
		return backup_each_tenant(x->request.list, each, x);
	for (size_t i = 0; i < x->count && rc == 0; i++)
		rc = each(x, x->tenants[i]);
	return rc;
}

/* ---- the pool, if it runs ---- */

static bool
tell_pool(const struct cmd *cmd, struct json_object *request, struct err *e)
{
	struct json_object *answer;
	int code, rc = cmd_ask(cmd, request, &answer, &code, e);

	json_object_put(answer);
	json_object_put(request);
	return rc == 0;
}

static struct json_object *
request_of(const char *command)
{
	struct json_object *r = json_object_new_object();

	json_object_object_add(r, "command", json_object_new_string(command));
	return r;
}

/* A pool holds its lists in memory: it is asked for the operator's pin, and knows best what
 * it has quarantined. */
static int
pin_in_pool(struct restoring *x, const char *tenant)
{
	struct json_object *r;
	struct pins saved = {0};
	const struct pin *p;
	struct err e;

	if (pins_load(&saved, x->request.backup, &e) == -1) {
		fail(x, &e);
	} else if ((p = pins_find(&saved, tenant, PIN_OPERATOR)) != NULL) {
		r = request_of("pin");
		json_object_object_add(r, "tenant", json_object_new_string(tenant));
		json_object_object_add(r, "generation", json_object_new_string(p->generation));
		if (!tell_pool(x->cmd, r, &e)) {
			err_prefix(&e, "%s: pin on %s", tenant, p->generation);
			fail(x, &e);
		}
	}
	pins_fini(&saved);
	return 0;
}

static int
restore_lists_of(void *context, const char *tenant)
{
	struct restoring *x = context;
	struct err e;

	if (x->is_running)
		return pin_in_pool(x, tenant);
	if (restore_lists(&x->request, tenant, &e) == -1)
		fail(x, &e);
	return 0;
}

/* ---- keys ---- */

static int
restore_keys(const struct restoring *x, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX], aside[PATH_MAX + 8];
	struct placed ignored;

	if (backup_list_find(x->request.list, "keys.json") == NULL)
		return err_set(e, ERR_NOT_FOUND, "the backup has no keys in it");
	if (file_join(from, sizeof from, x->request.backup, "keys.json", e) == -1 ||
	    file_join(to, sizeof to, x->request.data_dir, "keys.json", e) == -1 ||
	    backup_file_check(backup_list_find(x->request.list, "keys.json"), x->request.backup, e) ==
		-1)
		return -1;
	if (!x->request.force && access(to, F_OK) == 0)
		return err_set(e, ERR_INPUT, "%s: there are keys already: --force replaces them", to);
	snprintf(aside, sizeof aside, "%s.tmp-%d", to, (int)getpid());
	unlink(aside);
	if (place_copy(from, aside, 0640, &ignored, e) == -1)
		return -1;
	if (rename(aside, to) == 0)
		return file_sync(x->request.data_dir, e);
	err_sys(e, ERR_IO, "%s", to);
	unlink(aside);
	return -1;
}

/* ---- the whole ---- */

/* What root puts there, the pool could not read. */
static int
check_owner(const char *data_dir, struct err *e)
{
	struct stat st;

	if (geteuid() != 0 || stat(data_dir, &st) == -1 || st.st_uid == 0)
		return 0;
	return err_set(e, ERR_INPUT,
	    "%s belongs to user %u: restore as that one (setpriv --reuid %u --regid %u "
	    "--init-groups ...)",
	    data_dir, (unsigned)st.st_uid, (unsigned)st.st_uid, (unsigned)st.st_gid);
}

static int
run(struct restoring *x, const char *folder, const char *at)
{
	char data[1100], where[PATH_MAX];
	struct backup_list l;
	struct err e;

	backup_list_init(&l);
	x->request.data_dir = data;
	x->request.backup = where;
	x->request.list = &l;
	if (cmd_data_dir(x->cmd, data, sizeof data, &e) == -1 || check_owner(data, &e) == -1 ||
	    backup_open(folder, at, where, &l, &e) == -1) {
		fail(x, &e);
		goto out;
	}
	each_tenant(x, restore_one);
	if (x->count == 0)
		restore_other_files(x);
	if (x->keys && restore_keys(x, &e) == -1)
		fail(x, &e);
	/* Without a pool there is nobody to wake: what it finds at its start counts. */
	x->is_running = tell_pool(x->cmd, request_of("reload"), &e);
	each_tenant(x, restore_lists_of);
out:
	backup_list_fini(&l);
	return x->code;
}

int
cmd_restore(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {{"at", required_argument, NULL, 't'},
	    {"force", no_argument, NULL, 'f'}, {"keys", no_argument, NULL, 'k'},
	    {"copy", no_argument, NULL, 'c'}, {"documents", required_argument, NULL, 'd'},
	    {NULL, 0, NULL, 0}};
	static const char misused[] = "it takes --at NAME, --force, --keys, --copy, "
				      "--documents DIR, a folder of backups and perhaps tenants";
	struct restoring x = {.cmd = cmd};
	const char *at = NULL;
	struct err e;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 't')
			at = optarg;
		else if (c == 'f')
			x.request.force = true;
		else if (c == 'k')
			x.keys = true;
		else if (c == 'c')
			x.request.copies = true;
		else if (c == 'd')
			x.request.documents_dir = optarg;
		else
			return cmd_misused(cmd, misused);
	}
	if (optind == argc)
		return cmd_misused(cmd, misused);
	x.tenants = argv + optind + 1;
	x.count = (size_t)(argc - optind - 1);
	for (size_t i = 0; i < x.count; i++)
		if (cmd_check_tenant(x.tenants[i], &e) == -1)
			return cmd_fail(cmd, &e);
	return run(&x, argv[optind], at);
}
