/* sup_pointer_file.c - DATA/lkg/<tenant>.pointer: the newest pointer that was followed, across a restart. */
#include "sup_fleet.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "log.h"

static int
pointer_file(const struct sup *s, const char *tenant, char out[PATH_MAX])
{
	int n = snprintf(
	    out, PATH_MAX, "%s/lkg/%s.pointer", s->conf.global.data_dir, tenant);

	return n > 0 && n < PATH_MAX ? 0 : -1;
}

/* By rename, but not synced: after a loss of power an older pointer may be here, or none,
 * and the key is followed as if it were new.  Two fsyncs a tenant would hold up a start. */
void
fleet_keep_pointer(const struct sup *s, const struct fleet_tenant *t)
{
	char path[PATH_MAX], aside[PATH_MAX + 8];
	struct buf b;
	FILE *f;

	if (pointer_file(s, t->name, path) == -1)
		return;
	snprintf(aside, sizeof aside, "%s.tmp", path);
	buf_init(&b, CONSUL_POINTER_MAX + 64);
	buf_addf(&b, "%" PRIu64 "\n", t->taken.index);
	consul_pointer_write(&t->taken, &b);
	if (b.failed || (f = fopen(aside, "we")) == NULL) {
		log_error("%s: not written", path);
	} else {
		fputs(b.data, f);
		if (fclose(f) != 0 || rename(aside, path) == -1)
			log_error("%s: not written", path);
	}
	buf_fini(&b);
}

void
fleet_load_pointer(const struct sup *s, struct fleet_tenant *t)
{
	char path[PATH_MAX], *text, *json;
	size_t n;

	if (pointer_file(s, t->name, path) == -1 ||
	    file_read(&text, &n, path, CONSUL_POINTER_MAX + 64, NULL) == -1)
		return;
	if ((json = strchr(text, '\n')) != NULL)
		consul_pointer_parse(&t->taken, json + 1, n - (size_t)(json + 1 - text),
		    strtoull(text, NULL, 10), NULL);
	free(text);
}

void
sup_fleet_forget(struct sup *s, const char *tenant)
{
	char path[PATH_MAX];

	if (s->fleet == NULL)
		return;
	fleet_remove(&s->fleet->tenants, tenant);
	if (pointer_file(s, tenant, path) == 0)
		unlink(path);
}
