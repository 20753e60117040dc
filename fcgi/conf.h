/* conf.h - ragpool.conf: the options in force, from a file in php-fpm's manner.
 *
 *   [global]                    ; and # begin a comment, at the start of a line or
 *   data_dir = /var/lib/ragpool ; after a space
 *   [consul]
 *   address = "http://127.0.0.1:8500"
 *   [pool query]
 *   workers = 4
 *   [model ada]
 *   url = https://api.openai.com/v1
 *
 * The rows of conf.def are the options: they give the members of the structs below,
 * parsing, ranges, defaults, help and the two reference pages.
 *
 * Shapes  at least one pool, at most CONF_POOLS_MAX, at most MODELS_MAX models; their
 *         names follow the rule of tenant names; no two pools share a socket.
 * Units   *_ms milliseconds, *_bytes bytes.  Text members are never NULL, "" is unset.
 * Memory  owned by struct conf; conf_fini() frees.  A struct conf that failed to load is
 *         empty: conf_fini() may be called and need not.
 * Errors  ERR_CONFIG; all that is wrong is in *errors, one "file:line:column: text" a
 *         line, in the order of the file.  ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO, ERR_LIMIT
 *         for the file as such.
 */
#ifndef RAGPOOL_CONF_H
#define RAGPOOL_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bounds.h"
#include "buf.h"
#include "err.h"
#include "meter.h"

enum { CONF_POOLS_MAX = 16, CONF_FILE_MAX = 1 << 20, CONF_ERRORS_MAX = 1 << 16 };

#define CONF_C_STRING char *
#define CONF_C_PATH char *
#define CONF_C_USER char *
#define CONF_C_GROUP char *
#define CONF_C_ADDRESS char *
#define CONF_C_URL char *
#define CONF_C_INT int64_t
#define CONF_C_COUNT int64_t
#define CONF_C_SIZE int64_t
#define CONF_C_TIME int64_t
#define CONF_C_RATE int64_t
#define CONF_C_BOOL bool
#define CONF_C_MODE int64_t
#define CONF_C_CHOICE int64_t
#define CONF_MEMBER(type, key, field, ...) CONF_C_##type field;

struct conf_global {
#define GLOBAL CONF_MEMBER
#include "conf.def"
};

struct conf_consul {
#define CONSUL CONF_MEMBER
#include "conf.def"
	char *token;		/* from CONSUL_HTTP_TOKEN only; a secret: never log it */
};

struct conf_pool {
	char name[TENANT_NAME_BYTES + 1];
#define POOL CONF_MEMBER
#include "conf.def"
};

/* An endpoint and the model it is asked for (gateway.h). */
struct conf_model {
	char name[TENANT_NAME_BYTES + 1];
#define MODEL CONF_MEMBER
#include "conf.def"
};
/* Where published generations lie (object_store.h). */
struct conf_object_store {
	char name[TENANT_NAME_BYTES + 1];
#define OBJECT_STORE CONF_MEMBER
#include "conf.def"
};
enum { OBJECT_STORE_S3, OBJECT_STORE_DIRECTORY };
enum { CONF_OBJECT_STORES_MAX = 8 };

enum conf_model_kind { MODEL_EMBEDDING, MODEL_CHAT, MODEL_RERANK, MODEL_KIND_MAX };
enum conf_model_api { API_OPENAI, API_OLLAMA, API_COHERE, API_JINA };
enum { CONF_FAILOVER_MAX = 8, MODEL_LIST_NAME_BYTES = 128 };
enum { ENCODING_FLOAT, ENCODING_BASE64 };
enum { WITHOUT_EMBEDDING_WORDS, WITHOUT_EMBEDDING_ERROR };

struct conf {
	char *path;		/* the file, "" for none */
	struct conf_global global;
	struct conf_consul consul;
	struct conf_pool *pools;
	size_t pool_count;
	struct conf_model *models;
	size_t model_count;
	struct conf_object_store *object_stores;
	size_t object_store_count;
};

/* Reads the file, then the environment over it:
 *   CONSUL_HTTP_ADDR (with CONSUL_HTTP_SSL), or CONSUL_HOST and CONSUL_PORT   address
 *   CONSUL_HTTP_TOKEN_FILE, or CONSUL_HTTP_TOKEN                     token_file, token
 *   CONSUL_CACERT, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY    ca_file, cert_file, key_file
 *   CONSUL_TLS_SERVER_NAME, CONSUL_HTTP_SSL_VERIFY           tls_server_name, tls_verify
 *   CONFIG_KV_PREFIX                                                           prefix
 * An empty variable counts as absent.  `errors` is the caller's, buf_init() with
 * CONF_ERRORS_MAX; it is only added to. */
int conf_load(struct conf *c, const char *path, struct buf *errors, struct err *e);
/* The same from bytes, without the environment; `name` is used in messages. */
int conf_parse(struct conf *c, const char *name, const char *bytes, size_t n,
    struct buf *errors, struct err *e);
void conf_fini(struct conf *c);

/* A RATE is read by these: so many requests in so many seconds; 0 requests: no limit. */
uint32_t conf_rate_requests(int64_t rate);
uint32_t conf_rate_seconds(int64_t rate);

/* What -t asks beyond the file: folders exist and can be written, programs can be run,
 * sockets fit into an address (107 bytes) and their folders exist, users and groups
 * exist, the token file and the keys of models are nobody else's.  Creates nothing. */
int conf_check_world(const struct conf *c, struct buf *errors, struct err *e);

/* The options marked RESTART in which two configurations differ, "section.key" separated
 * by ", ", added to *names; true when there is one.  A pool that comes or goes is named
 * as such. */
bool conf_needs_restart(const struct conf *now, const struct conf *next, struct buf *names);

const struct conf_pool *conf_pool_find(const struct conf *c, const char *name);
/* By the name of the section alone, or by that or an alias. */
const struct conf_model *conf_model_find(const struct conf *c, const char *name);
const struct conf_model *conf_model_named(const struct conf *c, const char *name);
/* Whether the models of two configurations differ in anything. */
bool conf_models_differ(const struct conf *a, const struct conf *b);
/* The next name of a list separated by commas; NULL at its end.  *at moves on. */
const char *conf_list_next(const char **at, size_t *len);
/* {sysconfdir}/ragpool/ragpool.conf */
const char *conf_default_path(void);

/* The option table in words: for --help, doc/CONFIG.md and the manual page (mdoc). */
void conf_print_options(FILE *out);
void conf_print_markdown(FILE *out);
void conf_print_mdoc(FILE *out);
void conf_print_sample(FILE *out);

#endif
