/* consul_kv.c - the body of a recursive KV reading. */
#include "consul_kv.h"

#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json.h"
#include "tenant.h"

static void
free_items(struct consul_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i].document);
	free(items);
}

void
consul_set_fini(struct consul_set *s)
{
	if (s == NULL)
		return;
	free_items(s->items, s->count);
	free_items(s->pointers, s->pointer_count);
	free_items(s->pins, s->pin_count);
	free_items(s->gones, s->gone_count);
	*s = (struct consul_set){0};
}

/* Fills the item's document or its `why`. */
static int
read_value(struct consul_item *item, struct json_object *value, struct err *e)
{
	const char *text;
	size_t n;

	if (value == NULL || json_object_get_string_len(value) == 0) {
		err_set(&item->why, ERR_JSON, "the key has no value");
		return 0;
	}
	if (!json_object_is_type(value, json_type_string))
		return err_set(e, ERR_PEER, "the value of %s is not text", item->tenant);
	text = json_object_get_string(value);
	n = (size_t)json_object_get_string_len(value);
	if (n / 4 > TENANT_CONFIG_MAX / 3 + 1) {
		err_set(&item->why, ERR_LIMIT, "the document is larger than %d KiB",
		    TENANT_CONFIG_MAX / 1024);
		return 0;
	}
	if ((item->document = malloc(n / 4 * 3 + 1)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an answer of Consul");
	if (base64_decode(text, n, (uint8_t *)item->document, n / 4 * 3, &item->document_bytes)) {
		item->document[item->document_bytes] = '\0';
		return 0;
	}
	free(item->document);
	item->document = NULL;
	item->document_bytes = 0;
	err_set(&item->why, ERR_JSON, "the value is not base64");
	return 0;
}

enum key_kind { KEY_DOCUMENT, KEY_POINTER, KEY_PIN, KEY_GONE, KEY_OTHER, KEY_BAD };

static enum key_kind
classify(const char *rest, char tenant[TENANT_NAME_BYTES + 1])
{
	const char *slash = strchr(rest, '/');
	size_t n = strlen(rest);

	if (n == 0 || rest[n - 1] == '/')
		return KEY_OTHER;		/* a folder made by hand */
	if (slash == NULL || !tenant_name_is_valid(rest, (size_t)(slash - rest)))
		return KEY_BAD;
	memcpy(tenant, rest, (size_t)(slash - rest));
	tenant[slash - rest] = '\0';
	if (strcmp(slash, "/config") == 0)
		return KEY_DOCUMENT;
	if (strcmp(slash, "/generation") == 0)
		return KEY_POINTER;
	if (strcmp(slash, "/pin") == 0)
		return KEY_PIN;
	if (strcmp(slash, "/gone") == 0)
		return KEY_GONE;
	return strncmp(slash, "/status/", 8) == 0 ? KEY_OTHER : KEY_BAD;
}

/* Makes room for one more; NULL without memory. */
static struct consul_item *
add_item(struct consul_item **items, size_t *count)
{
	struct consul_item *p;

	/* room in powers of two, so that nothing need remember how much there is */
	if ((*count & (*count - 1)) == 0) {
		p = reallocarray(*items, *count > 0 ? *count * 2 : 1, sizeof *p);
		if (p == NULL)
			return NULL;
		*items = p;
	}
	return &(*items)[(*count)++];
}

static struct consul_item *
place_for(struct consul_set *set, enum key_kind kind)
{
	if (kind == KEY_DOCUMENT)
		return add_item(&set->items, &set->count);
	if (kind == KEY_POINTER)
		return add_item(&set->pointers, &set->pointer_count);
	if (kind == KEY_GONE)
		return add_item(&set->gones, &set->gone_count);
	return add_item(&set->pins, &set->pin_count);
}

static int
read_entry(struct consul_set *set, size_t *bad_keys, const char *prefix,
    struct json_object *entry, struct err *e)
{
	struct consul_item *item, read = {0};
	struct json_object *value = NULL;
	const char *key = NULL;
	int64_t revision = 0;
	enum key_kind kind;

	if (!json_object_is_type(entry, json_type_object))
		return err_set(e, ERR_PEER, "an entry is not an object");
	if (json_get_text(entry, "Key", true, 1024, &key, e) == -1 ||
	    json_get_int(entry, "ModifyIndex", true, 0, INT64_MAX, &revision, e) == -1) {
		e->code = ERR_PEER;
		return -1;
	}
	if (strncmp(key, prefix, strlen(prefix)) != 0)
		return err_set(e, ERR_PEER, "the key \"%.100s\" was not asked for", key);
	read.revision = (uint64_t)revision;
	kind = classify(key + strlen(prefix), read.tenant);
	*bad_keys += kind == KEY_BAD;
	if (kind == KEY_BAD || kind == KEY_OTHER)
		return 0;
	if (!json_object_object_get_ex(entry, "Value", &value))
		return err_set(e, ERR_PEER, "the entry of %s has no value", read.tenant);
	if (read_value(&read, value, e) == -1)
		return -1;
	if ((item = place_for(set, kind)) == NULL) {
		free(read.document);
		return err_set(e, ERR_NOMEM, "no memory for an answer of Consul");
	}
	*item = read;
	return 0;
}

static int
by_tenant(const void *a, const void *b)
{
	return strcmp(((const struct consul_item *)a)->tenant,
	    ((const struct consul_item *)b)->tenant);
}

static int
is_of_tenant(const void *key, const void *item)
{
	return strcmp(key, ((const struct consul_item *)item)->tenant);
}

const struct consul_item *
consul_item_find(const struct consul_item *items, size_t count, const char *tenant)
{
	return count > 0 ? bsearch(tenant, items, count, sizeof *items, is_of_tenant) : NULL;
}

/* Sorts; a tenant that comes twice makes the whole answer worthless. */
static int
sort_items(struct consul_item *items, size_t count, struct err *e)
{
	if (count > 0)
		qsort(items, count, sizeof *items, by_tenant);
	for (size_t i = 1; i < count; i++)
		if (by_tenant(&items[i - 1], &items[i]) == 0)
			return err_set(e, ERR_PEER, "%s comes twice", items[i].tenant);
	return 0;
}

int
consul_kv_parse(struct consul_set *set, size_t *bad_keys, const char *prefix, const char *body,
    size_t n, struct err *e)
{
	struct json_object *root = NULL;
	size_t count;
	int rc = -1;

	*set = (struct consul_set){0};
	*bad_keys = 0;
	if (json_parse(&root, body, n, e) == -1) {
		e->code = e->code == ERR_NOMEM ? ERR_NOMEM : ERR_PEER;
		err_prefix(e, "not the JSON of Consul");
		return -1;
	}
	if (!json_object_is_type(root, json_type_array)) {
		err_set(e, ERR_PEER, "not the JSON of Consul: an array is expected");
		goto out;
	}
	count = json_object_array_length(root);
	for (size_t i = 0; i < count; i++)
		if (read_entry(set, bad_keys, prefix, json_object_array_get_idx(root, i), e) == -1)
			goto out;
	if (sort_items(set->items, set->count, e) == -1 ||
	    sort_items(set->pointers, set->pointer_count, e) == -1 ||
	    sort_items(set->pins, set->pin_count, e) == -1 ||
	    sort_items(set->gones, set->gone_count, e) == -1)
		goto out;
	rc = 0;
out:
	json_object_put(root);
	if (rc == -1)
		consul_set_fini(set);
	return rc;
}
