/* child.c - a short-lived program, whose last line of output is its answer. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "log.h"

int
child_start(struct child *c, const char *path, const char *const *argv, int64_t now_ms,
    int64_t time_ms, struct err *e)
{
	struct spawn spawn = {.path = path, .argv = argv, .in_fd = -1, .err_fd = log_fd(),
	    .background = true};

	return child_start_as(c, &spawn, now_ms, time_ms, e);
}

int
child_start_as(
    struct child *c, struct spawn *spawn, int64_t now_ms, int64_t time_ms, struct err *e)
{
	int ends[2], rc;

	*c = (struct child)CHILD_FREE;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return err_sys(e, ERR_IO, "pipe");
	/* The child's end blocks: only ours must not. */
	fcntl(ends[1], F_SETFL, fcntl(ends[1], F_GETFL) & ~O_NONBLOCK);
	spawn->out_fd = ends[1];
	rc = spawn_run(&c->pid, spawn, e);
	close(ends[1]);
	if (rc == -1) {
		c->pid = 0;
		close(ends[0]);
		return -1;
	}
	c->out_fd = ends[0];
	c->started_ms = now_ms;
	c->due_ms = now_ms + time_ms;
	buf_init(&c->out, CHILD_OUTPUT_MAX);
	return 0;
}

static void
close_output(struct child *c)
{
	if (c->out_fd != -1)
		close(c->out_fd);
	c->out_fd = -1;
}

void
child_fini(struct child *c)
{
	buf_fini(&c->out);
	close_output(c);
	*c = (struct child)CHILD_FREE;
}

/* Only the end matters, so a full buffer keeps the newer half. */
void
child_read(struct child *c)
{
	char bytes[4096];
	ssize_t n;

	while (c->out_fd != -1 && (n = read(c->out_fd, bytes, sizeof bytes)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n == -1)
			break;
		if (c->out.len + (size_t)n >= c->out.max) {
			size_t half = c->out.len / 2;
			memmove(c->out.data, c->out.data + half, c->out.len - half);
			c->out.len -= half;
		}
		buf_add(&c->out, bytes, (size_t)n);
	}
	close_output(c);
}

/* The whole process group: it may have helpers. */
static void
send_signal(const struct child *c, int signo)
{
	if (c->pid > 0 && !c->is_ended)
		kill(-c->pid, signo);
}

bool
child_check_time(struct child *c, int64_t now_ms)
{
	bool first = !c->was_told;

	if (c->pid == 0 || c->is_ended || now_ms < c->due_ms)
		return false;
	child_stop(c, !first, now_ms);
	return first;
}

void
child_stop(struct child *c, bool fast, int64_t now_ms)
{
	if (c->pid == 0)
		return;
	send_signal(c, fast ? SIGKILL : SIGTERM);
	c->was_told = true;
	c->due_ms = now_ms + CHILD_GRACE_MS;
}

bool
child_reap(struct child *c, pid_t pid, int status)
{
	if (c->pid != pid)
		return false;
	c->is_ended = true;
	c->status = status;
	return true;
}

bool
child_is_well(const struct child *c)
{
	return WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0;
}

bool
child_is_busy(const struct child *c)
{
	return WIFEXITED(c->status) && WEXITSTATUS(c->status) == CHILD_EXIT_BUSY;
}

/* The last line that is not empty. */
static const char *
last_line(const struct buf *b, size_t *n)
{
	size_t end = b->len, from;

	while (end > 0 && (b->data[end - 1] == '\n' || b->data[end - 1] == '\r'))
		end--;
	for (from = end; from > 0 && b->data[from - 1] != '\n';)
		from--;
	*n = end - from;
	return b->data + from;
}

int
child_result(struct child *c, struct json_object **out, struct err *e)
{
	size_t n;
	const char *line = last_line(&c->out, &n);

	*out = NULL;
	if (n == 0)
		return err_set(e, ERR_INTERNAL, "it said nothing");
	return json_parse_object(out, line, n, e);
}

bool
child_failed_for(struct child *c, enum err_code code)
{
	struct json_object *result = NULL, *error = NULL;
	const char *slug = NULL;
	bool is_it;

	is_it = child_result(c, &result, NULL) == 0 &&
	    json_get_object(result, "error", false, &error, NULL) == 0 && error != NULL &&
	    json_get_text(error, "code", false, 64, &slug, NULL) == 0 && slug != NULL &&
	    strcmp(slug, err_row(code)->slug) == 0;
	json_object_put(result);
	return is_it;
}

/* What sysexits.h means, for one that left no words. */
static const char *
meaning_of_exit(int code)
{
	switch (code) {
	case 64:
		return "it was called wrongly";
	case 65:
		return "the data cannot be used";
	case 66:
		return "a file that is needed does not exist";
	case 71:
		return "it could not be started, or memory ran out";
	case 74:
		return "a file could not be read or written";
	case 75:
		return "something was busy";
	case 77:
		return "permission was refused";
	case 78:
		return "the document is not acceptable";
	default:
		return "no reason was given";
	}
}

void
child_reason(struct child *c, const char *what, struct err *e)
{
	struct json_object *result = NULL, *error = NULL;
	const char *message = NULL;

	if (child_result(c, &result, NULL) == 0 &&
	    json_get_object(result, "error", false, &error, NULL) == 0 && error != NULL &&
	    json_get_text(error, "message", false, ERR_TEXT_BYTES, &message, NULL) == 0 &&
	    message != NULL)
		err_set(e, ERR_SOURCE, "%s", message);
	else if (c->was_told)
		err_set(e, ERR_TIMEOUT, "the %s was stopped", what);
	else if (WIFEXITED(c->status))
		err_set(e, ERR_INTERNAL, "the %s failed: %s (exit %d)", what,
		    meaning_of_exit(WEXITSTATUS(c->status)), WEXITSTATUS(c->status));
	else
		err_set(e, ERR_INTERNAL, "the %s ended by SIG%s", what,
		    sigabbrev_np(WTERMSIG(c->status)));
	json_object_put(result);
}
