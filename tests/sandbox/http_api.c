#include "http_api.h"

#include <cjson/cJSON.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check.h"
#include "control.h"
#include "list.h"
#include "message_resource.h"
#include "sandbox.h"

#define HUGE_PADDING ((size_t)10 * 1024 * 1024)

static void log_exchange(const struct exchange *exchange, const struct answer *answer)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(exchange->request);
    struct log_entry entry = {
        .time_ms = exchange->time_ms,
        .method = exchange->method,
        .path = exchange->path,
        .params = &exchange->params,
        .status = answer->end == END_CLOSED || answer->end == END_NEVER ? 0 : answer->status,
        .sid = exchange->sid,
        .behaviour = exchange->behaviour,
        .signature = evhttp_find_header(headers, "X-Twilio-Signature"),
        .token = evhttp_find_header(headers, "I-Twilio-Idempotency-Token"),
    };

    request_log_add(&exchange->sandbox->log, &entry);
}

void exchange_answer(struct exchange *exchange, const struct answer *answer)
{
    log_exchange(exchange, answer);
    answer_send(exchange->sandbox, exchange->request, answer);
}

void exchange_json(struct exchange *exchange, int status, struct cJSON *body)
{
    struct answer answer = {
        .status = status,
        .body = resource_print(body),
        .delay_ms = exchange->sandbox->now.delay_ms,
    };

    exchange_answer(exchange, &answer);
}

void exchange_error(struct exchange *exchange, int status, int code, const char *text)
{
    exchange_json(exchange, status, resource_of_error(status, code, text));
}

bool exchange_read_form(struct exchange *exchange)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const char *type =
        evhttp_find_header(evhttp_request_get_input_headers(exchange->request), "Content-Type");
    struct evbuffer *body = evhttp_request_get_input_buffer(exchange->request);
    size_t length = evbuffer_get_length(body);
    const char *text = length > 0 ? (const char *)evbuffer_pullup(body, -1) : "";

    if (!type || strncasecmp(type, form, sizeof form - 1) != 0) {
        exchange_error(exchange, 415, 20001, "The body must be application/x-www-form-urlencoded");
        return false;
    }
    if (!params_parse(&exchange->params, text, length)) {
        exchange_error(exchange, 400, 20001, "The body is no form that can be read");
        return false;
    }
    return true;
}

bool exchange_read_query(struct exchange *exchange)
{
    if (params_parse(&exchange->params, exchange->query, strlen(exchange->query)))
        return true;
    exchange_error(exchange, 400, 20001, "The query cannot be read");
    return false;
}

static bool credentials_are(const char *header, const char *user, const char *password)
{
    char plain[512];
    unsigned char encoded[700];
    int length = snprintf(plain, sizeof plain, "%s:%s", user, password);

    if (!*user || length < 0 || (size_t)length >= sizeof plain)
        return false;
    EVP_EncodeBlock(encoded, (const unsigned char *)plain, length);
    return strcmp(header, (const char *)encoded) == 0;
}

static bool is_authorized(const struct exchange *exchange)
{
    const struct options *options = &exchange->sandbox->now;
    const char *header =
        evhttp_find_header(evhttp_request_get_input_headers(exchange->request), "Authorization");

    if (!header || strncasecmp(header, "Basic ", 6) != 0)
        return false;
    header += 6 + strspn(header + 6, " ");
    return credentials_are(header, options->account_sid, options->auth_token) ||
           credentials_are(header, options->api_key, options->api_key_secret);
}

static const char *error_text(int code)
{
    switch (code) {
    case 20003:
        return "Authenticate";
    case 20403:
        return "Forbidden";
    case 20429:
        return "Too Many Requests";
    case 20500:
        return "Internal Server Error";
    case 20503:
        return "Service Unavailable";
    case 21610:
        return "Attempt to send to unsubscribed recipient";
    default:
        return "Error";
    }
}

static struct evbuffer *text_body(const char *text)
{
    struct evbuffer *body = evbuffer_new();

    if (!body || evbuffer_add(body, text, strlen(text)) != 0)
        abort();
    return body;
}

static struct evbuffer *message_body(struct exchange *exchange, const struct message *message,
                                     size_t padding)
{
    cJSON *resource =
        resource_of_message(message, exchange->sandbox->now.account_sid, exchange->time_ms, true);

    if (padding > 0) {
        char *text = malloc(padding + 1);

        if (!text)
            abort();
        memset(text, 'x', padding);
        text[padding] = '\0';
        cJSON_AddStringToObject(resource, "padding", text);
        free(text);
    }
    return resource_print(resource);
}

/* What the behaviour has to say about a message; NULL for one that was not taken. */
static struct answer answer_of(struct exchange *exchange, const struct behaviour *behaviour,
                               const struct message *message)
{
    const struct options *options = &exchange->sandbox->now;
    struct answer answer = {
        .status = 201,
        .delay_ms = options->delay_ms + (behaviour->slow ? options->slow_ms : 0),
        .stray = behaviour->stray,
        .stray_fin = behaviour->stray_fin,
    };

    switch (behaviour->answer) {
    case ANSWERS_MESSAGE:
    case ANSWERS_TRUNCATED:
        answer.end = behaviour->answer == ANSWERS_TRUNCATED ? END_TRUNCATED : END_ANSWERED;
        answer.body = message_body(exchange, message, 0);
        break;
    case ANSWERS_HUGE:
        answer.body = message_body(exchange, message, HUGE_PADDING);
        break;
    case ANSWERS_ERROR:
        answer.status = behaviour->status;
        answer.body = resource_print(
            resource_of_error(behaviour->status, behaviour->code, error_text(behaviour->code)));
        break;
    case ANSWERS_GARBAGE:
        answer.status = 200;
        answer.content_type = "text/html";
        answer.body = text_body("<html><body><h1>It works!</h1></body></html>\n");
        break;
    case ANSWERS_OTHER:
        answer.body = text_body("{\"hello\":\"world\"}");
        break;
    case ANSWERS_TEXT:
        answer.status = behaviour->status;
        answer.content_type = "text/plain";
        answer.body = text_body("Bad request, says a proxy in between.\n");
        break;
    case ANSWERS_REDIRECT:
        answer.status = 302;
        answer.location = "/2010-04-01/moved.json";
        break;
    case ANSWERS_CLOSE:
        answer.end = END_CLOSED;
        break;
    case ANSWERS_NEVER:
        answer.end = END_NEVER;
        break;
    }
    return answer;
}

/* The recipient's own behaviour; for recipients without one, what chance says. */
static const struct behaviour *choose_behaviour(struct sandbox *sandbox,
                                                const struct message *message, bool template)
{
    const struct behaviour *behaviour = behaviour_of_recipient(message->to);
    const struct fail_rules *fail = &sandbox->now.fail;

    for (size_t i = 0; i < fail->count && strcmp(behaviour->kind, "normal") == 0; i++) {
        if (sandbox_chance(sandbox, fail->rules[i].percent))
            behaviour = fail->rules[i].behaviour;
    }
    if ((behaviour->whatsapp_only && !message->whatsapp) ||
        (behaviour->free_text_only && template) ||
        (behaviour->once && !seen_add(&sandbox->seen, message->to, message->body)))
        behaviour = behaviour_of_kind("normal", strlen("normal"));
    return behaviour;
}

static void release(void *held)
{
    answer_release(held);
}

static void take_message(struct exchange *exchange, struct message *draft,
                         const struct behaviour *behaviour)
{
    struct sandbox *sandbox = exchange->sandbox;
    struct message *message;
    struct answer answer;
    struct held_answer *held;

    draft->created_ms = exchange->time_ms - (int64_t)sandbox->now.age_s * 1000;
    draft->price_delay_ms = sandbox->now.price_delay_ms;
    draft->redacted = sandbox->now.redact;
    draft->step_ms = sandbox->now.callback_delay_ms;
    draft->life = behaviour->life;
    message = store_add(&sandbox->store, draft);
    if (!message)
        abort();
    exchange->sid = message->sid;
    answer = answer_of(exchange, behaviour, message);
    if (!behaviour->early_callbacks && !sandbox->now.early_callbacks) {
        callbacks_begin(sandbox, message, behaviour, NULL, NULL);
        log_exchange(exchange, &answer);
        if (sandbox->now.together)
            answer_send_together(sandbox, exchange->request, &answer, sandbox->now.together);
        else
            answer_send(sandbox, exchange->request, &answer);
        return;
    }
    log_exchange(exchange, &answer);
    held = answer_hold(sandbox, exchange->request, &answer);
    if (!callbacks_begin(sandbox, message, behaviour, release, held))
        answer_release(held);
}

static void create_message(struct exchange *exchange)
{
    struct sandbox *sandbox = exchange->sandbox;
    const struct behaviour *behaviour;
    struct refusal refusal;
    struct draft draft;

    if (!exchange_read_form(exchange))
        return;
    if (!check_message(&sandbox->now, &exchange->params, &draft, &refusal)) {
        exchange_error(exchange, refusal.status, refusal.code, refusal.text);
        return;
    }
    behaviour = choose_behaviour(sandbox, &draft.message,
                                 params_get(&exchange->params, "ContentSid") != NULL);
    exchange->behaviour = behaviour->kind;
    if (behaviour->not_taken) {
        struct answer answer = answer_of(exchange, behaviour, NULL);

        exchange_answer(exchange, &answer);
    } else {
        take_message(exchange, &draft.message, behaviour);
    }
    draft_release(&draft);
}

static void not_found(struct exchange *exchange)
{
    char text[256];

    snprintf(text, sizeof text, "The requested resource %.200s was not found", exchange->path);
    exchange_error(exchange, 404, 20404, text);
}

/* rest: ".../Messages/" is behind us. */
static void fetch_message(struct exchange *exchange, const char *rest)
{
    struct sandbox *sandbox = exchange->sandbox;
    const struct message *message = NULL;
    char sid[SID_SIZE] = "";

    if (strlen(rest) == SID_SIZE - 1 + strlen(".json") &&
        strcmp(rest + SID_SIZE - 1, ".json") == 0) {
        memcpy(sid, rest, SID_SIZE - 1);
        message = store_find(&sandbox->store, sid);
    }
    if (!message) {
        not_found(exchange);
        return;
    }
    exchange->sid = message->sid;
    exchange_json(exchange, 200,
                  resource_of_message(message, sandbox->now.account_sid, exchange->time_ms, false));
}

static void read_messages(struct exchange *exchange, const char *rest)
{
    if (!exchange_read_query(exchange))
        return;
    if (sandbox_chance(exchange->sandbox, exchange->sandbox->now.get_429))
        exchange_error(exchange, 429, 20429, error_text(20429));
    else if (strcmp(rest, ".json") == 0)
        list_messages(exchange);
    else
        fetch_message(exchange, rest + 1);
}

/* rest: "/2010-04-01/Accounts/" is behind us. */
static void handle_account(struct exchange *exchange, const char *rest)
{
    const char *sid = exchange->sandbox->now.account_sid;
    size_t length = strlen(sid);

    if (!is_authorized(exchange)) {
        exchange_error(exchange, 401, 20003, error_text(20003));
        return;
    }
    if (strncmp(rest, sid, length) != 0 || strncmp(rest + length, "/Messages", 9) != 0) {
        not_found(exchange);
        return;
    }
    rest += length + 9;
    if (strcmp(rest, ".json") != 0 && rest[0] != '/')
        not_found(exchange);
    else if (strcmp(exchange->method, "GET") == 0)
        read_messages(exchange, rest);
    else if (strcmp(exchange->method, "POST") == 0 && rest[0] == '.')
        create_message(exchange);
    else
        exchange_error(exchange, 405, 20004, "Method not allowed");
}

static const char *method_name(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_POST:
        return "POST";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_PUT:
        return "PUT";
    case EVHTTP_REQ_DELETE:
        return "DELETE";
    default:
        return "OTHER";
    }
}

void http_api_handle(struct evhttp_request *request, void *argument)
{
    static const char accounts[] = "/2010-04-01/Accounts/";
    const char *uri = evhttp_request_get_uri(request);
    size_t path_length = strcspn(uri, "?");
    struct exchange exchange = {
        .sandbox = argument,
        .request = request,
        .method = method_name(request),
        .path = strndup(uri, path_length),
        .query = uri[path_length] == '?' ? uri + path_length + 1 : "",
        .time_ms = sandbox_now_ms(),
    };

    if (!exchange.path)
        abort();
    if (strncmp(exchange.path, "/sandbox/", 9) == 0)
        control_handle(&exchange);
    else if (strncmp(exchange.path, accounts, sizeof accounts - 1) == 0)
        handle_account(&exchange, exchange.path + sizeof accounts - 1);
    else
        not_found(&exchange);
    params_clear(&exchange.params);
    free(exchange.path);
}
