/* gateway_frame.c - what workers, builds and the gateway say to each other. */
#include "gateway_frame.h"

#include <string.h>

#include "json.h"
#include "utf8.h"

struct head {
	uint32_t magic;
	uint8_t version;
	uint8_t type;
	uint16_t zero;
	uint32_t id;
	uint32_t json_bytes;
	uint32_t body_bytes;
};
_Static_assert(sizeof(struct head) == FRAME_HEAD_BYTES, "the head is a wire format");

void
frame_put(struct buf *b, enum frame_type type, uint32_t id, const char *json,
    size_t json_bytes, const void *body, size_t body_bytes)
{
	struct head h = {.magic = FRAME_MAGIC, .version = FRAME_VERSION, .type = (uint8_t)type,
	    .id = id, .json_bytes = (uint32_t)json_bytes, .body_bytes = (uint32_t)body_bytes};

	if (json_bytes > FRAME_JSON_MAX || body_bytes > FRAME_BODY_MAX) {
		b->failed = true;
		return;
	}
	buf_add(b, &h, sizeof h);
	buf_add(b, json, json_bytes);
	buf_add(b, body, body_bytes);
}

static bool
is_type(unsigned type)
{
	return (type >= FRAME_DESCRIBE && type <= FRAME_STATUS) ||
	    (type >= FRAME_RESULT && type <= FRAME_ERROR);
}

int
frame_take(struct frame *f, const char *bytes, size_t n, size_t *used, struct err *e)
{
	struct head h;

	if (n < sizeof h)
		return 0;
	memcpy(&h, bytes, sizeof h);
	if (h.magic != FRAME_MAGIC || h.version != FRAME_VERSION || h.zero != 0 ||
	    !is_type(h.type))
		return err_set(e, ERR_PEER, "gateway socket: not a frame of version %d",
		    FRAME_VERSION);
	if (h.json_bytes > FRAME_JSON_MAX || h.body_bytes > FRAME_BODY_MAX)
		return err_set(e, ERR_PEER, "gateway socket: a frame over the limit");
	*used = sizeof h + h.json_bytes + h.body_bytes;
	if (n < *used)
		return 0;
	*f = (struct frame){.type = (enum frame_type)h.type,
	    .id = h.id,
	    .json = bytes + sizeof h,
	    .json_bytes = h.json_bytes,
	    .body = bytes + sizeof h + h.json_bytes,
	    .body_bytes = h.body_bytes};
	return 1;
}

/* ---- texts ---- */

void
frame_put_texts(struct buf *body, const struct embed_text *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t len = (uint32_t)texts[i].len;
		if (texts[i].len > MODEL_TEXT_BYTES_MAX)
			body->failed = true;
		buf_add(body, &len, sizeof len);
		buf_add(body, texts[i].text, texts[i].len);
	}
}

int
frame_take_texts(struct embed_text *at, size_t count, const struct frame *f, struct err *e)
{
	size_t used = 0;
	uint32_t len;

	for (size_t i = 0; i < count; i++) {
		if (f->body_bytes - used < sizeof len)
			return err_set(e, ERR_PEER, "text %zu of %zu is missing", i, count);
		memcpy(&len, f->body + used, sizeof len);
		used += sizeof len;
		if (len > MODEL_TEXT_BYTES_MAX || f->body_bytes - used < len)
			return err_set(e, ERR_PEER, "text %zu is cut short or too long", i);
		at[i] = (struct embed_text){f->body + used, len};
		used += len;
		if (!utf8_is_valid(at[i].text, len))
			return err_set(e, ERR_UTF8, "text %zu is not UTF-8", i);
	}
	if (used != f->body_bytes)
		return err_set(e, ERR_PEER, "bytes behind the last text");
	return 0;
}

/* ---- errors ---- */

void
frame_put_error(struct buf *b, uint32_t id, const struct err *e, int64_t retry_after_ms)
{
	struct buf json;

	buf_init(&json, 8 * ERR_TEXT_BYTES);
	buf_addf(&json, "{\"code\": \"%s\", \"retry_after_ms\": %lld, \"message\": ",
	    err_row(e->code)->slug, (long long)retry_after_ms);
	json_put_text(&json, e->text, strlen(e->text));
	buf_addc(&json, '}');
	if (json.failed)
		b->failed = true;
	else
		frame_put(b, FRAME_ERROR, id, json.data, json.len, "", 0);
	buf_fini(&json);
}

static enum err_code
code_of(const char *slug)
{
	for (int code = 1; code < ERR_CODE_MAX; code++)
		if (strcmp(err_row((enum err_code)code)->slug, slug) == 0)
			return (enum err_code)code;
	return ERR_PEER;
}

int
frame_take_error(const struct frame *f, int64_t *retry_after_ms, struct err *e)
{
	const char *slug = "", *message = "";
	struct json_object *o;

	*retry_after_ms = 0;
	if (json_parse_object(&o, f->json, f->json_bytes, NULL) == -1)
		return err_set(e, ERR_PEER, "gateway socket: an error without words");
	if (json_get_text(o, "code", true, 64, &slug, NULL) == -1 ||
	    json_get_text(o, "message", true, ERR_TEXT_BYTES, &message, NULL) == -1 ||
	    json_get_int(o, "retry_after_ms", false, 0, INT32_MAX, retry_after_ms, NULL) == -1)
		err_set(e, ERR_PEER, "gateway socket: an error without words");
	else
		err_set(e, code_of(slug), "%s", message);
	json_object_put(o);
	return -1;
}
