/* build.h - a tenant's source to a sealed generation: the whole use case.
 *
 *   inbox -> pushed documents (intake.h)
 *   source and these -> source.db (sync) -> store.db + terms -> index.rpx -> manifest -> publish
 *
 * Everything is written into gen/.tmp-<pid>-build, removed again on failure, and by the tenant's
 * next build if this one is killed; the generation that serves is never touched.  Publishing does not make it live: that is
 * the pointer's business (generation_set_current()).
 *
 * Base    a build grows from the tenant's current generation, if that is whole, has the same
 *         parameters, and is near enough (grow.h); the manifest names it.  Where the texts
 *         are those of the base, its index is taken as it is, by a hard link.  A base that
 *         is swept meanwhile stays readable: its files are held open.
 * Bytes   same source, parameters and base: same bytes, same name.  A full build depends on
 *         source and parameters alone.
 *
 * Damage  a source.db that SQLite finds malformed is moved aside (knowledge_set_aside()), and the
 *         build begins again from the source; vectors of a model elsewhere are asked for again.
 *
 * Errors  ERR_BUSY another build of the tenant runs; ERR_SOURCE, ERR_SHRINK the source;
 *         ERR_IO, ERR_DB, ERR_LIMIT, ERR_NOMEM.
 */
#ifndef RAGPOOL_BUILD_H
#define RAGPOOL_BUILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bounds.h"
#include "chunk.h"
#include "dense.h"
#include "embed_service.h"
#include "err.h"
#include "source.h"

enum { SOURCE_PATH_BYTES = 1024, LANGUAGE_BYTES = 32, MODEL_NAME_BYTES = 128,
	SEPARATORS_BYTES = 4096, CHUNKING_TEXT_BYTES = 128, BUILD_ASIDE_BYTES = 48 };

/* A tenant's document, checked; made by tenant_doc_parse() in fcgi/. */
struct build_config {
	char version[VERSION_BYTES + 1];
	char source_type[32];			/* "directory", ... */
	char source_path[SOURCE_PATH_BYTES];	/* absolute: directory, git, sqlite; else "" */
	/* How documents are cut (chunk.h). */
	unsigned chunk_size, chunk_overlap;
	enum chunk_unit chunk_unit;
	unsigned parent_size;			/* 0: none */
	char separators[SEPARATORS_BYTES];	/* one behind the other, "" ends them */
	char language[LANGUAGE_BYTES];		/* stemmer: "english", ..., "none" */
	char embedding_model[MODEL_NAME_BYTES];	/* "builtin:lsa", "static:/path", a name */
	char answer_model[MODEL_NAME_BYTES];	/* "answer": {"model"}; "": as the pool says */
	uint32_t embedding_identity;	/* of a model elsewhere; 0: the embedder is another */
	/* How vectors are indexed (dense.h); 0 in each is the default. */
	unsigned m, ef_construction;
	enum dense_exact exact;
	enum dense_graph graph;
};

#define BUILD_STEPS(X) \
	X(BUILD_TAKING_IN, "intake")	/* what waits in the inbox */ \
	X(BUILD_LISTING, "list") \
	X(BUILD_READING, "read")	/* done and all: documents */ \
	X(BUILD_EMBEDDING, "embed")	/* passages, by a model elsewhere */ \
	X(BUILD_INDEXING, "index")	/* passages */ \
	X(BUILD_TRAINING, "train")	/* passes over the words, of the built-in embedder */ \
	X(BUILD_LINKING, "link")	/* passages, in the graph */ \
	X(BUILD_PUBLISHING, "publish")
enum build_step {
#define X(symbol, name) symbol,
	BUILD_STEPS(X)
#undef X
	    BUILD_STEP_MAX
};
const char *build_step_name(enum build_step step);

struct build_progress {
	enum build_step step;
	uint64_t done, all;		/* all 0: not known */
};

struct build_request {
	const char *data_dir;
	const char *tenant;
	const struct build_config *config;
	const struct embed_service *service;	/* for models elsewhere; NULL: there is none */
	const struct embed_about *about;	/* of the model; NULL: the embedder is another */
	struct source *source;		/* borrowed; NULL: opened by the config (source.h) */
	unsigned max_shrink;		/* percent of the documents that may be gone (shrink.h) */
	bool full;			/* do not grow from the current generation */
	/* told of every document that was left out, and why; may be NULL */
	void (*refused)(void *context, const char *key, const char *why);
	void *refused_context;
	/* told when source.db was damaged and is made anew: what it is called now, in the tenant's
	 * folder, and what was found; may be NULL */
	void (*damaged)(void *context, const char *name, const char *what);
	void *damaged_context;
	/* what is done of what, now and then; may be NULL */
	void (*progress)(void *context, const struct build_progress *p);
	void *progress_context;
};

struct build_report {
	char generation[GENERATION_NAME_BYTES];
	bool existed;		/* the same content was built before: nothing was added */
	uint64_t documents;	/* in the generation */
	uint64_t chunks;
	uint64_t listed, added, changed, removed, unchanged, refused;	/* of the source */
	uint32_t dim;		/* of the vectors, 0 without a dense arm */
	char base[GENERATION_NAME_BYTES];	/* grown from; "" for a full build */
	uint64_t reused_rows;	/* chunks taken over from the base */
	uint64_t passages;	/* different ones, of a model elsewhere: embedded now, or kept */
	uint64_t embedded, kept;	/* from builds before */
	uint64_t tokens, requests;	/* for those embedded, tokens by our own estimate */
	uint64_t jobs;		/* of the inbox, that this generation brings */
	uint64_t rejected;	/* entries of the inbox that were put aside */
	uint64_t asked_removals;	/* documents removed on request since the last success */
	char set_aside[BUILD_ASIDE_BYTES];	/* the damaged source.db; "": it was sound */
};

/* p->rules is owned: chunk_rules_free().  ERR_RANGE, ERR_INPUT. */
int build_chunk_params(const struct build_config *c, struct chunk_params *p, struct err *e);
/* The same for the same cuts, without a line feed. */
int build_chunking_text(
    const struct build_config *c, char out[CHUNKING_TEXT_BYTES], struct err *e);

/* builtin:, static: and nothing else are made here. */
bool build_embeds_elsewhere(const struct build_config *c);
/* What a build would do, without doing it: the source is listed and what changed is read, but
 * nothing is kept, and no model is asked. */
int build_rehearse(const struct build_request *r, struct build_report *report, struct err *e);
int build_run(const struct build_request *r, struct build_report *report, struct err *e);
/* The folder of the build that ran as this process and was killed; none is fine.  The next build
 * of the tenant would do it: this gives the room on the disk back now. */
int build_remove_folder(const char *data_dir, const char *tenant, pid_t pid, struct err *e);

#endif
