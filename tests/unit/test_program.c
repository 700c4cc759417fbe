/* What the three programs share: the life of a request, and the verbs of their main. */

#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_connection.h"
#include "fake_database.h"
#include "fake_record.h"
#include "program_request.h"
#include "unit.h"

/** What the handler of these tests does, and what it was given. */
static struct handling {
    bool fails;
    bool met_database;
    struct fault fault;
    int64_t takes_ms;
    struct fake_clock *time;
    size_t n_calls;
    char body[64];
} handling;

static bool handle(struct service *service, struct arena *arena, const struct cgi_request *request,
                   struct cgi_response *response, struct fault *reterr)
{
    (void)arena;
    service->database_answers = handling.met_database;
    handling.n_calls++;
    if (handling.time)
        handling.time->passed_ms += handling.takes_ms;
    snprintf(handling.body, sizeof(handling.body), "%.*s", TEXT_ARG(request->body));
    cgi_header(response, "X-Handler", TEXT("was here"));
    response->body = TEXT("{\"success\":true}");
    response->log_id = TEXT("row");
    response->log_note = "noted";
    if (!handling.fails)
        return true;
    *reterr = handling.fault;
    return false;
}

static bool never(const struct settings *settings)
{
    (void)settings;
    return false;
}

enum { UNTIL, QUIETLY };

static int run_verb(struct service *service, struct arena *arena, const char *const *values)
{
    (void)arena;
    printf("tidied until %s, %s, spool %s, database %s\n", values[UNTIL], values[QUIETLY],
           service->spool.dir, service->database.self ? "open" : "closed");
    return 7;
}

static const struct verb tidy = {
    .name = "--tidy",
    .help = "tidies up",
    .options = {[UNTIL] = {"--until", "noon"}, [QUIETLY] = {"--quietly"}},
    .needs = {&service_spool},
    .run = run_verb,
};
static const struct verb sweep = {
    .name = "--sweep",
    .help = "sweeps",
    .settings = SETTINGS_DATABASE,
    .needs = {&service_spool, &service_database},
    .run = run_verb,
};
static const struct verb *const verbs[] = {&tidy, &sweep, NULL};
static const struct program webhook = {
    .name = "the-program",
    .summary = "does what it is told",
    .user = SETTINGS_WEBHOOK,
    .bad_body = FAULT_MISSING_CALLBACK_FIELDS,
    .handle = handle,
    .verbs = verbs,
};
static const struct program closed = {
    .name = "the-program",
    .summary = "is for servers",
    .user = SETTINGS_WEBHOOK,
    .bad_body = FAULT_INVALID_JSON,
    .handle = handle,
    .answers_preflight = never,
};

static bool open_nothing(struct service *service, struct fault *reterr)
{
    (void)service;
    return fault_set(reterr, FAULT_NO_MEMORY, "nothing could be opened");
}

static void close_nothing(struct service *service)
{
    (void)service;
}

/** Programs that cannot be opened, with other verbs. */
static const struct service_part part = {.open = open_nothing, .close = close_nothing};
static const struct verb lift = {
    .name = "--lift", .help = "lifts itself", .needs = {&service_spool, &part}, .run = run_verb};
static const struct verb *const lame_verbs[] = {&lift, &sweep, NULL};
static const struct program broken = {
    .name = "the-program",
    .summary = "is broken",
    .user = SETTINGS_WEBHOOK,
    .bad_body = FAULT_INVALID_JSON,
    .handle = handle,
    .verbs = verbs,
    .needs = {&part},
};
static const struct program lame = {
    .name = "the-program",
    .summary = "is lame",
    .user = SETTINGS_WEBHOOK,
    .bad_body = FAULT_INVALID_JSON,
    .handle = handle,
    .verbs = lame_verbs,
    .needs = {&part},
};

static const struct fault unset = {.kind = FAULT_MISCONFIGURED, .detail = "setting 'X' missing"};

#define STANDARD                                                                                   \
    "Content-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\n"                 \
    "X-Content-Type-Options: nosniff\r\nX-Request-Id: test\r\n"
#define EXPOSED                                                                                    \
    "Access-Control-Expose-Headers: X-Request-Id, RateLimit-Limit, RateLimit-Remaining, "          \
    "RateLimit-Reset, Retry-After, Idempotent-Replayed, WWW-Authenticate\r\n"
#define ANY "Access-Control-Allow-Origin: *\r\n" EXPOSED
#define PREFLIGHT                                                                                  \
    "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Methods: POST, OPTIONS\r\n"            \
    "Access-Control-Allow-Headers: authorization, x-client-info, apikey, content-type, "           \
    "idempotency-key, x-request-id, x-region, traceparent, tracestate, baggage, sentry-trace, "    \
    "x-supabase-api-version\r\n"                                                                   \
    "Access-Control-Max-Age: 86400\r\n" EXPOSED
#define NOTED ",\"note\":\"noted\",\"id\":\"row\"}\n"

static const struct serve_row {
    const char *label;
    const struct program *program;
    const char *method, *length; /* the body is "hello" */
    bool fails;
    struct fault fault;
    const struct fault *configured;
    size_t calls;
    const char *answer, *log; /* from "status" on */
} requests[] = {
    {"POST is handled", &webhook, "POST", "5", .calls = 1,
     .answer = "Status: 200 OK\r\n" STANDARD ANY "X-Handler: was here\r\n\r\n{\"success\":true}",
     .log = "\"status\":200,\"ms\":12" NOTED},
    {"a fault is the answer, with the handler's headers",
     &webhook,
     "POST",
     "5",
     true,
     {.kind = FAULT_RATE_LIMITED, .retry_after = 9, .detail = "for the log"},
     .calls = 1,
     .answer = "Status: 429 Too Many Requests\r\n" STANDARD ANY
               "X-Handler: was here\r\nRetry-After: 9\r\n\r\n{\"success\":false,\"error\":\"Rate "
               "limit exceeded. Maximum 5 messages per minute.\",\"code\":\"rate_limited\","
               "\"retry_after\":9}",
     .log = "\"status\":429,\"ms\":12,\"code\":\"rate_limited\",\"detail\":\"for the log\"" NOTED},
    {"OPTIONS is answered without a handler", &webhook, "OPTIONS", "0",
     .answer = "Status: 204 No Content\r\n" STANDARD PREFLIGHT "\r\n",
     .log = "\"status\":204,\"ms\":0}\n"},
    {"OPTIONS is answered though settings are missing", &webhook, "OPTIONS", "0",
     .configured = &unset, .answer = "Status: 204 No Content\r\n" STANDARD PREFLIGHT "\r\n",
     .log = "\"status\":204,\"ms\":0}\n"},
    {"OPTIONS is answered whatever its body", &webhook, "OPTIONS", "junk",
     .answer = "Status: 204 No Content\r\n" STANDARD PREFLIGHT "\r\n",
     .log = "\"status\":204,\"ms\":0}\n"},
    {"OPTIONS says nothing to web pages where they have no business", &closed, "OPTIONS", "0",
     .answer = "Status: 204 No Content\r\n" STANDARD "\r\n", .log = "\"status\":204,\"ms\":0}\n"},
    {"another method is 405", &webhook, "DELETE", "5",
     .answer = "Status: 405 Method Not Allowed\r\n" STANDARD ANY
               "Allow: POST, OPTIONS\r\n\r\n{\"success\":false,\"error\":\"Method not allowed\","
               "\"code\":\"method_not_allowed\"}",
     .log = "\"status\":405,\"ms\":0,\"code\":\"method_not_allowed\",\"detail\":\"method is not "
            "POST\"}\n"},
    {"another method is 405 though settings are missing", &webhook, "GET", "0",
     .configured = &unset,
     .answer = "Status: 405 Method Not Allowed\r\n" STANDARD ANY
               "Allow: POST, OPTIONS\r\n\r\n{\"success\":false,\"error\":\"Method not allowed\","
               "\"code\":\"method_not_allowed\"}",
     .log = "\"status\":405,\"ms\":0,\"code\":\"method_not_allowed\",\"detail\":\"method is not "
            "POST\"}\n"},
    {"a method in lower case is another", &webhook, "post", "5",
     .answer = "Status: 405 Method Not Allowed\r\n" STANDARD ANY
               "Allow: POST, OPTIONS\r\n\r\n{\"success\":false,\"error\":\"Method not allowed\","
               "\"code\":\"method_not_allowed\"}",
     .log = "\"status\":405,\"ms\":0,\"code\":\"method_not_allowed\",\"detail\":\"method is not "
            "POST\"}\n"},
    {"a setting that is missing is 500, and not named to the caller", &webhook, "POST", "5",
     .configured = &unset,
     .answer = "Status: 500 Internal Server Error\r\n" STANDARD ANY
               "\r\n{\"success\":false,\"error\":\"Missing Twilio configuration\","
               "\"code\":\"misconfigured\"}",
     .log = "\"status\":500,\"ms\":0,\"code\":\"misconfigured\",\"detail\":\"setting 'X' "
            "missing\"}\n"},
    {"a broken body has the program's own word", &webhook, "POST", "6",
     .answer = "Status: 400 Bad Request\r\n" STANDARD ANY
               "\r\n{\"success\":false,\"error\":\"Missing required fields: MessageSid, "
               "MessageStatus\",\"code\":\"missing_fields\"}",
     .log = "\"status\":400,\"ms\":0,\"code\":\"missing_fields\",\"detail\":\"body ends after 5 of "
            "6 bytes\"}\n"},
    {"a broken body is no JSON elsewhere", &closed, "POST", "6",
     .answer = "Status: 400 Bad Request\r\n" STANDARD ANY
               "\r\n{\"success\":false,\"error\":\"Request body must be a JSON object\","
               "\"code\":\"invalid_json\"}",
     .log = "\"status\":400,\"ms\":0,\"code\":\"invalid_json\",\"detail\":\"body ends after 5 of 6 "
            "bytes\"}\n"},
    {"of a broken request without a method its body is told", &webhook, "", "6",
     .answer = "Status: 400 Bad Request\r\n" STANDARD ANY
               "\r\n{\"success\":false,\"error\":\"Missing required fields: MessageSid, "
               "MessageStatus\",\"code\":\"missing_fields\"}",
     .log = "\"status\":400,\"ms\":0,\"code\":\"missing_fields\",\"detail\":\"body ends after 5 of "
            "6 bytes\"}\n"},
    {"a body too large is 413 everywhere", &webhook, "POST", "70000",
     .answer = "Status: 413 Content Too Large\r\n" STANDARD ANY
               "\r\n{\"success\":false,\"error\":\"Request body is too large\","
               "\"code\":\"body_too_large\"}",
     .log = "\"status\":413,\"ms\":0,\"code\":\"body_too_large\",\"detail\":\"body has 70000 "
            "bytes\"}\n"},
};

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void test_serve(void **state)
{
    const struct serve_row *row = *state;
    char method[32], length[32], line[2048] = "";
    const char *const variables[] = {method, length, "HTTP_X_REQUEST_ID=test", NULL};
    const struct settings settings = {.cors_allow_origin = "*"};
    struct fake_clock time = {0};
    const struct clock clock = fake_clock(&time);
    struct fake_connection fake = {.variables = variables, .body = TEXT("hello")};
    const struct cgi_connection connection = fake_connection(&fake);
    struct service service = {.settings = &settings, .clock = &clock, .database_answers = true};
    int log_fd = memfd_create("log", MFD_CLOEXEC);
    struct arena arena;

    snprintf(method, sizeof(method), "REQUEST_METHOD=%s", row->method);
    snprintf(length, sizeof(length), "CONTENT_LENGTH=%s", row->length);
    handling =
        (struct handling){.fails = row->fails, .fault = row->fault, .time = &time, .takes_ms = 12};
    arena_init(&arena, 1 << 20);
    program_serve(row->program, &service, &connection, &arena, log_fd, row->configured);
    arena_release(&arena);
    assert_int_equal(handling.n_calls, row->calls);
    assert_string_equal(handling.body, row->calls ? "hello" : "");
    assert_int_equal(fake.n_written, 1);
    assert_string_equal(fake.written, row->answer);
    assert_true(pread(log_fd, line, sizeof(line) - 1, 0) > 0);
    assert_non_null(strstr(line, "\"program\":\"the-program\",\"request_id\":\"test\""));
    assert_string_equal(strstr(line, "\"status\""), row->log);
    assert_int_equal(fake.n_finished, 0);
    close(log_fd);
    fake_connection_release(&fake);
}

/* A FastCGI thread keeps its service: that the database answered is true of one request only. */
static const struct spool_row {
    const char *label, *method;
    bool met_database, waits;
    size_t finished;
    const char *log; /* the end of it */
    bool no_log_then, was_bad, no_folder;
} spools[] = {
    {"what waits is not replayed after a request that has not met the database", "OPTIONS", true,
     true, 0, "\"status\":204,\"ms\":0}\n"},
    {"nor after one that has met its end", "POST", false, true, 0, "\"id\":\"row\"}\n"},
    {"what waits is replayed after a request, and what is bad is told", "POST", true, false, 1,
     .log = "\"program\":\"the-program\",\"note\":\"spool: 1 set aside, the last: an unknown "
            "kind\"}\n"},
    {"what cannot be claimed is told", "POST", true, true, 1,
     .log = "\"program\":\"the-program\",\"note\":\"spool: cannot use the spool: Not a "
            "directory\"}\n",
     .no_folder = true},
    {"where nobody hears that any more, the next request tells", "OPTIONS", false, true, 0,
     "\"ms\":0,\"note\":\"spool: files are set aside, see --check\"}\n", true, true},
    {"which elsewhere has been told", "OPTIONS", false, true, 0, "\"ms\":0}\n", false, true},
};

static void test_spool(void **state)
{
    const struct spool_row *row = *state;
    char method[32];
    const char *const variables[] = {method, "CONTENT_LENGTH=0", NULL};
    static const struct fake_answer none[] = {FAKE_END};
    const struct settings settings = {.cors_allow_origin = "*"};
    char dir[] = "/tmp/unit-program-XXXXXX";
    struct fake_database database = {.answers = none};
    struct fake_clock time = {0};
    const struct clock clock = fake_clock(&time);
    struct fake_connection fake = {.variables = variables};
    struct cgi_connection connection = fake_connection(&fake);
    int log_fd = memfd_create("log", MFD_CLOEXEC);
    struct arena arena;
    struct fault fault;

    connection.finish_ends_log = row->no_log_then;

    char log[2048] = "";

    snprintf(method, sizeof(method), "REQUEST_METHOD=%s", row->method);
    handling = (struct handling){.met_database = row->met_database};
    assert_non_null(mkdtemp(dir));
    struct service service = {.settings = &settings,
                              .clock = &clock,
                              .database = fake_database(&database),
                              .spool = {dir, &clock},
                              .database_answers = true};
    arena_init(&arena, 1 << 20);
    if (row->was_bad) {
        char bad[64];
        snprintf(bad, sizeof(bad), "%s/bad", dir);
        assert_int_equal(mkdir(bad, 0700), 0);
        snprintf(bad, sizeof(bad), "%s/bad/file", dir);
        assert_int_equal(mknod(bad, S_IFREG | 0600, 0), 0);
    }
    if (row->no_folder) {
        char claimed[64];
        snprintf(claimed, sizeof(claimed), "%s/claimed", dir);
        assert_int_equal(mknod(claimed, S_IFREG | 0600, 0), 0);
    }
    assert_true(spool_put(&service.spool, SPOOL_EVENT, TEXT("{}"), &fault));
    const struct spool_choice due = spool_due(&service.spool, SPOOL_EVENT);
    assert_true(spool_waits(&service.spool, &due));
    program_serve(&webhook, &service, &connection, &arena, log_fd, NULL);
    assert_int_equal(spool_waits(&service.spool, &due), row->waits);
    assert_int_equal(fake.n_finished, row->finished);
    assert_int_equal(database.record.n, 0);
    assert_true(pread(log_fd, log, sizeof(log) - 1, 0) > (ssize_t)strlen(row->log));
    assert_string_equal(log + strlen(log) - strlen(row->log), row->log);
    arena_release(&arena);
    close(log_fd);
    fake_connection_release(&fake);
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/** The whole main, in a process of its own: its output and exit status. */
static const struct main_row {
    const char *label;
    const char *arguments[4];
    const char *environment[8];
    const char *body;
    int status;
    const char *out[4], *err;      /* parts of them */
    const struct program *program; /* NULL: webhook */
    enum { A_FILE, A_LISTENER, A_CONNECTION } in;
    bool full; /* the disk that it writes to */
} mains[] = {
    {"by hand it tells its use",
     {NULL},
     {NULL},
     .out = {"the-program: does what it is told\n", "--check",
             "  the-program --tidy [--until noon] [--quietly]\n"
             "                          tidies up\n"
             "  the-program --sweep     sweeps\n",
             "PUBLIC_URL "}},
    {"--help tells its use", {"--help"}, {NULL}, .out = {"WEBHOOK_SIGNATURE ", "[required]"}},
    {"-h tells its use", {"-h"}, {NULL}, .out = {"the-program: does what it is told\n"}},
    {"--version", {"--version"}, {NULL}, .out = {"the-program "}},
    {"an unknown option is 2",
     {"--frobnicate"},
     {NULL},
     .status = 2,
     .err = "the-program: unknown option '--frobnicate', see --help\n"},
    {"--check takes no argument",
     {"--check", "--dry-run"},
     {NULL},
     .status = 2,
     .err = "the-program: '--check' takes no argument\n"},
    {"--check tells what is missing",
     {"--check"},
     {"TWILIO_AUTH_TOKEN=hush-hush", "DATABASE_URL=host=/dev/null/nowhere"},
     .status = 1,
     .out = {"TWILIO_AUTH_TOKEN              set\n", "PUBLIC_URL                     missing: ",
             "database                       cannot connect", "the-program: not ready\n"}},
    {"--check tells what is invalid",
     {"--check"},
     {"PUBLIC_URL=hush-hush", "TWILIO_AUTH_TOKEN=hush-hush", "DATABASE_URL=host=/dev/null/nowhere"},
     .status = 1,
     .out = {"PUBLIC_URL                     invalid: ", "the-program: not ready\n"}},
    {"--check tells of a spool that others may read or write",
     {"--check"},
     {"SPOOL_DIR=/tmp", "DATABASE_URL=host=/dev/null/nowhere"},
     .status = 1,
     .out = {"spool                          not writable, ", ", readable by others\n"}},
    {"--check goes on where the spool is set wrong",
     {"--check"},
     {"SPOOL_DIR=spool", "DATABASE_URL=host=/dev/null/nowhere"},
     .status = 1,
     .out = {"SPOOL_DIR                      invalid: must be an absolute path\n",
             "nowhere/.s.PGSQL.", "the-program: not ready\n"}},
    {"--check tells that something cannot be opened",
     {"--check"},
     {"TWILIO_AUTH_TOKEN=hush-hush", "PUBLIC_URL=https://example.org"},
     .status = 1,
     .out = {"nothing could be opened\nthe-program: not ready\n"},
     .program = &broken},
    {"a verb is not run where what it needs cannot be opened",
     {"--lift"},
     {"TWILIO_AUTH_TOKEN=hush-hush", "PUBLIC_URL=https://example.org"},
     .status = 1,
     .err = "the-program: nothing could be opened\n",
     .program = &lame},
    {"a request is 500 where something cannot be opened",
     {NULL},
     {"REQUEST_METHOD=POST", "CONTENT_LENGTH=5", "TWILIO_AUTH_TOKEN=hush-hush",
      "PUBLIC_URL=https://example.org"},
     "hello",
     .out = {"Status: 500 Internal Server Error\r\n", "\"code\":\"internal\""},
     .err = "nothing could be opened",
     .program = &lame},
    {"FastCGI ends where something cannot be opened",
     {NULL},
     {"TWILIO_AUTH_TOKEN=hush-hush", "PUBLIC_URL=https://example.org"},
     .status = 1,
     .err = "the-program: nothing could be opened\n",
     .program = &broken,
     .in = A_LISTENER},
    {"a connection is nothing to listen on",
     {NULL},
     {NULL},
     .out = {"the-program: does what it is told\n"},
     .in = A_CONNECTION},
    {"a verb is run with its arguments",
     {"--tidy", "--quietly", "--until=now"},
     {"TWILIO_AUTH_TOKEN=hush-hush", "PUBLIC_URL=https://example.org", "SPOOL_DIR=/dev/null/x"},
     .status = 7,
     .out = {"tidied until now, , spool /dev/null/x, database closed\n"}},
    {"another verb with what it needs, whatever the program's requests do",
     {"--sweep"},
     {"SPOOL_DIR=/dev/null/x"},
     .status = 7,
     .out = {"tidied until (null), (null), spool /dev/null/x, database open\n"},
     .program = &lame},
    {"a verb is not run with arguments of others",
     {"--tidy", "--quick"},
     {NULL},
     .status = 2,
     .err = "the-program: '--tidy' takes no '--quick', usage: --tidy [--until noon] [--quietly]\n"},
    {"a verb is not run without its program's settings",
     {"--tidy"},
     {NULL},
     .status = 1,
     .err = "the-program: setting 'TWILIO_AUTH_TOKEN' missing: is required\n"},
    {"nor with its own settings wrong",
     {"--sweep"},
     {"SPOOL_DIR=here"},
     .status = 1,
     .err = "the-program: setting 'SPOOL_DIR' invalid: must be an absolute path\n"},
    {"what could not be written is no success",
     {"--version"},
     {NULL},
     .status = 2,
     .err = "the-program: cannot write the output\n",
     .full = true},
    {"whatever the verb says of itself",
     {"--sweep"},
     {"SPOOL_DIR=/dev/null/x"},
     .status = 2,
     .err = "the-program: cannot write the output\n",
     .full = true},
    {"a request is answered, and arguments have no say",
     {"--version"},
     {"REQUEST_METHOD=POST", "CONTENT_LENGTH=5", "TWILIO_AUTH_TOKEN=hush-hush",
      "PUBLIC_URL=https://example.org", "HTTP_X_REQUEST_ID=test"},
     "hello",
     .out = {"Status: 200 OK\r\n", "{\"success\":true}"},
     .err = "\"status\":200"},
    {"a request without settings is 500, the exit status 0",
     {NULL},
     {"REQUEST_METHOD=POST", "CONTENT_LENGTH=5", "HTTP_X_REQUEST_ID=test"},
     "hello",
     .out = {"Status: 500 Internal Server Error\r\n", "\"code\":\"misconfigured\""},
     .err = "setting 'TWILIO_AUTH_TOKEN' missing"},
    {"a request in an empty environment is 405 and has an id",
     {NULL},
     {"REQUEST_METHOD="},
     .out = {"Status: 405 ", "X-Request-Id: "},
     .err = "\"code\":\"method_not_allowed\""},
};

/** In the child: becomes the program. */
static _Noreturn void become(const struct main_row *row, int in, int out, int err)
{
    static char words[6][64] = {"the-program"}, variables[8][256];
    char *argv[ARRAY_LEN(words)] = {words[0]};
    int argc = 1;

    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || clearenv() != 0)
        _exit(99);
    for (; row->arguments[argc - 1]; argc++) {
        snprintf(words[argc], sizeof(words[argc]), "%s", row->arguments[argc - 1]);
        argv[argc] = words[argc];
    }
    for (size_t i = 0; row->environment[i]; i++) {
        snprintf(variables[i], sizeof(variables[i]), "%s", row->environment[i]);
        putenv(variables[i]);
    }
    handling = (struct handling){0};
    exit(program_main(row->program ? row->program : &webhook, argc, argv));
}

static int open_input(const struct main_row *row)
{
    const struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
    int ends[2] = {-1, -1};

    if (row->in == A_FILE)
        return memfd_create("in", 0);
    if (row->in == A_CONNECTION) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        close(ends[1]);
        return ends[0];
    }
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&unnamed, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void read_file(int fd, char *to, size_t size)
{
    ssize_t n = pread(fd, to, size - 1, 0);

    assert_true(n >= 0);
    to[n] = '\0';
    close(fd);
}

static void test_main(void **state)
{
    const struct main_row *row = *state;
    int in = open_input(row),
        out = row->full ? open("/dev/full", O_WRONLY) : memfd_create("out", 0),
        err = memfd_create("err", 0);
    char printed[16384] = "", told[4096];
    int status;

    assert_true(in >= 0 && out >= 0 && err >= 0);
    if (row->body) {
        assert_true(write(in, row->body, strlen(row->body)) > 0);
        assert_int_equal(lseek(in, 0, SEEK_SET), 0);
    }
    fflush(stdout);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become(row, in, out, err);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(in);
    if (row->full)
        close(out);
    else
        read_file(out, printed, sizeof(printed));
    read_file(err, told, sizeof(told));
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != row->status)
        fail_msg("exit status %d: %s%s", WEXITSTATUS(status), printed, told);
    for (size_t i = 0; i < ARRAY_LEN(row->out) && row->out[i]; i++)
        if (!strstr(printed, row->out[i]))
            fail_msg("'%s' is not in: %s", row->out[i], printed);
    if (!row->out[0])
        assert_string_equal(printed, "");
    if (row->err && !strstr(told, row->err))
        fail_msg("'%s' is not in: %s", row->err, told);
    assert_null(strstr(printed, "hush-hush"));
    assert_null(strstr(told, "hush-hush"));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(requests) + ARRAY_LEN(mains) + ARRAY_LEN(spools)];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, requests, test_serve);
    ADD_ROWS(tests, n, mains, test_main);
    ADD_ROWS(tests, n, spools, test_spool);
    return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
