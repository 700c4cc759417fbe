#include "database_prepared.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-events.h>
#include <libpq-fe.h>

#include "database_connection.h"

/* A statement asked for so many times is prepared: a process that ends soon does without. One that
 * was refused so many times is not prepared any more. */
#define OFTEN       3
#define REFUSED_MAX 4

/* So many texts a connection remembers, those that it is asked for first. */
#define REMEMBERED_MAX 32

/** What a connection knows of its session; libpq keeps it with the connection. */
struct session {
    enum { SESSION_UNKNOWN, SESSION_OWN, SESSION_SHARED } kind;
    size_t n;
    struct statement {
        uint64_t hash; /* of the text */
        unsigned asked, refused;
        bool prepared;
    } statements[REMEMBERED_MAX];
};

/** libpq tells what becomes of the connection. */
static int on_event(PGEventId id, void *event, void *unused)
{
    (void)unused;
    if (id == PGEVT_CONNDESTROY)
        free(PQinstanceData(((PGEventConnDestroy *)event)->conn, on_event));
    return 1;
}

/** NULL for want of memory. */
static struct session *session_of(struct pg_conn *conn)
{
    struct session *session = PQinstanceData(conn, on_event);

    if (session)
        return session;
    session = calloc(1, sizeof(*session));
    if (session && PQregisterEventProc(conn, on_event, "session", NULL) &&
        PQsetInstanceData(conn, on_event, session))
        return session;
    free(session);
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

/** NULL where there is no room to remember it. */
static struct statement *remember(struct session *session, uint64_t hash)
{
    for (size_t i = 0; i < session->n; i++)
        if (session->statements[i].hash == hash)
            return &session->statements[i];
    if (session->n == REMEMBERED_MAX)
        return NULL;
    session->statements[session->n] = (struct statement){.hash = hash};
    return &session->statements[session->n++];
}

static void name_of(const struct statement *statement, char ret_name[DATABASE_PREPARED_NAME])
{
    snprintf(ret_name, DATABASE_PREPARED_NAME, "twilio_cgi_%016" PRIx64, statement->hash);
}

static bool has_state(const PGresult *result, const char *state)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return sqlstate && strncmp(sqlstate, state, strlen(state)) == 0;
}

/** A result, and a connection that can be used on. */
static bool goes_on(const struct pg_conn *conn, const PGresult *result)
{
    return result && database_connection_is_good(conn);
}

/** Does the process answer that the greeting was from? False: broken, or not in time. */
static bool find_session(struct pg_conn *conn, int64_t deadline, struct session *session)
{
    static const char who[] = "select pg_catalog.pg_backend_pid()";
    database_result_scoped PGresult *result = NULL;
    int64_t greeted = PQbackendPID(conn);
    uint64_t answered;

    session->kind = SESSION_SHARED;
    if (greeted <= 0)
        return true;
    if (PQsendQueryParams(conn, who, 0, NULL, NULL, NULL, NULL, 0))
        result = database_connection_result(conn, deadline);
    if (result && PQntuples(result) == 1 &&
        text_number(text_of(PQgetvalue(result, 0, 0)), INT32_MAX, &answered) &&
        answered == (uint64_t)greeted)
        session->kind = SESSION_OWN;
    return goes_on(conn, result);
}

/** Prepare it, unless the server will not. False: broken, or not in time. */
static bool prepare(struct pg_conn *conn, int64_t deadline, const char *sql,
                    struct session *session, struct statement *statement)
{
    database_result_scoped PGresult *result = NULL;
    char name[DATABASE_PREPARED_NAME];

    name_of(statement, name);
    if (PQsendPrepare(conn, name, sql, 0, NULL))
        result = database_connection_result(conn, deadline);
    statement->prepared = result && PQresultStatus(result) == PGRES_COMMAND_OK;
    statement->refused += !statement->prepared;
    if (has_state(result, "42P05")) /* there is one of this name: others use the session too */
        session->kind = SESSION_SHARED;
    return goes_on(conn, result);
}

bool database_prepared_find(struct pg_conn *conn, int64_t deadline, const char *sql,
                            char ret_name[DATABASE_PREPARED_NAME])
{
    struct session *session = session_of(conn);
    struct statement *statement;

    *ret_name = '\0';
    if (!session || session->kind == SESSION_SHARED)
        return true;
    statement = remember(session, hash_of(sql));
    if (!statement || ++statement->asked < OFTEN || statement->refused == REFUSED_MAX)
        return true;
    if (session->kind == SESSION_UNKNOWN && !find_session(conn, deadline, session))
        return false;
    if (session->kind == SESSION_OWN && !statement->prepared &&
        !prepare(conn, deadline, sql, session, statement))
        return false;
    if (statement->prepared)
        name_of(statement, ret_name);
    return true;
}

bool database_prepared_is_refused(const struct pg_result *result)
{
    /* what a function of the statement's meets has a context */
    return (has_state(result, "26000") || has_state(result, "0A000") || has_state(result, "42")) &&
           !PQresultErrorField(result, PG_DIAG_CONTEXT);
}

bool database_prepared_forget(struct pg_conn *conn, int64_t deadline, const char *sql)
{
    struct session *session = session_of(conn);
    struct statement *statement = session ? remember(session, hash_of(sql)) : NULL;
    char name[DATABASE_PREPARED_NAME], text[DATABASE_PREPARED_NAME + 16];
    database_result_scoped PGresult *result = NULL;

    if (!statement)
        return true;
    statement->prepared = false;
    statement->refused++;
    name_of(statement, name);
    snprintf(text, sizeof(text), "deallocate %s", name);
    if (PQsendQueryParams(conn, text, 0, NULL, NULL, NULL, NULL, 0))
        result = database_connection_result(conn, deadline);
    if (result && PQresultStatus(result) != PGRES_COMMAND_OK) /* it is another's to know */
        session->kind = SESSION_SHARED;
    return goes_on(conn, result);
}
