/* cmd_verify.c - ragpool verify: every byte of one generation, or of what each tenant serves. */
#include "cmd.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "generation.h"
#include "index.h"
#include "tenant.h"

static int
verify(const char *data, const char *tenant, const char *name, struct err *e)
{
	struct index *x = NULL;
	int rc = -1;

	if (generation_verify(data, tenant, name, e) == 0 &&
	    index_open(&x, data, tenant, name, e) == 0)
		rc = index_verify(x, e);
	index_close(x);
	return rc;
}

/* The current generation where none is named. */
static int
verify_tenant(const struct cmd *cmd, const char *data, const char *tenant, const char *name)
{
	char current[GENERATION_NAME_BYTES];
	struct err e;

	if (name == NULL && generation_current(current, data, tenant, &e) == -1)
		return cmd_fail(cmd, &e);
	if (name == NULL)
		name = current;
	if (generation_is_away(data, tenant, name)) {
		printf("%s %s is in the object store alone: ragpool-objects fetches and verifies it\n",
		    tenant, name);
		return 0;
	}
	if (verify(data, tenant, name, &e) == -1) {
		err_prefix(&e, "%s", tenant);
		return cmd_fail(cmd, &e);
	}
	printf("%s %s is good\n", tenant, name);
	return 0;
}

/* Every tenant's, to the end; the first failure's exit code.  One without a generation has
 * nothing to verify. */
static int
verify_all(const struct cmd *cmd, const char *data)
{
	char path[1200], current[GENERATION_NAME_BYTES];
	struct dirent *entry;
	struct err e;
	int code = 0, one;
	DIR *dir;

	snprintf(path, sizeof path, "%s/tenants", data);
	if ((dir = opendir(path)) == NULL) {
		err_sys(&e, ERR_IO, "%s", path);
		return cmd_fail(cmd, &e);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (!tenant_name_is_valid(entry->d_name, strlen(entry->d_name)) ||
		    (generation_current(current, data, entry->d_name, &e) == -1 &&
			e.code == ERR_NOT_READY))
			continue;
		one = verify_tenant(cmd, data, entry->d_name, NULL);
		code = code != 0 ? code : one;
	}
	closedir(dir);
	return code;
}

int
cmd_verify(const struct cmd *cmd, int argc, char **argv)
{
	char data[1100];
	struct err e;

	if (argc > 3)
		return cmd_misused(cmd, "it takes a tenant and a generation, both optional");
	if (cmd_data_dir(cmd, data, sizeof data, &e) == -1)
		return cmd_fail(cmd, &e);
	if (argc == 1)
		return verify_all(cmd, data);
	if (cmd_check_tenant(argv[1], &e) == -1 ||
	    (argc == 3 && generation_name_check(argv[2], &e) == -1))
		return cmd_fail(cmd, &e);
	return verify_tenant(cmd, data, argv[1], argc == 3 ? argv[2] : NULL);
}
