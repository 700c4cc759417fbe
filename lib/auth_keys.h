/**
 * Between auth.c, which reads tokens, and auth_keys.c, which keeps the public keys. Others: auth.h.
 */
#ifndef AUTH_KEYS_H
#define AUTH_KEYS_H

#include "auth.h"
#include "json.h"

/**
 * Decode base64url (RFC 7515 section 2) into at most `room` bytes, strictly: no padding, no other
 * characters, and no bits left over at the end, so that nothing has two spellings.
 */
must_check bool auth_base64url(struct text t, unsigned char *out, size_t room, size_t *ret_n);

/**
 * The public key, as PEM in the arena, that is called `kid` and is for `algorithm` ("ES256",
 * "RS256"); empty where the set has none. The file is looked at first, and read where it has
 * changed. Fails with FAULT_MISCONFIGURED where no good file was ever read.
 */
must_check bool auth_keys_find(struct auth_keys *keys, struct arena *arena, struct text algorithm,
                               struct text kid, struct text *ret_pem, struct fault *reterr);

#endif
