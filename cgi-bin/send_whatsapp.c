/* send-whatsapp: WhatsApp for the browser front end. A user's or a server's token, always; a user
 * sends five messages a minute. */

#include "buffer.h"
#include "fetch_keys.h"
#include "sender.h"
#include "twilio.h"

static const char endpoint[] = "send-whatsapp";

static bool handle(struct service *service, struct arena *arena, const struct cgi_request *request,
                   struct cgi_response *response, struct fault *reterr)
{
    static const struct sender_policy policy = {
        .endpoint = endpoint, .tokens = SENDER_TOKENS_REQUIRED, .whatsapp_only = true};
    struct sender_sent sent;
    struct buffer b;

    if (!sender_handle(&policy, service, arena, request, response, &sent, reterr))
        return false;
    buffer_init(&b, arena, sent.receipt.row.n + 4096);
    buffer_add(&b, TEXT("{\"success\":true,\"message\":\"تم إرسال الرسالة بنجاح\","
                        "\"data\":{\"message_sid\":"));
    buffer_add_json(&b, sent.receipt.sid);
    buffer_add(&b, TEXT(",\"status\":"));
    buffer_add_json(&b, sent.receipt.status);
    buffer_addf(&b, ",\"to\":\"%s%.*s\"",
                sent.receipt.channel == MESSAGE_WHATSAPP ? "whatsapp:" : "",
                TEXT_ARG(sent.message.to));
    if (sent.receipt.fallback_from.n) {
        buffer_add_member(&b, "type", message_channel_name(sent.receipt.channel));
        buffer_add_member(&b, "fallback_from", sent.receipt.fallback_from);
    }
    buffer_add(&b, TEXT(",\"saved_message\":"));
    buffer_add(&b, sent.receipt.row);
    buffer_add(&b, TEXT("}}"));
    return buffer_text(&b, &response->body) ||
           fault_set(reterr, FAULT_OUTCOME_UNKNOWN, "no memory for the answer"); /* it was sent */
}

static const struct verb *const verbs[] = {&fetch_keys_verb, NULL};

static const struct program program = {
    .name = endpoint,
    .summary = "sends WhatsApp messages for the browser front end",
    .linked = LINKED_PACKAGES,
    .user = SETTINGS_WHATSAPP,
    .bad_body = FAULT_INVALID_JSON,
    .handle = handle,
    .needs = {&sender_keys, &twilio_client},
    .check = sender_check,
    .load = auth_load,
    .verbs = verbs,
};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
