/* s3_keys.c - credentials for S3: a file, the environment, the instance. */
#include "s3_keys.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "json.h"

enum { RENEW_BEFORE_S = 300, METADATA_BODY_MAX = 64 * 1024, TOKEN_SECONDS = 21600 };

/* The address of every cloud's metadata service that speaks this protocol; the variable is
 * the one that AWS' own tools read. */
#define METADATA_ADDRESS "http://169.254.169.254"
#define METADATA_VARIABLE "AWS_EC2_METADATA_SERVICE_ENDPOINT"

struct question {
	const char *method, *path, *token;
	char *answer;			/* owned */
};

static int
add_token(struct http_call *c, struct curl_slist **lines, struct err *e)
{
	const struct question *q = c->context;
	char line[SECRET_BYTES + 64];
	int rc;

	if (q->token == NULL)
		snprintf(line, sizeof line, "X-aws-ec2-metadata-token-ttl-seconds: %d",
		    TOKEN_SECONDS);
	else
		snprintf(line, sizeof line, "X-aws-ec2-metadata-token: %.*s", SECRET_BYTES,
		    q->token);
	rc = http_add_header(lines, line, e);
	explicit_bzero(line, sizeof line);
	return rc;
}

static int
start_question(void *context, size_t index, struct http_call *c, struct err *e)
{
	struct question *q = context;
	const char *address = getenv(METADATA_VARIABLE);
	size_t n;

	(void)index, (void)e;
	if (address == NULL || address[0] == '\0')
		address = METADATA_ADDRESS;
	n = strlen(address);
	c->method = q->method;
	buf_add(&c->url, address, n > 0 && address[n - 1] == '/' ? n - 1 : n);
	buf_adds(&c->url, q->path);
	c->max_bytes = METADATA_BODY_MAX;
	c->headers = add_token;
	c->context = q;
	return 0;
}

static int
end_question(void *context, size_t index, struct http_call *c, const struct err *why,
    struct err *e)
{
	struct question *q = context;

	(void)index;
	if (why != NULL)
		return err_set(e, ERR_SOURCE, "the instance's metadata service: %s", why->text);
	if (c->status != 200)
		return err_set(e, ERR_SOURCE,
		    "the instance's metadata service answers %d for %s; has it a role?", c->status,
		    q->path);
	if ((q->answer = buf_take(&c->body)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for credentials");
	return 0;
}

static int
ask(struct http *h, const char *method, const char *path, const char *token, char **answer,
    struct err *e)
{
	struct question q = {method, path, token, NULL};

	*answer = NULL;
	if (http_each(h, 1, start_question, end_question, &q, e) == -1) {
		free(q.answer);
		return -1;
	}
	*answer = q.answer;
	return 0;
}

static void
wipe(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

static int
take_secrets(struct secrets *s, const char *json, struct err *e)
{
	const char *access_key = "", *secret_key = "", *token = "", *expiration = "";
	struct json_object *o = NULL;
	struct tm tm = {0};
	int rc = -1;

	*s = (struct secrets){0};
	if (json_parse_object(&o, json, strlen(json), e) == -1)
		return -1;
	if (json_get_text(o, "AccessKeyId", true, sizeof s->access_key - 1, &access_key, e) == 0 &&
	    json_get_text(o, "SecretAccessKey", true, sizeof s->secret_key - 1, &secret_key, e) ==
		0 &&
	    json_get_text(o, "Token", false, sizeof s->session_token - 1, &token, e) == 0 &&
	    json_get_text(o, "Expiration", false, 64, &expiration, e) == 0) {
		strcpy(s->access_key, access_key);
		strcpy(s->secret_key, secret_key);
		strcpy(s->session_token, token);
		if (strptime(expiration, "%Y-%m-%dT%H:%M:%S", &tm) != NULL)
			s->expires = timegm(&tm);
		rc = 0;
	} else {
		err_prefix(e, "the instance's metadata service");
	}
	json_object_put(o);
	return rc;
}

/* IMDSv2: a token first, the role's name, then the role's credentials. */
static int
ask_instance(struct secrets *s, struct err *e)
{
	static const char roles[] = "/latest/meta-data/iam/security-credentials/";
	char *token = NULL, *role = NULL, *json = NULL, path[300];
	struct http_options o;
	struct http *h;
	int rc = -1;

	http_options_default(&o);
	o.at_once = 1;
	o.attempts = 3;
	o.connect_timeout_ms = 1000;
	o.call_timeout_ms = o.stall_timeout_ms = 5000;
	o.any_address = true;		/* it is fixed, or the operator's own */
	if (http_new(&h, &o, e) == -1)
		return -1;
	if (ask(h, "PUT", "/latest/api/token", NULL, &token, e) == -1 ||
	    ask(h, "GET", roles, token, &role, e) == -1)
		goto out;
	role[strcspn(role, "\r\n/?# ")] = '\0';
	snprintf(path, sizeof path, "%s%.200s", roles, role);
	if (ask(h, "GET", path, token, &json, e) == 0)
		rc = take_secrets(s, json, e);
out:
	wipe(token);
	wipe(json);
	free(role);
	http_free(h);
	return rc;
}

int
s3_keys_find(struct s3_keys *k, struct err *e)
{
	const char *file = secrets_file(k->file), *profile = k->profile;

	if (strcmp(profile, "none") == 0) {
		k->is_anonymous = true;
		return 0;
	}
	if (profile[0] == '\0' && secrets_from_environment(&k->secrets))
		return 0;
	if (profile[0] != '\0' || (file[0] != '\0' && access(file, F_OK) == 0)) {
		if (secrets_read(&k->secrets, file, profile[0] != '\0' ? profile : "default", e) == -1)
			return -1;
		if (k->secrets.access_key[0] != '\0' && k->secrets.secret_key[0] != '\0')
			return 0;
		return err_set(e, ERR_SOURCE, "%s: the profile has no aws_access_key_id and "
					      "aws_secret_access_key", file);
	}
	k->is_of_instance = k->instance_metadata;
	if (k->is_of_instance)
		return ask_instance(&k->secrets, e);
	return err_set(e, ERR_SOURCE, "no credentials: none in the environment "
		"(AWS_ACCESS_KEY_ID), no credentials_file, instance_metadata is off");
}

int
s3_keys_renew(struct s3_keys *k, struct err *e)
{
	struct secrets next;

	if (!k->is_of_instance || k->secrets.expires == 0 ||
	    k->secrets.expires - time(NULL) > RENEW_BEFORE_S)
		return 0;
	if (ask_instance(&next, e) == -1)
		return k->secrets.expires > time(NULL) ? 0 : -1;
	k->secrets = next;
	secrets_wipe(&next);
	return 0;
}
