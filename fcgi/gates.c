/* gates.c - which candidate of each tenant is judged when. */
#include "gates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[GATE_STATE_MAX] = {
#define X(symbol, name) [symbol] = name,
    GATE_STATES(X)
#undef X
};

static const char *const origin_names[GATE_ORIGIN_MAX] = {
#define X(symbol, name) [symbol] = name,
    GATE_ORIGINS(X)
#undef X
};

#define CLEA GATE_CLEAR
#define QUEU GATE_QUEUED
#define PROB GATE_PROBING
#define STAL GATE_STALE
#define LEAV GATE_LEAVING
#define PASS GATE_PASSED
#define FAIL GATE_FAILED
#define HELD GATE_HELD

static const enum gate_state table[GATE_STATE_MAX][GATE_EV_MAX] = {
	/*                offer refuse start pass  fail  hold  drop */
	[GATE_CLEAR]   = {QUEU, FAIL, CLEA, CLEA, CLEA, CLEA, CLEA},
	[GATE_QUEUED]  = {QUEU, FAIL, PROB, QUEU, QUEU, QUEU, CLEA},
	[GATE_PROBING] = {STAL, PROB, PROB, PASS, FAIL, HELD, LEAV},
	[GATE_STALE]   = {STAL, STAL, STAL, QUEU, QUEU, QUEU, LEAV},
	[GATE_LEAVING] = {STAL, LEAV, LEAV, CLEA, CLEA, CLEA, LEAV},
	[GATE_PASSED]  = {QUEU, FAIL, PASS, PASS, PASS, PASS, CLEA},
	[GATE_FAILED]  = {QUEU, FAIL, FAIL, FAIL, FAIL, FAIL, CLEA},
	[GATE_HELD]    = {QUEU, FAIL, HELD, HELD, HELD, HELD, CLEA},
};

enum gate_state
gate_next_state(enum gate_state state, enum gate_event event)
{
	return table[state][event];
}

const char *
gate_state_name(enum gate_state state)
{
	return (unsigned)state < GATE_STATE_MAX ? state_names[state] : "unknown";
}

const char *
gate_origin_name(enum gate_origin origin)
{
	return (unsigned)origin < GATE_ORIGIN_MAX ? origin_names[origin] : "unknown";
}

void
gates_init(struct gates *g, unsigned at_once)
{
	*g = (struct gates){.at_once = at_once};
}

void
gates_fini(struct gates *g)
{
	free(g->at);
	*g = (struct gates){0};
}

/* ---- places ---- */

/* The index of the first gate not before `tenant`. */
static size_t
place_of(const struct gates *g, const char *tenant)
{
	size_t low = 0, high = g->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(g->at[middle].tenant, tenant) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct gate *
find(const struct gates *g, const char *tenant)
{
	size_t at = place_of(g, tenant);

	return at < g->count && strcmp(g->at[at].tenant, tenant) == 0 ? &g->at[at] : NULL;
}

const struct gate *
gates_find(const struct gates *g, const char *tenant)
{
	return find(g, tenant);
}

static struct gate *
find_or_insert(struct gates *g, const char *tenant, struct err *e)
{
	struct gate *x = find(g, tenant), *grown;
	size_t at, room;

	if (x != NULL)
		return x;
	if (g->count == g->room) {
		room = g->room == 0 ? 16 : g->room * 2;
		if ((grown = reallocarray(g->at, room, sizeof *grown)) == NULL) {
			err_sys(e, ERR_NOMEM, "gates");
			return NULL;
		}
		g->at = grown;
		g->room = room;
	}
	at = place_of(g, tenant);
	memmove(&g->at[at + 1], &g->at[at], (g->count - at) * sizeof g->at[0]);
	g->count++;
	g->at[at] = (struct gate){.state = GATE_CLEAR};
	snprintf(g->at[at].tenant, sizeof g->at[at].tenant, "%s", tenant);
	return &g->at[at];
}

static void
forget(struct gates *g, struct gate *x)
{
	size_t at = (size_t)(x - g->at);

	memmove(x, x + 1, (g->count - at - 1) * sizeof *x);
	g->count--;
}

/* ---- moves ---- */

static bool
is_running(enum gate_state state)
{
	return state == GATE_PROBING || state == GATE_STALE || state == GATE_LEAVING;
}

/* Moves a gate and keeps the counters true; one without a candidate is forgotten. */
static enum gate_state
move(struct gates *g, struct gate *x, enum gate_event event, int64_t now_ms)
{
	enum gate_state was = x->state, is = gate_next_state(was, event);

	g->queued += (is == GATE_QUEUED) - (was == GATE_QUEUED);
	g->running += (unsigned)is_running(is) - (unsigned)is_running(was);
	if (is == GATE_QUEUED && was != GATE_QUEUED)
		x->turn = g->turns++;
	if (is != was)
		x->since_ms = now_ms;
	if (!is_running(is))
		x->probing[0] = '\0';
	x->state = is;
	if (is == GATE_CLEAR)
		forget(g, x);
	return is;
}

static void
take_candidate(struct gate *x, const char *candidate, enum gate_origin origin, bool is_accepted,
    const char *reason)
{
	snprintf(x->candidate, sizeof x->candidate, "%s", candidate);
	snprintf(x->reason, sizeof x->reason, "%s", reason);
	x->origin = origin;
	x->is_accepted = is_accepted;
}

int
gates_offer(struct gates *g, const char *tenant, const char *candidate, enum gate_origin origin,
    bool is_accepted, int64_t now_ms, bool *stop, struct err *e)
{
	struct gate *x = find_or_insert(g, tenant, e);
	bool is_known;

	*stop = false;
	if (x == NULL)
		return -1;
	is_known = (x->state == GATE_QUEUED || x->state == GATE_PROBING ||
		       x->state == GATE_STALE) &&
	    strcmp(x->candidate, candidate) == 0 && (x->is_accepted || !is_accepted);
	if (is_known)
		return 0;
	take_candidate(x, candidate, origin, is_accepted, "");
	*stop = move(g, x, GATE_EV_OFFER, now_ms) == GATE_STALE;
	return 0;
}

int
gates_refuse(struct gates *g, const char *tenant, const char *candidate,
    enum gate_origin origin, const char *reason, int64_t now_ms, struct err *e)
{
	struct gate *x = find_or_insert(g, tenant, e);

	if (x == NULL)
		return -1;
	if (is_running(x->state))
		return 0;	/* another candidate has the word; this one is in quarantine */
	take_candidate(x, candidate, origin, false, reason);
	move(g, x, GATE_EV_REFUSE, now_ms);
	return 0;
}

const struct gate *
gates_next(const struct gates *g)
{
	const struct gate *first = NULL;

	if (g->queued == 0 || g->running >= g->at_once)
		return NULL;
	for (size_t i = 0; i < g->count; i++)
		if (g->at[i].state == GATE_QUEUED && !g->at[i].is_deferred &&
		    (first == NULL || g->at[i].turn < first->turn))
			first = &g->at[i];
	return first;
}

void
gates_started(struct gates *g, const char *tenant, int64_t now_ms)
{
	struct gate *x = find(g, tenant);

	if (x == NULL || x->state != GATE_QUEUED)
		return;
	memcpy(x->probing, x->candidate, sizeof x->probing);
	move(g, x, GATE_EV_START, now_ms);
}

bool
gates_ended(struct gates *g, const char *tenant, enum gate_event verdict, const char *reason,
    int64_t now_ms)
{
	struct gate *x = find(g, tenant);
	bool counts;

	if (x == NULL || !is_running(x->state))
		return false;
	counts = x->state == GATE_PROBING;
	if (counts) {
		snprintf(x->reason, sizeof x->reason, "%s", reason);
		g->passed += verdict == GATE_EV_PASS;
		g->failed += verdict == GATE_EV_FAIL;
		g->held += verdict == GATE_EV_HOLD;
	}
	move(g, x, verdict, now_ms);
	return counts;
}

bool
gates_drop(struct gates *g, const char *tenant, int64_t now_ms)
{
	struct gate *x = find(g, tenant);

	return x != NULL && move(g, x, GATE_EV_DROP, now_ms) == GATE_LEAVING;
}

bool
gates_wants(const struct gates *g, const char *tenant, const char *generation)
{
	const struct gate *x = find(g, tenant);

	return x != NULL && x->state != GATE_PASSED &&
	    (strcmp(x->candidate, generation) == 0 || strcmp(x->probing, generation) == 0);
}
