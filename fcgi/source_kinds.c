/* source_kinds.c - every type of source. */
#include "source_kinds.h"

#include "beneath.h"
#include "config.h"

static int
directory_open(struct source **out, const struct source_options *o,
    const struct source_world *w, struct err *e)
{
	char root[sizeof o->path];

	if (beneath_choose(root, sizeof root, o->path, w->allowed_paths, e) == -1)
		return -1;
	return source_directory_open(out, o->path, root, e);
}

static source_kind_open_fn *const openers[SOURCE_TYPE_MAX] = {
    [SOURCE_DIRECTORY] = directory_open,
    [SOURCE_S3] = source_s3_open,
    [SOURCE_HTTP] = source_http_open,
    [SOURCE_GIT] = source_git_open,
    [SOURCE_SQLITE] = source_sqlite_open,
#ifdef HAVE_LIBPQ
    [SOURCE_POSTGRES] = source_postgres_open,
#endif
    [SOURCE_PUSH] = source_push_open,
};

int
source_world_init(struct source_world *w, const struct conf *conf, struct err *e)
{
	w->allowed_paths = w->credentials_file = w->ca_file = "";
	w->any_address = conf == NULL;
	w->instance_metadata = conf != NULL && conf->global.instance_metadata;
	if (conf == NULL)
		return 0;
	w->allowed_paths = conf->global.allowed_paths;
	w->credentials_file = conf->global.credentials_file;
	w->ca_file = conf->global.source_ca_file;
	if (netaddr_list_parse(&w->allowed_networks, conf->global.allowed_networks, e) == 0)
		return 0;
	err_prefix(e, "%s: allowed_networks", conf->path);
	return -1;
}

int
source_kinds_open(struct source **out, const struct source_options *o,
    const struct source_world *w, struct err *e)
{
	const struct source_globs globs = {o->include, o->exclude};
	struct source *source;

	*out = NULL;
	if (source_options_check_type(o, e) == -1 || openers[o->type](&source, o, w, e) == -1)
		return -1;
	if (globs.include[0] == '\0' && globs.exclude[0] == '\0') {
		*out = source;
		return 0;
	}
	return source_filtered(out, source, &globs, e);
}
