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

/* Once, however many were added or lifted since: a roll that goes back may bring thousands. */
void
sup_quarantine_turn(struct sup *s)
{
	struct err e;

	if (!s->has_new_quarantine)
		return;
	s->has_new_quarantine = false;
	if (quarantine_save(&s->quarantine, s->conf.global.data_dir, &e) == -1)
		log_error("quarantine not written, a restart will not know of it: %s", e.text);
}

void
sup_quarantine_add(struct sup *s, const char *tenant, const char *generation, const char *reason)
{
	struct live_tenant *l = live_find(&s->live, tenant);
	struct err e;

	if (l != NULL)
		l->is_swept = false;
	log_error("quarantined tenant=%s generation=%s: %s", tenant, generation, reason);
	if (quarantine_add(&s->quarantine, tenant, generation, reason, (int64_t)time(NULL), &e) ==
	    -1)
		log_error("quarantine: %s", e.text);
	else
		s->has_new_quarantine = true;
}

void
sup_quarantine_lift(struct sup *s, const char *tenant, const char *generation)
{
	if (quarantine_remove(&s->quarantine, tenant, generation))
		s->has_new_quarantine = true;
}

size_t
sup_quarantine_clear(struct sup *s, const char *tenant)
{
	size_t n = quarantine_remove_all(&s->quarantine, tenant);

	if (n > 0)
		s->has_new_quarantine = true;
	return n;
}
