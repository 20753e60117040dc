/* cmd_generations.c - ragpool generations and verify: sealed generations, read from disk. */
#include "cmd.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation.h"

static void
print_generation(const char *data_dir, const char *tenant, const char *name, bool is_live)
{
	char dir[PATH_MAX];
	struct manifest m;
	struct err e;

	if (generation_dir(dir, data_dir, tenant, name, &e) == 0 &&
	    manifest_read(&m, dir, NULL, &e) == 0)
		printf("%c %-20s  %-12s  %8" PRIu64 " documents  %8" PRIu64 " chunks  %8" PRIu64
		       " KiB  %s\n",
		    is_live ? '*' : ' ', name, m.config_version, m.documents, m.chunks,
		    (m.index_bytes + m.store_bytes) / 1024, m.embedder);
	else
		printf("%c %-20s  %s\n", is_live ? '*' : ' ', name, e.text);
}

int
cmd_generations(const struct cmd *cmd, int argc, char **argv)
{
	char data[1100], live[GENERATION_NAME_BYTES] = "";
	char(*names)[GENERATION_NAME_BYTES] = NULL;
	size_t n = 0;
	struct err e;

	if (argc != 2)
		return cmd_misused(cmd, "it takes one tenant");
	if (cmd_check_tenant(argv[1], &e) == -1 ||
	    cmd_data_dir(cmd, data, sizeof data, &e) == -1 ||
	    generation_list(&names, &n, data, argv[1], &e) == -1)
		return cmd_fail(cmd, &e);
	if (generation_current(live, data, argv[1], &e) == -1)
		live[0] = '\0';
	for (size_t i = 0; i < n; i++)
		print_generation(data, argv[1], names[i], strcmp(names[i], live) == 0);
	free(names);
	return 0;
}

int
cmd_verify(const struct cmd *cmd, int argc, char **argv)
{
	char data[1100], name[GENERATION_NAME_BYTES];
	struct err e;

	if (argc != 2 && argc != 3)
		return cmd_misused(cmd, "it takes a tenant and perhaps a generation");
	if (cmd_check_tenant(argv[1], &e) == -1 ||
	    cmd_data_dir(cmd, data, sizeof data, &e) == -1)
		return cmd_fail(cmd, &e);
	if (argc == 3) {
		if (generation_name_check(argv[2], &e) == -1)
			return cmd_fail(cmd, &e);
		snprintf(name, sizeof name, "%s", argv[2]);
	} else if (generation_current(name, data, argv[1], &e) == -1) {
		return cmd_fail(cmd, &e);
	}
	if (generation_verify(data, argv[1], name, &e) == -1)
		return cmd_fail(cmd, &e);
	printf("%s %s is good\n", argv[1], name);
	return 0;
}
