/* gateway_client.c - asking the gateway, from a worker or a build. */
#include "gateway_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clk.h"
#include "gateway_frame.h"
#include "json.h"

enum {
	READ_BYTES = 64 * 1024,
	IN_MAX = FRAME_HEAD_BYTES + FRAME_JSON_MAX + FRAME_BODY_MAX + READ_BYTES,
	SHORT_MS = 5000,		/* for what needs no endpoint */
	LONG_MS = 3600000,		/* the largest budget that a model may have */
	CONNECT_PAUSE_MS = 5,
};

struct gateway_client {
	struct sockaddr_un address;
	int fd;				/* -1: not connected */
	struct buf in, out;
	size_t taken;			/* of `in`: frames that were answered already */
	uint32_t ids;
	int64_t retry_after_ms;
	enum err_code unavailable;	/* of the kind that is asked now */
	enum err_code timeout;
	/* of the chat under way */
	int reader_fd;			/* -1: nobody */
	gateway_idle_fn *idle;
	void *idle_context;
	int64_t idle_ms, idle_due_ms;
};

const char *
gateway_socket(void)
{
	const char *path = getenv("RAGPOOL_GATEWAY");

	return path != NULL && path[0] != '\0' ? path : NULL;
}

int
gateway_open(struct gateway_client **out, const char *socket, struct err *e)
{
	struct gateway_client *c;

	*out = NULL;
	if (strlen(socket) >= sizeof c->address.sun_path)
		return err_set(e, ERR_CONFIG, "%s is too long for a socket's name", socket);
	if ((c = calloc(1, sizeof *c)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the gateway");
	c->address.sun_family = AF_UNIX;
	memcpy(c->address.sun_path, socket, strlen(socket) + 1);
	c->fd = c->reader_fd = -1;
	buf_init(&c->in, IN_MAX);
	buf_init(&c->out, IN_MAX);
	*out = c;
	return 0;
}

void
gateway_forget(struct gateway_client *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	c->taken = 0;
	buf_reset(&c->in);
}

void
gateway_close(struct gateway_client *c)
{
	if (c == NULL)
		return;
	gateway_forget(c);
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c);
}

bool
gateway_is_kept(const struct gateway_client *c)
{
	return access(c->address.sun_path, F_OK) == 0;
}

int64_t
gateway_retry_after_ms(const struct gateway_client *c)
{
	return c->retry_after_ms;
}

/* ---- the connection ---- */

static int
gone(struct gateway_client *c, const char *what, struct err *e)
{
	gateway_forget(c);
	return err_set(e, c->unavailable, "the gateway %s", what);
}

/* A backlog that is full is waited for: a gateway that was killed is replaced soon, and its
 * socket is held open meanwhile. */
static int
connect_until(struct gateway_client *c, int64_t due_ms, struct err *e)
{
	if (c->fd != -1)
		return 0;
	if ((c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) == -1)
		return err_sys(e, ERR_IO, "socket");
	while (connect(c->fd, (struct sockaddr *)&c->address, sizeof c->address) == -1) {
		if (errno != EAGAIN && errno != EINTR)
			return gone(c, strerror(errno), e);
		if (clk_ms() >= due_ms)
			return gone(c, "is overrun", e);
		poll(NULL, 0, CONNECT_PAUSE_MS);
	}
	return 0;
}

/* Gives the question up for a reason of ours: nobody wants the rest. */
static int
give_up(struct gateway_client *c)
{
	gateway_forget(c);
	return -1;
}

static int
tell_idle(struct gateway_client *c, struct err *e)
{
	if (c->idle == NULL || clk_ms() < c->idle_due_ms)
		return 0;
	c->idle_due_ms = clk_ms() + c->idle_ms;
	return c->idle(c->idle_context, e) == 0 ? 0 : give_up(c);
}

/* 0 when something may be possible, -1 past the deadline or when the reader has gone. */
static int
wait_until(struct gateway_client *c, short events, int64_t due_ms, struct err *e)
{
	struct pollfd p[2] = {{.fd = c->fd, .events = events},
	    {.fd = c->reader_fd, .events = POLLRDHUP}};
	int64_t now_ms = clk_ms(), wake_ms = due_ms;
	int got;

	if (now_ms >= due_ms) {
		gateway_forget(c);
		return err_set(e, c->timeout, "the gateway did not answer in time");
	}
	if (c->idle != NULL && c->idle_due_ms < wake_ms)
		wake_ms = c->idle_due_ms > now_ms ? c->idle_due_ms : now_ms;
	got = poll(p, 2, wake_ms - now_ms < INT32_MAX ? (int)(wake_ms - now_ms) : INT32_MAX);
	if (got == -1 && errno != EINTR)
		return gone(c, strerror(errno), e);
	if (got > 0 && p[1].revents != 0) {
		err_set(e, ERR_PEER, "the client has gone away");
		return give_up(c);
	}
	return tell_idle(c, e);
}

/* Reads what is there; 0 also when that was nothing. */
static int
read_some(struct gateway_client *c, struct err *e)
{
	char *room = buf_room(&c->in, READ_BYTES);
	ssize_t n;

	if (room == NULL)
		return gone(c, "says too much", e);
	n = recv(c->fd, room, READ_BYTES, 0);
	if (n > 0)
		buf_grew(&c->in, (size_t)n);
	if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
		return 0;
	return gone(c, "went away", e);
}

static int
send_frame(struct gateway_client *c, int64_t due_ms, struct err *e)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < c->out.len) {
		n = send(c->fd, c->out.data + sent, c->out.len - sent, MSG_NOSIGNAL);
		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		if (n == -1 && errno != EAGAIN && errno != EINTR)
			return gone(c, "went away", e);
		/* It may wait for us to read while we wait for it. */
		if (wait_until(c, POLLIN | POLLOUT, due_ms, e) == -1 || read_some(c, e) == -1)
			return -1;
	}
	return 0;
}

/* The next frame, borrowed until the next call. */
static int
next_frame(struct gateway_client *c, struct frame *f, int64_t due_ms, struct err *e)
{
	size_t used;
	int got;

	if (c->taken > 0) {
		memmove(c->in.data, c->in.data + c->taken, c->in.len - c->taken);
		c->in.len -= c->taken;
		c->taken = 0;
	}
	for (;;) {
		got = c->in.len > 0 ? frame_take(f, c->in.data, c->in.len, &used, e) : 0;
		if (got == -1)
			return gone(c, "talks nonsense", e);
		if (got == 1) {
			c->taken = used;
			return 0;
		}
		if (wait_until(c, POLLIN, due_ms, e) == -1 || read_some(c, e) == -1)
			return -1;
	}
}

/* ---- a question and its answer ---- */

struct question {
	enum frame_type type;
	const struct buf *json, *body;	/* body may be NULL */
	int64_t wait_ms;
	gateway_piece_fn *piece;	/* of a chat */
	void *context;
	bool has_passed_on;
};

static int
put_question(struct gateway_client *c, const struct question *q, uint32_t id, struct err *e)
{
	if (buf_check(q->json, "a question", e) == -1 ||
	    (q->body != NULL && buf_check(q->body, "the texts", e) == -1))
		return -1;
	buf_reset(&c->out);
	frame_put(&c->out, q->type, id, q->json->data, q->json->len,
	    q->body != NULL ? q->body->data : "", q->body != NULL ? q->body->len : 0);
	return buf_check(&c->out, "a question", e);
}

static int
take_piece(struct gateway_client *c, struct question *q, const struct frame *f, struct err *e)
{
	q->has_passed_on = true;
	c->idle_due_ms = clk_ms() + c->idle_ms;
	if (q->piece == NULL || q->piece(q->context, f->body, f->body_bytes, e) == 0)
		return 0;
	return give_up(c);
}

/* Waits for the RESULT to `id`; *f is borrowed. */
static int
await(struct gateway_client *c, struct question *q, uint32_t id, struct frame *f,
    int64_t due_ms, struct err *e)
{
	for (;;) {
		if (next_frame(c, f, due_ms, e) == -1)
			return -1;
		if (f->id != id)
			continue;	/* of a question that was given up */
		if (f->type == FRAME_RESULT)
			return 0;
		if (f->type == FRAME_ERROR)
			return frame_take_error(f, &c->retry_after_ms, e);
		if (f->type != FRAME_DELTA)
			return gone(c, "talks nonsense", e);
		if (take_piece(c, q, f, e) == -1)
			return -1;
	}
}

static int
ask_once(struct gateway_client *c, struct question *q, struct frame *f, int64_t due_ms,
    struct err *e)
{
	uint32_t id = ++c->ids;

	if (put_question(c, q, id, e) == -1 || connect_until(c, due_ms, e) == -1 ||
	    send_frame(c, due_ms, e) == -1)
		return -1;
	return await(c, q, id, f, due_ms, e);
}

/* The connection is gone, which is another thing than an error that was answered. */
static bool
was_dropped(const struct gateway_client *c, const struct question *q, const struct err *e)
{
	return c->fd == -1 && e->code == c->unavailable && !q->has_passed_on;
}

static int
ask(struct gateway_client *c, struct question *q, struct frame *f, struct err *e)
{
	int64_t due_ms = clk_ms() + q->wait_ms + GATEWAY_MARGIN_MS;
	struct err mine;

	e = e != NULL ? e : &mine;
	c->retry_after_ms = 0;
	if (ask_once(c, q, f, due_ms, e) == 0)
		return 0;
	if (!was_dropped(c, q, e))
		return -1;
	return ask_once(c, q, f, due_ms, e);
}

static void
set_kind(struct gateway_client *c, enum err_code unavailable, enum err_code timeout)
{
	c->unavailable = unavailable;
	c->timeout = timeout;
}

static int64_t
wait_of(int64_t budget_ms)
{
	return budget_ms > 0 ? budget_ms : LONG_MS;
}

static void
put_model(struct buf *json, const char *model)
{
	buf_adds(json, "{\"model\": ");
	json_put_text(json, model, strlen(model));
}

/* ---- embeddings ---- */

static int
read_about(struct embed_about *about, const struct frame *f, struct err *e)
{
	int64_t identity, dim, batch, tokens, concurrency;
	struct json_object *o;
	int rc = -1;

	if (json_parse_object(&o, f->json, f->json_bytes, e) == -1)
		return -1;
	if (json_get_int(o, "identity", true, 1, UINT32_MAX, &identity, e) == 0 &&
	    json_get_int(o, "dim", true, 0, INDEX_DIM_MAX, &dim, e) == 0 &&
	    json_get_int(o, "batch", true, 1, MODEL_BATCH_MAX, &batch, e) == 0 &&
	    json_get_int(o, "batch_tokens", true, 1, INT32_MAX, &tokens, e) == 0 &&
	    json_get_int(o, "concurrency", true, 1, 64, &concurrency, e) == 0) {
		*about = (struct embed_about){(uint32_t)identity, (uint32_t)dim, (unsigned)batch,
		    (unsigned)tokens, (unsigned)concurrency};
		rc = 0;
	}
	json_object_put(o);
	return rc;
}

int
gateway_describe(
    struct gateway_client *c, const char *model, struct embed_about *about, struct err *e)
{
	struct question q = {.type = FRAME_DESCRIBE, .wait_ms = SHORT_MS};
	struct frame f;
	struct buf json;
	int rc;

	set_kind(c, ERR_EMBED_UNAVAILABLE, ERR_EMBED_TIMEOUT);
	buf_init(&json, 4096);
	put_model(&json, model);
	buf_addc(&json, '}');
	q.json = &json;
	if ((rc = ask(c, &q, &f, e)) == 0)
		rc = read_about(about, &f, e);
	buf_fini(&json);
	return rc;
}

static void
put_embed(struct buf *json, struct buf *body, const struct gateway_embed *q)
{
	put_model(json, q->model);
	buf_addf(json, ", \"identity\": %u, \"texts\": %zu, \"query\": %s, \"budget_ms\": %lld}",
	    q->identity, q->count, q->is_query ? "true" : "false", (long long)q->budget_ms);
	frame_put_texts(body, q->texts, q->count);
}

/* The body of an answer: so many vectors, all of one dimension. */
static int
read_vectors(struct gateway_client *c, const struct frame *f, const float **vectors,
    size_t *count, uint32_t *dim, struct err *e)
{
	int64_t texts = 0, numbers = 0;
	struct json_object *o;
	float *aligned;

	if (json_parse_object(&o, f->json, f->json_bytes, e) == -1)
		return gone(c, "talks nonsense", e);
	json_get_int(o, "texts", true, 1, MODEL_TEXTS_MAX, &texts, NULL);
	json_get_int(o, "dim", true, 1, INDEX_DIM_MAX, &numbers, NULL);
	json_object_put(o);
	if (texts == 0 || numbers == 0 ||
	    f->body_bytes != (size_t)texts * (size_t)numbers * sizeof(float))
		return gone(c, "talks nonsense", e);
	/* The bytes stand where the frame left them; the question is gone, its room is free. */
	buf_reset(&c->out);
	if ((aligned = (float *)(void *)buf_room(&c->out, f->body_bytes)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for vectors");
	memcpy(aligned, f->body, f->body_bytes);
	*vectors = aligned;
	*count = (size_t)texts;
	*dim = (uint32_t)numbers;
	return 0;
}

int
gateway_embed(struct gateway_client *c, const struct gateway_embed *q, const float **vectors,
    uint32_t *dim, struct err *e)
{
	struct question ours = {.type = FRAME_EMBED, .wait_ms = wait_of(q->budget_ms)};
	struct buf json, body;
	struct frame f;
	size_t count;
	int rc;

	set_kind(c, ERR_EMBED_UNAVAILABLE, ERR_EMBED_TIMEOUT);
	buf_init(&json, 4096);
	buf_init(&body, FRAME_BODY_MAX);
	put_embed(&json, &body, q);
	ours.json = &json;
	ours.body = &body;
	if ((rc = ask(c, &ours, &f, e)) == 0 &&
	    (rc = read_vectors(c, &f, vectors, &count, dim, e)) == 0 && count != q->count)
		rc = gone(c, "talks nonsense", e);
	buf_fini(&json);
	buf_fini(&body);
	return rc;
}

int
gateway_send(struct gateway_client *c, const struct gateway_embed *q, uint32_t ticket,
    struct err *e)
{
	struct question ours = {.type = FRAME_EMBED};
	int64_t due_ms = clk_ms() + wait_of(q->budget_ms);
	struct buf json, body;
	int rc;

	set_kind(c, ERR_EMBED_UNAVAILABLE, ERR_EMBED_TIMEOUT);
	buf_init(&json, 4096);
	buf_init(&body, FRAME_BODY_MAX);
	put_embed(&json, &body, q);
	ours.json = &json;
	ours.body = &body;
	if ((rc = put_question(c, &ours, ticket, e)) == 0 &&
	    (rc = connect_until(c, due_ms, e)) == 0)
		rc = send_frame(c, due_ms, e);
	buf_fini(&json);
	buf_fini(&body);
	return rc;
}

int
gateway_receive(struct gateway_client *c, uint32_t *ticket, const float **vectors,
    size_t *count, uint32_t *dim, int64_t wait_ms, struct err *e)
{
	struct frame f;

	*ticket = 0;
	if (c->fd == -1)
		return gone(c, "went away", e);
	if (next_frame(c, &f, clk_ms() + wait_of(wait_ms), e) == -1)
		return -1;
	if (f.type == FRAME_ERROR) {
		*ticket = f.id;
		return frame_take_error(&f, &c->retry_after_ms, e);
	}
	if (f.type != FRAME_RESULT)
		return gone(c, "talks nonsense", e);
	if (read_vectors(c, &f, vectors, count, dim, e) == -1)
		return -1;
	*ticket = f.id;
	return 0;
}

/* ---- rerank ---- */

int
gateway_rerank(struct gateway_client *c, const char *model, const char *query,
    const struct embed_text *texts, size_t count, int64_t budget_ms, float *scores,
    struct err *e)
{
	struct question q = {.type = FRAME_RERANK, .wait_ms = wait_of(budget_ms)};
	struct buf json, body;
	struct frame f;
	int rc;

	set_kind(c, ERR_RERANK_UNAVAILABLE, ERR_RERANK_TIMEOUT);
	buf_init(&json, FRAME_JSON_MAX);
	buf_init(&body, FRAME_BODY_MAX);
	put_model(&json, model);
	buf_adds(&json, ", \"query\": ");
	json_put_text(&json, query, strlen(query));
	buf_addf(&json, ", \"texts\": %zu, \"budget_ms\": %lld}", count, (long long)budget_ms);
	frame_put_texts(&body, texts, count);
	q.json = &json;
	q.body = &body;
	if ((rc = ask(c, &q, &f, e)) == 0) {
		if (f.body_bytes == count * sizeof *scores)
			memcpy(scores, f.body, f.body_bytes);
		else
			rc = gone(c, "talks nonsense", e);
	}
	buf_fini(&json);
	buf_fini(&body);
	return rc;
}

/* ---- chat ---- */

static int
read_end(struct gateway_client *c, struct gateway_chat_end *end, const struct frame *f,
    struct err *e)
{
	const char *finish = "";
	int64_t prompt = 0, completion = 0;
	struct json_object *o;

	if (json_parse_object(&o, f->json, f->json_bytes, NULL) == -1)
		return gone(c, "talks nonsense", e);
	json_get_text(o, "finish_reason", false, sizeof end->finish_reason - 1, &finish, NULL);
	json_get_int(o, "prompt_tokens", false, 0, INT64_MAX, &prompt, NULL);
	json_get_int(o, "completion_tokens", false, 0, INT64_MAX, &completion, NULL);
	snprintf(end->finish_reason, sizeof end->finish_reason, "%s", finish);
	end->prompt_tokens = (uint64_t)prompt;
	end->completion_tokens = (uint64_t)completion;
	json_object_put(o);
	return 0;
}

int
gateway_chat(struct gateway_client *c, const struct gateway_chat *q, gateway_piece_fn *piece,
    void *context, struct gateway_chat_end *end, struct err *e)
{
	struct question ours = {.type = FRAME_CHAT, .wait_ms = wait_of(q->budget_ms), .piece = piece,
	    .context = context};
	struct frame f;
	struct buf json;
	int rc;

	set_kind(c, ERR_LLM_UNAVAILABLE, ERR_LLM_TIMEOUT);
	*end = (struct gateway_chat_end){0};
	buf_init(&json, FRAME_JSON_MAX);
	put_model(&json, q->model);
	buf_addf(&json, ", \"max_tokens\": %lld, \"temperature\": %g, \"budget_ms\": %lld, "
			"\"messages\": ",
	    (long long)q->max_tokens, q->temperature < 0 ? -1.0 : q->temperature,
	    (long long)q->budget_ms);
	buf_adds(&json, q->messages);
	buf_addc(&json, '}');
	ours.json = &json;
	c->reader_fd = q->reader_fd;
	c->idle = q->idle;
	c->idle_context = context;
	c->idle_ms = q->idle_ms;
	c->idle_due_ms = clk_ms() + q->idle_ms;
	if ((rc = ask(c, &ours, &f, e)) == 0)
		rc = read_end(c, end, &f, e);
	c->reader_fd = -1;
	c->idle = NULL;
	buf_fini(&json);
	return rc;
}

/* ---- status ---- */

int
gateway_status(struct gateway_client *c, struct buf *out, struct err *e)
{
	struct question q = {.type = FRAME_STATUS, .wait_ms = SHORT_MS};
	struct frame f;
	struct buf json;
	int rc;

	set_kind(c, ERR_PEER, ERR_TIMEOUT);
	buf_init(&json, 16);
	buf_adds(&json, "{}");
	q.json = &json;
	if ((rc = ask(c, &q, &f, e)) == 0)
		buf_add(out, f.json, f.json_bytes);
	buf_fini(&json);
	return rc;
}
