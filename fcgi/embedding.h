/* embedding.h - texts to vectors, whichever wire asks for them.
 *
 *   model "rag/<tenant>"   the embedder of the tenant's live generation, as it embeds a
 *                          question; the built-in one is trained on the tenant's own documents,
 *                          so its vectors belong to that generation and to no other
 *   any other              a [model NAME] of the kind embedding, through the gateway
 *
 * Memory  vectors are arena; texts are borrowed.
 * Errors  ERR_MODEL: none of that name, or without vectors; those of embeddings; and of the
 *         tenant's door and generation.
 */
#ifndef RAGPOOL_EMBEDDING_H
#define RAGPOOL_EMBEDDING_H

#include "api.h"
#include "json.h"

struct embedding {
	const char *model;
	struct embed_text *texts;
	size_t count;
	bool is_query;		/* matters to models with prefixes */
	bool has_kind;		/* is_query was asked for */
	uint32_t dim;		/* wanted, 0: any; then what it is */
	float *vectors;		/* count times dim; zeros where no word of a text is known */
	size_t tokens;		/* of all texts, by our own estimate */
};

/* One text or a list of them; token numbers, which OpenAI takes as well, are refused. */
int embedding_read_input(
    struct embedding *m, struct json_object *body, struct arena *a, struct err *e);
/* "dimensions", and whether the texts are questions ("input_type"). */
int embedding_read_options(struct embedding *m, struct json_object *body, struct err *e);
int embedding_run(struct api *api, struct embedding *m, const struct req *r, struct reply *p,
    struct err *e);

#endif
