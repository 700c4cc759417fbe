/**
 * How the spool stands: what waits in it, what was set aside, and whether it can be used.
 */
#ifndef SPOOL_STATE_H
#define SPOOL_STATE_H

#include "spool.h"

/** What somebody should see to, in a few words; NULL: nothing. Looks at a few files only. */
const char *spool_complaint(const struct spool *spool);

struct spool_state {
    size_t waiting, claimed, bad;
    size_t put_off;    /* of those that wait: not due yet */
    size_t unreadable; /* of those that wait, and folders that cannot be looked into */
    int64_t oldest_ms; /* for so long the oldest of those that wait or are claimed has been there */
    bool exists;
    bool writable; /* and ours: see spool.h */
    bool private;  /* to others neither readable nor writable */
};

/** How the spool stands. For --check and --metrics: looks at every file. */
void spool_state(const struct spool *spool, struct spool_state *ret_state);

/** Are so many files in the directory, or so many bytes, that nothing more is taken in? */
bool spool_state_is_full(int dir);

#endif
