/* object_store_s3.c - published generations in a bucket. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "object_store.h"
#include "s3.h"

enum { MOVES_AT_ONCE = 4 };

struct s3_store {
	struct object_store base;
	struct s3 *s3;
};

struct moving {
	struct s3 *s3;
	object_move_fn *name;		/* want or give */
	object_got_fn *got;		/* NULL for a put */
	void *context;
	struct {
		size_t index;
		struct object_move move;
	} under_way[MOVES_AT_ONCE];
};

/* ---- listing ---- */

struct listing {
	object_info_fn *each;
	void *context;
};

static int
pass_object(void *context, const struct s3_object *o, struct err *e)
{
	const struct object_info info = {o->key, o->size, o->modified};
	struct listing *l = context;

	return l->each(l->context, &info, e);
}

static int
s3_store_list(struct object_store *base, const char *prefix, object_info_fn *each, void *context,
    struct err *e)
{
	struct listing l = {each, context};

	return s3_list(((struct s3_store *)base)->s3, prefix, pass_object, &l, e);
}

/* ---- moving ---- */

static int
start_move(void *context, size_t index, struct http_call *c, struct err *e)
{
	struct moving *m = context;
	struct object_move *move;
	size_t i = 0;

	while (m->under_way[i].move.key[0] != '\0')
		i++;			/* as many places as calls at once */
	move = &m->under_way[i].move;
	m->under_way[i].index = index;
	if (m->name(m->context, index, move, e) == -1)
		return -1;
	c->subject = &m->under_way[i];
	c->max_bytes = move->size;
	c->expected_bytes = move->size;
	if (m->got == NULL) {
		c->send = move->bytes;
		c->send_bytes = move->size;
		c->max_bytes = HTTP_ERROR_BODY_MAX;
	}
	return s3_ask(m->s3, c, m->got != NULL ? "GET" : "PUT", move->key, e);
}

static void
empty_place(struct object_move *move)
{
	free(move->bytes);
	*move = (struct object_move){0};
}

static int
end_move(void *context, size_t index, struct http_call *c, const struct err *why, struct err *e)
{
	struct moving *m = context;
	struct object_move *move = NULL;
	int rc;

	for (size_t i = 0; i < MOVES_AT_ONCE; i++)
		if (m->under_way[i].move.key[0] != '\0' && m->under_way[i].index == index)
			move = &m->under_way[i].move;
	assert(move != NULL);	/* what ends was begun */
	rc = s3_judge(m->s3, c, why, move->key, e);
	if (rc == 0 && m->got != NULL)
		rc = m->got(m->context, index, c->body.data, c->body.len, e);
	empty_place(move);
	return rc;
}

static int
move_each(struct s3_store *s, size_t count, object_move_fn *name, object_got_fn *got,
    void *context, struct err *e)
{
	struct moving m = {.s3 = s->s3, .name = name, .got = got, .context = context};
	int rc = http_each(s3_http(s->s3), count, start_move, end_move, &m, e);

	for (size_t i = 0; i < MOVES_AT_ONCE; i++)
		empty_place(&m.under_way[i].move);
	return rc;
}

static int
s3_store_get_each(struct object_store *base, size_t count, object_move_fn *want,
    object_got_fn *got, void *context, struct err *e)
{
	return move_each((struct s3_store *)base, count, want, got, context, e);
}

static int
s3_store_put_each(struct object_store *base, size_t count, object_move_fn *give, void *context,
    struct err *e)
{
	return move_each((struct s3_store *)base, count, give, NULL, context, e);
}

/* ---- removing ---- */

struct removing {
	struct s3 *s3;
	const char *key;
};

static int
start_remove(void *context, size_t index, struct http_call *c, struct err *e)
{
	struct removing *r = context;

	(void)index;
	c->max_bytes = HTTP_ERROR_BODY_MAX;
	return s3_ask(r->s3, c, "DELETE", r->key, e);
}

static int
end_remove(void *context, size_t index, struct http_call *c, const struct err *why,
    struct err *e)
{
	struct removing *r = context;

	(void)index;
	if (why == NULL && c->status == 404)
		return 0;
	return s3_judge(r->s3, c, why, r->key, e);
}

static int
s3_store_remove(struct object_store *base, const char *key, struct err *e)
{
	struct removing r = {((struct s3_store *)base)->s3, key};

	return http_each(s3_http(r.s3), 1, start_remove, end_remove, &r, e);
}

static void
s3_store_close(struct object_store *base)
{
	s3_close(((struct s3_store *)base)->s3);
	free(base);
}

int
object_store_s3(struct object_store **out, const struct s3_options *o, struct err *e)
{
	struct s3_options mine = *o;
	struct s3_store *s = calloc(1, sizeof *s);

	*out = NULL;
	if (s == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an object store");
	mine.http.at_once = MOVES_AT_ONCE;
	s->base = (struct object_store){s3_store_list, s3_store_get_each, s3_store_put_each,
	    s3_store_remove, s3_store_close};
	if (s3_open(&s->s3, &mine, e) == -1) {
		free(s);
		return -1;
	}
	*out = &s->base;
	return 0;
}
