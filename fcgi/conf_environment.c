/* conf_environment.c - variables of Consul's own tools, which go before ragpool.conf. */
#include "conf_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A variable that is set to nothing counts as absent. */
static const char *
from_environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static int
override(struct conf *c, const char *variable, const char *key, const char *value, struct err *e)
{
	if (conf_value_set(conf_row_find(IN_CONSUL, key), &c->consul, value, e) == 0 &&
	    (strcmp(key, "prefix") != 0 || conf_prefix_check(value, e) == 0))
		return 0;
	err_prefix(e, "environment: %s", variable);
	return -1;
}

static int
override_address(struct conf *c, struct err *e)
{
	const char *address = from_environment("CONSUL_HTTP_ADDR");
	const char *ssl = from_environment("CONSUL_HTTP_SSL");
	const char *host = from_environment("CONSUL_HOST"), *port = from_environment("CONSUL_PORT");
	const char *scheme = "";
	char text[512];

	if (ssl != NULL && (strcmp(ssl, "1") == 0 || strcasecmp(ssl, "true") == 0))
		scheme = "https://";
	if (address != NULL) {
		if (strstr(address, "://") != NULL)
			scheme = "";
		snprintf(text, sizeof text, "%s%s", scheme, address);
		return override(c, "CONSUL_HTTP_ADDR", "address", text, e);
	}
	if (host == NULL && port == NULL)
		return 0;
	snprintf(text, sizeof text, "%s%s:%s", scheme, host != NULL ? host : "127.0.0.1",
	    port != NULL ? port : "8500");
	return override(c, host != NULL ? "CONSUL_HOST" : "CONSUL_PORT", "address", text, e);
}

static int
override_token(struct conf *c, struct err *e)
{
	const char *file = from_environment("CONSUL_HTTP_TOKEN_FILE");
	const char *token = from_environment("CONSUL_HTTP_TOKEN");
	char *copy;

	if (file != NULL)
		return override(c, "CONSUL_HTTP_TOKEN_FILE", "token_file", file, e);
	if (token == NULL)
		return 0;
	for (const char *s = token; *s != '\0'; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return err_set(e, ERR_CONFIG, "environment: CONSUL_HTTP_TOKEN: not a token");
	if ((copy = strdup(token)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory");
	free(c->consul.token);
	c->consul.token = copy;
	return 0;
}

/* Consul's own tools write 0 and 1 as well. */
static const char *
as_word(const char *key, const char *value)
{
	if (strcmp(key, "tls_verify") != 0)
		return value;
	return strcmp(value, "0") == 0 ? "no" : strcmp(value, "1") == 0 ? "yes" : value;
}

static void
note_override(struct buf *errors, const struct err *e, size_t *count)
{
	buf_addf(errors, "%s\n", e->text);
	++*count;
}

int
conf_apply_environment(struct conf *c, struct buf *errors, struct err *e)
{
	static const struct {
		const char *variable, *key;
	} plain[] = {{"CONSUL_CACERT", "ca_file"}, {"CONSUL_CLIENT_CERT", "cert_file"},
	    {"CONSUL_CLIENT_KEY", "key_file"}, {"CONSUL_TLS_SERVER_NAME", "tls_server_name"},
	    {"CONSUL_HTTP_SSL_VERIFY", "tls_verify"}, {"CONFIG_KV_PREFIX", "prefix"}};
	const char *value;
	size_t count = 0;

	if (override_address(c, e) == -1)
		note_override(errors, e, &count);
	if (override_token(c, e) == -1)
		note_override(errors, e, &count);
	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
		if ((value = from_environment(plain[i].variable)) != NULL &&
		    override(c, plain[i].variable, plain[i].key,
			as_word(plain[i].key, value), e) == -1)
			note_override(errors, e, &count);
	return count == 0 ? 0 : -1;
}
