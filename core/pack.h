/* pack.h - parts of a zip archive, bounded, and the XML in them.
 *
 * Bounds  ARCHIVE_ENTRIES_MAX parts; ARCHIVE_BYTES_MAX unpacked, all that was read counted
 *         together; a part of more than ARCHIVE_RATIO_FLOOR bytes may be at most
 *         ARCHIVE_RATIO_MAX times as large as it is packed.  What counts is what comes out,
 *         not what the archive says.  Archives in archives are not opened.
 * XML     no DTD, no entities but the five of XML, nothing from elsewhere; elements nest
 *         at most 256 deep.
 * Errors  ERR_DAMAGED cut off, broken, not well-formed; ERR_ENCRYPTED; ERR_HOSTILE a bound
 *         above, or a DTD.
 */
#ifndef RAGPOOL_PACK_H
#define RAGPOOL_PACK_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"

struct pack {
	struct zip *zip;
	size_t read;		/* bytes that came out so far */
};

/* bytes are borrowed until pack_close(). */
int pack_open(struct pack *p, const char *bytes, size_t n, struct err *e);
void pack_close(struct pack *p);
bool pack_has(const struct pack *p, const char *name);
/* A whole part, at most max bytes of it, appended. */
int pack_read(struct pack *p, const char *name, size_t max, struct buf *out, struct err *e);

/* ---- XML ---- */

struct xml_attributes;

/* Names come without their prefix.  close() is told of every element, open() before it. */
struct xml_handler {
	void (*open)(void *context, const char *name, const struct xml_attributes *a);
	void (*text)(void *context, const char *s, size_t n);	/* may be NULL */
	void (*close)(void *context, const char *name);		/* may be NULL */
};

/* ERR_DAMAGED when the part is not there. */
int pack_read_xml(struct pack *p, const char *name, const struct xml_handler *h, void *context,
    struct err *e);
/* A part that need not be there. */
int pack_read_xml_if(struct pack *p, const char *name, const struct xml_handler *h,
    void *context, struct err *e);

/* The value of an attribute, cut to size - 1 bytes on a character; false: there is none.
 * xml_relation() wants the one in OOXML's namespace of relations (r:id). */
bool xml_attribute(const struct xml_attributes *a, const char *name, char *out, size_t size);
bool xml_relation(const struct xml_attributes *a, const char *name, char *out, size_t size);
/* A whole number; otherwise, and when there is none, `otherwise`. */
long xml_number(const struct xml_attributes *a, const char *name, long otherwise);

/* ---- OOXML's relations: which part an id means ---- */

enum { RELATIONS_MAX = 16384, PART_NAME_BYTES = 256 };

struct relation {
	char id[64];
	char type[32];			/* the last word of its URI: "slide", "notesSlide" */
	char target[PART_NAME_BYTES];	/* a part's name from the root */
};

struct relations {
	struct relation *at;		/* owned */
	size_t count;
	char base[PART_NAME_BYTES];
	bool failed;
};

/* Of the part `name`; without any when it has none. */
int relations_read(struct relations *r, struct pack *p, const char *name, struct err *e);
void relations_fini(struct relations *r);
const char *relations_find(const struct relations *r, const char *id);
const char *relations_find_type(const struct relations *r, const char *type);
/* "ppt/slides/../notes/n.xml" made straight; false when it leaves the archive. */
bool pack_join(char out[PART_NAME_BYTES], const char *folder, const char *target);

#endif
