/* intake.c - what waits in a tenant's inbox becomes its pushed documents. */
#include "intake.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failpoint.h"
#include "file.h"
#include "generation.h"
#include "inbox.h"
#include "log.h"
#include "pushed.h"

struct run {
	struct intake *in;
	const char *data_dir, *tenant;
	char (*names)[INBOX_NAME_BYTES];
	size_t count;
	char tries[PATH_MAX];	/* "<name> <count>": the entry that is taken in */
	struct inbox_name name;	/* in hand */
};

/* ---- an entry that ends the build ---- */

static int
find_tries(struct run *r, struct err *e)
{
	char dir[PATH_MAX];

	return generation_tenant_dir(dir, r->data_dir, r->tenant, e) == -1 ?
	    -1 :
	    file_join(r->tries, sizeof r->tries, dir, "intake.tries", e);
}

/* How often this entry was begun and not finished. */
static unsigned
tries_of(const struct run *r, const char *name)
{
	char text[INBOX_NAME_BYTES + 16] = "", was[INBOX_NAME_BYTES + 16];
	unsigned n = 0;
	int fd = open(r->tries, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return 0;
	if (read(fd, text, sizeof text - 1) <= 0 ||
	    sscanf(text, "%63s %u", was, &n) != 2 || strcmp(was, name) != 0)
		n = 0;
	close(fd);
	return n;
}

/* Best effort: what is lost with the power only gives an entry one more try. */
static void
note_try(const struct run *r, const char *name, unsigned n)
{
	char text[INBOX_NAME_BYTES + 32];
	int used = snprintf(text, sizeof text, "%s %u\n", name, n);
	int fd = open(r->tries, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	if (fd == -1)
		return;
	(void)!write(fd, text, (size_t)used);
	close(fd);
}

/* ---- one entry ---- */

static int
check_item(void *context, const struct inbox_item *item, const char *bytes, struct err *e)
{
	(void)context;
	(void)bytes;
	return pushed_check_key(item->key, e);
}

static int
apply_item(void *context, const struct inbox_item *item, const char *bytes, struct err *e)
{
	const struct pushed_document d = {.key = item->key, .name = item->name,
	    .title = item->title, .meta = item->meta, .bytes = bytes, .n = item->bytes};
	struct run *r = context;
	bool was = false;

	if (item->op == INBOX_REMOVE) {
		if (pushed_remove_later(r->data_dir, r->tenant, item->key, &was, e) == -1)
			return -1;
		r->in->removed += was;
	} else {
		if (pushed_put_later(r->data_dir, r->tenant, &d, e) == -1)
			return -1;
		r->in->documents++;
	}
	return ledger_add_item(r->in->ledger, r->name.id, item, was, e);
}

/* The moment of its writing is all that says when it was accepted. */
static int64_t
accepted_ms(const struct run *r, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/inbox/%s/%s", r->data_dir, r->tenant, name);
	return stat(path, &st) == 0 ?
	    (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 :
	    0;
}

static int
reject(struct run *r, const char *name, const char *why, struct err *e)
{
	log_warn("tenant=%s entry %s is put aside: %s", r->tenant, name, why);
	r->in->rejected++;
	if (ledger_reject(r->in->ledger, &r->name, why, e) == -1)
		return -1;
	return inbox_bury(r->data_dir, r->tenant, name, why, e);
}

static int
take_entry(struct run *r, const char *name, struct err *e)
{
	unsigned n = tries_of(r, name);
	struct err why;

	inbox_name_parse(&r->name, name);
	if (n >= INTAKE_TRIES_MAX)
		return reject(r, name, "taking it in ended several builds", e);
	if (inbox_read(r->data_dir, r->tenant, name, false, check_item, r, &why) == -1) {
		if (why.code == ERR_CORRUPT || why.code == ERR_INPUT ||
		    err_row(why.code)->http_status < 500)
			return reject(r, name, why.text, e);
		*e = why;
		return -1;
	}
	note_try(r, name, n + 1);
	if (ledger_add_job(r->in->ledger, &r->name, r->in->build, accepted_ms(r, name), e) == -1 ||
	    inbox_read(r->data_dir, r->tenant, name, true, apply_item, r, e) == -1)
		return -1;
	r->in->entries++;
	r->in->jobs++;
	failpoint(FAIL_INTAKE_APPLIED);
	return 0;
}

/* ---- all of them ---- */

static int
take_entries(struct run *r, struct err *e)
{
	struct ledger *l = r->in->ledger;

	if (ledger_begin(l, e) == -1 ||
	    ledger_begin_build(l, &r->in->build, &r->in->jobs, e) == -1)
		return -1;
	for (size_t i = 0; i < r->count; i++)
		if (take_entry(r, r->names[i], e) == -1)
			return -1;
	if (r->in->entries > 0 && pushed_sync(r->data_dir, r->tenant, e) == -1)
		return -1;
	failpoint(FAIL_INTAKE_SYNCED);
	if (ledger_removed(l, &r->in->removed_since, e) == -1)
		return -1;
	return ledger_commit(l, e);
}

/* What was rejected lies elsewhere already. */
static int
end_entries(struct run *r, struct err *e)
{
	failpoint(FAIL_INTAKE_RECORDED);
	for (size_t i = 0; i < r->count; i++) {
		if (inbox_done(r->data_dir, r->tenant, r->names[i], e) == -1)
			return -1;
		failpoint(FAIL_INTAKE_UNLINKED);
	}
	unlink(r->tries);
	if (r->count > 0 && inbox_sync(r->data_dir, r->tenant, e) == -1)
		return -1;
	failpoint(FAIL_INTAKE_DONE);
	return 0;
}

static int
take_all(struct run *r, struct err *e)
{
	if (take_entries(r, e) == 0)
		return end_entries(r, e);
	ledger_rollback(r->in->ledger);
	return -1;
}

/* Without entries and without a ledger nothing was ever sent here. */
static bool
is_unused(const struct run *r)
{
	struct ledger *l = NULL;
	bool unused;

	if (r->count > 0 || ledger_open_read(&l, r->data_dir, r->tenant, NULL) == -1)
		return false;
	unused = l == NULL;
	ledger_close(l);
	return unused;
}

int
intake_run(struct intake *i, const char *data_dir, const char *tenant, struct err *e)
{
	struct run r = {.in = i, .data_dir = data_dir, .tenant = tenant};
	int rc = -1;

	*i = (struct intake){0};
	failpoint(FAIL_INTAKE_BEGUN);
	if (find_tries(&r, e) == -1 || inbox_sweep(data_dir, tenant, e) == -1 ||
	    inbox_list(&r.names, &r.count, data_dir, tenant, e) == -1)
		return -1;
	if (is_unused(&r))
		rc = 0;
	else if (ledger_open(&i->ledger, data_dir, tenant, e) == 0)
		rc = take_all(&r, e);
	free(r.names);
	return rc;
}

int
intake_built(struct intake *i, const char *generation,
    int (*each_refused)(void *context, struct ledger *l, struct err *e), void *context,
    struct err *e)
{
	if (i->ledger == NULL)
		return 0;
	if (ledger_begin(i->ledger, e) == 0 && ledger_clear_refused(i->ledger, e) == 0 &&
	    each_refused(context, i->ledger, e) == 0 &&
	    ledger_built(i->ledger, i->build, generation, e) == 0 &&
	    ledger_commit(i->ledger, e) == 0)
		return 0;
	ledger_rollback(i->ledger);
	return -1;
}

void
intake_close(struct intake *i)
{
	ledger_close(i->ledger);
	i->ledger = NULL;
}
