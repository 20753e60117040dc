/* s3_names.h - what buckets and regions may be called; ERR_CONFIG with the rule. */
#ifndef RAGPOOL_S3_NAMES_H
#define RAGPOOL_S3_NAMES_H

#include "err.h"

/* [a-z0-9][a-z0-9.-]{1,61}[a-z0-9], without "..": safe in a path and in a host's name. */
int s3_bucket_check(const char *bucket, struct err *e);
int s3_region_check(const char *region, struct err *e);

#endif
