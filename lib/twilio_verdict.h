/**
 * What an answer of Twilio's to a message, or that there is none, proves: that the message was
 * taken, that it certainly was not sent, or that nobody knows.
 *
 * https://www.twilio.com/docs/messaging/api/message-resource
 */
#ifndef TWILIO_VERDICT_H
#define TWILIO_VERDICT_H

#include "http.h"

enum twilio_verdict {
    TWILIO_TAKEN,    /* a Message resource came back */
    TWILIO_REJECTED, /* a 4xx: Twilio will not send this message */
    TWILIO_REFUSED,  /* 401, 403: Twilio does not take our credentials */
    TWILIO_BUSY,     /* 429 to the end of the budget: certainly not processed (error 20429) */
    TWILIO_NOT_SENT, /* no connection came about: certainly not sent */
    TWILIO_UNKNOWN,  /* anything else: it may have been sent */
};

/** What came of it. Slices live in the arena. */
struct twilio_result {
    enum twilio_verdict verdict;
    int status_code;     /* HTTP, 0: no answer */
    struct text sid;     /* TWILIO_TAKEN */
    struct text status;  /* TWILIO_TAKEN: queued, accepted, ... */
    int error_code;      /* Twilio's, 0: none; also of a TWILIO_TAKEN that has failed already */
    struct text error;   /* Twilio's words for it */
    struct text details; /* TWILIO_TAKEN: price and segments, a JSON object */
    int retry_after;     /* seconds, 0: not said */
    char detail[128];    /* for the log */
};

/** What the reply to a message says; where there is no memory for all of it, less, or
 * TWILIO_UNKNOWN. */
void twilio_judge(struct arena *arena, const struct http_reply *reply,
                  struct twilio_result *ret_result);

#endif
