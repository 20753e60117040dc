/* mcp.h - what the two halves of the Model Context Protocol share: api_mcp.c, the messages,
 * and mcp_tools.c, the tools search and fetch.
 *
 * Memory  borrowed for the request.
 */
#ifndef RAGPOOL_MCP_H
#define RAGPOOL_MCP_H

#include "api.h"
#include "json.h"

enum { FETCH_TEXT_MAX = 100 * 1024 };	/* of a document, around what was found */

struct mcp {
	struct api *api;
	struct req *r;
	struct reply *p;
	const char *tenant;	/* of /mcp/{tenant}; NULL: as the caller says */
	bool is_modern;		/* 2026-07-28; false: an earlier revision */
};

/* The member "tools" of a result, with its name: the same for the same caller. */
int mcp_put_tools(struct mcp *m, struct buf *b, struct err *e);
bool mcp_has_tool(const char *name);
/* The members of a tool's result into b.  What the caller can mend is told in it (isError);
 * -1 is for what is not about the call: too many requests, and faults of ours. */
int mcp_call_tool(struct mcp *m, const char *name, struct json_object *arguments, struct buf *b,
    struct err *e);

#endif
