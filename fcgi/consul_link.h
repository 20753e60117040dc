/* consul_link.h - one agent of Consul as seen from here: its address, TLS, and the token.
 *
 * Everything that talks to Consul takes its curl handles and request headers from here, so
 * that there is one place for: http and https only, no redirects, no proxy, client
 * certificates, and the token in a header, never in an address.
 *
 * Memory  the multi handle is borrowed until consul_link_free(); the options are copied.
 * Errors  ERR_NOMEM, ERR_INTERNAL (libcurl).  A token file that cannot be read is not an
 *         error: the token that there was stays, consul_link_token_trouble() tells.
 */
#ifndef RAGPOOL_CONSUL_LINK_H
#define RAGPOOL_CONSUL_LINK_H

#include <stdbool.h>

#include <curl/curl.h>

#include "buf.h"
#include "conf.h"
#include "err.h"

enum { CONSUL_URL_MAX = 4096 };

struct consul_link;

/* Needs curl_global_init() before.  options->address must not be "". */
int consul_link_new(
    struct consul_link **out, const struct conf_consul *options, CURLM *multi, struct err *e);
void consul_link_free(struct consul_link *l);
/* Borrowed. */
CURLM *consul_link_multi(const struct consul_link *l);
const char *consul_link_datacenter(const struct consul_link *l);
/* A handle with all that is the same for every request; owned: curl_easy_cleanup(). */
int consul_link_handle(const struct consul_link *l, CURL **out, struct err *e);
/* The headers of a request, owned: curl_slist_free_all().  *out is NULL without a token. */
int consul_link_headers(const struct consul_link *l, struct curl_slist **out, struct err *e);
/* Reads the token file again; true when it holds another token than before. */
bool consul_link_read_token(struct consul_link *l);
const struct err *consul_link_token_trouble(const struct consul_link *l);
/* "ADDRESS/v1/" and path, percent-encoded but for letters, digits and "-._~/". */
void consul_link_add_url(const struct consul_link *l, struct buf *url, const char *path);
void consul_link_add_escaped(struct buf *url, const char *text);

#endif
