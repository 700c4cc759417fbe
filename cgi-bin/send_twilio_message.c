/* send-twilio-message: SMS and WhatsApp for other server-side code. No token is asked for unless
 * SEND_TWILIO_MESSAGE_AUTH says so; while none is, a web page is refused. */

#include "buffer.h"
#include "followup.h"
#include "reconcile.h"
#include "sender.h"
#include "twilio.h"

static const char endpoint[] = "send-twilio-message";

static enum sender_tokens tokens(const struct settings *settings)
{
    switch (settings->sender_auth) {
    case SETTINGS_AUTH_NONE:
        return SENDER_TOKENS_IGNORED;
    case SETTINGS_AUTH_OPTIONAL:
        return SENDER_TOKENS_OPTIONAL;
    default:
        return SENDER_TOKENS_REQUIRED;
    }
}

static bool answers_preflight(const struct settings *settings)
{
    return settings->sender_auth != SETTINGS_AUTH_NONE;
}

static void add_member(struct buffer *b, const char *name, struct text value)
{
    buffer_addf(b, ",\"%s\":", name);
    buffer_add_json(b, value);
}

static bool handle(struct service *service, struct arena *arena, const struct cgi_request *request,
                   struct cgi_response *response, struct fault *reterr)
{
    const struct sender_policy policy = {.endpoint = endpoint, .tokens = tokens(service->settings)};
    struct sender_sent sent;
    struct buffer b;

    if (!sender_handle(&policy, service, arena, request, response, &sent, reterr))
        return false;
    buffer_init(&b, arena, 4096);
    buffer_add(&b, TEXT("{\"success\":true,\"messageSid\":"));
    buffer_add_json(&b, sent.receipt.sid);
    add_member(&b, "status", sent.receipt.status);
    buffer_addf(&b, ",\"to\":\"%s%.*s\"",
                sent.receipt.channel == MESSAGE_WHATSAPP ? "whatsapp:" : "",
                TEXT_ARG(sent.message.to));
    add_member(&b, "type", message_channel_name(sent.receipt.channel));
    add_member(&b, "id", sent.receipt.id);
    if (sent.receipt.fallback_from.n)
        add_member(&b, "fallback_from", sent.receipt.fallback_from);
    buffer_add_char(&b, '}');
    return buffer_text(&b, &response->body) ||
           fault_set(reterr, FAULT_OUTCOME_UNKNOWN, "no memory for the answer"); /* it was sent */
}

static const struct verb *const verbs[] = {&reconcile_verb, &followup_verb, NULL};

static const struct program program = {
    .name = endpoint,
    .summary = "sends SMS and WhatsApp messages for other server-side code",
    .linked = LINKED_PACKAGES,
    .user = SETTINGS_SENDER,
    .bad_body = FAULT_INVALID_JSON,
    .handle = handle,
    .needs = {&sender_keys, &twilio_client},
    .check = sender_check,
    .load = auth_load,
    .verbs = verbs,
    .answers_preflight = answers_preflight,
};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
