/* tenant_doc.h - one tenant's JSON document, checked and turned into build parameters.
 *
 *   { "version": "v1.2",                                          required
 *     "data_source": {"type": "directory", "path": "/srv/docs"},  required; source_options.h
 *     "index_params": {"chunk_size": 512, "chunk_overlap": 50, "chunk_unit": "tokens",
 *                      "parent_size": 0, "separators": ["^## "], "language": "english",
 *                      "index_type": "HNSW", "metric_type": "IP",
 *                      "params": {"M": 16, "efConstruction": 64}},
 *     "embedding_model": "builtin:lsa",
 *     "answer": {"model": "gpt"},
 *     "rollout": {"canary_window": "30m"},
 *     "lifecycle": {"keep_generations": 5, "generation_ttl": "30d", "cold_after": "7d"},
 *     "store": {"name": "Manuals", "metadata": {"team": "a"}},    see store_about.h
 *     "golden": [{"query": "...", "expected": ["a.md"]}],         see golden.h
 *     "gate": {"max_shrink": 20} }                                see gate.h
 *
 * Members that mean nothing here are kept out of the build and noted, not refused.
 * Members that look like a secret (secret_access_key, api_key, token, password, ...) are
 * refused anywhere in the document: a document names credentials, it does not hold them.
 *
 * The hash is the SHA-256 of the document in canonical form (members sorted bytewise, no
 * white space), so that formatting and the order of members do not count.
 *
 * "answer": a [model NAME] of kind chat, or an alias, that writes this tenant's answers in place of
 * the one that the pool names; "none": answers stay extractive.
 *
 * Memory  owned; tenant_doc_fini().
 * Bounds  canary_window: a number with ms, s, m, h or d, at most 1d: how long a worker with a
 *         new generation of this tenant is watched before the others get it; it prolongs what
 *         the pool's option says.
 *         lifecycle: as the options of these names, in place of what they say; times up to
 *         365d, "0s" for never.
 *         chunk_unit: tokens, characters, words.  chunk_size CHUNK_TOKENS_MIN ...
 *         CHUNK_TOKENS_MAX of it (characters: 8 times that), 512 when absent; chunk_overlap
 *         less than chunk_size, when absent 50 or a quarter of chunk_size; parent_size more
 *         than chunk_size, or 0: none.  separators: at most CHUNK_SEPARATORS_MAX patterns
 *         (chunk.h), SEPARATORS_BYTES together.
 * Errors  ERR_LIMIT over TENANT_CONFIG_MAX; what json_parse_object() and the getters of
 *         json.h answer; ERR_CONFIG for everything else.  The text names the member, never
 *         a secret's value.  Nothing is left to free.
 */
#ifndef RAGPOOL_TENANT_DOC_H
#define RAGPOOL_TENANT_DOC_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "build.h"
#include "err.h"
#include "hash.h"
#include "source_options.h"

enum { TENANT_DOC_AS_THE_POOL = 1000 };	/* no percentage */

/* How long its generations stay, and where. */
struct tenant_life {
	unsigned keep;			/* 0: as the pool says */
	int64_t ttl_ms, cold_after_ms;	/* 0: never; -1: as the pool says */
};

struct tenant_doc {
	struct build_config config;
	struct source_options *source;	/* owned */
	char hash[SHA256_HEX_BYTES];
	int64_t canary_window_ms;	/* 0: as the pool says */
	struct tenant_life life;
	unsigned max_shrink;		/* percent, or TENANT_DOC_AS_THE_POOL */
	struct buf notes;	/* one sentence a line: what was read but has no effect */
};

int tenant_doc_parse(struct tenant_doc *d, const char *bytes, size_t n, struct err *e);
/* ERR_SOURCE when this build has no reader for the document's data source. */
int tenant_doc_check_source(const struct tenant_doc *d, struct err *e);
void tenant_doc_fini(struct tenant_doc *d);

#endif
