/* gateway.c - ragpool-gateway: start, the loop, the end. */
#include "gateway.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clk.h"
#include "gateway_parts.h"
#include "log.h"

enum { TICK_MS = 1000, CONNECTIONS_MAX = 256 };

/* xorshift64*: for jitter, not for secrets. */
uint64_t
gateway_random(struct gateway *g, uint64_t n)
{
	g->random ^= g->random >> 12;
	g->random ^= g->random << 25;
	g->random ^= g->random >> 27;
	return g->random * 0x2545f4914f6cdd1dULL % n;
}

/* ---- models ---- */

static const char *const kind_names[MODEL_KIND_MAX] = {"embedding", "chat", "rerank"};

struct upstream *
gateway_model(struct gateway *g, const char *name, uint32_t identity, enum conf_model_kind kind,
    struct err *e)
{
	const struct conf_model *m = conf_model_named(g->conf, name);
	struct upstream *u = m != NULL ? &g->models[m - g->conf->models] : NULL;

	if (u != NULL && u->conf->kind == (int64_t)kind &&
	    (identity == 0 || u->identity == identity))
		return u;
	for (size_t i = 0; identity != 0 && i < g->conf->model_count; i++)
		if (g->models[i].identity == identity && g->models[i].conf->kind == (int64_t)kind)
			return &g->models[i];
	if (u == NULL)
		err_set(e, ERR_MODEL_UNKNOWN, "there is no [model %.100s]", name);
	else if (u->conf->kind != (int64_t)kind)
		err_set(e, ERR_MODEL_UNKNOWN, "[model %s] is not of kind %s", u->conf->name,
		    kind_names[kind]);
	else
		err_set(e, ERR_MODEL_UNKNOWN, "[model %s] makes other vectors now than it did",
		    u->conf->name);
	return NULL;
}

static int
open_models(struct gateway *g, struct err *e)
{
	const struct conf *c = g->conf;
	const char *at, *name;
	size_t len;

	if ((g->models = calloc(c->model_count + 1, sizeof *g->models)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for models");
	for (size_t i = 0; i < c->model_count; i++) {
		struct upstream *u = &g->models[i];
		u->conf = &c->models[i];
		if (upstream_open(u, e) == -1)
			return -1;
		at = u->conf->failover;
		while ((name = conf_list_next(&at, &len)) != NULL)
			for (size_t k = 0; k < c->model_count; k++)
				if (strlen(c->models[k].name) == len &&
				    memcmp(c->models[k].name, name, len) == 0)
					u->failover[u->failovers++] = &g->models[k];
		if (u->key != NULL && strncmp(u->url, "http://", 7) == 0)
			log_warn("model %s: its key goes unencrypted to %s", u->conf->name, u->url);
	}
	return 0;
}

static void
put_model(const struct upstream *u, int64_t now_ms, struct buf *b)
{
	buf_addf(b, "{\"name\": \"%s\", \"kind\": \"%s\", \"breaker\": \"%s\", "
		    "\"retry_after_ms\": %lld, \"failures\": %u, \"opened\": %llu, ",
	    u->conf->name, kind_names[u->conf->kind], breaker_state_name(u->breaker.state),
	    (long long)breaker_wait_ms(&u->breaker, now_ms), u->breaker.failures,
	    (unsigned long long)u->breaker.opened);
	buf_addf(b, "\"running\": %u, \"queued\": %zu, \"queued_documents\": %zu, ", u->running,
	    u->queries.count, u->documents.count);
	buf_addf(b, "\"cache_bytes\": %zu, \"cache_entries\": %zu", u->cache.bytes,
	    u->cache.count);
#define PUT(name) \
	buf_addf(b, ", \"" #name "\": %llu", (unsigned long long)u->count.name)
	PUT(requests);
	PUT(texts);
	PUT(cached);
	PUT(merged);
	PUT(batches);
	PUT(sent);
	PUT(failed);
	PUT(refused);
	PUT(retries);
	PUT(failovers);
	PUT(tokens);
#undef PUT
	buf_addc(b, '}');
}

void
gateway_status_put(const struct gateway *g, struct buf *b)
{
	size_t peers = 0;

	for (size_t i = 0; i < g->peer_count; i++)
		peers += g->peers[i].fd != -1;
	buf_addf(b, "{\"pid\": %d, \"peers\": %zu, \"models\": [", (int)getpid(), peers);
	for (size_t i = 0; i < g->conf->model_count; i++) {
		if (i > 0)
			buf_adds(b, ", ");
		put_model(&g->models[i], g->now_ms, b);
	}
	buf_adds(b, "]}");
}

/* ---- start ---- */

static int
take_signals(struct gateway *g, struct err *e)
{
	static const int taken[] = {SIGTERM, SIGQUIT, SIGINT, SIGUSR1, SIGHUP};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		sigaddset(&set, taken[i]);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1 ||
	    (g->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) == -1)
		return err_sys(e, ERR_IO, "signals");
	return 0;
}

static int
start_libcurl(struct gateway *g, struct err *e)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 ||
	    (g->multi = curl_multi_init()) == NULL)
		return err_set(e, ERR_NOMEM, "libcurl");
	curl_multi_setopt(g->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	curl_multi_setopt(g->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	return 0;
}

static struct gateway *
new_gateway(const struct conf *conf, int listen_fd)
{
	struct gateway *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->conf = conf;
	g->listen_fd = listen_fd;
	g->signal_fd = -1;
	g->now_ms = clk_ms();
	for (size_t i = 0; i < PEERS_MAX; i++)
		g->peers[i].fd = -1;
	if (getrandom(&g->random, sizeof g->random, GRND_NONBLOCK) == -1 || g->random == 0)
		g->random = (uint64_t)clk_ns() | 1;
	return g;
}

/* ---- the loop ---- */

static void
drain_signals(struct gateway *g)
{
	struct signalfd_siginfo info;
	struct err e;

	while (read(g->signal_fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGUSR1) {
			if (log_reopen(&e) == -1)
				log_error("%s", e.text);
		} else if (info.ssi_signo != SIGHUP && !g->is_stopping) {
			log_info("finishing what is in hand");
			g->is_stopping = true;
		}
	}
}

static int
timeout_of(const struct gateway *g)
{
	int64_t due = embed_due(g), calls = calls_due(g), left;

	due = calls < due ? calls : due;
	left = due > g->now_ms ? due - g->now_ms : 0;
	return left < TICK_MS ? (int)left : TICK_MS;
}

static void
take_messages(struct gateway *g)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(g->multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE)
			call_on_done(g, message);
}

static void
turn(struct gateway *g)
{
	int running;

	g->fd_count = 0;
	g->fds[g->fd_count++] =
	    (struct curl_waitfd){.fd = g->signal_fd, .events = CURL_WAIT_POLLIN};
	peers_fds(g);
	if (curl_multi_poll(g->multi, g->fds, (unsigned)g->fd_count, timeout_of(g), NULL) !=
	    CURLM_OK)
		log_error("curl_multi_poll failed");
	g->now_ms = clk_ms();
	drain_signals(g);
	curl_multi_perform(g->multi, &running);
	g->now_ms = clk_ms();
	take_messages(g);
	peers_turn(g);
	embed_turn(g);
	calls_turn(g);
}

static bool
has_peers(const struct gateway *g)
{
	for (size_t i = 0; i < g->peer_count; i++)
		if (g->peers[i].fd != -1)
			return true;
	return false;
}

static void
free_gateway(struct gateway *g)
{
	peers_close(g);
	if (g->models != NULL)
		embed_close(g);
	for (size_t i = 0; g->models != NULL && i < g->conf->model_count; i++)
		upstream_close(&g->models[i]);
	free(g->models);
	if (g->multi != NULL) {
		curl_multi_cleanup(g->multi);
		curl_global_cleanup();
	}
	if (g->signal_fd != -1)
		close(g->signal_fd);
	close(g->listen_fd);
	free(g);
}

static void
tell_ready(int fd)
{
	if (fd == -1)
		return;
	if (write(fd, "ready\n", 6) != 6)
		log_warn("nobody hears that this is ready: %s", strerror(errno));
	close(fd);
}

int
gateway_run(const struct conf *conf, int listen_fd, int ready_fd, struct err *e)
{
	struct gateway *g = new_gateway(conf, listen_fd);
	int rc = -1;

	if (g == NULL) {
		close(listen_fd);
		return err_set(e, ERR_NOMEM, "no memory");
	}
	if (take_signals(g, e) == 0 && start_libcurl(g, e) == 0 && open_models(g, e) == 0) {
		log_info("ready models=%zu", conf->model_count);
		tell_ready(ready_fd);
		while (!g->is_stopping || has_peers(g))
			turn(g);
		log_info("stopped");
		rc = 0;
	}
	free_gateway(g);
	return rc;
}
