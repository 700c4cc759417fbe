#include "program_request.h"

#include <stdio.h>

#include "log.h"
#include "replay.h"
#include "spool_state.h"

/* How much of the spool one request replays once it has been answered. */
#define REPLAY_AFTER_REQUEST 8

/* A process that found the spool empty looks again after so long: a look is a dozen system calls.
 */
#define LOOK_AGAIN_MS 1000

static bool answer_options(const struct program *program, const struct settings *settings,
                           const struct cgi_request *request, struct arena *arena,
                           struct cgi_response *response)
{
    bool options = text_equal(request->method, TEXT("OPTIONS"));
    bool closed = program->answers_preflight && !program->answers_preflight(settings);

    if (!options || !closed)
        cgi_cors(response, arena, request, text_of(settings->cors_allow_origin));
    if (options)
        response->status = 204;
    return options;
}

static bool answer(const struct program *program, struct service *service, struct arena *arena,
                   const struct cgi_request *request, struct cgi_response *response,
                   const struct fault *configured, struct fault *fault)
{
    if (!text_equal(request->method, TEXT("POST")))
        return fault_set(fault, FAULT_METHOD_NOT_ALLOWED, "method is not POST");
    if (configured) {
        *fault = *configured;
        return false;
    }
    return program->handle(service, arena, request, response, fault);
}

/** What --drain would say of the spool, said where a request found it. */
static void report_replay(const char *program, const struct service *service, struct arena *arena,
                          int log_fd, const struct replay_summary *summary)
{
    char line[320], note[340];

    if (!replay_trouble(summary, line))
        return;
    snprintf(note, sizeof(note), "spool: %s", line);
    log_write(log_fd, arena, service->clock, &(struct log_entry){.program = program, .note = note});
}

/** False: another thread is at it, or the spool was found empty or the database away just now. */
static bool take_turn(struct service *service)
{
    struct service_turn *turn = service->turn;

    return !turn || (service->clock->monotonic_ms(service->clock->self) >=
                         atomic_load(&turn->next_look_ms) &&
                     !atomic_exchange(&turn->taken, true));
}

static void give_turn(struct service *service, bool again)
{
    struct service_turn *turn = service->turn;

    if (!turn)
        return;
    if (!again)
        atomic_store(&turn->next_look_ms,
                     service->clock->monotonic_ms(service->clock->self) + LOOK_AGAIN_MS);
    atomic_store(&turn->taken, false);
}

/**
 * The database is there: a few of those that waited for it. Nobody waits for this. Events are the
 * webhook's, settlements the senders'.
 */
static void replay_waiting(const struct program *program, struct service *service,
                           const struct cgi_connection *connection, struct arena *arena, int log_fd)
{
    enum spool_kind kind = program->user == SETTINGS_WEBHOOK ? SPOOL_EVENT : SPOOL_SETTLEMENT;
    struct replay_summary summary = {0};

    if (!service->database_answers || !take_turn(service))
        return;
    const struct spool_choice due = spool_due(&service->spool, kind);
    bool waits = spool_waits(&service->spool, &due);
    if (waits) {
        const struct database spare = database_apart(&service->database, DATABASE_SPARE);
        connection->finish(connection->self);
        arena_clear(arena);
        replay_some(&service->spool, &due, &spare, arena, REPLAY_AFTER_REQUEST, &summary);
    }
    give_turn(service, waits && !summary.left && !summary.stuck);
    report_replay(program->name, service, arena, log_fd, &summary);
}

void program_serve(const struct program *program, struct service *service,
                   const struct cgi_connection *connection, struct arena *arena, int log_fd,
                   const struct fault *configured)
{
    const struct clock *clock = service->clock;
    int64_t start = clock->monotonic_ms(clock->self);
    service->database_answers = false;
    struct cgi_response response = {.status = 200};
    struct cgi_request request;
    struct fault fault = {0};

    bool good = cgi_read(connection, arena, clock, &request, &fault);
    if (!good && fault.kind == FAULT_INVALID_JSON)
        fault.kind = program->bad_body;
    if (answer_options(program, service->settings, &request, arena, &response))
        good = true;
    else if (good || (request.method.n && !text_equal(request.method, TEXT("POST"))))
        good = answer(program, service, arena, &request, &response, configured, &fault);
    if (!good)
        cgi_fault(&response, arena, &fault);
    cgi_write(connection, arena, &request, &response);

    if (!response.log_note && connection->finish_ends_log && service->spool.dir)
        response.log_note = spool_complaint(&service->spool);
    struct log_entry entry = {.program = program->name,
                              .request_id = text_of(request.id),
                              .method = request.method,
                              .status = response.status,
                              .ms = clock->monotonic_ms(clock->self) - start,
                              .fault = good ? NULL : &fault,
                              .note = response.log_note,
                              .id = response.log_id,
                              .sid = response.log_sid,
                              .to = response.log_to,
                              .event = response.log_event};
    log_write(log_fd, arena, clock, &entry);
    replay_waiting(program, service, connection, arena, log_fd);
}
