/* store_item.c - a tenant as a vector store. */
#include "store_item.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"
#include "wanted.h"

static int
read_document(struct store_item *s, struct api *api, struct arena *a, struct err *e)
{
	const char *text;
	size_t n;

	if (wanted_document(api, s->tenant, &text, &n, a, e) == -1)
		return -1;
	s->about = (struct store_about){.chunk_overlap = -1};
	if (n == 0)
		return 0;
	if (json_parse_object(&s->document, text, n, e) == -1)
		return -1;
	store_about_read(&s->about, s->document);
	return 0;
}

/* Of the roster, or run by hand of the pointer. */
static bool
find_generation(
    char out[GENERATION_NAME_BYTES], const struct store_item *s, const struct api *api)
{
	const struct roster *r = serving_roster(api->serving);
	const struct roster_entry *t;

	if (r == NULL)
		return generation_current(out, serving_data_dir(api->serving), s->tenant, NULL) == 0;
	if ((t = roster_find(r, s->tenant)) == NULL || t->state != ROSTER_LIVE)
		return false;
	memcpy(out, t->generation, GENERATION_NAME_BYTES);
	return true;
}

/* Swept or damaged meanwhile, it is as if there were none. */
static void
read_generation(struct store_item *s, const struct api *api)
{
	char dir[PATH_MAX], name[GENERATION_NAME_BYTES];
	struct stat st;

	if (!find_generation(name, s, api) ||
	    generation_dir(dir, serving_data_dir(api->serving), s->tenant, name, NULL) == -1 ||
	    manifest_read(&s->manifest, dir, NULL, NULL) == -1)
		return;
	memcpy(s->generation, name, sizeof s->generation);
	if (stat(dir, &st) == 0)
		s->active = (int64_t)st.st_mtim.tv_sec;
}

static int
count_files(struct store_item *s, struct api *api, bool with_index, struct arena *a, struct err *e)
{
	struct attached_view v;
	int rc;

	/* One that cannot be opened now is no reason not to tell of the store. */
	if ((!with_index || attached_open(&v, api, s->tenant, true, a, e) == -1) &&
	    attached_open(&v, api, s->tenant, false, a, e) == -1)
		return -1;
	rc = attached_count(&v, s->manifest.documents, &s->counts, e);
	attached_close(&v);
	return rc;
}

int
store_item_read(struct store_item *s, struct api *api, const char *tenant, bool with_index,
    struct arena *a, struct err *e)
{
	*s = (struct store_item){.tenant = tenant};
	if (read_document(s, api, a, e) == -1)
		return -1;
	read_generation(s, api);
	s->created = s->about.created != 0 ? s->about.created : s->active;
	if (s->active == 0)
		s->active = s->created;
	if (count_files(s, api, with_index, a, e) == 0)
		return 0;
	store_item_fini(s);
	return -1;
}

void
store_item_fini(struct store_item *s)
{
	if (s == NULL)
		return;
	json_object_put(s->document);
	s->document = NULL;
}

static void
put_counts(struct buf *b, const struct attached_counts *c)
{
	uint64_t total = 0;

	buf_adds(b, "{");
	for (int i = 0; i < ATTACHED_STATE_MAX; i++) {
		total += c->in_state[i];
		buf_addf(b, "\"%s\": %" PRIu64 ", ", attached_state_name((enum attached_state)i),
		    c->in_state[i]);
	}
	buf_addf(b, "\"total\": %" PRIu64 "}", total);
}

/* What its client set, or of a tenant that no client made, which generation serves. */
static void
put_metadata(struct buf *b, const struct store_item *s)
{
	buf_adds(b, ", \"metadata\": ");
	if (s->about.is_ours)
		buf_adds(b, s->about.metadata != NULL ?
			json_object_to_json_string_ext(s->about.metadata, JSON_C_TO_STRING_PLAIN) :
			"{}");
	else
		buf_addf(b, "{\"generation\": \"%s\"}", s->generation);
}

static void
put_text(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, ", \"%s\": ", name);
	json_put_text(b, text, strlen(text));
}

void
store_item_put(struct buf *b, const struct store_item *s)
{
	bool is_ready = s->generation[0] != '\0' && s->counts.in_state[ATTACHED_IN_PROGRESS] == 0;

	buf_addf(b, "{\"id\": \"%s\", \"object\": \"vector_store\", \"created_at\": %" PRId64,
	    s->tenant, s->created);
	put_text(b, "name", s->about.name != NULL ? s->about.name : s->about.is_ours ? "" : s->tenant);
	if (s->about.description != NULL)
		put_text(b, "description", s->about.description);
	buf_addf(b, ", \"usage_bytes\": %" PRIu64 ", \"file_counts\": ",
	    s->manifest.index_bytes + s->manifest.store_bytes);
	put_counts(b, &s->counts);
	buf_addf(b, ", \"status\": \"%s\", \"expires_after\": null, \"expires_at\": null"
		    ", \"last_active_at\": %" PRId64,
	    is_ready ? "completed" : "in_progress", s->active);
	put_metadata(b, s);
	buf_addc(b, '}');
}
