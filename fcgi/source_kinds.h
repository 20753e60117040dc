/* source_kinds.h - every type of source, opened as a tenant's document and the operator want.
 *
 * The document chooses among what the operator allows: paths below allowed_paths, public
 * addresses and allowed_networks, credentials by name.
 */
#ifndef RAGPOOL_SOURCE_KINDS_H
#define RAGPOOL_SOURCE_KINDS_H

#include <stdbool.h>

#include "conf.h"
#include "err.h"
#include "netaddr.h"
#include "source.h"
#include "source_options.h"

/* What the operator says, and where we are; borrowed while the source is open. */
struct source_world {
	const char *data_dir, *tenant;
	const char *allowed_paths;	/* folders, separated by spaces; "": any */
	struct netaddr_list allowed_networks;
	bool any_address;		/* no pool's configuration was given: by hand */
	const char *credentials_file;	/* or "" */
	bool instance_metadata;
	const char *ca_file;		/* or "" */
};

/* What ragpool.conf allows; conf is borrowed.  NULL: run by hand, everything is allowed.
 * ERR_CONFIG: a network that is none. */
int source_world_init(struct source_world *w, const struct conf *conf, struct err *e);
int source_kinds_open(struct source **out, const struct source_options *o,
    const struct source_world *w, struct err *e);

/* One each; ERR_CONFIG, ERR_SOURCE and what their libraries say. */
typedef int source_kind_open_fn(struct source **out, const struct source_options *o,
    const struct source_world *w, struct err *e);
source_kind_open_fn source_s3_open, source_http_open, source_git_open, source_sqlite_open;
source_kind_open_fn source_postgres_open, source_push_open;

#endif
