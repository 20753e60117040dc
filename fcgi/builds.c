/* builds.c - which tenant is built when. */
#include "builds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[BUILD_STATE_MAX] = {
#define X(symbol, name) [symbol] = name,
    BUILD_STATES(X)
#undef X
};

/* What a cell asks for, short enough for columns. */
enum { CURR = BUILD_CURRENT, QUEU = BUILD_QUEUED, RUNN = BUILD_RUNNING, STAL = BUILD_STALE,
	LEAV = BUILD_LEAVING, FAIL = BUILD_FAILED, DROP = BUILD_STATE_MAX };

/* Columns as in BUILD_EVENTS. */
static const unsigned char table[BUILD_STATE_MAX][BUILD_EV_MAX] = {
	/*                 have  same  new   retry start done  fail  gone  work  cancel */
	[BUILD_CURRENT] = {CURR, CURR, QUEU, QUEU, CURR, CURR, CURR, DROP, QUEU, CURR},
	[BUILD_QUEUED]  = {CURR, QUEU, QUEU, QUEU, RUNN, QUEU, QUEU, DROP, QUEU, FAIL},
	[BUILD_RUNNING] = {RUNN, RUNN, STAL, RUNN, RUNN, CURR, FAIL, LEAV, STAL, RUNN},
	[BUILD_STALE]   = {STAL, STAL, STAL, STAL, STAL, QUEU, QUEU, LEAV, STAL, STAL},
	[BUILD_LEAVING] = {STAL, STAL, STAL, LEAV, LEAV, DROP, DROP, LEAV, LEAV, LEAV},
	[BUILD_FAILED]  = {CURR, FAIL, QUEU, QUEU, FAIL, FAIL, FAIL, DROP, QUEU, FAIL},
};

enum build_state
build_next_state(enum build_state state, enum build_event event)
{
	return table[state][event];
}

const char *
build_state_name(enum build_state state)
{
	return (unsigned)state < BUILD_STATE_MAX ? state_names[state] : "unknown";
}

void
builds_init(struct builds *b, unsigned at_once)
{
	*b = (struct builds){.at_once = at_once};
}

void
builds_fini(struct builds *b)
{
	free(b->jobs);
	*b = (struct builds){0};
}

/* The index of the first job not before `tenant`. */
static size_t
place_of(const struct builds *b, const char *tenant)
{
	size_t low = 0, high = b->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(b->jobs[middle].tenant, tenant) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct build_job *
find(const struct builds *b, const char *tenant)
{
	size_t at = place_of(b, tenant);

	return at < b->count && strcmp(b->jobs[at].tenant, tenant) == 0 ? &b->jobs[at] : NULL;
}

const struct build_job *
builds_find(const struct builds *b, const char *tenant)
{
	return find(b, tenant);
}

static struct build_job *
insert(struct builds *b, const char *tenant, struct err *e)
{
	size_t at = place_of(b, tenant), room;
	struct build_job *jobs;

	if (b->count == b->room) {
		room = b->room == 0 ? 64 : b->room * 2;
		if ((jobs = reallocarray(b->jobs, room, sizeof *jobs)) == NULL) {
			err_sys(e, ERR_NOMEM, "builds");
			return NULL;
		}
		b->jobs = jobs;
		b->room = room;
	}
	memmove(&b->jobs[at + 1], &b->jobs[at], (b->count - at) * sizeof b->jobs[0]);
	b->count++;
	b->jobs[at] = (struct build_job){.state = BUILD_CURRENT};
	snprintf(b->jobs[at].tenant, sizeof b->jobs[at].tenant, "%s", tenant);
	return &b->jobs[at];
}

static bool
is_running(enum build_state state)
{
	return state == BUILD_RUNNING || state == BUILD_STALE || state == BUILD_LEAVING;
}

static void
drop(struct builds *b, struct build_job *j)
{
	size_t at = (size_t)(j - b->jobs);

	memmove(j, j + 1, (b->count - at - 1) * sizeof *j);
	b->count--;
}

/* Moves a job and keeps the counters true. */
static void
move(struct builds *b, struct build_job *j, enum build_event event)
{
	enum build_state was = j->state, is = build_next_state(was, event);

	b->queued += (is == BUILD_QUEUED) - (was == BUILD_QUEUED);
	if (is_running(is) && !is_running(was))
		b->running++;
	else if (!is_running(is) && is_running(was))
		b->running--;
	if (is == BUILD_QUEUED && was != BUILD_QUEUED) {
		j->turn = b->turns++;
		j->due_ms = 0;
	}
	j->state = is;
	if (is == BUILD_STATE_MAX)
		drop(b, j);
}

int
builds_want(struct builds *b, const char *tenant, const char *version, const char *digest,
    bool have, struct err *e)
{
	struct build_job *j = find(b, tenant);
	bool same = j != NULL && strcmp(j->version, version) == 0 &&
	    strcmp(j->digest, digest) == 0;

	if (j == NULL && (j = insert(b, tenant, e)) == NULL)
		return -1;
	snprintf(j->version, sizeof j->version, "%s", version);
	snprintf(j->digest, sizeof j->digest, "%s", digest);
	if (have && !is_running(j->state) && !j->has_work) {
		move(b, j, BUILD_EV_HAVE);
		j->reason[0] = '\0';
	} else {
		move(b, j, same || have ? BUILD_EV_SAME : BUILD_EV_NEW);
	}
	return 0;
}

bool
builds_forget(struct builds *b, const char *tenant)
{
	struct build_job *j = find(b, tenant);
	bool runs;

	if (j == NULL)
		return false;
	runs = is_running(j->state);
	move(b, j, BUILD_EV_GONE);
	return runs;
}

const struct build_job *
builds_next(const struct builds *b)
{
	const struct build_job *first = NULL;

	if (b->queued == 0 || b->running >= b->at_once)
		return NULL;
	for (size_t i = 0; i < b->count; i++)
		if (b->jobs[i].state == BUILD_QUEUED && b->jobs[i].due_ms <= b->now_ms &&
		    (first == NULL || b->jobs[i].turn < first->turn))
			first = &b->jobs[i];
	return first;
}

void
builds_started(struct builds *b, const char *tenant)
{
	struct build_job *j = find(b, tenant);

	if (j == NULL)
		return;
	move(b, j, BUILD_EV_START);
	j->takes_work = j->has_work;
	j->has_work = false;
	j->retry_ms = 0;
	memcpy(j->building, j->version, sizeof j->building);
}

static void
ended(struct builds *b, const char *tenant, enum build_event event, const char *reason,
    bool is_busy)
{
	struct build_job *j = find(b, tenant);

	if (j == NULL || !is_running(j->state))
		return;
	j->building[0] = '\0';
	snprintf(j->reason, sizeof j->reason, "%s", reason);
	j->is_busy = is_busy;
	j->is_accepted = j->is_accepted && is_busy;
	j->failures = event == BUILD_EV_FAIL ? j->failures + !is_busy : 0;
	if (event == BUILD_EV_FAIL)
		j->has_work |= j->takes_work;
	j->takes_work = false;
	move(b, j, event);
}

void
builds_done(struct builds *b, const char *tenant)
{
	ended(b, tenant, BUILD_EV_DONE, "", false);
}

void
builds_failed(struct builds *b, const char *tenant, const char *reason, bool is_busy)
{
	ended(b, tenant, BUILD_EV_FAIL, reason, is_busy);
}

bool
builds_retry(struct builds *b, const char *tenant, bool is_accepted)
{
	struct build_job *j = find(b, tenant);

	if (j == NULL || is_running(j->state) || j->state == BUILD_QUEUED)
		return false;
	j->is_accepted = is_accepted;
	move(b, j, BUILD_EV_RETRY);
	return true;
}

size_t
builds_retry_busy(struct builds *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->count; i++)
		if (b->jobs[i].state == BUILD_FAILED && b->jobs[i].is_busy) {
			move(b, &b->jobs[i], BUILD_EV_RETRY);
			n++;
		}
	return n;
}

int64_t
builds_backoff_ms(unsigned failures)
{
	int64_t ms = BUILD_BACKOFF_MS;

	while (failures-- > 1 && ms < BUILD_BACKOFF_MAX_MS)
		ms *= 2;
	return ms < BUILD_BACKOFF_MAX_MS ? ms : BUILD_BACKOFF_MAX_MS;
}

void
builds_work(struct builds *b, const char *tenant, int64_t due_ms)
{
	struct build_job *j = find(b, tenant);
	bool waited;

	if (j == NULL)
		return;
	waited = j->state == BUILD_QUEUED;
	j->has_work = true;
	if (j->retry_ms > due_ms)
		due_ms = j->retry_ms;
	move(b, j, BUILD_EV_WORK);
	if (!waited && j->state == BUILD_QUEUED)
		j->due_ms = due_ms;
}

bool
builds_retry_later(struct builds *b, const char *tenant, int64_t now_ms, bool is_limited)
{
	struct build_job *j = find(b, tenant);

	if (j == NULL || (is_limited && j->failures >= BUILD_TRIES_MAX))
		return false;
	j->retry_ms = now_ms + builds_backoff_ms(j->failures);
	if (j->state == BUILD_QUEUED)	/* another wish came while it ran */
		j->due_ms = j->retry_ms;
	return true;
}

bool
builds_cancel(struct builds *b, const char *tenant, const char *reason)
{
	struct build_job *j = find(b, tenant);

	if (j == NULL || (j->state != BUILD_QUEUED && j->retry_ms == 0) || is_running(j->state))
		return false;
	j->retry_ms = 0;
	move(b, j, BUILD_EV_CANCEL);
	snprintf(j->reason, sizeof j->reason, "%s", reason);
	return true;
}

size_t
builds_tick(struct builds *b, int64_t now_ms)
{
	size_t n = 0;

	b->now_ms = now_ms;
	for (size_t i = 0; i < b->count; i++) {
		struct build_job *j = &b->jobs[i];
		if (j->state != BUILD_FAILED || j->retry_ms == 0 || j->retry_ms > now_ms)
			continue;
		j->retry_ms = 0;
		move(b, j, BUILD_EV_RETRY);
		n++;
	}
	return n;
}

int64_t
builds_due(const struct builds *b)
{
	int64_t due = INT64_MAX, at;

	for (size_t i = 0; i < b->count; i++) {
		at = b->jobs[i].state == BUILD_QUEUED ? b->jobs[i].due_ms :
		    b->jobs[i].state == BUILD_FAILED  ? b->jobs[i].retry_ms :
							 0;
		if (at > b->now_ms && at < due)
			due = at;
	}
	return due;
}

void
builds_note_open(struct builds *b, const char *tenant, bool is_open)
{
	struct build_job *j = find(b, tenant);

	if (j == NULL || !is_open)
		return;
	j->has_open = true;
	j->settled[0] = '\0';
}

void
builds_settled(struct builds *b, const char *tenant, const char *generation, bool is_open)
{
	struct build_job *j = find(b, tenant);

	if (j == NULL)
		return;
	j->has_open = is_open;
	snprintf(j->settled, sizeof j->settled, "%s", generation);
}

void
builds_note_removals(struct builds *b, const char *tenant, uint64_t removals)
{
	struct build_job *j = find(b, tenant);

	if (j != NULL)
		j->removals = removals;
}

void
builds_note_aside(struct builds *b, const char *tenant, const char *name)
{
	struct build_job *j = find(b, tenant);

	if (j != NULL)
		snprintf(j->set_aside, sizeof j->set_aside, "%s", name);
}
