/* columns_format.h - what stands in RPX_COLUMNS; included by core/columns*.c only. */
#ifndef RAGPOOL_COLUMNS_FORMAT_H
#define RAGPOOL_COLUMNS_FORMAT_H

#include <stdint.h>

#include "columns.h"

enum { COLUMNS_TYPES = 3, COLUMNS_MAX = COLUMNS_FIELDS_MAX * COLUMNS_TYPES };

struct columns_header {
	uint32_t version, columns, documents, zero;
};
_Static_assert(sizeof(struct columns_header) == 16, "RPX_COLUMNS is a file format");

struct columns_entry {
	uint64_t name_at;
	uint32_t name_len, type;
	uint64_t first_at, values_at;
	uint32_t values, words;
	uint64_t places_at, bytes_at, bytes;
};
_Static_assert(sizeof(struct columns_entry) == 64, "RPX_COLUMNS is a file format");

/* Bytes of one value. */
static inline uint64_t
columns_width(uint32_t type)
{
	return type == FILTER_STRING ? sizeof(uint32_t)
	       : type == FILTER_NUMBER ? sizeof(double) : 1;
}

#endif
