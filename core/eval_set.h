/* eval_set.h - a folder of judged questions, read into memory.  See eval.h. */
#ifndef RAGPOOL_EVAL_SET_H
#define RAGPOOL_EVAL_SET_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct eval_document {
	char *id, *title, *text;	/* owned */
};
struct eval_question {
	char *id, *text;		/* owned */
	size_t first_judgement;		/* of `judgements` in the set's list */
	size_t judgements;
};
struct eval_judgement {
	uint32_t question;
	uint32_t document;
	uint32_t relevance;		/* above 0 */
};

struct eval_set {
	struct eval_document *documents;	/* in file order */
	size_t document_count;
	struct eval_question *questions;	/* in file order */
	size_t question_count;
	struct eval_judgement *judgements;	/* by question, then document */
	size_t judgement_count;
};

int eval_set_read(struct eval_set *s, const char *dir, struct err *e);
void eval_set_fini(struct eval_set *s);

#endif
