/* catalog_parts.h - what the two halves of the catalog share; nobody else includes it. */
#ifndef RAGPOOL_CATALOG_PARTS_H
#define RAGPOOL_CATALOG_PARTS_H

#include "catalog.h"
#include "doc_batch.h"
#include "tenant_doc.h"

struct catalog {
	char *folder;			/* DATA/lkg */
	struct catalog_tenant **tenants;	/* sorted by name */
	size_t count, room;
	struct catalog_change *queue;	/* from head on */
	size_t head, queued, queue_room;
	struct doc_batch batch;		/* documents of the reading under way */
	struct err trouble;
};

/* ---- catalog.c ---- */

/* The tenant's record, made when there is none. */
int catalog_have_tenant(struct catalog *c, struct catalog_tenant **out, const char *name,
    enum catalog_origin origin, struct err *e);
/* The document is in force from here on; bytes and notes are copied. */
int catalog_accept(struct catalog *c, struct catalog_tenant *t, const struct tenant_doc *d,
    const char *bytes, size_t n, uint64_t revision, struct err *e);
/* The hash of a document that is not in force any more. */
void catalog_remember_past(struct catalog_tenant *t, const char *hash);

/* ---- catalog_lkg.c ---- */

/* Durable when it returns 0, or with the batch that is open. */
int catalog_write_lkg(struct catalog *c, const struct catalog_tenant *t,
    enum catalog_origin origin, uint64_t revision, const char *bytes, size_t n, struct err *e);
void catalog_remove_lkg(struct catalog *c, const char *name);

#endif
