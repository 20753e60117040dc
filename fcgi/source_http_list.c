/* source_http_list.c - what a web server says it has: a site map, or pages of JSON.
 *
 * A document's key is what the listing calls it, or its address.
 */
#include "source_http_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "hash.h"
#include "json.h"
#include "url.h"
#include "utf8.h"
#include "xml_walk.h"

enum {
	PAGES_MAX = 10000,
	SITEMAPS_MAX = 1000,
	ADDRESSES_MAX = 10 * 1000 * 1000,
};

struct listing {
	struct http_source *s;
	source_item_fn *each;
	void *context;
	char page[URL_BYTES_MAX + 1];		/* the listing under way */
	/* of a site map */
	char loc[2048], lastmod[64];
	char **maps;				/* further ones; owned */
	size_t map_count;
};

static bool
is_allowed_host(const struct http_source *s, const char *url)
{
	char origin[URL_ORIGIN_BYTES], *host, *port;
	const char *end;

	if (url_is_same_origin(url, s->o.url))
		return true;
	if (url_origin(origin, url, NULL) == -1)
		return false;
	host = strstr(origin, "://") + 3;
	if (*host != '[' && (port = strchr(host, ':')) != NULL)
		*port = '\0';
	for (const char *at = s->o.hosts; *at != '\0'; at = *end == '\n' ? end + 1 : end) {
		end = strchrnul(at, '\n');
		if ((size_t)(end - at) == strlen(host) &&
		    strncasecmp(at, host, (size_t)(end - at)) == 0)
			return true;
	}
	return false;
}

static int
keep_place(struct http_source *s, const char *key, const char *url, struct err *e)
{
	struct place *grown;

	if (s->place_count == ADDRESSES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d documents are listed", ADDRESSES_MAX);
	if (s->place_count == s->place_room) {
		size_t room = s->place_room == 0 ? 256 : 2 * s->place_room;
		if ((grown = reallocarray(s->places, room, sizeof *grown)) == NULL)
			return err_sys(e, ERR_NOMEM, "a listing");
		s->places = grown;
		s->place_room = room;
	}
	grown = &s->places[s->place_count];
	grown->key = arena_copy(&s->words, key, strlen(key));
	grown->url = arena_copy(&s->words, url, strlen(url));
	if (s->words.failed)
		return err_set(e, ERR_NOMEM, "no memory for a listing");
	s->place_count++;
	return 0;
}

static bool
is_plain(const char *s)
{
	size_t n = strlen(s);

	for (const char *c = s; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	return n > 0 && n <= DOCUMENT_PATH_BYTES && utf8_is_valid(s, n);
}

static void
write_stamp(char stamp[SOURCE_STAMP_BYTES], const char *kind, const char *text)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES];

	if (hash_sha256_of(text, strlen(text), digest, NULL) == -1)
		return;
	hash_hex(digest, hex);
	snprintf(stamp, SOURCE_STAMP_BYTES, "%s:%.40s", kind, hex);
}

/* Passes one document on; link may be NULL when the text is there. */
static int
pass(struct listing *l, struct source_item *item, const char *link, struct err *e)
{
	struct http_source *s = l->s;
	struct buf url;
	int rc = 0;

	buf_init(&url, URL_BYTES_MAX);
	if (link != NULL && item->bytes == NULL) {
		if (url_resolve(&url, l->page, link, NULL) == -1)
			item->why = "its address is none";
		else if (!is_allowed_host(s, url.data))
			item->why = "it is on another host (see \"hosts\")";
	} else if (item->bytes == NULL) {
		item->why = "the listing has neither its text nor its address";
	}
	if (item->why != NULL)		/* told once, not at every build */
		write_stamp(item->stamp, "refused", item->why);
	if (item->key == NULL)
		item->key = url.len > 0 ? url.data : link != NULL ? link : "";
	if (!is_plain(item->key))
		rc = err_set(
		    e, ERR_SOURCE, "%.200s lists a document without a usable key", l->page);
	else if (item->why == NULL && item->bytes == NULL)
		rc = keep_place(s, item->key, url.data, e);
	if (rc == 0)
		rc = l->each(l->context, item, e);
	buf_fini(&url);
	return rc;
}

/* ---- site maps ---- */

static int
keep_map(struct listing *l, const char *url, struct err *e)
{
	char **grown;
	struct buf whole;
	int rc;

	if (l->map_count == SITEMAPS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d site maps", SITEMAPS_MAX);
	if ((grown = reallocarray(l->maps, l->map_count + 1, sizeof *grown)) == NULL)
		return err_sys(e, ERR_NOMEM, "a listing");
	l->maps = grown;
	buf_init(&whole, URL_BYTES_MAX);
	rc = url_resolve(&whole, l->page, url, e);
	if (rc == 0 && !is_allowed_host(l->s, whole.data))
		rc = err_set(e, ERR_SOURCE, "%.200s names a site map on another host: %.100s", l->page,
		    whole.data);
	if (rc == 0)
		l->maps[l->map_count++] = buf_take(&whole);
	buf_fini(&whole);
	return rc;
}

static const char *
trimmed(char *text)
{
	size_t n;

	text += strspn(text, " \t\r\n");
	for (n = strlen(text); n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL; n--)
		;
	text[n] = '\0';
	return text;
}

static int
take_map_element(void *context, const char *path, const char *text, struct err *e)
{
	struct listing *l = context;
	struct source_item item = {.size = SOURCE_SIZE_UNKNOWN};
	const char *link;

	if (strcmp(path, "/urlset/url/loc") == 0 || strcmp(path, "/sitemapindex/sitemap/loc") == 0) {
		if (strlen(text) >= sizeof l->loc)
			return err_set(e, ERR_SOURCE, "%.200s: an address is too long", l->page);
		strcpy(l->loc, text);
	} else if (strcmp(path, "/urlset/url/lastmod") == 0) {
		snprintf(l->lastmod, sizeof l->lastmod, "%s", text);
	} else if (strcmp(path, "/sitemapindex/sitemap") == 0) {
		return keep_map(l, trimmed(l->loc), e);
	} else if (strcmp(path, "/urlset/url") == 0) {
		link = trimmed(l->loc);
		if (link[0] == '\0')
			return err_set(e, ERR_SOURCE, "%.200s: an entry without <loc>", l->page);
		/* A day is too coarse to tell one change from the next. */
		if (strchr(l->lastmod, 'T') != NULL)
			write_stamp(item.stamp, "lastmod", l->lastmod);
		l->lastmod[0] = '\0';
		return pass(l, &item, link, e);
	}
	return 0;
}

/* ---- JSON ---- */

/* What a path such as "data.pages" leads to, NULL: nothing. */
static struct json_object *
walk_to(struct json_object *o, const char *path)
{
	char name[128];
	size_t n;

	for (; *path != '\0' && o != NULL; path += n + (path[n] == '.')) {
		n = strcspn(path, ".");
		if (n == 0 || n >= sizeof name || !json_object_is_type(o, json_type_object))
			return NULL;
		memcpy(name, path, n);
		name[n] = '\0';
		if (!json_object_object_get_ex(o, name, &o))
			return NULL;
	}
	return o;
}

/* A string, or a number as one; NULL for all else. */
static const char *
text_of(struct json_object *item, const char *name)
{
	struct json_object *v = walk_to(item, name);

	if (json_object_is_type(v, json_type_string) || json_object_is_type(v, json_type_int))
		return json_object_get_string(v);
	return NULL;
}

static bool
is_named(const struct source_options *o, const char *name)
{
	return strcmp(name, o->key) == 0 || strcmp(name, o->text) == 0 ||
	    strcmp(name, o->title) == 0 || strcmp(name, o->link) == 0 ||
	    strcmp(name, o->revision) == 0;
}

/* The members that mean nothing to us are fields for filters. */
static void
write_meta(const struct source_options *o, struct json_object *item, struct buf *meta)
{
	bool first = true;

	buf_addc(meta, '{');
	json_object_object_foreach(item, name, v) {
		const char *text;
		if (is_named(o, name) || v == NULL || json_object_is_type(v, json_type_object))
			continue;
		text = json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN);
		if (meta->len + strlen(text) + strlen(name) * 6 + 16 > SOURCE_META_BYTES)
			continue;
		buf_adds(meta, first ? "" : ", ");
		json_put_text(meta, name, strlen(name));
		buf_addf(meta, ": %s", text);
		first = false;
	}
	buf_addc(meta, '}');
}

/* The stamp is of all that the listing says, if it says which revision, or brings the text. */
static int
pass_json(struct listing *l, struct json_object *o, struct err *e)
{
	const struct source_options *opt = &l->s->o;
	struct source_item item = {.size = SOURCE_SIZE_UNKNOWN};
	const char *link;
	struct json_object *text;
	char name[16];
	struct buf meta;
	int rc;

	if (!json_object_is_type(o, json_type_object))
		return err_set(e, ERR_SOURCE, "%.200s lists something that is no object", l->page);
	buf_init(&meta, 2 * SOURCE_META_BYTES);
	write_meta(opt, o, &meta);
	item.meta = meta.data;
	item.key = text_of(o, opt->key);
	item.title = text_of(o, opt->title);
	link = text_of(o, opt->link);
	text = walk_to(o, opt->text);
	if (json_object_is_type(text, json_type_string)) {
		item.bytes = json_object_get_string(text);
		item.size = (uint64_t)json_object_get_string_len(text);
	}
	if (item.bytes != NULL || text_of(o, opt->revision) != NULL)
		write_stamp(item.stamp, "listed",
		    json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	if (opt->format[0] != '\0') {
		snprintf(name, sizeof name, "item.%s", opt->format);
		item.name = name;
	}
	rc = buf_check(&meta, "an item's fields", e);
	if (rc == 0)
		rc = pass(l, &item, link, e);
	buf_fini(&meta);
	return rc;
}

/* "items" by default: the root if it is a list, else the first of the usual names. */
static struct json_object *
find_items(const struct source_options *o, struct json_object *root)
{
	static const char *const usual[] = {"items", "documents", "data", "results", "pages"};
	struct json_object *found;

	if (o->items[0] != '\0')
		return walk_to(root, o->items);
	if (json_object_is_type(root, json_type_array))
		return root;
	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
		if (json_object_is_type(found = walk_to(root, usual[i]), json_type_array))
			return found;
	return NULL;
}

/* The listing's address with one parameter more. */
static int
write_next(struct listing *l, const char *name, const char *value, struct err *e)
{
	const char *url = l->s->o.url;
	struct buf b;
	int rc;

	buf_init(&b, URL_BYTES_MAX);
	buf_adds(&b, url);
	buf_addc(&b, strchr(url, '?') != NULL ? '&' : '?');
	url_encode(&b, name, strlen(name), "");
	buf_addc(&b, '=');
	url_encode(&b, value, strlen(value), "");
	if ((rc = buf_check(&b, "an address", e)) == 0)
		snprintf(l->page, sizeof l->page, "%s", b.data);
	buf_fini(&b);
	return rc;
}

static int
follow_next(struct listing *l, const char *next, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, URL_BYTES_MAX);
	rc = url_resolve(&b, l->page, next, e);
	if (rc == 0 && !url_is_same_origin(b.data, l->s->o.url))
		rc = err_set(e, ERR_SOURCE, "%.200s goes on at another server: %.100s", l->page,
		    b.data);
	if (rc == 0 && strcmp(b.data, l->page) == 0)
		rc = err_set(e, ERR_SOURCE, "%.200s names itself as its next page", l->page);
	if (rc == 0)
		snprintf(l->page, sizeof l->page, "%s", b.data);
	buf_fini(&b);
	return rc;
}

/* 1: l->page is the next page; 0: there is none. */
static int
turn_page(struct listing *l, struct json_object *root, size_t items, unsigned page,
    struct err *e)
{
	const struct source_options *o = &l->s->o;
	const char *next = text_of(root, o->next);
	char number[16];
	int rc;

	if (o->page_param[0] != '\0') {
		if (items == 0)
			return 0;
		snprintf(number, sizeof number, "%u", page + 1);
		rc = write_next(l, o->page_param, number, e);
	} else if (next == NULL || next[0] == '\0') {
		return 0;
	} else if (o->cursor_param[0] != '\0') {
		rc = write_next(l, o->cursor_param, next, e);
	} else {
		rc = follow_next(l, next, e);
	}
	return rc == 0 ? 1 : -1;
}

static int
take_json_page(struct listing *l, const char *body, size_t n, unsigned page, struct err *e)
{
	struct json_object *root = NULL, *items;
	size_t count;
	int rc = 0;

	if (json_parse(&root, body, n, e) == -1) {
		err_prefix(e, "%.200s is neither a site map nor JSON", l->page);
		if (e != NULL && e->code != ERR_NOMEM)
			e->code = ERR_SOURCE;
		return -1;
	}
	items = find_items(&l->s->o, root);
	if (!json_object_is_type(items, json_type_array)) {
		json_object_put(root);
		return err_set(e, ERR_SOURCE, "%.200s has no list of documents (see \"items\")",
		    l->page);
	}
	count = json_object_array_length(items);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = pass_json(l, json_object_array_get_idx(items, i), e);
	if (rc == 0)
		rc = turn_page(l, root, count, page, e);
	json_object_put(root);
	return rc;
}

/* ---- a listing as a whole ---- */

static bool
looks_like_xml(const char *body, size_t n)
{
	size_t at = n >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (at < n && strchr(" \t\r\n", body[at]) != NULL)
		at++;
	return at < n && body[at] == '<';
}

static int
take_map(struct listing *l, const char *body, size_t n, struct err *e)
{
	size_t before = l->map_count + l->s->place_count;

	if (xml_walk(body, n, take_map_element, l, e) == -1) {
		err_prefix(e, "%.200s", l->page);
		return -1;
	}
	if (l->map_count + l->s->place_count == before && strstr(body, "<urlset") == NULL &&
	    strstr(body, ":urlset") == NULL)
		return err_set(e, ERR_SOURCE, "%.200s is no site map", l->page);
	return 0;
}

static int
list_maps(struct listing *l, char *body, size_t n, struct err *e)
{
	int rc = take_map(l, body, n, e);

	free(body);
	for (size_t i = 0; i < l->map_count && rc == 0; i++) {
		snprintf(l->page, sizeof l->page, "%s", l->maps[i]);
		if ((rc = http_source_fetch_listing(l->s, l->page, &body, &n, e)) == 0) {
			rc = take_map(l, body, n, e);
			free(body);
		}
	}
	return rc;
}

static int
list_pages(struct listing *l, char *body, size_t n, struct err *e)
{
	unsigned page = 1;
	int rc;

	for (;; page++) {
		rc = take_json_page(l, body, n, page, e);
		free(body);
		if (rc != 1)
			return rc;
		if (page == PAGES_MAX)
			return err_set(e, ERR_LIMIT, "more than %d pages of listing", PAGES_MAX);
		if (http_source_fetch_listing(l->s, l->page, &body, &n, e) == -1)
			return -1;
	}
}

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->key, ((const struct place *)b)->key);
}

int
http_source_list(struct source *base, source_item_fn *each, void *context, struct err *e)
{
	struct http_source *s = (struct http_source *)base;
	struct listing l = {.s = s, .each = each, .context = context};
	char *body;
	size_t n;
	int rc;

	s->place_count = 0;
	arena_reset(&s->words);
	if (s->o.page_param[0] != '\0') {
		if (write_next(&l, s->o.page_param, "1", e) == -1)
			return -1;
	} else {
		snprintf(l.page, sizeof l.page, "%s", s->o.url);
	}
	if (http_source_fetch_listing(s, l.page, &body, &n, e) == -1)
		return -1;
	rc = looks_like_xml(body, n) ? list_maps(&l, body, n, e) : list_pages(&l, body, n, e);
	for (size_t i = 0; i < l.map_count; i++)
		free(l.maps[i]);
	free(l.maps);
	if (s->place_count > 1)
		qsort(s->places, s->place_count, sizeof s->places[0], by_key);
	return rc;
}

const char *
http_source_url_of(const struct http_source *s, const char *key)
{
	const struct place wanted = {key, NULL}, *found =
	    s->place_count == 0 ? NULL
				: bsearch(&wanted, s->places, s->place_count, sizeof wanted, by_key);

	return found != NULL ? found->url : key;
}
