/* xml_walk.h - the elements of an XML answer, one after another, without a tree.
 *
 * For answers of servers (listings, errors, site maps): a document type declaration, which
 * such answers do not have and attacks are made of, is refused; nothing is ever loaded.
 *
 * Shapes  the path names the elements from the root, without namespaces:
 *         "/ListBucketResult/Contents/Key".  The text is that of the element itself, entities
 *         resolved, UTF-8.  An element is reported when it ends, so after those inside it.
 * Bounds  XML_DEPTH_MAX deep, XML_TEXT_MAX bytes of text in one element.
 * Errors  ERR_PEER: not well-formed, too deep, too long, a DTD.  ERR_NOMEM.
 */
#ifndef RAGPOOL_XML_WALK_H
#define RAGPOOL_XML_WALK_H

#include <stddef.h>

#include "err.h"

enum { XML_DEPTH_MAX = 12, XML_TEXT_MAX = 64 * 1024, XML_PATH_BYTES = 512 };

/* -1 ends the walk, with *e filled. */
typedef int xml_element_fn(void *context, const char *path, const char *text, struct err *e);

int xml_walk(const char *bytes, size_t n, xml_element_fn *each, void *context, struct err *e);

#endif
