/* ragpool-worker.c - the worker program: where it listens, and what it inherits.
 *
 * The listening socket comes as descriptor 0 (the supervisor, spawn-fcgi, mod_fcgid) or
 * as descriptor 3 by systemd's LISTEN_FDS.  Started from a shell with CGI variables in
 * the environment it answers that one request.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"
#include "config.h"
#include "gateway_client.h"
#include "log.h"
#include "route.h"
#include "worker.h"

enum { EXIT_USAGE = 64, SYSTEMD_FIRST_FD = 3, SLOW_MS_MAX = 3600000,
	BODY_DEFAULT = 1 << 20 };

static const char usage[] =
    "usage: ragpool-worker --data DIR [--max-requests N] [--top-k-max N]\n"
    "\n"
    "Answers questions about the tenants below DIR, as a FastCGI program: the listening\n"
    "socket is descriptor 0, or descriptor 3 by LISTEN_FDS.  ragpoold starts it; so do\n"
    "spawn-fcgi and mod_fcgid.  With CGI variables in the environment (REQUEST_METHOD,\n"
    "REQUEST_URI, ...) and no socket it answers that one request:\n"
    "\n"
    "  printf '{\"query\": \"rolling reload\"}' |\n"
    "    env REQUEST_METHOD=POST REQUEST_URI=/query/docs CONTENT_TYPE=application/json\\\n"
    "    CONTENT_LENGTH=27 ragpool-worker --data DIR\n"
    "\n"
    "  -d, --data DIR          the data folder (or RAGPOOL_DATA)\n"
    "      --max-requests N    leave after N requests, 0 = never (default 0)\n"
    "      --max-body BYTES    the largest body that is read (default 1048576)\n"
    "      --top-k-max N       the largest top_k allowed (default 1000)\n"
    "      --auth keys|off     who may ask: holders of keys in DIR, or everyone (default off,\n"
    "                          for a web server that listens on loopback)\n"
    "      --jwt-keys FILE     a JWK set: tokens it signed count as keys\n"
    "      --jwt-audience NAME what their \"aud\" must say\n"
    "      --jwt-issuer NAME   what their \"iss\" must say (default: anything)\n"
    "      --rate-per-key N/S  at most N requests in S seconds with one key; with\n"
    "      --rate-per-route N/S, --rate-per-tenant N/S the same on one route with one\n"
    "                          key, and to one tenant (all counted by ragpoold's workers\n"
    "                          together, 0/1 for no limit)\n"
    "      --fair-share        while workers are scarce, no tenant gets more than its share\n"
    "      --cors-origins LIST web pages that may ask, separated by spaces (default none)\n"
    "      --result-cache N    bytes for answers given lately (default 0, none)\n"
    "      --gateway SOCKET    where models are reached (or RAGPOOL_GATEWAY)\n"
    "      --embedding-timeout MS  how long a query waits for its vector (default 5000)\n"
    "      --without-embedding words|error  answer by words alone, or not (default words)\n"
    "      --upload-max BYTES  the largest body of a request that sends documents (32 MiB)\n"
    "      --inbox-bytes N, --inbox-requests N   what may wait in one tenant's inbox\n"
    "      --answer-model NAME who writes answers (default: nobody, they are passages)\n"
    "      --answer-prompt FILE, --answer-prompts DIR  the prompt; those of tenants\n"
    "      --answer-timeout MS, --answer-context N, --answer-tokens N  how long an answer may\n"
    "                          take, tokens it is made from, tokens it may have\n"
    "      --slow-after MS     a line in the slow log for a request that takes longer (0: never)\n"
    "      --slowlog FILE      where such lines go (default: the log)\n"
    "      --confine yes|no    give up network, programs and write access (default yes)\n"
    "      --log-level LEVEL   error, warn, info or debug (default info)\n"
    "      --log-file FILE     append to it, not to standard error; USR1 opens it anew\n"
    "      --routes            print every route: method, path, role, most bytes of a body\n"
    "  -h, --help              this text\n"
    "  -V, --version           the version\n";

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

static bool
read_number(const char *text, unsigned long long max, unsigned long long *out)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	*out = strtoull(text, &end, 10);
	return *end == '\0' && *out <= max;
}

static void
refuse(const char *what)
{
	fprintf(stderr, "ragpool-worker: %s\ntry: ragpool-worker --help\n", what);
	exit(EXIT_USAGE);
}

static void
read_rule(struct meter_rule *rule, const char *text)
{
	if (!quota_read_rule(rule, text))
		refuse("a rate is REQUESTS/SECONDS, such as 100/60");
}

static void
read_options(struct worker_options *o, int argc, char **argv)
{
	enum { MAX_REQUESTS = 256, MAX_BODY, TOP_K, RESULT_CACHE, CORS, GATEWAY, EMBEDDING, WITHOUT, SLOW_AFTER, SLOWLOG, CONFINE, LOG_LEVEL, LOG_FILE,
		AUTH, ROUTES, JWT_KEYS, JWT_AUDIENCE, JWT_ISSUER, RATE_KEY, RATE_ROUTE, RATE_TENANT, FAIR };
	enum { ANSWER_MODEL = 1100, ANSWER_PROMPT, ANSWER_PROMPTS, ANSWER_TIMEOUT, ANSWER_CONTEXT,
		ANSWER_TOKENS };
	enum { INBOX_BYTES = 1000, INBOX_REQUESTS, UPLOAD_MAX };
	static const struct option options[] = {
	    {"data", required_argument, NULL, 'd'},
	    {"routes", no_argument, NULL, ROUTES},
	    {"max-requests", required_argument, NULL, MAX_REQUESTS},
	    {"max-body", required_argument, NULL, MAX_BODY},
	    {"top-k-max", required_argument, NULL, TOP_K},
	    {"confine", required_argument, NULL, CONFINE},
	    {"cors-origins", required_argument, NULL, CORS},
	    {"result-cache", required_argument, NULL, RESULT_CACHE},
	    {"gateway", required_argument, NULL, GATEWAY},
	    {"embedding-timeout", required_argument, NULL, EMBEDDING},
	    {"without-embedding", required_argument, NULL, WITHOUT},
	    {"answer-model", required_argument, NULL, ANSWER_MODEL},
	    {"answer-prompt", required_argument, NULL, ANSWER_PROMPT},
	    {"answer-prompts", required_argument, NULL, ANSWER_PROMPTS},
	    {"answer-timeout", required_argument, NULL, ANSWER_TIMEOUT},
	    {"answer-context", required_argument, NULL, ANSWER_CONTEXT},
	    {"answer-tokens", required_argument, NULL, ANSWER_TOKENS},
	    {"slow-after", required_argument, NULL, SLOW_AFTER},
	    {"slowlog", required_argument, NULL, SLOWLOG},
	    {"inbox-bytes", required_argument, NULL, INBOX_BYTES},
	    {"inbox-requests", required_argument, NULL, INBOX_REQUESTS},
	    {"upload-max", required_argument, NULL, UPLOAD_MAX},
	    {"auth", required_argument, NULL, AUTH},
	    {"jwt-keys", required_argument, NULL, JWT_KEYS},
	    {"jwt-audience", required_argument, NULL, JWT_AUDIENCE},
	    {"jwt-issuer", required_argument, NULL, JWT_ISSUER},
	    {"rate-per-key", required_argument, NULL, RATE_KEY},
	    {"rate-per-route", required_argument, NULL, RATE_ROUTE},
	    {"rate-per-tenant", required_argument, NULL, RATE_TENANT},
	    {"fair-share", no_argument, NULL, FAIR},
	    {"log-level", required_argument, NULL, LOG_LEVEL},
	    {"log-file", required_argument, NULL, LOG_FILE},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	unsigned long long n;
	struct err e;
	int c;

	while ((c = getopt_long(argc, argv, "d:hV", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			o->data_dir = optarg;
			break;
		case MAX_REQUESTS:
			if (!read_number(optarg, UINT64_MAX / 2, &n))
				refuse("--max-requests takes a whole number");
			o->max_requests = n;
			break;
		case MAX_BODY:
			if (!read_number(optarg, REQUEST_BODY_MAX, &n) || n == 0)
				refuse("--max-body takes a number of bytes, as many as are ever read");
			o->max_body = (size_t)n;
			break;
		case TOP_K:
			if (!read_number(optarg, TOP_K_MAX, &n) || n == 0)
				refuse("--top-k-max takes a number from 1 to 1000");
			o->top_k_max = (unsigned)n;
			break;
		case RESULT_CACHE:
			if (!read_number(optarg, 1ull << 30, &n))
				refuse("--result-cache takes bytes, at most 1 GiB");
			o->result_cache = (size_t)n;
			break;
		case CORS:
			o->cors_origins = optarg;
			break;
		case GATEWAY:
			o->gateway = optarg;
			break;
		case EMBEDDING:
			if (!read_number(optarg, 600000, &n) || n == 0)
				refuse("--embedding-timeout takes milliseconds");
			o->embedding_ms = (int64_t)n;
			break;
		case WITHOUT:
			if (strcmp(optarg, "words") != 0 && strcmp(optarg, "error") != 0)
				refuse("--without-embedding takes words or error");
			o->needs_vectors = strcmp(optarg, "error") == 0;
			break;
		case INBOX_BYTES:
			if (!read_number(optarg, UINT64_MAX / 2, &n))
				refuse("--inbox-bytes takes a whole number");
			o->intake.waits.bytes = n;
			break;
		case INBOX_REQUESTS:
			if (!read_number(optarg, UINT64_MAX / 2, &n))
				refuse("--inbox-requests takes a whole number");
			o->intake.waits.entries = n;
			break;
		case UPLOAD_MAX:
			if (!read_number(optarg, DOCUMENT_BYTES_MAX, &n) || n == 0)
				refuse("--upload-max takes a number of bytes");
			o->intake.upload_max = (size_t)n;
			break;
		case ANSWER_MODEL:
			o->answers.model = optarg;
			break;
		case ANSWER_PROMPT:
			o->answers.prompt = optarg;
			break;
		case ANSWER_PROMPTS:
			o->answers.prompts_dir = optarg;
			break;
		case ANSWER_TIMEOUT:
			if (!read_number(optarg, 3600000, &n) || n == 0)
				refuse("--answer-timeout takes milliseconds");
			o->answers.timeout_ms = (int64_t)n;
			break;
		case ANSWER_CONTEXT:
			if (!read_number(optarg, 1000000, &n) || n == 0)
				refuse("--answer-context takes a number of tokens");
			o->answers.context_tokens = (size_t)n;
			break;
		case ANSWER_TOKENS:
			if (!read_number(optarg, 1000000, &n) || n == 0)
				refuse("--answer-tokens takes a number of tokens");
			o->answers.max_tokens = (int64_t)n;
			break;
		case SLOW_AFTER:
			if (!read_number(optarg, SLOW_MS_MAX, &n))
				refuse("--slow-after takes milliseconds");
			o->slow_ms = (int64_t)n;
			break;
		case CONFINE:
			o->is_confined = strcmp(optarg, "no") != 0;
			if (o->is_confined && strcmp(optarg, "yes") != 0)
				refuse("--confine takes yes or no");
			break;
		case SLOWLOG:
			o->slowlog = optarg;
			break;
		case AUTH:
			if (strcmp(optarg, "keys") != 0 && strcmp(optarg, "off") != 0)
				refuse("--auth takes keys or off");
			o->auth.is_off = strcmp(optarg, "off") == 0;
			break;
		case JWT_KEYS:
			o->auth.jwt_keys = optarg;
			break;
		case JWT_AUDIENCE:
			o->auth.jwt_audience = optarg;
			break;
		case JWT_ISSUER:
			o->auth.jwt_issuer = optarg;
			break;
		case RATE_KEY:
			read_rule(&o->quota.key, optarg);
			break;
		case RATE_ROUTE:
			read_rule(&o->quota.route, optarg);
			break;
		case RATE_TENANT:
			read_rule(&o->quota.tenant, optarg);
			break;
		case FAIR:
			o->quota.fair = true;
			break;
		case LOG_LEVEL:
			if (log_level_of(optarg) == -1)
				refuse("--log-level takes error, warn, info or debug");
			log_set_level((enum log_level)log_level_of(optarg));
			break;
		case LOG_FILE:
			if (log_to_file(optarg, &e) == -1)
				refuse(e.text);
			o->log_file = optarg;
			break;
		case ROUTES:
			route_print(stdout);
			exit(fflush(stdout) == 0 ? 0 : 74);
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case 'V':
			puts("ragpool-worker " PACKAGE_VERSION);
			exit(0);
		default:
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc)
		refuse("it takes no arguments besides its options");
}

int
main(int argc, char **argv)
{
	struct worker_options o = {
	    .data_dir = getenv("RAGPOOL_DATA"), .top_k_max = TOP_K_MAX,
	    .max_body = BODY_DEFAULT, .gateway = gateway_socket(),
	    .embedding_ms = 5000, .cors_origins = "", .slowlog = "",
	    .answers = {.model = "", .prompt = "", .prompts_dir = "", .timeout_ms = 25000,
		.context_tokens = 3000, .max_tokens = 1024},
	    .log_file = "", .is_confined = true,
	    .intake = {{(uint64_t)1 << 30, 10000}, 32 << 20},
	    .auth = {.is_off = true, .jwt_keys = "", .jwt_audience = "", .jwt_issuer = ""},
	    .board_fd = -1};
	struct err e;
	int rc;

	log_init("worker", LOG_INFO);
	read_options(&o, argc, argv);
	if (o.data_dir == NULL || o.data_dir[0] == '\0')
		refuse("--data is missing");
	if (!read_board(&o))
		refuse("RAGPOOL_BOARD is not <fd>:<slot>:<fd>");
	o.listen_fd = find_listen_fd();
	if (o.listen_fd != -1) {
		rc = worker_run(&o, &e);
	} else if (getenv("REQUEST_METHOD") != NULL) {
		o.auth.is_by_hand = true;
		rc = worker_run_cgi(&o, &e);
	} else {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	if (rc == -1) {
		log_error("%s", e.text);
		return err_row(e.code)->exit_code;
	}
	return 0;
}
