/* ragpool-gateway.c - the gateway program: where it listens, and what it may not do. */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf.h"
#include "config.h"
#include "gateway.h"
#include "listen.h"
#include "log.h"

enum { EXIT_USAGE = 64, BACKLOG = 128 };

static const char usage[] =
    "usage: ragpool-gateway [-c FILE] [--log-file FILE]\n"
    "\n"
    "Speaks to the endpoints of the [model NAME] sections of ragpool.conf for the workers and\n"
    "builds of a pool: embeddings, chats, reranks.  ragpoold starts it, with the listening\n"
    "socket as descriptor 0; started by hand it makes the socket itself.  It says \"ready\" on\n"
    "its standard output when it can be asked.\n"
    "\n"
    "  -c, --config FILE       ragpool.conf\n"
    "      --log-file FILE     append to it, not to standard error; USR1 opens it anew\n"
    "  -h, --help              this text\n"
    "  -V, --version           the version\n";

struct options {
	const char *config, *log_file;
};

static void
read_options(struct options *o, int argc, char **argv)
{
	enum { LOG_FILE = 256 };
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"log-file", required_argument, NULL, LOG_FILE},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case LOG_FILE:
			o->log_file = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case 'V':
			puts("ragpool-gateway " PACKAGE_VERSION);
			exit(0);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fputs("ragpool-gateway: it takes no arguments besides its options\n"
		      "try: ragpool-gateway --help\n", stderr);
		exit(EXIT_USAGE);
	}
}

/* Keys must not end up in a file that a crash leaves behind.  A supervisor that was killed
 * takes its gateway along; what is in hand is finished first. */
static void
confine(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int
open_socket(int *fd, const struct conf *c, struct err *e)
{
	struct listen_spec spec = {.path = c->global.gateway_socket, .mode = 0600,
	    .uid = (uid_t)-1, .gid = (gid_t)-1, .backlog = BACKLOG};
	int accepts = 0;
	socklen_t n = sizeof accepts;

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &n) == 0 && accepts != 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if ((*fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)) == -1)
			return err_sys(e, ERR_IO, "the inherited socket");
		return 0;
	}
	return listen_unix(fd, &spec, e);
}

static int
run(const struct options *o, struct err *e)
{
	struct buf errors;
	struct conf conf;
	int fd, ready, rc = -1;

	buf_init(&errors, CONF_ERRORS_MAX);
	if (conf_load(&conf, o->config, &errors, e) == -1) {
		buf_fini(&errors);
		return -1;
	}
	log_set_level((enum log_level)conf.global.log_level);
	if (conf.model_count == 0) {
		err_set(e, ERR_CONFIG, "%s: there is no [model NAME]", o->config);
	} else if (log_to_file(o->log_file, e) == 0 && open_socket(&fd, &conf, e) == 0) {
		ready = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		close(STDOUT_FILENO);
		open("/dev/null", O_WRONLY);
		rc = gateway_run(&conf, fd, ready, e);
	}
	conf_fini(&conf);
	buf_fini(&errors);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = {.config = conf_default_path(), .log_file = ""};
	struct err e;

	log_init("gateway", LOG_INFO);
	read_options(&o, argc, argv);
	confine();
	if (run(&o, &e) == 0)
		return 0;
	log_error("%s", e.text);
	return err_row(e.code)->exit_code;
}
