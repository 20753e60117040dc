/* chunk_rules.c - separators given as regular expressions.
 *
 * The text is matched in segments with PCRE2's hard partial matching, so that one call
 * looks at SEGMENT_BYTES starting points at most: the match limit counts anew from
 * every starting point, so a call over all of a large text would be bounded by
 * nothing.  Between calls CPU time is compared with a budget.
 */
#include "chunk_parts.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "clk.h"

enum {
	SEGMENT_BYTES = 4096,
	MATCH_LIMIT = 100000,
	HEAP_LIMIT_KIB = 1024,
	DEPTH_LIMIT = 1000,
	NEST_LIMIT = 50,
	BUDGET_MS = 2000,		/* and as much again for each MiB of text */
};

struct rule {
	pcre2_code *code;
	pcre2_match_data *match;
	size_t search;			/* where matching goes on */
	size_t cut;			/* the next cut found; SIZE_MAX: there is none */
};

struct chunk_rules {
	struct rule rule[CHUNK_SEPARATORS_MAX];
	size_t count;
	pcre2_match_context *limits;
	const char *text;
	size_t len;
	double budget_ms;
};

static double
cpu_ms(void)
{
	return (double)clk_cpu_ns() / 1e6;
}

static int
compile(struct rule *r, const char *pattern, size_t index, struct err *e)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	PCRE2_UCHAR words[160];
	PCRE2_SIZE at = 0;
	int code = 0;

	if (context == NULL)
		return err_set(e, ERR_NOMEM, "separator %zu: no memory", index + 1);
	pcre2_set_parens_nest_limit(context, NEST_LIMIT);
	r->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
	    PCRE2_UTF | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
	pcre2_compile_context_free(context);
	if (r->code == NULL) {
		pcre2_get_error_message(code, words, sizeof words);
		return err_set(e, ERR_INPUT, "separator %zu, at its byte %zu: %s", index + 1,
		    (size_t)at + 1, (const char *)words);
	}
	r->match = pcre2_match_data_create(1, NULL);
	if (r->match == NULL)
		return err_set(e, ERR_NOMEM, "separator %zu: no memory", index + 1);
	return 0;
}

static int
add_rule(struct chunk_rules *r, const char *pattern, struct err *e)
{
	size_t index = r->count;

	if (index == CHUNK_SEPARATORS_MAX)
		return err_set(e, ERR_RANGE, "more than %d separators", CHUNK_SEPARATORS_MAX);
	if (pattern[0] == '\0')
		return err_set(e, ERR_RANGE, "separator %zu is empty", index + 1);
	if (strlen(pattern) > CHUNK_SEPARATOR_BYTES)
		return err_set(e, ERR_RANGE, "separator %zu is longer than %d bytes", index + 1,
		    CHUNK_SEPARATOR_BYTES);
	r->count++;
	return compile(&r->rule[index], pattern, index, e);
}

int
chunk_rules_new(
    struct chunk_rules **out, const char *const *patterns, size_t count, struct err *e)
{
	struct chunk_rules *r = calloc(1, sizeof *r);

	*out = NULL;
	if (r == NULL || (r->limits = pcre2_match_context_create(NULL)) == NULL) {
		err_set(e, ERR_NOMEM, "separators: no memory");
		goto out;
	}
	pcre2_set_match_limit(r->limits, MATCH_LIMIT);
	pcre2_set_heap_limit(r->limits, HEAP_LIMIT_KIB);
	pcre2_set_depth_limit(r->limits, DEPTH_LIMIT);
	for (size_t i = 0; i < count; i++)
		if (add_rule(r, patterns[i], e) == -1)
			goto out;
	*out = r;
	r = NULL;
out:
	chunk_rules_free(r);
	return *out != NULL ? 0 : -1;
}

void
chunk_rules_free(struct chunk_rules *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->count; i++) {
		pcre2_match_data_free(r->rule[i].match);
		pcre2_code_free(r->rule[i].code);
	}
	pcre2_match_context_free(r->limits);
	free(r);
}

void
chunk_rules_start(struct chunk_rules *r, const char *text, size_t len)
{
	r->text = text;
	r->len = len;
	r->budget_ms = BUDGET_MS + BUDGET_MS * ((double)len / (1 << 20));
	for (size_t i = 0; i < r->count; i++)
		r->rule[i].search = r->rule[i].cut = 0;
}

/* One call of the matcher from rule->search: 1 a match, 0 none yet, -1 too costly. */
static int
match_once(struct chunk_rules *r, struct rule *rule, size_t *segment)
{
	size_t end = r->len - rule->search > *segment
			 ? utf8_floor(r->text, rule->search + *segment)
			 : r->len;
	uint32_t how = PCRE2_NO_UTF_CHECK | (end < r->len ? PCRE2_PARTIAL_HARD : 0);
	double began = cpu_ms();
	int rc = pcre2_match(rule->code, (PCRE2_SPTR)r->text, end, rule->search, how,
	    rule->match, r->limits);

	r->budget_ms -= cpu_ms() - began;
	if ((rc < 0 && rc != PCRE2_ERROR_NOMATCH && rc != PCRE2_ERROR_PARTIAL) ||
	    r->budget_ms < 0)
		return -1;
	if (rc == PCRE2_ERROR_PARTIAL) {
		/* Nothing begins before the place where this match might. */
		size_t begin = pcre2_get_ovector_pointer(rule->match)[0];

		if (begin > rule->search)
			rule->search = begin;
		*segment = *segment * 2;
	} else if (rc == PCRE2_ERROR_NOMATCH) {
		rule->search = end;
		*segment = SEGMENT_BYTES;
	}
	return rc >= 0;
}

/* Moves the rule to its first cut behind `after`. */
static int
advance(struct chunk_rules *r, struct rule *rule, size_t after)
{
	size_t segment = SEGMENT_BYTES;
	uint32_t cp;

	while (rule->cut <= after) {
		int rc = 0;
		size_t from, len;

		while (rule->search < r->len && rc == 0)
			rc = match_once(r, rule, &segment);
		if (rc == -1)
			return -1;
		if (rc == 0) {
			rule->cut = SIZE_MAX;
			return 0;
		}
		from = rule->search;
		rule->cut = rule->search = pcre2_get_ovector_pointer(rule->match)[1];
		segment = SEGMENT_BYTES;
		/* An empty match, or \K in a lookbehind: a step by hand. */
		if (rule->search <= from || pcre2_get_ovector_pointer(rule->match)[0] ==
						rule->cut) {
			size_t at = rule->search > from ? rule->search : from;

			len = at < r->len ? utf8_next(r->text + at, r->len - at, &cp) : 1;
			rule->search = at + (len > 0 ? len : 1);
		}
	}
	return 0;
}

int
chunk_rules_next(struct chunk_rules *r, size_t after, size_t before, size_t *at,
    enum chunk_cut *cut, struct err *e)
{
	*at = 0;
	for (size_t i = 0; i < r->count; i++) {
		struct rule *rule = &r->rule[i];

		if (rule->cut <= after && advance(r, rule, after) == -1)
			return err_set(e, ERR_LIMIT,
			    "separator %zu costs too much at byte %zu of the text", i + 1,
			    rule->search);
		if (rule->cut < before && (*at == 0 || rule->cut < *at)) {
			*at = rule->cut;
			*cut = (enum chunk_cut)(CUT_RULE + (r->count - 1 - i));
		}
	}
	return 0;
}
