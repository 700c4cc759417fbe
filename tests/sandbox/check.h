/**
 * What Twilio accepts when a message is created, and the error it answers otherwise.
 *
 * Source: https://www.twilio.com/docs/messaging/api/message-resource, the error dictionary and the
 * magic numbers of https://www.twilio.com/docs/iam/test-credentials. Where the sandbox is stricter
 * than Twilio, so that a sender's mistakes come out, the error is 20001: a parameter that does not
 * exist, one that is given twice without being repeatable, texts that are not UTF-8, Body or
 * MediaUrl beside ContentSid. Scheduling is not part of it and is refused the same way.
 */
#ifndef SANDBOX_CHECK_H
#define SANDBOX_CHECK_H

#include <stdbool.h>

#include "options.h"
#include "params.h"
#include "store.h"

struct refusal {
    int status, code;
    char text[512];
};

/* An accepted message, with texts that live as long as the parameters and the draft. */
struct draft {
    struct message message;
    char *from, *body; /* owned; NULL where the parameter itself serves */
};

/* True: *ret_draft is to be released with draft_release. */
bool check_message(const struct options *options, const struct params *params,
                   struct draft *ret_draft, struct refusal *reterr);

void draft_release(struct draft *draft);

#endif
