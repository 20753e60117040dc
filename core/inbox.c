/* inbox.c - writing entries: accepted means durable. */
#include "inbox.h"

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
#include <unistd.h>

#include "file.h"
#include "inbox_parts.h"
#include "json.h"
#include "ledger.h"
#include "tenant.h"

enum { FOLDER_MODE = 0750, ENTRY_MODE = 0640 };

/* ---- places ---- */

int
inbox_folder(char *out, size_t size, const char *data_dir, const char *tenant, struct err *e)
{
	if (tenant_name_check(tenant, strlen(tenant), e) == -1)
		return -1;
	return snprintf(out, size, "%s/inbox/%s", data_dir, tenant) < (int)size ?
	    0 :
	    err_set(e, ERR_LIMIT, "data folder's path too long");
}

int
inbox_bell_path(char *out, size_t size, const char *data_dir, struct err *e)
{
	return snprintf(out, size, "%s/inbox/.bell", data_dir) < (int)size ?
	    0 :
	    err_set(e, ERR_LIMIT, "data folder's path too long");
}

int
inbox_make(const char *data_dir, struct err *e)
{
	char bell[PATH_MAX];

	return inbox_bell_path(bell, sizeof bell, data_dir, e) == -1 ?
	    -1 :
	    file_make_dirs(bell, FOLDER_MODE, e);
}

/* A write that ends is the event; what is written does not matter. */
void
inbox_ring(const char *data_dir, const char *tenant)
{
	char bell[PATH_MAX], path[PATH_MAX];
	int fd;

	if (inbox_bell_path(bell, sizeof bell, data_dir, NULL) == -1 ||
	    file_join(path, sizeof path, bell, tenant, NULL) == -1)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, ENTRY_MODE);
	if (fd != -1)
		close(fd);
}

/* ---- names ---- */

static bool
is_hex(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdef") >= n;
}

bool
inbox_name_parse(struct inbox_name *out, const char *name)
{
	size_t n = strlen(name);

	if ((n != 21 && n != 55) || !is_hex(name, 12) || name[12] != '-' || !is_hex(name + 13, 8))
		return false;
	if (n == 55 && (name[21] != '-' || !is_hex(name + 22, 16) || name[38] != '-' ||
			   !is_hex(name + 39, 16)))
		return false;
	*out = (struct inbox_name){.seq = strtoull(name, NULL, 16)};
	memcpy(out->id, name, INBOX_ID_BYTES - 1);
	if (n == 55) {
		memcpy(out->key, name + 22, 16);
		memcpy(out->content, name + 39, 16);
	}
	return true;
}

bool
inbox_id_is_valid(const char *id)
{
	struct inbox_name n;

	return strlen(id) == INBOX_ID_BYTES - 1 && inbox_name_parse(&n, id);
}

void
inbox_key_of(const char *key, char out[17])
{
	char hex[SHA256_HEX_BYTES] = "0000000000000000";
	uint8_t digest[SHA256_BYTES];

	if (hash_sha256_of(key, strlen(key), digest, NULL) == 0)
		hash_hex(digest, hex);
	snprintf(out, 17, "%.16s", hex);
}

/* ---- an entry ---- */

int
inbox_begin(struct inbox_entry *n, const char *data_dir, const char *tenant, struct err *e)
{
	static unsigned count;

	*n = (struct inbox_entry){.data_dir = data_dir, .tenant = tenant, .fd = -1};
	buf_init(&n->index, INBOX_INDEX_MAX);
	if (inbox_folder(n->folder, sizeof n->folder, data_dir, tenant, e) == -1)
		return -1;
	if (file_make_folder(n->folder, FOLDER_MODE, e) == -1)
		return -1;
	if ((n->digest = hash_sha256_new(e)) == NULL)
		return -1;
	snprintf(n->tmp, sizeof n->tmp, "%s/.tmp-%d-%u", n->folder, (int)getpid(), count++);
	n->fd = open(n->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, ENTRY_MODE);
	if (n->fd == -1)
		return err_sys(e, ERR_IO, "%s", n->tmp);
	buf_adds(&n->index, "{\"items\": [");
	return 0;
}

int
inbox_write(struct inbox_entry *n, const void *bytes, size_t size, struct err *e)
{
	if (n->bytes - n->from + size > DOCUMENT_BYTES_MAX)
		return err_set(e, ERR_BODY_SIZE, "a document is larger than %d MiB",
		    DOCUMENT_BYTES_MAX >> 20);
	hash_sha256_add(n->digest, bytes, size);
	n->bytes += size;
	return file_write_all(n->fd, bytes, size, n->tmp, e);
}

static void
put_member(struct buf *b, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_addf(b, ", \"%s\": ", name);
	json_put_text(b, value, strlen(value));
}

static const char *const op_names[INBOX_OP_MAX] = {"put", "remove", "describe"};

const char *
inbox_op_name(enum inbox_op op)
{
	return (unsigned)op < INBOX_OP_MAX ? op_names[op] : "unknown";
}

enum inbox_op
inbox_op_of(const char *name)
{
	int i = 0;

	while (i < INBOX_OP_MAX && strcmp(op_names[i], name) != 0)
		i++;
	return (enum inbox_op)i;
}

static int
add_item(struct inbox_entry *n, const struct inbox_item *item, struct err *e)
{
	if (n->items == INBOX_ITEMS_MAX)
		return err_set(e, ERR_RANGE, "more than %d documents in one request",
		    INBOX_ITEMS_MAX);
	buf_addf(&n->index, "%s{\"op\": \"%s\", \"key\": ", n->items++ > 0 ? ", " : "",
	    inbox_op_name(item->op));
	json_put_text(&n->index, item->key, strlen(item->key));
	put_member(&n->index, "name", item->name);
	put_member(&n->index, "title", item->title);
	put_member(&n->index, "meta", item->meta);
	put_member(&n->index, "type", item->type);
	buf_addf(&n->index, ", \"at\": %" PRIu64 ", \"bytes\": %" PRIu64 "}", n->from,
	    n->bytes - n->from);
	n->from = n->bytes;
	return buf_check(&n->index, "a request's documents", e);
}

int
inbox_put(struct inbox_entry *n, const struct inbox_item *item, struct err *e)
{
	return add_item(n, item, e);
}

int
inbox_remove(struct inbox_entry *n, const char *key, struct err *e)
{
	const struct inbox_item item = {.op = INBOX_REMOVE, .key = key};

	n->from = n->bytes;
	return add_item(n, &item, e);
}

int
inbox_describe(struct inbox_entry *n, const char *key, const char *meta, struct err *e)
{
	const struct inbox_item item = {.op = INBOX_DESCRIBE, .key = key, .meta = meta};

	n->from = n->bytes;
	return add_item(n, &item, e);
}

void
inbox_abandon(struct inbox_entry *n)
{
	if (n->fd != -1) {
		close(n->fd);
		unlink(n->tmp);
	}
	n->fd = -1;
	hash_sha256_free(n->digest);
	n->digest = NULL;
	buf_fini(&n->index);
}

/* The index and what shows that it is whole. */
static int
finish_file(struct inbox_entry *n, struct err *e)
{
	char tail[INBOX_TAIL_BYTES + 1];

	buf_adds(&n->index, "]}");
	if (buf_check(&n->index, "a request's documents", e) == -1)
		return -1;
	hash_sha256_add(n->digest, n->index.data, n->index.len);
	snprintf(tail, sizeof tail, "%08zx%s", n->index.len, INBOX_MAGIC);
	if (file_write_all(n->fd, n->index.data, n->index.len, n->tmp, e) == -1 ||
	    file_write_all(n->fd, tail, INBOX_TAIL_BYTES, n->tmp, e) == -1)
		return -1;
	return fsync(n->fd) == 0 ? 0 : err_sys(e, ERR_IO, "%s", n->tmp);
}

/* ---- giving a seq, under the folder's lock ---- */

struct look {
	uint64_t last;			/* seq of what is there */
	struct inbox_limits waits;
	const char *key;		/* "" or what is looked for */
	struct inbox_name found;	/* id "" when it was not */
};

static int
look_at(void *context, int folder, const char *file, struct err *e)
{
	struct look *l = context;
	struct inbox_name n;
	struct stat st;

	(void)e;
	if (!inbox_name_parse(&n, file))
		return 0;
	if (n.seq > l->last)
		l->last = n.seq;
	l->waits.entries++;
	if (fstatat(folder, file, &st, AT_SYMLINK_NOFOLLOW) == 0)
		l->waits.bytes += (uint64_t)st.st_size;
	if (l->key[0] != '\0' && strcmp(n.key, l->key) == 0)
		l->found = n;
	return 0;
}

static uint64_t
last_seq(int lock)
{
	char text[32] = "";
	ssize_t n = pread(lock, text, sizeof text - 1, 0);

	return n > 0 ? strtoull(text, NULL, 16) : 0;
}

static int
keep_seq(int lock, uint64_t seq, struct err *e)
{
	char text[16];

	snprintf(text, sizeof text, "%012" PRIx64, seq & 0xffffffffffff);
	return pwrite(lock, text, 12, 0) == 12 ? 0 : err_sys(e, ERR_IO, "the inbox's lock");
}

static int
check_room(const struct look *l, const struct inbox_limits *limits, uint64_t more, struct err *e)
{
	if (limits->entries != 0 && l->waits.entries >= limits->entries)
		return err_set(e, ERR_INBOX_FULL, "%" PRIu64 " requests wait to be built already",
		    l->waits.entries);
	if (limits->bytes != 0 && l->waits.bytes + more > limits->bytes)
		return err_set(e, ERR_INBOX_FULL, "%" PRIu64 " bytes wait to be built already",
		    l->waits.bytes);
	return 0;
}

/* 1: the key made this one before; 0: it is new. */
static int
find_before(struct inbox_entry *n, struct look *l, const char content[17],
    char id[INBOX_ID_BYTES], struct err *e)
{
	if (l->key[0] == '\0')
		return 0;
	if (l->found.id[0] == '\0' &&
	    ledger_find_key(n->data_dir, n->tenant, l->key, &l->found, e) == -1)
		return -1;
	if (l->found.id[0] == '\0')
		return 0;
	if (strcmp(l->found.content, content) != 0)
		return err_set(e, ERR_CONFLICT_KEY,
		    "the Idempotency-Key was used for another request");
	memcpy(id, l->found.id, INBOX_ID_BYTES);
	return 1;
}

static int
name_entry(char path[PATH_MAX], const struct inbox_entry *n, const struct look *l, int lock,
    const char content[17], char id[INBOX_ID_BYTES], struct err *e)
{
	uint64_t seq = last_seq(lock);
	uint32_t random = (uint32_t)getpid();

	seq = (seq > l->last ? seq : l->last) + 1;
	if (seq >> 48 != 0)
		return err_set(e, ERR_LIMIT, "the inbox of %s has no numbers left", n->tenant);
	(void)!getrandom(&random, sizeof random, GRND_NONBLOCK);
	snprintf(id, INBOX_ID_BYTES, "%012" PRIx64 "-%08" PRIx32, seq & 0xffffffffffff, random);
	snprintf(path, PATH_MAX, "%s/%s%s%s%s%s", n->folder, id, l->key[0] != '\0' ? "-" : "",
	    l->key, l->key[0] != '\0' ? "-" : "", l->key[0] != '\0' ? content : "");
	return keep_seq(lock, seq, e);
}

static int
place(struct inbox_entry *n, int lock, const struct inbox_limits *limits, const char key[17],
    const char content[17], char id[INBOX_ID_BYTES], bool *existed, struct err *e)
{
	struct look l = {.key = key};
	char path[PATH_MAX];
	int before;

	if (file_each_name(n->folder, look_at, &l, e) == -1 ||
	    (before = find_before(n, &l, content, id, e)) == -1)
		return -1;
	*existed = before == 1;
	if (*existed)
		return unlink(n->tmp) == 0 ? 0 : err_sys(e, ERR_IO, "%s", n->tmp);
	if (check_room(&l, limits, n->bytes, e) == -1 ||
	    name_entry(path, n, &l, lock, content, id, e) == -1)
		return -1;
	return rename(n->tmp, path) == 0 ? 0 : err_sys(e, ERR_IO, "%s", path);
}

static int
place_locked(struct inbox_entry *n, const struct inbox_limits *limits, const char key[17],
    const char content[17], char id[INBOX_ID_BYTES], bool *existed, struct err *e)
{
	char path[PATH_MAX];
	int lock, rc = -1;

	if (file_join(path, sizeof path, n->folder, "lock", e) == -1)
		return -1;
	lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, ENTRY_MODE);
	if (lock == -1 || flock(lock, LOCK_EX) == -1)
		err_sys(e, ERR_IO, "%s", path);
	else
		rc = place(n, lock, limits, key, content, id, existed, e);
	if (lock != -1)
		close(lock);
	return rc;
}

int
inbox_commit(struct inbox_entry *n, const struct inbox_limits *limits, const char *key,
    char id[INBOX_ID_BYTES], bool *existed, struct err *e)
{
	char hex[SHA256_HEX_BYTES], hashed[17] = "", content[17];
	uint8_t digest[SHA256_BYTES];
	int rc = -1;

	*existed = false;
	if (n->items == 0) {
		err_set(e, ERR_INPUT, "there is no document in the request");
	} else if (finish_file(n, e) == 0) {
		hash_sha256_end(n->digest, digest);
		n->digest = NULL;
		hash_hex(digest, hex);
		snprintf(content, sizeof content, "%.16s", hex);
		if (key != NULL)
			inbox_key_of(key, hashed);
		rc = place_locked(n, limits, hashed, content, id, existed, e);
	}
	if (rc == 0) {
		close(n->fd);
		n->fd = -1;	/* its name is not ours to remove any more */
		rc = file_sync(n->folder, e);
	}
	inbox_abandon(n);
	if (rc == 0)
		inbox_ring(n->data_dir, n->tenant);
	return rc;
}
