/**
 * Twilio's representations: the Message resource and errors, with strings where Twilio has strings.
 * Source: https://www.twilio.com/docs/messaging/api/message-resource and twilio_api_v2010.json.
 */
#ifndef SANDBOX_MESSAGE_RESOURCE_H
#define SANDBOX_MESSAGE_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct evbuffer;
struct message;

/* The Message resource as GET shows it at now_ms; fresh: as the answer to its creation. The caller
 * deletes it. */
struct cJSON *resource_of_message(const struct message *message, const char *account_sid,
                                  int64_t now_ms, bool fresh);

/* When the message left for the carrier; 0: not yet. */
int64_t resource_sent_ms(const struct message *message, int64_t now_ms);

/* {"code":20404,"message":"...","more_info":"https://www.twilio.com/docs/errors/20404",
 * "status":404} */
struct cJSON *resource_of_error(int status, int code, const char *text);

/* Prints and deletes it. */
struct evbuffer *resource_print(struct cJSON *resource);

#endif
