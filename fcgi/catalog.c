/* catalog.c - the tenants that are wanted: what is offered, judged, told. */
#include "catalog_parts.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "tenant.h"

const char *
catalog_origin_name(enum catalog_origin origin)
{
	static const char *const names[ORIGIN_MAX] = {
#define X(symbol, name) [symbol] = name,
		CATALOG_ORIGINS(X)
#undef X
	};

	return names[origin];
}

const char *
catalog_alert_name(enum catalog_alert alert)
{
	static const char *const names[CATALOG_ALERT_MAX] = {
#define X(symbol, name) [symbol] = name,
		CATALOG_ALERTS(X)
#undef X
	};

	return names[alert];
}

const char *
catalog_change_name(enum catalog_change_kind kind)
{
	static const char *const names[CATALOG_CHANGE_MAX] = {
#define X(symbol, name) [symbol] = name,
		CATALOG_CHANGES(X)
#undef X
	};

	return names[kind];
}

int
catalog_new(struct catalog **out, const char *data_dir, struct err *e)
{
	char folder[PATH_MAX];
	struct catalog *c;

	if (file_join(folder, sizeof folder, data_dir, "lkg", e) == -1 ||
	    file_make_dirs(folder, 0750, e) == -1)
		return -1;
	if ((c = calloc(1, sizeof *c)) == NULL || (c->folder = strdup(folder)) == NULL) {
		free(c);
		return err_set(e, ERR_NOMEM, "no memory for the catalog");
	}
	*out = c;
	return 0;
}

static void
free_tenant(struct catalog_tenant *t)
{
	free(t->document);
	free(t->notes);
	free(t->past);
	free(t);
}

void
catalog_free(struct catalog *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++)
		free_tenant(c->tenants[i]);
	free(c->tenants);
	free(c->queue);
	doc_batch_fini(&c->batch);
	free(c->folder);
	free(c);
}

/* Where the name is, or where it would have to stand. */
static bool
locate(const struct catalog *c, const char *name, size_t *at)
{
	size_t low = 0, high = c->count, middle;
	int order;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = strcmp(c->tenants[middle]->name, name);
		if (order == 0) {
			*at = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return false;
}

static struct catalog_tenant *
find_tenant(const struct catalog *c, const char *name)
{
	size_t at;

	return locate(c, name, &at) ? c->tenants[at] : NULL;
}

const struct catalog_tenant *
catalog_find(const struct catalog *c, const char *name)
{
	return find_tenant(c, name);
}

size_t
catalog_count(const struct catalog *c)
{
	return c->count;
}

const struct catalog_tenant *
catalog_at(const struct catalog *c, size_t i)
{
	return i < c->count ? c->tenants[i] : NULL;
}

const struct err *
catalog_trouble(const struct catalog *c)
{
	return &c->trouble;
}

static int
grow(void **items, size_t *room, size_t count, size_t size)
{
	size_t more = *room > 0 ? *room * 2 : 64;
	void *p;

	if (count < *room)
		return 0;
	if ((p = reallocarray(*items, more, size)) == NULL)
		return -1;
	*items = p;
	*room = more;
	return 0;
}

/* Oldest first; the oldest makes room. */
void
catalog_remember_past(struct catalog_tenant *t, const char *hash)
{
	if (t->past == NULL && (t->past = calloc(CATALOG_PAST_MAX, sizeof *t->past)) == NULL)
		return;
	if (t->past_count == CATALOG_PAST_MAX) {
		memmove(t->past, t->past + 1, (CATALOG_PAST_MAX - 1) * sizeof *t->past);
		t->past_count--;
	}
	snprintf(t->past[t->past_count++], sizeof *t->past, "%s", hash);
}

/* What is in force again is no past. */
static bool
find_past(struct catalog_tenant *t, const char *hash, bool forget)
{
	for (size_t i = 0; i < t->past_count; i++)
		if (strcmp(t->past[i], hash) == 0) {
			if (forget)
				memmove(t->past + i, t->past + i + 1,
				    (--t->past_count - i) * sizeof *t->past);
			return true;
		}
	return false;
}

/* Finds the tenant or makes an empty one. */
int
catalog_have_tenant(struct catalog *c, struct catalog_tenant **out, const char *name,
    enum catalog_origin origin, struct err *e)
{
	struct catalog_tenant *t;
	size_t at;

	if (tenant_name_check(name, strlen(name), e) == -1)
		return -1;
	if (locate(c, name, &at)) {
		*out = c->tenants[at];
		return 0;
	}
	if (grow((void **)&c->tenants, &c->room, c->count, sizeof *c->tenants) == -1 ||
	    (t = calloc(1, sizeof *t)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for tenant %s", name);
	snprintf(t->name, sizeof t->name, "%s", name);
	t->origin = origin;
	memmove(&c->tenants[at + 1], &c->tenants[at], (c->count - at) * sizeof *c->tenants);
	c->tenants[at] = t;
	c->count++;
	*out = t;
	return 0;
}

/* One of a kind and tenant is enough: the reader looks at the tenant itself. */
static void
tell(struct catalog *c, struct catalog_tenant *t, enum catalog_change_kind kind)
{
	struct catalog_change *change;

	if ((t->pending & (1u << kind)) != 0)
		return;
	if (c->head > 0 && c->head + c->queued == c->queue_room) {
		memmove(c->queue, c->queue + c->head, c->queued * sizeof *c->queue);
		c->head = 0;
	}
	if (grow((void **)&c->queue, &c->queue_room, c->head + c->queued, sizeof *c->queue) == -1) {
		err_set(&c->trouble, ERR_NOMEM, "no memory to report a change of %s", t->name);
		return;
	}
	change = &c->queue[c->head + c->queued++];
	change->kind = kind;
	memcpy(change->tenant, t->name, sizeof change->tenant);
	t->pending |= 1u << kind;
}

/* Before anybody hears of a change its document is durable. */
static void
end_batch(struct catalog *c)
{
	struct err e;

	if (c->batch.is_open && doc_batch_end(&c->batch, &e) == -1)
		c->trouble = e;
}

bool
catalog_next_change(struct catalog *c, struct catalog_change *out)
{
	struct catalog_tenant *t;

	end_batch(c);
	while (c->queued > 0) {
		*out = c->queue[c->head++];
		if (--c->queued == 0)
			c->head = 0;
		t = find_tenant(c, out->tenant);
		if (t != NULL)
			t->pending &= ~(1u << out->kind);
		/* Removed and wanted again, or wanted and removed, meanwhile. */
		if ((out->kind == CATALOG_REMOVED) == (t == NULL))
			return true;
	}
	return false;
}

static void
remove_at(struct catalog *c, size_t at)
{
	struct catalog_tenant *t = c->tenants[at];

	if (t->document != NULL) {
		catalog_remove_lkg(c, t->name);
		tell(c, t, CATALOG_REMOVED);
	}
	memmove(&c->tenants[at], &c->tenants[at + 1], (c->count - at - 1) * sizeof *c->tenants);
	c->count--;
	free_tenant(t);
}

/* The offer proves that the tenant is there. */
static void
mark_present(struct catalog *c, struct catalog_tenant *t)
{
	bool was_gone = t->gone;

	t->seen = t->confirmed = true;
	t->gone = t->deletion_refused = false;
	t->gone_ms = 0;
	if (was_gone)
		tell(c, t, CATALOG_BACK);
}

static void
hash_bytes(const char *bytes, size_t n, char hash[SHA256_HEX_BYTES])
{
	uint8_t digest[SHA256_BYTES];

	hash[0] = '\0';
	if (hash_sha256_of(bytes, n, digest, NULL) == 0)
		hash_hex(digest, hash);
}

static void
refuse(struct catalog *c, struct catalog_tenant *t, const struct err *why,
    enum catalog_alert alert, uint64_t revision, const char *hash)
{
	t->refusal = *why;
	t->alert = alert;
	t->refused_revision = revision;
	snprintf(t->refused_hash, sizeof t->refused_hash, "%s", hash);
	tell(c, t, CATALOG_REFUSED);
}

static void
clear_refusal(struct catalog_tenant *t)
{
	err_clear(&t->refusal);
	t->alert = ALERT_NONE;
	t->refused_revision = 0;
	t->refused_hash[0] = '\0';
}

/* Takes the document in: notes and bytes are copied. */
int
catalog_accept(struct catalog *c, struct catalog_tenant *t, const struct tenant_doc *d,
    const char *bytes, size_t n, uint64_t revision, struct err *e)
{
	char *document = malloc(n + 1), *notes = strdup(d->notes.data);

	if (document == NULL || notes == NULL) {
		free(document);
		free(notes);
		return err_set(e, ERR_NOMEM, "no memory for tenant %s", t->name);
	}
	memcpy(document, bytes, n);
	document[n] = '\0';
	if (t->document != NULL)
		catalog_remember_past(t, t->hash);
	find_past(t, d->hash, true);
	free(t->document);
	free(t->notes);
	t->document = document;
	t->document_bytes = n;
	t->notes = notes;
	t->config = d->config;
	t->canary_window_ms = d->canary_window_ms;
	t->life = d->life;
	memcpy(t->hash, d->hash, sizeof t->hash);
	t->revision = revision;
	clear_refusal(t);
	tell(c, t, CATALOG_CHANGED);
	return 0;
}

/* The tenant is another source's, and that source still has it. */
static bool
is_taken(const struct catalog_tenant *t, enum catalog_origin origin)
{
	return t->origin != origin && t->document != NULL && t->confirmed && !t->gone;
}

static int
refuse_reused_version(const struct catalog_tenant *t, struct err *why)
{
	return err_set(why, ERR_CONFIG,
	    "version \"%s\" was in force with other content; give the change a new version",
	    t->config.version);
}

/* A key that is older than the one in force, with what that one replaced: somebody has
 * restored Consul to the past.  A document never seen before is a new history's. */
static bool
is_of_the_past(struct catalog_tenant *t, const struct tenant_doc *d, enum catalog_origin origin,
    uint64_t revision)
{
	return origin == ORIGIN_CONSUL && t->origin == ORIGIN_CONSUL && revision < t->revision &&
	    find_past(t, d->hash, false);
}

static int
refuse_past(const struct catalog_tenant *t, const struct tenant_doc *d, uint64_t revision,
    struct err *why)
{
	return err_set(why, ERR_CONFIG,
	    "version \"%s\" was replaced by \"%s\" before, and its key is older (index %" PRIu64
	    ", in force is %" PRIu64 "): Consul was restored to the past; to go back on purpose, "
	    "give it a new version",
	    d->config.version, t->config.version, revision, t->revision);
}

/* 1: to be accepted; 0: same as what is in force; -1: refused, *why and *alert tell. */
static int
judge(struct catalog_tenant *t, struct tenant_doc *d, const char *bytes, size_t n,
    enum catalog_origin origin, uint64_t revision, enum catalog_alert *alert, struct err *why)
{
	*alert = ALERT_NONE;
	if (tenant_doc_parse(d, bytes, n, why) == -1)
		return -1;
	if (tenant_doc_check_source(d, why) == -1)
		goto refused;
	if (t->document == NULL)
		return 1;
	if (strcmp(t->hash, d->hash) == 0)
		return 0;
	if (is_of_the_past(t, d, origin, revision)) {
		*alert = ALERT_OLDER;
		refuse_past(t, d, revision, why);
		goto refused;
	}
	if (strcmp(t->config.version, d->config.version) != 0)
		return 1;
	*alert = ALERT_VERSION_REUSED;
	refuse_reused_version(t, why);
refused:
	tenant_doc_fini(d);
	return -1;
}

/* The same bytes were refused before, and what spoke against them has not changed. */
static bool
is_refused_already(const struct catalog_tenant *t, enum catalog_origin origin,
    uint64_t revision, const char *hash)
{
	return hash[0] != '\0' && strcmp(t->refused_hash, hash) == 0 && t->origin == origin &&
	    (t->alert != ALERT_OLDER || revision <= t->refused_revision);
}

int
catalog_offer(struct catalog *c, const char *name, const char *bytes, size_t n,
    enum catalog_origin origin, uint64_t revision, struct err *e)
{
	char hash[SHA256_HEX_BYTES];
	struct catalog_tenant *t;
	struct tenant_doc d = {0};
	enum catalog_alert alert;
	struct err why;
	int verdict, rc = 0;

	if (catalog_have_tenant(c, &t, name, origin, e) == -1)
		return -1;
	hash_bytes(bytes, n, hash);
	if (is_taken(t, origin)) {
		err_set(&why, ERR_CONFIG, "the tenant comes from another source already (%s)",
		    catalog_origin_name(t->origin));
		if (strcmp(t->refused_hash, hash) != 0 || hash[0] == '\0')
			refuse(c, t, &why, ALERT_NONE, revision, hash);
		return 0;
	}
	if (is_refused_already(t, origin, revision, hash)) {
		mark_present(c, t);
		t->refused_revision = revision;
		return 0;
	}
	verdict = judge(t, &d, bytes, n, origin, revision, &alert, &why);
	if (verdict == -1 && t->document == NULL)
		t->origin = origin;
	if (verdict == -1) {
		refuse(c, t, &why, alert, revision, hash);
	} else if (verdict == 0 && t->origin == origin) {
		t->revision = revision;
		clear_refusal(t);
	} else if (catalog_write_lkg(c, t, origin, revision, bytes, n, &why) == -1 ||
	    catalog_accept(c, t, &d, bytes, n, revision, &why) == -1) {
		refuse(c, t, &why, ALERT_NONE, revision, "");	/* to be judged anew */
		if (e != NULL)
			*e = why;
		rc = -1;
	} else {
		t->origin = origin;
	}
	if (t->origin == origin)
		mark_present(c, t);
	tenant_doc_fini(&d);
	return rc;
}

int
catalog_refuse(struct catalog *c, const char *name, enum catalog_origin origin,
    uint64_t revision, const struct err *why, struct err *e)
{
	struct catalog_tenant *t;

	if (catalog_have_tenant(c, &t, name, origin, e) == -1)
		return -1;
	if (t->origin == origin)
		mark_present(c, t);
	/* The reason stands for the bytes: the same one is told once. */
	if (t->refusal.code == why->code && strcmp(t->refusal.text, why->text) == 0) {
		t->refused_revision = revision;
		return 0;
	}
	refuse(c, t, why, ALERT_NONE, revision, "");
	return 0;
}

void
catalog_begin(struct catalog *c, enum catalog_origin origin)
{
	doc_batch_begin(&c->batch, c->folder);
	for (size_t i = 0; i < c->count; i++)
		if (c->tenants[i]->origin == origin)
			c->tenants[i]->seen = false;
}

bool
catalog_seen(struct catalog *c, const char *name, enum catalog_origin origin)
{
	struct catalog_tenant *t = find_tenant(c, name);

	if (t == NULL || t->origin != origin)
		return false;
	mark_present(c, t);
	return true;
}

/* A tenant without an accepted document is nobody's loss. */
static void
drop_never_accepted(struct catalog *c, enum catalog_origin origin)
{
	for (size_t i = c->count; i-- > 0;)
		if (c->tenants[i]->origin == origin && !c->tenants[i]->seen &&
		    c->tenants[i]->document == NULL)
			remove_at(c, i);
}

/* Whether absence is proven enough to delete; starts the clock of those from Consul. */
static bool
may_go(struct catalog_tenant *t, bool trusted, int64_t now_ms)
{
	if (t->origin == ORIGIN_FILE)
		return trusted;
	if (!trusted)
		return false;
	if (t->gone_ms == 0) {
		t->gone_ms = now_ms > 0 ? now_ms : 1;
		return false;
	}
	return now_ms - t->gone_ms >= CATALOG_CONFIRM_MS;
}

static void
mark_gone(struct catalog *c, struct catalog_tenant *t, bool refused)
{
	bool news = !t->gone || (refused && !t->deletion_refused);

	t->gone = true;
	t->deletion_refused |= refused;
	if (news)
		tell(c, t, CATALOG_GONE);
}

size_t
catalog_end(struct catalog *c, enum catalog_origin origin, bool trusted, int64_t now_ms)
{
	size_t known = 0, going = 0, waiting = 0;
	struct catalog_tenant *t;
	bool refused;

	end_batch(c);
	drop_never_accepted(c, origin);
	for (size_t i = 0; i < c->count; i++) {
		t = c->tenants[i];
		if (t->origin != origin)
			continue;
		known++;
		if (!t->seen && !t->deletion_refused && may_go(t, trusted, now_ms))
			going++;
	}
	refused = going > CATALOG_VANISH_COUNT && going * 100 > known * CATALOG_VANISH_PERCENT;
	for (size_t i = c->count; i-- > 0;) {
		t = c->tenants[i];
		if (t->origin != origin || t->seen)
			continue;
		if (t->deletion_refused)
			continue;
		if (!may_go(t, trusted, now_ms)) {
			mark_gone(c, t, false);
			waiting++;
		} else if (refused) {
			mark_gone(c, t, true);
		} else {
			remove_at(c, i);
		}
	}
	return waiting;
}

bool
catalog_withdraw(struct catalog *c, const char *name)
{
	size_t at;

	if (!locate(c, name, &at))
		return false;
	remove_at(c, at);
	return true;
}

size_t
catalog_accept_deletions(struct catalog *c)
{
	size_t removed = 0;

	for (size_t i = c->count; i-- > 0;)
		if (c->tenants[i]->deletion_refused) {
			remove_at(c, i);
			removed++;
		}
	return removed;
}
