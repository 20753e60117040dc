/* bounds.h - every bound on what comes from outside, in one place.
 *
 * A bound stands here when bytes from a client, a document, Consul or a file on
 * disk are measured against it.  Tunables with a default are in the option table
 * (fcgi/conf.def) and take their maxima from here.
 */
#ifndef RAGPOOL_BOUNDS_H
#define RAGPOOL_BOUNDS_H

enum {
	TENANT_NAME_BYTES = 63,		/* [a-z0-9][a-z0-9._-]{0,62} */
	GENERATION_NAME_BYTES = 40,	/* <seq>-<hash12> and room */
	VERSION_BYTES = 128,		/* "version" of a tenant's document */

	JSON_DEPTH_MAX = 16,
	JSON_STRING_MAX = 1 << 20,	/* one string in a request */
	REQUEST_BODY_MAX = 1 << 20,	/* default and hard cap of one query's body */
	TENANT_CONFIG_MAX = 64 * 1024,	/* one tenant's document */

	QUERY_TEXT_MAX = 64 * 1024,
	EMBEDDING_TEXTS_MAX = 2048,	/* texts to embed in one request */
	RERANK_TEXTS_MAX = 1000,	/* texts to put in order in one request */
	QUERY_BATCH_MAX = 64,		/* questions in one request */
	TOP_K_DEFAULT = 5,
	TOP_K_MAX = 1000,

	INDEX_ROWS_MAX = 1 << 30,	/* chunks of one generation */
	INDEX_DIM_MAX = 4096,
	INDEX_SECTIONS_MAX = 120,

	TERM_BYTES_MAX = 64,		/* longer words are cut, on a character */
	QUERY_TERMS_MAX = 512,		/* distinct words of a query that count */

	DOCUMENT_BYTES_MAX = 256 << 20, /* one source file */
	DOCUMENT_PATH_BYTES = 1024,
	ARCHIVE_ENTRIES_MAX = 10000,	/* parts of a DOCX, an EPUB, ... */
	ARCHIVE_BYTES_MAX = 256 << 20,	/* that come out of it */
	ARCHIVE_RATIO_MAX = 200,	/* times as large as packed, of a part that is larger */
	ARCHIVE_RATIO_FLOOR = 1 << 20,	/* than this */
	ARCHIVE_TEXT_MAX = 128 << 20,	/* text of one document */
	CHUNK_TOKENS_MIN = 16,
	CHUNK_TOKENS_MAX = 8192,

	WORKERS_MAX = 256,

	MODELS_MAX = 64,		/* [model NAME] sections */
	MODEL_BATCH_MAX = 256,		/* texts in one request to an endpoint */
	MODEL_TEXTS_MAX = 256,		/* texts in one request to the gateway */
	MODEL_TEXT_BYTES_MAX = 1 << 20,	/* one of them */
	MODEL_ANSWER_MAX = 32 << 20,	/* what an endpoint may answer */
	MODEL_CHAT_MAX = 4 << 20,	/* the messages of one chat */
};

#endif
