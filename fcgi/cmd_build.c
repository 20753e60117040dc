/* cmd_build.c - the commands about a tenant's documents: build, cancel, ingest. */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bar.h"
#include "clk.h"
#include "inbox.h"
#include "json.h"
#include "pace.h"
#include "pushed.h"

enum { LOOK_MS = 200, EXIT_REFUSED = 3 };

static struct json_object *
request_of(const char *command, const char *tenant)
{
	struct json_object *r = json_object_new_object();

	json_object_object_add(r, "command", json_object_new_string(command));
	json_object_object_add(r, "tenant", json_object_new_string(tenant));
	return r;
}

int
cmd_cancel(const struct cmd *cmd, int argc, char **argv)
{
	struct err e;

	if (argc != 2)
		return cmd_misused(cmd, "it takes a tenant");
	if (cmd_check_tenant(argv[1], &e) == -1)
		return cmd_fail(cmd, &e);
	return cmd_tell(cmd, request_of("cancel", argv[1]));
}

/* ---- build ---- */

/* A line of a terminal that is written over, a line of JSON for everybody else. */
static void
show(struct json_object *answer, const char *state, bool is_terminal)
{
	struct bar bar = {.rate = -1, .eta_s = -1};
	struct json_object *build = NULL;
	const char *step = "";
	char line[BAR_BYTES];
	int64_t done = 0, all = 0;

	if (!is_terminal) {
		puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
		fflush(stdout);
		return;
	}
	if (json_get_object(answer, "build", false, &build, NULL) == 0 && build != NULL) {
		json_get_text(build, "progress", false, 32, &step, NULL);
		json_get_int(build, "done", false, 0, INT64_MAX, &done, NULL);
		json_get_int(build, "all", false, 0, INT64_MAX, &all, NULL);
		json_get_double(build, "rate", false, 0, 1e18, &bar.rate, NULL);
		json_get_double(build, "eta_s", false, 0, 1e18, &bar.eta_s, NULL);
	}
	bar.label = step;
	bar.done = (uint64_t)done;
	bar.all = (uint64_t)all;
	bar_format(line, &bar);
	printf("\r%-9s %s\033[K", state, step[0] != '\0' ? line : "");
	fflush(stdout);
}

/* -1: not at its end yet. */
static int
look(const struct cmd *cmd, const char *tenant, bool is_terminal, struct err *e)
{
	struct json_object *request = request_of("progress", tenant), *answer;
	const char *state = "", *reason = "", *generation = "";
	int code, result = -1;

	if (cmd_ask(cmd, request, &answer, &code, e) == -1) {
		json_object_put(request);
		return cmd_fail(cmd, e);
	}
	if (json_get_text(answer, "state", true, 64, &state, e) == -1 ||
	    json_get_text(answer, "reason", false, 4096, &reason, e) == -1 ||
	    json_get_text(answer, "generation", false, 64, &generation, e) == -1)
		result = cmd_fail(cmd, e);
	else
		show(answer, state, is_terminal);
	if (strcmp(state, "live") == 0)
		result = 0;
	else if (strcmp(state, "refused") == 0 || strcmp(state, "quarantined") == 0)
		result = EXIT_REFUSED;
	if (result >= 0 && is_terminal)
		putchar('\n');
	if (result == EXIT_REFUSED)
		fprintf(stderr, "ragpool %s: %s is not built: %s\n", cmd->name, tenant, reason);
	else if (result == 0 && is_terminal)
		printf("%s serves generation %s\n", tenant, generation);
	json_object_put(answer);
	json_object_put(request);
	return result;
}

int
cmd_build(const struct cmd *cmd, int argc, char **argv)
{
	bool is_terminal = isatty(STDOUT_FILENO);
	struct err e;
	int code;

	if (argc != 2)
		return cmd_misused(cmd, "it takes a tenant");
	if (cmd_check_tenant(argv[1], &e) == -1)
		return cmd_fail(cmd, &e);
	if ((code = cmd_tell(cmd, request_of("build", argv[1]))) != 0)
		return code;
	while ((code = look(cmd, argv[1], is_terminal, &e)) == -1)
		poll(NULL, 0, LOOK_MS);
	return code;
}

/* ---- ingest ---- */

enum { BATCH_BYTES = 64 << 20, BATCH_DOCUMENTS = 500, FOLDERS_OPEN = 16 };

/* nftw() hands nothing through. */
static struct ingest {
	const char *data_dir, *tenant;
	struct stat owner;		/* whose the inbox is */
	struct inbox_entry entry;
	bool is_open;
	size_t skip;			/* of a path, what is not part of its id */
	uint64_t documents, bytes, requests;
	bool is_terminal;
	uint64_t all;			/* documents, counted first on a terminal */
	int64_t shown_ms;
	struct pace pace;
	struct err e;
} in;

static int
end_entry(void)
{
	const struct inbox_limits limits = {0};
	char id[INBOX_ID_BYTES];
	bool existed;
	int rc;

	if (!in.is_open)
		return 0;
	in.is_open = false;
	cmd_act_as(&in.owner);
	rc = inbox_commit(&in.entry, &limits, NULL, id, &existed, &in.e);
	cmd_act_as(NULL);
	if (rc == -1)
		return -1;
	in.requests++;
	if (in.is_terminal)
		return 0;
	printf("{\"job\": \"job-%s.%s\", \"documents\": %" PRIu64 ", \"bytes\": %" PRIu64 "}\n", id,
	    in.tenant, in.documents, in.bytes);
	fflush(stdout);
	return 0;
}

static void
show_ingest(bool is_last)
{
	struct bar bar = {.label = "sent", .done = in.documents, .all = in.all, .rate = -1, .eta_s = -1};
	int64_t now = clk_ms();
	char line[BAR_BYTES];

	if (!in.is_terminal || (!is_last && now - in.shown_ms < LOOK_MS))
		return;
	in.shown_ms = now;
	pace_note(&in.pace, in.documents, now);
	pace_rate(&in.pace, &bar.rate);
	if (!is_last)
		pace_eta(&in.pace, in.all, &bar.eta_s);
	bar_format(line, &bar);
	printf("\r%s\033[K%s", line, is_last ? "\n" : "");
	fflush(stdout);
}

static int
begin_entry(void)
{
	int rc;

	if (in.is_open &&
	    (in.entry.bytes >= BATCH_BYTES || in.entry.items >= BATCH_DOCUMENTS) &&
	    end_entry() == -1)
		return -1;
	if (in.is_open)
		return 0;
	cmd_act_as(&in.owner);
	rc = inbox_begin(&in.entry, in.data_dir, in.tenant, &in.e);
	cmd_act_as(NULL);
	in.is_open = true;
	return rc;
}

static int
send_file(const char *path)
{
	const struct inbox_item item = {.key = path + in.skip};
	char piece[64 * 1024];
	ssize_t got;
	int fd, rc = 0;

	if (pushed_check_key(item.key, &in.e) == -1 || begin_entry() == -1)
		return -1;
	if ((fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return err_sys(&in.e, ERR_IO, "%s", path);
	while (rc == 0 && (got = read(fd, piece, sizeof piece)) > 0)
		rc = inbox_write(&in.entry, piece, (size_t)got, &in.e);
	if (rc == 0 && got == -1)
		rc = err_sys(&in.e, ERR_IO, "%s", path);
	in.bytes += in.entry.bytes - in.entry.from;
	close(fd);
	if (rc == -1 || inbox_put(&in.entry, &item, &in.e) == -1)
		return -1;
	in.documents++;
	show_ingest(false);
	return 0;
}

static int
visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (ftw->level > 0 && path[ftw->base] == '.')
		return type == FTW_D ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
	if (type == FTW_DNR || type == FTW_NS) {
		err_set(&in.e, ERR_IO, "%s cannot be read", path);
		return FTW_STOP;
	}
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return FTW_CONTINUE;
	return send_file(path) == 0 ? FTW_CONTINUE : FTW_STOP;
}

static int
count(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (ftw->level > 0 && path[ftw->base] == '.')
		return type == FTW_D ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
	in.all += type == FTW_F && S_ISREG(st->st_mode);
	return FTW_CONTINUE;
}

/* A folder's files are named by their path below it, a file by its name. */
static int
send_path(const char *path)
{
	struct stat st;
	const char *slash;

	if (stat(path, &st) == -1)
		return err_sys(&in.e, ERR_IO, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		in.skip = strlen(path);
		in.skip += path[in.skip - 1] != '/';
	} else {
		slash = strrchr(path, '/');
		in.skip = slash != NULL ? (size_t)(slash + 1 - path) : 0;
	}
	errno = 0;
	if (nftw(path, visit, FOLDERS_OPEN, FTW_PHYS | FTW_ACTIONRETVAL) == 0)
		return 0;
	return errno != 0 && in.e.code == ERR_NONE ? err_sys(&in.e, ERR_IO, "%s", path) : -1;
}

int
cmd_ingest(const struct cmd *cmd, int argc, char **argv)
{
	char data[1024], inbox[PATH_MAX];
	int rc = 0;

	if (argc < 3)
		return cmd_misused(cmd, "it takes a tenant and files or folders");
	err_clear(&in.e);
	if (cmd_check_tenant(argv[1], &in.e) == -1 ||
	    cmd_data_dir(cmd, data, sizeof data, &in.e) == -1)
		return cmd_fail(cmd, &in.e);
	snprintf(inbox, sizeof inbox, "%s/inbox", data);
	if (stat(inbox, &in.owner) == -1) {
		err_sys(&in.e, ERR_IO, "%s", inbox);
		return cmd_fail(cmd, &in.e);
	}
	in.data_dir = data;
	in.tenant = argv[1];
	in.is_terminal = isatty(STDOUT_FILENO);
	for (int i = 2; in.is_terminal && i < argc; i++)
		nftw(argv[i], count, FOLDERS_OPEN, FTW_PHYS | FTW_ACTIONRETVAL);
	pace_begin(&in.pace, 0, clk_ms());
	for (int i = 2; rc == 0 && i < argc; i++)
		rc = send_path(argv[i]);
	if (rc == 0)
		rc = end_entry();
	show_ingest(true);
	if (in.is_open)
		inbox_abandon(&in.entry);
	return rc == 0 ? 0 : cmd_fail(cmd, &in.e);
}
