/* sup_poison.c - tenants whose data ends workers: the list kept in step with the disk. */
#include "sup.h"

#include <time.h>

#include "log.h"

static int64_t
wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A list that cannot be read hinders nobody from starting. */
void
sup_poison_open(struct sup *s)
{
	struct err e;

	if (poison_load(&s->poison, &s->board, s->conf.global.data_dir, &e) == -1)
		log_error("poisoned tenants forgotten: %s", e.text);
	if (poison_load_suspects(&s->poison, s->conf.global.data_dir, s->now_ms, wall_ms(), &e) ==
	    -1)
		log_error("deaths of workers forgotten: %s", e.text);
}

static void
save_suspects(struct sup *s)
{
	struct err e;

	if (poison_save_suspects(
		&s->poison, s->conf.global.data_dir, s->now_ms, wall_ms(), &e) == -1)
		log_error("a worker's death not written, a restart will not know of it: %s",
		    e.text);
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
	bool is_listed = poison_note_death(&s->poison, &s->board, tenant, generation, s->now_ms);

	if (tenant[0] != '\0')
		save_suspects(s);
	if (!is_listed)
		return;
	log_error("tenant=%s quarantined: generation %s ended %d workers", tenant, generation,
	    POISON_DEATHS);
	save(s);
}

bool
sup_poison_lift(struct sup *s, const char *tenant, const char *keep)
{
	bool was_listed = poison_lift(&s->poison, &s->board, tenant, keep);

	if (was_listed) {
		save(s);
		save_suspects(s);
	}
	return was_listed;
}
