/* progress.c - how far a build has come, as lines of JSON. */
#include "progress.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clk.h"
#include "file.h"
#include "generation.h"
#include "json.h"

enum { APART_MS = 500 };

/* ---- the file ---- */

static int
file_path(char out[PATH_MAX], const char *data_dir, const char *tenant)
{
	char dir[PATH_MAX];

	return generation_tenant_dir(dir, data_dir, tenant, NULL) == -1
	    ? -1 : file_join(out, PATH_MAX, dir, "progress", NULL);
}

/* By rename, so that nobody reads half of it. */
void
progress_write(const char *data_dir, const char *tenant, const char *line)
{
	char path[PATH_MAX], aside[PATH_MAX + 24];
	FILE *f;

	if (file_path(path, data_dir, tenant) == -1)
		return;
	snprintf(aside, sizeof aside, "%s.tmp-%d", path, (int)getpid());
	if ((f = fopen(aside, "we")) == NULL)
		return;
	fputs(line, f);
	if (fclose(f) != 0 || rename(aside, path) == -1)
		unlink(aside);
}

bool
progress_read(char line[PROGRESS_LINE_BYTES], const char *data_dir, const char *tenant)
{
	char path[PATH_MAX], *text;
	size_t n;

	if (file_path(path, data_dir, tenant) == -1 ||
	    file_read(&text, &n, path, PROGRESS_LINE_BYTES - 1, NULL) == -1)
		return false;
	memcpy(line, text, n);
	line[n] = '\0';
	free(text);
	return true;
}

void
progress_remove(const char *data_dir, const char *tenant)
{
	char path[PATH_MAX];

	if (file_path(path, data_dir, tenant) == 0)
		unlink(path);
}

/* ---- lines ---- */

static void
put_number(struct buf *b, const char *name, int digits, double value, bool is_known)
{
	buf_addf(b, ", \"%s\": ", name);
	if (is_known)
		buf_addf(b, "%.*f", digits, value);
	else
		buf_adds(b, "null");
}

/* A member that is there, a number and not below zero. */
static bool
read_number(struct json_object *o, const char *name, double *value)
{
	struct json_object *m;

	*value = 0;
	return json_object_object_get_ex(o, name, &m) && m != NULL &&
	    json_get_double(o, name, true, 0, 1e18, value, NULL) == 0;
}

static void
put_member(struct buf *b, struct json_object *o, const char *name, int digits)
{
	double value = 0;
	bool is_known = o != NULL && read_number(o, name, &value);

	put_number(b, name, digits, value, is_known);
}

void
progress_put(struct buf *b, const char *line)
{
	struct json_object *o = NULL;
	double done = 0;
	const char *step = "";
	bool is_step = json_parse_object(&o, line, strlen(line), NULL) == 0 &&
	    json_get_text(o, "progress", true, 31, &step, NULL) == 0 &&
	    strspn(step, "abcdefghijklmnopqrstuvwxyz") == strlen(step) && step[0] != '\0' &&
	    read_number(o, "done", &done);

	if (is_step)
		buf_addf(b, "\"step\": \"%s\"", step);
	else
		buf_adds(b, "\"step\": null");
	put_number(b, "done", 0, done, is_step);
	put_member(b, is_step ? o : NULL, "all", 0);
	put_member(b, is_step ? o : NULL, "rate", 1);
	put_member(b, is_step ? o : NULL, "eta_s", 1);
	json_object_put(o);
}

static void
tell(const struct progress *p, const struct build_progress *b)
{
	double rate = 0, eta = 0;
	bool has_rate = pace_rate(&p->pace, &rate), has_eta = pace_eta(&p->pace, b->all, &eta);
	struct buf line;

	buf_init(&line, PROGRESS_LINE_BYTES);
	buf_addf(&line, "{\"progress\": \"%s\", \"done\": %llu", build_step_name(b->step),
	    (unsigned long long)b->done);
	put_number(&line, "all", 0, (double)b->all, b->all != 0);
	put_number(&line, "rate", 1, rate, has_rate);
	put_number(&line, "eta_s", 1, eta, has_eta);
	buf_addc(&line, '}');
	if (!line.failed) {
		puts(line.data);
		fflush(stdout);
		progress_write(p->data_dir, p->tenant, line.data);
	}
	buf_fini(&line);
}

/* ---- a build ---- */

void
progress_end(struct progress *p, int64_t now_ms)
{
	if (p->began_ms != 0)
		p->seconds[p->step] += (double)(now_ms - p->began_ms) / 1e3;
	p->began_ms = now_ms;
}

void
progress_note(void *context, const struct build_progress *b)
{
	struct progress *p = context;
	int64_t now = clk_ms();

	if (p->began_ms == 0 || b->step != p->step) {
		progress_end(p, now);
		p->step = b->step;
		p->said_ms = 0;
		pace_begin(&p->pace, b->done, now);
	}
	pace_note(&p->pace, b->done, now);
	if (!p->is_told || (p->said_ms != 0 && now - p->said_ms < APART_MS && b->done != b->all))
		return;
	p->said_ms = now;
	tell(p, b);
}
