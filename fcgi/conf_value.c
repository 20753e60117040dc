/* conf_value.c - one value of an option: from text, to text. */
#include "conf_table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit sizes[] = {
	{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}, {NULL, 0}};
static const struct unit times[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};

/* The digits at the beginning of text; NULL when there are none or too many. */
static const char *
read_digits(const char *text, int base, int64_t *value)
{
	const char *s = text;
	int64_t v = 0;

	for (; *s >= '0' && *s < '0' + base; s++)
		if (__builtin_mul_overflow(v, (int64_t)base, &v) ||
		    __builtin_add_overflow(v, (int64_t)(*s - '0'), &v))
			return NULL;
	*value = v;
	return s == text ? NULL : s;
}

static const struct unit *
find_unit(const struct unit *units, const char *name)
{
	for (; units->name != NULL; units++)
		if (strcasecmp(units->name, name) == 0)
			return units;
	return NULL;
}

static int
check_range(const struct conf_row *row, int64_t value, const char *text, struct err *e)
{
	char low[32], high[32];

	if (value >= row->min && value <= row->max)
		return 0;
	conf_value_write(row, row->min, low, sizeof low);
	conf_value_write(row, row->max, high, sizeof high);
	return err_set(e, ERR_CONFIG, "\"%.64s\" is outside %s ... %s", text, low, high);
}

static int
parse_with_unit(const struct conf_row *row, const char *text, const struct unit *units,
    int64_t *value, struct err *e)
{
	const char *rest = read_digits(text, 10, value);
	const struct unit *unit;

	if (rest == NULL)
		return err_set(e, ERR_CONFIG, "\"%.64s\" is not a %s", text,
		    conf_type_words(row->type));
	while (*rest == ' ')
		rest++;
	if ((unit = find_unit(units, rest)) == NULL)
		return err_set(e, ERR_CONFIG, row->type == CONF_TIME && *rest == '\0'
			? "\"%.64s\" needs a unit: ms, s, m, h or d"
			: "\"%.64s\" has an unknown unit", text);
	if (__builtin_mul_overflow(*value, unit->factor, value))
		*value = INT64_MAX;
	return check_range(row, *value, text, e);
}

static int
parse_whole(const struct conf_row *row, const char *text, int64_t *value, struct err *e)
{
	int base = row->type == CONF_MODE ? 8 : 10;
	const char *rest = read_digits(text, base, value);
	long cores;

	if (row->type == CONF_COUNT && strcmp(text, "cores") == 0) {
		cores = sysconf(_SC_NPROCESSORS_ONLN);
		*value = cores < 2 ? 2 : cores > row->max ? row->max : cores;
		return 0;
	}
	if (rest == NULL && text[0] >= '0' && text[0] < '0' + base)
		*value = INT64_MAX;		/* too many digits to count */
	else if (rest == NULL || *rest != '\0')
		return err_set(e, ERR_CONFIG, row->type == CONF_MODE
			? "\"%.64s\" is not an octal mode, such as 0660"
			: "\"%.64s\" is not a whole number", text);
	return check_range(row, *value, text, e);
}

static const int rate_seconds[] = {1, 60, 3600};
static const char rate_units[] = "smh";

uint32_t
conf_rate_requests(int64_t rate)
{
	return (uint32_t)(rate >> 2);
}

uint32_t
conf_rate_seconds(int64_t rate)
{
	return (uint32_t)rate_seconds[(rate & 3) % 3];
}

static int
parse_rate(const struct conf_row *row, const char *text, int64_t *value, struct err *e)
{
	const char *rest = read_digits(text, 10, value), *unit;

	if (rest == NULL || *value < row->min || *value > row->max)
		return err_set(e, ERR_CONFIG, "\"%.64s\" is no rate of %lld to %lld requests", text,
		    (long long)row->min, (long long)row->max);
	if (*rest == '\0' && *value == 0)
		return 0;
	if (*rest != '/' || rest[1] == '\0' || rest[2] != '\0' ||
	    (unit = strchr(rate_units, rest[1])) == NULL)
		return err_set(
		    e, ERR_CONFIG, "\"%.64s\" is no rate such as 100/s, 60/m or 5/h", text);
	*value = conf_rate_pack(*value, (int)(unit - rate_units));
	return 0;
}

static int
parse_bool(const char *text, bool *value, struct err *e)
{
	static const char *const words[] = {"no", "yes", "off", "on", "false", "true"};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasecmp(text, words[i]) == 0) {
			*value = i % 2 == 1;
			return 0;
		}
	return err_set(e, ERR_CONFIG, "\"%.64s\" is neither yes nor no", text);
}

static int
parse_choice(const struct conf_row *row, const char *text, int64_t *value, struct err *e)
{
	const char *word = row->words;
	size_t n;

	for (int64_t i = 0; *word != '\0'; i++) {
		n = strcspn(word, " ");
		if (strlen(text) == n && memcmp(text, word, n) == 0) {
			*value = i;
			return 0;
		}
		word += n + (word[n] == ' ');
	}
	return err_set(e, ERR_CONFIG, "\"%.64s\" is not one of: %s", text, row->words);
}

static bool
port_is_valid(const char *s)
{
	int64_t port;
	const char *rest = read_digits(s, 10, &port);

	return rest != NULL && *rest == '\0' && port >= 1 && port <= 65535;
}

/* host, host:port or [v6]:port, nothing else: no user, no path, no query. */
static bool
authority_is_valid(char *s)
{
	static const char host_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789.-_";
	size_t n;

	if (s[0] == '[') {
		n = strspn(s + 1, "0123456789abcdefABCDEF:.") + 1;
		if (n < 3 || s[n] != ']')
			return false;
		n++;
	} else if ((n = strspn(s, host_bytes)) == 0) {
		return false;
	}
	return s[n] == '\0' || (s[n] == ':' && port_is_valid(s + n + 1));
}

/* "host:port" is what CONSUL_HTTP_ADDR usually holds; it means http. */
static int
parse_address(const char *text, char **out, struct err *e)
{
	const char *scheme = "http://", *rest = text;
	char *url;
	size_t n;

	if (text[0] == '\0')
		return (*out = strdup("")) != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory");
	if (strncmp(text, "http://", 7) == 0) {
		rest = text + 7;
	} else if (strncmp(text, "https://", 8) == 0) {
		scheme = "https://";
		rest = text + 8;
	}
	n = strlen(scheme) + strlen(rest) + 1;
	if ((url = malloc(n)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory");
	snprintf(url, n, "%s%s", scheme, rest);
	n = strlen(url);
	if (n > 0 && url[n - 1] == '/')
		url[n - 1] = '\0';
	if (!authority_is_valid(url + strlen(scheme))) {
		free(url);
		return err_set(e, ERR_CONFIG,
		    "\"%.100s\" is not an address such as http://127.0.0.1:8500", text);
	}
	*out = url;
	return 0;
}

/* An address as above and a path behind it; what is sent to is exactly what is written. */
static int
parse_url(const char *text, char **out, struct err *e)
{
	static const char path_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789-._~/:@!$&'()*+,;=";
	const char *host = strstr(text, "://"), *path;
	char *authority, *url;
	size_t n = strlen(text);
	bool good;

	if ((strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0) ||
	    host == NULL)
		return err_set(e, ERR_CONFIG, "\"%.100s\" begins neither with http:// nor with "
		    "https://", text);
	host += 3;
	path = host + strcspn(host, "/?#");
	if ((authority = strndup(host, (size_t)(path - host))) == NULL ||
	    (url = strdup(text)) == NULL) {
		free(authority);
		return err_set(e, ERR_NOMEM, "no memory");
	}
	good = authority_is_valid(authority) && path[strspn(path, path_bytes)] == '\0';
	free(authority);
	if (!good) {
		free(url);
		return err_set(e, ERR_CONFIG, "\"%.100s\" is not an address such as "
		    "https://api.example.com/v1", text);
	}
	while (n > 0 && url[n - 1] == '/')
		url[--n] = '\0';
	*out = url;
	return 0;
}

/* A path must mean the same from any folder and hide no way up. */
static int
check_path(const char *text, struct err *e)
{
	const char *s = text;

	if (text[0] != '/')
		return err_set(e, ERR_CONFIG, "\"%.100s\" is not an absolute path", text);
	while ((s = strstr(s, "/..")) != NULL) {
		s += 3;
		if (*s == '/' || *s == '\0')
			return err_set(e, ERR_CONFIG, "\"%.100s\" has a \"..\" in it", text);
	}
	return 0;
}

static int
check_name(const char *text, struct err *e)
{
	static const char bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-";

	if (text[0] == '-' || text[strspn(text, bytes)] != '\0')
		return err_set(e, ERR_CONFIG, "\"%.64s\" is not a name", text);
	return 0;
}

static int
set_text(const struct conf_row *row, void *members, const char *text, struct err *e)
{
	char **member = conf_text_at(row, members), *copy = NULL;
	int64_t n = (int64_t)strlen(text);
	int rc = 0;

	if (n < row->min)
		return err_set(e, ERR_CONFIG, "a value is missing");
	if (n > row->max)
		return err_set(e, ERR_CONFIG, "longer than %lld bytes", (long long)row->max);
	if (row->type == CONF_ADDRESS) {
		rc = parse_address(text, &copy, e);
	} else if (row->type == CONF_URL) {
		rc = parse_url(text, &copy, e);
	} else {
		if (row->type == CONF_PATH && n > 0)
			rc = check_path(text, e);
		else if (row->type == CONF_USER || row->type == CONF_GROUP)
			rc = check_name(text, e);
		if (rc == 0 && (copy = strdup(text)) == NULL)
			rc = err_set(e, ERR_NOMEM, "no memory");
	}
	if (rc == -1)
		return -1;
	free(*member);
	*member = copy;
	return 0;
}

int
conf_value_set(const struct conf_row *row, void *members, const char *text, struct err *e)
{
	int64_t value = 0;
	bool yes = false;
	int rc;

	if (conf_type_is_text(row->type))
		return set_text(row, members, text, e);
	if (row->type == CONF_BOOL) {
		if ((rc = parse_bool(text, &yes, e)) == 0)
			*conf_bool_at(row, members) = yes;
		return rc;
	}
	if (row->type == CONF_RATE)
		rc = parse_rate(row, text, &value, e);
	else if (row->type == CONF_CHOICE)
		rc = parse_choice(row, text, &value, e);
	else if (row->type == CONF_SIZE || row->type == CONF_TIME)
		rc = parse_with_unit(row, text, row->type == CONF_SIZE ? sizes : times, &value, e);
	else
		rc = parse_whole(row, text, &value, e);
	if (rc == 0)
		*conf_number_at(row, members) = value;
	return rc;
}

void
conf_value_free(const struct conf_row *row, void *members)
{
	char **member = conf_text_at(row, members);

	if (!conf_type_is_text(row->type))
		return;
	free(*member);
	*member = NULL;
}

bool
conf_value_is_same(const struct conf_row *row, const void *a, const void *b)
{
	void *x = (void *)(uintptr_t)a, *y = (void *)(uintptr_t)b;

	if (conf_type_is_text(row->type))
		return strcmp(*conf_text_at(row, x), *conf_text_at(row, y)) == 0;
	if (row->type == CONF_BOOL)
		return *conf_bool_at(row, x) == *conf_bool_at(row, y);
	return *conf_number_at(row, x) == *conf_number_at(row, y);
}

void
conf_value_write(const struct conf_row *row, int64_t value, char *out, size_t size)
{
	const struct unit *unit = row->type == CONF_SIZE ? sizes : times;

	if (row->type == CONF_MODE) {
		snprintf(out, size, "%04llo", (unsigned long long)value);
		return;
	}
	if (row->type != CONF_SIZE && row->type != CONF_TIME) {
		snprintf(out, size, "%lld", (long long)value);
		return;
	}
	while (unit->factor > 1 && (value < unit->factor || value % unit->factor != 0))
		unit++;
	snprintf(out, size, "%lld%s", (long long)(value / unit->factor), unit->name);
}

int
conf_prefix_check(const char *prefix, struct err *e)
{
	size_t n = strlen(prefix);

	if (n < 2 || prefix[0] == '/' || prefix[n - 1] != '/')
		return err_set(e, ERR_CONFIG,
		    "prefix: \"%.64s\" must end in a slash and not begin with one", prefix);
	for (const char *c = prefix; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f || *c == '"' || *c == '\\')
			return err_set(e, ERR_CONFIG,
			    "prefix: \"%.64s\" has a space, quote, backslash or control character",
			    prefix);
	return 0;
}
