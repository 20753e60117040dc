/* file_id.h - a name for a document on the wires that want one without slashes.
 *
 *   "file-" and 24 hexadecimal digits of the SHA-256 of the document's key
 *
 * The same on every host and in every generation: it stands for the key, not for the bytes.
 */
#ifndef RAGPOOL_FILE_ID_H
#define RAGPOOL_FILE_ID_H

enum { FILE_ID_BYTES = 30 };	/* with the NUL */

void file_id_of(const char *key, char out[FILE_ID_BYTES]);

#endif
