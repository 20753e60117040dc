/* sup_conf.c - ragpool.conf read again: all of it or nothing. */
#include "sup.h"

#include <string.h>

#include "log.h"
#include "worker_args.h"

enum { WORKERS_TEXT_MAX = 1 << 20 };

/* Options marked RELOAD change places; the others stay until a restart. */
#define ADOPT_RELOAD(from, to, field) \
	do { \
		__typeof__((to)->field) kept = (to)->field; \
		(to)->field = (from)->field; \
		(from)->field = kept; \
	} while (0)
#define ADOPT_RESTART(from, to, field) ((void)0)

static void
adopt_global(struct conf_global *to, struct conf_global *from)
{
#define GLOBAL(type, key, field, min, max, otherwise, words, when, help) \
	ADOPT_##when(from, to, field);
#include "conf.def"
}

/* A number of workers in the file overrules those added by signal. */
static void
forget_extra(struct sup *s, const struct conf *next)
{
	for (size_t i = 0; i < s->conf.pool_count; i++) {
		const struct conf_pool *p = conf_pool_find(next, s->conf.pools[i].name);
		if (p != NULL && (p->workers != s->conf.pools[i].workers ||
				 p->max_workers != s->conf.pools[i].max_workers))
			s->pools[i].extra = 0;
	}
}

static void
adopt_pool(struct conf_pool *to, struct conf_pool *from)
{
#define POOL(type, key, field, min, max, otherwise, words, when, help) \
	ADOPT_##when(from, to, field);
#include "conf.def"
}

/* All of them change places: the gateway is begun anew when they differ. */
static void
adopt_models(struct conf *now, struct conf *next)
{
	struct conf_model *models = now->models;
	size_t count = now->model_count;

	now->models = next->models;
	now->model_count = next->model_count;
	next->models = models;
	next->model_count = count;
}

static void
adopt(struct conf *now, struct conf *next)
{
	adopt_global(&now->global, &next->global);
	for (size_t i = 0; i < now->pool_count; i++)
		for (size_t j = 0; j < next->pool_count; j++)
			if (strcmp(now->pools[i].name, next->pools[j].name) == 0)
				adopt_pool(&now->pools[i], &next->pools[j]);
	adopt_models(now, next);
}

/* One log line for each line of the text. */
static void
log_lines(struct buf *lines)
{
	char *line = lines->data, *end;

	while (line != NULL && *line != '\0') {
		if ((end = strchr(line, '\n')) != NULL)
			*end++ = '\0';
		log_error("%s", line);
		line = end;
	}
}

/* Workers know what they were started with: options of theirs take new ones, in turn. */
static void
take_into_workers(struct sup *s, struct buf *before)
{
	struct buf now;

	buf_init(&now, WORKERS_TEXT_MAX);
	worker_args_describe(&s->conf, &now);
	if (before->failed || now.failed || strcmp(before->data, now.data) != 0)
		sup_respawn_want(s);
	buf_fini(&now);
}

static void
take(struct sup *s, struct conf *next)
{
	struct err e;
	struct buf names, workers;
	bool is_new_log = strcmp(s->conf.global.log_file, next->global.log_file) != 0;
	bool is_new_gateway = conf_models_differ(&s->conf, next) || is_new_log ||
	    s->conf.global.log_level != next->global.log_level ||
	    strcmp(s->conf.global.gateway_program, next->global.gateway_program) != 0;

	buf_init(&workers, WORKERS_TEXT_MAX);
	worker_args_describe(&s->conf, &workers);
	buf_init(&names, CONF_ERRORS_MAX);
	if (conf_needs_restart(&s->conf, next, &names))
		log_warn("conf changed, but only a restart brings it into force: %s",
		    names.data);
	buf_fini(&names);
	forget_extra(s, next);
	adopt(&s->conf, next);
	log_set_level((enum log_level)s->conf.global.log_level);
	if (is_new_log && log_to_file(s->conf.global.log_file, &e) == -1)
		log_error("%s", e.text);
	s->builds.at_once = (unsigned)s->conf.global.builds_at_once;
	sup_pools_adopt(s);
	sup_gateway_adopt(s, is_new_gateway);
	take_into_workers(s, &workers);
	buf_fini(&workers);
}

void
sup_conf_reload(struct sup *s)
{
	struct conf next;
	struct buf errors;
	struct err e;

	buf_init(&errors, CONF_ERRORS_MAX);
	if (s->conf.path[0] == '\0') {
		buf_fini(&errors);
		return;
	}
	if (conf_load(&next, s->conf.path, &errors, &e) == -1) {
		log_error("conf refused, the old one stays: %s", e.text);
		log_lines(&errors);
	} else {
		take(s, &next);
		conf_fini(&next);
	}
	buf_fini(&errors);
}
