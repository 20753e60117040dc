/* pack.c - parts of a zip archive, bounded, and OOXML's relations between them. */
#include "pack.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "bounds.h"
#include "pack_parts.h"

static int
damaged(struct err *e, const char *what)
{
	return err_set(e, ERR_DAMAGED, "the zip archive is cut off or broken: %s", what);
}

int
pack_open(struct pack *p, const char *bytes, size_t n, struct err *e)
{
	zip_error_t why;
	zip_source_t *source;

	*p = (struct pack){0};
	zip_error_init(&why);
	if ((source = zip_source_buffer_create(bytes, n, 0, &why)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an archive");
	if ((p->zip = zip_open_from_source(source, ZIP_RDONLY, &why)) == NULL) {
		zip_source_free(source);
		damaged(e, zip_error_strerror(&why));
		zip_error_fini(&why);
		return -1;
	}
	if (zip_get_num_entries(p->zip, 0) > ARCHIVE_ENTRIES_MAX) {
		pack_close(p);
		return err_set(
		    e, ERR_HOSTILE, "more than %d parts in the archive", ARCHIVE_ENTRIES_MAX);
	}
	return 0;
}

void
pack_close(struct pack *p)
{
	if (p->zip != NULL)
		zip_discard(p->zip);
	p->zip = NULL;
}

bool
pack_has(const struct pack *p, const char *name)
{
	return zip_name_locate(p->zip, name, 0) >= 0;
}

static int
open_part(struct pack *p, const char *name, zip_file_t **file, size_t *packed, struct err *e)
{
	zip_int64_t at = zip_name_locate(p->zip, name, 0);
	zip_stat_t st;

	if (at < 0)
		return err_set(e, ERR_DAMAGED, "the archive lacks its part %.80s", name);
	if (zip_stat_index(p->zip, (zip_uint64_t)at, 0, &st) == -1)
		return damaged(e, zip_strerror(p->zip));
	if ((st.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 &&
	    st.encryption_method != ZIP_EM_NONE)
		return err_set(e, ERR_ENCRYPTED, "the archive opens only with a password");
	*packed = (st.valid & ZIP_STAT_COMP_SIZE) != 0 ? (size_t)st.comp_size : 0;
	if ((*file = zip_fopen_index(p->zip, (zip_uint64_t)at, 0)) == NULL)
		return damaged(e, zip_strerror(p->zip));
	return 0;
}

/* What comes out is counted, whatever the archive says about it. */
static int
check_amount(struct pack *p, size_t got, size_t packed, const char *name, struct err *e)
{
	if (p->read > ARCHIVE_BYTES_MAX)
		return err_set(e, ERR_HOSTILE, "more than %d MiB come out of the archive",
		    ARCHIVE_BYTES_MAX >> 20);
	if (got > ARCHIVE_RATIO_FLOOR && got / ARCHIVE_RATIO_MAX > packed)
		return err_set(e, ERR_HOSTILE,
		    "a zip bomb: %.80s is more than %d times as large as it is packed", name,
		    ARCHIVE_RATIO_MAX);
	return 0;
}

int
pack_each(struct pack *p, const char *name, pack_bytes_fn *each, void *context, struct err *e)
{
	char part[32768];
	zip_file_t *file = NULL;
	size_t packed = 0, got = 0;
	zip_int64_t n = 0;
	int rc;

	if (open_part(p, name, &file, &packed, e) == -1)
		return -1;
	rc = 0;
	while (rc == 0 && (n = zip_fread(file, part, sizeof part)) > 0) {
		got += (size_t)n;
		p->read += (size_t)n;
		rc = check_amount(p, got, packed, name, e);
		if (rc == 0)
			rc = each(context, part, (size_t)n, e);
	}
	if (rc == 0 && n < 0)
		rc = damaged(e, zip_file_strerror(file));
	zip_fclose(file);
	return rc;
}

struct copying {
	struct buf *out;
	size_t left;
};

static int
copy_bytes(void *context, const char *bytes, size_t n, struct err *e)
{
	struct copying *c = context;

	(void)e;
	n = n < c->left ? n : c->left;
	buf_add(c->out, bytes, n);
	c->left -= n;
	return 0;
}

int
pack_read(struct pack *p, const char *name, size_t max, struct buf *out, struct err *e)
{
	struct copying c = {.out = out, .left = max};

	if (pack_each(p, name, copy_bytes, &c, e) == -1)
		return -1;
	return buf_check(out, name, e);
}

/* ---- relations ---- */

bool
pack_join(char out[PART_NAME_BYTES], const char *folder, const char *target)
{
	char path[2 * PART_NAME_BYTES];
	size_t len = 0;

	if (strlen(folder) + strlen(target) + 2 > sizeof path)
		return false;
	path[0] = '\0';
	if (target[0] != '/')
		strcat(strcpy(path, folder), "/");
	strcat(path, target);
	for (char *save = NULL, *part = strtok_r(path, "/", &save); part != NULL;
	     part = strtok_r(NULL, "/", &save)) {
		size_t n = strlen(part);

		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			if (len == 0)
				return false;
			while (len > 0 && out[len - 1] != '/')
				len--;
			len -= len > 0;
			continue;
		}
		if (len + n + 2 > PART_NAME_BYTES)
			return false;
		if (len > 0)
			out[len++] = '/';
		memcpy(out + len, part, n);
		len += n;
	}
	out[len] = '\0';
	return len > 0;
}

static void
add_relation(void *context, const char *name, const struct xml_attributes *a)
{
	struct relations *r = context;
	char type[256], target[PART_NAME_BYTES], mode[16];
	struct relation *at;
	const char *word;

	if (strcmp(name, "Relationship") != 0 || r->count == RELATIONS_MAX || r->failed)
		return;
	if (xml_attribute(a, "TargetMode", mode, sizeof mode) && strcmp(mode, "External") == 0)
		return;
	if ((at = reallocarray(r->at, r->count + 1, sizeof *at)) == NULL) {
		r->failed = true;
		return;
	}
	r->at = at;
	at += r->count;
	*at = (struct relation){.id = ""};
	if (!xml_attribute(a, "Id", at->id, sizeof at->id) ||
	    !xml_attribute(a, "Target", target, sizeof target) ||
	    !pack_join(at->target, r->base, target))
		return;
	if (xml_attribute(a, "Type", type, sizeof type)) {
		word = strrchr(type, '/');
		snprintf(at->type, sizeof at->type, "%.31s", word != NULL ? word + 1 : type);
	}
	r->count++;
}

int
relations_read(struct relations *r, struct pack *p, const char *name, struct err *e)
{
	static const struct xml_handler handler = {.open = add_relation};
	const char *slash = strrchr(name, '/'), *file = slash != NULL ? slash + 1 : name;
	char part[2 * PART_NAME_BYTES];

	*r = (struct relations){0};
	snprintf(r->base, sizeof r->base, "%.*s", slash != NULL ? (int)(slash - name) : 0, name);
	snprintf(part, sizeof part, "%s%s_rels/%s.rels", r->base, slash != NULL ? "/" : "", file);
	if (pack_read_xml_if(p, part, &handler, r, e) == -1) {
		relations_fini(r);
		return -1;
	}
	return r->failed ? err_set(e, ERR_NOMEM, "no memory for an archive's relations") : 0;
}

void
relations_fini(struct relations *r)
{
	free(r->at);
	r->at = NULL;
	r->count = 0;
}

const char *
relations_find(const struct relations *r, const char *id)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->at[i].id, id) == 0)
			return r->at[i].target;
	return NULL;
}

const char *
relations_find_type(const struct relations *r, const char *type)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->at[i].type, type) == 0)
			return r->at[i].target;
	return NULL;
}
