#include "auth_signature.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#define HALF 32 /* bytes of each of the two numbers that an ES256 signature is */

static void release_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void release_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void release_context(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void release_pair(ECDSA_SIG **pair)
{
    ECDSA_SIG_free(*pair);
}

static void release_der(unsigned char **der)
{
    OPENSSL_free(*der);
}

#define scoped(name) __attribute__((cleanup(release_##name)))

static const unsigned char *bytes_of(struct text t)
{
    return (const unsigned char *)t.s;
}

static bool no_memory(struct fault *reterr)
{
    return fault_set(reterr, FAULT_INTERNAL, "no memory to verify a token");
}

/** RFC 7518 section 3.2. */
static bool check_hmac(struct text key, struct text content, struct text signature, bool *ret_good,
                       struct fault *reterr)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!HMAC(EVP_sha256(), key.s, (int)key.n, bytes_of(content), content.n, mac, &n))
        return no_memory(reterr);
    *ret_good = text_equal_secret(signature, (struct text){(const char *)mac, n});
    return true;
}

/** With SHA-256; RSA by PKCS #1 (RFC 7518 section 3.3), EC with the signature in DER. */
static bool check_digest(struct text pem, struct text content, struct text signature,
                         bool *ret_good, struct fault *reterr)
{
    scoped(bio) BIO *bio = BIO_new_mem_buf(pem.s, (int)pem.n);
    scoped(key) EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    scoped(context) EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (!key || !context || EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) != 1)
        return no_memory(reterr);
    bool good = EVP_DigestVerify(context, bytes_of(signature), signature.n, bytes_of(content),
                                 content.n) == 1;
    if (!good && ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE)
        return no_memory(reterr);
    *ret_good = good;
    return true;
}

/** The two numbers one behind the other (RFC 7518 section 3.4), which libcrypto takes as DER. */
static bool check_pair(struct text pem, struct text content, struct text signature, bool *ret_good,
                       struct fault *reterr)
{
    scoped(pair) ECDSA_SIG *pair = ECDSA_SIG_new();
    scoped(der) unsigned char *der = NULL;

    if (signature.n != 2 * (size_t)HALF) {
        *ret_good = false;
        return true;
    }
    BIGNUM *r = BN_bin2bn(bytes_of(signature), HALF, NULL);
    BIGNUM *s = BN_bin2bn(bytes_of(signature) + HALF, HALF, NULL);
    if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return no_memory(reterr);
    }
    int n = i2d_ECDSA_SIG(pair, &der);
    if (n <= 0)
        return no_memory(reterr);
    return check_digest(pem, content, (struct text){(const char *)der, (size_t)n}, ret_good,
                        reterr);
}

bool auth_signature_check(enum auth_algorithm algorithm, struct text key, struct text content,
                          struct text signature, bool *ret_good, struct fault *reterr)
{
    static bool (*const checks[])(struct text key, struct text content, struct text signature,
                                  bool *ret_good, struct fault *reterr) = {
        [AUTH_HS256] = check_hmac, [AUTH_ES256] = check_pair, [AUTH_RS256] = check_digest};
    bool good = checks[algorithm](key, content, signature, ret_good, reterr);

    ERR_clear_error(); /* what is left would be taken for a failure of the next TLS read */
    return good;
}
