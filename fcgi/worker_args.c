/* worker_args.c - what a worker is told on its command line. */
#include "worker_args.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static void
add_flag(struct worker_args *a, const char *name)
{
	assert(a->count < WORKER_ARGS_MAX);
	a->argv[a->count++] = name;
}

static void
add(struct worker_args *a, const char *name, const char *value)
{
	add_flag(a, name);
	add_flag(a, value);
}

static char *
next_number(struct worker_args *a)
{
	assert(a->numbers < WORKER_NUMBERS_MAX);
	return a->number[a->numbers++];
}

static void
add_number(struct worker_args *a, const char *name, int64_t value)
{
	char *text = next_number(a);

	snprintf(text, sizeof a->number[0], "%" PRId64, value);
	add(a, name, text);
}

static void
add_rate(struct worker_args *a, const char *name, int64_t rate)
{
	char *text = next_number(a);

	snprintf(text, sizeof a->number[0], "%u/%u", conf_rate_requests(rate),
	    conf_rate_seconds(rate));
	add(a, name, text);
}

static void
add_global(struct worker_args *a, const struct conf_global *g)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};

	add(a, "--data", g->data_dir);
	add(a, "--cors-origins", g->cors_origins);
	add(a, "--gateway", g->gateway_socket);
	add(a, "--control", g->control_socket);
	add(a, "--log-level", levels[g->log_level]);
	add(a, "--log-file", g->log_file);
	add(a, "--confine", g->confine_workers ? "yes" : "no");
	add(a, "--auth", g->auth == 0 ? "keys" : "off");
	add(a, "--jwt-keys", g->jwt_keys);
	add(a, "--jwt-audience", g->jwt_audience);
	add(a, "--jwt-issuer", g->jwt_issuer);
	add_rate(a, "--rate-per-key", g->rate_per_key);
	add_rate(a, "--rate-per-route", g->rate_per_route);
	add_rate(a, "--rate-per-tenant", g->rate_per_tenant);
	add_number(a, "--inbox-bytes", g->inbox_bytes);
	add_number(a, "--inbox-requests", g->inbox_requests);
	add_number(a, "--upload-max", g->upload_max);
	add_number(a, "--files-bytes", g->files_bytes);
	add_number(a, "--files-max", g->files_max);
	if (g->fair_share)
		add_flag(a, "--fair-share");
}

static void
add_pool(struct worker_args *a, const struct conf_pool *p)
{
	add_number(a, "--max-requests", p->max_requests);
	add_number(a, "--max-body", p->max_body_bytes);
	add_number(a, "--top-k-max", p->top_k_max);
	add_number(a, "--embedding-timeout", p->embedding_timeout_ms);
	add(a, "--without-embedding",
	    p->without_embedding == WITHOUT_EMBEDDING_WORDS ? "words" : "error");
	add_number(a, "--result-cache", p->result_cache_bytes);
	add(a, "--answer-model", p->answer_model);
	add(a, "--answer-prompt", p->answer_prompt);
	add(a, "--answer-prompts", p->answer_prompts_dir);
	add_number(a, "--answer-timeout", p->answer_timeout_ms);
	add_number(a, "--stream-keepalive", p->stream_keepalive_ms);
	add_number(a, "--answer-context", p->answer_context);
	add_number(a, "--answer-tokens", p->answer_tokens);
	add_number(a, "--slow-after", p->request_slowlog_timeout_ms);
	add(a, "--slowlog", p->slowlog);
}

void
worker_args_fill(
    struct worker_args *a, const struct conf_global *g, const struct conf_pool *pool)
{
	a->count = a->numbers = 0;
	add_flag(a, "ragpool-worker");
	add_global(a, g);
	add_pool(a, pool);
	a->argv[a->count] = NULL;
}

void
worker_args_describe(const struct conf *c, struct buf *b)
{
	struct worker_args a;

	buf_adds(b, c->global.worker_program);
	for (size_t i = 0; i < c->pool_count; i++) {
		worker_args_fill(&a, &c->global, &c->pools[i]);
		for (unsigned j = 0; j < a.count; j++)
			buf_addf(b, "\n%s", a.argv[j]);
	}
}
