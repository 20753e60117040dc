/* text_html.c - the text of a page: what a reader came for, in reading order.
 *
 * The walk is over gumbo's tree with a stack of its own, never by recursion.  From the
 * main element, else a single article, else the body; without scripts, navigation,
 * asides, forms that are only forms, and what is hidden.  If nothing remains, once
 * more over the whole body with only scripts and the like left out.
 *
 * Layout  paragraphs are parted by a blank line; a list is a line an item with "- "
 *         or "1. " and two spaces a level; a table is a line a row with " | " between
 *         its cells; pre stays as it is.  A table that holds headings or tables is
 *         layout, and its cells are paragraphs.
 */
#include "text_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bounds.h"
#include "text_html_parse.h"

enum { LISTS_MAX = 16 };	/* deeper ones are shown at this depth */

enum role {
	INLINE, BLOCK, GONE, PAGE_ONLY, FORM, HEADING, LIST, ITEM, TABLE, ROW, CELL, PRE, BREAK
};

/* GONE: never text.  PAGE_ONLY: the page around the content; kept on a second try. */
static const unsigned char roles[GUMBO_TAG_LAST + 1] = {
    [GUMBO_TAG_SCRIPT] = GONE, [GUMBO_TAG_STYLE] = GONE, [GUMBO_TAG_NOSCRIPT] = GONE,
    [GUMBO_TAG_TEMPLATE] = GONE, [GUMBO_TAG_HEAD] = GONE, [GUMBO_TAG_TITLE] = GONE,
    [GUMBO_TAG_IFRAME] = GONE, [GUMBO_TAG_OBJECT] = GONE, [GUMBO_TAG_VIDEO] = GONE,
    [GUMBO_TAG_AUDIO] = GONE, [GUMBO_TAG_CANVAS] = GONE, [GUMBO_TAG_SVG] = GONE,
    [GUMBO_TAG_SELECT] = GONE, [GUMBO_TAG_BUTTON] = GONE, [GUMBO_TAG_TEXTAREA] = GONE,
    [GUMBO_TAG_DATALIST] = GONE, [GUMBO_TAG_NOFRAMES] = GONE, [GUMBO_TAG_NOEMBED] = GONE,
    [GUMBO_TAG_NAV] = PAGE_ONLY, [GUMBO_TAG_ASIDE] = PAGE_ONLY, [GUMBO_TAG_FOOTER] = PAGE_ONLY,
    [GUMBO_TAG_FORM] = FORM,
    [GUMBO_TAG_H1] = HEADING, [GUMBO_TAG_H2] = HEADING, [GUMBO_TAG_H3] = HEADING,
    [GUMBO_TAG_H4] = HEADING, [GUMBO_TAG_H5] = HEADING, [GUMBO_TAG_H6] = HEADING,
    [GUMBO_TAG_UL] = LIST, [GUMBO_TAG_OL] = LIST, [GUMBO_TAG_MENU] = LIST,
    [GUMBO_TAG_DL] = LIST,
    [GUMBO_TAG_LI] = ITEM, [GUMBO_TAG_DT] = ITEM, [GUMBO_TAG_DD] = BLOCK,
    [GUMBO_TAG_TABLE] = TABLE, [GUMBO_TAG_TR] = ROW, [GUMBO_TAG_CAPTION] = ROW,
    [GUMBO_TAG_TD] = CELL, [GUMBO_TAG_TH] = CELL,
    [GUMBO_TAG_PRE] = PRE, [GUMBO_TAG_LISTING] = PRE, [GUMBO_TAG_XMP] = PRE,
    [GUMBO_TAG_PLAINTEXT] = PRE, [GUMBO_TAG_BR] = BREAK,
    [GUMBO_TAG_HTML] = BLOCK, [GUMBO_TAG_BODY] = BLOCK, [GUMBO_TAG_ARTICLE] = BLOCK,
    [GUMBO_TAG_SECTION] = BLOCK, [GUMBO_TAG_HGROUP] = BLOCK, [GUMBO_TAG_HEADER] = BLOCK,
    [GUMBO_TAG_ADDRESS] = BLOCK, [GUMBO_TAG_P] = BLOCK, [GUMBO_TAG_HR] = BLOCK,
    [GUMBO_TAG_BLOCKQUOTE] = BLOCK, [GUMBO_TAG_FIGURE] = BLOCK, [GUMBO_TAG_FIGCAPTION] = BLOCK,
    [GUMBO_TAG_MAIN] = BLOCK, [GUMBO_TAG_DIV] = BLOCK, [GUMBO_TAG_DETAILS] = BLOCK,
    [GUMBO_TAG_SUMMARY] = BLOCK, [GUMBO_TAG_FIELDSET] = BLOCK, [GUMBO_TAG_LEGEND] = BLOCK,
    [GUMBO_TAG_CENTER] = BLOCK, [GUMBO_TAG_DIR] = LIST, [GUMBO_TAG_OPTGROUP] = BLOCK,
};

struct walk {
	struct text_builder *b;
	struct buf out;			/* the text so far */
	struct buf line;		/* the words of the open line */
	bool space_owed;
	bool all;			/* the second try: keep what is not GONE */
	size_t region_at;		/* where the open list or table begins in out */
	bool region_open;
	enum text_block_kind region;
	bool list_broken;		/* something stood between two parts of a list */
	unsigned lists;
	unsigned counter[LISTS_MAX];	/* 0: not numbered, else the next number */
	bool item_pending;		/* its mark is to be written */
	unsigned tables;		/* open data tables */
	unsigned pre;
	unsigned heading;		/* level of the open heading */
	bool row_has_cell;
};

/* ---- text ---- */

static void
point_at_text(struct walk *w)
{
	w->b->d->text = w->out.data != NULL ? w->out.data : "";
	w->b->d->len = w->out.len;
}

static void
close_region(struct walk *w)
{
	if (!w->region_open)
		return;
	point_at_text(w);
	text_add_block(w->b, w->region, w->region_at, w->out.len, w->list_broken);
	w->region_open = false;
	w->list_broken = w->lists > 0;
}

static void
part(struct walk *w)
{
	if (w->out.len > 0)
		buf_adds(&w->out, "\n\n");
}

/* A list or table line. */
static void
begin_region_line(struct walk *w, enum text_block_kind kind)
{
	if (w->region_open && w->region != kind)
		close_region(w);
	if (w->region_open) {
		buf_addc(&w->out, '\n');
		return;
	}
	part(w);
	w->region_open = true;
	w->region = kind;
	w->region_at = w->out.len;
}

static void
put_item_mark(struct walk *w)
{
	unsigned depth = w->lists < LISTS_MAX ? w->lists : LISTS_MAX;
	unsigned *counter = &w->counter[depth - 1];

	for (unsigned i = 1; i < depth; i++)
		buf_adds(&w->out, "  ");
	if (!w->item_pending)
		buf_adds(&w->out, "  ");
	else if (*counter > 0)
		buf_addf(&w->out, "%u. ", (*counter)++);
	else
		buf_adds(&w->out, "- ");
	w->item_pending = false;
}

static void
put_single(struct walk *w, enum text_block_kind kind)
{
	size_t at;

	close_region(w);
	part(w);
	at = w->out.len;
	buf_add(&w->out, w->line.data, w->line.len);
	point_at_text(w);
	if (kind == TEXT_HEADING)
		text_add_heading(
		    w->b, w->heading, at, w->out.len, w->out.data + at, w->line.len);
	else
		text_add_block(w->b, kind, at, w->out.len, w->lists > 0 && w->list_broken);
}

/* Ends the open line of words, whatever it belongs to. */
static void
flush(struct walk *w)
{
	w->space_owed = false;
	if (text_skip_space(w->line.data, 0, w->line.len) == w->line.len) {
		buf_reset(&w->line);
		return;
	}
	if (w->out.failed) {
		;
	} else if (w->pre > 0) {
		w->list_broken |= w->lists > 0;
		put_single(w, TEXT_CODE);
	} else if (w->heading > 0) {
		put_single(w, TEXT_HEADING);
	} else if (w->lists > 0 && w->tables == 0) {
		begin_region_line(w, TEXT_LIST);
		put_item_mark(w);
		buf_add(&w->out, w->line.data, w->line.len);
	} else {
		put_single(w, TEXT_PARAGRAPH);
	}
	buf_reset(&w->line);
}

static void
end_cell(struct walk *w)
{
	w->space_owed = false;
	if (w->line.len > 0) {
		if (!w->row_has_cell)
			begin_region_line(w, TEXT_TABLE);
		else
			buf_adds(&w->out, " | ");
		buf_add(&w->out, w->line.data, w->line.len);
		w->row_has_cell = true;
	}
	buf_reset(&w->line);
}

/* A new line where lines matter, a space within a table. */
static void
boundary(struct walk *w)
{
	if (w->tables > 0 || w->heading > 0)
		w->space_owed = true;
	else if (w->pre == 0)
		flush(w);
}

static void
add_words(struct walk *w, const char *s)
{
	size_t n = strlen(s), len;

	if (w->pre > 0 && w->tables == 0) {
		buf_add(&w->line, s, n);
		return;
	}
	for (size_t at = 0; at < n; at += len) {
		size_t from = at;

		if ((len = text_space_len(s + at, n - at)) > 0) {
			w->space_owed = true;
			continue;
		}
		while (at < n && text_space_len(s + at, n - at) == 0)
			at++;
		if (w->space_owed && w->line.len > 0 && w->line.data[w->line.len - 1] != '\n')
			buf_addc(&w->line, ' ');
		w->space_owed = false;
		buf_add(&w->line, s + from, at - from);
	}
}

/* ---- elements ---- */

static const char *
attribute(const GumboNode *node, const char *name)
{
	const GumboAttribute *a = gumbo_get_attribute(&node->v.element.attributes, name);

	return a != NULL ? a->value : NULL;
}

static bool
is_hidden(const GumboNode *node)
{
	const char *style, *aria, *class;

	if (node->v.element.attributes.length == 0)
		return false;
	if ((aria = attribute(node, "aria-hidden")) != NULL && strcasecmp(aria, "true") == 0)
		return true;
	if (attribute(node, "hidden") != NULL)
		return true;
	if ((style = attribute(node, "style")) != NULL &&
	    (strcasestr(style, "display:none") || strcasestr(style, "display: none") ||
		strcasestr(style, "visibility:hidden") ||
		strcasestr(style, "visibility: hidden")))
		return true;
	/* What every MediaWiki page repeats. */
	class = attribute(node, "class");
	return class != NULL &&
	    (strstr(class, "mw-editsection") || strstr(class, "mw-portlet") ||
		strstr(class, "vector-dropdown") || strstr(class, "navbox"));
}

static bool
is_element(const GumboNode *node)
{
	return node->type == GUMBO_NODE_ELEMENT;
}

static enum role
role_of(const GumboNode *node)
{
	unsigned tag = (unsigned)node->v.element.tag;

	return tag <= GUMBO_TAG_LAST ? (enum role)roles[tag] : INLINE;
}

struct frame {
	const GumboNode *node;
	unsigned next;
};

struct frames {
	struct frame *at;
	size_t count, cap;
	bool failed;
};

static void
push(struct frames *f, const GumboNode *node)
{
	if (f->count == f->cap) {
		size_t cap = f->cap != 0 ? f->cap * 2 : 64;
		struct frame *at = reallocarray(f->at, cap, sizeof *at);

		if (at == NULL) {
			f->failed = true;
			return;
		}
		f->at = at;
		f->cap = cap;
	}
	f->at[f->count++] = (struct frame){.node = node};
}

/* enter() answers whether to go into the node; leave() is called for those it did. */
static int
each_node(const GumboNode *root, bool (*enter)(void *, const GumboNode *),
    void (*leave)(void *, const GumboNode *), void *context)
{
	struct frames f = {0};

	if (enter(context, root) && is_element(root))
		push(&f, root);
	while (f.count > 0 && !f.failed) {
		struct frame *top = &f.at[f.count - 1];
		const GumboVector *children = &top->node->v.element.children;

		if (top->next < children->length) {
			const GumboNode *child = children->data[top->next++];

			if (enter(context, child) &&
			    (is_element(child) || child->type == GUMBO_NODE_TEMPLATE))
				push(&f, child);
			continue;
		}
		if (leave != NULL)
			leave(context, top->node);
		f.count--;
	}
	free(f.at);
	return f.failed ? -1 : 0;
}

struct look {
	const GumboNode *root;
	bool found;
	bool for_form;
};

static bool
look_inside(void *context, const GumboNode *node)
{
	struct look *l = context;
	enum role role;

	if (!is_element(node) || l->found)
		return false;
	if (node == l->root)
		return true;
	role = role_of(node);
	if (role == HEADING || role == TABLE ||
	    (l->for_form && (node->v.element.tag == GUMBO_TAG_P ||
				node->v.element.tag == GUMBO_TAG_ARTICLE)))
		l->found = true;
	return !l->found;
}

/* A form with prose in it is a page in a form; a table with headings is layout. */
static bool
holds_structure(const GumboNode *node, bool for_form)
{
	struct look l = {.root = node, .for_form = for_form};

	each_node(node, look_inside, NULL, &l);
	return l.found;
}

static bool
is_left_out(const struct walk *w, const GumboNode *node, enum role role)
{
	const char *r;

	if (role == GONE)
		return true;
	if (w->all)
		return false;
	if (role == PAGE_ONLY)
		return true;
	if (role == FORM && !holds_structure(node, true))
		return true;
	if (is_hidden(node))
		return true;
	r = node->v.element.attributes.length > 0 ? attribute(node, "role") : NULL;
	return r != NULL &&
	    (strcasecmp(r, "navigation") == 0 || strcasecmp(r, "search") == 0 ||
		strcasecmp(r, "banner") == 0 || strcasecmp(r, "contentinfo") == 0);
}

static void
enter_list(struct walk *w, const GumboNode *node)
{
	boundary(w);
	if (w->tables > 0)
		return;
	if (w->lists == 0) {
		close_region(w);
		w->list_broken = false;
	}
	w->lists++;
	if (w->lists <= LISTS_MAX)
		w->counter[w->lists - 1] = node->v.element.tag == GUMBO_TAG_OL;
	w->item_pending = false;
}

static void
leave_list(struct walk *w)
{
	boundary(w);
	if (w->tables > 0 || w->lists == 0)
		return;
	if (--w->lists == 0) {
		close_region(w);
		w->list_broken = false;
	}
}

static bool
enter_table(struct walk *w, const GumboNode *node)
{
	if (w->tables > 0 || holds_structure(node, false)) {
		boundary(w);
		return true;
	}
	flush(w);
	close_region(w);
	w->tables = 1;
	w->row_has_cell = false;
	return true;
}

static bool
enter_element(struct walk *w, const GumboNode *node)
{
	enum role role = role_of(node);

	if (is_left_out(w, node, role))
		return false;
	switch (role) {
	case LIST:
		enter_list(w, node);
		break;
	case ITEM:
		boundary(w);
		w->item_pending = w->tables == 0;
		break;
	case TABLE:
		return enter_table(w, node);
	case ROW:
	case CELL:
		if (w->tables == 0)
			boundary(w);
		break;
	case HEADING:
		boundary(w);
		if (w->tables == 0)
			w->heading = (unsigned)(node->v.element.tag - GUMBO_TAG_H1) + 1;
		break;
	case PRE:
		boundary(w);
		w->pre += w->tables == 0 && w->heading == 0;
		break;
	case BREAK:
		if (w->tables > 0 || w->heading > 0)
			w->space_owed = true;
		else if (w->line.len > 0)
			buf_addc(&w->line, '\n');
		break;
	case INLINE:
		break;
	default:
		boundary(w);
	}
	return true;
}

static bool
enter(void *context, const GumboNode *node)
{
	struct walk *w = context;

	switch (node->type) {
	case GUMBO_NODE_ELEMENT:
		return enter_element(w, node);
	case GUMBO_NODE_TEXT:
	case GUMBO_NODE_WHITESPACE:
	case GUMBO_NODE_CDATA:
		add_words(w, node->v.text.text);
		return false;
	default:
		return false;
	}
}

static void
leave_table(struct walk *w)
{
	if (w->tables == 0) {
		boundary(w);
		return;
	}
	end_cell(w);
	w->tables = 0;
	w->row_has_cell = false;
	close_region(w);
}

static void
leave(void *context, const GumboNode *node)
{
	struct walk *w = context;

	switch (role_of(node)) {
	case LIST:
		leave_list(w);
		break;
	case TABLE:
		/* Data tables hold no tables, so the first to be left is the open one. */
		leave_table(w);
		break;
	case CELL:
	case ROW:
		if (w->tables == 0) {
			boundary(w);
			break;
		}
		end_cell(w);
		if (role_of(node) == ROW)
			w->row_has_cell = false;
		break;
	case HEADING:
		if (w->tables == 0) {
			flush(w);
			w->heading = 0;
		}
		break;
	case PRE:
		if (w->pre > 0) {
			flush(w);
			w->pre--;
		}
		break;
	case INLINE:
	case BREAK:
		break;
	default:
		boundary(w);
	}
}

/* ---- the page ---- */

struct plan {
	const GumboNode *body, *main, *article;
	unsigned articles;
	char *title;
};

static bool
find_parts(void *context, const GumboNode *node)
{
	struct plan *p = context;
	const char *role;

	if (!is_element(node))
		return false;
	switch (node->v.element.tag) {
	case GUMBO_TAG_TITLE:
		if (p->title[0] == '\0' && node->v.element.children.length > 0) {
			const GumboNode *t = node->v.element.children.data[0];

			if (t->type == GUMBO_NODE_TEXT)
				text_squeeze(p->title, TEXT_TITLE_BYTES, t->v.text.text,
				    strlen(t->v.text.text));
		}
		return false;
	case GUMBO_TAG_SVG:
		return false;
	case GUMBO_TAG_BODY:
		p->body = p->body == NULL ? node : p->body;
		break;
	case GUMBO_TAG_MAIN:
		p->main = p->main == NULL ? node : p->main;
		break;
	case GUMBO_TAG_ARTICLE:
		p->article = node;
		p->articles++;
		break;
	default:
		if (p->main == NULL && node->v.element.attributes.length > 0 &&
		    (role = attribute(node, "role")) != NULL && strcasecmp(role, "main") == 0)
			p->main = node;
	}
	return true;
}

static int
walk_from(struct walk *w, const GumboNode *root, struct err *e)
{
	if (each_node(root, enter, leave, w) == -1)
		return err_set(e, ERR_NOMEM, "no memory to walk the page");
	flush(w);
	close_region(w);
	point_at_text(w);
	if (buf_check(&w->out, "the page's text", e) == -1)
		return -1;
	return buf_check(&w->line, "a paragraph of the page", e);
}

static int
walk_page(struct walk *w, const struct plan *p, const GumboNode *root, struct err *e)
{
	const GumboNode *from = p->main != NULL       ? p->main
				: p->articles == 1    ? p->article
				: p->body != NULL     ? p->body
						      : root;

	if (walk_from(w, from, e) == -1)
		return -1;
	if (w->b->d->block_count > 0)
		return 0;
	w->all = true;
	return walk_from(w, root, e);
}

int
text_walk_html(struct text_builder *b, const char *page, size_t n, struct err *e)
{
	struct walk w = {.b = b};
	struct plan plan = {.title = b->d->title};
	struct html_page parsed;
	int rc = -1;

	if (html_page_parse(&parsed, page, n, e) == -1)
		return -1;
	buf_init(&w.out, DOCUMENT_BYTES_MAX);
	buf_init(&w.line, DOCUMENT_BYTES_MAX);
	if (each_node(parsed.tree->root, find_parts, NULL, &plan) == -1) {
		err_set(e, ERR_NOMEM, "no memory to walk the page");
		goto out;
	}
	if (walk_page(&w, &plan, parsed.tree->root, e) == -1)
		goto out;
	if (b->d->title[0] == '\0' && b->d->heading_count > 0)
		text_squeeze(b->d->title, TEXT_TITLE_BYTES,
		    b->names.data + b->d->headings[0].name_at, b->d->headings[0].name_len);
	rc = 0;
out:
	b->d->len = w.out.len;
	b->d->text = b->d->owned = buf_take(&w.out);
	buf_fini(&w.line);
	html_page_fini(&parsed);
	return rc;
}
