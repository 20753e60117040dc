/* attached.c - a tenant's documents as the files of a vector store. */
#include "attached.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "generation.h"
#include "pushed.h"
#include "store.h"

static const char *const state_names[ATTACHED_STATE_MAX] = {
#define X(symbol, name) [symbol] = name,
    ATTACHED_STATES(X)
#undef X
};

const char *
attached_state_name(enum attached_state state)
{
	return (unsigned)state < ATTACHED_STATE_MAX ? state_names[state] : "unknown";
}

enum attached_state
attached_state_of(const char *name)
{
	int i = 0;

	while (i < ATTACHED_STATE_MAX && strcmp(state_names[i], name) != 0)
		i++;
	return (enum attached_state)i;
}

static const char *
copy(struct attached_view *v, const char *text)
{
	const char *mine = text != NULL ? arena_copy(v->arena, text, strlen(text)) : "";

	return mine != NULL ? mine : "";
}

/* ---- opening ---- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
add_to(struct attached_view *v, struct attached_keys *l, const char *key, struct err *e)
{
	const char **more;

	if (l->count == l->room) {
		size_t room = l->room == 0 ? 64 : 2 * l->room;
		if ((more = arena_alloc(v->arena, room * sizeof *more)) == NULL)
			return err_set(e, ERR_NOMEM, "no memory for documents");
		if (l->count > 0)
			memcpy(more, l->at, l->count * sizeof *more);
		l->at = more;
		l->room = room;
	}
	l->at[l->count++] = copy(v, key);
	return 0;
}

static void
sort_keys(struct attached_keys *l)
{
	size_t kept = 0;

	if (l->count > 1)
		qsort(l->at, l->count, sizeof *l->at, by_text);
	for (size_t i = 0; i < l->count; i++)
		if (kept == 0 || strcmp(l->at[kept - 1], l->at[i]) != 0)
			l->at[kept++] = l->at[i];
	l->count = kept;
}

static int
add_leaving(void *context, const char *key, struct err *e)
{
	struct attached_view *v = context;

	return add_to(v, &v->leaving, key, e);
}

static int64_t
sealed_at(const struct attached_view *v)
{
	char dir[PATH_MAX];
	struct stat st;

	return generation_dir(dir, v->data_dir, v->tenant, index_generation(v->index), NULL) == 0 &&
		stat(dir, &st) == 0 ?
	    (int64_t)st.st_mtim.tv_sec :
	    0;
}

/* Without a generation there is none to look into; one that cannot be opened now, or is in an
 * object store, holds what would be missed. */
static int
open_index(struct attached_view *v, struct api *api, struct err *e)
{
	struct err why;

	if (serving_get(api->serving, v->tenant, &v->index, &why) == 0) {
		v->sealed = sealed_at(v);
		return 0;
	}
	v->index = NULL;
	if (why.code == ERR_NOT_READY || why.code == ERR_TENANT)
		return 0;
	return err_set(e, why.code, "%s", why.text);
}

int
attached_open(struct attached_view *v, struct api *api, const char *tenant, bool with_index,
    struct arena *a, struct err *e)
{
	*v = (struct attached_view){
	    .data_dir = serving_data_dir(api->serving), .tenant = tenant, .arena = a};
	if (waiting_read(&v->waiting, v->data_dir, tenant, a, e) == -1 ||
	    ledger_open_read(&v->ledger, v->data_dir, tenant, e) == -1)
		return -1;
	if (v->ledger != NULL && ledger_each_leaving(v->ledger, add_leaving, v, e) == -1) {
		attached_close(v);
		return -1;
	}
	sort_keys(&v->leaving);
	if (!with_index || open_index(v, api, e) == 0)
		return 0;
	attached_close(v);
	return -1;
}

void
attached_close(struct attached_view *v)
{
	ledger_close(v->ledger);
	v->ledger = NULL;
}

/* ---- one ---- */

struct finding {
	struct attached_view *v;
	struct attached *out;
};

static const char *
pushed_fields(struct attached_view *v, const char *key)
{
	const char *meta;

	if (v->without_meta ||
	    pushed_meta(v->data_dir, v->tenant, key, v->arena, &meta, NULL) == -1 || meta == NULL)
		return "{}";
	return meta;
}

/* What a document that gave no text is told by; other clients know three words only. */
static void
judge(struct attached *d, const struct ledger_document *l, struct attached_view *v)
{
	d->code = d->why = "";
	if (l->state == JOB_BUILDING || l->state == JOB_GATED || l->state == JOB_QUEUED) {
		d->state = ATTACHED_IN_PROGRESS;
	} else if (l->state == JOB_FAILED) {
		d->state = ATTACHED_FAILED;
		d->code = "server_error";
		d->why = copy(v, l->reason);
	} else if (l->why[0] != '\0') {
		d->state = ATTACHED_FAILED;
		d->code = "unsupported_file";
		d->why = copy(v, l->why);
	} else {
		d->state = ATTACHED_COMPLETED;
	}
}

static int
take_ledger(void *context, const struct ledger_document *l, struct err *e)
{
	struct finding *f = context;
	struct attached *d = f->out;

	(void)e;
	judge(d, l, f->v);
	d->key = copy(f->v, l->key);
	d->bytes = l->bytes;
	d->created = (l->accepted_ms != 0 ? l->accepted_ms : l->taken_ms) / 1000;
	d->was_sent = true;
	return 0;
}

static int
take_stored(void *context, uint64_t id, const struct store_document *s, struct err *e)
{
	struct finding *f = context;

	(void)id;
	(void)e;
	*f->out = (struct attached){.key = copy(f->v, s->key), .state = ATTACHED_COMPLETED,
	    .code = "", .why = "", .meta = copy(f->v, s->meta), .bytes = s->bytes,
	    .created = f->v->sealed};
	return 0;
}

static bool
is_leaving(const struct attached_view *v, const char *key)
{
	const struct attached_keys *l = &v->leaving;

	return l->count > 0 && bsearch(&key, l->at, l->count, sizeof *l->at, by_text) != NULL;
}

/* Taken in already, or of the tenant's own source. */
static int
find_built(struct finding *f, const char *key, struct err *e)
{
	struct attached_view *v = f->v;
	int got = 0;

	if (v->ledger != NULL &&
	    (got = ledger_find_document(v->ledger, key, NULL, take_ledger, f, e)) == 1)
		f->out->meta = pushed_fields(v, key);
	if (got != 0 || v->index == NULL || is_leaving(v, key))
		return got;
	return store_find_document(v->index->store, key, take_stored, f, e);
}

static void
take_waiting(struct attached *d, const struct waiting_item *w)
{
	d->key = w->key;
	d->state = ATTACHED_IN_PROGRESS;
	d->code = d->why = "";
	d->meta = w->meta != NULL ? w->meta : "{}";
	d->was_sent = true;
	if (w->op == INBOX_PUT) {
		d->bytes = w->bytes;
		d->created = w->accepted;
	}
}

int
attached_find(struct attached_view *v, const char *key, struct attached *out, struct err *e)
{
	const struct waiting_item *w = waiting_find(&v->waiting, key);
	struct finding f = {v, out};
	int got = 1;

	*out = (struct attached){0};
	if (w != NULL && w->op == INBOX_REMOVE)
		return 0;
	if (w == NULL || w->op == INBOX_DESCRIBE)
		got = find_built(&f, key, e);
	if (got != 1)
		return got;
	if (w != NULL)
		take_waiting(out, w);
	file_id_of(out->key, out->id);
	return v->arena->failed ? err_set(e, ERR_NOMEM, "no memory for documents") : 1;
}

/* ---- by its id ---- */

struct by_id {
	struct attached_view *v;
	const char *id, *key;
};

static int
is_sent_by_id(void *context, const struct ledger_document *d, struct err *e)
{
	struct by_id *b = context;

	(void)e;
	b->key = copy(b->v, d->key);
	return 0;
}

static int
is_stored_by_id(void *context, uint64_t number, const struct store_document *d, struct err *e)
{
	char id[FILE_ID_BYTES];
	struct by_id *b = context;

	(void)number;
	(void)e;
	file_id_of(d->key, id);
	if (strcmp(id, b->id) != 0)
		return 0;
	b->key = copy(b->v, d->key);
	return 1;
}

static int
is_next_by_id(void *context, uint64_t number, const struct store_document *d, struct err *e)
{
	return is_stored_by_id(context, number, d, e) == 1 ? 1 : 2;
}

/* An uploaded file's key begins with the id: it is the next behind it, if there is one. */
static int
find_stored_id(struct by_id *b, struct err *e)
{
	struct store *s = b->v->index->store;

	if (store_each_document_after(s, b->id, is_next_by_id, b, e) == -1)
		return -1;
	return b->key == NULL ? store_each_document(s, is_stored_by_id, b, e) : 0;
}

static const char *
find_waiting_id(const struct waiting *w, const char *wanted)
{
	char id[FILE_ID_BYTES];

	for (size_t i = 0; i < w->count; i++) {
		file_id_of(w->at[i].key, id);
		if (strcmp(id, wanted) == 0)
			return w->at[i].key;
	}
	return NULL;
}

int
attached_key_of(struct attached_view *v, const char *id, const char **key, struct err *e)
{
	const char *digits = file_id_digits(id);
	struct by_id b = {.v = v, .id = id};

	if (digits == NULL)
		return err_set(e, ERR_FILE, "there is no file \"%.64s\" here", id);
	b.key = find_waiting_id(&v->waiting, id);
	if (b.key == NULL && v->ledger != NULL &&
	    ledger_find_document(v->ledger, NULL, digits, is_sent_by_id, &b, e) == -1)
		return -1;
	if (b.key == NULL && v->index != NULL && find_stored_id(&b, e) == -1)
		return -1;
	*key = b.key;
	return b.key != NULL ? 0 : err_set(e, ERR_FILE, "there is no file \"%s\" here", id);
}

/* ---- many ---- */

/* The next keys of one place, in the order asked for. */
struct stream {
	struct attached_view *v;
	const char **at;
	size_t count, max;
};

static int
add_key(struct stream *s, const char *key)
{
	s->at[s->count++] = copy(s->v, key);
	return s->count == s->max;
}

static int
add_sent(void *context, const struct ledger_document *d, struct err *e)
{
	(void)e;
	return add_key(context, d->key);
}

static int
add_stored(void *context, uint64_t id, const struct store_document *d, struct err *e)
{
	(void)id;
	(void)e;
	return add_key(context, d->key);
}

static int
read_sent(struct stream *s, const char *from, bool ascending, struct err *e)
{
	struct ledger *l = s->v->ledger;

	if (l == NULL)
		return 0;
	return ascending ? ledger_each_document(l, from != NULL ? from : "", add_sent, s, e) :
			   ledger_each_document_before(l, from, add_sent, s, e);
}

static int
read_stored(struct stream *s, const char *from, bool ascending, struct err *e)
{
	struct store *store = s->v->index != NULL ? s->v->index->store : NULL;

	if (store == NULL)
		return 0;
	return ascending ?
	    store_each_document_after(store, from != NULL ? from : "", add_stored, s, e) :
	    store_each_document_before(store, from, add_stored, s, e);
}

static void
read_waiting(struct stream *s, const char *from, bool ascending)
{
	const struct waiting *w = &s->v->waiting;
	int sign = ascending ? 1 : -1;

	for (size_t i = 0; i < w->count && s->count < s->max; i++) {
		const char *key = w->at[ascending ? i : w->count - 1 - i].key;
		if (from == NULL || sign * strcmp(key, from) > 0)
			s->at[s->count++] = key;
	}
}

enum { STREAMS = 3 };

/* The nearest of what the streams have next, passed in all of them; NULL: none has any. */
static const char *
next_of(struct stream s[STREAMS], size_t at[STREAMS], bool ascending)
{
	int sign = ascending ? 1 : -1;
	const char *best = NULL;

	for (int i = 0; i < STREAMS; i++)
		if (at[i] < s[i].count && (best == NULL || sign * strcmp(s[i].at[at[i]], best) < 0))
			best = s[i].at[at[i]];
	for (int i = 0; best != NULL && i < STREAMS; i++)
		if (at[i] < s[i].count && strcmp(s[i].at[at[i]], best) == 0)
			at[i]++;
	return best;
}

int
attached_keys(struct attached_view *v, const char *from, bool ascending, size_t max,
    const char **keys, size_t *count, struct err *e)
{
	struct stream s[STREAMS];
	size_t at[STREAMS] = {0};
	const char *key;

	*count = 0;
	for (int i = 0; i < STREAMS; i++) {
		s[i] = (struct stream){
		    .v = v, .max = max, .at = arena_alloc(v->arena, max * sizeof *s[i].at)};
		if (s[i].at == NULL)
			return err_set(e, ERR_NOMEM, "no memory for documents");
	}
	read_waiting(&s[0], from, ascending);
	if (read_sent(&s[1], from, ascending, e) == -1 ||
	    read_stored(&s[2], from, ascending, e) == -1)
		return -1;
	while (*count < max && (key = next_of(s, at, ascending)) != NULL)
		keys[(*count)++] = key;
	return v->arena->failed ? err_set(e, ERR_NOMEM, "no memory for documents") : 0;
}

struct gathering {
	struct attached_view *v;
	struct attached_keys *out;
};

static int
gather_sent(void *context, const struct ledger_document *d, struct err *e)
{
	struct gathering *g = context;

	return add_to(g->v, g->out, d->key, e);
}

int
attached_unsettled(struct attached_view *v, struct attached_keys *out, struct err *e)
{
	struct gathering g = {v, out};

	*out = (struct attached_keys){0};
	for (size_t i = 0; i < v->waiting.count; i++)
		if (add_to(v, out, v->waiting.at[i].key, e) == -1)
			return -1;
	if (v->ledger != NULL && ledger_each_unsettled(v->ledger, gather_sent, &g, e) == -1)
		return -1;
	sort_keys(out);
	return 0;
}

/* ---- counting ---- */

struct counting {
	struct attached_view *v;
	struct attached_counts *out;
	uint64_t stored;	/* of the generation's documents, those that are not completed */
};

/* It counts as something else than a document of the generation. */
static int
take_out(struct counting *c, const char *key, struct err *e)
{
	int got = c->v->index != NULL ?
	    store_has_document(c->v->index->store, key, e) :
	    0;

	c->stored += got == 1;
	return got == -1 ? -1 : 0;
}

static int
count_sent(void *context, const struct ledger_document *d, struct err *e)
{
	struct counting *c = context;
	struct attached a;

	if (waiting_find(&c->v->waiting, d->key) != NULL)
		return 0;
	judge(&a, d, c->v);
	if (a.state == ATTACHED_COMPLETED)
		return 0;
	c->out->in_state[a.state]++;
	return take_out(c, d->key, e);
}

int
attached_count(struct attached_view *v, uint64_t documents, struct attached_counts *out,
    struct err *e)
{
	struct counting c = {.v = v, .out = out};

	*out = (struct attached_counts){0};
	for (size_t i = 0; i < v->waiting.count; i++) {
		const struct waiting_item *w = &v->waiting.at[i];
		out->in_state[ATTACHED_IN_PROGRESS] += w->op != INBOX_REMOVE;
		if (take_out(&c, w->key, e) == -1)
			return -1;
	}
	for (size_t i = 0; i < v->leaving.count; i++)
		if (waiting_find(&v->waiting, v->leaving.at[i]) == NULL &&
		    take_out(&c, v->leaving.at[i], e) == -1)
			return -1;
	if (v->ledger != NULL && ledger_each_unsettled(v->ledger, count_sent, &c, e) == -1)
		return -1;
	out->in_state[ATTACHED_COMPLETED] = documents > c.stored ? documents - c.stored : 0;
	return 0;
}
