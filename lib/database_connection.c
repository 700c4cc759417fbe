#include "database_connection.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

#include "clock.h"

static int64_t now_ms(void)
{
    return clock_system.monotonic_ms(clock_system.self);
}

int64_t database_deadline(int ms)
{
    return now_ms() + ms;
}

bool database_connection_wait(const struct pg_conn *conn, short events, int64_t deadline)
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

void database_line(const char *message, char ret_line[DATABASE_LINE_MAX])
{
    static const char next[] = "\nconnection to server";
    size_t n = 0;

    while (message && strlen(message) >= DATABASE_LINE_MAX && strstr(message, next))
        message = strstr(message, next) + 1;
    for (; message && *message && n < DATABASE_LINE_MAX - 1; message++)
        if (!iscntrl((unsigned char)*message))
            ret_line[n++] = *message;
        else if (n && ret_line[n - 1] != ' ')
            ret_line[n++] = ' ';
    while (n && ret_line[n - 1] == ' ')
        n--;
    ret_line[n] = '\0';
}

bool database_unavailable(struct fault *reterr, enum fault_kind kind, const char *what,
                          const char *message)
{
    char line[DATABASE_LINE_MAX];

    database_line(message, line);
    fault_set(reterr, kind, "%s: %s", what, line);
    if (reterr)
        reterr->retry_after = 5;
    return false;
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

bool database_connection_names(const char *string, struct resolver_hosts *ret_wanted)
{
    __attribute__((cleanup(free_options))) PQconninfoOption *own =
        string ? PQconninfoParse(string, NULL) : NULL;
    __attribute__((cleanup(free_options))) PQconninfoOption *others =
        option_of(own, "host") ? NULL : PQconndefaults();
    const char *hosts = option_of(others ? others : own, "host");
    const char *ports = option_of(own, "port");

    if (option_of(own, "hostaddr") || option_of(others, "hostaddr") || !hosts ||
        !resolver_has_names(hosts) || strlen(hosts) >= RESOLVER_LIST_MAX || is_misread(string))
        return false;
    if (!ports && others)
        ports = option_of(others, "port");
    snprintf(ret_wanted->hosts, RESOLVER_LIST_MAX, "%s", hosts);
    snprintf(ret_wanted->ports, RESOLVER_LIST_MAX, "%s", ports ? ports : "");
    return true;
}

bool database_connection_find(const struct resolver_hosts *wanted, int64_t deadline,
                              struct resolver_hosts *ret_hosts, struct fault *reterr)
{
    struct fault fault;

    return resolver_find(wanted->hosts, wanted->ports, deadline - now_ms(), ret_hosts, &fault) ||
           database_unavailable(reterr, FAULT_DATABASE_UNAVAILABLE,
                                "cannot connect to the database", fault.detail);
}

static void ignore_notice(void *payload, const PGresult *result)
{
    (void)payload;
    (void)result;
}

static bool finish_connecting(struct pg_conn *conn, int64_t deadline)
{
    for (;;) {
        switch (PQconnectPoll(conn)) {
        case PGRES_POLLING_OK:
            return true;
        case PGRES_POLLING_READING:
            if (!database_connection_wait(conn, POLLIN, deadline))
                return false;
            break;
        case PGRES_POLLING_WRITING:
            if (!database_connection_wait(conn, POLLOUT, deadline))
                return false;
            break;
        default:
            return false;
        }
    }
}

struct pg_conn *database_connection_open(const char *string, const struct resolver_hosts *hosts,
                                         int64_t deadline, struct fault *reterr)
{
    static const char malformed[] =
        "the connection string is malformed (in a URL a password's @ is %40 and its / is %2F)";
    const char *const keys[] = {
        "dbname", "fallback_application_name", "client_encoding", "host", "hostaddr", "port", NULL};
    const char *const values[] = {string,           "twilio-cgi", "UTF8",
                                  hosts->hosts, /* an empty one leaves the string's */
                                  hosts->addresses, hosts->ports, NULL};
    struct pg_conn *conn = PQconnectStartParams(keys, values, 1);

    /* a server that goes away while it is greeted would be heard on stderr */
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    if (conn && PQstatus(conn) != CONNECTION_BAD && finish_connecting(conn, deadline) &&
        PQsetnonblocking(conn, 1) == 0)
        return conn;
    const char *why = !conn                              ? "no memory"
                      : is_misread(string)               ? malformed
                      : PQstatus(conn) == CONNECTION_BAD ? PQerrorMessage(conn)
                                                         : "no answer in time";
    database_unavailable(reterr, FAULT_DATABASE_UNAVAILABLE, "cannot connect to the database", why);
    PQfinish(conn);
    return NULL;
}

struct pg_result *database_connection_result(struct pg_conn *conn, int64_t deadline)
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

void database_result_clear(struct pg_result **result)
{
    PQclear(*result);
}

bool database_connection_is_stale(const struct pg_conn *conn)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};

    return PQstatus(conn) != CONNECTION_OK || fd.fd < 0 || poll(&fd, 1, 0) != 0;
}

bool database_connection_is_good(const struct pg_conn *conn)
{
    return PQstatus(conn) == CONNECTION_OK;
}

void database_connection_close(struct pg_conn *conn)
{
    PQfinish(conn);
}
