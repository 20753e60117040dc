/* cmd_control.c - the commands that tell the supervisor something: reload, retry, pause,
 * resume, accept-deletions. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

/* A request of this name; takes no memory but its own. */
static struct json_object *
request_of(const char *command)
{
	struct json_object *r = json_object_new_object();

	json_object_object_add(r, "command", json_object_new_string(command));
	return r;
}

int
cmd_reload(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
	    {"wait", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
	struct json_object *request, *answer;
	struct err e;
	int64_t workers = 0, ms = 0, epoch = 0;
	bool wait = false;
	int c, code;

	while ((c = getopt_long(argc, argv, "w", options, NULL)) != -1) {
		if (c != 'w')
			return cmd_misused(cmd, "it takes --wait");
		wait = true;
	}
	if (optind < argc)
		return cmd_misused(cmd, "it takes no arguments");
	request = request_of("reload");
	json_object_object_add(request, "wait", json_object_new_boolean(wait));
	if (!wait)
		return cmd_tell(cmd, request);
	if (cmd_ask(cmd, request, &answer, &code, &e) == -1)
		cmd_fail(cmd, &e);
	else if (json_get_int(answer, "workers", false, 0, INT64_MAX, &workers, &e) == 0 &&
	    json_get_int(answer, "epoch", false, 0, INT64_MAX, &epoch, &e) == 0 &&
	    json_get_int(answer, "ms", false, 0, INT64_MAX, &ms, &e) == 0)
		printf("epoch %lld on %lld workers after %lld ms\n", (long long)epoch,
		    (long long)workers, (long long)ms);
	json_object_put(answer);
	json_object_put(request);
	return code;
}

int
cmd_retry(const struct cmd *cmd, int argc, char **argv)
{
	struct json_object *request;
	struct err e;

	if (argc != 2)
		return cmd_misused(cmd, "it takes one tenant");
	if (cmd_check_tenant(argv[1], &e) == -1)
		return cmd_fail(cmd, &e);
	request = request_of("retry");
	json_object_object_add(request, "tenant", json_object_new_string(argv[1]));
	return cmd_tell(cmd, request);
}

static int
tell_plain(const struct cmd *cmd, int argc, const char *command)
{
	if (argc != 1)
		return cmd_misused(cmd, "it takes no arguments");
	return cmd_tell(cmd, request_of(command));
}

int
cmd_pause(const struct cmd *cmd, int argc, char **argv)
{
	(void)argv;
	return tell_plain(cmd, argc, "pause");
}

int
cmd_resume(const struct cmd *cmd, int argc, char **argv)
{
	(void)argv;
	return tell_plain(cmd, argc, "resume");
}

int
cmd_accept_deletions(const struct cmd *cmd, int argc, char **argv)
{
	(void)argv;
	return tell_plain(cmd, argc, "accept-deletions");
}
