/* uploads.c - files that were uploaded: what has an id is durable. */
#include "uploads.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "json.h"
#include "leftover.h"

#define UPLOAD_MAGIC "RPUP0001"
enum { TAIL_BYTES = 16, ABOUT_MAX = 32 * 1024, FOLDER_MODE = 0750, FILE_MODE = 0640 };

/* ---- places ---- */

static int
root_of(char out[PATH_MAX], const char *data_dir, struct err *e)
{
	return file_join(out, PATH_MAX, data_dir, UPLOADS_FOLDER, e);
}

static bool
area_is_valid(const char *area)
{
	size_t n = strlen(area);

	return n > 0 && n < UPLOAD_AREA_BYTES && area[0] != '.' &&
	    strspn(area, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static int
folder_of(char *out, size_t size, const char *data_dir, const char *area, struct err *e)
{
	char root[PATH_MAX];

	if (!area_is_valid(area))
		return err_set(e, ERR_INPUT, "not the name of an area of files");
	return root_of(root, data_dir, e) == -1 ? -1 : file_join(out, size, root, area, e);
}

static int
make_folders(const char *folder, struct err *e)
{
	char root[PATH_MAX];

	if (file_is_folder(folder))
		return 0;
	snprintf(root, sizeof root, "%.*s", (int)(strrchr(folder, '/') - folder), folder);
	return file_make_folder(root, FOLDER_MODE, e) == -1 ?
	    -1 :
	    file_make_folder(folder, FOLDER_MODE, e);
}

bool
upload_id_is_valid(const char *id)
{
	return strlen(id) == UPLOAD_ID_BYTES - 1 &&
	    strspn(id, "0123456789abcdef") == UPLOAD_ID_BYTES - 1;
}

static int
unknown(struct err *e, const char *id)
{
	return err_set(e, ERR_FILE, "there is no uploaded file \"file-%.24s\"", id);
}

static int
path_of(char out[PATH_MAX], const char *data_dir, const char *area, const char *id,
    struct err *e)
{
	char folder[PATH_MAX];

	if (!upload_id_is_valid(id))
		return unknown(e, id);
	return folder_of(folder, sizeof folder, data_dir, area, e) == -1 ?
	    -1 :
	    file_join(out, PATH_MAX, folder, id, e);
}

struct areas {
	int (*each)(void *context, const char *area, struct err *e);
	void *context;
};

static int
pass_area(void *context, int root, const char *name, struct err *e)
{
	const struct areas *a = context;

	(void)root;
	return area_is_valid(name) ? a->each(a->context, name, e) : 0;
}

int
upload_each_area(const char *data_dir,
    int (*each)(void *context, const char *area, struct err *e), void *context, struct err *e)
{
	struct areas a = {each, context};
	char root[PATH_MAX];

	return root_of(root, data_dir, e) == -1 ? -1 : file_each_name(root, pass_area, &a, e);
}

/* ---- writing ---- */

int
upload_begin(struct upload_writer *w, const char *data_dir, const char *area, struct err *e)
{
	static unsigned count;

	*w = (struct upload_writer){.fd = -1};
	if (folder_of(w->folder, sizeof w->folder, data_dir, area, e) == -1 ||
	    make_folders(w->folder, e) == -1)
		return -1;
	snprintf(w->tmp, sizeof w->tmp, "%s/.tmp-%d-%u", w->folder, (int)getpid(), count++);
	w->fd = open(w->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	return w->fd != -1 ? 0 : err_sys(e, ERR_IO, "%s", w->tmp);
}

int
upload_write(struct upload_writer *w, const void *bytes, size_t n, struct err *e)
{
	if (w->bytes + n > DOCUMENT_BYTES_MAX)
		return err_set(e, ERR_BODY_SIZE, "a file is larger than %d MiB",
		    DOCUMENT_BYTES_MAX >> 20);
	w->bytes += n;
	return file_write_all(w->fd, bytes, n, w->tmp, e);
}

void
upload_abandon(struct upload_writer *w)
{
	if (w->fd == -1)
		return;
	close(w->fd);
	unlink(w->tmp);
	w->fd = -1;
}

static void
put_text(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, "\"%s\": ", name);
	json_put_text(b, text, strlen(text));
	buf_adds(b, ", ");
}

/* What is said about it, and what shows that it is whole. */
static int
finish_file(struct upload_writer *w, const struct upload *about, struct err *e)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = about->expires}};
	struct buf b;
	size_t n;
	int rc;

	buf_init(&b, ABOUT_MAX);
	buf_addc(&b, '{');
	put_text(&b, "name", about->name);
	put_text(&b, "type", about->type);
	put_text(&b, "purpose", about->purpose);
	buf_addf(&b, "\"created\": %" PRId64 "}", about->created);
	n = b.len;
	buf_addf(&b, "%08zx%s", n, UPLOAD_MAGIC);
	if ((rc = buf_check(&b, "what is said about a file", e)) == 0 &&
	    (rc = file_write_all(w->fd, b.data, b.len, w->tmp, e)) == 0 &&
	    (futimens(w->fd, times) == -1 || fsync(w->fd) == -1))
		rc = err_sys(e, ERR_IO, "%s", w->tmp);
	buf_fini(&b);
	return rc;
}

/* ---- putting in place, under the folder's lock ---- */

struct look {
	uint64_t bytes, files;
	int64_t now;
};

bool
upload_has_expired(int64_t expires, int64_t now)
{
	return expires != 0 && expires <= now;
}

static bool
has_expired(const struct stat *st, int64_t now)
{
	return upload_has_expired((int64_t)st->st_mtim.tv_sec, now);
}

/* Counts; what has expired makes room. */
static int
look_at(void *context, int folder, const char *file, struct err *e)
{
	struct look *l = context;
	struct stat st;

	(void)e;
	if (!upload_id_is_valid(file) || fstatat(folder, file, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	if (has_expired(&st, l->now)) {
		unlinkat(folder, file, 0);
		return 0;
	}
	l->bytes += (uint64_t)st.st_size;
	l->files++;
	return 0;
}

static int
check_room(const struct look *l, const struct upload_limits *limits, uint64_t more, struct err *e)
{
	if (limits->files != 0 && l->files >= limits->files)
		return err_set(e, ERR_FILES_FULL, "%" PRIu64 " files are kept already: delete some",
		    l->files);
	if (limits->bytes != 0 && l->bytes + more > limits->bytes)
		return err_set(e, ERR_FILES_FULL,
		    "%" PRIu64 " of %" PRIu64 " bytes are taken already: delete some files",
		    l->bytes, limits->bytes);
	return 0;
}

static int
random_bits(uint64_t *out, struct err *e)
{
	return getrandom(out, sizeof *out, 0) == sizeof *out ?
	    0 :
	    err_sys(e, ERR_IO, "random numbers");
}

static int
place(struct upload_writer *w, struct upload *about, const struct upload_limits *limits,
    struct err *e)
{
	struct look l = {.now = about->created};
	char path[PATH_MAX];
	struct timespec t;
	uint64_t bits;

	if (file_each_name(w->folder, look_at, &l, e) == -1 ||
	    check_room(&l, limits, w->bytes, e) == -1 || random_bits(&bits, e) == -1)
		return -1;
	clock_gettime(CLOCK_REALTIME, &t);
	snprintf(about->id, sizeof about->id, "%011" PRIx64 "%013" PRIx64,
	    ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000) & 0xfffffffffff,
	    bits & 0xfffffffffffff);
	if (file_join(path, sizeof path, w->folder, about->id, e) == -1)
		return -1;
	return rename(w->tmp, path) == 0 ? 0 : err_sys(e, ERR_IO, "%s", path);
}

static int
place_locked(struct upload_writer *w, struct upload *about, const struct upload_limits *limits,
    struct err *e)
{
	char path[PATH_MAX];
	int lock, rc = -1;

	if (file_join(path, sizeof path, w->folder, "lock", e) == -1)
		return -1;
	lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (lock == -1 || flock(lock, LOCK_EX) == -1)
		err_sys(e, ERR_IO, "%s", path);
	else
		rc = place(w, about, limits, e);
	if (lock != -1)
		close(lock);
	return rc;
}

int
upload_commit(struct upload_writer *w, struct upload *about, const struct upload_limits *limits,
    struct err *e)
{
	int rc = -1;

	about->bytes = w->bytes;
	about->created = (int64_t)time(NULL);
	if (finish_file(w, about, e) == 0 && place_locked(w, about, limits, e) == 0) {
		close(w->fd);
		w->fd = -1;	/* its name is not ours to remove any more */
		rc = file_sync(w->folder, e);
	}
	upload_abandon(w);
	return rc;
}

/* ---- reading ---- */

/* Where the object lies in a mapped file. */
static int
find_about(const struct file_map *m, size_t *at, size_t *n, const char *id, struct err *e)
{
	char digits[9] = "", *end;
	const unsigned char *tail;

	if (m->len < TAIL_BYTES ||
	    memcmp((tail = m->data + m->len - TAIL_BYTES) + 8, UPLOAD_MAGIC, 8) != 0)
		return err_set(e, ERR_CORRUPT, "the uploaded file %s is cut off", id);
	memcpy(digits, tail, 8);
	*n = strtoul(digits, &end, 16);
	if (*end != '\0' || *n > m->len - TAIL_BYTES)
		return err_set(e, ERR_CORRUPT, "the uploaded file %s is damaged", id);
	*at = m->len - TAIL_BYTES - *n;
	return 0;
}

static int
read_about(struct upload *out, struct json_object *o, struct err *e)
{
	const char *name = "", *type = "", *purpose = "";

	if (json_get_text(o, "name", true, DOCUMENT_PATH_BYTES, &name, e) == -1 ||
	    json_get_text(o, "type", true, sizeof out->type - 1, &type, e) == -1 ||
	    json_get_text(o, "purpose", true, UPLOAD_PURPOSE_BYTES, &purpose, e) == -1 ||
	    json_get_int(o, "created", true, 0, INT64_MAX, &out->created, e) == -1)
		return -1;
	snprintf(out->name, sizeof out->name, "%s", name);
	snprintf(out->type, sizeof out->type, "%s", type);
	snprintf(out->purpose, sizeof out->purpose, "%s", purpose);
	return 0;
}

static int
read_mapped(struct upload *out, const struct file_map *m, struct err *e)
{
	struct json_object *o = NULL;
	size_t at = 0, n = 0;
	int rc = -1;

	if (find_about(m, &at, &n, out->id, e) == -1)
		return -1;
	out->bytes = at;
	if (json_parse_object(&o, (const char *)m->data + at, n, NULL) == 0)
		rc = read_about(out, o, NULL);
	json_object_put(o);
	return rc == 0 ? 0 : err_set(e, ERR_CORRUPT, "the uploaded file %s is damaged", out->id);
}

int
upload_get(struct upload *out, struct file_map *m, const char *data_dir, const char *area,
    const char *id, struct err *e)
{
	char path[PATH_MAX];
	struct file_map own;
	struct stat st;

	if (path_of(path, data_dir, area, id, e) == -1)
		return -1;
	if (lstat(path, &st) == -1)
		return errno == ENOENT ? unknown(e, id) : err_sys(e, ERR_IO, "%s", path);
	if (has_expired(&st, (int64_t)time(NULL)))
		return unknown(e, id);
	*out = (struct upload){.expires = (int64_t)st.st_mtim.tv_sec};
	memcpy(out->id, id, sizeof out->id);
	if (file_map(&own, path, e) == -1)
		return e != NULL && e->code == ERR_NOT_FOUND ? unknown(e, id) : -1;
	if (read_mapped(out, &own, e) == -1) {
		file_unmap(&own);
		return -1;
	}
	if (m != NULL)
		*m = own;
	else
		file_unmap(&own);
	return 0;
}

struct ids {
	char (*at)[UPLOAD_ID_BYTES];
	size_t count, room;
	int64_t now;
};

static int
add_id(void *context, int folder, const char *file, struct err *e)
{
	struct ids *l = context;
	struct stat st;
	void *more;

	if (!upload_id_is_valid(file) || fstatat(folder, file, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    has_expired(&st, l->now))
		return 0;
	if (l->count == l->room) {
		size_t room = l->room == 0 ? 64 : 2 * l->room;
		if ((more = reallocarray(l->at, room, sizeof *l->at)) == NULL)
			return err_sys(e, ERR_NOMEM, "a list of files");
		l->at = more;
		l->room = room;
	}
	memcpy(l->at[l->count++], file, UPLOAD_ID_BYTES);
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(a, b);
}

int
upload_list(char (**ids)[UPLOAD_ID_BYTES], size_t *count, const char *data_dir,
    const char *area, struct err *e)
{
	struct ids l = {.now = (int64_t)time(NULL)};
	char folder[PATH_MAX];

	*ids = NULL;
	*count = 0;
	if (folder_of(folder, sizeof folder, data_dir, area, e) == -1)
		return -1;
	if (file_each_name(folder, add_id, &l, e) == -1) {
		free(l.at);
		return -1;
	}
	if (l.count > 1)
		qsort(l.at, l.count, sizeof *l.at, by_id);
	*ids = l.at;
	*count = l.count;
	return 0;
}

/* ---- ending ---- */

int
upload_remove(const char *data_dir, const char *area, const char *id, struct err *e)
{
	char path[PATH_MAX];

	if (path_of(path, data_dir, area, id, e) == -1)
		return -1;
	if (unlink(path) == -1)
		return errno == ENOENT ? unknown(e, id) : err_sys(e, ERR_IO, "%s", path);
	*strrchr(path, '/') = '\0';
	return file_sync(path, e);
}

struct sweep {
	const char *data_dir;
	int64_t now;
};

static int
sweep_area(void *context, const char *area, struct err *e)
{
	const struct sweep *s = context;
	struct look l = {.now = s->now};
	char folder[PATH_MAX];

	if (folder_of(folder, sizeof folder, s->data_dir, area, NULL) == -1)
		return 0;
	return leftover_sweep(folder, e) == -1 ? -1 :
							  file_each_name(folder, look_at, &l, e);
}

int
upload_sweep(const char *data_dir, int64_t now, struct err *e)
{
	struct sweep s = {.data_dir = data_dir, .now = now};

	return upload_each_area(data_dir, sweep_area, &s, e);
}

/* ---- copies ---- */

void
upload_path(char out[UPLOAD_PATH_BYTES], const char *area, const char *id)
{
	snprintf(out, UPLOAD_PATH_BYTES, UPLOADS_FOLDER "/%.*s/%.*s", UPLOAD_AREA_BYTES - 1, area,
	    UPLOAD_ID_BYTES - 1, id);
}

bool
upload_path_parse(const char *path, char area[UPLOAD_AREA_BYTES], char id[UPLOAD_ID_BYTES])
{
	const size_t n = sizeof UPLOADS_FOLDER - 1;
	const char *slash;

	if (strncmp(path, UPLOADS_FOLDER "/", n + 1) != 0 ||
	    (slash = strchr(path + n + 1, '/')) == NULL ||
	    (size_t)(slash - path) - n - 1 >= UPLOAD_AREA_BYTES || !upload_id_is_valid(slash + 1))
		return false;
	snprintf(area, UPLOAD_AREA_BYTES, "%.*s", (int)(slash - path - (ptrdiff_t)n - 1),
	    path + n + 1);
	memcpy(id, slash + 1, UPLOAD_ID_BYTES);
	return area_is_valid(area);
}

int
upload_area_folder(char *out, const char *data_dir, const char *area, struct err *e)
{
	char inbox[PATH_MAX];

	if (folder_of(out, PATH_MAX, data_dir, area, e) == -1 ||
	    file_join(inbox, sizeof inbox, data_dir, "inbox", e) == -1)
		return -1;
	if (!file_is_folder(inbox) && file_make_dirs(inbox, 0755, e) == -1)
		return -1;
	return make_folders(out, e);
}
