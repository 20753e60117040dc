/* jwt.c - signed tokens that say who asks. */
#include "jwt.h"

#include <string.h>

#include "base64.h"
#include "filter_json.h"
#include "json.h"

struct parts {
	const char *at[3];	/* header, claims, signature */
	size_t bytes[3];
};

static bool
split(const char *text, struct parts *p)
{
	for (int i = 0; i < 3; i++) {
		p->at[i] = text;
		p->bytes[i] = strcspn(text, ".");
		if (p->bytes[i] == 0)
			return false;
		text += p->bytes[i];
		if (*text != (i < 2 ? '.' : '\0'))
			return false;
		text += i < 2;
	}
	return true;
}

bool
jwt_is_likely(const char *text)
{
	struct parts p;

	return split(text, &p);
}

static int
parse_part(struct json_object **out, const struct parts *p, int i, struct arena *a,
    struct err *e)
{
	uint8_t *bytes = arena_alloc(a, p->bytes[i]);
	size_t n;

	*out = NULL;
	if (bytes == NULL)
		return err_set(e, ERR_NOMEM, "token");
	if (!base64url_decode(p->at[i], p->bytes[i], bytes, p->bytes[i], &n))
		return err_set(e, ERR_AUTH, "token: part %d is not base64url", i + 1);
	return json_parse_object(out, (const char *)bytes, n, e);
}

/* The key that the header asks for, by the algorithm that is the key's. */
static int
find_key(const struct jwk **out, struct json_object *header, const struct jwt_rules *rules,
    struct err *e)
{
	const char *alg, *kid = NULL, *type = "JWT";
	struct json_object *o;

	if (json_get_text(header, "alg", true, 16, &alg, e) == -1 ||
	    json_get_text(header, "kid", false, JWKS_KID_BYTES, &kid, e) == -1 ||
	    json_get_text(header, "typ", false, 32, &type, e) == -1)
		return -1;
	if (json_object_object_get_ex(header, "crit", &o))
		return err_set(e, ERR_AUTH, "token: extensions are not understood");
	if (strcasecmp(type, "JWT") != 0 && strcasecmp(type, "at+jwt") != 0)
		return err_set(e, ERR_AUTH, "token: it is of another type");
	if ((*out = jwks_find(rules->keys, kid)) == NULL)
		return err_set(e, ERR_AUTH, "token: its key is unknown");
	if (jwt_alg_of(alg) != jwk_alg(*out))
		return err_set(e, ERR_AUTH, "token: not its key's algorithm");
	return 0;
}

static int
check_signature(const struct parts *p, const struct jwk *key, struct arena *a, struct err *e)
{
	uint8_t *signature = arena_alloc(a, p->bytes[2]);
	size_t n;

	if (signature == NULL)
		return err_set(e, ERR_NOMEM, "token");
	if (!base64url_decode(p->at[2], p->bytes[2], signature, p->bytes[2], &n) ||
	    !jwk_verify(key, p->at[0], p->bytes[0] + 1 + p->bytes[1], signature, n))
		return err_set(e, ERR_AUTH, "token: its signature is not good");
	return 0;
}

/* A NumericDate may have a fraction (RFC 7519, 2). */
static int
check_times(struct json_object *claims, int64_t now, struct err *e)
{
	double expires, from = 0, issued = 0;

	if (json_get_double(claims, "exp", true, 0, 1e15, &expires, e) == -1 ||
	    json_get_double(claims, "nbf", false, 0, 1e15, &from, e) == -1 ||
	    json_get_double(claims, "iat", false, 0, 1e15, &issued, e) == -1)
		return -1;
	if ((double)now >= expires + JWT_LEEWAY_S)
		return err_set(e, ERR_AUTH, "token: expired");
	if ((double)now < from - JWT_LEEWAY_S)
		return err_set(e, ERR_AUTH, "token: not valid yet");
	if ((double)now < issued - JWT_LEEWAY_S)
		return err_set(e, ERR_AUTH, "token: issued in the future");
	return 0;
}

static bool
is_text(struct json_object *o, const char *wanted)
{
	return json_object_is_type(o, json_type_string) &&
	    strcmp(json_object_get_string(o), wanted) == 0;
}

/* "aud" is one name or a list of them. */
static bool
is_for_us(struct json_object *claims, const char *audience)
{
	struct json_object *aud;

	if (!json_object_object_get_ex(claims, "aud", &aud))
		return false;
	if (!json_object_is_type(aud, json_type_array))
		return is_text(aud, audience);
	for (size_t i = 0; i < json_object_array_length(aud); i++)
		if (is_text(json_object_array_get_idx(aud, i), audience))
			return true;
	return false;
}

static int
check_parties(struct json_object *claims, const struct jwt_rules *rules, struct err *e)
{
	struct json_object *issuer = NULL;

	if (!is_for_us(claims, rules->audience))
		return err_set(e, ERR_AUTH, "token: for somebody else");
	json_object_object_get_ex(claims, "iss", &issuer);
	if (rules->issuer[0] != '\0' && !is_text(issuer, rules->issuer))
		return err_set(e, ERR_AUTH, "token: from somebody else");
	return 0;
}

static int
add_scope(struct caller *c, const char **list, struct json_object *word, struct arena *a,
    struct err *e)
{
	const char *text = json_object_get_string(word);

	if (!json_object_is_type(word, json_type_string) || c->scope_count == JWT_SCOPE_MAX ||
	    caller_check_scope(text, NULL) == -1)
		return err_set(e, ERR_AUTH, "token: its tenants are no list of names");
	if ((list[c->scope_count] = arena_copy(a, text, strlen(text))) == NULL)
		return err_set(e, ERR_NOMEM, "token");
	c->scope_count++;
	return 0;
}

/* "tenants", "tenant", or both. */
static int
read_scope(struct caller *c, struct json_object *claims, struct arena *a, struct err *e)
{
	const char **list = arena_calloc(a, JWT_SCOPE_MAX, sizeof list[0]);
	struct json_object *o = NULL;

	if (list == NULL)
		return err_set(e, ERR_NOMEM, "token");
	c->scope = list;
	if (json_object_object_get_ex(claims, "tenant", &o) &&
	    add_scope(c, list, o, a, e) == -1)
		return -1;
	if (json_object_object_get_ex(claims, "tenants", &o)) {
		if (!json_object_is_type(o, json_type_array))
			return err_set(e, ERR_AUTH, "token: its tenants are no list");
		for (size_t i = 0; i < json_object_array_length(o); i++)
			if (add_scope(c, list, json_object_array_get_idx(o, i), a, e) == -1)
				return -1;
	}
	return c->scope_count > 0 ? 0 : err_set(e, ERR_AUTH, "token: it names no tenant");
}

static int
read_caller(struct caller *c, struct json_object *claims, struct arena *a, struct err *e)
{
	const char *role = "reader", *subject = "-";
	struct json_object *filter;

	if (json_get_text(claims, "role", false, 16, &role, e) == -1 ||
	    json_get_text(claims, "sub", false, 256, &subject, e) == -1)
		return -1;
	if ((c->role = caller_role_of(role)) == ROLE_NONE)
		return err_set(e, ERR_AUTH, "token: its role is unknown");
	if ((c->id = arena_copy(a, subject, strlen(subject))) == NULL)
		return err_set(e, ERR_NOMEM, "token");
	if (json_object_object_get_ex(claims, "filter", &filter) &&
	    filter_from_json(&c->filter, filter, "filter", a, e) == -1)
		return -1;
	c->is_token = true;
	return read_scope(c, claims, a, e);
}

int
jwt_read(struct caller *out, const char *token, const struct jwt_rules *rules, struct arena *a,
    struct err *e)
{
	struct json_object *header = NULL, *claims = NULL;
	const struct jwk *key = NULL;
	struct parts p;
	int rc = -1;

	*out = (struct caller){0};
	if (strlen(token) > JWT_BYTES_MAX || !split(token, &p))
		return err_set(e, ERR_AUTH, "token: too long, or not three parts");
	/* What it claims is read after its signature only. */
	if (parse_part(&header, &p, 0, a, e) == 0 && find_key(&key, header, rules, e) == 0 &&
	    check_signature(&p, key, a, e) == 0 && parse_part(&claims, &p, 1, a, e) == 0 &&
	    check_times(claims, rules->now, e) == 0 && check_parties(claims, rules, e) == 0)
		rc = read_caller(out, claims, a, e);
	json_object_put(header);
	json_object_put(claims);
	if (rc == -1 && e->code != ERR_NOMEM)
		e->code = ERR_AUTH;
	return rc;
}
