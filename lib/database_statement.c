#include "database_statement.h"

#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

#include "database_connection.h"
#include "database_prepared.h"

static bool is_class(const char *sqlstate, const char *class)
{
    return strncmp(sqlstate, class, 2) == 0;
}

static PGresult *run_text(struct pg_conn *conn, int64_t deadline, const char *sql,
                          const char *const *parameters, size_t n_parameters)
{
    if (!PQsendQueryParams(conn, sql, (int)n_parameters, NULL, parameters, NULL, NULL, 0))
        return NULL;
    return database_connection_result(conn, deadline);
}

static PGresult *run_prepared(struct pg_conn *conn, int64_t deadline, const char *name,
                              const char *const *parameters, size_t n_parameters)
{
    if (!PQsendQueryPrepared(conn, name, (int)n_parameters, parameters, NULL, NULL, 0))
        return NULL;
    return database_connection_result(conn, deadline);
}

/** The statement's one result, as database_connection_result(). *ret_sent: it may have been done.
 */
static PGresult *run(struct pg_conn *conn, int64_t deadline, const char *sql,
                     const char *const *parameters, size_t n_parameters, bool *ret_sent)
{
    char name[DATABASE_PREPARED_NAME];
    PGresult *result;

    *ret_sent = false;
    if (!database_prepared_find(conn, deadline, sql, name))
        return NULL;
    *ret_sent = true;
    if (!*name)
        return run_text(conn, deadline, sql, parameters, n_parameters);
    result = run_prepared(conn, deadline, name, parameters, n_parameters);
    if (!database_prepared_is_refused(result))
        return result;
    *ret_sent = false;
    PQclear(result);
    if (!database_prepared_forget(conn, deadline, sql))
        return NULL;
    *ret_sent = true;
    return run_text(conn, deadline, sql, parameters, n_parameters);
}

/** A field of an error; "" without one. */
static void keep(char *to, size_t size, const PGresult *result, int field)
{
    const char *value = PQresultErrorField(result, field);

    snprintf(to, size, "%s", value ? value : "");
}

bool database_statement_is_turned_away(const struct database_result *result)
{
    return strcmp(result->sqlstate, "25006") == 0 || strncmp(result->sqlstate, "57P", 3) == 0;
}

/** The server is well, it is this statement that had to wait, was cancelled or met another one. */
static bool is_busy(const char *state)
{
    return is_class(state, "40") || is_class(state, "55") || strcmp(state, "57014") == 0;
}

/** What a refused statement means for the caller. */
static bool statement_failed(const PGresult *result, struct database_result *ret_result,
                             struct fault *reterr)
{
    const char *state = ret_result->sqlstate;
    char message[DATABASE_LINE_MAX];

    keep(ret_result->sqlstate, sizeof(ret_result->sqlstate), result, PG_DIAG_SQLSTATE);
    keep(ret_result->constraint, sizeof(ret_result->constraint), result, PG_DIAG_CONSTRAINT_NAME);
    database_line(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), message);
    /* last words, of the server or (without a state) of libpq: the commit may have been before */
    ret_result->in_doubt = !*state || is_class(state, "08") || strncmp(state, "57P", 3) == 0 ||
                           strcmp(state, "40003") == 0;
    if (*state && is_busy(state))
        return database_unavailable(reterr, FAULT_DATABASE_BUSY, "statement failed", message);
    if (!*state || is_class(state, "08") || is_class(state, "53") || is_class(state, "57") ||
        is_class(state, "58") || is_class(state, "XX") ||
        database_statement_is_turned_away(ret_result))
        return database_unavailable(reterr, FAULT_DATABASE_UNAVAILABLE, "statement failed",
                                    message);
    if (is_class(state, "42") || is_class(state, "3F"))
        return fault_set(reterr, FAULT_MISCONFIGURED,
                         "database schema or rights are not this program's (%s), run "
                         "sql/migrate.sql: %.120s",
                         state, message);
    return fault_set(reterr, FAULT_INTERNAL, "statement failed (%s %s)", state,
                     ret_result->constraint);
}

static bool copy_result(struct arena *arena, const PGresult *result,
                        struct database_result *ret_result, struct fault *reterr)
{
    size_t rows = (size_t)PQntuples(result), columns = (size_t)PQnfields(result);
    struct text *cells = arena_new(arena, struct text, rows * columns);

    for (size_t i = 0; cells && i < rows * columns; i++) {
        int row = (int)(i / columns), column = (int)(i % columns);
        if (PQgetisnull(result, row, column))
            continue;
        struct text cell = {PQgetvalue(result, row, column),
                            (size_t)PQgetlength(result, row, column)};
        if (!arena_copy(arena, cell, &cells[i]))
            cells = NULL;
    }
    if (!cells)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the result");
    *ret_result = (struct database_result){.rows = rows, .columns = columns, .cells = cells};
    return true;
}

bool database_statement_run(struct pg_conn **conn, int64_t deadline, struct arena *arena,
                            const char *sql, const char *const *parameters, size_t n_parameters,
                            struct database_result *ret_result, struct fault *reterr)
{
    bool sent;
    database_result_scoped PGresult *result =
        run(*conn, deadline, sql, parameters, n_parameters, &sent);

    *ret_result = (struct database_result){0};
    if (result && PQresultStatus(result) == PGRES_TUPLES_OK) {
        bool good = copy_result(arena, result, ret_result, reterr);
        ret_result->in_doubt = !good;
        return good;
    }
    if (result) {
        statement_failed(result, ret_result, reterr);
        if (!database_statement_is_turned_away(ret_result))
            return false;
    } else {
        const char *why = PQerrorMessage(*conn);
        database_unavailable(reterr, FAULT_DATABASE_UNAVAILABLE, "connection broke",
                             *why ? why : "no answer in time");
        ret_result->in_doubt = sent;
    }
    database_connection_close(*conn);
    *conn = NULL;
    return false;
}
