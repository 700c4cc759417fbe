/**
 * The requests of the benchmarks, each new: number n is always the same request, and no two numbers
 * are. world.sh makes the rows and users that they name.
 */
#ifndef BENCH_REQUESTS_H
#define BENCH_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>

/** So many statuses follow each other in a message's life, from sending to read. */
#define REQUESTS_PASSES 5

enum requests_kind {
    REQUESTS_WEBHOOK,  /* the next status of row n % rows: rows * REQUESTS_PASSES requests */
    REQUESTS_SMS,      /* to send-twilio-message */
    REQUESTS_WHATSAPP, /* to send-whatsapp, with the token of user n % rows */
};

struct requests {
    enum requests_kind kind;
    const char *path; /* where the web server has the program */
    long rows;
    const char *auth_token, *public_url; /* for signatures */
    const char *jwt_secret;              /* for tokens */
};

/** The whole HTTP request number n; its length, 0 when there is no such request. */
size_t requests_make(const struct requests *requests, long n, char *to, size_t room);

#endif
