/* cmd_control.c - the commands that tell the supervisor something: reload, retry, pause,
 * resume, abort, rollback, pin, unpin, accept-deletions. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* A request of this name. */
static struct json_object *
request_of(const char *command)
{
	struct json_object *r = json_object_new_object();

	json_object_object_add(r, "command", json_object_new_string(command));
	return r;
}

static void
put(struct json_object *request, const char *name, const char *text)
{
	if (text != NULL)
		json_object_object_add(request, name, json_object_new_string(text));
}

/* What may be said to a command that waits. */
struct wait_options {
	bool wait;
	int64_t timeout_ms;	/* 0: the supervisor's patience */
	const char *to, *reason;
};

/* Seconds, with a fraction if need be. */
static int
parse_seconds(const char *text, int64_t *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds >= 0.001 && seconds <= 2000000))
		return -1;
	*ms = (int64_t)(seconds * 1000);
	return 0;
}

/* Only the options of `letters`; what is left stands at optind. */
static int
parse_options(struct wait_options *o, const char *letters, int argc, char **argv)
{
	static const struct option options[] = {{"wait", no_argument, NULL, 'w'},
	    {"timeout", required_argument, NULL, 't'}, {"to", required_argument, NULL, 'g'},
	    {"reason", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
	int c;

	*o = (struct wait_options){0};
	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (strchr(letters, c) == NULL || c == '?')
			return -1;
		if (c == 'w')
			o->wait = true;
		else if (c == 'g')
			o->to = optarg;
		else if (c == 'r')
			o->reason = optarg;
		else if (c != 't' || parse_seconds(optarg, &o->timeout_ms) == -1)
			return -1;
	}
	return 0;
}

/* Asks, and says what came of it.  Takes the request. */
static int
wait_for_roll(const struct cmd *cmd, struct json_object *request, int64_t timeout_ms)
{
	struct json_object *answer;
	int64_t workers = 0, ms = 0, epoch = 0;
	struct err e;
	int code;

	if (timeout_ms != 0)
		json_object_object_add(request, "timeout_ms", json_object_new_int64(timeout_ms));
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
cmd_reload(const struct cmd *cmd, int argc, char **argv)
{
	struct json_object *request;
	struct wait_options o;

	if (parse_options(&o, "wt:", argc, argv) == -1 || optind < argc)
		return cmd_misused(cmd, "it takes --wait and --timeout SECONDS");
	request = request_of("reload");
	json_object_object_add(request, "wait", json_object_new_boolean(o.wait));
	return o.wait ? wait_for_roll(cmd, request, o.timeout_ms) : cmd_tell(cmd, request);
}

int
cmd_abort(const struct cmd *cmd, int argc, char **argv)
{
	struct wait_options o;

	if (parse_options(&o, "t:", argc, argv) == -1 || optind < argc)
		return cmd_misused(cmd, "it takes --timeout SECONDS");
	return wait_for_roll(cmd, request_of("abort"), o.timeout_ms);
}

int
cmd_rollback(const struct cmd *cmd, int argc, char **argv)
{
	struct json_object *request;
	struct wait_options o;
	struct err e;

	if (parse_options(&o, "g:r:t:", argc, argv) == -1 || optind + 1 != argc)
		return cmd_misused(cmd,
		    "it takes a tenant, --to GENERATION, --reason TEXT and --timeout SECONDS");
	if (cmd_check_tenant(argv[optind], &e) == -1)
		return cmd_fail(cmd, &e);
	request = request_of("rollback");
	put(request, "tenant", argv[optind]);
	put(request, "to", o.to);
	put(request, "reason", o.reason);
	return wait_for_roll(cmd, request, o.timeout_ms);
}

int
cmd_pin(const struct cmd *cmd, int argc, char **argv)
{
	struct json_object *request;
	struct wait_options o;
	struct err e;

	if (parse_options(&o, "t:", argc, argv) == -1 || optind == argc || optind + 2 < argc)
		return cmd_misused(
		    cmd, "it takes a tenant, perhaps a generation, and --timeout SECONDS");
	if (cmd_check_tenant(argv[optind], &e) == -1)
		return cmd_fail(cmd, &e);
	request = request_of("pin");
	put(request, "tenant", argv[optind]);
	put(request, "generation", argv[optind + 1]);
	return wait_for_roll(cmd, request, o.timeout_ms);
}

int
cmd_unpin(const struct cmd *cmd, int argc, char **argv)
{
	struct json_object *request;
	struct wait_options o;
	struct err e;

	if (parse_options(&o, "t:", argc, argv) == -1 || optind + 1 != argc)
		return cmd_misused(cmd, "it takes a tenant and --timeout SECONDS");
	if (cmd_check_tenant(argv[optind], &e) == -1)
		return cmd_fail(cmd, &e);
	request = request_of("unpin");
	put(request, "tenant", argv[optind]);
	return wait_for_roll(cmd, request, o.timeout_ms);
}

/* A command about one tenant, answered with yes or no. */
static int
tell_tenant(const struct cmd *cmd, int argc, char **argv, const char *command)
{
	struct json_object *request;
	struct err e;

	if (argc != 2)
		return cmd_misused(cmd, "it takes one tenant");
	if (cmd_check_tenant(argv[1], &e) == -1)
		return cmd_fail(cmd, &e);
	request = request_of(command);
	put(request, "tenant", argv[1]);
	return cmd_tell(cmd, request);
}

int
cmd_retry(const struct cmd *cmd, int argc, char **argv)
{
	return tell_tenant(cmd, argc, argv, "retry");
}

int
cmd_accept(const struct cmd *cmd, int argc, char **argv)
{
	return tell_tenant(cmd, argc, argv, "accept");
}

int
cmd_pause(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
	    {"at", required_argument, NULL, 'a'}, {NULL, 0, NULL, 0}};
	struct json_object *request;
	const char *at = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "a:", options, NULL)) != -1) {
		if (c != 'a')
			return cmd_misused(cmd, "it takes --at PHASE");
		at = optarg;
	}
	if (optind < argc)
		return cmd_misused(cmd, "it takes --at PHASE");
	request = request_of("pause");
	put(request, "at", at);
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
