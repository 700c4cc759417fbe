/**
 * Twilio as a script: each request gets the next reply, and is written down.
 */
#ifndef FAKE_HTTP_H
#define FAKE_HTTP_H

#include "fake_clock.h"
#include "fake_record.h"
#include "http.h"

/** Zero is the end of a script: HTTP_ANSWERED needs a status. */
struct fake_reply {
    enum http_outcome outcome;
    int status, retry_after;
    const char *body, *error;
    int64_t takes_ms; /* the clock goes on by so much */
};

struct fake_http {
    const struct fake_reply *replies;
    struct fake_clock *clock; /* NULL: replies take no time */
    size_t next;
    /**
     * "POST https://… as user:password with To=…". A request behind the script's end is recorded
     * too and gets HTTP_NO_ANSWER, so it fails the test and is not tried again.
     */
    struct fake_record record;
    int connect_ms[FAKE_CALLS_MAX], total_ms[FAKE_CALLS_MAX];
};

struct http fake_http(struct fake_http *fake);

#endif
