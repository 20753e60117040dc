/* wanted.h - the tenants there are, served already or not: those with an accepted document.
 *
 * The supervisor keeps each accepted document as DATA/lkg/<tenant>.json, from before anybody is
 * told that it was accepted until it is withdrawn: so every worker knows of a new tenant at once,
 * and of one that is gone, whatever its roster says.  Run by hand there is no supervisor: then a
 * tenant is what has a folder.
 *
 * Memory  arena.
 * Cost    wanted_has(): one system call.  wanted_list(): every name of that folder.
 */
#ifndef RAGPOOL_WANTED_H
#define RAGPOOL_WANTED_H

#include "api.h"

bool wanted_has(struct api *api, const char *tenant);
/* Names of all that the caller may see, sorted. */
int wanted_list(const char ***names, size_t *count, struct api *api, const struct caller *c,
    struct arena *a, struct err *e);
/* The accepted document, as it was offered; *n 0: run by hand, there is none.  ERR_TENANT. */
int wanted_document(struct api *api, const char *tenant, const char **text, size_t *n,
    struct arena *a, struct err *e);

#endif
