/* route.h - one table: method, path, body limit, handler. */
#ifndef RAGPOOL_ROUTE_H
#define RAGPOOL_ROUTE_H

#include <stdio.h>

#include "api.h"

/* Finds the handler and runs it; whatever happens, p holds a whole answer after it.
 * Paths are compared as they are: nothing is normalised. */
void route_run(struct api *api, struct req *r, struct reply *p);
/* The pattern of a route that watch_route() was told; "-" for none. */
const char *route_path(int32_t route);
/* Every route, one a line: method, path, role ("none": whoever asks), most bytes of a body. */
void route_print(FILE *to);

#endif
