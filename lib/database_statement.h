/**
 * One statement on one connection, and what its failure means. Below database.h.
 */
#ifndef DATABASE_STATEMENT_H
#define DATABASE_STATEMENT_H

#include "database.h"

struct pg_conn;

/**
 * Run it, as struct database's `query` says. *conn is closed and NULL where it is of no use any
 * more. `deadline` is one of database_deadline().
 */
must_check bool database_statement_run(struct pg_conn **conn, int64_t deadline, struct arena *arena,
                                       const char *sql, const char *const *parameters,
                                       size_t n_parameters, struct database_result *ret_result,
                                       struct fault *reterr);

/** Would another connection do better than the one on which it failed? Its server is going, or
 * takes no writes (any more). */
bool database_statement_is_turned_away(const struct database_result *failed);

#endif
