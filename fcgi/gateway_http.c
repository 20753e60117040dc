/* gateway_http.c - one try: libcurl's options, the address, the key.
 *
 * Where a request goes is decided by ragpool.conf alone: nothing from a tenant, a document or
 * an answer is ever part of an address.  Redirects are not followed, no proxy is asked, only
 * the configured protocol is spoken, and addresses at which clouds keep credentials are
 * refused after the name was resolved. */
#include "gateway_parts.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "hash.h"

enum { KEY_MAX = 4096, KEEP_ALIVE_S = 60 };

/* ---- the model's own ---- */

static bool
is_key(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static int
read_key(struct upstream *u, struct err *e)
{
	const char *path = u->conf->key_file;
	struct stat st;
	size_t n;

	if (path[0] == '\0')
		return 0;
	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
		return err_set(e, ERR_CONFIG, "%s has mode %04o; it must be 0600", path,
		    (unsigned)(st.st_mode & 07777));
	if (file_read(&u->key, &n, path, KEY_MAX, e) == -1)
		return -1;
	while (n > 0 && (u->key[n - 1] == '\n' || u->key[n - 1] == '\r' || u->key[n - 1] == ' '))
		u->key[--n] = '\0';
	if (strlen(u->key) == n && is_key(u->key))
		return 0;
	return err_set(e, ERR_CONFIG, "%s holds no key", path);
}

static int
add_header(struct upstream *u, const char *line, struct err *e)
{
	struct curl_slist *longer = curl_slist_append(u->headers, line);

	if (longer == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a model");
	u->headers = longer;
	return 0;
}

static int
make_headers(struct upstream *u, struct err *e)
{
	char line[KEY_MAX + 32];
	int rc;

	if (add_header(u, "Content-Type: application/json", e) == -1 ||
	    add_header(u, "Expect:", e) == -1)
		return -1;
	if (u->key == NULL)
		return 0;
	snprintf(line, sizeof line, "Authorization: Bearer %s", u->key);
	rc = add_header(u, line, e);
	explicit_bzero(line, sizeof line);
	return rc;
}

/* What its vectors depend on besides the text; never 0. */
static uint32_t
identity_of(const struct conf_model *m)
{
	uint32_t dim = m->send_dimension ? (uint32_t)m->dimension : 0;
	uint32_t crc = hash_crc32c(0, m->model, strlen(m->model) + 1);

	crc = hash_crc32c(crc, m->document_prefix, strlen(m->document_prefix) + 1);
	crc = hash_crc32c(crc, &dim, sizeof dim);
	return crc != 0 ? crc : 1;
}

int
upstream_open(struct upstream *u, struct err *e)
{
	const struct conf_model *m = u->conf;
	size_t n = strlen(m->url) + strlen(wire_path(m)) + 1;

	if ((u->url = malloc(n)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a model");
	snprintf(u->url, n, "%s%s", m->url, wire_path(m));
	if (read_key(u, e) == -1 || make_headers(u, e) == -1) {
		err_prefix(e, "model %s", m->name);
		return -1;
	}
	u->identity = identity_of(m);
	u->dim = (uint32_t)m->dimension;
	u->queries.last = &u->queries.first;
	u->documents.last = &u->documents.first;
	breaker_init(&u->breaker, (unsigned)m->breaker_failures, m->breaker_pause_ms);
	cache_init(&u->cache, (size_t)m->cache_bytes);
	return 0;
}

void
upstream_close(struct upstream *u)
{
	for (struct curl_slist *h = u->headers; h != NULL; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl_slist_free_all(u->headers);
	if (u->key != NULL)
		explicit_bzero(u->key, strlen(u->key));
	free(u->key);
	free(u->url);
	cache_fini(&u->cache);
}

/* ---- one try ---- */

static bool
is_forbidden_v4(uint32_t address)
{
	return address == 0 || address >> 16 == 0xa9fe /* 169.254/16 */ || address >> 28 == 0xe;
}

/* Link-local (the clouds' metadata), multicast, and no address at all.  Models on this host
 * and in private networks are what people have. */
static bool
is_forbidden(const struct curl_sockaddr *a)
{
	static const uint8_t metadata_v6[16] = {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54};
	const struct sockaddr_in *v4 = (const void *)&a->addr;
	const struct sockaddr_in6 *v6 = (const void *)&a->addr;
	const struct in6_addr *six = &v6->sin6_addr;
	uint32_t mapped;

	if (a->family == AF_INET)
		return is_forbidden_v4(ntohl(v4->sin_addr.s_addr));
	if (a->family != AF_INET6)
		return true;
	if (IN6_IS_ADDR_V4MAPPED(six)) {
		memcpy(&mapped, six->s6_addr + 12, sizeof mapped);
		return is_forbidden_v4(ntohl(mapped));
	}
	return IN6_IS_ADDR_LINKLOCAL(six) || IN6_IS_ADDR_MULTICAST(six) ||
	    IN6_IS_ADDR_UNSPECIFIED(six) || memcmp(six->s6_addr, metadata_v6, 16) == 0;
}

static curl_socket_t
open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct call *c = context;

	(void)purpose;
	if (is_forbidden(a)) {
		err_set(&c->broke, ERR_PEER, "its name leads to an address that is refused");
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t
take_bytes(char *bytes, size_t size, size_t count, void *context)
{
	struct call *c = context;
	size_t n = size * count;
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (c->kind->piece != NULL && status == 200) {
		if (c->kind->is_full != NULL && c->kind->is_full(c->owner)) {
			c->is_paused = true;
			return CURL_WRITEFUNC_PAUSE;
		}
		return c->kind->piece(c->owner, c->now, bytes, n, &c->broke) == 0 ? n : 0;
	}
	buf_add(&c->answer, bytes, n);
	if (!c->answer.failed)
		return n;
	err_set(&c->broke, ERR_PEER, "an answer of more than %zu bytes", c->answer.max);
	return 0;
}

static int
set_options(struct call *c, int64_t left_ms, struct err *e)
{
	const struct conf_model *m = c->now->conf;
	bool is_https = strncmp(m->url, "https://", 8) == 0;
	bool is_stream = c->kind->piece != NULL;
	int64_t whole = is_stream || m->timeout_ms > left_ms ? left_ms : m->timeout_ms;
	CURL *h = c->easy;
	CURLcode rc = CURLE_OK;

#define SET(option, value) (rc = rc != CURLE_OK ? rc : curl_easy_setopt(h, option, value))
	SET(CURLOPT_URL, c->now->url);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, is_https ? "https" : "http");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_PIPEWAIT, is_https ? 1L : 0L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_MAXAGE_CONN, (long)KEEP_ALIVE_S);
	SET(CURLOPT_USERAGENT, "ragpool");
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)m->connect_timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, whole > 0 ? (long)whole : 1L);	/* 0 would be for ever */
	if (is_stream) {		/* silent for so many seconds */
		SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
		SET(CURLOPT_LOW_SPEED_TIME, (long)((m->timeout_ms + 999) / 1000));
	}
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)MODEL_ANSWER_MAX);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, c);
	SET(CURLOPT_ERRORBUFFER, c->reason);
	SET(CURLOPT_HTTPHEADER, c->now->headers);
	SET(CURLOPT_POSTFIELDS, c->body.data);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body.len);
	SET(CURLOPT_WRITEFUNCTION, take_bytes);
	SET(CURLOPT_WRITEDATA, c);
	SET(CURLOPT_PRIVATE, c);
	if (m->ca_file[0] != '\0')
		SET(CURLOPT_CAINFO, m->ca_file);
#undef SET
	if (rc == CURLE_OK)
		return 0;
	return err_set(e, ERR_INTERNAL, "libcurl: %s", curl_easy_strerror(rc));
}

int
http_prepare(struct call *c, struct err *e)
{
	buf_reset(&c->body);
	buf_reset(&c->answer);
	err_clear(&c->broke);
	c->reason[0] = '\0';
	c->is_paused = false;
	c->kind->ask(c->owner, c->now, &c->body);
	if (buf_check(&c->body, "a question to a model", e) == -1)
		return -1;
	if (c->easy == NULL && (c->easy = curl_easy_init()) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a call");
	curl_easy_reset(c->easy);
	return set_options(c, c->due_ms - c->g->now_ms, e);
}
