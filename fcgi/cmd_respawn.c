/* cmd_respawn.c - ragpool respawn: new worker processes, one after another. */
#include "cmd.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

int
cmd_respawn(const struct cmd *cmd, int argc, char **argv)
{
	struct json_object *request, *answer;
	int64_t workers = 0, ms = 0;
	struct err e;
	bool wait = argc == 2 && (strcmp(argv[1], "--wait") == 0 || strcmp(argv[1], "-w") == 0);
	int code;

	if (argc > 1 && !wait)
		return cmd_misused(cmd, "it takes --wait");
	request = json_object_new_object();
	json_object_object_add(request, "command", json_object_new_string("respawn"));
	json_object_object_add(request, "wait", json_object_new_boolean(wait));
	if (!wait)
		return cmd_tell(cmd, request);
	if (cmd_ask(cmd, request, &answer, &code, &e) == -1)
		cmd_fail(cmd, &e);
	else if (json_get_int(answer, "workers", false, 0, INT64_MAX, &workers, &e) == 0 &&
	    json_get_int(answer, "ms", false, 0, INT64_MAX, &ms, &e) == 0)
		printf("%lld workers replaced after %lld ms\n", (long long)workers, (long long)ms);
	json_object_put(answer);
	json_object_put(request);
	return code;
}
