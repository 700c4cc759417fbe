/**
 * X-Twilio-Signature: is this request Twilio's?
 *
 * base64(HMAC(secret, URL + each form name and value, sorted by name)). The secret is the account's
 * auth token, by SHA-1; or, where a webhook rule of the account says so, a shared key, by the hash
 * that X-Twilio-Webhooks-Signature-Settings names.
 * https://www.twilio.com/docs/usage/webhooks/webhooks-security
 */
#ifndef TWILIO_SIGNATURE_H
#define TWILIO_SIGNATURE_H

#include "arena.h"
#include "form.h"

enum twilio_signature_hash { TWILIO_SIGNATURE_SHA1, TWILIO_SIGNATURE_SHA256 };

/** By what a request may be signed. */
struct twilio_signature_keys {
    const struct text *secrets; /* empty ones never match */
    size_t n;
    enum twilio_signature_hash hash;
};

/**
 * The hash that X-Twilio-Webhooks-Signature-Settings names:
 * "key=webhooks_sharedkey_...,algorithm=HMAC_SHA256". HMAC_SHA1 and HMAC_SHA256 in any case, SHA-1
 * where it names none; false for any other.
 */
must_check bool twilio_signature_hash(struct text header, enum twilio_signature_hash *ret_hash);

/**
 * The signature of one URL, taken as it is: query verbatim, no port added. Names in byte order; of
 * a repeated name the values once each, sorted. `form` may be NULL (nothing is appended then).
 *
 * False only for want of memory. *ret_signature: 28 characters (SHA-1) or 44, in the arena.
 */
must_check bool twilio_signature_make(struct arena *arena, struct text secret,
                                      enum twilio_signature_hash hash, struct text url,
                                      const struct form *form, struct text *ret_signature);

/**
 * Does `signature` hold for this request under one of the keys?
 *
 * `url` is the address that Twilio was given. Twilio is inconsistent about the port, so the URL is
 * tried as given, with the default port of its scheme added, and with a port taken away.
 * user:password@ and a #fragment, which Twilio drops before it signs, are dropped here too. Where
 * the URL's query has bodySHA256, the form is not part of the signed text and the lowercase
 * hexadecimal SHA-256 of `body` must equal it. An empty signature never matches. Compares in
 * constant time.
 */
must_check bool twilio_signature_valid(struct arena *arena,
                                       const struct twilio_signature_keys *keys, struct text url,
                                       const struct form *form, struct text body,
                                       struct text signature);

#endif
