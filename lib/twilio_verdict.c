#include "twilio_verdict.h"

#include <stdio.h>

#include "buffer.h"
#include "json.h"

/* https://www.twilio.com/docs/api/errors/20429: never processed, always safe to send again */
#define BUSY_STATUS 429

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

/** What is neither a Message resource nor a refusal leaves it unknown. */
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

void twilio_judge(struct arena *arena, const struct http_reply *reply,
                  struct twilio_result *ret_result)
{
    *ret_result = (struct twilio_result){0};
    if (reply->outcome == HTTP_ANSWERED) {
        read_answer(arena, reply, ret_result);
        return;
    }
    ret_result->verdict = reply->outcome == HTTP_NOT_SENT ? TWILIO_NOT_SENT : TWILIO_UNKNOWN;
    snprintf(ret_result->detail, sizeof(ret_result->detail), "%s", reply->error);
}
