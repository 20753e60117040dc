/* cmd.h - the commands of ragpool: one file each, one row each in ragpool.c.
 *
 * A command gets its own argv (argv[0] is its name), parses its options with getopt, and
 * answers an exit code of sysexits.  What it prints for programs is JSON on stdout, what it
 * says to people about failures goes to stderr.
 */
#ifndef RAGPOOL_CMD_H
#define RAGPOOL_CMD_H

#include <sys/stat.h>

#include <json-c/json.h>

#include "conf.h"
#include "err.h"

/* What was said before the command. */
struct cmd {
	const char *name;
	const char *config;	/* -c; the default path when nothing was said */
	const char *socket;	/* -s; NULL: as the configuration says */
	const char *data_dir;	/* -d; NULL: as the configuration says */
};

enum { CMD_USAGE = 64 };

int cmd_status(const struct cmd *cmd, int argc, char **argv);
int cmd_reload(const struct cmd *cmd, int argc, char **argv);
int cmd_accept(const struct cmd *cmd, int argc, char **argv);
int cmd_retry(const struct cmd *cmd, int argc, char **argv);
int cmd_build(const struct cmd *cmd, int argc, char **argv);
int cmd_cancel(const struct cmd *cmd, int argc, char **argv);
int cmd_ingest(const struct cmd *cmd, int argc, char **argv);
int cmd_pause(const struct cmd *cmd, int argc, char **argv);
int cmd_respawn(const struct cmd *cmd, int argc, char **argv);
int cmd_resume(const struct cmd *cmd, int argc, char **argv);
int cmd_abort(const struct cmd *cmd, int argc, char **argv);
int cmd_rollback(const struct cmd *cmd, int argc, char **argv);
int cmd_pin(const struct cmd *cmd, int argc, char **argv);
int cmd_unpin(const struct cmd *cmd, int argc, char **argv);
int cmd_accept_deletions(const struct cmd *cmd, int argc, char **argv);
int cmd_generations(const struct cmd *cmd, int argc, char **argv);
int cmd_backup(const struct cmd *cmd, int argc, char **argv);
int cmd_restore(const struct cmd *cmd, int argc, char **argv);
int cmd_export(const struct cmd *cmd, int argc, char **argv);
int cmd_import(const struct cmd *cmd, int argc, char **argv);
int cmd_diff(const struct cmd *cmd, int argc, char **argv);
int cmd_verify(const struct cmd *cmd, int argc, char **argv);
int cmd_eval(const struct cmd *cmd, int argc, char **argv);
int cmd_load(const struct cmd *cmd, int argc, char **argv);
int cmd_key(const struct cmd *cmd, int argc, char **argv);
int cmd_tenant(const struct cmd *cmd, int argc, char **argv);

/* ---- for the commands ---- */

/* Prints the error and answers its exit code. */
int cmd_fail(const struct cmd *cmd, const struct err *e);
/* "ragpool NAME: what; try: ragpool help NAME"; CMD_USAGE. */
int cmd_misused(const struct cmd *cmd, const char *what);
/* Into out[size]: where the data is.  ERR_CONFIG when the configuration cannot be read. */
int cmd_data_dir(const struct cmd *cmd, char *out, size_t size, struct err *e);
int cmd_check_tenant(const char *name, struct err *e);
/* Root acts as the owner of what it writes into, so that it stays the pool's; NULL: as itself
 * again.  Nothing for others. */
void cmd_act_as(const struct stat *owner_or_null);

/* One question to the supervisor.  *answer is owned (json_object_put); an answer that is a
 * refusal is -1, with the exit code the supervisor names in *exit_code, else that of *e. */
int cmd_ask(const struct cmd *cmd, struct json_object *request, struct json_object **answer,
    int *exit_code, struct err *e);
/* A question whose answer says no more than yes; the exit code.  Takes the request. */
int cmd_tell(const struct cmd *cmd, struct json_object *request);

#endif
