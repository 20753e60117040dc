/* pinned.h - may a generation that a caller asks for by name be opened?
 *
 * Those that serve were judged before a worker sees them; one that is named by a caller was
 * perhaps not.  Refused are
 *
 *   what is quarantined (quarantine.h), under this name or as a twin of the same content
 *   what the gate has failed
 *   what is newer than the live one and has not passed: it is being judged, or is held
 *
 * Errors  ERR_GENERATION, saying which; ERR_CORRUPT, ERR_IO of the lists themselves.
 * Cost    reads two small files; only for generations that are not the live one.
 */
#ifndef RAGPOOL_PINNED_H
#define RAGPOOL_PINNED_H

#include "err.h"

int pinned_check(const char *data_dir, const char *tenant, const char *generation,
    const char *live, struct err *e);

#endif
