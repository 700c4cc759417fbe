#include "database.h"

#include <stdlib.h>
#include <string.h>

#include "database_connection.h"
#include "database_pool.h"
#include "database_statement.h"

/* A connection in the pool or a new one is there by then; the statement's own time comes after it,
 * and is longer than the functions wait for others. Whether what was given up has been done nobody
 * knows all the same (in_doubt). */
#define CONNECT_MS   3000
#define STATEMENT_MS 6000
#define UNHURRIED_MS 120000

/* Of a statement that waits for somebody's lock: this long for a connection of those for such. */
#define PATIENCE_MS 5000

/** How a statement gets a connection, and how long it has; struct database's self. */
struct way {
    struct server *server;
    enum database_entrance entrance;
    int wait_ms;
    int statement_ms;
};

struct server {
    char *string; /* NULL: PG* */
    struct database_pool *pool;
    struct way front, spare, patient, unhurried;
};

static void give(const struct way *way, struct pg_conn *conn)
{
    database_pool_give(way->server->pool, way->entrance, conn);
}

/** Get a place, and the kept connection that comes with it unless it has died or is not wanted. */
static bool take_kept(const struct way *way, bool fresh, struct pg_conn **ret_conn,
                      struct fault *reterr)
{
    if (!database_pool_take(way->server->pool, way->entrance, way->wait_ms, ret_conn, reterr))
        return false;
    if (*ret_conn && (fresh || database_connection_is_stale(*ret_conn))) {
        database_connection_close(*ret_conn);
        *ret_conn = NULL;
    }
    return true;
}

/** A connection that lives: a kept one, or a new one. Nobody has a place while names are found. */
static struct pg_conn *take_connection(const struct way *way, bool fresh, bool *ret_kept,
                                       struct fault *reterr)
{
    const char *string = way->server->string;
    int64_t deadline = database_deadline(CONNECT_MS);
    struct resolver_hosts wanted, hosts = {0};
    struct pg_conn *conn = NULL;

    if (!take_kept(way, fresh, &conn, reterr))
        return NULL;
    if (!conn && database_connection_names(string, &wanted)) {
        give(way, NULL);
        if (!database_connection_find(&wanted, deadline, &hosts, reterr) ||
            !take_kept(way, fresh, &conn, reterr))
            return NULL;
    }
    *ret_kept = conn != NULL;
    if (!conn && !(conn = database_connection_open(string, &hosts, deadline, reterr)))
        give(way, NULL);
    return conn;
}

static bool query(void *self, struct arena *arena, const char *sql, const char *const *parameters,
                  size_t n_parameters, struct database_result *ret_result, struct fault *reterr)
{
    const struct way *way = self;
    bool good = false, again = false, kept;

    do {
        *ret_result = (struct database_result){0};
        struct pg_conn *conn = take_connection(way, again, &kept, reterr);
        if (!conn)
            return false;
        good = database_statement_run(&conn, database_deadline(way->statement_ms), arena, sql,
                                      parameters, n_parameters, ret_result, reterr);
        give(way, conn);
        /* refused before anything was done, by a server that was another's successor or is not */
        again =
            !good && kept && database_statement_is_turned_away(ret_result) && !ret_result->in_doubt;
    } while (again);
    return good;
}

struct database database_apart(const struct database *database, enum database_apart apart)
{
    void *const selves[] = {[DATABASE_SPARE] = database->spare,
                            [DATABASE_PATIENT] = database->patient,
                            [DATABASE_UNHURRIED] = database->unhurried};
    void *self = selves[apart];

    return self ? (struct database){.self = self, .query = database->query} : *database;
}

struct text database_cell(const struct database_result *result, size_t row, size_t column)
{
    if (row >= result->rows || column >= result->columns)
        return (struct text){0};
    return result->cells[row * result->columns + column];
}

static void free_server(struct server *server)
{
    if (!server)
        return;
    database_pool_free(server->pool);
    free(server->string);
    free(server);
}

bool database_open(const char *connection_string, size_t connections, struct database *ret_database,
                   struct fault *reterr)
{
    struct server *server = calloc(1, sizeof(*server));

    if (!server || (connection_string && !(server->string = strdup(connection_string))) ||
        !(server->pool = database_pool_new(connections))) {
        free_server(server);
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the database");
    }
    server->front = (struct way){server, DATABASE_ENTRANCE_FRONT, CONNECT_MS, STATEMENT_MS};
    server->spare = (struct way){server, DATABASE_ENTRANCE_SPARE, 0, STATEMENT_MS};
    server->patient = (struct way){server, DATABASE_ENTRANCE_PATIENT, PATIENCE_MS, STATEMENT_MS};
    server->unhurried = (struct way){server, DATABASE_ENTRANCE_FRONT, CONNECT_MS, UNHURRIED_MS};
    *ret_database =
        (struct database){.self = &server->front, .query = query, .unhurried = &server->unhurried};
    if (connections > 1) {
        ret_database->spare = &server->spare;
        ret_database->patient = &server->patient;
    }
    return true;
}

void database_close(struct database *database)
{
    const struct way *front = database->self;

    if (front)
        free_server(front->server);
    *database = (struct database){0};
}
