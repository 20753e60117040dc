/* build.c - a tenant's source to a sealed generation. */
#include "build.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assemble.h"
#include "file.h"
#include "generation.h"
#include "knowledge.h"

/* ---- knowledge to files ---- */

static int
take_document(void *context, const struct store_document *d, struct err *e)
{
	return assembly_add_document(context, d, e);
}

static int
take_chunk(void *context, const struct store_chunk *c, struct err *e)
{
	return assembly_add_chunk(context, c, e);
}

static int
write_files(struct knowledge *k, const struct build_request *r, const char *dir,
    struct build_report *report, struct err *e)
{
	static const struct knowledge_walk walk = {take_document, take_chunk};
	struct assembly_report made;
	struct assembly *a;
	int rc = -1;

	if (assembly_new(&a, dir, r->tenant, r->config, e) == -1)
		return -1;
	if (knowledge_each(k, &walk, a, e) == 0 && assembly_finish(a, &made, e) == 0) {
		report->documents = made.documents;
		report->chunks = made.chunks;
		report->dim = made.dim;
		rc = 0;
	}
	assembly_free(a);
	return rc;
}

static int
make_folder(char dir[PATH_MAX], const struct build_request *r, struct err *e)
{
	size_t used;

	if (generation_dir(dir, r->data_dir, r->tenant, "", e) == -1)
		return -1;
	used = strlen(dir);
	snprintf(dir + used, PATH_MAX - used, "/.tmp-%d-build", (int)getpid());
	if (file_remove_tree(dir, e) == -1)
		return -1;
	return mkdir(dir, 0755) == 0 ? 0 : err_sys(e, ERR_IO, "mkdir %s", dir);
}

static int
make_generation(struct knowledge *k, const struct build_request *r, struct build_report *report,
    struct err *e)
{
	char dir[PATH_MAX];

	if (make_folder(dir, r, e) == -1)
		return -1;
	if (write_files(k, r, dir, report, e) == -1 ||
	    generation_publish(report->generation, &report->existed, r->data_dir, r->tenant, dir,
		e) == -1) {
		file_remove_tree(dir, NULL);
		return -1;
	}
	return 0;
}

int
build_run(const struct build_request *r, struct build_report *report, struct err *e)
{
	struct knowledge *k = NULL;
	struct source *source = NULL;
	struct sync_report sync;
	int rc = -1;

	*report = (struct build_report){0};
	if (source_open(&source, r->config, e) == -1 ||
	    knowledge_open(&k, r->data_dir, r->tenant, e) == -1 ||
	    knowledge_sync(k, source, r->config, r->allow_shrink, &sync, e) == -1)
		goto out;
	report->listed = sync.listed;
	report->added = sync.added;
	report->changed = sync.changed;
	report->removed = sync.removed;
	report->unchanged = sync.unchanged;
	report->refused = sync.refused;
	if (r->refused != NULL &&
	    knowledge_each_refused(k, r->refused, r->refused_context, e) == -1)
		goto out;
	rc = make_generation(k, r, report, e);
	if (rc == 0)
		rc = generation_verify(r->data_dir, r->tenant, report->generation, e);
out:
	knowledge_close(k);
	source_close(source);
	return rc;
}
