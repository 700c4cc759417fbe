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

#define SIGNATURE_MAX 44 /* base64 of a SHA-256 */
#define HEX_LENGTH    (2 * SHA256_DIGEST_LENGTH)

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

/** One of the two hashes at work: both have blocks of 64 bytes. */
struct digest {
    enum twilio_signature_hash hash;
    SHA_CTX sha1;
    SHA256_CTX sha256;
};

#define BLOCK      SHA_CBLOCK
#define DIGEST_MAX SHA256_DIGEST_LENGTH

static void digest_start(struct digest *digest)
{
    if (digest->hash == TWILIO_SIGNATURE_SHA256)
        SHA256_Init(&digest->sha256);
    else
        SHA1_Init(&digest->sha1);
}

static void digest_add(struct digest *digest, struct text t)
{
    if (digest->hash == TWILIO_SIGNATURE_SHA256)
        SHA256_Update(&digest->sha256, t.s, t.n);
    else
        SHA1_Update(&digest->sha1, t.s, t.n);
}

/** The number of bytes. */
static size_t digest_end(struct digest *digest, unsigned char ret_bytes[DIGEST_MAX])
{
    if (digest->hash == TWILIO_SIGNATURE_SHA256) {
        SHA256_Final(ret_bytes, &digest->sha256);
        return SHA256_DIGEST_LENGTH;
    }
    SHA1_Final(ret_bytes, &digest->sha1);
    return SHA_DIGEST_LENGTH;
}

/** Start one of HMAC's two digests (RFC 2104): the key, padded and masked, goes first. */
static void start_keyed(struct digest *digest, struct text key, unsigned char mask)
{
    unsigned char pad[BLOCK];

    memset(pad, mask, sizeof(pad));
    for (size_t i = 0; i < key.n; i++)
        pad[i] ^= (unsigned char)key.s[i];
    digest_start(digest);
    digest_add(digest, (struct text){(const char *)pad, sizeof(pad)});
    explicit_bzero(pad, sizeof(pad));
}

/** The number of bytes. */
static size_t hmac(struct text key, enum twilio_signature_hash hash, const struct payload *payload,
                   unsigned char ret_mac[DIGEST_MAX])
{
    unsigned char short_key[DIGEST_MAX], inner[DIGEST_MAX];
    struct digest digest = {.hash = hash};

    if (key.n > BLOCK) {
        digest_start(&digest);
        digest_add(&digest, key);
        key = (struct text){(const char *)short_key, digest_end(&digest, short_key)};
    }
    start_keyed(&digest, key, 0x36);
    digest_add(&digest, payload->url);
    for (size_t i = 0; i < payload->sorted.n; i++) {
        digest_add(&digest, payload->sorted.fields[i].name);
        digest_add(&digest, payload->sorted.fields[i].value);
    }
    size_t n = digest_end(&digest, inner);

    start_keyed(&digest, key, 0x5C);
    digest_add(&digest, (struct text){(const char *)inner, n});
    n = digest_end(&digest, ret_mac);
    explicit_bzero(&digest, sizeof(digest));
    explicit_bzero(short_key, sizeof(short_key));
    return n;
}

/** The number of characters; a NUL stands behind them. */
static size_t sign(struct text secret, enum twilio_signature_hash hash,
                   const struct payload *payload, char ret_signature[SIGNATURE_MAX + 1])
{
    unsigned char mac[DIGEST_MAX];
    size_t n = hmac(secret, hash, payload, mac);

    return (size_t)EVP_EncodeBlock((unsigned char *)ret_signature, mac, (int)n);
}

bool twilio_signature_hash(struct text header, enum twilio_signature_hash *ret_hash)
{
    struct text item, name, algorithm;

    while (header.n) {
        text_cut(header, ',', &item, &header);
        text_cut(item, '=', &name, &algorithm);
        algorithm = text_trim(algorithm);
        if (!text_equal_nocase(text_trim(name), TEXT("algorithm")) || algorithm.n == 0)
            continue;
        *ret_hash = text_equal_nocase(algorithm, TEXT("HMAC_SHA256")) ? TWILIO_SIGNATURE_SHA256
                                                                      : TWILIO_SIGNATURE_SHA1;
        return *ret_hash == TWILIO_SIGNATURE_SHA256 ||
               text_equal_nocase(algorithm, TEXT("HMAC_SHA1"));
    }
    *ret_hash = TWILIO_SIGNATURE_SHA1;
    return true;
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

bool twilio_signature_make(struct arena *arena, struct text secret, enum twilio_signature_hash hash,
                           struct text url, const struct form *form, struct text *ret_signature)
{
    struct payload payload = {.url = url};
    char *signature = arena_new(arena, char, SIGNATURE_MAX + 1);

    if (!signature || !sort_fields(arena, form, &payload.sorted))
        return false;
    *ret_signature = (struct text){signature, sign(secret, hash, &payload, signature)};
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

/** Tries every key, whether or not one has matched. */
static bool any_key_signs(const struct twilio_signature_keys *keys, const struct payload *payload,
                          struct text signature)
{
    char want[SIGNATURE_MAX + 1];
    bool match = false;

    for (size_t i = 0; i < keys->n; i++) {
        if (keys->secrets[i].n == 0)
            continue;
        size_t n = sign(keys->secrets[i], keys->hash, payload, want);
        match |= text_equal_secret((struct text){want, n}, signature);
    }
    explicit_bzero(want, sizeof(want));
    return match;
}

bool twilio_signature_valid(struct arena *arena, const struct twilio_signature_keys *keys,
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
        match |= any_key_signs(keys, &payload, signature);
    }
    return match;
}
