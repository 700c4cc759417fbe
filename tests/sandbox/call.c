#include "call.h"

#include <ctype.h>
#include <event2/buffer.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "sandbox.h"
#include "url.h"

#define RETRY_PAUSE_MS 100

static void on_timer(evutil_socket_t fd, short what, void *argument);

/* RFC 9562, version 4. */
static void make_token(char *ret_token, size_t room)
{
    unsigned char r[16];

    if (RAND_bytes(r, sizeof r) != 1)
        abort();
    snprintf(ret_token, room, "%02x%02x%02x%02x-%02x%02x-4%x%02x-%x%x%02x-%02x%02x%02x%02x%02x%02x",
             r[0], r[1], r[2], r[3], r[4], r[5], r[6] & 15, r[7], 8 | (r[8] & 3), r[8] >> 4, r[9],
             r[10], r[11], r[12], r[13], r[14], r[15]);
}

struct call *call_new(struct sandbox *sandbox, const struct url *url, const struct params *params,
                      const char *sid, void (*done)(struct call *), void *argument)
{
    struct call *call = calloc(1, sizeof *call);

    if (!call)
        abort();
    call->sandbox = sandbox;
    call->url = url;
    call->sid = sid;
    call->done = done;
    call->argument = argument;
    call->retries_left = url->retries;
    for (size_t i = 0; i < params->count; i++)
        params_add(&call->params, params->items[i].name, params->items[i].value);
    call->body = params_encode(params);
    call->timer = evtimer_new(sandbox->base, on_timer, call);
    make_token(call->token, sizeof call->token);
    if (!call->body || !call->timer ||
        !signature_make(call->signature, sandbox->now.auth_token, url->to_sign, params))
        abort();
    return call;
}

void *call_argument(const struct call *call)
{
    return call->argument;
}

static void close_stream(struct call *call)
{
    if (call->stream)
        bufferevent_free(call->stream);
    call->stream = NULL;
}

static void set_timer(struct call *call, int64_t ms)
{
    int64_t left = call->begun_ms + call->url->total_ms - sandbox_now_ms();
    int64_t wait = ms < left ? ms : left;
    struct timeval delay = {0};

    if (wait > 0)
        delay = (struct timeval){.tv_sec = wait / 1000, .tv_usec = wait % 1000 * 1000};
    evtimer_add(call->timer, &delay);
}

/* With user information first without it, then after a 401 with it: as Twilio does. */
static char *authorization(const struct call *call)
{
    size_t length = 0;
    char *plain, *encoded;

    if (!call->authorized)
        return strdup("");
    plain = evhttp_uridecode(call->url->userinfo, 0, &length);
    encoded = malloc(sizeof "Authorization: Basic \r\n" + 4 * (length / 3 + 1) + 1);
    if (plain && encoded) {
        char *out = stpcpy(encoded, "Authorization: Basic ");

        out += EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)plain, (int)length);
        memcpy(out, "\r\n", 3);
    }
    free(plain);
    return encoded;
}

static void write_request(struct call *call)
{
    char *authorized = authorization(call);

    if (!authorized)
        abort();
    evbuffer_add_printf(bufferevent_get_output(call->stream),
                        "POST %s HTTP/1.1\r\n"
                        "Host: %s\r\n"
                        "User-Agent: TwilioProxy/1.1\r\n"
                        "Accept: */*\r\n"
                        "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
                        "Content-Length: %zu\r\n"
                        "X-Twilio-Signature: %s\r\n"
                        "I-Twilio-Idempotency-Token: %s\r\n"
                        "%s"
                        "Connection: close\r\n\r\n"
                        "%s",
                        call->url->target, call->url->authority, strlen(call->body),
                        call->signature, call->token, authorized, call->body);
    free(authorized);
}

static void log_attempt(const struct call *call, enum call_outcome outcome)
{
    static const char *const words[] = {"answered", "connect", "read"};
    int64_t now = sandbox_now_ms();
    const struct log_entry entry = {
        .callback = true,
        .time_ms = call->attempt_ms,
        .path = call->url->to_sign,
        .params = &call->params,
        .status = outcome == CALL_ANSWERED ? call->status : 0,
        .sid = call->sid,
        .outcome = words[outcome],
        .signature = call->signature,
        .token = call->token,
        .attempt = call->attempt,
        .took_ms = now - call->attempt_ms,
    };

    request_log_add(&call->sandbox->log, &entry);
}

static unsigned retry_class(const struct call *call, enum call_outcome outcome)
{
    if (outcome == CALL_NO_CONNECTION)
        return URL_RETRY_CONNECT;
    if (outcome == CALL_NO_ANSWER)
        return URL_RETRY_READ;
    if (call->status >= 500)
        return URL_RETRY_5XX;
    return call->status >= 400 ? URL_RETRY_4XX : 0;
}

static void leave_place(struct call *call)
{
    struct callbacks *callbacks = &call->sandbox->callbacks;
    struct call *next;

    if (!call->placed)
        return;
    call->placed = false;
    callbacks->active--;
    next = TAILQ_FIRST(&callbacks->waiting);
    if (next) {
        TAILQ_REMOVE(&callbacks->waiting, next, waiting);
        call_submit(next);
    }
}

static void end_attempt(struct call *call, enum call_outcome outcome)
{
    int64_t left = call->begun_ms + call->url->total_ms - sandbox_now_ms();

    evtimer_del(call->timer);
    close_stream(call);
    call->phase = CALL_IDLE;
    log_attempt(call, outcome);
    if (outcome == CALL_ANSWERED && call->status == 401 && call->url->userinfo &&
        !call->authorized) {
        call->authorized = true;
        set_timer(call, 0);
        return;
    }
    if ((call->url->retry_on & retry_class(call, outcome)) && call->retries_left > 0 &&
        left > RETRY_PAUSE_MS) {
        call->retries_left--;
        set_timer(call, RETRY_PAUSE_MS);
        return;
    }
    leave_place(call);
    call->done(call);
}

/* "HTTP/1.1 200 OK"; an interim answer is passed over. */
static void read_status(struct call *call, const char *line)
{
    char *end = NULL;
    long status =
        strncmp(line, "HTTP/1.", 7) == 0 && strlen(line) > 9 ? strtol(line + 9, &end, 10) : 0;

    call->status = status >= 100 && status <= 999 ? (int)status : -1;
    call->phase = CALL_HEADERS;
    call->body_left = -1;
    call->chunked = false;
}

static void read_header(struct call *call, const char *line)
{
    if (strncasecmp(line, "Content-Length:", 15) == 0)
        call->body_left = strtol(line + 15, NULL, 10);
    else if (strncasecmp(line, "Transfer-Encoding:", 18) == 0)
        call->chunked = true;
    else if (*line == '\0' && call->status < 200)
        call->phase = CALL_STATUS;
    else if (*line == '\0')
        call->phase = CALL_BODY;
    if (call->phase == CALL_BODY && (call->status == 204 || call->status == 304))
        call->body_left = 0;
}

/* True: the answer is complete. What it says is of no interest. */
static bool read_body(struct call *call, struct evbuffer *input)
{
    size_t length = evbuffer_get_length(input);

    if (call->chunked && length > 0) {
        const unsigned char *bytes = evbuffer_pullup(input, -1);

        for (size_t i = length > 5 ? length - 5 : 0; i < length; i++) {
            memmove(call->tail, call->tail + 1, 4);
            call->tail[4] = (char)bytes[i];
        }
    }
    evbuffer_drain(input, length);
    if (call->chunked)
        return memcmp(call->tail, "0\r\n\r\n", 5) == 0;
    if (call->body_left < 0)
        return false;
    call->body_left -= (int64_t)length < call->body_left ? (int64_t)length : call->body_left;
    return call->body_left == 0;
}

static void on_read(struct bufferevent *stream, void *argument)
{
    struct call *call = argument;
    struct evbuffer *input = bufferevent_get_input(stream);

    set_timer(call, call->url->read_ms);
    while (call->phase == CALL_STATUS || call->phase == CALL_HEADERS) {
        char *line = evbuffer_readln(input, NULL, EVBUFFER_EOL_CRLF);

        if (!line)
            return;
        if (call->phase == CALL_STATUS)
            read_status(call, line);
        else
            read_header(call, line);
        free(line);
        if (call->status < 0) {
            end_attempt(call, CALL_NO_ANSWER);
            return;
        }
    }
    if (call->phase == CALL_BODY && read_body(call, input))
        end_attempt(call, CALL_ANSWERED);
}

static void on_event(struct bufferevent *stream, short what, void *argument)
{
    struct call *call = argument;

    (void)stream;
    if (what & BEV_EVENT_CONNECTED) {
        call->phase = CALL_STATUS;
        set_timer(call, call->url->read_ms);
        write_request(call);
        return;
    }
    if (call->phase == CALL_CONNECTING)
        end_attempt(call, CALL_NO_CONNECTION);
    else if (call->phase == CALL_BODY && call->body_left < 0 && !call->chunked)
        end_attempt(call, CALL_ANSWERED); /* a body that ends with its connection */
    else
        end_attempt(call, CALL_NO_ANSWER);
}

static struct bufferevent *open_stream(struct call *call)
{
    struct sandbox *sandbox = call->sandbox;

    if (call->url->https)
        return tls_connect_stream(&sandbox->tls, sandbox->base, call->url->host,
                                  sandbox->now.callback_verify);
    return bufferevent_socket_new(sandbox->base, -1,
                                  BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
}

static void begin_attempt(struct call *call)
{
    /* A name is looked up for IPv4 only: libevent tries no second address, and "localhost" is often
     * listened on at 127.0.0.1 alone. */
    int family = strchr(call->url->host, ':') ? AF_INET6 : AF_INET;

    call->attempt++;
    call->attempt_ms = sandbox_now_ms();
    call->status = 0;
    memset(call->tail, 0, sizeof call->tail);
    call->phase = CALL_CONNECTING;
    call->stream = open_stream(call);
    if (!call->stream)
        abort();
    bufferevent_setcb(call->stream, on_read, NULL, on_event, call);
    bufferevent_enable(call->stream, EV_READ | EV_WRITE);
    set_timer(call, call->url->connect_ms);
    if (bufferevent_socket_connect_hostname(call->stream, call->sandbox->dns, family,
                                            call->url->host, call->url->port) != 0)
        set_timer(call, 0);
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    struct call *call = argument;

    (void)fd;
    (void)what;
    if (call->phase == CALL_IDLE)
        begin_attempt(call);
    else
        end_attempt(call, call->phase == CALL_CONNECTING ? CALL_NO_CONNECTION : CALL_NO_ANSWER);
}

void call_submit(struct call *call)
{
    struct callbacks *callbacks = &call->sandbox->callbacks;

    if (callbacks->active >= call->sandbox->now.callback_concurrency) {
        call->phase = CALL_WAITING;
        TAILQ_INSERT_TAIL(&callbacks->waiting, call, waiting);
        return;
    }
    callbacks->active++;
    call->placed = true;
    call->phase = CALL_IDLE;
    call->begun_ms = sandbox_now_ms();
    set_timer(call, 0);
}

void call_free(struct call *call)
{
    if (call->phase == CALL_WAITING)
        TAILQ_REMOVE(&call->sandbox->callbacks.waiting, call, waiting);
    leave_place(call);
    close_stream(call);
    event_free(call->timer);
    params_clear(&call->params);
    free(call->body);
    free(call);
}
