/* load.c - questions at a constant rate over many connections; one epoll, one thread. */
#include "load.h"

#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "clk.h"
#include "http_answer.h"

const char *const load_error_names[LOAD_ERRORS] = {
    [LOAD_REFUSED] = "refused",
    [LOAD_CUT] = "cut",
    [LOAD_LATE] = "late",
    [LOAD_GARBLED] = "garbled",
};

/* One connection, and the question it has in hand. */
struct line {
	int fd;				/* -1: not connected */
	bool is_busy;
	bool is_reused;			/* it has answered before: it may have been closed since */
	int64_t due_us;
	const struct load_topic *topic;
	struct buf request, answer;
	size_t sent;
};

struct load {
	const struct load_options *o;
	struct load_result *r;
	struct addrinfo *address;
	struct line *lines;
	unsigned *idle;			/* a stack of free lines */
	unsigned idle_count;
	uint64_t next;			/* question to be asked */
	int64_t start_us;
	int poll_fd;
};

static int64_t
now_us(void)
{
	return clk_ns() / 1000;
}

static int64_t
due_us(const struct load *l, uint64_t n)
{
	return l->start_us + (int64_t)((double)n * 1e6 / l->o->rate);
}

/* ---- what came back ---- */

static void
note_generation(struct load *l, const struct http_answer *a)
{
	struct load_result *r = l->r;
	char name[LOAD_NAME_BYTES];

	http_answer_header(a, "X-Ragpool-Generation", name, sizeof name);
	if (name[0] == '\0')
		return;
	/* Nearly always the newest. */
	for (unsigned i = r->marks; i-- > 0;)
		if (strcmp(r->mark[i].name, name) == 0) {
			r->mark[i].answers++;
			return;
		}
	if (r->marks == LOAD_GENERATIONS_MAX)
		return;
	memcpy(r->mark[r->marks].name, name, sizeof name);
	r->mark[r->marks].first_s = (double)(now_us() - l->start_us) / 1e6;
	r->mark[r->marks++].answers = 1;
}

static void
note_worker(struct load_result *r, const struct http_answer *a)
{
	char name[sizeof r->worker[0]];

	http_answer_header(a, "X-Ragpool-Worker", name, sizeof name);
	for (unsigned i = 0; i < r->workers; i++)
		if (strcmp(r->worker[i], name) == 0)
			return;
	if (name[0] != '\0' && r->workers < LOAD_WORKERS_MAX)
		memcpy(r->worker[r->workers++], name, sizeof name);
}

static void
judge(struct load_result *r, const struct load_topic *t, const struct http_answer *a)
{
	long found;

	if (t->relevant_count == 0)
		return;
	found = load_topic_found(t, a->body, a->body_bytes);
	r->judged++;
	if (found > 0)
		r->recall += (double)found / (double)t->relevant_count;
}

/* ---- a line ---- */

static void
hang_up(struct line *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	c->is_reused = false;
}

static void
set_idle(struct load *l, struct line *c)
{
	latency_add(&l->r->latency, now_us() - c->due_us);
	c->is_busy = false;
	buf_reset(&c->answer);
	l->idle[l->idle_count++] = (unsigned)(c - l->lines);
}

static void
fail(struct load *l, struct line *c, enum load_error why)
{
	l->r->errors[why]++;
	hang_up(c);
	set_idle(l, c);
}

static int
connect_line(struct load *l, struct line *c)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	    .data.u32 = (uint32_t)(c - l->lines)};
	const struct addrinfo *a = l->address;
	int on = 1;

	c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return -1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if ((connect(c->fd, a->ai_addr, a->ai_addrlen) == -1 && errno != EINPROGRESS) ||
	    epoll_ctl(l->poll_fd, EPOLL_CTL_ADD, c->fd, &ev) == -1) {
		hang_up(c);
		return -1;
	}
	return 0;
}

/* From the start, on a connection of its own. */
static void
ask_anew(struct load *l, struct line *c)
{
	hang_up(c);
	c->sent = 0;
	buf_reset(&c->answer);
	if (connect_line(l, c) == -1)
		fail(l, c, LOAD_REFUSED);
}

/* A server may close an idle connection just when it is used again: that is nobody's fault,
 * and what any client meets by asking once more. */
static void
lost(struct load *l, struct line *c)
{
	if (c->is_reused && c->answer.len == 0)
		ask_anew(l, c);
	else
		fail(l, c, c->sent == 0 ? LOAD_REFUSED : LOAD_CUT);
}

static void
write_line(struct load *l, struct line *c)
{
	while (c->sent < c->request.len) {
		ssize_t n = send(c->fd, c->request.data + c->sent, c->request.len - c->sent,
		    MSG_NOSIGNAL);
		if (n == -1 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
			return;
		if (n == -1) {
			lost(l, c);
			return;
		}
		c->sent += (size_t)n;
	}
}

static void
take_answer(struct load *l, struct line *c, const struct http_answer *a)
{
	struct load_result *r = l->r;

	if (a->status < 600)
		r->status[a->status]++;
	if (a->status == 200) {
		r->good++;
		note_generation(l, a);
		judge(r, c->topic, a);
	}
	note_worker(r, a);
	if (a->is_kept)
		c->is_reused = true;
	else
		hang_up(c);
	set_idle(l, c);
}

static void
read_line(struct load *l, struct line *c)
{
	struct http_answer a;
	bool at_end = false;
	char *room;
	ssize_t n;
	int whole;

	do {
		if ((room = buf_room(&c->answer, 64 * 1024)) == NULL) {
			fail(l, c, LOAD_GARBLED);
			return;
		}
		n = recv(c->fd, room, 64 * 1024, 0);
		if (n == -1 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN))
			break;
		if (n > 0)
			buf_grew(&c->answer, (size_t)n);
		at_end = n <= 0;
	} while (!at_end);
	if (!c->is_busy) {
		if (at_end || c->answer.len > 0)
			hang_up(c);	/* unasked */
		buf_reset(&c->answer);
		return;
	}
	whole = c->answer.len == 0 ? 0 :
	    http_answer_read(&a, c->answer.data, c->answer.len, at_end);
	if (whole == 1) {
		a.is_kept = a.is_kept && !at_end;
		take_answer(l, c, &a);
	} else if (at_end) {
		lost(l, c);
	} else if (whole == -1) {
		fail(l, c, LOAD_GARBLED);
	}
}

static void
on_event(struct load *l, const struct epoll_event *ev)
{
	struct line *c = &l->lines[ev->data.u32];

	if (c->fd == -1)
		return;
	if (c->is_busy && (ev->events & EPOLLOUT) != 0)
		write_line(l, c);
	if (c->fd != -1 && (ev->events & ~(uint32_t)EPOLLOUT) != 0)
		read_line(l, c);
}

static void
ask(struct load *l, struct line *c, uint64_t number)
{
	const struct load_options *o = l->o;

	c->topic = &o->topics->list[number % o->topics->count];
	c->due_us = due_us(l, number);
	c->is_busy = true;
	c->sent = 0;
	buf_reset(&c->request);
	buf_addf(&c->request,
	    "POST %s HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n", o->path, o->host, o->port, c->topic->request_bytes);
	if (o->key != NULL)
		buf_addf(&c->request, "Authorization: Bearer %s\r\n", o->key);
	buf_adds(&c->request, "\r\n");
	buf_add(&c->request, c->topic->request, c->topic->request_bytes);
	l->r->asked++;
	if (c->fd == -1)
		ask_anew(l, c);
	else
		write_line(l, c);
}

/* ---- the loop ---- */

static void
ask_what_is_due(struct load *l, uint64_t total)
{
	int64_t now = now_us();

	while (l->next < total && l->idle_count > 0 && due_us(l, l->next) <= now)
		ask(l, &l->lines[l->idle[--l->idle_count]], l->next++);
}

static void
end_the_late(struct load *l)
{
	int64_t limit = now_us() - l->o->timeout_ms * 1000;

	for (unsigned i = 0; i < l->o->connections; i++)
		if (l->lines[i].is_busy && l->lines[i].due_us < limit)
			fail(l, &l->lines[i], LOAD_LATE);
}

/* Due long ago and never sent, since no connection came free: late all the same. */
static void
give_up_the_unsent(struct load *l, uint64_t total)
{
	int64_t now = now_us();

	while (l->next < total && due_us(l, l->next) < now - l->o->timeout_ms * 1000) {
		latency_add(&l->r->latency, now - due_us(l, l->next++));
		l->r->asked++;
		l->r->errors[LOAD_LATE]++;
	}
}

/* Until something happens or the next question is due, but not for long. */
static void
wait_a_while(const struct load *l, uint64_t total)
{
	struct pollfd p = {.fd = l->poll_fd, .events = POLLIN};
	struct timespec t = {.tv_nsec = 50000000};
	int64_t left;

	if (l->next < total && l->idle_count > 0) {
		left = due_us(l, l->next) - now_us();
		t.tv_nsec = left <= 0 ? 0 : left > 50000 ? 50000000 : (long)left * 1000;
	}
	ppoll(&p, 1, &t, NULL);
}

static void
loop(struct load *l)
{
	uint64_t total = (uint64_t)ceil(l->o->rate * l->o->seconds);
	struct epoll_event events[256];
	int64_t checked_us = 0;

	while (l->next < total || l->idle_count < l->o->connections) {
		wait_a_while(l, total);
		int n = epoll_wait(l->poll_fd, events, 256, 0);
		for (int i = 0; i < n; i++)
			on_event(l, &events[i]);
		if (*l->o->stop != 0 && l->next < total)
			total = l->next;
		ask_what_is_due(l, total);
		if (now_us() - checked_us < 20000)
			continue;
		checked_us = now_us();
		end_the_late(l);
		give_up_the_unsent(l, total);
	}
}

static int
prepare(struct load *l, struct err *e)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	unsigned n = l->o->connections;
	int rc = getaddrinfo(l->o->host, l->o->port, &hints, &l->address);

	if (rc != 0)
		return err_set(e, ERR_PEER, "%s:%s: %s", l->o->host, l->o->port, gai_strerror(rc));
	l->lines = calloc(n, sizeof *l->lines);
	l->idle = calloc(n, sizeof *l->idle);
	if (l->lines == NULL || l->idle == NULL)
		return err_set(e, ERR_NOMEM, "%u connections", n);
	for (unsigned i = 0; i < n; i++) {
		l->lines[i].fd = -1;
		buf_init(&l->lines[i].request, 2 << 20);
		buf_init(&l->lines[i].answer, HTTP_ANSWER_BODY_MAX + HTTP_ANSWER_HEAD_MAX);
		l->idle[l->idle_count++] = n - 1 - i;
	}
	if ((l->poll_fd = epoll_create1(EPOLL_CLOEXEC)) == -1)
		return err_sys(e, ERR_IO, "epoll");
	return 0;
}

int
load_run(const struct load_options *o, struct load_result *out, struct err *e)
{
	struct load l = {.o = o, .r = out, .poll_fd = -1};
	int rc;

	memset(out, 0, sizeof *out);
	if ((rc = prepare(&l, e)) == 0) {
		l.start_us = now_us();
		loop(&l);
		out->seconds = (double)(now_us() - l.start_us) / 1e6;
	}
	for (unsigned i = 0; l.lines != NULL && i < o->connections; i++) {
		hang_up(&l.lines[i]);
		buf_fini(&l.lines[i].request);
		buf_fini(&l.lines[i].answer);
	}
	free(l.lines);
	free(l.idle);
	if (l.address != NULL)
		freeaddrinfo(l.address);
	if (l.poll_fd != -1)
		close(l.poll_fd);
	return rc;
}
