#include "twilio.h"

#include <stdio.h>

#include "buffer.h"

/* retries: budget for them all, first and longest pause (milliseconds) */
#define RETRY_BUDGET 10000
#define RETRY_FIRST  200
#define RETRY_MOST   3000

#define CONNECT_MS 5000
#define ATTEMPT_MS 15000

/* Twilio's connection overrides: five retries, after any failure. The fragment is not signed.
 * https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides */
#define CALLBACK_OVERRIDES "#rc=5&rp=all"

static bool open_client(struct service *service, struct fault *reterr)
{
    const struct settings *settings = service->settings;
    struct http_options options = {
        .ca_file = settings->twilio_ca_file,
        .ca_path = settings->twilio_ca_path,
        .plain = text_starts(text_of(settings->twilio_api_url), TEXT("http:")),
    };

    return http_open(&options, &service->http, reterr);
}

static void close_client(struct service *service)
{
    http_close(&service->http);
}

/** Close a few of its connections that have not been wanted for 50 s. */
static void rest_client(struct service *service)
{
    http_close_idle(&service->http);
}

const struct service_part twilio_client = {
    .open = open_client, .close = close_client, .rest = rest_client};

static void add_field(struct buffer *b, const char *name, struct text value)
{
    if (b->n)
        buffer_add_char(b, '&');
    buffer_add(b, text_of(name));
    buffer_add_char(b, '=');
    buffer_add_urlencoded(b, value);
}

static bool address(struct arena *arena, enum message_channel channel, struct text number,
                    struct text *ret_address)
{
    struct buffer b;

    buffer_init(&b, arena, 256);
    if (channel == MESSAGE_WHATSAPP && !text_starts(number, TEXT("whatsapp:")))
        buffer_add(&b, TEXT("whatsapp:"));
    buffer_add(&b, number);
    return buffer_text(&b, ret_address);
}

static bool callback_url(struct arena *arena, const struct settings *settings, struct text log_id,
                         struct text *ret_url)
{
    struct buffer b;

    buffer_init(&b, arena, 4096);
    buffer_add(&b, text_of(settings->public_url));
    buffer_add(&b, TEXT("/twilio-delivery-status?id="));
    buffer_add(&b, log_id);
    buffer_add(&b, TEXT(CALLBACK_OVERRIDES));
    return buffer_text(&b, ret_url);
}

static void add_content(struct buffer *b, const struct message *message)
{
    if (message->template_id.n) {
        add_field(b, "ContentSid", message->template_id);
        if (message->variables.n)
            add_field(b, "ContentVariables", message->variables);
        return;
    }
    if (message->body.n)
        add_field(b, "Body", message->body);
    for (size_t i = 0; i < message->n_media; i++)
        add_field(b, "MediaUrl", message->media[i]);
}

static bool make_form(const struct twilio *twilio, struct arena *arena,
                      const struct message *message, struct text log_id, struct text *ret_form)
{
    const struct settings *settings = twilio->settings;
    bool whatsapp = message->channel == MESSAGE_WHATSAPP;
    struct text to, from, callback;
    char seconds[16];
    struct buffer b;

    snprintf(seconds, sizeof(seconds), "%d", message->validity);
    const char *sender =
        whatsapp ? settings->twilio_whatsapp_number : settings->twilio_phone_number;
    if (!address(arena, message->channel, message->to, &to) ||
        !address(arena, message->channel, text_of(sender), &from) ||
        !callback_url(arena, settings, log_id, &callback))
        return false;
    buffer_init(&b, arena, 256u << 10);
    add_field(&b, "To", to);
    if (!whatsapp && settings->twilio_messaging_service_sid)
        add_field(&b, "MessagingServiceSid", text_of(settings->twilio_messaging_service_sid));
    else
        add_field(&b, "From", from);
    add_content(&b, message);
    if (!whatsapp && message->validity)
        add_field(&b, "ValidityPeriod", text_of(seconds));
    add_field(&b, "StatusCallback", callback);
    return buffer_text(&b, ret_form);
}

void twilio_add_messages_url(struct buffer *b, const struct settings *settings)
{
    buffer_add(b, text_of(settings->twilio_api_url));
    buffer_add(b, TEXT("/2010-04-01/Accounts/"));
    buffer_add(b, text_of(settings->twilio_account_sid));
    buffer_add(b, TEXT("/Messages"));
}

struct http_request twilio_get(const struct settings *settings, const char *url)
{
    bool key = settings->twilio_api_key && settings->twilio_api_key_secret;

    return (struct http_request){
        .url = url,
        .user = key ? settings->twilio_api_key : settings->twilio_account_sid,
        .password = key ? settings->twilio_api_key_secret : settings->twilio_auth_token,
        .connect_ms = CONNECT_MS,
        .total_ms = ATTEMPT_MS,
    };
}

static bool make_request(const struct twilio *twilio, struct arena *arena,
                         const struct message *message, struct text log_id,
                         struct http_request *ret_request)
{
    struct text url, form;
    struct buffer b;

    buffer_init(&b, arena, 4096);
    twilio_add_messages_url(&b, twilio->settings);
    buffer_add(&b, TEXT(".json"));
    if (!buffer_text(&b, &url) || !make_form(twilio, arena, message, log_id, &form))
        return false;
    *ret_request = twilio_get(twilio->settings, url.s);
    ret_request->post = true;
    ret_request->form = form;
    return true;
}

static void attempt(const struct twilio *twilio, struct arena *arena,
                    const struct http_request *request, struct twilio_result *result)
{
    struct http_reply reply;

    twilio->http->perform(twilio->http->self, arena, request, &reply);
    twilio_judge(arena, &reply, result);
}

/** Full jitter: anything from nothing to the step, which doubles. */
static int64_t pause_before(const struct clock *clock, int tries)
{
    int64_t step = RETRY_FIRST;
    uint32_t dice = 0;

    for (int i = 1; i < tries && step < RETRY_MOST; i++)
        step *= 2;
    if (step > RETRY_MOST)
        step = RETRY_MOST;
    if (!clock->random(clock->self, &dice, sizeof(dice)))
        return step;
    return (int64_t)(dice % (uint64_t)(step + 1));
}

void twilio_send(const struct twilio *twilio, struct arena *arena, const struct message *message,
                 struct text log_id, int64_t deadline_ms, struct twilio_result *ret_result)
{
    const struct clock *clock = twilio->clock;
    int64_t start = clock->monotonic_ms(clock->self);
    struct http_request request;

    *ret_result = (struct twilio_result){.verdict = TWILIO_NOT_SENT};
    if (!make_request(twilio, arena, message, log_id, &request)) {
        snprintf(ret_result->detail, sizeof(ret_result->detail), "no memory for the request");
        return;
    }
    for (int tries = 1;; tries++) {
        int64_t left = deadline_ms - clock->monotonic_ms(clock->self);
        request.total_ms = left < ATTEMPT_MS ? (int)(left > 1 ? left : 1) : ATTEMPT_MS;
        attempt(twilio, arena, &request, ret_result);
        if (ret_result->verdict != TWILIO_BUSY && ret_result->verdict != TWILIO_NOT_SENT)
            return;
        int64_t now = clock->monotonic_ms(clock->self), pause = pause_before(clock, tries);
        if (ret_result->retry_after && pause < (int64_t)ret_result->retry_after * 1000)
            pause = (int64_t)ret_result->retry_after * 1000;
        if (now + pause - start >= RETRY_BUDGET || now + pause >= deadline_ms)
            return;
        clock->sleep_ms(clock->self, pause);
    }
}
