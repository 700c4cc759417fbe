#include "followup.h"

#include <stdio.h>

#include "dispatch.h"
#include "json.h"
#include "message_log.h"
#include "message_row.h"
#include "twilio.h"

/* A database that restarts is waited for: times, and the pause between them (milliseconds). */
#define CLAIM_TRIES    10
#define CLAIM_PAUSE_MS 1000

struct run {
    struct service *service;
    size_t sent, refused, unknown, left;
};

/** The same claim again until there is an answer: what it took is not lost with the answer. */
static bool claim(const struct service *service, struct arena *arena, struct text *ret_row,
                  struct fault *reterr)
{
    const struct clock *clock = service->clock;
    char id[37];

    if (!clock_uuid(clock, id))
        return fault_set(reterr, FAULT_NO_MEMORY, "no randomness for a claim");
    for (int tries = 1;; tries++) {
        if (message_log_claim(&service->database, arena, text_of(id), ret_row, reterr))
            return true;
        if (tries == CLAIM_TRIES ||
            (reterr->kind != FAULT_DATABASE_UNAVAILABLE && reterr->kind != FAULT_DATABASE_BUSY))
            return false;
        clock->sleep_ms(clock->self, CLAIM_PAUSE_MS);
    }
}

/** What has an end may take as long as there is left. */
static void shorten(struct message *message, const struct json_value *row)
{
    double left = json_number(json_get(row, "seconds_left"));

    if (message->validity && left >= 1 && left < message->validity)
        message->validity = (int)left;
}

static const char *count(struct run *run, enum twilio_verdict verdict)
{
    switch (verdict) {
    case TWILIO_TAKEN:
        run->sent++;
        return "sent";
    case TWILIO_REJECTED:
        run->refused++;
        return "refused by Twilio";
    case TWILIO_UNKNOWN:
        run->unknown++;
        return "outcome unknown, see --reconcile";
    default:
        run->left++;
        return "not sent, left for a later run";
    }
}

/** Which way free text goes now, as reserve_message() has it for the first time; false for want of
 * memory. Empty where no template has to do with it. */
static bool describe_way(struct arena *arena, const struct message_log_order *order,
                         const struct json_value *row, const struct settings *settings,
                         struct text *ret_details)
{
    bool told = json_get(json_get(row, "metadata"), "sent_as") ||
                text_of(settings->twilio_whatsapp_template).n;
    struct buffer b;

    *ret_details = (struct text){0};
    if (!told || !message_is_free_text(order->message))
        return true;
    buffer_init(&b, arena, 256);
    buffer_add(&b, order->template.n ? TEXT("{\"sent_as\":\"template\"")
                                     : TEXT("{\"sent_as\":\"text\""));
    buffer_add_member(&b, "template_id", order->template);
    buffer_add_char(&b, '}');
    return buffer_text(&b, ret_details);
}

/** Send what was claimed; false where Twilio takes nothing at present. */
static bool send_claimed(struct run *run, struct arena *arena, struct text text,
                         struct fault *reterr)
{
    json_scoped struct json_document *document = json_parse(arena, text, reterr);
    const struct settings *settings = run->service->settings;
    enum twilio_verdict verdict;
    struct message message;
    const char *note;
    struct text way;

    if (!document || !message_row_read(arena, json_top(document), &message, reterr))
        return false;
    const struct json_value *row = json_top(document);
    struct message_log_order order = {.id = json_string(json_get(row, "id")),
                                      .scope = TEXT("follow-up"),
                                      .sender = json_string(json_get(row, "sender_id")),
                                      .account = text_of(settings->twilio_account_sid),
                                      .message = &message};
    if (message_is_free_text(&message) && !json_true(json_get(row, "window_open")))
        order.template = text_of(settings->twilio_whatsapp_template);
    if (!describe_way(arena, &order, row, settings, &way))
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for a follow-up");
    shorten(&message, row);
    dispatch_reserved(run->service, arena, &order, json_string(json_get(row, "created_at")), way,
                      &verdict, &note);
    printf("%.*s %.*s: %s%s%s\n", TEXT_ARG(order.id), TEXT_ARG(message_type(&message)),
           count(run, verdict), note ? "; " : "", note ? note : "");
    fflush(stdout);
    return verdict == TWILIO_TAKEN || verdict == TWILIO_REJECTED || verdict == TWILIO_UNKNOWN ||
           fault_set(reterr, FAULT_TWILIO_UNAVAILABLE, "Twilio takes nothing at present");
}

static int run_verb(struct service *service, struct arena *arena, const char *const *values)
{
    struct run run = {.service = service};
    struct fault fault = {0};
    struct text row = {0};
    bool good;

    (void)values;
    do {
        arena_clear(arena);
        good = claim(service, arena, &row, &fault) &&
               (row.n == 0 || send_claimed(&run, arena, row, &fault));
    } while (good && row.n);
    if (!good)
        printf("stopped: %s\n", fault.detail);
    printf("followed up: %zu sent, %zu refused, %zu unknown, %zu left for a later run\n", run.sent,
           run.refused, run.unknown, run.left);
    return good ? VERB_DONE : VERB_INCOMPLETE;
}

const struct verb followup_verb = {
    .name = "--follow-up",
    .help = "send what is due after a failure: an SMS instead, another try",
    .needs = {&service_database, &service_spool, &twilio_client},
    .run = run_verb,
};
