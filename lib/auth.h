/**
 * Who is calling: JSON Web Tokens as Supabase issues them (RFC 7519, 7515, 7517).
 *
 * HS256 with one shared secret; ES256 and RS256 with the keys of a JWK set, chosen by `kid`. The
 * algorithm accepted is the one that the key is for, whatever the token says, so neither `none` nor
 * an HMAC made with a public key gets in. Servers may present a secret that both sides know
 * instead.
 */
#ifndef AUTH_H
#define AUTH_H

#include "arena.h"
#include "fault.h"

/** Load libjwt, unless it is: auth_verify() does, when it first needs it. Like library_load(). */
must_check bool auth_load(struct fault *reterr);

/** A longer token is refused unread. */
#define AUTH_TOKEN_MAX 16384

enum auth_role {
    AUTH_NOBODY, /* no token was asked for, or none was given */
    AUTH_ANON,   /* role anon, or a publishable key: nobody in particular */
    AUTH_USER,   /* role authenticated, with a UUID */
    AUTH_SERVER, /* role service_role, or a server key: no sender, no per-user limit */
};

struct auth_caller {
    enum auth_role role;
    char user[37]; /* AUTH_USER: the `sub`, in lower case; else "" */
};

struct auth_policy {
    struct text hmac_secret; /* empty: HS256 is refused. Any length is taken as configured */
    const char *jwks_file;   /* what auth_keys_new() was given; NULL: ES256 and RS256 are refused */
    struct text audience;    /* must be among a user's `aud`; empty: not asked for */
    struct text issuer;      /* must equal a user's `iss`; empty: not asked for */
    struct text server_keys; /* secrets that make a server, separated by commas; empty: none does */
};

/** What a request says of its caller: two header fields as they came, empty where they are not. */
struct auth_presented {
    struct text authorization; /* "Bearer eyJ...", the scheme in any case */
    struct text apikey;        /* what supabase-js sends beside it */
};

/**
 * The public keys of a JWK set file (RFC 7517), read when first needed and again when the file has
 * changed: a stat() for each token that needs a key tells. One of these may serve many threads.
 *
 * Taken are keys with a `kid`, of P-256 for ES256 and of RSA (2048 to 8192 bits) for RS256, unless
 * their `alg`, `use` or `key_ops` say otherwise; all others are passed over, so a set may well have
 * symmetric ones. At most 64 keys in 256 KiB. A file that is broken or half written leaves the keys
 * in use that were read before.
 *
 * auth_keys_new gives NULL for want of memory. auth_keys_free takes NULL.
 */
struct auth_keys;
struct auth_keys *auth_keys_new(const char *jwks_file);
void auth_keys_free(struct auth_keys *keys);

/**
 * Read the file now: for --check. Fails with FAULT_MISCONFIGURED and what is wrong with it.
 * *ret_count: usable keys, possibly none.
 */
must_check bool auth_keys_load(struct auth_keys *keys, size_t *ret_count, struct fault *reterr);

/**
 * What is wrong with the file, where keys stay in use that were read from it before. It is told to
 * whoever asks first, once for each state of the file: for the log.
 */
bool auth_keys_complaint(struct auth_keys *keys, struct fault *ret_failure);

/**
 * The usable keys in the text of a set. Fails with FAULT_MISCONFIGURED where it is none, and what
 * is wrong with it; FAULT_INTERNAL for want of memory.
 */
must_check bool auth_keys_count(struct text set, size_t *ret_count, struct fault *reterr);

/**
 * Who presents this, at time `now` (seconds of the Unix epoch)?
 *
 * One of the server keys makes a server, as bearer or as `apikey`, compared in constant time. A
 * bearer counts before `apikey`, where every other key counts as absent: supabase-js sends its
 * publishable key there. As bearer, which it sends for somebody who is not signed in, that key
 * ("sb_publishable_...") is AUTH_ANON; any other bearer is a token. `exp` is required, `nbf`
 * honoured, 30 s of leeway for both.
 *
 * `keys` may be NULL where there is no JWK set. Fails with FAULT_MISSING_AUTHORIZATION where
 * nothing is presented, FAULT_UNAUTHORIZED for another scheme and a token that is not valid,
 * FAULT_HEADERS_TOO_LARGE for one longer than AUTH_TOKEN_MAX, FAULT_FORBIDDEN for a valid one of
 * another role, of a user whose `sub` is no UUID or who is anonymous (`is_anonymous` true: such
 * accounts are made at will, each with a limit of its own), FAULT_MISCONFIGURED where nothing is
 * configured that could be presented, or the token needs a key set of which no good one was ever
 * read.
 *
 * Only a user's token is asked for `aud` and `iss`: those of `anon` and `service_role` are API
 * keys, which Supabase issues without. A valid token of `anon` is AUTH_ANON: whether that is enough
 * is the endpoint's choice.
 */
must_check bool auth_verify(struct arena *arena, const struct auth_policy *policy,
                            struct auth_keys *keys, const struct auth_presented *presented,
                            int64_t now, struct auth_caller *ret_caller, struct fault *reterr);

#endif
