/* file_id.c - a name for a document on the wires that want one without slashes. */
#include "file_id.h"

#include <stdio.h>
#include <string.h>

#include "ledger.h"

static const char prefix[] = "file-";
enum { PREFIX_BYTES = sizeof prefix - 1 };

void
file_id_of(const char *key, char out[FILE_ID_BYTES])
{
	char digits[LEDGER_FILE_BYTES];

	ledger_file_of(key, digits);
	snprintf(out, FILE_ID_BYTES, "%s%s", prefix, digits);
}

const char *
file_id_digits(const char *id)
{
	return strncmp(id, prefix, PREFIX_BYTES) == 0 && upload_id_is_valid(id + PREFIX_BYTES) ?
	    id + PREFIX_BYTES :
	    NULL;
}

void
file_key_of(const struct upload *u, char key[DOCUMENT_PATH_BYTES + 1])
{
	snprintf(key, DOCUMENT_PATH_BYTES + 1, "%s%s/%.*s", prefix, u->id, FILE_NAME_BYTES, u->name);
}

const char *
file_name_of(const char *key)
{
	char id[FILE_ID_BYTES];

	file_id_of(key, id);
	return strncmp(key, id, FILE_ID_BYTES - 1) == 0 ? key + FILE_ID_BYTES : key;
}
