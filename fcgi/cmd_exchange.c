/* cmd_exchange.c - ragpool export, ragpool import: a tenant's documents as JSON lines. */
#include "cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "exchange.h"
#include "generation.h"

static int
parse_vectors(const char *text, enum exchange_vectors *out)
{
	static const char *const names[] = {"base64", "json", "none"};

	for (int i = 0; i < 3; i++)
		if (strcmp(text, names[i]) == 0) {
			*out = (enum exchange_vectors)i;
			return 0;
		}
	return -1;
}

int
cmd_export(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {{"generation", required_argument, NULL, 'g'},
	    {"vectors", required_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
	static const char misused[] =
	    "it takes --generation GENERATION, --vectors base64|json|none and a tenant";
	enum exchange_vectors vectors = EXCHANGE_BASE64;
	const char *generation = NULL;
	struct exchange_report made;
	char data[1100];
	struct err e;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'g')
			generation = optarg;
		else if (c != 'v' || parse_vectors(optarg, &vectors) == -1)
			return cmd_misused(cmd, misused);
	}
	if (optind + 1 != argc)
		return cmd_misused(cmd, misused);
	if (cmd_check_tenant(argv[optind], &e) == -1 ||
	    (generation != NULL && generation_name_check(generation, &e) == -1) ||
	    cmd_data_dir(cmd, data, sizeof data, &e) == -1 ||
	    exchange_export(data, argv[optind], generation, vectors, stdout, &made, &e) == -1)
		return cmd_fail(cmd, &e);
	fprintf(stderr, "%" PRIu64 " documents, %" PRIu64 " chunks, %" PRIu64 " vectors\n",
	    made.documents, made.chunks, made.vectors);
	return 0;
}

struct refusing {
	const struct cmd *cmd;
	int code;	/* of the first */
};

static void
say_refused(void *context, uint64_t line, const struct err *why)
{
	struct refusing *r = context;

	fprintf(stderr, "ragpool %s: line %" PRIu64 " is left out: %s\n", r->cmd->name, line,
	    why->text);
	if (r->code == 0)
		r->code = err_row(why->code)->exit_code;
}

int
cmd_import(const struct cmd *cmd, int argc, char **argv)
{
	struct refusing refusing = {.cmd = cmd};
	struct exchange_report made;
	char data[1100];
	struct stat owner;
	FILE *in = stdin;
	struct err e;
	int rc;

	if (argc != 3 || (argv[2][0] == '-' && argv[2][1] != '\0'))
		return cmd_misused(cmd, "it takes a tenant and a file, - for standard input");
	if (cmd_check_tenant(argv[1], &e) == -1 || cmd_data_dir(cmd, data, sizeof data, &e) == -1)
		return cmd_fail(cmd, &e);
	if (strcmp(argv[2], "-") != 0 && (in = fopen(argv[2], "re")) == NULL) {
		err_sys(&e, ERR_IO, "%s", argv[2]);
		return cmd_fail(cmd, &e);
	}
	if (stat(data, &owner) == -1) {
		rc = err_sys(&e, ERR_IO, "%s", data);
	} else {
		cmd_act_as(&owner);
		rc = exchange_import(data, argv[1], in, say_refused, &refusing, &made, &e);
		cmd_act_as(NULL);
	}
	if (in != stdin)
		fclose(in);
	if (rc == -1)
		return cmd_fail(cmd, &e);
	printf("%" PRIu64 " documents, %" PRIu64 " chunks, %" PRIu64 " vectors; %" PRIu64
	       " lines left out\n",
	    made.documents, made.chunks, made.vectors, made.refused);
	return refusing.code;
}
