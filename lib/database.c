#include "database.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include <libpq-fe.h>

#include "resolver.h"

/* A connection in the pool or a new one is there by then; the statement's own time comes after it,
 * and is longer than the functions wait for others. Whether what was given up has been done nobody
 * knows all the same (in_doubt). */
#define CONNECT_MS   3000
#define STATEMENT_MS 6000
#define UNHURRIED_MS 120000

/* Of a statement that waits for somebody's lock: this long for a connection of those for such, and
 * so many threads for each of them. */
#define PATIENCE_MS       5000
#define PATIENT_PER_PLACE 4

/* of libpq's words in the log */
#define LINE_MAX_BYTES 200

/** How a place in the pool is taken; struct database's self. */
struct entrance {
    struct pool *pool;
    bool (*is_open)(const struct pool *pool); /* may one be taken now? */
    int wait_ms;
    int statement_ms;
    enum fault_kind closed; /* what it is not to get one in time */
};

/** A thread that waits for a place. */
struct waiter {
    TAILQ_ENTRY(waiter) others;
    const struct entrance *entrance;
    pthread_cond_t come_in;
    bool has_place;
};

/** Connections for as many threads; the one used last is used next, so that few stay warm. */
struct pool {
    char *string; /* NULL: PG* */
    size_t size;
    pthread_mutex_t lock;
    TAILQ_HEAD(, waiter) queue; /* who came first is first */
    size_t n_out, n_idle;
    size_t n_patient, n_waiting; /* of those out, and threads that wait to be */
    PGconn *idle[DATABASE_POOL_MAX];
    struct entrance front, spare, patient, unhurried;
};

static bool has_place(const struct pool *pool)
{
    return pool->n_out < pool->size;
}

static bool has_spare_place(const struct pool *pool)
{
    return pool->n_out + 1 < pool->size;
}

static size_t patient_places(const struct pool *pool)
{
    return pool->size / 2;
}

static bool has_patient_place(const struct pool *pool)
{
    return has_place(pool) && pool->n_patient < patient_places(pool);
}

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

/** libpq's words on one line, without its tabs and its trailing line end; where they are many, of
 * the last of several addresses, which is the one that counts. */
static void one_line(const char *message, char ret_line[LINE_MAX_BYTES])
{
    static const char next[] = "\nconnection to server";
    size_t n = 0;

    while (message && strlen(message) >= LINE_MAX_BYTES && strstr(message, next))
        message = strstr(message, next) + 1;
    for (; message && *message && n < LINE_MAX_BYTES - 1; message++)
        if (!iscntrl((unsigned char)*message))
            ret_line[n++] = *message;
        else if (n && ret_line[n - 1] != ' ')
            ret_line[n++] = ' ';
    while (n && ret_line[n - 1] == ' ')
        n--;
    ret_line[n] = '\0';
}

static bool unavailable(struct fault *reterr, enum fault_kind kind, const char *what,
                        const char *message)
{
    char line[LINE_MAX_BYTES];

    one_line(message, line);
    fault_set(reterr, kind, "%s: %s", what, line);
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

static void free_options(PQconninfoOption **options)
{
    PQconninfoFree(*options);
}

/** An '@' in a host (but for "@abstract") or a database, anything but digits in a port. */
static bool is_odd(const PQconninfoOption *option)
{
    if (!option->val)
        return false;
    if (strcmp(option->keyword, "port") == 0)
        return strspn(option->val, "0123456789,") != strlen(option->val);
    if (strcmp(option->keyword, "host") == 0)
        return strchr(option->val, '@') > option->val;
    return strcmp(option->keyword, "dbname") == 0 && strchr(option->val, '@');
}

/**
 * Does libpq read the string otherwise than it was meant? A password whose '@' or '/' is not
 * encoded ends up in the host, port or database, and in what libpq says: not to be repeated.
 */
static bool is_misread(const char *string)
{
    __attribute__((cleanup(free_options))) PQconninfoOption *options = NULL;
    struct text whole = text_of(string);

    if (!string)
        return false;
    if (!strchr(string, '=') && !text_starts(whole, TEXT("postgresql://")) &&
        !text_starts(whole, TEXT("postgres://")))
        return strpbrk(string, ":@"); /* a database's name, to libpq */
    options = PQconninfoParse(string, NULL);
    for (const PQconninfoOption *option = options; option && option->keyword; option++)
        if (is_odd(option))
            return true;
    return !options;
}

static const char *option_of(const PQconninfoOption *options, const char *keyword)
{
    while (options && options->keyword && strcmp(options->keyword, keyword) != 0)
        options++;
    return options && options->keyword && options->val && *options->val ? options->val : NULL;
}

/**
 * Hosts and ports of the connection string, or of PGHOST and PGPORT; are there names among them?
 * libpq would look those up while its caller waits, for as long as that takes.
 */
static bool wants_names(const struct pool *pool, struct resolver_hosts *ret_wanted)
{
    __attribute__((cleanup(free_options))) PQconninfoOption *own =
        pool->string ? PQconninfoParse(pool->string, NULL) : NULL;
    __attribute__((cleanup(free_options))) PQconninfoOption *others =
        option_of(own, "host") ? NULL : PQconndefaults();
    const char *hosts = option_of(others ? others : own, "host");
    const char *ports = option_of(own, "port");

    if (option_of(own, "hostaddr") || option_of(others, "hostaddr") || !resolver_has_names(hosts) ||
        strlen(hosts) >= RESOLVER_LIST_MAX || is_misread(pool->string))
        return false;
    if (!ports && others)
        ports = option_of(others, "port");
    snprintf(ret_wanted->hosts, RESOLVER_LIST_MAX, "%s", hosts);
    snprintf(ret_wanted->ports, RESOLVER_LIST_MAX, "%s", ports ? ports : "");
    return true;
}

static bool find_hosts(const struct resolver_hosts *wanted, int64_t deadline,
                       struct resolver_hosts *ret_hosts, struct fault *reterr)
{
    struct fault fault;

    return resolver_find(wanted->hosts, wanted->ports, deadline - now_ms(), ret_hosts, &fault) ||
           unavailable(reterr, FAULT_DATABASE_UNAVAILABLE, "cannot connect to the database",
                       fault.detail);
}

/** A new connection; NULL with the fault. */
static PGconn *connect_database(const struct pool *pool, const struct resolver_hosts *hosts,
                                int64_t deadline, struct fault *reterr)
{
    static const char malformed[] =
        "the connection string is malformed (in a URL a password's @ is %40 and its / is %2F)";
    const char *const keys[] = {
        "dbname", "fallback_application_name", "client_encoding", "host", "hostaddr", "port", NULL};
    const char *const values[] = {pool->string,     "twilio-cgi", "UTF8",
                                  hosts->hosts, /* an empty one leaves the string's */
                                  hosts->addresses, hosts->ports, NULL};
    PGconn *conn = PQconnectStartParams(keys, values, 1);

    /* a server that goes away while it is greeted would be heard on stderr */
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    if (conn && PQstatus(conn) != CONNECTION_BAD && finish_connecting(conn, deadline) &&
        PQsetnonblocking(conn, 1) == 0)
        return conn;
    const char *why = !conn                              ? "no memory"
                      : is_misread(pool->string)         ? malformed
                      : PQstatus(conn) == CONNECTION_BAD ? PQerrorMessage(conn)
                                                         : "no answer in time";
    unavailable(reterr, FAULT_DATABASE_UNAVAILABLE, "cannot connect to the database", why);
    PQfinish(conn);
    return NULL;
}

/**
 * Has the server ended a kept connection while nobody looked? It has nothing else to say to one
 * that asked nothing, and its last words come before the end that libpq would notice.
 */
static bool is_stale(PGconn *conn)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};

    return PQstatus(conn) != CONNECTION_OK || fd.fd < 0 || poll(&fd, 1, 0) != 0;
}

/**
 * Send the statement and wait for its one result. NULL: broken, or not in time. The rows come
 * before the server commits: only its last word says whether it has.
 */
static PGresult *run(PGconn *conn, int64_t deadline, const char *sql, const char *const *parameters,
                     size_t n_parameters)
{
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
        if (!first || PQresultStatus(next) == PGRES_FATAL_ERROR) {
            PQclear(first);
            first = next;
        } else {
            PQclear(next);
        }
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

/** Would another connection do better? Its server is going, or takes no writes (any more). */
static bool is_worn_out(const struct database_result *result)
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
    char message[LINE_MAX_BYTES];

    keep(ret_result->sqlstate, sizeof(ret_result->sqlstate),
         PQresultErrorField(result, PG_DIAG_SQLSTATE));
    keep(ret_result->constraint, sizeof(ret_result->constraint),
         PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME));
    one_line(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), message);
    /* last words, of the server or (without a state) of libpq: the commit may have been before */
    ret_result->in_doubt = !*state || is_class(state, "08") || strncmp(state, "57P", 3) == 0 ||
                           strcmp(state, "40003") == 0;
    if (*state && is_busy(state))
        return unavailable(reterr, FAULT_DATABASE_BUSY, "statement failed", message);
    if (!*state || is_class(state, "08") || is_class(state, "53") || is_class(state, "57") ||
        is_class(state, "58") || is_class(state, "XX") || is_worn_out(ret_result))
        return unavailable(reterr, FAULT_DATABASE_UNAVAILABLE, "statement failed", message);
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

static struct timespec after_ms(int64_t ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    ms += until.tv_nsec / 1000000;
    return (struct timespec){until.tv_sec + ms / 1000,
                             until.tv_nsec % 1000000 + ms % 1000 * 1000000};
}

static void enter(const struct entrance *entrance)
{
    struct pool *pool = entrance->pool;

    pool->n_out++;
    pool->n_patient += entrance == &pool->patient;
}

/** Wait for a place, which whoever gives one back hands over; the pool's lock is held. */
static bool queue_up(const struct entrance *entrance)
{
    struct pool *pool = entrance->pool;
    bool patient = entrance == &pool->patient, in_time = entrance->wait_ms > 0;
    struct waiter waiter = {.entrance = entrance, .come_in = PTHREAD_COND_INITIALIZER};
    const struct timespec until = after_ms(entrance->wait_ms);

    if (patient && pool->n_waiting >= PATIENT_PER_PLACE * patient_places(pool))
        return false;
    pool->n_waiting += patient;
    TAILQ_INSERT_TAIL(&pool->queue, &waiter, others);
    while (!waiter.has_place && in_time)
        in_time =
            pthread_cond_clockwait(&waiter.come_in, &pool->lock, CLOCK_MONOTONIC, &until) == 0;
    if (!waiter.has_place)
        TAILQ_REMOVE(&pool->queue, &waiter, others);
    pool->n_waiting -= patient;
    pthread_cond_destroy(&waiter.come_in);
    return waiter.has_place;
}

/** Get the right to a connection; one that lies idle comes with it, else NULL. */
static bool take_place(const struct entrance *entrance, PGconn **ret_idle, struct fault *reterr)
{
    struct pool *pool = entrance->pool;

    pthread_mutex_lock(&pool->lock);
    bool place = entrance->is_open(pool);
    if (place)
        enter(entrance);
    else
        place = queue_up(entrance);
    if (place)
        *ret_idle = pool->n_idle ? pool->idle[--pool->n_idle] : NULL;
    pthread_mutex_unlock(&pool->lock);
    return place || unavailable(reterr, entrance->closed, "no database connection", "all are busy");
}

/** The first of those that wait and may come in now has a place. */
static void admit_next(struct pool *pool)
{
    struct waiter *waiter;

    TAILQ_FOREACH (waiter, &pool->queue, others)
        if (waiter->entrance->is_open(pool))
            break;
    if (!waiter)
        return;
    TAILQ_REMOVE(&pool->queue, waiter, others);
    enter(waiter->entrance);
    waiter->has_place = true;
    pthread_cond_signal(&waiter->come_in);
}

/** Give the place back, and the connection with it where it can be used again. */
static void give_place(const struct entrance *entrance, PGconn *conn)
{
    struct pool *pool = entrance->pool;
    bool good = conn && PQstatus(conn) == CONNECTION_OK;

    pthread_mutex_lock(&pool->lock);
    pool->n_out--;
    pool->n_patient -= entrance == &pool->patient;
    if (good)
        pool->idle[pool->n_idle++] = conn;
    admit_next(pool);
    pthread_mutex_unlock(&pool->lock);
    if (!good)
        PQfinish(conn);
}

/** Get a place, and the kept connection that comes with it unless it has died or is not wanted. */
static bool take_kept(const struct entrance *entrance, bool fresh, PGconn **ret_conn,
                      struct fault *reterr)
{
    if (!take_place(entrance, ret_conn, reterr))
        return false;
    if (*ret_conn && (fresh || is_stale(*ret_conn))) {
        PQfinish(*ret_conn);
        *ret_conn = NULL;
    }
    return true;
}

/** A connection that lives: a kept one, or a new one. Nobody has a place while names are found. */
static PGconn *take_connection(const struct entrance *entrance, bool fresh, bool *ret_kept,
                               struct fault *reterr)
{
    int64_t deadline = now_ms() + CONNECT_MS;
    struct resolver_hosts wanted, hosts = {0};
    PGconn *conn = NULL;

    if (!take_kept(entrance, fresh, &conn, reterr))
        return NULL;
    if (!conn && wants_names(entrance->pool, &wanted)) {
        give_place(entrance, NULL);
        if (!find_hosts(&wanted, deadline, &hosts, reterr) ||
            !take_kept(entrance, fresh, &conn, reterr))
            return NULL;
    }
    *ret_kept = conn != NULL;
    if (!conn && !(conn = connect_database(entrance->pool, &hosts, deadline, reterr)))
        give_place(entrance, NULL);
    return conn;
}

/** Ask on one connection, which is closed where it is of no use any more. */
static bool ask(PGconn **conn, int64_t deadline, struct arena *arena, const char *sql,
                const char *const *parameters, size_t n_parameters,
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
        if (!is_worn_out(ret_result))
            return false;
    } else {
        const char *why = PQerrorMessage(*conn);
        unavailable(reterr, FAULT_DATABASE_UNAVAILABLE, "connection broke",
                    *why ? why : "no answer in time");
        ret_result->in_doubt = true;
    }
    PQfinish(*conn);
    *conn = NULL;
    return false;
}

static bool query(void *self, struct arena *arena, const char *sql, const char *const *parameters,
                  size_t n_parameters, struct database_result *ret_result, struct fault *reterr)
{
    const struct entrance *entrance = self;
    bool good = false, again = false, kept;

    do {
        *ret_result = (struct database_result){0};
        PGconn *conn = take_connection(entrance, again, &kept, reterr);
        if (!conn)
            return false;
        good = ask(&conn, now_ms() + entrance->statement_ms, arena, sql, parameters, n_parameters,
                   ret_result, reterr);
        give_place(entrance, conn);
        /* refused before anything was done, by a server that was another's successor or is not */
        again = !good && kept && is_worn_out(ret_result) && !ret_result->in_doubt;
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

bool database_open(const char *connection_string, size_t connections, struct database *ret_database,
                   struct fault *reterr)
{
    struct pool *pool = calloc(1, sizeof(*pool));

    if (!pool || (connection_string && !(pool->string = strdup(connection_string)))) {
        free(pool);
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the database");
    }
    pool->size = connections < DATABASE_POOL_MAX ? connections : DATABASE_POOL_MAX;
    pthread_mutex_init(&pool->lock, NULL);
    TAILQ_INIT(&pool->queue);
    pool->front =
        (struct entrance){pool, has_place, CONNECT_MS, STATEMENT_MS, FAULT_DATABASE_UNAVAILABLE};
    pool->spare =
        (struct entrance){pool, has_spare_place, 0, STATEMENT_MS, FAULT_DATABASE_UNAVAILABLE};
    pool->patient =
        (struct entrance){pool, has_patient_place, PATIENCE_MS, STATEMENT_MS, FAULT_DATABASE_BUSY};
    pool->unhurried = pool->front;
    pool->unhurried.statement_ms = UNHURRIED_MS;
    *ret_database =
        (struct database){.self = &pool->front, .query = query, .unhurried = &pool->unhurried};
    if (pool->size > 1) {
        ret_database->spare = &pool->spare;
        ret_database->patient = &pool->patient;
    }
    return true;
}

void database_close(struct database *database)
{
    const struct entrance *front = database->self;
    struct pool *pool = front ? front->pool : NULL;

    if (pool) {
        while (pool->n_idle)
            PQfinish(pool->idle[--pool->n_idle]);
        pthread_mutex_destroy(&pool->lock);
        free(pool->string);
        free(pool);
    }
    *database = (struct database){0};
}
