/* cmd_status.c - ragpool status: the supervisor's truth, as tables or as JSON. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

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
	static const char *const running[] = {"tenant", "version", "pid", "age_s"};
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
	print_table(workers, sizeof workers / sizeof workers[0], w);
	print_table(tenants, sizeof tenants / sizeof tenants[0], t);
	print_table(running, sizeof running / sizeof running[0], r);
	print_troubles(t);
	return 0;
}

int
cmd_status(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct json_object *request = json_object_new_object(), *answer = NULL;
	struct err e;
	bool is_json = false;
	int c, code = 0;

	while ((c = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (c != 'j') {
			json_object_put(request);
			return cmd_misused(cmd, "it takes --json");
		}
		is_json = true;
	}
	json_object_object_add(request, "command", json_object_new_string("status"));
	if (cmd_ask(cmd, request, &answer, &code, &e) == -1)
		cmd_fail(cmd, &e);
	else if (is_json)
		puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	else if (print_people(answer, &e) == -1)
		code = cmd_fail(cmd, &e);
	json_object_put(answer);
	json_object_put(request);
	return code;
}
