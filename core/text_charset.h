/* text_charset.h - bytes in some charset to UTF-8.
 *
 * Tried in this order: a byte order mark (UTF-8, UTF-16, UTF-32); strict UTF-8;
 * UTF-16 without a mark; the declared charset, if any; UTF-8 with a few damaged
 * places; what uchardet makes of it.  glibc's iconv converts.
 *
 * Shapes  the result is strict UTF-8 without NUL.
 * Memory  text borrows `bytes` when they are already that; else it is owned and
 *         text_decoded_fini() frees.  At most 3 bytes out for one in.
 * Errors  ERR_NOT_TEXT with the reason; ERR_LIMIT when the text is larger than
 *         DOCUMENT_BYTES_MAX; ERR_NOMEM.
 */
#ifndef RAGPOOL_TEXT_CHARSET_H
#define RAGPOOL_TEXT_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct text_decoded {
	const char *text;
	size_t len;
	bool is_source_bytes;	/* offsets in text are offsets in the bytes */
	char charset[24];
	size_t replaced;	/* undecodable places, now U+FFFD each */
	char *owned;
};

/* declared: a charset's name from outside the text, or "".  The mark and strict UTF-8
 * go before it: pages that lie about being Latin-1 are common, the reverse is not. */
int text_decode(const char *bytes, size_t n, const char *declared, struct text_decoded *out,
    struct err *e);
void text_decoded_fini(struct text_decoded *d);
/* The charset a page names in a meta element or an XML declaration, within its first
 * 4096 bytes; "" when it names none. */
void text_find_declared(const char *bytes, size_t n, char *out, size_t size);

#endif
