/* job_id.h - the name of a job outside: "job-", its entry's id, ".", its tenant.
 *
 * So it says by itself whose it is, and nothing has to be looked up to check who may ask.
 */
#ifndef RAGPOOL_JOB_ID_H
#define RAGPOOL_JOB_ID_H

#include "bounds.h"
#include "err.h"
#include "inbox.h"

enum { JOB_ID_BYTES = 4 + INBOX_ID_BYTES + TENANT_NAME_BYTES + 1 };

void job_id_of(char out[JOB_ID_BYTES], const char *entry, const char *tenant);
/* ERR_JOB when it is none. */
int job_id_parse(const char *job, char entry[INBOX_ID_BYTES],
    char tenant[TENANT_NAME_BYTES + 1], struct err *e);

#endif
