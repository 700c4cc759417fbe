/**
 * The key set, from where it is published to where the senders read it: send-whatsapp --fetch-keys.
 *
 * Good is a 200 of at most 64 KiB with at least one key that auth.h can use; anything else leaves
 * the file as it was. A good set is written as it came, but for a byte order mark and for keys that
 * are secret (symmetric ones, private ones): what anybody can fetch must verify nothing. The file
 * is replaced in one step, so that readers see one set or the other, and only where it differs.
 *
 * JWK Set: RFC 7517. Supabase: https://supabase.com/docs/guides/auth/signing-keys
 */
#ifndef FETCH_KEYS_H
#define FETCH_KEYS_H

#include "verb.h"

/** Prints one sentence. The exit status: 0 where the file has the set that is published, else 1. */
extern const struct verb fetch_keys_verb;

#endif
