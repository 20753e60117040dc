/* cmd_diff.c - ragpool diff: what one generation holds and finds that another does not. */
#include "cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"
#include "diff.h"
#include "file.h"
#include "golden.h"
#include "index.h"
#include "json.h"
#include "replay.h"

enum { QUESTIONS = 20, GOLDEN_BYTES_MAX = 64 << 20 };

struct differing {
	struct index *before, *after;
	struct json_object *list[DIFF_KIND_MAX];	/* NULL: lines are printed */
	struct diff_counts counts;
	struct replay churn;
};

static int
print_key(void *context, enum diff_kind kind, const char *key, struct err *e)
{
	struct differing *d = context;

	(void)e;
	if (d->list[kind] != NULL)
		json_object_array_add(d->list[kind], json_object_new_string(key));
	else
		printf("%c %s\n", "+-~"[kind], key);
	return 0;
}

/* Those of the tenant's document, if there is one.  *document is owned, the list borrowed. */
static int
read_member(struct json_object **document, struct json_object **list, const char *data,
    const char *tenant, struct err *e)
{
	char path[PATH_MAX], *bytes;
	size_t n;
	int rc;

	*document = *list = NULL;
	snprintf(path, sizeof path, "%.2000s/lkg/%s.json", data, tenant);
	if (access(path, F_OK) == -1)
		return 0;
	if (file_read(&bytes, &n, path, TENANT_CONFIG_MAX, e) == -1)
		return -1;
	if ((rc = json_parse_object(document, bytes, n, e)) == 0)
		json_object_object_get_ex(*document, "golden", list);
	else
		err_prefix(e, "%s", path);
	free(bytes);
	return rc;
}

/* Those of golden.jsonl and of the document, filled up by samples of the older one. */
static int
ask_questions(struct differing *d, const char *data, struct err *e)
{
	struct json_object *document = NULL, *list;
	char dir[PATH_MAX], path[PATH_MAX];
	struct golden golden = {0};
	struct arena a;
	int rc = -1;

	arena_init(&a, GOLDEN_BYTES_MAX);
	if (generation_tenant_dir(dir, data, d->before->tenant, e) == 0 &&
	    file_join(path, sizeof path, dir, "golden.jsonl", e) == 0 &&
	    golden_read_file(&golden, path, &a, e) == 0 &&
	    read_member(&document, &list, data, d->before->tenant, e) == 0 &&
	    golden_read_member(&golden, list, &a, e) == 0 &&
	    golden_sample(&golden, d->before,
		golden.given < QUESTIONS ? QUESTIONS - (unsigned)golden.given : 0, &a, e) == 0)
		rc = replay_run(&d->churn, d->before, d->after, &golden, INT64_MAX, e);
	arena_fini(&a);
	json_object_put(document);
	return rc;
}

static void
print_plain(const struct differing *d)
{
	const struct diff_counts *c = &d->counts;
	const struct replay *r = &d->churn;

	printf("%" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " changed, %" PRIu64 " the same\n",
	    c->of[DIFF_ADDED], c->of[DIFF_REMOVED], c->of[DIFF_CHANGED], c->same);
	if (r->compared > 0)
		printf("%.0f %% of the first %d hits of %u questions are the same %s, of what both "
		       "hold\n",
		    100 * r->overlap, GOLDEN_TOP_K, r->compared,
		    r->by_passage ? "passages" : "documents");
	else
		puts("no question finds anything that both hold");
}

static void
print_json(struct differing *d)
{
	struct json_object *o = json_object_new_object();
	const struct replay *r = &d->churn;

	json_object_object_add(o, "before", json_object_new_string(d->before->generation));
	json_object_object_add(o, "after", json_object_new_string(d->after->generation));
	for (int kind = 0; kind < DIFF_KIND_MAX; kind++) {
		json_object_object_add(o, diff_kind_name((enum diff_kind)kind), d->list[kind]);
		d->list[kind] = NULL;	/* taken */
	}
	json_object_object_add(o, "same", json_object_new_uint64(d->counts.same));
	json_object_object_add(o, "questions", json_object_new_int((int)r->asked));
	json_object_object_add(o, "compared", json_object_new_int((int)r->compared));
	json_object_object_add(
	    o, "overlap", r->compared > 0 ? json_object_new_double(r->overlap) : NULL);
	json_object_object_add(o, "known", json_object_new_int((int)r->known));
	json_object_object_add(o, "known_again", json_object_new_int((int)r->known_again));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
}

static int
run(struct differing *d, const char *data, char **argv, bool json, struct err *e)
{
	if (index_open(&d->before, data, argv[0], argv[1], e) == -1 ||
	    index_open(&d->after, data, argv[0], argv[2], e) == -1)
		return -1;
	for (int kind = 0; json && kind < DIFF_KIND_MAX; kind++)
		if ((d->list[kind] = json_object_new_array()) == NULL)
			return err_set(e, ERR_NOMEM, "no memory for documents");
	if (diff_documents(d->before->store, d->after->store, &d->counts, print_key, d, e) == -1 ||
	    ask_questions(d, data, e) == -1)
		return -1;
	if (json)
		print_json(d);
	else
		print_plain(d);
	return 0;
}

int
cmd_diff(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
	    {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct differing d = {0};
	char data[1100];
	bool json = false;
	struct err e;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return cmd_misused(cmd, "it takes --json");
		json = true;
	}
	if (optind + 3 != argc)
		return cmd_misused(cmd, "it takes a tenant and two of its generations");
	if (cmd_check_tenant(argv[optind], &e) == -1 ||
	    cmd_data_dir(cmd, data, sizeof data, &e) == -1)
		return cmd_fail(cmd, &e);
	rc = run(&d, data, argv + optind, json, &e);
	for (int kind = 0; kind < DIFF_KIND_MAX; kind++)
		json_object_put(d.list[kind]);
	index_close(d.before);
	index_close(d.after);
	return rc == 0 ? 0 : cmd_fail(cmd, &e);
}
