/* ragpool-worker.c - the worker program: where it listens, and what it inherits.
 *
 * The listening socket comes as descriptor 0 (the supervisor, spawn-fcgi, mod_fcgid) or
 * as descriptor 3 by systemd's LISTEN_FDS.  Started from a shell with CGI variables in
 * the environment it answers that one request.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "worker_options.h"

enum { EXIT_USAGE = 64, SYSTEMD_FIRST_FD = 3 };

static bool
is_listening_socket(int fd)
{
	int accepts = 0;
	socklen_t n = sizeof accepts;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &n) == 0 && accepts != 0;
}

static int
find_listen_fd(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (pid != NULL && fds != NULL && strtol(pid, NULL, 10) == (long)getpid() &&
	    strtol(fds, NULL, 10) >= 1 && is_listening_socket(SYSTEMD_FIRST_FD))
		return SYSTEMD_FIRST_FD;
	return is_listening_socket(STDIN_FILENO) ? STDIN_FILENO : -1;
}

/* RAGPOOL_BOARD=<memfd>:<slot>:<eventfd> */
static bool
read_board(struct worker_options *o)
{
	const char *text = getenv("RAGPOOL_BOARD");
	char end;

	if (text == NULL)
		return true;
	return sscanf(text, "%d:%u:%d%c", &o->board_fd, &o->slot, &o->wake_fd, &end) == 3;
}

static void
refuse(const struct err *e)
{
	fprintf(stderr, "ragpool-worker: %s\ntry: ragpool-worker --help\n", e->text);
	exit(err_row(e->code)->exit_code);
}

static void
refuse_because(const char *what)
{
	struct err e;

	err_set(&e, ERR_USAGE, "%s", what);
	refuse(&e);
}

int
main(int argc, char **argv)
{
	struct worker_options o;
	struct err e;
	int rc;

	log_init("worker", LOG_INFO);
	worker_options_init(&o);
	if ((rc = worker_options_read(&o, argc, argv, &e)) == 1)
		return 0;
	if (rc == -1)
		refuse(&e);
	if (o.data_dir == NULL || o.data_dir[0] == '\0')
		refuse_because("--data is missing");
	if (!read_board(&o))
		refuse_because("RAGPOOL_BOARD is not <fd>:<slot>:<fd>");
	o.listen_fd = find_listen_fd();
	if (o.listen_fd != -1) {
		rc = worker_run(&o, &e);
	} else if (getenv("REQUEST_METHOD") != NULL) {
		o.auth.is_by_hand = true;
		rc = worker_run_cgi(&o, &e);
	} else {
		worker_options_help(stderr);
		return EXIT_USAGE;
	}
	if (rc == -1) {
		log_error("%s", e.text);
		return err_row(e.code)->exit_code;
	}
	return 0;
}
