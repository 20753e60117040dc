/* worker_options.c - what a worker is told. */
#include "worker_options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "config.h"
#include "gateway_client.h"
#include "log.h"
#include "route.h"

enum { HOUR_MS = 3600000, FIRST_LONG = 256, HELP_COLUMN = 32 };

/* What is done instead of keeping a value; as worker_options_read(). */
typedef int take_fn(struct worker_options *o, const char *text, struct err *e);

enum kind { TEXT, NUMBER, CHOICE, RATE, FLAG, ACTION };

struct row {
	const char *name;
	const char *argument;		/* as --help shows it; NULL: it takes none */
	enum kind kind;
	size_t at, width;		/* of the member of worker_options */
	unsigned long long least, most;	/* of a NUMBER */
	take_fn *take;			/* of an ACTION */
	const char *help;		/* lines */
};

#define MEMBER(m) offsetof(struct worker_options, m), sizeof(((struct worker_options *)NULL)->m)
#define ROW_TEXT(name, m, argument, help) {name, argument, TEXT, MEMBER(m), 0, 0, NULL, help}
#define ROW_NUMBER(name, m, argument, least, most, help) \
	{name, argument, NUMBER, MEMBER(m), least, most, NULL, help}
/* argument "no|yes": the first is false. */
#define ROW_CHOICE(name, m, argument, help) {name, argument, CHOICE, MEMBER(m), 0, 0, NULL, help}
#define ROW_RATE(name, m, help) {name, "N/S", RATE, MEMBER(m), 0, 0, NULL, help}
#define ROW_FLAG(name, m, help) {name, NULL, FLAG, MEMBER(m), 0, 0, NULL, help}
#define ROW_ACTION(name, argument, take, help) {name, argument, ACTION, 0, 0, 0, 0, take, help}

static take_fn set_level, set_file, print_routes, print_help, print_version;

static const struct row rows[] = {
    ROW_TEXT("data", data_dir, "DIR", "the data folder (or RAGPOOL_DATA)"),
    ROW_NUMBER("max-requests", max_requests, "N", 0, UINT64_MAX / 2,
	"leave after N requests, 0 = never (default 0)"),
    ROW_NUMBER("max-body", max_body, "BYTES", 1, REQUEST_BODY_MAX,
	"the largest body that is read (default 1048576)"),
    ROW_NUMBER("top-k-max", top_k_max, "N", 1, TOP_K_MAX,
	"the largest top_k allowed (default 1000)"),
    ROW_CHOICE("auth", auth.is_off, "keys|off",
	"who may ask: holders of keys in DIR, or everyone\n"
	"(default off, for a web server on loopback)"),
    ROW_TEXT("jwt-keys", auth.jwt_keys, "FILE",
	"a JWK set: tokens it signed count as keys"),
    ROW_TEXT("jwt-audience", auth.jwt_audience, "NAME", "what their \"aud\" must say"),
    ROW_TEXT("jwt-issuer", auth.jwt_issuer, "NAME",
	"what their \"iss\" must say (default: anything)"),
    ROW_RATE("rate-per-key", quota.key,
	"at most N requests in S seconds with one key,\n"
	"0/1 for no limit; counted by all workers together"),
    ROW_RATE("rate-per-route", quota.route, "on one route with one key"),
    ROW_RATE("rate-per-tenant", quota.tenant, "to one tenant"),
    ROW_FLAG("fair-share", quota.fair,
	"while workers are scarce, no tenant gets more\n"
	"than its share"),
    ROW_TEXT("cors-origins", cors_origins, "LIST",
	"web pages that may ask, separated by spaces\n"
	"(default none)"),
    ROW_NUMBER("result-cache", result_cache, "BYTES", 0, 1ull << 30,
	"memory for answers given lately (default 0, none)"),
    ROW_TEXT("gateway", gateway, "SOCKET",
	"where models are reached (or RAGPOOL_GATEWAY)"),
    ROW_TEXT("control", control, "SOCKET",
	"of the supervisor, which keeps documents of tenants"),
    ROW_NUMBER("embedding-timeout", embedding_ms, "MS", 1, HOUR_MS / 6,
	"how long a query waits for its vector (default 5000)"),
    ROW_CHOICE("without-embedding", needs_vectors, "words|error",
	"answer by words alone, or not (default words)"),
    ROW_NUMBER("upload-max", intake.upload_max, "BYTES", 1, DOCUMENT_BYTES_MAX,
	"the largest body of a request that sends documents\n"
	"(default 32 MiB)"),
    ROW_NUMBER("inbox-bytes", intake.waits.bytes, "N", 0, UINT64_MAX / 2,
	"what may wait in one tenant's inbox"),
    ROW_NUMBER("inbox-requests", intake.waits.entries, "N", 0, UINT64_MAX / 2, "and how many"),
    ROW_NUMBER("files-bytes", intake.files.bytes, "N", 0, UINT64_MAX / 2,
	"what uploaded files of one key may take"),
    ROW_NUMBER("files-max", intake.files.files, "N", 0, UINT64_MAX / 2, "and how many"),
    ROW_TEXT("answer-model", answers.model, "NAME",
	"who writes answers (default: nobody, they are\n"
	"passages)"),
    ROW_TEXT("answer-prompt", answers.prompt, "FILE", "the prompt"),
    ROW_TEXT("answer-prompts", answers.prompts_dir, "DIR", "those of tenants, TENANT.txt"),
    ROW_NUMBER("answer-timeout", answers.timeout_ms, "MS", 1, HOUR_MS,
	"how long an answer may take (default 25000)"),
    ROW_NUMBER("stream-keepalive", answers.keepalive_ms, "MS", 1, HOUR_MS,
	"how often a silent stream says that it is there\n"
	"(default 200)"),
    ROW_NUMBER("answer-context", answers.context_tokens, "N", 1, 1000000,
	"tokens it is made from (default 3000)"),
    ROW_NUMBER("answer-tokens", answers.max_tokens, "N", 1, 1000000,
	"tokens it may have (default 1024)"),
    ROW_NUMBER("slow-after", slow_ms, "MS", 0, HOUR_MS,
	"a line in the slow log for a request that takes\n"
	"longer (default 0: never)"),
    ROW_TEXT("slowlog", slowlog, "FILE", "where such lines go (default: the log)"),
    ROW_CHOICE("confine", is_confined, "no|yes",
	"give up network, programs and write access\n"
	"(default yes)"),
    ROW_ACTION("log-level", "LEVEL", set_level, "error, warn, info or debug (default info)"),
    ROW_ACTION("log-file", "FILE", set_file,
	"append to it, not to standard error; USR1 opens it\n"
	"anew"),
    ROW_ACTION("routes", NULL, print_routes,
	"print every route: method, path, role, most bytes\n"
	"of a body"),
    ROW_ACTION("help", NULL, print_help, "this text"),
    ROW_ACTION("version", NULL, print_version, "the version"),
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* ---- what happens for some ---- */

static int
set_level(struct worker_options *o, const char *text, struct err *e)
{
	(void)o;
	if (log_level_of(text) == -1)
		return err_set(e, ERR_USAGE, "--log-level takes error, warn, info or debug");
	log_set_level((enum log_level)log_level_of(text));
	return 0;
}

static int
set_file(struct worker_options *o, const char *text, struct err *e)
{
	o->log_file = text;
	return log_to_file(text, e);
}

static int
is_printed(struct err *e)
{
	return fflush(stdout) == 0 ? 1 : err_sys(e, ERR_IO, "standard output");
}

static int
print_routes(struct worker_options *o, const char *text, struct err *e)
{
	(void)o;
	(void)text;
	route_print(stdout);
	return is_printed(e);
}

static int
print_help(struct worker_options *o, const char *text, struct err *e)
{
	(void)o;
	(void)text;
	worker_options_help(stdout);
	return is_printed(e);
}

static int
print_version(struct worker_options *o, const char *text, struct err *e)
{
	(void)o;
	(void)text;
	puts("ragpool-worker " PACKAGE_VERSION);
	return is_printed(e);
}

/* ---- values ---- */

static int
take_number(const struct row *r, void *member, const char *text, struct err *e)
{
	unsigned long long n;
	char *end;

	/* strtoull() takes signs and spaces too; of what is too large it makes ULLONG_MAX. */
	n = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < r->least || n > r->most)
		return err_set(e, ERR_USAGE, "--%s takes a whole number from %llu to %llu", r->name,
		    r->least, r->most);
	if (r->width == sizeof(uint64_t))
		*(uint64_t *)member = n;
	else
		*(unsigned *)member = (unsigned)n;
	return 0;
}

static int
take_choice(const struct row *r, bool *member, const char *text, struct err *e)
{
	size_t first = strcspn(r->argument, "|");

	*member = strcmp(text, r->argument + first + 1) == 0;
	if (!*member && (strlen(text) != first || strncmp(text, r->argument, first) != 0))
		return err_set(e, ERR_USAGE, "--%s takes %s", r->name, r->argument);
	return 0;
}

static int
take_value(const struct row *r, struct worker_options *o, const char *text, struct err *e)
{
	void *member = (char *)o + r->at;

	switch (r->kind) {
	case TEXT:
		*(const char **)member = text;
		return 0;
	case NUMBER:
		return take_number(r, member, text, e);
	case CHOICE:
		return take_choice(r, member, text, e);
	case RATE:
		if (quota_read_rule(member, text))
			return 0;
		return err_set(
		    e, ERR_USAGE, "--%s takes REQUESTS/SECONDS, such as 100/60", r->name);
	case FLAG:
		*(bool *)member = true;
		return 0;
	case ACTION:
		return r->take(o, text, e);
	}
	return -1;
}

/* ---- the command line ---- */

/* "d:hV" and the long ones, each with its row's number behind FIRST_LONG. */
static const struct row *
row_of(int c)
{
	const char *name = c == 'd' ? "data" : c == 'h' ? "help" : c == 'V' ? "version" : NULL;

	if (name == NULL)
		return c >= FIRST_LONG ? &rows[c - FIRST_LONG] : NULL;
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

int
worker_options_read(struct worker_options *o, int argc, char **argv, struct err *e)
{
	struct option longs[ROWS + 1] = {0};
	const struct row *r;
	int c, rc;

	for (int i = 0; i < ROWS; i++)
		longs[i] = (struct option){rows[i].name,
		    rows[i].argument != NULL ? required_argument : no_argument, NULL, FIRST_LONG + i};
	optind = 0;	/* begin anew, also within one process */
	while ((c = getopt_long(argc, argv, "d:hV", longs, NULL)) != -1) {
		if ((r = row_of(c)) == NULL)
			return err_set(e, ERR_USAGE, "an option is unknown, or lacks its value");
		if ((rc = take_value(r, o, optarg, e)) != 0)
			return rc;
	}
	if (optind < argc)
		return err_set(e, ERR_USAGE, "it takes no arguments besides its options");
	return 0;
}

void
worker_options_init(struct worker_options *o)
{
	*o = (struct worker_options){
	    .data_dir = getenv("RAGPOOL_DATA"), .top_k_max = TOP_K_MAX,
	    .max_body = 1 << 20, .gateway = gateway_socket(),
	    .embedding_ms = 5000, .cors_origins = "", .slowlog = "",
	    .answers = {.model = "", .prompt = "", .prompts_dir = "", .timeout_ms = 25000,
		.keepalive_ms = 200, .context_tokens = 3000, .max_tokens = 1024},
	    .log_file = "", .is_confined = true,
	    .intake = {{(uint64_t)1 << 30, 10000}, 32 << 20, {(uint64_t)1 << 30, 10000}},
	    .auth = {.is_off = true, .jwt_keys = "", .jwt_audience = "", .jwt_issuer = ""},
	    .listen_fd = -1, .board_fd = -1};
}

static const char head[] =
    "usage: ragpool-worker --data DIR [OPTION...]\n"
    "\n"
    "Answers questions about the tenants below DIR, as a FastCGI program: the listening\n"
    "socket is descriptor 0, or descriptor 3 by LISTEN_FDS.  ragpoold starts it; so do\n"
    "spawn-fcgi and mod_fcgid.  With CGI variables in the environment (REQUEST_METHOD,\n"
    "REQUEST_URI, ...) and no socket it answers that one request:\n"
    "\n"
    "  printf '{\"query\": \"rolling reload\"}' |\n"
    "    env REQUEST_METHOD=POST REQUEST_URI=/query/docs CONTENT_TYPE=application/json\\\n"
    "    CONTENT_LENGTH=27 ragpool-worker --data DIR\n"
    "\n";

static void
print_row(FILE *f, const struct row *r)
{
	static const char shorts[][2] = {"d", "h", "V"};
	const char *line = r->help, *end;
	const char *letter = NULL;
	int at;

	for (size_t i = 0; i < sizeof shorts / sizeof shorts[0]; i++)
		if (row_of(shorts[i][0]) == r)
			letter = shorts[i];
	at = letter != NULL ? fprintf(f, "  -%s, ", letter) : fprintf(f, "      ");
	at += fprintf(f, "--%s%s%s", r->name, r->argument != NULL ? " " : "",
	    r->argument != NULL ? r->argument : "");
	/* A name that is too long has its line for itself. */
	if (at > HELP_COLUMN - 2) {
		fputc('\n', f);
		at = 0;
	}
	for (;; line = end + 1, at = 0) {
		end = line + strcspn(line, "\n");
		fprintf(f, "%*s%.*s\n", HELP_COLUMN - at, "", (int)(end - line), line);
		if (*end == '\0')
			return;
	}
}

void
worker_options_help(FILE *f)
{
	fputs(head, f);
	for (size_t i = 0; i < ROWS; i++)
		print_row(f, &rows[i]);
}
