/* sup_stores.c - tenants that are made, changed and deleted through the API.
 *
 * Their documents live where all documents live: as the key PREFIX{tenant}/config when the pool
 * follows Consul, written by check-and-set, else as a file in tenants_dir.  What was written
 * there is offered to the catalog at once, and only then is the client answered: so every worker
 * knows of it from DATA/lkg.
 *
 * A tenant that is deleted leaves its source first, then the catalog, then the workers by a roll;
 * when none can be asked for it any more its data is removed (sup_gone.c).  In Consul a key
 * takes its place that tells the other hosts (consul_gone.h).
 */
#include "sup.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "buf.h"
#include "consul_gone.h"
#include "file.h"
#include "json.h"
#include "log.h"
#include "store_about.h"
#include "sup_fleet.h"
#include "tenant.h"
#include "uploads.h"

enum {
	UPLOADS_FIRST_MS = 1000,
	UPLOADS_MS = 3600000,
	TXN_MAX = 2 * TENANT_CONFIG_MAX,	/* a document in base64, and what is around it */
};

/* ---- where documents are ---- */

static int
file_of(const struct sup *s, const char *tenant, char out[PATH_MAX], struct err *e)
{
	return snprintf(out, PATH_MAX, "%s/%s.json", s->conf.global.tenants_dir, tenant) < PATH_MAX ?
	    0 :
	    err_set(e, ERR_LIMIT, "path too long");
}

static int
write_file(const struct sup *s, const char *tenant, const char *text, struct err *e)
{
	char path[PATH_MAX];

	if (file_of(s, tenant, path, e) == -1)
		return -1;
	if (file_replace(path, text, strlen(text), 0640, e) == 0)
		return 0;
	err_prefix(e, "the pool cannot keep documents of tenants");
	return -1;
}

static uint64_t
revision_of_file(const struct sup *s, const char *tenant)
{
	char path[PATH_MAX];
	struct stat st;

	return file_of(s, tenant, path, NULL) == 0 && stat(path, &st) == 0 ?
	    (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec :
	    0;
}

/* Judged and kept as any other; -1 with the catalog's words when it is not acceptable. */
static int
offer(struct sup *s, const char *tenant, const char *text, enum catalog_origin origin,
    uint64_t revision, struct err *e)
{
	const struct catalog_tenant *t;

	if (catalog_offer(s->catalog, tenant, text, strlen(text), origin, revision, e) == -1)
		return -1;
	t = catalog_find(s->catalog, tenant);
	if (t != NULL && t->refusal.code == ERR_NONE)
		return 0;
	if (t != NULL)
		*e = t->refusal;
	else
		err_set(e, ERR_INTERNAL, "the document was lost");
	return -1;
}

/* ---- by file ---- */

static int
create_file(struct sup *s, const char *tenant, const char *text, struct err *e)
{
	char path[PATH_MAX];

	if (file_of(s, tenant, path, e) == -1)
		return -1;
	if (access(path, F_OK) == 0)
		return err_set(e, ERR_EXISTS, "there is a tenant \"%s\" already", tenant);
	if (write_file(s, tenant, text, e) == -1)
		return -1;
	if (offer(s, tenant, text, ORIGIN_FILE, revision_of_file(s, tenant), e) == 0)
		return 0;
	unlink(path);
	catalog_withdraw(s->catalog, tenant);
	return -1;
}

static int
change_file(struct sup *s, const struct catalog_tenant *t, const char *text, struct err *e)
{
	char tenant[TENANT_NAME_BYTES + 1];

	memcpy(tenant, t->name, sizeof tenant);
	return write_file(s, tenant, text, e) == -1 ?
	    -1 :
	    offer(s, tenant, text, ORIGIN_FILE, revision_of_file(s, tenant), e);
}

/* ---- what is deleted ---- */

static void
withdraw(struct sup *s, const char *tenant)
{
	log_info("tenant deleted by a client tenant=%s", tenant);
	catalog_withdraw(s->catalog, tenant);
	sup_gone_look(s);
}

static int
remove_file(struct sup *s, const char *tenant, struct err *e)
{
	char path[PATH_MAX];

	if (file_of(s, tenant, path, e) == -1 || sup_gone_mark(s, tenant, e) == -1)
		return -1;
	if (unlink(path) == -1 && errno != ENOENT) {
		err_sys(e, ERR_IO, "the pool cannot remove documents of tenants: %s", path);
		sup_gone_unmark(s, tenant);
		return -1;
	}
	withdraw(s, tenant);
	return file_sync(s->conf.global.tenants_dir, e);
}

/* ---- by Consul ---- */

static struct store_call *
free_call(struct sup *s)
{
	for (int i = 0; i < STORE_CALLS_MAX; i++)
		if (s->store_calls[i].client == 0)
			return &s->store_calls[i];
	return NULL;
}

static void
end_call(struct store_call *c)
{
	free(c->document);
	*c = (struct store_call){0};
}

static int
judge_reply(const struct store_call *c, const struct consul_reply *r, struct err *e)
{
	if (r->status == 200)
		return 0;
	if (r->status == 403 || strstr(r->body, "ermission denied") != NULL)
		return err_set(e, ERR_PERMISSION, "Consul does not let the pool write documents");
	if (r->status == 409 && c->kind == STORE_CREATE)
		return err_set(e, ERR_EXISTS, "there is a tenant \"%s\" already", c->tenant);
	if (r->status == 409)
		return err_set(e, ERR_BUSY, "the document of \"%s\" changed meanwhile", c->tenant);
	return err_set(e, ERR_PEER, "Consul did not take the document: %d %.150s", r->status,
	    r->status != 0 ? r->body : r->trouble);
}

/* The watch was faster, and knows the key's true index. */
static bool
is_accepted(const struct sup *s, const struct store_call *c)
{
	const struct catalog_tenant *t = catalog_find(s->catalog, c->tenant);

	return t != NULL && t->document != NULL && t->refusal.code == ERR_NONE &&
	    strcmp(t->document, c->document) == 0;
}

static int
finish_call(struct sup *s, struct store_call *c, struct err *e)
{
	if (c->kind != STORE_REMOVE && is_accepted(s, c))
		return 0;
	if (c->kind != STORE_REMOVE)	/* the watch will bring the true index */
		return offer(s, c->tenant, c->document, ORIGIN_CONSUL,
		    consul_status(s->consul)->index, e);
	if (sup_gone_mark(s, c->tenant, e) == -1)
		return -1;
	withdraw(s, c->tenant);
	return 0;
}

static void
on_written(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;
	struct store_call *c = &s->store_calls[ticket];
	struct err e;

	(void)now_ms;
	if (judge_reply(c, r, &e) == 0 && finish_call(s, c, &e) == 0)
		control_send(s->control, c->client, "{\"ok\":true}", true);
	else
		sup_refuse(s, c->client, &e, 0);
	end_call(c);
}

/* ",{"KV": {...}}" of one of the tenant's keys; more: members that the verb needs. */
static void
add_step(const struct sup *s, struct buf *b, const char *verb, const char *tenant,
    const char *key, const char *more)
{
	buf_addf(b, "%s{\"KV\":{\"Verb\":\"%s\",\"Key\":\"%s%s/%s\"%s}}", b->len == 0 ? "[" : ",",
	    verb, s->conf.consul.prefix, tenant, key, more);
}

static void
add_value(const struct sup *s, struct buf *b, const char *verb, const char *tenant,
    const char *key, uint64_t revision, const char *value, size_t n)
{
	struct buf more;

	buf_init(&more, b->max);
	buf_addf(&more, ",\"Index\":%" PRIu64 ",\"Value\":\"", revision);
	base64_put(&more, value, n);
	buf_addc(&more, '"');
	if (more.failed)
		b->failed = true;
	else
		add_step(s, b, verb, tenant, key, more.data);
	buf_fini(&more);
}

/* The document goes with all that is beside it, and what stays tells the other hosts that
 * this was meant. */
static void
add_removal(const struct sup *s, struct buf *b, const char *tenant, uint64_t revision)
{
	struct consul_gone gone = {.at = (int64_t)time(NULL)};
	struct buf value;
	char index[40];

	snprintf(gone.host, sizeof gone.host, "%s", s->fleet->host);
	snprintf(index, sizeof index, ",\"Index\":%" PRIu64, revision);
	buf_init(&value, GONE_VALUE_MAX);
	consul_gone_write(&gone, &value);
	add_step(s, b, "delete-cas", tenant, "config", index);
	if (value.failed)
		b->failed = true;
	else
		add_value(s, b, "set", tenant, "gone", 0, value.data, value.len);
	add_step(s, b, "delete", tenant, "generation", "");
	add_step(s, b, "delete", tenant, "pin", "");
	add_step(s, b, "delete-tree", tenant, "status/", "");
	buf_fini(&value);
}

/* What is to be done in Consul, all of it or nothing.  text NULL: the tenant is deleted.
 * revision 0: there must be no such document. */
static int
write_transaction(const struct sup *s, struct buf *b, const char *tenant, const char *text,
    uint64_t revision, struct err *e)
{
	if (text == NULL) {
		add_removal(s, b, tenant, revision);
	} else {
		add_value(s, b, "cas", tenant, "config", revision, text, strlen(text));
		add_step(s, b, "delete", tenant, "gone", "");
	}
	buf_addc(b, ']');
	return buf_check(b, "a document", e);
}

static int
call_consul(struct sup *s, control_id client, enum store_call_kind kind, const char *tenant,
    const char *text, uint64_t revision, struct err *e)
{
	struct store_call *c = free_call(s);
	struct buf body;
	int rc = -1;

	if (s->fleet == NULL || c == NULL)
		return err_set(e, ERR_BUSY, "too many documents are being written already");
	*c = (struct store_call){.client = client, .kind = kind};
	snprintf(c->tenant, sizeof c->tenant, "%s", tenant);
	buf_init(&body, TXN_MAX);
	if (text != NULL && (c->document = strdup(text)) == NULL)
		err_set(e, ERR_NOMEM, "no memory for a document");
	else if (write_transaction(s, &body, tenant, text, revision, e) == 0 &&
	    (rc = fleet_call(s, "PUT", "txn", NULL, body.data, on_written,
		 (uint64_t)(c - s->store_calls))) == -1)
		err_set(e, ERR_PEER, "Consul cannot be asked: %s", s->fleet->trouble.text);
	buf_fini(&body);
	if (rc == -1)
		end_call(c);
	return rc;
}

/* ---- commands ---- */

static void
say_done(struct sup *s, control_id client)
{
	control_send(s->control, client, "{\"ok\":true}", true);
}

static int
read_name(struct json_object *request, const char **tenant, struct err *e)
{
	return json_get_text(request, "tenant", true, TENANT_NAME_BYTES, tenant, e) == -1 ?
	    -1 :
	    tenant_name_check(*tenant, strlen(*tenant), e);
}

static bool
has_data(const struct sup *s, const char *tenant)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/tenants/%s", s->conf.global.data_dir, tenant);
	return file_is_folder(path);
}

static int
check_room(const struct sup *s, struct err *e)
{
	int64_t most = s->conf.global.stores_max;

	if (most == 0)
		return err_set(e, ERR_FORBIDDEN, "clients make no vector stores here (stores_max)");
	return (int64_t)catalog_count(s->catalog) < most ?
	    0 :
	    err_set(e, ERR_FORBIDDEN, "there are %zu tenants already (stores_max)",
		catalog_count(s->catalog));
}

int
sup_store_create(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	struct json_object *document;
	const char *tenant, *text;

	if (read_name(request, &tenant, e) == -1 ||
	    json_get_object(request, "document", true, &document, e) == -1 ||
	    check_room(s, e) == -1)
		return -1;
	if (catalog_find(s->catalog, tenant) != NULL || has_data(s, tenant))
		return err_set(e, ERR_EXISTS, "there is a tenant \"%s\" already", tenant);
	text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY);
	if (s->consul != NULL)
		return call_consul(s, client, STORE_CREATE, tenant, text, 0, e);
	if (create_file(s, tenant, text, e) == -1)
		return -1;
	log_info("tenant made by a client tenant=%s", tenant);
	say_done(s, client);
	return 0;
}

/* One whose document says that it may be changed here; *document is owned. */
static const struct catalog_tenant *
find_ours(struct sup *s, const char *tenant, struct json_object **document, struct err *e)
{
	const struct catalog_tenant *t = catalog_find(s->catalog, tenant);
	struct store_about about;

	*document = NULL;
	if (t == NULL || t->document == NULL) {
		err_set(e, ERR_TENANT, "there is no tenant \"%s\"", tenant);
		return NULL;
	}
	if (json_parse_object(document, t->document, t->document_bytes, e) == -1)
		return NULL;
	store_about_read(&about, *document);
	if (about.is_ours)
		return t;
	json_object_put(*document);
	*document = NULL;
	err_set(e, ERR_FORBIDDEN,
	    "\"%s\" is its operator's: its document, which has no \"store\", is changed elsewhere",
	    tenant);
	return NULL;
}

int
sup_store_change(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const struct catalog_tenant *t;
	struct json_object *document, *changes;
	const char *tenant, *text;
	int rc = -1;

	if (read_name(request, &tenant, e) == -1 ||
	    json_get_object(request, "changes", true, &changes, e) == -1 ||
	    (t = find_ours(s, tenant, &document, e)) == NULL)
		return -1;
	if (store_document_change(document, changes, e) == 0) {
		text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY);
		if (t->origin == ORIGIN_CONSUL)
			rc = call_consul(s, client, STORE_CHANGE, tenant, text, t->revision, e);
		else if ((rc = change_file(s, t, text, e)) == 0)
			say_done(s, client);
	}
	json_object_put(document);
	return rc;
}

int
sup_store_remove(struct sup *s, control_id client, struct json_object *request, struct err *e)
{
	const struct catalog_tenant *t;
	struct json_object *document;
	const char *tenant;

	if (read_name(request, &tenant, e) == -1 ||
	    (t = find_ours(s, tenant, &document, e)) == NULL)
		return -1;
	json_object_put(document);
	if (t->origin == ORIGIN_CONSUL)
		return call_consul(s, client, STORE_REMOVE, tenant, NULL, t->revision, e);
	if (remove_file(s, tenant, e) == -1)
		return -1;
	say_done(s, client);
	return 0;
}

void
sup_stores_open(struct sup *s)
{
	s->uploads_due_ms = s->now_ms + UPLOADS_FIRST_MS;
}

void
sup_stores_turn(struct sup *s)
{
	struct err e;

	if (s->now_ms < s->uploads_due_ms)
		return;
	s->uploads_due_ms = s->now_ms + UPLOADS_MS;
	if (upload_sweep(s->conf.global.data_dir, (int64_t)time(NULL), &e) == -1)
		log_warn("uploaded files: %s", e.text);
}

int64_t
sup_stores_due(const struct sup *s)
{
	return s->uploads_due_ms;
}
