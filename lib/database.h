/**
 * Statements to PostgreSQL, each with a deadline. libpq appears in database_connection.c,
 * database_prepared.c and database_statement.c only.
 *
 * One statement is one transaction, and one round trip but where it is prepared. No session state
 * is relied on: a pooler in transaction mode may stand in between (see database_prepared.h).
 */
#ifndef DATABASE_H
#define DATABASE_H

#include "arena.h"
#include "fault.h"

#define DATABASE_POOL_MAX       64
#define DATABASE_PARAMETERS_MAX 14

/** A result in the arena. Cells are row by row; a NULL's slice has s == NULL. */
struct database_result {
    size_t rows, columns;
    struct text *cells;
    char sqlstate[6];    /* on failure: PostgreSQL's error code, "" without one */
    char constraint[64]; /* on failure: the constraint that was violated */
    bool in_doubt;       /* on failure: the server may have carried it out all the same */
};

/** The seam. */
struct database {
    void *self;
    /**
     * Run one statement with text parameters ($1, ...; NULL is SQL's null).
     *
     * Fails with FAULT_DATABASE_UNAVAILABLE where the server cannot be reached, breaks off, is
     * shutting down, full or read-only, or does not answer in time; with FAULT_DATABASE_BUSY where
     * it is there, and something that the statement needs was locked, or the statement was
     * cancelled or failed beside others: nothing was written, and another one may well go through;
     * with FAULT_MISCONFIGURED where the schema or a right is missing; else with FAULT_INTERNAL.
     * ret_result's sqlstate, constraint and in_doubt are set on failure too.
     */
    bool (*query)(void *self, struct arena *arena, const char *sql, const char *const *parameters,
                  size_t n_parameters, struct database_result *ret_result, struct fault *reterr);

    /* The same connections for statements that others shall not feel, where there are more than
     * one, and for those that take long; NULL: `query` does for them. See database_apart(). */
    void *spare, *patient, *unhurried;
};

/** For whom a statement is, and so which connections it may take. */
enum database_apart {
    /* Work that can wait: never the last connection, and not a moment is waited for one. */
    DATABASE_SPARE,
    /* What will wait for a lock of somebody else's: half of the connections at most. Few threads
     * wait for one of these, the others are told FAULT_DATABASE_BUSY at once. */
    DATABASE_PATIENT,
    /* What reads a lot, and no request waits for: it has two minutes instead of six seconds. */
    DATABASE_UNHURRIED,
};

/** The database for these. It lives and is closed with `database`. */
struct database database_apart(const struct database *database, enum database_apart apart);

/** One cell; the empty slice outside the result. */
struct text database_cell(const struct database_result *result, size_t row, size_t column);

/**
 * A database reached by a libpq connection string or URL (NULL: libpq's PG* variables), over at
 * most `connections` at once, for as many threads as like. Connects when a statement needs it and
 * keeps the connection; nobody holds one between statements. A kept one that has died, or whose
 * server takes no writes any more (a primary that has become a standby), is replaced unnoticed.
 */
must_check bool database_open(const char *connection_string, size_t connections,
                              struct database *ret_database, struct fault *reterr);

/** Close all connections. No statement may be running. */
void database_close(struct database *database);

#endif
