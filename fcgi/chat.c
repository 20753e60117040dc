/* chat.c - a conversation as a question to a tenant. */
#include "chat.h"

#include <string.h>

#include "bounds.h"
#include "chunk.h"
#include "utf8.h"

/* The texts of a list of parts, one behind the other. */
static int
join_parts(struct json_object *parts, struct arena *a, const char **text, size_t *len,
    struct err *e)
{
	struct buf b;
	int rc = -1;

	buf_init(&b, REQUEST_BODY_MAX);
	for (size_t i = 0; i < json_object_array_length(parts); i++) {
		struct json_object *part = json_object_array_get_idx(parts, i);
		const char *type = NULL, *one = NULL;
		if (!json_object_is_type(part, json_type_object) ||
		    json_get_text(part, "type", true, 32, &type, NULL) == -1 ||
		    (strcmp(type, "text") != 0 && strcmp(type, "input_text") != 0)) {
			err_set(e, ERR_TYPE, "\"content\" may hold parts of type text only");
			goto out;
		}
		if (json_get_text(part, "text", true, REQUEST_BODY_MAX, &one, e) == -1)
			goto out;
		if (b.len > 0)
			buf_addc(&b, '\n');
		buf_adds(&b, one);
	}
	if (buf_check(&b, "\"content\"", e) == -1)
		goto out;
	*len = b.len;
	*text = arena_copy(a, b.len > 0 ? b.data : "", b.len);
	rc = *text != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for a message");
out:
	buf_fini(&b);
	return rc;
}

static int
read_content(struct json_object *message, struct arena *a, const char **text, size_t *len,
    struct err *e)
{
	struct json_object *content = NULL;

	json_object_object_get_ex(message, "content", &content);
	if (json_object_is_type(content, json_type_array))
		return join_parts(content, a, text, len, e);
	if (content != NULL && !json_object_is_type(content, json_type_string))
		return err_set(e, ERR_TYPE, "\"content\" must be a text or a list of parts");
	*text = content != NULL ? json_object_get_string(content) : "";
	*len = content != NULL ? (size_t)json_object_get_string_len(content) : 0;
	return 0;
}

/* NULL for a role that is nobody's. */
static const char *
role_of(const char *name)
{
	static const char *const roles[][2] = {{"user", "user"}, {"assistant", "assistant"},
	    {"system", "system"}, {"developer", "system"}, {"tool", "tool"}, {"function", "tool"}};

	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
		if (strcmp(roles[i][0], name) == 0)
			return roles[i][1];
	return NULL;
}

static int
read_message(struct prompt_turn *t, struct json_object *o, struct arena *a, struct err *e)
{
	const char *role = NULL;

	if (!json_object_is_type(o, json_type_object))
		return err_set(e, ERR_TYPE, "\"messages\" must hold objects");
	if (json_get_text(o, "role", true, 32, &role, e) == -1)
		return -1;
	if ((t->role = role_of(role)) == NULL)
		return err_set(e, ERR_RANGE, "\"role\" must be system, developer, user, assistant or tool");
	return read_content(o, a, &t->text, &t->text_len, e);
}

/* Takes the user's last message out of the turns. */
static int
find_question(struct chat *c, struct err *e)
{
	size_t last = c->turn_count;

	while (last > 0 && strcmp(c->turns[last - 1].role, "user") != 0)
		last--;
	if (last == 0)
		return err_set(e, ERR_MISSING_FIELD, "\"messages\" has no message with the role user");
	c->turn_count = last - 1;
	c->question = c->turns[last - 1].text;
	c->question_len = c->turns[last - 1].text_len;
	return 0;
}

static void
drop_tools(struct chat *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->turn_count; i++)
		if (strcmp(c->turns[i].role, "tool") != 0 && c->turns[i].text_len > 0)
			c->turns[kept++] = c->turns[i];
	c->turn_count = kept;
}

/* "And in winter?" is not to be found by itself. */
static int
choose_search(struct chat *c, struct arena *a, struct err *e)
{
	size_t i = c->turn_count, before;
	char *both;

	c->search = c->question;
	c->search_len = c->question_len;
	while (i > 0 && strcmp(c->turns[i - 1].role, "user") != 0)
		i--;
	if (i == 0 || chunk_words(c->question, c->question_len) > CHAT_SHORT_WORDS ||
	    c->question_len + 2 > QUERY_TEXT_MAX)
		return 0;
	before = c->turns[i - 1].text_len;
	if (before > QUERY_TEXT_MAX - 2 - c->question_len)
		before = utf8_floor(c->turns[i - 1].text, QUERY_TEXT_MAX - 2 - c->question_len);
	if ((both = arena_alloc(a, before + c->question_len + 2)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a question");
	memcpy(both, c->turns[i - 1].text, before);
	both[before] = '\n';
	memcpy(both + before + 1, c->question, c->question_len);
	both[before + 1 + c->question_len] = '\0';
	c->search = both;
	c->search_len = before + 1 + c->question_len;
	return 0;
}

int
chat_read(struct chat *c, struct json_object *messages, struct arena *a, struct err *e)
{
	size_t n = json_object_array_length(messages);

	*c = (struct chat){0};
	if (n == 0 || n > CHAT_MESSAGES_MAX)
		return err_set(e, ERR_RANGE, "\"messages\" must hold 1 to %d", CHAT_MESSAGES_MAX);
	if ((c->turns = arena_calloc(a, n, sizeof *c->turns)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for messages");
	for (; c->turn_count < n; c->turn_count++)
		if (read_message(&c->turns[c->turn_count],
			json_object_array_get_idx(messages, c->turn_count), a, e) == -1)
			return -1;
	if (find_question(c, e) == -1)
		return -1;
	drop_tools(c);
	return choose_search(c, a, e);
}

const char *
chat_tenant(const char *model, struct arena *a)
{
	size_t n;

	if (strncmp(model, "rag/", 4) == 0)
		model += 4;
	n = strcspn(model, ":");
	return strcmp(model + n, ":latest") == 0 ? arena_copy(a, model, n) : model;
}
