/* backlog.c - how many connections wait at a listening unix socket. */
#include "backlog.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/rtnetlink.h>

enum { ANSWER_BYTES = 4096 };

/* Only this socket, by its inode. */
static int
ask(int fd, ino_t inode)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req body;
	} q = {
	    .head = {.nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = NLM_F_REQUEST},
	    .body = {.sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX,
		.udiag_ino = (uint32_t)inode, .udiag_show = UDIAG_SHOW_RQLEN,
		.udiag_cookie = {UINT32_MAX, UINT32_MAX}},
	};

	return send(fd, &q, sizeof q, MSG_NOSIGNAL) == (ssize_t)sizeof q ? 0 : -1;
}

static void
read_answer(struct backlog *b, const struct nlmsghdr *head, size_t n)
{
	const struct unix_diag_msg *message = NLMSG_DATA(head);
	const struct rtattr *a;
	struct unix_diag_rqlen length;
	int left;

	if (!NLMSG_OK(head, n) || head->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    head->nlmsg_len < NLMSG_LENGTH(sizeof *message))
		return;
	a = (const struct rtattr *)(message + 1);
	left = (int)(head->nlmsg_len - NLMSG_LENGTH(sizeof *message));
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type != UNIX_DIAG_RQLEN || RTA_PAYLOAD(a) < sizeof length)
			continue;
		memcpy(&length, RTA_DATA(a), sizeof length);
		b->waiting = (int)length.udiag_rqueue;
		b->room = (int)length.udiag_wqueue;
	}
}

void
backlog_read(struct backlog *b, int listen_fd)
{
	_Alignas(struct nlmsghdr) char bytes[ANSWER_BYTES];
	struct stat st;
	ssize_t n;
	int fd;

	*b = (struct backlog){.waiting = -1, .room = -1};
	if (fstat(listen_fd, &st) == -1 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (fd == -1)
		return;
	if (ask(fd, st.st_ino) == 0 && (n = recv(fd, bytes, sizeof bytes, 0)) > 0)
		read_answer(b, (const struct nlmsghdr *)(const void *)bytes, (size_t)n);
	close(fd);
}
