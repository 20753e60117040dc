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
	bool *is_rejected;	/* of each */
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
put_in_place(struct run *r, const struct inbox_item *item, const struct pushed_document *d,
    bool *was, struct err *e)
{
	switch (item->op) {
	case INBOX_PUT:
		return pushed_put(r->data_dir, r->tenant, d, e);
	case INBOX_REMOVE:
		return pushed_remove(r->data_dir, r->tenant, item->key, was, e);
	default:
		return pushed_describe(r->data_dir, r->tenant, item->key, item->meta, e);
	}
}

/* A removal that was carried out by a run that was killed is still known to the ledger: it counts
 * as one now. */
static int
apply_item(void *context, const struct inbox_item *item, const char *bytes, struct err *e)
{
	const struct pushed_document d = {.key = item->key, .name = item->name,
	    .title = item->title, .meta = item->meta, .bytes = bytes, .n = item->bytes};
	struct run *r = context;
	bool was = false;

	if (put_in_place(r, item, &d, &was, e) == -1 ||
	    ledger_add_item(r->in->ledger, r->name.id, item, &was, e) == -1)
		return -1;
	r->in->documents += item->op == INBOX_PUT;
	r->in->removed += was;
	return 0;
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

/* It is moved once the ledger is sure to know: a job is never nowhere. */
static int
reject(struct run *r, size_t at, const char *why, struct err *e)
{
	log_warn("tenant=%s entry %s is put aside: %s", r->tenant, r->names[at], why);
	r->is_rejected[at] = true;
	r->in->rejected++;
	return ledger_reject(r->in->ledger, &r->name, why, e);
}

static int
take_entry(struct run *r, size_t at, struct err *e)
{
	const char *name = r->names[at];
	unsigned n = tries_of(r, name);
	struct err why;

	inbox_name_parse(&r->name, name);
	if (n >= INTAKE_TRIES_MAX)
		return reject(r, at, "taking it in ended several builds", e);
	if (inbox_read(r->data_dir, r->tenant, name, false, check_item, r, &why) == -1) {
		if (why.code == ERR_CORRUPT || why.code == ERR_INPUT ||
		    err_row(why.code)->http_status < 500)
			return reject(r, at, why.text, e);
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
		if (take_entry(r, i, e) == -1)
			return -1;
	if (r->count > 0 && pushed_sync(r->data_dir, r->tenant, e) == -1)
		return -1;
	failpoint(FAIL_INTAKE_SYNCED);
	if (ledger_removed(l, &r->in->removed_since, &r->in->removed_ever, e) == -1)
		return -1;
	return ledger_commit(l, e);
}

static int
bury(struct run *r, const char *name, struct err *e)
{
	struct ledger_job j = {0};
	struct inbox_name n;

	inbox_name_parse(&n, name);
	return ledger_find_job(r->in->ledger, n.id, &j, e) == -1 ?
	    -1 :
	    inbox_bury(r->data_dir, r->tenant, name, j.reason, e);
}

static int
end_entries(struct run *r, struct err *e)
{
	failpoint(FAIL_INTAKE_RECORDED);
	for (size_t i = 0; i < r->count; i++) {
		if ((r->is_rejected[i] ? bury(r, r->names[i], e) :
					 inbox_done(r->data_dir, r->tenant, r->names[i], e)) == -1)
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
	unlink(r->tries);	/* a disk that is full, say, is not the entry's fault */
	return -1;
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
	if (r.count == 0 && !ledger_is_there(data_dir, tenant))
		rc = 0;		/* nothing was ever sent here */
	else if ((r.is_rejected = calloc(r.count + 1, sizeof *r.is_rejected)) == NULL)
		err_sys(e, ERR_NOMEM, "an inbox");
	else if (ledger_open(&i->ledger, data_dir, tenant, e) == 0)
		rc = take_all(&r, e);
	free(r.is_rejected);
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
