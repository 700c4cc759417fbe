#include "database_statement.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-events.h>
#include <libpq-fe.h>

#include "database_connection.h"

/* Refusals of a prepared statement: SQLSTATEs. */
#define UNKNOWN_NAME   "26000"
#define DUPLICATE_NAME "42P05"
#define OTHER_RESULT   "0A000"

#define PREPARED_MAX 32 /* statements that a connection may prepare; there are fewer texts */
#define NAME_SIZE    48 /* bytes of a prepared statement's name, with the NUL */

static void clear_result(PGresult **result)
{
    PQclear(*result);
}

#define scoped_result __attribute__((cleanup(clear_result)))

/**
 * What a connection was asked before. A statement that it is asked again is prepared: PostgreSQL
 * parses and plans it once, which is half of the work of a short one. Only in a session of our
 * own: behind a pooler the next statement may go to another server process, which has none.
 */
struct prepared {
    enum { SESSION_UNKNOWN, SESSION_OWN, SESSION_SHARED } session;
    unsigned generation; /* of the names: one that has lost its meaning is not used again */
    size_t n;
    struct known {
        uint64_t hash; /* of the text */
        bool prepared;
    } known[PREPARED_MAX];
};

/** libpq's callback for what belongs to a connection: freed with it. */
static int on_event(PGEventId id, void *event, void *unused)
{
    (void)unused;
    if (id == PGEVT_CONNDESTROY)
        free(PQinstanceData(((PGEventConnDestroy *)event)->conn, on_event));
    return 1;
}

/** NULL for want of memory. */
static struct prepared *prepared_of(struct pg_conn *conn)
{
    struct prepared *prepared = PQinstanceData(conn, on_event);

    if (prepared)
        return prepared;
    prepared = calloc(1, sizeof(*prepared));
    if (prepared && PQregisterEventProc(conn, on_event, "prepared", NULL) &&
        PQsetInstanceData(conn, on_event, prepared))
        return prepared;
    free(prepared);
    return NULL;
}

/** FNV-1a of 64 bits. */
static uint64_t hash_of(const char *sql)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (; *sql; sql++)
        hash = (hash ^ (unsigned char)*sql) * 0x100000001b3;
    return hash;
}

/** What it was asked before; NULL for what it is asked for the first time. */
static struct known *recall(struct prepared *prepared, uint64_t hash)
{
    for (size_t i = 0; i < prepared->n; i++)
        if (prepared->known[i].hash == hash)
            return &prepared->known[i];
    if (prepared->n < PREPARED_MAX)
        prepared->known[prepared->n++] = (struct known){.hash = hash};
    return NULL;
}

/**
 * Wait for the one result of what was sent. NULL: broken, or not in time. The rows come before the
 * server commits: only its last word says whether it has.
 */
static PGresult *await(struct pg_conn *conn, int64_t deadline)
{
    PGresult *first = NULL, *next;
    int unsent;

    while ((unsent = PQflush(conn)) > 0)
        if (!database_connection_wait(conn, POLLOUT, deadline))
            return NULL;
    if (unsent < 0)
        return NULL;
    for (;;) {
        while (PQisBusy(conn))
            if (!database_connection_wait(conn, POLLIN, deadline) || !PQconsumeInput(conn)) {
                PQclear(first);
                return NULL;
            }
        next = PQgetResult(conn);
        if (!next)
            return first;
        if (!first || PQresultStatus(next) == PGRES_FATAL_ERROR) {
            PQclear(first);
            first = next;
        } else {
            PQclear(next);
        }
    }
}

static PGresult *run_text(struct pg_conn *conn, int64_t deadline, const char *sql,
                          const char *const *parameters, size_t n_parameters)
{
    if (!PQsendQueryParams(conn, sql, (int)n_parameters, NULL, parameters, NULL, NULL, 0))
        return NULL;
    return await(conn, deadline);
}

/**
 * Does the process answer that the greeting was from? A pooler greets with a number that it made
 * up. False: broken, or not in time.
 */
static bool find_session(struct pg_conn *conn, int64_t deadline, struct prepared *prepared)
{
    scoped_result PGresult *result = NULL;
    int64_t pid = PQbackendPID(conn);
    uint64_t answered = 0;

    prepared->session = SESSION_SHARED;
    if (pid <= 0)
        return true;
    result = run_text(conn, deadline, "select pg_catalog.pg_backend_pid()", NULL, 0);
    if (result && PQntuples(result) == 1 &&
        text_number(text_of(PQgetvalue(result, 0, 0)), INT32_MAX, &answered) &&
        answered == (uint64_t)pid)
        prepared->session = SESSION_OWN;
    return result;
}

/** PostgreSQL's code of an error; "" without one. */
static const char *state_of(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state ? state : "";
}

static bool is_class(const char *sqlstate, const char *class)
{
    return strncmp(sqlstate, class, 2) == 0;
}

/**
 * The name under which the connection has the statement, "" where it has to be sent as a text. A
 * name is made from its text, so that in no session it stands for another one. False: broken, or
 * not in time.
 */
static bool find_prepared(struct pg_conn *conn, int64_t deadline, const char *sql,
                          char ret_name[NAME_SIZE])
{
    struct prepared *prepared = prepared_of(conn);
    scoped_result PGresult *result = NULL;

    *ret_name = '\0';
    if (!prepared || prepared->session == SESSION_SHARED)
        return true;
    uint64_t hash = hash_of(sql);
    struct known *known = recall(prepared, hash);
    if (!known)
        return true;
    if (prepared->session == SESSION_UNKNOWN && !find_session(conn, deadline, prepared))
        return false;
    if (prepared->session == SESSION_SHARED)
        return true;
    snprintf(ret_name, NAME_SIZE, "twilio_cgi_%u_%016" PRIx64, prepared->generation, hash);
    if (known->prepared)
        return true;
    result = PQsendPrepare(conn, ret_name, sql, 0, NULL) ? await(conn, deadline) : NULL;
    known->prepared = result && PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!known->prepared)
        *ret_name = '\0';
    if (strcmp(state_of(result), DUPLICATE_NAME) == 0)
        prepared->session = SESSION_SHARED;
    return result;
}

/** Was it refused for being prepared, before anything was done? Then its text will do. */
static bool is_forgotten(struct pg_conn *conn, const PGresult *result)
{
    struct prepared *prepared = prepared_of(conn);
    const char *state = state_of(result);

    if (!prepared)
        return false;
    if (strcmp(state, UNKNOWN_NAME) == 0) { /* a session that is shared after all */
        prepared->session = SESSION_SHARED;
        return true;
    }
    if (strcmp(state, OTHER_RESULT) == 0 || is_class(state, "42")) { /* a schema has changed */
        prepared->generation++;
        prepared->n = 0;
        return true;
    }
    return false;
}

/** Send the statement and wait for its one result, as await(). */
static PGresult *run(struct pg_conn *conn, int64_t deadline, const char *sql,
                     const char *const *parameters, size_t n_parameters)
{
    char name[NAME_SIZE];
    PGresult *result;

    if (!find_prepared(conn, deadline, sql, name))
        return NULL;
    if (!*name)
        return run_text(conn, deadline, sql, parameters, n_parameters);
    result = PQsendQueryPrepared(conn, name, (int)n_parameters, parameters, NULL, NULL, 0)
                 ? await(conn, deadline)
                 : NULL;
    if (!is_forgotten(conn, result))
        return result;
    PQclear(result);
    return run_text(conn, deadline, sql, parameters, n_parameters);
}

static void keep(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
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

    keep(ret_result->sqlstate, sizeof(ret_result->sqlstate), state_of(result));
    keep(ret_result->constraint, sizeof(ret_result->constraint),
         PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME));
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
    scoped_result PGresult *result = run(*conn, deadline, sql, parameters, n_parameters);

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
        ret_result->in_doubt = true;
    }
    database_connection_close(*conn);
    *conn = NULL;
    return false;
}
