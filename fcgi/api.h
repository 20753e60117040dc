/* api.h - the handlers behind the routes, and what they share. */
#ifndef RAGPOOL_API_H
#define RAGPOOL_API_H

#include "answer_cache.h"
#include "auth.h"
#include "board.h"
#include "gateway_client.h"
#include "intake_options.h"
#include "prompts.h"
#include "quota.h"
#include "query.h"
#include "reply.h"
#include "req.h"
#include "serving.h"
#include "watch.h"

/* One worker's world, borrowed by every handler. */
struct api {
	struct serving *serving;
	struct auth *auth;
	struct quota *quota;
	struct query_scratch *scratch;
	const struct board *board;	/* NULL when run by hand */
	struct board_slot *slot;	/* NULL when run by hand */
	struct watch *watch;		/* the stages of the request in hand */
	struct gateway_client *gateway;		/* NULL: no models elsewhere */
	const struct embed_service *service;	/* by it; NULL as well */
	int64_t model_ms;			/* how long a request waits for one */
	const char *cors_origins;		/* cors.h; "": none */
	struct answer_cache answers;		/* question_was_answered() */
	uint8_t key[SHA256_BYTES];		/* of the answer in hand, if has_key */
	bool has_key;
	bool needs_vectors;			/* rather an error than words alone */
	const struct intake_options *intake;	/* of what is sent */
	const char *control;		/* the supervisor's socket; NULL: there is none */
	unsigned top_k_max;
	size_t max_body;		/* bytes of a request's body that are read */
	const struct answer_options *answering;
	struct prompts *prompts;
};

/* Reads r, fills p.  -1: *e is the answer.  r->hole[i] is what the i-th {...} matched. */
typedef int api_fn(struct api *api, struct req *r, struct reply *p, struct err *e);

api_fn api_query;	/* POST /query/{tenant} */
api_fn api_retrieve;	/* POST /retrieve */
api_fn api_chat;	/* POST /v1/chat/completions */
api_fn api_ollama_chat;	/* POST /api/chat */
api_fn api_dify;	/* POST /retrieval */
api_fn api_models;	/* GET /v1/models */
api_fn api_model;	/* GET /v1/models/rag/{tenant} */
api_fn api_named_model;	/* GET /v1/models/{model} */
api_fn api_embeddings;	/* POST /v1/embeddings */
api_fn api_mcp;	/* POST /mcp, /mcp/{tenant} */
api_fn api_rerank;	/* POST /v1/rerank, /v2/rerank, /rerank */
api_fn api_ollama_embed;	/* POST /api/embed */
api_fn api_ollama_tags;	/* GET /api/tags */
api_fn api_ollama_version;	/* GET /api/version */
api_fn api_vector_stores;	/* GET /v1/vector_stores */
api_fn api_vector_store_create;	/* POST the same */
api_fn api_vector_store;	/* GET /v1/vector_stores/{id} */
api_fn api_vector_store_update;	/* POST the same */
api_fn api_vector_store_delete;	/* DELETE the same */
api_fn api_store_files;	/* GET /v1/vector_stores/{id}/files */
api_fn api_store_file_create;	/* POST the same */
api_fn api_store_file;	/* GET /v1/vector_stores/{id}/files/{file_id} */
api_fn api_store_file_update;	/* POST the same */
api_fn api_store_file_delete;	/* DELETE the same */
api_fn api_store_file_content;	/* GET /v1/vector_stores/{id}/files/{file_id}/content */
api_fn api_store_batch_create;	/* POST /v1/vector_stores/{id}/file_batches */
api_fn api_store_batch;	/* GET /v1/vector_stores/{id}/file_batches/{batch_id} */
api_fn api_store_batch_cancel;	/* POST .../cancel */
api_fn api_store_batch_files;	/* GET .../files */
api_fn api_vector_store_search;	/* POST /v1/vector_stores/{id}/search */
api_fn api_file_create;	/* POST /v1/files */
api_fn api_files;	/* GET /v1/files */
api_fn api_file;	/* GET /v1/files/{file_id} */
api_fn api_file_delete;	/* DELETE /v1/files/{file_id} */
api_fn api_file_content;	/* GET /v1/files/{file_id}/content */
api_fn api_ingest;	/* POST /ingest/{tenant} */
api_fn api_documents;	/* GET /tenants/{tenant}/documents */
api_fn api_document;	/* GET /tenants/{tenant}/documents/{id*} */
api_fn api_document_put;	/* PUT the same */
api_fn api_document_delete;	/* DELETE the same */
api_fn api_job;		/* GET /jobs/{id} */
api_fn api_jobs;	/* GET /tenants/{tenant}/jobs */
api_fn api_health;	/* GET /health, /api/health: can this worker answer? */
api_fn api_live;	/* GET /api/live: does this process run? */
api_fn api_status;	/* GET /status */

#endif
