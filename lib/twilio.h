/**
 * Twilio's Messages API: what is sent, and how often it is tried.
 *
 * https://www.twilio.com/docs/messaging/api/message-resource
 */
#ifndef TWILIO_H
#define TWILIO_H

#include "buffer.h"
#include "message.h"
#include "service.h"
#include "twilio_verdict.h"

/** The client: settings, transport and clock outlive it. */
struct twilio {
    const struct settings *settings;
    const struct http *http;
    const struct clock *clock;
};

/** The transport, service->http: an HTTP client as the settings want it, for all threads. */
extern const struct service_part twilio_client;

/** ".../2010-04-01/Accounts/<account>/Messages": what every question to the API begins with. */
void twilio_add_messages_url(struct buffer *b, const struct settings *settings);

/** A GET of `url` with the configured credentials and deadlines. */
struct http_request twilio_get(const struct settings *settings, const char *url);

/** Statuses that a row may get from the programs themselves. */
#define TWILIO_STATUS_FAILED  TEXT("failed")
#define TWILIO_STATUS_UNKNOWN TEXT("unknown")

/**
 * Send a message and say what came of it.
 *
 * `log_id` goes into the StatusCallback, so that a callback finds its row before the SID is stored.
 * Tried again only where nothing can have been processed (429, no connection), with full jitter,
 * for at most 10 s; one attempt takes at most 15 s; nothing is begun that could not end by
 * `deadline_ms` (monotonic). Never two requests unless the first was certainly not processed.
 */
void twilio_send(const struct twilio *twilio, struct arena *arena, const struct message *message,
                 struct text log_id, int64_t deadline_ms, struct twilio_result *ret_result);

#endif
