#include "auth.h"

#include <errno.h>

#include <jwt.h>
#include <openssl/err.h>

#include "auth_keys.h"
#include "library.h"

#define LEEWAY        30             /* seconds */
#define DATE_MAX      253402300799.0 /* the last second of the year 9999 */
#define SIGNATURE_MAX 1024           /* bytes: RSA with 8192 bits */

static struct {
    __typeof__(&jwt_decode) decode;
    __typeof__(&jwt_get_alg) get_alg;
    __typeof__(&jwt_new) new;
    __typeof__(&jwt_add_grants_json) add_claims;
    __typeof__(&jwt_free) free;
} libjwt_calls;

static const struct library_function libjwt_functions[] = {
    {"jwt_decode", &libjwt_calls.decode}, {"jwt_get_alg", &libjwt_calls.get_alg},
    {"jwt_new", &libjwt_calls.new},       {"jwt_add_grants_json", &libjwt_calls.add_claims},
    {"jwt_free", &libjwt_calls.free},
};

static struct library libjwt = {LIBJWT, libjwt_functions, ARRAY_LEN(libjwt_functions), false};

/** A token in its parts (RFC 7515 section 7.1), and what verifies it. */
struct token {
    const char *whole;
    struct text header, claims, signature; /* as base64url */
    jwt_alg_t algorithm;
    struct text key; /* HS256: the secret; else PEM. Never one in the place of the other */
};

static void release_jwt(jwt_t **jwt)
{
    if (*jwt)
        libjwt_calls.free(*jwt);
}

bool auth_load(struct fault *reterr)
{
    return library_load(&libjwt, reterr);
}

static bool refuse(struct fault *reterr, const char *why)
{
    return fault_set(reterr, FAULT_UNAUTHORIZED, "token refused: %s", why);
}

static bool no_memory(struct fault *reterr)
{
    return fault_set(reterr, FAULT_INTERNAL, "no memory to verify a token");
}

/** "Bearer <token>" (RFC 6750 section 2.1), the scheme in any case. False: there is none. */
static bool read_bearer(struct text authorization, struct text *ret_token)
{
    static const struct text scheme = {"Bearer ", 7};
    struct text header = text_trim(authorization);

    if (!text_starts_nocase(header, scheme))
        return false;
    *ret_token = text_trim(text_skip(header, scheme.n));
    return true;
}

/** Compares with every key, whether or not one has matched. */
static bool is_server_key(struct text keys, struct text presented)
{
    struct text key;
    bool match = false;

    while (keys.n) {
        text_cut(keys, ',', &key, &keys);
        key = text_trim(key);
        match |= (key.n > 0) & text_equal_secret(presented, key);
    }
    return match;
}

static bool split(struct arena *arena, struct text text, struct token *ret_token,
                  struct fault *reterr)
{
    struct text rest, more;

    if (!text_cut(text, '.', &ret_token->header, &rest) ||
        !text_cut(rest, '.', &ret_token->claims, &rest) ||
        text_cut(rest, '.', &ret_token->signature, &more))
        return refuse(reterr, "not three parts");
    if (!ret_token->header.n || !ret_token->claims.n || !ret_token->signature.n)
        return refuse(reterr, "an empty part");
    if (!text_only(text, "-_."))
        return refuse(reterr, "no base64url");
    ret_token->whole = arena_cstr(arena, text);
    return ret_token->whole || no_memory(reterr);
}

/** The JSON object in a part; NULL where there is none. */
static struct json_document *read_part(struct arena *arena, struct text part, const char *name,
                                       struct fault *reterr)
{
    unsigned char *bytes = arena_new(arena, unsigned char, part.n);
    struct fault fault = {0};
    size_t n;

    if (!bytes) {
        no_memory(reterr);
        return NULL;
    }
    if (!auth_base64url(part, bytes, part.n, &n)) {
        fault_set(reterr, FAULT_UNAUTHORIZED, "token refused: %s is no base64url", name);
        return NULL;
    }
    struct json_document *document =
        json_parse(arena, (struct text){(const char *)bytes, n}, &fault);
    if (!document)
        fault_set(reterr, fault.kind == FAULT_INVALID_JSON ? FAULT_UNAUTHORIZED : FAULT_INTERNAL,
                  "token refused: %s: %s", name, fault.detail);
    return document;
}

static bool choose_public_key(struct arena *arena, struct auth_keys *keys,
                              const struct json_value *header, struct token *token,
                              struct fault *reterr)
{
    struct text algorithm = json_string(json_get(header, "alg"));
    struct text kid = json_string(json_get(header, "kid"));

    if (!keys || kid.n == 0)
        return refuse(reterr, "no key is named, or none is known");
    if (!auth_keys_find(keys, arena, algorithm, kid, &token->key, reterr))
        return false;
    return token->key.n || refuse(reterr, "unknown key for this algorithm");
}

/** Find the key, and with it the one algorithm by which the token may be signed. */
static bool choose_key(struct arena *arena, const struct auth_policy *policy,
                       struct auth_keys *keys, const struct json_value *header, struct token *token,
                       struct fault *reterr)
{
    const struct json_value *algorithm = json_get(header, "alg");

    if (json_get(header, "crit"))
        return refuse(reterr, "critical header members");
    if (json_is_text(algorithm, TEXT("HS256"))) {
        token->algorithm = JWT_ALG_HS256;
        token->key = policy->hmac_secret;
        return token->key.n || refuse(reterr, "no secret for HS256");
    }
    if (json_is_text(algorithm, TEXT("ES256")))
        token->algorithm = JWT_ALG_ES256;
    else if (json_is_text(algorithm, TEXT("RS256")))
        token->algorithm = JWT_ALG_RS256;
    else
        return refuse(reterr, "unknown algorithm");
    return choose_public_key(arena, policy->jwks_file ? keys : NULL, header, token, reterr);
}

/**
 * libjwt reads all claims before it looks at the signature, and calls what its JSON library cannot
 * read a bad token. Then the log must not speak of the signature.
 */
static bool can_read(struct arena *arena, struct text part)
{
    __attribute__((cleanup(release_jwt))) jwt_t *jwt = NULL;
    unsigned char *bytes = arena_new(arena, unsigned char, part.n + 1);
    size_t n;

    return !bytes || !auth_base64url(part, bytes, part.n, &n) || libjwt_calls.new(&jwt) != 0 ||
           libjwt_calls.add_claims(jwt, (const char *)bytes) == 0;
}

/**
 * libjwt takes the algorithm from the token. That it is the key's was made sure of before and is
 * asked again afterwards; that the signature has one spelling only, libjwt does not ask.
 */
static bool verify(struct arena *arena, const struct token *token, struct fault *reterr)
{
    __attribute__((cleanup(release_jwt))) jwt_t *jwt = NULL;
    unsigned char signature[SIGNATURE_MAX];
    size_t n;

    if (!auth_base64url(token->signature, signature, sizeof(signature), &n))
        return refuse(reterr, "signature is no base64url");
    if (!auth_load(reterr))
        return false;
    int error = libjwt_calls.decode(&jwt, token->whole, (const unsigned char *)token->key.s,
                                    (int)token->key.n);
    ERR_clear_error(); /* what libjwt leaves behind would be taken for a failure of the next TLS
                          read */
    if (error == ENOMEM)
        return no_memory(reterr);
    if (error && (!can_read(arena, token->header) || !can_read(arena, token->claims)))
        return refuse(reterr, "libjwt cannot read it (a number beyond 64 bits or the doubles, "
                              "an escaped NUL, half a surrogate pair, a byte order mark)");
    if (error || !jwt || libjwt_calls.get_alg(jwt) != token->algorithm)
        return refuse(reterr, "wrong signature");
    return true;
}

static bool read_date(const struct json_value *value, double *ret_seconds)
{
    double seconds = json_number(value);

    if (json_type(value) != JSON_NUMBER || !(seconds >= 0 && seconds <= DATE_MAX))
        return false;
    *ret_seconds = seconds;
    return true;
}

/** RFC 7519 sections 4.1.4 and 4.1.5. */
static bool check_dates(const struct json_value *claims, int64_t now, struct fault *reterr)
{
    const struct json_value *nbf = json_get(claims, "nbf");
    double expires, starts = 0;

    if (!read_date(json_get(claims, "exp"), &expires))
        return refuse(reterr, "'exp' is no date");
    if ((double)now >= expires + LEEWAY)
        return refuse(reterr, "expired");
    if (nbf && !read_date(nbf, &starts))
        return refuse(reterr, "'nbf' is no date");
    if ((double)now < starts - LEEWAY)
        return refuse(reterr, "not valid yet");
    return true;
}

static bool check_user(const struct json_value *claims, const struct auth_policy *policy,
                       struct auth_caller *ret_caller, struct fault *reterr)
{
    struct text subject = json_string(json_get(claims, "sub"));
    struct auth_caller caller = {.role = AUTH_USER};

    if (policy->audience.n && !json_has_text(json_get(claims, "aud"), policy->audience))
        return refuse(reterr, "wrong audience");
    if (policy->issuer.n && !json_is_text(json_get(claims, "iss"), policy->issuer))
        return refuse(reterr, "wrong issuer");
    if (json_true(json_get(claims, "is_anonymous")))
        return fault_set(reterr, FAULT_FORBIDDEN, "an anonymous user may not send");
    if (!text_is_uuid(subject))
        return fault_set(reterr, FAULT_FORBIDDEN, "'sub' of the token is no UUID");
    for (size_t i = 0; i < subject.n; i++)
        caller.user[i] = (char)(subject.s[i] | 0x20); /* to lower case; digits and '-' stay */
    *ret_caller = caller;
    return true;
}

/** The claims of a token that has been verified. */
static bool check_claims(const struct json_value *claims, const struct auth_policy *policy,
                         int64_t now, struct auth_caller *ret_caller, struct fault *reterr)
{
    const struct json_value *role = json_get(claims, "role");

    if (!check_dates(claims, now, reterr))
        return false;
    if (json_type(role) != JSON_STRING)
        return fault_set(reterr, FAULT_FORBIDDEN, "no role in the token");
    if (json_is_text(role, TEXT("authenticated")))
        return check_user(claims, policy, ret_caller, reterr);
    if (json_is_text(role, TEXT("service_role")))
        *ret_caller = (struct auth_caller){.role = AUTH_SERVER};
    else if (json_is_text(role, TEXT("anon")))
        *ret_caller = (struct auth_caller){.role = AUTH_ANON};
    else
        return fault_set(reterr, FAULT_FORBIDDEN, "unknown role in the token");
    return true;
}

static bool verify_token(struct arena *arena, const struct auth_policy *policy,
                         struct auth_keys *keys, struct text text, int64_t now,
                         struct auth_caller *ret_caller, struct fault *reterr)
{
    json_scoped struct json_document *header = NULL, *claims = NULL;
    struct token token = {0};

    if (text.n > AUTH_TOKEN_MAX)
        return fault_set(reterr, FAULT_HEADERS_TOO_LARGE, "token has %zu bytes", text.n);
    if (!split(arena, text, &token, reterr))
        return false;
    header = read_part(arena, token.header, "header", reterr);
    if (!header || !choose_key(arena, policy, keys, json_top(header), &token, reterr))
        return false;
    claims = read_part(arena, token.claims, "claims", reterr);
    return claims && verify(arena, &token, reterr) &&
           check_claims(json_top(claims), policy, now, ret_caller, reterr);
}

bool auth_verify(struct arena *arena, const struct auth_policy *policy, struct auth_keys *keys,
                 const struct auth_presented *presented, int64_t now,
                 struct auth_caller *ret_caller, struct fault *reterr)
{
    struct text token = {0};
    bool bearer = read_bearer(presented->authorization, &token);

    if (is_server_key(policy->server_keys, bearer ? token : text_trim(presented->apikey))) {
        *ret_caller = (struct auth_caller){.role = AUTH_SERVER};
        return true;
    }
    if (!bearer && text_trim(presented->authorization).n == 0)
        return fault_set(reterr, FAULT_MISSING_AUTHORIZATION, "no authorization header");
    if (!bearer)
        return refuse(reterr, "no bearer token");
    if (policy->hmac_secret.n == 0 && !policy->jwks_file && policy->server_keys.n == 0)
        return fault_set(reterr, FAULT_MISCONFIGURED, "no secret and no key set to verify tokens");
    if (text_starts(token, TEXT("sb_publishable_"))) {
        *ret_caller = (struct auth_caller){.role = AUTH_ANON};
        return true;
    }
    return verify_token(arena, policy, keys, token, now, ret_caller, reterr);
}
