/* sandbox.c - parsers of what strangers wrote, in a child that can do nothing else. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clk.h"
#include "file.h"
#include "sandbox_parts.h"
#include "utf8.h"

/* What a child of sandbox_call() sends before its answer. */
struct verdict {
	uint32_t magic;
	uint32_t code;		/* ERR_NONE: the answer follows */
	char text[ERR_TEXT_BYTES];
};

enum {
	VERDICT_MAGIC = 0x53564452,
	EXIT_NO_SANDBOX = 120,
	EXIT_NO_PROGRAM = 121,
	FIRST_FREE = 3,
};

/* ---- the child ---- */

/* Takes its three descriptors (-1: nothing) and closes every other. */
static bool
keep_only(int in, int out, int complaint)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC), fd[3];

	fd[0] = in != -1 ? in : nothing;
	fd[1] = out;
	fd[2] = complaint != -1 ? complaint : nothing;
	/* None of them may be overwritten before it is moved. */
	for (int i = 0; i < 3; i++)
		if ((fd[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 100)) == -1)
			return false;
	for (int i = 0; i < 3; i++)
		if (dup2(fd[i], i) == -1)
			return false;
	return syscall(SYS_close_range, FIRST_FREE, ~0u, 0) == 0;
}

static bool
outlives_nobody(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}

static int
send_answer(sandbox_fn *fn, void *context, const struct sandbox_limits *l)
{
	struct verdict v = {.magic = VERDICT_MAGIC};
	struct buf out;
	struct err e;

	buf_init(&out, l->output);
	err_clear(&e);
	if (fn(context, &out, &e) == -1 || buf_check(&out, "the text of the document", &e) == -1) {
		v.code = e.code;
		memcpy(v.text, e.text, sizeof v.text);
		out.len = 0;
	}
	if (file_write_all(STDOUT_FILENO, &v, sizeof v, "answer", NULL) == -1)
		return 1;
	return file_write_all(STDOUT_FILENO, out.data, out.len, "answer", NULL) == 0 ? 0 : 1;
}

/* ---- the parent ---- */

struct child {
	pid_t pid;
	int out;		/* -1 once it has ended */
	int complaint;
};

static int
remaining_ms(int64_t deadline)
{
	int64_t left = (deadline - clk_ns()) / 1000000;

	return left > 0 ? (int)left : 0;
}

/* Reads what is there; closes *fd at its end.  buf == NULL keeps the last bytes in tail. */
static void
take(int *fd, struct buf *b, char *tail, size_t size)
{
	char part[65536];
	ssize_t got = read(*fd, part, sizeof part);
	size_t n, kept;

	if (got == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		close(*fd);
		*fd = -1;
		return;
	}
	n = (size_t)got;
	if (b != NULL) {
		buf_add(b, part, n);
		return;
	}
	n = n < size - 1 ? n : size - 1;
	kept = strlen(tail);
	if (kept + n > size - 1) {
		memmove(tail, tail + kept + n - (size - 1), size - 1 - n);
		kept = size - 1 - n;
	}
	for (size_t i = 0; i < n; i++)
		tail[kept + i] = part[(size_t)got - n + i] != '\0' ? part[(size_t)got - n + i] : ' ';
	tail[kept + n] = '\0';
}

static int
listen_to(struct child *c, const struct sandbox_limits *l, struct buf *out, char *tail,
    size_t size, struct err *e)
{
	int64_t deadline = clk_ns() + (int64_t)l->wall_s * 1000000000;

	while (c->out != -1 || c->complaint != -1) {
		struct pollfd p[2] = {
		    {.fd = c->out, .events = POLLIN}, {.fd = c->complaint, .events = POLLIN}};
		int ready = poll(p, 2, remaining_ms(deadline));

		if (ready == -1 && errno == EINTR)
			continue;
		if (ready <= 0)
			return err_set(e, ERR_EXTRACTOR,
			    "reading it took longer than %u s and was stopped", l->wall_s);
		if (p[0].revents != 0)
			take(&c->out, out, NULL, 0);
		if (p[1].revents != 0)
			take(&c->complaint, NULL, tail, size);
		if (out->failed)
			return err_set(e, ERR_LIMIT,
			    "more than %zu MiB of text came out of it", l->output >> 20);
	}
	return 0;
}

/* Waits for the child, which has closed its output or is to be killed. */
static int
end_child(struct child *c, bool is_killed, int64_t deadline)
{
	int status = 0;

	if (c->out != -1)
		close(c->out);
	if (c->complaint != -1)
		close(c->complaint);
	/* A child may close its output and stay: it is not waited for past the deadline. */
	while (!is_killed && waitpid(c->pid, &status, WNOHANG) == 0) {
		if (clk_ns() > deadline)
			is_killed = true;
		else
			poll(NULL, 0, 1);
	}
	if (is_killed) {
		kill(c->pid, SIGKILL);
		while (waitpid(c->pid, &status, 0) == -1 && errno == EINTR)
			;
	}
	return status;
}

static int
explain_death(int status, const struct sandbox_limits *l, struct err *e)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_SANDBOX)
		return err_set(e, ERR_EXTRACTOR,
		    "this kernel does not let the reader of this format be confined (seccomp)");
	if (WIFEXITED(status))
		return err_set(e, ERR_EXTRACTOR, "its reader ended with %d", WEXITSTATUS(status));
	if (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL)
		return err_set(e, ERR_EXTRACTOR,
		    "reading it took more than %u s of CPU time and was stopped", l->cpu_s);
	return err_set(
	    e, ERR_EXTRACTOR, "its reader crashed (signal %d)", WTERMSIG(status));
}

static int
make_pipe(int fd[2], struct err *e)
{
	return pipe2(fd, O_CLOEXEC) == 0 ? 0 : err_sys(e, ERR_IO, "pipe");
}

/* ---- functions ---- */

static int
take_verdict(const struct buf *b, char **out, size_t *n, struct err *e)
{
	struct verdict v;

	if (b->len < sizeof v)
		return err_set(e, ERR_EXTRACTOR, "its reader gave no answer");
	memcpy(&v, b->data, sizeof v);
	v.text[sizeof v.text - 1] = '\0';
	if (v.magic != VERDICT_MAGIC || v.code >= ERR_CODE_MAX ||
	    !utf8_is_valid(v.text, strlen(v.text)))
		return err_set(e, ERR_EXTRACTOR, "its reader answered nonsense");
	if (v.code != ERR_NONE)
		return err_set(e, (enum err_code)v.code, "%s", v.text);
	*n = b->len - sizeof v;
	if ((*out = malloc(*n + 1)) == NULL)
		return err_sys(e, ERR_NOMEM, "the text of a document");
	memcpy(*out, b->data + sizeof v, *n);
	(*out)[*n] = '\0';
	return 0;
}

int
sandbox_call(const struct sandbox_limits *l, sandbox_fn *fn, void *context, char **out,
    size_t *n, struct err *e)
{
	int64_t deadline = clk_ns() + (int64_t)l->wall_s * 1000000000;
	struct child c = {.complaint = -1};
	pid_t parent = getpid();
	struct buf answer;
	int fd[2], rc, status;

	*out = NULL;
	if (make_pipe(fd, e) == -1)
		return -1;
	if ((c.pid = fork()) == -1) {
		close(fd[0]);
		close(fd[1]);
		return err_sys(e, ERR_NOMEM, "fork");
	}
	if (c.pid == 0) {
		if (!outlives_nobody(parent) || !keep_only(-1, fd[1], -1) ||
		    !sandbox_enter(SANDBOX_FUNCTION, l))
			_exit(EXIT_NO_SANDBOX);
		_exit(send_answer(fn, context, l));
	}
	close(fd[1]);
	c.out = fd[0];
	buf_init(&answer, l->output + sizeof(struct verdict));
	rc = listen_to(&c, l, &answer, NULL, 0, e);
	status = end_child(&c, rc == -1, deadline);
	if (rc == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		rc = explain_death(status, l, e);
	if (rc == 0)
		rc = take_verdict(&answer, out, n, e);
	buf_fini(&answer);
	return rc;
}

/* ---- programs ---- */

static int
input_as_file(const char *input, size_t n, struct err *e)
{
	int fd = memfd_create("document", MFD_CLOEXEC);

	if (fd == -1)
		return err_sys(e, ERR_IO, "memfd_create");
	if (file_write_all(fd, input, n, "a document for its reader", e) == -1 ||
	    lseek(fd, 0, SEEK_SET) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
become(const char *const *argv, const struct sandbox_limits *l)
{
	static char *const environment[] = {(char *)(uintptr_t) "LC_ALL=C", NULL};

	if (!sandbox_enter(SANDBOX_PROGRAM, l))
		_exit(EXIT_NO_SANDBOX);
	execve(argv[0], (char *const *)(uintptr_t)argv, environment);
	_exit(EXIT_NO_PROGRAM);
}

static int
start_program(struct child *c, const struct sandbox_limits *l, const char *const *argv, int in,
    struct err *e)
{
	pid_t parent = getpid();
	int out[2], complaint[2];

	if (make_pipe(out, e) == -1)
		return -1;
	if (make_pipe(complaint, e) == -1) {
		close(out[0]);
		close(out[1]);
		return -1;
	}
	if ((c->pid = fork()) == 0) {
		if (!outlives_nobody(parent) || !keep_only(in, out[1], complaint[1]))
			_exit(EXIT_NO_SANDBOX);
		become(argv, l);
	}
	close(out[1]);
	close(complaint[1]);
	c->out = out[0];
	c->complaint = complaint[0];
	if (c->pid != -1)
		return 0;
	close(out[0]);
	close(complaint[0]);
	return err_sys(e, ERR_NOMEM, "fork");
}

int
sandbox_program(const struct sandbox_limits *l, const char *const *argv, const char *input,
    size_t n, struct sandbox_output *out, struct err *e)
{
	int64_t deadline = clk_ns() + (int64_t)l->wall_s * 1000000000;
	struct child c;
	int in, rc, status;

	*out = (struct sandbox_output){0};
	if (access(argv[0], X_OK) == -1)
		return err_set(e, ERR_NO_EXTRACTOR, "%s is not installed", argv[0]);
	if ((in = input_as_file(input, n, e)) == -1)
		return -1;
	rc = start_program(&c, l, argv, in, e);
	close(in);
	if (rc == -1)
		return -1;
	buf_init(&out->out, l->output);
	rc = listen_to(&c, l, &out->out, out->complaint, sizeof out->complaint, e);
	status = end_child(&c, rc == -1, deadline);
	out->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (rc == 0 && (!WIFEXITED(status) || out->exit_code == EXIT_NO_SANDBOX))
		rc = explain_death(status, l, e);
	else if (rc == 0 && out->exit_code == EXIT_NO_PROGRAM)
		rc = err_set(e, ERR_NO_EXTRACTOR, "%s cannot be started", argv[0]);
	if (rc == -1)
		buf_fini(&out->out);
	return rc;
}
