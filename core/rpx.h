/* rpx.h - the container of index.rpx: a header, a section table, sections.
 *
 * Byte order little endian.  Header, 4096 bytes:
 *
 *   OFFSET  SIZE  MEANING
 *        0     8  magic 89 52 50 58 0d 0a 1a 0a  (as PNG: finds text-mode damage)
 *        8     4  format version, 1
 *       12     4  byte order mark 0x0a0b0c0d
 *       16     4  header bytes, 4096
 *       20     4  number of sections
 *       24     8  file bytes
 *       32     8  flags, 0
 *       40    64  tenant name, padded with NUL
 *      104    24  0
 *      128  3964  section table, 32 bytes an entry:
 *                   u32 kind, u32 crc32c of the section's bytes,
 *                   u64 offset (a multiple of 4096), u64 bytes, u64 items
 *     4092     4  crc32c of bytes 0..4091
 *
 * Sections follow in the order of the table without overlap, padded with zeros to
 * 4096; nothing lies behind the last.  rpx.def lists the kinds.  The layout of a
 * section belongs to the file that writes and reads it; doc/FORMAT.md has them all.
 *
 * rpx_open() maps the file and checks the header and the table, O(sections), no
 * page of a section is touched.  rpx_verify() checks every crc.  A reader of a
 * section still has to bounds-check what the section says: a right checksum does
 * not make a file friendly.
 */
#ifndef RAGPOOL_RPX_H
#define RAGPOOL_RPX_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "file.h"
#include "bounds.h"

enum { RPX_FORMAT = 1, RPX_HEADER_BYTES = 4096, RPX_ALIGN = 4096 };

#define RPX_KIND(a, b, c, d) \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
enum rpx_kind {
#define X(symbol, a, b, c, d, text) symbol = RPX_KIND(a, b, c, d),
#include "rpx.def"
#undef X
};

struct rpx_entry {
	uint32_t kind;
	uint32_t crc;
	uint64_t offset;
	uint64_t bytes;
	uint64_t items;
};
_Static_assert(sizeof(struct rpx_entry) == 32, "the section table is a file format");

/* ---- reading ---- */

struct rpx {
	struct file_map map;
	uint32_t sections;
	struct rpx_entry table[INDEX_SECTIONS_MAX];	/* copied, so it cannot change */
	char tenant[TENANT_NAME_BYTES + 1];
};

int rpx_open(struct rpx *r, const char *path, struct err *e);
void rpx_close(struct rpx *r);
/* The section's bytes, borrowed until rpx_close(); NULL when there is none (an empty
 * section answers a non-NULL pointer and 0 bytes). */
const void *rpx_find(const struct rpx *r, enum rpx_kind kind, size_t *bytes, uint64_t *items);
/* As rpx_find(), but its absence is ERR_CORRUPT. */
const void *rpx_need(
    const struct rpx *r, enum rpx_kind kind, size_t *bytes, uint64_t *items, struct err *e);
/* Reads every byte and compares every checksum. */
int rpx_verify(const struct rpx *r, struct err *e);
/* "CODE" into out[5]. */
void rpx_kind_name(uint32_t kind, char out[5]);

/* ---- writing ---- */

struct rpx_writer;

int rpx_create(struct rpx_writer **out, const char *path, const char *tenant, struct err *e);
/* One section, streamed: begin, any number of puts, end with the number of items. */
int rpx_begin(struct rpx_writer *w, enum rpx_kind kind, struct err *e);
int rpx_put(struct rpx_writer *w, const void *bytes, size_t n, struct err *e);
int rpx_end(struct rpx_writer *w, uint64_t items, struct err *e);
/* A section that is at hand as a whole. */
int rpx_add(struct rpx_writer *w, enum rpx_kind kind, const void *bytes, size_t n,
    uint64_t items, struct err *e);
/* Writes the header and fsyncs.  w is taken, also on failure. */
int rpx_finish(struct rpx_writer *w, struct err *e);
/* Removes the unfinished file.  NULL is fine. */
void rpx_abandon(struct rpx_writer *w);

#endif
