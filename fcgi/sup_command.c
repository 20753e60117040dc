/* sup_command.c - the lines of the control socket: one row of the table each.
 *
 *   {"command": "status"}
 *   {"command": "reload", "wait": true}
 *   {"command": "respawn", "wait": true}
 *   {"command": "retry", "tenant": "docs"}
 *   {"command": "pause"}  {"command": "resume"}  {"command": "accept-deletions"}
 *
 * An answer is one object; a refusal is {"error": {"code", "message"}, "exit": N}.
 */
#include "sup.h"

#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "log.h"
#include "tenant.h"

static void
send_buf(struct sup *s, control_id client, struct buf *b)
{
	struct err e;

	if (buf_check(b, "answer", &e) == -1)
		control_send(s->control, client,
		    "{\"error\":{\"code\":\"internal\","
		    "\"message\":\"the answer is too large\"},\"exit\":70}",
		    true);
	else
		control_send(s->control, client, b->data, true);
	buf_fini(b);
}

static void
refuse(struct sup *s, control_id client, const struct err *e)
{
	const struct err_row *row = err_row(e->code);
	struct buf b;

	buf_init(&b, CONTROL_ANSWER_MAX);
	buf_addf(&b, "{\"error\":{\"code\":\"%s\",\"message\":", row->slug);
	json_put_text(&b, e->text, strlen(e->text));
	buf_addf(&b, "},\"exit\":%d}", row->exit_code);
	send_buf(s, client, &b);
}

static int
do_status(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	struct buf b;

	(void)request;
	(void)e;
	buf_init(&b, CONTROL_ANSWER_MAX);
	status_write(s, &b);
	send_buf(s, client, &b);
	return 0;
}

static struct waiter *
free_waiter(struct sup *s)
{
	for (int i = 0; i < WAITERS_MAX; i++)
		if (s->waiters[i].client == 0)
			return &s->waiters[i];
	return NULL;
}

/* Every worker in turn, and what else a roll does, twice over: then something hangs. */
static int64_t
patience_ms(const struct sup *s)
{
	const struct conf_global *g = &s->conf.global;

	return g->hold_down_ms + 2 * (s->slots * g->reload_timeout_ms + SUP_VERIFY_MS);
}

static int
do_reload(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	struct waiter *w = free_waiter(s);
	bool wait = false;

	if (json_get_bool(request, "wait", false, &wait, e) == -1)
		return -1;
	if (wait && w == NULL)
		return err_set(e, ERR_BUSY, "too many wait already");
	sup_reload(s);
	if (wait)
		*w = (struct waiter){.client = client, .wish = s->roll.wanted,
		    .since_ms = s->now_ms, .due_ms = s->now_ms + patience_ms(s)};
	else
		control_send(s->control, client, "{\"ok\":true}", true);
	return 0;
}

static int
do_respawn(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	struct waiter *w = free_waiter(s);
	bool wait = false;
	uint64_t wish;

	if (json_get_bool(request, "wait", false, &wait, e) == -1)
		return -1;
	if (wait && w == NULL)
		return err_set(e, ERR_BUSY, "too many wait already");
	wish = sup_respawn_want(s);
	if (wait)
		*w = (struct waiter){.client = client, .wish = wish, .is_respawn = true,
		    .since_ms = s->now_ms,
		    .due_ms = s->now_ms + sup_respawn_patience_ms(s)};
	else
		control_send(s->control, client, "{\"ok\":true}", true);
	return 0;
}

static int
do_retry(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const char *tenant;

	if (json_get_text(request, "tenant", true, TENANT_NAME_BYTES, &tenant, e) == -1 ||
	    tenant_name_check(tenant, strlen(tenant), e) == -1)
		return -1;
	if (catalog_find(s->catalog, tenant) == NULL)
		return err_set(e, ERR_TENANT, "there is no tenant \"%s\"", tenant);
	if (poison_lift(&s->poison, &s->board, tenant, NULL)) {
		log_info("tenant=%s is served again: asked for", tenant);
		control_send(s->control, client, "{\"ok\":true,\"lifted\":true}", true);
		return 0;
	}
	if (!builds_retry(&s->builds, tenant))
		return err_set(e, ERR_BUSY, "a build of \"%s\" runs or waits already", tenant);
	log_info("build asked for tenant=%s", tenant);
	control_send(s->control, client, "{\"ok\":true}", true);
	return 0;
}

static int
do_pause(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	(void)request;
	(void)e;
	log_info("roll paused");
	roll_pause(&s->roll, s->now_ms);
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
	send_buf(s, client, &b);
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
    {"pause", do_pause},
    {"resume", do_resume},
    {"accept-deletions", do_accept_deletions},
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
		refuse(s, client, &e);
		return;
	}
	if (run_request(s, client, request, &e) == -1)
		refuse(s, client, &e);
	json_object_put(request);
}

static void
answer_respawn(struct sup *s, struct waiter *w)
{
	bool done = s->respawn.done >= w->wish;
	struct buf b;
	struct err e;

	if (!done && s->now_ms < w->due_ms)
		return;
	if (done && !s->respawn.failed) {
		buf_init(&b, 256);
		buf_addf(&b, "{\"ok\":true,\"workers\":%u,\"ms\":%" PRId64 "}",
		    s->respawn.replaced, s->now_ms - w->since_ms);
		send_buf(s, w->client, &b);
	} else {
		err_set(&e, ERR_TIMEOUT, done ?
			"a new worker did not come up; the others were not touched" :
			"the workers were not replaced in time");
		refuse(s, w->client, &e);
	}
	*w = (struct waiter){0};
}

static void
answer_waiter(struct sup *s, struct waiter *w)
{
	bool done = s->roll.done >= w->wish;
	struct buf b;
	struct err e;

	if (!done && s->now_ms < w->due_ms)
		return;
	if (done && s->roll.complete) {
		buf_init(&b, 256);
		buf_addf(&b,
		    "{\"ok\":true,\"epoch\":%" PRIu64 ",\"workers\":%u,\"ms\":%" PRId64 "}",
		    s->roster.epoch, sup_workers_ready(s), s->now_ms - w->since_ms);
		send_buf(s, w->client, &b);
	} else {
		err_set(&e, ERR_TIMEOUT, done ? "the roll ended, not every worker took it" :
						"the roll did not end in time");
		refuse(s, w->client, &e);
	}
	*w = (struct waiter){0};
}

void
sup_command_turn(struct sup *s)
{
	for (int i = 0; i < WAITERS_MAX; i++)
		if (s->waiters[i].client != 0 && s->waiters[i].is_respawn)
			answer_respawn(s, &s->waiters[i]);
		else if (s->waiters[i].client != 0)
			answer_waiter(s, &s->waiters[i]);
}
