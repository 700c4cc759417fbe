/** What all parts of the stand-in share: one event loop, one thread. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "callbacks.h"
#include "options.h"
#include "request_log.h"
#include "store.h"
#include "tls.h"

struct event_base;
struct evdns_base;
struct evhttp;

struct sandbox {
    struct event_base *base;
    struct evdns_base *dns;
    struct evhttp *http;
    struct options start; /* as the command line said; POST /sandbox/reset goes back to it */
    struct options now;
    struct store store;
    struct seen seen;
    struct request_log log;
    struct answers answers;
    struct callbacks callbacks;
    struct tls tls;
    uint64_t random_state;
};

int64_t sandbox_now_ms(void);

/* Repeatable with --seed. */
uint64_t sandbox_random(struct sandbox *sandbox);

/* True in so many of a hundred cases. */
bool sandbox_chance(struct sandbox *sandbox, double percent);

#endif
