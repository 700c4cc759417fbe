#include "twilio_lookup.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

/* The most that Twilio gives: so a run costs pages. A text may take 10 KB as JSON, what is around
 * it 1 KB, and Twilio takes its time. */
#define PAGE_SIZE "1000"
#define PAGE_MAX  (16u << 20)
#define PAGE_MS   30000

/* What a trial account's texts begin with, also in the resource.
 * https://www.twilio.com/docs/usage/tutorials/how-to-use-your-free-trial-account */
#define TRIAL_PREFIX "Sent from your Twilio trial account - "

/* how often one question is asked, first and longest pause between (milliseconds) */
#define TRIES       8
#define PAUSE_FIRST 500
#define PAUSE_MOST  30000

static bool is_passing(const struct http_reply *reply)
{
    return reply->outcome != HTTP_ANSWERED || reply->status == 429 || reply->status >= 500;
}

/** GET until there is an answer that says something. TWILIO_FOUND: a 200. */
static enum twilio_answer ask(const struct twilio *twilio, struct arena *arena, struct text url,
                              bool list, struct http_reply *reply, char *detail)
{
    struct http_request request = twilio_get(twilio->settings, url.s);
    int64_t pause = PAUSE_FIRST;

    if (list) {
        request.total_ms = PAGE_MS;
        request.reply_max = PAGE_MAX;
    }

    for (int tries = 1;; tries++) {
        twilio->http->perform(twilio->http->self, arena, &request, reply);
        if (!is_passing(reply) || tries == TRIES)
            break;
        if (reply->retry_after)
            pause = (int64_t)reply->retry_after * 1000;
        twilio->clock->sleep_ms(twilio->clock->self, pause < PAUSE_MOST ? pause : PAUSE_MOST);
        pause = pause * 2;
    }
    if (reply->outcome == HTTP_ANSWERED)
        snprintf(detail, TWILIO_DETAIL_SIZE, "Twilio answered %d", reply->status);
    else
        snprintf(detail, TWILIO_DETAIL_SIZE, "%s", reply->error);
    if (is_passing(reply) || reply->status == 401 || reply->status == 403)
        return TWILIO_NO_ANSWER;
    return reply->status == 200   ? TWILIO_FOUND
           : reply->status == 404 ? TWILIO_NOT_FOUND
                                  : TWILIO_NO_SENSE;
}

/** A member as text, whether Twilio has it as a string or as a number. */
static bool take(struct arena *arena, const struct json_value *top, const char *name,
                 struct text *ret_text)
{
    const struct json_value *value = json_get(top, name);
    struct buffer b;

    if (json_type(value) == JSON_STRING)
        return !json_has_nul(value) && arena_copy(arena, json_string(value), ret_text);
    if (json_type(value) != JSON_NUMBER)
        return true;
    buffer_init(&b, arena, 64);
    json_write(&b, value);
    return buffer_text(&b, ret_text);
}

/** "Fri, 13 Aug 2027 01:16:24 +0000" (RFC 2822, always UTC); 0 for anything else. */
static int64_t read_date(struct text date)
{
    char copy[40];
    struct tm parts = {0};

    snprintf(copy, sizeof(copy), "%.*s", TEXT_ARG(text_clip(date, sizeof(copy) - 1)));
    return strptime(copy, "%a, %d %b %Y %H:%M:%S +0000", &parts) ? (int64_t)timegm(&parts) : 0;
}

static bool may_be_sid(struct text sid)
{
    return (text_starts(sid, TEXT("SM")) || text_starts(sid, TEXT("MM"))) && sid.n > 2 &&
           text_only(sid, "");
}

static bool is_status(struct text status)
{
    return status.n > 0 && status.n <= 32 && text_only(status, "_");
}

/** Was it sent by somebody else on the account? What is not said is no evidence. */
static bool is_foreign(const struct settings *settings, const struct json_value *top,
                       enum message_channel channel)
{
    struct text service = json_string(json_get(top, "messaging_service_sid"));
    struct text from = text_without(json_string(json_get(top, "from")), TEXT("whatsapp:"));
    const char *own_service = settings->twilio_messaging_service_sid;

    if (channel == MESSAGE_SMS && own_service)
        return service.n && !text_equal(service, text_of(own_service));
    struct text own = text_of(channel == MESSAGE_WHATSAPP ? settings->twilio_whatsapp_number
                                                          : settings->twilio_phone_number);
    return from.n && !text_equal_nocase(from, text_without(own, TEXT("whatsapp:")));
}

/** Of an E.164 number, or what stands for one, digits have been replaced: "+2010123XXXX". */
static bool is_redacted(struct text address)
{
    struct text number = text_without(address, TEXT("whatsapp:"));
    struct text rest = text_starts(number, TEXT("+")) ? text_skip(number, 1) : number;
    bool blots = false;

    for (size_t i = 0; i < rest.n; i++) {
        bool blot = rest.s[i] == 'X' || rest.s[i] == 'x' || rest.s[i] == '*';
        if (!blot && (rest.s[i] < '0' || rest.s[i] > '9'))
            return false;
        blots |= blot;
    }
    return blots;
}

/** A number in digits, with a sign and a point ("-0.04500", "2"): so it may stand in the table. */
static struct text figure(struct text value)
{
    for (size_t i = 0; i < value.n; i++)
        if (!strchr("0123456789.-", value.s[i]))
            return (struct text){0};
    return value.n <= 20 ? value : (struct text){0};
}

static bool read_result(struct arena *arena, const struct json_value *top,
                        struct twilio_message *message)
{
    uint64_t code = 0;

    if (!take(arena, top, "status", &message->status) ||
        !take(arena, top, "error_code", &message->error_code) ||
        !take(arena, top, "error_message", &message->error_message) ||
        !take(arena, top, "price", &message->price) ||
        !take(arena, top, "price_unit", &message->price_unit) ||
        !take(arena, top, "num_segments", &message->num_segments) || !is_status(message->status))
        return false;
    if (!text_number(message->error_code, 9999999, &code) || code == 0)
        message->error_code = (struct text){0};
    message->error_message = text_clip(message->error_message, 500);
    message->price = figure(message->price);
    if (message->price.n == 0 || message->price_unit.n > 8 || !text_only(message->price_unit, ""))
        message->price_unit = (struct text){0};
    message->num_segments = figure(message->num_segments);
    if (text_equal(message->num_segments, TEXT("0"))) /* not known yet */
        message->num_segments = (struct text){0};
    return true;
}

static bool read_resource(const struct settings *settings, struct arena *arena,
                          const struct json_value *top, struct twilio_message *ret_message)
{
    struct text to = {0}, created = {0}, sent = {0}, media = {0};
    struct twilio_message message = {0};

    message.redacted = is_redacted(json_string(json_get(top, "to"))) ||
                       is_redacted(json_string(json_get(top, "from")));
    if (!take(arena, top, "sid", &message.sid) || !read_result(arena, top, &message) ||
        !take(arena, top, "body", &message.body) || !take(arena, top, "to", &to) ||
        !take(arena, top, "date_created", &created) || !take(arena, top, "date_sent", &sent) ||
        !take(arena, top, "num_media", &media) || !may_be_sid(message.sid))
        return false;
    message.body = text_without(message.body, TEXT(TRIAL_PREFIX));
    message.channel = text_starts(to, TEXT("whatsapp:")) ? MESSAGE_WHATSAPP : MESSAGE_SMS;
    message.to = text_without(to, TEXT("whatsapp:"));
    message.created = read_date(created);
    message.sent = read_date(sent);
    message.outbound = text_starts(json_string(json_get(top, "direction")), TEXT("outbound"));
    message.foreign = is_foreign(settings, top, message.channel);
    (void)!text_number(media, 100, &message.num_media);
    *ret_message = message;
    return true;
}

/** What can be said of a resource that makes no sense; who has sent it is anybody's guess. */
static struct twilio_message read_unreadable(struct arena *arena, const struct json_value *top)
{
    struct text sid = json_string(json_get(top, "sid"));
    struct twilio_message message = {.unreadable = true};

    if (may_be_sid(sid) && !json_has_nul(json_get(top, "sid")))
        (void)!arena_copy(arena, sid, &message.sid);
    message.created = read_date(json_string(json_get(top, "date_created")));
    message.sent = read_date(json_string(json_get(top, "date_sent")));
    message.outbound = !text_starts(json_string(json_get(top, "direction")), TEXT("inbound"));
    message.redacted = is_redacted(json_string(json_get(top, "to"))) ||
                       is_redacted(json_string(json_get(top, "from")));
    return message;
}

static bool message_url(const struct twilio *twilio, struct arena *arena, struct text sid,
                        struct text *ret_url)
{
    struct buffer b;

    buffer_init(&b, arena, 4096);
    twilio_add_messages_url(&b, twilio->settings);
    buffer_add_char(&b, '/');
    buffer_add(&b, sid);
    buffer_add(&b, TEXT(".json"));
    return buffer_text(&b, ret_url);
}

enum twilio_answer twilio_fetch(const struct twilio *twilio, struct arena *arena, struct text sid,
                                struct twilio_message *ret_message, char *detail)
{
    struct twilio_message message;
    struct http_reply reply;
    struct text url;

    if (!may_be_sid(sid))
        return TWILIO_NOT_FOUND;
    snprintf(detail, TWILIO_DETAIL_SIZE, "no memory for the question");
    if (!message_url(twilio, arena, sid, &url))
        return TWILIO_NO_SENSE;
    enum twilio_answer answer = ask(twilio, arena, url, false, &reply, detail);
    if (answer != TWILIO_FOUND)
        return answer;
    snprintf(detail, TWILIO_DETAIL_SIZE, "Twilio answered with another thing than the message");
    json_scoped struct json_document *document = json_parse(arena, reply.body, NULL);
    if (!document || !read_resource(twilio->settings, arena, json_top(document), &message) ||
        !text_equal(message.sid, sid))
        return TWILIO_NO_SENSE;
    *ret_message = message;
    return TWILIO_FOUND;
}

static bool first_url(const struct twilio *twilio, struct arena *arena, struct text day,
                      struct text *ret_url)
{
    struct buffer b;

    buffer_init(&b, arena, 4096);
    twilio_add_messages_url(&b, twilio->settings);
    buffer_add(&b, TEXT(".json?"));
    if (day.n) {
        buffer_add(&b, TEXT("DateSent="));
        buffer_add_urlencoded(&b, day);
        buffer_add_char(&b, '&');
    }
    buffer_add(&b, TEXT("PageSize=" PAGE_SIZE));
    return buffer_text(&b, ret_url);
}

/** next_page_uri is a path on the same host, to the same list: anything else is not followed. */
static bool next_url(const struct twilio *twilio, struct arena *arena, struct text next,
                     struct text *ret_url)
{
    struct buffer list, b;
    struct text prefix, url;

    buffer_init(&list, arena, 4096);
    twilio_add_messages_url(&list, twilio->settings);
    buffer_add(&list, TEXT(".json?"));
    buffer_init(&b, arena, 8192);
    buffer_add(&b, text_of(twilio->settings->twilio_api_url));
    buffer_add(&b, next);
    if (!buffer_text(&list, &prefix) || !buffer_text(&b, &url) || !text_starts(url, prefix))
        return false;
    *ret_url = url;
    return true;
}

static bool read_page(const struct settings *settings, struct arena *arena,
                      const struct json_value *top, struct twilio_page *page)
{
    const struct json_value *list = json_get(top, "messages");
    size_t room = 0;

    if (json_type(list) != JSON_ARRAY)
        return false;
    for (const struct json_value *v = json_first(list); v; v = json_next(v))
        room++;
    struct twilio_page read = {.messages = arena_new(arena, struct twilio_message, room)};
    if (!read.messages)
        return false;
    for (const struct json_value *v = json_first(list); v; v = json_next(v), read.n++)
        if (!read_resource(settings, arena, v, &read.messages[read.n]))
            read.messages[read.n] = read_unreadable(arena, v);
    if (!take(arena, top, "next_page_uri", &read.next))
        return false;
    *page = read;
    return true;
}

enum twilio_answer twilio_list(const struct twilio *twilio, struct arena *arena, struct text day,
                               struct twilio_page *page, char *detail)
{
    struct http_reply reply;
    struct text url;

    snprintf(detail, TWILIO_DETAIL_SIZE, "Twilio's list goes on elsewhere");
    if (!(page->next.n ? next_url(twilio, arena, page->next, &url)
                       : first_url(twilio, arena, day, &url)))
        return TWILIO_NO_SENSE;
    enum twilio_answer answer = ask(twilio, arena, url, true, &reply, detail);
    if (answer != TWILIO_FOUND)
        return answer == TWILIO_NOT_FOUND ? TWILIO_NO_SENSE : answer;
    snprintf(detail, TWILIO_DETAIL_SIZE, "Twilio answered with another thing than a list");
    json_scoped struct json_document *document = json_parse(arena, reply.body, NULL);
    if (!document || !read_page(twilio->settings, arena, json_top(document), page))
        return TWILIO_NO_SENSE;
    return TWILIO_FOUND;
}
