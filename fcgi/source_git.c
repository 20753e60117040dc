/* source_git.c - documents from the files of a commit, in a repository on this host.
 *
 * git is asked, not linked: `ls-tree` for the listing, `cat-file --batch` for the contents.
 * Neither runs hooks, filters or text conversions; the environment is our own, so that no
 * configuration but the repository's own is read, and what that could start (helpers, other
 * protocols, a fetch of missing objects) is forbidden on the command line.
 *
 * A file's stamp is the name of its contents, so a new commit reads only what changed.
 * Links and submodules are no documents.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beneath.h"
#include "bounds.h"
#include "buf.h"
#include "file.h"
#include "source_kinds.h"
#include "utf8.h"

enum { OBJECT_NAME_MAX = 64, LISTING_MAX = 1 << 30, WORDS_MAX = 4096, ARGS_MAX = 32 };

struct git_source {
	struct source base;
	int repository;			/* O_PATH: the folder with objects and refs */
	char path[1024], ref[256];
	char commit[OBJECT_NAME_MAX + 1];
	/* git cat-file --batch, once something is read */
	pid_t reader;
	int to_reader, from_reader;
};

/* ---- the child ---- */

static char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
    "HOME=/nonexistent", "XDG_CONFIG_HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1",
    "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
    "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1",
    "GIT_ALLOW_PROTOCOL=none", "GIT_ASKPASS=/bin/false", NULL};

static int
spawn_git(struct git_source *s, const char *const *more, int in, int out, pid_t *pid,
    struct err *e)
{
	/* The folder as it was opened, so that it cannot be exchanged behind our back. */
	const char *argv[ARGS_MAX] = {"git", "-c", "safe.directory=*", "-c",
	    "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never",
	    "-c", "core.alternateRefsCommand=", "--no-pager", "--git-dir", NULL};
	char folder[64];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	size_t n = 13;
	int rc;

	snprintf(folder, sizeof folder, "/proc/%d/fd/%d", (int)getpid(), s->repository);
	argv[n++] = folder;
	for (; *more != NULL && n < ARGS_MAX - 1; more++)
		argv[n++] = *more;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigfillset(&set);
	posix_spawnattr_setsigdefault(&attributes, &set);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawnp(pid, "git", &actions, &attributes, (char *const *)(uintptr_t)argv,
	    environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (rc == 0)
		return 0;
	errno = rc;
	return err_sys(e, ERR_SOURCE, "git could not be started; is it installed?");
}

static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
read_all(int fd, struct buf *out, struct err *e)
{
	ssize_t n;
	char *at;

	do {
		if ((at = buf_room(out, 65536)) == NULL)
			return buf_check(out, "what git says", e);
		n = read(fd, at, 65536);
		if (n > 0)
			buf_grew(out, (size_t)n);
	} while (n > 0 || (n == -1 && errno == EINTR));
	return n == 0 ? 0 : err_sys(e, ERR_IO, "git");
}

/* One git command, from its beginning to its end; its output is added to *out. */
static int
run_git(struct git_source *s, const char *const *args, struct buf *out, struct err *e)
{
	int ends[2] = {-1, -1}, null = open("/dev/null", O_RDONLY | O_CLOEXEC), rc = -1, code;
	pid_t pid;

	if (null == -1 || pipe2(ends, O_CLOEXEC) == -1) {
		err_sys(e, ERR_IO, "pipe");
		goto out;
	}
	if (spawn_git(s, args, null, ends[1], &pid, e) == -1)
		goto out;
	close(ends[1]);
	ends[1] = -1;
	rc = read_all(ends[0], out, e);
	if (rc == -1)
		kill(pid, SIGKILL);
	code = wait_for(pid);
	if (rc == 0 && code != 0)
		rc = err_set(e, ERR_SOURCE, "%s: git %s ends with %d", s->path, args[0], code);
out:
	if (null != -1)
		close(null);
	if (ends[0] != -1)
		close(ends[0]);
	if (ends[1] != -1)
		close(ends[1]);
	return rc;
}

/* ---- the commit ---- */

static bool
is_object_name(const char *s, size_t n)
{
	return (n == 40 || n == 64) && strspn(s, "0123456789abcdef") >= n;
}

static int
find_commit(struct git_source *s, struct err *e)
{
	char name[300];
	const char *args[] = {"rev-parse", "--verify", "--quiet", "--end-of-options", name, NULL};
	struct buf out;
	int rc;

	snprintf(name, sizeof name, "%s^{commit}", s->ref);
	buf_init(&out, 128 * 1024);
	rc = run_git(s, args, &out, e);
	if (rc == -1 && (e == NULL || e->code == ERR_SOURCE)) {
		err_set(e, ERR_SOURCE, "%s is no git repository that has a commit \"%s\"", s->path,
		    s->ref);
	} else if (rc == 0 && (out.len < 41 || !is_object_name(out.data, out.len - 1))) {
		rc = err_set(e, ERR_SOURCE, "%s: git names no commit for \"%s\"", s->path, s->ref);
	} else if (rc == 0) {
		memcpy(s->commit, out.data, out.len - 1);
		s->commit[out.len - 1] = '\0';
	}
	buf_fini(&out);
	return rc;
}

/* ---- listing ---- */

/* "100644 blob <name> <size>\t<path>": false for what is no plain file. */
static bool
read_entry(char *line, struct source_item *item)
{
	char *tab = strchr(line, '\t'), *name = line + sizeof "100644 blob " - 1, *end;

	if (tab == NULL || (strncmp(line, "100644 blob ", 12) != 0 &&
			       strncmp(line, "100755 blob ", 12) != 0))
		return false;
	*tab = '\0';
	*item = (struct source_item){.key = tab + 1};
	end = name + strspn(name, "0123456789abcdef");
	if (!is_object_name(name, (size_t)(end - name)) || *end != ' ')
		return false;
	memcpy(item->stamp, name, (size_t)(end - name));
	item->size = strtoull(end, NULL, 10);
	if (item->size > DOCUMENT_BYTES_MAX)
		item->why = "larger than 256 MiB";
	return true;
}

/* A path that is no text gets a key that is. */
static void
check_key(struct source_item *item, char shown[DOCUMENT_PATH_BYTES + 1])
{
	size_t n = strlen(item->key), used = 0;
	bool plain = n <= DOCUMENT_PATH_BYTES && utf8_is_valid(item->key, n);

	for (const char *s = item->key; *s != '\0' && plain; s++)
		plain = (unsigned char)*s >= 0x20 && *s != 0x7f;
	if (plain)
		return;
	for (const char *s = item->key; *s != '\0' && used + 4 < DOCUMENT_PATH_BYTES; s++) {
		unsigned char c = (unsigned char)*s;
		used += (size_t)snprintf(shown + used, 4, c > 0x20 && c < 0x7f ? "%c" : "%%%02X", c);
	}
	item->key = shown;
	item->why = "its path is not text: control characters, or not UTF-8";
}

static bool
is_hidden(const char *path)
{
	return path[0] == '.' || strstr(path, "/.") != NULL;
}

static int
git_list(struct source *base, source_item_fn *each, void *context, struct err *e)
{
	struct git_source *s = (struct git_source *)base;
	const char *args[] = {"ls-tree", "-r", "-z", "--full-tree", "-l", s->commit, NULL};
	char shown[DOCUMENT_PATH_BYTES + 1];
	struct source_item item;
	struct buf out;
	int rc;

	if (find_commit(s, e) == -1)
		return -1;
	buf_init(&out, LISTING_MAX);
	rc = run_git(s, args, &out, e);
	for (char *line = out.data; rc == 0 && line != NULL && line < out.data + out.len;) {
		char *next = line + strlen(line) + 1;
		if (read_entry(line, &item) && !is_hidden(item.key)) {
			check_key(&item, shown);
			rc = each(context, &item, e);
		}
		line = next;
	}
	buf_fini(&out);
	return rc;
}

/* ---- reading ---- */

static int
start_reader(struct git_source *s, struct err *e)
{
	const char *args[] = {"cat-file", "--batch", NULL};
	int in[2] = {-1, -1}, out[2] = {-1, -1};

	if (s->reader != 0)
		return 0;
	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1) {
		err_sys(e, ERR_IO, "pipe");
	} else if (spawn_git(s, args, in[0], out[1], &s->reader, e) == 0) {
		s->to_reader = in[1];
		s->from_reader = out[0];
		in[1] = out[0] = -1;
	} else {
		s->reader = 0;
	}
	for (int i = 0; i < 2; i++) {
		if (in[i] != -1)
			close(in[i]);
		if (out[i] != -1)
			close(out[i]);
	}
	return s->reader != 0 ? 0 : -1;
}

static int
read_exactly(int fd, char *out, size_t n, struct err *e)
{
	ssize_t got;

	while (n > 0) {
		if ((got = read(fd, out, n)) == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(e, ERR_IO, "git cat-file ended early");
		out += got;
		n -= (size_t)got;
	}
	return 0;
}

/* "<name> blob <size>\n", or "<name> missing\n". */
static int
read_answer_line(struct git_source *s, char line[200], struct err *e)
{
	for (size_t n = 0; n < 199; n++) {
		if (read_exactly(s->from_reader, line + n, 1, e) == -1)
			return -1;
		if (line[n] == '\n') {
			line[n] = '\0';
			return 0;
		}
	}
	return err_set(e, ERR_IO, "git cat-file answers strangely");
}

static int
git_read(struct source *base, struct source_item *item, char **bytes, size_t *n, struct err *e)
{
	struct git_source *s = (struct git_source *)base;
	char line[200], *size, last;

	*bytes = NULL;
	if (start_reader(s, e) == -1)
		return -1;
	snprintf(line, sizeof line, "%s\n", item->stamp);
	if (file_write_all(s->to_reader, line, strlen(line), "git cat-file", e) == -1 ||
	    read_answer_line(s, line, e) == -1)
		return -1;
	if ((size = strstr(line, " blob ")) == NULL)
		return err_set(e, ERR_SOURCE, "%s: git has lost %s (%.64s)", s->path, item->key,
		    item->stamp);
	*n = strtoull(size + 6, NULL, 10);
	if (*n != item->size || (*bytes = malloc(*n + 1)) == NULL)
		return err_set(e, *n != item->size ? ERR_IO : ERR_NOMEM, "%s: %zu bytes", item->key,
		    *n);
	if (read_exactly(s->from_reader, *bytes, *n, e) == -1 ||
	    read_exactly(s->from_reader, &last, 1, e) == -1) {
		free(*bytes);
		*bytes = NULL;
		return -1;
	}
	(*bytes)[*n] = '\0';
	return 0;
}

static void
git_close(struct source *base)
{
	struct git_source *s = (struct git_source *)base;

	if (s->reader != 0) {
		close(s->to_reader);		/* its end of input is how it ends */
		close(s->from_reader);
		wait_for(s->reader);
	}
	if (s->repository != -1)
		close(s->repository);
	free(s);
}

/* The folder .git of a clone, or the folder itself, if it is bare.  git is told, so that it
 * does not look for one further up. */
static int
open_repository(const char *path, const char *root, struct err *e)
{
	int folder = beneath_open(path, root, O_PATH | O_DIRECTORY, e), inner;

	if (folder == -1)
		return -1;
	inner = openat(folder, ".git", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (inner == -1)
		return folder;
	close(folder);
	return inner;
}

int
source_git_open(struct source **out, const struct source_options *o,
    const struct source_world *w, struct err *e)
{
	struct git_source *s = calloc(1, sizeof *s);
	char root[PATH_MAX];

	if (s == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	s->base = (struct source){git_list, git_read, NULL, git_close};
	s->repository = -1;
	strcpy(s->path, o->path);
	strcpy(s->ref, o->ref);
	if (beneath_choose(root, sizeof root, o->path, w->allowed_paths, e) == -1 ||
	    (s->repository = open_repository(o->path, root, e)) == -1) {
		git_close(&s->base);
		return -1;
	}
	*out = &s->base;
	return 0;
}
