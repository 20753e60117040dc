/* api_mcp.c - POST /mcp and /mcp/{tenant}: the Model Context Protocol, without sessions.
 *
 * Two eras at one address, told apart by each request itself:
 *
 *   2026-07-28   every request says its version and what the client can do in _meta, and
 *                repeats version, method and name in headers, which must agree
 *   2025-03-26, 2025-06-18, 2025-11-25
 *                begin with initialize; no session is made, so nothing has to be kept between
 *                requests and any worker answers any of them
 *
 * Each answer is one JSON object (or, in 2025-03-26, an array for an array).
 * Source  the protocol's published specification, of these revisions.
 */
#include "api.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "config.h"
#include "cors.h"
#include "mcp.h"

enum {
	RPC_PARSE = -32700,
	RPC_REQUEST = -32600,
	RPC_METHOD = -32601,
	RPC_PARAMS = -32602,
	MCP_HEADERS = -32020,
	MCP_VERSION = -32022,
};
enum { TTL_MS = 30000, NAME_BYTES = 256 };

#define META "io.modelcontextprotocol/"
static const char modern[] = "2026-07-28";
static const char *const legacy[] = {"2025-11-25", "2025-06-18", "2025-03-26"};
enum { LEGACY = sizeof legacy / sizeof legacy[0] };

static const char server_info[] =
    "{\"name\": \"ragpool\", \"title\": \"ragpool\", \"version\": \"" PACKAGE_VERSION "\"}";
static const char supported[] = "[\"2026-07-28\", \"2025-11-25\", \"2025-06-18\", \"2025-03-26\"]";
static const char instructions[] =
    "\"Search the knowledge base with the tool search, then read what it found with fetch. Cite "
    "the url of each document that is used.\"";

/* One message of the request. */
struct message {
	struct json_object *id;		/* NULL: a notification */
	struct json_object *params;	/* an object, or NULL */
	const char *method;
};

static bool
is_legacy(const char *version)
{
	for (int i = 0; i < LEGACY; i++)
		if (strcmp(version, legacy[i]) == 0)
			return true;
	return false;
}

/* ---- answers ---- */

static void
put_head(struct buf *b, struct json_object *id)
{
	buf_adds(b, "{\"jsonrpc\": \"2.0\", \"id\": ");
	buf_adds(b, id != NULL ? json_object_to_json_string_ext(id, JSON_C_TO_STRING_PLAIN) : "null");
}

/* data: JSON, or NULL.  Answers 0: the request has its answer. */
static int
refuse(struct mcp *m, struct json_object *id, int status, int code, const char *words,
    const char *about, const char *data)
{
	struct buf *b = &m->p->body;
	char text[ERR_TEXT_BYTES];

	m->p->status = status;
	snprintf(text, sizeof text, "%s%s%.200s", words, about != NULL ? ": " : "",
	    about != NULL ? about : "");
	put_head(b, id);
	buf_addf(b, ", \"error\": {\"code\": %d, \"message\": ", code);
	json_put_text(b, text, strlen(text));
	if (data != NULL)
		buf_addf(b, ", \"data\": %s", data);
	buf_adds(b, "}}");
	return 0;
}

static int
refuse_version(struct mcp *m, struct json_object *id, const char *requested)
{
	struct buf data;

	buf_init(&data, 1024);
	buf_addf(&data, "{\"supported\": %s, \"requested\": ", supported);
	json_put_text(&data, requested, strnlen(requested, 64));
	buf_addc(&data, '}');
	refuse(m, id, 400, MCP_VERSION, "Unsupported protocol version", NULL, data.data);
	buf_fini(&data);
	return 0;
}

static void
begin_result(struct mcp *m, const struct message *g)
{
	put_head(&m->p->body, g->id);
	buf_adds(&m->p->body, ", \"result\": {");
	if (m->is_modern)
		buf_addf(&m->p->body, "\"resultType\": \"complete\", \"_meta\": {\"" META "serverInfo\": %s}, ",
		    server_info);
}

/* What clients may keep, and for whom: tenants come and go, and depend on the key. */
static void
end_result(struct mcp *m, bool may_be_kept)
{
	if (m->is_modern && may_be_kept)
		buf_addf(&m->p->body, ", \"ttlMs\": %d, \"cacheScope\": \"private\"", TTL_MS);
	buf_adds(&m->p->body, "}}");
}

/* ---- methods ---- */

static int
discover(struct mcp *m, const struct message *g, struct err *e)
{
	(void)e;
	begin_result(m, g);
	buf_addf(&m->p->body,
	    "\"supportedVersions\": %s, \"capabilities\": {\"tools\": {}}, \"instructions\": %s",
	    supported, instructions);
	end_result(m, true);
	return 0;
}

static int
initialize(struct mcp *m, const struct message *g, struct err *e)
{
	const char *wanted = NULL;

	(void)e;
	if (g->params != NULL)
		json_get_text(g->params, "protocolVersion", false, 64, &wanted, NULL);
	if (wanted == NULL || !is_legacy(wanted))
		wanted = legacy[0];
	begin_result(m, g);
	buf_addf(&m->p->body,
	    "\"protocolVersion\": \"%s\", \"capabilities\": {\"tools\": {}}, \"serverInfo\": %s, "
	    "\"instructions\": %s",
	    wanted, server_info, instructions);
	end_result(m, false);
	return 0;
}

static int
ping(struct mcp *m, const struct message *g, struct err *e)
{
	(void)e;
	begin_result(m, g);
	end_result(m, false);
	return 0;
}

static int
list_tools(struct mcp *m, const struct message *g, struct err *e)
{
	begin_result(m, g);
	if (mcp_put_tools(m, &m->p->body, e) == -1)
		return -1;
	end_result(m, true);
	return 0;
}

static int
call_tool(struct mcp *m, const struct message *g, struct err *e)
{
	struct json_object *arguments = NULL, *none = NULL;
	const char *name;
	int rc;

	if (g->params == NULL || json_get_text(g->params, "name", true, NAME_BYTES, &name, NULL) == -1)
		return refuse(m, g->id, 200, RPC_PARAMS, "params.name must be a text", NULL, NULL);
	if (!mcp_has_tool(name))
		return refuse(m, g->id, 200, RPC_PARAMS, "Unknown tool", name, NULL);
	if (json_get_object(g->params, "arguments", false, &arguments, NULL) == -1)
		return refuse(m, g->id, 200, RPC_PARAMS, "params.arguments must be an object", NULL, NULL);
	if (arguments == NULL && (arguments = none = json_object_new_object()) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for arguments");
	begin_result(m, g);
	if ((rc = mcp_call_tool(m, name, arguments, &m->p->body, e)) == 0)
		end_result(m, false);
	json_object_put(none);
	return rc;
}

static const struct method {
	const char *name;
	bool is_modern, is_legacy;
	int (*run)(struct mcp *m, const struct message *g, struct err *e);
} methods[] = {
    {"server/discover", true, false, discover},
    {"initialize", false, true, initialize},
    {"ping", false, true, ping},
    {"tools/list", true, true, list_tools},
    {"tools/call", true, true, call_tool},
};

static int
run_method(struct mcp *m, const struct message *g, struct err *e)
{
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (strcmp(methods[i].name, g->method) == 0 &&
		    (m->is_modern ? methods[i].is_modern : methods[i].is_legacy))
			return methods[i].run(m, g, e);
	return refuse(m, g->id, m->is_modern ? 404 : 200, RPC_METHOD, "Method not found", g->method,
	    NULL);
}

/* ---- headers against the body ---- */

static struct json_object *
meta_of(const struct message *g, const char *name)
{
	struct json_object *meta, *o;

	if (g->params == NULL || !json_object_object_get_ex(g->params, "_meta", &meta) ||
	    !json_object_is_type(meta, json_type_object) ||
	    !json_object_object_get_ex(meta, name, &o))
		return NULL;
	return o;
}

/* A header as it was meant: =?base64?...?= around what is no plain ASCII. */
static bool
header_says(const char *header, const char *wanted)
{
	static const char mark[] = "=?base64?";
	size_t n = strlen(header), head = sizeof mark - 1;
	unsigned char text[NAME_BYTES + 4];
	int got;

	if (n < head + 2 || strncmp(header, mark, head) != 0 || strcmp(header + n - 2, "?=") != 0)
		return strcmp(header, wanted) == 0;
	n -= head + 2;
	if (n == 0 || n % 4 != 0 || n / 4 * 3 > NAME_BYTES ||
	    (got = EVP_DecodeBlock(text, (const unsigned char *)header + head, (int)n)) == -1)
		return false;
	for (size_t i = n; i > n - 2 && header[head + i - 1] == '='; i--)
		got--;
	return (size_t)got == strlen(wanted) && memcmp(text, wanted, (size_t)got) == 0;
}

/* NULL, or which header is missing or another than the body. */
static const char *
wrong_header(const struct mcp *m, const struct message *g)
{
	const char *method = req_param(m->r, "HTTP_MCP_METHOD"), *name = NULL,
		   *header = req_param(m->r, "HTTP_MCP_NAME");

	if (method == NULL || strcmp(method, g->method) != 0)
		return "Mcp-Method";
	if (strcmp(g->method, "tools/call") != 0)
		return NULL;
	json_get_text(g->params, "name", false, NAME_BYTES, &name, NULL);
	if (name != NULL && (header == NULL || !header_says(header, name)))
		return "Mcp-Name";
	return NULL;
}

/* A request that says what it is by itself. */
static int
answer_modern(struct mcp *m, const struct message *g, const char *header, const char *version,
    struct err *e)
{
	const char *wrong;

	m->is_modern = true;
	if (header != NULL && version == NULL && strcmp(header, modern) != 0)
		return refuse_version(m, g->id, header);
	if (version == NULL)
		return refuse(m, g->id, 400, RPC_PARAMS, "params._meta lacks", META "protocolVersion", NULL);
	if (header == NULL || strcmp(header, version) != 0)
		return refuse(m, g->id, 400, MCP_HEADERS, "Header mismatch", "MCP-Protocol-Version", NULL);
	if (strcmp(version, modern) != 0)
		return refuse_version(m, g->id, version);
	if (!json_object_is_type(meta_of(g, META "clientCapabilities"), json_type_object))
		return refuse(
		    m, g->id, 400, RPC_PARAMS, "params._meta lacks", META "clientCapabilities", NULL);
	if ((wrong = wrong_header(m, g)) != NULL)
		return refuse(m, g->id, 400, MCP_HEADERS, "Header mismatch", wrong, NULL);
	return run_method(m, g, e);
}

/* ---- messages ---- */

/* 1: a message; 0: it is refused or needs no answer, *answered says which. */
static int
read_message(struct mcp *m, struct message *g, struct json_object *o, bool *answered)
{
	const char *version = NULL;
	bool has_id;

	*g = (struct message){0};
	*answered = true;
	if (!json_object_is_type(o, json_type_object) ||
	    json_get_text(o, "jsonrpc", true, 8, &version, NULL) == -1 || strcmp(version, "2.0") != 0) {
		refuse(m, NULL, 400, RPC_REQUEST, "not a JSON-RPC 2.0 message", NULL, NULL);
		return 0;
	}
	has_id = json_object_object_get_ex(o, "id", &g->id);
	if (!json_object_object_get_ex(o, "method", NULL)) {
		*answered = false;	/* an answer to us, who ask nothing */
		if (!has_id)
			*answered = refuse(m, NULL, 400, RPC_REQUEST, "\"method\" is missing", NULL, NULL) == 0;
		return 0;
	}
	if (json_get_text(o, "method", true, NAME_BYTES, &g->method, NULL) == -1 ||
	    json_get_object(o, "params", false, &g->params, NULL) == -1 ||
	    (has_id && !json_object_is_type(g->id, json_type_string) &&
		!json_object_is_type(g->id, json_type_int))) {
		refuse(m, NULL, 400, RPC_REQUEST, "\"id\", \"method\" or \"params\" is of a wrong type", NULL,
		    NULL);
		return 0;
	}
	*answered = has_id;
	return has_id;
}

static int
answer_message(struct mcp *m, struct json_object *o, bool *answered, struct err *e)
{
	const char *header = req_param(m->r, "HTTP_MCP_PROTOCOL_VERSION"), *version = NULL;
	struct json_object *meta;
	struct message g;

	if (read_message(m, &g, o, answered) == 0)
		return 0;
	if ((meta = meta_of(&g, META "protocolVersion")) != NULL)
		version = json_object_is_type(meta, json_type_string) ? json_object_get_string(meta) : "";
	m->is_modern = false;
	if (strcmp(g.method, "initialize") == 0 && version == NULL)
		return run_method(m, &g, e);
	if (version != NULL && header != NULL && is_legacy(version) && strcmp(header, version) == 0)
		return run_method(m, &g, e);
	if (version != NULL || (header != NULL && !is_legacy(header)))
		return answer_modern(m, &g, header, version, e);
	return run_method(m, &g, e);
}

/* Only 2025-03-26 knows these. */
static int
answer_batch(struct mcp *m, struct json_object *list, bool *answered, struct err *e)
{
	const char *header = req_param(m->r, "HTTP_MCP_PROTOCOL_VERSION");
	size_t n = json_object_array_length(list), before;
	struct buf *b = &m->p->body;
	bool one;

	if (n == 0 || n > QUERY_BATCH_MAX || (header != NULL && strcmp(header, legacy[LEGACY - 1]) != 0)) {
		*answered = true;
		return refuse(m, NULL, 400, RPC_REQUEST, "one message is expected", NULL, NULL);
	}
	*answered = false;
	for (size_t i = 0; i < n; i++) {
		before = b->len;
		buf_adds(b, *answered ? ", " : "[");
		if (answer_message(m, json_object_array_get_idx(list, i), &one, e) == -1)
			return -1;
		if (!one)
			b->len = before;
		*answered = *answered || one;
	}
	if (*answered)
		buf_addc(b, ']');
	m->p->status = 200;
	return 0;
}

/* A page of elsewhere that a browser was made to open must not speak to a server that trusts
 * this machine (DNS rebinding). */
static int
check_origin(const struct api *api, const struct req *r, struct err *e)
{
	const char *origin = req_param(r, "HTTP_ORIGIN");

	if (origin == NULL || cors_is_local(origin) || cors_lists(api->cors_origins, origin))
		return 0;
	return err_set(e, ERR_ORIGIN, "pages of %.100s may not ask: cors_origins does not list it", origin);
}

int
api_mcp(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct mcp m = {.api = api, .r = r, .p = p, .tenant = r->hole[0]};
	struct json_object *body;
	bool answered = true;
	int rc;

	if (check_origin(api, r, e) == -1)
		return -1;
	if (json_parse(&body, r->body, r->content_length, e) == -1)
		return refuse(&m, NULL, 400, RPC_PARSE, "Parse error", e->text, NULL);
	rc = json_object_is_type(body, json_type_array) ? answer_batch(&m, body, &answered, e)
							: answer_message(&m, body, &answered, e);
	json_object_put(body);
	if (rc == 0 && !answered) {
		p->status = 202;
		p->type = "";
		buf_reset(&p->body);
	} else if (rc == 0) {
		buf_addc(&p->body, '\n');
	}
	return rc;
}
