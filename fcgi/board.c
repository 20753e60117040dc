/* board.c - the scoreboard. */
#include "board.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "meter.h"
#include "share.h"

static const char board_magic[8] = "ragbord";

static const char *const state_names[SLOT_STATE_MAX] = {
#define X(symbol, name) [symbol] = name,
    BOARD_STATES(X)
#undef X
};

const char *
board_state_name(int32_t state)
{
	return state >= 0 && state < SLOT_STATE_MAX ? state_names[state] : "unknown";
}

static const char *const stage_names[STAGE_MAX] = {
#define X(symbol, name) [symbol] = name,
    BOARD_STAGES(X)
#undef X
};

const char *
board_stage_name(int32_t stage)
{
	return stage >= 0 && stage < STAGE_MAX ? stage_names[stage] : "unknown";
}

unsigned
board_latency_bucket(int64_t ns)
{
	uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;
	unsigned bucket = us > 1 ? 63u - (unsigned)__builtin_clzll(us) : 0;

	return bucket < BOARD_LATENCIES ? bucket : BOARD_LATENCIES - 1;
}

void
board_slot_clean(struct board_slot *s)
{
	size_t from = offsetof(struct board_slot, pid);

	memset((char *)s + from, 0, sizeof *s - from);
}

bool
board_slot_is_stale(const struct board_slot *s, int64_t now_ns)
{
	int64_t beat = atomic_load(&s->heartbeat_ns);

	return beat != 0 && atomic_load(&s->request_ns) == 0 &&
	    atomic_load(&s->state) != SLOT_RELOADING &&
	    now_ns - beat > BOARD_STALE_MS * INT64_C(1000000);
}

bool
board_slot_is_busy(const struct board_slot *s)
{
	return atomic_load(&s->request_ns) != 0;
}

/* The head, the slots, the meters and what share.h keeps, one behind the other. */
static size_t
bytes_of(unsigned slots)
{
	return sizeof(struct board_head) + slots * sizeof(struct board_slot) +
	    sizeof(struct meter) + sizeof(struct share_seen);
}

static int
map_board(struct board *b, size_t bytes, unsigned slots, int protection, struct err *e)
{
	void *p = mmap(NULL, bytes, protection, MAP_SHARED, b->fd, 0);

	if (p == MAP_FAILED)
		return err_sys(e, ERR_IO, "scoreboard");
	b->head = p;
	b->slots = (struct board_slot *)(b->head + 1);
	b->meter = (struct meter *)(b->slots + slots);
	b->seen = (struct share_seen *)(b->meter + 1);
	b->bytes = bytes;
	return 0;
}

int
board_create(struct board *b, unsigned slots, struct err *e)
{
	size_t bytes = bytes_of(slots);

	*b = (struct board){.fd = -1, .wake_fd = -1};
	if ((b->fd = memfd_create("ragpool-board", MFD_ALLOW_SEALING)) == -1 ||
	    ftruncate(b->fd, (off_t)bytes) == -1 ||
	    (b->wake_fd = eventfd(0, EFD_NONBLOCK)) == -1) {
		err_sys(e, ERR_IO, "scoreboard");
		board_close(b);
		return -1;
	}
	if (map_board(b, bytes, slots, PROT_READ | PROT_WRITE, e) == -1) {
		board_close(b);
		return -1;
	}
	memcpy(b->head->magic, board_magic, sizeof board_magic);
	b->head->version = BOARD_VERSION;
	b->head->slots = slots;
	return 0;
}

static int
map_inherited(struct board *b, int protection, struct err *e)
{
	struct stat st;
	size_t slots;

	if (fstat(b->fd, &st) == -1)
		return err_sys(e, ERR_IO, "scoreboard");
	if ((size_t)st.st_size < bytes_of(0))
		return err_set(e, ERR_CORRUPT, "scoreboard: too small");
	slots = ((size_t)st.st_size - bytes_of(0)) / sizeof(struct board_slot);
	if (map_board(b, (size_t)st.st_size, (unsigned)slots, protection, e) == -1)
		return -1;
	if (memcmp(b->head->magic, board_magic, sizeof board_magic) != 0 ||
	    b->head->version != BOARD_VERSION || b->head->slots > WORKERS_MAX ||
	    b->head->slots != slots || b->bytes != bytes_of((unsigned)slots)) {
		board_close(b);
		return err_set(e, ERR_CORRUPT, "scoreboard: another version's shape");
	}
	return 0;
}

int
board_attach(struct board *b, int fd, int wake_fd, struct err *e)
{
	*b = (struct board){.fd = fd, .wake_fd = wake_fd};
	return map_inherited(b, PROT_READ | PROT_WRITE, e);
}

int
board_watch(struct board *b, int fd, struct err *e)
{
	int rc;

	*b = (struct board){.fd = fd, .wake_fd = -1};
	if ((rc = map_inherited(b, PROT_READ, e)) == 0) {
		close(fd);
		b->fd = -1;
	}
	return rc;
}

void
board_close(struct board *b)
{
	if (b->head != NULL)
		munmap(b->head, b->bytes);
	if (b->fd != -1)
		close(b->fd);
	if (b->wake_fd != -1)
		close(b->wake_fd);
	*b = (struct board){.fd = -1, .wake_fd = -1};
}

bool
board_slot_is_engaged(const struct board_slot *s)
{
	return atomic_load(&s->request_ns) != 0 && atomic_load(&s->stage) == STAGE_ANSWER;
}

void
board_wake(const struct board *b)
{
	uint64_t one = 1;

	if (b->wake_fd != -1 && write(b->wake_fd, &one, sizeof one) == -1)
		return;		/* EAGAIN: the supervisor has a wake-up waiting already */
}
