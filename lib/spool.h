/**
 * What waits for the database: small files in a private directory.
 *
 * A file is written under a temporary name, flushed, renamed and the directory flushed, so after
 * spool_put() it survives a crash of process and machine. Many processes, and hosts that share the
 * directory, may put and take at once: taking is a rename into claimed/, which only one of them
 * wins. A claim whose process died is given back after SPOOL_CLAIM_SECONDS; what is in a file may
 * therefore be handled twice, and must allow it.
 *
 *     SPOOL_DIR/1700000000000-<uuid>.json              waits
 *     SPOOL_DIR/1700000000000-<uuid>.settlement.json   a settlement that waits
 *     SPOOL_DIR/claimed/…                              is being handled
 *     SPOOL_DIR/bad/…                                  was set aside: nobody can make sense of it.
 *                                                      Moved back into SPOOL_DIR it waits again
 *
 * The number is the time (milliseconds of the Unix epoch) before which nobody takes the file: that
 * of its writing, later where it was put off. So every process, of whatever program, leaves alone
 * for SPOOL_PAUSE_SECONDS what one of them could not handle. A number further ahead than that is of
 * a clock that was set back, and counts as now.
 *
 * Directories are 0700 and files 0600 whatever the umask. A directory that everybody may write to,
 * or that belongs to neither this user nor root, is not used: what lies there may be anybody's.
 * What root puts there by hand is given to the directory's owner. Symbolic links are not followed
 * below SPOOL_DIR.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include "arena.h"
#include "clock.h"
#include "fault.h"

#define SPOOL_FILE_MAX      (1u << 20) /* bytes of one file */
#define SPOOL_FILES_MAX     100000     /* waiting, claimed and bad: from about so many on, or so */
#define SPOOL_BYTES_MAX     (1u << 30) /* many bytes, nothing more is taken in */
#define SPOOL_CLAIM_SECONDS 120
#define SPOOL_PAUSE_SECONDS 10
#define SPOOL_NAME_SIZE     80 /* of a file, with its NUL */

struct spool {
    const char *dir; /* NULL in a process without settings: nothing may be asked of it then */
    const struct clock *clock;
};

/** What is in a file, as its name says: settlements, and all else. */
enum spool_kind {
    SPOOL_EVENT,
    SPOOL_SETTLEMENT,
    SPOOL_ANY, /* of those to take */
};

/**
 * Store a text. Makes the directory where it is missing, not those above it. True: it is on the
 * disk. Fails with FAULT_SPOOL_UNAVAILABLE: no directory or not ours, no space, too many files,
 * text too long.
 */
must_check bool spool_put(const struct spool *spool, enum spool_kind kind, struct text content,
                          struct fault *reterr);

/** A file that is ours to handle. */
struct spool_claim {
    char name[SPOOL_NAME_SIZE];
    struct text content; /* in the arena; empty for what is no file, too long or unreadable */
    int passing;         /* errno: cannot be read now, but may be later (descriptors, memory); 0 */
    int unreadable;      /* errno: we may not read it, somebody else may (rights, a disk); 0 */
};

/** What of that which waits is to be taken. */
struct spool_choice {
    enum spool_kind kind;
    int64_t until_ms; /* only what is due before this time, see above */
};

/** What is due now. */
struct spool_choice spool_due(const struct spool *spool, enum spool_kind kind);

/** All that waits now, put off or not, and not again what is put off from now on. */
struct spool_choice spool_all(const struct spool *spool);

/** Some of what waits, from the oldest of them on. spool_finish() when done. */
struct spool_walk {
    char (*names)[SPOOL_NAME_SIZE]; /* those seen waiting, in order */
    size_t n, at;
    int error; /* errno: why the spool cannot be read, or its files not claimed; 0 */
};

/** Does anything of the choice wait, or a dead claim? Cheap: asked after each request. */
bool spool_waits(const struct spool *spool, const struct spool_choice *choice);

/**
 * Look what waits, at most `most` names in no order of the directory's, and give dead claims back.
 * False where there is nothing to take; ret_walk->error says if that is a fault.
 */
must_check bool spool_look(const struct spool *spool, const struct spool_choice *choice,
                           size_t most, struct spool_walk *ret_walk);

/**
 * Claim the next file that nobody else has taken meanwhile; false at the end of the walk, or where
 * the directory does not allow it (walk->error).
 */
must_check bool spool_claim(const struct spool *spool, struct spool_walk *walk, struct arena *arena,
                            struct spool_claim *ret_claim);
void spool_finish(struct spool_walk *walk);

/** What becomes of a claim. */
enum spool_end {
    SPOOL_DONE,      /* handled: the file goes */
    SPOOL_GIVE_BACK, /* not now: it waits again */
    SPOOL_PUT_OFF,   /* not for a while: it waits again and is due in SPOOL_PAUSE_SECONDS */
    SPOOL_SET_ASIDE, /* never: it goes to bad/ */
};
void spool_end(const struct spool *spool, const struct spool_claim *claim, enum spool_end end);

#endif
