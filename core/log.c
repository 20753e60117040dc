/* log.c - log lines. */
#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[LOG_LEVEL_MAX] = {"error", "warn", "info", "debug"};

static struct {
	const char *process;
	enum log_level level;
	int fd;
	char *path;
} sink = {"ragpool", LOG_INFO, STDERR_FILENO, NULL};

void
log_init(const char *process, enum log_level level)
{
	sink.process = process;
	sink.level = level;
}

int
log_level_of(const char *name)
{
	for (int i = 0; i < LOG_LEVEL_MAX; i++)
		if (strcmp(name, level_names[i]) == 0)
			return i;
	return -1;
}

void
log_set_level(enum log_level level)
{
	sink.level = level;
}

static int
open_log(const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	if (fd == -1)
		return err_sys(e, ERR_IO, "log file %s", path);
	if (sink.fd != STDERR_FILENO)
		close(sink.fd);
	sink.fd = fd;
	return 0;
}

int
log_to_file(const char *path, struct err *e)
{
	char *copy;

	if (path == NULL || path[0] == '\0') {
		if (sink.fd != STDERR_FILENO)
			close(sink.fd);
		sink.fd = STDERR_FILENO;
		free(sink.path);
		sink.path = NULL;
		return 0;
	}
	if ((copy = strdup(path)) == NULL)
		return err_sys(e, ERR_NOMEM, "log file %s", path);
	if (open_log(path, e) == -1) {
		free(copy);
		return -1;
	}
	free(sink.path);
	sink.path = copy;
	return 0;
}

int
log_reopen(struct err *e)
{
	return sink.path != NULL ? open_log(sink.path, e) : 0;
}

int
log_fd(void)
{
	return sink.fd;
}

/* A hostile file name must not forge a second line. */
static void
escape_controls(char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_BYTES];
	struct timespec now;
	struct tm utc;
	size_t used, room;
	va_list ap;
	int n;

	if (level > sink.level)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
	used += (size_t)snprintf(line + used, sizeof line - used, ".%03ldZ %s %s[%d] ",
	    now.tv_nsec / 1000000, level_names[level], sink.process, (int)getpid());
	room = sizeof line - used - 1;
	va_start(ap, fmt);
	n = vsnprintf(line + used, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	n = (size_t)n < room ? n : (int)room - 1;
	escape_controls(line + used, (size_t)n);
	used += (size_t)n;
	line[used++] = '\n';
	if (write(sink.fd, line, used) == -1)
		return;		/* a full disk must not stop the service */
}
