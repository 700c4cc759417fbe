#include "answer.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox.h"

struct held_answer {
    TAILQ_ENTRY(held_answer) entry;
    struct sandbox *sandbox;
    struct evhttp_request *request;
    struct answer answer;
    struct event *wake; /* a timer, or the client's going */
    bool waits_for_others;
};

void answers_init(struct answers *answers)
{
    TAILQ_INIT(answers);
}

static void add_headers(struct evhttp_request *request, const struct answer *answer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    char request_id[SID_SIZE];

    sid_make(request_id, "RQ");
    evhttp_add_header(headers, "Content-Type",
                      answer->content_type ? answer->content_type : "application/json");
    evhttp_add_header(headers, "Twilio-Request-Id", request_id);
    evhttp_add_header(headers, "Twilio-Concurrent-Requests", "1");
    if (answer->location)
        evhttp_add_header(headers, "Location", answer->location);
    if (answer->status == 401)
        evhttp_add_header(headers, "WWW-Authenticate", "Basic realm=\"Twilio API\"");
}

static void send_half(struct evhttp_request *request, const struct answer *answer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *half = evbuffer_new();
    size_t length = evbuffer_get_length(answer->body);
    char announced[24];

    snprintf(announced, sizeof announced, "%zu", length);
    evhttp_add_header(headers, "Content-Length", announced);
    evhttp_add_header(headers, "Connection", "close");
    evbuffer_remove_buffer(answer->body, half, length / 2);
    evhttp_send_reply(request, answer->status, NULL, half);
    evbuffer_free(half);
}

/* What has been answered leaves its connection, which may be gone when the time comes. */
struct stray {
    const char *text;
    bool fin;
    evutil_socket_t fd; /* a duplicate: ours to close */
    SSL *tls;           /* with a reference of our own; NULL: plain */
    struct event *wake;
};

#define STRAY_DELAY_US 20000

static void on_stray(evutil_socket_t fd, short what, void *argument)
{
    struct stray *stray = argument;
    int length = (int)strlen(stray->text);

    (void)fd;
    (void)what;
    if (stray->tls)
        SSL_write(stray->tls, stray->text, length);
    else if (write(stray->fd, stray->text, (size_t)length) < 0)
        stray->fin = false;
    if (stray->fin && stray->tls)
        SSL_shutdown(stray->tls);
    if (stray->fin)
        shutdown(stray->fd, SHUT_WR);
    SSL_free(stray->tls);
    close(stray->fd);
    event_free(stray->wake);
    free(stray);
}

/* Past the server's own buffers, which know of answers only. */
static void send_stray(struct evhttp_connection *connection, const struct answer *answer)
{
    const struct timeval delay = {.tv_usec = STRAY_DELAY_US};
    struct bufferevent *stream = evhttp_connection_get_bufferevent(connection);
    struct stray *stray = calloc(1, sizeof *stray);

    if (!stray)
        abort();
    *stray = (struct stray){.text = answer->stray,
                            .fin = answer->stray_fin,
                            .fd = dup(bufferevent_getfd(stream)),
                            .tls = bufferevent_openssl_get_ssl(stream)};
    if (stray->tls)
        SSL_up_ref(stray->tls);
    stray->wake = evtimer_new(bufferevent_get_base(stream), on_stray, stray);
    if (stray->fd < 0 || !stray->wake)
        abort();
    evtimer_add(stray->wake, &delay);
}

static void deliver(struct evhttp_request *request, const struct answer *answer)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);

    if (!connection) {
        evhttp_request_free(request); /* the client went away while we waited */
    } else if (answer->end == END_CLOSED || answer->end == END_NEVER) {
        evhttp_connection_free(connection);
    } else {
        add_headers(request, answer);
        if (answer->end == END_TRUNCATED)
            send_half(request, answer);
        else
            evhttp_send_reply(request, answer->status, NULL, answer->body);
        if (answer->stray)
            send_stray(connection, answer);
    }
    if (answer->body)
        evbuffer_free(answer->body);
}

static void held_free(struct held_answer *held)
{
    TAILQ_REMOVE(&held->sandbox->answers, held, entry);
    if (held->wake)
        event_free(held->wake);
    free(held);
}

static void on_wake(evutil_socket_t fd, short what, void *argument)
{
    struct held_answer *held = argument;

    (void)fd;
    (void)what;
    deliver(held->request, &held->answer);
    held_free(held);
}

struct held_answer *answer_hold(struct sandbox *sandbox, struct evhttp_request *request,
                                const struct answer *answer)
{
    struct held_answer *held = calloc(1, sizeof *held);

    if (!held)
        abort();
    held->sandbox = sandbox;
    held->request = request;
    held->answer = *answer;
    TAILQ_INSERT_TAIL(&sandbox->answers, held, entry);
    return held;
}

/* The server does not read while it owes an answer, so it would not notice the client's going: ask
 * the kernel for it. */
static void wait_for_client_to_go(struct held_answer *held)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(held->request);
    struct bufferevent *stream = connection ? evhttp_connection_get_bufferevent(connection) : NULL;

    if (!stream)
        return;
    held->wake =
        event_new(held->sandbox->base, bufferevent_getfd(stream), EV_CLOSED, on_wake, held);
    if (held->wake)
        event_add(held->wake, NULL);
}

void answer_release(struct held_answer *held)
{
    long ms = held->answer.delay_ms;
    struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    if (held->answer.end == END_NEVER) {
        wait_for_client_to_go(held);
        return;
    }
    held->wake = evtimer_new(held->sandbox->base, on_wake, held);
    if (held->wake)
        evtimer_add(held->wake, &delay);
}

void answer_send(struct sandbox *sandbox, struct evhttp_request *request,
                 const struct answer *answer)
{
    /* A connection must not be freed from within its own request's handler, hence the detour. */
    if (answer->delay_ms > 0 || answer->end == END_CLOSED || answer->end == END_NEVER)
        answer_release(answer_hold(sandbox, request, answer));
    else
        deliver(request, answer);
}

void answer_send_together(struct sandbox *sandbox, struct evhttp_request *request,
                          const struct answer *answer, long n)
{
    struct held_answer *held;

    answer_hold(sandbox, request, answer)->waits_for_others = true;
    TAILQ_FOREACH (held, &sandbox->answers, entry)
        n -= held->waits_for_others;
    if (n > 0)
        return;
    TAILQ_FOREACH (held, &sandbox->answers, entry) {
        if (held->waits_for_others)
            answer_release(held);
        held->waits_for_others = false;
    }
}

void answers_clear(struct answers *answers)
{
    struct held_answer *held, *next;

    for (held = TAILQ_FIRST(answers); held; held = next) {
        next = TAILQ_NEXT(held, entry);
        if (!evhttp_request_get_connection(held->request))
            evhttp_request_free(held->request);
        if (held->answer.body)
            evbuffer_free(held->answer.body);
        held_free(held);
    }
}
