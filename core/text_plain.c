/* text_plain.c - plain text: a paragraph ends at a blank line. */
#include "text_parts.h"

int
text_walk_plain(struct text_builder *b, struct err *e)
{
	const char *s = b->d->text;
	size_t n = b->d->len, start = 0, next;

	(void)e;
	for (size_t at = 0; at < n; at = next) {
		size_t end = text_line_end(s, at, n, &next);

		if (text_skip_space(s, at, end) == end) {
			text_add_block(b, TEXT_PARAGRAPH, start, at, false);
			start = next;
		}
	}
	text_add_block(b, TEXT_PARAGRAPH, start, n, false);
	return 0;
}
