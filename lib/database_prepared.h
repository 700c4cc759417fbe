/**
 * Statements that a connection has prepared: PostgreSQL parses and plans such a one once, which is
 * half of the work of a short one. Below database_statement.h.
 *
 * A connection prepares what it is asked for the third time, in a session of its own only: behind a
 * pooler the next statement may go to another server process, which has not been told. A session is
 * known by the number of its process, which the greeting names and the process itself is asked for.
 * Should a pooler's own number be the same one day, the statement is refused for its name, which is
 * made of its text and so never another's, and goes out as a text.
 */
#ifndef DATABASE_PREPARED_H
#define DATABASE_PREPARED_H

#include "text.h"

#define DATABASE_PREPARED_NAME 32 /* bytes of a name, with the NUL */

struct pg_conn;
struct pg_result;

/**
 * The name under which the connection has the statement, which it prepares the third time; "": its
 * text has to be sent. False where the connection broke, or the deadline came, meanwhile.
 */
must_check bool database_prepared_find(struct pg_conn *conn, int64_t deadline, const char *sql,
                                       char ret_name[DATABASE_PREPARED_NAME]);

/**
 * Was it refused, before anything of it was done, for having been prepared once? The name is not
 * known, or what it stands for: a migration has given a function other parameters or columns.
 */
bool database_prepared_is_refused(const struct pg_result *result);

/** Undo that it was prepared; false as database_prepared_find(). */
must_check bool database_prepared_forget(struct pg_conn *conn, int64_t deadline, const char *sql);

#endif
