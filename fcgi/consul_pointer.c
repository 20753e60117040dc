/* consul_pointer.c - by which the hosts of a fleet agree on what is live. */
#include "consul_pointer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "generation.h"
#include "json.h"

bool
generation_is_same_content(const char *a, const char *b)
{
	const char *x = strchr(a, '-'), *y = strchr(b, '-');

	return x != NULL && y != NULL && strcmp(x, y) == 0;
}

/* A text of printable ASCII or UTF-8 that may stand in a log line. */
static int
get_line(struct json_object *o, const char *name, char *out, size_t size, struct err *e)
{
	const char *text = "";

	if (json_get_text(o, name, false, size - 1, &text, e) == -1)
		return -1;
	for (const char *s = text; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return err_set(e, ERR_CONFIG, "%s: a control character", name);
	snprintf(out, size, "%s", text);
	return 0;
}

static int
get_generation(struct json_object *o, const char *name, bool needed,
    char out[GENERATION_NAME_BYTES], struct err *e)
{
	const char *text = "";

	if (json_get_text(o, name, needed, GENERATION_NAME_BYTES - 1, &text, e) == -1 ||
	    ((needed || text[0] != '\0') && generation_name_check(text, e) == -1)) {
		err_prefix(e, "%s", name);
		return -1;
	}
	snprintf(out, GENERATION_NAME_BYTES, "%s", text);
	return 0;
}

/* The generation's name carries the beginning of the manifest's hash. */
static int
check_manifest(const struct consul_pointer *p, struct err *e)
{
	const char *hash = strchr(p->generation, '-') + 1;

	if (p->manifest[0] == '\0')
		return 0;
	if (strlen(p->manifest) != SHA256_HEX_BYTES - 1 ||
	    strspn(p->manifest, "0123456789abcdef") != SHA256_HEX_BYTES - 1)
		return err_set(e, ERR_CONFIG, "manifest_sha256: 64 hexadecimal digits expected");
	if (strncmp(p->manifest, hash, strlen(hash)) != 0)
		return err_set(e, ERR_CONFIG, "manifest_sha256 is not that of generation %s",
		    p->generation);
	return 0;
}

int
consul_pointer_parse(
    struct consul_pointer *p, const char *bytes, size_t n, uint64_t index, struct err *e)
{
	struct json_object *o = NULL;
	int64_t flip = 0;
	int rc = -1;

	*p = (struct consul_pointer){.index = index};
	if (n > CONSUL_POINTER_MAX)
		return err_set(e, ERR_LIMIT, "larger than %d bytes", CONSUL_POINTER_MAX);
	if (json_parse_object(&o, bytes, n, e) == -1)
		return -1;
	if (get_generation(o, "generation", true, p->generation, e) == -1 ||
	    get_generation(o, "previous", false, p->previous, e) == -1 ||
	    get_line(o, "manifest_sha256", p->manifest, sizeof p->manifest, e) == -1 ||
	    get_line(o, "where", p->where, sizeof p->where, e) == -1 ||
	    get_line(o, "config_version", p->version, sizeof p->version, e) == -1 ||
	    get_line(o, "withdrawn_version", p->withdrawn, sizeof p->withdrawn, e) == -1 ||
	    get_line(o, "host", p->host, sizeof p->host, e) == -1 ||
	    json_get_int(o, "flip", false, 0, INT64_MAX / 2, &flip, e) == -1 ||
	    check_manifest(p, e) == -1)
		goto out;
	p->flip = (uint64_t)flip;
	rc = 0;
out:
	json_object_put(o);
	if (rc == -1)
		*p = (struct consul_pointer){.index = index};
	return rc;
}

static void
put_member(struct buf *b, const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	buf_addf(b, ",\"%s\":", name);
	json_put_text(b, text, strlen(text));
}

void
consul_pointer_write(const struct consul_pointer *p, struct buf *b)
{
	buf_addf(b, "{\"generation\":\"%s\"", p->generation);
	put_member(b, "manifest_sha256", p->manifest);
	put_member(b, "where", p->where);
	put_member(b, "config_version", p->version);
	put_member(b, "previous", p->previous);
	put_member(b, "withdrawn_version", p->withdrawn);
	put_member(b, "host", p->host);
	buf_addf(b, ",\"flip\":%" PRIu64 "}", p->flip);
}

static int
take_bare_name(
    char generation[GENERATION_NAME_BYTES], const char *bytes, size_t n, struct err *e)
{
	while (n > 0 && (unsigned char)bytes[n - 1] <= 0x20)
		n--;
	if (n == 0 || n >= GENERATION_NAME_BYTES || memchr(bytes, '\0', n) != NULL)
		return err_set(e, ERR_CONFIG, "the name of a generation is expected");
	snprintf(generation, GENERATION_NAME_BYTES, "%.*s", (int)n, bytes);
	return generation_name_check(generation, e);
}

int
consul_pin_parse(
    char generation[GENERATION_NAME_BYTES], const char *bytes, size_t n, struct err *e)
{
	struct json_object *o = NULL;
	int rc;

	generation[0] = '\0';
	if (n > CONSUL_POINTER_MAX)
		return err_set(e, ERR_LIMIT, "larger than %d bytes", CONSUL_POINTER_MAX);
	while (n > 0 && (unsigned char)bytes[0] <= 0x20) {
		bytes++;
		n--;
	}
	if (n == 0 || bytes[0] != '{') {
		rc = take_bare_name(generation, bytes, n, e);
	} else {
		if ((rc = json_parse_object(&o, bytes, n, e)) == 0)
			rc = get_generation(o, "generation", true, generation, e);
		json_object_put(o);
	}
	if (rc == -1)
		generation[0] = '\0';
	return rc;
}

enum pointer_order
consul_pointer_compare(const struct consul_pointer *now, const struct consul_pointer *next)
{
	if (generation_is_same_content(now->generation, next->generation))
		return POINTER_SAME;
	if (now->generation[0] == '\0')
		return POINTER_NEWER;
	if (now->flip != 0 && next->flip != 0 && now->flip != next->flip)
		return next->flip > now->flip ? POINTER_NEWER : POINTER_OLDER;
	return next->index > now->index ? POINTER_NEWER : POINTER_OLDER;
}
