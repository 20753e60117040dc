/* test_conf.c - ragpool.conf: what is accepted, and the exact words for what is not. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../fcgi/conf.h"
#include "file.h"

static struct conf conf;
static struct buf errors;

static int
begin(void **state)
{
	static const char *const variables[] = {"CONSUL_HTTP_ADDR", "CONSUL_HTTP_SSL",
	    "CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE", "CONSUL_CACERT", "CONSUL_HOST",
	    "CONSUL_PORT", "CONFIG_KV_PREFIX"};

	(void)state;
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		unsetenv(variables[i]);
	buf_init(&errors, CONF_ERRORS_MAX);
	buf_adds(&errors, "");
	conf = (struct conf){0};
	return 0;
}

static int
end(void **state)
{
	(void)state;
	conf_fini(&conf);
	buf_fini(&errors);
	return 0;
}

static int
parse(const char *text, struct err *e)
{
	conf_fini(&conf);
	buf_reset(&errors);
	buf_adds(&errors, "");
	return conf_parse(&conf, "t", text, strlen(text), &errors, e);
}

static void
defaults_fill_what_is_left_out(void **state)
{
	struct err e;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	assert_ok(parse("[global]\nrun_dir = /r\n[pool query]\n", &e), &e);
	assert_string_equal(conf.global.data_dir, "/var/lib/ragpool");
	assert_string_equal(conf.global.control_socket, "/r/control.sock");
	assert_string_equal(conf.global.pid_file, "/r/ragpoold.pid");
	assert_string_equal(conf.pools[0].listen, "/r/query.sock");
	assert_string_equal(conf.consul.address, "");
	assert_string_equal(conf.consul.prefix, "rag/tenants/");
	assert_int_equal(conf.consul.wait_ms, 30000);
	assert_int_equal(conf.global.log_level, 2);
	assert_int_equal(conf.pools[0].listen_mode, 0660);
	assert_int_equal(conf.pools[0].max_body_bytes, 1 << 20);
	assert_int_equal(conf.pools[0].workers, cores < 2 ? 2 : cores > 256 ? 256 : cores);
	assert_non_null(strstr(conf.global.worker_program, "/ragpool-worker"));
}

static void
every_form_of_a_value_is_read(void **state)
{
	struct err e;

	(void)state;
	assert_ok(parse("\xef\xbb\xbf; a comment\r\n"
			"[ global ] # another\r\n"
			"  data_dir=\"/a b;c \\\"q\\\" \\\\\"  ; quoted\r\n"
			"run_dir = /r#1 # a hash inside a word is none\r\n"
			"log_level = debug\n"
			"hold_down = 1 m\n"
			"rate_per_key = 120/m\n"
			"rate_per_tenant = 0\n"
			"\n"
			"[pool a]\n"
			"workers = 007\n"
			"max_body = 64K\n"
			"listen_mode = 600\n"
			"[pool b.c-d_e]\n"
			"request_timeout = 1500ms", &e), &e);
	assert_string_equal(conf.global.data_dir, "/a b;c \"q\" \\");
	assert_string_equal(conf.global.run_dir, "/r#1");
	assert_int_equal(conf.global.log_level, 3);
	assert_int_equal(conf.global.hold_down_ms, 60000);
	assert_int_equal(conf_rate_requests(conf.global.rate_per_key), 120);
	assert_int_equal(conf_rate_seconds(conf.global.rate_per_key), 60);
	assert_int_equal(conf_rate_requests(conf.global.rate_per_tenant), 0);
	assert_int_equal(conf.pool_count, 2);
	assert_int_equal(conf_pool_find(&conf, "a")->workers, 7);
	assert_int_equal(conf.pools[0].max_body_bytes, 65536);
	assert_int_equal(conf.pools[0].listen_mode, 0600);
	assert_int_equal(conf_pool_find(&conf, "b.c-d_e")->request_timeout_ms, 1500);
	assert_null(conf_pool_find(&conf, "b"));
}

#define P "[pool p]\n"		/* so that columns and lines below are of line 2 */

static void
every_error_has_its_words_and_place(void **state)
{
	static const struct {
		const char *text, *wanted;
	} t[] = {
		{"", "t:0:1: there is no pool; write one as [pool NAME]\n"},
		{"workers = 1\n" P, "t:1:1: \"workers\" stands before any [section]\n"},
		{P "worker = 1", "t:2:1: unknown option \"worker\"; did you mean \"workers\"?\n"},
		{P "data_dir = /x", "t:2:1: \"data_dir\" belongs in [global]\n"},
		{P "zzz = 1", "t:2:1: unknown option \"zzz\" in [pool]\n"},
		{P "workers = 2\nworkers = 2", "t:3:1: \"workers\" stands in line 2 already\n"},
		{P "workers", "t:2:1: neither [section] nor option = value\n"},
		{P "workers = 0", "t:2:11: workers: \"0\" is outside 1 ... 256\n"},
		{P "workers = 257", "t:2:11: workers: \"257\" is outside 1 ... 256\n"},
		{P "workers = -1", "t:2:11: workers: \"-1\" is not a whole number\n"},
		{P "workers = 4x", "t:2:11: workers: \"4x\" is not a whole number\n"},
		{P "workers =", "t:2:10: workers: \"\" is not a whole number\n"},
		{P "workers = 99999999999999999999",
		    "t:2:11: workers: \"99999999999999999999\" is outside 1 ... 256\n"},
		{P "request_timeout = 5",
		    "t:2:19: request_timeout: \"5\" needs a unit: ms, s, m, h or d\n"},
		{P "request_timeout = 5w",
		    "t:2:19: request_timeout: \"5w\" has an unknown unit\n"},
		{P "request_timeout = 9999999999999h",
		    "t:2:19: request_timeout: \"9999999999999h\" is outside 100ms ... 1h\n"},
		{P "max_body = 2m", "t:2:12: max_body: \"2m\" is outside 1k ... 1m\n"},
		{P "listen_mode = 0888",
		    "t:2:15: listen_mode: \"0888\" is not an octal mode, such as 0660\n"},
		{P "listen_mode = 1777",
		    "t:2:15: listen_mode: \"1777\" is outside 0000 ... 0777\n"},
		{P "listen_mode = rw",
		    "t:2:15: listen_mode: \"rw\" is not an octal mode, such as 0660\n"},
		{P "listen = sock", "t:2:10: listen: \"sock\" is not an absolute path\n"},
		{P "listen = /a/../b", "t:2:10: listen: \"/a/../b\" has a \"..\" in it\n"},
		{P "listen = \"/a", "t:2:10: the closing quote is missing\n"},
		{P "listen = \"/a\" b", "t:2:15: \"b\" is too much here\n"},
		{P "listen_owner = a b", "t:2:16: listen_owner: \"a b\" is not a name\n"},
		{P "\xc3\xa9 = \xff", "t:2:5: not UTF-8\n"},
		{P "workers = \x01", "t:2:11: a control character\n"},
		{P "[global", "t:2:1: the ] of a section is missing\n"},
		{P "[gloabl]\nanything = 1",
		    "t:2:2: unknown section [gloabl]; did you mean [global]?\n"},
		{P "[www]", "t:2:2: unknown section [www]; a pool is written [pool NAME]\n"},
		{P "[pool]", "t:2:2: a pool has a name: [pool NAME]\n"},
		{P "[pool p]", "t:2:7: [pool p] stands in line 1 already\n"},
		{P "[pool A]", "t:2:7: a pool's name is 1 to 63 of a-z 0-9 . _ - and begins with "
			       "a letter or digit\n"},
		{P "[consul]\n[consul]", "t:3:2: [consul] stands in line 2 already\n"},
		{P "[consul]\naddress = ftp://x", "t:3:11: address: \"ftp://x\" is not an address "
						  "such as http://127.0.0.1:8500\n"},
		{P "[consul]\naddress = http://u@h", "t:3:11: address: \"http://u@h\" is not an "
						     "address such as http://127.0.0.1:8500\n"},
		{P "[consul]\nprefix = rag", "t:3:1: prefix: \"rag\" must end in a slash and not "
					     "begin with one\n"},
		{P "[global]\nlog_level = loud",
		    "t:3:13: log_level: \"loud\" is not one of: error warn info debug\n"},
		{P "listen = /s\n[pool q]\nlisten = /s",
		    "t:4:1: listen: [pool p] has this socket already\n"},
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		if (parse(t[i].text, &e) != -1 || e.code != ERR_CONFIG)
			fail_msg("accepted: %s", t[i].text);
		assert_string_equal(errors.data, t[i].wanted);
	}
}

static void
all_errors_are_reported_at_once(void **state)
{
	struct err e;

	(void)state;
	assert_refused(parse("[pool p]\nworkers = 0\nmax_body = x\nlisten_mode = 9\n", &e), &e,
	    ERR_CONFIG);
	assert_string_equal(errors.data,
	    "t:2:11: workers: \"0\" is outside 1 ... 256\n"
	    "t:3:12: max_body: \"x\" is not a size: bytes, or with k, m, g\n"
	    "t:4:15: listen_mode: \"9\" is not an octal mode, such as 0660\n");
	assert_string_equal(e.text, "t:2:11: workers: \"0\" is outside 1 ... 256 (and 2 more)");
}

static void
nul_bytes_and_giant_files_are_refused(void **state)
{
	static const char nul[] = "[pool p]\nworkers\0= 1\n";
	char *big = calloc(1, CONF_FILE_MAX + 1);
	struct err e;

	(void)state;
	assert_refused(
	    conf_parse(&conf, "t", nul, sizeof nul - 1, &errors, &e), &e, ERR_CONFIG);
	assert_string_equal(errors.data, "t:2:8: a NUL byte\n");
	assert_refused(
	    conf_parse(&conf, "t", big, CONF_FILE_MAX + 1, &errors, &e), &e, ERR_LIMIT);
	memset(big, 'a', 5000);
	assert_refused(conf_parse(&conf, "t", big, 5000, &errors, &e), &e, ERR_CONFIG);
	assert_non_null(strstr(errors.data, "t:1:1: a line of more than 2048 bytes\n"));
	free(big);
	assert_refused(conf_load(&conf, "/nonexistent/x", &errors, &e), &e, ERR_NOT_FOUND);
	assert_refused(conf_load(&conf, "/", &errors, &e), &e, ERR_IO);
}

/* Any prefix and any flipped byte is either read or refused with words. */
static void
damaged_files_never_crash(void **state)
{
	static const char good[] = "[global]\nrun_dir = \"/r\\\"\" ; x\nhold_down = 5s\n"
				   "[consul]\naddress = http://[::1]:8500/\n[pool q]\nworkers=2\n";
	char copy[sizeof good];
	struct err e;

	(void)state;
	for (size_t n = 0; n < sizeof good; n++)
		for (unsigned flip = 0; flip < 8; flip++) {
			memcpy(copy, good, sizeof good);
			copy[n] = (char)(copy[n] ^ (1 << flip));
			conf_fini(&conf);
			buf_reset(&errors);
			conf_parse(&conf, "t", copy, n, &errors, &e);
			conf_fini(&conf);
			if (conf_parse(&conf, "t", copy, sizeof good - 1, &errors, &e) == -1)
				assert_true(errors.len > 0);
		}
}

static void
the_environment_overrides_the_file(void **state)
{
	char *folder = unit_folder(), path[600];
	static const char text[] = "[consul]\naddress = http://file:1\n[pool p]\n";
	struct err e;

	(void)state;
	snprintf(path, sizeof path, "%s/c", folder);
	assert_ok(file_replace(path, text, sizeof text - 1, 0600, &e), &e);
	setenv("CONSUL_HOST", "consul.example", 1);
	setenv("CONFIG_KV_PREFIX", "kb/t/", 1);
	setenv("CONSUL_HTTP_TOKEN", "s3cret", 1);
	assert_ok(conf_load(&conf, path, &errors, &e), &e);
	assert_string_equal(conf.consul.address, "http://consul.example:8500");
	assert_string_equal(conf.consul.prefix, "kb/t/");
	assert_string_equal(conf.consul.token, "s3cret");
	conf_fini(&conf);
	setenv("CONSUL_HTTP_ADDR", "10.0.0.1:8501", 1);
	setenv("CONSUL_HTTP_SSL", "true", 1);
	setenv("CONSUL_HTTP_TOKEN_FILE", "/run/token", 1);
	assert_ok(conf_load(&conf, path, &errors, &e), &e);
	assert_string_equal(conf.consul.address, "https://10.0.0.1:8501");
	assert_string_equal(conf.consul.token_file, "/run/token");
	assert_string_equal(conf.consul.token, "");
	conf_fini(&conf);
	setenv("CONSUL_HTTP_ADDR", "", 1);
	setenv("CONSUL_PORT", "99999", 1);
	setenv("CONFIG_KV_PREFIX", "kb", 1);
	assert_refused(conf_load(&conf, path, &errors, &e), &e, ERR_CONFIG);
	assert_non_null(strstr(errors.data, "environment: CONSUL_HOST: "));
	assert_non_null(strstr(errors.data, "environment: CONFIG_KV_PREFIX: prefix: \"kb\" must"));
	unit_folder_gone(folder);
}

static void
the_world_is_checked_for_what_the_file_names(void **state)
{
	char *folder = unit_folder(), text[4000], token[600];
	struct err e;

	(void)state;
	snprintf(token, sizeof token, "%s/token", folder);
	assert_ok(file_replace(token, "x", 1, 0644, &e), &e);
	snprintf(text, sizeof text,
	    "[global]\ndata_dir = %s\nrun_dir = %s\ntenants_dir = %s\n"
	    "worker_program = /bin/sh\nbuild_program = /bin/sh\nprobe_program = /bin/sh\n[pool p]\n", folder, folder, folder);
	assert_ok(parse(text, &e), &e);
	assert_ok(conf_check_world(&conf, &errors, &e), &e);
	snprintf(text, sizeof text,
	    "[global]\ndata_dir = %s/absent\nrun_dir = %s\ntenants_dir = %s\n"
	    "worker_program = %s\nbuild_program = /bin/sh\nprobe_program = /bin/sh\nuser = no-such-user\n"
	    "[consul]\ntoken_file = %s\n"
	    "[pool p]\nlisten = %s/%0100d\n", folder, folder, folder, folder, token, folder, 0);
	assert_ok(parse(text, &e), &e);
	assert_refused(conf_check_world(&conf, &errors, &e), &e, ERR_CONFIG);
	assert_non_null(strstr(errors.data, "t: global.data_dir: "));
	assert_non_null(strstr(errors.data, "/absent: No such file or directory\n"));
	assert_non_null(strstr(errors.data, "is not a program that may be run\n"));
	assert_non_null(strstr(errors.data, "there is no user \"no-such-user\"\n"));
	assert_non_null(strstr(errors.data, "has mode 0644; others must not read it\n"));
	assert_non_null(strstr(errors.data, "is longer than 107 bytes"));
	unit_folder_gone(folder);
}

static void
options_that_need_a_restart_are_named(void **state)
{
	static const char same[] = "[pool a]\nworkers=3\n[pool b]\n";
	static const char other[] = "[global]\ndata_dir=/x\n[pool a]\nlisten=/y\n[pool c]\n";
	struct conf next;
	struct buf names;
	struct err e;

	(void)state;
	buf_init(&names, 4096);
	assert_ok(parse("[global]\nhold_down=1s\n[pool a]\nworkers=2\n[pool b]\n", &e), &e);
	assert_ok(conf_parse(&next, "t", same, sizeof same - 1, &errors, &e), &e);
	assert_false(conf_needs_restart(&conf, &next, &names));
	conf_fini(&next);
	assert_ok(conf_parse(&next, "t", other, sizeof other - 1, &errors, &e), &e);
	assert_true(conf_needs_restart(&conf, &next, &names));
	assert_string_equal(names.data,
	    "global.data_dir, pool a.listen, pool b (gone), pool c (new)");
	conf_fini(&next);
	buf_fini(&names);
}

static char *
printed_by(void (*print)(FILE *))
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	print(out);
	fclose(out);
	return text;
}

static char *
project_file(const char *name)
{
	const char *source = getenv("RAGPOOL_SOURCE");
	char path[4096], *bytes;
	struct err e;

	if (source == NULL)
		skip();
	snprintf(path, sizeof path, "%s/%s", source, name);
	assert_ok(file_read(&bytes, NULL, path, 1 << 20, &e), &e);
	return bytes;
}

/* After a change of conf.def: make docs. */
static void
the_reference_pages_say_what_the_table_says(void **state)
{
	char *page = project_file("doc/CONFIG.md"), *made = printed_by(conf_print_markdown);
	char *from, *to;

	(void)state;
	assert_string_equal(page, made);
	free(page);
	free(made);
	page = project_file("doc/man/ragpool.conf.5");
	made = printed_by(conf_print_mdoc);
	from = strstr(page, "begin options\n");
	to = strstr(page, ".\\\" end options");
	assert_non_null(from);
	assert_non_null(to);
	*to = '\0';
	assert_string_equal(from + strlen("begin options\n"), made);
	free(page);
	free(made);
	made = printed_by(conf_print_options);
	assert_non_null(strstr(made, "[pool NAME]\n"));
	free(made);
}

static void
models_are_known_by_name_and_alias(void **state)
{
	struct err e;

	(void)state;
	assert_ok(parse("[pool q]\nlisten = /q\n[model ada]\nurl = http://127.0.0.1:1/v1/\n"
			"alias = text-embedding-ada-002, other\nfailover = spare\n"
			"[model spare]\nurl = https://h/v1\n", &e), &e);
	assert_int_equal(conf.model_count, 2);
	assert_string_equal(conf.models[0].url, "http://127.0.0.1:1/v1");
	assert_string_equal(conf.models[0].model, "ada");
	assert_int_equal(conf.models[0].batch, 32);
	assert_int_equal(conf.models[0].queue, 100);
	assert_int_equal(conf.models[0].batch_wait_ms, 3);
	assert_int_equal(conf.models[0].breaker_failures, 5);
	assert_int_equal(conf.models[0].breaker_pause_ms, 10000);
	assert_ptr_equal(conf_model_named(&conf, "other"), &conf.models[0]);
	assert_ptr_equal(conf_model_named(&conf, "spare"), &conf.models[1]);
	assert_null(conf_model_named(&conf, "othe"));
	assert_null(conf_model_find(&conf, "other"));
}

static void
models_that_cannot_be_right_are_refused(void **state)
{
	static const struct {
		const char *lines, *words;
	} rows[] = {
	    {"[model a]\n", "t:3:1: url (by default): a value is missing"},
	    {"[model]\n", "t:3:2: a model has a name: [model NAME]"},
	    {"[model a]\nurl = ftp://h\n", "t:4:7: url: \"ftp://h\" begins neither with http:// nor "
		"with https://"},
	    {"[model a]\nurl = http://u:p@h/\n", "t:4:7: url: \"http://u:p@h/\" is not an address "
		"such as https://api.example.com/v1"},
	    {"[model a]\nurl = http://h/v1?x\n", "t:4:7: url: \"http://h/v1?x\" is not an address "
		"such as https://api.example.com/v1"},
	    {"[model a]\nurl = http://h\nfailover = b\n", "t:5:1: failover: there is no [model b]"},
	    {"[model a]\nurl = http://h\nfailover = a\n",
		"t:5:1: failover: up to 8 others, without itself"},
	    {"[model a]\nurl = http://h\nfailover = b\n[model b]\nurl = http://h\nkind = chat\n",
		"t:5:1: failover: [model b] is of another kind"},
	    {"[model a]\nurl = http://h\nfailover = b\n[model b]\nurl = http://h\ndimension = 3\n",
		"t:5:1: failover: [model b] has another dimension or prefix: it does not make the "
		"same vectors"},
	    {"[model a]\nurl = http://h\nalias = b\n[model b]\nurl = http://h\n",
		"t:5:1: alias: \"b\" is a section already"},
	    {"[model a]\nurl = http://h\nalias = x\n[model b]\nurl = http://h\nalias = y, x\n",
		"t:8:1: alias: [model a] is called \"x\" already"},
	    {"[model a]\nurl = http://h\nkind = chat\napi = jina\n",
		"t:6:1: api: a chat speaks openai or ollama"},
	    {"[model a]\nurl = http://h\nkind = rerank\napi = ollama\n",
		"t:6:1: api: ollama does not rerank"},
	    {"[model a]\nurl = http://h\nsend_dimension = yes\n",
		"t:5:1: send_dimension: there is no dimension to send"},
	};
	char text[1024];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(text, sizeof text, "[pool q]\nlisten = /q\n%s", rows[i].lines);
		assert_refused(parse(text, &e), &e, ERR_CONFIG);
		if (strncmp(errors.data, rows[i].words, strlen(rows[i].words)) != 0)
			fail_msg("row %zu: %s", i, errors.data);
	}
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    T(defaults_fill_what_is_left_out),
	    T(models_are_known_by_name_and_alias),
	    T(models_that_cannot_be_right_are_refused),
	    T(every_form_of_a_value_is_read),
	    T(every_error_has_its_words_and_place),
	    T(all_errors_are_reported_at_once),
	    T(nul_bytes_and_giant_files_are_refused),
	    T(damaged_files_never_crash),
	    T(the_environment_overrides_the_file),
	    T(the_world_is_checked_for_what_the_file_names),
	    T(options_that_need_a_restart_are_named),
	    T(the_reference_pages_say_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
