/* text_program.c - source code, cut where its definitions begin.
 *
 * No parser: a line that begins a definition is known by the language's words for it, or,
 * in languages that put no word before a function, by its shape.  A definition takes in
 * the comments, decorators and attributes right above it, and goes on to the next one.
 * Its name becomes a heading ("Server > handle"), nested by indentation, so that a passage
 * says whose it is.  What is guessed wrongly costs a worse cut, never text.
 */
#include "text_parts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { WORDS_MAX = 16, NAME_BYTES = 128, LEVELS = 6 };

struct language {
	const char *extensions;		/* each between spaces */
	const char *words;		/* that a definition begins with, each between spaces */
	bool has_bare_functions;	/* "type name(...) {" */
	const char *comment;		/* what a line of comment begins with */
};

/* Words that may stand before the word for a definition. */
static const char modifiers[] =
    " export default public private protected internal static final abstract async pub unsafe "
    "extern const virtual override inline open sealed data suspend partial readonly declare "
    "local create or replace ";

static const struct language languages[] = {
    {" c h cc cpp cxx hpp hh hxx m mm ino ", " struct enum union class namespace typedef template ",
	true, "//"},
    {" java cs groovy ", " class interface enum record namespace struct @interface ", true, "//"},
    {" js jsx mjs cjs ts tsx vue svelte ", " function class interface enum namespace module type ",
	true, "//"},
    {" py pyi pyx ", " def class ", false, "#"},
    {" go ", " func type ", false, "//"},
    {" rs ", " fn struct enum trait impl mod macro_rules! union type ", false, "//"},
    {" rb rake ", " def class module ", false, "#"},
    {" php ", " function class interface trait enum namespace ", false, "//"},
    {" swift ", " func class struct enum protocol extension actor init ", false, "//"},
    {" kt kts ", " fun class interface object ", false, "//"},
    {" scala sc ", " def class object trait enum ", false, "//"},
    {" lua ", " function ", false, "--"},
    {" pl pm ", " sub package ", false, "#"},
    {" sh bash zsh ksh ", " function ", true, "#"},
    {" r ", " ", false, "#"},
    {" jl ", " function struct module macro ", false, "#"},
    {" ex exs ", " def defp defmodule defmacro ", false, "#"},
    {" erl hrl ", " ", false, "%"},
    {" hs ", " data newtype class instance type module ", false, "--"},
    {" ml mli fs fsx ", " let type module val ", false, "(*"},
    {" clj cljs lisp el scm ", " (defn (def (defun (defmacro (ns ", false, ";"},
    {" sql ", " table view function procedure trigger index ", false, "--"},
    {" proto thrift graphql ", " message service enum struct type interface rpc ", false, "//"},
    {" tf hcl ", " resource module variable output data provider ", false, "#"},
    {" dart ", " class enum mixin extension ", true, "//"},
    {" zig nim d v ", " fn func proc struct class interface ", true, "//"},
    {" css scss less yaml yml toml ini cfg conf json xml cmake mk make dockerfile gradle bat ps1 "
     "asm s vhd sv tcl ",
	" ", false, "#"},
};

static const struct language *
language_of(const char *name)
{
	const char *dot = strrchr(name, '.');
	char wanted[16];

	if (dot == NULL || strchr(dot, '/') != NULL || strlen(dot + 1) > sizeof wanted - 3 ||
	    dot[1] == '\0')
		return NULL;
	snprintf(wanted, sizeof wanted, " %s ", dot + 1);
	for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++)
		if (strcasestr(languages[i].extensions, wanted) != NULL)
			return &languages[i];
	return NULL;
}

bool
text_is_program(const char *name)
{
	return language_of(name) != NULL;
}

/* ---- what a line defines ---- */

static bool
is_name_byte(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' ||
	    c == '$' || (unsigned char)c >= 0x80;
}

/* Whether the word s[0..n) is in the list. */
static bool
is_listed(const char *list, const char *s, size_t n, bool fold)
{
	char word[32];

	if (n == 0 || n > sizeof word - 3)
		return false;
	word[0] = ' ';
	memcpy(word + 1, s, n);
	word[n + 1] = ' ';
	word[n + 2] = '\0';
	return fold ? strcasestr(list, word) != NULL : strstr(list, word) != NULL;
}

static size_t
word_len(const char *s, size_t at, size_t end)
{
	size_t n = 0;

	while (at + n < end && s[at + n] != ' ' && s[at + n] != '\t' &&
	    (n == 0 || (s[at + n] != '(' && s[at + n] != ':' && s[at + n] != '{' && s[at + n] != '<')))
		n++;
	return n;
}

/* The name behind the word for a definition: "(s *Server) handle(" gives handle. */
static size_t
defined_name(const char *s, size_t at, size_t end, size_t *name)
{
	size_t n = 0;

	at = text_skip_space(s, at, end);
	if (at < end && s[at] == '(') {
		const char *close = memchr(s + at, ')', end - at);

		at = close != NULL ? text_skip_space(s, (size_t)(close - s) + 1, end) : end;
	}
	if (at < end && s[at] == '<') {		/* impl<T> Trait for Type */
		const char *close = memchr(s + at, '>', end - at);

		at = close != NULL ? text_skip_space(s, (size_t)(close - s) + 1, end) : end;
	}
	while (at + n < end && (is_name_byte(s[at + n]) || (n > 0 && (s[at + n] == '.' ||
		s[at + n] == ':' || s[at + n] == '-' || s[at + n] == '?' || s[at + n] == '!'))))
		n++;
	while (n > 0 && !is_name_byte(s[at + n - 1]))
		n--;
	*name = at;
	return n < NAME_BYTES ? n : NAME_BYTES;
}

static bool
is_control_word(const char *s, size_t n)
{
	return is_listed(" if for while switch return else do case catch sizeof throw new delete await "
			 "using lock foreach elif until super this assert goto yield ",
	    s, n, false);
}

/* "static int name(args)" with "{" behind it, on the line or on the next. */
static size_t
bare_function(const char *s, size_t at, size_t end, size_t n, size_t *name)
{
	const char *open = memchr(s + at, '(', end - at);
	size_t from, stop, last, next;

	if (open == NULL || !is_name_byte(s[at]))
		return 0;
	stop = text_trim_space(s, at, (size_t)(open - s));
	for (from = stop; from > at && (is_name_byte(s[from - 1]) || s[from - 1] == ':' ||
	     s[from - 1] == '~' || s[from - 1] == '-');)
		from--;
	if (from == stop || is_control_word(s + from, stop - from) ||
	    is_control_word(s + at, word_len(s, at, end)) ||
	    memchr(s + at, '=', (size_t)(open - s) - at) != NULL)
		return 0;
	last = text_trim_space(s, at, end);
	if (s[last - 1] == ';' || s[last - 1] == ',')
		return s[last - 1] == ',' ? stop - from : 0;
	if (s[last - 1] != '{' && s[last - 1] != ')' && s[last - 1] != '}') {
		/* attributes, "const", "throws X": the brace is on the next line */
		next = text_skip_space(s, end, n);
		if (next >= n || s[next] != '{')
			return 0;
	}
	*name = from;
	return stop - from < NAME_BYTES ? stop - from : NAME_BYTES;
}

/* The length of the name that the line defines, 0: none. */
static size_t
definition(const struct language *l, const char *s, size_t at, size_t end, size_t n, size_t *name)
{
	size_t word = at, len, found;

	*name = at;
	for (int i = 0; i < WORDS_MAX && word < end; i++) {
		len = word_len(s, word, end);
		if (is_listed(l->words, s + word, len, false) ||
		    (l->comment[0] == '-' && is_listed(l->words, s + word, len, true))) {
			found = defined_name(s, word + len, end, name);
			/* "struct point p;" declares a variable. */
			if (found > 0 && (!l->has_bare_functions || s[end - 1] != ';' ||
				len == 7))
				return found;
			break;
		}
		if (!is_listed(modifiers, s + word, len, true) && s[word] != '@' && s[word] != '[')
			break;
		word = text_skip_space(s, word + len, end);
	}
	if (!l->has_bare_functions)
		return 0;
	found = bare_function(s, at, end, n, name);
	return s[*name] == '(' ? 0 : found;
}

/* ---- the walk ---- */

struct walk {
	struct text_builder *b;
	const struct language *language;
	const char *s;
	size_t n;
	size_t start;			/* of the open block */
	size_t lead;			/* where the comments above the line begin, or the line */
	bool in_lead;
	size_t indent[LEVELS];		/* of the open sections, outermost first */
	unsigned sections;
};

static bool
is_lead(const struct walk *w, size_t at, size_t end)
{
	const char *s = w->s + at;
	size_t n = end - at, mark = strlen(w->language->comment);

	return (n >= mark && memcmp(s, w->language->comment, mark) == 0) || s[0] == '@' ||
	    (s[0] == '#' && n > 1 && s[1] == '[') || s[0] == '*' || (n > 1 && s[0] == '/' && s[1] == '*') ||
	    (s[0] == '[' && s[n - 1] == ']') || (n >= 3 && memcmp(s, "///", 3) == 0);
}

static size_t
indent_of(const char *s, size_t start, size_t at)
{
	size_t columns = 0;

	for (; start < at; start++)
		columns += s[start] == '\t' ? 8 - columns % 8 : 1;
	return columns;
}

static void
begin_definition(struct walk *w, size_t indent, size_t name, size_t name_len)
{
	if (w->lead > w->start)
		text_add_block(w->b, TEXT_CODE, w->start, w->lead, false);
	w->start = w->lead;
	while (w->sections > 0 && w->indent[w->sections - 1] >= indent)
		w->sections--;
	if (w->sections == LEVELS)
		w->sections--;
	w->indent[w->sections++] = indent;
	text_open_section(w->b, w->sections, w->s + name, name_len);
}

static void
take_line(struct walk *w, size_t start, size_t at, size_t end)
{
	size_t name, len, indent = indent_of(w->s, start, at);
	bool leads = is_lead(w, at, end);

	if (!w->in_lead)
		w->lead = start;
	w->in_lead = leads;
	if (leads && w->s[at] != '@' && w->s[at] != '[')
		return;
	/* Deep inside nothing is defined that a reader would look for. */
	if (indent <= 16 && (len = definition(w->language, w->s, at, end, w->n, &name)) > 0 &&
	    (indent == 0 || w->sections > 0 || !w->language->has_bare_functions)) {
		begin_definition(w, indent, name, len);
		w->in_lead = false;
	}
}

/* C's own style may put the return type on a line of its own above the name. */
static bool
is_return_type(const struct walk *w, size_t at, size_t end)
{
	if (!w->language->has_bare_functions || !is_name_byte(w->s[at]))
		return false;
	for (size_t i = at; i < end; i++)
		if (!is_name_byte(w->s[i]) && strchr(" *\t:<>", w->s[i]) == NULL)
			return false;
	return true;
}

int
text_walk_program(struct text_builder *b, const char *name, struct err *e)
{
	struct walk w = {.b = b, .language = language_of(name), .s = b->d->text, .n = b->d->len};
	size_t next;

	(void)e;
	for (size_t start = 0; start < w.n; start = next) {
		size_t end = text_line_end(w.s, start, w.n, &next);
		size_t at = text_skip_space(w.s, start, end);

		end = text_trim_space(w.s, at, end);
		if (at == end) {
			w.in_lead = false;
		} else if (at == start && is_return_type(&w, at, end)) {
			w.lead = w.in_lead ? w.lead : start;
			w.in_lead = true;
		} else {
			take_line(&w, start, at, end);
		}
	}
	text_add_block(b, TEXT_CODE, w.start, w.n, false);
	return 0;
}
