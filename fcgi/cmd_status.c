/* cmd_status.c - ragpool status: the supervisor's truth, as tables or as JSON. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "json.h"

enum { COLUMNS_MAX = 12, CELL_BYTES = 96 };

/* Rows of text whose columns are as wide as their widest cell. */
struct table {
	const char *const *titles;	/* also the members' names, but for '_' */
	size_t columns;
	int width[COLUMNS_MAX];
};

static const char *
member(struct json_object *o, const char *name)
{
	struct json_object *m;

	if (!json_object_object_get_ex(o, name, &m) || m == NULL)
		return "-";
	if (json_object_is_type(m, json_type_boolean))
		return json_object_get_boolean(m) ? "yes" : "no";
	return json_object_get_string(m);
}

static int
cell_width(const char *text)
{
	size_t n = strlen(text);

	return n < CELL_BYTES ? (int)n : CELL_BYTES;
}

static void
measure(struct table *t, struct json_object *rows)
{
	for (size_t c = 0; c < t->columns; c++)
		t->width[c] = cell_width(t->titles[c]);
	for (size_t r = 0; r < json_object_array_length(rows); r++)
		for (size_t c = 0; c < t->columns; c++) {
			int w = cell_width(
			    member(json_object_array_get_idx(rows, r), t->titles[c]));
			if (w > t->width[c])
				t->width[c] = w;
		}
}

static void
print_row(const struct table *t, struct json_object *row)
{
	for (size_t c = 0; c < t->columns; c++) {
		const char *text = row != NULL ? member(row, t->titles[c]) : t->titles[c];
		bool is_last = c + 1 == t->columns;
		printf("%s%-*.*s", c > 0 ? "  " : "", is_last ? 0 : t->width[c], CELL_BYTES,
		    text);
	}
	putchar('\n');
}

static void
print_table(const char *const *titles, size_t columns, struct json_object *rows)
{
	struct table t = {.titles = titles, .columns = columns};

	if (json_object_array_length(rows) == 0)
		return;
	measure(&t, rows);
	putchar('\n');
	print_row(&t, NULL);
	for (size_t r = 0; r < json_object_array_length(rows); r++)
		print_row(&t, json_object_array_get_idx(rows, r));
}

/* What a table has no room for. */
static void
print_troubles(struct json_object *tenants)
{
	static const char *const names[] = {"last_error", "warning"};

	for (size_t r = 0; r < json_object_array_length(tenants); r++)
		for (size_t i = 0; i < 2; i++) {
			struct json_object *t = json_object_array_get_idx(tenants, r);
			const char *text = member(t, names[i]);
			if (strcmp(text, "-") != 0)
				printf("%s: %s: %s\n", member(t, "name"),
				    i == 0 ? "error" : "warning", text);
		}
}

/* What is on its way to the workers, and what came of the last that was. */
static void
print_roll(struct json_object *roll)
{
	struct json_object *canary, *last, *waits;

	if (strcmp(member(roll, "phase"), "idle") != 0)
		printf("roll %s in %s: epoch %s to %s, %s tenants, %s of %s workers moved\n",
		    member(roll, "state"), member(roll, "phase"), member(roll, "from"),
		    member(roll, "target"), member(roll, "brings"), member(roll, "moved"),
		    member(roll, "of"));
	if (json_object_object_get_ex(roll, "waits", &waits) && waits != NULL)
		printf("the roll waits for its turn among the hosts since %s s, host %s has it%s\n",
		    member(waits, "for_s"), member(waits, "holder"),
		    strcmp(member(waits, "overdue"), "true") == 0 ? ": too long, look there" : "");
	if (json_object_object_get_ex(roll, "last", &last) && last != NULL)
		printf("last roll %s %s s ago%s%s\n", member(last, "result"),
		    member(last, "ended_s"),
		    strcmp(member(roll, "reason"), "-") != 0 ? ": " : "",
		    strcmp(member(roll, "reason"), "-") != 0 ? member(roll, "reason") : "");
	if (json_object_object_get_ex(roll, "canary", &canary) && canary != NULL)
		printf("canary %s%s%s\n", member(canary, "verdict"),
		    strcmp(member(canary, "why"), "-") != 0 ? ": " : "",
		    strcmp(member(canary, "why"), "-") != 0 ? member(canary, "why") : "");
}

/* What keeps tenants from what their pointers name. */
static void
print_held(struct json_object *tenants)
{
	struct json_object *pin, *list;

	for (size_t i = 0; i < json_object_array_length(tenants); i++) {
		struct json_object *t = json_object_array_get_idx(tenants, i);
		if (json_object_object_get_ex(t, "pinned", &pin) && pin != NULL)
			printf("%s: pinned on %s by %s\n", member(t, "name"),
			    member(pin, "generation"), member(pin, "origin"));
		if (!json_object_object_get_ex(t, "quarantined", &list) ||
		    !json_object_is_type(list, json_type_array))
			continue;
		for (size_t j = 0; j < json_object_array_length(list); j++) {
			struct json_object *q = json_object_array_get_idx(list, j);
			printf("%s: quarantined %s: %s\n", member(t, "name"),
			    member(q, "generation"), member(q, "reason"));
		}
	}
}

static void
print_head(struct json_object *s, struct json_object *supervisor, struct json_object *roll,
    struct json_object *builds, struct json_object *consul)
{
	bool is_configured = strcmp(member(consul, "configured"), "yes") == 0;

	printf("ragpoold %s pid %s, up %s s, epoch %s, roll %s (%s so far, %s incomplete)\n",
	    member(s, "version"), member(supervisor, "pid"), member(supervisor, "uptime_s"),
	    member(s, "epoch"), member(roll, "state"), member(roll, "rolls"),
	    member(roll, "incomplete"));
	printf("workers %s ready, %s died, %s killed over time; builds %s waiting\n",
	    member(s, "ready"), member(s, "died"), member(s, "killed_late"),
	    member(builds, "waiting"));
	if (is_configured)
		printf("consul %s, index %s, heard %s s ago, %s keys\n",
		    member(consul, "state"), member(consul, "index"),
		    member(consul, "last_contact_s"), member(consul, "keys"));
	else
		printf("consul not configured\n");
}

static int
print_people(struct json_object *s, struct err *e)
{
	static const char *const workers[] = {"slot", "pool", "pid", "state", "epoch",
	    "requests", "failures", "restarts", "reloads", "last_reload_us", "rss_kb", "age_s"};
	static const char *const tenants[] = {"name", "state", "generation", "version",
	    "wanted_version", "documents", "chunks", "origin"};
	static const char *const running[] = {"tenant", "version", "pid", "age_s", "step",
	    "done", "all", "rate", "eta_s"};
	struct json_object *sup, *roll, *consul, *builds, *w, *t, *r;

	if (json_get_object(s, "supervisor", true, &sup, e) == -1 ||
	    json_get_object(s, "roll", true, &roll, e) == -1 ||
	    json_get_object(s, "consul", true, &consul, e) == -1 ||
	    json_get_object(s, "builds", true, &builds, e) == -1 ||
	    json_get_array(builds, "running", true, &r, e) == -1 ||
	    json_get_array(s, "workers", true, &w, e) == -1 ||
	    json_get_array(s, "tenants", true, &t, e) == -1)
		return -1;
	print_head(s, sup, roll, builds, consul);
	print_roll(roll);
	print_table(workers, sizeof workers / sizeof workers[0], w);
	print_table(tenants, sizeof tenants / sizeof tenants[0], t);
	print_table(running, sizeof running / sizeof running[0], r);
	print_held(t);
	print_troubles(t);
	return 0;
}

/* Asks once; *answer is owned, NULL after a failure, which has been said. */
static int
ask(const struct cmd *cmd, struct json_object **answer)
{
	struct json_object *request = json_object_new_object();
	struct err e;
	int code;

	json_object_object_add(request, "command", json_object_new_string("status"));
	if (cmd_ask(cmd, request, answer, &code, &e) == -1)
		cmd_fail(cmd, &e);
	json_object_put(request);
	return code;
}

static int
show_once(const struct cmd *cmd, bool is_json)
{
	struct json_object *answer;
	struct err e;
	int code = ask(cmd, &answer);

	if (answer != NULL && is_json)
		puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	else if (answer != NULL && print_people(answer, &e) == -1)
		code = cmd_fail(cmd, &e);
	json_object_put(answer);
	return code;
}

/* A terminal is drawn anew from its upper left corner; a pipe gets one object a line.  Ends
 * with the supervisor, the reader of the pipe, or an interrupt. */
static int
watch(const struct cmd *cmd, bool is_json, int64_t interval_ms)
{
	const struct timespec pause = {
	    .tv_sec = interval_ms / 1000, .tv_nsec = interval_ms % 1000 * 1000000};
	bool is_terminal = isatty(STDOUT_FILENO) == 1;
	int code;

	for (;;) {
		if (is_terminal && !is_json)
			fputs("\033[H\033[2J", stdout);
		code = show_once(cmd, is_json || !is_terminal);
		if (fflush(stdout) == EOF || code != 0)
			return code;
		nanosleep(&pause, NULL);
	}
}

/* Seconds, from a tenth of one to an hour. */
static int
parse_interval(const char *text, int64_t *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds >= 0.1 && seconds <= 3600))
		return -1;
	*ms = (int64_t)(seconds * 1000);
	return 0;
}

int
cmd_status(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
	    {"watch", optional_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
	static const char usage[] = "it takes --json and --watch[=SECONDS], 0.1 to 3600";
	int64_t interval_ms = 1000;
	bool is_json = false, is_watch = false;
	int c;

	while ((c = getopt_long(argc, argv, "jw::", options, NULL)) != -1) {
		if (c == 'j')
			is_json = true;
		else if (c != 'w' ||
		    (optarg != NULL && parse_interval(optarg, &interval_ms) == -1))
			return cmd_misused(cmd, usage);
		is_watch = is_watch || c == 'w';
	}
	if (optind < argc)
		return cmd_misused(cmd, usage);
	return is_watch ? watch(cmd, is_json, interval_ms) : show_once(cmd, is_json);
}
