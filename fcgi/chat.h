/* chat.h - a conversation in OpenAI's or Ollama's shape, as a question to a tenant.
 *
 * The last message of the user is the question; what stands before it is what was said before
 * (prompt.h, turns).  The search is for the question, and where that is too short to stand alone
 * (CHAT_SHORT_WORDS) for the user's message before it as well.
 *
 * Shapes  1..CHAT_MESSAGES_MAX messages of the roles system, developer, user, assistant, tool;
 *         content is a text, or a list of {"type": "text", "text"}.  What tools said is left out.
 * Memory  arena, and borrowed from the JSON.
 * Errors  those of json.h; ERR_TYPE for content that is no text, ERR_RANGE for an unknown role or
 *         too many, ERR_MISSING_FIELD without a message of the user.
 */
#ifndef RAGPOOL_CHAT_H
#define RAGPOOL_CHAT_H

#include "arena.h"
#include "json.h"
#include "prompt.h"

enum { CHAT_MESSAGES_MAX = 1000, CHAT_SHORT_WORDS = 6 };

struct chat {
	const char *question;
	size_t question_len;
	const char *search;	/* what to look for */
	size_t search_len;
	struct prompt_turn *turns;	/* oldest first, without the question */
	size_t turn_count;
};

int chat_read(struct chat *c, struct json_object *messages, struct arena *a, struct err *e);
/* "rag/<tenant>", or the tenant's name alone; Ollama's clients add ":latest".  The name is
 * not checked.  NULL when there is no memory. */
const char *chat_tenant(const char *model, struct arena *a);

#endif
