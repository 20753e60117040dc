/* accept.h - from a request that changes a tenant's documents to its 202: what every such
 * handler does before and after it says which documents.
 *
 * Errors  those of enter_tenant() and inbox_commit(); ERR_TENANT for one that is not wanted.
 *         ERR_FORBIDDEN for a caller that sees a part of the tenant only.
 */
#ifndef RAGPOOL_ACCEPT_H
#define RAGPOOL_ACCEPT_H

#include "api.h"
#include "inbox.h"

/* The caller may come in, and the tenant is one, served already or not. */
int accept_tenant(struct api *api, const struct req *r, struct reply *p, const char *tenant,
    struct err *e);
/* The body's announced size is within `upload_max`, it is not compressed and not announced as
 * empty. */
int accept_body(const struct api *api, struct req *r, struct err *e);
/* accept_tenant(), and an entry to be filled. */
int accept_begin(struct api *api, const struct req *r, struct reply *p, const char *tenant,
    struct inbox_entry *n, struct err *e);
/* Makes it durable; `id` is the entry's.  Idempotency-Key is honoured. */
int accept_commit(const struct api *api, const struct req *r, struct inbox_entry *n,
    char id[INBOX_ID_BYTES], struct err *e);
/* One word about one document that was sent: accepted when it returns 0. */
int accept_remove(struct api *api, const char *tenant, const char *key, struct err *e);
int accept_describe(struct api *api, const char *tenant, const char *key,
    const char *meta_or_null, struct err *e);
/* accept_commit(), and the answer: 202, Location, the job. */
int accept_end(const struct api *api, const struct req *r, struct reply *p,
    struct inbox_entry *n, struct err *e);

#endif
