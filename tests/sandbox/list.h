/**
 * GET .../Messages.json: newest first, filtered by To, From and DateSent, in pages.
 *
 * DateSent=, DateSent<= and DateSent>= take a day (YYYY-MM-DD, whole and included, GMT) or a time
 * (YYYY-MM-DDThh:mm:ss, with Z or nothing behind). A message that has not left yet counts by the
 * time of its creation. A page is found by its PageToken (PA: after that message, PB: before it),
 * so messages that arrive in between shift nothing; without one, by Page and PageSize. Source:
 * https://www.twilio.com/docs/usage/twilios-response#pagination
 */
#ifndef SANDBOX_LIST_H
#define SANDBOX_LIST_H

struct exchange;

void list_messages(struct exchange *exchange);

#endif
