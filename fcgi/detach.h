/* detach.h - a deleted file leaves every vector store of its owner's that holds it. */
#ifndef RAGPOOL_DETACH_H
#define RAGPOOL_DETACH_H

#include "api.h"

/* Of every tenant that the caller may see and that has, or is to have, a document of this key, its
 * removal is accepted. */
int detach_everywhere(struct api *api, const struct req *r, const char *key, struct err *e);

#endif
