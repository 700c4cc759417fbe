#include "control.h"

#include <cjson/cJSON.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_api.h"
#include "message_resource.h"
#include "sandbox.h"

static void answer_ok(struct exchange *exchange)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddBoolToObject(object, "ok", 1);
    exchange_json(exchange, 200, object);
}

static void show_messages(struct exchange *exchange)
{
    const struct sandbox *sandbox = exchange->sandbox;
    struct evbuffer *body = evbuffer_new();
    struct answer answer = {.status = 200, .content_type = "application/x-ndjson", .body = body};

    if (!body)
        abort();
    for (uint64_t i = sandbox->store.first; i < sandbox->store.next; i++) {
        const struct message *message = store_at(&sandbox->store, i);
        cJSON *object =
            resource_of_message(message, sandbox->now.account_sid, exchange->time_ms, false);
        struct evbuffer *line;

        cJSON_AddStringToObject(object, "status_callback", message->status_callback);
        cJSON_AddNumberToObject(object, "callbacks_made", message->callbacks_made);
        line = resource_print(object);
        evbuffer_add_buffer(body, line);
        evbuffer_add(body, "\n", 1);
        evbuffer_free(line);
    }
    exchange_answer(exchange, &answer);
}

static long query_number(struct exchange *exchange, const char *name, long initial)
{
    const char *text = params_get(&exchange->params, name);

    return text ? strtol(text, NULL, 10) : initial;
}

static void show_requests(struct exchange *exchange)
{
    if (exchange_read_query(exchange))
        exchange_json(
            exchange, 200,
            request_log_counts(&exchange->sandbox->log, query_number(exchange, "since", 0)));
}

static void reset(struct exchange *exchange)
{
    struct sandbox *sandbox = exchange->sandbox;
    struct options options;

    if (!options_copy(&options, &sandbox->start))
        abort();
    options_release(&sandbox->now);
    sandbox->now = options;
    callbacks_clear(&sandbox->callbacks);
    store_clear(&sandbox->store);
    seen_clear(&sandbox->seen);
    request_log_reset(&sandbox->log);
    answer_ok(exchange);
}

static void configure(struct exchange *exchange)
{
    struct sandbox *sandbox = exchange->sandbox;
    struct options options;
    char text[128];

    if (!exchange_read_form(exchange))
        return;
    if (!options_copy(&options, &sandbox->now))
        abort();
    for (size_t i = 0; i < exchange->params.count; i++) {
        const struct param *param = &exchange->params.items[i];

        if (options_change(&options, param->name, param->value))
            continue;
        options_release(&options);
        snprintf(text, sizeof text, "Cannot set option '%.64s'", param->name);
        exchange_error(exchange, 400, 20001, text);
        return;
    }
    options_release(&sandbox->now);
    sandbox->now = options;
    answer_ok(exchange);
}

/* Takes anything, so that its parameters and signature stand in the log. */
static void sink(struct exchange *exchange)
{
    struct answer answer = {.status = 200, .content_type = "text/plain"};

    if (!exchange_read_query(exchange))
        return;
    answer.status = (int)query_number(exchange, "status", 200);
    answer.delay_ms = query_number(exchange, "delay_ms", 0);
    params_clear(&exchange->params); /* the log shows the form */
    if (answer.status < 200 || answer.status > 599 || answer.delay_ms < 0)
        exchange_error(exchange, 400, 20001, "Invalid status or delay_ms");
    else if (exchange_read_form(exchange))
        exchange_answer(exchange, &answer);
}

void control_handle(struct exchange *exchange)
{
    static const struct {
        const char *method, *path;
        void (*handle)(struct exchange *);
    } routes[] = {
        {"GET", "/sandbox/messages", show_messages},
        {"GET", "/sandbox/requests", show_requests},
        {"POST", "/sandbox/reset", reset},
        {"POST", "/sandbox/config", configure},
        {"POST", "/sandbox/sink", sink},
    };

    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(routes[i].method, exchange->method) == 0 &&
            strcmp(routes[i].path, exchange->path) == 0) {
            routes[i].handle(exchange);
            return;
        }
    }
    exchange_error(exchange, 404, 20404, "There is no such page of the sandbox");
}
