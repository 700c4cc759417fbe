#include "auth_keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "file.h"

#define KEYS_MAX     64                  /* in a set */
#define FILE_MAX     ((size_t)256 << 10) /* bytes */
#define SET_MEMORY   (4 * FILE_MAX)
#define COORDINATE   32 /* bytes of x or y on P-256 */
#define RSA_BITS_MIN 2048
#define RSA_BYTES    1024 /* a modulus may have 8192 bits */

struct key {
    struct text kid;
    struct text algorithm; /* the one that the key is for */
    struct text pem;
};

struct key_set {
    struct arena arena; /* holds the texts */
    size_t n;
    struct key keys[KEYS_MAX];
};

/** What tells one state of a file from another without reading it. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct auth_keys {
    char *path;
    pthread_mutex_t reading; /* held by the one thread that reads the file */
    pthread_rwlock_t lock;   /* guards what follows */
    struct key_set *set;     /* the last good one; NULL until there was one */
    struct stamp seen;       /* the file that was read last, good or bad */
    struct fault failure;    /* what was wrong with it */
    atomic_bool untold;      /* something was, although there is a set: nobody has heard of it */
};

/* NOLINTBEGIN(bugprone-macro-parentheses): a type takes none */
#define DEFINE_SCOPED(name, type, release)                                                         \
    static void release_##name(type **handle)                                                      \
    {                                                                                              \
        release(*handle);                                                                          \
    }                                                                                              \
    struct release_##name##_needs_semicolon
/* NOLINTEND(bugprone-macro-parentheses) */
#define scoped(name) __attribute__((cleanup(release_##name)))

DEFINE_SCOPED(bio, BIO, BIO_free_all);
DEFINE_SCOPED(number, BIGNUM, BN_free);
DEFINE_SCOPED(key, EVP_PKEY, EVP_PKEY_free);
DEFINE_SCOPED(context, EVP_PKEY_CTX, EVP_PKEY_CTX_free);
DEFINE_SCOPED(builder, OSSL_PARAM_BLD, OSSL_PARAM_BLD_free);
DEFINE_SCOPED(params, OSSL_PARAM, OSSL_PARAM_free);

static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool auth_base64url(struct text t, unsigned char *out, size_t room, size_t *ret_n)
{
    unsigned bits = 0, held = 0;
    size_t n = 0;

    if (t.n % 4 == 1)
        return false;
    for (size_t i = 0; i < t.n; i++) {
        int value = base64url_value(t.s[i]);
        if (value < 0)
            return false;
        bits = (bits << 6 | (unsigned)value) & 0xFFFF;
        held += 6;
        if (held < 8)
            continue;
        if (n == room)
            return false;
        held -= 8;
        out[n++] = (unsigned char)(bits >> held);
    }
    if (bits & ((1u << held) - 1))
        return false;
    *ret_n = n;
    return true;
}

static bool jwk_bytes(const struct json_value *jwk, const char *name, unsigned char *out,
                      size_t room, size_t *ret_n)
{
    return auth_base64url(json_string(json_get(jwk, name)), out, room, ret_n);
}

static EVP_PKEY *key_of_params(const char *type, OSSL_PARAM *params)
{
    scoped(context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return NULL;
    return key;
}

/** RFC 7518 section 6.2.1. libcrypto refuses a point that is not on the curve. */
static EVP_PKEY *ec_key_of_jwk(const struct json_value *jwk)
{
    unsigned char point[1 + 2 * COORDINATE] = {POINT_CONVERSION_UNCOMPRESSED};
    char curve[] = "P-256";
    size_t x, y;

    if (!json_is_text(json_get(jwk, "crv"), TEXT("P-256")) ||
        !jwk_bytes(jwk, "x", point + 1, COORDINATE, &x) || x != COORDINATE ||
        !jwk_bytes(jwk, "y", point + 1 + COORDINATE, COORDINATE, &y) || y != COORDINATE)
        return NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    return key_of_params("EC", params);
}

static BIGNUM *jwk_number(const struct json_value *jwk, const char *name)
{
    unsigned char bytes[RSA_BYTES];
    size_t n;

    return jwk_bytes(jwk, name, bytes, sizeof(bytes), &n) ? BN_bin2bn(bytes, (int)n, NULL) : NULL;
}

/** RFC 7518 sections 6.3.1 and 3.3. With an exponent of 1 anybody could sign. */
static EVP_PKEY *rsa_key_of_jwk(const struct json_value *jwk)
{
    scoped(number) BIGNUM *n = jwk_number(jwk, "n");
    scoped(number) BIGNUM *e = jwk_number(jwk, "e");
    scoped(builder) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();

    if (!builder || !n || BN_num_bits(n) < RSA_BITS_MIN || !e || !BN_is_odd(e) || BN_is_one(e) ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return NULL;
    scoped(params) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    return params ? key_of_params("RSA", params) : NULL;
}

/** Do the members that say what a key is for (RFC 7517 section 4) allow this? */
static bool jwk_is_for(const struct json_value *jwk, const char *type, struct text algorithm)
{
    const struct json_value *alg = json_get(jwk, "alg");
    const struct json_value *use = json_get(jwk, "use");
    const struct json_value *operations = json_get(jwk, "key_ops");

    return json_is_text(json_get(jwk, "kty"), text_of(type)) &&
           (!alg || json_is_text(alg, algorithm)) && (!use || json_is_text(use, TEXT("sig"))) &&
           (!operations || json_has_text(operations, TEXT("verify")));
}

static EVP_PKEY *key_of_jwk(const struct json_value *jwk, struct text *ret_algorithm)
{
    if (json_repeats(jwk))
        return NULL;
    if (jwk_is_for(jwk, "EC", TEXT("ES256"))) {
        *ret_algorithm = TEXT("ES256");
        return ec_key_of_jwk(jwk);
    }
    if (jwk_is_for(jwk, "RSA", TEXT("RS256"))) {
        *ret_algorithm = TEXT("RS256");
        return rsa_key_of_jwk(jwk);
    }
    return NULL;
}

static bool pem_of_key(struct arena *arena, EVP_PKEY *key, struct text *ret_pem)
{
    scoped(bio) BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;

    if (!bio || PEM_write_bio_PUBKEY(bio, key) != 1)
        return false;
    long n = BIO_get_mem_data(bio, &bytes);
    return n > 0 && arena_copy(arena, (struct text){bytes, (size_t)n}, ret_pem);
}

static struct key_set *set_new(void)
{
    struct key_set *set = calloc(1, sizeof(*set));

    if (set)
        arena_init(&set->arena, SET_MEMORY);
    return set;
}

static void set_free(struct key_set *set)
{
    if (set)
        arena_release(&set->arena);
    free(set);
}

/** Add a key. One that is not for us is passed over, as RFC 7517 section 5 has it. */
static bool set_add(struct key_set *set, const struct json_value *jwk, struct fault *reterr)
{
    struct key *slot = &set->keys[set->n];
    struct text kid = json_string(json_get(jwk, "kid"));
    scoped(key) EVP_PKEY *key = kid.n ? key_of_jwk(jwk, &slot->algorithm) : NULL;

    ERR_clear_error();
    if (!key)
        return true;
    if (!arena_copy(&set->arena, kid, &slot->kid) || !pem_of_key(&set->arena, key, &slot->pem))
        return fault_set(reterr, FAULT_INTERNAL, "no memory for a key");
    set->n++;
    return true;
}

static bool set_fill(struct key_set *set, const struct json_value *jwks, struct fault *reterr)
{
    const struct json_value *keys = json_get(jwks, "keys");
    size_t n = 0;

    if (json_type(keys) != JSON_ARRAY)
        return fault_set(reterr, FAULT_MISCONFIGURED, "key set has no array 'keys'");
    for (const struct json_value *jwk = json_first(keys); jwk; jwk = json_next(jwk)) {
        if (++n > KEYS_MAX)
            return fault_set(reterr, FAULT_MISCONFIGURED, "key set has more than %d keys",
                             KEYS_MAX);
        if (!set_add(set, jwk, reterr))
            return false;
    }
    return true;
}

static bool set_parse(struct key_set *set, struct arena *scratch, struct text file,
                      struct fault *reterr)
{
    struct fault fault = {0};
    json_scoped struct json_document *document = json_parse(scratch, file, &fault);

    if (document)
        return set_fill(set, json_top(document), reterr);
    return fault_set(reterr,
                     fault.kind == FAULT_INVALID_JSON ? FAULT_MISCONFIGURED : FAULT_INTERNAL,
                     "key set: %s", fault.detail);
}

static struct stamp stamp_of(const struct stat *st)
{
    return (struct stamp){st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

static struct key_set *read_set(const char *path, struct stamp *ret_stamp, struct fault *reterr)
{
    struct key_set *set = set_new();
    struct arena scratch;
    struct text file = {0};
    struct stat status = {0};

    if (!set) {
        fault_set(reterr, FAULT_INTERNAL, "no memory for a key set");
        return NULL;
    }
    arena_init(&scratch, SET_MEMORY);
    bool good = file_read("key set", path, FILE_MAX, &scratch, &status, &file, reterr);
    *ret_stamp = stamp_of(&status);
    if (!good || !set_parse(set, &scratch, file, reterr)) {
        set_free(set);
        set = NULL;
    }
    arena_release(&scratch);
    return set;
}

/**
 * Read the file and put its keys in use; needs keys->reading. After a bad file the keys stay that
 * there are, and it is not read again until it changes; where memory was short, it is.
 */
static bool read_keys(struct auth_keys *keys, size_t *ret_count, struct fault *reterr)
{
    struct fault failure = {0};
    struct stamp stamp = {0};
    struct key_set *set = read_set(keys->path, &stamp, &failure), *gone = NULL;

    if (!set && failure.kind == FAULT_INTERNAL)
        stamp = (struct stamp){0};
    pthread_rwlock_wrlock(&keys->lock);
    keys->seen = stamp;
    keys->failure = failure;
    keys->untold = !set && keys->set && failure.kind == FAULT_MISCONFIGURED;
    if (set) {
        gone = keys->set;
        keys->set = set;
        *ret_count = set->n;
    }
    pthread_rwlock_unlock(&keys->lock);
    set_free(gone);
    if (!set && reterr)
        *reterr = failure;
    return set;
}

static bool was_read(struct auth_keys *keys, const struct stamp *stamp)
{
    pthread_rwlock_rdlock(&keys->lock);
    bool same = same_stamp(&keys->seen, stamp);
    pthread_rwlock_unlock(&keys->lock);
    return same;
}

/** Every token that needs a key costs one stat(), so a key that is withdrawn is refused at once. */
static void refresh(struct auth_keys *keys)
{
    struct stat st;
    size_t count;

    if (stat(keys->path, &st) != 0)
        st = (struct stat){0};
    struct stamp now = stamp_of(&st);
    if (was_read(keys, &now))
        return;
    pthread_mutex_lock(&keys->reading);
    if (!was_read(keys, &now))
        (void)!read_keys(keys, &count, NULL);
    pthread_mutex_unlock(&keys->reading);
}

static const struct key *set_find(const struct key_set *set, struct text algorithm, struct text kid)
{
    for (size_t i = 0; i < set->n; i++)
        if (text_equal(set->keys[i].kid, kid) && text_equal(set->keys[i].algorithm, algorithm))
            return &set->keys[i];
    return NULL;
}

bool auth_keys_find(struct auth_keys *keys, struct arena *arena, struct text algorithm,
                    struct text kid, struct text *ret_pem, struct fault *reterr)
{
    bool good = true;

    refresh(keys);
    pthread_rwlock_rdlock(&keys->lock);
    if (keys->set) {
        const struct key *key = set_find(keys->set, algorithm, kid);
        *ret_pem = (struct text){0};
        if (key && !arena_copy(arena, key->pem, ret_pem))
            good = fault_set(reterr, FAULT_INTERNAL, "no memory for a key");
    } else {
        good = fault_set(reterr, keys->failure.kind, "%s", keys->failure.detail);
    }
    pthread_rwlock_unlock(&keys->lock);
    return good;
}

bool auth_keys_complaint(struct auth_keys *keys, struct fault *ret_failure)
{
    if (!atomic_load(&keys->untold) || !atomic_exchange(&keys->untold, false))
        return false;
    pthread_rwlock_rdlock(&keys->lock);
    *ret_failure = keys->failure;
    pthread_rwlock_unlock(&keys->lock);
    return true;
}

bool auth_keys_load(struct auth_keys *keys, size_t *ret_count, struct fault *reterr)
{
    pthread_mutex_lock(&keys->reading);
    bool good = read_keys(keys, ret_count, reterr);
    pthread_mutex_unlock(&keys->reading);
    return good;
}

bool auth_keys_count(struct text set, size_t *ret_count, struct fault *reterr)
{
    struct key_set *read = set_new();
    struct arena scratch;

    if (!read)
        return fault_set(reterr, FAULT_INTERNAL, "no memory for a key set");
    arena_init(&scratch, SET_MEMORY);
    bool good = set_parse(read, &scratch, set, reterr);
    *ret_count = read->n;
    arena_release(&scratch);
    set_free(read);
    return good;
}

struct auth_keys *auth_keys_new(const char *jwks_file)
{
    struct auth_keys *keys = calloc(1, sizeof(*keys));

    if (!keys || !(keys->path = strdup(jwks_file))) {
        free(keys);
        return NULL;
    }
    fault_set(&keys->failure, FAULT_MISCONFIGURED, "cannot find key set '%s'", jwks_file);
    pthread_mutex_init(&keys->reading, NULL);
    pthread_rwlock_init(&keys->lock, NULL);
    return keys;
}

void auth_keys_free(struct auth_keys *keys)
{
    if (!keys)
        return;
    set_free(keys->set);
    pthread_rwlock_destroy(&keys->lock);
    pthread_mutex_destroy(&keys->reading);
    free(keys->path);
    free(keys);
}
