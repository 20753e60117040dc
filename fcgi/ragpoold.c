/* ragpoold.c - the supervisor program: its command line, and nothing else. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "config.h"
#include "log.h"
#include "supervisor.h"

enum { EXIT_USAGE = 64 };

static const char usage[] =
    "usage: ragpoold [-t] [-c FILE]\n"
    "       ragpoold --options[=FORM]\n"
    "\n"
    "Keeps a pool of ragpool workers, and replaces the knowledge they answer from without\n"
    "losing a request.  It stays in the foreground.\n"
    "\n"
    "  -c, --config FILE      the configuration (default: see -h's last line)\n"
    "  -t, --test             check it and all it names, then leave: 0 good, 78 not\n"
    "  -F, --foreground       what it does anyway; accepted for unit files\n"
    "      --trial            what USR2 asks a new binary first: could it take over?\n"
    "      --options[=FORM]   every option of the file, as text, markdown or mdoc\n"
    "  -h, --help             this text\n"
    "  -V, --version          the version\n"
    "\n"
    "Signals: HUP reload and roll, USR1 reopen logs, TERM and QUIT finish and stop, INT stop\n"
    "at once, USR2 a new binary, TTIN and TTOU one worker more or fewer, RTMIN+1, +2, +3 pause,\n"
    "resume and abort a roll.\n";

struct command_line {
	const char *config;
	bool is_test;
	bool is_trial;
};

static void
print_options(const char *form)
{
	if (form == NULL || strcmp(form, "text") == 0)
		conf_print_options(stdout);
	else if (strcmp(form, "markdown") == 0)
		conf_print_markdown(stdout);
	else if (strcmp(form, "mdoc") == 0)
		conf_print_mdoc(stdout);
	else {
		fprintf(stderr, "ragpoold: --options takes text, markdown or mdoc\n");
		exit(EXIT_USAGE);
	}
}

static void
read_command_line(struct command_line *l, int argc, char **argv)
{
	enum { OPTIONS = 256, TRIAL };
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"test", no_argument, NULL, 't'},
	    {"foreground", no_argument, NULL, 'F'},
	    {"trial", no_argument, NULL, TRIAL},
	    {"options", optional_argument, NULL, OPTIONS},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:tFhV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			l->config = optarg;
			break;
		case 't':
			l->is_test = true;
			break;
		case 'F':
			break;
		case TRIAL:
			l->is_trial = true;
			break;
		case OPTIONS:
			print_options(optarg);
			exit(0);
		case 'h':
			printf("%s\nThe configuration is looked for at %s.\n", usage,
			    conf_default_path());
			exit(0);
		case 'V':
			puts("ragpoold " PACKAGE_VERSION);
			exit(0);
		default:
			fprintf(stderr, "try: ragpoold --help\n");
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "ragpoold: it takes no arguments besides its options\n");
		exit(EXIT_USAGE);
	}
}

static int
complain(const struct buf *errors, const struct err *e)
{
	if (errors->len > 0)
		fputs(errors->data, stderr);
	else
		fprintf(stderr, "ragpoold: %s\n", e->text);
	return err_row(e->code)->exit_code;
}

static int
try(const struct conf *c, struct buf *errors)
{
	struct err e;

	return supervisor_try(c, errors, &e) == 0 ? 0 : complain(errors, &e);
}

static int
test(const struct conf *c, struct buf *errors)
{
	struct err e;

	if (conf_check_world(c, errors, &e) == -1)
		return complain(errors, &e);
	printf("%s is good\n", c->path);
	return 0;
}

int
main(int argc, char **argv)
{
	struct command_line line = {.config = conf_default_path()};
	struct conf conf;
	struct buf errors;
	struct err e;
	int rc;

	read_command_line(&line, argc, argv);
	buf_init(&errors, CONF_ERRORS_MAX);
	if (conf_load(&conf, line.config, &errors, &e) == -1) {
		rc = complain(&errors, &e);
		buf_fini(&errors);
		return rc;
	}
	if (line.is_test || line.is_trial) {
		rc = line.is_trial ? try(&conf, &errors) : test(&conf, &errors);
		buf_fini(&errors);
		conf_fini(&conf);
		return rc;
	}
	buf_fini(&errors);
	log_init("ragpoold", (enum log_level)conf.global.log_level);
	if (supervisor_run(&conf, &e) == 0)
		return 0;
	log_error("%s", e.text);
	return err_row(e.code)->exit_code;
}
