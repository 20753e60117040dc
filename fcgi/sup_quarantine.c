/* sup_quarantine.c - the list of generations that may not serve, kept in step with the disk. */
#include "sup.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

#include "log.h"

/* A list that cannot be read hinders nobody from starting: it is set aside for people. */
void
sup_quarantine_open(struct sup *s)
{
	const char *data = s->conf.global.data_dir;
	char path[PATH_MAX], aside[PATH_MAX];
	struct err e;

	if (quarantine_load(&s->quarantine, data, &e) == 0)
		return;
	log_error("quarantine forgotten: %s", e.text);
	if (snprintf(path, sizeof path, "%s/quarantine", data) < (int)sizeof path &&
	    snprintf(aside, sizeof aside, "%s/quarantine.damaged", data) < (int)sizeof aside &&
	    rename(path, aside) == 0)
		log_error("the file is kept as %s", aside);
}

static void
save(struct sup *s)
{
	struct err e;

	if (quarantine_save(&s->quarantine, s->conf.global.data_dir, &e) == -1)
		log_error("quarantine not written, a restart will not know of it: %s", e.text);
}

void
sup_quarantine_add(struct sup *s, const char *tenant, const char *generation, const char *reason)
{
	struct err e;

	log_error("quarantined tenant=%s generation=%s: %s", tenant, generation, reason);
	if (quarantine_add(&s->quarantine, tenant, generation, reason, (int64_t)time(NULL), &e) ==
	    -1)
		log_error("quarantine: %s", e.text);
	else
		save(s);
}

void
sup_quarantine_lift(struct sup *s, const char *tenant, const char *generation)
{
	if (quarantine_remove(&s->quarantine, tenant, generation))
		save(s);
}

size_t
sup_quarantine_clear(struct sup *s, const char *tenant)
{
	size_t n = quarantine_remove_all(&s->quarantine, tenant);

	if (n > 0)
		save(s);
	return n;
}
