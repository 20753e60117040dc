/* consul_call.c - short requests to Consul. */
#include "consul_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct call {
	CURL *easy;			/* NULL: a free place */
	struct curl_slist *headers;
	struct buf body;
	char reason[CURL_ERROR_SIZE];
	consul_done *done;
	void *context;
	uint64_t ticket;
};

struct consul_calls {
	struct consul_link *link;	/* borrowed */
	struct call calls[CONSUL_CALLS_MAX];
};

int
consul_calls_new(struct consul_calls **out, struct consul_link *link, struct err *e)
{
	struct consul_calls *c = calloc(1, sizeof *c);

	if (c == NULL)
		return err_set(e, ERR_NOMEM, "no memory for Consul");
	c->link = link;
	*out = c;
	return 0;
}

static void
end_call(struct consul_calls *c, struct call *call)
{
	if (call->easy == NULL)
		return;
	if (c != NULL)
		curl_multi_remove_handle(consul_link_multi(c->link), call->easy);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	buf_fini(&call->body);
	*call = (struct call){0};
}

void
consul_calls_free(struct consul_calls *c)
{
	if (c == NULL)
		return;
	for (int i = 0; i < CONSUL_CALLS_MAX; i++)
		end_call(c, &c->calls[i]);
	free(c);
}

static size_t
take_bytes(char *bytes, size_t size, size_t count, void *context)
{
	struct call *call = context;

	buf_add(&call->body, bytes, size * count);
	return call->body.failed ? 0 : size * count;
}

static int
set_url(CURL *easy, const struct consul_link *link, const struct consul_request *r, struct err *e)
{
	const char *dc = consul_link_datacenter(link);
	struct buf url;
	int rc;

	buf_init(&url, CONSUL_URL_MAX);
	consul_link_add_url(link, &url, r->path);
	/* agent/... is about the agent that is asked, wherever it is */
	if (dc[0] != '\0' && strncmp(r->path, "agent/", 6) != 0) {
		buf_adds(&url, "?dc=");
		consul_link_add_escaped(&url, dc);
		if (r->query != NULL)
			buf_addf(&url, "&%s", r->query);
	} else if (r->query != NULL) {
		buf_addf(&url, "?%s", r->query);
	}
	rc = buf_check(&url, "an address", e);
	if (rc == 0)
		curl_easy_setopt(easy, CURLOPT_URL, url.data);
	buf_fini(&url);
	return rc;
}

static int
prepare(struct call *call, const struct consul_link *link, const struct consul_request *r,
    long ms, struct err *e)
{
	if (consul_link_handle(link, &call->easy, e) == -1)
		return -1;
	buf_init(&call->body, CONSUL_CALL_BODY_MAX);
	if (consul_link_headers(link, &call->headers, e) == -1 ||
	    set_url(call->easy, link, r, e) == -1)
		return -1;
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
	curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, r->method);
	if (strcmp(r->method, "GET") != 0) {
		/* the size first: COPYPOSTFIELDS goes by it */
		curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE,
		    r->body != NULL ? (long)strlen(r->body) : 0L);
		curl_easy_setopt(
		    call->easy, CURLOPT_COPYPOSTFIELDS, r->body != NULL ? r->body : "");
	}
	curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, ms);
	curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->reason);
	curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
	return 0;
}

int
consul_call(struct consul_calls *c, const struct consul_request *r, struct err *e)
{
	struct call *call = NULL;
	CURLMcode rc;

	for (int i = 0; i < CONSUL_CALLS_MAX && call == NULL; i++)
		if (c->calls[i].easy == NULL)
			call = &c->calls[i];
	if (call == NULL)
		return err_set(e, ERR_BUSY, "too many requests to Consul at once");
	*call = (struct call){.done = r->done, .context = r->context, .ticket = r->ticket};
	if (prepare(call, c->link, r, CONSUL_CALL_MS, e) == -1) {
		end_call(NULL, call);
		return -1;
	}
	rc = curl_multi_add_handle(consul_link_multi(c->link), call->easy);
	if (rc == CURLM_OK)
		return 0;
	end_call(NULL, call);
	return err_set(e, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
}

static struct call *
find_call(struct consul_calls *c, const CURL *easy)
{
	for (int i = 0; i < CONSUL_CALLS_MAX; i++)
		if (c->calls[i].easy != NULL && c->calls[i].easy == easy)
			return &c->calls[i];
	return NULL;
}

/* The place is free again before `done` is called, which may want it. */
bool
consul_calls_on_done(struct consul_calls *c, const CURLMsg *message, int64_t now_ms)
{
	struct consul_reply reply = {0};
	struct call *slot, call;
	CURLcode rc;
	long status = 0;

	if (message->msg != CURLMSG_DONE || (slot = find_call(c, message->easy_handle)) == NULL)
		return false;
	rc = message->data.result;
	curl_multi_remove_handle(consul_link_multi(c->link), slot->easy);
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(slot->easy);		/* it knows the place by its address */
	slot->easy = NULL;
	call = *slot;
	*slot = (struct call){0};
	reply.status = rc == CURLE_OK ? (int)status : 0;
	reply.trouble = call.body.failed ? "the answer is too large"
	    : call.reason[0] != '\0' ? call.reason
				     : curl_easy_strerror(rc);
	reply.body = call.body.data != NULL ? call.body.data : "";
	reply.body_bytes = call.body.len;
	call.done(call.context, call.ticket, &reply, now_ms);
	curl_slist_free_all(call.headers);
	buf_fini(&call.body);
	return true;
}

void
consul_call_last(struct consul_link *link, const struct consul_request *r, long ms)
{
	struct call call = {0};

	if (prepare(&call, link, r, ms, NULL) == 0)
		curl_easy_perform(call.easy);
	end_call(NULL, &call);
}
