/**
 * One callback: a signed POST with its retries, as Twilio's connection overrides say.
 *
 * By default one retry, only when no connection or TLS session came about; at most 15 s in all.
 * A redirection is an answer like another: it is not followed. A 401 is answered once with the user
 * information of the address.
 * Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
 */
#ifndef SANDBOX_CALL_H
#define SANDBOX_CALL_H

#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "params.h"
#include "signature.h"

struct sandbox;
struct url;

enum call_outcome { CALL_ANSWERED, CALL_NO_CONNECTION, CALL_NO_ANSWER };

enum call_phase {
    CALL_IDLE,    /* before the first attempt, and between two */
    CALL_WAITING, /* for a place */
    CALL_CONNECTING,
    CALL_STATUS, /* reads the status line */
    CALL_HEADERS,
    CALL_BODY,
};

struct call {
    TAILQ_ENTRY(call) of_plan; /* the owner's */
    TAILQ_ENTRY(call) waiting;
    struct sandbox *sandbox;
    const struct url *url; /* the owner's, lives longer */
    const char *sid;       /* the same */
    struct params params;
    char *body;
    char signature[SIGNATURE_SIZE], token[40];
    void (*done)(struct call *);
    void *argument;

    enum call_phase phase;
    bool placed;     /* holds one of the places */
    bool authorized; /* the user information goes along */
    unsigned attempt;
    long retries_left;
    int64_t begun_ms, attempt_ms;
    struct bufferevent *stream;
    struct event *timer;

    int status;        /* of the answer; 0: none yet */
    int64_t body_left; /* -1: until the connection ends */
    bool chunked;
    char tail[5]; /* the last bytes of a chunked body */
};

/* Copies params. done is called once, from the event loop, and may free the call. */
struct call *call_new(struct sandbox *sandbox, const struct url *url, const struct params *params,
                      const char *sid, void (*done)(struct call *), void *argument);

/* Begins as soon as fewer than --callback-concurrency calls are under way. */
void call_submit(struct call *call);

void *call_argument(const struct call *call);

/* At any time; breaks off what is under way, without calling done. */
void call_free(struct call *call);

#endif
