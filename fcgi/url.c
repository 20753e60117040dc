/* url.c - addresses and their queries. */
#include "url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '-' || c == '.' || c == '_' || c == '~';
}

void
url_encode(struct buf *out, const char *text, size_t n, const char *also)
{
	for (size_t i = 0; i < n; i++) {
		if (is_unreserved(text[i]) || (text[i] != '\0' && strchr(also, text[i]) != NULL))
			buf_addc(out, text[i]);
		else
			buf_addf(out, "%%%02X", (unsigned char)text[i]);
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

long
url_decode(char *text)
{
	char *to = text;
	int high, low;

	for (const char *from = text; *from != '\0'; from++) {
		if (*from != '%') {
			*to++ = *from == '+' ? ' ' : *from;
			continue;
		}
		high = hex_value(from[1]);
		low = high < 0 ? -1 : hex_value(from[2]);
		if (low < 0 || high * 16 + low == 0)
			return -1;
		*to++ = (char)(high * 16 + low);
		from += 2;
	}
	*to = '\0';
	return to - text;
}

/* ---- queries ---- */

void
url_query_add(struct url_query *q, const char *name, const char *value)
{
	if (value == NULL || q->count == URL_QUERY_PAIRS_MAX)
		return;
	q->pair[q->count].name = name;
	q->pair[q->count].value = value;
	q->count++;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorting the encoded pairs "name=value" as wholes would put "a-b=" before "a="; in place of
 * '=' the sort key has \x01, which comes before every byte of an encoded name. */
int
url_query_write(const struct url_query *q, struct buf *out, struct err *e)
{
	char *lines[URL_QUERY_PAIRS_MAX] = {NULL}, *mark;
	struct buf one;

	for (size_t i = 0; i < q->count; i++) {
		buf_init(&one, URL_BYTES_MAX);
		url_encode(&one, q->pair[i].name, strlen(q->pair[i].name), "");
		buf_addc(&one, '\x01');
		url_encode(&one, q->pair[i].value, strlen(q->pair[i].value), "");
		if (one.failed)
			out->failed = true;
		lines[i] = buf_take(&one);
		buf_fini(&one);
	}
	if (!out->failed)
		qsort(lines, q->count, sizeof lines[0], by_bytes);
	for (size_t i = 0; i < q->count && !out->failed; i++) {
		mark = strchr(lines[i], '\x01');
		*mark = '=';
		buf_adds(out, i > 0 ? "&" : "");
		buf_adds(out, lines[i]);
	}
	for (size_t i = 0; i < q->count; i++)
		free(lines[i]);
	return buf_check(out, "a query", e);
}

/* ---- parts, by libcurl's own parser, so that we judge what it will ask ---- */

static char *
part(CURLU *u, CURLUPart what)
{
	char *text = NULL;

	return curl_url_get(u, what, &text, 0) == CURLUE_OK ? text : NULL;
}

static int
write_origin(char out[URL_ORIGIN_BYTES], CURLU *u, const char *url, struct err *e)
{
	char *scheme = part(u, CURLUPART_SCHEME), *host = part(u, CURLUPART_HOST);
	char *port = part(u, CURLUPART_PORT), *user = part(u, CURLUPART_USER);
	const char *usual = scheme != NULL && strcmp(scheme, "https") == 0 ? "443" : "80";
	bool has_port = port != NULL && strcmp(port, usual) != 0;
	int n, rc = -1;

	if (scheme == NULL || host == NULL ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		err_set(e, ERR_CONFIG, "\"%.100s\" is not an http or https address", url);
	else if (user != NULL)
		err_set(e, ERR_CONFIG, "an address has a user name in it; use \"credentials\"");
	else if ((n = snprintf(out, URL_ORIGIN_BYTES, "%s://%s%s%s", scheme, host,
		      has_port ? ":" : "", has_port ? port : "")) >= URL_ORIGIN_BYTES)
		err_set(e, ERR_CONFIG, "\"%.100s...\" has too long a host", url);
	else
		rc = 0;
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	for (char *s = out; rc == 0 && *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
	return rc;
}

int
url_origin(char out[URL_ORIGIN_BYTES], const char *url, struct err *e)
{
	CURLU *u = curl_url();
	int rc = -1;

	out[0] = '\0';
	if (u == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an address");
	if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
		err_set(e, ERR_CONFIG, "\"%.100s\" is not an http or https address", url);
	else
		rc = write_origin(out, u, url, e);
	curl_url_cleanup(u);
	return rc;
}

int
url_resolve(struct buf *out, const char *base, const char *reference, struct err *e)
{
	CURLU *u = curl_url();
	char origin[URL_ORIGIN_BYTES], *whole = NULL;
	int rc = -1;

	if (u == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an address");
	if (curl_url_set(u, CURLUPART_URL, base, 0) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_URL, reference, CURLU_URLENCODE) != CURLUE_OK ||
	    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_URL, &whole, 0) != CURLUE_OK)
		err_set(e, ERR_CONFIG, "\"%.100s\" is not an address", reference);
	else if (write_origin(origin, u, reference, e) == 0) {
		buf_adds(out, whole);
		rc = buf_check(out, "an address", e);
	}
	curl_free(whole);
	curl_url_cleanup(u);
	return rc;
}

bool
url_is_same_origin(const char *a, const char *b)
{
	char x[URL_ORIGIN_BYTES], y[URL_ORIGIN_BYTES];

	return url_origin(x, a, NULL) == 0 && url_origin(y, b, NULL) == 0 && strcmp(x, y) == 0;
}
