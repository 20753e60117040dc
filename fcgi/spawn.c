/* spawn.c - fork and exec.  Between the two only functions that are safe there run:
 * libcurl may have threads. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXEC_FAILED = 71, ABOVE_STDIO = 10, FD_GUESS = 4096, BUILD_NICE = 10 };
enum { BUILD_SLICE_NS = 100 * 1000 * 1000 };	/* the longest there is */
/* linux/ioprio.h is not everywhere. */
enum { IOPRIO_PROCESS = 1, IOPRIO_IDLE = 3 << 13 };

/* The parent's environment with the additions in front, without what they replace. */
static char **
make_env(const char *const *extra)
{
	size_t n = 0, m = 0, out = 0, len;
	char **env;
	bool replaced;

	while (environ[n] != NULL)
		n++;
	while (extra != NULL && extra[m] != NULL)
		m++;
	if ((env = calloc(n + m + 1, sizeof *env)) == NULL)
		return NULL;
	for (size_t i = 0; i < m; i++)
		env[out++] = (char *)(uintptr_t)extra[i];
	for (size_t i = 0; i < n; i++) {
		replaced = false;
		for (size_t j = 0; j < m && !replaced; j++) {
			len = strcspn(extra[j], "=") + 1;
			replaced = strncmp(environ[i], extra[j], len) == 0;
		}
		if (!replaced)
			env[out++] = environ[i];
	}
	return env;
}

static void
child_failed(const char *what, const char *path)
{
	const char *why = strerrordesc_np(errno);
	const char *parts[] = {"ragpoold: ", what, ": ", path, ": ", why, "\n"};

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (parts[i] != NULL && write(STDERR_FILENO, parts[i], strlen(parts[i])) == -1)
			break;
	_exit(EXEC_FAILED);
}

static void
child_signals(void)
{
	struct sigaction plain = {.sa_handler = SIG_DFL};

	sigemptyset(&plain.sa_mask);
	for (int n = 1; n < NSIG; n++)
		sigaction(n, &plain, NULL);
}

/* The three are moved out of the way first: any of them may be 0, 1 or 2 itself. */
static void
child_stdio(const struct spawn *s)
{
	int given[3] = {s->in_fd, s->out_fd, s->err_fd}, moved[3];

	for (int i = 0; i < 3; i++) {
		int fd = given[i];
		if (fd == -1)
			fd = i == 2 ? STDERR_FILENO : open("/dev/null", O_RDWR | O_CLOEXEC);
		moved[i] = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE_STDIO);
		if (moved[i] == -1)
			child_failed("stdio", s->path);
	}
	for (int i = 0; i < 3; i++)
		if (dup2(moved[i], i) == -1)
			child_failed("stdio", s->path);
}

static void
child_fds(const struct spawn *s)
{
	if (syscall(SYS_close_range, 3U, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) == -1)
		for (int fd = 3; fd < FD_GUESS; fd++)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < s->keep_count; i++)
		if (fcntl(s->keep[i], F_SETFD, 0) == -1)
			child_failed("inherited fd", s->path);
}

/* Where the kernel shares the processor between sessions (sched_autogroup), priorities count within
 * one: the builds' is another than the workers', and a low one. */
static void
lower_session(void)
{
	static const char nice[] = "10";
	int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	(void)!write(fd, nice, sizeof nice - 1);
	close(fd);
}

/* sched_setattr(2) as linux/sched/types.h has it, which not every C library gets along with. */
struct sched_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};
_Static_assert(sizeof(struct sched_attributes) == 48, "SCHED_ATTR_SIZE_VER0");

/* Takes the processor from nobody when it wakes (SCHED_BATCH), and gives it up at once to whoever
 * does: on kernels that choose by deadlines (6.6) what runs keeps the processor for its slice, which
 * a tick may end 4 ms late, unless what wakes has a shorter one (6.12; before that the slice means
 * nothing).  Not SCHED_IDLE, whose weight is 3 beside 1024 of ordinary work: on a machine that is
 * always busy no build would end. */
static void
lower_priority(void)
{
	const struct sched_attributes a = {.size = sizeof a, .policy = SCHED_BATCH,
	    .nice = BUILD_NICE, .runtime = BUILD_SLICE_NS};
	const struct sched_param none = {0};

	if (syscall(SYS_sched_setattr, 0, &a, 0U) == 0)
		return;
	sched_setscheduler(0, SCHED_BATCH, &none);
	setpriority(PRIO_PROCESS, 0, BUILD_NICE);
}

static void
child_background(bool keeps_priority)
{
	setsid();
	if (!keeps_priority) {
		lower_session();
		lower_priority();
		syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, IOPRIO_IDLE);
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void
child_mask(const struct spawn *s)
{
	static const int taken[] = {SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGTERM};
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; s->takes_signals && i < sizeof taken / sizeof taken[0]; i++)
		sigaddset(&mask, taken[i]);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

static void
run_child(const struct spawn *s, char **env, pid_t parent)
{
	child_signals();
	child_stdio(s);
	child_fds(s);
	if (s->background) {
		child_background(s->keeps_priority);
		if (getppid() != parent)
			_exit(EXEC_FAILED);
	}
	child_mask(s);
	execve(s->path, (char *const *)(uintptr_t)s->argv, env);
	child_failed("exec", s->path);
}

int
spawn_run(pid_t *pid, const struct spawn *s, struct err *e)
{
	char **env = make_env(s->env);
	sigset_t all, before;
	pid_t parent = getpid(), child;

	if (env == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an environment");
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	child = fork();
	if (child == 0)
		run_child(s, env, parent);
	if (child == -1)
		err_sys(e, ERR_IO, "fork");
	else if (s->background)
		setpgid(child, child);	/* here too: the group exists when we return */
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(env);
	*pid = child;
	return child == -1 ? -1 : 0;
}
