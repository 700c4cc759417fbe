/**
 * X-Twilio-Signature: is this request Twilio's?
 *
 * base64(HMAC-SHA1(auth token, URL + each form name and value, sorted by name)).
 * https://www.twilio.com/docs/usage/webhooks/webhooks-security
 */
#ifndef TWILIO_SIGNATURE_H
#define TWILIO_SIGNATURE_H

#include "arena.h"
#include "form.h"

/**
 * The signature of one URL, taken as it is: query verbatim, no port added. Names in byte order; of
 * a repeated name the values once each, sorted. `form` may be NULL (nothing is appended then).
 *
 * False only for want of memory. *ret_signature: 28 characters in the arena.
 */
must_check bool twilio_signature_make(struct arena *arena, struct text token, struct text url,
                                      const struct form *form, struct text *ret_signature);

/**
 * Does `signature` hold for this request under one of the tokens?
 *
 * `url` is the address that Twilio was given. Twilio is inconsistent about the port, so the URL is
 * tried as given, with the default port of its scheme added, and with a port taken away.
 * user:password@ and a #fragment, which Twilio drops before it signs, are dropped here too. Where
 * the URL's query has bodySHA256, the form is not part of the signed text and the lowercase
 * hexadecimal SHA-256 of `body` must equal it. Empty tokens (and an empty signature) never match.
 * Compares in constant time.
 */
must_check bool twilio_signature_valid(struct arena *arena, const struct text *tokens,
                                       size_t n_tokens, struct text url, const struct form *form,
                                       struct text body, struct text signature);

#endif
