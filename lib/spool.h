/**
 * What waits for the database: small files in a private directory.
 *
 * A file is written under a temporary name, flushed, renamed and the directory flushed, so after
 * spool_put() it survives a crash of process and machine. Many processes, and hosts that share the
 * directory, may put and take at once: taking is a rename into claimed/, which only one of them
 * wins. A claim whose process died is given back after SPOOL_CLAIM_SECONDS; what is in a file may
 * therefore be handled twice, and must allow it.
 *
 *     SPOOL_DIR/1700000000000-<uuid>.json   waits
 *     SPOOL_DIR/claimed/…                   is being handled
 *     SPOOL_DIR/bad/…                       was set aside: nobody can make sense of it
 */
#ifndef SPOOL_H
#define SPOOL_H

#include "arena.h"
#include "clock.h"
#include "fault.h"

#define SPOOL_FILE_MAX      (1u << 20) /* bytes of one file */
#define SPOOL_FILES_MAX     100000     /* waiting: about so many, or so many bytes, are refused */
#define SPOOL_BYTES_MAX     (1u << 30)
#define SPOOL_CLAIM_SECONDS 120

struct spool {
    const char *dir;
    const struct clock *clock;
};

/**
 * Store a text. Makes the directory (0700) where it is missing; files are 0600.
 * Fails with FAULT_SPOOL_UNAVAILABLE: no directory, no space, too many files, text too long.
 */
must_check bool spool_put(const struct spool *spool, struct text content, struct fault *reterr);

/** A file that is ours to handle. */
struct spool_claim {
    char name[80];
    struct text content; /* in the arena; empty where the file cannot be read whole */
};

/** Claims, from the oldest on. Zero-initialise; spool_finish() when done. */
struct spool_walk {
    char **names; /* those seen waiting, in order */
    size_t n, at;
};

/** Does anything wait? Cheap: asked after each request. */
bool spool_waits(const struct spool *spool);

/** Look what waits, at most `most` names, and give dead claims back. False where there is nothing.
 */
must_check bool spool_look(const struct spool *spool, size_t most, struct spool_walk *ret_walk);

/** Claim the next file that nobody else has taken meanwhile; false at the end of the walk. */
must_check bool spool_claim(const struct spool *spool, struct spool_walk *walk, struct arena *arena,
                            struct spool_claim *ret_claim);
void spool_finish(struct spool_walk *walk);

/** What becomes of a claim. */
enum spool_end {
    SPOOL_DONE,      /* handled: the file goes */
    SPOOL_GIVE_BACK, /* not now: it waits again */
    SPOOL_SET_ASIDE, /* never: it goes to bad/ */
};
void spool_end(const struct spool *spool, const struct spool_claim *claim, enum spool_end end);

struct spool_state {
    size_t waiting, claimed, bad;
    bool exists, writable, private;
};

/** How the spool stands. For --check. */
void spool_state(const struct spool *spool, struct spool_state *ret_state);

#endif
