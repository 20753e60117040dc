/* ragpool-build.c - the builder program: one tenant, one build, then it leaves. */
#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bounds.h"
#include "build.h"
#include "buf.h"
#include "clk.h"
#include "conf.h"
#include "crew.h"
#include "config.h"
#include "demand.h"
#include "failpoint.h"
#include "file.h"
#include "gateway_service.h"
#include "generation.h"
#include "json.h"
#include "last_line.h"
#include "log.h"
#include "progress.h"
#include "rest.h"
#include "shrink.h"
#include "source_kinds.h"
#include "tenant.h"
#include "tenant_doc.h"

enum { EXIT_USAGE = 64 };

static const char usage[] =
    "usage: ragpool-build --data DIR --tenant NAME --config FILE [options]\n"
    "\n"
    "Builds a sealed generation of the tenant from the source its document names, and\n"
    "makes it the tenant's current one.  Documents that did not change since the last\n"
    "build are neither read nor chunked again; a document that cannot be read is named\n"
    "and left out.  The generation that serves is never touched.\n"
    "\n"
    "  -d, --data DIR      the data folder\n"
    "  -t, --tenant NAME   the tenant\n"
    "  -c, --config FILE   the tenant's document, JSON\n"
    "      --pool FILE     ragpool.conf, for what a document may name: paths, networks,\n"
    "                      credentials; without it everything may be named\n"
    "      --json          the last line of standard output is one JSON object\n"
    "      --progress      a line of JSON now and then: the step, what is done of what, how fast,\n"
    "                      how much longer\n"
    "      --list-failpoints   where RAGPOOL_FAILPOINT=name[:N][=hang] ends it, for tests\n"
    "      --no-publish    leave the pointer `current` as it is\n"
    "      --threads N     threads that compute (build_threads of the pool); 0: one a processor\n"
    "      --full          do not grow from the current generation\n"
    "      --dry-run       say what a build would do and embed, and change nothing\n"
    "      --gateway SOCKET  where models are reached (or RAGPOOL_GATEWAY)\n"
    "      --allow-shrink  accept a source that lists far fewer documents than before\n"
    "  -q, --quiet         say nothing about single documents\n"
    "  -h, --help          this text\n"
    "  -V, --version       the version\n"
    "\n"
    "Exit codes are those of sysexits.h; 75 means: try again, another build runs.\n";

struct options {
	const char *data_dir, *tenant, *config_path, *pool_path;
	int threads;		/* -1: as the pool says */
	bool json, publish, allow_shrink, full, quiet, dry_run, progress;
};

static void
refuse(const char *what)
{
	fprintf(stderr, "ragpool-build: %s\ntry: ragpool-build --help\n", what);
	exit(EXIT_USAGE);
}

static void
list_failpoints(void)
{
	for (unsigned i = 0; failpoint_name(i) != NULL; i++)
		puts(failpoint_name(i));
}

static int
threads_of(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n > CREW_MAX)
		refuse("--threads takes a number from 0 to 64");
	return (int)n;
}

enum { JSON = 256, POOL_FILE, NO_PUBLISH, ALLOW_SHRINK, FULL, DRY_RUN, GATEWAY, PROGRESS,
	FAILPOINT_LIST, THREADS };

static void
take_option(struct options *o, int c)
{
	switch (c) {
	case 'd':
		o->data_dir = optarg;
		break;
	case 't':
		o->tenant = optarg;
		break;
	case 'c':
		o->config_path = optarg;
		break;
	case 'q':
		o->quiet = true;
		break;
	case POOL_FILE:
		o->pool_path = optarg;
		break;
	case JSON:
		o->json = true;
		break;
	case PROGRESS:
		o->progress = true;
		break;
	case FAILPOINT_LIST:
		list_failpoints();
		exit(0);
	case NO_PUBLISH:
		o->publish = false;
		break;
	case THREADS:
		o->threads = threads_of(optarg);
		break;
	case ALLOW_SHRINK:
		o->allow_shrink = true;
		break;
	case DRY_RUN:
		o->dry_run = true;
		break;
	case GATEWAY:
		setenv("RAGPOOL_GATEWAY", optarg, 1);
		break;
	case FULL:
		o->full = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	case 'V':
		puts("ragpool-build " PACKAGE_VERSION);
		exit(0);
	default:
		exit(EXIT_USAGE);
	}
}

static void
read_options(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
	    {"data", required_argument, NULL, 'd'},
	    {"tenant", required_argument, NULL, 't'},
	    {"config", required_argument, NULL, 'c'},
	    {"pool", required_argument, NULL, POOL_FILE},
	    {"json", no_argument, NULL, JSON},
	    {"progress", no_argument, NULL, PROGRESS},
	    {"list-failpoints", no_argument, NULL, FAILPOINT_LIST},
	    {"no-publish", no_argument, NULL, NO_PUBLISH},
	    {"allow-shrink", no_argument, NULL, ALLOW_SHRINK},
	    {"threads", required_argument, NULL, THREADS},
	    {"full", no_argument, NULL, FULL},
	    {"dry-run", no_argument, NULL, DRY_RUN},
	    {"gateway", required_argument, NULL, GATEWAY},
	    {"quiet", no_argument, NULL, 'q'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "d:t:c:qhV", options, NULL)) != -1)
		take_option(o, c);
	if (optind < argc)
		refuse("it takes no arguments besides its options");
	if (o->data_dir == NULL || o->tenant == NULL || o->config_path == NULL)
		refuse("--data, --tenant and --config are needed");
}

static int
read_document(struct tenant_doc *d, const char *path, struct err *e)
{
	char *bytes;
	size_t n;
	int rc;

	if (file_read(&bytes, &n, path, TENANT_CONFIG_MAX, e) == -1)
		return -1;
	if ((rc = tenant_doc_parse(d, bytes, n, e)) == -1)
		err_prefix(e, "%s", path);
	free(bytes);
	return rc;
}

/* How many chunks have a vector that this build made, the others having theirs from before: of a
 * model elsewhere equal passages are paid for once, and the built-in embedder makes one a row. */
static uint64_t
chunks_embedded(const struct build_report *b)
{
	if (b->existed)
		return 0;
	if (b->embedded + b->kept > 0)
		return b->embedded < b->chunks ? b->embedded : b->chunks;
	return b->chunks - b->reused_rows;
}

static void
print_json(const struct build_report *b, const struct progress *p, double seconds)
{
	struct rusage used = {0};
	bool first = true;
	uint64_t embedded = chunks_embedded(b);

	printf("{\"generation\": \"%s\", \"unchanged\": %s, \"documents\": %llu, \"chunks\": %llu, ",
	    b->generation, b->existed ? "true" : "false", (unsigned long long)b->documents,
	    (unsigned long long)b->chunks);
	printf("\"embedded\": %llu, \"reused\": %llu, \"dim\": %u, ", (unsigned long long)embedded,
	    (unsigned long long)(b->chunks - embedded), b->dim);
	printf("\"documents_read\": %llu, \"documents_kept\": %llu, \"refused\": %llu, \"removed\": %llu, ",
	    (unsigned long long)(b->added + b->changed), (unsigned long long)b->unchanged,
	    (unsigned long long)b->refused, (unsigned long long)b->removed);
	printf("\"passages_embedded\": %llu, \"passages_kept\": %llu, \"requests\": %llu, ",
	    (unsigned long long)b->embedded, (unsigned long long)b->kept,
	    (unsigned long long)b->requests);
	printf("\"jobs\": %llu, \"rejected\": %llu, \"asked_removals\": %llu, ",
	    (unsigned long long)b->jobs, (unsigned long long)b->rejected,
	    (unsigned long long)b->asked_removals);
	if (b->set_aside[0] != '\0')
		printf("\"damaged_source_db\": \"%s\", ", b->set_aside);
	printf("\"base\": \"%s\", \"full\": %s, \"reused_rows\": %llu, ",
	    b->base, b->base[0] == '\0' ? "true" : "false", (unsigned long long)b->reused_rows);
	getrusage(RUSAGE_SELF, &used);
	printf("\"peak_mib\": %ld, \"steps\": {", used.ru_maxrss / 1024);
	for (int i = 0; i < BUILD_STEP_MAX; i++, first = false)
		printf("%s\"%s\": %.3f", first ? "" : ", ", build_step_name((enum build_step)i),
		    p->seconds[i]);
	printf("}, \"seconds\": %.3f}\n", seconds);
}

static void
print_plain(const char *tenant, const struct build_report *b, double seconds)
{
	printf("%s: generation %s%s, %llu documents, %llu chunks, %llu refused, %.2f s\n", tenant,
	    b->generation, b->existed ? " (unchanged)" : "", (unsigned long long)b->documents,
	    (unsigned long long)b->chunks, (unsigned long long)b->refused, seconds);
}

static void
say_refused(void *context, const char *key, const char *why)
{
	(void)context;
	log_warn("left out %s: %s", key, why);
}

static void
say_damaged(void *context, const char *name, const char *what)
{
	const struct options *o = context;

	log_warn("tenant=%s source.db is damaged (%s): kept as tenants/%s/%s, made anew from the source",
	    o->tenant, what, o->tenant, name);
}

/* Beside a pool one processor is left to those who serve. */
static void
choose_threads(const struct options *o, const struct conf *pool)
{
	crew_set_size(o->threads >= 0 ? (unsigned)o->threads : (unsigned)pool->global.build_threads);
	if (o->threads < 0 && o->pool_path != NULL && pool->global.build_threads == 0 &&
	    crew_size() > 1)
		crew_set_size(crew_size() - 1);
}

/* A build that gives way to nobody is still a build. */
static void
rest_beside(const struct options *o)
{
	struct err e;

	if (o->pool_path == NULL)
		return;
	demand_begin();
	if (rest_begin(&e) == -1)
		log_warn("tenant=%s questions may wait for this build: %s", o->tenant, e.text);
}

/* The source as the tenant's document and the operator want it. */
static int
open_source(struct source **out, const struct options *o, const struct tenant_doc *doc,
    struct conf *conf, struct err *e)
{
	struct source_world w = {.data_dir = o->data_dir, .tenant = o->tenant};
	struct buf errors;
	int rc = 0;

	buf_init(&errors, CONF_ERRORS_MAX);
	if (o->pool_path != NULL)
		rc = conf_load(conf, o->pool_path, &errors, e);
	buf_fini(&errors);
	if (rc == -1 || source_world_init(&w, o->pool_path != NULL ? conf : NULL, e) == -1)
		return -1;
	if (source_kinds_open(out, doc->source, &w, e) == 0)
		return 0;
	err_prefix(e, "data_source");
	return -1;
}

/* The gateway, where the document names a model that it reaches. */
struct models {
	struct gateway_client *client;
	struct gateway_service gateway;
	struct embed_about about;
};

static int
open_models(struct models *m, struct build_config *c, struct err *e)
{
	if (!build_embeds_elsewhere(c))
		return 0;
	if (gateway_open(&m->client, gateway_socket(), e) == -1)
		return -1;
	gateway_service_init(&m->gateway, m->client, 0);
	if (gateway_describe(m->client, c->embedding_model, &m->about, e) == -1)
		return -1;
	c->embedding_identity = m->about.identity;
	return 0;
}

static void
print_rehearsal(const struct options *o, const struct build_report *b)
{
	printf(o->json ? "{\"dry_run\": true, \"documents\": %llu, \"chunks\": %llu, "
			 "\"to_read\": %llu, \"removed\": %llu, \"refused\": %llu, "
		       : "%llu documents with %llu chunks; %llu read anew, %llu removed, %llu refused\n",
	    (unsigned long long)b->documents, (unsigned long long)b->chunks,
	    (unsigned long long)(b->added + b->changed), (unsigned long long)b->removed,
	    (unsigned long long)b->refused);
	printf(o->json ? "\"to_embed\": %llu, \"kept\": %llu, \"tokens\": %llu, \"requests\": %llu}\n"
		       : "to embed: %llu passages (%llu are kept), about %llu tokens in %llu requests\n",
	    (unsigned long long)b->embedded, (unsigned long long)b->kept,
	    (unsigned long long)b->tokens, (unsigned long long)b->requests);
}

/* As the tenant says, else as the pool does, which is what the gate will ask. */
static unsigned
max_shrink(const struct options *o, const struct tenant_doc *doc, const struct conf *pool)
{
	if (o->allow_shrink)
		return 100;
	if (doc->max_shrink != TENANT_DOC_AS_THE_POOL)
		return doc->max_shrink;
	return o->pool_path != NULL ? (unsigned)pool->global.max_shrink : SHRINK_PERCENT_DEFAULT;
}

static int
build(const struct options *o, struct err *e)
{
	struct tenant_doc doc;
	struct build_request request;
	struct build_report report;
	struct source *source = NULL;
	struct progress progress = {.is_told = o->progress, .data_dir = o->data_dir, .tenant = o->tenant};
	struct conf conf = {0};
	struct models models = {0};
	int64_t from = clk_ns();
	double seconds;
	int rc = -1;

	if (tenant_name_check(o->tenant, strlen(o->tenant), e) == -1 ||
	    read_document(&doc, o->config_path, e) == -1)
		return -1;
	if (open_source(&source, o, &doc, &conf, e) == -1)
		goto out;
	choose_threads(o, &conf);
	rest_beside(o);
	if (open_models(&models, &doc.config, e) == -1)
		goto out;
	request = (struct build_request){
	    .service = models.client != NULL ? &models.gateway.service : NULL,
	    .about = models.client != NULL ? &models.about : NULL,
	    .data_dir = o->data_dir,
	    .tenant = o->tenant,
	    .config = &doc.config,
	    .source = source,
	    .max_shrink = max_shrink(o, &doc, &conf),
	    .full = o->full,
	    .refused = o->quiet ? NULL : say_refused,
	    .damaged = say_damaged,
	    .damaged_context = (void *)(uintptr_t)o,
	    .progress = progress_note,
	    .progress_context = &progress,
	};
	if (o->dry_run) {
		if ((rc = build_rehearse(&request, &report, e)) == 0)
			print_rehearsal(o, &report);
		goto out;
	}
	if (build_run(&request, &report, e) == -1)
		goto out;
	failpoint(FAIL_POINTER);
	if (o->publish &&
		generation_set_current(o->data_dir, o->tenant, report.generation, e) == -1)
		goto out;
	seconds = (double)(clk_ns() - from) / 1e9;
	progress_end(&progress, clk_ms());
	if (o->json)
		print_json(&report, &progress, seconds);
	else
		print_plain(o->tenant, &report, seconds);
	rc = fflush(stdout) == 0 ? 0 : err_sys(e, ERR_IO, "standard output");
out:
	if (o->progress)
		progress_remove(o->data_dir, o->tenant);
	gateway_close(models.client);
	source_close(source);
	conf_fini(&conf);
	tenant_doc_fini(&doc);
	return rc;
}

/* What is the matter with the disk, and what helps. */
static void
advise_room(const char *data_dir, struct err *e)
{
	struct statvfs fs;
	size_t used = strlen(e->text);

	if (e->code != ERR_STORAGE || statvfs(data_dir, &fs) == -1)
		return;
	snprintf(e->text + used, sizeof e->text - used,
	    "; %llu MiB are free on the disk of %.100s: make room there, the next try goes on",
	    (unsigned long long)fs.f_bavail * fs.f_frsize >> 20, data_dir);
}

int
main(int argc, char **argv)
{
	struct options o = {.publish = true, .threads = -1};
	struct err e;

	log_init("build", LOG_INFO);
	read_options(&o, argc, argv);
	signal(SIGPIPE, SIG_IGN);	/* of children and servers that left: an error like others */
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (build(&o, &e) == 0)
		return 0;
	advise_room(o.data_dir, &e);
	if (o.json)
		last_line_error(&e);
	log_error("tenant=%s code=%s %s", o.tenant, err_row(e.code)->slug, e.text);
	return err_row(e.code)->exit_code;
}
