/* text_html_parse.c - gumbo within bounds. */
#include "text_html_parse.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "clk.h"
#include "utf8.h"

enum {
	ARENA_PER_BYTE = 128,		/* dense markup takes about 60 */
	ARENA_LEAST = 16 << 20,
	ARENA_MOST = 1 << 30,
	BUDGET_MS = 3000,		/* and as much for each MiB; gumbo takes 50..100 */
	LOOK_EVERY = 1024,		/* allocations between two looks at the clock */
};

/* ---- the look beforehand ---- */


struct open_tag {
	uint32_t name;			/* hash of the lower-case name */
	bool wall;			/* other elements' end tags stop here */
};

struct nesting {
	const char *s;
	size_t n;
	struct open_tag open[HTML_DEPTH_MAX];
	size_t depth;
	size_t foreign;			/* open svg and math elements */
};

static uint32_t
hash_name(const char *s, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++) {
		char c = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] | 32) : s[i];

		h = (h ^ (unsigned char)c) * 16777619u;
	}
	return h;
}

/* Whether `name` is one of the words in a list like " br hr img ". */
static bool
is_one_of(const char *list, const char *name, size_t n)
{
	char key[16];

	if (n == 0 || n > sizeof key - 3)
		return false;
	key[0] = ' ';
	for (size_t i = 0; i < n; i++)
		key[i + 1] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 32 : name[i]);
	key[n + 1] = ' ';
	key[n + 2] = '\0';
	return strstr(list, key) != NULL;
}

static const char never_open[] = " area base br col embed hr img input link meta param source "
				 "track wbr p li dt dd option optgroup rp rt colgroup ";
static const char cells[] = " td th tr tbody thead tfoot caption ";
static const char formatting[] = " a b big code em font i nobr s small strike strong tt u ";
static const char raw_text[] = " script style textarea title xmp iframe noembed noframes ";
static const char walls[] = " table template button object marquee applet ";

/* Behind the tag whose name ends at `at`; counts its attributes. */
static size_t
tag_end(const struct nesting *x, size_t at, size_t *attributes, bool *self_closing)
{
	char quote = 0;
	bool between = false;

	*attributes = 0;
	for (; at < x->n; at++) {
		char c = x->s[at];

		if (quote != 0) {
			if (c == quote)
				quote = 0;
		} else if (c == '>') {
			*self_closing = x->s[at - 1] == '/';
			return at + 1;
		} else if ((c == '"' || c == '\'') && x->s[at - 1] == '=') {
			quote = c;
			between = true;
		} else if (c == ' ' || c == '/' || (c >= '\t' && c <= '\r')) {
			between = true;
		} else if (between) {
			*attributes += 1;
			between = c == '"' || c == '\'';
		}
	}
	return x->n;
}

static size_t
raw_text_end(const struct nesting *x, size_t at, const char *name, size_t len)
{
	const char *p = x->s + at, *end = x->s + x->n;

	while ((p = memmem(p, (size_t)(end - p), "</", 2)) != NULL) {
		if ((size_t)(end - p) >= len + 2 && strncasecmp(p + 2, name, len) == 0)
			return (size_t)(p - x->s);
		p += 2;
	}
	return x->n;
}

/* A table cell or row ends everything that is open up to its table. */
static void
close_to_table(struct nesting *x)
{
	uint32_t table = hash_name("table", 5);

	for (size_t i = x->depth; i > 0; i--) {
		if (x->open[i - 1].name == table) {
			x->depth = i;
			return;
		}
	}
}

static void
close_tag(struct nesting *x, const char *name, size_t len)
{
	uint32_t h = hash_name(name, len);
	bool alone = is_one_of(formatting, name, len);

	if (is_one_of(cells, name, len)) {
		close_to_table(x);
		return;
	}
	if (x->foreign > 0 && is_one_of(" svg math ", name, len))
		x->foreign--;
	for (size_t i = x->depth; i > 0; i--) {
		if (x->open[i - 1].name == h) {
			/* Misnested formatting closes alone, what it holds stays open. */
			memmove(x->open + i - 1, x->open + i,
			    (alone ? x->depth - i : 0) * sizeof x->open[0]);
			x->depth = alone ? x->depth - 1 : i - 1;
			return;
		}
		if (x->open[i - 1].wall)
			return;
	}
}

static int
open_tag(struct nesting *x, const char *name, size_t len, bool self_closing, struct err *e)
{
	if (is_one_of(never_open, name, len) || (self_closing && x->foreign > 0))
		return 0;
	if (is_one_of(cells, name, len)) {
		close_to_table(x);
		return 0;
	}
	if (x->depth == HTML_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "the page nests deeper than %d elements",
		    HTML_DEPTH_MAX);
	x->open[x->depth++] = (struct open_tag){
	    .name = hash_name(name, len), .wall = is_one_of(walls, name, len)};
	x->foreign += is_one_of(" svg math ", name, len);
	return 0;
}

static size_t
markup_end(const struct nesting *x, size_t at)
{
	const char *p, *s = x->s + at;
	size_t left = x->n - at;

	if (left >= 4 && memcmp(s, "<!--", 4) == 0) {
		p = memmem(s + 2, left - 2, "-->", 3);
		return p != NULL ? (size_t)(p - x->s) + 3 : x->n;
	}
	p = memchr(s, '>', left);
	return p != NULL ? (size_t)(p - x->s) + 1 : x->n;
}

static int
look_at_tag(struct nesting *x, size_t at, size_t *next, struct err *e)
{
	bool closing = x->s[at + 1] == '/', self_closing = false;
	const char *name = x->s + at + 1 + closing;
	size_t len = 0, left = x->n - (size_t)(name - x->s), attributes;

	while (len < left && name[len] != '>' && name[len] != '/' && name[len] != ' ' &&
	    !(name[len] >= '\t' && name[len] <= '\r'))
		len++;
	*next = tag_end(x, (size_t)(name - x->s) + len, &attributes, &self_closing);
	if (attributes > HTML_ATTRIBUTES_MAX)
		return err_set(e, ERR_LIMIT,
		    "an element of the page has more than %d attributes", HTML_ATTRIBUTES_MAX);
	if (closing) {
		close_tag(x, name, len);
		return 0;
	}
	if (is_one_of(raw_text, name, len) && x->foreign == 0) {
		*next = raw_text_end(x, *next, name, len);
		return 0;
	}
	return open_tag(x, name, len, self_closing, e);
}

int
html_check_depth(const char *s, size_t n, struct err *e)
{
	struct nesting x = {.s = s, .n = n};
	size_t at = 0, next;
	const char *p;

	while (at < n && (p = memchr(s + at, '<', n - at)) != NULL) {
		at = (size_t)(p - s);
		next = at + 1;
		if (at + 2 < n) {
			char c = s[at + 1] == '/' ? s[at + 2] : s[at + 1];

			if ((c | 32) >= 'a' && (c | 32) <= 'z') {
				if (look_at_tag(&x, at, &next, e) == -1)
					return -1;
			} else if (s[at + 1] == '!' || s[at + 1] == '?' || s[at + 1] == '/') {
				next = markup_end(&x, at);
			}
		}
		at = next;
	}
	return 0;
}

/* ---- the parse ---- */

struct parse {
	struct arena *memory;
	jmp_buf stop;
	unsigned long allocations;
	int64_t deadline_ns;
};

static void *
take_memory(void *context, size_t n)
{
	struct parse *p = context;
	void *memory = NULL;

	if (++p->allocations % LOOK_EVERY != 0 || clk_cpu_ns() < p->deadline_ns)
		memory = arena_alloc(p->memory, n);
	if (memory == NULL)
		longjmp(p->stop, 1);	/* gumbo has no way to be told of a failure */
	return memory;
}

static void
keep_memory(void *context, void *memory)
{
	(void)context, (void)memory;
}

int
html_page_parse(struct html_page *page, const char *s, size_t n, struct err *e)
{
	struct parse p = {.memory = &page->memory};
	GumboOptions options = kGumboDefaultOptions;

	*page = (struct html_page){0};
	if (n > HTML_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the page has %zu bytes, %d are read", n,
		    HTML_BYTES_MAX);
	if (html_check_depth(s, n, e) == -1)
		return -1;
	arena_init(&page->memory, n < (ARENA_MOST - ARENA_LEAST) / ARENA_PER_BYTE
				      ? n * ARENA_PER_BYTE + ARENA_LEAST
				      : ARENA_MOST);
	p.deadline_ns = clk_cpu_ns() + (int64_t)BUDGET_MS * 1000000 * (1 + (int64_t)(n >> 20));
	options.allocator = take_memory;
	options.deallocator = keep_memory;
	options.userdata = &p;
	options.max_errors = 0;
	if (setjmp(p.stop) != 0) {
		html_page_fini(page);
		return err_set(e, ERR_LIMIT, "the page is too costly to parse");
	}
	page->tree = gumbo_parse_with_options(&options, s, n);
	return 0;
}

void
html_page_fini(struct html_page *page)
{
	arena_fini(&page->memory);
	page->tree = NULL;
}
