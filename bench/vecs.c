/* vecs.c - reading fvecs folders. */
#include "vecs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
fail(const char *path, const char *why)
{
	fprintf(stderr, "%s: %s\n", path, why);
	exit(1);
}

static void
read_matrix(struct vecs *m, const char *folder, const char *name)
{
	char path[4096];
	FILE *f;
	long bytes;
	int32_t dim;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	if ((f = fopen(path, "rb")) == NULL)
		fail(path, "cannot open");
	if (fread(&dim, 4, 1, f) != 1 || dim <= 0 || fseek(f, 0, SEEK_END) != 0 ||
	    (bytes = ftell(f)) < 0)
		fail(path, "not an fvecs file");
	m->dim = (uint32_t)dim;
	m->rows = (uint32_t)((size_t)bytes / (4 + 4 * (size_t)dim));
	if ((m->data = malloc((size_t)m->rows * m->dim * 4)) == NULL)
		fail(path, "no memory");
	rewind(f);
	for (uint32_t row = 0; row < m->rows; row++)
		if (fread(&dim, 4, 1, f) != 1 ||
		    fread(m->data + (size_t)row * m->dim, 4, m->dim, f) != m->dim)
			fail(path, "cut short");
	fclose(f);
}

void
vecs_read(struct vecs_set *s, const char *folder)
{
	char path[4096], text[4096] = "";
	const char *slash = strrchr(folder, '/');
	FILE *f;

	s->name = slash != NULL ? slash + 1 : folder;
	snprintf(path, sizeof path, "%s/meta.json", folder);
	if ((f = fopen(path, "rb")) == NULL)
		fail(path, "cannot open");
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	s->is_ip = strstr(text, "\"ip\"") != NULL;
	read_matrix(&s->base, folder, "base.fvecs");
	read_matrix(&s->query, folder, "query.fvecs");
	read_matrix(&s->truth, folder, "gt.ivecs");
}

void
vecs_drop_base(struct vecs_set *s)
{
	free(s->base.data);
	s->base.data = NULL;
}

void
vecs_free(struct vecs_set *s)
{
	free(s->base.data);
	free(s->query.data);
	free(s->truth.data);
}

uint32_t
vecs_hits(const struct vecs_set *s, uint32_t query, const uint32_t *row, uint32_t n, uint32_t k)
{
	const float *truth = s->truth.data + (size_t)query * s->truth.dim;
	uint32_t good = 0;
	int32_t want;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < k; j++) {
			memcpy(&want, truth + j, sizeof want);
			good += (uint32_t)want == row[i];
		}
	return good;
}
