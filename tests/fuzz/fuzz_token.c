/* Tokens: whatever is accepted has a signature that libcrypto alone agrees with, the one algorithm
 * that the key is for, and the claims that the contract asks for. */

#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth.h"
#include "buffer.h"
#include "fuzz.h"

#define NOW         1700000000
#define SECRET      TEXT("a-secret-of-at-least-32-characters")
#define SERVER_KEYS TEXT("0123456789-server-key, ,sb_secret_0123456789-server-key")

static void add_base64url(struct buffer *b, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < n; i += 3) {
        unsigned three = (unsigned)bytes[i] << 16 | (i + 1 < n ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (i + 2 < n ? bytes[i + 2] : 0);
        for (size_t k = 0; k < 4 && i + k <= n; k++)
            buffer_add_char(b, digits[three >> (18 - 6 * k) & 63]);
    }
}

/** "Bearer <header>.<claims>.<HMAC of both>": signed as it should be, whatever it says. */
static bool sign(struct arena *arena, struct text header, struct text claims,
                 struct text *ret_bearer)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    struct text whole;
    struct buffer b;

    buffer_init(&b, arena, 1u << 20);
    buffer_add(&b, TEXT("Bearer "));
    add_base64url(&b, (const unsigned char *)header.s, header.n);
    buffer_add_char(&b, '.');
    add_base64url(&b, (const unsigned char *)claims.s, claims.n);
    if (!buffer_text(&b, &whole))
        return false;
    HMAC(EVP_sha256(), SECRET.s, (int)SECRET.n, (const unsigned char *)whole.s + 7, whole.n - 7,
         mac, &n);
    buffer_add_char(&b, '.');
    add_base64url(&b, mac, n);
    return buffer_text(&b, ret_bearer);
}

static void check_accepted(struct text header, struct text claims, const struct auth_caller *caller)
{
    cJSON *top = cJSON_ParseWithLength(header.s, header.n);
    const cJSON *algorithm = cJSON_GetObjectItemCaseSensitive(top, "alg");

    MUST(!top || (cJSON_IsString(algorithm) && strcmp(algorithm->valuestring, "HS256") == 0));
    cJSON_Delete(top);
    top = cJSON_ParseWithLength(claims.s, claims.n);
    if (!top)
        return; /* half a surrogate pair, which it does not take */
    MUST(caller->role != AUTH_USER ||
         !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(top, "is_anonymous")));
    const cJSON *exp = cJSON_GetObjectItemCaseSensitive(top, "exp");
    const cJSON *role = cJSON_GetObjectItemCaseSensitive(top, "role");
    MUST(cJSON_IsNumber(exp) && exp->valuedouble > NOW - 31);
    MUST(cJSON_IsString(role));
    MUST((caller->role == AUTH_USER) == (strcmp(role->valuestring, "authenticated") == 0));
    MUST((caller->role == AUTH_SERVER) == (strcmp(role->valuestring, "service_role") == 0));
    MUST((caller->role == AUTH_USER) == text_is_uuid(text_of(caller->user)));
    cJSON_Delete(top);
}

static bool has(struct text input, const char *words)
{
    return input.n && memmem(input.s, input.n, words, strlen(words));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct auth_policy policy = {
        .hmac_secret = SECRET, .audience = TEXT("authenticated"), .server_keys = SERVER_KEYS};
    struct text input = {(const char *)data, size}, header, claims;
    const struct auth_presented raw = {input, input};
    struct auth_presented bearer = {0};
    struct auth_caller caller;
    FUZZ_ARENA(arena);

    /* nobody can sign but who has the secret: the input as it is gets in as nobody at most */
    if (auth_verify(&arena, &policy, NULL, &raw, NOW, &caller, NULL))
        MUST(has(input, "sb_publishable_") ? caller.role == AUTH_ANON
                                           : has(input, "0123456789-server-key"));
    if (!text_cut(input, '\n', &header, &claims)) {
        header = TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
        claims = input;
    }
    if (sign(&arena, header, claims, &bearer.authorization) &&
        auth_verify(&arena, &policy, NULL, &bearer, NOW, &caller, NULL))
        check_accepted(header, claims, &caller);
    return 0;
}
