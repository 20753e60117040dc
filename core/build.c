/* build.c - a tenant's source to a sealed generation. */
#include "build.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assemble.h"
#include "embed_missing.h"
#include "failpoint.h"
#include "file.h"
#include "generation.h"
#include "hash.h"
#include "index.h"
#include "intake.h"
#include "knowledge.h"
#include "leftover.h"
#include "pushed.h"
#include "store.h"

/* ---- knowledge to files ---- */

static const char *const step_names[BUILD_STEP_MAX] = {
#define X(symbol, name) [symbol] = name,
    BUILD_STEPS(X)
#undef X
};

const char *
build_step_name(enum build_step step)
{
	return (unsigned)step < BUILD_STEP_MAX ? step_names[step] : "unknown";
}

static void
tell(const struct build_request *r, enum build_step step, uint64_t done, uint64_t all)
{
	const struct build_progress p = {.step = step, .done = done, .all = all};

	if (r->progress != NULL)
		r->progress(r->progress_context, &p);
}

static void
tell_training(void *context, uint64_t done, uint64_t all)
{
	tell(context, BUILD_TRAINING, done, all);
}

static void
tell_linking(void *context, uint64_t done, uint64_t all)
{
	tell(context, BUILD_LINKING, done, all);
}

struct filling {
	const struct build_request *r;
	struct assembly *a;
	uint64_t chunks, all;
};

static int
take_document(void *context, const struct store_document *d, struct err *e)
{
	struct filling *f = context;

	tell(f->r, BUILD_INDEXING, f->chunks, f->all);
	return assembly_add_document(f->a, d, e);
}

static int
take_chunk(void *context, const struct store_chunk *c, struct err *e)
{
	struct filling *f = context;

	f->chunks++;
	return assembly_add_chunk(f->a, c, e);
}

static int
write_files(struct knowledge *k, const struct build_request *r, struct vectors *vectors,
    const struct index *base, const char *dir, struct build_report *report, struct err *e)
{
	static const struct knowledge_walk walk = {take_document, take_chunk};
	void *mine = (void *)(uintptr_t)r;
	const struct told training = {tell_training, mine}, linking = {tell_linking, mine};
	struct assembly_report made;
	struct filling f = {.r = r};
	struct assembly *a;
	int rc = -1;

	if (knowledge_count_chunks(k, &f.all, e) == -1 ||
	    assembly_new(&a, dir, r->tenant, r->config, e) == -1)
		return -1;
	f.a = a;
	assembly_set_told(a, &training, &linking);
	assembly_set_base(a, base);
	assembly_set_vectors(a, vectors);
	if (knowledge_each(k, &walk, &f, e) == 0 && assembly_finish(a, &made, e) == 0) {
		report->documents = made.documents;
		report->chunks = made.chunks;
		report->dim = made.dim;
		report->reused_rows = made.reused_rows;
		if (!made.is_full)
			snprintf(report->base, sizeof report->base, "%s", index_generation(base));
		rc = 0;
	}
	assembly_free(a);
	return rc;
}

static const char folder_suffix[] = "-build";

static int
folder_of(char dir[PATH_MAX], const char *data_dir, const char *tenant, pid_t pid, struct err *e)
{
	size_t used;

	if (generation_dir(dir, data_dir, tenant, "", e) == -1)
		return -1;
	used = strlen(dir);
	snprintf(dir + used, PATH_MAX - used, "/.tmp-%d%s", (int)pid, folder_suffix);
	return 0;
}

static int
make_folder(char dir[PATH_MAX], const struct build_request *r, struct err *e)
{
	if (folder_of(dir, r->data_dir, r->tenant, getpid(), e) == -1)
		return -1;
	return mkdir(dir, 0755) == 0 ? 0 : err_sys(e, ERR_IO, "mkdir %s", dir);
}

int
build_remove_folder(const char *data_dir, const char *tenant, pid_t pid, struct err *e)
{
	char dir[PATH_MAX];

	return folder_of(dir, data_dir, tenant, pid, e) == -1 ? -1 : file_remove_tree(dir, e);
}

/* What builds that were killed left of the tenant, whose lock we hold: first, because the disk
 * may be full of it. */
static int
sweep_leftovers(const struct build_request *r, struct err *e)
{
	char gen[PATH_MAX], dir[PATH_MAX];

	if (generation_dir(gen, r->data_dir, r->tenant, "", e) == -1 ||
	    generation_tenant_dir(dir, r->data_dir, r->tenant, e) == -1)
		return -1;
	return leftover_sweep_locked(gen, folder_suffix, e) == -1 ? -1 : leftover_sweep(dir, e);
}

/* ---- vectors of a model elsewhere ---- */

bool
build_embeds_elsewhere(const struct build_config *c)
{
	return strncmp(c->embedding_model, "builtin:", 8) != 0 &&
	    strncmp(c->embedding_model, "static:", 7) != 0;
}

/* Passages as they are walked: what is behind the walk is asked for, or was there. */
struct embedding {
	struct knowledge *k;
	const struct build_request *r;
	uint64_t done, all;
	const struct knowledge_walk *walk;
	void *walker;
};

static int
embed_document(void *context, const struct store_document *d, struct err *e)
{
	struct embedding *x = context;

	return x->walk->document(x->walker, d, e);
}

static int
embed_chunk(void *context, const struct store_chunk *c, struct err *e)
{
	struct embedding *x = context;

	tell(x->r, BUILD_EMBEDDING, x->done++, x->all);
	return x->walk->chunk(x->walker, c, e);
}

static int
each_embedded(void *context, const struct knowledge_walk *walk, void *walker, struct err *e)
{
	static const struct knowledge_walk mine = {embed_document, embed_chunk};
	struct embedding *x = context;

	x->walk = walk;
	x->walker = walker;
	return knowledge_each(x->k, &mine, x, e);
}

/* *out is NULL where the embedder is another. */
static int
embed_elsewhere(struct vectors **out, struct knowledge *k, const struct build_request *r,
    const struct embed_service *service, struct build_report *report, struct err *e)
{
	struct embedding x = {.k = k, .r = r};
	struct embed_passages passages = {each_embedded, &x};
	struct embed_missing_report made;

	*out = NULL;
	if (!build_embeds_elsewhere(r->config))
		return 0;
	if (r->about == NULL)
		return err_set(e, ERR_MODEL_UNKNOWN, "nobody here reaches the model %s",
		    r->config->embedding_model);
	if (knowledge_count_chunks(k, &x.all, e) == -1 ||
	    vectors_open(out, knowledge_db(k), r->about->identity, e) == -1)
		return -1;
	if (embed_missing(&passages, *out, r->config->embedding_model, r->about, service, &made,
		e) == -1) {
		vectors_close(*out);
		*out = NULL;
		return -1;
	}
	report->passages = made.passages;
	report->embedded = made.embedded;
	report->kept = made.reused;
	report->tokens = made.tokens;
	report->requests = made.requests;
	return 0;
}

/* ---- the generation to grow from ---- */

/* NULL whenever there is a reason for a full build; a generation that is damaged or
 * missing is one, not an error: what it was made from is in source.db. */
static struct index *
open_base(const struct build_request *r)
{
	char name[GENERATION_NAME_BYTES], parameters[SHA256_HEX_BYTES];
	struct index *base;

	if (r->full || assembly_parameters(r->config, parameters, NULL) == -1 ||
	    generation_current(name, r->data_dir, r->tenant, NULL) == -1 ||
	    generation_verify(r->data_dir, r->tenant, name, NULL) == -1 ||
	    index_open(&base, r->data_dir, r->tenant, name, NULL) == -1)
		return NULL;
	if (strcmp(base->manifest.parameters, parameters) == 0)
		return base;
	index_close(base);
	return NULL;
}

/* ---- when the texts are those of the base ---- */

struct copying {
	struct store_writer *store;
	uint64_t document;
};

static int
copy_document(void *context, const struct store_document *d, struct err *e)
{
	struct copying *c = context;

	return store_add_document(c->store, d, &c->document, e);
}

static int
copy_chunk(void *context, const struct store_chunk *chunk, struct err *e)
{
	struct copying *c = context;
	struct store_chunk mine = *chunk;

	mine.document = c->document;
	return store_add_chunk(c->store, &mine, NULL, e);
}

static int
write_store(struct knowledge *k, const char *path, struct err *e)
{
	static const struct knowledge_walk walk = {copy_document, copy_chunk};
	struct copying c = {0};

	if (store_create(&c.store, path, e) == -1)
		return -1;
	if (knowledge_each(k, &walk, &c, e) == -1) {
		store_abandon(c.store);
		return -1;
	}
	return store_finish(c.store, e);
}

/* 1: dir/store.db is that of the base and its index stands beside it; 0: there is nothing
 * in dir. */
static int
take_index(struct knowledge *k, const struct build_request *r, const struct index *base,
    const char *dir, struct err *e)
{
	char store[PATH_MAX], old[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
	char hex[SHA256_HEX_BYTES];
	uint8_t digest[SHA256_BYTES];
	uint64_t bytes;

	if (file_join(store, sizeof store, dir, "store.db", e) == -1 ||
	    file_join(to, sizeof to, dir, "index.rpx", e) == -1 ||
	    generation_dir(old, r->data_dir, r->tenant, base->generation, e) == -1 ||
	    file_join(from, sizeof from, old, "index.rpx", e) == -1 ||
	    write_store(k, store, e) == -1 || hash_sha256_file(store, digest, &bytes, e) == -1)
		return -1;
	hash_hex(digest, hex);
	/* The base may have been swept, or the disk may know no links: then it is built. */
	if (strcmp(hex, base->manifest.store_sha256) == 0 && link(from, to) == 0)
		return 1;
	return unlink(store) == 0 ? 0 : err_sys(e, ERR_IO, "%s", store);
}

/* With the version too, the generation is the base itself. */
static int
name_again(const struct build_request *r, const struct index *base, const char *dir,
    struct build_report *report, struct err *e)
{
	struct manifest m = base->manifest;
	char hash12[13];

	report->documents = m.documents;
	report->chunks = m.chunks;
	report->dim = m.dim;
	if (strcmp(m.config_version, r->config->version) != 0) {
		snprintf(m.config_version, sizeof m.config_version, "%s", r->config->version);
		snprintf(m.answer_model, sizeof m.answer_model, "%s", r->config->answer_model);
		snprintf(m.base, sizeof m.base, "%s", base->generation);
		report->reused_rows = m.chunks;
	}
	snprintf(report->base, sizeof report->base, "%s", m.base);
	return manifest_write(&m, dir, hash12, e);
}

/* ---- publishing ---- */

static int
fill_folder(struct knowledge *k, const struct build_request *r, const char *dir,
    struct build_report *report, struct err *e)
{
	struct vectors *vectors = NULL;
	bool is_same = report->added + report->changed + report->removed == 0;
	struct index *base = open_base(r);
	int rc = 0;

	if (base != NULL && is_same)
		rc = take_index(k, r, base, dir, e);
	if (rc == 1)
		rc = name_again(r, base, dir, report, e);
	else if (rc == 0 && (rc = embed_elsewhere(&vectors, k, r, r->service, report, e)) == 0 &&
	    (rc = write_files(k, r, vectors, base, dir, report, e)) == 0 && vectors != NULL)
		rc = vectors_sweep(vectors, e);
	vectors_close(vectors);
	index_close(base);
	return rc;
}

static int
make_generation(struct knowledge *k, const struct build_request *r, struct build_report *report,
    struct err *e)
{
	char dir[PATH_MAX];

	if (make_folder(dir, r, e) == -1)
		return -1;
	failpoint(FAIL_FOLDER_MADE);
	if (fill_folder(k, r, dir, report, e) == -1)
		goto fail;
	failpoint(FAIL_FILES_WRITTEN);
	tell(r, BUILD_PUBLISHING, report->chunks, report->chunks);
	if (generation_publish(report->generation, &report->existed, r->data_dir, r->tenant, dir,
		e) == -1)
		goto fail;
	failpoint(FAIL_PUBLISHED);
	return 0;
fail:
	file_remove_tree(dir, NULL);
	return -1;
}

/* ---- the whole ---- */

/* The source and, apart from where they are the source, the documents pushed to it. */
struct sources {
	struct source *opened, *joined;		/* owned, or NULL */
	struct source *all;
};

static int
open_sources(struct sources *s, const struct build_request *r, struct err *e)
{
	s->all = r->source;
	if (s->all == NULL) {
		if (source_open(&s->opened, r->config, e) == -1)
			return -1;
		s->all = s->opened;
	}
	if (strcmp(r->config->source_type, "push") == 0 || !pushed_any(r->data_dir, r->tenant))
		return 0;
	if (source_joined(&s->joined, s->all, r->data_dir, r->tenant, e) == -1)
		return -1;
	s->all = s->joined;
	return 0;
}

static void
close_sources(struct sources *s)
{
	source_close(s->joined);
	source_close(s->opened);
}

static void
tell_read(void *context, uint64_t done, uint64_t all)
{
	tell(context, BUILD_READING, done, all);
}

typedef int sync_fn(struct knowledge *k, struct source *s, const struct build_config *config,
    unsigned max_shrink, struct sync_report *report, struct err *e);

static int
sync_source(struct knowledge *k, struct source *source, const struct build_request *r,
    sync_fn *sync_by, struct build_report *report, struct err *e)
{
	struct sync_report sync;

	knowledge_set_progress(k, tell_read, (void *)(uintptr_t)r);
	tell(r, BUILD_LISTING, 0, 0);
	if (sync_by(k, source, r->config, r->max_shrink, &sync, e) == -1)
		return -1;
	report->listed = sync.listed;
	report->added = sync.added;
	report->changed = sync.changed;
	report->removed = sync.removed;
	report->unchanged = sync.unchanged;
	report->refused = sync.refused;
	failpoint(FAIL_SYNC_DONE);
	if (r->refused == NULL)
		return 0;
	return knowledge_each_refused(k, r->refused, r->refused_context, e);
}

struct refusals {
	struct ledger *ledger;
	struct err *e;
	int rc;
};

static void
keep_refusal(void *context, const char *key, const char *why)
{
	struct refusals *f = context;

	if (f->rc == 0)
		f->rc = ledger_add_refused(f->ledger, key, why, f->e);
}

static int
keep_refusals(void *context, struct ledger *l, struct err *e)
{
	struct refusals f = {.ledger = l, .e = e};

	return knowledge_each_refused(context, keep_refusal, &f, e) == -1 ? -1 : f.rc;
}

/* What is sent lies on the host that took it.  Another one, which has the generation from there,
 * must not take nothing for all there is. */
static int
check_is_here(const struct build_request *r, const struct intake *in, struct err *e)
{
	char dir[PATH_MAX], name[GENERATION_NAME_BYTES];
	struct manifest m;

	if (strcmp(r->config->source_type, "push") != 0 || in->ledger != NULL ||
	    pushed_any(r->data_dir, r->tenant) ||
	    generation_current(name, r->data_dir, r->tenant, NULL) == -1 ||
	    generation_dir(dir, r->data_dir, r->tenant, name, NULL) == -1 ||
	    manifest_read(&m, dir, NULL, NULL) == -1 || m.documents == 0)
		return 0;
	return err_set(e, ERR_SOURCE,
	    "nothing was sent to this host, and what serves holds %llu documents: it is to be built "
	    "on the host that has them",
	    (unsigned long long)m.documents);
}

static int
build_locked(struct knowledge *k, struct intake *in, const struct build_request *r,
    struct build_report *report, struct err *e)
{
	struct sources s = {0};
	int rc = -1;

	tell(r, BUILD_TAKING_IN, 0, 0);
	if (sweep_leftovers(r, e) == -1 || intake_run(in, r->data_dir, r->tenant, e) == -1 ||
	    check_is_here(r, in, e) == -1)
		return -1;
	report->jobs = in->jobs;
	report->rejected = in->rejected;
	report->asked_removals = in->removed_since;
	knowledge_expect_removals(k, in->removed_ever);
	if (open_sources(&s, r, e) == 0 &&
	    sync_source(k, s.all, r, knowledge_sync, report, e) == 0 &&
	    make_generation(k, r, report, e) == 0 &&
	    generation_verify(r->data_dir, r->tenant, report->generation, e) == 0 &&
	    intake_built(in, report->generation, keep_refusals, k, e) == 0) {
		failpoint(FAIL_LEDGER_BUILT);
		rc = 0;
	}
	close_sources(&s);
	return rc;
}

static int
run_once(const struct build_request *r, struct build_report *report, struct err *e)
{
	struct knowledge *k = NULL;
	struct intake in = {0};
	int rc = -1;

	*report = (struct build_report){0};
	if (knowledge_open(&k, r->data_dir, r->tenant, e) == 0)
		rc = build_locked(k, &in, r, report, e);
	intake_close(&in);
	knowledge_close(k);
	return rc;
}

/* What SQLite says of a file that is damaged; ERR_DB: a table that is not there any more. */
static bool
may_be_damage(const struct err *e)
{
	return e->code == ERR_CORRUPT || e->code == ERR_DB;
}

int
build_run(const struct build_request *r, struct build_report *report, struct err *e)
{
	struct knowledge_damage damage;
	struct err why;

	if (run_once(r, report, &why) == 0)
		return 0;
	if (may_be_damage(&why) &&
	    knowledge_set_aside(&damage, r->data_dir, r->tenant, &why) == 1) {
		if (r->damaged != NULL)
			r->damaged(r->damaged_context, damage.name, damage.what);
		if (run_once(r, report, &why) == 0) {
			snprintf(report->set_aside, sizeof report->set_aside, "%s", damage.name);
			return 0;
		}
	}
	if (e != NULL)
		*e = why;
	return -1;
}

/* ---- a rehearsal ---- */

static int
count_document(void *context, const struct store_document *d, struct err *e)
{
	struct build_report *report = context;

	(void)d;
	(void)e;
	report->documents++;
	return 0;
}

static int
count_chunk(void *context, const struct store_chunk *c, struct err *e)
{
	struct build_report *report = context;

	(void)c;
	(void)e;
	report->chunks++;
	return 0;
}

int
build_rehearse(const struct build_request *r, struct build_report *report, struct err *e)
{
	static const struct knowledge_walk walk = {count_document, count_chunk};
	struct knowledge *k = NULL;
	struct vectors *vectors = NULL;
	struct sources s = {0};
	int rc = -1;

	*report = (struct build_report){0};
	if (knowledge_open(&k, r->data_dir, r->tenant, e) == 0 &&
	    open_sources(&s, r, e) == 0 &&
	    sync_source(k, s.all, r, knowledge_rehearse, report, e) == 0 &&
	    knowledge_each(k, &walk, report, e) == 0)
		rc = embed_elsewhere(&vectors, k, r, NULL, report, e);
	vectors_close(vectors);
	close_sources(&s);
	knowledge_close(k);	/* and what was read is forgotten */
	return rc;
}
