/* file_area.h - whose uploaded files a caller's are.
 *
 *   t-<tenant>     a key or token for one tenant alone: that tenant's, shared by all such
 *   k-<32 hex>     any other: its own (SHA-256 of the key's id or the token's subject; for a
 *                  token without a subject, of its tenants)
 *
 * So a key that is replaced by another for the same tenant finds the files of the old one, and
 * no key finds those of a key that may see more or other tenants.
 */
#ifndef RAGPOOL_FILE_AREA_H
#define RAGPOOL_FILE_AREA_H

#include "caller.h"
#include "uploads.h"

/* ERR_FORBIDDEN: a caller with a filter sees a part of its tenants only, and has no files. */
int file_area_of(const struct caller *c, char out[UPLOAD_AREA_BYTES], struct err *e);
void file_area_of_tenant(const char *tenant, char out[UPLOAD_AREA_BYTES]);

#endif
