/* consul_link.c - address, TLS and token of the agent. */
#include "consul_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

enum { TOKEN_MAX = 4096 };

struct consul_link {
	CURLM *multi;			/* borrowed */
	char *address;			/* as requests name it: with tls_server_name for a host */
	struct curl_slist *connect_to;	/* where that host really is; NULL: as it says */
	char *datacenter, *token_file, *token;
	char *ca_file, *cert_file, *key_file;
	bool verify;
	long connect_timeout_ms;
	struct err token_trouble;
};

static bool
is_token(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static void
free_secret(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

bool
consul_link_read_token(struct consul_link *l)
{
	char *text = NULL;
	size_t n;
	bool is_new;

	err_clear(&l->token_trouble);
	if (l->token_file[0] == '\0' ||
	    file_read(&text, &n, l->token_file, TOKEN_MAX, &l->token_trouble) == -1)
		return false;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
		text[--n] = '\0';
	if (strlen(text) != n || !is_token(text)) {
		err_set(&l->token_trouble, ERR_CONFIG, "%s holds no token", l->token_file);
		free_secret(text);
		return false;
	}
	is_new = strcmp(text, l->token) != 0;
	free_secret(l->token);
	l->token = text;
	return is_new;
}

/* Certificates of Consul name "server.dc1.consul", while agents are asked by address: the
 * request names the former and libcurl is told where that is. */
static int
name_server(struct consul_link *l, const struct conf_consul *o, struct err *e)
{
	const char *host = strstr(o->address, "://") + 3, *port;
	struct buf text;
	int rc = -1;

	port = strrchr(host, ':');
	if (port != NULL && strchr(port, ']') != NULL)
		port = NULL;			/* a colon of an IPv6 address */
	if (port == NULL)
		port = host + strlen(host);
	buf_init(&text, CONSUL_URL_MAX);
	buf_addf(&text, "::%.*s:", (int)(port - host), host);
	if (buf_check(&text, "address", e) == 0 &&
	    (l->connect_to = curl_slist_append(NULL, text.data)) != NULL) {
		buf_reset(&text);
		buf_addf(&text, "https://%s%s", o->tls_server_name, port);
		if (buf_check(&text, "address", e) == 0 &&
		    (l->address = buf_take(&text)) != NULL)
			rc = 0;
	}
	buf_fini(&text);
	return rc;
}

static int
copy_options(struct consul_link *l, const struct conf_consul *o, struct err *e)
{
	l->datacenter = strdup(o->datacenter);
	l->token_file = strdup(o->token_file);
	l->token = strdup(o->token != NULL ? o->token : "");
	l->ca_file = strdup(o->ca_file);
	l->cert_file = strdup(o->cert_file);
	l->key_file = strdup(o->key_file);
	l->verify = o->tls_verify;
	l->connect_timeout_ms = (long)o->connect_timeout_ms;
	if (o->tls_server_name[0] != '\0' && strncmp(o->address, "https://", 8) == 0) {
		if (name_server(l, o, e) == -1)
			return err_set(e, ERR_NOMEM, "no memory for Consul");
	} else {
		l->address = strdup(o->address);
	}
	if (l->address == NULL || l->datacenter == NULL || l->token_file == NULL ||
	    l->token == NULL || l->ca_file == NULL || l->cert_file == NULL ||
	    l->key_file == NULL)
		return err_set(e, ERR_NOMEM, "no memory for Consul");
	return 0;
}

int
consul_link_new(
    struct consul_link **out, const struct conf_consul *options, CURLM *multi, struct err *e)
{
	struct consul_link *l = calloc(1, sizeof *l);

	if (l == NULL)
		return err_set(e, ERR_NOMEM, "no memory for Consul");
	l->multi = multi;
	if (copy_options(l, options, e) == -1) {
		consul_link_free(l);
		return -1;
	}
	consul_link_read_token(l);
	*out = l;
	return 0;
}

void
consul_link_free(struct consul_link *l)
{
	if (l == NULL)
		return;
	curl_slist_free_all(l->connect_to);
	free_secret(l->token);
	free(l->address);
	free(l->datacenter);
	free(l->token_file);
	free(l->ca_file);
	free(l->cert_file);
	free(l->key_file);
	free(l);
}

CURLM *
consul_link_multi(const struct consul_link *l)
{
	return l->multi;
}

const char *
consul_link_datacenter(const struct consul_link *l)
{
	return l->datacenter;
}

const struct err *
consul_link_token_trouble(const struct consul_link *l)
{
	return &l->token_trouble;
}

int
consul_link_handle(const struct consul_link *l, CURL **out, struct err *e)
{
	CURL *h = curl_easy_init();
	CURLcode rc = CURLE_OK;

	if (h == NULL)
		return err_set(e, ERR_NOMEM, "no memory for Consul");
#define SET(option, value) (rc = rc != CURLE_OK ? rc : curl_easy_setopt(h, option, value))
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_USERAGENT, "ragpool");
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, l->connect_timeout_ms);
	SET(CURLOPT_SSL_VERIFYPEER, l->verify ? 1L : 0L);
	SET(CURLOPT_SSL_VERIFYHOST, l->verify ? 2L : 0L);
	if (l->ca_file[0] != '\0')
		SET(CURLOPT_CAINFO, l->ca_file);
	if (l->cert_file[0] != '\0')
		SET(CURLOPT_SSLCERT, l->cert_file);
	if (l->key_file[0] != '\0')
		SET(CURLOPT_SSLKEY, l->key_file);
	if (l->connect_to != NULL)
		SET(CURLOPT_CONNECT_TO, l->connect_to);
#undef SET
	if (rc != CURLE_OK) {
		curl_easy_cleanup(h);
		return err_set(e, ERR_INTERNAL, "libcurl: %s", curl_easy_strerror(rc));
	}
	*out = h;
	return 0;
}

int
consul_link_headers(const struct consul_link *l, struct curl_slist **out, struct err *e)
{
	char line[TOKEN_MAX + 32];

	*out = NULL;
	if (l->token[0] == '\0')
		return 0;
	snprintf(line, sizeof line, "X-Consul-Token: %s", l->token);
	*out = curl_slist_append(NULL, line);
	explicit_bzero(line, sizeof line);
	return *out != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for Consul");
}

void
consul_link_add_escaped(struct buf *url, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char b = (unsigned char)*text;
		if ((b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
		    strchr("-._~/", b) != NULL)
			buf_addc(url, (char)b);
		else
			buf_addf(url, "%%%02X", b);
	}
}

void
consul_link_add_url(const struct consul_link *l, struct buf *url, const char *path)
{
	buf_addf(url, "%s/v1/", l->address);
	consul_link_add_escaped(url, path);
}
