/**
 * A message and its row of message_logs: what of it has no column, and the way back.
 */
#ifndef MESSAGE_ROW_H
#define MESSAGE_ROW_H

#include "message.h"

struct json_value;

/**
 * A message as message_log has it, to be sent again: a row of message_logs as JSON, of which only
 * channel, number, text, request, media, template, variables, tag, validity and what it is the
 * fallback of are looked at. Free text is free text again, by whatever way it went. Fails with
 * FAULT_INTERNAL where it is no message.
 */
must_check bool message_row_read(struct arena *arena, const struct json_value *row,
                                 struct message *ret_message, struct fault *reterr);

/**
 * What of the message has no column: template, variables, all media where there are several, tag,
 * validity and fallback, as the JSON object that goes to message_logs.metadata ("{}" for nothing).
 * It is part of what an idempotency key stands for, so what is absent leaves no trace in it.
 */
must_check bool message_row_metadata(struct arena *arena, const struct message *message,
                                     struct text *ret_json, struct fault *reterr);

#endif
