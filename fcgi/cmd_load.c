/* cmd_load.c - ragpool load: questions at a constant rate, and a verdict. */
#include "cmd.h"

#include <ctype.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "file.h"
#include "load.h"
#include "tenant.h"

enum { HOST_BYTES = 256, PATH_BYTES = 1024, KEY_BYTES = 8192 };

/* What was said on the command line. */
struct said {
	struct load_options o;
	const char *topics, *key_file;
	double top_k, mean_ms, recall;
	bool json;
	char host[HOST_BYTES], port[8], path[PATH_BYTES], key[KEY_BYTES];
};

static volatile sig_atomic_t stopped;

static void
stop(int number)
{
	(void)number;
	stopped = 1;
}

/* ---- what was said ---- */

static bool
read_number(const char *text, double least, double most, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= least && *out <= most;
}

static bool
read_option(struct said *s, int c, const char *value)
{
	double n;

	switch (c) {
	case 'r':
		return read_number(value, 0.01, 1000000, &s->o.rate);
	case 'd':
		return read_number(value, 0.01, 86400, &s->o.seconds);
	case 'c':
		if (!read_number(value, 1, LOAD_CONNECTIONS_MAX, &n))
			return false;
		s->o.connections = (unsigned)n;
		return true;
	case 't':
		if (!read_number(value, 0.01, 3600, &n))
			return false;
		s->o.timeout_ms = (int64_t)(n * 1000);
		return true;
	case 'k':
		return read_number(value, 1, TOP_K_MAX, &s->top_k) && s->top_k == floor(s->top_k);
	case 'm':
		return read_number(value, 0, 3600000, &s->mean_ms);
	case 'R':
		return read_number(value, 0, 1, &s->recall);
	case 'f':
		s->topics = value;
		return true;
	case 'K':
		s->key_file = value;
		return true;
	case 'j':
		s->json = true;
		return true;
	}
	return false;
}

/* http://HOST[:PORT][/PATH]; what is not said is left as it is. */
static int
read_url(struct said *s, const char *url, struct err *e)
{
	const char *host = url + strlen("http://"), *path, *port;
	size_t n;

	if (strncmp(url, "http://", strlen("http://")) != 0)
		return err_set(e, ERR_USAGE, "%s: it must begin with http://", url);
	path = strchrnul(host, '/');
	port = host[0] == '[' ? memchr(host, ']', (size_t)(path - host)) : host;
	port = port != NULL ? memchr(port, ':', (size_t)(path - port)) : NULL;
	n = (size_t)((port != NULL ? port : path) - host);
	if (n == 0 || n >= sizeof s->host || strpbrk(url, " \r\n") != NULL ||
	    (port != NULL && (path - port < 2 || path - port > 6)) ||
	    strlen(path) >= sizeof s->path)
		return err_set(e, ERR_USAGE, "%s: no address that can be used", url);
	if (host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	snprintf(s->host, sizeof s->host, "%.*s", (int)n, host);
	snprintf(s->port, sizeof s->port, "80");
	if (port != NULL)
		snprintf(s->port, sizeof s->port, "%.*s", (int)(path - port - 1), port + 1);
	snprintf(s->path, sizeof s->path, "%s", strcmp(path, "/") != 0 ? path : "");
	return 0;
}

/* A key comes from a file: what stands on a command line is read by everybody. */
static int
read_key(struct said *s, struct err *e)
{
	char *text;
	size_t n;
	int rc = 0;

	if (s->key_file == NULL)
		return 0;
	if (file_read(&text, &n, s->key_file, sizeof s->key - 1, e) == -1)
		return -1;
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	memcpy(s->key, text, n);
	s->o.key = s->key;
	if (strlen(s->key) != n || strpbrk(s->key, "\r\n") != NULL)
		rc = err_set(e, ERR_USAGE, "%s: a key is one line of text", s->key_file);
	explicit_bzero(text, n);
	free(text);
	return rc;
}

/* ---- what came back ---- */

/* True when nothing is to be complained about. */
struct verdict {
	uint64_t failed;
	double mean_ms, recall;
	bool is_fast, is_found, is_whole;
};

static struct verdict
judge(const struct said *s, const struct load_result *r)
{
	struct verdict v = {.failed = r->asked - r->good,
	    .mean_ms = latency_mean(&r->latency) / 1000,
	    .recall = r->judged > 0 ? r->recall / (double)r->judged : 0};

	v.is_whole = v.failed == 0 && r->asked > 0;
	v.is_fast = v.mean_ms <= s->mean_ms;
	v.is_found = r->judged == 0 || v.recall >= s->recall;
	return v;
}

static bool
is_passed(const struct verdict *v)
{
	return v->is_whole && v->is_fast && v->is_found;
}

static const struct {
	const char *name;
	double share;
} percentiles[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p99.9", .999}, {"max", 1}};
enum { PERCENTILES = sizeof percentiles / sizeof percentiles[0] };

static void
print_plain(const struct said *s, const struct load_result *r, const struct verdict *v)
{
	printf("http://%s:%s%s\n  %llu questions in %.2f s: %.1f a second of %.1f\n", s->host,
	    s->port, s->path, (unsigned long long)r->asked, r->seconds,
	    (double)r->asked / r->seconds, s->o.rate);
	printf("  latency in ms: mean %.2f", v->mean_ms);
	for (int i = 0; i < PERCENTILES; i++)
		printf("  %s %.2f", percentiles[i].name,
		    (double)latency_at(&r->latency, percentiles[i].share) / 1000);
	printf("\n  answers:");
	for (int i = 0; i < 600; i++)
		if (r->status[i] > 0)
			printf("  %d: %llu", i, (unsigned long long)r->status[i]);
	for (int i = 0; i < LOAD_ERRORS; i++)
		if (r->errors[i] > 0)
			printf("  %s: %llu", load_error_names[i],
			    (unsigned long long)r->errors[i]);
	printf("\n  by %u workers", r->workers);
	for (unsigned i = 0; i < r->marks; i++)
		printf("%s%s from %.2f s (%llu)", i > 0 ? ", " : ", generations ",
		    r->mark[i].name, r->mark[i].first_s, (unsigned long long)r->mark[i].answers);
	if (r->judged > 0)
		printf("\n  recall@%g %.3f of %llu judged questions", s->top_k, v->recall,
		    (unsigned long long)r->judged);
	printf("\n%s", is_passed(v) ? "passed" : "FAILED:");
	if (!v->is_whole)
		printf(" %llu questions without a good answer;", (unsigned long long)v->failed);
	if (!v->is_fast)
		printf(" the mean is over %g ms;", s->mean_ms);
	if (!v->is_found)
		printf(" the recall is under %g;", s->recall);
	printf("\n");
}

static struct json_object *
counts(const struct load_result *r)
{
	struct json_object *j = json_object_new_object();
	char name[16];

	for (int i = 0; i < 600; i++) {
		if (r->status[i] == 0)
			continue;
		snprintf(name, sizeof name, "%d", i);
		json_object_object_add(j, name, json_object_new_int64((int64_t)r->status[i]));
	}
	for (int i = 0; i < LOAD_ERRORS; i++)
		if (r->errors[i] > 0)
			json_object_object_add(j, load_error_names[i],
			    json_object_new_int64((int64_t)r->errors[i]));
	return j;
}

static struct json_object *
marks(const struct load_result *r)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < r->marks; i++) {
		struct json_object *j = json_object_new_object();
		json_object_object_add(j, "generation", json_object_new_string(r->mark[i].name));
		json_object_object_add(j, "first_s", json_object_new_double(r->mark[i].first_s));
		json_object_object_add(
		    j, "answers", json_object_new_int64((int64_t)r->mark[i].answers));
		json_object_array_add(list, j);
	}
	return list;
}

static void
print_json(const struct said *s, const struct load_result *r, const struct verdict *v)
{
	struct json_object *j = json_object_new_object(), *l = json_object_new_object();

	json_object_object_add(l, "mean", json_object_new_double(v->mean_ms));
	for (int i = 0; i < PERCENTILES; i++)
		json_object_object_add(l, percentiles[i].name, json_object_new_double(
		    (double)latency_at(&r->latency, percentiles[i].share) / 1000));
	json_object_object_add(j, "asked", json_object_new_int64((int64_t)r->asked));
	json_object_object_add(j, "failed", json_object_new_int64((int64_t)v->failed));
	json_object_object_add(j, "seconds", json_object_new_double(r->seconds));
	json_object_object_add(j, "rate", json_object_new_double(s->o.rate));
	json_object_object_add(j, "latency_ms", l);
	json_object_object_add(j, "answers", counts(r));
	json_object_object_add(j, "workers", json_object_new_int64(r->workers));
	json_object_object_add(j, "generations", marks(r));
	json_object_object_add(j, "judged", json_object_new_int64((int64_t)r->judged));
	if (r->judged > 0)
		json_object_object_add(j, "recall", json_object_new_double(v->recall));
	json_object_object_add(j, "passed", json_object_new_boolean(is_passed(v)));
	puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_SPACED));
	json_object_put(j);
}

/* ---- ---- */

static int
run(const struct cmd *cmd, struct said *s, const char *tenant)
{
	static struct load_result result;
	struct sigaction quit = {.sa_handler = stop};
	struct load_topics topics = {0};
	struct verdict v;
	struct err e;
	int code;

	if (s->path[0] == '\0')
		snprintf(s->path, sizeof s->path, "/query/%s", tenant);
	s->o.host = s->host;
	s->o.port = s->port;
	s->o.path = s->path;
	s->o.topics = &topics;
	s->o.stop = &stopped;
	sigaction(SIGINT, &quit, NULL);
	sigaction(SIGTERM, &quit, NULL);
	if (read_key(s, &e) == -1 ||
	    load_topics_read(&topics, s->topics,
		strncmp(s->path, "/query/", 7) == 0 ? NULL : tenant, (unsigned)s->top_k, &e) == -1 ||
	    load_run(&s->o, &result, &e) == -1) {
		code = cmd_fail(cmd, &e);
	} else {
		v = judge(s, &result);
		if (s->json)
			print_json(s, &result, &v);
		else
			print_plain(s, &result, &v);
		code = is_passed(&v) ? 0 : 1;
	}
	load_topics_fini(&topics);
	explicit_bzero(s->key, sizeof s->key);
	return code;
}

int
cmd_load(const struct cmd *cmd, int argc, char **argv)
{
	static const struct option options[] = {
	    {"rate", required_argument, NULL, 'r'},
	    {"seconds", required_argument, NULL, 'd'},
	    {"connections", required_argument, NULL, 'c'},
	    {"timeout", required_argument, NULL, 't'},
	    {"top-k", required_argument, NULL, 'k'},
	    {"mean-ms", required_argument, NULL, 'm'},
	    {"recall", required_argument, NULL, 'R'},
	    {"topics", required_argument, NULL, 'f'},
	    {"key-file", required_argument, NULL, 'K'},
	    {"json", no_argument, NULL, 'j'},
	    {NULL, 0, NULL, 0},
	};
	struct said s = {.o = {.rate = 100, .seconds = 10, .timeout_ms = 10000, .connections = 64},
	    .top_k = 5, .mean_ms = 500, .recall = 0.9};
	const char *tenant;
	struct err e;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!read_option(&s, c, optarg))
			return cmd_misused(cmd, "an option or its value cannot be understood");
	if (argc - optind < 1 || argc - optind > 2)
		return cmd_misused(cmd, "name a tenant, after an address if need be");
	tenant = argv[argc - 1];
	if (read_url(&s, argc - optind == 2 ? argv[optind] : "http://127.0.0.1:8080", &e) == -1 ||
	    cmd_check_tenant(tenant, &e) == -1)
		return cmd_fail(cmd, &e);
	return run(cmd, &s, tenant);
}
