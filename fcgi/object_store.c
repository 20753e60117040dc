/* object_store.c - what both kinds of store share. */
#include "object_store.h"

#include <stdlib.h>
#include <string.h>

struct one {
	const char *key;
	size_t max;
	const void *from;		/* of a put */
	char *bytes;			/* of a get; owned */
	size_t n;
};

static int
name_one(void *context, size_t i, struct object_move *m, struct err *e)
{
	struct one *one = context;

	(void)i;
	if (strlen(one->key) >= sizeof m->key)
		return err_set(e, ERR_LIMIT, "an object's key is too long");
	strcpy(m->key, one->key);
	m->size = one->max;
	return 0;
}

static int
keep_one(void *context, size_t i, const char *bytes, size_t n, struct err *e)
{
	struct one *one = context;

	(void)i;
	if (n > one->max)
		return err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", one->key, one->max);
	if ((one->bytes = malloc(n + 1)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for %s", one->key);
	memcpy(one->bytes, bytes, n);
	one->bytes[n] = '\0';
	one->n = n;
	return 0;
}

int
object_store_get(struct object_store *s, const char *key, size_t max, char **bytes, size_t *n,
    struct err *e)
{
	struct one one = {.key = key, .max = max};

	if (s->get_each(s, 1, name_one, keep_one, &one, e) == -1) {
		free(one.bytes);
		return -1;
	}
	*bytes = one.bytes;
	*n = one.n;
	return 0;
}

static int
give_one(void *context, size_t i, struct object_move *m, struct err *e)
{
	struct one *one = context;

	if (name_one(context, i, m, e) == -1)
		return -1;
	if ((m->bytes = malloc(one->n + 1)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for %s", one->key);
	memcpy(m->bytes, one->from, one->n);
	m->size = one->n;
	return 0;
}

int
object_store_put(struct object_store *s, const char *key, const void *bytes, size_t n,
    struct err *e)
{
	struct one one = {.key = key, .from = bytes, .n = n};

	return s->put_each(s, 1, give_one, &one, e);
}

void
object_store_close(struct object_store *s)
{
	if (s != NULL)
		s->close(s);
}
