#include "twilio_signature.h"

#include <stdlib.h>
#include <string.h>

/*
 * The low-level digests on purpose: they are plain functions, while HMAC() and EVP_* first start
 * OpenSSL's providers and read openssl.cnf, which takes a CGI process longer than all its own work.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>

#define SIGNATURE_LENGTH 28 /* base64 of a SHA-1 */
#define HEX_LENGTH       (2 * SHA256_DIGEST_LENGTH)

/** What is signed: the URL, then each name and value in Twilio's order. */
struct payload {
    struct text url;
    struct form sorted;
};

/** An address without user:password@ and #fragment. */
struct address {
    struct text scheme; /* "https://" */
    struct text host;
    struct text port; /* ":8443" */
    struct text rest; /* "/path?query" */
};

static void add_text(SHA_CTX *sha, struct text t)
{
    SHA1_Update(sha, t.s, t.n);
}

/** Start one of HMAC's two digests (RFC 2104): the key, padded and masked, goes first. */
static void start_keyed(SHA_CTX *sha, struct text key, unsigned char mask)
{
    unsigned char pad[SHA_CBLOCK];

    memset(pad, mask, sizeof(pad));
    for (size_t i = 0; i < key.n; i++)
        pad[i] ^= (unsigned char)key.s[i];
    SHA1_Init(sha);
    SHA1_Update(sha, pad, sizeof(pad));
    explicit_bzero(pad, sizeof(pad));
}

static void hmac_sha1(struct text key, const struct payload *payload,
                      unsigned char ret_mac[SHA_DIGEST_LENGTH])
{
    unsigned char short_key[SHA_DIGEST_LENGTH], inner[SHA_DIGEST_LENGTH];
    SHA_CTX sha;

    if (key.n > SHA_CBLOCK) {
        SHA1_Init(&sha);
        add_text(&sha, key);
        SHA1_Final(short_key, &sha);
        key = (struct text){(const char *)short_key, sizeof(short_key)};
    }
    start_keyed(&sha, key, 0x36);
    add_text(&sha, payload->url);
    for (size_t i = 0; i < payload->sorted.n; i++) {
        add_text(&sha, payload->sorted.fields[i].name);
        add_text(&sha, payload->sorted.fields[i].value);
    }
    SHA1_Final(inner, &sha);

    start_keyed(&sha, key, 0x5C);
    SHA1_Update(&sha, inner, sizeof(inner));
    SHA1_Final(ret_mac, &sha);
    explicit_bzero(&sha, sizeof(sha));
    explicit_bzero(short_key, sizeof(short_key));
}

static void sign(struct text token, const struct payload *payload,
                 char ret_signature[SIGNATURE_LENGTH + 1])
{
    unsigned char mac[SHA_DIGEST_LENGTH];

    hmac_sha1(token, payload, mac);
    EVP_EncodeBlock((unsigned char *)ret_signature, mac, sizeof(mac));
}

/** By bytes, and the shorter first where one begins the other. */
static int compare_text(struct text a, struct text b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.s, b.s, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_fields(const void *a, const void *b)
{
    const struct form_field *left = a, *right = b;
    int order = compare_text(left->name, right->name);

    return order ? order : compare_text(left->value, right->value);
}

/** A copy in the order in which Twilio signs: by name, then value; the same pair only once. */
static bool sort_fields(struct arena *arena, const struct form *form, struct form *ret_sorted)
{
    struct form sorted = {0};

    if (form && form->n) {
        sorted.fields = arena_new(arena, struct form_field, form->n);
        if (!sorted.fields)
            return false;
        memcpy(sorted.fields, form->fields, form->n * sizeof(form->fields[0]));
        qsort(sorted.fields, form->n, sizeof(form->fields[0]), compare_fields);
        for (size_t i = 0; i < form->n; i++)
            if (i == 0 || compare_fields(&sorted.fields[i], &sorted.fields[sorted.n - 1]) != 0)
                sorted.fields[sorted.n++] = sorted.fields[i];
    }
    *ret_sorted = sorted;
    return true;
}

bool twilio_signature_make(struct arena *arena, struct text token, struct text url,
                           const struct form *form, struct text *ret_signature)
{
    struct payload payload = {.url = url};
    char *signature = arena_new(arena, char, SIGNATURE_LENGTH + 1);

    if (!signature || !sort_fields(arena, form, &payload.sorted))
        return false;
    sign(token, &payload, signature);
    *ret_signature = (struct text){signature, SIGNATURE_LENGTH};
    return true;
}

/** Where the host and its neighbours end. */
static size_t authority_length(struct text t)
{
    size_t n = 0;

    while (n < t.n && t.s[n] != '/' && t.s[n] != '?')
        n++;
    return n;
}

/** The colon in "host:8443", "[::1]:8443"; NULL in "host" and "[::1]". */
static const char *find_port(struct text host)
{
    const char *colon = host.n ? memrchr(host.s, ':', host.n) : NULL;

    for (const char *c = colon; c && c < host.s + host.n; c++)
        if (c != colon && (*c < '0' || *c > '9'))
            return NULL;
    return colon;
}

static struct address split_url(struct text url)
{
    struct address address = {0};
    struct text fragment;

    text_cut(url, '#', &url, &fragment);
    const char *slashes = url.n ? memmem(url.s, url.n, "://", 3) : NULL;
    if (!slashes) {
        address.rest = url;
        return address;
    }
    address.scheme = (struct text){url.s, (size_t)(slashes - url.s) + 3};
    url = text_skip(url, address.scheme.n);
    address.host = (struct text){url.s, authority_length(url)};
    address.rest = text_skip(url, address.host.n);

    const char *at = address.host.n ? memrchr(address.host.s, '@', address.host.n) : NULL;
    if (at)
        address.host = text_skip(address.host, (size_t)(at - address.host.s) + 1);
    const char *colon = find_port(address.host);
    if (colon) {
        address.port = text_skip(address.host, (size_t)(colon - address.host.s));
        address.host.n -= address.port.n;
    }
    return address;
}

static bool join_url(struct arena *arena, const struct address *address, struct text port,
                     struct text *ret_url)
{
    const struct text parts[] = {address->scheme, address->host, port, address->rest};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        n += parts[i].n;
    char *url = arena_new(arena, char, n + 1), *end = url;
    if (!url)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].n)
            end = mempcpy(end, parts[i].s, parts[i].n);
    *ret_url = (struct text){url, n};
    return true;
}

/** The port that Twilio may have put in, or taken away: the other spelling of the same address. */
static struct text other_port(const struct address *address)
{
    if (address->port.n)
        return (struct text){0};
    if (text_equal_nocase(address->scheme, TEXT("https://")))
        return TEXT(":443");
    if (text_equal_nocase(address->scheme, TEXT("http://")))
        return TEXT(":80");
    return (struct text){0};
}

/** The first bodySHA256 of the query; false where there is none. */
static bool find_body_hash(struct text rest, struct text *ret_hash)
{
    struct text path, query, piece, name, value;

    text_cut(rest, '?', &path, &query);
    while (query.n) {
        text_cut(query, '&', &piece, &query);
        text_cut(piece, '=', &name, &value);
        if (text_equal(name, TEXT("bodySHA256"))) {
            *ret_hash = value;
            return true;
        }
    }
    return false;
}

static bool body_hash_holds(struct text body, struct text hash)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char hex[HEX_LENGTH];
    SHA256_CTX sha;

    SHA256_Init(&sha);
    SHA256_Update(&sha, body.s, body.n);
    SHA256_Final(digest, &sha);
    for (size_t i = 0; i < sizeof(digest); i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    return text_equal_secret((struct text){hex, sizeof(hex)}, hash);
}

/** Tries every token, whether or not one has matched. */
static bool any_token_signs(const struct text *tokens, size_t n_tokens,
                            const struct payload *payload, struct text signature)
{
    char want[SIGNATURE_LENGTH + 1];
    bool match = false;

    for (size_t i = 0; i < n_tokens; i++) {
        if (tokens[i].n == 0)
            continue;
        sign(tokens[i], payload, want);
        match |= text_equal_secret((struct text){want, SIGNATURE_LENGTH}, signature);
    }
    explicit_bzero(want, sizeof(want));
    return match;
}

bool twilio_signature_valid(struct arena *arena, const struct text *tokens, size_t n_tokens,
                            struct text url, const struct form *form, struct text body,
                            struct text signature)
{
    const struct address address = split_url(url);
    const struct text ports[] = {address.port, other_port(&address)};
    struct payload payload = {0};
    struct text hash;
    bool match = false;

    if (find_body_hash(address.rest, &hash)) {
        if (!body_hash_holds(body, hash))
            return false;
    } else if (!sort_fields(arena, form, &payload.sorted)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        if (!join_url(arena, &address, ports[i], &payload.url))
            return false;
        match |= any_token_signs(tokens, n_tokens, &payload, signature);
    }
    return match;
}
