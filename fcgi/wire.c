/* wire.c - what the languages of endpoints share. */
#include "wire.h"

#include <string.h>

#include "json.h"
#include "utf8.h"

const char *
wire_path(const struct conf_model *m)
{
	static const char *const paths[][MODEL_KIND_MAX] = {
	    [API_OPENAI] = {"/embeddings", "/chat/completions", "/rerank"},
	    [API_OLLAMA] = {"/api/embed", "/api/chat", ""},
	    [API_COHERE] = {"/v2/embed", "", "/v2/rerank"},
	    [API_JINA] = {"/embeddings", "", "/rerank"},
	};

	return paths[m->api][m->kind];
}

static const char *
text_member(struct json_object *o, const char *name)
{
	struct json_object *m;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, name, &m) ||
	    !json_object_is_type(m, json_type_string))
		return NULL;
	return json_object_get_string(m);
}

/* {"error": {"message"}}, {"error": "..."}, {"message"}, {"detail"}. */
static const char *
find_words(struct json_object *root)
{
	struct json_object *error;
	const char *words = NULL;

	if (json_object_object_get_ex(root, "error", &error))
		words = json_object_is_type(error, json_type_string)
		    ? json_object_get_string(error)
		    : text_member(error, "message");
	if (words == NULL)
		words = text_member(root, "message");
	return words != NULL ? words : text_member(root, "detail");
}

void
wire_error_words(char *out, size_t size, const char *bytes, size_t n)
{
	struct json_object *root;
	const char *words;
	size_t used = 0;

	out[0] = '\0';
	if (json_parse_object(&root, bytes, n, NULL) == -1)
		return;
	if ((words = find_words(root)) != NULL) {
		for (; *words != '\0' && used + 1 < size; words++)
			if ((unsigned char)*words >= 0x20 && *words != 0x7f)
				out[used++] = *words;
		used = utf8_floor(out, used);
		out[used] = '\0';
	}
	json_object_put(root);
}
