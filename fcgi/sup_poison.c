/* sup_poison.c - tenants whose data ends workers: the list kept in step with the disk. */
#include "sup.h"

#include "log.h"

/* A list that cannot be read hinders nobody from starting. */
void
sup_poison_open(struct sup *s)
{
	struct err e;

	if (poison_load(&s->poison, &s->board, s->conf.global.data_dir, &e) == -1)
		log_error("poisoned tenants forgotten: %s", e.text);
}

static void
save(struct sup *s)
{
	struct err e;

	if (poison_save(&s->board, s->conf.global.data_dir, &e) == -1)
		log_error("poisoned tenants not written, a restart will not know of them: %s",
		    e.text);
}

void
sup_poison_note_death(struct sup *s, const char *tenant, const char *generation)
{
	if (!poison_note_death(&s->poison, &s->board, tenant, generation, s->now_ms))
		return;
	log_error("tenant=%s quarantined: generation %s ended %d workers", tenant, generation,
	    POISON_DEATHS);
	save(s);
}

bool
sup_poison_lift(struct sup *s, const char *tenant, const char *keep)
{
	if (!poison_lift(&s->poison, &s->board, tenant, keep))
		return false;
	save(s);
	return true;
}
