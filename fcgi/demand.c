/* demand.c - does anybody ask the pool anything? */
#include "demand.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"

static struct board inherited;
static const struct board *board;
static _Atomic uint64_t done;		/* requests, when they were counted last */
static _Atomic int64_t until_ns;	/* demand lasts, by the last request that was seen */

static unsigned
workers_of(const struct board *b)
{
	uint32_t workers = atomic_load_explicit(&b->head->workers, memory_order_relaxed);

	return workers < b->head->slots ? workers : b->head->slots;
}

/* One that writes an answer for minutes waits for its model, and not for a processor. */
static bool
is_asked(const struct board *b, uint64_t *requests)
{
	unsigned workers = workers_of(b);
	bool asked = false;

	*requests = 0;
	for (unsigned i = 0; i < workers; i++) {
		const struct board_slot *s = &b->slots[i];
		*requests += atomic_load_explicit(&s->requests, memory_order_relaxed);
		asked |= board_slot_is_busy(s) && !board_slot_is_engaged(s);
	}
	return asked;
}

void
demand_look_at(const struct board *b)
{
	uint64_t requests = 0;

	if (b != NULL)
		is_asked(b, &requests);
	atomic_store(&done, requests);
	atomic_store(&until_ns, INT64_MIN);
	board = b;
}

void
demand_begin(void)
{
	const char *text = getenv("RAGPOOL_BOARD_FD");
	struct err e;
	char end;
	int fd;

	if (text == NULL)
		return;
	if (sscanf(text, "%d%c", &fd, &end) != 1)
		log_warn("RAGPOOL_BOARD_FD is not a number: %s", text);
	else if (board_watch(&inherited, fd, &e) == -1)
		log_warn("RAGPOOL_BOARD_FD: %s", e.text);
	else
		demand_look_at(&inherited);
}

bool
demand_is_there(int64_t now_ns)
{
	uint64_t requests;

	if (board == NULL)
		return true;
	if (is_asked(board, &requests) | (atomic_exchange(&done, requests) != requests))
		atomic_store(&until_ns, now_ns + DEMAND_LASTS_MS * INT64_C(1000000));
	return now_ns < atomic_load(&until_ns);
}

bool
demand_is_in_hand(uint64_t *done_then)
{
	uint64_t then = *done_then;

	return board != NULL && is_asked(board, done_then) | (*done_then != then);
}

unsigned
demand_workers(void)
{
	return board != NULL ? workers_of(board) : 0;
}
