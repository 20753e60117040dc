/* intake_options.h - how much may be sent to a worker. */
#ifndef RAGPOOL_INTAKE_OPTIONS_H
#define RAGPOOL_INTAKE_OPTIONS_H

#include <stddef.h>

#include "inbox.h"
#include "uploads.h"

struct intake_options {
	struct inbox_limits waits;	/* per tenant */
	size_t upload_max;		/* bytes of a request's body */
	struct upload_limits files;	/* that one key may keep */
};

#endif
