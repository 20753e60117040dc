/* sup_command.c - the lines of the control socket: one row of the table each.
 *
 *   {"command": "status"}
 *   {"command": "reload", "wait": true, "timeout_ms": 60000}
 *   {"command": "respawn", "wait": true}
 *   {"command": "retry", "tenant": "docs"}  {"command": "accept", "tenant": "docs"}
 *   {"command": "build", "tenant": "docs"}  {"command": "cancel", "tenant": "docs"}
 *   {"command": "progress", "tenant": "docs"}
 *   {"command": "pause", "at": "bake"}  {"command": "resume"}  {"command": "abort"}
 *   {"command": "rollback", "tenant": "docs", "to": "4-0123456789ab", "reason": "..."}
 *   {"command": "pin", "tenant": "docs", "generation": "4-0123456789ab"}
 *   {"command": "unpin", "tenant": "docs"}
 *   {"command": "accept-deletions"}
 *   {"command": "store-create", "tenant": "vs_...", "document": {...}}      for workers
 *   {"command": "store-change", "tenant": "vs_...", "changes": {"name": "..."}}
 *   {"command": "store-remove", "tenant": "vs_..."}
 *
 * An answer is one object; a refusal is {"error": {"code", "message"}, "exit": N}.  What moves
 * workers is answered when they have moved, or cannot (sup_wait.c).
 */
#include "sup.h"

#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "tenant.h"

static int
do_status(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	struct buf b;

	(void)request;
	(void)e;
	buf_init(&b, CONTROL_ANSWER_MAX);
	status_write(s, &b);
	sup_answer(s, client, &b);
	return 0;
}

/* How long the client waits at the most; 0: as long as a roll may take. */
static int
read_patience(struct json_object *request, int64_t *ms, struct err *e)
{
	*ms = 0;
	return json_get_int(request, "timeout_ms", false, 1, INT32_MAX, ms, e);
}

static int
do_reload(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	int64_t patience;
	bool wait = false;

	if (json_get_bool(request, "wait", false, &wait, e) == -1 ||
	    read_patience(request, &patience, e) == -1 || (wait && sup_wait_check(s, e) == -1))
		return -1;
	sup_reload(s);
	if (wait)
		sup_wait(s, client, WAIT_PLAIN, patience);
	else
		control_send(s->control, client, "{\"ok\":true}", true);
	return 0;
}

static int
do_respawn(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	int64_t patience;
	bool wait = false;

	if (json_get_bool(request, "wait", false, &wait, e) == -1 ||
	    read_patience(request, &patience, e) == -1 || (wait && sup_wait_check(s, e) == -1))
		return -1;
	sup_respawn_want(s);
	if (wait)
		sup_wait(s, client, WAIT_RESPAWN, patience);
	else
		control_send(s->control, client, "{\"ok\":true}", true);
	return 0;
}

static int
read_tenant(const struct sup *s, struct json_object *request, const char **tenant, struct err *e)
{
	if (json_get_text(request, "tenant", true, TENANT_NAME_BYTES, tenant, e) == -1 ||
	    tenant_name_check(*tenant, strlen(*tenant), e) == -1)
		return -1;
	if (catalog_find(s->catalog, *tenant) == NULL)
		return err_set(e, ERR_TENANT, "there is no tenant \"%s\"", *tenant);
	return 0;
}

static int
do_accept(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const struct build_job *job;
	const char *tenant;
	bool is_probed = false, has_failed;

	if (read_tenant(s, request, &tenant, e) == -1)
		return -1;
	job = builds_find(&s->builds, tenant);
	has_failed = job != NULL && job->state == BUILD_FAILED;	/* later than any candidate */
	if (job != NULL && job->state != BUILD_CURRENT && job->state != BUILD_FAILED)
		return err_set(e, ERR_BUSY, "a build of \"%s\" runs or waits already", tenant);
	if (!has_failed && sup_gate_accept(s, tenant, &is_probed, e) == -1)
		return -1;
	if (!is_probed && !builds_retry(&s->builds, tenant, true))
		return err_set(e, ERR_NOT_READY, "nothing of \"%s\" was refused", tenant);
	log_warn("accepted by an operator tenant=%s%s", tenant, is_probed ? "" : ", to be built");
	control_send(s->control, client, "{\"ok\":true}", true);
	return 0;
}

/* Whatever kept the tenant from what its document wants is forgotten. */
static int
do_retry(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const char *tenant;
	size_t lifted;
	bool builds, is_probed;

	if (read_tenant(s, request, &tenant, e) == -1)
		return -1;
	if (sup_gate_retry(s, tenant, &lifted, &is_probed, e) == -1)
		return -1;
	lifted += sup_poison_lift(s, tenant, NULL);
	if (lifted > 0) {
		sup_gate_look(s, tenant);
		sup_tenants_refresh(s, tenant);
	}
	builds = !is_probed && builds_retry(&s->builds, tenant, false);
	if (lifted == 0 && !builds && !is_probed)
		return err_set(e, ERR_BUSY, "a build of \"%s\" runs or waits already", tenant);
	log_info("retry asked for tenant=%s quarantines lifted=%zu%s", tenant, lifted,
	    builds ? ", to be built" : is_probed ? ", to be probed" : "");
	control_send(s->control, client,
	    lifted > 0 ? "{\"ok\":true,\"lifted\":true}" : "{\"ok\":true}", true);
	return 0;
}

/* Builds the tenant now, also when nothing has changed. */
static int
do_build(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const char *tenant;

	if (read_tenant(s, request, &tenant, e) == -1)
		return -1;
	builds_work(&s->builds, tenant, 0);
	log_info("build asked for tenant=%s", tenant);
	control_send(s->control, client, "{\"ok\":true}", true);
	return 0;
}

static int
do_cancel(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const char *tenant;

	if (read_tenant(s, request, &tenant, e) == -1)
		return -1;
	if (!sup_builds_withdraw(s, tenant))
		return err_set(e, ERR_NOT_READY, "no build of \"%s\" runs or waits", tenant);
	log_warn("build cancelled by an operator tenant=%s", tenant);
	control_send(s->control, client, "{\"ok\":true}", true);
	return 0;
}

/* Where a tenant's newest knowledge is on its way to the workers. */
static int
do_progress(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const struct catalog_tenant *t;
	const char *tenant, *reason, *state, *progress;
	const struct roster_entry *served;
	const struct live_tenant *l;
	struct buf b;

	if (read_tenant(s, request, &tenant, e) == -1)
		return -1;
	t = catalog_find(s->catalog, tenant);
	l = live_find(&s->live, tenant);
	served = roster_find(&s->roster, tenant);
	state = status_tenant_state(s, t, &reason);
	if (strcmp(state, "live") == 0 &&
	    (roll_is_busy(&s->roll) || l == NULL || served == NULL ||
		strcmp(served->generation, l->generation) != 0))
		state = "rolling";
	progress = sup_builds_progress(s, tenant);
	buf_init(&b, CONTROL_ANSWER_MAX);
	buf_addf(&b, "{\"state\":\"%s\",\"reason\":", state);
	json_put_text(&b, reason != NULL ? reason : "", reason != NULL ? strlen(reason) : 0);
	buf_addf(&b, ",\"generation\":\"%s\",\"documents\":%" PRIu64 ",\"chunks\":%" PRIu64,
	    l != NULL ? l->generation : "", l != NULL ? l->documents : 0,
	    l != NULL ? l->chunks : 0);
	buf_addf(&b, ",\"build\":%s}", progress[0] != '\0' ? progress : "null");
	sup_answer(s, client, &b);
	return 0;
}

static int
do_rollback(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const char *tenant, *to = NULL, *reason = "rolled back by an operator";
	int64_t patience;

	if (read_tenant(s, request, &tenant, e) == -1 || read_patience(request, &patience, e) == -1 ||
	    json_get_text(request, "to", false, GENERATION_NAME_BYTES - 1, &to, e) == -1 ||
	    json_get_text(request, "reason", false, QUARANTINE_REASON_BYTES - 1, &reason, e) == -1 ||
	    sup_wait_check(s, e) == -1 || sup_rollback(s, tenant, to, reason, e) == -1)
		return -1;
	sup_wait(s, client, WAIT_URGENT, patience);
	return 0;
}

static int
do_pin(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const struct live_tenant *l;
	const char *tenant, *generation = NULL;
	int64_t patience;

	if (read_tenant(s, request, &tenant, e) == -1 || read_patience(request, &patience, e) == -1 ||
	    json_get_text(
		request, "generation", false, GENERATION_NAME_BYTES - 1, &generation, e) == -1 ||
	    sup_wait_check(s, e) == -1)
		return -1;
	if (generation == NULL) {
		l = live_find(&s->live, tenant);
		if (l == NULL || l->generation[0] == '\0')
			return err_set(e, ERR_NOT_READY, "%s serves no generation yet", tenant);
		generation = l->generation;
	}
	if (sup_pin_set(s, tenant, generation, PIN_OPERATOR, e) == -1)
		return -1;
	sup_wait(s, client, WAIT_URGENT, patience);
	return 0;
}

static int
do_unpin(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const char *tenant;
	int64_t patience;

	if (read_tenant(s, request, &tenant, e) == -1 || read_patience(request, &patience, e) == -1 ||
	    sup_wait_check(s, e) == -1)
		return -1;
	if (pins_find(&s->pins, tenant, PIN_OPERATOR) == NULL)
		return err_set(e, ERR_INPUT, "no operator has pinned \"%s\"%s", tenant,
		    pins_of(&s->pins, tenant) != NULL ? "; the pin is a key in Consul" : "");
	if (sup_pin_set(s, tenant, NULL, PIN_OPERATOR, e) == -1)
		return -1;
	sup_wait(s, client, WAIT_URGENT, patience);
	return 0;
}

static int
do_pause(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const char *at = NULL;

	if (json_get_text(request, "at", false, 32, &at, e) == -1)
		return -1;
	if (at != NULL && !roll_pause_at(&s->roll, roll_phase_of(at)))
		return err_set(e, ERR_INPUT,
		    "a roll can be stopped at hold, lock, surge, canary, bake, roll, verify, back or "
		    "back-verify");
	if (at == NULL)
		roll_pause(&s->roll, s->now_ms);
	log_info("roll paused%s%s", at != NULL ? " at " : "", at != NULL ? at : "");
	control_send(s->control, client, "{\"ok\":true}", true);
	return 0;
}

static int
do_resume(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	(void)request;
	(void)e;
	log_info("roll resumed");
	roll_resume(&s->roll, s->now_ms);
	control_send(s->control, client, "{\"ok\":true}", true);
	return 0;
}

static int
do_abort(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	int64_t patience;

	if (read_patience(request, &patience, e) == -1 || sup_wait_check(s, e) == -1)
		return -1;
	if (!roll_is_busy(&s->roll))
		return err_set(e, ERR_INPUT, "no roll is under way");
	sup_roll_abort(s);
	sup_wait(s, client, WAIT_ABORT, patience);
	return 0;
}

static int
do_accept_deletions(
    struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	struct buf b;
	size_t n = catalog_accept_deletions(s->catalog);

	(void)request;
	(void)e;
	log_warn("deletions accepted: %zu tenants", n);
	buf_init(&b, 256);
	buf_addf(&b, "{\"ok\":true,\"removed\":%zu}", n);
	sup_answer(s, client, &b);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct sup *, control_id, struct json_object *, struct err *);
} commands[] = {
    {"status", do_status},
    {"reload", do_reload},
    {"respawn", do_respawn},
    {"retry", do_retry},
    {"accept", do_accept},
    {"build", do_build},
    {"cancel", do_cancel},
    {"progress", do_progress},
    {"pause", do_pause},
    {"resume", do_resume},
    {"abort", do_abort},
    {"rollback", do_rollback},
    {"pin", do_pin},
    {"unpin", do_unpin},
    {"accept-deletions", do_accept_deletions},
    {"store-create", sup_store_create},
    {"store-change", sup_store_change},
    {"store-remove", sup_store_remove},
};

static int
run_request(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const char *name;

	if (json_get_text(request, "command", true, 64, &name, e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run(s, client, request, e);
	return err_set(e, ERR_USAGE, "the supervisor knows no command \"%s\"", name);
}

void
sup_command(void *context, control_id client, const char *line, size_t n)
{
	struct sup *s = context;
	struct json_object *request;
	struct err e;

	if (json_parse_object(&request, line, n, &e) == -1) {
		sup_refuse(s, client, &e, 0);
		return;
	}
	if (run_request(s, client, request, &e) == -1)
		sup_refuse(s, client, &e, 0);
	json_object_put(request);
}
