/* s3_keys.h - the credentials that requests to S3 are signed with, and their renewal. */
#ifndef RAGPOOL_S3_KEYS_H
#define RAGPOOL_S3_KEYS_H

#include <stdbool.h>

#include "err.h"
#include "secrets.h"

struct s3_keys {
	char file[1024], profile[128];
	bool instance_metadata;
	bool is_anonymous;		/* requests are not signed */
	bool is_of_instance;		/* and will have to be renewed */
	struct secrets secrets;
};

/* The first ones; ERR_SOURCE naming every place that was looked at when there are none. */
int s3_keys_find(struct s3_keys *k, struct err *e);
/* Before each request: renews what expires within five minutes. */
int s3_keys_renew(struct s3_keys *k, struct err *e);

#endif
