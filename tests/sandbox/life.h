/**
 * What becomes of a message: the steps after its first status, in their true order.
 *
 * A step is due one interval after the one before it; the first, one interval after the message was
 * taken. Callbacks tell of steps, possibly late or in another order; the resource shows the steps
 * by the clock, so that no timer is needed for a message that nobody is told about. Source:
 * https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
 */
#ifndef SANDBOX_LIFE_H
#define SANDBOX_LIFE_H

#include <stdbool.h>
#include <stddef.h>

#define LIFE_STEPS_MAX 6

enum life {
    LIFE_NORMAL,         /* sent, delivered; on WhatsApp then read */
    LIFE_UNDELIVERED,    /* sent, undelivered */
    LIFE_FAILED,         /* failed */
    LIFE_RATE,           /* failed, because a rate was exceeded */
    LIFE_SENT_ONLY,      /* sent */
    LIFE_FAILED_AT_ONCE, /* failed in the answer to its creation, and not heard of any more */
    LIFE_UNKNOWN_STATUS, /* sent, a word that Twilio does not have yet, delivered */
};

struct life_step {
    const char *status;
    int error_code; /* 0: none */
};

/* The number of steps written to ret_steps. A message of a Messaging Service is queued first. */
size_t life_steps(enum life life, bool whatsapp, bool service,
                  struct life_step ret_steps[LIFE_STEPS_MAX]);

/* The status at the creation. */
struct life_step life_begin(enum life life, bool service);

/* Twilio's text for an error code of a message; "Unknown error" for one that is not listed. */
const char *life_error_text(int code);

#endif
