/* text_html_parse.h - gumbo within bounds.
 *
 * gumbo never fails: it takes the memory it wants, walks its stack of open elements
 * for every tag (quadratic in the depth) and frees its tree by recursion.  So the page
 * is looked over for depth first, gumbo's memory is an arena with a maximum that ends
 * the parse when it is reached, as does a budget of CPU time, and the tree goes with
 * the arena.
 *
 * Errors  ERR_LIMIT: larger than HTML_BYTES_MAX, deeper than HTML_DEPTH_MAX, an
 *         element with more than HTML_ATTRIBUTES_MAX attributes, or too costly.
 * Memory  the tree is borrowed from the page until html_page_fini().
 */
#ifndef RAGPOOL_TEXT_HTML_PARSE_H
#define RAGPOOL_TEXT_HTML_PARSE_H

#include <gumbo.h>
#include <stddef.h>

#include "arena.h"
#include "err.h"

enum {
	HTML_BYTES_MAX = 32 << 20,
	HTML_DEPTH_MAX = 512,
	HTML_ATTRIBUTES_MAX = 512,
};

struct html_page {
	struct arena memory;
	GumboOutput *tree;
};

int html_page_parse(struct html_page *page, const char *s, size_t n, struct err *e);
void html_page_fini(struct html_page *page);

/* Only the look beforehand. */
int html_check_depth(const char *s, size_t n, struct err *e);

#endif
