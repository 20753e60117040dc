/* prompt.h - what a language model is told: a template, and what is filled into it.
 *
 * A template is a text file, like etc/prompt.txt, which is also the built-in one:
 *
 *   lines before the first section are comments
 *   [system]          who the model is and what holds for every answer
 *   [user]            {{passages}} and {{question}}, each once
 *
 * {{language}} and {{tenant}} may stand anywhere.  Only the template is looked through for
 * placeholders: what is filled in is not.
 *
 * What comes from documents and callers is data that cannot leave its place: a line of its own
 * each, as a JSON object whose strings hold no line break and no quote that ends them, and which
 * says how long its text is.  Characters that people do not see and models read (tags, marks
 * that turn the direction of writing) are left out.
 *
 *   PASSAGE 1 {"trust": "data", "title": "...", "source": "...", "bytes": 532, "text": "..."}
 *   QUESTION {"trust": "caller", "bytes": 40, "text": "..."}
 *
 * Budget  passages and earlier turns together, in tokens as chunk_tokens() counts them; turns
 *         get up to a half, the latest first.  Passages are taken whole, best first; one that does
 *         not fit is left out.  Only when not even the first fits is that one cut.
 * Errors  prompt_parse(): ERR_CONFIG with the line; ERR_LIMIT; ERR_UTF8.
 * Memory  a prompt is owned: prompt_free().  It keeps a copy of its bytes.
 */
#ifndef RAGPOOL_PROMPT_H
#define RAGPOOL_PROMPT_H

#include <stdbool.h>
#include <stddef.h>

#include "answer.h"
#include "buf.h"
#include "err.h"

enum { PROMPT_FILE_MAX = 32 * 1024 };

struct prompt;

/* name stands in messages: "NAME:LINE: what". */
int prompt_parse(struct prompt **out, const char *name, const char *bytes, size_t n,
    struct err *e);
int prompt_read(struct prompt **out, const char *path, struct err *e);
int prompt_builtin(struct prompt **out, struct err *e);
/* The bytes of the built-in one, which etc/prompt.txt repeats. */
extern const char prompt_builtin_text[];
/* NULL is fine. */
void prompt_free(struct prompt *p);

struct prompt_passage {
	const char *title, *source;
	const char *text;
	size_t text_len;
	bool is_taken;		/* out: it is in the prompt, under its place in the list from 1 */
};

/* What was said before, or a caller's own instructions. */
struct prompt_turn {
	const char *role;	/* "system", "user", "assistant" */
	const char *text;
	size_t text_len;
};

struct prompt_parts {
	const char *tenant;
	enum answer_language language;
	const char *question;
	size_t question_len;
	struct prompt_passage *passages;	/* best first */
	size_t passage_count;
	const struct prompt_turn *turns;	/* oldest first */
	size_t turn_count;
	size_t budget;
};

/* Appends the messages as JSON: [{"role": "system", "content": "..."}, ...].  ERR_LIMIT when
 * they are larger than out may get. */
int prompt_build(
    const struct prompt *p, const struct prompt_parts *parts, struct buf *out, struct err *e);

#endif
