/**
 * Sending answers: at once, later, when released, in part, or never.
 */
#ifndef SANDBOX_ANSWER_H
#define SANDBOX_ANSWER_H

#include <stdbool.h>
#include <sys/queue.h>

struct evbuffer;
struct evhttp_request;
struct sandbox;

enum answer_end {
    END_ANSWERED,
    END_TRUNCATED, /* announces all of the body, sends half of it, closes */
    END_CLOSED,    /* closes the connection without a byte */
    END_NEVER,     /* holds the connection until the client closes it */
};

struct answer {
    int status;
    const char *content_type; /* NULL: application/json */
    const char *location;     /* NULL: no such header */
    struct evbuffer *body;    /* taken over; NULL: empty */
    enum answer_end end;
    long delay_ms;
    const char *stray; /* NULL: nothing; what comes 20 ms behind the answer, unasked */
    bool stray_fin;    /* and that nothing more will */
};

struct held_answer;
TAILQ_HEAD(answers, held_answer);

void answers_init(struct answers *answers);

/* Takes over request and body. */
void answer_send(struct sandbox *sandbox, struct evhttp_request *request,
                 const struct answer *answer);

/* Like answer_send, but waits for answer_release, which then counts delay_ms from there. */
struct held_answer *answer_hold(struct sandbox *sandbox, struct evhttp_request *request,
                                const struct answer *answer);
void answer_release(struct held_answer *held);

/* Like answer_send, but waits until n are sent in this way. */
void answer_send_together(struct sandbox *sandbox, struct evhttp_request *request,
                          const struct answer *answer, long n);

/* Drops what is still held; to be called before the HTTP server is freed, which frees the requests.
 */
void answers_clear(struct answers *answers);

#endif
