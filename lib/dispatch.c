#include "dispatch.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "replay.h"
#include "twilio.h"

/* A whole request takes at most 30 s: what reservation and Twilio may use of it leaves room for the
 * settlement. */
#define TWILIO_DEADLINE_MS 21000

/* A reservation whose answer was lost so early is tried once more. */
#define RESERVE_AGAIN_MS 2000

/** What becomes of the row and of the key, and what the caller is told, for each verdict. */
struct ending {
    enum fault_kind fault;
    bool release;      /* certainly nothing was sent */
    const char *error; /* error_message where Twilio gave none */
};

static const struct ending endings[] = {
    [TWILIO_REJECTED] = {FAULT_TWILIO_REJECTED, false, NULL},
    [TWILIO_REFUSED] = {FAULT_TWILIO_AUTH, true, "Twilio refused the credentials"},
    [TWILIO_BUSY] = {FAULT_TWILIO_BUSY, true, "Twilio is busy"},
    [TWILIO_NOT_SENT] = {FAULT_TWILIO_UNAVAILABLE, true, "Twilio could not be reached"},
    [TWILIO_UNKNOWN] = {FAULT_OUTCOME_UNKNOWN, false, NULL},
};

/** A reservation, and all it was asked with: when its row is lost it is written again. */
struct attempt {
    char id[37], begun[32];
    struct message_log_order order;
    struct message_log_reservation reservation;
    struct text details; /* JSON object, for the metadata whatever comes of it; empty: none */
};

/** Keep a settlement until the database is there again. */
static void spool(struct service *service, struct arena *arena,
                  const struct message_log_settlement *settlement, struct dispatch_receipt *receipt)
{
    struct fault fault;

    receipt->note = replay_keep_settlement(&service->spool, arena, settlement, &fault)
                        ? "settlement spooled"
                        : "settlement lost until a callback or --reconcile";
}

/** Tell the row what came of it; the spool where the database is not there any more. */
static void settle(struct service *service, struct arena *arena, const struct attempt *attempt,
                   struct message_log_settlement *settlement, struct dispatch_receipt *receipt,
                   struct text *ret_row)
{
    struct fault fault;

    service->database_answers =
        message_log_settle(&service->database, arena, settlement, ret_row, &fault);
    if (service->database_answers && ret_row->n)
        return;
    bool described = message_log_describe(arena, &attempt->order, text_of(attempt->begun),
                                          &settlement->order, &fault);
    if (service->database_answers && described) {
        receipt->note = "row was lost, and is written again";
        service->database_answers =
            message_log_restore(&service->database, arena, settlement, ret_row, &fault);
    }
    if (!service->database_answers || !described)
        spool(service, arena, settlement, receipt);
}

/** The reservation's answer was lost: it never was. False: the spool will see to that. */
static bool withdraw(struct service *service, struct arena *arena, struct text id,
                     struct dispatch_receipt *receipt)
{
    const struct message_log_settlement settlement = {
        .id = id, .status = TWILIO_STATUS_FAILED, .release = true, .in_doubt = true};
    struct fault fault;

    service->database_answers = message_log_withdraw(&service->database, arena, id, false, &fault);
    if (!service->database_answers)
        spool(service, arena, &settlement, receipt);
    return service->database_answers;
}

/** What is asked for, but for its id and time. */
static bool prepare(const struct service *service, struct arena *arena,
                    const struct dispatch_order *order, struct attempt *ret_attempt)
{
    const struct auth_caller *caller = order->caller;
    bool user = caller->role == AUTH_USER;
    const char *who = user                          ? caller->user
                      : caller->role == AUTH_SERVER ? "service_role"
                                                    : "internal";
    struct buffer scope;

    ret_attempt->order = (struct message_log_order){
        .key = order->key,
        .sender = user ? text_of(caller->user) : (struct text){0},
        .limit = user ? service->settings->rate_limit : 0,
        .account = text_of(service->settings->twilio_account_sid),
        .message = order->message,
        .refuse_dead = service->settings->refuse_dead,
    };
    if (message_is_free_text(order->message))
        ret_attempt->order.template = text_of(service->settings->twilio_whatsapp_template);
    buffer_init(&scope, arena, 256);
    buffer_addf(&scope, "%s %s", order->endpoint, who);
    return buffer_text(&scope, &ret_attempt->order.scope);
}

/** Once more where the answer was lost soon and what it was about is certainly not there. */
static bool reserve(struct service *service, struct arena *arena, struct attempt *attempt,
                    struct dispatch_receipt *receipt, struct rate_limit *ret_rate,
                    struct fault *reterr)
{
    const struct clock *clock = service->clock;
    int64_t until = clock->monotonic_ms(clock->self) + RESERVE_AGAIN_MS;

    for (bool again = true;; again = false) {
        clock_stamp(clock, attempt->begun);
        if (!clock_uuid(clock, attempt->id))
            return fault_set(reterr, FAULT_NO_MEMORY, "no randomness for the reservation");
        attempt->order.id = text_of(attempt->id);
        if (message_log_reserve(&service->database, arena, &attempt->order, &attempt->reservation,
                                ret_rate, reterr))
            return true;
        if (!attempt->reservation.in_doubt ||
            !withdraw(service, arena, attempt->order.id, receipt) || !again ||
            clock->monotonic_ms(clock->self) > until)
            return false;
    }
}

/** fault_set with the row's id. */
static bool fail(struct fault *reterr, enum fault_kind kind, struct text id, const char *detail)
{
    fault_set(reterr, kind, "%s", detail);
    snprintf(reterr->id, sizeof(reterr->id), "%.*s", TEXT_ARG(text_clip(id, 36)));
    return false;
}

/** Twilio's refusal as the row has it: so the first answer and its replays are the same. */
static bool rejected(const struct json_value *row, struct text id, struct fault *reterr)
{
    if (json_get(json_get(row, "metadata"), "fallback_of"))
        id = json_string(json_get(row, "id"));

    struct text code = json_string(json_get(row, "error_code"));
    struct text error = json_string(json_get(row, "error_message"));
    uint64_t number;

    fail(reterr, FAULT_TWILIO_REJECTED, id, "Twilio rejected the message");
    if (text_number(code, 999999, &number))
        reterr->twilio_code = (int)number;
    snprintf(reterr->text, sizeof(reterr->text), "%.*s",
             TEXT_ARG(text_clip(error, sizeof(reterr->text) - 1)));
    return false;
}

/** The attempt that the key stands for took place before: its answer again. */
static bool replay(struct arena *arena, const struct message_log_reservation *reservation,
                   struct dispatch_receipt *ret_receipt, struct fault *reterr)
{
    json_scoped struct json_document *document = json_parse(arena, reservation->row, reterr);

    ret_receipt->replayed = true;
    if (!document)
        return fault_set(reterr, FAULT_INTERNAL, "the stored answer is no JSON");
    const struct json_value *row = json_top(document);
    struct text sid = json_string(json_get(row, "external_id"));
    if (sid.n == 0)
        return rejected(row, reservation->id, reterr);
    if (!arena_copy(arena, sid, &ret_receipt->sid))
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the stored answer");
    ret_receipt->id = reservation->id;
    if (!arena_copy(arena, json_string(json_get(json_get(row, "metadata"), "fallback_of")),
                    &ret_receipt->fallback_from))
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the stored answer");
    if (ret_receipt->fallback_from.n) {
        ret_receipt->channel = MESSAGE_SMS;
        if (!arena_copy(arena, json_string(json_get(row, "id")), &ret_receipt->id))
            return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the stored answer");
    }
    ret_receipt->status = reservation->twilio_status;
    ret_receipt->row = reservation->row;
    return true;
}

/** Why this request sends nothing. */
static bool refuse(const struct message_log_reservation *reservation, const struct rate_limit *rate,
                   struct fault *reterr)
{
    switch (reservation->outcome) {
    case MESSAGE_LOG_LIMITED:
        return rate_limit_refuse(rate, reterr);
    case MESSAGE_LOG_IN_PROGRESS:
        fail(reterr, FAULT_IN_PROGRESS, reservation->id, "key is in use");
        reterr->retry_after = 1;
        return false;
    case MESSAGE_LOG_MISMATCH:
        return fault_set(reterr, FAULT_IDEMPOTENCY_MISMATCH, "key was used for another message");
    default:
        return fail(reterr, FAULT_OUTCOME_UNKNOWN, reservation->id,
                    "outcome of the key's first attempt is unknown");
    }
}

static struct text error_number(struct arena *arena, int code)
{
    struct text copy = {0};
    char digits[16];

    if (code == 0)
        return copy;
    snprintf(digits, sizeof(digits), "%d", code);
    return arena_copy(arena, text_of(digits), &copy) ? copy : (struct text){0};
}

/** {"unknown_reason": ...}: not an error of the message, which may well arrive. */
static struct text unknown_details(struct arena *arena, const char *reason)
{
    struct text details = TEXT("{}");
    struct buffer b;

    buffer_init(&b, arena, 1024);
    buffer_add(&b, TEXT("{\"unknown_reason\":"));
    buffer_add_json(&b, text_of(reason));
    buffer_add_char(&b, '}');
    (void)!buffer_text(&b, &details);
    return details;
}

/** Twilio's words, else ours; none where the database knows them by Twilio's number. */
static struct text error_text(const struct ending *ending, const struct twilio_result *result)
{
    if (result->error.n)
        return result->error;
    if (ending->error)
        return text_of(ending->error);
    return text_of(result->error_code ? "" : result->detail);
}

static struct message_log_settlement settlement_of(struct arena *arena, struct text id,
                                                   const struct twilio_result *result)
{
    const struct ending *ending = &endings[result->verdict];

    if (result->verdict == TWILIO_TAKEN)
        return (struct message_log_settlement){.id = id,
                                               .sid = result->sid,
                                               .status = result->status,
                                               .error_code =
                                                   error_number(arena, result->error_code),
                                               .error_message = result->error,
                                               .details = result->details};
    if (result->verdict == TWILIO_UNKNOWN)
        return (struct message_log_settlement){.id = id,
                                               .status = TWILIO_STATUS_UNKNOWN,
                                               .details = unknown_details(arena, result->detail)};
    return (struct message_log_settlement){.id = id,
                                           .status = TWILIO_STATUS_FAILED,
                                           .error_code = error_number(arena, result->error_code),
                                           .error_message = error_text(ending, result),
                                           .release = ending->release};
}

/** Two JSON objects as one; empty is none. */
static struct text merge_details(struct arena *arena, struct text first, struct text second)
{
    struct text merged = second;
    struct buffer b;

    if (first.n == 0)
        return second;
    if (second.n == 0 || text_equal(second, TEXT("{}")))
        return first;
    buffer_init(&b, arena, 256u << 10);
    buffer_add(&b, text_clip(first, first.n - 1));
    buffer_add_char(&b, ',');
    buffer_add(&b, text_skip(second, 1));
    (void)!buffer_text(&b, &merged);
    return merged;
}

/** The row as it will be once the settlement is stored. */
static struct text expected_row(struct arena *arena, struct text row,
                                const struct message_log_settlement *settlement)
{
    const struct {
        struct text name, value;
    } settled[] = {{TEXT("status"), settlement->status},
                   {TEXT("external_id"), settlement->sid},
                   {TEXT("error_code"), settlement->error_code},
                   {TEXT("error_message"), settlement->error_message}};
    json_scoped struct json_document *document = json_parse(arena, row, NULL);
    const struct json_value *member = document ? json_first(json_top(document)) : NULL;
    struct text text = TEXT("{}");
    struct buffer b;
    size_t i;

    buffer_init(&b, arena, 1u << 20);
    buffer_add_char(&b, '{');
    for (; member; member = json_next(member)) {
        if (b.n > 1)
            buffer_add_char(&b, ',');
        buffer_add_json(&b, json_name(member));
        buffer_add_char(&b, ':');
        for (i = 0; i < ARRAY_LEN(settled); i++)
            if (settled[i].value.n && text_equal(json_name(member), settled[i].name))
                break;
        if (i < ARRAY_LEN(settled))
            buffer_add_json(&b, settled[i].value);
        else
            json_write(&b, member);
    }
    buffer_add_char(&b, '}');
    (void)!buffer_text(&b, &text);
    return text;
}

/** What the caller is told of a message that Twilio has not taken. */
static bool not_taken(struct arena *arena, const struct twilio_result *result, struct text id,
                      struct text row, struct fault *reterr)
{
    const struct ending *ending = &endings[result->verdict];

    if (result->verdict == TWILIO_REJECTED && row.n) {
        json_scoped struct json_document *document = json_parse(arena, row, NULL);
        if (document)
            return rejected(json_top(document), id, reterr);
    }
    fail(reterr, ending->fault, id, result->detail);
    reterr->twilio_code = result->error_code;
    if (result->verdict == TWILIO_BUSY)
        reterr->retry_after = result->retry_after ? result->retry_after : 5;
    if (result->verdict == TWILIO_REJECTED)
        snprintf(reterr->text, sizeof(reterr->text), "%.*s", TEXT_ARG(result->error));
    return false;
}

/** What came of sending one row. */
struct sent {
    struct twilio_result result;
    struct message_log_settlement settlement;
    struct text row; /* after it; empty: the settlement waits in the spool */
};

/** A reserved row goes out, as its text or as the template, and is settled. */
static void send_row(struct service *service, struct arena *arena, const struct attempt *attempt,
                     int64_t deadline, struct dispatch_receipt *receipt, struct sent *ret_sent)
{
    const struct message_log_order *order = &attempt->order;
    const struct twilio twilio = {service->settings, &service->http, service->clock};
    struct twilio_result *result = &ret_sent->result;
    struct message message = *order->message;

    *ret_sent = (struct sent){0};
    if (attempt->reservation.as_template &&
        !message_as_template(arena, order->template, &message)) {
        *result = (struct twilio_result){.verdict = TWILIO_NOT_SENT};
        snprintf(result->detail, sizeof(result->detail), "no memory for the template");
    } else {
        twilio_send(&twilio, arena, &message, order->id, deadline, result);
    }
    ret_sent->settlement = settlement_of(arena, order->id, result);
    ret_sent->settlement.details =
        merge_details(arena, attempt->details, ret_sent->settlement.details);
    settle(service, arena, attempt, &ret_sent->settlement, receipt, &ret_sent->row);
}

/** The receipt of a row that Twilio has taken, or what the caller is told of one it has not. */
static bool answer_for(struct arena *arena, const struct attempt *attempt, const struct sent *sent,
                       struct dispatch_receipt *receipt, struct fault *reterr)
{
    const struct twilio_result *result = &sent->result;

    if (result->verdict != TWILIO_TAKEN)
        return not_taken(arena, result, attempt->order.id, sent->row, reterr);
    receipt->id = attempt->order.id;
    receipt->fallback_from = attempt->order.message->fallback_of;
    receipt->sid = result->sid;
    receipt->status = result->status;
    receipt->channel = attempt->order.message->channel;
    receipt->row =
        sent->row.n ? sent->row : expected_row(arena, attempt->reservation.row, &sent->settlement);
    return true;
}

/** Without asking Twilio: a row whose number is dead there has failed by the code it is dead by. */
static void settle_dead(struct service *service, struct arena *arena, const struct attempt *attempt,
                        struct dispatch_receipt *receipt, struct sent *ret_sent)
{
    struct message_log_settlement settlement = {.id = attempt->order.id,
                                                .status = TWILIO_STATUS_FAILED,
                                                .error_code = attempt->reservation.dead_code,
                                                .details = TEXT("{\"dead_number\":true}")};

    *ret_sent = (struct sent){.result = {.verdict = TWILIO_REJECTED, .detail = "a dead number"}};
    settle(service, arena, attempt, &settlement, receipt, &ret_sent->row);
}

/** The SMS for a message that was refused just now; false where none is due, or none can be had. */
static bool reserve_fallback(struct service *service, struct arena *arena,
                             const struct attempt *first, struct message *message,
                             struct attempt *ret_second)
{
    struct text row = {0};
    struct fault fault;

    if (!first->order.message->fallback || !service->database_answers)
        return false;
    *message = message_fallback(first->order.message, first->order.id);
    *ret_second = (struct attempt){.order = {.scope = first->order.scope,
                                             .sender = first->order.sender,
                                             .account = first->order.account,
                                             .message = message}};
    clock_stamp(service->clock, ret_second->begun);
    if (!clock_uuid(service->clock, ret_second->id) ||
        !arena_copy(arena, text_of(ret_second->id), &ret_second->order.id))
        return false;
    for (int tries = 0; tries < 2; tries++)
        if (message_log_reserve_fallback(&service->database, arena, first->order.id,
                                         ret_second->order.id, &row, &fault))
            break;
    ret_second->reservation.row = row;
    return row.n > 0;
}

/** A word of Twilio's that is a failure already. */
static bool is_refusal(const struct twilio_result *result)
{
    return result->verdict == TWILIO_REJECTED ||
           (result->verdict == TWILIO_TAKEN && text_equal(result->status, TWILIO_STATUS_FAILED));
}

static bool send_reserved(struct service *service, struct arena *arena,
                          const struct attempt *attempt, int64_t deadline,
                          struct dispatch_receipt *ret_receipt, struct fault *reterr)
{
    struct attempt second;
    struct message message;
    struct sent sent;

    if (attempt->reservation.dead_code.n)
        settle_dead(service, arena, attempt, ret_receipt, &sent);
    else
        send_row(service, arena, attempt, deadline, ret_receipt, &sent);
    if (!is_refusal(&sent.result) || !reserve_fallback(service, arena, attempt, &message, &second))
        return answer_for(arena, attempt, &sent, ret_receipt, reterr);
    send_row(service, arena, &second, deadline, ret_receipt, &sent);
    return answer_for(arena, &second, &sent, ret_receipt, reterr);
}

void dispatch_reserved(struct service *service, struct arena *arena,
                       const struct message_log_order *order, struct text begun,
                       struct text details, enum twilio_verdict *ret_verdict, const char **ret_note)
{
    int64_t deadline = service->clock->monotonic_ms(service->clock->self) + TWILIO_DEADLINE_MS;
    struct attempt attempt = {
        .order = *order, .reservation = {.as_template = order->template.n}, .details = details};
    struct dispatch_receipt receipt = {0};
    struct sent sent;

    snprintf(attempt.begun, sizeof(attempt.begun), "%.*s", TEXT_ARG(begun));
    send_row(service, arena, &attempt, deadline, &receipt, &sent);
    *ret_verdict = sent.result.verdict;
    *ret_note = receipt.note;
}

bool dispatch_message(struct service *service, struct arena *arena,
                      const struct dispatch_order *order, struct dispatch_receipt *ret_receipt,
                      struct rate_limit *ret_rate, struct fault *reterr)
{
    int64_t deadline = service->clock->monotonic_ms(service->clock->self) + TWILIO_DEADLINE_MS;
    struct attempt attempt = {0};
    const struct message_log_reservation *reservation = &attempt.reservation;

    *ret_receipt = (struct dispatch_receipt){.channel = order->message->channel};
    if (!prepare(service, arena, order, &attempt))
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the reservation");
    if (!reserve(service, arena, &attempt, ret_receipt, ret_rate, reterr))
        return false;
    if (reservation->outcome == MESSAGE_LOG_REPLAY)
        return replay(arena, reservation, ret_receipt, reterr);
    if (reservation->outcome != MESSAGE_LOG_RESERVED)
        return refuse(reservation, ret_rate, reterr);
    attempt.order.id = reservation->id;
    return send_reserved(service, arena, &attempt, deadline, ret_receipt, reterr);
}
