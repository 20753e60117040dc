/* embed_missing.c - the passages that have no vector yet, embedded elsewhere. */
#include "embed_missing.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "buf.h"
#include "chunk.h"
#include "hash.h"

enum { REQUESTS_MAX = 64, BYTES_MAX = 12 << 20 };

/* One request: being filled, or under way. */
struct asked {
	bool is_sent;
	size_t count, tokens;
	uint8_t hash[MODEL_BATCH_MAX][SHA256_BYTES];
	size_t start[MODEL_BATCH_MAX + 1];	/* of the texts in bytes */
	struct buf bytes;
};

struct missing {
	struct vectors *vectors;
	const char *model;
	const struct embed_about *about;
	const struct embed_service *service;
	struct embed_missing_report *report;
	struct asked *asked;		/* about->in_flight of them */
	unsigned places, sent;
	struct asked *filling;		/* NULL: none */
	unsigned attempts;		/* failures since the last answer */
	char *title;
	struct buf passage;
};

/* ---- requests ---- */

static int
send_asked(struct missing *m, struct asked *a, struct err *e)
{
	struct embed_text texts[MODEL_BATCH_MAX];

	for (size_t i = 0; i < a->count; i++)
		texts[i] = (struct embed_text){
		    a->bytes.data + a->start[i], a->start[i + 1] - a->start[i]};
	return m->service->submit(m->service->context, m->model, m->about->identity,
	    (uint32_t)(a - m->asked) + 1, texts, a->count, e);
}

/* Everything under way was lost: waits, and asks for all of it again. */
static int
recover(struct missing *m, struct err *e)
{
	for (;;) {
		unsigned i = 0;
		if (!embed_error_may_pass(e) ||
		    m->service->recover(m->service->context, m->attempts++, e) == -1)
			return -1;
		while (i < m->places && (!m->asked[i].is_sent || send_asked(m, &m->asked[i], e) == 0))
			i++;
		if (i == m->places)
			return 0;
	}
}

static int
submit(struct missing *m, struct asked *a, struct err *e)
{
	m->report->requests++;
	m->report->embedded += a->count;
	m->report->tokens += a->tokens;
	if (m->service == NULL) {
		a->count = a->tokens = 0;
		buf_reset(&a->bytes);
		return 0;
	}
	a->is_sent = true;
	m->sent++;
	return send_asked(m, a, e) == 0 ? 0 : recover(m, e);
}

static int
keep_answer(struct missing *m, uint32_t ticket, const float *vectors, size_t count, uint32_t dim,
    struct err *e)
{
	struct asked *a = ticket >= 1 && ticket <= m->places ? &m->asked[ticket - 1] : NULL;

	if (a == NULL || !a->is_sent || count != a->count)
		return err_set(e, ERR_EMBED_ANSWER, "an answer to something that was not asked");
	if (vectors_put(m->vectors, a->hash, vectors, count, dim, e) == -1)
		return -1;
	m->attempts = 0;
	m->sent--;
	a->is_sent = false;
	a->count = a->tokens = 0;
	buf_reset(&a->bytes);
	return 0;
}

/* One answer more, whichever it is. */
static int
collect(struct missing *m, struct err *e)
{
	const float *vectors;
	uint32_t ticket, dim;
	size_t count;

	if (m->service->collect(m->service->context, &ticket, &vectors, &count, &dim, e) == 0)
		return keep_answer(m, ticket, vectors, count, dim, e);
	return recover(m, e);
}

/* ---- passages ---- */

static int
begin_filling(struct missing *m, struct err *e)
{
	while (m->sent == m->places)
		if (collect(m, e) == -1)
			return -1;
	for (unsigned i = 0; i < m->places; i++)
		if (!m->asked[i].is_sent)
			m->filling = &m->asked[i];
	return 0;
}

static int
send_filling(struct missing *m, struct err *e)
{
	struct asked *a = m->filling;

	m->filling = NULL;
	return a != NULL && a->count > 0 ? submit(m, a, e) : 0;
}

static int
ask_for(struct missing *m, const uint8_t hash[SHA256_BYTES], struct err *e)
{
	size_t tokens = chunk_tokens(m->passage.data, m->passage.len);
	struct asked *a = m->filling;

	if (a != NULL && (a->count == m->about->batch ||
			     a->tokens + tokens > m->about->batch_tokens) &&
	    a->count > 0 && send_filling(m, e) == -1)
		return -1;
	if (m->filling == NULL && begin_filling(m, e) == -1)
		return -1;
	a = m->filling;
	memcpy(a->hash[a->count], hash, SHA256_BYTES);
	a->start[a->count++] = a->bytes.len;
	a->tokens += tokens;
	buf_add(&a->bytes, m->passage.data, m->passage.len);
	a->start[a->count] = a->bytes.len;
	return buf_check(&a->bytes, "passages", e);
}

static int
take_document(void *context, const struct store_document *d, struct err *e)
{
	struct missing *m = context;
	char *title = strdup(d->title);

	if (title == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a title");
	free(m->title);
	m->title = title;
	return 0;
}

static int
take_chunk(void *context, const struct store_chunk *c, struct err *e)
{
	struct missing *m = context;
	uint8_t hash[SHA256_BYTES];
	const float *vector;
	bool is_first;
	uint32_t dim;
	int got;

	buf_reset(&m->passage);
	passage_put(&m->passage, m->title, c->heading, c->text, c->text_len);
	if (buf_check(&m->passage, "a passage", e) == -1 ||
	    hash_sha256_of(m->passage.data, m->passage.len, hash, e) == -1 ||
	    vectors_use(m->vectors, hash, &is_first, e) == -1)
		return -1;
	if (!is_first)
		return 0;
	m->report->passages++;
	if ((got = vectors_find(m->vectors, hash, &vector, &dim, e)) == -1)
		return -1;
	m->report->reused += got == 1;
	return got == 1 ? 0 : ask_for(m, hash, e);
}

int
embed_missing(const struct embed_passages *p, struct vectors *v, const char *model,
    const struct embed_about *about, const struct embed_service *service,
    struct embed_missing_report *report, struct err *e)
{
	static const struct knowledge_walk walk = {take_document, take_chunk};
	struct missing m = {.vectors = v, .model = model, .about = about, .service = service,
	    .report = report, .places = about->in_flight};
	int rc = -1;

	*report = (struct embed_missing_report){0};
	if (m.places == 0 || m.places > REQUESTS_MAX || about->batch == 0 ||
	    about->batch > MODEL_BATCH_MAX)
		return err_set(e, ERR_EMBED_ANSWER, "model %s: %u requests of %u texts", model,
		    m.places, about->batch);
	if ((m.asked = calloc(m.places, sizeof *m.asked)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for requests");
	for (unsigned i = 0; i < m.places; i++)
		buf_init(&m.asked[i].bytes, BYTES_MAX);
	buf_init(&m.passage, DOCUMENT_BYTES_MAX);
	if (p->each(p->context, &walk, &m, e) == -1 || send_filling(&m, e) == -1)
		goto out;
	while (m.sent > 0)
		if (collect(&m, e) == -1)
			goto out;
	rc = 0;
out:
	for (unsigned i = 0; i < m.places; i++)
		buf_fini(&m.asked[i].bytes);
	buf_fini(&m.passage);
	free(m.asked);
	free(m.title);
	return rc;
}
