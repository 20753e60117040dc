/* consul_watch.c - what to ask Consul next and what its answer means. */
#include "consul_watch.h"

#include <stdio.h>
#include <string.h>

#include "catalog.h"
#include "consul_kv.h"

enum { THROTTLE_DEFAULT_MS = 30000, THROTTLE_MAX_MS = 300000 };

const char *
consul_state_name(enum consul_state state)
{
	static const char *const names[CONSUL_STATE_MAX] = {
#define X(symbol, name) [symbol] = name,
		CONSUL_STATES(X)
#undef X
	};

	return names[state];
}

const char *
consul_sentinel_name(enum consul_sentinel sentinel)
{
	static const char *const names[SENTINEL_MAX] = {
#define X(symbol, name) [symbol] = name,
		CONSUL_SENTINELS(X)
#undef X
	};

	return names[sentinel];
}

void
consul_sentinel_key(const char *prefix, char *out, size_t size)
{
	size_t n = strlen(prefix);

	if (n > 0)
		n--;				/* the slash at its end */
	while (n > 0 && prefix[n - 1] != '/')
		n--;
	snprintf(out, size, "%.*ssentinel", (int)n, prefix);
}

void
consul_watch_init(struct consul_watch *w, const char *prefix, int64_t wait_ms, uint64_t seed,
    int64_t now_ms)
{
	*w = (struct consul_watch){.wait_ms = wait_ms, .random = seed, .due_ms = now_ms,
	    .pace_ms = CONSUL_PACE_MS};
	w->status.since_ms = now_ms;
	snprintf(w->prefix, sizeof w->prefix, "%s", prefix);
}

/* splitmix64; the jitter needs no better. */
static int64_t
random_between(struct consul_watch *w, int64_t low, int64_t high)
{
	uint64_t z = w->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return high <= low ? low : low + (int64_t)(z % (uint64_t)(high - low + 1));
}

static void
set_state(struct consul_watch *w, enum consul_state state, int64_t now_ms)
{
	if (w->status.state != state)
		w->status.since_ms = now_ms;
	w->status.state = state;
}

/* As soon as the bucket allows: a few questions at once, then one every so often. */
static void
ask_soon(struct consul_watch *w, int64_t now_ms)
{
	int64_t earliest = w->rate_ms - (CONSUL_BURST - 1) * w->pace_ms;

	w->due_ms = earliest > now_ms ? earliest : now_ms;
}

bool
consul_watch_next(struct consul_watch *w, int64_t now_ms, struct consul_question *out)
{
	struct consul_question *q = &w->question;

	if (w->asking || now_ms < w->due_ms)
		return false;
	*q = (struct consul_question){.consistent = true, .new_token = w->new_token};
	if (w->verify_ms != 0 && now_ms >= w->verify_ms && !w->verifying) {
		q->kind = ASK_SENTINEL;
	} else if (!w->verifying && w->block && w->status.index > 0) {
		q->consistent = false;
		q->index = w->status.index;
		q->wait_ms = w->wait_ms;
		if (w->well_ms != 0 && w->status.is_degraded && q->wait_ms > CONSUL_WELL_MS)
			q->wait_ms = CONSUL_WELL_MS;
		if (w->verify_ms != 0 && w->verify_ms - now_ms < q->wait_ms)
			q->wait_ms = w->verify_ms - now_ms;
	}
	w->new_token = false;
	w->asking = true;
	w->status.questions++;
	w->rate_ms = (w->rate_ms > now_ms ? w->rate_ms : now_ms) + w->pace_ms;
	*out = *q;
	return true;
}

int64_t
consul_watch_timeout(const struct consul_watch *w, int64_t now_ms)
{
	if (w->asking)
		return -1;
	return w->due_ms > now_ms ? w->due_ms - now_ms : 0;
}

/* Decorrelated jitter (Brooker, "Exponential Backoff And Jitter", 2015). */
static int64_t
next_backoff(struct consul_watch *w)
{
	int64_t top = w->backoff_ms > 0 ? w->backoff_ms * 3 : CONSUL_BACKOFF_MIN_MS * 3;

	w->backoff_ms = random_between(w, CONSUL_BACKOFF_MIN_MS, top);
	if (w->backoff_ms > CONSUL_BACKOFF_MAX_MS)
		w->backoff_ms = CONSUL_BACKOFF_MAX_MS;
	return w->backoff_ms;
}

/* Entered once per bad spell; too many of them within an hour ask for a long calm. */
static void
become_degraded(struct consul_watch *w, int64_t now_ms)
{
	unsigned recent = 0;

	w->well_ms = 0;
	if (w->status.is_degraded)
		return;
	w->status.is_degraded = true;
	w->status.degraded_ms = now_ms;
	w->failed_ms[w->failed_at++ % (CONSUL_FLAPS_MAX + 1)] = now_ms + 1;
	for (int i = 0; i <= CONSUL_FLAPS_MAX; i++)
		recent += w->failed_ms[i] != 0 && now_ms - w->failed_ms[i] < CONSUL_FLAPS_MS;
	w->status.flaps = recent;
	w->calm_ms = recent > CONSUL_FLAPS_MAX ? now_ms + CONSUL_CALM_MS : 0;
}

static void
become_well(struct consul_watch *w, int64_t now_ms)
{
	if (!w->status.is_degraded)
		return;
	if (w->well_ms == 0)
		w->well_ms = now_ms > 0 ? now_ms : 1;
	else if (now_ms - w->well_ms >= CONSUL_WELL_MS && now_ms >= w->calm_ms)
		w->status.is_degraded = false;
}

/* Every failure: what was half done is void, and the next reading does not block, so that
 * an agent with a new history is noticed at once. */
static int
fail(struct consul_watch *w, enum consul_state state, int64_t delay_ms, int64_t now_ms)
{
	w->status.failures++;
	w->block = false;
	w->verifying = false;
	if (w->verify_ms != 0)
		w->verify_ms = now_ms + CATALOG_CONFIRM_MS;
	become_degraded(w, now_ms);
	set_state(w, state, now_ms);
	w->due_ms = now_ms + delay_ms;
	return 0;
}

/* What the agent said, fit for a log line. */
static void
describe(struct err *trouble, const struct consul_answer *a)
{
	size_t n = a->body_bytes < 120 ? a->body_bytes : 120;

	while (n > 0 && (unsigned char)a->body[n - 1] <= 0x20)
		n--;
	err_set(trouble, ERR_PEER, "Consul answered %d%s%.*s", a->status, n > 0 ? ": " : "", (int)n,
	    n > 0 ? a->body : "");
	for (char *s = trouble->text; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
			*s = '?';
}

/* 0 for anything that is not a number above 0. */
static uint64_t
read_number(const char *text)
{
	uint64_t value = 0;

	if (text == NULL || text[0] == '\0' || strlen(text) > 18)
		return 0;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	return value;
}

static int
fail_denied(struct consul_watch *w, int64_t now_ms)
{
	int64_t delay = w->status.state == CONSUL_DENIED ? w->backoff_ms * 2 : CONSUL_DENIED_MIN_MS;

	w->backoff_ms = delay < CONSUL_DENIED_MAX_MS ? delay : CONSUL_DENIED_MAX_MS;
	w->new_token = true;
	return fail(w, CONSUL_DENIED, w->backoff_ms, now_ms);
}

static int
fail_throttled(struct consul_watch *w, const struct consul_answer *a, int64_t now_ms)
{
	uint64_t seconds = read_number(a->retry_after);
	int64_t delay = seconds == 0 ? THROTTLE_DEFAULT_MS
	    : seconds > THROTTLE_MAX_MS / 1000 ? THROTTLE_MAX_MS
	    : (int64_t)seconds * 1000;

	return fail(w, CONSUL_THROTTLED, delay, now_ms);
}

static int
fail_confused(struct consul_watch *w, int64_t now_ms)
{
	if (w->status.index != 0)
		w->status.resets++;
	w->status.index = 0;
	return fail(w, CONSUL_CONFUSED, next_backoff(w), now_ms);
}

static int
fail_by_status(struct consul_watch *w, const struct consul_answer *a, int64_t now_ms)
{
	describe(&w->status.trouble, a);
	switch (a->status) {
	case 403:
		return fail_denied(w, now_ms);
	case 429:
		return fail_throttled(w, a, now_ms);
	case 500:
	case 502:
	case 503:
	case 504:
		return fail(w, CONSUL_LEADERLESS, next_backoff(w), now_ms);
	default:
		return fail_confused(w, now_ms);
	}
}

/* 1: go on.  0: the history of the agent is another one; read again, consistently.  An
 * answer to a consistent question is taken as it is. */
static int
take_index(struct consul_watch *w, const char *text, int64_t now_ms)
{
	uint64_t index = read_number(text);

	if (index != 0 && index >= w->status.index) {
		w->status.index = index;
		w->block = true;
		return 1;
	}
	w->status.resets++;
	w->status.index = w->question.consistent ? index : 0;
	w->block = w->status.index != 0;
	if (w->question.consistent)
		return 1;
	ask_soon(w, now_ms);
	return 0;
}

/* An answer without an index cannot be waited for: then we ask at intervals. */
static void
plan_next(struct consul_watch *w, int64_t now_ms)
{
	if (w->block)
		ask_soon(w, now_ms);
	else
		w->due_ms = now_ms + w->wait_ms;
}

static void
good(struct consul_watch *w, enum consul_state state, int64_t now_ms)
{
	if (state == CONSUL_WATCHING)
		become_well(w, now_ms);
	else
		become_degraded(w, now_ms);
	set_state(w, state, now_ms);
	err_clear(&w->status.trouble);
	w->status.heard_ms = now_ms;
	w->backoff_ms = 0;
}

static void
digest_items(struct hash_sha256 *h, const struct consul_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct consul_item *item = &items[i];
		uint64_t numbers[3] = {
		    item->document_bytes, item->document != NULL, item->revision};
		hash_sha256_add(h, item->tenant, sizeof item->tenant);
		hash_sha256_add(h, numbers, sizeof numbers);
		if (item->document != NULL)
			hash_sha256_add(h, item->document, item->document_bytes);
		else
			hash_sha256_add(h, item->why.text, strlen(item->why.text));
	}
	hash_sha256_add(h, &count, sizeof count);
}

/* True when the set says something else than the last one that was offered. */
static bool
is_news(struct consul_watch *w, const struct consul_set *set)
{
	struct hash_sha256 *h = hash_sha256_new(NULL);
	uint8_t digest[SHA256_BYTES];
	bool same;

	if (h == NULL)
		return true;
	digest_items(h, set->items, set->count);
	digest_items(h, set->pointers, set->pointer_count);
	digest_items(h, set->pins, set->pin_count);
	digest_items(h, set->gones, set->gone_count);
	hash_sha256_end(h, digest);
	same = w->has_content && memcmp(digest, w->content, sizeof digest) == 0;
	memcpy(w->content, digest, sizeof digest);
	w->has_content = true;
	return !same;
}

static int
answer_tenants(struct consul_watch *w, const struct consul_answer *a, struct consul_set *set,
    int64_t now_ms)
{
	bool trusted = w->verifying && a->status == 200;
	size_t bad_keys = 0;

	if (a->known_leader != NULL && strcmp(a->known_leader, "false") == 0) {
		err_set(&w->status.trouble, ERR_PEER, "the agent knows no leader");
		return fail(w, CONSUL_LEADERLESS, next_backoff(w), now_ms);
	}
	if (a->status == 200 && consul_kv_parse(set, &bad_keys, w->prefix, a->body, a->body_bytes,
				    &w->status.trouble) == -1)
		return fail_confused(w, now_ms);
	w->verifying = false;
	if (take_index(w, a->index, now_ms) == 0) {
		consul_set_fini(set);
		return 0;
	}
	good(w, a->status == 200 ? CONSUL_WATCHING : CONSUL_EMPTY, now_ms);
	if (a->status == 404)
		err_set(&w->status.trouble, ERR_PEER,
		    "nothing under %s, or the token may not list it", w->prefix);
	w->pace_ms = CONSUL_PACE_MS + (int64_t)(a->body_bytes / CONSUL_BYTES_A_MS);
	w->status.keys = set->count;
	w->status.bad_keys = bad_keys;
	plan_next(w, now_ms);
	w->trusted = set->trusted = trusted;
	if (is_news(w, set) || trusted)
		return 1;
	consul_set_fini(set);
	return 0;
}

/* Its answer only says whether the reading that follows may be trusted. */
static int
answer_sentinel(struct consul_watch *w, const struct consul_answer *a, int64_t now_ms)
{
	switch (a->status) {
	case 200:
		w->status.sentinel = SENTINEL_THERE;
		w->verifying = true;
		break;
	case 404:
		w->status.sentinel = SENTINEL_ABSENT;
		w->verify_ms = now_ms + CATALOG_CONFIRM_MS;
		break;
	case 403:
		w->status.sentinel = SENTINEL_DENIED;
		w->verify_ms = now_ms + CATALOG_CONFIRM_MS;
		break;
	default:
		return fail_by_status(w, a, now_ms);
	}
	ask_soon(w, now_ms);
	return 0;
}

int
consul_watch_answer(struct consul_watch *w, const struct consul_answer *a,
    struct consul_set *set, int64_t now_ms)
{
	*set = (struct consul_set){0};
	w->asking = false;
	w->trusted = false;
	if (!a->arrived) {
		err_set(&w->status.trouble, ERR_PEER, "%s",
		    a->trouble != NULL ? a->trouble : "no answer");
		return fail(w, CONSUL_UNREACHABLE, next_backoff(w), now_ms);
	}
	if (w->question.kind == ASK_SENTINEL)
		return answer_sentinel(w, a, now_ms);
	if (a->status == 200 || a->status == 404)
		return answer_tenants(w, a, set, now_ms);
	return fail_by_status(w, a, now_ms);
}

void
consul_watch_applied(struct consul_watch *w, size_t gone, bool complete, int64_t now_ms)
{
	w->status.gone = gone;
	if (!complete)
		w->has_content = false;
	if (gone == 0 || w->status.state == CONSUL_EMPTY)
		w->verify_ms = 0;
	else if (w->trusted)
		w->verify_ms = now_ms + CATALOG_CONFIRM_MS;
	else if (w->verify_ms == 0)
		w->verify_ms = now_ms;
}

void
consul_watch_poke(struct consul_watch *w, int64_t now_ms)
{
	if (w->asking || w->status.state == CONSUL_THROTTLED)
		return;
	w->block = false;
	w->new_token = true;
	ask_soon(w, now_ms);
}
