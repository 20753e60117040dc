/* gateway_peer.c - connections of workers and builds: frames in and out. */
#include "gateway_parts.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json.h"
#include "log.h"

enum { READ_BYTES = 64 * 1024 };

/* ---- who is there ---- */

static struct peer *
free_place(struct gateway *g)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (g->peers[i].fd == -1)
			return &g->peers[i];
	return NULL;
}

static void
drop_peer(struct gateway *g, struct peer *p)
{
	embed_forget(g, p);
	talk_forget(g, p);
	close(p->fd);
	buf_fini(&p->in);
	buf_fini(&p->out);
	*p = (struct peer){.fd = -1};
	while (g->peer_count > 0 && g->peers[g->peer_count - 1].fd == -1)
		g->peer_count--;
}

static void
accept_peers(struct gateway *g)
{
	struct peer *p;
	int fd;

	while ((p = free_place(g)) != NULL) {
		fd = accept4(g->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1)
			return;
		*p = (struct peer){.fd = fd, .serial = ++g->serials};
		buf_init(&p->in, PEER_IN_MAX + READ_BYTES);
		if (p >= g->peers + g->peer_count)
			g->peer_count = (size_t)(p - g->peers) + 1;
		buf_init(&p->out, PEER_OUT_MAX);
	}
}

void
peers_fds(struct gateway *g)
{
	if (!g->is_stopping && g->peer_count < PEERS_MAX)
		g->fds[g->fd_count++] = (struct curl_waitfd){
		    .fd = g->listen_fd, .events = CURL_WAIT_POLLIN};
	for (size_t i = 0; i < g->peer_count; i++) {
		struct peer *p = &g->peers[i];
		if (p->fd == -1)
			continue;
		p->at = g->fd_count;
		g->fds[g->fd_count++] = (struct curl_waitfd){.fd = p->fd,
		    .events = CURL_WAIT_POLLIN | (p->out.len > p->sent ? CURL_WAIT_POLLOUT : 0)};
	}
}

/* ---- answers ---- */

void
peer_answer(struct peer *p, uint32_t id, const char *json, size_t json_bytes, const void *body,
    size_t body_bytes)
{
	p->questions--;
	frame_put(&p->out, FRAME_RESULT, id, json, json_bytes, body, body_bytes);
}

void
peer_delta(struct peer *p, uint32_t id, const char *text, size_t n)
{
	frame_put(&p->out, FRAME_DELTA, id, "{}", 2, text, n);
}

void
peer_refuse(struct gateway *g, struct peer *p, uint32_t id, const struct upstream *u,
    const struct err *e)
{
	int64_t wait = u != NULL ? breaker_wait_ms(&u->breaker, g->now_ms) : 0;

	p->questions--;
	frame_put_error(&p->out, id, e, wait > 0 ? wait : 1000);
}

/* ---- questions ---- */

static int
describe(struct gateway *g, struct peer *p, const struct frame *f, struct json_object *o,
    struct err *e)
{
	const char *name = NULL;
	struct upstream *u;
	struct buf b;

	if (json_get_text(o, "model", true, 256, &name, e) == -1 ||
	    (u = gateway_model(g, name, 0, MODEL_EMBEDDING, e)) == NULL)
		return -1;
	buf_init(&b, 4096);
	buf_addf(&b, "{\"model\": \"%s\", \"identity\": %u, \"dim\": %u, \"batch\": %lld, "
		     "\"batch_tokens\": %lld, \"concurrency\": %lld}",
	    u->conf->name, u->identity, u->dim, (long long)u->conf->batch,
	    (long long)u->conf->batch_tokens, (long long)u->conf->concurrency);
	peer_answer(p, f->id, b.data, b.len, "", 0);
	buf_fini(&b);
	return 0;
}

static int
tell_status(struct gateway *g, struct peer *p, const struct frame *f, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, FRAME_JSON_MAX);
	gateway_status_put(g, &b);
	if ((rc = buf_check(&b, "the status", e)) == 0)
		peer_answer(p, f->id, b.data, b.len, "", 0);
	buf_fini(&b);
	return rc;
}

static int
ask(struct gateway *g, struct peer *p, const struct frame *f, struct json_object *o,
    struct err *e)
{
	switch (f->type) {
	case FRAME_DESCRIBE:
		return describe(g, p, f, o, e);
	case FRAME_EMBED:
		return embed_ask(g, p, f, o, e);
	case FRAME_CHAT:
		return talk_chat(g, p, f, o, e);
	case FRAME_RERANK:
		return talk_rerank(g, p, f, o, e);
	case FRAME_STATUS:
		return tell_status(g, p, f, e);
	default:
		return err_set(e, ERR_PEER, "that is no question");
	}
}

static void
take_frame(struct gateway *g, struct peer *p, const struct frame *f)
{
	struct json_object *o = NULL;
	struct err e;

	p->questions++;
	if (json_parse_object(&o, f->json, f->json_bytes, &e) == -1 ||
	    ask(g, p, f, o, &e) == -1)
		peer_refuse(g, p, f->id, NULL, &e);
	json_object_put(o);
}

/* False when what came is no frame. */
static bool
take_frames(struct gateway *g, struct peer *p)
{
	struct frame f;
	struct err e;
	size_t used;
	int got = 0;

	while (p->in.len > p->taken &&
	    (got = frame_take(&f, p->in.data + p->taken, p->in.len - p->taken, &used, &e)) == 1) {
		take_frame(g, p, &f);
		p->taken += used;
	}
	if (p->taken == p->in.len) {
		buf_reset(&p->in);
		p->taken = 0;
	} else if (p->taken > p->in.len / 2) {
		memmove(p->in.data, p->in.data + p->taken, p->in.len - p->taken);
		p->in.len -= p->taken;
		p->taken = 0;
	}
	if (got == -1)
		log_warn("%s", e.text);
	return got != -1 && !p->in.failed;
}

/* ---- bytes ---- */

static bool
read_peer(struct gateway *g, struct peer *p)
{
	char *room;
	ssize_t n;

	for (;;) {
		if ((room = buf_room(&p->in, READ_BYTES)) == NULL)
			return false;
		if ((n = recv(p->fd, room, READ_BYTES, 0)) <= 0)
			break;
		buf_grew(&p->in, (size_t)n);
		if (!take_frames(g, p))
			return false;
	}
	return n == -1 && (errno == EAGAIN || errno == EINTR);
}

static bool
write_peer(struct peer *p)
{
	ssize_t n;

	if (p->out.failed)
		return false;
	while (p->sent < p->out.len) {
		n = send(p->fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);
		if (n == -1)
			return errno == EAGAIN || errno == EINTR;
		p->sent += (size_t)n;
	}
	p->sent = 0;
	buf_reset(&p->out);
	return true;
}

void
peers_turn(struct gateway *g)
{
	bool can_read;

	if (!g->is_stopping)
		accept_peers(g);
	for (size_t i = 0; i < g->peer_count; i++) {
		struct peer *p = &g->peers[i];
		if (p->fd == -1)
			continue;
		can_read = p->at == 0 || g->fds[p->at].revents != 0;
		if ((can_read && !read_peer(g, p)) || !write_peer(p) ||
		    (g->is_stopping && p->questions == 0 && p->out.len == 0))
			drop_peer(g, p);
	}
}

void
peers_close(struct gateway *g)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (g->peers[i].fd != -1)
			drop_peer(g, &g->peers[i]);
}
