/* sup_fleet.c - what the hosts of a fleet agree on. */
#include "sup.h"

bool
sup_fleet_may_roll(struct sup *s)
{
	(void)s;
	return true;
}

void
sup_fleet_roll_done(struct sup *s)
{
	(void)s;
}

bool
sup_fleet_has_lost_roll(const struct sup *s)
{
	(void)s;
	return false;
}

bool
sup_fleet_may_build(struct sup *s, const char *tenant)
{
	(void)s;
	(void)tenant;
	return true;
}

void
sup_fleet_build_done(struct sup *s, const char *tenant)
{
	(void)s;
	(void)tenant;
}
