/* err.c - error values. */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct err_row rows[ERR_CODE_MAX] = {
	[ERR_NONE] = {"ok", 200, 0, "no error"},
#define X(symbol, slug, http, exit, text) [symbol] = {slug, http, exit, text},
#include "err.def"
#undef X
};

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	return -1;
}

static enum err_code
code_of_errno(int number, enum err_code otherwise)
{
	switch (number) {
	case ENOMEM:
		return ERR_NOMEM;
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_PERMISSION;
	case ENOSPC:
	case EDQUOT:
		return ERR_STORAGE;
	default:
		return otherwise;
	}
}

int
err_sys(struct err *e, enum err_code code, const char *fmt, ...)
{
	int number = errno;
	size_t used;
	va_list ap;

	if (e == NULL)
		return -1;
	e->code = code_of_errno(number, code);
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	used = strlen(e->text);
	snprintf(e->text + used, sizeof e->text - used, ": %s", strerror(number));
	return -1;
}

void
err_prefix(struct err *e, const char *fmt, ...)
{
	char old[ERR_TEXT_BYTES];
	size_t used;
	va_list ap;

	if (e == NULL)
		return;
	memcpy(old, e->text, sizeof old);
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	used = strlen(e->text);
	snprintf(e->text + used, sizeof e->text - used, ": %s", old);
}

void
err_clear(struct err *e)
{
	if (e == NULL)
		return;
	e->code = ERR_NONE;
	e->text[0] = '\0';
}

enum err_code
err_code_of(const char *slug)
{
	for (int code = ERR_NONE + 1; code < ERR_CODE_MAX; code++)
		if (strcmp(rows[code].slug, slug) == 0)
			return (enum err_code)code;
	return ERR_PEER;
}

const struct err_row *
err_row(enum err_code code)
{
	if ((unsigned)code >= ERR_CODE_MAX)
		code = ERR_INTERNAL;
	return &rows[code];
}
