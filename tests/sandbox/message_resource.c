#include "message_resource.h"

#include <cjson/cJSON.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "life.h"
#include "store.h"

/* How many steps of its life are behind the message. */
static size_t steps_reached(const struct message *message, size_t steps, int64_t now_ms)
{
    int64_t age = now_ms - message->created_ms;
    int64_t reached = message->step_ms > 0 ? age / message->step_ms : (int64_t)steps;

    if (reached < (int64_t)message->reached)
        reached = message->reached;
    if (reached < 0)
        reached = 0;
    return (size_t)reached < steps ? (size_t)reached : steps;
}

int64_t resource_sent_ms(const struct message *message, int64_t now_ms)
{
    struct life_step steps[LIFE_STEPS_MAX];
    bool service = *message->service != '\0';
    size_t count = life_steps(message->life, message->whatsapp, service, steps);
    size_t first = service ? 2 : 1; /* the step after "queued" */

    if (count < first || steps_reached(message, count, now_ms) < first)
        return 0;
    return message->created_ms + (int64_t)first * message->step_ms;
}

/* RFC 2822, as "Thu, 24 Aug 2023 05:01:45 +0000". */
static void add_date(cJSON *object, const char *name, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    char text[40];

    if (ms == 0) {
        cJSON_AddNullToObject(object, name);
        return;
    }
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &parts);
    cJSON_AddStringToObject(object, name, text);
}

static void add_text_or_null(cJSON *object, const char *name, const char *text)
{
    if (text && *text)
        cJSON_AddStringToObject(object, name, text);
    else
        cJSON_AddNullToObject(object, name);
}

static void add_number_text(cJSON *object, const char *name, unsigned number)
{
    char text[16];

    snprintf(text, sizeof text, "%u", number);
    cJSON_AddStringToObject(object, name, text);
}

static void add_status(cJSON *object, const struct life_step *step)
{
    cJSON_AddStringToObject(object, "status", step->status);
    if (step->error_code) {
        cJSON_AddNumberToObject(object, "error_code", step->error_code);
        cJSON_AddStringToObject(object, "error_message", life_error_text(step->error_code));
    } else {
        cJSON_AddNullToObject(object, "error_code");
        cJSON_AddNullToObject(object, "error_message");
    }
}

static void add_uris(cJSON *object, const struct message *message, const char *account_sid)
{
    cJSON *inner = cJSON_CreateObject();
    char uri[256];

    snprintf(uri, sizeof uri, "/2010-04-01/Accounts/%s/Messages/%s/Media.json", account_sid,
             message->sid);
    cJSON_AddStringToObject(inner, "media", uri);
    cJSON_AddItemToObject(object, "subresource_uris", inner);
    snprintf(uri, sizeof uri, "/2010-04-01/Accounts/%s/Messages/%s.json", account_sid,
             message->sid);
    cJSON_AddStringToObject(object, "uri", uri);
}

/* The last step that a reader of the resource knows: none at first, and never a word that the API
 * does not have. */
static const struct life_step *last_step(const struct life_step *steps, size_t reached)
{
    while (reached > 0 && strcmp(steps[reached - 1].status, "teleported") == 0)
        reached--;
    return reached > 0 ? &steps[reached - 1] : NULL;
}

/* An account may have the last digits of numbers blotted out. */
static void redact(char ret_to[static 64], const char *to, bool redacted)
{
    size_t length = strlen(to);

    snprintf(ret_to, 64, "%s", to);
    if (redacted && length > 4 && length < 64)
        memcpy(ret_to + length - 4, "XXXX", 4);
}

struct cJSON *resource_of_message(const struct message *message, const char *account_sid,
                                  int64_t now_ms, bool fresh)
{
    struct life_step steps[LIFE_STEPS_MAX];
    bool service = *message->service != '\0';
    size_t count = life_steps(message->life, message->whatsapp, service, steps);
    size_t reached = fresh ? 0 : steps_reached(message, count, now_ms);
    struct life_step begin = life_begin(message->life, service);
    const struct life_step *step = last_step(steps, reached);
    bool priced = !fresh && count > 0 && reached == count &&
                  now_ms - message->created_ms >= message->price_delay_ms;
    char to[64];
    cJSON *object = cJSON_CreateObject();

    add_text_or_null(object, "account_sid", account_sid);
    cJSON_AddStringToObject(object, "api_version", "2010-04-01");
    cJSON_AddStringToObject(object, "body", message->body);
    add_date(object, "date_created", message->created_ms);
    add_date(object, "date_sent", fresh ? 0 : resource_sent_ms(message, now_ms));
    add_date(object, "date_updated", message->created_ms + (int64_t)reached * message->step_ms);
    cJSON_AddStringToObject(object, "direction", "outbound-api");
    add_text_or_null(object, "from", message->from_hidden && reached == 0 ? NULL : message->from);
    add_text_or_null(object, "messaging_service_sid", message->service);
    add_number_text(object, "num_media", message->media);
    add_number_text(object, "num_segments", service && reached == 0 ? 0 : message->segments);
    add_text_or_null(object, "price", priced ? "-0.04500" : NULL);
    add_text_or_null(object, "price_unit", priced ? "USD" : NULL);
    cJSON_AddStringToObject(object, "sid", message->sid);
    add_status(object, step ? step : &begin);
    redact(to, message->to, !fresh && message->redacted);
    cJSON_AddStringToObject(object, "to", to);
    cJSON_AddNullToObject(object, "tags");
    add_uris(object, message, account_sid);
    return object;
}

struct cJSON *resource_of_error(int status, int code, const char *text)
{
    cJSON *object = cJSON_CreateObject();
    char link[64];

    snprintf(link, sizeof link, "https://www.twilio.com/docs/errors/%d", code);
    cJSON_AddNumberToObject(object, "code", code);
    cJSON_AddStringToObject(object, "message", text);
    cJSON_AddStringToObject(object, "more_info", link);
    cJSON_AddNumberToObject(object, "status", status);
    return object;
}

static void free_text(const void *data, size_t length, void *text)
{
    (void)data;
    (void)length;
    cJSON_free(text);
}

struct evbuffer *resource_print(struct cJSON *resource)
{
    struct evbuffer *buffer = evbuffer_new();
    char *text = cJSON_PrintUnformatted(resource);

    cJSON_Delete(resource);
    if (!buffer || !text)
        abort();
    evbuffer_add_reference(buffer, text, strlen(text), free_text, text);
    return buffer;
}
