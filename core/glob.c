/* glob.c - patterns over paths. */
#include "glob.h"

#include <stdint.h>
#include <string.h>

#include "utf8.h"

/* The character at *s, which moves behind it. */
static uint32_t
take(const char **s, const char *end)
{
	uint32_t cp = 0;
	size_t n = utf8_next(*s, (size_t)(end - *s), &cp);

	if (n == 0) {
		cp = (unsigned char)**s;
		n = 1;
	}
	*s += n;
	return cp;
}

/* Behind the ']' that closes the set at p (its '['); NULL: there is none. */
static const char *
set_end(const char *p, const char *end)
{
	p++;
	if (p < end && (*p == '!' || *p == '^'))
		p++;
	if (p < end && *p == ']')
		p++;
	while (p < end && *p != ']')
		p++;
	return p < end ? p + 1 : NULL;
}

static bool
set_has(const char *p, const char *end, uint32_t cp)
{
	bool negated, found = false, first = true;
	uint32_t low, high;

	p++;
	negated = *p == '!' || *p == '^';
	p += negated;
	for (end--; p < end || first; first = false) {
		low = high = take(&p, end + 1);
		if (p + 1 < end && *p == '-') {
			p++;
			high = take(&p, end + 1);
		}
		found = found || (cp >= low && cp <= high);
	}
	return found != negated;
}

static bool match(const char *p, const char *end, const char *s, const char *s_end);

/* p: behind the stars. */
static bool
match_star(bool deep, const char *p, const char *end, const char *s, const char *s_end)
{
	/* Between two slashes, or at the beginning, "** /" may stand for nothing. */
	if (deep && p < end && *p == '/' && match(p + 1, end, s, s_end))
		return true;
	for (;; s++) {
		if (match(p, end, s, s_end))
			return true;
		if (s == s_end || (!deep && *s == '/'))
			return false;
	}
}

static bool
match(const char *p, const char *end, const char *s, const char *s_end)
{
	const char *close;
	bool deep;

	while (p < end) {
		if (*p == '*') {
			deep = p + 1 < end && p[1] == '*';
			while (p < end && *p == '*')
				p++;
			return match_star(deep, p, end, s, s_end);
		}
		if (s == s_end)
			return false;
		if (*p == '?' || *p == '[') {
			if (*s == '/')
				return false;
			close = *p == '[' ? set_end(p, end) : p + 1;
			if (close == NULL)
				return false;
			uint32_t cp = take(&s, s_end);
			if (*p == '[' && !set_has(p, close, cp))
				return false;
			p = close;
			continue;
		}
		if (*p == '\\' && p + 1 < end)
			p++;
		if (*p++ != *s++)
			return false;
	}
	return s == s_end;
}

int
glob_check(const char *pattern, size_t n, struct err *e)
{
	const char *p = pattern, *end = pattern + n;
	int stars = 0;

	if (n == 0 || n > GLOB_BYTES_MAX)
		return err_set(e, ERR_CONFIG, "a pattern must have 1 to %d bytes", GLOB_BYTES_MAX);
	if (!utf8_is_valid(pattern, n))
		return err_set(e, ERR_CONFIG, "a pattern is not UTF-8");
	while (p < end) {
		if (*p == '[') {
			if ((p = set_end(p, end)) == NULL)
				return err_set(e, ERR_CONFIG, "pattern \"%.*s\": the ] is missing",
				    (int)n, pattern);
			continue;
		}
		stars += *p == '*' && (p == pattern || p[-1] != '*');
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	}
	if (stars > GLOB_STARS_MAX)
		return err_set(e, ERR_CONFIG, "pattern \"%.*s\" has more than %d stars", (int)n,
		    pattern, GLOB_STARS_MAX);
	return 0;
}

bool
glob_match(const char *pattern, size_t n, const char *path)
{
	const char *end = pattern + n, *s_end = path + strlen(path), *slash;

	if (memchr(pattern, '/', n) == NULL) {
		slash = strrchr(path, '/');
		return match(pattern, end, slash != NULL ? slash + 1 : path, s_end);
	}
	if (n > 1 && *pattern == '/')
		pattern++;
	if (end > pattern && end[-1] == '/') {
		/* Everything below: what stands before each '/' of the path is tried. */
		for (slash = path; (slash = strchr(slash, '/')) != NULL; slash++)
			if (match(pattern, end, path, slash + 1))
				return true;
		return false;
	}
	return match(pattern, end, path, s_end);
}
