/* file_id.c - a name for a document on the wires that want one without slashes. */
#include "file_id.h"

#include <stdio.h>
#include <string.h>

#include "hash.h"

void
file_id_of(const char *key, char out[FILE_ID_BYTES])
{
	char hex[SHA256_HEX_BYTES] = "000000000000000000000000";
	uint8_t digest[SHA256_BYTES];

	if (hash_sha256_of(key, strlen(key), digest, NULL) == 0)
		hash_hex(digest, hex);
	snprintf(out, FILE_ID_BYTES, "file-%.24s", hex);
}
