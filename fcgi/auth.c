/* auth.c - from a request to who asks. */
#include "auth.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "filter_json.h"
#include "jwt.h"
#include "log.h"
#include "watched.h"

static void
refresh(struct auth *a)
{
	struct jwks fresh;
	struct err e;

	if (!keys_refresh(&a->keys, a->data_dir, &e) && e.code != ERR_NONE)
		log_error("the keys stay as they were: %s", e.text);
	if (a->options->jwt_keys[0] == '\0' ||
	    !watched_changed(&a->jwks_seen, a->options->jwt_keys))
		return;
	if (jwks_load(&fresh, a->options->jwt_keys, &e) == -1) {
		log_error("the keys of tokens stay as they were: %s", e.text);
		return;
	}
	jwks_fini(&a->jwks);
	a->jwks = fresh;
}

void
auth_open(struct auth *a, const struct auth_options *options, const char *data_dir)
{
	*a = (struct auth){.options = options, .data_dir = data_dir};
	a->keys.seen.st_ino = (ino_t)-1;	/* no file has it: the first look reads */
	if (!options->is_off)
		refresh(a);
}

void
auth_close(struct auth *a)
{
	keys_fini(&a->keys);
	jwks_fini(&a->jwks);
}

/* What stands behind "Bearer", else one of the headers for keys; NULL for nothing. */
static const char *
credential_of(const struct req *r)
{
	static const char *const headers[] = {"HTTP_API_KEY", "HTTP_X_API_KEY"};
	const char *text = req_param(r, "HTTP_AUTHORIZATION");

	if (text != NULL && strncasecmp(text, "Bearer ", 7) == 0) {
		text += 7;
		return text + strspn(text, " ");
	}
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
		if ((text = req_param(r, headers[i])) != NULL && text[0] != '\0')
			return text;
	return NULL;
}

bool
auth_was_tried(const struct req *r)
{
	return credential_of(r) != NULL;
}

/* "unix:" is how nginx names a listening socket of that kind. */
static bool
is_loopback(const char *address)
{
	return address != NULL &&
	    (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
		strcmp(address, "[::1]") == 0 || strncmp(address, "unix:", 5) == 0);
}

static int
check_open(const struct auth *a, const struct req *r, struct caller *out, struct err *e)
{
	const char *address = req_param(r, "SERVER_ADDR");

	if (!a->options->is_by_hand && address == NULL)
		return err_set(e, ERR_OPEN, "without keys (auth = off) the web server must pass "
					    "SERVER_ADDR, which says where it listens");
	if (!a->options->is_by_hand && !is_loopback(address))
		return err_set(e, ERR_OPEN,
		    "without keys (auth = off) only a server on loopback is served");
	*out = caller_anyone;
	return 0;
}

static int
use_key(const struct key *k, const struct req *r, struct caller *out, struct err *e)
{
	if (k->expires != 0 && time(NULL) >= k->expires)
		return err_set(e, ERR_AUTH, "key %s has expired", k->id);
	*out = (struct caller){.role = k->role, .id = k->id, .scope = k->scope,
	    .scope_count = k->scope_count, .rate = k->rate};
	if (k->filter == NULL)
		return 0;
	return filter_from_json(&out->filter, k->filter, "filter", r->arena, e);
}

int
auth_check(struct auth *a, const struct req *r, struct caller *out, struct err *e)
{
	const char *text = credential_of(r);
	const struct key *key;
	struct jwt_rules rules;

	if (a->options->is_off)
		return check_open(a, r, out, e);
	refresh(a);
	if (text == NULL)
		return err_set(e, ERR_AUTH, "no key was given");
	if ((key = keys_find(&a->keys, text)) != NULL)
		return use_key(key, r, out, e);
	if (a->jwks.count == 0 || !jwt_is_likely(text))
		return err_set(e, ERR_AUTH, "the key is unknown");
	rules = (struct jwt_rules){.keys = &a->jwks, .audience = a->options->jwt_audience,
	    .issuer = a->options->jwt_issuer, .now = (int64_t)time(NULL)};
	return jwt_read(out, text, &rules, r->arena, e);
}
