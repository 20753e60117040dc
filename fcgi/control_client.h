/* control_client.h - one question to the supervisor, by its control socket.
 *
 * Errors  ERR_PEER: nobody listens, or what came is no answer; ERR_TIMEOUT: none came in time.
 *         A refusal is an answer: control_refusal() makes an error of it.
 */
#ifndef RAGPOOL_CONTROL_CLIENT_H
#define RAGPOOL_CONTROL_CLIENT_H

#include <json-c/json.h>

#include "err.h"

/* timeout_ms 0: waits as long as it takes.  *answer is owned (json_object_put). */
int control_ask(const char *socket_path, struct json_object *request, int timeout_ms,
    struct json_object **answer, struct err *e);
/* -1 when the answer is a refusal, with the supervisor's code and words; *exit_code is what it
 * names, 0 for none. */
int control_refusal(struct json_object *answer, int *exit_code, struct err *e);

#endif
