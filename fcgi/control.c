/* control.c - the control socket. */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
	int fd;			/* -1: a free place */
	control_id id;
	struct buf in, out;
	size_t sent;
	bool is_asked;		/* its line was handed on */
	bool is_last;		/* closed when `out` is gone */
};

struct control {
	int fd;
	control_handler *handler;
	void *context;
	control_id ids;
	struct client clients[CONTROL_CLIENTS];
};

int
control_open(
    struct control **out, int fd, control_handler *handler, void *context, struct err *e)
{
	struct control *c = calloc(1, sizeof *c);

	if (c == NULL) {
		close(fd);
		return err_sys(e, ERR_NOMEM, "control socket");
	}
	c->fd = fd;
	c->handler = handler;
	c->context = context;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		c->clients[i].fd = -1;
	*out = c;
	return 0;
}

static void
drop_client(struct client *client)
{
	if (client->fd == -1)
		return;
	close(client->fd);
	client->fd = -1;
	buf_fini(&client->in);
	buf_fini(&client->out);
}

void
control_close(struct control *c)
{
	if (c == NULL)
		return;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		drop_client(&c->clients[i]);
	close(c->fd);
	free(c);
}

static struct client *
free_place(struct control *c)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].fd == -1)
			return &c->clients[i];
	return NULL;
}

size_t
control_fds(const struct control *c, struct curl_waitfd *fds)
{
	size_t n = 0;
	bool has_room = false;

	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		const struct client *client = &c->clients[i];
		short events = CURL_WAIT_POLLIN;

		if (client->fd == -1) {
			has_room = true;
			continue;
		}
		if (client->out.len > client->sent)
			events |= CURL_WAIT_POLLOUT;
		fds[n++] = (struct curl_waitfd){.fd = client->fd, .events = events};
	}
	if (has_room)
		fds[n++] = (struct curl_waitfd){.fd = c->fd, .events = CURL_WAIT_POLLIN};
	return n;
}

static bool
is_allowed(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    (peer.uid == geteuid() || peer.uid == 0);
}

static void
accept_clients(struct control *c)
{
	struct client *place;
	int fd;

	while ((place = free_place(c)) != NULL) {
		fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1)
			return;
		if (!is_allowed(fd)) {
			close(fd);
			continue;
		}
		*place = (struct client){.fd = fd, .id = ++c->ids};
		buf_init(&place->in, CONTROL_LINE_MAX + 1);
		buf_init(&place->out, CONTROL_ANSWER_MAX);
	}
}

/* False when the client is to go. */
static bool
read_client(struct control *c, struct client *client)
{
	char bytes[1024], *end;
	ssize_t n;

	while ((n = recv(client->fd, bytes, sizeof bytes, 0)) > 0) {
		if (client->is_asked)
			continue;	/* one question a connection */
		buf_add(&client->in, bytes, (size_t)n);
		if (client->in.failed)
			return false;
		end = memchr(client->in.data, '\n', client->in.len);
		if (end == NULL)
			continue;
		*end = '\0';
		client->is_asked = true;
		c->handler(c->context, client->id, client->in.data,
		    (size_t)(end - client->in.data));
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return true;
	/* A client may shut its sending side and still read the answer. */
	return n == 0 && client->is_asked && client->is_last;
}

static bool
write_client(struct client *client)
{
	ssize_t n;

	while (client->sent < client->out.len) {
		n = send(client->fd, client->out.data + client->sent,
		    client->out.len - client->sent, MSG_NOSIGNAL);
		if (n == -1)
			return errno == EAGAIN || errno == EINTR;
		client->sent += (size_t)n;
	}
	client->sent = 0;
	buf_reset(&client->out);
	return !client->is_last;
}

void
control_turn(struct control *c)
{
	accept_clients(c);
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *client = &c->clients[i];
		if (client->fd != -1 && (!read_client(c, client) || !write_client(client)))
			drop_client(client);
	}
}

void
control_send(struct control *c, control_id id, const char *line, bool last)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		struct client *client = &c->clients[i];
		if (client->fd == -1 || client->id != id)
			continue;
		buf_adds(&client->out, line);
		buf_addc(&client->out, '\n');
		client->is_last = client->is_last || last || client->out.failed;
		return;
	}
}
