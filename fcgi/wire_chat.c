/* wire_chat.c - messages to an endpoint's question, its stream to pieces of text. */
#include "wire.h"

#include <string.h>

#include "json.h"

enum { LINE_MAX_BYTES = 1 << 20 };

/* ---- questions ---- */

/* Limits are members of the object itself, or of Ollama's "options". */
static void
put_limits(struct buf *b, const struct wire_chat_question *q, bool is_ollama)
{
	const char *comma = is_ollama ? "" : ", ";

	if (q->max_tokens > 0) {
		buf_addf(b, "%s\"%s\": %lld", comma, is_ollama ? "num_predict" : "max_tokens",
		    (long long)q->max_tokens);
		comma = ", ";
	}
	if (q->temperature >= 0)
		buf_addf(b, "%s\"temperature\": %g", comma, q->temperature);
}

void
wire_chat_question(
    struct buf *b, const struct conf_model *m, const struct wire_chat_question *q)
{
	bool is_ollama = m->api == API_OLLAMA;

	buf_adds(b, "{\"model\": ");
	json_put_text(b, m->model, strlen(m->model));
	buf_addf(b, ", \"stream\": true, \"messages\": %s",
	    json_object_to_json_string_ext(q->messages, JSON_C_TO_STRING_PLAIN));
	buf_adds(b, is_ollama ? ", \"options\": {" : ", \"stream_options\": {\"include_usage\": true}");
	put_limits(b, q, is_ollama);
	buf_adds(b, is_ollama ? "}}" : "}");
}

/* ---- answers ---- */

void
wire_chat_init(struct wire_chat *w, const struct conf_model *m,
    void (*piece)(void *context, const char *text, size_t n), void *context)
{
	*w = (struct wire_chat){
	    .is_ollama = m->api == API_OLLAMA, .piece = piece, .context = context};
	buf_init(&w->line, LINE_MAX_BYTES);
}

void
wire_chat_fini(struct wire_chat *w)
{
	buf_fini(&w->line);
}

static int
take_content(struct wire_chat *w, struct json_object *message, struct err *e)
{
	struct json_object *text;

	if (message == NULL || !json_object_object_get_ex(message, "content", &text) || text == NULL)
		return 0;
	if (!json_object_is_type(text, json_type_string))
		return err_set(e, ERR_PEER, "a piece that is no text");
	if (json_object_get_string_len(text) == 0)
		return 0;
	w->pieces++;
	w->piece(w->context, json_object_get_string(text),
	    (size_t)json_object_get_string_len(text));
	return 0;
}

static void
take_finish(struct wire_chat *w, struct json_object *o, const char *name)
{
	const char *text = NULL;

	if (json_get_text(o, name, false, sizeof w->finish - 1, &text, NULL) == 0 && text != NULL)
		snprintf(w->finish, sizeof w->finish, "%s", text);
}

static void
take_count(struct json_object *o, const char *name, uint64_t *out)
{
	int64_t n = 0;

	if (json_get_int(o, name, false, 0, INT64_MAX, &n, NULL) == 0 && n > 0)
		*out = (uint64_t)n;
}

/* {"choices": [{"delta" or "message": {"content"}, "finish_reason"}], "usage"} */
static int
take_openai(struct wire_chat *w, struct json_object *o, struct err *e)
{
	struct json_object *choices = NULL, *usage = NULL, *choice, *message = NULL;

	if (json_get_object(o, "usage", false, &usage, NULL) == 0 && usage != NULL) {
		take_count(usage, "prompt_tokens", &w->prompt_tokens);
		take_count(usage, "completion_tokens", &w->answer_tokens);
	}
	if (json_get_array(o, "choices", false, &choices, e) == -1)
		return -1;
	if (choices == NULL || json_object_array_length(choices) == 0)
		return 0;
	choice = json_object_array_get_idx(choices, 0);
	if (!json_object_is_type(choice, json_type_object))
		return err_set(e, ERR_PEER, "\"choices\" holds no object");
	if (json_get_object(choice, w->is_whole ? "message" : "delta", false, &message, e) == -1)
		return -1;
	take_finish(w, choice, "finish_reason");
	return take_content(w, message, e);
}

/* {"message": {"content"}, "done", "done_reason"} */
static int
take_ollama(struct wire_chat *w, struct json_object *o, struct err *e)
{
	struct json_object *message = NULL;

	if (json_get_object(o, "message", false, &message, e) == -1 ||
	    json_get_bool(o, "done", false, &w->is_done, e) == -1)
		return -1;
	take_count(o, "prompt_eval_count", &w->prompt_tokens);
	take_count(o, "eval_count", &w->answer_tokens);
	take_finish(w, o, "done_reason");
	return take_content(w, message, e);
}

static int
take_object(struct wire_chat *w, const char *bytes, size_t n, struct err *e)
{
	struct json_object *root, *error;
	char words[200];
	int rc;

	if (json_parse_object(&root, bytes, n, e) == -1)
		return -1;
	if (json_object_object_get_ex(root, "error", &error) && error != NULL) {
		wire_error_words(words, sizeof words, bytes, n);
		rc = err_set(e, ERR_PEER, "it broke off: %s", words);
	} else {
		rc = w->is_ollama ? take_ollama(w, root, e) : take_openai(w, root, e);
	}
	json_object_put(root);
	return rc;
}

/* One line of a stream; what is neither data nor JSON is a comment of SSE. */
static int
take_line(struct wire_chat *w, const char *line, size_t n, struct err *e)
{
	while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == ' '))
		n--;
	if (n == 0)
		return 0;
	if (w->is_ollama)
		return take_object(w, line, n, e);
	if (n < 5 || memcmp(line, "data:", 5) != 0)
		return 0;
	line += 5;
	n -= 5;
	while (n > 0 && *line == ' ') {
		line++;
		n--;
	}
	if (n == 6 && memcmp(line, "[DONE]", 6) == 0) {
		w->is_done = true;
		return 0;
	}
	return take_object(w, line, n, e);
}

static int
as_peer(int rc, struct err *e)
{
	if (rc == -1 && e != NULL && e->code != ERR_NOMEM)
		e->code = ERR_PEER;
	return rc;
}

int
wire_chat_add(struct wire_chat *w, const char *bytes, size_t n, struct err *e)
{
	const char *end;
	size_t len;

	if (!w->is_ollama && w->line.len == 0 && w->pieces == 0 && n > 0 && bytes[0] == '{')
		w->is_whole = true;
	while (n > 0) {
		end = w->is_whole ? NULL : memchr(bytes, '\n', n);
		len = end != NULL ? (size_t)(end - bytes) : n;
		buf_add(&w->line, bytes, len);
		if (buf_check(&w->line, "a line of the answer", e) == -1)
			return as_peer(-1, e);
		if (end == NULL)
			return 0;
		if (take_line(w, w->line.data, w->line.len, e) == -1)
			return as_peer(-1, e);
		buf_reset(&w->line);
		bytes += len + 1;
		n -= len + 1;
	}
	return 0;
}

int
wire_chat_end(struct wire_chat *w, struct err *e)
{
	int rc = 0;

	if (w->line.len > 0)
		rc = w->is_whole ? take_object(w, w->line.data, w->line.len, e)
				 : take_line(w, w->line.data, w->line.len, e);
	if (rc == -1)
		return as_peer(-1, e);
	if (!w->is_done && w->finish[0] == '\0' && !w->is_whole)
		return err_set(e, ERR_PEER, "the answer was cut off after %llu pieces",
		    (unsigned long long)w->pieces);
	if (w->pieces == 0)
		return err_set(e, ERR_PEER, "an answer without text");
	return 0;
}
