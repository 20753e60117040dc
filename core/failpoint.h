/* failpoint.h - named places where a test ends a build as a crash would.
 *
 * RAGPOOL_FAILPOINT=name[:N] in the environment kills the process by SIGKILL when it comes to
 * the place for the N-th time (1); with "=hang" behind that it stays there.  Without it a place costs one load and a branch.
 */
#ifndef RAGPOOL_FAILPOINT_H
#define RAGPOOL_FAILPOINT_H

#define FAILPOINTS(X) \
	X(FAIL_INTAKE_BEGUN, "intake.begun") \
	X(FAIL_INTAKE_APPLIED, "intake.applied")	/* an entry's documents are in place */ \
	X(FAIL_INTAKE_SYNCED, "intake.synced") \
	X(FAIL_INTAKE_RECORDED, "intake.recorded")	/* the ledger knows, the entries are there */ \
	X(FAIL_INTAKE_UNLINKED, "intake.unlinked")	/* one of them is gone */ \
	X(FAIL_INTAKE_EXPLAINED, "intake.explained")	/* why one is put aside lies in dead/ */ \
	X(FAIL_INTAKE_DONE, "intake.done") \
	X(FAIL_SYNC_DOCUMENT, "sync.document")		/* a document is read and cut */ \
	X(FAIL_SYNC_PIECE, "sync.piece")		/* source.db has taken a part of it */ \
	X(FAIL_SYNC_COMMIT, "sync.commit")		/* before it takes the rest */ \
	X(FAIL_SYNC_DONE, "sync.done") \
	X(FAIL_FOLDER_MADE, "folder.made") \
	X(FAIL_FILES_WRITTEN, "files.written") \
	X(FAIL_SEALED, "sealed")			/* before the rename */ \
	X(FAIL_PUBLISHED, "published") \
	X(FAIL_LEDGER_BUILT, "ledger.built") \
	X(FAIL_POINTER, "pointer")			/* before it moves */
enum failpoint {
#define X(symbol, name) symbol,
	FAILPOINTS(X)
#undef X
	    FAILPOINT_MAX
};

void failpoint(enum failpoint at);
/* As the environment would; NULL: none. */
void failpoint_arm(const char *want);
/* NULL past the last. */
const char *failpoint_name(unsigned at);

#endif
