/* file_id.h - a name for a document on the wires that want one without slashes.
 *
 *   "file-" and 24 hexadecimal digits: of the SHA-256 of the document's key
 *
 * The same on every host and in every generation: it stands for the key, not for the bytes.
 * An uploaded file that is attached has the key "file-<its digits>/<its name>", and these digits.
 */
#ifndef RAGPOOL_FILE_ID_H
#define RAGPOOL_FILE_ID_H

#include "bounds.h"
#include "uploads.h"

enum {
	FILE_ID_BYTES = 30,	/* with the NUL */
	FILE_NAME_BYTES = DOCUMENT_PATH_BYTES - FILE_ID_BYTES,
};

void file_id_of(const char *key, char out[FILE_ID_BYTES]);
/* The 24 digits of a well-formed id, NULL for what is none. */
const char *file_id_digits(const char *id);
/* The key of an uploaded file that is attached. */
void file_key_of(const struct upload *u, char key[DOCUMENT_PATH_BYTES + 1]);
/* What people call a document of this key: the name the file was uploaded by, or the key. */
const char *file_name_of(const char *key);

#endif
