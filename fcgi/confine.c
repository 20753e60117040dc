/* confine.c - what a worker gives up before it takes its first request. */
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not in the headers of every supported system. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* ---- system calls ---- */

static const int refused[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(bind), SCMP_SYS(listen),
#ifndef __SANITIZE_ADDRESS__		/* its search for leaks traces its own threads */
	SCMP_SYS(ptrace),
#endif
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(mount),
	SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(unshare),
	SCMP_SYS(setns), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
	SCMP_SYS(kexec_load), SCMP_SYS(init_module), SCMP_SYS(finit_module),
	SCMP_SYS(delete_module), SCMP_SYS(open_by_handle_at), SCMP_SYS(swapon),
	SCMP_SYS(swapoff), SCMP_SYS(reboot), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex), SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid),
	SCMP_SYS(setregid), SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(mknod),
	SCMP_SYS(mknodat), SCMP_SYS(acct), SCMP_SYS(quotactl), SCMP_SYS(syslog),
};

/* All but unix sockets: a worker has no business with a network. */
static int
refuse_sockets(scmp_filter_ctx filter)
{
	static const int calls[] = {SCMP_SYS(socket), SCMP_SYS(socketpair)};

	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), calls[i], 1,
			SCMP_A0(SCMP_CMP_NE, AF_UNIX)) != 0)
			return -1;
	return 0;
}

static bool
confine_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool ok = filter != NULL;

	for (size_t i = 0; ok && i < sizeof refused / sizeof refused[0]; i++)
		ok = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0) == 0;
	ok = ok && refuse_sockets(filter) == 0 && seccomp_load(filter) == 0;
	if (filter != NULL)
		seccomp_release(filter);
	return ok;
}

/* ---- files ---- */

enum { WRITE_AND_MAKE = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG };

/* Everything that changes something, as far as this kernel knows it. */
static uint64_t
changes_of(long version)
{
	uint64_t changes = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
	    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
	    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
	    LANDLOCK_ACCESS_FS_MAKE_SYM;

	if (version >= 2)
		changes |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		changes |= LANDLOCK_ACCESS_FS_TRUNCATE;
	return changes;
}

static int
allow(int rules, const char *folder, uint64_t access)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = access};
	int rc;

	rule.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.parent_fd == -1)
		return 0;		/* then nothing can be made there either */
	rc = (int)syscall(
	    SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
	return rc;
}

static int
allow_folder_of(int rules, const char *file)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(file, '/');
	size_t n = slash != NULL ? (size_t)(slash - file) : 0;

	if (slash == NULL || n >= sizeof folder)
		return 0;
	memcpy(folder, n > 0 ? file : "/", n > 0 ? n : 1);
	folder[n > 0 ? n : 1] = '\0';
	return allow(rules, folder, WRITE_AND_MAKE);
}

/* As far as this kernel knows it. */
static uint64_t
keeping(long version)
{
	uint64_t access = WRITE_AND_MAKE | LANDLOCK_ACCESS_FS_MAKE_DIR |
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR;

	return version >= 3 ? access | LANDLOCK_ACCESS_FS_TRUNCATE : access;
}

static bool
confine_files(const char *const *files, const char *below)
{
	struct landlock_ruleset_attr attributes = {0};
	long version = syscall(
	    SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	bool ok = true;
	int rules;

	if (version < 1)
		return false;
	attributes.handled_access_fs = changes_of(version);
	rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
	if (rules == -1)
		return false;
	for (size_t i = 0; ok && files[i] != NULL && i < CONFINE_FILES_MAX; i++)
		ok = allow_folder_of(rules, files[i]) == 0;
	if (ok && below != NULL)
		ok = allow(rules, below, keeping(version)) == 0;
	ok = ok && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	close(rules);
	return ok;
}

void
confine_worker(const char *const *files, const char *below, struct confined *out)
{
	*out = (struct confined){0};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return;
	out->files = confine_files(files, below);
	out->calls = confine_calls();
}
