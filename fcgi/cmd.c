/* cmd.c - what the commands have in common. */
#include "cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "json.h"
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

static int
connect_to(const char *path, int *out, struct err *e)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof a.sun_path)
		return err_set(e, ERR_CONFIG, "socket %s: path too long", path);
	memcpy(a.sun_path, path, strlen(path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return err_sys(e, ERR_IO, "socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == -1) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			err_set(e, ERR_PEER, "no ragpoold listens on %s", path);
		else
			err_sys(e, ERR_PEER, "ragpoold on %s", path);
		close(fd);
		return -1;
	}
	*out = fd;
	return 0;
}

static int
send_line(int fd, const char *text, struct err *e)
{
	struct buf b;
	size_t sent = 0;
	ssize_t n;
	int rc = 0;

	buf_init(&b, CONTROL_LINE_MAX);
	buf_adds(&b, text);
	buf_addc(&b, '\n');
	rc = buf_check(&b, "request", e);
	while (rc == 0 && sent < b.len) {
		if ((n = send(fd, b.data + sent, b.len - sent, MSG_NOSIGNAL)) == -1 &&
		    errno != EINTR)
			rc = err_sys(e, ERR_PEER, "ragpoold");
		sent += n > 0 ? (size_t)n : 0;
	}
	buf_fini(&b);
	return rc;
}

/* All that comes until the other side closes. */
static int
read_answer(int fd, struct buf *b, struct err *e)
{
	char bytes[16384];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, 0)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, ERR_PEER, "ragpoold");
		buf_add(b, bytes, (size_t)n);
	}
	if (b->len == 0)
		return err_set(e, ERR_PEER, "ragpoold ended without an answer");
	return buf_check(b, "answer", e);
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

/* A refusal becomes an error of ours. */
static int
judge(struct json_object *answer, int *exit_code, struct err *e)
{
	struct json_object *error = NULL;
	const char *message = "refused";
	int64_t code = 0;

	if (json_get_object(answer, "error", false, &error, e) == -1)
		return -1;
	if (error == NULL)
		return 0;
	if (json_get_text(error, "message", false, ERR_TEXT_BYTES, &message, e) == -1 ||
	    json_get_int(answer, "exit", false, 1, 255, &code, e) == -1)
		return -1;
	*exit_code = code != 0 ? (int)code : err_row(ERR_PEER)->exit_code;
	return err_set(e, ERR_PEER, "%s", message);
}

int
cmd_ask(const struct cmd *cmd, struct json_object *request, struct json_object **answer,
    int *exit_code, struct err *e)
{
	char path[1100];
	struct buf b;
	int fd = -1, rc = -1;

	*answer = NULL;
	*exit_code = 0;
	buf_init(&b, CONTROL_ANSWER_MAX);
	if (cmd->socket != NULL)
		snprintf(path, sizeof path, "%s", cmd->socket);
	else if (from_conf(cmd, true, path, sizeof path, e) == -1)
		goto out;
	if (connect_to(path, &fd, e) == -1 ||
	    send_line(fd, json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN), e) ==
		-1 ||
	    read_answer(fd, &b, e) == -1 || json_parse_object(answer, b.data, b.len, e) == -1 ||
	    judge(*answer, exit_code, e) == -1)
		goto out;
	rc = 0;
out:
	if (rc == -1) {
		json_object_put(*answer);
		*answer = NULL;
		if (*exit_code == 0)
			*exit_code = err_row(e->code)->exit_code;
	}
	if (fd != -1)
		close(fd);
	buf_fini(&b);
	return rc;
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
