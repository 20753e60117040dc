/* consul_kv.h - the body of a recursive KV reading, turned into tenants' documents.
 *
 *   [{"Key": "rag/tenants/alpha/config", "Value": "eyJ2...", "ModifyIndex": 42, ...}, ...]
 *
 * PREFIX{tenant}/config is a document; generation, pin and gone beside it are values that go
 * into lists of their own.  status/... and keys that end in a slash are passed over.  What else
 * there is under the prefix belongs to no tenant and is counted.
 *
 * A value that is null, empty, not base64 or over TENANT_CONFIG_MAX makes an item without
 * a document, `why` tells; its neighbours are not affected.
 *
 * Errors  ERR_PEER when the body as a whole is not such an array, or a key is not under the
 *         prefix, or comes twice: then nothing of it is believed.
 * Memory  the set is owned: consul_set_fini().
 */
#ifndef RAGPOOL_CONSUL_KV_H
#define RAGPOOL_CONSUL_KV_H

#include <stddef.h>

#include "consul_watch.h"
#include "err.h"

int consul_kv_parse(struct consul_set *set, size_t *bad_keys, const char *prefix,
    const char *body, size_t n, struct err *e);
/* In one of a set's lists; NULL: it is not there. */
const struct consul_item *consul_item_find(
    const struct consul_item *items, size_t count, const char *tenant);

#endif
