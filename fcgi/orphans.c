/* orphans.c - the workers of a supervisor that died without a word. */
#include "orphans.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"

enum { LIST_BYTES_MAX = WORKERS_MAX * 48, STAT_BYTES = 1024, FIELD_STARTED = 22 };

static const char list_name[] = "ragpoold.workers";

uint64_t
orphan_started(pid_t pid)
{
	char path[64], text[STAT_BYTES], *at;
	ssize_t n;
	int fd, field = 2;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name may hold anything, blanks and ')' too: fields are counted behind it. */
	if ((at = strrchr(text, ')')) == NULL || at[1] == '\0' || at[2] == 'Z' || at[2] == 'X')
		return 0;
	while (field < FIELD_STARTED && (at = strchr(at + 1, ' ')) != NULL)
		field++;
	return at != NULL ? strtoull(at, NULL, 10) : 0;
}

int
orphans_write(const char *run_dir, const struct orphan *list, unsigned n, struct err *e)
{
	char path[PATH_MAX], next[PATH_MAX];
	struct buf b;
	int fd = -1, rc = -1;

	buf_init(&b, LIST_BYTES_MAX);
	for (unsigned i = 0; i < n; i++)
		buf_addf(&b, "%d %" PRIu64 "\n", (int)list[i].pid, list[i].started);
	if (buf_check(&b, list_name, e) == -1 ||
	    file_join(path, sizeof path, run_dir, list_name, e) == -1 ||
	    file_join(next, sizeof next, run_dir, "ragpoold.workers.new", e) == -1)
		goto out;
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1 || (b.len > 0 && file_write_all(fd, b.data, b.len, next, e) == -1) ||
	    rename(next, path) == -1) {
		err_sys(e, ERR_IO, "%s", path);
		goto out;
	}
	rc = 0;
out:
	if (fd != -1)
		close(fd);
	buf_fini(&b);
	return rc;
}

void
orphans_read(struct orphans *o, const char *run_dir)
{
	char path[PATH_MAX], *text = NULL, *line;
	size_t n;

	o->count = 0;
	if (file_join(path, sizeof path, run_dir, list_name, NULL) == -1 ||
	    file_read(&text, &n, path, LIST_BYTES_MAX, NULL) == -1)
		return;
	for (line = text; line != NULL && o->count < WORKERS_MAX;) {
		int pid;
		uint64_t started;
		if (sscanf(line, "%d %" SCNu64, &pid, &started) == 2 && pid > 1 &&
		    started != 0 && orphan_started(pid) == started)
			o->list[o->count++] = (struct orphan){.pid = pid, .started = started};
		if ((line = strchr(line, '\n')) != NULL)
			line++;
	}
	free(text);
}

static unsigned
signal_all(const struct orphans *o, int signo)
{
	unsigned told = 0;

	for (unsigned i = 0; i < o->count; i++)
		if (orphan_started(o->list[i].pid) == o->list[i].started)
			told += kill(o->list[i].pid, signo) == 0;
	return told;
}

unsigned
orphans_release(const struct orphans *o)
{
	return signal_all(o, SIGQUIT);
}

unsigned
orphans_end(struct orphans *o)
{
	unsigned ended = signal_all(o, SIGKILL);

	o->count = 0;
	return ended;
}

void
orphans_remove(const char *run_dir)
{
	char path[PATH_MAX];

	if (file_join(path, sizeof path, run_dir, list_name, NULL) == 0)
		unlink(path);
}
