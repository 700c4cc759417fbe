/**
 * X-Twilio-Signature.
 *
 * base64(HMAC-SHA1(auth token, URL followed by each parameter's name and value)), names in byte
 * order, the values of a repeated name sorted and without duplicates, all of it decoded. Source:
 * https://www.twilio.com/docs/usage/security#validating-requests and the validators of
 * twilio-python and twilio-node.
 */
#ifndef SANDBOX_SIGNATURE_H
#define SANDBOX_SIGNATURE_H

#include <stdbool.h>

#include "params.h"

#define SIGNATURE_SIZE 32 /* 28 characters and a NUL, rounded up */

/* url: as given to Twilio, without fragment and user information (see url.h). False: no memory. */
bool signature_make(char ret_signature[SIGNATURE_SIZE], const char *token, const char *url,
                    const struct params *params);

#endif
