/* cmd_eval.c - ragpool eval: how well a set of judged questions is answered. */
#include "cmd.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval.h"
#include "eval_spans.h"
#include "gateway_service.h"

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
	json_object_object_add(j, "embedded", json_object_new_int64((int64_t)s->embedded));
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

/* ---- sets with marked answers ---- */

static void
print_spans_json(const char *set, const struct eval_spans_options *o, const char *mode,
    const struct eval_spans_scores *s)
{
	struct json_object *j = json_object_new_object();

	json_object_object_add(j, "set", json_object_new_string(set));
	json_object_object_add(j, "mode", json_object_new_string(mode));
	json_object_object_add(j, "embedder", json_object_new_string(o->config.embedding_model));
	json_object_object_add(j, "documents", json_object_new_int64((int64_t)s->documents));
	json_object_object_add(j, "chunks", json_object_new_int64((int64_t)s->chunks));
	json_object_object_add(j, "chunk_bytes", json_object_new_double(s->chunk_bytes));
	json_object_object_add(j, "answered_bytes", json_object_new_double(s->answered_bytes));
	json_object_object_add(j, "queries", json_object_new_int64((int64_t)s->questions));
	json_object_object_add(j, "top_k", json_object_new_int64((int64_t)o->top_k));
	json_object_object_add(j, "recall", json_object_new_double(s->recall));
	json_object_object_add(j, "precision", json_object_new_double(s->precision));
	json_object_object_add(j, "iou", json_object_new_double(s->iou));
	json_object_object_add(j, "build_seconds", json_object_new_double(s->build_seconds));
	json_object_object_add(j, "query_seconds", json_object_new_double(s->query_seconds));
	puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_SPACED));
	json_object_put(j);
}

static void
print_spans_plain(const char *set, const struct eval_spans_options *o,
    const struct eval_spans_scores *s)
{
	printf("%s: %llu documents, %llu chunks of %.0f bytes, %llu queries\n", set,
	    (unsigned long long)s->documents, (unsigned long long)s->chunks, s->chunk_bytes,
	    (unsigned long long)s->questions);
	printf("  of the marked bytes, in the first %u passages: recall %.4f  precision %.4f  "
	       "IoU %.4f\n", o->top_k, s->recall, s->precision, s->iou);
}

/* What was said on the command line, for either kind of set. */
struct said {
	struct eval_options o;
	struct eval_spans_options spans;
	const char *mode, *run;
	unsigned top_k;		/* 0: not said */
	bool json;
};

static int
run_spans(const struct cmd *cmd, const char *set, struct said *s)
{
	struct eval_spans_scores scores;
	struct build_config *c = &s->spans.config;
	struct err e;

	snprintf(c->version, sizeof c->version, "eval");
	snprintf(c->language, sizeof c->language, "%s", s->o.language);
	snprintf(c->embedding_model, sizeof c->embedding_model, "%s", s->o.embedder);
	s->spans.mode = s->o.mode;
	s->spans.top_k = s->top_k > 0 ? s->top_k : EVAL_SPANS_TOP_K;
	if (eval_spans_run(set, &s->spans, &scores, &e) == -1)
		return cmd_fail(cmd, &e);
	if (s->json)
		print_spans_json(set, &s->spans, s->mode, &scores);
	else
		print_spans_plain(set, &s->spans, &scores);
	return 0;
}

/* Opens --run's file; "-" would mix with what is printed. */
static int
open_run(struct eval_options *o, const char *path, struct err *e)
{
	if (path == NULL || (o->run = fopen(path, "we")) != NULL)
		return 0;
	return err_sys(e, ERR_IO, "%s", path);
}

/* ---- a model elsewhere ---- */

struct models {
	struct gateway_client *client;
	struct gateway_service gateway;
	struct embed_about about;
};

/* The gateway of the running pool: of the environment, else of ragpool.conf. */
static int
open_gateway(struct models *m, const struct cmd *cmd, struct err *e)
{
	const char *socket = gateway_socket();
	struct conf conf;
	struct buf errors;
	int rc;

	if (socket != NULL)
		return gateway_open(&m->client, socket, e);
	buf_init(&errors, CONF_ERRORS_MAX);
	if ((rc = conf_load(&conf, cmd->config, &errors, e)) == 0) {
		rc = gateway_open(&m->client, conf.global.gateway_socket, e);
		conf_fini(&conf);
	}
	buf_fini(&errors);
	return rc;
}

/* "model:NAME", or the name alone, as in a tenant's document. */
static int
open_models(struct models *m, const struct cmd *cmd, struct eval_options *o, struct err *e)
{
	struct build_config named = {0};

	if (strncmp(o->embedder, "model:", 6) == 0)
		o->embedder += 6;
	snprintf(named.embedding_model, sizeof named.embedding_model, "%s", o->embedder);
	if (!build_embeds_elsewhere(&named))
		return 0;
	if (open_gateway(m, cmd, e) == -1 ||
	    gateway_describe(m->client, o->embedder, &m->about, e) == -1)
		return -1;
	gateway_service_init(&m->gateway, m->client, 0);
	o->service = &m->gateway.service;
	o->about = &m->about;
	return 0;
}

static int
run_judged(const struct cmd *cmd, const char *set, struct said *s)
{
	struct models models = {0};
	struct eval_scores scores;
	struct err e;
	int rc = -1;

	s->o.top_k = s->top_k;
	if (open_models(&models, cmd, &s->o, &e) == 0 && open_run(&s->o, s->run, &e) == 0)
		rc = eval_run(set, &s->o, &scores, &e);
	gateway_close(models.client);
	if (s->o.run != NULL && fclose(s->o.run) != 0 && rc == 0)
		rc = err_sys(&e, ERR_IO, "%s", s->run);
	if (rc == -1)
		return cmd_fail(cmd, &e);
	if (s->json)
		print_json(set, &s->o, s->mode, &scores);
	else
		print_plain(set, &scores);
	return 0;
}

/* false: it is no number in 0..65536. */
static bool
read_count(const char *text, unsigned *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*out = (unsigned)n;
	return end != text && *end == '\0' && n <= 65536;
}

static bool
read_option(struct said *s, int c, const char *value)
{
	struct build_config *config = &s->spans.config;

	switch (c) {
	case 'm':
		s->mode = value;
		return true;
	case 'e':
		s->o.embedder = value;
		return true;
	case 'v':
		s->o.vectors = value;
		return true;
	case 'l':
		s->o.language = value;
		return true;
	case 'r':
		s->run = value;
		return true;
	case 'j':
		s->json = true;
		return true;
	case 'c':
		s->spans.chunks = value;
		return true;
	case 'k':
		return read_count(value, &s->top_k) && s->top_k > 0;
	case 's':
		return read_count(value, &config->chunk_size);
	case 'o':
		return read_count(value, &config->chunk_overlap);
	case 'p':
		return read_count(value, &config->parent_size);
	default:
		return false;
	}
}

int
cmd_eval(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
	    {"mode", required_argument, NULL, 'm'},
	    {"embedder", required_argument, NULL, 'e'},
	    {"language", required_argument, NULL, 'l'},
	    {"vectors", required_argument, NULL, 'v'},
	    {"run", required_argument, NULL, 'r'},
	    {"json", no_argument, NULL, 'j'},
	    {"chunks", required_argument, NULL, 'c'},
	    {"top-k", required_argument, NULL, 'k'},
	    {"chunk-size", required_argument, NULL, 's'},
	    {"chunk-overlap", required_argument, NULL, 'o'},
	    {"parent-size", required_argument, NULL, 'p'},
	    {NULL, 0, NULL, 0},
	};
	struct said s = {.o = {.embedder = "builtin:lsa", .language = "english"},
	    .spans = {.config = {.chunk_size = CHUNK_SIZE_DEFAULT,
			  .chunk_overlap = CHUNK_OVERLAP_DEFAULT}},
	    .mode = "hybrid"};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!read_option(&s, c, optarg))
			return cmd_misused(cmd, "that option is not known, or its value does not fit");
	if (optind != argc - 1)
		return cmd_misused(cmd, "it takes one folder");
	if (fuse_mode_of(s.mode, &s.o.mode) == -1)
		return cmd_misused(cmd, "--mode takes hybrid, minmax, rrf, lexical or dense");
	return eval_spans_is_set(argv[optind]) ? run_spans(cmd, argv[optind], &s)
					       : run_judged(cmd, argv[optind], &s);
}
