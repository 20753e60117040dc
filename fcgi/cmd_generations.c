/* cmd_generations.c - ragpool generations: a tenant's sealed generations, read from disk. */
#include "cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "generation.h"
#include "json.h"
#include "pins.h"
#include "quarantine.h"
#include "roster.h"

enum { VERDICT_FILE_MAX = 1 << 20 };

/* What the disk says beside the generations themselves; a part that cannot be read is
 * empty: this command is asked when something is wrong. */
struct known {
	const char *data_dir, *tenant;
	char pointer[GENERATION_NAME_BYTES];
	struct roster roster;		/* the newest one: what workers serve, or are about to */
	struct pins pins;
	struct quarantine quarantine;
};

static void
read_known(struct known *k)
{
	generation_current(k->pointer, k->data_dir, k->tenant, NULL);
	roster_load(&k->roster, k->data_dir, roster_newest(k->data_dir), NULL);
	pins_load(&k->pins, k->data_dir, NULL);
	quarantine_load(&k->quarantine, k->data_dir, NULL);
}

static void
forget_known(struct known *k)
{
	roster_fini(&k->roster);
	pins_fini(&k->pins);
	quarantine_fini(&k->quarantine);
}

static bool
is_served(const struct known *k, const char *name)
{
	const struct roster_entry *t = roster_find(&k->roster, k->tenant);

	return t != NULL && strcmp(t->generation, name) == 0;
}

static bool
is_pinned(const struct known *k, const char *name)
{
	const struct pin *p = pins_of(&k->pins, k->tenant);

	return p != NULL && strcmp(p->generation, name) == 0;
}

/* The gate's verdict; NULL: it was never judged here.  Owned. */
static struct json_object *
read_verdict(const struct known *k, const char *name)
{
	struct json_object *o = NULL;
	char path[PATH_MAX], *bytes;
	size_t n;

	if (generation_verdict_path(path, k->data_dir, k->tenant, name, NULL) == -1 ||
	    file_read(&bytes, &n, path, VERDICT_FILE_MAX, NULL) == -1)
		return NULL;
	json_parse_object(&o, bytes, n, NULL);
	free(bytes);
	return o;
}

static int
read_manifest(const struct known *k, const char *name, struct manifest *m, struct err *e)
{
	char dir[PATH_MAX];

	if (generation_dir(dir, k->data_dir, k->tenant, name, e) == -1)
		return -1;
	return manifest_read(m, dir, NULL, e);
}

static void
print_plain(const struct known *k, const char *name)
{
	struct json_object *verdict = read_verdict(k, name);
	const char *word = "not judged";
	struct manifest m;
	struct err e;

	if (verdict != NULL)
		json_get_text(verdict, "verdict", false, 32, &word, NULL);
	printf("%c %-20s  ", strcmp(k->pointer, name) == 0 ? '*' : ' ', name);
	if (read_manifest(k, name, &m, &e) == 0)
		printf("%-12s  %8" PRIu64 " documents  %8" PRIu64 " chunks  %8" PRIu64 " KiB  %s  %s",
		    m.config_version, m.documents, m.chunks,
		    (m.index_bytes + m.store_bytes) / 1024, m.embedder, word);
	else
		printf("%s", e.text);
	printf("%s%s%s\n", is_served(k, name) ? "  served" : "", is_pinned(k, name) ? "  pinned" : "",
	    quarantine_find(&k->quarantine, k->tenant, name) != NULL ? "  quarantined" : "");
	json_object_put(verdict);
}

static void
add_manifest(const struct known *k, const char *name, struct json_object *o)
{
	struct manifest m;
	struct err e;

	if (read_manifest(k, name, &m, &e) == -1) {
		json_object_object_add(o, "error", json_object_new_string(e.text));
		return;
	}
	json_object_object_add(o, "version", json_object_new_string(m.config_version));
	json_object_object_add(o, "base", json_object_new_string(m.base));
	json_object_object_add(o, "embedder", json_object_new_string(m.embedder));
	json_object_object_add(o, "documents", json_object_new_uint64(m.documents));
	json_object_object_add(o, "chunks", json_object_new_uint64(m.chunks));
	json_object_object_add(o, "bytes", json_object_new_uint64(m.index_bytes + m.store_bytes));
}

static struct json_object *
describe(const struct known *k, const char *name)
{
	const struct quarantine_entry *q =
	    quarantine_find(&k->quarantine, k->tenant, name);
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "generation", json_object_new_string(name));
	json_object_object_add(
	    o, "current", json_object_new_boolean(strcmp(k->pointer, name) == 0));
	json_object_object_add(o, "served", json_object_new_boolean(is_served(k, name)));
	json_object_object_add(o, "pinned", json_object_new_boolean(is_pinned(k, name)));
	json_object_object_add(
	    o, "quarantined", q != NULL ? json_object_new_string(q->reason) : NULL);
	add_manifest(k, name, o);
	json_object_object_add(o, "verdict", read_verdict(k, name));
	return o;
}

static void
print_json(const struct known *k, char (*names)[GENERATION_NAME_BYTES], size_t n)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(list, describe(k, names[i]));
	puts(json_object_to_json_string_ext(list, JSON_C_TO_STRING_PLAIN));
	json_object_put(list);
}

int
cmd_generations(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	char data[1100];
	char(*names)[GENERATION_NAME_BYTES] = NULL;
	struct known k = {.data_dir = data};
	bool json = false;
	size_t n = 0;
	struct err e;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return cmd_misused(cmd, "it takes --json");
		json = true;
	}
	if (optind + 1 != argc)
		return cmd_misused(cmd, "it takes one tenant");
	k.tenant = argv[optind];
	if (cmd_check_tenant(k.tenant, &e) == -1 ||
	    cmd_data_dir(cmd, data, sizeof data, &e) == -1 ||
	    generation_list(&names, &n, data, k.tenant, &e) == -1)
		return cmd_fail(cmd, &e);
	read_known(&k);
	if (json)
		print_json(&k, names, n);
	for (size_t i = 0; i < n && !json; i++)
		print_plain(&k, names[i]);
	forget_known(&k);
	free(names);
	return 0;
}
