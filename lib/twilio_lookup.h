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
    struct text sid;    /* SM or MM, letters and digits; empty in one that is unreadable */
    struct text status; /* up to 32 letters and '_' */
    struct text body;   /* without what Twilio puts in front of a trial account's texts */
    struct text error_code, error_message; /* code 0 is none */
    struct text price, price_unit, num_segments;
    struct text to; /* E.164, without its channel */
    enum message_channel channel;
    uint64_t num_media;
    int64_t created, sent; /* seconds of the Unix epoch, 0: not said */
    bool outbound;
    bool unreadable; /* in a list: a part of it makes no sense; SID and time where they do */
    bool redacted;   /* a number in it is blotted out */
    bool foreign;    /* its sender, or Messaging Service, is not the one that is set */
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

/** How Twilio writes a day: YYYY-MM-DD, UTC. */
#define TWILIO_DAY_SIZE 11

/**
 * All messages that were sent on a day, the last first; without a day (empty) all there are, also
 * those that are yet to be sent, which no list of a day has. The first page where page->next is
 * empty, else that page. Never TWILIO_NOT_FOUND.
 *
 * A resource that makes no sense is in the list as unreadable: it may be the one that is looked
 * for.
 */
enum twilio_answer twilio_list(const struct twilio *twilio, struct arena *arena, struct text day,
                               struct twilio_page *page, char *detail);

#endif
