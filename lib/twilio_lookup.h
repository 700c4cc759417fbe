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
    struct text sid;    /* SM or MM, letters and digits */
    struct text status; /* up to 32 letters and '_' */
    struct text body;   /* without what Twilio puts in front of a trial account's texts */
    struct text error_code, error_message;
    struct text to; /* E.164, without its channel */
    enum message_channel channel;
    uint64_t num_media;
    int64_t created, sent; /* seconds of the Unix epoch, 0: not said */
    bool outbound;
    bool foreign; /* its sender, or Messaging Service, is not the one that is set */
};

enum twilio_answer {
    TWILIO_FOUND,
    TWILIO_NOT_FOUND, /* no such message (any more), or none can have this SID */
    TWILIO_NO_ANSWER, /* none however often it was asked, or a refusal of the credentials: the next
                         question will hardly fare better */
    TWILIO_NO_SENSE,  /* to this question an answer that cannot be used */
};

/** Bytes of a `detail`: why there is no answer. */
#define TWILIO_DETAIL_SIZE 128

/**
 * One message by its SID. Asked again, with growing pauses, after 429, 5xx and broken connections.
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
 * Messages to one recipient, the one sent last first: the first page where page->next is empty,
 * else that page. Twilio's filter by date is not used: it knows no messages that are yet to be
 * sent. Never TWILIO_NOT_FOUND.
 */
enum twilio_answer twilio_list(const struct twilio *twilio, struct arena *arena,
                               enum message_channel channel, struct text to,
                               struct twilio_page *page, char *detail);

#endif
