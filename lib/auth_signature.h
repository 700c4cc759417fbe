/**
 * Signatures of tokens (RFC 7515), by libcrypto. For auth.c alone; others: auth.h.
 *
 * What is signed are the bytes of the first two parts as they came: nothing of them is read here,
 * so that claims of no concern to us (a number beyond 64 bits, say) decide nothing.
 */
#ifndef AUTH_SIGNATURE_H
#define AUTH_SIGNATURE_H

#include "fault.h"

/** The algorithms that there are (RFC 7518 sections 3.2 to 3.4). */
enum auth_algorithm { AUTH_HS256, AUTH_ES256, AUTH_RS256 };

/**
 * Is `signature` (bytes, not base64url) that of `content` by this key? `key`: for HS256 the secret,
 * else a public key of the algorithm's kind as PEM. *ret_good is the answer; fails with
 * FAULT_INTERNAL for want of memory alone. Leaves nothing in libcrypto's queue of errors.
 */
must_check bool auth_signature_check(enum auth_algorithm algorithm, struct text key,
                                     struct text content, struct text signature, bool *ret_good,
                                     struct fault *reterr);

#endif
