/* source_postgres.c - documents from the rows of a query on a PostgreSQL server.
 *
 * The query runs by the extended protocol, so it is one statement, in a transaction that may
 * only read; rows arrive one by one.  The server's address is resolved and judged here and
 * handed to libpq as it is, so that no name can lead elsewhere between the two.
 */
#include <libpq-fe.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beneath.h"
#include "secrets.h"
#include "source_kinds.h"
#include "source_rows.h"

/* From the server's catalog, pg_type.dat: they never change. */
enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23,
	OID_FLOAT4 = 700, OID_FLOAT8 = 701, OID_NUMERIC = 1700 };
enum { CONNECT_SECONDS = 10, STATEMENT_MS = 3600 * 1000 };

struct postgres_source {
	struct source base;
	struct source_options options;
	PGconn *connection;
};

/* libpq's words end in a newline and may have several lines. */
static int
fail(PGconn *c, const char *what, struct err *e)
{
	char words[200];

	snprintf(words, sizeof words, "%s", PQerrorMessage(c));
	for (char *s = words; *s != '\0'; s++)
		if (*s == '\n')
			*s = s[1] == '\0' ? '\0' : ' ';
	return err_set(e, ERR_SOURCE, "%s: %s", what, words);
}

/* ---- where ---- */

static const char *
option_of(PQconninfoOption *options, const char *name)
{
	for (; options->keyword != NULL; options++)
		if (strcmp(options->keyword, name) == 0)
			return options->val != NULL ? options->val : "";
	return "";
}

/* The first address of the host that may be talked to, as text. */
static int
choose_address(const char *host, const struct source_world *w, char out[NETADDR_TEXT_BYTES],
    struct err *e)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	int rc = getaddrinfo(host, NULL, &hints, &found);

	if (rc != 0)
		return err_set(e, ERR_PEER, "%.100s: %s", host, gai_strerror(rc));
	rc = -1;
	for (struct addrinfo *a = found; a != NULL && rc == -1; a = a->ai_next) {
		netaddr_write(a->ai_addr, out);
		if (w->any_address || netaddr_is_allowed(a->ai_addr, &w->allowed_networks))
			rc = 0;
	}
	freeaddrinfo(found);
	if (rc == -1)
		err_set(e, ERR_SOURCE, "%.100s has the address %s, which is not public; the operator "
				       "may allow it (allowed_networks in [global])",
		    host, out);
	return rc;
}

/* A unix socket is a path on this host like any other. */
static int
judge_host(PQconninfoOption *options, const struct source_world *w,
    char address[NETADDR_TEXT_BYTES], struct err *e)
{
	const char *host = option_of(options, "host"), *hostaddr = option_of(options, "hostaddr");
	char root[1024];

	address[0] = '\0';
	if (strchr(host, ',') != NULL || strchr(hostaddr, ',') != NULL)
		return err_set(e, ERR_CONFIG, "\"dsn\" may name one host");
	if (option_of(options, "service")[0] != '\0' || option_of(options, "passfile")[0] != '\0')
		return err_set(e, ERR_CONFIG, "\"dsn\" may not name a service or a file");
	if (host[0] == '/' && hostaddr[0] == '\0')
		return beneath_choose(root, sizeof root, host, w->allowed_paths, e);
	if (hostaddr[0] == '\0' && host[0] == '\0')
		return err_set(e, ERR_CONFIG, "\"dsn\" names no host");
	return choose_address(hostaddr[0] != '\0' ? hostaddr : host, w, address, e);
}

static int
open_connection(struct postgres_source *s, const char *address, const struct secrets *k,
    struct err *e)
{
	/* dbname holds all of the dsn; what stands behind it wins. */
	const char *names[8] = {"dbname"}, *values[8] = {s->options.dsn};
	char seconds[16];
	int n = 1;

	snprintf(seconds, sizeof seconds, "%d", CONNECT_SECONDS);
	names[n] = "connect_timeout";
	values[n++] = seconds;
	names[n] = "client_encoding";
	values[n++] = "UTF8";
	names[n] = "application_name";
	values[n++] = "ragpool";
	if (address[0] != '\0') {
		names[n] = "hostaddr";
		values[n++] = address;
	}
	if (k->username[0] != '\0') {
		names[n] = "user";
		values[n++] = k->username;
	}
	if (k->password[0] != '\0') {
		names[n] = "password";
		values[n++] = k->password;
	}
	s->connection = PQconnectdbParams(names, values, 1);
	if (s->connection == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a connection");
	if (PQstatus(s->connection) == CONNECTION_OK)
		return 0;
	return fail(s->connection, "PostgreSQL", e);
}

/* ---- rows ---- */

static int
command(PGconn *c, const char *sql, struct err *e)
{
	PGresult *r = PQexec(c, sql);
	bool good = PQresultStatus(r) == PGRES_COMMAND_OK;

	PQclear(r);
	return good ? 0 : fail(c, "PostgreSQL", e);
}

static enum row_kind
kind_of(const PGresult *r, int column, const char *value)
{
	if (PQgetisnull(r, 0, column))
		return ROW_NULL;
	switch ((int)PQftype(r, column)) {
	case OID_BOOL:
		return ROW_BOOL;
	case OID_INT2:
	case OID_INT4:
	case OID_INT8:
		return ROW_NUMBER;
	case OID_FLOAT4:
	case OID_FLOAT8:
	case OID_NUMERIC:		/* NaN and Infinity are no numbers to JSON */
		return value[strspn(value, "0123456789.eE+-")] == '\0' ? ROW_NUMBER : ROW_TEXT;
	case OID_BYTEA:
		return ROW_BYTES;
	default:
		return ROW_TEXT;
	}
}

static int
pass_row(struct rows *rows, const PGresult *r, struct err *e)
{
	unsigned char *unescaped = NULL;
	int rc;

	if (rows_begin_row(rows, e) == -1)
		return -1;
	for (int i = 0; i < (int)rows->columns; i++) {
		const char *value = PQgetvalue(r, 0, i);
		size_t n = (size_t)PQgetlength(r, 0, i);
		enum row_kind kind = kind_of(r, i, value);
		if (kind == ROW_BOOL) {
			value = value[0] == 't' ? "true" : "false";
			n = strlen(value);
		} else if (kind == ROW_BYTES && i == rows->text_at) {
			unescaped = PQunescapeBytea((const unsigned char *)value, &n);
			value = (const char *)unescaped;
		}
		rows_add(rows, (size_t)i, value == NULL ? ROW_NULL : kind, value,
		    value == NULL ? 0 : n);
	}
	rc = rows_end_row(rows, e);
	PQfreemem(unescaped);
	return rc;
}

static int
begin_rows(struct postgres_source *s, struct rows *rows, const PGresult *r,
    source_item_fn *each, void *context, struct err *e)
{
	const char *names[ROW_COLUMNS_MAX];
	int columns = PQnfields(r);

	for (int i = 0; i < columns && i < ROW_COLUMNS_MAX; i++)
		names[i] = PQfname(r, i);
	return rows_init(rows, &s->options, names, (size_t)columns, each, context, e);
}

/* In the order of the query; the names of the columns live as long as the first result. */
static int
pass_rows(struct postgres_source *s, source_item_fn *each, void *context, struct err *e)
{
	PGresult *r, *first = NULL;
	struct rows rows = {0};
	int rc = 0;

	while ((r = PQgetResult(s->connection)) != NULL) {
		ExecStatusType status = PQresultStatus(r);
		if (rc == 0 && status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK)
			rc = status == PGRES_FATAL_ERROR
			    ? fail(s->connection, "the query", e)
			    : err_set(e, ERR_SOURCE, "the query answers no rows");
		if (rc == 0 && first == NULL)
			rc = begin_rows(s, &rows, r, each, context, e);
		if (rc == 0 && status == PGRES_SINGLE_TUPLE)
			rc = pass_row(&rows, r, e);
		if (first == NULL)
			first = r;
		else
			PQclear(r);
	}
	rows_fini(&rows);
	PQclear(first);
	return rc;
}

static int
postgres_list(struct source *base, source_item_fn *each, void *context, struct err *e)
{
	struct postgres_source *s = (struct postgres_source *)base;
	PGconn *c = s->connection;
	char timeout[64];

	snprintf(timeout, sizeof timeout, "set statement_timeout = %d", STATEMENT_MS);
	if (command(c, timeout, e) == -1 ||
	    command(c, "begin transaction isolation level repeatable read read only", e) == -1)
		return -1;
	if (PQsendQueryParams(c, s->options.query, 0, NULL, NULL, NULL, NULL, 0) != 1 ||
	    PQsetSingleRowMode(c) != 1)
		return fail(c, "the query", e);
	if (pass_rows(s, each, context, e) == -1)
		return -1;
	return command(c, "commit", e);
}

static void
postgres_close(struct source *base)
{
	struct postgres_source *s = (struct postgres_source *)base;

	PQfinish(s->connection);
	free(s);
}

static int
open_checked(struct postgres_source *s, const struct source_world *w, struct err *e)
{
	char address[NETADDR_TEXT_BYTES], *why = NULL;
	PQconninfoOption *parsed = PQconninfoParse(s->options.dsn, &why);
	struct secrets k = {0};
	int rc = -1;

	if (parsed == NULL)
		err_set(e, ERR_CONFIG, "\"dsn\": %.150s", why != NULL ? why : "no memory");
	else if (judge_host(parsed, w, address, e) == 0 &&
	    (s->options.credentials[0] == '\0' ||
		secrets_read(&k, w->credentials_file, s->options.credentials, e) == 0))
		rc = open_connection(s, address, &k, e);
	secrets_wipe(&k);
	PQconninfoFree(parsed);
	PQfreemem(why);
	return rc;
}

int
source_postgres_open(struct source **out, const struct source_options *o,
    const struct source_world *w, struct err *e)
{
	struct postgres_source *s = calloc(1, sizeof *s);

	if (s == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	s->base = (struct source){postgres_list, NULL, NULL, postgres_close};
	s->options = *o;
	if (open_checked(s, w, e) == -1) {
		postgres_close(&s->base);
		return -1;
	}
	*out = &s->base;
	return 0;
}
