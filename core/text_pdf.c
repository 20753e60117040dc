/* text_pdf.c - PDF, by pdftotext (Debian: poppler-utils) in a child.
 *
 * Two readings.  The first is in reading order, which follows columns; it tears tables, a
 * cell a paragraph.  Where any page looks like that, a second reading keeps what stands on
 * one line, and those pages are taken from it: a row a line, " | " between its cells.
 *
 * What stands at the top or the bottom of most pages (a running title, a page number) is
 * left out.
 */
#include "text_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"
#include "sandbox.h"
#include "text_charset.h"

enum {
	EDGES_FROM = 4,		/* pages that a running title needs to be one */
	EDGE_BYTES = 200,
	EDGE_LINES = 2,		/* at the top, and at the bottom */
	SCATTERED_FROM = 8,	/* paragraphs of a page that may be torn cells */
	CELL_BYTES = 40,	/* a torn cell is about that short */
	LINES_FROM = 20,	/* lines of a page that may be cells, a column after another */
	LINE_BYTES = 26,	/* which are shorter than this; three columns of prose have 35 */
};

static const struct sandbox_limits limits = {
    .cpu_s = 120, .wall_s = 240, .memory = (size_t)1 << 30, .output = ARCHIVE_TEXT_MAX};

/* ---- running it ---- */

static const char *
find_program(void)
{
	static const char *const places[] = {"/usr/bin/pdftotext", "/usr/local/bin/pdftotext"};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static int
explain_refusal(const struct sandbox_output *o, const char *bytes, size_t n, struct err *e)
{
	const char *line = strrchr(o->complaint, ':');

	if (strstr(o->complaint, "ncorrect password") != NULL)
		return err_set(e, ERR_ENCRYPTED, "the PDF opens only with a password");
	/* An encryption that pdftotext knows nothing of. */
	if (memmem(bytes, n, "/Encrypt", 8) != NULL && memmem(bytes, n, "/Filter/Standard", 16) ==
							NULL &&
	    strstr(o->complaint, "security handler") != NULL)
		return err_set(e, ERR_ENCRYPTED, "the PDF is encrypted in a way that is not read");
	return err_set(e, ERR_DAMAGED, "the PDF is cut off or broken%s%.120s",
	    line != NULL ? ":" : "", line != NULL ? line + 1 : "");
}

/* out->out: what pdftotext wrote; to be freed. */
static int
run(const char *mode, const char *bytes, size_t n, struct sandbox_output *o, struct err *e)
{
	const char *program = find_program();
	const char *argv[] = {program, "-enc", "UTF-8", "-eol", "unix", mode, "-", "-", NULL};

	if (program == NULL)
		return err_set(e, ERR_NO_EXTRACTOR,
		    "PDF is read by pdftotext, which is not installed (Debian: poppler-utils)");
	if (sandbox_program(&limits, argv, bytes, n, o, e) == -1)
		return -1;
	if (o->exit_code == 0)
		return 0;
	explain_refusal(o, bytes, n, e);
	buf_fini(&o->out);
	return -1;
}

/* ---- what it knows about the file ---- */

/* &lt; &gt; &amp; &quot; in place; the new length. */
static size_t
unescape(char *s, size_t n)
{
	static const struct {
		const char *name;
		char c;
	} known[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&amp;", '&'}};
	size_t to = 0;

	for (size_t i = 0; i < n; to++) {
		size_t skip = 1;

		s[to] = s[i];
		for (size_t k = 0; s[i] == '&' && k < sizeof known / sizeof known[0]; k++) {
			size_t len = strlen(known[k].name);

			if (n - i >= len && memcmp(s + i, known[k].name, len) == 0) {
				s[to] = known[k].c;
				skip = len;
				break;
			}
		}
		i += skip;
	}
	return to;
}

/* What stands between two marks in the head. */
static size_t
between(char **at, char *head, size_t n, const char *from, const char *to)
{
	char *begin = memmem(head, n, from, strlen(from)), *end;

	if (begin == NULL)
		return 0;
	begin += strlen(from);
	if ((end = memmem(begin, n - (size_t)(begin - head), to, strlen(to))) == NULL)
		return 0;
	*at = begin;
	n = unescape(begin, (size_t)(end - begin));
	return utf8_is_valid(begin, n) ? n : 0;
}

/* Titles that a program gave and nobody meant. */
static bool
is_meant(const char *title)
{
	return strncasecmp(title, "Microsoft Word", 14) != 0 && strncasecmp(title, "untitled", 8) != 0 &&
	    strcasestr(title, ".doc") == NULL && strcasestr(title, ".indd") == NULL &&
	    strcasestr(title, ".pdf") == NULL;
}

static void
take_head(struct text_builder *b, char *head, size_t n)
{
	static const struct {
		const char *mark, *field;
	} known[] = {{"<meta name=\"Author\" content=\"", "author"},
	    {"<meta name=\"Subject\" content=\"", "subject"},
	    {"<meta name=\"Keywords\" content=\"", "keywords"},
	    {"<meta name=\"CreationDate\" content=\"", "created"},
	    {"<meta name=\"ModDate\" content=\"", "modified"}};
	char *at;
	size_t len = between(&at, head, n, "<title>", "</title>");

	if (len > 0)
		text_squeeze(b->d->title, sizeof b->d->title, at, len);
	if (!is_meant(b->d->title))
		b->d->title[0] = '\0';
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if ((len = between(&at, head, n, known[i].mark, "\"/>\n")) > 0)
			metadata_add_text(&b->fields, known[i].field, at, len);
}

/* ---- pages ---- */

struct page {
	const char *s;
	size_t n;
	bool is_layout;
};

struct pages {
	struct page *at;	/* owned */
	size_t count;
};

static int
cut_pages(struct pages *p, const char *s, size_t n, struct err *e)
{
	size_t cap = 0;

	*p = (struct pages){0};
	while (n > 0 && p->count < TEXT_PAGES_MAX) {
		const char *end = memchr(s, '\f', n);
		size_t len = end != NULL ? (size_t)(end - s) : n;

		if (end == NULL && text_skip_space(s, 0, n) == n)
			break;
		if (p->count == cap) {
			struct page *more;

			cap = cap != 0 ? 2 * cap : 64;
			if ((more = reallocarray(p->at, cap, sizeof *more)) == NULL)
				return err_sys(e, ERR_NOMEM, "the pages of a PDF");
			p->at = more;
		}
		p->at[p->count++] = (struct page){.s = s, .n = len};
		len += end != NULL;
		s += len;
		n -= len;
	}
	return 0;
}

/* Many short paragraphs, or hardly a line as long as a column of prose: cells of a table,
 * torn from their rows. */
static bool
is_scattered(const struct page *p)
{
	size_t paragraphs = 0, short_ones = 0, lines = 0, bytes = 0, start = 0, next;

	for (size_t at = 0; at <= p->n; at = next) {
		size_t end = at < p->n ? text_line_end(p->s, at, p->n, &next) : (next = p->n + 1, at);

		if (at < p->n && text_skip_space(p->s, at, end) != end) {
			lines++;
			bytes += end - at;
			continue;
		}
		if (at > start) {
			paragraphs++;
			short_ones += at - start <= CELL_BYTES;
		}
		start = at < p->n ? next : p->n;
	}
	return (paragraphs >= SCATTERED_FROM && short_ones * 5 >= paragraphs * 3) ||
	    (lines >= LINES_FROM && bytes < lines * LINE_BYTES);
}

/* ---- running titles ---- */

/* The line's words with its digits made one sign: "Page 12" is "Page 13". */
static size_t
shape_of(char out[EDGE_BYTES], const char *s, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n && len < EDGE_BYTES; i++) {
		bool is_digit = s[i] >= '0' && s[i] <= '9';

		if (s[i] == ' ' || s[i] == '\t' || (is_digit && len > 0 && out[len - 1] == '0'))
			continue;
		out[len++] = is_digit ? '0' : s[i];
	}
	return len;
}

struct edge {
	char shape[EDGE_BYTES];
	size_t len;
	size_t pages;
};

struct edges {
	struct edge *at;	/* owned; sorted once all are there */
	size_t count;
	size_t wanted;		/* pages that make a line a running title */
};

static int
by_shape(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;
	int order = memcmp(x->shape, y->shape, x->len < y->len ? x->len : y->len);

	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* The page's i-th line from the top, or from the bottom, that is not blank. */
static bool
edge_line(const struct page *p, int i, bool from_top, size_t *at, size_t *end)
{
	size_t next;

	if (from_top) {
		for (size_t a = 0; a < p->n; a = next) {
			size_t stop = text_line_end(p->s, a, p->n, &next);

			if (text_skip_space(p->s, a, stop) == stop || i-- > 0)
				continue;
			*at = a;
			*end = stop;
			return true;
		}
		return false;
	}
	for (size_t stop = p->n; stop > 0;) {
		const char *nl = memrchr(p->s, '\n', stop - 1);
		size_t a = nl != NULL ? (size_t)(nl - p->s) + 1 : 0;

		if (text_skip_space(p->s, a, stop) < stop && i-- == 0) {
			*at = a;
			*end = stop;
			return true;
		}
		stop = a;
	}
	return false;
}

static int
collect_edges(struct edges *k, const struct pages *p, struct err *e)
{
	size_t at, end, n = 0;

	*k = (struct edges){0};
	if (p->count < EDGES_FROM)
		return 0;
	k->at = calloc(p->count, 2 * EDGE_LINES * sizeof *k->at);
	if (k->at == NULL)
		return err_sys(e, ERR_NOMEM, "the pages of a PDF");
	for (size_t i = 0; i < p->count; i++)
		for (int j = 0; j < 2 * EDGE_LINES; j++)
			if (edge_line(&p->at[i], j / 2, j % 2 == 0, &at, &end)) {
				k->at[n].len = shape_of(k->at[n].shape, p->at[i].s + at, end - at);
				k->at[n++].pages = 1;
			}
	qsort(k->at, n, sizeof *k->at, by_shape);
	for (size_t i = 0; i < n; i++) {
		if (k->count > 0 && by_shape(&k->at[k->count - 1], &k->at[i]) == 0)
			k->at[k->count - 1].pages++;
		else
			k->at[k->count++] = k->at[i];
	}
	k->wanted = p->count / 3 > EDGES_FROM ? p->count / 3 : EDGES_FROM;
	return 0;
}

static bool
is_running(const struct edges *k, const char *s, size_t n)
{
	struct edge line = {.len = shape_of(line.shape, s, n)};
	const struct edge *found =
	    k->count > 0 ? bsearch(&line, k->at, k->count, sizeof *k->at, by_shape) : NULL;

	return line.len > 0 && found != NULL && found->pages >= k->wanted;
}

/* Takes the running lines off both ends. */
static void
trim_page(const struct edges *k, struct page *p)
{
	size_t at, end;

	for (int i = 0; i < EDGE_LINES; i++)
		if (edge_line(p, 0, true, &at, &end) && is_running(k, p->s + at, end - at)) {
			p->s += end;
			p->n -= end;
		}
	for (int i = 0; i < EDGE_LINES; i++)
		if (edge_line(p, 0, false, &at, &end) && is_running(k, p->s + at, end - at))
			p->n = at;
}

/* ---- to a document ---- */

struct writing {
	struct text_builder *b;
	struct buf out;
	size_t start;		/* of the open block */
	enum text_block_kind kind;
};

static void
end_block(struct writing *w)
{
	w->b->d->text = w->out.data != NULL ? w->out.data : "";
	w->b->d->len = w->out.len;
	if (w->out.len > w->start)
		text_add_block(w->b, w->kind, w->start, w->out.len, false);
	buf_adds(&w->out, "\n");
	w->start = w->out.len;
	w->kind = TEXT_PARAGRAPH;
}

/* A line as it was laid out: two spaces and more part cells.  Answers whether any did. */
static bool
put_cells(struct buf *out, const char *s, size_t at, size_t end)
{
	bool parted = false;

	at = text_skip_space(s, at, end);
	while (at < end) {
		size_t stop = at, next;

		while (stop < end && !(s[stop] == ' ' && stop + 1 < end && s[stop + 1] == ' '))
			stop++;
		buf_add(out, s + at, stop - at);
		next = text_skip_space(s, stop, end);
		if (next < end) {
			buf_adds(out, " | ");
			parted = true;
		}
		at = next;
	}
	return parted;
}

static void
put_layout_line(struct writing *w, const char *s, size_t at, size_t end)
{
	size_t before = w->out.len;
	bool is_row = put_cells(&w->out, s, at, end);
	enum text_block_kind kind = is_row ? TEXT_TABLE : TEXT_PARAGRAPH;

	if (w->out.failed)
		return;
	if (before > w->start && kind != w->kind) {
		w->out.len = before;
		end_block(w);
		put_cells(&w->out, s, at, end);
	}
	w->kind = kind;
	buf_addc(&w->out, '\n');
}

static void
put_page(struct writing *w, const struct page *p)
{
	size_t next;

	text_add_page(w->b, w->out.len);
	for (size_t at = 0; at < p->n; at = next) {
		size_t end = text_line_end(p->s, at, p->n, &next);

		/* Rows of a table are often set with air between them. */
		if (text_skip_space(p->s, at, end) == end) {
			if (w->kind != TEXT_TABLE)
				end_block(w);
		} else if (p->is_layout) {
			put_layout_line(w, p->s, at, end);
		} else {
			buf_add(&w->out, p->s + at, end - at);
			buf_addc(&w->out, '\n');
		}
	}
	end_block(w);
}

static int
write_pages(struct text_builder *b, struct pages *p, struct err *e)
{
	struct writing w = {.b = b, .kind = TEXT_PARAGRAPH};
	struct edges k;

	if (collect_edges(&k, p, e) == -1)
		return -1;
	buf_init(&w.out, 2 * (size_t)ARCHIVE_TEXT_MAX);
	for (size_t i = 0; i < p->count; i++) {
		trim_page(&k, &p->at[i]);
		put_page(&w, &p->at[i]);
	}
	free(k.at);
	if (buf_check(&w.out, "the text of the PDF", e) == -1) {
		b->d->text = "";
		b->d->len = 0;
		buf_fini(&w.out);
		return -1;
	}
	b->d->len = w.out.len;
	b->d->text = b->d->owned = buf_take(&w.out);
	return 0;
}

/* The second reading, for the pages that need it. */
static int
lay_out(struct pages *p, const char *bytes, size_t n, struct sandbox_output *again,
    struct text_decoded *decoded, struct err *e)
{
	struct pages other = {0};
	bool any = false;
	int rc = -1;

	for (size_t i = 0; i < p->count; i++)
		any |= p->at[i].is_layout = is_scattered(&p->at[i]);
	if (!any)
		return 0;
	if (run("-layout", bytes, n, again, e) == -1 ||
	    text_decode(again->out.data, again->out.len, "UTF-8", decoded, e) == -1 ||
	    cut_pages(&other, decoded->text, decoded->len, e) == -1)
		goto out;
	for (size_t i = 0; i < p->count; i++) {
		if (other.count != p->count)
			p->at[i].is_layout = false;
		else if (p->at[i].is_layout)
			p->at[i] = (struct page){other.at[i].s, other.at[i].n, true};
	}
	rc = 0;
out:
	free(other.at);
	return rc;
}

/* Where the text begins in what pdftotext -htmlmeta wrote, and its length. */
static size_t
body_of(struct buf *out, char **body)
{
	static const char begin[] = "<pre>\n", end[] = "</pre>\n</body>\n</html>\n";
	char *at = out->len > 0 ? memmem(out->data, out->len, begin, sizeof begin - 1) : NULL;
	size_t n;

	if (at == NULL)
		return 0;
	*body = at + sizeof begin - 1;
	n = out->len - (size_t)(*body - out->data);
	if (n >= sizeof end - 1 && memcmp(*body + n - (sizeof end - 1), end, sizeof end - 1) == 0)
		n -= sizeof end - 1;
	return n;
}

static int
walk_output(struct text_builder *b, const char *bytes, size_t n, struct sandbox_output *o,
    struct err *e)
{
	struct text_decoded first = {0}, second = {0};
	struct sandbox_output again = {0};
	struct pages p = {0};
	char *body = NULL;
	size_t len = body_of(&o->out, &body);
	int rc = -1;

	if (len == 0)
		return err_set(e, ERR_DAMAGED, "the PDF has no pages");
	take_head(b, o->out.data, (size_t)(body - o->out.data));
	if (text_skip_space(body, 0, len) == len) {
		for (size_t i = 0; i < len; i++)
			if (body[i] == '\f')
				text_add_page(b, 0);
		return 0;		/* pages without text: the caller says so */
	}
	if (text_decode(body, len, "UTF-8", &first, e) == 0 &&
	    cut_pages(&p, first.text, first.len, e) == 0 &&
	    lay_out(&p, bytes, n, &again, &second, e) == 0)
		rc = write_pages(b, &p, e);
	free(p.at);
	text_decoded_fini(&first);
	text_decoded_fini(&second);
	buf_fini(&again.out);
	return rc;
}

int
text_walk_pdf(struct text_builder *b, const char *bytes, size_t n, struct err *e)
{
	struct sandbox_output o;
	int rc;

	memcpy(b->d->charset, "UTF-8", sizeof "UTF-8");
	if (run("-htmlmeta", bytes, n, &o, e) == -1)
		return -1;
	rc = walk_output(b, bytes, n, &o, e);
	buf_fini(&o.out);
	return rc;
}
