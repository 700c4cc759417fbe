#include "database.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libpq-fe.h>

#define CONNECT_MS   5000
#define STATEMENT_MS 8000

struct connection {
    char *string; /* NULL: PG* */
    PGconn *conn; /* NULL: not connected */
};

static void clear_result(PGresult **result)
{
    PQclear(*result);
}

#define scoped_result __attribute__((cleanup(clear_result)))

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Wait until the socket can be read (or written); false at the deadline. */
static bool wait_socket(const PGconn *conn, short events, int64_t deadline)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = events};

    for (;;) {
        int64_t left = deadline - now_ms();
        if (left <= 0 || fd.fd < 0)
            return false;
        int ready = poll(&fd, 1, (int)left);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
    }
}

static void disconnect(struct connection *connection)
{
    PQfinish(connection->conn);
    connection->conn = NULL;
}

/** libpq's words on one line, without its trailing line end. */
static bool unavailable(struct fault *reterr, const char *what, const char *message)
{
    char line[200];
    size_t n = 0;

    for (; message && message[n] && n < sizeof(line) - 1; n++)
        line[n] = message[n] == '\n' ? ' ' : message[n];
    while (n && line[n - 1] == ' ')
        n--;
    line[n] = '\0';
    fault_set(reterr, FAULT_DATABASE_UNAVAILABLE, "%s: %s", what, line);
    if (reterr)
        reterr->retry_after = 5;
    return false;
}

static void ignore_notice(void *payload, const PGresult *result)
{
    (void)payload;
    (void)result;
}

static bool finish_connecting(PGconn *conn, int64_t deadline)
{
    for (;;) {
        switch (PQconnectPoll(conn)) {
        case PGRES_POLLING_OK:
            return true;
        case PGRES_POLLING_READING:
            if (!wait_socket(conn, POLLIN, deadline))
                return false;
            break;
        case PGRES_POLLING_WRITING:
            if (!wait_socket(conn, POLLOUT, deadline))
                return false;
            break;
        default:
            return false;
        }
    }
}

static bool connect_database(struct connection *connection, struct fault *reterr)
{
    static const char *const keys[] = {"dbname", "fallback_application_name", "client_encoding",
                                       NULL};
    const char *const values[] = {connection->string, "twilio-cgi", "UTF8", NULL};
    PGconn *conn = PQconnectStartParams(keys, values, 1);

    connection->conn = conn;
    if (!conn || PQstatus(conn) == CONNECTION_BAD ||
        !finish_connecting(conn, now_ms() + CONNECT_MS)) {
        const char *why = conn ? PQerrorMessage(conn) : "no memory";
        unavailable(reterr, "cannot connect to the database", *why ? why : "no answer in time");
        disconnect(connection);
        return false;
    }
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    if (PQsetnonblocking(conn, 1) != 0) {
        unavailable(reterr, "cannot use the connection", PQerrorMessage(conn));
        disconnect(connection);
        return false;
    }
    return true;
}

/** Has the server closed a kept connection while nobody looked? */
static bool is_stale(PGconn *conn)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};

    if (PQstatus(conn) != CONNECTION_OK || fd.fd < 0)
        return true;
    if (poll(&fd, 1, 0) <= 0)
        return false;
    return !PQconsumeInput(conn) || PQstatus(conn) != CONNECTION_OK;
}

/** Send the statement and wait for its one result. NULL: broken, or not in time. */
static PGresult *run(PGconn *conn, const char *sql, const char *const *parameters,
                     size_t n_parameters)
{
    int64_t deadline = now_ms() + STATEMENT_MS;
    PGresult *first = NULL, *next;
    int unsent;

    if (!PQsendQueryParams(conn, sql, (int)n_parameters, NULL, parameters, NULL, NULL, 0))
        return NULL;
    while ((unsent = PQflush(conn)) > 0)
        if (!wait_socket(conn, POLLOUT, deadline))
            return NULL;
    if (unsent < 0)
        return NULL;
    for (;;) {
        while (PQisBusy(conn))
            if (!wait_socket(conn, POLLIN, deadline) || !PQconsumeInput(conn)) {
                PQclear(first);
                return NULL;
            }
        next = PQgetResult(conn);
        if (!next)
            return first;
        if (first)
            PQclear(next);
        else
            first = next;
    }
}

static void keep(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static bool is_class(const char *sqlstate, const char *class)
{
    return memcmp(sqlstate, class, 2) == 0;
}

/** What a refused statement means for the caller. */
static bool statement_failed(const PGresult *result, struct database_result *ret_result,
                             struct fault *reterr)
{
    const char *state = ret_result->sqlstate;
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    keep(ret_result->sqlstate, sizeof(ret_result->sqlstate),
         PQresultErrorField(result, PG_DIAG_SQLSTATE));
    keep(ret_result->constraint, sizeof(ret_result->constraint),
         PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME));
    if (!message)
        message = "";
    if (!*state || is_class(state, "08") || is_class(state, "53") || is_class(state, "57") ||
        is_class(state, "58") || is_class(state, "40") || is_class(state, "55") ||
        strcmp(state, "25006") == 0)
        return unavailable(reterr, "statement failed", message);
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
        return fault_set(reterr, FAULT_INTERNAL, "no memory for the result");
    *ret_result = (struct database_result){.rows = rows, .columns = columns, .cells = cells};
    return true;
}

static bool query(void *self, struct arena *arena, const char *sql, const char *const *parameters,
                  size_t n_parameters, struct database_result *ret_result, struct fault *reterr)
{
    struct connection *connection = self;

    *ret_result = (struct database_result){0};
    if (connection->conn && is_stale(connection->conn))
        disconnect(connection);
    if (!connection->conn && !connect_database(connection, reterr))
        return false;
    scoped_result PGresult *result = run(connection->conn, sql, parameters, n_parameters);
    if (!result) {
        const char *why = PQerrorMessage(connection->conn);
        unavailable(reterr, "connection broke", *why ? why : "no answer in time");
        disconnect(connection);
        return false;
    }
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return copy_result(arena, result, ret_result, reterr);
    statement_failed(result, ret_result, reterr);
    if (PQstatus(connection->conn) != CONNECTION_OK)
        disconnect(connection);
    return false;
}

struct text database_cell(const struct database_result *result, size_t row, size_t column)
{
    if (row >= result->rows || column >= result->columns)
        return (struct text){0};
    return result->cells[row * result->columns + column];
}

bool database_open(const char *connection_string, struct database *ret_database,
                   struct fault *reterr)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (!connection || (connection_string && !(connection->string = strdup(connection_string)))) {
        free(connection);
        return fault_set(reterr, FAULT_INTERNAL, "no memory for the database");
    }
    *ret_database = (struct database){connection, query};
    return true;
}

void database_close(struct database *database)
{
    struct connection *connection = database->self;

    if (connection) {
        PQfinish(connection->conn);
        free(connection->string);
        free(connection);
    }
    *database = (struct database){0};
}
