/* cmd.c - what the commands have in common. */
#include "cmd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control_client.h"
#include "tenant.h"

int
cmd_fail(const struct cmd *cmd, const struct err *e)
{
	fprintf(stderr, "ragpool %s: %s\n", cmd->name, e->text);
	return err_row(e->code)->exit_code;
}

int
cmd_misused(const struct cmd *cmd, const char *what)
{
	fprintf(stderr, "ragpool %s: %s\ntry: ragpool help %s\n", cmd->name, what, cmd->name);
	return CMD_USAGE;
}

/* One path out of the configuration. */
static int
from_conf(const struct cmd *cmd, bool is_socket, char *out, size_t size, struct err *e)
{
	struct conf c;
	struct buf errors;
	int rc = -1;

	buf_init(&errors, CONF_ERRORS_MAX);
	if (conf_load(&c, cmd->config, &errors, e) == 0) {
		const char *path = is_socket ? c.global.control_socket : c.global.data_dir;
		rc = snprintf(out, size, "%s", path) < (int)size ?
		    0 :
		    err_set(e, ERR_LIMIT, "path too long");
		conf_fini(&c);
	} else if (errors.len > 0) {
		fputs(errors.data, stderr);
	}
	buf_fini(&errors);
	return rc;
}

int
cmd_data_dir(const struct cmd *cmd, char *out, size_t size, struct err *e)
{
	if (cmd->data_dir == NULL)
		return from_conf(cmd, false, out, size, e);
	return snprintf(out, size, "%s", cmd->data_dir) < (int)size ?
	    0 :
	    err_set(e, ERR_LIMIT, "path too long");
}

int
cmd_check_tenant(const char *name, struct err *e)
{
	return tenant_name_check(name, strlen(name), e);
}

void
cmd_act_as(const struct stat *owner_or_null)
{
	const struct stat *st = owner_or_null;

	if (getuid() != 0)
		return;
	if (st == NULL) {
		(void)!seteuid(0);
		(void)!setegid(0);
	} else {
		(void)!setegid(st->st_gid);
		(void)!seteuid(st->st_uid);
	}
}

int
cmd_ask(const struct cmd *cmd, struct json_object *request, struct json_object **answer,
    int *exit_code, struct err *e)
{
	char path[1100];

	*answer = NULL;
	*exit_code = 0;
	if (cmd->socket != NULL)
		snprintf(path, sizeof path, "%s", cmd->socket);
	if ((cmd->socket != NULL || from_conf(cmd, true, path, sizeof path, e) == 0) &&
	    control_ask(path, request, 0, answer, e) == 0 &&
	    control_refusal(*answer, exit_code, e) == 0)
		return 0;
	json_object_put(*answer);
	*answer = NULL;
	if (*exit_code == 0)
		*exit_code = err_row(e->code)->exit_code;
	return -1;
}

int
cmd_tell(const struct cmd *cmd, struct json_object *request)
{
	struct json_object *answer;
	struct err e;
	int code;

	if (cmd_ask(cmd, request, &answer, &code, &e) == -1)
		cmd_fail(cmd, &e);
	json_object_put(answer);
	json_object_put(request);
	return code;
}
