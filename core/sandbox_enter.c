/* sandbox_enter.c - a child gives up what it does not need.
 *
 * System calls are allowed by list; every other answers EPERM rather than killing, so that
 * a library that merely tries something goes on without it.
 */
#include "sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum { ADDRESS_SPACE_IS_BOUNDED = 0 };	/* the shadow alone takes terabytes */
#else
enum { ADDRESS_SPACE_IS_BOUNDED = 1 };
#endif

/* ---- limits ---- */

static bool
limit(int what, rlim_t value)
{
	struct rlimit r = {value, value}, now;

	/* A limit that is lower already stays. */
	if (getrlimit((__rlimit_resource_t)what, &now) == 0 && now.rlim_max < value)
		r.rlim_cur = r.rlim_max = now.rlim_max;
	return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

static size_t
address_space_now(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static bool
set_limits(enum sandbox_kind kind, const struct sandbox_limits *l)
{
	size_t now = kind == SANDBOX_FUNCTION ? address_space_now() : 0;

	if (ADDRESS_SPACE_IS_BOUNDED && !limit(RLIMIT_AS, now + l->memory))
		return false;
	return limit(RLIMIT_CPU, l->cpu_s) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) &&
	    limit(RLIMIT_NPROC, 0) && limit(RLIMIT_NOFILE, 64);
}

/* ---- the file system: Landlock, where there is one ---- */

static void
allow_below(int rules, const char *path)
{
	struct landlock_path_beneath_attr rule = {
	    .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
			      LANDLOCK_ACCESS_FS_EXECUTE,
	    .parent_fd = open(path, O_PATH | O_CLOEXEC)};

	if (rule.parent_fd == -1)
		return;
	syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
}

/* Older kernels have none: seccomp alone then forbids writing, not reading. */
static void
fence_files(void)
{
	static const char *const readable[] = {
	    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/fonts", "/dev/null", "/opt"};
	struct landlock_ruleset_attr what = {
	    .handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
				 LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &what, sizeof what, 0);

	if (rules == -1)
		return;
	for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++)
		allow_below(rules, readable[i]);
	syscall(SYS_landlock_restrict_self, rules, 0);
	close(rules);
}

/* ---- system calls ---- */

static const int calls_of_both[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(close),
    SCMP_SYS(lseek), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise),
    SCMP_SYS(futex), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom), SCMP_SYS(sched_yield), SCMP_SYS(getpid), SCMP_SYS(gettid),
    SCMP_SYS(fstat), SCMP_SYS(restart_syscall), SCMP_SYS(sigaltstack)};

static const int calls_of_programs[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(execve),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(newfstatat),
    SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(pread64), SCMP_SYS(readv),
    SCMP_SYS(writev), SCMP_SYS(getdents64), SCMP_SYS(arch_prctl), SCMP_SYS(set_tid_address),
    SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(prlimit64), SCMP_SYS(getrlimit),
    SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getcwd), SCMP_SYS(fcntl), SCMP_SYS(dup),
    SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(rt_sigaction),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
    SCMP_SYS(getegid), SCMP_SYS(getppid), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(clock_getres), SCMP_SYS(fadvise64)};

static bool
allow_all(scmp_filter_ctx f, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		/* EDOM: this architecture has no such call. */
		if (calls[i] != __NR_SCMP_ERROR && calls[i] >= 0 &&
		    seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0) != 0)
			return false;
	return true;
}

/* Memory that can be executed is for the loader of programs alone. */
static bool
allow_for_function(scmp_filter_ctx f)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
		   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
	    seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
}

static bool
allow_for_program(scmp_filter_ctx f)
{
	const uint64_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;

	return seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
		   SCMP_A2(SCMP_CMP_MASKED_EQ, writing, 0)) == 0 &&
	    allow_all(f, calls_of_programs, sizeof calls_of_programs / sizeof(int));
}

static bool
fence_calls(enum sandbox_kind kind)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	bool done;

	if (f == NULL)
		return false;
	/* abort() must end this process, not be refused; it can reach no other. */
	done = allow_all(f, calls_of_both, sizeof calls_of_both / sizeof(int)) &&
	       seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		   SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) == 0 &&
	       (kind == SANDBOX_FUNCTION ? allow_for_function(f) : allow_for_program(f)) &&
	       seccomp_load(f) == 0;
	seccomp_release(f);
	return done;
}

bool
sandbox_enter(enum sandbox_kind kind, const struct sandbox_limits *l)
{
	if (!set_limits(kind, l) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return false;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (kind == SANDBOX_PROGRAM)
		fence_files();
	return fence_calls(kind);
}
