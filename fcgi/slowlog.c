/* slowlog.c - one JSON line for a request that took too long. */
#include "slowlog.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "json.h"
#include "log.h"

enum { LINE_BYTES = 1024 };

int
slowlog_open(struct slowlog *l, const char *path, int64_t limit_ms, struct err *e)
{
	*l = (struct slowlog){.path = path, .limit_ns = limit_ms * 1000000, .fd = -1};
	return slowlog_reopen(l, e);
}

int
slowlog_reopen(struct slowlog *l, struct err *e)
{
	int fd;

	if (l->limit_ns == 0 || l->path[0] == '\0')
		return 0;
	fd = open(l->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd == -1)
		return err_sys(e, ERR_IO, "slow log %s", l->path);
	slowlog_close(l);
	l->fd = fd;
	return 0;
}

void
slowlog_close(struct slowlog *l)
{
	if (l->fd != -1)
		close(l->fd);
	l->fd = -1;
}

static void
put_time(struct buf *b)
{
	struct timespec now;
	char text[32];
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	buf_addf(b, "{\"time\": \"%s.%03ldZ\", \"pid\": %d", text, now.tv_nsec / 1000000,
	    (int)getpid());
}

static void
put_text(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, ", \"%s\": ", name);
	if (text[0] != '\0')
		json_put_text(b, text, strlen(text));
	else
		buf_adds(b, "null");
}

static void
put_times(struct buf *b, const struct watch *w)
{
	buf_addf(b, ", \"total_ms\": %.3f", (double)(w->stage_ns - w->began_ns) / 1e6);
	for (int i = STAGE_READ; i < STAGE_MAX; i++)
		buf_addf(b, ", \"%s_ms\": %.3f", board_stage_name(i), (double)w->ns[i] / 1e6);
}

void
slowlog_write(const struct slowlog *l, const struct slow_request *r, const struct watch *w)
{
	struct buf b;

	buf_init(&b, LINE_BYTES);
	put_time(&b);
	put_text(&b, "tenant", r->tenant);
	put_text(&b, "route", r->route);
	buf_addf(&b, ", \"status\": %d", r->status);
	put_text(&b, "generation", r->generation);
	put_times(&b, w);
	buf_adds(&b, "}\n");
	if (buf_check(&b, "slow log", NULL) == 0 && l->fd == -1)
		log_warn("slow request %.*s", (int)b.len - 1, b.data);
	else if (buf_check(&b, "slow log", NULL) == 0 && write(l->fd, b.data, b.len) == -1)
		log_error("the slow log cannot be written");
	buf_fini(&b);
}
