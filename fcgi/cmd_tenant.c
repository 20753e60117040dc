/* cmd_tenant.c - ragpool tenant check: a tenant's document, judged before anyone sees it. */
#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "tenant_doc.h"

static int
check_file(const struct cmd *cmd, const char *path)
{
	struct tenant_doc d;
	struct err e;
	char *bytes = NULL;
	size_t n;
	int code = 0;

	if (file_read(&bytes, &n, path, TENANT_CONFIG_MAX, &e) == -1)
		return cmd_fail(cmd, &e);
	if (tenant_doc_parse(&d, bytes, n, &e) == -1) {
		free(bytes);
		err_prefix(&e, "%s", path);
		return cmd_fail(cmd, &e);
	}
	if (d.notes.len > 0)
		fputs(d.notes.data, stdout);
	if (tenant_doc_check_source(&d, &e) == -1) {
		err_prefix(&e, "%s", path);
		code = cmd_fail(cmd, &e);
	} else {
		printf("%s is good: version %s\n", path, d.config.version);
	}
	tenant_doc_fini(&d);
	free(bytes);
	return code;
}

int
cmd_tenant(const struct cmd *cmd, int argc, char **argv)
{
	if (argc != 3 || strcmp(argv[1], "check") != 0)
		return cmd_misused(cmd, "it takes: check FILE");
	return check_file(cmd, argv[2]);
}
