/* objects.h - sealed generations in an object store, for other hosts and for later.
 *
 * The program, run as a child of the supervisor or by hand:
 *
 *   ragpool-objects publish --config FILE --data DIR --tenant T --generation GEN
 *   ragpool-objects fetch   --config FILE --data DIR --tenant T --generation GEN
 *   ragpool-objects list    --config FILE --tenant T
 *   ragpool-objects gc      --config FILE --tenant T [--keep N] [--pin GEN]... [--grace TIME]
 *
 * --config is ragpool.conf; --store NAME chooses one of its [object_store NAME] sections and
 * may be left out while there is only one.  --data may be left out: data_dir of the file.
 * The last line of standard output is one JSON object:
 *
 *   publish, fetch  {"generation": "7-0123456789ab", "existed": false, "bytes": 123456,
 *                    "moved_bytes": 65536, "pieces": 9, "moved_pieces": 4, "seconds": 0.412}
 *   list            {"generations": [{"generation": "7-...", "modified": 1700000000}]}
 *   gc              {"removed_generations": 1, "removed_pieces": 12, "kept_pieces": 30}
 *   any, failed     {"error": {"code": "peer_error", "message": "..."}}
 *
 * Exit codes are those of sysexits.h: 0 done; 66 the store has no such generation; 75 busy or
 * timed out, try again; 69 the store answered wrongly or not at all; 78 the configuration.
 *
 * publish  may be run again at any time; what is there is not sent again.  When it ended with
 *          0, the generation can be fetched from any host.
 * fetch    makes DATA/tenants/T/gen/GEN, verified in full, exactly as a build seals it, under
 *          the very name it was published by; does not touch the pointer.  Run again after it
 *          was killed, it goes on where it stopped.  What an older local generation has is
 *          taken from there.  A generation that is there already is verified: "existed".
 *
 * In the store:
 *
 *   PREFIX T/pieces/<aa>/<sha256>        PIECE_BYTES of a file, the last one shorter
 *   PREFIX T/generations/<GEN>.json      the recipe: every file's pieces; written last
 *
 * Everything is named by its content, so half a publication is invisible, and a piece never
 * changes.  A recipe is not trusted: the name of the generation is a hash of its manifest,
 * which has the SHA-256 of the files.
 */
#ifndef RAGPOOL_OBJECTS_H
#define RAGPOOL_OBJECTS_H

enum { PIECE_BYTES = 16 << 20 };

#endif
