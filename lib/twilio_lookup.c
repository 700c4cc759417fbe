#include "twilio_lookup.h"

#include <stdio.h>

#include "json.h"

#define DETAIL_SIZE 128

#define PAGE_SIZE "100"

/* how often one question is asked, first and longest pause between (milliseconds) */
#define TRIES       8
#define PAUSE_FIRST 500
#define PAUSE_MOST  30000

static bool is_passing(const struct http_reply *reply)
{
    return reply->outcome != HTTP_ANSWERED || reply->status == 429 || reply->status >= 500;
}

/** GET until there is an answer that says something; false with the reason after the last try. */
static bool ask(const struct twilio *twilio, struct arena *arena, struct text url,
                struct http_reply *reply, char *detail)
{
    const struct http_request request = twilio_get(twilio->settings, url.s);
    int64_t pause = PAUSE_FIRST;

    for (int tries = 1;; tries++) {
        twilio->http->perform(twilio->http->self, arena, &request, reply);
        if (!is_passing(reply))
            return true;
        if (tries == TRIES)
            break;
        if (reply->retry_after)
            pause = (int64_t)reply->retry_after * 1000;
        twilio->clock->sleep_ms(twilio->clock->self, pause < PAUSE_MOST ? pause : PAUSE_MOST);
        pause = pause * 2;
    }
    if (reply->outcome == HTTP_ANSWERED)
        snprintf(detail, DETAIL_SIZE, "Twilio answered %d", reply->status);
    else
        snprintf(detail, DETAIL_SIZE, "%s", reply->error);
    return false;
}

/** A member as text, whether Twilio has it as a string or as a number. */
static bool take(struct arena *arena, const struct json_value *top, const char *name,
                 struct text *ret_text)
{
    const struct json_value *value = json_get(top, name);
    struct buffer b;

    if (json_type(value) == JSON_STRING)
        return arena_copy(arena, json_string(value), ret_text);
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

static bool read_resource(struct arena *arena, const struct json_value *top,
                          struct twilio_message *ret_message)
{
    struct twilio_message message = {0};
    struct text to = {0}, created = {0}, media = {0};

    if (!take(arena, top, "sid", &message.sid) || !take(arena, top, "status", &message.status) ||
        !take(arena, top, "body", &message.body) ||
        !take(arena, top, "error_code", &message.error_code) ||
        !take(arena, top, "error_message", &message.error_message) ||
        !take(arena, top, "to", &to) || !take(arena, top, "date_created", &created) ||
        !take(arena, top, "num_media", &media))
        return false;
    message.channel = text_starts(to, TEXT("whatsapp:")) ? MESSAGE_WHATSAPP : MESSAGE_SMS;
    message.to = message.channel == MESSAGE_WHATSAPP ? text_skip(to, 9) : to;
    message.created = read_date(created);
    message.outbound = text_starts(json_string(json_get(top, "direction")), TEXT("outbound"));
    (void)!text_number(media, 100, &message.num_media);
    *ret_message = message;
    return message.sid.n > 0 && message.status.n > 0;
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
    struct http_reply reply;
    struct text url;

    snprintf(detail, DETAIL_SIZE, "no memory for the question");
    if (!text_only(sid, "") || !message_url(twilio, arena, sid, &url) ||
        !ask(twilio, arena, url, &reply, detail))
        return TWILIO_NO_ANSWER;
    if (reply.status == 404)
        return TWILIO_NOT_FOUND;
    snprintf(detail, DETAIL_SIZE, "Twilio answered %d", reply.status);
    json_scoped struct json_document *document = json_parse(arena, reply.body, NULL);
    if (reply.status != 200 || !document || !read_resource(arena, json_top(document), ret_message))
        return TWILIO_NO_ANSWER;
    return TWILIO_FOUND;
}

static void add_day(struct buffer *b, const char *name, int64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm parts;
    char day[16];

    gmtime_r(&time, &parts);
    strftime(day, sizeof(day), "%Y-%m-%d", &parts);
    buffer_addf(b, "&%s=%s", name, day);
}

static bool list_url(const struct twilio *twilio, struct arena *arena, enum message_channel channel,
                     struct text to, int64_t from, int64_t until, struct text *ret_url)
{
    struct buffer b;

    buffer_init(&b, arena, 4096);
    twilio_add_messages_url(&b, twilio->settings);
    buffer_add(&b, TEXT(".json?PageSize=" PAGE_SIZE "&To="));
    if (channel == MESSAGE_WHATSAPP)
        buffer_add_urlencoded(&b, TEXT("whatsapp:"));
    buffer_add_urlencoded(&b, to);
    add_day(&b, "DateSent%3E", from);
    add_day(&b, "DateSent%3C", until + 86400);
    return buffer_text(&b, ret_url);
}

/** next_page_uri is a path on the same host: anything else is not followed. */
static bool next_url(const struct twilio *twilio, struct arena *arena, struct text next,
                     struct text *ret_url)
{
    struct buffer b;

    if (!text_starts(next, TEXT("/2010-04-01/")))
        return false;
    buffer_init(&b, arena, 8192);
    buffer_add(&b, text_of(twilio->settings->twilio_api_url));
    buffer_add(&b, next);
    return buffer_text(&b, ret_url);
}

static bool read_page(struct arena *arena, const struct json_value *top, struct twilio_page *page)
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
    for (const struct json_value *v = json_first(list); v; v = json_next(v))
        read.n += read_resource(arena, v, &read.messages[read.n]);
    if (!take(arena, top, "next_page_uri", &read.next))
        return false;
    *page = read;
    return true;
}

enum twilio_answer twilio_list(const struct twilio *twilio, struct arena *arena,
                               enum message_channel channel, struct text to, int64_t from,
                               int64_t until, struct twilio_page *page, char *detail)
{
    struct http_reply reply;
    struct text url;

    snprintf(detail, DETAIL_SIZE, "no memory for the question");
    if (!(page->next.n ? next_url(twilio, arena, page->next, &url)
                       : list_url(twilio, arena, channel, to, from, until, &url)) ||
        !ask(twilio, arena, url, &reply, detail))
        return TWILIO_NO_ANSWER;
    snprintf(detail, DETAIL_SIZE, "Twilio answered %d", reply.status);
    json_scoped struct json_document *document = json_parse(arena, reply.body, NULL);
    if (reply.status != 200 || !document || !read_page(arena, json_top(document), page))
        return TWILIO_NO_ANSWER;
    return TWILIO_FOUND;
}
