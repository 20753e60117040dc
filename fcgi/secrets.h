/* secrets.h - credentials by name, so that documents need not hold any.
 *
 * A file of profiles in the form of AWS' shared credentials file:
 *
 *   [default]
 *   aws_access_key_id = ...            aws_secret_access_key = ...
 *   aws_session_token = ...            (of a session)
 *   [wiki]
 *   bearer_token = ...                 or: username = ..., password = ...
 *
 * Rules   the file must be nobody else's: mode 0600 or 0640.  A profile that is named must be
 *         there.  Secrets go into no error, log line or document, and are wiped.
 * Errors  ERR_SOURCE, ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO, naming file and profile.
 */
#ifndef RAGPOOL_SECRETS_H
#define RAGPOOL_SECRETS_H

#include <stdbool.h>
#include <time.h>

#include "err.h"

enum { SECRET_BYTES = 4096 };

struct secrets {
	char access_key[256], secret_key[256], session_token[SECRET_BYTES];
	char bearer_token[SECRET_BYTES], username[256], password[1024];
	time_t expires;			/* 0: never */
};

/* The file to read: the configured one, else that of AWS_SHARED_CREDENTIALS_FILE, else
 * ~/.aws/credentials if it is there, else "".  Borrowed until the next call. */
const char *secrets_file(const char *configured);
/* One profile of a file. */
int secrets_read(struct secrets *s, const char *path, const char *profile, struct err *e);
/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; false: they are not set. */
bool secrets_from_environment(struct secrets *s);
void secrets_wipe(struct secrets *s);

#endif
