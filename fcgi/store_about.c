/* store_about.c - what clients of the interface of vector stores call a tenant. */
#include "store_about.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "json.h"

static const char *const members[] = {"name", "description", "metadata"};
enum { MEMBERS = sizeof members / sizeof members[0] };

void
store_about_read(struct store_about *s, struct json_object *document)
{
	struct json_object *store = NULL, *params = NULL;

	*s = (struct store_about){.chunk_overlap = -1};
	if (json_get_object(document, "index_params", false, &params, NULL) == 0 && params != NULL) {
		json_get_int(params, "chunk_size", false, 0, INT32_MAX, &s->chunk_size, NULL);
		json_get_int(params, "chunk_overlap", false, 0, INT32_MAX, &s->chunk_overlap, NULL);
	}
	if (json_get_object(document, "store", false, &store, NULL) == -1 || store == NULL)
		return;
	s->is_ours = true;
	json_get_text(store, "name", false, STORE_NAME_BYTES, &s->name, NULL);
	json_get_text(store, "description", false, STORE_DESCRIPTION_BYTES, &s->description, NULL);
	json_get_object(store, "metadata", false, &s->metadata, NULL);
	json_get_int(store, "created_at", false, 0, INT64_MAX, &s->created, NULL);
}

static int
check_metadata(struct json_object *metadata, struct err *e)
{
	if (json_object_object_length(metadata) > STORE_PAIRS_MAX)
		return err_set(e, ERR_RANGE, "\"metadata\" has more than %d members", STORE_PAIRS_MAX);
	json_object_object_foreach(metadata, key, value) {
		if (!json_object_is_type(value, json_type_string))
			return err_set(e, ERR_TYPE, "\"metadata\": \"%.64s\" must be a text", key);
		if (key[0] == '\0' || strlen(key) > STORE_KEY_BYTES ||
		    json_object_get_string_len(value) > STORE_VALUE_BYTES)
			return err_set(e, ERR_RANGE,
			    "\"metadata\": keys have 1 to 64 characters and texts up to 512: \"%.64s\"",
			    key);
	}
	return 0;
}

int
store_about_check(struct json_object *o, struct err *e)
{
	struct json_object *metadata = NULL;
	const char *text;

	if (json_get_text(o, "name", false, STORE_NAME_BYTES, &text, e) == -1 ||
	    json_get_text(o, "description", false, STORE_DESCRIPTION_BYTES, &text, e) == -1 ||
	    json_get_object(o, "metadata", false, &metadata, e) == -1)
		return -1;
	return metadata != NULL ? check_metadata(metadata, e) : 0;
}

static void
take_over(struct json_object *store, struct json_object *wish)
{
	struct json_object *value;

	for (int i = 0; i < MEMBERS; i++)
		if (!json_object_object_get_ex(wish, members[i], &value))
			continue;
		else if (value == NULL)
			json_object_object_del(store, members[i]);
		else
			json_object_object_add(store, members[i], json_object_get(value));
}

struct json_object *
store_document_new(
    struct json_object *wish, int64_t chunk_size, int64_t chunk_overlap, int64_t now)
{
	struct json_object *d = json_object_new_object(), *store = json_object_new_object();
	struct json_object *source = json_object_new_object(), *params;

	json_object_object_add(d, "version", json_object_new_string("1"));
	json_object_object_add(source, "type", json_object_new_string("push"));
	json_object_object_add(d, "data_source", source);
	if (chunk_size > 0) {
		params = json_object_new_object();
		json_object_object_add(params, "chunk_size", json_object_new_int64(chunk_size));
		json_object_object_add(params, "chunk_overlap", json_object_new_int64(chunk_overlap));
		json_object_object_add(d, "index_params", params);
	}
	take_over(store, wish);
	json_object_object_add(store, "created_at", json_object_new_int64(now));
	json_object_object_add(d, "store", store);
	return d;
}

/* "1" -> "1+1" -> "1+2": what its operator gave it stays in it. */
static int
next_version(const char *version, char out[VERSION_BYTES + 1], struct err *e)
{
	const char *plus = strrchr(version, '+');
	size_t n = strlen(version);
	unsigned long long count = 0;
	char *end;

	if (plus != NULL && plus[1] != '\0' && plus[1] != '-') {
		count = strtoull(plus + 1, &end, 10);
		if (*end == '\0')
			n = (size_t)(plus - version);
		else
			count = 0;
	}
	return snprintf(out, VERSION_BYTES + 1, "%.*s+%llu", (int)n, version, count + 1) <=
		VERSION_BYTES ?
	    0 :
	    err_set(e, ERR_LIMIT, "the document's version has no room left");
}

int
store_document_change(
    struct json_object *document, struct json_object *changes, struct err *e)
{
	char version[VERSION_BYTES + 1];
	struct json_object *store = NULL;
	const char *was = "";

	if (json_get_object(document, "store", true, &store, e) == -1 ||
	    json_get_text(document, "version", true, VERSION_BYTES, &was, e) == -1 ||
	    next_version(was, version, e) == -1)
		return -1;
	take_over(store, changes);
	json_object_object_add(document, "version", json_object_new_string(version));
	return 0;
}
