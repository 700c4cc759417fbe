/**
 * One connection to PostgreSQL: what its string says, the names in it, and a deadline for it.
 * Below database.h, for its rooms alone.
 */
#ifndef DATABASE_CONNECTION_H
#define DATABASE_CONNECTION_H

#include "resolver.h"

#define DATABASE_LINE_MAX 200 /* bytes of libpq's words in the log, with the NUL */

/** A deadline, so many milliseconds from now: clock_system's monotonic time. */
int64_t database_deadline(int ms);

struct pg_conn;   /* libpq's PGconn; owned by whoever got it */
struct pg_result; /* libpq's PGresult */

/**
 * Hosts and ports of the connection string, or (NULL, or without a host) of PGHOST and PGPORT; are
 * there names among them? libpq would look those up while its caller waits, for as long as that
 * takes: find them before database_connection_open(). False also for a string that libpq reads
 * otherwise than it was meant.
 */
bool database_connection_names(const char *string, struct resolver_hosts *ret_wanted);

/** Find them. Fails with FAULT_DATABASE_UNAVAILABLE, also at the deadline. */
must_check bool database_connection_find(const struct resolver_hosts *wanted, int64_t deadline,
                                         struct resolver_hosts *ret_hosts, struct fault *reterr);

/**
 * A new connection, to where the string (NULL: libpq's PG* variables) leads; `hosts` are the names
 * found in it, empty lists leave its own. NULL with FAULT_DATABASE_UNAVAILABLE, whose detail has
 * libpq's words; not those about a malformed string, which may be a part of a password.
 */
struct pg_conn *database_connection_open(const char *string, const struct resolver_hosts *hosts,
                                         int64_t deadline, struct fault *reterr);

/** NULL: nothing. */
void database_connection_close(struct pg_conn *conn);

/** Can it be used again, as far as is known without a look at its socket? */
bool database_connection_is_good(const struct pg_conn *conn);

/**
 * Has the server ended a kept connection while nobody looked? It has nothing else to say to one
 * that asked nothing, and its last words come before the end that libpq would notice.
 */
bool database_connection_is_stale(const struct pg_conn *conn);

/**
 * Send what libpq has still to send, and wait for the one result; PQclear(). NULL: broken, or not
 * at the deadline. The rows come before the server commits: only its last word says whether it has.
 */
struct pg_result *database_connection_result(struct pg_conn *conn, int64_t deadline);

/** A result that is cleared at its scope's end; NULL is fine. */
void database_result_clear(struct pg_result **result);
#define database_result_scoped __attribute__((cleanup(database_result_clear)))

/** Wait until its socket can be read (POLLIN) or written (POLLOUT); false at the deadline. */
bool database_connection_wait(const struct pg_conn *conn, short events, int64_t deadline);

/** libpq's words on one line, without its tabs and its trailing line end; where they are many, of
 * the last of several addresses, which is the one that counts. NULL has none. */
void database_line(const char *message, char ret_line[DATABASE_LINE_MAX]);

/** Set a fault "what: message" after which it is worth to come again in a few seconds; false. */
bool database_unavailable(struct fault *reterr, enum fault_kind kind, const char *what,
                          const char *message);

#endif
