/* sup_pointer.c - the keys that say what is live: what fleet.h decides is carried out here. */
#include "sup_fleet.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consul_kv.h"
#include "file.h"
#include "generation.h"
#include "json.h"
#include "log.h"

enum { TXN_MAX = 32 * 1024, OWN_WRITE_MS = 10000 };

/* ---- a reading ---- */

static struct fleet_tenant *
have_tenant(struct sup *s, const char *name)
{
	struct fleet_tenant *t = fleet_find(&s->fleet->tenants, name);

	if (t == NULL && (t = fleet_have(&s->fleet->tenants, name)) != NULL)
		fleet_load_pointer(s, t);
	return t;
}

static void
take_pointer(struct fleet_tenant *t, const struct consul_item *item, uint64_t reading,
    int64_t now_ms)
{
	struct consul_pointer key = {0};
	struct err bad = {0};

	/* an answer from before our own write */
	if (t->written_ms != 0 && now_ms - t->written_ms < OWN_WRITE_MS &&
	    reading < t->key.index)
		return;
	if (item == NULL) {
		fleet_take_key(t, NULL, NULL);
		return;
	}
	key.index = item->revision;
	if (item->document == NULL)
		bad = item->why;
	else
		consul_pointer_parse(
		    &key, item->document, item->document_bytes, item->revision, &bad);
	if (bad.code != ERR_NONE && strcmp(bad.text, t->bad.text) != 0)
		log_error("pointer refused tenant=%s: %s", t->name, bad.text);
	fleet_take_key(t, &key, bad.code != ERR_NONE ? &bad : NULL);
}

static void
take_pin(struct fleet_tenant *t, const struct consul_item *item)
{
	char before[sizeof t->bad_pin.text];

	snprintf(before, sizeof before, "%s", t->bad_pin.text);
	err_clear(&t->bad_pin);
	if (item == NULL) {
		t->pin[0] = '\0';
		return;
	}
	/* a pin that cannot be read leaves the one there was: who wrote it wants a hold */
	if (item->document == NULL)
		t->bad_pin = item->why;
	else if (consul_pin_parse(
		     t->pin, item->document, item->document_bytes, &t->bad_pin) == 0)
		return;
	if (strcmp(before, t->bad_pin.text) != 0)
		log_error("pin refused tenant=%s: %s", t->name, t->bad_pin.text);
}

static void
on_reading(void *context, const struct consul_set *set, int64_t now_ms)
{
	struct sup *s = context;
	struct fleet *f = &s->fleet->tenants;
	uint64_t reading = consul_status(s->consul)->index;

	if (consul_status(s->consul)->state != CONSUL_WATCHING)
		return;			/* nothing was said about any key */
	for (size_t i = 0; i < set->count; i++)
		have_tenant(s, set->items[i].tenant);
	for (size_t i = 0; i < f->count; i++) {
		struct fleet_tenant *t = f->at[i];
		t->is_listed = consul_item_find(set->items, set->count, t->name) != NULL;
		if (!t->is_listed)
			continue;	/* gone, or hidden from us: as it was */
		take_pointer(t, consul_item_find(set->pointers, set->pointer_count, t->name), reading,
		    now_ms);
		take_pin(t, consul_item_find(set->pins, set->pin_count, t->name));
	}
	s->fleet->is_dirty = true;
	fleet_take_gone(s, set);
}

void
fleet_pointer_seen(struct sup *s, const char *tenant, const struct consul_pointer *key)
{
	struct fleet_tenant *t = have_tenant(s, tenant);

	if (t == NULL || key->index <= t->key.index)
		return;
	fleet_take_key(t, key, NULL);
	s->fleet->is_dirty = true;
}

void
fleet_pointers_open(struct sup *s)
{
	consul_on_reading(s->consul, on_reading, s);
	s->fleet->due_ms = INT64_MAX;
}

/* ---- writing the key ---- */

/* SHA-256 of its manifest.json, "" when it cannot be read. */
static void
hash_manifest(const struct sup *s, const struct fleet_tenant *t, char out[SHA256_HEX_BYTES])
{
	char dir[PATH_MAX], path[PATH_MAX], *text = NULL;
	uint8_t digest[SHA256_BYTES];
	size_t n;

	out[0] = '\0';
	if (generation_dir(dir, s->conf.global.data_dir, t->name, t->own, NULL) == 0 &&
	    file_join(path, sizeof path, dir, "manifest.json", NULL) == 0 &&
	    file_read(&text, &n, path, 1 << 20, NULL) == 0 &&
	    hash_sha256_of(text, n, digest, NULL) == 0)
		hash_hex(digest, out);
	free(text);
}

/* The lock is ours, the document still there ("get" fails without it), nobody was faster. */
static void
add_txn(const struct sup *s, const struct fleet_tenant *t, const struct consul_pointer *p,
    struct buf *b)
{
	const char *session = fleet_build_session(s, t->name);
	struct buf value;

	buf_init(&value, CONSUL_POINTER_MAX);
	consul_pointer_write(p, &value);
	buf_adds(b, "[");
	if (session[0] != '\0')
		buf_addf(b,
		    "{\"KV\":{\"Verb\":\"check-session\",\"Key\":\"%sbuild/%s\",\"Session\":\"%s\"}},",
		    s->fleet->locks, t->name, session);
	buf_addf(b, "{\"KV\":{\"Verb\":\"get\",\"Key\":\"%s%s/config\"}},", s->conf.consul.prefix,
	    t->name);
	buf_addf(b, "{\"KV\":{\"Verb\":\"cas\",\"Key\":\"%s%s/generation\",\"Index\":%" PRIu64
		    ",\"Value\":\"",
	    s->conf.consul.prefix, t->name, t->key.index);
	if (value.failed)
		b->failed = true;
	else
		base64_put(b, value.data, value.len);
	buf_adds(b, "\"}}]");
	buf_fini(&value);
}

/* The index of the key, from the last result of the transaction; 0 when it is not told. */
static uint64_t
index_of(const struct consul_reply *r)
{
	struct json_object *o = NULL, *results = NULL, *last, *kv = NULL;
	int64_t index = 0;
	size_t n;

	if (json_parse_object(&o, r->body, r->body_bytes, NULL) == 0 &&
	    json_get_array(o, "Results", true, &results, NULL) == 0 &&
	    (n = json_object_array_length(results)) > 0 &&
	    (last = json_object_array_get_idx(results, n - 1)) != NULL &&
	    json_object_is_type(last, json_type_object) &&
	    json_get_object(last, "KV", true, &kv, NULL) == 0)
		json_get_int(kv, "ModifyIndex", false, 0, INT64_MAX, &index, NULL);
	json_object_put(o);
	return (uint64_t)index;
}

static void
refuse_writes(struct sup *s, const char *tenant, const struct consul_reply *r)
{
	s->fleet->writes_denied_ms = s->now_ms + FLEET_DENIED_MS;
	err_set(&s->fleet->trouble, ERR_PERMISSION,
	    "the token may not write %s%s/generation: what is built here goes live here alone",
	    s->conf.consul.prefix, tenant);
	log_warn("consul: %s (%d %.100s)", s->fleet->trouble.text, r->status, r->body);
}

static void
on_written_well(struct sup *s, struct fleet_tenant *t, const struct consul_reply *r)
{
	struct consul_pointer *p = &s->fleet->written;
	struct err e;

	p->index = index_of(r);
	fleet_take_key(t, p, NULL);
	t->written_ms = s->now_ms;
	if (sup_tenants_flip_here(s, t->name, t->own, &e) == -1)
		log_error("tenant=%s: %s", t->name, e.text);
	fleet_took_key(t);
	fleet_keep_pointer(s, t);
	fleet_forget_own(t);
	log_info("pointer written tenant=%s generation=%s flip=%" PRIu64 " index=%" PRIu64, t->name,
	    p->generation, p->flip, p->index);
}

static bool
has_failed(const struct consul_reply *r, int step)
{
	char index[32];

	snprintf(index, sizeof index, "\"OpIndex\":%d,", step);
	return strstr(r->body, index) != NULL;
}

/* Somebody was faster, or our lock was taken from us, or the tenant: the next reading tells. */
static void
on_lost_race(struct sup *s, struct fleet_tenant *t, const struct consul_reply *r)
{
	bool is_fenced = s->fleet->is_fenced, is_fence = is_fenced && has_failed(r, 0);

	log_info("pointer not written tenant=%s: %s", t->name,
	    is_fence			? "the build lock is lost"
		: has_failed(r, is_fenced) ? "its document is gone"
					   : "another was faster");
	if (is_fence)
		fleet_build_lock_is_lost(s, t->name);
	snprintf(t->waits, sizeof t->waits, "the key has moved: read again");
	fleet_back_off(t, s->now_ms);
	consul_read_anew(s->consul, s->now_ms);
}

static void
on_written(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;
	struct fleet_tenant *t = fleet_find(&s->fleet->tenants, s->fleet->writing);

	(void)ticket;
	s->fleet->writing[0] = '\0';
	s->fleet->is_dirty = true;
	if (t == NULL)
		return;			/* removed meanwhile */
	t->is_busy = false;
	if (r->status == 200) {
		on_written_well(s, t, r);
	} else if (r->status == 403 || strstr(r->body, "ermission denied") != NULL) {
		refuse_writes(s, t->name, r);
	} else if (r->status == 409) {
		on_lost_race(s, t, r);
	} else if (r->status >= 400 && r->status < 500 && r->status != 429) {
		refuse_writes(s, t->name, r);
	} else {
		snprintf(t->waits, sizeof t->waits, "the key cannot be written: %d %.150s",
		    r->status, r->status != 0 ? r->body : r->trouble);
		fleet_back_off(t, now_ms);
	}
}

static void
write_key(struct sup *s, struct fleet_tenant *t)
{
	char manifest[SHA256_HEX_BYTES];
	struct buf body;

	if (s->fleet->writing[0] != '\0')
		return;			/* one after another: dirty again after it */
	hash_manifest(s, t, manifest);
	fleet_next_pointer(
	    t, manifest, s->conf.consul.object_store, s->fleet->host, &s->fleet->written);
	s->fleet->is_fenced = fleet_build_session(s, t->name)[0] != '\0';
	buf_init(&body, TXN_MAX);
	add_txn(s, t, &s->fleet->written, &body);
	if (body.failed || fleet_call(s, "PUT", "txn", NULL, body.data, on_written, 0) == -1) {
		fleet_back_off(t, s->now_ms);
	} else {
		snprintf(s->fleet->writing, sizeof s->fleet->writing, "%s", t->name);
		t->is_busy = true;
	}
	buf_fini(&body);
}

/* ---- steps ---- */

/* What the key's generation is called here, "" when it is not here. */
static void
find_here(const struct sup *s, const struct fleet_tenant *t, const char *generation,
    char out[GENERATION_NAME_BYTES])
{
	char(*names)[GENERATION_NAME_BYTES] = NULL;
	size_t count = 0;

	out[0] = '\0';
	if (generation_list(&names, &count, s->conf.global.data_dir, t->name, NULL) == -1)
		return;
	for (size_t i = 0; i < count && out[0] == '\0'; i++)
		if (generation_is_same_content(names[i], generation))
			memcpy(out, names[i], GENERATION_NAME_BYTES);
	free(names);
}

/* Only its manifest is here, and the tenant serves another: followed at once, it would be cold
 * in the middle of its work. */
static bool
comes_back_first(const struct sup *s, const char *tenant, const char *here)
{
	const struct live_tenant *l = live_find(&s->live, tenant);

	return here[0] != '\0' && l != NULL && l->generation[0] != '\0' &&
	    !cold_is_out(&l->cold) && generation_is_away(s->conf.global.data_dir, tenant, here);
}

static void
took(struct sup *s, struct fleet_tenant *t)
{
	fleet_took_key(t);
	fleet_keep_pointer(s, t);
	fleet_forget_own(t);
	sup_tenants_reconsider(s, t->name);
}

/* What came from another host was judged there, against what that one serves; what has no
 * verdict on this host is judged here. */
static bool
has_verdict(const struct sup *s, const char *tenant, const char *generation)
{
	char path[PATH_MAX];

	return generation_verdict_path(
		   path, s->conf.global.data_dir, tenant, generation, NULL) == 0 &&
	    access(path, F_OK) == 0;
}

/* True when it may be taken; else the gate has it, and says when it has passed. */
static bool
is_judged(struct sup *s, struct fleet_tenant *t, const char *generation)
{
	const struct gate *x = gates_find(&s->gates, t->name);
	const struct live_tenant *l = live_find(&s->live, t->name);
	struct err e;

	if (!s->conf.global.gate || (l != NULL && strcmp(l->pointer, generation) == 0) ||
	    has_verdict(s, t->name, generation))
		return true;
	if (x != NULL && strcmp(x->candidate, generation) == 0 && x->state == GATE_PASSED)
		return true;
	if (x != NULL && strcmp(x->candidate, generation) == 0 && x->state != GATE_CLEAR) {
		snprintf(t->waits, sizeof t->waits, "generation %s: the gate is %s %.150s",
		    generation, gate_state_name(x->state), x->reason);
		return false;
	}
	if (sup_gate_offer(s, t->name, generation, false, &e) == -1) {
		snprintf(t->waits, sizeof t->waits, "%.255s", e.text);
		fleet_back_off(t, s->now_ms);
	}
	return false;
}

static void
take(struct sup *s, struct fleet_tenant *t, const char *generation)
{
	struct err e;

	if (!is_judged(s, t, generation))
		return;
	if (sup_tenants_flip_here(s, t->name, generation, &e) == -1) {
		if (strncmp(t->waits, e.text, sizeof t->waits - 1) != 0)
			log_error("pointer not followed tenant=%s: %s", t->name, e.text);
		snprintf(t->waits, sizeof t->waits, "%.255s", e.text);
		fleet_back_off(t, s->now_ms);
		return;
	}
	log_info("pointer followed tenant=%s generation=%s flip=%" PRIu64 " from=%s", t->name,
	    generation, t->key.flip, t->key.host[0] != '\0' ? t->key.host : "?");
	took(s, t);
}

static void
serve_own(struct sup *s, struct fleet_tenant *t, bool is_all)
{
	struct err e;

	if (sup_tenants_flip_here(s, t->name, t->own, &e) == -1)
		log_error("tenant=%s: %s", t->name, e.text);
	if (is_all)
		fleet_forget_own(t);
}

static void
say_why_it_waits(struct fleet_tenant *t, const struct fleet_view *v)
{
	char before[sizeof t->waits];

	memcpy(before, t->waits, sizeof before);
	if (t->own[0] != '\0' && !v->is_reachable)
		snprintf(t->waits, sizeof t->waits,
		    "generation %s is built and waits for Consul to be told", t->own);
	else if (t->bad.code != ERR_NONE)
		snprintf(t->waits, sizeof t->waits, "its pointer is unusable: %.200s", t->bad.text);
	else if (consul_pointer_compare(&t->taken, &t->key) == POINTER_OLDER)
		snprintf(t->waits, sizeof t->waits,
		    "the key names %s (flip %" PRIu64 "), older than what was taken (flip %" PRIu64
		    "): Consul was restored to the past, nothing goes back by itself",
		    t->key.generation, t->key.flip, t->taken.flip);
	else
		snprintf(t->waits, sizeof t->waits,
		    "the key names %s of version \"%.60s\": not on this host, %s, and the document "
		    "in force is another",
		    t->key.generation, t->key.version,
		    v->has_store ? "not in a store" : "no object store");
	if (strcmp(before, t->waits) != 0)
		log_warn("tenant=%s: %s", t->name, t->waits);
}

/* True when there may be another step right behind it. */
static bool
carry_out(struct sup *s, struct fleet_tenant *t, const struct fleet_view *v)
{
	switch (fleet_decide(t, v)) {
	case FLEET_TAKE:
		take(s, t, v->here);
		return false;
	case FLEET_TAKE_OWN:
		take(s, t, t->own);
		return false;
	case FLEET_ADOPT:
		took(s, t);
		return false;
	case FLEET_FETCH:
		fleet_transfer(s, t, true);
		return false;
	case FLEET_PUBLISH:
		fleet_transfer(s, t, false);
		return false;
	case FLEET_BUILD:
		snprintf(t->waits, sizeof t->waits, "generation %s of \"%.60s\" is made here too",
		    t->key.generation, t->key.version);
		return false;
	case FLEET_WRITE:
		write_key(s, t);
		return false;
	case FLEET_ALONE:
		serve_own(s, t, true);
		return false;
	case FLEET_SERVE:
		serve_own(s, t, false);
		return false;
	case FLEET_OFFER:
		fleet_offer(t, v->live, v->live_version, "");
		return true;
	case FLEET_WAIT:
		say_why_it_waits(t, v);
		return false;
	case FLEET_REST:
	case FLEET_STEP_MAX:
		break;
	}
	return false;
}

static void
decide(struct sup *s, struct fleet_tenant *t, const struct catalog_tenant *c)
{
	const struct live_tenant *l = live_find(&s->live, t->name);
	char here[GENERATION_NAME_BYTES] = "";
	struct fleet_view v = {.is_reachable = fleet_is_reachable(s),
	    .may_write = s->conf.consul.publish && s->now_ms >= s->fleet->writes_denied_ms,
	    .has_store = s->conf.consul.object_store[0] != '\0',
	    .wanted = c->document != NULL ? c->config.version : "",
	    .live = l != NULL ? l->pointer : "",
	    .live_version = l != NULL ? l->built : "",
	    .host = s->fleet->host,
	    .here = here, .now_ms = s->now_ms};

	if (t->is_busy || s->now_ms < t->retry_ms)
		return;
	if (t->key.generation[0] != '\0' &&
	    consul_pointer_compare(&t->taken, &t->key) == POINTER_NEWER)
		find_here(s, t, t->key.generation, here);
	v.is_away = comes_back_first(s, t->name, here);
	if (carry_out(s, t, &v))
		carry_out(s, t, &v);
}

/* The fleet's pin, as far as its generation is here. */
static void
hold_pin(struct sup *s, struct fleet_tenant *t)
{
	const struct pin *now = pins_find(&s->pins, t->name, PIN_CONSUL);
	char here[GENERATION_NAME_BYTES];
	struct err e;

	if (!t->is_listed || (now == NULL && t->pin[0] == '\0') ||
	    (now != NULL && strcmp(now->generation, t->pin) == 0) || s->now_ms < t->retry_ms)
		return;
	if (t->pin[0] == '\0') {
		if (sup_pin_set(s, t->name, NULL, PIN_CONSUL, &e) == -1)
			log_error("tenant=%s: %s", t->name, e.text);
		return;
	}
	find_here(s, t, t->pin, here);
	if ((here[0] == '\0' || comes_back_first(s, t->name, here)) &&
	    s->conf.consul.object_store[0] != '\0') {
		if (!t->is_busy)
			fleet_transfer(s, t, true);
		return;
	}
	if (now != NULL && strcmp(now->generation, here) == 0)
		return;
	if (sup_pin_set(s, t->name, here[0] != '\0' ? here : t->pin, PIN_CONSUL, &e) == -1) {
		if (strcmp(t->bad_pin.text, e.text) != 0)
			log_error("pin not followed tenant=%s: %s", t->name, e.text);
		t->bad_pin = e;
		fleet_back_off(t, s->now_ms);
	} else {
		err_clear(&t->bad_pin);
	}
}

void
fleet_pointers_turn(struct sup *s)
{
	struct fleet *f = &s->fleet->tenants;
	const struct catalog_tenant *c;

	if (!s->fleet->is_dirty && s->now_ms < s->fleet->due_ms)
		return;
	s->fleet->is_dirty = false;
	s->fleet->due_ms = INT64_MAX;
	for (size_t i = 0; i < f->count; i++) {
		struct fleet_tenant *t = f->at[i];
		c = catalog_find(s->catalog, t->name);
		if (c == NULL || c->origin != ORIGIN_CONSUL)
			continue;
		hold_pin(s, t);
		decide(s, t, c);
		if (t->retry_ms > s->now_ms && t->retry_ms < s->fleet->due_ms)
			s->fleet->due_ms = t->retry_ms;
	}
}

int64_t
fleet_pointers_due(const struct sup *s)
{
	return s->fleet->is_dirty ? s->now_ms : s->fleet->due_ms;
}

/* ---- what the others ask ---- */

static void
version_of(const struct sup *s, const char *tenant, const char *generation, char *out)
{
	char dir[PATH_MAX];
	struct manifest m;

	out[0] = '\0';
	if (generation_dir(dir, s->conf.global.data_dir, tenant, generation, NULL) == 0 &&
	    manifest_read(&m, dir, NULL, NULL) == 0)
		memcpy(out, m.config_version, VERSION_BYTES + 1);
}

static struct fleet_tenant *
find_shared(struct sup *s, const char *tenant)
{
	const struct catalog_tenant *c = catalog_find(s->catalog, tenant);

	if (s->fleet == NULL || c == NULL || c->origin != ORIGIN_CONSUL)
		return NULL;
	return have_tenant(s, tenant);
}

bool
sup_fleet_offers(struct sup *s, const char *tenant, const char *generation)
{
	struct fleet_tenant *t = find_shared(s, tenant);
	char version[VERSION_BYTES + 1];

	if (t != NULL && generation_is_same_content(t->key.generation, generation) &&
	    consul_pointer_compare(&t->taken, &t->key) == POINTER_NEWER) {
		s->fleet->is_dirty = true;	/* the key's, and now it is judged */
		t->retry_ms = 0;
		return true;
	}
	if (t == NULL || !s->conf.consul.publish || s->now_ms < s->fleet->writes_denied_ms)
		return false;
	version_of(s, tenant, generation, version);
	fleet_offer(t, generation, version, "");
	s->fleet->is_dirty = true;
	return true;
}

void
sup_fleet_rolled_back(
    struct sup *s, const char *tenant, const char *generation, const char *withdrawn_version)
{
	struct fleet_tenant *t = find_shared(s, tenant);
	char version[VERSION_BYTES + 1];

	if (t == NULL || !s->conf.consul.publish)
		return;
	version_of(s, tenant, generation, version);
	fleet_offer(t, generation, version,
	    strcmp(version, withdrawn_version) != 0 ? withdrawn_version : "");
	s->fleet->is_dirty = true;
}

bool
sup_fleet_has_version(
    const struct sup *s, const char *tenant, const char *version, uint64_t revision)
{
	const struct fleet_tenant *t =
	    s->fleet != NULL ? fleet_find(&s->fleet->tenants, tenant) : NULL;
	char here[GENERATION_NAME_BYTES];

	if (t == NULL)
		return false;
	if (fleet_covers(t, version, s->conf.consul.object_store[0] != '\0') ||
	    fleet_holds_back(t, version, revision))
		return true;
	if (t->key.generation[0] == '\0' || strcmp(t->key.version, version) != 0 ||
	    consul_pointer_compare(&t->taken, &t->key) != POINTER_NEWER)
		return false;
	find_here(s, t, t->key.generation, here);
	return here[0] != '\0';
}

const char *
sup_fleet_waits(const struct sup *s, const char *tenant)
{
	const struct fleet_tenant *t =
	    s->fleet != NULL ? fleet_find(&s->fleet->tenants, tenant) : NULL;

	if (t == NULL)
		return "";
	return t->bad_pin.code != ERR_NONE ? t->bad_pin.text : t->waits;
}
