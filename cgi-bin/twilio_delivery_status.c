/* twilio-delivery-status: the webhook that Twilio calls with each message's fate. Signed requests
 * only; every event is recorded once, in whatever order they come. */

#include "address.h"
#include "buffer.h"
#include "keeping.h"
#include "metrics.h"
#include "program.h"
#include "proxy.h"
#include "recorder.h"
#include "replay.h"
#include "report.h"
#include "twilio_callback.h"
#include "twilio_signature.h"

/** The address that Twilio was given: configured, never taken from the request's headers. */
static bool signed_url(struct arena *arena, const struct settings *settings, struct text query,
                       struct text *ret_url)
{
    struct buffer b;

    buffer_init(&b, arena, query.n + 4096);
    buffer_add(&b, text_of(settings->public_url));
    buffer_add(&b, TEXT("/twilio-delivery-status"));
    if (query.n) {
        buffer_add_char(&b, '?');
        buffer_add(&b, query);
    }
    return buffer_text(&b, ret_url);
}

/** For trials on one machine (WEBHOOK_SIGNATURE=if-present): its own scripts need not sign. */
static bool needs_no_signature(const struct settings *settings, const struct cgi_request *request)
{
    return !settings->signature_required && address_is_loopback(request->remote_addr) &&
           proxy_is_absent(request);
}

static bool check_signature(const struct service *service, struct arena *arena,
                            const struct cgi_request *request, const struct form *form,
                            struct fault *reterr)
{
    const struct settings *settings = service->settings;
    const struct text tokens[] = {text_of(settings->twilio_auth_token),
                                  text_of(settings->twilio_auth_token_secondary)};
    const struct text shared[] = {text_of(settings->webhook_secret),
                                  text_of(settings->webhook_secret_secondary)};
    struct twilio_signature_keys keys = {tokens, ARRAY_LEN(tokens), TWILIO_SIGNATURE_SHA1};
    struct text url, rule = text_trim(request->twilio_signature_settings);

    if (request->twilio_signature.n == 0)
        return (rule.n == 0 && needs_no_signature(settings, request)) ||
               fault_set(reterr, FAULT_INVALID_SIGNATURE, "no signature");
    if (rule.n) {
        keys.secrets = shared;
        if (shared[0].n == 0 && shared[1].n == 0)
            return fault_set(reterr, FAULT_INVALID_SIGNATURE,
                             "signed with a shared key, and TWILIO_WEBHOOK_SECRET is not set");
        if (!twilio_signature_hash(rule, &keys.hash))
            return fault_set(reterr, FAULT_INVALID_SIGNATURE, "signed by an unknown algorithm");
    }
    if (!signed_url(arena, settings, request->query, &url))
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the URL");
    return twilio_signature_valid(arena, &keys, url, form, request->body,
                                  request->twilio_signature) ||
           fault_set(reterr, FAULT_INVALID_SIGNATURE, "wrong signature");
}

static bool answer(struct arena *arena, const struct message_log_recorded *recorded,
                   struct cgi_response *response, struct fault *reterr)
{
    struct buffer b;

    response->log_id = recorded->id;
    if (!recorded->found) {
        response->body =
            TEXT("{\"success\":true,\"message\":\"Message not found, status logged\"}");
        return true;
    }
    buffer_init(&b, arena, 4096);
    buffer_add(&b, TEXT("{\"success\":true,\"message\":\"Status updated successfully\","
                        "\"data\":{\"id\":"));
    buffer_add_json(&b, recorded->id);
    buffer_add(&b, TEXT(",\"external_id\":"));
    buffer_add_json(&b, recorded->external_id);
    buffer_add(&b, TEXT(",\"status\":"));
    buffer_add_json(&b, recorded->status);
    buffer_add(&b, TEXT("}}"));
    return buffer_text(&b, &response->body) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the answer");
}

static bool handle(struct service *service, struct arena *arena, const struct cgi_request *request,
                   struct cgi_response *response, struct fault *reterr)
{
    struct message_log_recorded recorded;
    struct twilio_callback callback;
    struct text parameters;
    struct form form;
    char arrived[32];

    clock_stamp(service->clock, arrived);
    if (!form_parse(arena, request->body, &form, reterr) ||
        !check_signature(service, arena, request, &form, reterr) ||
        !twilio_callback_read(&form, &callback, reterr) ||
        !twilio_callback_json(arena, &form, &parameters, reterr))
        return false;
    response->log_sid = callback.sid;
    response->log_event = callback.status;
    response->log_to = callback.to;
    struct message_log_event event = {.id = cgi_query(request->query, TEXT("id")),
                                      .sid = callback.sid,
                                      .status = callback.status,
                                      .error_code = callback.error_code,
                                      .error_message = callback.error_message,
                                      .parameters = parameters};
    service->database_answers =
        recorder_record(service->recorder, &service->database, arena, &event, &recorded, reterr);
    if (service->database_answers)
        return answer(arena, &recorded, response, reterr);
    cgi_note(response, arena, "event spooled: %s", reterr->detail);
    response->body = TEXT("{\"success\":true,\"message\":\"Status spooled\"}");
    event.received_at = text_of(arrived); /* not when the database was given up */
    return replay_keep_event(&service->spool, arena, &event, reterr);
}

static const struct verb *const verbs[] = {&replay_verb, &report_verb, &metrics_verb, &keeping_verb,
                                           NULL};

static const struct program program = {
    .name = "twilio-delivery-status",
    .summary = "records what Twilio tells of a message's fate",
    .linked = LINKED_PACKAGES,
    .user = SETTINGS_WEBHOOK,
    .bad_body = FAULT_MISSING_CALLBACK_FIELDS,
    .handle = handle,
    .needs = {&recorder_part},
    .verbs = verbs,
};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
