#include "twilio.h"

#include <stdio.h>

#include "buffer.h"
#include "json.h"

/* https://www.twilio.com/docs/api/errors/20429: never processed, always safe to send again */
#define BUSY_STATUS 429

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

/** SM or MM and 32 letters or digits. */
static bool is_message_sid(struct text sid)
{
    return sid.n == 34 && (text_starts(sid, TEXT("SM")) || text_starts(sid, TEXT("MM"))) &&
           text_only(sid, "");
}

static void add_detail(struct buffer *b, const struct json_value *top, const char *name)
{
    const struct json_value *value = json_get(top, name);

    if (json_type(value) != JSON_STRING && json_type(value) != JSON_NUMBER)
        return;
    buffer_addf(b, "%s\"%s\":", b->n > 1 ? "," : "", name);
    json_write(b, value);
}

/** A code that Twilio has as a number, or as a string of digits where `texts` are taken; 0: none.
 */
static int read_code(const struct json_value *value, bool texts)
{
    double code = json_number(value);
    uint64_t digits = 0;

    if (texts && text_number(json_string(value), 999999, &digits))
        code = (double)digits;
    return code >= 1 && code < 1000000 ? (int)code : 0;
}

static void read_error_text(struct arena *arena, const struct json_value *value,
                            struct twilio_result *result)
{
    struct text error;

    if (arena_copy(arena, text_clip(json_string(value), 500), &error))
        result->error = error;
}

/** {"code":21211,"message":"...","status":400}: what there is of it. */
static void read_error(struct arena *arena, const struct json_value *top,
                       struct twilio_result *result)
{
    result->error_code = read_code(json_get(top, "code"), false);
    read_error_text(arena, json_get(top, "message"), result);
}

/** A Message resource, which may have failed already. */
static bool read_message(struct arena *arena, const struct json_value *top,
                         struct twilio_result *result)
{
    static const char *const details[] = {
        "num_segments",          "num_media",  "price", "price_unit", "direction", "from",
        "messaging_service_sid", "api_version"};
    struct buffer b;

    if (!is_message_sid(json_string(json_get(top, "sid"))) ||
        json_string(json_get(top, "status")).n == 0)
        return false;
    buffer_init(&b, arena, 8192);
    buffer_add_char(&b, '{');
    for (size_t i = 0; i < ARRAY_LEN(details); i++)
        add_detail(&b, top, details[i]);
    buffer_add_char(&b, '}');
    if (!buffer_text(&b, &result->details))
        result->details = TEXT("{}");
    result->error_code = read_code(json_get(top, "error_code"), true);
    read_error_text(arena, json_get(top, "error_message"), result);
    return arena_copy(arena, json_string(json_get(top, "sid")), &result->sid) &&
           arena_copy(arena, json_string(json_get(top, "status")), &result->status);
}

/** What an answer means; what is neither a Message resource nor a refusal leaves it unknown. */
static void read_answer(struct arena *arena, const struct http_reply *reply,
                        struct twilio_result *result)
{
    json_scoped struct json_document *document = json_parse(arena, reply->body, NULL);
    const struct json_value *top = document ? json_top(document) : NULL;

    snprintf(result->detail, sizeof(result->detail), "Twilio answered %d", reply->status);
    result->verdict = TWILIO_UNKNOWN;
    result->status_code = reply->status;
    result->retry_after = reply->retry_after;
    if (reply->status / 100 == 2) {
        if (read_message(arena, top, result))
            result->verdict = TWILIO_TAKEN;
    } else if (reply->status / 100 == 4) {
        read_error(arena, top, result);
        result->verdict = reply->status == 401 || reply->status == 403 ? TWILIO_REFUSED
                          : reply->status == BUSY_STATUS               ? TWILIO_BUSY
                                                                       : TWILIO_REJECTED;
    } else {
        read_error(arena, top, result);
    }
}

static void attempt(const struct twilio *twilio, struct arena *arena,
                    const struct http_request *request, struct twilio_result *result)
{
    struct http_reply reply;

    *result = (struct twilio_result){0};
    twilio->http->perform(twilio->http->self, arena, request, &reply);
    if (reply.outcome == HTTP_ANSWERED) {
        read_answer(arena, &reply, result);
        return;
    }
    result->verdict = reply.outcome == HTTP_NOT_SENT ? TWILIO_NOT_SENT : TWILIO_UNKNOWN;
    snprintf(result->detail, sizeof(result->detail), "%s", reply.error);
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
