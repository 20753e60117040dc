/* ragpool-objects.c - the program that publishes generations to an object store and fetches
 * them from it (objects.h). */
#include <curl/curl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "clk.h"
#include "conf.h"
#include "config.h"
#include "generation.h"
#include "json.h"
#include "last_line.h"
#include "log.h"
#include "objects.h"
#include "s3.h"
#include "tenant.h"

enum { EXIT_USAGE = 64, PINS_MAX = 64, KEEP_DEFAULT = 3 };

static const char usage[] =
    "usage: ragpool-objects publish --config FILE --tenant NAME --generation GEN [options]\n"
    "       ragpool-objects fetch   --config FILE --tenant NAME --generation GEN [options]\n"
    "       ragpool-objects verify  --config FILE --tenant NAME --generation GEN [options]\n"
    "       ragpool-objects list    --config FILE --tenant NAME [options]\n"
    "       ragpool-objects gc      --config FILE --tenant NAME [options]\n"
    "\n"
    "Sealed generations to and from the object store that ragpool.conf names.  Everything is\n"
    "named by its content and verified: a publication that was cut off is invisible and goes\n"
    "on when it is run again, and so does a fetch.  The last line of standard output is one\n"
    "JSON object.\n"
    "\n"
    "  -c, --config FILE     ragpool.conf\n"
    "  -s, --store NAME      the section [object_store NAME]; needed if there are several\n"
    "  -d, --data DIR        the data folder; by default data_dir of the file\n"
    "  -t, --tenant NAME     the tenant\n"
    "  -g, --generation GEN  the generation\n"
    "      --cold            publish: this host keeps it in the store alone from now on, and no gc\n"
    "                        removes it; fetch: not any more\n"
    "      --keep N          gc: the newest N stay (3)\n"
    "      --pin GEN         gc: this one stays, too; may be given again\n"
    "      --grace SECONDS   gc: pieces younger than that stay (86400)\n"
    "  -h, --help            this text\n"
    "  -V, --version         the version\n"
    "\n"
    "Exit codes are those of sysexits.h; 66 means: the store has no such generation, 69: the\n"
    "store answered wrongly or not at all, 75: try again.\n";

struct options {
	const char *verb, *config_path, *store, *data_dir, *tenant, *generation;
	const char *pins[PINS_MAX + 1];
	size_t pin_count;
	bool is_cold;
	long keep, grace_s;
};

static void __attribute__((noreturn))
refuse(const char *what)
{
	fprintf(stderr, "ragpool-objects: %s\ntry: ragpool-objects --help\n", what);
	exit(EXIT_USAGE);
}

static long
number(const char *text, long min)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (text[0] == '\0' || *end != '\0' || value < min || value > 1000000000)
		refuse("a number is expected");
	return value;
}

typedef int mover(const struct objects *o, struct objects_report *report, struct err *e);

/* NULL: the verb is none about one generation. */
static mover *
mover_of(const char *verb)
{
	static const struct {
		const char *verb;
		mover *by;
	} t[] = {{"publish", objects_publish}, {"fetch", objects_fetch},
	    {"verify", objects_verify}};

	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (strcmp(t[i].verb, verb) == 0)
			return t[i].by;
	return NULL;
}

static void
take_option(struct options *o, int c)
{
	enum { KEEP = 256, PIN, GRACE, COLD };

	switch (c) {
	case 'c':
		o->config_path = optarg;
		break;
	case 's':
		o->store = optarg;
		break;
	case 'd':
		o->data_dir = optarg;
		break;
	case 't':
		o->tenant = optarg;
		break;
	case 'g':
		o->generation = optarg;
		break;
	case KEEP:
		o->keep = number(optarg, 1);
		break;
	case PIN:
		if (o->pin_count == PINS_MAX)
			refuse("too many --pin");
		o->pins[o->pin_count++] = optarg;
		break;
	case GRACE:
		o->grace_s = number(optarg, 0);
		break;
	case COLD:
		o->is_cold = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	case 'V':
		puts("ragpool-objects " PACKAGE_VERSION);
		exit(0);
	default:
		exit(EXIT_USAGE);
	}
}

static void
read_options(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"store", required_argument, NULL, 's'},
	    {"data", required_argument, NULL, 'd'},
	    {"tenant", required_argument, NULL, 't'},
	    {"generation", required_argument, NULL, 'g'},
	    {"keep", required_argument, NULL, 256},
	    {"pin", required_argument, NULL, 257},
	    {"grace", required_argument, NULL, 258},
	    {"cold", no_argument, NULL, 259},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	bool moves;
	int c;

	while ((c = getopt_long(argc, argv, "c:s:d:t:g:hV", options, NULL)) != -1)
		take_option(o, c);
	if (optind + 1 != argc)
		refuse("one of publish, fetch, verify, list and gc is expected");
	o->verb = argv[optind];
	moves = mover_of(o->verb) != NULL;
	if (!moves && strcmp(o->verb, "list") != 0 && strcmp(o->verb, "gc") != 0)
		refuse("one of publish, fetch, verify, list and gc is expected");
	if (o->config_path == NULL || o->tenant == NULL)
		refuse("--config and --tenant are needed");
	if (moves && o->generation == NULL)
		refuse("--generation is needed");
}

/* ---- the store ---- */

static int
find_store(const struct conf_object_store **out, const struct conf *c, const char *name,
    struct err *e)
{
	if (name == NULL && c->object_store_count == 1) {
		*out = &c->object_stores[0];
		return 0;
	}
	if (name == NULL)
		return err_set(e, ERR_CONFIG, c->object_store_count == 0
			? "%s has no [object_store NAME]"
			: "%s has several [object_store NAME]; choose one with --store", c->path);
	for (size_t i = 0; i < c->object_store_count; i++)
		if (strcmp(c->object_stores[i].name, name) == 0) {
			*out = &c->object_stores[i];
			return 0;
		}
	return err_set(e, ERR_CONFIG, "%s has no [object_store %.64s]", c->path, name);
}

static int
open_store(struct object_store **out, const struct conf_object_store *c, struct err *e)
{
	struct s3_options s3 = {.endpoint = c->endpoint, .region = c->region, .bucket = c->bucket,
	    .addressing = (enum s3_addressing)c->addressing,
	    .credentials_file = c->credentials_file, .profile = c->credentials,
	    .instance_metadata = c->instance_metadata};
	int rc;

	if (c->type == OBJECT_STORE_DIRECTORY) {
		rc = object_store_directory(out, c->path, e);
	} else {
		http_options_default(&s3.http);
		s3.http.any_address = true;	/* the operator chose it */
		snprintf(s3.http.ca_file, sizeof s3.http.ca_file, "%s", c->ca_file);
		rc = object_store_s3(out, &s3, e);
	}
	if (rc == -1)
		err_prefix(e, "[object_store %s]", c->name);
	return rc;
}

/* ---- verbs ---- */

/* A mark that stays too long keeps a generation too long; one that is missing loses it. */
static int
mark_cold(const struct objects *o, mover *by, const char *host, struct err *e)
{
	struct err why;

	if (by == objects_publish)
		return objects_mark_cold(o, host, e);
	if (by == objects_fetch && objects_unmark_cold(o, host, &why) == -1)
		log_warn("tenant=%s: still held in the store: %s", o->tenant, why.text);
	return 0;
}

static int
move(const struct objects *o, mover *by, const char *cold_host, struct err *e)
{
	struct objects_report r;
	int64_t from = clk_ns();

	if (by(o, &r, e) == -1 ||
	    (cold_host[0] != '\0' && mark_cold(o, by, cold_host, e) == -1))
		return -1;
	printf("{\"generation\": \"%s\", \"existed\": %s, \"bytes\": %" PRIu64
	       ", \"moved_bytes\": %" PRIu64 ", \"pieces\": %" PRIu64 ", \"moved_pieces\": %" PRIu64
	       ", \"seconds\": %.3f}\n",
	    o->generation, r.existed ? "true" : "false", r.bytes, r.moved_bytes, r.pieces,
	    r.moved_pieces, (double)(clk_ns() - from) / 1e9);
	return 0;
}

static int
add_generation(void *context, const char *generation, int64_t modified, struct err *e)
{
	struct buf *b = context;

	buf_addf(b, "%s{\"generation\": \"%s\", \"modified\": %" PRId64 "}", b->len > 0 ? ", " : "",
	    generation, modified);
	return buf_check(b, "a listing", e);
}

static int
list(const struct objects *o, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, 1 << 24);
	if ((rc = objects_list(o, add_generation, &b, e)) == 0)
		printf("{\"generations\": [%s]}\n", b.len > 0 ? b.data : "");
	buf_fini(&b);
	return rc;
}

static int
sweep(const struct objects *o, const struct options *opt, struct err *e)
{
	struct objects_gc gc = {.keep = (unsigned)opt->keep, .pins = opt->pins,
	    .grace_s = opt->grace_s, .now_s = (int64_t)time(NULL)};

	if (objects_gc(o, &gc, e) == -1)
		return -1;
	printf("{\"removed_generations\": %" PRIu64 ", \"removed_pieces\": %" PRIu64
	       ", \"kept_pieces\": %" PRIu64 ", \"cold_generations\": %" PRIu64 "}\n",
	    gc.removed_generations, gc.removed_pieces, gc.kept_pieces, gc.cold_generations);
	return 0;
}

static int
run_verb(const struct options *opt, const struct conf *conf, const struct objects *o,
    struct err *e)
{
	char host[OBJECTS_HOST_BYTES] = "";

	if (strcmp(opt->verb, "list") == 0)
		return list(o, e);
	if (strcmp(opt->verb, "gc") == 0)
		return sweep(o, opt, e);
	if (opt->is_cold)
		objects_host_name(host, conf->consul.host, o->data_dir);
	return move(o, mover_of(opt->verb), host, e);
}

static int
run(const struct options *opt, struct err *e)
{
	const struct conf_object_store *chosen = NULL;
	struct objects o = {.tenant = opt->tenant, .generation = opt->generation};
	struct object_store *store = NULL;
	struct conf conf = {0};
	struct buf errors;
	int rc = -1;

	if (tenant_name_check(opt->tenant, strlen(opt->tenant), e) == -1 ||
	    (opt->generation != NULL && generation_name_check(opt->generation, e) == -1))
		return -1;
	buf_init(&errors, CONF_ERRORS_MAX);
	if (conf_load(&conf, opt->config_path, &errors, e) == -1 ||
	    find_store(&chosen, &conf, opt->store, e) == -1 || open_store(&store, chosen, e) == -1)
		goto out;
	o.store = store;
	o.prefix = chosen->prefix;
	o.data_dir = opt->data_dir != NULL ? opt->data_dir : conf.global.data_dir;
	rc = run_verb(opt, &conf, &o, e);
	if (rc == 0 && fflush(stdout) != 0)
		rc = err_sys(e, ERR_IO, "standard output");
out:
	object_store_close(store);
	conf_fini(&conf);
	buf_fini(&errors);
	return rc;
}

int
main(int argc, char **argv)
{
	struct options o = {.keep = KEEP_DEFAULT, .grace_s = OBJECTS_GRACE_S};
	struct err e;

	log_init("objects", LOG_INFO);
	read_options(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (run(&o, &e) == 0)
		return 0;
	last_line_error(&e);
	log_error("tenant=%s code=%s %s", o.tenant, err_row(e.code)->slug, e.text);
	return err_row(e.code)->exit_code;
}
