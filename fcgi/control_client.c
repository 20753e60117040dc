/* control_client.c - one question to the supervisor. */
#include "control_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "json.h"

static int
connect_to(const char *path, int timeout_ms, int *out, struct err *e)
{
	const struct timeval patience = {
	    .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	*out = -1;
	if (strlen(path) >= sizeof a.sun_path)
		return err_set(e, ERR_CONFIG, "socket %s: path too long", path);
	memcpy(a.sun_path, path, strlen(path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return err_sys(e, ERR_IO, "socket");
	if (timeout_ms > 0 &&
	    (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == -1 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == -1)) {
		close(fd);
		return err_sys(e, ERR_IO, "socket");
	}
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == -1) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			err_set(e, ERR_PEER, "no ragpoold listens on %s", path);
		else
			err_sys(e, ERR_PEER, "ragpoold on %s", path);
		close(fd);
		return -1;
	}
	*out = fd;
	return 0;
}

static int
send_line(int fd, const char *text, struct err *e)
{
	struct buf b;
	size_t sent = 0;
	ssize_t n;
	int rc = 0;

	buf_init(&b, CONTROL_LINE_MAX);
	buf_adds(&b, text);
	buf_addc(&b, '\n');
	rc = buf_check(&b, "request", e);
	while (rc == 0 && sent < b.len) {
		if ((n = send(fd, b.data + sent, b.len - sent, MSG_NOSIGNAL)) == -1 &&
		    errno != EINTR)
			rc = err_sys(e, ERR_PEER, "ragpoold");
		sent += n > 0 ? (size_t)n : 0;
	}
	buf_fini(&b);
	return rc;
}

/* All that comes until the other side closes. */
static int
read_answer(int fd, struct buf *b, struct err *e)
{
	char bytes[16384];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, 0)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN || errno == EWOULDBLOCK ?
			    err_set(e, ERR_TIMEOUT, "ragpoold does not answer") :
			    err_sys(e, ERR_PEER, "ragpoold");
		buf_add(b, bytes, (size_t)n);
	}
	if (b->len == 0)
		return err_set(e, ERR_PEER, "ragpoold ended without an answer");
	return buf_check(b, "answer", e);
}

int
control_ask(const char *socket_path, struct json_object *request, int timeout_ms,
    struct json_object **answer, struct err *e)
{
	const char *line = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	struct buf b;
	int fd, rc = -1;

	*answer = NULL;
	if (strlen(line) >= CONTROL_LINE_MAX)
		return err_set(e, ERR_LIMIT, "a request to ragpoold is larger than %d KiB",
		    CONTROL_LINE_MAX / 1024);
	buf_init(&b, CONTROL_ANSWER_MAX);
	if (connect_to(socket_path, timeout_ms, &fd, e) == 0 && send_line(fd, line, e) == 0 &&
	    read_answer(fd, &b, e) == 0)
		rc = json_parse_object(answer, b.data, b.len, e);
	if (fd != -1)
		close(fd);
	buf_fini(&b);
	return rc;
}

int
control_refusal(struct json_object *answer, int *exit_code, struct err *e)
{
	struct json_object *error = NULL;
	const char *message = "refused", *slug = "";
	int64_t code = 0;

	if (json_get_object(answer, "error", false, &error, e) == -1)
		return -1;
	if (error == NULL)
		return 0;
	if (json_get_text(error, "message", false, ERR_TEXT_BYTES, &message, e) == -1 ||
	    json_get_text(error, "code", false, 64, &slug, e) == -1 ||
	    json_get_int(answer, "exit", false, 1, 255, &code, e) == -1)
		return -1;
	*exit_code = (int)code;
	return err_set(e, err_code_of(slug), "%s", message);
}
