/* libpq against a server in a thread that speaks just enough of PostgreSQL's protocol (version 3,
 * https://www.postgresql.org/docs/current/protocol-message-formats.html) to misbehave. Where a
 * deadline has to pass, poll() and clock_gettime() are replaced: waiting moves the clock. */

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "database.h"
#include "fake_record.h"
#include "unit.h"

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __real_clock_gettime(clockid_t id, struct timespec *ret_now);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret_now);

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_list);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_list);

static atomic_bool mute; /* no nameserver answers until something is written to names */
static int names[2];
static atomic_size_t n_lookups;

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **ret_list)
{
    char scrap;

    if (!host || strcmp(host, "db.test") != 0)
        return __real_getaddrinfo(host, port, hints, ret_list);
    n_lookups++;
    if (mute && read(names[0], &scrap, 1) == 1)
        return EAI_AGAIN;
    return __real_getaddrinfo("127.0.0.1", port, hints, ret_list);
}

static _Atomic int64_t skew_ms; /* what the clock is ahead */
static bool hurried; /* poll() waits 100 ms at most, and the clock is moved by the rest */

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
    int ready = __real_poll(fds, n, hurried && timeout > 100 ? 100 : timeout);

    if (ready == 0 && hurried)
        skew_ms += timeout;
    return ready;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ret_now)
{
    int result = __real_clock_gettime(id, ret_now);

    ret_now->tv_sec += skew_ms / 1000;
    ret_now->tv_nsec += skew_ms % 1000 * 1000000;
    if (ret_now->tv_nsec >= 1000000000) {
        ret_now->tv_nsec -= 1000000000;
        ret_now->tv_sec++;
    }
    return result;
}

enum deed {
    END,
    ROW,       /* one row of `cells` */
    NO_ROWS,   /* a result with one column and no rows */
    NOTICE,    /* a notice, then one row */
    ERROR,     /* with sqlstate and constraint */
    HANG_UP,   /* the connection closes instead of an answer */
    HALF,      /* half a row, then the connection closes */
    PREPARED,  /* a statement's text is taken */
    DONE,      /* done, without rows */
    FAREWELL,  /* a fatal error instead of an answer, and the connection closes */
    OBEY,      /* whatever is asked is done, by process 7, and not recorded */
    ROLL_BACK, /* a row, then an error where the transaction should have been committed */
    SAY_BYE,   /* an answer, a fatal error nobody asked for, and the connection closes */
    LATE,      /* not before the test lets it */
    DEAF,      /* reads nothing until the test lets it, then closes */
    SILENCE,   /* no answer */
    REFUSE,    /* at the beginning: an error with sqlstate */
    SHUT,      /* at the beginning: the connection closes */
    SPEECHLESS /* at the beginning: no answer */
};

/** What is done to one connection's beginning or to one statement. */
struct act {
    enum deed deed;
    const char *cells[3]; /* a NULL behind the first is null */
    const char *sqlstate, *constraint;
    bool wordless; /* an error without a text */
    bool context;  /* an error inside of a function */
};

#define ACTS_MAX 12

/** A connection: acts of its beginning (those from REFUSE on) and of its statements. */
struct script {
    struct act acts[ACTS_MAX];
    int32_t pid; /* of the server process, says its greeting; 0: it says nothing of it */
};

struct server {
    const struct script *scripts;
    int listener, port, stop[2], go[2]; /* go: a late answer may go */
    pthread_t thread;
    size_t n_connections;
    atomic_size_t n_asked, n_ended; /* statements, connections */
    size_t n_prepared, n_who;       /* by OBEY: statements that were, asked which process it is */
    struct fake_record record;      /* "sql|parameter|null" */
};

/** One message on its way out. */
struct out {
    char bytes[4096];
    size_t n, start;
};

static void put_byte(struct out *out, char byte)
{
    assert_true(out->n < sizeof(out->bytes));
    out->bytes[out->n++] = byte;
}

static void put_number(struct out *out, uint32_t number, int bytes)
{
    while (bytes--)
        put_byte(out, (char)(number >> (8 * bytes)));
}

static void put_text(struct out *out, const char *text)
{
    while (*text)
        put_byte(out, *text++);
}

static void put_string(struct out *out, const char *text)
{
    put_text(out, text);
    put_byte(out, 0);
}

static void begin(struct out *out, char type)
{
    put_byte(out, type);
    out->start = out->n;
    put_number(out, 0, 4);
}

static void finish(struct out *out)
{
    uint32_t length = htonl((uint32_t)(out->n - out->start));

    memcpy(out->bytes + out->start, &length, 4);
}

static void put_simple(struct out *out, char type)
{
    begin(out, type);
    finish(out);
}

static void put_ready(struct out *out)
{
    begin(out, 'Z');
    put_byte(out, 'I');
    finish(out);
}

static void put_error(struct out *out, char type, const char *severity, const struct act *act)
{
    begin(out, type);
    put_string(out, severity);
    put_byte(out, 'V');
    put_string(out, severity + 1);
    put_byte(out, 'C');
    put_string(out, act->sqlstate ? act->sqlstate : "00000");
    if (!act->wordless) {
        put_byte(out, 'M');
        put_string(out, "the server's words\n\tin two lines");
    }
    if (act->context) {
        put_byte(out, 'W');
        put_string(out, "PL/pgSQL function f(text)");
    }
    if (act->constraint) {
        put_byte(out, 'n');
        put_string(out, act->constraint);
    }
    put_byte(out, 0);
    finish(out);
}

static uint32_t count_cells(const struct act *act)
{
    uint32_t n = ARRAY_LEN(act->cells);

    while (n > 1 && !act->cells[n - 1])
        n--;
    return n;
}

static void put_row(struct out *out, const struct act *act)
{
    uint32_t columns = act->deed == NO_ROWS ? 1 : count_cells(act) + 1;

    put_simple(out, '1');
    put_simple(out, '2');
    begin(out, 'T');
    put_number(out, columns, 2);
    for (uint32_t i = 0; i < columns; i++) {
        put_string(out, "column");
        put_number(out, 0, 4);
        put_number(out, 0, 2);
        put_number(out, 25, 4);
        put_number(out, 0xFFFF, 2);
        put_number(out, 0xFFFFFFFF, 4);
        put_number(out, 0, 2);
    }
    finish(out);
    if (act->deed != NO_ROWS) {
        begin(out, 'D');
        put_number(out, columns, 2);
        for (uint32_t i = 0; i + 1 < columns; i++) {
            put_number(out, (uint32_t)strlen(act->cells[i]), 4);
            put_text(out, act->cells[i]);
        }
        put_number(out, 0xFFFFFFFF, 4); /* the last is null */
        finish(out);
    }
    begin(out, 'C');
    put_string(out, "SELECT 1");
    finish(out);
    put_ready(out);
}

static bool read_whole(int fd, void *to, size_t n)
{
    return recv(fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

static uint32_t number_at(const char *at, int bytes)
{
    uint32_t number = 0;

    while (bytes--)
        number = number << 8 | (unsigned char)*at++;
    return number;
}

/** A Parse message: the text, or "prepare NAME: text". */
static void describe_parse(FILE *text, const char *at)
{
    if (*at)
        fprintf(text, "prepare %s: ", at);
    fputs(at + strlen(at) + 1, text);
}

/** A Bind message: the prepared statement's name and the parameters. */
static void describe_bind(FILE *text, const char *at)
{
    at += strlen(at) + 1;
    fputs(at, text);
    at += strlen(at) + 1;
    at += 2 + 2 * number_at(at, 2);
    uint32_t n = number_at(at, 2);
    at += 2;
    while (n--) {
        uint32_t length = number_at(at, 4);
        at += 4;
        if (length == 0xFFFFFFFF) {
            fputs("|null", text);
            continue;
        }
        fprintf(text, "|%.*s", (int)length, at);
        at += length;
    }
}

/** Read up to a Sync; what was asked, from malloc. NULL where the client goes. */
static char *read_statement(int fd)
{
    char head[5], body[65536], *described = NULL;
    size_t size;
    FILE *text = open_memstream(&described, &size);
    bool good;

    for (;;) {
        good = read_whole(fd, head, 5);
        size_t n = good ? number_at(head + 1, 4) - 4 : 0;
        good = good && n <= sizeof(body) && (n == 0 || read_whole(fd, body, n));
        if (!good || head[0] == 'X' || head[0] == 'S')
            break;
        if (head[0] == 'P')
            describe_parse(text, body);
        if (head[0] == 'B')
            describe_bind(text, body);
    }
    fclose(text);
    if (good && head[0] == 'S')
        return described;
    free(described);
    return NULL;
}

static void wait_for_end(int fd)
{
    char scrap[256];

    while (recv(fd, scrap, sizeof(scrap), 0) > 0)
        ;
}

static void send_out(int fd, const struct out *out)
{
    (void)!send(fd, out->bytes, out->n, MSG_NOSIGNAL);
}

/** Startup: what the client says is not looked at. */
static bool welcome(int fd, const struct script *script)
{
    const struct act *act = script->acts;
    char length[4], body[1024];
    struct out out = {.n = 0};

    if (!read_whole(fd, length, 4) || !read_whole(fd, body, number_at(length, 4) - 4))
        return false;
    if (act->deed == SPEECHLESS)
        wait_for_end(fd);
    if (act->deed == REFUSE) {
        put_error(&out, 'E', "SFATAL", act);
        send_out(fd, &out);
    }
    if (act->deed >= REFUSE)
        return false;
    begin(&out, 'R');
    put_number(&out, 0, 4);
    finish(&out);
    if (script->pid) {
        begin(&out, 'K');
        put_number(&out, (uint32_t)script->pid, 4);
        put_number(&out, 12345, 4);
        finish(&out);
    }
    put_ready(&out);
    send_out(fd, &out);
    return true;
}

/** False where the connection ends with it. */
static bool answer(int fd, const int *go, const struct act *act)
{
    char scrap;
    const struct act bye = {.sqlstate = "57P01"};
    struct out out = {.n = 0};

    switch (act->deed) {
    case NOTICE:
        put_error(&out, 'N', "SNOTICE", act);
        put_row(&out, act);
        break;
    case ERROR:
        put_error(&out, 'E', "SERROR", act);
        put_ready(&out);
        break;
    case LATE:
        (void)!read(go[0], &scrap, 1);
        put_row(&out, act);
        break;
    case PREPARED:
        put_simple(&out, '1');
        put_ready(&out);
        break;
    case DONE:
        put_simple(&out, '1');
        put_simple(&out, '2');
        put_simple(&out, 'n');
        begin(&out, 'C');
        put_string(&out, "DEALLOCATE");
        finish(&out);
        put_ready(&out);
        break;
    case FAREWELL:
        put_error(&out, 'E', "SFATAL", act);
        break;
    case SILENCE:
        wait_for_end(fd);
        return false;
    case HANG_UP:
        return false;
    case HALF:
        put_row(&out, act);
        out.n /= 2;
        break;
    case ROLL_BACK:
        put_row(&out, act);
        out.n -= 6; /* nobody is ready yet */
        put_error(&out, 'E', "SERROR", act);
        put_ready(&out);
        break;
    case SAY_BYE:
        put_row(&out, act);
        put_error(&out, 'E', "SFATAL", &bye);
        break;
    default:
        put_row(&out, act);
    }
    send_out(fd, &out);
    return act->deed != HALF && act->deed != SAY_BYE && act->deed != FAREWELL;
}

static void obey(struct server *server, int fd, const char *asked)
{
    bool prepare = strncmp(asked, "prepare ", 8) == 0, who = strstr(asked, "pg_backend_pid");
    const struct act act = {prepare ? PREPARED : ROW, {"7"}};

    server->n_prepared += prepare;
    server->n_who += who;
    answer(fd, server->go, &act);
}

static void play(struct server *server, const struct script *script, int fd)
{
    const struct act *act = script->acts;
    char scrap, *asked;

    if (!welcome(fd, script))
        return;
    if (act->deed == DEAF) {
        (void)!read(server->go[0], &scrap, 1);
        return;
    }
    while ((asked = read_statement(fd))) {
        server->n_asked++;
        if (act->deed == OBEY) {
            obey(server, fd, asked);
            free(asked);
            continue;
        }
        fake_record_add(&server->record, asked);
        if (act->deed == END || !answer(fd, server->go, act))
            return;
        act++;
    }
}

static void *run(void *self)
{
    struct server *server = self;
    struct pollfd fds[] = {{.fd = server->listener, .events = POLLIN},
                           {.fd = server->stop[0], .events = POLLIN}};

    while (__real_poll(fds, 2, 10000) > 0 && !(fds[1].revents & POLLIN)) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            break;
        play(server, &server->scripts[server->n_connections++], fd);
        close(fd);
        server->n_ended++;
    }
    return NULL;
}

static struct server server;
static struct arena arena;
static struct database database;
static struct database_result result;
static struct fault fault;

static void open_database(const char *options, size_t connections)
{
    char string[256];

    snprintf(string, sizeof(string),
             "host=127.0.0.1 port=%d user=u dbname=d sslmode=disable gssencmode=disable%s",
             server.port, options);
    assert_true(database_open(string, connections, &database, &fault));
}

static void start(const struct script *scripts)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    server = (struct server){.scripts = scripts};
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server.listener >= 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(server.listener, 8), 0);
    assert_int_equal(getsockname(server.listener, (struct sockaddr *)&at, &n), 0);
    server.port = ntohs(at.sin_port);
    assert_int_equal(pipe(server.stop), 0);
    assert_int_equal(pipe(server.go), 0);
    assert_int_equal(pthread_create(&server.thread, NULL, run, &server), 0);
    open_database("", 1);
}

/** Close the database and the server. */
static void stop(void)
{
    database_close(&database);
    assert_int_equal(write(server.stop[1], "x", 1), 1);
    pthread_join(server.thread, NULL);
    close(server.listener);
    close(server.stop[0]);
    close(server.stop[1]);
    close(server.go[0]);
    close(server.go[1]);
}

/** Up to ten seconds. */
static void wait_until(const atomic_size_t *counter, size_t n)
{
    for (int i = 0; *counter < n; i++) {
        assert_true(i < 10000);
        usleep(1000);
    }
}

static bool ask(void)
{
    static const char *const parameters[] = {"it's", NULL, ""};

    return database.query(database.self, &arena, "select f($1,$2,$3)", parameters, 3, &result,
                          &fault);
}

#define ASKED "select f($1,$2,$3)|it's|null|"

/** One statement on a fresh connection. */
static const struct statement_row {
    const char *label;
    struct act act;
    const char *fault;  /* NULL: a row came */
    const char *detail; /* a part of it */
    bool in_doubt;
    bool busy; /* the server is well: another statement may go through */
} statements[] = {
    {"a row", {ROW, {"a", "b"}}},
    {"a row after a notice", {NOTICE, {"a", "b"}}},
    {"a violated foreign key",
     {ERROR, {NULL}, "23503", "some_fkey"},
     "internal",
     "23503 some_fkey"},
    {"text that is no UUID", {ERROR, {NULL}, "22P02"}, "internal", "22P02"},
    {"a function that raises", {ERROR, {NULL}, "P0001"}, "internal", "P0001"},
    {"a function that is not there", {ERROR, {NULL}, "42883"}, "misconfigured", "sql/migrate.sql"},
    {"a schema that is not there", {ERROR, {NULL}, "3F000"}, "misconfigured", "sql/migrate.sql"},
    {"a right that is missing", {ERROR, {NULL}, "42501"}, "misconfigured", "42501"},
    {"a connection failure",
     {ERROR, {NULL}, "08006"},
     "database_unavailable",
     "the server's words",
     true},
    {"too many connections", {ERROR, {NULL}, "53300"}, "database_unavailable", NULL},
    {"a full disk", {ERROR, {NULL}, "53100"}, "database_unavailable", NULL},
    {"a shutdown", {ERROR, {NULL}, "57P01"}, "database_unavailable", NULL, true},
    {"a shutdown behind the rows", {ROLL_BACK, {"a"}, "57P01"}, "database_unavailable", NULL, true},
    {"a statement that was cancelled",
     {ERROR, {NULL}, "57014"},
     "database_unavailable",
     NULL,
     .busy = true},
    {"an input/output error", {ERROR, {NULL}, "58030"}, "database_unavailable", NULL},
    {"an error inside of the server", {ERROR, {NULL}, "XX000"}, "database_unavailable", NULL},
    {"an error without a text",
     {ERROR, {NULL}, "57014", .wordless = true},
     "database_unavailable",
     "statement failed: ",
     .busy = true},
    {"a serialization failure",
     {ERROR, {NULL}, "40001"},
     "database_unavailable",
     NULL,
     .busy = true},
    {"nobody knows whether it was done",
     {ERROR, {NULL}, "40003"},
     "database_unavailable",
     NULL,
     true,
     true},
    {"a deadlock", {ERROR, {NULL}, "40P01"}, "database_unavailable", NULL, .busy = true},
    {"a lock that is not to be had",
     {ERROR, {NULL}, "55P03"},
     "database_unavailable",
     NULL,
     .busy = true},
    {"a standby", {ERROR, {NULL}, "25006"}, "database_unavailable", NULL},
    {"another state of a transaction", {ERROR, {NULL}, "25001"}, "internal", NULL},
    {"an error without a state", {ERROR, {NULL}, ""}, "database_unavailable", NULL, true},
    {"a row that is not committed",
     {ROLL_BACK, {"a", "b"}, "23503", "some_fkey"},
     "internal",
     "23503 some_fkey"},
    {"no answer but the end",
     {HANG_UP},
     "database_unavailable",
     "server closed the connection",
     true},
    {"half an answer", {HALF, {"a", "b"}}, "database_unavailable", NULL, true},
    {"no answer in time", {SILENCE}, "database_unavailable", "no answer in time", true},
};

static void test_statement(void **state)
{
    static const char *const asked[] = {ASKED, NULL};
    const struct statement_row *row = *state;
    const struct script scripts[] = {{{row->act}}, {{{SHUT}}}};

    start(scripts);
    hurried = row->act.deed == SILENCE;
    bool good = ask();
    stop();
    if (good != !row->fault)
        fail_msg("%s", good ? "got a row" : fault.detail);
    fake_record_expect(&server.record, asked);
    assert_int_equal(server.n_connections, 1);
    if (good) {
        assert_int_equal(result.rows, 1);
        assert_int_equal(result.columns, 3);
        assert_text_equal(database_cell(&result, 0, 0), "a");
        assert_text_equal(database_cell(&result, 0, 1), "b");
        assert_null(database_cell(&result, 0, 2).s);
        return;
    }
    assert_string_equal(fault_code(&fault), row->fault);
    bool away = strcmp(row->fault, "database_unavailable") == 0;
    assert_int_equal(fault.kind == FAULT_DATABASE_BUSY, row->busy);
    assert_int_equal(fault.retry_after, away ? 5 : 0);
    if (row->detail && !strstr(fault.detail, row->detail))
        fail_msg("%s", fault.detail);
    assert_null(strpbrk(fault.detail, "\n\t"));
    assert_int_equal(result.in_doubt, row->in_doubt);
    if (row->act.sqlstate) {
        assert_string_equal(result.sqlstate, row->act.sqlstate);
        assert_string_equal(result.constraint, row->act.constraint ? row->act.constraint : "");
    }
}

/** Beginnings of a connection that lead to nothing. */
static const struct beginning_row {
    const char *label;
    struct act act;
    const char *detail;
} beginnings[] = {
    {"a server that is full", {REFUSE, {NULL}, "53300"}, "the server's words"},
    {"a server that starts up", {REFUSE, {NULL}, "57P03"}, "the server's words"},
    {"a database that is not there", {REFUSE, {NULL}, "3D000"}, "the server's words"},
    {"a server that hangs up", {SHUT}, "cannot connect to the database: "},
    {"a server that says nothing", {SPEECHLESS}, "no answer in time"},
};

static void test_beginning(void **state)
{
    const struct beginning_row *row = *state;
    const struct script scripts[] = {{{row->act}}, {{row->act}}};

    start(scripts);
    hurried = row->act.deed == SPEECHLESS;
    bool good = ask();
    stop();
    assert_false(good);
    assert_string_equal(fault_code(&fault), "database_unavailable");
    assert_int_equal(fault.retry_after, 5);
    if (!strstr(fault.detail, row->detail))
        fail_msg("%s", fault.detail);
    assert_int_equal(server.record.n, 0);
}

/** Connection strings that lead nowhere. */
static const struct string_row {
    const char *label, *string, *detail;
} strings[] = {
    {"a socket that is not there", "host=/dev/null/nowhere", "cannot connect to the database: "},
    {"a port on which nobody listens", "host=127.0.0.1 port=1", "cannot connect to the database: "},
    {"a string that is none", "rubbish", "cannot connect to the database: "},
    {"a name that is not there", "host=..", "cannot connect to the database: "},
};

static void test_string(void **state)
{
    const struct string_row *row = *state;

    assert_true(database_open(row->string, 1, &database, &fault));
    for (int i = 0; i < 2; i++) { /* a place that failed is free again */
        assert_false(ask());
        assert_string_equal(fault_code(&fault), "database_unavailable");
        if (!strstr(fault.detail, row->detail))
            fail_msg("%s", fault.detail);
    }
    assert_false(database.query(database.self, &arena, "select 1", NULL, 0, &result, NULL));
    database_close(&database);
}

/* Of a name with two addresses: the first is refused at once, the last has the reason. */
static void test_last_address(void **state)
{
    (void)state;
    assert_true(
        database_open("host=/dev/null/a-directory-with-a-name-that-fills-the-line-so-that-the-"
                      "second-one-would-be-cut-off-where-the-line-ends,/dev/null/the-last",
                      1, &database, &fault));
    assert_false(ask());
    if (!strstr(fault.detail, "/dev/null/the-last"))
        fail_msg("%s", fault.detail);
    database_close(&database);
}

static void test_environment(void **state)
{
    (void)state;
    assert_int_equal(setenv("PGHOST", "/dev/null/elsewhere", 1), 0);
    assert_true(database_open(NULL, 1, &database, &fault));
    assert_false(ask());
    assert_non_null(strstr(fault.detail, "elsewhere"));
    database_close(&database);
    assert_int_equal(unsetenv("PGHOST"), 0);
}

static void test_no_password_in_detail(void **state)
{
    /* also where it has not been encoded, and libpq takes a part of it for something else */
    static const char *const urls[] = {
        "postgresql://u:hush-hush@127.0.0.1:1/d",  "postgresql://u:p@hush-hush@127.0.0.1:1/d",
        "postgres://u:hush-hush/p@127.0.0.1:1/d",  "postgres://127.0.0.1:1/hush-hush@127.0.0.1/d",
        "postgres://u:hush-hush%zz@127.0.0.1:1/d", "host=127.0.0.1 port=1 password=p hush-hush",
        "postgress://u:hush-hush@127.0.0.1:1/d",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        assert_true(database_open(urls[i], 1, &database, &fault));
        assert_false(ask());
        assert_string_equal(fault_code(&fault), "database_unavailable");
        if (strstr(fault.detail, "hush-hush"))
            fail_msg("%s", fault.detail);
        if (i > 0)
            assert_non_null(strstr(fault.detail, "malformed"));
        database_close(&database);
    }
}

static void test_no_rows(void **state)
{
    static const struct script scripts[] = {{{{NO_ROWS}}}};

    (void)state;
    start(scripts);
    assert_true(ask());
    stop();
    assert_int_equal(result.rows, 0);
    assert_int_equal(result.columns, 1);
    assert_null(database_cell(&result, 0, 0).s);
}

static void test_cells_outside(void **state)
{
    struct text cells[] = {TEXT("a"), TEXT("b")};
    const struct database_result small = {.rows = 1, .columns = 2, .cells = cells};

    (void)state;
    assert_text_equal(database_cell(&small, 0, 1), "b");
    assert_int_equal(database_cell(&small, 0, 2).n, 0);
    assert_int_equal(database_cell(&small, 1, 0).n, 0);
}

static void test_kept(void **state)
{
    static const struct script scripts[] = {
        {{{ROW, {"a"}}, {ERROR, {NULL}, "23503"}, {ROW, {"b"}}}}, {{{SHUT}}}};

    (void)state;
    start(scripts);
    assert_true(ask());
    assert_false(ask());
    assert_true(ask());
    stop();
    assert_text_equal(database_cell(&result, 0, 0), "b");
    assert_int_equal(server.n_connections, 1);
}

static void test_kept_one_is_gone(void **state)
{
    static const struct script scripts[] = {{{{SAY_BYE, {"a"}}}}, {{{ROW, {"b"}}}}};

    (void)state;
    start(scripts);
    assert_true(ask());
    assert_text_equal(database_cell(&result, 0, 0), "a");
    wait_until(&server.n_ended, 1);
    assert_true(ask());
    assert_text_equal(database_cell(&result, 0, 0), "b");
    stop();
    assert_int_equal(server.n_connections, 2);
    assert_int_equal(server.record.n, 2);
}

/* Once a statement went out nobody knows what became of it: it is not for us to send it again. */
static void test_broken_one_is_not_asked_again(void **state)
{
    static const struct script scripts[] = {{{{ROW, {"a"}}, {HANG_UP}}}, {{{ROW, {"b"}}}}};

    (void)state;
    start(scripts);
    assert_true(ask());
    assert_false(ask());
    assert_int_equal(server.n_asked, 2);
    assert_true(ask());
    assert_text_equal(database_cell(&result, 0, 0), "b");
    stop();
    assert_int_equal(server.n_connections, 2);
}

/* A primary that became a standby: what was refused for that goes to another connection. */
static void test_kept_one_takes_no_writes(void **state)
{
    static const struct script scripts[] = {{{{ROW, {"a"}}, {ERROR, {NULL}, "25006"}}},
                                            {{{ROW, {"b"}}, {ROW, {"c"}}}}};

    (void)state;
    start(scripts);
    assert_true(ask());
    assert_true(ask());
    assert_text_equal(database_cell(&result, 0, 0), "b");
    assert_true(ask());
    assert_text_equal(database_cell(&result, 0, 0), "c");
    stop();
    assert_int_equal(server.n_connections, 2);
    assert_int_equal(server.record.n, 4);
}

static void test_new_one_takes_no_writes(void **state)
{
    static const struct script scripts[] = {{{{ERROR, {NULL}, "25006"}}}, {{{ROW, {"b"}}}}};

    (void)state;
    start(scripts);
    assert_false(ask());
    assert_int_equal(server.n_asked, 1);
    assert_true(ask());
    stop();
    assert_int_equal(server.n_connections, 2);
}

/* What it said last was about a statement that it may have done all the same. */
static void test_kept_one_is_shut_down(void **state)
{
    static const char *const states[] = {"57P01", "57P02", "57P03", "57P04", "57P05"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        const struct script scripts[] = {{{{ROW, {"a"}}, {ERROR, {NULL}, states[i]}}},
                                         {{{ROW, {"b"}}}}};
        start(scripts);
        assert_true(ask());
        assert_false(ask());
        assert_true(result.in_doubt);
        assert_true(ask());
        assert_text_equal(database_cell(&result, 0, 0), "b");
        stop();
        assert_int_equal(server.n_connections, 2);
        fake_record_release(&server.record);
    }
}

#define ASKED_WHO   "select pg_catalog.pg_backend_pid()"
#define NAME        "twilio_cgi_70ee2428be203ae0" /* FNV-1a of "select f($1,$2,$3)" */
#define TEXT_TAKEN  "prepare " NAME ": select f($1,$2,$3)"
#define ASKED_AGAIN NAME "|it's|null|"
#define DROPPED     "deallocate " NAME

#define A_ROW                                                                                      \
    {                                                                                              \
        ROW,                                                                                       \
        {                                                                                          \
            "a"                                                                                    \
        }                                                                                          \
    }
#define PROCESS(pid)                                                                               \
    {                                                                                              \
        ROW,                                                                                       \
        {                                                                                          \
            pid                                                                                    \
        }                                                                                          \
    }
#define REFUSED(why)                                                                               \
    {                                                                                              \
        ERROR, {NULL}, why                                                                         \
    }
#define TWICE       A_ROW, A_ROW
#define TWICE_ASKED ASKED, ASKED

/** What comes of asking a connection again, whose greeting was from process 7. */
static const struct again_row {
    const char *label;
    size_t n_asked; /* times */
    struct act acts[ACTS_MAX];
    const char *heard[ACTS_MAX + 1];
    const char *fault; /* of the last time; NULL: a row came, as each time before */
    const char *sqlstate;
    bool in_doubt;
    int32_t pid; /* another one */
    bool silent; /* the last time there is no answer */
} agains[] = {
    {"what is asked a third time is prepared",
     4,
     {TWICE, PROCESS("7"), {PREPARED}, A_ROW, A_ROW},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED_AGAIN, ASKED_AGAIN}},
    {"not where another process answers",
     4,
     {TWICE, PROCESS("8"), TWICE},
     {TWICE_ASKED, ASKED_WHO, TWICE_ASKED}},
    {"not where nobody says which process answers",
     4,
     {TWICE, REFUSED("42501"), TWICE},
     {TWICE_ASKED, ASKED_WHO, TWICE_ASKED}},
    {"not where the greeting's number is no process's",
     4,
     {TWICE, TWICE},
     {TWICE_ASKED, TWICE_ASKED},
     .pid = -7},
    {"what cannot be prepared goes out as a text, and is tried again",
     4,
     {TWICE, PROCESS("7"), REFUSED("42883"), A_ROW, {PREPARED}, A_ROW},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED, TEXT_TAKEN, ASKED_AGAIN}},
    {"four times, and no more",
     7,
     {TWICE, PROCESS("7"), REFUSED("42883"), A_ROW, REFUSED("42883"), A_ROW, REFUSED("42883"),
      A_ROW, REFUSED("42883"), TWICE},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED, TEXT_TAKEN, ASKED, TEXT_TAKEN, ASKED, TEXT_TAKEN,
      TWICE_ASKED}},
    {"a name that is there already: the session is not ours alone",
     4,
     {TWICE, PROCESS("7"), REFUSED("42P05"), TWICE},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, TWICE_ASKED}},
    {"nor where the name is gone",
     4,
     {TWICE, PROCESS("7"), {PREPARED}, REFUSED("26000"), REFUSED("26000"), TWICE},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED_AGAIN, DROPPED, TWICE_ASKED}},
    {"a function that has other columns now is prepared anew",
     4,
     {TWICE, PROCESS("7"), {PREPARED}, REFUSED("0A000"), {DONE}, A_ROW, {PREPARED}, A_ROW},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED_AGAIN, DROPPED, ASKED, TEXT_TAKEN, ASKED_AGAIN}},
    {"and one that takes other types",
     4,
     {TWICE, PROCESS("7"), {PREPARED}, REFUSED("42883"), {DONE}, A_ROW, {PREPARED}, A_ROW},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED_AGAIN, DROPPED, ASKED, TEXT_TAKEN, ASKED_AGAIN}},
    {"what is not to be had as a text either is told",
     3,
     {TWICE, PROCESS("7"), {PREPARED}, REFUSED("42501"), {DONE}, REFUSED("42501")},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED_AGAIN, DROPPED, ASKED},
     "misconfigured",
     "42501"},
    {"what a function meets is the statement's own, and is not asked twice",
     3,
     {TWICE, PROCESS("7"), {PREPARED}, {ERROR, {NULL}, "42883", .context = true}},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED_AGAIN},
     "misconfigured",
     "42883"},
    {"and so is any other error",
     3,
     {TWICE, PROCESS("7"), {PREPARED}, REFUSED("23503")},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED_AGAIN},
     "internal",
     "23503"},
    {"the end where it is asked which process answers: nothing was sent",
     3,
     {TWICE, {HANG_UP}},
     {TWICE_ASKED, ASKED_WHO},
     "database_unavailable",
     ""},
    {"a good-bye there",
     3,
     {TWICE, {FAREWELL, {NULL}, "57P01"}},
     {TWICE_ASKED, ASKED_WHO},
     "database_unavailable",
     ""},
    {"no answer there in time",
     3,
     {TWICE, {SILENCE}},
     {TWICE_ASKED, ASKED_WHO},
     "database_unavailable",
     "",
     .silent = true},
    {"nor where it is prepared",
     3,
     {TWICE, PROCESS("7"), {SILENCE}},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN},
     "database_unavailable",
     "",
     .silent = true},
    {"nor where the name is dropped",
     3,
     {TWICE, PROCESS("7"), {PREPARED}, REFUSED("0A000"), {SILENCE}},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED_AGAIN, DROPPED},
     "database_unavailable",
     "",
     .silent = true},
    {"the end where it is prepared: nothing was sent",
     3,
     {TWICE, PROCESS("7"), {HANG_UP}},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN},
     "database_unavailable",
     ""},
    {"the end where it had been prepared: who knows",
     3,
     {TWICE, PROCESS("7"), {PREPARED}, {HANG_UP}},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED_AGAIN},
     "database_unavailable",
     "",
     true},
    {"the end where the name is dropped: nothing was done",
     3,
     {TWICE, PROCESS("7"), {PREPARED}, REFUSED("0A000"), {HANG_UP}},
     {TWICE_ASKED, ASKED_WHO, TEXT_TAKEN, ASKED_AGAIN, DROPPED},
     "database_unavailable",
     ""},
};

static void test_again(void **state)
{
    const struct again_row *row = *state;
    struct script scripts[] = {{.pid = row->pid ? row->pid : 7}, {{{SHUT}}}};
    bool good = true;

    memcpy(scripts[0].acts, row->acts, sizeof(row->acts));
    start(scripts);
    for (size_t i = 1; good && i <= row->n_asked; i++) {
        bool last = i == row->n_asked;
        hurried = last && row->silent;
        good = ask();
        if (good == (last && row->fault))
            fail_msg("%zu: %s", i, good ? "got a row" : fault.detail);
        if (good)
            assert_text_equal(database_cell(&result, 0, 0), "a");
    }
    stop();
    fake_record_expect(&server.record, row->heard);
    assert_int_equal(server.n_connections, 1);
    if (good)
        return;
    assert_string_equal(fault_code(&fault), row->fault);
    assert_string_equal(result.sqlstate, row->sqlstate);
    assert_int_equal(result.in_doubt, row->in_doubt);
}

/* Each text has a name of its own, the first 32 of them: the others go out as texts. */
static void test_many_again(void **state)
{
    static const struct script scripts[] = {{{{OBEY}}, .pid = 7}};
    static const char *const none[] = {NULL};
    char sql[32];

    (void)state;
    start(scripts);
    for (int i = 0; i < 5 * 40; i++) {
        snprintf(sql, sizeof(sql), "select %d", i % 40);
        assert_true(database.query(database.self, &arena, sql, none, 0, &result, &fault));
    }
    stop();
    assert_int_equal(server.n_who, 1);
    assert_int_equal(server.n_prepared, 32);
    assert_int_equal(server.n_asked, 5 * 40 + 1 + 32);
    assert_int_equal(server.n_connections, 1);
}

static void test_no_memory(void **state)
{
    static const struct script scripts[] = {{{{ROW, {"a"}}, {ROW, {"a"}}, {ROW, {"b"}}}}};
    /* none for the cells, and none for what is in them */
    const size_t rooms[] = {1, 2 * sizeof(struct text) + 1};
    static const char *const none[] = {NULL};
    struct arena small;

    (void)state;
    start(scripts);
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        arena_init(&small, rooms[i]);
        assert_false(database.query(database.self, &small, "select 1", none, 0, &result, &fault));
        assert_int_equal(fault.kind, FAULT_NO_MEMORY);
        assert_true(result.in_doubt);
        arena_release(&small);
    }
    assert_true(ask());
    stop();
}

/** More than sockets hold, to a server that does not read. */
static bool ask_much(void)
{
    enum { MUCH = 32 << 20 };
    char *much = malloc(MUCH + 1);
    const char *const parameters[] = {much};

    assert_non_null(much);
    memset(much, 'x', MUCH);
    much[MUCH] = '\0';
    bool good =
        database.query(database.self, &arena, "select f($1)", parameters, 1, &result, &fault);
    free(much);
    return good;
}

static void test_deaf(void **state)
{
    static const struct script scripts[] = {{{{DEAF}}}, {{{ROW, {"b"}}}}};

    (void)state;
    start(scripts);
    hurried = true;
    assert_false(ask_much());
    assert_string_equal(fault_code(&fault), "database_unavailable");
    assert_string_equal(fault.detail, "connection broke: no answer in time");
    assert_true(result.in_doubt);
    hurried = false;
    assert_int_equal(write(server.go[1], "x", 1), 1);
    assert_true(ask());
    stop();
    assert_int_equal(server.n_connections, 2);
}

static void *let_go(void *unused)
{
    usleep(50000);
    (void)!write(server.go[1], "x", 1);
    return unused;
}

static void test_deaf_and_gone(void **state)
{
    static const struct script scripts[] = {{{{DEAF}}}, {{{ROW, {"b"}}}}};
    pthread_t thread;

    (void)state;
    start(scripts);
    assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
    assert_false(ask_much());
    assert_string_equal(fault_code(&fault), "database_unavailable");
    assert_true(result.in_doubt);
    pthread_join(thread, NULL);
    assert_true(ask());
    stop();
}

static void *ask_alone(void *ret_good)
{
    struct database_result own_result;
    struct fault own_fault;
    struct arena own;

    arena_init(&own, 1 << 16);
    *(bool *)ret_good =
        database.query(database.self, &own, "select 1", NULL, 0, &own_result, &own_fault);
    arena_release(&own);
    return NULL;
}

/* One place, held by a statement that takes long. Of the 5 s that another thread waits for it the
 * clock leaves 100 ms. */
static void test_busy(void **state)
{
    static const struct script scripts[] = {{{{LATE, {"a"}}, {ROW, {"b"}}}}};
    pthread_t thread;
    bool good = false;

    (void)state;
    start(scripts);
    assert_int_equal(pthread_create(&thread, NULL, ask_alone, &good), 0);
    wait_until(&server.n_asked, 1);
    skew_ms = -4900;
    assert_false(ask());
    assert_string_equal(fault_code(&fault), "database_unavailable");
    assert_non_null(strstr(fault.detail, "all are busy"));
    skew_ms = 0;
    assert_int_equal(write(server.go[1], "x", 1), 1);
    assert_true(ask());
    assert_text_equal(database_cell(&result, 0, 0), "b");
    pthread_join(thread, NULL);
    assert_true(good);
    stop();
    assert_int_equal(server.n_connections, 1);
}

static void *ask_patiently(void *ret_good)
{
    const struct database patient = database_apart(&database, DATABASE_PATIENT);
    struct database_result own_result;
    struct fault own_fault;
    struct arena own;

    arena_init(&own, 1 << 16);
    *(bool *)ret_good =
        patient.query(patient.self, &own, "select 1", NULL, 0, &own_result, &own_fault);
    arena_release(&own);
    return NULL;
}

/** Start with two connections, of which one is out with a statement that takes long. */
static void start_with_one_out(const struct script *scripts, void *(*ask_late)(void *),
                               pthread_t *ret_thread, bool *ret_good)
{
    start(scripts);
    database_close(&database);
    open_database("", 2);
    assert_int_equal(pthread_create(ret_thread, NULL, ask_late, ret_good), 0);
    wait_until(&server.n_asked, 1);
}

static bool ask_apart(enum database_apart apart)
{
    const struct database other = database_apart(&database, apart);

    return other.query(other.self, &arena, "select 2", NULL, 0, &result, &fault);
}

static void test_last_one_is_not_spared(void **state)
{
    static const struct script scripts[] = {{{{LATE, {"a"}}, {ROW, {"b"}}}}};
    pthread_t thread;
    bool good = false;

    (void)state;
    start_with_one_out(scripts, ask_alone, &thread, &good);
    assert_false(ask_apart(DATABASE_SPARE)); /* at once: the test's clock does not move */
    assert_int_equal(fault.kind, FAULT_DATABASE_UNAVAILABLE);
    assert_non_null(strstr(fault.detail, "all are busy"));
    assert_int_equal(write(server.go[1], "x", 1), 1);
    pthread_join(thread, NULL);
    assert_true(good);
    assert_true(ask_apart(DATABASE_SPARE));
    stop();
}

static void test_half_are_for_the_patient(void **state)
{
    static const struct script scripts[] = {{{{LATE, {"a"}}, {ROW, {"b"}}, {ROW, {"c"}}}}};
    pthread_t thread;
    bool good = false;

    (void)state;
    start_with_one_out(scripts, ask_patiently, &thread, &good);
    skew_ms = -4900; /* of five seconds */
    assert_false(ask_apart(DATABASE_PATIENT));
    assert_int_equal(fault.kind, FAULT_DATABASE_BUSY);
    skew_ms = 0;
    assert_int_equal(write(server.go[1], "x", 1), 1);
    pthread_join(thread, NULL);
    assert_true(good);
    assert_true(ask_apart(DATABASE_PATIENT));
    assert_true(ask());
    stop();
}

static void test_of_one_nothing_is_apart(void **state)
{
    static const struct script scripts[] = {{{{ROW, {"a"}}, {ROW, {"b"}}}}};

    (void)state;
    start(scripts);
    assert_true(ask_apart(DATABASE_SPARE));
    assert_true(ask_apart(DATABASE_PATIENT));
    stop();
    assert_int_equal(server.n_connections, 1);
}

/* Whoever waits for a nameserver has no place, so a connection that is free is there for others. */
static void test_name_holds_no_place(void **state)
{
    static const struct script scripts[] = {{{{ROW, {"a"}}, {LATE, {"b"}}, {ROW, {"c"}}}}};
    pthread_t late, asking;
    bool good = false, found = true;
    char string[128];

    (void)state;
    start(scripts);
    database_close(&database);
    snprintf(string, sizeof(string),
             "host=db.test port=%d user=u dbname=d sslmode=disable gssencmode=disable",
             server.port);
    assert_true(database_open(string, 2, &database, &fault));
    assert_true(ask());
    assert_int_equal(n_lookups, 1);
    assert_int_equal(pthread_create(&late, NULL, ask_alone, &good), 0);
    wait_until(&server.n_asked, 2);
    mute = true;
    assert_int_equal(pthread_create(&asking, NULL, ask_alone, &found), 0);
    wait_until(&n_lookups, 2);
    assert_int_equal(write(server.go[1], "x", 1), 1);
    pthread_join(late, NULL);
    assert_true(good);
    assert_true(ask_apart(DATABASE_SPARE));
    assert_int_equal(write(names[1], "x", 1), 1);
    pthread_join(asking, NULL);
    assert_false(found);
    mute = false;
    stop();
}

static int clear(void **state)
{
    (void)state;
    skew_ms = 0;
    hurried = false;
    fake_record_release(&server.record);
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "without a string the PG variables count", .test_func = test_environment},
        {.name = "of several addresses the last says why", .test_func = test_last_address},
        {.name = "no password gets into the log", .test_func = test_no_password_in_detail},
        {.name = "a result without rows", .test_func = test_no_rows},
        {.name = "outside of a result there is nothing", .test_func = test_cells_outside},
        {.name = "a connection is kept, also after an error", .test_func = test_kept},
        {.name = "a kept connection that is gone is replaced", .test_func = test_kept_one_is_gone},
        {.name = "what went out is not sent again",
         .test_func = test_broken_one_is_not_asked_again},
        {.name = "a kept connection that takes no writes any more is replaced",
         .test_func = test_kept_one_takes_no_writes},
        {.name = "a new one that takes no writes is not kept",
         .test_func = test_new_one_takes_no_writes},
        {.name = "one whose server says good-bye is not kept",
         .test_func = test_kept_one_is_shut_down},
        {.name = "a busy connection is waited for, up to a deadline", .test_func = test_busy},
        {.name = "what can wait does not get the last connection",
         .test_func = test_last_one_is_not_spared},
        {.name = "who waits for locks gets half of the connections",
         .test_func = test_half_are_for_the_patient},
        {.name = "of one connection nothing is apart", .test_func = test_of_one_nothing_is_apart},
        {.name = "a name that is looked for holds no place", .test_func = test_name_holds_no_place},
        {.name = "the first 32 texts are prepared", .test_func = test_many_again},
        {.name = "for want of memory a result is lost, not the connection",
         .test_func = test_no_memory},
        {.name = "a server that does not read is given up", .test_func = test_deaf},
        {.name = "a server that goes while it is written to", .test_func = test_deaf_and_gone},
    };
    struct CMUnitTest tests[ARRAY_LEN(statements) + ARRAY_LEN(beginnings) + ARRAY_LEN(strings) +
                            ARRAY_LEN(agains) + ARRAY_LEN(singles)];
    size_t n = 0;

    ADD_ROWS(tests, n, statements, test_statement);
    ADD_ROWS(tests, n, beginnings, test_beginning);
    ADD_ROWS(tests, n, strings, test_string);
    ADD_ROWS(tests, n, agains, test_again);
    memcpy(tests + n, singles, sizeof(singles));
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tests[i].teardown_func = clear;
    arena_init(&arena, 1 << 20);
    if (pipe(names) != 0)
        return 1;
    int failed = cmocka_run_group_tests_name("database", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
