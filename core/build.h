/* build.h - what a tenant's knowledge is built with. */
#ifndef RAGPOOL_BUILD_H
#define RAGPOOL_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "bounds.h"

enum { SOURCE_PATH_BYTES = 1024, LANGUAGE_BYTES = 32, MODEL_NAME_BYTES = 128 };

/* A tenant's document, checked; made by tenant_doc_parse() in fcgi/. */
struct build_config {
	char version[VERSION_BYTES + 1];
	char source_type[32];			/* "directory", ... */
	char source_path[SOURCE_PATH_BYTES];	/* absolute, of a directory source */
	unsigned chunk_size;			/* tokens */
	unsigned chunk_overlap;			/* tokens, less than chunk_size */
	char language[LANGUAGE_BYTES];		/* stemmer: "english", ..., "none" */
	char embedding_model[MODEL_NAME_BYTES];	/* "builtin:lsa", "static:/path", a name */
};

#endif
