/* cmd_backup.c - ragpool backup: a data folder saved while it serves, and backups judged. */
#include "cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "backup.h"

enum { KEEP_MAX = 100000 };

/* Also what a check of a backup has found. */
struct said {
	const struct cmd *cmd;
	int code;	/* of the first failure */
};

static void
say_saved(void *context, const char *what, const struct err *e)
{
	struct said *s = context;

	if (e == NULL)
		return;
	fprintf(stderr, "ragpool %s: %s is not saved: %s\n", s->cmd->name, what, e->text);
	if (s->code == 0)
		s->code = err_row(e->code)->exit_code;
}

static void
say_fault(void *context, const struct err *e)
{
	struct said *s = context;

	if (s->code == 0)
		s->code = err_row(e->code)->exit_code;
	cmd_fail(s->cmd, e);
}

static int
verify(const struct cmd *cmd, const char *folder, const char *name)
{
	struct said said = {.cmd = cmd};
	struct backup_list l;
	char where[PATH_MAX];
	uint64_t bytes = 0;
	struct err e;

	backup_list_init(&l);
	if (backup_open(folder, name, where, &l, &e) == -1) {
		said.code = cmd_fail(cmd, &e);
	} else if (backup_verify(where, &l, say_fault, &said) == 0) {
		for (size_t i = 0; i < l.count; i++)
			bytes += l.files[i].bytes;
		printf("%s is good: %zu files, %" PRIu64 " bytes\n", where, l.count, bytes);
	}
	backup_list_fini(&l);
	return said.code;
}

static int
make(const struct cmd *cmd, const struct backup_request *asked)
{
	struct backup_request r = *asked;
	struct said said = {.cmd = cmd};
	struct backup_report made;
	char data[1100];
	struct err e;

	for (size_t i = 0; i < r.count; i++)
		if (cmd_check_tenant(r.tenants[i], &e) == -1)
			return cmd_fail(cmd, &e);
	r.data_dir = data;
	r.tell = say_saved;
	r.context = &said;
	if (cmd_data_dir(cmd, data, sizeof data, &e) == -1 || backup_make(&r, &made, &e) == -1)
		return cmd_fail(cmd, &e);
	printf("%s/%s: %zu tenants, %" PRIu64 " files, %" PRIu64 " bytes, %" PRIu64
	       " of them new\n",
	    r.folder, made.name, made.tenants, made.files, made.bytes, made.new_bytes);
	return said.code;
}

static int
parse_keep(const char *text, unsigned *keep)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0' || n < 1 || n > KEEP_MAX)
		return -1;
	*keep = (unsigned)n;
	return 0;
}

int
cmd_backup(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {{"all", no_argument, NULL, 'a'},
	    {"keys", no_argument, NULL, 'k'}, {"copy", no_argument, NULL, 'c'},
	    {"keep", required_argument, NULL, 'n'}, {"verify", no_argument, NULL, 'v'},
	    {"at", required_argument, NULL, 't'}, {NULL, 0, NULL, 0}};
	static const char misused[] = "it takes --all, --keys, --copy, --keep N, a folder and "
				      "perhaps tenants; or --verify, --at NAME and a folder";
	struct backup_request r = {0};
	const char *at = NULL;
	bool verifies = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'a')
			r.all_generations = true;
		else if (c == 'k')
			r.keys = true;
		else if (c == 'c')
			r.copies = true;
		else if (c == 'v')
			verifies = true;
		else if (c == 't')
			at = optarg;
		else if (c != 'n' || parse_keep(optarg, &r.keep) == -1)
			return cmd_misused(cmd, misused);
	}
	if (optind == argc || (verifies && optind + 1 != argc) || (!verifies && at != NULL))
		return cmd_misused(cmd, misused);
	r.folder = argv[optind];
	r.tenants = argv + optind + 1;
	r.count = (size_t)(argc - optind - 1);
	return verifies ? verify(cmd, r.folder, at) : make(cmd, &r);
}
