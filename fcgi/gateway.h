/* gateway.h - ragpool-gateway: all traffic to models, in one process.
 *
 *   workers, builds --gateway_frame.h--> peers -> texts -> batches -> calls --HTTP--> endpoints
 *
 * One loop with one blocking call: curl_multi_poll() on libcurl's sockets, the listening
 * socket, the peers and a signalfd.
 *
 *   gateway.c        start, the loop, the end
 *   gateway_peer.c   connections of workers and builds: frames in and out
 *   gateway_embed.c  texts: cached, merged, queued, sent in batches, given back
 *   gateway_talk.c   chats and reranks, one call each
 *   gateway_call.c   one question to an endpoint: tries, failover, breaker, back-off
 *   gateway_http.c   one try: libcurl's options, the address, the key
 *
 * Ends of a request: its answer; an error when all tries are used up or its budget is; nothing
 * when its peer went away, and then what only it wanted is not asked for.
 */
#ifndef RAGPOOL_GATEWAY_H
#define RAGPOOL_GATEWAY_H

#include "conf.h"
#include "err.h"

/* Serves the models of `conf` on listen_fd (taken) until SIGTERM, SIGINT or SIGQUIT, then
 * finishes what it has in hand.  Writes "ready\n" to ready_fd when it can be asked, and
 * closes it; -1: nobody waits for that. */
int gateway_run(const struct conf *conf, int listen_fd, int ready_fd, struct err *e);

#endif
