/**
 * What a valid outbound message is: the JSON body of both send endpoints.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "arena.h"
#include "fault.h"

#define MESSAGE_MAX_UNITS    1600 /* UTF-16 code units, as Twilio counts (error 21617) */
#define MESSAGE_MAX_MEDIA    10   /* for MMS; WhatsApp takes one */
#define MESSAGE_MAX_URL      2048
#define MESSAGE_MAX_TAG      40
#define MESSAGE_MIN_VALIDITY 60 /* seconds */
#define MESSAGE_MAX_VALIDITY 36000

enum message_channel { MESSAGE_SMS, MESSAGE_WHATSAPP };

/** Every slice lives in the arena; empty means absent. */
struct message {
    enum message_channel channel;
    struct text to;          /* E.164, no channel prefix */
    struct text body;        /* may be empty beside a template or media */
    struct text request_id;  /* UUID of the maintenance request */
    struct text template_id; /* Twilio's ContentSid */
    struct text variables;   /* a JSON object of strings, as Twilio takes it (ContentVariables) */
    struct text media[MESSAGE_MAX_MEDIA];
    size_t n_media;
    struct text tag; /* a dimension of the reports: letters, digits, '-' and '_' */
    int validity;    /* seconds from now after which nothing more is tried; 0: as Twilio has it */
    bool fallback;   /* an SMS with the same text where WhatsApp cannot reach the person */
    struct text fallback_of; /* UUID of the WhatsApp message that this SMS is sent instead of */
};

/** "sms" or "whatsapp": as in message_logs.message_type. */
struct text message_channel_name(enum message_channel channel);
struct text message_type(const struct message *message);

/**
 * Read and check a request body. Both spellings of a name are taken (requestId, request_id),
 * unknown members are not looked at, null and "" in an optional member mean absent. What nobody
 * sees around number, ids and URLs (text_strip) is dropped. A template's variables become what
 * Twilio takes (template_variables.h).
 *
 * `whatsapp_only`: the endpoint has no `type`, every message goes by WhatsApp. Fails with the fault
 * of the member at fault, which a \u0000 in it is too, FAULT_MISSING_FIELDS where `to` or a needed
 * `message` is absent, and leaves *ret_message untouched.
 */
must_check bool message_parse(struct arena *arena, struct text body, bool whatsapp_only,
                              struct message *ret_message, struct fault *reterr);

/** The message that goes out as SMS instead of the one with that log id: the text alone. */
struct message message_fallback(const struct message *message, struct text id);

/** Free text is what may go as a template instead: by WhatsApp, with nothing else. */
bool message_is_free_text(const struct message *message);

/** The same as that template, its text as variable 1; false for want of memory. */
must_check bool message_as_template(struct arena *arena, struct text template_id,
                                    struct message *message);

#endif
