/* job_id.c - the name of a job outside. */
#include "job_id.h"

#include <stdio.h>
#include <string.h>

#include "tenant.h"

static const char prefix[] = "job-";

void
job_id_of(char out[JOB_ID_BYTES], const char *entry, const char *tenant)
{
	snprintf(out, JOB_ID_BYTES, "%s%s.%s", prefix, entry, tenant);
}

int
job_id_parse(const char *job, char entry[INBOX_ID_BYTES], char tenant[TENANT_NAME_BYTES + 1],
    struct err *e)
{
	const size_t before = sizeof prefix - 1, dot = before + INBOX_ID_BYTES - 1;

	if (strlen(job) <= dot + 1 || strncmp(job, prefix, before) != 0 || job[dot] != '.' ||
	    !tenant_name_is_valid(job + dot + 1, strlen(job + dot + 1)))
		return err_set(e, ERR_JOB, "there is no such job");
	memcpy(entry, job + before, INBOX_ID_BYTES - 1);
	entry[INBOX_ID_BYTES - 1] = '\0';
	snprintf(tenant, TENANT_NAME_BYTES + 1, "%s", job + dot + 1);
	return inbox_id_is_valid(entry) ? 0 : err_set(e, ERR_JOB, "there is no such job");
}
