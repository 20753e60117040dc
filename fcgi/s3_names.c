/* s3_names.c - what buckets and regions may be called. */
#include "s3_names.h"

#include <string.h>

int
s3_bucket_check(const char *bucket, struct err *e)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
	size_t n = strlen(bucket);

	if (n < 3 || n > 63 || bucket[strspn(bucket, bytes)] != '\0' || bucket[0] == '.' ||
	    bucket[0] == '-' || bucket[n - 1] == '.' || bucket[n - 1] == '-' ||
	    strstr(bucket, "..") != NULL)
		return err_set(e, ERR_CONFIG, "\"%.64s\" is not a bucket's name: 3 to 63 of a-z 0-9 . -",
		    bucket);
	return 0;
}

int
s3_region_check(const char *region, struct err *e)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t n = strlen(region);

	if (n == 0 || n > 40 || region[strspn(region, bytes)] != '\0')
		return err_set(e, ERR_CONFIG, "\"%.64s\" is not a region such as us-east-1", region);
	return 0;
}
