/* inbox_parts.h - what the two halves of the inbox share; nobody else includes it. */
#ifndef RAGPOOL_INBOX_PARTS_H
#define RAGPOOL_INBOX_PARTS_H

#include "inbox.h"

#define INBOX_MAGIC "RPIN0001"
enum { INBOX_TAIL_BYTES = 16 };

/* DATA/inbox/<tenant>. */
int inbox_folder(char *out, size_t size, const char *data_dir, const char *tenant, struct err *e);

#endif
