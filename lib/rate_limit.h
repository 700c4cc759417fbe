/**
 * How many messages a user may send, and how an answer says so.
 *
 * The counting is the database's (messaging.reserve_message): strict over all processes and hosts.
 */
#ifndef RATE_LIMIT_H
#define RATE_LIMIT_H

#include "cgi.h"

struct rate_limit {
    bool counted;  /* the reservation has been asked: the answer carries the headers */
    int limit;     /* messages in any 60 s; 0: none (a server) */
    int remaining; /* places left */
    int reset;     /* seconds until the next place is free, 0 where one is */
};

/** RateLimit-Limit, -Remaining, -Reset, where a limit was counted. */
void rate_limit_headers(struct cgi_response *response, struct arena *arena,
                        const struct rate_limit *rate);

/** FAULT_RATE_LIMITED with the configured number and Retry-After. Always false. */
bool rate_limit_refuse(const struct rate_limit *rate, struct fault *reterr);

#endif
