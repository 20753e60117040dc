/* pinned.c - may a generation that a caller asks for by name be opened? */
#include "pinned.h"

#include <limits.h>
#include <stdlib.h>

#include "file.h"
#include "gate.h"
#include "generation.h"
#include "json.h"
#include "quarantine.h"

enum { VERDICT_FILE_MAX = 1 << 20 };

static int
check_quarantine(
    const char *data_dir, const char *tenant, const char *generation, struct err *e)
{
	struct quarantine q = {0};
	int rc = quarantine_load(&q, data_dir, e);

	if (rc == 0 && quarantine_find(&q, tenant, generation) != NULL)
		rc = err_set(e, ERR_GENERATION,
		    "generation %s of tenant \"%s\" is quarantined and may not serve", generation,
		    tenant);
	quarantine_fini(&q);
	return rc;
}

/* What the gate said; VERDICT_MAX when it has said nothing that can be read. */
static enum verdict
read_verdict(const char *data_dir, const char *tenant, const char *generation)
{
	enum verdict v = VERDICT_MAX;
	struct json_object *o;
	char path[PATH_MAX], *bytes;
	const char *name;
	size_t n;

	if (generation_verdict_path(path, data_dir, tenant, generation, NULL) == -1 ||
	    file_read(&bytes, &n, path, VERDICT_FILE_MAX, NULL) == -1)
		return v;
	if (json_parse_object(&o, bytes, n, NULL) == 0) {
		if (json_get_text(o, "verdict", true, 32, &name, NULL) == 0)
			v = verdict_of(name);
		json_object_put(o);
	}
	free(bytes);
	return v;
}

int
pinned_check(const char *data_dir, const char *tenant, const char *generation,
    const char *live, struct err *e)
{
	char dir[PATH_MAX];
	enum verdict v;

	if (generation_dir(dir, data_dir, tenant, generation, e) == -1)
		return -1;
	if (!file_is_folder(dir))
		return 0;	/* whoever opens it will say so */
	if (check_quarantine(data_dir, tenant, generation, e) == -1)
		return -1;
	v = read_verdict(data_dir, tenant, generation);
	if (v == VERDICT_FAIL)
		return err_set(e, ERR_GENERATION,
		    "generation %s of tenant \"%s\" did not pass the gate and may not serve",
		    generation, tenant);
	if (v != VERDICT_PASS && generation_seq(generation) > generation_seq(live))
		return err_set(e, ERR_GENERATION,
		    "generation %s of tenant \"%s\" has not passed the gate yet", generation, tenant);
	return 0;
}
