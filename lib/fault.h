/**
 * Every error there is: its HTTP status, its fixed word, its text for people.
 *
 * A function that can fail returns bool and takes a `struct fault *reterr` last; it fills it by
 * fault_set(), which returns false, so failing is one statement:
 *
 *     if (units > MESSAGE_MAX)
 *         return fault_set(reterr, FAULT_INVALID_MESSAGE, "message has %zu units", units);
 *
 * The `detail` is for the operator's log only. The caller sees the table's text, or `text` where it
 * is set (Twilio's own words, a limit other than five, what exactly is wrong with the JSON).
 * Neither may hold a secret, a message's text or a whole phone number.
 */
#ifndef FAULT_H
#define FAULT_H

#include "text.h"

/* A table. Name, HTTP status, fixed word, text for people. */
/* clang-format off */
#define FAULTS(X)                                                                                  \
    X(INVALID_JSON, 400, "invalid_json",                                                           \
      "Request body must be a JSON object")                                                        \
    X(MISSING_FIELDS, 400, "missing_fields",                                                       \
      "Missing required fields: to, message")                                                      \
    X(MISSING_CALLBACK_FIELDS, 400, "missing_fields",                                              \
      "Missing required fields: MessageSid, MessageStatus")                                        \
    X(INVALID_PHONE, 400, "invalid_phone",                                                         \
      "Invalid phone number format. Use international format: +201234567890")                      \
    X(LANDLINE, 400, "invalid_phone",                                                              \
      "This is a landline number and cannot receive SMS")                                          \
    X(INVALID_MESSAGE, 400, "invalid_message",                                                     \
      "Message must be between 1 and 1600 characters")                                             \
    X(INVALID_TYPE, 400, "invalid_type",                                                           \
      "Type must be sms or whatsapp")                                                              \
    X(INVALID_TEMPLATE, 400, "invalid_template",                                                   \
      "Invalid template: use a WhatsApp content SID (HX...) and an object of non-empty "           \
      "variables")                                                                                 \
    X(INVALID_MEDIA_URL, 400, "invalid_media_url",                                                 \
      "Invalid media URL. Use https URLs: at most 10 for SMS, 1 for WhatsApp")                     \
    X(INVALID_REQUEST_ID, 400, "invalid_request_id",                                               \
      "Invalid request id. It must be a UUID")                                                     \
    X(INVALID_IDEMPOTENCY_KEY, 400, "invalid_idempotency_key",                                     \
      "Invalid Idempotency-Key. Use 1 to 255 visible ASCII characters")                            \
    X(INVALID_TAG, 400, "invalid_tag",                                                             \
      "Invalid tag. Use 1 to 40 letters, digits, '-' and '_'")                                     \
    X(INVALID_VALIDITY, 400, "invalid_validity",                                                   \
      "Invalid validity. Use a whole number of seconds from 60 to 36000")                          \
    X(MISSING_AUTHORIZATION, 401, "missing_authorization",                                         \
      "Missing authorization header")                                                              \
    X(UNAUTHORIZED, 401, "unauthorized",                                                           \
      "Unauthorized")                                                                              \
    X(FORBIDDEN, 403, "forbidden",                                                                 \
      "Forbidden")                                                                                 \
    X(INVALID_SIGNATURE, 403, "invalid_signature",                                                 \
      "Invalid signature")                                                                         \
    X(METHOD_NOT_ALLOWED, 405, "method_not_allowed",                                               \
      "Method not allowed")                                                                        \
    X(IN_PROGRESS, 409, "in_progress",                                                             \
      "A request with this Idempotency-Key is still in progress")                                  \
    X(BODY_TOO_LARGE, 413, "body_too_large",                                                       \
      "Request body is too large")                                                                 \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "unsupported_media_type",                                       \
      "Unsupported media type")                                                                    \
    X(IDEMPOTENCY_MISMATCH, 422, "idempotency_mismatch",                                           \
      "This Idempotency-Key was used with a different request")                                    \
    X(UNKNOWN_REQUEST, 422, "unknown_request",                                                     \
      "Maintenance request not found")                                                             \
    X(DEAD_NUMBER, 422, "dead_number",                                                             \
      "الرقم ده مش بيستقبل رسائلنا")                                                                \
    X(TWILIO_REJECTED, 422, "twilio_rejected",                                                     \
      "Twilio rejected the message")                                                               \
    X(RATE_LIMITED, 429, "rate_limited",                                                           \
      "Rate limit exceeded. Maximum 5 messages per minute.")                                       \
    X(HEADERS_TOO_LARGE, 431, "headers_too_large",                                                 \
      "Request header fields are too large")                                                       \
    X(MISCONFIGURED, 500, "misconfigured",                                                         \
      "Missing Twilio configuration")                                                              \
    X(INTERNAL, 500, "internal",                                                                   \
      "Internal server error")                                                                     \
    X(NO_MEMORY, 500, "internal",                                                                  \
      "Internal server error")                                                                     \
    X(TWILIO_UNAVAILABLE, 502, "twilio_unavailable",                                               \
      "Could not reach Twilio. The message was not sent")                                          \
    X(TWILIO_AUTH, 502, "twilio_auth",                                                             \
      "Twilio refused our credentials. The message was not sent")                                  \
    X(DATABASE_UNAVAILABLE, 503, "database_unavailable",                                           \
      "Database unavailable. Nothing was sent")                                                    \
    X(DATABASE_BUSY, 503, "database_unavailable",                                                  \
      "Database unavailable. Nothing was sent")                                                    \
    X(TWILIO_BUSY, 503, "twilio_busy",                                                             \
      "Twilio is busy. The message was not sent")                                                  \
    X(SPOOL_UNAVAILABLE, 503, "database_unavailable",                                              \
      "Database unavailable. The event was not stored")                                            \
    X(OUTCOME_UNKNOWN, 504, "outcome_unknown",                                                     \
      "The message may have been sent. Do not send it again blindly")
/* clang-format on */

enum fault_kind {
#define X(name, ...) FAULT_##name,
    FAULTS(X)
#undef X
        FAULT__MAX
};

struct fault {
    enum fault_kind kind;
    int twilio_code;  /* Twilio's error number, 0: none */
    int retry_after;  /* seconds, 0: say nothing */
    char id[37];      /* the message_logs row, "": none */
    char text[512];   /* instead of the table's text, "": the table's */
    char detail[256]; /* for the log */
};

/** What the table says of a kind. */
struct fault_entry {
    int status;
    const char *code;
    const char *text;
};
const struct fault_entry *fault_entry(enum fault_kind kind);

/** Fill *reterr, detail by printf, everything else zero. Always false. reterr may be NULL. */
bool fault_set(struct fault *reterr, enum fault_kind kind, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));

/** Tell the caller more than the table does, by printf; nothing of what was sent. Always false. */
bool fault_say(struct fault *reterr, const char *text, ...) __attribute__((format(printf, 2, 3)));

/** What the caller is told: `text` where it is set, else the table's. */
const char *fault_text(const struct fault *fault);

#endif
