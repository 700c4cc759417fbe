#include "program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fastcgi.h"
#include "message_log_operation.h"
#include "program_request.h"
#include "spool_state.h"
#include "version.h"

/* Memory of one request: an answer of Twilio's may have 2 MiB. */
#define ARENA_CAP (12u << 20)

/* A request takes 30 s at most; when all other deadlines failed, this one ends the process. */
#define LAST_DEADLINE_S 60

static const struct service_part *const always[SERVICE_PARTS_MAX] = {&service_spool,
                                                                     &service_database};

/** What all threads of a process share. */
static bool open_service(const struct program *program, struct service *service,
                         struct fault *reterr)
{
    return service_open(service, always, reterr) && service_open(service, program->needs, reterr);
}

static void close_service(const struct program *program, struct service *service)
{
    service_close(service, program->needs);
    service_close(service, always);
}

/**
 * The request in hand is finished whatever the web server thinks of its client meanwhile: what
 * Twilio has taken must be settled. The alarm stands behind all other deadlines.
 */
static void guard_request(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    alarm(LAST_DEADLINE_S);
}

static int serve_cgi(const struct program *program)
{
    struct service service = {.clock = &clock_system};
    struct settings settings;
    struct arena arena;
    struct fault fault;

    guard_request();
    arena_init(&arena, ARENA_CAP);
    bool configured = settings_read(&settings, program->user, &settings_environment, &fault);
    service.settings = &settings;
    configured = configured && open_service(program, &service, &fault);
    program_serve(program, &service, &cgi_plain, &arena, STDERR_FILENO, configured ? NULL : &fault);
    close_service(program, &service);
    arena_release(&arena);
    return 0;
}

/** A FastCGI process, and one of its threads. */
struct process {
    const struct program *program;
    struct service service;
    struct service_turn turn;
    const struct fault *configured;
};

struct worker {
    const struct process *process;
    const struct cgi_connection *connection; /* of the request in hand */
    struct service service;
    struct arena arena;
};

/** Twilio takes its time: others have their turn meanwhile. */
static void perform_aside(void *self, struct arena *arena, const struct http_request *request,
                          struct http_reply *ret_reply)
{
    const struct worker *worker = self;
    const struct http *http = &worker->process->service.http;

    worker->connection->step_aside(worker->connection->self);
    http->perform(http->self, arena, request, ret_reply);
}

static void *open_worker(void *payload)
{
    const struct process *process = payload;
    struct worker *worker = calloc(1, sizeof(*worker));

    if (!worker)
        return NULL;
    worker->process = process;
    worker->service = process->service;
    worker->service.http = (struct http){worker, perform_aside};
    arena_init(&worker->arena, ARENA_CAP);
    return worker;
}

static void serve_worker(void *state, const struct cgi_connection *connection)
{
    struct worker *worker = state;

    worker->connection = connection;
    program_serve(worker->process->program, &worker->service, connection, &worker->arena,
                  STDERR_FILENO, worker->process->configured);
    arena_clear(&worker->arena);
}

static void close_worker(void *state)
{
    struct worker *worker = state;
    struct service service = worker->process->service;

    service_rest(&service, worker->process->program->needs);
    arena_release(&worker->arena);
    free(worker);
}

/**
 * All that a plain CGI request loads when it comes to it: a process that serves many fails now or
 * not at all, whatever an upgrade does to the files.
 */
static bool load_libraries(const struct program *program, struct fault *reterr)
{
    return !program->load || program->load(reterr);
}

/** Of a request in hand: the web server's, Twilio's and libcurl's own, what it is waited with. */
#define DESCRIPTORS_PER_THREAD 8
#define DESCRIPTORS_BESIDE     128

/** A usual limit is 1024, for programs that use select(): nothing here does. */
static void allow_descriptors(size_t threads)
{
    rlim_t wanted = DESCRIPTORS_BESIDE + threads * DESCRIPTORS_PER_THREAD;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int serve_fastcgi(const struct program *program)
{
    struct process process = {.program = program, .service = {.clock = &clock_system}};
    struct settings settings;
    struct fault fault;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (!load_libraries(program, &fault)) {
        fprintf(stderr, "%s: %s\n", program->name, fault.detail);
        return 1;
    }
    bool configured = settings_read(&settings, program->user, &settings_environment, &fault);
    process.service.settings = &settings;
    process.service.connections = (size_t)settings.database_pool;
    process.service.turn = &process.turn;
    configured = configured && open_service(program, &process.service, &fault);
    if (!configured) {
        process.configured = &fault;
        fprintf(stderr, "%s: %s\n", program->name, fault.detail);
    }
    if (!configured && fault.kind != FAULT_MISCONFIGURED) {
        close_service(program, &process.service);
        return 1; /* another process may have more luck */
    }
    allow_descriptors((size_t)settings.fcgi_threads);
    const struct fastcgi_handler handler = {&process, open_worker, serve_worker, close_worker};
    int status = fastcgi_serve(&handler, (size_t)settings.fcgi_threads);
    close_service(program, &process.service);
    return status;
}

static int usage(const struct program *program)
{
    struct settings_line line;

    printf("%s: %s\n\n"
           "A CGI program (RFC 3875): a web server starts it for each request.\n\n"
           "  %s --check     what is set, what is missing, what can be reached\n"
           "  %s --version   the version\n"
           "  %s --help      this text\n",
           program->name, program->summary, program->name, program->name, program->name);
    for (const struct verb *const *verb = program->verbs; verb && *verb; verb++)
        verb_print(*verb, program->name);
    printf("\nSettings, from the environment:\n");
    for (size_t i = 0; settings_describe(program->user, &settings_environment, i, &line); i++)
        printf("  %-30s %s%s%s%s\n", line.name, line.help, line.fallback ? " [" : "",
               line.fallback ? line.fallback : "", line.fallback ? "]" : "");
    return 0;
}

/** A newer schema is well: it goes first in an upgrade, and takes older programs. */
static bool check_database(const struct service *service, struct arena *arena)
{
    struct text version;
    struct fault fault;

    if (!message_log_version(&service->database, arena, &version, &fault)) {
        printf("%-30s %s\n", "database", fault.detail);
        return false;
    }
    bool current =
        version.n == strlen(SCHEMA_VERSION) && memcmp(version.s, SCHEMA_VERSION, version.n) >= 0;
    printf("%-30s reachable, schema %.*s%s\n", "database", TEXT_ARG(version),
           current ? "" : ", older than " SCHEMA_VERSION " of this program: run sql/migrate.sql");
    return current;
}

/** What waits, and what was set aside, is told; only a spool that cannot be used is a fault. */
static bool check_spool(const struct service *service)
{
    struct spool_state state;

    if (!service->spool.dir)
        return false;
    spool_state(&service->spool, &state);
    if (!state.exists) {
        printf("%-30s missing: '%s' (made when first needed, if that is allowed)\n", "spool",
               service->spool.dir);
        return true;
    }
    printf("%-30s %s, %zu waiting, %zu being replayed, %zu set aside", "spool",
           state.writable ? "writable" : "not writable", state.waiting, state.claimed, state.bad);
    if (state.unreadable)
        printf(", %zu that cannot be read", state.unreadable);
    printf("%s\n", state.private ? "" : ", readable by others");
    return state.writable;
}

static bool check_libraries(const struct program *program)
{
    struct fault fault;
    bool good = load_libraries(program, &fault);

    printf("%-30s %s\n", "libraries", good ? "complete" : fault.detail);
    return good;
}

static int check(const struct program *program)
{
    struct service service = {.clock = &clock_system};
    struct settings settings;
    struct settings_line line;
    struct arena arena;
    struct fault fault;

    arena_init(&arena, ARENA_CAP);
    for (size_t i = 0; settings_describe(program->user, &settings_environment, i, &line); i++)
        printf("%-30s %s%s%s\n", line.name, line.state,
               line.problem ? ": "
               : line.doubt ? ": Twilio cannot reach it: "
                            : "",
               line.problem ? line.problem
               : line.doubt ? line.doubt
                            : "");
    bool good = settings_read(&settings, program->user, &settings_environment, &fault);
    good = check_libraries(program) && good;
    linkage_check(program->linked, LINKAGE_STATUS); /* old, but ready */
    service.settings = &settings;
    if (open_service(program, &service, &fault)) {
        good = check_database(&service, &arena) && good;
        good = check_spool(&service) && good;
        good = (!program->check || program->check(&service)) && good;
    } else {
        printf("%s\n", fault.detail);
        good = false;
    }
    close_service(program, &service);
    arena_release(&arena);
    printf("%s: %s\n", program->name, good ? "ready" : "not ready");
    return good ? 0 : 1;
}

static int run_verb(const struct program *program, const struct verb *verb,
                    const char *const *values)
{
    struct service service = {.clock = &clock_system};
    enum settings_user user = verb->settings ? verb->settings : program->user;
    struct settings settings;
    struct arena arena;
    struct fault fault;
    int status = VERB_INCOMPLETE;

    arena_init(&arena, ARENA_CAP);
    bool good = settings_read(&settings, user, &settings_environment, &fault);
    service.settings = &settings;
    if (good && service_open(&service, verb->needs, &fault))
        status = verb->run(&service, &arena, values);
    else
        fprintf(stderr, "%s: %s\n", program->name, fault.detail);
    service_close(&service, verb->needs);
    arena_release(&arena);
    return status;
}

static int print_version(const struct program *program)
{
    printf("%s %s\n", program->name, TWILIO_CGI_VERSION);
    fputs("built in: ", stdout);
    linkage_print(program->linked);
    return 0;
}

/** What every program answers to beside its verbs. */
static const struct answer {
    const char *name;
    int (*give)(const struct program *program);
} answers[] = {{"--help", usage}, {"-h", usage}, {"--check", check}, {"--version", print_version}};

static const struct answer *find_answer(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (strcmp(answers[i].name, word) == 0)
            return &answers[i];
    return NULL;
}

/** What somebody at a terminal, or a timer, asks for. */
static int serve_operator(const struct program *program, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "--help", *values[VERB_OPTIONS_MAX];
    const struct verb *verb = verb_find(program->verbs, word);
    const struct answer *own = find_answer(word);
    struct fault fault;

    if (own && argc <= 2)
        return own->give(program);
    if (verb && verb_read(verb, argc, argv, values, &fault))
        return run_verb(program, verb, values);
    if (own)
        fault_set(&fault, FAULT_MISCONFIGURED, "'%s' takes no argument", word);
    else if (!verb)
        fault_set(&fault, FAULT_MISCONFIGURED, "unknown option '%s', see --help", word);
    fprintf(stderr, "%s: %s\n", program->name, fault.detail);
    return VERB_NOT_UNDERSTOOD;
}

/**
 * Memory holds secrets and message texts. The limit means nothing to a kernel that pipes cores into
 * a program; and what cannot be dumped cannot be traced, nor read in /proc, by its own user either.
 */
static void hide_memory(void)
{
    const struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_DUMPABLE, 0);
}

int program_main(const struct program *program, int argc, char **argv)
{
    hide_memory();
    if (cgi_plain.variable(NULL, "REQUEST_METHOD"))
        return serve_cgi(program);
    if (argc == 1 && fastcgi_is_listening())
        return serve_fastcgi(program);
    int status = serve_operator(program, argc, argv);
    /* A full disk, or a pipe whose reader has gone, must not look like a success. */
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "%s: cannot write the output\n", program->name);
    return VERB_NOT_WRITTEN;
}
