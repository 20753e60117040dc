/* prompts.c - the prompts of a worker. */
#include "prompts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "log.h"
#include "watched.h"

struct kept {
	char tenant[TENANT_NAME_BYTES + 1];	/* "": nobody's */
	struct stat seen;
	struct prompt *prompt;		/* NULL: none that could be taken */
	uint64_t used;
};

struct prompts {
	const struct answer_options *options;
	struct prompt *builtin;
	struct kept pool;
	struct kept tenants[PROMPTS_KEPT];
	uint64_t turns;
};

int
prompts_new(struct prompts **out, const struct answer_options *o, struct err *e)
{
	struct prompts *p = calloc(1, sizeof *p);

	*out = NULL;
	if (p == NULL)
		return err_set(e, ERR_NOMEM, "no memory for prompts");
	p->options = o;
	if (prompt_builtin(&p->builtin, e) == -1) {
		free(p);
		return -1;
	}
	*out = p;
	return 0;
}

static void
forget(struct kept *k)
{
	prompt_free(k->prompt);
	*k = (struct kept){0};
}

void
prompts_free(struct prompts *p)
{
	if (p == NULL)
		return;
	prompt_free(p->builtin);
	forget(&p->pool);
	for (int i = 0; i < PROMPTS_KEPT; i++)
		forget(&p->tenants[i]);
	free(p);
}

/* What the file says now; what it said before, if that cannot be taken. */
static const struct prompt *
look(struct kept *k, const char *path)
{
	struct prompt *now;
	struct err e;

	if (!watched_changed(&k->seen, path))
		return k->prompt;
	if (k->seen.st_ino == 0) {	/* gone */
		prompt_free(k->prompt);
		k->prompt = NULL;
	} else if (prompt_read(&now, path, &e) == 0) {
		prompt_free(k->prompt);
		k->prompt = now;
	} else {
		log_error("prompt not taken, %s stays: %s", k->prompt != NULL ? "the last one" :
		    "another", e.text);
	}
	return k->prompt;
}

static struct kept *
place_of(struct prompts *p, const char *tenant)
{
	struct kept *oldest = &p->tenants[0];

	for (int i = 0; i < PROMPTS_KEPT; i++) {
		if (strcmp(p->tenants[i].tenant, tenant) == 0)
			return &p->tenants[i];
		if (p->tenants[i].used < oldest->used)
			oldest = &p->tenants[i];
	}
	forget(oldest);
	snprintf(oldest->tenant, sizeof oldest->tenant, "%s", tenant);
	return oldest;
}

static const struct prompt *
tenants_own(struct prompts *p, const char *tenant)
{
	char path[PATH_MAX];
	struct kept *k;

	if (p->options->prompts_dir[0] == '\0')
		return NULL;
	snprintf(path, sizeof path, "%s/%s.txt", p->options->prompts_dir, tenant);
	k = place_of(p, tenant);
	k->used = ++p->turns;
	return look(k, path);
}

const struct prompt *
prompts_for(struct prompts *p, const char *tenant)
{
	const struct prompt *found = tenants_own(p, tenant);

	if (found == NULL && p->options->prompt[0] != '\0')
		found = look(&p->pool, p->options->prompt);
	return found != NULL ? found : p->builtin;
}
