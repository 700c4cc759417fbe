/**
 * Asking Twilio what became of messages: for the reconcile run.
 *
 * https://www.twilio.com/docs/messaging/api/message-resource#fetch-a-message-resource and
 * #read-multiple
 */
#ifndef TWILIO_LOOKUP_H
#define TWILIO_LOOKUP_H

#include "twilio.h"

/** A Message resource, as far as it matters here. Slices live in the arena; empty means absent. */
struct twilio_message {
    struct text sid, status, body, error_code, error_message;
    struct text to; /* E.164, without its channel */
    enum message_channel channel;
    uint64_t num_media;
    int64_t created; /* seconds of the Unix epoch, 0: not said */
    bool outbound;
};

enum twilio_answer {
    TWILIO_FOUND,
    TWILIO_NOT_FOUND, /* 404: no such message (any more) */
    TWILIO_NO_ANSWER, /* none, or none that can be used, however often it was asked */
};

/**
 * One message by its SID. Asked again, with growing pauses, after 429, 5xx and broken connections.
 * `detail` (128 bytes) says why there is no answer.
 */
enum twilio_answer twilio_fetch(const struct twilio *twilio, struct arena *arena, struct text sid,
                                struct twilio_message *ret_message, char *detail);

/** A list in pages. Zero-initialise; `next` is empty behind the last page. */
struct twilio_page {
    struct twilio_message *messages;
    size_t n;
    struct text next;
};

/**
 * Messages to one recipient that Twilio took from the day of `from` to the day of `until` (seconds
 * of the Unix epoch): Twilio's filter knows days only. The first page where ret_page->next is
 * empty, else that page. Never TWILIO_NOT_FOUND.
 */
enum twilio_answer twilio_list(const struct twilio *twilio, struct arena *arena,
                               enum message_channel channel, struct text to, int64_t from,
                               int64_t until, struct twilio_page *page, char *detail);

#endif
