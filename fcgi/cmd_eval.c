/* cmd_eval.c - ragpool eval: how well a set of judged questions is answered. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "eval.h"

static void
print_json(const char *set, const struct eval_options *o, const char *mode,
    const struct eval_scores *s)
{
	struct json_object *j = json_object_new_object();

	json_object_object_add(j, "set", json_object_new_string(set));
	json_object_object_add(j, "mode", json_object_new_string(mode));
	json_object_object_add(j, "embedder", json_object_new_string(o->embedder));
	json_object_object_add(j, "documents", json_object_new_int64((int64_t)s->documents));
	json_object_object_add(j, "queries", json_object_new_int64((int64_t)s->queries));
	json_object_object_add(j, "ndcg_10", json_object_new_double(s->ndcg_10));
	json_object_object_add(j, "recall_10", json_object_new_double(s->recall_10));
	json_object_object_add(j, "mrr_10", json_object_new_double(s->mrr_10));
	json_object_object_add(j, "recall_100", json_object_new_double(s->recall_100));
	json_object_object_add(j, "build_seconds", json_object_new_double(s->build_seconds));
	json_object_object_add(j, "query_seconds", json_object_new_double(s->query_seconds));
	puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_SPACED));
	json_object_put(j);
}

static void
print_plain(const char *set, const struct eval_scores *s)
{
	printf("%s: %llu documents, %llu queries\n", set, (unsigned long long)s->documents,
	    (unsigned long long)s->queries);
	printf("  nDCG@10 %.4f  recall@10 %.4f  MRR@10 %.4f  recall@100 %.4f\n", s->ndcg_10,
	    s->recall_10, s->mrr_10, s->recall_100);
	printf("  built in %.2f s, %.3f ms a query\n", s->build_seconds,
	    s->queries > 0 ? 1000 * s->query_seconds / (double)s->queries : 0.0);
}

/* Opens --run's file; "-" would mix with what is printed. */
static int
open_run(struct eval_options *o, const char *path, struct err *e)
{
	if (path == NULL || (o->run = fopen(path, "we")) != NULL)
		return 0;
	return err_sys(e, ERR_IO, "%s", path);
}

int
cmd_eval(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
	    {"mode", required_argument, NULL, 'm'},
	    {"embedder", required_argument, NULL, 'e'},
	    {"language", required_argument, NULL, 'l'},
	    {"run", required_argument, NULL, 'r'},
	    {"json", no_argument, NULL, 'j'},
	    {NULL, 0, NULL, 0},
	};
	struct eval_options o = {.embedder = "builtin:lsa", .language = "english"};
	const char *mode = "hybrid", *run = NULL;
	struct eval_scores scores;
	struct err e;
	int c, json = 0, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm')
			mode = optarg;
		else if (c == 'e')
			o.embedder = optarg;
		else if (c == 'l')
			o.language = optarg;
		else if (c == 'r')
			run = optarg;
		else if (c == 'j')
			json = 1;
		else
			return cmd_misused(cmd, "that option is not known, or lacks its value");
	}
	if (optind != argc - 1)
		return cmd_misused(cmd, "it takes one folder");
	if (fuse_mode_of(mode, &o.mode) == -1)
		return cmd_misused(cmd, "--mode takes hybrid, minmax, rrf, lexical or dense");
	if (open_run(&o, run, &e) == -1)
		return cmd_fail(cmd, &e);
	rc = eval_run(argv[optind], &o, &scores, &e);
	if (o.run != NULL && fclose(o.run) != 0 && rc == 0)
		rc = err_sys(&e, ERR_IO, "%s", run);
	if (rc == -1)
		return cmd_fail(cmd, &e);
	if (json)
		print_json(argv[optind], &o, mode, &scores);
	else
		print_plain(argv[optind], &scores);
	return 0;
}
