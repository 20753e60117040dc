/* rpx.c - the container of index.rpx. */
#include "rpx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "index.rpx is mapped as it is: little endian machines only"
#endif

static const unsigned char rpx_magic[8] = {0x89, 'R', 'P', 'X', '\r', '\n', 0x1a, '\n'};
enum { BYTE_ORDER_MARK = 0x0a0b0c0d };

struct rpx_header {
	unsigned char magic[8];
	uint32_t format;
	uint32_t byte_order;
	uint32_t header_bytes;
	uint32_t sections;
	uint64_t file_bytes;
	uint64_t flags;
	char tenant[64];
	unsigned char zero[24];
	struct rpx_entry table[INDEX_SECTIONS_MAX];
	unsigned char spare[RPX_HEADER_BYTES - 128 - 32 * INDEX_SECTIONS_MAX - 4];
	uint32_t crc;
};
_Static_assert(sizeof(struct rpx_header) == RPX_HEADER_BYTES, "the header is a file format");
_Static_assert(offsetof(struct rpx_header, table) == 128, "the header is a file format");
_Static_assert(offsetof(struct rpx_header, crc) == 4092, "the header is a file format");

static bool
is_known_kind(uint32_t kind)
{
	switch (kind) {
#define X(symbol, a, b, c, d, text) case symbol:
#include "rpx.def"
#undef X
		return true;
	default:
		return false;
	}
}

void
rpx_kind_name(uint32_t kind, char out[5])
{
	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)(kind >> 8 * i);
		out[i] = c > 0x20 && c < 0x7f ? (char)c : '?';
	}
	out[4] = '\0';
}

/* ---- reading ---- */

static int
check_header(const struct rpx_header *h, size_t len, const char *path, struct err *e)
{
	if (len < RPX_HEADER_BYTES)
		return err_set(e, ERR_CORRUPT, "%s: cut short: %zu bytes", path, len);
	if (memcmp(h->magic, rpx_magic, sizeof rpx_magic) != 0)
		return err_set(e, ERR_CORRUPT, "%s: not an index.rpx", path);
	if (h->byte_order != BYTE_ORDER_MARK)
		return err_set(e, ERR_CORRUPT, "%s: wrong byte order", path);
	if (h->format > RPX_FORMAT)
		return err_set(e, ERR_FORMAT_NEW, "%s: format %u, this program reads up to %d",
		    path, h->format, RPX_FORMAT);
	if (h->format != RPX_FORMAT || h->header_bytes != RPX_HEADER_BYTES || h->flags != 0)
		return err_set(e, ERR_CORRUPT, "%s: bad header", path);
	if (h->crc != hash_crc32c(0, h, offsetof(struct rpx_header, crc)))
		return err_set(e, ERR_CORRUPT, "%s: header checksum differs", path);
	if (h->file_bytes != len)
		return err_set(e, ERR_CORRUPT, "%s: %zu bytes, the header says %llu", path, len,
		    (unsigned long long)h->file_bytes);
	if (h->sections > INDEX_SECTIONS_MAX || h->tenant[TENANT_NAME_BYTES] != '\0')
		return err_set(e, ERR_CORRUPT, "%s: bad header", path);
	return 0;
}

static uint64_t
aligned(uint64_t offset)
{
	return (offset + RPX_ALIGN - 1) & ~(uint64_t)(RPX_ALIGN - 1);
}

/* Sections must tile the file exactly, so that no byte is outside a checksum. */
static int
check_table(const struct rpx *r, const char *path, struct err *e)
{
	uint64_t next = RPX_HEADER_BYTES, len = r->map.len;
	char name[5];

	for (uint32_t i = 0; i < r->sections; i++) {
		const struct rpx_entry *s = &r->table[i];
		rpx_kind_name(s->kind, name);
		if (s->offset != next || s->bytes > len || s->offset > len - s->bytes)
			return err_set(e, ERR_CORRUPT, "%s: section %s lies outside the file",
			    path, name);
		if (!is_known_kind(s->kind) && !((s->kind & 0xff) & 0x20))
			return err_set(e, ERR_FORMAT_NEW, "%s: needs section %s, unknown here",
			    path, name);
		for (uint32_t k = 0; k < i; k++)
			if (r->table[k].kind == s->kind)
				return err_set(
				    e, ERR_CORRUPT, "%s: section %s twice", path, name);
		next = aligned(s->offset + s->bytes);
	}
	if (next != len)
		return err_set(e, ERR_CORRUPT, "%s: bytes behind the last section", path);
	return 0;
}

int
rpx_open(struct rpx *r, const char *path, struct err *e)
{
	const struct rpx_header *h;

	memset(r, 0, sizeof *r);
	if (file_map(&r->map, path, e) == -1)
		return -1;
	h = (const struct rpx_header *)r->map.data;
	if (check_header(h, r->map.len, path, e) == -1)
		goto fail;
	r->sections = h->sections;
	memcpy(r->table, h->table, sizeof r->table);
	memcpy(r->tenant, h->tenant, sizeof r->tenant);
	if (check_table(r, path, e) == -1)
		goto fail;
	return 0;
fail:
	rpx_close(r);
	return -1;
}

void
rpx_close(struct rpx *r)
{
	if (r == NULL)
		return;
	file_unmap(&r->map);
	r->sections = 0;
}

const void *
rpx_find(const struct rpx *r, enum rpx_kind kind, size_t *bytes, uint64_t *items)
{
	for (uint32_t i = 0; i < r->sections; i++) {
		const struct rpx_entry *s = &r->table[i];
		if (s->kind != (uint32_t)kind)
			continue;
		*bytes = (size_t)s->bytes;
		if (items != NULL)
			*items = s->items;
		return s->bytes > 0 ? r->map.data + s->offset : r->map.data;
	}
	return NULL;
}

const void *
rpx_need(
    const struct rpx *r, enum rpx_kind kind, size_t *bytes, uint64_t *items, struct err *e)
{
	const void *p = rpx_find(r, kind, bytes, items);
	char name[5];

	if (p == NULL) {
		rpx_kind_name((uint32_t)kind, name);
		err_set(e, ERR_CORRUPT, "index.rpx: section %s is missing", name);
	}
	return p;
}

int
rpx_verify(const struct rpx *r, struct err *e)
{
	char name[5];

	for (uint32_t i = 0; i < r->sections; i++) {
		const struct rpx_entry *s = &r->table[i];
		if (hash_crc32c(0, r->map.data + s->offset, s->bytes) == s->crc)
			continue;
		rpx_kind_name(s->kind, name);
		return err_set(e, ERR_CORRUPT, "index.rpx: checksum of section %s differs", name);
	}
	return 0;
}

/* ---- writing ---- */

struct rpx_writer {
	int fd;
	char *path;
	bool in_section;
	uint64_t at;		/* bytes written so far */
	size_t held;		/* bytes in block, not yet written */
	struct rpx_header header;
	unsigned char block[256 * 1024];
};

static int
flush_block(struct rpx_writer *w, struct err *e)
{
	if (file_write_all(w->fd, w->block, w->held, w->path, e) == -1)
		return -1;
	w->held = 0;
	return 0;
}

static int
write_raw(struct rpx_writer *w, const void *bytes, size_t n, struct err *e)
{
	const unsigned char *p = bytes;

	while (n > 0) {
		size_t part = sizeof w->block - w->held;
		if (part > n)
			part = n;
		memcpy(w->block + w->held, p, part);
		w->held += part;
		w->at += part;
		p += part;
		n -= part;
		if (w->held == sizeof w->block && flush_block(w, e) == -1)
			return -1;
	}
	return 0;
}

static int
pad_to_alignment(struct rpx_writer *w, struct err *e)
{
	static const unsigned char zeros[RPX_ALIGN];

	return write_raw(w, zeros, (size_t)(aligned(w->at) - w->at), e);
}

int
rpx_create(struct rpx_writer **out, const char *path, const char *tenant, struct err *e)
{
	struct rpx_writer *w = calloc(1, sizeof *w);

	*out = NULL;
	if (w == NULL)
		return err_sys(e, ERR_NOMEM, "%s", path);
	w->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (w->fd == -1 || (w->path = strdup(path)) == NULL) {
		err_sys(e, ERR_IO, "%s", path);
		rpx_abandon(w);
		return -1;
	}
	if (strlen(tenant) > TENANT_NAME_BYTES) {
		err_set(e, ERR_TENANT_NAME, "tenant name too long");
		rpx_abandon(w);
		return -1;
	}
	memcpy(w->header.magic, rpx_magic, sizeof rpx_magic);
	w->header.format = RPX_FORMAT;
	w->header.byte_order = BYTE_ORDER_MARK;
	w->header.header_bytes = RPX_HEADER_BYTES;
	memcpy(w->header.tenant, tenant, strlen(tenant));
	if (write_raw(w, &w->header, sizeof w->header, e) == -1) {
		rpx_abandon(w);
		return -1;
	}
	*out = w;
	return 0;
}

int
rpx_begin(struct rpx_writer *w, enum rpx_kind kind, struct err *e)
{
	struct rpx_entry *s = &w->header.table[w->header.sections];

	if (w->in_section || w->header.sections >= INDEX_SECTIONS_MAX)
		return err_set(e, ERR_INTERNAL, "%s: section out of order", w->path);
	*s = (struct rpx_entry){.kind = (uint32_t)kind, .offset = w->at};
	w->in_section = true;
	return 0;
}

int
rpx_put(struct rpx_writer *w, const void *bytes, size_t n, struct err *e)
{
	struct rpx_entry *s = &w->header.table[w->header.sections];

	s->crc = hash_crc32c(s->crc, bytes, n);
	s->bytes += n;
	return write_raw(w, bytes, n, e);
}

int
rpx_end(struct rpx_writer *w, uint64_t items, struct err *e)
{
	w->header.table[w->header.sections].items = items;
	w->header.sections++;
	w->in_section = false;
	return pad_to_alignment(w, e);
}

int
rpx_add(struct rpx_writer *w, enum rpx_kind kind, const void *bytes, size_t n, uint64_t items,
    struct err *e)
{
	if (rpx_begin(w, kind, e) == -1 || rpx_put(w, bytes, n, e) == -1)
		return -1;
	return rpx_end(w, items, e);
}

int
rpx_finish(struct rpx_writer *w, struct err *e)
{
	if (flush_block(w, e) == -1)
		goto fail;
	w->header.file_bytes = w->at;
	w->header.crc = hash_crc32c(0, &w->header, offsetof(struct rpx_header, crc));
	if (lseek(w->fd, 0, SEEK_SET) == -1) {
		err_sys(e, ERR_IO, "%s", w->path);
		goto fail;
	}
	if (file_write_all(w->fd, &w->header, sizeof w->header, w->path, e) == -1)
		goto fail;
	if (fsync(w->fd) == -1) {
		err_sys(e, ERR_IO, "fsync %s", w->path);
		goto fail;
	}
	close(w->fd);
	free(w->path);
	free(w);
	return 0;
fail:
	rpx_abandon(w);
	return -1;
}

void
rpx_abandon(struct rpx_writer *w)
{
	if (w == NULL)
		return;
	if (w->fd != -1) {
		close(w->fd);
		if (w->path != NULL)
			unlink(w->path);
	}
	free(w->path);
	free(w);
}
