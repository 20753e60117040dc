/* test_sandbox.c - what a confined child can do, and what becomes of one that fails. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clk.h"
#include "sandbox.h"

static const struct sandbox_limits small = {
    .cpu_s = 10, .wall_s = 60, .memory = 64 << 20, .output = 1 << 16};
/* For what never ends. */
static const struct sandbox_limits brief = {
    .cpu_s = 10, .wall_s = 1, .memory = 64 << 20, .output = 1 << 16};

/* ---- functions ---- */

static int
answer(void *context, struct buf *out, struct err *e)
{
	(void)e;
	buf_adds(out, context);
	return 0;
}

static void
an_answer_comes_back(void **state)
{
	struct err e;
	char *out;
	size_t n;

	(void)state;
	assert_ok(sandbox_call(&small, answer, (char *)(uintptr_t) "hello", &out, &n, &e), &e);
	assert_int_equal(n, 5);
	assert_string_equal(out, "hello");
	free(out);
}

static int
refuse(void *context, struct buf *out, struct err *e)
{
	(void)context, (void)out;
	return err_set(e, ERR_ENCRYPTED, "it is locked");
}

static void
a_refusal_comes_back_with_its_words(void **state)
{
	struct err e;
	char *out;
	size_t n;

	(void)state;
	assert_refused(sandbox_call(&small, refuse, NULL, &out, &n, &e), &e, ERR_ENCRYPTED);
	assert_string_equal(e.text, "it is locked");
}

static int
hang(void *context, struct buf *out, struct err *e)
{
	char c;
	int fd[2];

	(void)context, (void)out, (void)e;
	/* Reading from its own end of the answer's pipe fails; so does a pipe: spin. */
	while (pipe(fd) == -1 || read(fd[0], &c, 1) == 0)
		;
	return 0;
}

static int
crash(void *context, struct buf *out, struct err *e)
{
	(void)context, (void)out, (void)e;
	abort();
}

static int
flood(void *context, struct buf *out, struct err *e)
{
	(void)context, (void)e;
	for (int i = 0; i < 100000; i++)
		buf_adds(out, "0123456789");
	return 0;
}

static void
assert_fails(const struct sandbox_limits *l, sandbox_fn *fn, enum err_code code, const char *says)
{
	struct err e;
	char *out;
	size_t n;

	assert_refused(sandbox_call(l, fn, NULL, &out, &n, &e), &e, code);
	if (strstr(e.text, says) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.text, says);
}

static void
a_child_that_hangs_is_stopped(void **state)
{
	static const struct sandbox_limits cpu = {
	    .cpu_s = 1, .wall_s = 60, .memory = 64 << 20, .output = 1 << 16};
	int64_t from = clk_ns();

	(void)state;
	assert_fails(&brief, hang, ERR_EXTRACTOR, "longer than 1 s");
	assert_fails(&cpu, hang, ERR_EXTRACTOR, "CPU time");
	assert_true(clk_ns() - from < INT64_C(30000000000));
}

static void
a_child_that_crashes_is_told_apart(void **state)
{
	(void)state;
	assert_fails(&small, crash, ERR_EXTRACTOR, "signal 6");
}

static void
too_much_output_is_refused(void **state)
{
	(void)state;
	assert_fails(&small, flood, ERR_LIMIT, "");
}

/* Each attempt adds a letter when it is refused, as it must be. */
static int
try_everything(void *context, struct buf *out, struct err *e)
{
	const char *path = context;

	(void)e;
	buf_adds(out, socket(AF_INET, SOCK_STREAM, 0) == -1 ? "n" : "N");
	buf_adds(out, open("/etc/passwd", O_RDONLY) == -1 ? "r" : "R");
	buf_adds(out, open(path, O_WRONLY | O_CREAT, 0600) == -1 ? "w" : "W");
	buf_adds(out, fork() == -1 ? "f" : "F");
	buf_adds(out, kill(getppid(), 0) == -1 ? "k" : "K");
	buf_adds(out, execl("/bin/true", "true", NULL) == -1 ? "x" : "X");
	buf_adds(out, mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? "m" : "M");
	buf_adds(out, unlink(path) == -1 ? "u" : "U");
	return 0;
}

static void
it_can_do_nothing_but_compute(void **state)
{
	char path[] = "/tmp/ragpool-sandbox-test";
	struct err e;
	char *out;
	size_t n;

	(void)state;
	assert_ok(sandbox_call(&small, try_everything, path, &out, &n, &e), &e);
	assert_string_equal(out, "nrwfkxmu");
	free(out);
}

static int
count_descriptors(void *context, struct buf *out, struct err *e)
{
	int open_ones = 0;

	(void)context, (void)e;
	for (int fd = 0; fd < 256; fd++)
		open_ones += lseek(fd, 0, SEEK_CUR) != -1 || errno != EBADF;
	buf_addf(out, "%d", open_ones);
	return 0;
}

static void
it_has_no_descriptor_of_ours(void **state)
{
	int fd = open("/dev/null", O_RDONLY);	/* not even close-on-exec */
	struct err e;
	char *out;
	size_t n;

	(void)state;
	assert_ok(sandbox_call(&small, count_descriptors, NULL, &out, &n, &e), &e);
	assert_string_equal(out, "3");
	free(out);
	close(fd);
}

/* ---- programs ---- */

static void
run(const char *const *argv, const char *input, struct sandbox_output *o)
{
	struct err e;

	assert_ok(sandbox_program(&small, argv, input, strlen(input), o, &e), &e);
	buf_addc(&o->out, '\0');
}

static void
a_program_reads_its_input_and_answers(void **state)
{
	static const char *const argv[] = {"/bin/cat", "-", NULL};
	struct sandbox_output o;

	(void)state;
	run(argv, "some bytes", &o);
	assert_string_equal(o.out.data, "some bytes");
	assert_int_equal(o.exit_code, 0);
	buf_fini(&o.out);
}

static void
its_exit_and_complaint_are_told(void **state)
{
	static const char *const argv[] = {"/bin/cat", "/no/such/file", NULL};
	struct sandbox_output o;

	(void)state;
	run(argv, "", &o);
	assert_int_equal(o.exit_code, 1);
	assert_non_null(strstr(o.complaint, "No such file"));
	buf_fini(&o.out);
}

static void
a_program_cannot_write_start_others_or_read_elsewhere(void **state)
{
	static const char *const writes[] = {"/usr/bin/touch", "/tmp/ragpool-sandbox-test", NULL};
	static const char *const starts[] = {"/bin/sh", "-c", "/bin/true; /bin/echo started", NULL};
	static const char *const reads[] = {"/bin/cat", "/etc/passwd", NULL};
	struct sandbox_output o;

	(void)state;
	run(writes, "", &o);
	assert_int_not_equal(o.exit_code, 0);
	buf_fini(&o.out);
	assert_int_equal(access("/tmp/ragpool-sandbox-test", F_OK), -1);
	run(starts, "", &o);
	assert_null(strstr(o.out.data, "started"));
	buf_fini(&o.out);
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
		return;		/* this kernel keeps no files from it */
	run(reads, "", &o);
	assert_int_equal(o.exit_code, 1);
	assert_string_equal(o.out.data, "");
	buf_fini(&o.out);
}

static void
programs_that_fail_are_stopped_or_named(void **state)
{
	static const struct {
		const char *argv[3];
		const struct sandbox_limits *limits;
		enum err_code code;
		const char *says;
	} t[] = {
	    {{"/bin/sleep", "100", NULL}, &brief, ERR_EXTRACTOR, "longer than 1 s"},
	    {{"/usr/bin/yes", NULL, NULL}, &small, ERR_LIMIT, "of text"},
	    {{"/no/such/program", NULL, NULL}, &small, ERR_NO_EXTRACTOR, "not installed"},
	};
	struct sandbox_output o;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		assert_refused(
		    sandbox_program(t[i].limits, t[i].argv, "", 0, &o, &e), &e, t[i].code);
		if (strstr(e.text, t[i].says) == NULL)
			fail_msg("row %zu: %s", i, e.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_comes_back),
	    cmocka_unit_test(a_refusal_comes_back_with_its_words),
	    cmocka_unit_test(a_child_that_hangs_is_stopped),
	    cmocka_unit_test(a_child_that_crashes_is_told_apart),
	    cmocka_unit_test(too_much_output_is_refused),
	    cmocka_unit_test(it_can_do_nothing_but_compute),
	    cmocka_unit_test(it_has_no_descriptor_of_ours),
	    cmocka_unit_test(a_program_reads_its_input_and_answers),
	    cmocka_unit_test(its_exit_and_complaint_are_told),
	    cmocka_unit_test(a_program_cannot_write_start_others_or_read_elsewhere),
	    cmocka_unit_test(programs_that_fail_are_stopped_or_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
