/* ragpool-probe.c - the prober program: judges one candidate against what serves, and leaves.
 *
 * A process of its own, because a damaged generation may end whoever reads it: then that is
 * the verdict, and no worker was touched.  It writes nothing but its verdict.
 */
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bounds.h"
#include "buf.h"
#include "config.h"
#include "file.h"
#include "gate.h"
#include "json.h"
#include "last_line.h"
#include "log.h"
#include "shrink.h"
#include "tenant.h"

enum { EXIT_USAGE = 64, PROBE_NICE = 10, VERDICT_BYTES_MAX = 256 * 1024 };

static const char usage[] =
    "usage: ragpool-probe --data DIR --tenant NAME --candidate GENERATION [options]\n"
    "\n"
    "Judges whether a sealed generation may take the place of the one that serves: every\n"
    "checksum, all counts, and golden queries asked of both.  The verdict is written to\n"
    "DIR/tenants/NAME/verdict/GENERATION.json; no generation is ever written.\n"
    "\n"
    "  -d, --data DIR           the data folder\n"
    "  -t, --tenant NAME        the tenant\n"
    "  -g, --candidate GEN      the generation to judge\n"
    "      --current GEN        compare with this one (default: the tenant's pointer)\n"
    "  -c, --config FILE        the tenant's document: its golden queries, and a \"gate\"\n"
    "                           that takes the place of the percentages below\n"
    "      --queries N          questions in all, given ones filled up by samples (20)\n"
    "      --max-shrink N       percent of documents or passages that may be gone (50)\n"
    "      --removed N          documents that were removed on request\n"
    "      --min-overlap N      percent of the rankings that must be the same (50)\n"
    "      --min-recall N       percent of what was found that must be found again (95)\n"
    "      --max-slowdown N     percent on top of the current p95 (50)\n"
    "      --time MS            stop asking questions after so long (0: never)\n"
    "      --accept             the differences are meant: integrity alone decides\n"
    "      --json               the last line of standard output is the verdict's object\n"
    "  -h, --help               this text\n"
    "  -V, --version            the version\n"
    "\n"
    "Exit code 0 for any verdict, else one of sysexits.h.\n";

struct options {
	struct gate_request request;
	const char *config_path;
	bool json;
};

static void
refuse(const char *what)
{
	fprintf(stderr, "ragpool-probe: %s\ntry: ragpool-probe --help\n", what);
	exit(EXIT_USAGE);
}

static int64_t
number(const char *text, int64_t max)
{
	char *end;
	long long n = strtoll(text, &end, 10);

	if (end == text || *end != '\0' || n < 0 || n > max)
		refuse("that is not a number in its range");
	return n;
}

static void
read_limit(struct gate_limits *l, int option)
{
	switch (option) {
	case 'Q':
		l->queries = (unsigned)number(optarg, 1000);
		break;
	case 'S':
		l->max_shrink = (unsigned)number(optarg, 100);
		break;
	case 'D':
		l->removed = (uint64_t)number(optarg, INT32_MAX);
		break;
	case 'O':
		l->min_overlap = (unsigned)number(optarg, 100);
		break;
	case 'R':
		l->min_recall = (unsigned)number(optarg, 100);
		break;
	case 'L':
		l->max_slowdown = (unsigned)number(optarg, 100000);
		break;
	case 'T':
		l->time_ms = number(optarg, INT32_MAX);
		break;
	default:
		exit(EXIT_USAGE);
	}
}

static void
read_options(struct options *o, int argc, char **argv)
{
	enum { JSON = 256, CURRENT, ACCEPT };
	static const struct option options[] = {
	    {"data", required_argument, NULL, 'd'},
	    {"tenant", required_argument, NULL, 't'},
	    {"candidate", required_argument, NULL, 'g'},
	    {"current", required_argument, NULL, CURRENT},
	    {"config", required_argument, NULL, 'c'},
	    {"queries", required_argument, NULL, 'Q'},
	    {"max-shrink", required_argument, NULL, 'S'},
	    {"removed", required_argument, NULL, 'D'},
	    {"min-overlap", required_argument, NULL, 'O'},
	    {"min-recall", required_argument, NULL, 'R'},
	    {"max-slowdown", required_argument, NULL, 'L'},
	    {"time", required_argument, NULL, 'T'},
	    {"accept", no_argument, NULL, ACCEPT},
	    {"json", no_argument, NULL, JSON},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "d:t:g:c:hV", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			o->request.data_dir = optarg;
			break;
		case 't':
			o->request.tenant = optarg;
			break;
		case 'g':
			o->request.candidate = optarg;
			break;
		case 'c':
			o->config_path = optarg;
			break;
		case CURRENT:
			o->request.current = optarg;
			break;
		case ACCEPT:
			o->request.is_accepted = true;
			break;
		case JSON:
			o->json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case 'V':
			puts("ragpool-probe " PACKAGE_VERSION);
			exit(0);
		default:
			read_limit(&o->request.limits, c);
		}
	}
	if (optind < argc)
		refuse("it takes no arguments besides its options");
	if (o->request.data_dir == NULL || o->request.tenant == NULL ||
	    o->request.candidate == NULL)
		refuse("--data, --tenant and --candidate are needed");
}

/* What a hostile file could make it do is bounded, and nobody waits for it. */
static void
limit_myself(void)
{
	static const struct {
		__rlimit_resource_t what;
		rlim_t most;
	} limits[] = {
	    {RLIMIT_CORE, 0},
	    {RLIMIT_NOFILE, 64},
	    {RLIMIT_FSIZE, 16 << 20},
	    {RLIMIT_CPU, 3600},
#ifndef __SANITIZE_ADDRESS__	/* its shadow counts as data */
	    {RLIMIT_DATA, (rlim_t)4 << 30},
#endif
	};

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		struct rlimit l = {.rlim_cur = limits[i].most, .rlim_max = limits[i].most};
		setrlimit(limits[i].what, &l);	/* a lower hard limit is as good */
	}
	setpriority(PRIO_PROCESS, 0, PROBE_NICE);
}

/* What serves now, unless it is the candidate itself. */
static void
find_current(struct options *o, char name[GENERATION_NAME_BYTES])
{
	struct gate_request *r = &o->request;

	if (r->current == NULL &&
	    generation_current(name, r->data_dir, r->tenant, NULL) == 0 &&
	    strcmp(name, r->candidate) != 0)
		r->current = name;
}

/* Golden queries and thresholds of its own; *document is owned, the list in it borrowed. */
static int
read_document(struct options *o, struct json_object **document, struct err *e)
{
	struct json_object *gate = NULL;
	char *bytes;
	size_t n;
	int rc;

	*document = NULL;
	if (o->config_path == NULL)
		return 0;
	if (file_read(&bytes, &n, o->config_path, TENANT_CONFIG_MAX, e) == -1)
		return -1;
	if ((rc = json_parse_object(document, bytes, n, e)) == 0) {
		json_object_object_get_ex(*document, "golden", &o->request.golden);
		json_object_object_get_ex(*document, "gate", &gate);
		rc = gate_limits_read(&o->request.limits, gate, e);
	}
	if (rc == -1)
		err_prefix(e, "%s", o->config_path);
	free(bytes);
	return rc;
}

static int
keep(const struct options *o, const struct buf *verdict, struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX];

	if (generation_verdict_path(
		path, o->request.data_dir, o->request.tenant, o->request.candidate, e) == -1)
		return -1;
	snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
	if (file_make_dirs(dir, 0755, e) == -1)
		return -1;
	return file_replace(path, verdict->data, verdict->len, 0640, e);
}

static void
print(const struct options *o, const struct gate_report *r, const struct buf *verdict)
{
	if (o->json)
		printf("%s", verdict->data);
	else
		printf("%s %s: %s%s%s\n", r->tenant, r->candidate, verdict_name(r->verdict),
		    r->reasons > 0 ? ": " : "", gate_reason(r));
}

static int
probe(struct options *o, struct err *e)
{
	char current[GENERATION_NAME_BYTES];
	struct gate_report report;
	struct json_object *document = NULL;
	struct buf verdict;
	int rc = -1;

	buf_init(&verdict, VERDICT_BYTES_MAX);
	if (tenant_name_check(o->request.tenant, strlen(o->request.tenant), e) == -1 ||
	    generation_name_check(o->request.candidate, e) == -1 ||
	    read_document(o, &document, e) == -1)
		goto out;
	find_current(o, current);
	if (gate_run(&o->request, &report, e) == -1)
		goto out;
	report.at_s = (int64_t)time(NULL);
	gate_report_write(&report, &verdict);
	buf_addc(&verdict, '\n');
	if (buf_check(&verdict, "verdict", e) == -1 || keep(o, &verdict, e) == -1)
		goto out;
	print(o, &report, &verdict);
	rc = fflush(stdout) == 0 ? 0 : err_sys(e, ERR_IO, "standard output");
out:
	buf_fini(&verdict);
	json_object_put(document);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = {.request.limits = {.queries = 20,
				.max_shrink = SHRINK_PERCENT_DEFAULT,
				.min_overlap = 50,
				.min_recall = 95,
				.max_slowdown = 50}};
	struct err e;

	log_init("probe", LOG_INFO);
	read_options(&o, argc, argv);
	limit_myself();
	if (probe(&o, &e) == 0)
		return 0;
	if (o.json)
		last_line_error(&e);
	log_error("tenant=%s code=%s %s", o.request.tenant, err_row(e.code)->slug, e.text);
	return err_row(e.code)->exit_code;
}
