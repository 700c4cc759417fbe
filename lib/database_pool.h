/**
 * Places for as many connections as a process may have at once, for as many threads as like, and
 * the connections that lie idle in them; the one used last is used next, so that few stay warm.
 * Below database.h, which says what the entrances are for (enum database_apart).
 */
#ifndef DATABASE_POOL_H
#define DATABASE_POOL_H

#include "fault.h"

struct pg_conn;
struct database_pool;

/** How a place is taken. */
enum database_entrance {
    DATABASE_ENTRANCE_FRONT,   /* any place */
    DATABASE_ENTRANCE_SPARE,   /* never the last one */
    DATABASE_ENTRANCE_PATIENT, /* half of the places at most; few threads queue up for one */
};

/** A pool of so many places (DATABASE_POOL_MAX at most); NULL for want of memory. */
struct database_pool *database_pool_new(size_t size);

/** Close what is idle. No place may be taken. NULL: nothing. */
void database_pool_free(struct database_pool *pool);

/**
 * Take a place; where none may be taken, wait so long for one (0: not at all), first come, first
 * served. *ret_idle: a connection that lay idle, which is the caller's now, or NULL. Where there
 * was no place in time fails with FAULT_DATABASE_BUSY at the entrance for patient statements, at
 * the others with FAULT_DATABASE_UNAVAILABLE.
 */
must_check bool database_pool_take(struct database_pool *pool, enum database_entrance entrance,
                                   int wait_ms, struct pg_conn **ret_idle, struct fault *reterr);

/**
 * Give a place back to the entrance that it was taken by, and a connection (NULL: none) with it,
 * which is closed where it cannot be used again. The first that waits and may come in has it then.
 */
void database_pool_give(struct database_pool *pool, enum database_entrance entrance,
                        struct pg_conn *conn);

#endif
