/* source.c - the kinds of sources there are. */
#include "source.h"

#include <string.h>

int
source_open(struct source **out, const struct build_config *config, struct err *e)
{
	*out = NULL;
	if (strcmp(config->source_type, "directory") == 0)
		return source_directory_open(out, config->source_path, e);
	return err_set(e, ERR_SOURCE, "data_source.type \"%s\" is not one of: directory",
	    config->source_type);
}

void
source_close(struct source *s)
{
	if (s != NULL)
		s->close(s);
}
