/* sup_gate.c - candidates and their probes: what gates.h decides is carried out here.
 *
 *   a build's generation  --.
 *                            offer -> probe -> pass: pointer flipped, a roll wanted
 *   a pointer moved by hand -'             -> fail: quarantined, the old one serves on
 *                                          -> inconclusive: as gate_on_inconclusive says
 *
 * What the pointer on disk names has passed, always: one that somebody moved is put back
 * until its candidate has, so that a restart in between serves nothing unproven.
 */
#include "sup.h"

#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "file.h"
#include "gate.h"
#include "generation.h"
#include "json.h"
#include "log.h"

enum { ON_INCONCLUSIVE_PROCEED, ON_INCONCLUSIVE_HOLD };	/* as in conf.def */
enum { QUESTIONS_PERCENT = 80 };	/* of gate_timeout; the rest is for reading the files */

/* ---- offers ---- */

static const char *
live_generation(const struct sup *s, const char *tenant)
{
	const struct live_tenant *l = live_find(&s->live, tenant);

	return l != NULL ? l->pointer : "";
}

static void
stop_probe(struct sup *s, const char *tenant)
{
	for (int i = 0; i < PROBES_MAX; i++)
		if (strcmp(s->probes[i].tenant, tenant) == 0)
			child_stop(&s->probes[i].child, true, s->now_ms);
}

static int
refuse_known(struct sup *s, const char *tenant, const struct quarantine_entry *q,
    const char *generation, enum gate_origin origin, struct err *e)
{
	char reason[GATE_TEXT_BYTES];

	snprintf(reason, sizeof reason, "it is quarantined: %s", q->reason);
	log_warn("gate refuses tenant=%s generation=%s: %s", tenant, generation, reason);
	return gates_refuse(&s->gates, tenant, generation, origin, reason, s->now_ms, e);
}

static int
offer(struct sup *s, const char *tenant, const char *generation, enum gate_origin origin,
    bool is_accepted, struct err *e)
{
	const struct quarantine_entry *q = quarantine_find(&s->quarantine, tenant, generation);
	bool stop;

	if (q != NULL && !is_accepted)
		return refuse_known(s, tenant, q, generation, origin, e);
	if (gates_offer(&s->gates, tenant, generation, origin, is_accepted, s->now_ms, &stop,
		e) == -1)
		return -1;
	if (stop)
		stop_probe(s, tenant);
	return 0;
}

int
sup_gate_offer(
    struct sup *s, const char *tenant, const char *generation, bool is_accepted, struct err *e)
{
	if (!s->conf.global.gate || strcmp(live_generation(s, tenant), generation) == 0) {
		sup_gate_drop(s, tenant);
		return sup_tenants_flip(s, tenant, generation, e);
	}
	return offer(s, tenant, generation, GATE_OF_BUILD, is_accepted, e);
}

void
sup_gate_look(struct sup *s, const char *tenant)
{
	const char *data = s->conf.global.data_dir;
	char serves[GENERATION_NAME_BYTES], moved[GENERATION_NAME_BYTES], dir[PATH_MAX];
	struct err e;

	snprintf(serves, sizeof serves, "%s", live_generation(s, tenant));
	if (!s->conf.global.gate || serves[0] == '\0' ||
	    generation_current(moved, data, tenant, NULL) == -1 || strcmp(serves, moved) == 0)
		return;
	log_info("pointer moved tenant=%s from=%s to=%s: put back until the gate has judged it",
	    tenant, serves, moved);
	if (generation_set_current(data, tenant, serves, &e) == -1 ||
	    generation_dir(dir, data, tenant, moved, &e) == -1)
		log_error("tenant=%s: %s", tenant, e.text);
	else if (!file_is_folder(dir))
		log_error("tenant=%s: there is no generation %s", tenant, moved);
	else if (offer(s, tenant, moved, GATE_OF_POINTER, false, &e) == -1)
		log_error("tenant=%s: %s", tenant, e.text);
}

void
sup_gate_drop(struct sup *s, const char *tenant)
{
	if (gates_drop(&s->gates, tenant, s->now_ms))
		stop_probe(s, tenant);
}

/* ---- what operators say ---- */

/* The candidate that was refused or is held; "" when there is none. */
static void
candidate_of(const struct sup *s, const char *tenant, char out[GENERATION_NAME_BYTES],
    enum gate_origin *origin)
{
	const struct gate *x = gates_find(&s->gates, tenant);

	out[0] = '\0';
	*origin = GATE_OF_BUILD;
	if (x == NULL || (x->state != GATE_FAILED && x->state != GATE_HELD))
		return;
	snprintf(out, GENERATION_NAME_BYTES, "%s", x->candidate);
	*origin = x->origin;
}

int
sup_gate_retry(
    struct sup *s, const char *tenant, size_t *lifted, bool *is_probed, struct err *e)
{
	char candidate[GENERATION_NAME_BYTES];
	enum gate_origin origin;

	*is_probed = false;
	candidate_of(s, tenant, candidate, &origin);
	*lifted = sup_quarantine_clear(s, tenant);
	if (candidate[0] == '\0' || origin != GATE_OF_POINTER)
		return 0;
	*is_probed = true;
	return offer(s, tenant, candidate, origin, false, e);
}

int
sup_gate_accept(struct sup *s, const char *tenant, bool *is_probed, struct err *e)
{
	char candidate[GENERATION_NAME_BYTES];
	enum gate_origin origin;

	candidate_of(s, tenant, candidate, &origin);
	*is_probed = candidate[0] != '\0';
	if (!*is_probed)
		return 0;
	log_warn("gate: an operator accepts tenant=%s generation=%s", tenant, candidate);
	return offer(s, tenant, candidate, origin, true, e);
}

/* ---- probes ---- */

static struct probe_run *
free_run(struct sup *s)
{
	for (int i = 0; i < PROBES_MAX; i++)
		if (s->probes[i].child.pid == 0)
			return &s->probes[i];
	return NULL;
}

/* Numbers on their way to a command line. */
struct number {
	char text[24];
};

static const char *
text_of(struct number *n, int64_t value)
{
	snprintf(n->text, sizeof n->text, "%" PRId64, value);
	return n->text;
}

static int
start_process(struct sup *s, struct probe_run *r, const struct gate *x, struct err *e)
{
	const struct conf_global *g = &s->conf.global;
	char config[PATH_MAX];
	struct number n[7];
	const struct build_job *job;
	const char *argv[32] = {"ragpool-probe", "--json", "--data", g->data_dir, "--tenant",
	    r->tenant, "--candidate", r->generation, "--queries", text_of(&n[0], g->gate_queries),
	    "--max-shrink", text_of(&n[1], g->max_shrink), "--min-overlap",
	    text_of(&n[2], g->gate_min_overlap), "--min-recall",
	    text_of(&n[3], g->gate_min_recall), "--max-slowdown",
	    text_of(&n[4], g->gate_max_slowdown), "--time",
	    text_of(&n[5], g->gate_timeout_ms * QUESTIONS_PERCENT / 100)};
	size_t argc = 20;

	if (catalog_document_path(s->catalog, r->tenant, config, sizeof config, NULL) == 0) {
		argv[argc++] = "--config";
		argv[argc++] = config;
	}
	if (live_generation(s, r->tenant)[0] != '\0') {
		argv[argc++] = "--current";
		argv[argc++] = live_generation(s, r->tenant);
	}
	if ((job = builds_find(&s->builds, r->tenant)) != NULL && job->removals > 0) {
		argv[argc++] = "--removed";
		argv[argc++] = text_of(&n[6], (int64_t)job->removals);
	}
	if (x->is_accepted)
		argv[argc++] = "--accept";
	return child_start(&r->child, g->probe_program, argv, s->now_ms, g->gate_timeout_ms, e);
}

static void judge(struct sup *s, const char *tenant, enum verdict v, const char *reason);

static void
start_probe(struct sup *s, const struct gate *x)
{
	struct probe_run *r = free_run(s);
	struct err e;

	memcpy(r->tenant, x->tenant, sizeof r->tenant);
	memcpy(r->generation, x->candidate, sizeof r->generation);
	gates_started(&s->gates, r->tenant, s->now_ms);
	if (start_process(s, r, x, &e) == -1) {
		judge(s, r->tenant, VERDICT_INCONCLUSIVE, e.text);
		return;
	}
	log_info("gate begins tenant=%s generation=%s pid=%d", r->tenant, r->generation,
	    (int)r->child.pid);
}

/* A crash of its reader is the candidate's doing; an end from outside is not. */
static bool
has_crashed(const struct child *c)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGSYS};

	for (size_t i = 0; WIFSIGNALED(c->status) && i < sizeof crashes / sizeof crashes[0]; i++)
		if (WTERMSIG(c->status) == crashes[i])
			return true;
	return false;
}

static int
read_verdict(struct child *c, enum verdict *v, char reason[GATE_TEXT_BYTES], struct err *e)
{
	struct json_object *o;
	const char *name = "", *why = "";
	int rc = -1;

	if (child_result(c, &o, e) == -1)
		return -1;
	if (json_get_text(o, "verdict", true, 32, &name, e) == 0 &&
	    json_get_text(o, "reason", false, GATE_REASON_BYTES, &why, e) == 0) {
		*v = verdict_of(name);
		snprintf(reason, GATE_TEXT_BYTES, "%s", why);
		rc = *v != VERDICT_MAX ? 0 : err_set(e, ERR_PEER, "no verdict: %.40s", name);
	}
	json_object_put(o);
	return rc;
}

/* A probe that could not say it: its verdict is written by us, for whoever looks later. */
static void
keep_verdict(const struct sup *s, const struct probe_run *r, enum verdict v, const char *reason)
{
	struct gate_report report = {.verdict = v, .reasons = 1, .at_s = (int64_t)time(NULL)};
	char path[PATH_MAX];
	struct buf b;

	snprintf(report.tenant, sizeof report.tenant, "%s", r->tenant);
	snprintf(report.candidate, sizeof report.candidate, "%s", r->generation);
	report.reason[0].weight = v;
	snprintf(report.reason[0].text, sizeof report.reason[0].text, "%s", reason);
	buf_init(&b, 64 * 1024);
	gate_report_write(&report, &b);
	buf_addc(&b, '\n');
	if (buf_check(&b, "verdict", NULL) == -1 ||
	    generation_verdict_path(path, s->conf.global.data_dir, r->tenant, r->generation,
		NULL) == -1 ||
	    file_replace(path, b.data, b.len, 0640, NULL) == -1)
		log_warn("verdict not kept tenant=%s generation=%s", r->tenant, r->generation);
	buf_fini(&b);
}

static enum verdict
verdict_of_run(struct sup *s, struct probe_run *r, char reason[GATE_TEXT_BYTES])
{
	enum verdict v = VERDICT_INCONCLUSIVE;
	struct err e;

	err_clear(&e);
	if (child_is_well(&r->child) && read_verdict(&r->child, &v, reason, &e) == 0)
		return v;
	if (has_crashed(&r->child)) {
		v = VERDICT_FAIL;
		err_set(&e, ERR_CORRUPT, "reading it ended the probe by SIG%s",
		    sigabbrev_np(WTERMSIG(r->child.status)));
	} else if (r->child.was_told) {
		err_set(&e, ERR_TIMEOUT, "the probe did not end in time");
	} else if (!child_is_well(&r->child)) {
		child_reason(&r->child, "probe", &e);
	}
	snprintf(reason, GATE_TEXT_BYTES, "%s", e.text);
	keep_verdict(s, r, v, reason);
	return v;
}

/* ---- verdicts ---- */

static void
pass(struct sup *s, const char *tenant, const char *generation, enum verdict v,
    const char *reason)
{
	struct err e;

	/* An accepted candidate may have been refused before. */
	sup_quarantine_lift(s, tenant, generation);
	if (sup_tenants_flip(s, tenant, generation, &e) == -1) {
		log_error("gate passed tenant=%s generation=%s, but: %s", tenant, generation,
		    e.text);
		gates_ended(&s->gates, tenant, GATE_EV_HOLD, e.text, s->now_ms);
		/* A full disk, perhaps.  The build makes nothing new, and offers it again. */
		builds_work(&s->builds, tenant, s->now_ms + FLIP_RETRY_MS);
		return;
	}
	gates_ended(&s->gates, tenant, GATE_EV_PASS, reason, s->now_ms);
	log_line(v == VERDICT_PASS ? LOG_INFO : LOG_WARN, "gate %s tenant=%s generation=%s%s%s",
	    v == VERDICT_PASS ? "passed" : "inconclusive, let through", tenant, generation,
	    reason[0] != '\0' ? ": " : "", reason);
}

static void
judge(struct sup *s, const char *tenant, enum verdict v, const char *reason)
{
	const struct gate *x = gates_find(&s->gates, tenant);
	char generation[GENERATION_NAME_BYTES];

	if (x == NULL || x->state != GATE_PROBING) {	/* nobody asks any more */
		gates_ended(&s->gates, tenant, GATE_EV_HOLD, "", s->now_ms);
		return;
	}
	snprintf(generation, sizeof generation, "%s", x->probing);
	if (v == VERDICT_FAIL) {
		gates_ended(&s->gates, tenant, GATE_EV_FAIL, reason, s->now_ms);
		sup_quarantine_add(s, tenant, generation, reason);
		sup_inbox_refused(s, tenant, generation, reason);
	} else if (v == VERDICT_INCONCLUSIVE &&
	    s->conf.global.gate_on_inconclusive == ON_INCONCLUSIVE_HOLD && !x->is_accepted) {
		gates_ended(&s->gates, tenant, GATE_EV_HOLD, reason, s->now_ms);
		log_warn("gate inconclusive, held tenant=%s generation=%s: %s", tenant, generation,
		    reason);
	} else {
		pass(s, tenant, generation, v, reason);
	}
}

static void
finish_probe(struct sup *s, struct probe_run *r)
{
	const struct gate *x = gates_find(&s->gates, r->tenant);
	char reason[GATE_TEXT_BYTES] = "";
	enum verdict v = VERDICT_INCONCLUSIVE;

	if (x != NULL && x->state == GATE_PROBING)
		v = verdict_of_run(s, r, reason);
	child_fini(&r->child);
	judge(s, r->tenant, v, reason);
	r->tenant[0] = '\0';
}

/* A tenant that is cold comes back first: its candidate is compared with what it has. */
static void
await_current(struct sup *s)
{
	for (size_t i = 0; s->gates.queued > 0 && i < s->gates.count; i++) {
		struct gate *x = &s->gates.at[i];
		x->is_deferred = x->state == GATE_QUEUED && sup_cold_awaits(s, x->tenant);
	}
}

void
sup_gate_turn(struct sup *s)
{
	const struct gate *x;

	for (int i = 0; i < PROBES_MAX; i++) {
		struct probe_run *r = &s->probes[i];
		if (r->child.pid == 0)
			continue;
		child_read(&r->child);
		if (r->child.is_ended)
			finish_probe(s, r);
		else if (child_check_time(&r->child, s->now_ms))
			log_warn("gate tenant=%s pid=%d: over its time, stopped", r->tenant,
			    (int)r->child.pid);
	}
	s->gates.at_once = (unsigned)s->conf.global.probes_at_once;
	if (s->stopping == STOP_NOT)
		await_current(s);
	while (s->stopping == STOP_NOT && (x = gates_next(&s->gates)) != NULL)
		start_probe(s, x);
}

bool
sup_gate_reap(struct sup *s, pid_t pid, int status)
{
	for (int i = 0; i < PROBES_MAX; i++)
		if (child_reap(&s->probes[i].child, pid, status))
			return true;
	return false;
}

void
sup_gate_stop(struct sup *s)
{
	for (int i = 0; i < PROBES_MAX; i++)
		child_stop(&s->probes[i].child, true, s->now_ms);
}

bool
sup_gate_any(const struct sup *s)
{
	for (int i = 0; i < PROBES_MAX; i++)
		if (s->probes[i].child.pid != 0)
			return true;
	return false;
}

size_t
sup_gate_fds(const struct sup *s, struct curl_waitfd *fds)
{
	size_t n = 0;

	for (int i = 0; i < PROBES_MAX; i++)
		if (s->probes[i].child.pid != 0 && s->probes[i].child.out_fd != -1)
			fds[n++] = (struct curl_waitfd){
			    .fd = s->probes[i].child.out_fd, .events = CURL_WAIT_POLLIN};
	return n;
}

int64_t
sup_gate_due(const struct sup *s)
{
	int64_t due = INT64_MAX;

	if (s->stopping == STOP_NOT && gates_next(&s->gates) != NULL)
		return s->now_ms;	/* offered after our turn, by a command */
	for (int i = 0; i < PROBES_MAX; i++)
		if (s->probes[i].child.pid != 0 && s->probes[i].child.due_ms < due)
			due = s->probes[i].child.due_ms;
	return due;
}

/* ---- status ---- */

static void
put_text(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, ",\"%s\":", name);
	if (text[0] != '\0')
		json_put_text(b, text, strlen(text));
	else
		buf_adds(b, "null");
}

void
sup_gate_status(const struct sup *s, const char *tenant, struct buf *b)
{
	const struct gate *x = gates_find(&s->gates, tenant);
	const struct quarantine_entry *q;
	size_t count;

	buf_addf(b, "{\"state\":\"%s\"", gate_state_name(x != NULL ? x->state : GATE_CLEAR));
	put_text(b, "generation", x != NULL ? x->candidate : "");
	put_text(b, "reason", x != NULL ? x->reason : "");
	put_text(b, "origin", x != NULL ? gate_origin_name(x->origin) : "");
	buf_addf(b, ",\"since_s\":%" PRId64 ",\"quarantined\":[",
	    x != NULL ? (s->now_ms - x->since_ms) / 1000 : 0);
	q = quarantine_of(&s->quarantine, tenant, &count);
	for (size_t i = 0; q != NULL && i < count; i++) {
		buf_addf(b, "%s{\"generation\":\"%s\",\"since\":%" PRId64, i > 0 ? "," : "",
		    q[i].generation, q[i].since_s);
		put_text(b, "reason", q[i].reason);
		buf_addc(b, '}');
	}
	buf_adds(b, "]}");
}
