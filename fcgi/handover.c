/* handover.c - what one supervisor leaves to the next one. */
#include "handover.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "tenant.h"

enum { BYTES_MAX = 256 * 1024 };

static const char first_line[] = "ragpool-handover 1";
static const char variable[] = "RAGPOOL_HANDOVER";

static void
put(const struct handover *h, struct buf *b)
{
	buf_addf(b, "%s\nself %d %d %d %d %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
	    first_line, h->lock_fd, h->board_fd, h->wake_fd, h->program_fd, h->started_ms,
	    h->spawned, h->died, h->killed_late);
	for (unsigned i = 0; i < h->pool_count; i++) {
		const struct handover_pool *p = &h->pools[i];
		buf_addf(b, "pool %s %d %d %d %u\n", p->name, p->fd, p->is_activated, p->extra,
		    p->target);
	}
	for (unsigned i = 0; i < h->worker_count; i++) {
		const struct handover_worker *w = &h->workers[i];
		buf_addf(b, "worker %u %s %d %" PRIu64 " %s %d %" PRId64 " %u\n", w->slot,
		    w->pool, (int)w->pid, w->started, slot_phase_name(w->phase), w->is_wanted,
		    w->spawned_ms, w->failures);
	}
	buf_adds(b, "end\n");
}

int
handover_write(const struct handover *h, struct err *e)
{
	struct buf b;
	int fd = -1;

	buf_init(&b, BYTES_MAX);
	put(h, &b);
	if (buf_check(&b, "handover", e) == -1)
		goto out;
	if ((fd = memfd_create("ragpool-handover", MFD_CLOEXEC)) == -1) {
		err_sys(e, ERR_IO, "handover");
	} else if (file_write_all(fd, b.data, b.len, "handover", e) == -1) {
		close(fd);
		fd = -1;
	}
out:
	buf_fini(&b);
	return fd;
}

/* ---- reading ---- */

static bool
read_self(struct handover *h, const char *line)
{
	char end;

	return sscanf(line, "self %d %d %d %d %" SCNd64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "%c",
	    &h->lock_fd, &h->board_fd, &h->wake_fd, &h->program_fd, &h->started_ms, &h->spawned,
	    &h->died, &h->killed_late, &end) == 8;
}

static bool
read_pool(struct handover *h, const char *line)
{
	struct handover_pool *p = &h->pools[h->pool_count];
	int is_activated;
	char end;

	if (h->pool_count == CONF_POOLS_MAX ||
	    sscanf(line, "pool %63s %d %d %d %u%c", p->name, &p->fd, &is_activated, &p->extra,
		&p->target, &end) != 5 ||
	    !tenant_name_is_valid(p->name, strlen(p->name)) || p->target > WORKERS_MAX)
		return false;
	p->is_activated = is_activated != 0;
	h->pool_count++;
	return true;
}

static bool
find_phase(const char *name, enum slot_phase *out)
{
	for (int i = 0; i < PHASE_MAX; i++)
		if (strcmp(name, slot_phase_name((enum slot_phase)i)) == 0) {
			*out = (enum slot_phase)i;
			return true;
		}
	return false;
}

static bool
read_worker(struct handover *h, const char *line)
{
	struct handover_worker *w = &h->workers[h->worker_count];
	int is_wanted, pid;
	char phase[16], end;

	if (h->worker_count == WORKERS_MAX ||
	    sscanf(line, "worker %u %63s %d %" SCNu64 " %15s %d %" SCNd64 " %u%c", &w->slot,
		w->pool, &pid, &w->started, phase, &is_wanted, &w->spawned_ms, &w->failures,
		&end) != 8 ||
	    w->slot >= WORKERS_MAX || pid <= 1 || !find_phase(phase, &w->phase))
		return false;
	w->pid = pid;
	w->is_wanted = is_wanted != 0;
	h->worker_count++;
	return true;
}

/* Every line, in this order, up to "end". */
static bool
read_lines(struct handover *h, char *text)
{
	char *save, *line = strtok_r(text, "\n", &save);

	if (line == NULL || strcmp(line, first_line) != 0 ||
	    (line = strtok_r(NULL, "\n", &save)) == NULL || !read_self(h, line))
		return false;
	while ((line = strtok_r(NULL, "\n", &save)) != NULL) {
		if (strcmp(line, "end") == 0)
			return strtok_r(NULL, "\n", &save) == NULL;
		if (strncmp(line, "pool ", 5) == 0 ? !read_pool(h, line) : !read_worker(h, line))
			return false;
	}
	return false;
}

static bool
is_listening(int fd)
{
	int on = 0;
	socklen_t n = sizeof on;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on != 0;
}

static bool
is_open(int fd)
{
	return fd > STDERR_FILENO && fcntl(fd, F_GETFD) != -1;
}

static int
check_fds(const struct handover *h, struct err *e)
{
	if (!is_open(h->lock_fd) || !is_open(h->board_fd) || !is_open(h->wake_fd) ||
	    !is_open(h->program_fd))
		return err_set(e, ERR_CORRUPT, "handover: a descriptor is not open");
	for (unsigned i = 0; i < h->pool_count; i++)
		if (!is_listening(h->pools[i].fd))
			return err_set(e, ERR_CORRUPT, "handover: pool %s has no listening socket",
			    h->pools[i].name);
	return 0;
}

int
handover_read(struct handover *h, int fd, struct err *e)
{
	char *text = malloc(BYTES_MAX + 1);
	ssize_t n;
	int rc = -1;

	*h = (struct handover){0};
	if (text == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a handover");
	if ((n = pread(fd, text, BYTES_MAX, 0)) == -1) {
		err_sys(e, ERR_IO, "handover");
	} else {
		text[n] = '\0';
		rc = read_lines(h, text) ? check_fds(h, e) :
					   err_set(e, ERR_CORRUPT, "handover: not in the form of "
								   "this version");
	}
	free(text);
	return rc;
}

int
handover_inherited(void)
{
	const char *text = getenv(variable);
	char end;
	int fd = -1;

	if (text == NULL || sscanf(text, "%d%c", &fd, &end) != 1 || !is_open(fd))
		fd = -1;
	unsetenv(variable);
	return fd;
}

static void
keep_one(int fd, bool keep)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags != -1)
		fcntl(fd, F_SETFD, keep ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC);
}

void
handover_keep(const struct handover *h, int fd, bool keep)
{
	/* libcurl's sockets, for one, would survive. */
	if (keep)
		syscall(SYS_close_range, 3U, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
	keep_one(fd, keep);
	keep_one(h->lock_fd, keep);
	keep_one(h->board_fd, keep);
	keep_one(h->wake_fd, keep);
	keep_one(h->program_fd, keep);
	for (unsigned i = 0; i < h->pool_count; i++)
		keep_one(h->pools[i].fd, keep);
}

const struct handover_pool *
handover_find_pool(const struct handover *h, const char *name)
{
	for (unsigned i = 0; i < h->pool_count; i++)
		if (strcmp(h->pools[i].name, name) == 0)
			return &h->pools[i];
	return NULL;
}
