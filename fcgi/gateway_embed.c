/* gateway_embed.c - texts: cached, merged, queued, sent in batches, given back.
 *
 *   request --waiter--> text --in--> queue, then batch --call--> endpoint
 *
 * A request asks for some texts; the same text is asked of the endpoint once, however many
 * requests wait for it.  Queries and passages of builds queue apart, and queries go first. */
#include "gateway_parts.h"

#include <stdlib.h>
#include <string.h>

#include "chunk.h"
#include "hash.h"
#include "json.h"

/* A call ends at the same moment as what waits for it, and knows better why. */
enum { EXPIRY_GRACE_MS = 100 };

struct request {
	struct request *next;
	struct peer *peer;
	uint32_t id;
	struct upstream *model;
	uint32_t count, left, cached, merged;
	uint32_t dim;
	float *vectors;		/* count x dim, once dim is known */
	int64_t due_ms;
};

struct waiter {
	struct waiter *next;
	struct request *request;
	uint32_t place;
};

struct text {
	struct text *next;		/* of the queue */
	uint8_t key[CACHE_KEY_BYTES];
	char *bytes;
	size_t len, tokens;
	bool is_query;
	int64_t since_ms;
	struct waiter *waiters;
};

struct batch {
	struct batch *next;
	struct gateway *g;
	struct upstream *model;
	struct call *call;
	bool is_query;
	size_t count;
	struct text *texts[MODEL_BATCH_MAX];
	struct wire_vectors answer;
};

/* ---- texts and who waits for them ---- */

static void
free_text(struct text *t)
{
	struct waiter *w;

	while ((w = t->waiters) != NULL) {
		t->waiters = w->next;
		free(w);
	}
	free(t->bytes);
	free(t);
}

static struct texts *
queue_of(struct upstream *u, bool is_query)
{
	return is_query ? &u->queries : &u->documents;
}

static void
put_last(struct texts *q, struct text *t)
{
	t->next = NULL;
	*q->last = t;
	q->last = &t->next;
	q->count++;
	q->tokens += t->tokens;
}

static struct text *
take_first(struct texts *q)
{
	struct text *t = q->first;

	q->first = t->next;
	if (q->first == NULL)
		q->last = &q->first;
	q->count--;
	q->tokens -= t->tokens;
	return t;
}

static struct text *
find_text(struct gateway *g, struct upstream *u, const uint8_t key[CACHE_KEY_BYTES],
    bool is_query)
{
	for (struct text *t = queue_of(u, is_query)->first; t != NULL; t = t->next)
		if (memcmp(t->key, key, CACHE_KEY_BYTES) == 0)
			return t;
	for (struct batch *b = g->batches; b != NULL; b = b->next)
		for (size_t i = 0; b->model == u && i < b->count; i++)
			if (memcmp(b->texts[i]->key, key, CACHE_KEY_BYTES) == 0)
				return b->texts[i];
	return NULL;
}

static int
wait_for(struct text *t, struct request *r, uint32_t place, struct err *e)
{
	struct waiter *w = malloc(sizeof *w);

	if (w == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a text");
	*w = (struct waiter){.next = t->waiters, .request = r, .place = place};
	t->waiters = w;
	return 0;
}

static void
stop_waiting(struct text *t, const struct request *r)
{
	struct waiter **link = &t->waiters, *w;

	while ((w = *link) != NULL) {
		if (w->request != r) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		free(w);
	}
}

/* ---- requests ---- */

static void
free_request(struct gateway *g, struct request *r)
{
	struct request **link = &g->requests;

	while (*link != NULL && *link != r)
		link = &(*link)->next;
	if (*link == r)
		*link = r->next;
	free(r->vectors);
	free(r);
}

static void
answer_request(struct gateway *g, struct request *r)
{
	struct buf b;

	buf_init(&b, 1024);
	buf_addf(&b, "{\"texts\": %u, \"dim\": %u, \"cached\": %u, \"merged\": %u}", r->count,
	    r->dim, r->cached, r->merged);
	peer_answer(r->peer, r->id, b.data, b.len, r->vectors,
	    (size_t)r->count * r->dim * sizeof *r->vectors);
	buf_fini(&b);
	free_request(g, r);
}

/* A vector into its place; -1 only without memory. */
static int
give_vector(struct request *r, uint32_t place, const float *vector, uint32_t dim, struct err *e)
{
	if (r->vectors == NULL) {
		if ((r->vectors = calloc(r->count, dim * sizeof *r->vectors)) == NULL)
			return err_set(e, ERR_NOMEM, "no memory for vectors");
		r->dim = dim;
	}
	memcpy(r->vectors + (size_t)place * dim, vector, dim * sizeof *vector);
	r->left--;
	return 0;
}

static void drop_unwanted(struct gateway *g, struct upstream *u);

/* Takes the request out of everything that it waits for. */
static void
withdraw(struct gateway *g, struct request *r)
{
	struct upstream *u = r->model;

	for (struct text *t = u->queries.first; t != NULL; t = t->next)
		stop_waiting(t, r);
	for (struct text *t = u->documents.first; t != NULL; t = t->next)
		stop_waiting(t, r);
	for (struct batch *b = g->batches; b != NULL; b = b->next)
		for (size_t i = 0; b->model == u && i < b->count; i++)
			stop_waiting(b->texts[i], r);
}

static void
refuse_request(struct gateway *g, struct request *r, const struct err *e)
{
	withdraw(g, r);
	peer_refuse(g, r->peer, r->id, r->model, e);
	free_request(g, r);
}

/* ---- batches ---- */

static void
free_batch(struct batch *b)
{
	struct batch **link = &b->g->batches;

	while (*link != b)
		link = &(*link)->next;
	*link = b->next;
	b->model->running--;
	b->model->running_documents -= !b->is_query;
	for (size_t i = 0; i < b->count; i++)
		free_text(b->texts[i]);
	free(b->answer.at);
	free(b);
}

static void
batch_ask(void *owner, const struct upstream *u, struct buf *body)
{
	struct batch *b = owner;
	struct embed_text texts[MODEL_BATCH_MAX];

	for (size_t i = 0; i < b->count; i++)
		texts[i] = (struct embed_text){b->texts[i]->bytes, b->texts[i]->len};
	wire_embed_question(body, u->conf, texts, b->count, b->is_query);
}

static int
batch_answer(
    void *owner, const struct upstream *u, const char *bytes, size_t n, struct err *e)
{
	struct batch *b = owner;

	return wire_embed_answer(&b->answer, u->conf, bytes, n, b->count, b->model->dim, e);
}

/* Everybody who waits for the text gets it. */
static void
give_text(struct gateway *g, struct text *t, const float *vector, uint32_t dim)
{
	struct request *r;
	struct waiter *w;
	struct err e;

	while ((w = t->waiters) != NULL) {
		t->waiters = w->next;
		r = w->request;
		if (give_vector(r, w->place, vector, dim, &e) == -1)
			refuse_request(g, r, &e);
		else if (r->left == 0)
			answer_request(g, r);
		free(w);
	}
}

static void
refuse_text(struct gateway *g, struct text *t, const struct err *e)
{
	while (t->waiters != NULL)
		refuse_request(g, t->waiters->request, e);
}

static int start_batch(struct gateway *g, struct upstream *u, struct text **texts, size_t count,
    bool is_query, struct err *e);

/* The endpoint is well and refuses the question: one text may be to blame, and the others are
 * somebody else's.  Halves are asked again, down to single texts. */
static void
split_batch(struct batch *b)
{
	size_t half = b->count / 2;
	struct err e;

	for (int i = 0; i < 2; i++) {
		size_t from = i == 0 ? 0 : half, count = i == 0 ? half : b->count - half;
		if (start_batch(b->g, b->model, b->texts + from, count, b->is_query, &e) == 0)
			continue;
		for (size_t k = from; k < from + count; k++) {
			refuse_text(b->g, b->texts[k], &e);
			free_text(b->texts[k]);
		}
	}
	b->count = 0;		/* its texts are others' now */
}

static void
batch_end(void *owner, struct call *call, enum call_end how, const struct err *e)
{
	struct batch *b = owner;
	struct upstream *u = b->model;
	struct gateway *g = b->g;

	(void)call;
	b->call = NULL;
	if (how == CALL_ANSWERED) {
		u->dim = b->answer.dim;
		u->count.tokens += b->answer.tokens;
		for (size_t i = 0; i < b->count; i++) {
			const float *vector = b->answer.at + i * b->answer.dim;
			cache_put(&u->cache, b->texts[i]->key, vector, b->answer.dim);
			give_text(b->g, b->texts[i], vector, b->answer.dim);
		}
	} else if (how == CALL_REFUSED && b->count > 1) {
		split_batch(b);
	} else {
		for (size_t i = 0; i < b->count; i++)
			refuse_text(b->g, b->texts[i], e);
	}
	free_batch(b);
	drop_unwanted(g, u);	/* what only refused requests wanted */
}

static const struct call_kind batch_kind = {
    .ask = batch_ask, .answer = batch_answer, .end = batch_end};

/* As long as the most patient of those who wait. */
static int64_t
due_of(const struct batch *b)
{
	int64_t due = 0;

	for (size_t i = 0; i < b->count; i++)
		for (const struct waiter *w = b->texts[i]->waiters; w != NULL; w = w->next)
			if (w->request->due_ms > due)
				due = w->request->due_ms;
	return due;
}

/* The texts are taken when it answers 0. */
static int
start_batch(struct gateway *g, struct upstream *u, struct text **texts, size_t count,
    bool is_query, struct err *e)
{
	struct batch *b = calloc(1, sizeof *b);

	if (b == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a batch");
	*b = (struct batch){.next = g->batches, .g = g, .model = u, .is_query = is_query,
	    .count = count};
	memcpy(b->texts, texts, count * sizeof *texts);
	if (call_start(g, u, &batch_kind, b, due_of(b), !is_query, e) == -1) {
		free(b);
		return -1;
	}
	b->call = g->calls;
	g->batches = b;
	u->running++;
	u->running_documents += !is_query;
	u->count.batches++;
	return 0;
}

/* Whether there is a whole batch, or the first has waited long enough for others. */
static bool
is_ready(const struct upstream *u, const struct texts *q, int64_t now_ms)
{
	return q->count > 0 &&
	    (q->count >= (size_t)u->conf->batch || q->tokens >= (size_t)u->conf->batch_tokens ||
		now_ms >= q->first->since_ms + u->conf->batch_wait_ms);
}

static bool
has_place(const struct upstream *u, bool is_query)
{
	unsigned most = (unsigned)u->conf->concurrency;

	if (u->running >= most)
		return false;
	return is_query || most == 1 || u->running_documents < most - 1;
}

static void
send_batch(struct gateway *g, struct upstream *u, bool is_query)
{
	struct texts *q = queue_of(u, is_query);
	struct text *texts[MODEL_BATCH_MAX];
	size_t count = 0, tokens = 0;
	struct err e;

	while (q->count > 0 && count < (size_t)u->conf->batch &&
	    (count == 0 || tokens + q->first->tokens <= (size_t)u->conf->batch_tokens)) {
		tokens += q->first->tokens;
		texts[count++] = take_first(q);
	}
	if (start_batch(g, u, texts, count, is_query, &e) == 0)
		return;
	for (size_t i = 0; i < count; i++) {
		refuse_text(g, texts[i], &e);
		free_text(texts[i]);
	}
}

/* ---- what nobody waits for any more ---- */

static void
drop_unwanted_in(struct texts *q)
{
	struct texts kept = {.last = &kept.first};
	struct text *t;

	while (q->count > 0) {
		t = take_first(q);
		if (t->waiters != NULL)
			put_last(&kept, t);
		else
			free_text(t);
	}
	*q = kept;
	if (q->first == NULL)
		q->last = &q->first;
}

static bool
is_wanted(const struct batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->texts[i]->waiters != NULL)
			return true;
	return false;
}

static void
drop_unwanted(struct gateway *g, struct upstream *u)
{
	struct batch *b = g->batches, *next;

	drop_unwanted_in(&u->queries);
	drop_unwanted_in(&u->documents);
	for (; b != NULL; b = next) {
		next = b->next;
		if (b->model != u || is_wanted(b))
			continue;
		call_cancel(b->call);
		free_batch(b);
	}
}

void
embed_forget(struct gateway *g, const struct peer *p)
{
	struct request *r = g->requests, *next;
	struct upstream *u;

	for (; r != NULL; r = next) {
		next = r->next;
		if (r->peer != p)
			continue;
		u = r->model;
		withdraw(g, r);
		free_request(g, r);
		drop_unwanted(g, u);
	}
}

void
embed_close(struct gateway *g)
{
	for (size_t i = 0; i < g->conf->model_count; i++)
		drop_unwanted(g, &g->models[i]);
}

/* ---- questions ---- */

/* The text with its prefix, and what stands for both. */
static int
make_text(struct text **out, const struct upstream *u, const struct embed_text *given,
    bool is_query, struct err *e)
{
	const char *prefix = is_query ? u->conf->query_prefix : u->conf->document_prefix;
	struct text *t = calloc(1, sizeof *t);
	size_t n = strlen(prefix);
	/* Cohere's models are told what a text is for. */
	char kind = u->conf->api == API_COHERE && is_query ? 'q' : 'd';

	if (t == NULL || (t->bytes = malloc(n + given->len + 2)) == NULL) {
		free(t);
		return err_set(e, ERR_NOMEM, "no memory for a text");
	}
	memcpy(t->bytes, prefix, n);
	memcpy(t->bytes + n, given->text, given->len);
	t->len = n + given->len;
	t->bytes[t->len] = kind;
	t->is_query = is_query;
	if (hash_sha256_of(t->bytes, t->len + 1, t->key, e) == -1) {
		free_text(t);
		return -1;
	}
	t->bytes[t->len] = '\0';
	t->tokens = chunk_tokens(t->bytes, t->len);
	*out = t;
	return 0;
}

/* From the cache, from another's question, or queued. */
static int
ask_text(struct gateway *g, struct request *r, uint32_t place, const struct embed_text *given,
    bool is_query, struct err *e)
{
	struct upstream *u = r->model;
	const float *vector;
	struct text *t = NULL, *other;
	uint32_t dim;
	int rc;

	if (make_text(&t, u, given, is_query, e) == -1)
		return -1;
	if ((vector = cache_get(&u->cache, t->key, &dim)) != NULL) {
		r->cached++;
		u->count.cached++;
		rc = give_vector(r, place, vector, dim, e);
		free_text(t);
		return rc;
	}
	if ((other = find_text(g, u, t->key, is_query)) != NULL) {
		free_text(t);
		r->merged++;
		u->count.merged++;
		return wait_for(other, r, place, e);
	}
	if (wait_for(t, r, place, e) == -1) {
		free_text(t);
		return -1;
	}
	t->since_ms = g->now_ms;
	put_last(queue_of(u, is_query), t);
	return 0;
}

/* What can be refused at once is: a queue that is full; a query when everybody who could
 * embed it is left alone. */
static int
check_room(struct gateway *g, struct upstream *u, size_t count, bool is_query, struct err *e)
{
	struct texts *q = queue_of(u, is_query);
	bool is_admitted = breaker_would_admit(&u->breaker, g->now_ms);

	if (q->count > 0 && q->count + count > (size_t)u->conf->queue) {
		u->count.refused++;
		return err_set(e, ERR_MODEL_BUSY, "model %s: %zu texts wait already", u->conf->name,
		    q->count);
	}
	for (size_t i = 0; i < u->failovers; i++)
		is_admitted = is_admitted || breaker_would_admit(&u->failover[i]->breaker, g->now_ms);
	if (is_admitted || !is_query)
		return 0;
	return err_set(e, ERR_EMBED_UNAVAILABLE, "model %s is left alone after failures",
	    u->conf->name);
}

struct question {
	const char *model;
	int64_t identity, texts, budget_ms;
	bool is_query;
};

static int
read_question(struct question *q, struct json_object *o, struct err *e)
{
	if (json_get_text(o, "model", true, 256, &q->model, e) == -1 ||
	    json_get_int(o, "identity", false, 0, UINT32_MAX, &q->identity, e) == -1 ||
	    json_get_int(o, "texts", true, 1, MODEL_TEXTS_MAX, &q->texts, e) == -1 ||
	    json_get_int(o, "budget_ms", false, 0, INT32_MAX, &q->budget_ms, e) == -1 ||
	    json_get_bool(o, "query", false, &q->is_query, e) == -1)
		return -1;
	return 0;
}

static int64_t
due_at(const struct gateway *g, const struct upstream *u, int64_t asked_ms)
{
	int64_t budget = u->conf->budget_ms;

	return g->now_ms + (asked_ms > 0 && asked_ms < budget ? asked_ms : budget);
}

int
embed_ask(struct gateway *g, struct peer *p, const struct frame *f, struct json_object *o,
    struct err *e)
{
	struct embed_text texts[MODEL_TEXTS_MAX];
	struct question q = {0};
	struct upstream *u;
	struct request *r;

	if (read_question(&q, o, e) == -1 ||
	    (u = gateway_model(g, q.model, (uint32_t)q.identity, MODEL_EMBEDDING, e)) == NULL ||
	    frame_take_texts(texts, (size_t)q.texts, f, e) == -1)
		return -1;
	if (check_room(g, u, (size_t)q.texts, q.is_query, e) == -1) {
		peer_refuse(g, p, f->id, u, e);
		return 0;
	}
	if ((r = calloc(1, sizeof *r)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a request");
	*r = (struct request){.next = g->requests, .peer = p, .id = f->id, .model = u,
	    .count = (uint32_t)q.texts, .left = (uint32_t)q.texts,
	    .due_ms = due_at(g, u, q.budget_ms)};
	g->requests = r;
	u->count.requests++;
	u->count.texts += (uint64_t)q.texts;
	for (uint32_t i = 0; i < r->count; i++)
		if (ask_text(g, r, i, &texts[i], q.is_query, e) == -1) {
			withdraw(g, r);
			free_request(g, r);
			drop_unwanted(g, u);
			return -1;
		}
	if (r->left == 0)
		answer_request(g, r);
	return 0;
}

/* ---- time ---- */

static void
expire_requests(struct gateway *g)
{
	struct request *r = g->requests, *next;
	struct upstream *u;
	struct err e;

	for (; r != NULL; r = next) {
		next = r->next;
		if (g->now_ms < r->due_ms + EXPIRY_GRACE_MS)
			continue;
		u = r->model;
		err_set(&e, ERR_EMBED_TIMEOUT, "model %s: no answer within the budget",
		    u->conf->name);
		u->count.failed++;
		refuse_request(g, r, &e);
		drop_unwanted(g, u);
	}
}

void
embed_turn(struct gateway *g)
{
	expire_requests(g);
	for (size_t i = 0; i < g->conf->model_count; i++) {
		struct upstream *u = &g->models[i];
		for (int is_query = 1; is_query >= 0; is_query--)
			while (has_place(u, is_query == 1) &&
			    is_ready(u, queue_of(u, is_query == 1), g->now_ms))
				send_batch(g, u, is_query == 1);
	}
}

int64_t
embed_due(const struct gateway *g)
{
	int64_t due = INT64_MAX, at;

	for (const struct request *r = g->requests; r != NULL; r = r->next)
		if (r->due_ms + EXPIRY_GRACE_MS < due)
			due = r->due_ms + EXPIRY_GRACE_MS;
	for (size_t i = 0; i < g->conf->model_count; i++) {
		const struct upstream *u = &g->models[i];
		const struct texts *queues[] = {&u->queries, &u->documents};
		for (int k = 0; k < 2; k++) {
			if (queues[k]->count == 0 || !has_place(u, k == 0))
				continue;
			at = queues[k]->first->since_ms + u->conf->batch_wait_ms;
			due = at < due ? at : due;
		}
	}
	return due;
}
