/* secrets.c - credentials by name. */
#include "secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

enum { FILE_MAX = 256 * 1024 };

static const struct member {
	const char *name;
	size_t at, size;
} members[] = {
#define MEMBER(name, field) \
	{name, offsetof(struct secrets, field), sizeof ((struct secrets *)0)->field}
    MEMBER("aws_access_key_id", access_key),
    MEMBER("aws_secret_access_key", secret_key),
    MEMBER("aws_session_token", session_token),
    MEMBER("bearer_token", bearer_token),
    MEMBER("username", username),
    MEMBER("password", password),
#undef MEMBER
};

static char *
trim(char *s)
{
	char *end;

	s += strspn(s, " \t");
	end = s + strlen(s);
	while (end > s && strchr(" \t\r", end[-1]) != NULL)
		end--;
	*end = '\0';
	return s;
}

/* What is sent as a header must fit into one. */
static bool
is_sendable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static int
take_line(struct secrets *s, char *line, const char *path, struct err *e)
{
	char *value = strchr(line, '=');

	if (value == NULL)
		return 0;
	*value++ = '\0';
	line = trim(line);
	value = trim(value);
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		if (strcmp(members[i].name, line) != 0)
			continue;
		if (strlen(value) >= members[i].size || !is_sendable(value))
			return err_set(e, ERR_SOURCE, "%s: %s is too long or not text", path, line);
		strcpy((char *)s + members[i].at, value);
	}
	return 0;
}

static int
take_profile(
    struct secrets *s, char *text, const char *path, const char *profile, struct err *e)
{
	bool ours = false, found = false;
	char *next, *end;

	for (char *line = text; line != NULL; line = next) {
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		line = trim(line);
		if (*line == '[' && (end = strchr(line, ']')) != NULL) {
			*end = '\0';
			line = trim(line + 1);
			/* AWS' config file writes [profile NAME]. */
			if (strncmp(line, "profile ", 8) == 0)
				line = trim(line + 8);
			ours = strcmp(line, profile) == 0;
			found = found || ours;
		} else if (ours && *line != '#' && *line != ';' &&
		    take_line(s, line, path, e) == -1) {
			return -1;
		}
	}
	if (found)
		return 0;
	return err_set(e, ERR_SOURCE, "%s has no profile [%.64s]", path, profile);
}

const char *
secrets_file(const char *configured)
{
	static char path[1024];
	const char *named = getenv("AWS_SHARED_CREDENTIALS_FILE"), *home = getenv("HOME");

	if (configured[0] != '\0')
		return configured;
	if (named != NULL && named[0] != '\0')
		return named;
	if (home == NULL || snprintf(path, sizeof path, "%s/.aws/credentials", home) >=
		(int)sizeof path || access(path, F_OK) == -1)
		return "";
	return path;
}

int
secrets_read(struct secrets *s, const char *path, const char *profile, struct err *e)
{
	struct stat st;
	char *text;
	size_t n;
	int rc;

	*s = (struct secrets){0};
	if (path[0] == '\0')
		return err_set(e, ERR_SOURCE, "credentials \"%.64s\" are named, but there is no "
					      "credentials_file", profile);
	if (stat(path, &st) == -1)
		return err_sys(e, ERR_SOURCE, "%s", path);
	if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0)
		return err_set(e, ERR_SOURCE, "%s has mode %04o; others must not read credentials",
		    path, (unsigned)(st.st_mode & 07777));
	if (file_read(&text, &n, path, FILE_MAX, e) == -1)
		return -1;
	rc = take_profile(s, text, path, profile, e);
	explicit_bzero(text, n);
	free(text);
	if (rc == -1)
		secrets_wipe(s);
	return rc;
}

static bool
take_variable(char *out, size_t size, const char *name)
{
	const char *value = getenv(name);

	out[0] = '\0';
	if (value == NULL || strlen(value) >= size || !is_sendable(value))
		return false;
	strcpy(out, value);
	return value[0] != '\0';
}

bool
secrets_from_environment(struct secrets *s)
{
	*s = (struct secrets){0};
	if (!take_variable(s->access_key, sizeof s->access_key, "AWS_ACCESS_KEY_ID") ||
	    !take_variable(s->secret_key, sizeof s->secret_key, "AWS_SECRET_ACCESS_KEY")) {
		secrets_wipe(s);
		return false;
	}
	take_variable(s->session_token, sizeof s->session_token, "AWS_SESSION_TOKEN");
	return true;
}

void
secrets_wipe(struct secrets *s)
{
	explicit_bzero(s, sizeof *s);
}
