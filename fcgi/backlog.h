/* backlog.h - how many connections wait at a listening unix socket.
 *
 * The kernel tells by sock_diag; php-fpm, which asks the socket itself, can only say 0.
 */
#ifndef RAGPOOL_BACKLOG_H
#define RAGPOOL_BACKLOG_H

struct backlog {
	int waiting;	/* -1: the kernel does not tell (no unix_diag, or not allowed) */
	int room;	/* how many may wait */
};

void backlog_read(struct backlog *b, int listen_fd);

#endif
