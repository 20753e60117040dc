/* store_item.h - a tenant as a vector store.
 *
 * Memory  texts are arena; store_item_fini() gives the document back.
 * Errors  ERR_TENANT: there is none of that name.  A document, ledger or generation that cannot
 *         be read is passed up.
 * Cost    one file; counting its files also what waits, and the ledger.
 */
#ifndef RAGPOOL_STORE_ITEM_H
#define RAGPOOL_STORE_ITEM_H

#include "api.h"
#include "attached.h"
#include "generation.h"
#include "store_about.h"

struct store_item {
	const char *tenant;		/* borrowed */
	struct json_object *document;	/* owned; NULL: run by hand */
	struct store_about about;
	char generation[GENERATION_NAME_BYTES];	/* "": none yet */
	struct manifest manifest;	/* zeroed without one */
	int64_t created, active;	/* seconds since 1970 */
	struct attached_counts counts;
};

/* with_index: as attached_open(). */
int store_item_read(struct store_item *s, struct api *api, const char *tenant, bool with_index,
    struct arena *a, struct err *e);
/* NULL is fine. */
void store_item_fini(struct store_item *s);
void store_item_put(struct buf *b, const struct store_item *s);

#endif
