/* conf_world.c - configurations against the machine, and against each other. */
#include "conf.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf_table.h"
#include "prompt.h"

struct world {
	const struct conf *conf;
	struct buf *errors;
	size_t count;
	char first[200];
};

static void __attribute__((format(printf, 2, 3)))
complain(struct world *w, const char *fmt, ...)
{
	char text[ERR_TEXT_BYTES * 4];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_addf(w->errors, "%s: %s\n", w->conf->path, text);
	if (w->count++ == 0)
		snprintf(w->first, sizeof w->first, "%.199s", text);
}

static void
check_folder(struct world *w, const char *what, const char *path, int access_mode)
{
	struct stat st;

	if (stat(path, &st) == -1)
		complain(w, "%s: %s: %s", what, path, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		complain(w, "%s: %s is not a folder", what, path);
	else if (access(path, access_mode) == -1)
		complain(w, "%s: %s: %s", what, path, strerror(errno));
}

/* The folder in which something is to be made. */
static void
check_folder_of(struct world *w, const char *what, const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash != NULL ? (size_t)(slash - path) : 0;
	struct stat st;

	if (n >= sizeof folder)
		return;
	memcpy(folder, n > 0 ? path : "/", n > 0 ? n : 1);
	folder[n > 0 ? n : 1] = '\0';
	check_folder(w, what, folder, W_OK | X_OK);
	if (stat(folder, &st) == 0 && (st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		complain(w, "%s: anybody may write in %s", what, folder);
}

static void
check_program(struct world *w, const char *what, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		complain(w, "%s: %s: %s", what, path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || access(path, X_OK) == -1)
		complain(w, "%s: %s is not a program that may be run", what, path);
}

static void
check_socket(struct world *w, const char *what, const char *path)
{
	struct sockaddr_un address;
	struct stat st;

	if (strlen(path) >= sizeof address.sun_path)
		complain(w, "%s: %s is longer than %zu bytes, the most a socket's name can have",
		    what, path, sizeof address.sun_path - 1);
	check_folder_of(w, what, path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		complain(w, "%s: %s is there and is not a socket", what, path);
}

static bool
is_number(const char *s)
{
	return s[0] != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static void
check_user(struct world *w, const char *what, const char *name)
{
	if (name[0] != '\0' && !is_number(name) && getpwnam(name) == NULL)
		complain(w, "%s: there is no user \"%s\"", what, name);
}

static void
check_group(struct world *w, const char *what, const char *name)
{
	if (name[0] != '\0' && !is_number(name) && getgrnam(name) == NULL)
		complain(w, "%s: there is no group \"%s\"", what, name);
}

static void
check_secret(struct world *w, const char *what, const char *path)
{
	struct stat st;

	if (path[0] == '\0')
		return;
	if (stat(path, &st) == -1 || access(path, R_OK) == -1)
		complain(w, "%s: %s: %s", what, path, strerror(errno));
	else if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0)
		complain(w, "%s: %s has mode %04o; others must not read it", what, path,
		    (unsigned)(st.st_mode & 07777));
}

/* A key is for its owner alone. */
static void
check_model(struct world *w, const struct conf_model *m)
{
	struct stat st;

	if (m->ca_file[0] != '\0' && access(m->ca_file, R_OK) == -1)
		complain(w, "model %s: ca_file: %s: %s", m->name, m->ca_file, strerror(errno));
	if (m->key_file[0] == '\0')
		return;
	if (stat(m->key_file, &st) == -1 || access(m->key_file, R_OK) == -1)
		complain(w, "model %s: key_file: %s: %s", m->name, m->key_file, strerror(errno));
	else if ((st.st_mode & 077) != 0)
		complain(w, "model %s: key_file: %s has mode %04o; it must be 0600", m->name,
		    m->key_file, (unsigned)(st.st_mode & 07777));
}

static void
check_models(struct world *w)
{
	const struct conf *c = w->conf;

	if (c->model_count == 0)
		return;
	check_program(w, "global.gateway_program", c->global.gateway_program);
	check_socket(w, "global.gateway_socket", c->global.gateway_socket);
	for (size_t i = 0; i < c->model_count; i++)
		check_model(w, &c->models[i]);
}

static void
check_readable(struct world *w, const char *what, const char *path)
{
	if (path[0] != '\0' && access(path, R_OK) == -1)
		complain(w, "%s: %s: %s", what, path, strerror(errno));
}

/* Every prompt of the folder: a tenant's is read long after it was written. */
static void
check_prompts(struct world *w, const char *what, const char *folder)
{
	struct prompt *prompt;
	char path[PATH_MAX];
	struct dirent *one;
	struct err e;
	DIR *d;

	check_folder(w, what, folder, R_OK | X_OK);
	if ((d = opendir(folder)) == NULL)
		return;
	while ((one = readdir(d)) != NULL) {
		size_t n = strlen(one->d_name);
		if (one->d_name[0] == '.' || n < 4 || strcmp(one->d_name + n - 4, ".txt") != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, one->d_name);
		if (prompt_read(&prompt, path, &e) == -1)
			complain(w, "%s: %s", what, e.text);
		prompt_free(prompt);
	}
	closedir(d);
}

static void
check_pool_prompts(struct world *w, const struct conf_pool *p)
{
	char what[TENANT_NAME_BYTES + 40];
	struct prompt *prompt = NULL;
	struct err e;

	snprintf(what, sizeof what, "pool %s: answer_prompts_dir", p->name);
	if (p->answer_prompts_dir[0] != '\0')
		check_prompts(w, what, p->answer_prompts_dir);
	if (p->answer_prompt[0] != '\0' && prompt_read(&prompt, p->answer_prompt, &e) == -1)
		complain(w, "pool %s: answer_prompt: %s", p->name, e.text);
	prompt_free(prompt);
}

static void
check_pool(struct world *w, const struct conf_pool *p)
{
	char what[TENANT_NAME_BYTES + 32];

	snprintf(what, sizeof what, "pool %s: listen", p->name);
	check_socket(w, what, p->listen);
	snprintf(what, sizeof what, "pool %s: listen_owner", p->name);
	check_user(w, what, p->listen_owner);
	snprintf(what, sizeof what, "pool %s: listen_group", p->name);
	check_group(w, what, p->listen_group);
	snprintf(what, sizeof what, "pool %s: slowlog", p->name);
	if (p->slowlog[0] != '\0')
		check_folder_of(w, what, p->slowlog);
	check_pool_prompts(w, p);
}

int
conf_check_world(const struct conf *c, struct buf *errors, struct err *e)
{
	struct world w = {.conf = c, .errors = errors};
	const struct conf_global *g = &c->global;

	check_folder(&w, "global.data_dir", g->data_dir, R_OK | W_OK | X_OK);
	check_folder(&w, "global.run_dir", g->run_dir, R_OK | W_OK | X_OK);
	check_folder(&w, "global.tenants_dir", g->tenants_dir, R_OK | X_OK);
	check_user(&w, "global.user", g->user);
	check_group(&w, "global.group", g->group);
	if (g->log_file[0] != '\0')
		check_folder_of(&w, "global.log_file", g->log_file);
	check_socket(&w, "global.control_socket", g->control_socket);
	check_folder_of(&w, "global.pid_file", g->pid_file);
	check_program(&w, "global.worker_program", g->worker_program);
	check_program(&w, "global.build_program", g->build_program);
	if (g->gate)
		check_program(&w, "global.probe_program", g->probe_program);
	check_secret(&w, "consul.token_file", c->consul.token_file);
	check_readable(&w, "consul.ca_file", c->consul.ca_file);
	check_readable(&w, "consul.cert_file", c->consul.cert_file);
	check_secret(&w, "consul.key_file", c->consul.key_file);
	for (size_t i = 0; i < c->pool_count; i++)
		check_pool(&w, &c->pools[i]);
	check_models(&w);
	if (w.count == 0)
		return 0;
	if (w.count == 1)
		return err_set(e, ERR_CONFIG, "%s", w.first);
	return err_set(e, ERR_CONFIG, "%s (and %zu more)", w.first, w.count - 1);
}

static void
add_name(struct buf *names, const char *section, const char *pool, const char *key)
{
	if (names->len > 0)
		buf_adds(names, ", ");
	if (pool != NULL)
		buf_addf(names, "%s %s.%s", section, pool, key);
	else
		buf_addf(names, "%s.%s", section, key);
}

static void
compare(enum conf_section kind, const char *pool, const void *now, const void *next,
    struct buf *names)
{
	for (size_t i = 0; i < conf_row_count; i++)
		if (conf_rows[i].section == kind && !conf_rows[i].reload &&
		    !conf_value_is_same(&conf_rows[i], now, next))
			add_name(names, conf_section_name(kind), pool, conf_rows[i].key);
}

static void
compare_pools(const struct conf *now, const struct conf *next, struct buf *names)
{
	const struct conf_pool *other;

	for (size_t i = 0; i < now->pool_count; i++) {
		other = conf_pool_find(next, now->pools[i].name);
		if (other != NULL)
			compare(IN_POOL, now->pools[i].name, &now->pools[i], other, names);
		else
			buf_addf(names, "%spool %s (gone)", names->len > 0 ? ", " : "",
			    now->pools[i].name);
	}
	for (size_t i = 0; i < next->pool_count; i++)
		if (conf_pool_find(now, next->pools[i].name) == NULL)
			buf_addf(names, "%spool %s (new)", names->len > 0 ? ", " : "",
			    next->pools[i].name);
}

bool
conf_needs_restart(const struct conf *now, const struct conf *next, struct buf *names)
{
	size_t before = names->len;

	compare(IN_GLOBAL, NULL, &now->global, &next->global, names);
	compare(IN_CONSUL, NULL, &now->consul, &next->consul, names);
	compare_pools(now, next, names);
	return names->len > before || names->failed;
}
