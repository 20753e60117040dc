/* fcgi_in.h - a FastCGI request, read from a peer that nobody vouches for.
 *
 * Whoever can write to the socket can write anything.  libfcgi's own reader ends the process
 * on some lengths of a PARAMS pair, takes parameters without limit and waits for ever; this
 * one refuses, with the connection and nothing else as the price.  Its body is a stream of
 * libfcgi, so FCGX_GetStr() and FCGX_GetError() read it.
 *
 * Bounds  parameters: FCGI_IN_PARAMS_MAX bytes, FCGI_IN_PARAMS_COUNT pairs, no NUL and no
 *         name that is empty or holds '=' (each would be another parameter than was sent).
 *         Records that are not of the request: FCGI_IN_STRAYS_MAX.
 * Time    the parameters are here FCGI_IN_MS after the connection, or it is dropped; a body
 *         may take that, and a second more for each FCGI_IN_BODY_RATE bytes of it.
 * Memory  envp and its strings are borrowed until the next fcgi_in_begin().
 * Source  FastCGI Specification 1.0 (1996), sections 3 to 5; one request at a time, which
 *         FCGI_MPXS_CONNS=0 says, and a second one is told FCGI_CANT_MPX_CONN.
 */
#ifndef RAGPOOL_FCGI_IN_H
#define RAGPOOL_FCGI_IN_H

#include <fcgiapp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum {
	FCGI_IN_MS = 5000,
	FCGI_IN_BODY_RATE = 32 * 1024,
	FCGI_IN_PARAMS_MAX = 1 << 20,
	FCGI_IN_PARAMS_COUNT = 1024,
	FCGI_IN_STRAYS_MAX = 64,
	FCGI_IN_BUFFER = 16 * 1024,
};

struct fcgi_in {
	int fd;
	int id;				/* of the request; 0: none has begun */
	bool is_kept;			/* the peer wants the connection after it */
	bool is_ended;			/* all of the body was sent */
	bool is_broken;			/* the peer is no good, or gone */
	bool is_answered;		/* nothing more is waited for */
	int64_t began_ms;
	size_t body_bytes;
	unsigned strays;
	int type, record_id;		/* of the record being read */
	size_t content, padding;	/* what is left of it */
	unsigned char *at, *end;	/* of the buffer: not read yet */
	FCGX_Stream body;
	struct buf params;
	char *envp[FCGI_IN_PARAMS_COUNT + 1];
	unsigned char buffer[FCGI_IN_BUFFER];
};

void fcgi_in_init(struct fcgi_in *in);
void fcgi_in_fini(struct fcgi_in *in);
/* Reads from fd (borrowed) until the parameters of a request are whole: 1, and ->envp,
 * ->id, ->body are its own.  0: there is none, and the connection is of no further use. */
int fcgi_in_begin(struct fcgi_in *in, int fd);
/* The answer was sent: has the peer sent all of the request, and nothing after it?  Reads
 * what is there, waits for nothing.  Closing with something unread would reset the
 * connection and could cost the peer the answer. */
bool fcgi_in_is_done(struct fcgi_in *in);

#endif
