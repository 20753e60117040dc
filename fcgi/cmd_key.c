/* cmd_key.c - ragpool key: who may ask. */
#include "cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "filter_json.h"
#include "json.h"
#include "keys.h"

enum { TENANTS_MAX = 256, DATA_PATH = 1100 };

struct wish {
	struct key_wish key;
	const char *tenants[TENANTS_MAX];
};

/* "30d", "12h", "90m" from now on, or "never". */
static int
read_expiry(const char *text, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'m', 60}, {'h', 3600}, {'d', 86400}, {'y', 31536000}};
	char *end;
	long n;

	*out = 0;
	if (strcmp(text, "never") == 0)
		return 0;
	n = strtol(text, &end, 10);
	if (n <= 0 || n > 1000000 || end == text || end[0] == '\0' || end[1] != '\0')
		return -1;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (units[i].unit == *end) {
			*out = (int64_t)time(NULL) + n * units[i].seconds;
			return 0;
		}
	return -1;
}

static int
read_filter(const char *text, struct json_object **out, struct err *e)
{
	const struct filter *f;
	struct arena a;
	int rc;

	if (json_parse_object(out, text, strlen(text), e) == -1)
		return -1;
	arena_init(&a, 1 << 20);
	rc = filter_from_json(&f, *out, "--filter", &a, e);
	arena_fini(&a);
	return rc;
}

static int
read_rate(const char *text, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out > 0 && *out <= 1e6 ? 0 : -1;
}

/* 0, or the exit code after what was wrong has been said. */
static int
read_wish(const struct cmd *cmd, struct wish *w, int argc, char **argv)
{
	static const struct option options[] = {
	    {"role", required_argument, NULL, 'r'},
	    {"tenant", required_argument, NULL, 't'},
	    {"name", required_argument, NULL, 'n'},
	    {"expires", required_argument, NULL, 'e'},
	    {"rate", required_argument, NULL, 'R'},
	    {"filter", required_argument, NULL, 'f'},
	    {NULL, 0, NULL, 0},
	};
	struct err e;
	int c;

	*w = (struct wish){.key = {.name = "", .tenants = w->tenants}};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			if ((w->key.role = caller_role_of(optarg)) == ROLE_NONE)
				return cmd_misused(cmd, "--role takes reader, editor or admin");
			break;
		case 't':
			if (w->key.tenant_count == TENANTS_MAX)
				return cmd_misused(cmd, "too many tenants: use a beginning with *");
			w->tenants[w->key.tenant_count++] = optarg;
			break;
		case 'n':
			w->key.name = optarg;
			break;
		case 'e':
			if (read_expiry(optarg, &w->key.expires) == -1)
				return cmd_misused(cmd, "--expires takes 90m, 12h, 30d, 1y or never");
			break;
		case 'R':
			if (read_rate(optarg, &w->key.rate) == -1)
				return cmd_misused(cmd, "--rate takes requests a second");
			break;
		case 'f':
			if (read_filter(optarg, &w->key.filter, &e) == -1)
				return cmd_fail(cmd, &e);
			break;
		default:
			return cmd_misused(cmd, "create takes --role and --tenant");
		}
	}
	return optind == argc ? 0 : cmd_misused(cmd, "create takes options only");
}

static int
create(const struct cmd *cmd, const char *data_dir, int argc, char **argv)
{
	char text[KEY_TEXT_BYTES];
	struct wish w;
	struct err e;
	int code = read_wish(cmd, &w, argc, argv);

	if (code == 0 && keys_create(data_dir, &w.key, text, &e) == -1)
		code = cmd_fail(cmd, &e);
	else if (code == 0)
		puts(text);
	json_object_put(w.key.filter);
	explicit_bzero(text, sizeof text);
	return code;
}

static void
print_time(const char *what, int64_t seconds)
{
	time_t at = (time_t)seconds;
	struct tm t;
	char text[32];

	if (seconds == 0 || gmtime_r(&at, &t) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &t) == 0)
		strcpy(text, "never");
	printf("  %s %s", what, text);
}

static void
print_key(const struct key *k)
{
	printf("%s  %-6s  ", k->id, caller_role_name(k->role));
	for (size_t i = 0; i < k->scope_count; i++)
		printf("%s%s", i > 0 ? "," : "", k->scope[i]);
	print_time("expires", k->expires);
	if (k->expires != 0 && k->expires <= (int64_t)time(NULL))
		fputs(" (expired)", stdout);
	printf("%s%s\n", k->name[0] != '\0' ? "  " : "", k->name);
}

/* As it stands in the file, without the hashes. */
static void
print_json(struct json_object *root)
{
	struct json_object *list;

	if (root == NULL || !json_object_object_get_ex(root, "keys", &list)) {
		puts("[]");
		return;
	}
	for (size_t i = 0; i < json_object_array_length(list); i++)
		json_object_object_del(json_object_array_get_idx(list, i), "hash");
	puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY));
}

static int
list(const struct cmd *cmd, const char *data_dir, int argc, char **argv)
{
	struct keys k;
	struct err e;
	bool as_json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc > 1 && !as_json)
		return cmd_misused(cmd, "list takes --json or nothing");
	if (keys_load(&k, data_dir, &e) == -1)
		return cmd_fail(cmd, &e);
	if (as_json)
		print_json(k.root);
	for (size_t i = 0; !as_json && i < k.count; i++)
		print_key(&k.at[i]);
	keys_fini(&k);
	return 0;
}

static int
revoke(const struct cmd *cmd, const char *data_dir, int argc, char **argv)
{
	struct err e;

	if (argc != 2)
		return cmd_misused(cmd, "revoke takes the id of a key (see: ragpool key list)");
	return keys_revoke(data_dir, argv[1], &e) == 0 ? 0 : cmd_fail(cmd, &e);
}

int
cmd_key(const struct cmd *cmd, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct cmd *, const char *, int, char **);
	} verbs[] = {{"create", create}, {"list", list}, {"revoke", revoke}};
	char data_dir[DATA_PATH];
	struct err e;

	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		if (cmd_data_dir(cmd, data_dir, sizeof data_dir, &e) == -1)
			return cmd_fail(cmd, &e);
		return verbs[i].run(cmd, data_dir, argc - 1, argv + 1);
	}
	return cmd_misused(cmd, "it takes create, list or revoke");
}
