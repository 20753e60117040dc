/* caller.h - who asks, and what that one may do.
 *
 *   reader   asks questions and reads documents of the tenants in its scope
 *   editor   adds and removes their documents as well
 *   admin    everything, of the tenants in its scope; what belongs to no tenant only with
 *            the scope "*"
 *
 * A scope is a list of tenants: a name, a beginning followed by '*' ("team-*"), or "*" alone.
 * A filter that a key or token carries is joined to every question of its caller.
 *
 * Memory  all of it is borrowed: from the keys, or from the request's arena.
 */
#ifndef RAGPOOL_CALLER_H
#define RAGPOOL_CALLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "err.h"
#include "filter.h"

#define CALLER_ROLES(X) \
	X(ROLE_NONE, "none") \
	X(ROLE_READER, "reader") \
	X(ROLE_EDITOR, "editor") \
	X(ROLE_ADMIN, "admin")
enum caller_role {
#define X(symbol, name) symbol,
	CALLER_ROLES(X)
#undef X
	    ROLE_MAX
};

struct caller {
	enum caller_role role;
	const char *id;			/* of the key, or the token's subject ("-": none) */
	bool is_token;
	const char *const *scope;
	size_t scope_count;
	const struct filter *filter;	/* NULL: none */
	double rate;			/* requests a second; 0: as configured for everyone */
};

/* Whoever asks where no key is needed. */
extern const struct caller caller_anyone;

const char *caller_role_name(enum caller_role role);
/* ROLE_NONE when it is no name of one. */
enum caller_role caller_role_of(const char *name);
bool caller_may_see(const struct caller *c, const char *tenant);
/* Its scope is "*". */
bool caller_sees_all(const struct caller *c);
/* A word of a scope: a tenant's name, a beginning with '*' behind it, or "*". */
int caller_check_scope(const char *word, struct err *e);
/* The question's filter and the caller's, both of which must let a document through; arena.
 * Within the bounds of filter.h, else ERR_FILTER. */
int caller_join_filter(const struct caller *c, const struct filter **f, struct arena *a,
    struct err *e);

#endif
