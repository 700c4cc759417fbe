#include "message_log.h"

#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "message_row.h"

/* How long a statement may wait for a lock of somebody else's (milliseconds): one that others wait
 * behind; one that is replayed; one of a request at first, while others wait for its connection;
 * then. */
#define BRIEF_PATIENCE    "20"
#define REPLAYED_PATIENCE "100"
#define FIRST_PATIENCE    "200"
#define PATIENCE          "5000"

/** A call of a function that may have to wait; how long is the last parameter of the second. */
struct call {
    const char *sql, *patient_sql;
};

#define CALL(head, arguments, last)                                                                \
    {                                                                                              \
        head "(" arguments ")", head "(" arguments ",p_patience=>" last ")"                        \
    }

/** A parameter: NULL for the empty slice. What is sent has been checked to have no NUL. */
static bool add(struct arena *arena, struct text value, const char **ret_parameter)
{
    *ret_parameter = NULL;
    if (value.n == 0)
        return true;
    *ret_parameter = arena_cstr(arena, value);
    return *ret_parameter != NULL;
}

static bool add_all(struct arena *arena, const struct text *values, size_t n,
                    const char **ret_parameters, struct fault *reterr)
{
    for (size_t i = 0; i < n; i++)
        if (!add(arena, values[i], &ret_parameters[i]))
            return fault_set(reterr, FAULT_NO_MEMORY, "no memory for a statement");
    return true;
}

static bool was_cancelled(const struct database_result *result)
{
    return strcmp(result->sqlstate, "57014") == 0;
}

/** Run a call with the values as its parameters; see the head of message_log.h. */
static bool ask(const struct database *database, struct arena *arena, const struct call *call,
                const struct text *values, size_t n, bool replayed,
                struct database_result *ret_result, struct fault *reterr)
{
    const struct database patient = database_apart(database, DATABASE_PATIENT);
    const char *parameters[DATABASE_PARAMETERS_MAX];
    struct fault fault = {0};

    if (!add_all(arena, values, n, parameters, reterr))
        return false;
    if (!replayed && !database->patient) /* nobody else's connection */
        return database->query(database->self, arena, call->sql, parameters, n, ret_result, reterr);
    parameters[n] = replayed ? REPLAYED_PATIENCE : FIRST_PATIENCE;
    if (database->query(database->self, arena, call->patient_sql, parameters, n + 1, ret_result,
                        &fault))
        return true;
    if (!replayed && fault.kind == FAULT_DATABASE_BUSY && !ret_result->in_doubt &&
        !was_cancelled(ret_result)) {
        parameters[n] = PATIENCE;
        return patient.query(patient.self, arena, call->patient_sql, parameters, n + 1, ret_result,
                             reterr);
    }
    if (reterr)
        *reterr = fault;
    return false;
}

static int small_number(struct text t)
{
    uint64_t n = 0;

    return text_number(t, 1000000, &n) ? (int)n : 0;
}

static bool outcome_of(struct text word, enum message_log_outcome *ret_outcome)
{
    static const struct {
        const char *word;
        enum message_log_outcome outcome;
    } outcomes[] = {
        {"reserved", MESSAGE_LOG_RESERVED},       {"replay", MESSAGE_LOG_REPLAY},
        {"in_progress", MESSAGE_LOG_IN_PROGRESS}, {"mismatch", MESSAGE_LOG_MISMATCH},
        {"unknown", MESSAGE_LOG_UNKNOWN},         {"limited", MESSAGE_LOG_LIMITED},
    };

    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        if (text_equal(word, text_of(outcomes[i].word))) {
            *ret_outcome = outcomes[i].outcome;
            return true;
        }
    return false;
}

/** The message's own, and by which account it goes out. */
static bool order_metadata(struct arena *arena, const struct message_log_order *order,
                           struct text *ret_metadata, struct fault *reterr)
{
    struct text metadata;
    struct buffer b;

    if (!message_row_metadata(arena, order->message, &metadata, reterr))
        return false;
    if (order->account.n == 0) {
        *ret_metadata = metadata;
        return true;
    }
    buffer_init(&b, arena, 256u << 10);
    buffer_add(&b, TEXT("{\"account_sid\":"));
    buffer_add_json(&b, order->account);
    if (!text_equal(metadata, TEXT("{}")))
        buffer_add_char(&b, ',');
    buffer_add(&b, text_skip(metadata, 1));
    return buffer_text(&b, ret_metadata) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the metadata");
}

static bool refuse_dead(const struct message_log_reservation *reservation, struct text reason,
                        struct fault *reterr)
{
    fault_set(reterr, FAULT_DEAD_NUMBER, "a dead number, by Twilio's %.*s",
              TEXT_ARG(reservation->dead_code));
    reterr->twilio_code = small_number(reservation->dead_code);
    return fault_say(reterr, "%.*s", TEXT_ARG(reason));
}

bool message_log_reserve(const struct database *database, struct arena *arena,
                         const struct message_log_order *order,
                         struct message_log_reservation *ret_reservation,
                         struct rate_limit *ret_rate, struct fault *reterr)
{
    static const struct call call =
        CALL("select outcome, id, saved, twilio_status, remaining, reset_seconds, dead_code, "
             "reason_ar, sent_as from messaging.reserve_message",
             "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,p_refuse_dead=>$12,p_template=>$13", "$14");
    const struct message *message = order->message;
    struct message_log_reservation reservation = {0};
    struct text metadata, limit = {0};
    struct database_result result = {0};
    char digits[16];

    if (!order_metadata(arena, order, &metadata, reterr))
        return false;
    if (order->limit) {
        snprintf(digits, sizeof(digits), "%d", order->limit);
        limit = text_of(digits);
    }
    const struct text values[] = {order->scope,
                                  order->key,
                                  order->sender,
                                  limit,
                                  message_type(message),
                                  message->to,
                                  message->body,
                                  message->request_id,
                                  message->n_media ? message->media[0] : (struct text){0},
                                  metadata,
                                  order->id,
                                  order->refuse_dead ? TEXT("t") : TEXT("f"),
                                  order->template};
    bool good = ask(database, arena, &call, values, ARRAY_LEN(values), false, &result, reterr);
    ret_reservation->in_doubt = result.in_doubt;
    if (!good)
        return false;
    struct text outcome = database_cell(&result, 0, 0);
    reservation.id = database_cell(&result, 0, 1);
    reservation.row = database_cell(&result, 0, 2);
    reservation.twilio_status = database_cell(&result, 0, 3);
    reservation.dead_code = database_cell(&result, 0, 6);
    reservation.as_template = text_equal(database_cell(&result, 0, 8), TEXT("template"));
    if (database_cell(&result, 0, 4).s)
        *ret_rate = (struct rate_limit){.counted = true,
                                        .limit = order->limit,
                                        .remaining = small_number(database_cell(&result, 0, 4)),
                                        .reset = small_number(database_cell(&result, 0, 5))};
    if (text_equal(outcome, TEXT("no_profile")))
        return fault_set(reterr, FAULT_FORBIDDEN, "sender has no profile");
    if (text_equal(outcome, TEXT("unknown_request")))
        return fault_set(reterr, FAULT_UNKNOWN_REQUEST, "no such maintenance request");
    if (text_equal(outcome, TEXT("dead_number")))
        return refuse_dead(&reservation, database_cell(&result, 0, 7), reterr);
    if (!outcome_of(outcome, &reservation.outcome))
        return fault_set(reterr, FAULT_INTERNAL, "reserve_message said nothing known");
    *ret_reservation = reservation;
    return true;
}

bool message_log_withdraw(const struct database *database, struct arena *arena, struct text id,
                          bool replayed, struct fault *reterr)
{
    static const struct call call = CALL("select messaging.withdraw_reservation", "$1", "$2");
    struct database_result result;

    return ask(database, arena, &call, &id, 1, replayed, &result, reterr);
}

bool message_log_describe(struct arena *arena, const struct message_log_order *order,
                          struct text at, struct text *ret_order, struct fault *reterr)
{
    const struct message *message = order->message;
    struct text metadata;
    struct buffer b;

    if (!order_metadata(arena, order, &metadata, reterr))
        return false;
    buffer_init(&b, arena, 256u << 10);
    buffer_add(&b, TEXT("{\"at\":"));
    buffer_add_json(&b, at);
    buffer_add_member(&b, "caller", order->scope);
    buffer_add_member(&b, "key", order->key);
    buffer_add_member(&b, "sender", order->sender);
    buffer_add_member(&b, "type", message_type(message));
    buffer_add_member(&b, "recipient", message->to);
    buffer_add_member(&b, "content", message->body);
    buffer_add_member(&b, "request", message->request_id);
    buffer_add_member(&b, "media_url", message->n_media ? message->media[0] : (struct text){0});
    buffer_add(&b, TEXT(",\"metadata\":"));
    buffer_add(&b, metadata);
    buffer_add_char(&b, '}');
    return buffer_text(&b, ret_order) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the order");
}

bool message_log_settle(const struct database *database, struct arena *arena,
                        const struct message_log_settlement *settlement, struct text *ret_row,
                        struct fault *reterr)
{
    static const struct call call =
        CALL("select messaging.settle_message", "$1,$2,$3,$4,$5,$6,$7,$8", "$9");
    const struct text values[] = {settlement->id,
                                  settlement->sid,
                                  settlement->status,
                                  settlement->error_code,
                                  settlement->error_message,
                                  settlement->details,
                                  settlement->release ? TEXT("t") : TEXT("f"),
                                  settlement->at};
    struct database_result result;

    if (!ask(database, arena, &call, values, ARRAY_LEN(values), settlement->replayed, &result,
             reterr))
        return false;
    *ret_row = database_cell(&result, 0, 0);
    return true;
}

bool message_log_restore(const struct database *database, struct arena *arena,
                         const struct message_log_settlement *settlement, struct text *ret_row,
                         struct fault *reterr)
{
    static const struct call call = CALL("select messaging.restore_reservation", "$1,$2", "$3");
    const struct text values[] = {settlement->id, settlement->order};
    struct database_result result;

    return ask(database, arena, &call, values, ARRAY_LEN(values), settlement->replayed, &result,
               reterr) &&
           message_log_settle(database, arena, settlement, ret_row, reterr);
}

bool message_log_reserve_fallback(const struct database *database, struct arena *arena,
                                  struct text first, struct text id, struct text *ret_row,
                                  struct fault *reterr)
{
    static const struct call call = CALL("select messaging.reserve_fallback", "$1,$2", "$3");
    const struct text values[] = {first, id};
    struct database_result result;

    if (!ask(database, arena, &call, values, ARRAY_LEN(values), false, &result, reterr))
        return false;
    *ret_row = database_cell(&result, 0, 0);
    return true;
}

bool message_log_claim(const struct database *database, struct arena *arena, struct text claim,
                       struct text *ret_row, struct fault *reterr)
{
    const char *parameter = arena_cstr(arena, claim);
    struct database_result result;

    if (!parameter)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for a statement");
    if (!database->query(database->self, arena, "select messaging.claim_follow_up($1)", &parameter,
                         1, &result, reterr))
        return false;
    *ret_row = database_cell(&result, 0, 0);
    return true;
}

#define EVENT_COLUMNS 7
#define COLUMN_MAX    (1u << 20) /* bytes of a column of several: many times the usual */

/** An event's parameters of record_status. */
static void event_values(const struct message_log_event *event,
                         struct text ret_values[EVENT_COLUMNS])
{
    const struct text values[EVENT_COLUMNS] = {text_is_uuid(event->id) ? event->id
                                                                       : (struct text){0},
                                               event->sid,
                                               event->status,
                                               event->error_code,
                                               event->error_message,
                                               event->parameters,
                                               event->received_at};

    memcpy(ret_values, values, sizeof(values));
}

static struct message_log_recorded recorded_of(const struct database_result *result, size_t row,
                                               size_t column)
{
    return (struct message_log_recorded){
        .found = text_equal(database_cell(result, row, column), TEXT("recorded")),
        .id = database_cell(result, row, column + 1),
        .external_id = database_cell(result, row, column + 2),
        .status = database_cell(result, row, column + 3),
    };
}

bool message_log_record(const struct database *database, struct arena *arena,
                        const struct message_log_event *event,
                        struct message_log_recorded *ret_recorded, struct fault *reterr)
{
    static const struct call call =
        CALL("select outcome, id, external_id, status from messaging.record_status",
             "$1,$2,$3,$4,$5,$6,$7", "$8");
    struct text values[EVENT_COLUMNS];
    struct database_result result;

    event_values(event, values);
    if (!ask(database, arena, &call, values, ARRAY_LEN(values), event->replayed, &result, reterr))
        return false;
    *ret_recorded = recorded_of(&result, 0, 0);
    return true;
}

/** A column of several events as an array's text; NULL where nobody has anything in it. */
static bool add_column(struct arena *arena, struct text (*values)[EVENT_COLUMNS], size_t n,
                       size_t column, const char **ret_parameter)
{
    struct text array;
    struct buffer b;
    bool any = false;

    buffer_init(&b, arena, COLUMN_MAX);
    for (size_t i = 0; i < n; i++) {
        any = any || values[i][column].n;
        buffer_add_char(&b, i ? ',' : '{');
        buffer_add_element(&b, values[i][column]);
    }
    buffer_add_char(&b, '}');
    return buffer_text(&b, &array) && add(arena, any ? array : (struct text){0}, ret_parameter);
}

static void read_entry(const struct database_result *result, size_t row,
                       struct message_log_entry *const *entries, size_t n)
{
    uint64_t place;

    if (!text_number(database_cell(result, row, 0), n, &place) || place == 0 ||
        text_equal(database_cell(result, row, 1), TEXT("busy")))
        return;
    entries[place - 1]->recorded = recorded_of(result, row, 1);
    entries[place - 1]->left = false;
}

/** May they be tried again, each by itself? One alone, where somebody else was in its way. */
static bool is_left(const struct database_result *result, size_t n, const struct fault *fault)
{
    return *result->sqlstate && !result->in_doubt &&
           (n > 1 || (fault->kind == FAULT_DATABASE_BUSY && !was_cancelled(result)));
}

bool message_log_record_all(const struct database *database, struct arena *arena,
                            struct message_log_entry *const *entries, size_t n,
                            struct fault *reterr)
{
    static const char one[] = "select 1, outcome, id, external_id, status from "
                              "messaging.record_status($1,$2,$3,$4,$5,$6,$7,p_patience=>$8)";
    static const char several[] = "select place, outcome, id, external_id, status from "
                                  "messaging.record_statuses($1,$2,$3,$4,$5,$6,$7,p_patience=>$8)";
    struct text(*values)[EVENT_COLUMNS] = arena_alloc(arena, n, sizeof(*values), sizeof(char *));
    const char *parameters[EVENT_COLUMNS + 1];
    struct database_result result;
    struct fault fault;

    for (size_t i = 0; i < n; i++)
        entries[i]->left = true;
    for (size_t i = 0; values && i < n; i++)
        event_values(entries[i]->event, values[i]);
    for (size_t column = 0; column < EVENT_COLUMNS; column++)
        if (!values || !(n == 1 ? add(arena, values[0][column], &parameters[column])
                                : add_column(arena, values, n, column, &parameters[column])))
            return n > 1 || fault_set(reterr, FAULT_NO_MEMORY, "no memory for a statement");
    parameters[EVENT_COLUMNS] = BRIEF_PATIENCE;
    if (!database->query(database->self, arena, n == 1 ? one : several, parameters,
                         ARRAY_LEN(parameters), &result, &fault)) {
        if (reterr)
            *reterr = fault;
        return is_left(&result, n, &fault);
    }
    for (size_t row = 0; row < result.rows; row++)
        read_entry(&result, row, entries, n);
    return true;
}
