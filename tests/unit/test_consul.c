/* test_consul.c - the transport, against a scripted server on the loopback. */
#include "unit.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../fcgi/catalog.h"
#include "clk.h"
#include "../../fcgi/consul.h"
#include "file.h"

enum { SCRIPT_MAX = 8, REQUEST_BYTES = 4096, SOON_MS = 60000 };

/* One answer for each request; what came is kept for the test to look at. */
static struct server {
	int fd;
	int port;
	pthread_t thread;
	size_t count;			/* of the script */
	const char *script[SCRIPT_MAX];	/* NULL: hang up without a word */
	char requests[SCRIPT_MAX][REQUEST_BYTES];
	size_t connections;
} server;

static char *folder;
static struct catalog *catalog;
static struct consul *consul;
static CURLM *multi;
static struct conf conf;

#define OK200(index, length) \
	"HTTP/1.1 200 OK\r\nX-Consul-Index: " index "\r\nX-Consul-Knownleader: true\r\n" \
	"Content-Length: " length "\r\n\r\n"
/* {"version":"v1","data_source":{"type":"directory","path":"/a"}} */
#define ALPHA \
	"[{\"Key\":\"rag/tenants/alpha/config\",\"ModifyIndex\":7,\"Value\":" \
	"\"eyJ2ZXJzaW9uIjoidjEiLCJkYXRhX3NvdXJjZSI6eyJ0eXBlIjoiZGlyZWN0b3J5IiwicGF0aCI6Ii9hIn19\"" \
	"}]"
#define ALPHA_LENGTH "147"

/* Reads one request; false when the peer has left. */
static bool
read_request(int fd, char *out)
{
	size_t used = 0;
	ssize_t n;

	while (used < REQUEST_BYTES - 1 && (n = recv(fd, out + used, REQUEST_BYTES - 1 - used, 0)) > 0) {
		used += (size_t)n;
		out[used] = '\0';
		if (strstr(out, "\r\n\r\n") != NULL)
			return true;
	}
	return false;
}

static void *
serve(void *context)
{
	size_t step = 0;
	int fd = -1;

	(void)context;
	while (step < server.count) {
		if (fd == -1) {
			if ((fd = accept(server.fd, NULL, NULL)) == -1)
				return NULL;
			server.connections++;
		}
		const char *answer = server.script[step];
		if (!read_request(fd, server.requests[step])) {
			close(fd);
			fd = -1;
			continue;
		}
		step++;
		if (answer != NULL)
			send(fd, answer, strlen(answer), MSG_NOSIGNAL);
		if (answer == NULL) {
			close(fd);
			fd = -1;
		}
	}
	/* The last question stays without an answer until the test ends the transfer. */
	if (fd != -1) {
		char rest[REQUEST_BYTES];
		while (recv(fd, rest, sizeof rest, 0) > 0)
			;
		close(fd);
	}
	return NULL;
}

static void
start_server(size_t count, const char *const *script)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;

	server = (struct server){.count = count};
	memcpy(server.script, script, count * sizeof *script);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server.fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(server.fd, 8), 0);
	assert_int_equal(getsockname(server.fd, (struct sockaddr *)&address, &size), 0);
	server.port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

static int
begin(void **state)
{
	struct err e;

	(void)state;
	folder = unit_folder();
	multi = curl_multi_init();
	return catalog_new(&catalog, folder, &e);
}

static int
end(void **state)
{
	(void)state;
	consul_stop(consul);
	consul = NULL;
	curl_multi_cleanup(multi);	/* closes the connection, so that the thread ends */
	shutdown(server.fd, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.fd);
	catalog_free(catalog);
	conf_fini(&conf);
	unit_folder_gone(folder);
	return 0;
}

static void
start(const char *more)
{
	char text[1500];
	struct buf errors;
	struct err e;

	buf_init(&errors, CONF_ERRORS_MAX);
	snprintf(text, sizeof text, "[consul]\naddress = http://127.0.0.1:%d\nwait = 2s\n%s[pool p]\n",
	    server.port, more);
	assert_ok(conf_parse(&conf, "t", text, strlen(text), &errors, &e), &e);
	buf_fini(&errors);
	assert_ok(consul_start(&consul, &conf.consul, multi, catalog, clk_ms(), &e), &e);
}

/* Turns the loop until the state is reached and `requests` were sent. */
static void
run_until(enum consul_state wanted, size_t questions)
{
	const struct consul_status *status = consul_status(consul);
	int64_t deadline = clk_ms() + SOON_MS;
	CURLMsg *message;
	int running, left;

	while (status->state != wanted || status->questions < questions) {
		if (clk_ms() > deadline)
			fail_msg("still %s after %llu questions: %s",
			    consul_state_name(status->state),
			    (unsigned long long)status->questions, status->trouble.text);
		consul_tick(consul, clk_ms());
		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left)) != NULL)
			consul_on_done(consul, message, clk_ms());
		int64_t delay = consul_timeout(consul, clk_ms());
		curl_multi_poll(multi, NULL, 0, delay < 0 || delay > 50 ? 50 : (int)delay, NULL);
	}
	/* sends what was asked last */
	for (int i = 0; i < 20; i++) {
		curl_multi_perform(multi, &running);
		curl_multi_poll(multi, NULL, 0, 1, NULL);
	}
}

static bool
begins_with(const char *text, const char *wanted)
{
	if (strncmp(text, wanted, strlen(wanted)) == 0)
		return true;
	print_message("got: %s\n", text);
	return false;
}

static void
documents_reach_the_catalog_over_one_connection(void **state)
{
	static const char *const script[] = {OK200("10", ALPHA_LENGTH) ALPHA,
	    OK200("10", ALPHA_LENGTH) ALPHA, OK200("10", ALPHA_LENGTH) ALPHA};
	struct catalog_change change;

	(void)state;
	start_server(3, script);
	start("datacenter = \"dc 1\"\n");
	run_until(CONSUL_WATCHING, 3);
	assert_true(catalog_next_change(catalog, &change));
	assert_string_equal(change.tenant, "alpha");
	assert_int_equal(change.kind, CATALOG_CHANGED);
	assert_false(catalog_next_change(catalog, &change));
	assert_int_equal(catalog_find(catalog, "alpha")->revision, 7);
	assert_true(begins_with(server.requests[0],
	    "GET /v1/kv/rag/tenants/?recurse=true&consistent=true&dc=dc%201 HTTP/1.1\r\n"));
	assert_true(begins_with(server.requests[1],
	    "GET /v1/kv/rag/tenants/?recurse=true&index=10&wait=2000ms&dc=dc%201 HTTP/1.1\r\n"));
	assert_null(strcasestr(server.requests[0], "X-Consul-Token"));
	assert_int_equal(server.connections, 1);
	assert_true(consul_state_changed(consul));
	assert_false(consul_state_changed(consul));
}

static void
redirects_are_not_followed(void **state)
{
	static const char *const script[] = {
	    "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"};

	(void)state;
	start_server(1, script);
	start("");
	run_until(CONSUL_CONFUSED, 1);
	assert_string_equal(consul_status(consul)->trouble.text, "Consul answered 302");
}

static void
a_connection_that_breaks_is_a_state_not_an_end(void **state)
{
	static const char *const script[] = {NULL};

	(void)state;
	start_server(1, script);
	start("");
	run_until(CONSUL_UNREACHABLE, 1);
	assert_int_equal(consul_status(consul)->trouble.code, ERR_PEER);
	assert_int_equal(catalog_count(catalog), 0);
	assert_true(consul_timeout(consul, clk_ms()) >= 0);
}

static void
the_token_is_read_anew_when_it_is_refused(void **state)
{
	static const char *const script[] = {
	    "HTTP/1.1 403 Forbidden\r\nContent-Length: 17\r\n\r\nPermission denied",
	    OK200("10", ALPHA_LENGTH) ALPHA};
	char path[600], option[700];
	struct err e;

	(void)state;
	snprintf(path, sizeof path, "%s/token", folder);
	assert_ok(file_replace(path, "old-token\n", 10, 0600, &e), &e);
	start_server(2, script);
	snprintf(option, sizeof option, "token_file = %s\n", path);
	start(option);
	run_until(CONSUL_DENIED, 1);
	assert_string_equal(
	    consul_status(consul)->trouble.text, "Consul answered 403: Permission denied");
	assert_ok(file_replace(path, "new-token", 9, 0600, &e), &e);
	consul_poke(consul, clk_ms());
	run_until(CONSUL_WATCHING, 2);
	assert_non_null(strstr(server.requests[0], "X-Consul-Token: old-token\r\n"));
	assert_non_null(strstr(server.requests[1], "X-Consul-Token: new-token\r\n"));
	assert_non_null(catalog_find(catalog, "alpha"));
}

static void
a_deleted_tenant_is_asked_for_behind_the_sentinel(void **state)
{
	static const char *const script[] = {OK200("10", ALPHA_LENGTH) ALPHA,
	    OK200("11", "2") "[]", OK200("4", "1") "x", OK200("11", "2") "[]"};

	(void)state;
	start_server(4, script);
	start("");
	run_until(CONSUL_WATCHING, 5);
	assert_true(begins_with(
	    server.requests[2], "GET /v1/kv/rag/sentinel?raw=true&consistent=true HTTP/1.1\r\n"));
	assert_true(begins_with(server.requests[3],
	    "GET /v1/kv/rag/tenants/?recurse=true&consistent=true HTTP/1.1\r\n"));
	assert_int_equal(consul_status(consul)->sentinel, SENTINEL_THERE);
	assert_int_equal(consul_status(consul)->gone, 1);
	assert_true(catalog_find(catalog, "alpha")->gone);
	assert_true(catalog_find(catalog, "alpha")->gone_ms > 0);
}

/* The environment must not send the token through a proxy. */
static void
proxies_of_the_environment_are_not_used(void **state)
{
	static const char *const script[] = {OK200("10", ALPHA_LENGTH) ALPHA};

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	start_server(1, script);
	start("");
	run_until(CONSUL_WATCHING, 1);
	unsetenv("http_proxy");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    T(documents_reach_the_catalog_over_one_connection),
	    T(redirects_are_not_followed),
	    T(a_connection_that_breaks_is_a_state_not_an_end),
	    T(the_token_is_read_anew_when_it_is_refused),
	    T(a_deleted_tenant_is_asked_for_behind_the_sentinel),
	    T(proxies_of_the_environment_are_not_used),
	};

	curl_global_init(CURL_GLOBAL_DEFAULT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
