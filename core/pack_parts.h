/* pack_parts.h - what pack.c and pack_xml.c share and nobody else needs. */
#ifndef RAGPOOL_PACK_PARTS_H
#define RAGPOOL_PACK_PARTS_H

#include "pack.h"

/* -1 ends the reading with *e. */
typedef int pack_bytes_fn(void *context, const char *bytes, size_t n, struct err *e);

/* A part piece by piece, as it is unpacked. */
int pack_each(
    struct pack *p, const char *name, pack_bytes_fn *each, void *context, struct err *e);

#endif
