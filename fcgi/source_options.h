/* source_options.h - "data_source" of a tenant's document: what it may say, for each type.
 *
 *   directory  path                         the files below a folder
 *   s3         bucket [prefix] [region] [endpoint] [addressing] [credentials]
 *   http       url [items] [next] [cursor_param] [page_param] [hosts] [credentials] [fields]
 *   git        path [ref]                   the files of a commit, in a clone on this host
 *   sqlite     path query [fields]          the rows of a query
 *   postgres   dsn query [credentials] [fields]
 *   push                                    what was sent through the API, and nothing else
 *
 * and, for all but sqlite, postgres and push: include, exclude: one pattern (glob.h) or a list
 * of them.
 *
 *   [fields]   which column, or member of a listing's item, is what: key ("id"), text
 *              ("text"), title ("title"); http only: revision ("revision"), link ("url");
 *              what is left are fields for filters.  format: txt, md or html.
 *   url        of http: a site map, or JSON: {"items": [{"url": ..., "title": ...}], "next":
 *              "..."}; items and next are paths such as "data.pages".  next is an address, or
 *              a cursor if cursor_param names the parameter it goes into.  page_param counts
 *              pages from 1 until one is empty.
 *   hosts      of http: from which other hosts documents may come.
 *   credentials  the name of a profile of credentials_file (secrets.h); never a secret.
 *
 * An unknown type is no error here: source_options_check_type() has words for that.
 * Errors   ERR_CONFIG, ERR_MISSING_FIELD, ERR_TYPE, ERR_RANGE, naming the member.
 */
#ifndef RAGPOOL_SOURCE_OPTIONS_H
#define RAGPOOL_SOURCE_OPTIONS_H

#include <json-c/json.h>

#include "buf.h"
#include "err.h"

enum source_type {
	SOURCE_DIRECTORY,
	SOURCE_S3,
	SOURCE_HTTP,
	SOURCE_GIT,
	SOURCE_SQLITE,
	SOURCE_POSTGRES,
	SOURCE_PUSH,
	SOURCE_TYPE_MAX			/* unknown */
};

struct source_options {
	enum source_type type;
	char type_name[32];
	char path[1024];
	char include[4096], exclude[4096];	/* patterns, one a line */
	char bucket[64], prefix[1025], region[64], endpoint[300];
	char addressing[16];			/* "auto", "path", "virtual" */
	char credentials[64];
	char url[2048], items[128], next[128], cursor_param[64], page_param[64];
	char hosts[2048];			/* one a line */
	char ref[256];
	char dsn[1024], query[8192];
	char key[64], text[64], title[64], revision[64], link[64], format[8];
};

/* What has no effect is added to *notes, one sentence a line. */
int source_options_read(struct source_options *o, struct json_object *data_source,
    struct buf *notes, struct err *e);
/* ERR_SOURCE when this build has no reader for the type. */
int source_options_check_type(const struct source_options *o, struct err *e);

#endif
