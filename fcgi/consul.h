/* consul.h - tenants' documents from Consul KV, on the loop's own curl multi handle.
 *
 * One connection, one transfer at a time; what to ask and what an answer means is decided
 * by consul_watch.h, this is the transport over consul_link.h: keep-alive, answers cut at
 * CONSUL_BODY_MAX, the token read anew from its file when it is refused.
 *
 * The loop   wait no longer than consul_timeout() -> consul_tick(); for each message of
 *            curl_multi_info_read() -> consul_on_done(); then drain catalog_next_change().
 * Memory     multi and catalog are borrowed until consul_stop(), which must come before
 *            curl_multi_cleanup(); the options are copied.
 * Units      milliseconds of clk_ms().
 * Errors     none after the start: an agent that is away is a state, see consul_status().
 */
#ifndef RAGPOOL_CONSUL_H
#define RAGPOOL_CONSUL_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "catalog.h"
#include "conf.h"
#include "consul_link.h"
#include "consul_watch.h"
#include "err.h"

enum { CONSUL_BODY_MAX = 128 << 20 };

struct consul;

/* Needs curl_global_init() before.  options->address must not be "". */
int consul_start(struct consul **out, const struct conf_consul *options, CURLM *multi,
    struct catalog *catalog, int64_t now_ms, struct err *e);
/* Called after each complete reading that says something new, when the catalog has judged
 * its documents: pointers and pins are in it too.  The set is borrowed for the call. */
typedef void consul_reading(void *context, const struct consul_set *set, int64_t now_ms);
void consul_on_reading(struct consul *c, consul_reading *take, void *context);
/* The next reading counts as new, whatever it says. */
void consul_read_anew(struct consul *c, int64_t now_ms);
/* Ends the transfer under way, if any. */
void consul_stop(struct consul *c);
/* False when the message is not about one of its transfers. */
bool consul_on_done(struct consul *c, const CURLMsg *message, int64_t now_ms);
/* Milliseconds until consul_tick() has something to do; -1 while a transfer is under way. */
int64_t consul_timeout(const struct consul *c, int64_t now_ms);
void consul_tick(struct consul *c, int64_t now_ms);
/* Asks anew at once (SIGHUP), unless the agent asked for patience. */
void consul_poke(struct consul *c, int64_t now_ms);
/* True once after each change of ->state, so that the loop logs each once. */
bool consul_state_changed(struct consul *c);
/* Both borrowed, valid until consul_stop(). */
struct consul_link *consul_link(const struct consul *c);
const struct consul_status *consul_status(const struct consul *c);

#endif
