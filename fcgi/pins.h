/* pins.h - tenants that are held on a generation, kept over restarts.
 *
 *   DATA/pins     ragpool-pins 1 <entries> <crc32c of the lines, hex>\n
 *                 <tenant>\t<origin>\t<generation>\n     sorted by tenant, then origin
 *
 * A pin says which generation a tenant serves, whatever its pointer says, until the pin is
 * taken away by whoever set it.  An operator's pin and one from Consul may stand side by
 * side; the operator's holds: who stands before the host knows something the fleet does not.
 *
 * Bounds  two pins a tenant, PINS_MAX in all.
 * Memory  owned: pins_fini().  What the finders answer is borrowed until the next
 *         pins_set() or pins_forget().
 * Errors  ERR_TENANT_NAME, ERR_INPUT for names that are none; ERR_LIMIT; ERR_CORRUPT for a
 *         file that is not exactly the form above; ERR_IO, ERR_NOMEM.
 * Cost    finding O(log n), setting O(n); saving writes the whole file, durably.
 */
#ifndef RAGPOOL_PINS_H
#define RAGPOOL_PINS_H

#include <stdbool.h>
#include <stddef.h>

#include "bounds.h"
#include "err.h"

enum { PINS_MAX = 65536 };

#define PIN_ORIGINS(X) \
	X(PIN_OPERATOR, "operator") \
	X(PIN_CONSUL, "consul")
enum pin_origin {
#define X(symbol, name) symbol,
	PIN_ORIGINS(X)
#undef X
	    PIN_ORIGIN_MAX
};

struct pin {
	char tenant[TENANT_NAME_BYTES + 1];
	char generation[GENERATION_NAME_BYTES];
	enum pin_origin origin;
};

struct pins {
	struct pin *at;		/* sorted by tenant, then origin */
	size_t count, room;
};

void pins_fini(struct pins *p);
/* Replaces what is in *p; no file is an empty list.  After -1 *p is empty. */
int pins_load(struct pins *p, const char *data_dir, struct err *e);
int pins_save(const struct pins *p, const char *data_dir, struct err *e);

/* generation NULL: the pin of this origin goes.  *changed: something is different now. */
int pins_set(struct pins *p, const char *tenant, const char *generation,
    enum pin_origin origin, bool *changed, struct err *e);
/* The pin of this origin; NULL for none. */
const struct pin *pins_find(
    const struct pins *p, const char *tenant, enum pin_origin origin);
/* The pin that holds; NULL when the pointer does. */
const struct pin *pins_of(const struct pins *p, const char *tenant);
/* The tenant is gone, and its pins with it; false when there were none. */
bool pins_forget(struct pins *p, const char *tenant);
const char *pin_origin_name(enum pin_origin origin);

#endif
