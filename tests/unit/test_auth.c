#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth.h"
#include "buffer.h"

#define NOW    1700000000
#define USER   "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
#define SECRET "super-secret-jwt-token-with-at-least-32-characters-long"

/*
 * Test keys and signatures. EC_X, EC_Y and RSA_N are the public keys of RFC 7515 appendix A.3 and
 * A.2, whose private halves are printed there too. The signatures over header "." CLAIMS are by the
 * npm package jose, checked with PyJWT. CLAIMS is in base64url
 * {"sub":USER,"role":"authenticated","aud":"authenticated","exp":4102444800}.
 */
#define RSA_N                                                                                      \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt"     \
    "0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX"     \
    "ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5"     \
    "IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define SMALL_N                                                                                    \
    "w4znvxl4TeKq2oAhDzcI7kSJHF9MPfsGwitub3gGvazIvoFcqZ5MXRWtW4_MrgcOfdecYBuwNEzJVWDGwdhtRIE1"     \
    "J9_8kfglt6o618b9wVxlMjl-kVpaR_-IsqIV8sWwU7FbShVJg_YpiBAvddcuKPPVqeHTExezqEWEsV1zO68"
#define CLAIMS                                                                                     \
    "eyJzdWIiOiIzZjI1MDRlMC00Zjg5LTQxZDMtOWEwYy0wMzA1ZTgyYzMzMDEiLCJyb2xlIjoiYXV0aGVudGljYXRl"     \
    "ZCIsImF1ZCI6ImF1dGhlbnRpY2F0ZWQiLCJleHAiOjQxMDI0NDQ4MDB9"

#define SIG_ES_SHORT                                                                               \
    "C0BuBelsUj2X4gbzmGNjkKL4FuY9eepb4QGecwNPJQFBv4qlnskI74jqn0mnGpj47L4OE_gpLCrpHBNsX1_LZ"
#define SIG_ES_EC    SIG_ES_SHORT "Q"
#define SIG_ES_SPARE SIG_ES_SHORT "R" /* the same bytes to a lenient decoder */
#define SIG_ES_EC_STRANGER                                                                         \
    "GteTP4lSq6mi-NO_OlpEREjDXxmg2PnOIo9GUj0Rpk2Eut7KVqqCa7CM0_AYcBzpHioLtjRtjSquPPSmwoW5AA"
#define SIG_ES_GONE                                                                                \
    "8u2YglpSuCQgsuVM8WvAUD0jOmNgMptf-yuqcC5Iy3vPh7IrexCVmANPRxEGuw0MhK1WQpnTbMW-ovH5R48cSw"
#define SIG_ES_RSA                                                                                 \
    "3-IdwYNdWnwG0r55ONrgbN7bfFoW4kV3jsC8yoxMvTZQNgBUi8HxeKf8AvEsQ4ziZvpfvpW4coOw8ZB9FbSvSw"
#define SIG_ES_NO_KID                                                                              \
    "T7HHxdCxwRD2Yy3Aj4DK-oSn6ly63vxRSVeAPfyizSAEGjJwUn1IpL8l0f3YKWlNiRf3zf_DzU06m5a-UGx2zQ"
#define SIG_ES384_EC                                                                               \
    "kHujKctHhoZ6WQNaT6xCJZaxIFxWcrlXf_1h21Y4m9LIS0O3m4rmHKmTMjMk9A7cqDP5AtD-jPAjWPKML8zsJXSu"     \
    "YrpFrksgUxNfnb6g7vKPobjfioFoIA41NXI9leSA"
#define SIG_ES_DER                                                                                 \
    "MEYCIQCW5HjCX4Snp7uxza6eBMb6Pdounckx_bdWTLZPRFGqpQIhAJqeGvmeEBAXReHFpnPf1YEnuMXiDGUpdeVX"     \
    "ieT6Xm-k"
#define SIG_RS_RSA                                                                                 \
    "MjbJe2Vt6KuKnIrDDHO9LjssLfBu116a-1KDuwTj52xySbYdxFKwh040cFxN1ysGf4fAYF-R0Y5UR78lXub0s4Cw"     \
    "7mG6r1z0weaT898MlL8YLE5nuwOdoGawv9g225NPhvLtdxrFlTYQSdpECfMylOrG3DNdPsJn_jXvGKm-ZkkV5WXr"     \
    "_pi3SiBUpYCB1ZKzCqjNDICf91K3KbaciFgeM179G_qAn3labhLcyEtfXPhCgpcHRQAJsTnt4yahWnkgngkJmic3"     \
    "07_qPQp_LdmiblPwyhVTS3pW2gVtZu2DeHKfUAWOc6hj6dUWGAYFWJN7QGx2rQ9hQPqGC2StM5c8ug"
#define SIG_RS_RSA_STRANGER                                                                        \
    "tapV5QajeLW3TxqIdVGsCnbkVd0Nql_UUT6A-BErAY9pSb4EZGlr6lbPjrvQFuCTQbjDmp8Ew63w6UC9j3ZxLpG9"     \
    "gmU4EHls5cL5WFhVh6V_AioHOmyG-wBlgl0CbRIjMPcjFQ3RnnSCRxZ2AYmbGwdPR1-RcT1L7su4YqeTGRMyuQ65"     \
    "rK4Teon0dHzdqaO0GpDqx--JqcPFcoJBQq6HJHkJBs1s6Xc_v3GevajpiLZrS1_0MMuJYfW86Hu4MC-t62t1YSSX"     \
    "g97RScxOtxKEwjDZbsZQ69typX8N0xnMazK6LzjiCpRiVBYrnqD754QbVueUYuqfC6q-RgOKlRGiTQ"
#define SIG_RS_EC                                                                                  \
    "ieOlTAyWbcB0O7gy4bgKgM9-kXf95TX8DlEdrATvbYZBOEA1vsww5_hFcdDYn10NqipHyAB1VDyH2rJd5mHknTmx"     \
    "Oe_FX83LzlxAVOzd1VEJwaWvxBcrJ_LnwfbC5SXjB3pfR9FsyYbIEkX-rZj_ozZOB6na5LZcgIyrLx9efPQluZnW"     \
    "xQRVYpyWru1qlInFMq9V11GZ1UtydwXTWfCuXiaHUbmi58dmEHsBzcJE-o_GTUKiPSDabLckuXbT9tTPTcZRnY8l"     \
    "JtmGntlRcBMX4obrb4-eQf_Dv5WXvy1KJKo3HzimNGoKbnsnGUCAWhLpC-s4ya1VLebC880XZ76ILg"
#define SIG_RS512_RSA                                                                              \
    "k51TA7BoalXgp8rSHcyPQArk8Tedwy4LXTsHbkH1IWBQYmVDe4rM55lU7ZG7Ki3Hmzw7RpADiG2SlKu7bMhOj0xe"     \
    "7UgZC0JKSCqWvdpxMiN0rHHk5wPbBqmJi5lJT-eQergYeTb037pVIh-JMjnJPCqcut10KYu7-X7btn8_IaSa7-wP"     \
    "gW2jsqF8gwau7yqA5sLVjUr_JxRFRN6KkJP0FgX72aa8mSElunEXar_U5R1kVf2fEDv5dUIsDwNqOiwBB8tipECd"     \
    "NF_p2adeJd0Yx7mvnkfO99bVubT5yVLTv573PIFbMfU-_XTVe2ZT-RViQHh3WFBDYRepqu1J6eAKCg"
#define SIG_PS256_RSA                                                                              \
    "m6pOr9m32eGU3RWWstoKVBe0IrsmbA2i6PJPpU7Z2wC7vb5LCRYb9UmSOc4patHbb3esn7Lkn-5pESzJP-1qny60"     \
    "imN-HEXaq_o-HdvFeDmp1kmRnEg1eMF0-7eF9DbA4Lx93SNm8cX30hF6Kfbc_V49cCdL-9Wg6Oh3Psw0dH_lXOBY"     \
    "0lDBYnzGqivGHzm3LNBmOgogTTv5-Y05-aV4q7J-Pl6dv5NjuY2wgq6IhqCjmSSUucs5c4iTbExUkz0KkWsdgAfy"     \
    "VJ12GhZCeaYqTXQfpE4n0QuiLXy4fxvnH9iWpsfl_gvnx4h5KsXdvjVUHXUXC11YGhhZoRCvOpKfbw"
#define SIG_RS_SMALL                                                                               \
    "WwN1YwRhUXD_20li_zBqdqTaqQTZE7ycPQLQa3RHcPYtsp-iJLZUufjGWIvm4y94szegynQWoka7KPhpihOA_cEb"     \
    "EsMHzf1pz32UqgiUEZkhJvxTj6vIP0Ga_Ru4wurLEFsbYdiblSDBGdbKT5HFZHcJj1LDsEf7cOt7ShUMjyg"
#define SIG_HS_RSA_PEM "XxvMktFxurNkE1i8H836BLDbYTSGmVcdyGlbMbVInw4"
#define SIG_HS_EC_PEM  "mFxr5ETXve2H6dBJfXR78BAjV3ziX7_4JMLRIJ9YJ4U"

#define EC_JWK(more)                                                                               \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"" more "}"
#define RSA_JWK(more) "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"" more "}"
#define EC_KEY        EC_JWK(",\"kid\":\"ec\"")
#define RSA_KEY       RSA_JWK(",\"kid\":\"rsa\"")
#define SET(keys)     "{\"keys\":[" keys "]}"

static struct arena arena;
static char dir[] = "/tmp/test_auth.XXXXXX";
static char *keys_path; /* where a test puts its key set */

/* --- Tools. --- */

static struct text format(const char *pattern, ...) __attribute__((format(printf, 1, 2)));
static struct text format(const char *pattern, ...)
{
    va_list args;
    char *s = NULL;
    struct text t;

    va_start(args, pattern);
    int n = vasprintf(&s, pattern, args);
    va_end(args);
    assert_true(n >= 0);
    assert_true(arena_copy(&arena, (struct text){s, (size_t)n}, &t));
    free(s);
    return t;
}

static struct text base64url(struct text t)
{
    unsigned char *out = arena_new(&arena, unsigned char, t.n / 3 * 4 + 5);
    int n = EVP_EncodeBlock(out, (const unsigned char *)t.s, (int)t.n);

    while (n > 0 && out[n - 1] == '=')
        n--;
    for (int i = 0; i < n; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    return (struct text){(char *)out, (size_t)n};
}

/** A token by libcrypto's HMAC alone; the published tokens pin it. */
static struct text sign_with(const EVP_MD *hash, struct text header, struct text claims,
                             struct text secret)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct text parts =
        format("%.*s.%.*s", TEXT_ARG(base64url(header)), TEXT_ARG(base64url(claims)));

    HMAC(hash, secret.s, (int)secret.n, (const unsigned char *)parts.s, parts.n, mac, &n);
    return format("%.*s.%.*s", TEXT_ARG(parts), TEXT_ARG(base64url((struct text){(char *)mac, n})));
}

static struct text sign(struct text header, struct text claims)
{
    return sign_with(EVP_sha256(), header, claims, TEXT(SECRET));
}

static const char *verdict_of(bool good, const struct auth_caller *caller,
                              const struct fault *fault)
{
    static const char *const roles[] = {"nobody", "anon", "user ", "server"};

    if (good)
        return format("%s%s", roles[caller->role], caller->user).s;
    const char *colon = strstr(fault->detail, "token refused: ");
    return format("%s: %s", fault_code(fault), colon ? colon + 15 : fault->detail).s;
}

/** "user <uuid>", "anon", "server" or "<code>: <why>". */
static const char *verify(const struct auth_policy *policy, struct auth_keys *keys,
                          struct text authorization, int64_t now)
{
    struct auth_caller caller = {.role = AUTH_NOBODY};
    struct fault fault = {0};
    /* Memory that ends with the text, so that reading on is seen. */
    char *exact = malloc(authorization.n ? authorization.n : 1);

    if (authorization.n)
        memcpy(exact, authorization.s, authorization.n);
    const struct auth_presented presented = {.authorization = {exact, authorization.n}};
    bool good = auth_verify(&arena, policy, keys, &presented, now, &caller, &fault);
    free(exact);
    if (!good)
        assert_int_equal(caller.role, AUTH_NOBODY);
    return verdict_of(good, &caller, &fault);
}

static const char *verify_token(const struct auth_policy *policy, struct auth_keys *keys,
                                struct text token)
{
    return verify(policy, keys, format("Bearer %.*s", TEXT_ARG(token)), NOW);
}

static struct auth_policy policy(void)
{
    return (struct auth_policy){
        .hmac_secret = TEXT(SECRET), .jwks_file = keys_path, .audience = TEXT("authenticated")};
}

/** Replace the key set as careful programs do: written aside, then renamed. */
static void put_keys(struct text text)
{
    const char *aside = format("%s/aside", dir).s;
    FILE *file = fopen(aside, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text.s, 1, text.n, file), text.n);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(aside, keys_path), 0);
}

static struct auth_keys *keys;

static int open_keys(void **state)
{
    (void)state;
    unlink(keys_path);
    rmdir(keys_path);
    keys = auth_keys_new(keys_path);
    return keys ? 0 : -1;
}

static int close_keys(void **state)
{
    (void)state;
    auth_keys_free(keys);
    arena_clear(&arena);
    return 0;
}

/* --- Tokens that others have published. --- */

static struct published_row {
    const char *label, *secret, *token, *want;
    int64_t now;
} published[] = {
    {"the anon key of Supabase's Docker example",
     "your-super-secret-jwt-token-with-at-least-32-characters-long",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyAgCiAgICAicm9sZSI6ICJhbm9uIiwKICAgICJpc3MiOiAic3Vw"
     "YWJhc2UtZGVtbyIsCiAgICAiaWF0IjogMTY0MTc2OTIwMCwKICAgICJleHAiOiAxNzk5NTM1NjAwCn0.dc_X5iR_VP"
     "_qT0zsiyj_I_OZ2T9FtRU2BBNWN8Bu4GE",
     "anon", NOW},
    {"the service key of Supabase's Docker example",
     "your-super-secret-jwt-token-with-at-least-32-characters-long",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyAgCiAgICAicm9sZSI6ICJzZXJ2aWNlX3JvbGUiLAogICAgImlz"
     "cyI6ICJzdXBhYmFzZS1kZW1vIiwKICAgICJpYXQiOiAxNjQxNzY5MjAwLAogICAgImV4cCI6IDE3OTk1MzU2MDAKfQ"
     ".DaYlNEoUrrEn2Ig7tqibS-PHK5vgusbcbo7X36XVt4Q",
     "server", NOW},
    {"the same after its time", "your-super-secret-jwt-token-with-at-least-32-characters-long",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyAgCiAgICAicm9sZSI6ICJzZXJ2aWNlX3JvbGUiLAogICAgImlz"
     "cyI6ICJzdXBhYmFzZS1kZW1vIiwKICAgICJpYXQiOiAxNjQxNzY5MjAwLAogICAgImV4cCI6IDE3OTk1MzU2MDAKfQ"
     ".DaYlNEoUrrEn2Ig7tqibS-PHK5vgusbcbo7X36XVt4Q",
     "unauthorized: expired", 1799535630},
    {"the anon key of Supabase's command line tool", SECRET,
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6ImFub24iLCJl"
     "eHAiOjE5ODM4MTI5OTZ9.CRXP1A7WOeoJeXxjNni43kdQwgnWNReilDMblYTn_I0",
     "anon", NOW},
    {"the service key of Supabase's command line tool", SECRET,
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6InNlcnZpY2Vf"
     "cm9sZSIsImV4cCI6MTk4MzgxMjk5Nn0.EGIM96RAZx35lJzdJsyH-qQwv8Hdp7fsn3W0YpN81IU",
     "server", NOW},
    {"the same with the first one's secret",
     "your-super-secret-jwt-token-with-at-least-32-characters-long",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6InNlcnZpY2Vf"
     "cm9sZSIsImV4cCI6MTk4MzgxMjk5Nn0.EGIM96RAZx35lJzdJsyH-qQwv8Hdp7fsn3W0YpN81IU",
     "unauthorized: wrong signature", NOW},
    {"RFC 7515 A.1 is signed well and has no role", NULL,
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog"
     "Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
     "forbidden: no role in the token", 1300819380},
    {"RFC 7515 A.1 with one bit turned", NULL,
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog"
     "Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
     "unauthorized: wrong signature", 1300819380},
    {"RFC 7515 A.2 names no key", NULL,
     "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
     "LmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh"
     "7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyW"
     "zO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZES"
     "c6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUP"
     "QGe77Rw",
     "unauthorized: no key is named, or none is known", 1300819380},
    {"RFC 7515 A.3 names no key", NULL,
     "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
     "LmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
     "pmWQxfKTUJqPP3-Kg6NU1Q",
     "unauthorized: no key is named, or none is known", 1300819380},
    {"jwt.io's example is signed well and has no end", "your-256-bit-secret",
     "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwi"
     "aWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
     "unauthorized: 'exp' is no date", NOW},
};

/** The key of RFC 7515 A.1, which has a NUL inside. */
static const unsigned char rfc_secret[] = {
    0x03, 0x23, 0x35, 0x4b, 0x2b, 0x0f, 0xa5, 0xbc, 0x83, 0x7e, 0x06, 0x65, 0x77, 0x7b, 0xa6, 0x8f,
    0x5a, 0xb3, 0x28, 0xe6, 0xf0, 0x54, 0xc9, 0x28, 0xa9, 0x0f, 0x84, 0xb2, 0xd2, 0x50, 0x2e, 0xbf,
    0xd3, 0xfb, 0x5a, 0x92, 0xd2, 0x06, 0x47, 0xef, 0x96, 0x8a, 0xb4, 0xc3, 0x77, 0x62, 0x3d, 0x22,
    0x3d, 0x2e, 0x21, 0x72, 0x05, 0x2e, 0x4f, 0x08, 0xc0, 0xcd, 0x9a, 0xf5, 0x67, 0xd0, 0x80, 0xa3,
};

static void test_published(void **state)
{
    const struct published_row *row = *state;
    struct auth_policy p = policy();

    p.hmac_secret = row->secret ? text_of(row->secret)
                                : (struct text){(const char *)rfc_secret, sizeof(rfc_secret)};
    put_keys(TEXT(SET(EC_KEY "," RSA_KEY)));
    assert_string_equal(verify(&p, keys, format("Bearer %s", row->token), row->now), row->want);
}

static void test_signer(void **state)
{
    (void)state;
    assert_text_equal(
        sign_with(EVP_sha256(), TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
                  TEXT("{\"sub\":\"1234567890\",\"name\":\"John Doe\",\"iat\":1516239022}"),
                  TEXT("your-256-bit-secret")),
        published[ARRAY_LEN(published) - 1].token);
}

/* --- Headers, signed with the secret. --- */

#define GOOD                                                                                       \
    "{\"sub\":\"" USER "\",\"role\":\"authenticated\",\"aud\":\"authenticated\",\"exp\":"          \
    "1700000600}"

/* What libjwt's JSON library cannot read: refused, and called what it is. */
#define UNREAD                                                                                     \
    "unauthorized: libjwt cannot read it (a number beyond 64 bits or the doubles, an escaped "     \
    "NUL, "                                                                                        \
    "half a surrogate pair, a byte order mark)"

static struct header_row {
    const char *label, *header, *want;
    const EVP_MD *(*hash)(void); /* NULL: SHA-256 */
} headers[] = {
    {"HS256", "{\"alg\":\"HS256\"}", "user " USER},
    {"HS256 with a type and members that say nothing to us",
     "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"cty\":\"x\",\"jku\":\"https://evil.example/keys\"}",
     "user " USER},
    {"HS256 with an unknown kid", "{\"alg\":\"HS256\",\"kid\":\"gone\"}", "user " USER},
    {"HS256 with the kid of a public key", "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", "user " USER},
    {"HS256 with a kid that is no string", "{\"alg\":\"HS256\",\"kid\":5}", "user " USER},
    {"the algorithm none", "{\"alg\":\"none\"}", "unauthorized: unknown algorithm"},
    {"the algorithm None", "{\"alg\":\"None\"}", "unauthorized: unknown algorithm"},
    {"the algorithm NONE", "{\"alg\":\"NONE\"}", "unauthorized: unknown algorithm"},
    {"the algorithm nOnE", "{\"alg\":\"nOnE\"}", "unauthorized: unknown algorithm"},
    {"an empty algorithm", "{\"alg\":\"\"}", "unauthorized: unknown algorithm"},
    {"no algorithm", "{\"typ\":\"JWT\"}", "unauthorized: unknown algorithm"},
    {"an algorithm that is null", "{\"alg\":null}", "unauthorized: unknown algorithm"},
    {"an algorithm that is a list", "{\"alg\":[\"HS256\"]}", "unauthorized: unknown algorithm"},
    {"HS256 in lower case", "{\"alg\":\"hs256\"}", "unauthorized: unknown algorithm"},
    {"HS256 with a space behind", "{\"alg\":\"HS256 \"}", "unauthorized: unknown algorithm"},
    {"HS384 with the same secret", "{\"alg\":\"HS384\"}", "unauthorized: unknown algorithm",
     EVP_sha384},
    {"HS512 with the same secret", "{\"alg\":\"HS512\"}", "unauthorized: unknown algorithm",
     EVP_sha512},
    {"HS256 said, SHA-512 used", "{\"alg\":\"HS256\"}", "unauthorized: wrong signature",
     EVP_sha512},
    {"ES256 said of an HMAC", "{\"alg\":\"ES256\",\"kid\":\"ec\"}",
     "unauthorized: wrong signature"},
    {"RS256 said of an HMAC", "{\"alg\":\"RS256\",\"kid\":\"rsa\"}",
     "unauthorized: wrong signature"},
    {"two algorithms", "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
     "unauthorized: header: a name stands twice in a JSON object"},
    {"two algorithms, one spelt with an escape", "{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}",
     "unauthorized: header: a name stands twice in a JSON object"},
    {"critical members", "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}",
     "unauthorized: critical header members"},
    {"critical members that are null", "{\"alg\":\"HS256\",\"crit\":null}",
     "unauthorized: critical header members"},
    {"a header that is an array", "[\"HS256\"]",
     "unauthorized: header: bad JSON at byte 0: not an object"},
    {"a header with a byte-order mark", "\xEF\xBB\xBF{\"alg\":\"HS256\"}", UNREAD},
    {"a header with text behind it", "{\"alg\":\"HS256\"}x",
     "unauthorized: header: bad JSON at byte 15: text behind the object"},
};

static void test_header(void **state)
{
    const struct header_row *row = *state;
    struct auth_policy p = policy();
    struct text token = sign_with(row->hash ? row->hash() : EVP_sha256(), text_of(row->header),
                                  TEXT(GOOD), TEXT(SECRET));

    put_keys(TEXT(SET(EC_KEY "," RSA_KEY)));
    assert_string_equal(verify_token(&p, keys, token), row->want);
}

/* --- Claims of well-signed tokens. --- */

#define AUD       ",\"aud\":\"authenticated\""
#define ROLE      ",\"role\":\"authenticated\""
#define SUB       "\"sub\":\"" USER "\""
#define EXP       ",\"exp\":1700000600"
#define ISS       "https://x.supabase.co/auth/v1"
#define OF_SERVER "\"role\":\"service_role\""

static struct claims_row {
    const char *label, *claims, *want;
    const char *audience, *issuer; /* NULL: the usual audience, no issuer */
} claims_rows[] = {
    {"a user", "{" SUB ROLE AUD EXP "}", "user " USER},
    {"what Supabase puts into a user's token",
     "{\"aal\":\"aal1\",\"amr\":[{\"method\":\"password\",\"timestamp\":1699999999}],\"app_"
     "metadata\":"
     "{\"provider\":\"email\"},\"email\":\"م@example.org\",\"iat\":1699999999,\"is_anonymous\":"
     "false,"
     "\"phone\":\"\",\"session_id\":null," SUB ROLE AUD EXP "}",
     "user " USER},
    {"a user's UUID in capitals",
     "{\"sub\":\"3F2504E0-4F89-41D3-9A0C-0305E82C3301\"" ROLE AUD EXP "}", "user " USER},

    {"the last moment of the leeway", "{" SUB ROLE AUD ",\"exp\":1699999971}", "user " USER},
    {"the moment behind it", "{" SUB ROLE AUD ",\"exp\":1699999970}", "unauthorized: expired"},
    {"a fraction of a second left", "{" SUB ROLE AUD ",\"exp\":1699999970.5}", "user " USER},
    {"expired long ago", "{" SUB ROLE AUD ",\"exp\":1}", "unauthorized: expired"},
    {"an end at zero", "{" SUB ROLE AUD ",\"exp\":0}", "unauthorized: expired"},
    {"an end in exponents", "{" SUB ROLE AUD ",\"exp\":17e8}", "user " USER},
    {"an end in the year 9999", "{" SUB ROLE AUD ",\"exp\":253402300799}", "user " USER},
    {"an end later than that", "{" SUB ROLE AUD ",\"exp\":253402300800}",
     "unauthorized: 'exp' is no date"},
    {"no end", "{" SUB ROLE AUD "}", "unauthorized: 'exp' is no date"},
    {"an end that is null", "{" SUB ROLE AUD ",\"exp\":null}", "unauthorized: 'exp' is no date"},
    {"an end that is a string", "{" SUB ROLE AUD ",\"exp\":\"1700000600\"}",
     "unauthorized: 'exp' is no date"},
    {"an end that is true", "{" SUB ROLE AUD ",\"exp\":true}", "unauthorized: 'exp' is no date"},
    {"a negative end", "{" SUB ROLE AUD ",\"exp\":-1}", "unauthorized: 'exp' is no date"},
    {"an end of 1e300", "{" SUB ROLE AUD ",\"exp\":1e300}", "unauthorized: 'exp' is no date"},
    {"an end that overflows", "{" SUB ROLE AUD ",\"exp\":1e999}", UNREAD},
    {"two ends", "{" SUB ROLE AUD EXP EXP "}",
     "unauthorized: claims: a name stands twice in a JSON object"},

    {"a beginning now", "{" SUB ROLE AUD EXP ",\"nbf\":1700000000}", "user " USER},
    {"a beginning at the end of the leeway", "{" SUB ROLE AUD EXP ",\"nbf\":1700000030}",
     "user " USER},
    {"a beginning behind it", "{" SUB ROLE AUD EXP ",\"nbf\":1700000031}",
     "unauthorized: not valid yet"},
    {"a beginning that is a string", "{" SUB ROLE AUD EXP ",\"nbf\":\"1\"}",
     "unauthorized: 'nbf' is no date"},
    {"a beginning that is null", "{" SUB ROLE AUD EXP ",\"nbf\":null}",
     "unauthorized: 'nbf' is no date"},
    {"a server's token that is not valid yet", "{" OF_SERVER EXP ",\"nbf\":1700000031}",
     "unauthorized: not valid yet"},

    {"no audience", "{" SUB ROLE EXP "}", "unauthorized: wrong audience"},
    {"another audience", "{" SUB ROLE EXP ",\"aud\":\"anon\"}", "unauthorized: wrong audience"},
    {"an audience that begins alike", "{" SUB ROLE EXP ",\"aud\":\"authenticated2\"}",
     "unauthorized: wrong audience"},
    {"an audience in capitals", "{" SUB ROLE EXP ",\"aud\":\"Authenticated\"}",
     "unauthorized: wrong audience"},
    {"the audience in a list", "{" SUB ROLE EXP ",\"aud\":[\"x\",\"authenticated\"]}",
     "user " USER},
    {"a list without the audience", "{" SUB ROLE EXP ",\"aud\":[\"x\",1,null]}",
     "unauthorized: wrong audience"},
    {"an empty list of audiences", "{" SUB ROLE EXP ",\"aud\":[]}", "unauthorized: wrong audience"},
    {"the audience in a list in a list", "{" SUB ROLE EXP ",\"aud\":[[\"authenticated\"]]}",
     "unauthorized: wrong audience"},
    {"the audience in an object", "{" SUB ROLE EXP ",\"aud\":{\"a\":\"authenticated\"}}",
     "unauthorized: wrong audience"},
    {"another audience where another is configured", "{" SUB ROLE EXP ",\"aud\":\"portal\"}",
     "user " USER, .audience = "portal"},
    {"no audience where none is configured", "{" SUB ROLE EXP "}", "user " USER, .audience = ""},

    {"the issuer", "{" SUB ROLE AUD EXP ",\"iss\":\"" ISS "\"}", "user " USER, .issuer = ISS},
    {"another issuer", "{" SUB ROLE AUD EXP ",\"iss\":\"" ISS "/\"}", "unauthorized: wrong issuer",
     .issuer = ISS},
    {"the issuer in a list", "{" SUB ROLE AUD EXP ",\"iss\":[\"" ISS "\"]}",
     "unauthorized: wrong issuer", .issuer = ISS},
    {"no issuer", "{" SUB ROLE AUD EXP "}", "unauthorized: wrong issuer", .issuer = ISS},
    {"any issuer where none is configured", "{" SUB ROLE AUD EXP ",\"iss\":\"joe\"}", "user " USER},

    {"a server is asked for neither audience nor issuer", "{" OF_SERVER EXP "}", "server",
     .issuer = ISS},
    {"a server with a user's UUID is a server", "{" SUB "," OF_SERVER AUD EXP "}", "server"},
    {"a server's token without an end", "{" OF_SERVER "}", "unauthorized: 'exp' is no date"},
    {"a server's token that has expired", "{" OF_SERVER ",\"exp\":1699999970}",
     "unauthorized: expired"},
    {"anon is asked for neither audience nor issuer", "{\"role\":\"anon\"" EXP "}", "anon",
     .issuer = ISS},
    {"an anon token without an end", "{\"role\":\"anon\"}", "unauthorized: 'exp' is no date"},

    {"another role", "{" SUB AUD EXP ",\"role\":\"supabase_admin\"}",
     "forbidden: unknown role in the token"},
    {"an empty role", "{" SUB AUD EXP ",\"role\":\"\"}", "forbidden: unknown role in the token"},
    {"a role in capitals", "{" SUB AUD EXP ",\"role\":\"Service_Role\"}",
     "forbidden: unknown role in the token"},
    {"a role in a list", "{" SUB AUD EXP ",\"role\":[\"service_role\"]}",
     "forbidden: no role in the token"},
    {"no role", "{" SUB AUD EXP "}", "forbidden: no role in the token"},
    {"two roles", "{" SUB ROLE AUD EXP ",\"role\":\"service_role\"}",
     "unauthorized: claims: a name stands twice in a JSON object"},
    {"a role inside another member", "{" SUB AUD EXP ",\"app_metadata\":{" OF_SERVER "}}",
     "forbidden: no role in the token"},

    {"no subject", "{\"a\":0" ROLE AUD EXP "}", "forbidden: 'sub' of the token is no UUID"},
    {"an empty subject", "{\"sub\":\"\"" ROLE AUD EXP "}",
     "forbidden: 'sub' of the token is no UUID"},
    {"a subject that is no UUID",
     "{\"sub\":\"3f2504e0-4f89-41d3-9a0c-0305e82c330\"" ROLE AUD EXP "}",
     "forbidden: 'sub' of the token is no UUID"},
    {"a subject that is a number", "{\"sub\":5" ROLE AUD EXP "}",
     "forbidden: 'sub' of the token is no UUID"},
    {"a subject with more behind it", "{\"sub\":\"" USER "'--\"" ROLE AUD EXP "}",
     "forbidden: 'sub' of the token is no UUID"},

    {"claims that are not valid UTF-8", "{" SUB ROLE AUD EXP ",\"name\":\"caf\xE9\"}",
     "unauthorized: claims: bad JSON at byte 0: not valid UTF-8"},
    {"a claim with an escaped NUL", "{" SUB ROLE AUD EXP ",\"a\\u0000\":\"\\u0000\"}", UNREAD},
    {"a claim with half a surrogate pair", "{" SUB ROLE AUD EXP ",\"name\":\"\\ud83d\"}", UNREAD},
    {"a claim beyond 64 bits", "{" SUB ROLE AUD EXP ",\"id\":123456789012345678901234567890}",
     UNREAD},
    {"a claim beyond 64 bits, further inside",
     "{" SUB ROLE AUD EXP ",\"app_metadata\":{\"ids\":[9223372036854775808]}}", UNREAD},
    {"a claim beyond the doubles", "{" SUB ROLE AUD EXP ",\"x\":1e400,\"y\":-1E+999}", UNREAD},
    {"a name that stands twice inside a claim",
     "{" SUB ROLE AUD EXP ",\"user_metadata\":{\"a\":1,\"a\":2}}", "user " USER},
    {"a subject with an escaped NUL", "{\"sub\":\"" USER "\\u0000\"" ROLE AUD EXP "}", UNREAD},
    {"a role with an escaped NUL", "{" SUB AUD EXP ",\"role\":\"service_role\\u0000\"}", UNREAD},

    {"an anonymous user", "{" SUB ROLE AUD EXP ",\"is_anonymous\":true}",
     "forbidden: an anonymous user may not send"},
    {"an anonymous user with the wrong audience", "{" SUB ROLE EXP ",\"is_anonymous\":true}",
     "unauthorized: wrong audience"},
    {"a user who is not anonymous any more", "{" SUB ROLE AUD EXP ",\"is_anonymous\":false}",
     "user " USER},
    {"a user of whom that is not known", "{" SUB ROLE AUD EXP ",\"is_anonymous\":null}",
     "user " USER},
    {"an anonymous user further inside",
     "{" SUB ROLE AUD EXP ",\"user_metadata\":{\"is_anonymous\":true}}", "user " USER},
    {"claims that are a string", "\"authenticated\"",
     "unauthorized: claims: bad JSON at byte 0: not an object"},
};

static void test_claims(void **state)
{
    const struct claims_row *row = *state;
    struct auth_policy p = policy();
    struct text token = sign(TEXT("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), text_of(row->claims));

    p.issuer = text_of(row->issuer);
    if (row->audience)
        p.audience = text_of(row->audience);
    assert_string_equal(verify_token(&p, NULL, token), row->want);
}

/* --- The header field, and the token's form. --- */

/* {"alg":"HS256"} . {"role":"anon","exp":4102444800}, signed with SECRET by python3-jwt. */
#define ANON_HEADER    "eyJhbGciOiJIUzI1NiJ9"
#define ANON_CLAIMS    "eyJyb2xlIjoiYW5vbiIsImV4cCI6NDEwMjQ0NDgwMH0"
#define ANON_SHORT     "ubB02SnrRPQ28RqhZaLqtGOzR1FNKHraRVsIfyahTF"
#define ANON_SIGNATURE ANON_SHORT "U"
#define ANON_LEFTOVER  ANON_SHORT "V" /* the same bytes to a lenient decoder */
#define ANON           ANON_HEADER "." ANON_CLAIMS "." ANON_SIGNATURE

/* A literal with NULs inside, for a table. */
#define IN(literal)                                                                                \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static struct form_row {
    const char *label;
    struct text authorization;
    const char *want;
} forms[] = {
    {"a bearer token", IN("Bearer " ANON), "anon"},
    {"the scheme in lower case", IN("bearer " ANON), "anon"},
    {"the scheme in capitals", IN("BEARER " ANON), "anon"},
    {"spaces around the token", IN(" Bearer   " ANON " \t"), "anon"},
    {"nothing", IN(""), "missing_authorization: no authorization header"},
    {"white space only", IN(" \t "), "missing_authorization: no authorization header"},
    {"no token behind the scheme", IN("Bearer "), "unauthorized: no bearer token"},
    {"another scheme", IN("Basic dXNlcjpwYXNz"), "unauthorized: no bearer token"},
    {"a scheme that goes on", IN("Bearers " ANON), "unauthorized: no bearer token"},
    {"a token without a scheme", IN(ANON), "unauthorized: no bearer token"},
    {"two tokens", IN("Bearer " ANON " " ANON), "unauthorized: not three parts"},
    {"two tokens with a comma", IN("Bearer " ANON ", Bearer x"), "unauthorized: no base64url"},
    {"a publishable key of the new kind",
     IN("Bearer sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"), "anon"},
    {"a secret key of the new kind that is none of ours",
     IN("Bearer sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"), "unauthorized: not three parts"},
    {"no dot", IN("Bearer " ANON_HEADER), "unauthorized: not three parts"},
    {"one dot", IN("Bearer " ANON_HEADER "." ANON_CLAIMS), "unauthorized: not three parts"},
    {"three dots", IN("Bearer " ANON "."), "unauthorized: not three parts"},
    {"three dots, the last part doubled", IN("Bearer " ANON "." ANON_SIGNATURE),
     "unauthorized: not three parts"},
    {"an empty header", IN("Bearer ." ANON_CLAIMS "." ANON_SIGNATURE),
     "unauthorized: an empty part"},
    {"empty claims", IN("Bearer " ANON_HEADER ".." ANON_SIGNATURE), "unauthorized: an empty part"},
    {"an empty signature", IN("Bearer " ANON_HEADER "." ANON_CLAIMS "."),
     "unauthorized: an empty part"},
    {"dots only", IN("Bearer .."), "unauthorized: an empty part"},
    {"the algorithm none without a signature", IN("Bearer eyJhbGciOiJub25lIn0." ANON_CLAIMS "."),
     "unauthorized: an empty part"},
    {"padding behind the header", IN("Bearer " ANON_HEADER "=." ANON_CLAIMS "." ANON_SIGNATURE),
     "unauthorized: no base64url"},
    {"padding behind the signature", IN("Bearer " ANON "="), "unauthorized: no base64url"},
    {"a plus of plain base64", IN("Bearer " ANON_HEADER "." ANON_CLAIMS ".a+bc"),
     "unauthorized: no base64url"},
    {"a slash of plain base64", IN("Bearer " ANON_HEADER "." ANON_CLAIMS ".a/bc"),
     "unauthorized: no base64url"},
    {"a NUL in the token", IN("Bearer " ANON "\0"), "unauthorized: no base64url"},
    {"a NUL and another token", IN("Bearer " ANON "\0." ANON), "unauthorized: not three parts"},
    {"a byte above 127", IN("Bearer " ANON_HEADER "." ANON_CLAIMS ".\xE9" ANON_SIGNATURE),
     "unauthorized: no base64url"},
    {"a line break inside", IN("Bearer " ANON_HEADER ".\n" ANON_CLAIMS "." ANON_SIGNATURE),
     "unauthorized: no base64url"},
    {"a signature cut short", IN("Bearer " ANON_HEADER "." ANON_CLAIMS ".ubB02SnrRPQ2"),
     "unauthorized: wrong signature"},
    {"a signature one letter longer", IN("Bearer " ANON "A"), "unauthorized: wrong signature"},
    {"a signature with bits left over", IN("Bearer " ANON_HEADER "." ANON_CLAIMS "." ANON_LEFTOVER),
     "unauthorized: signature is no base64url"},
    {"a header with bits left over",
     IN("Bearer eyJhbGciOiJIUzI1NiIgfR." ANON_CLAIMS "." ANON_SIGNATURE),
     "unauthorized: header is no base64url"},
    {"a header of an impossible length",
     IN("Bearer " ANON_HEADER "A." ANON_CLAIMS "." ANON_SIGNATURE),
     "unauthorized: header is no base64url"},
    {"claims of an impossible length",
     IN("Bearer " ANON_HEADER "." ANON_CLAIMS "AA." ANON_SIGNATURE),
     "unauthorized: claims is no base64url"},
    {"other claims under the same signature",
     IN("Bearer " ANON_HEADER
        ".eyJyb2xlIjoic2VydmljZV9yb2xlIiwiZXhwIjo0MTAyNDQ0ODAwfQ." ANON_SIGNATURE),
     "unauthorized: wrong signature"},
};

static void test_form(void **state)
{
    const struct form_row *row = *state;
    struct auth_policy p = policy();

    assert_string_equal(verify(&p, NULL, row->authorization, NOW), row->want);
}

/* --- Server keys. --- */

#define FIRST       "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz"
#define SECOND      "another-secret-of-a-server"
#define BOTH        FIRST "," SECOND
#define PUBLISHABLE "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH"
#define ABSENT      "missing_authorization: no authorization header"

static struct server_row {
    const char *label, *keys, *authorization, *apikey, *want;
} server_rows[] = {
    {"a server key as bearer", BOTH, "Bearer " FIRST, "", "server"},
    {"another one", BOTH, "Bearer " SECOND, "", "server"},
    {"the scheme in capitals, several blanks", BOTH, " BEARER \t  " SECOND "  ", "", "server"},
    {"a server key as apikey", BOTH, "", FIRST, "server"},
    {"another one as apikey, blanks around it", BOTH, "", " \t" SECOND " ", "server"},
    {"as both", BOTH, "Bearer " FIRST, FIRST, "server"},
    {"two of them", BOTH, "Bearer " FIRST, SECOND, "server"},
    {"beside a publishable apikey", BOTH, "Bearer " FIRST, PUBLISHABLE, "server"},
    {"blanks around the keys, and empty ones", " ,, " FIRST " \t,," SECOND " ,", "", SECOND,
     "server"},
    {"a bearer counts before apikey: a user", BOTH, "Bearer " ANON, FIRST, "anon"},
    {"a bearer counts before apikey: publishable", BOTH, "Bearer " PUBLISHABLE, FIRST, "anon"},
    {"a bearer counts before apikey: a false one", BOTH, "Bearer " ANON "x", FIRST,
     "unauthorized: wrong signature"},
    {"what is no bearer does not", BOTH, "Basic dXNlcjpwYXNz", FIRST, "server"},
    {"and is no caller by itself", BOTH, "Basic dXNlcjpwYXNz", PUBLISHABLE,
     "unauthorized: no bearer token"},
    {"a key without its scheme", BOTH, FIRST, "", "unauthorized: no bearer token"},
    {"a publishable apikey counts as absent", BOTH, "", PUBLISHABLE, ABSENT},
    {"anon's token as apikey counts as absent", BOTH, "", ANON, ABSENT},
    {"so does a server's token", BOTH, "",
     "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIiwiZXhwIjo0MTAyNDQ0ODAwfQ.x", ABSENT},
    {"another secret key as apikey", BOTH, "", "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvy", ABSENT},
    {"another secret key of the same length", BOTH, "Bearer another-secret-of-a-serves", "",
     "unauthorized: not three parts"},
    {"a key but its last letter", BOTH, "", "another-secret-of-a-serve", ABSENT},
    {"a key and one letter more", BOTH, "", SECOND "r", ABSENT},
    {"a key twice", BOTH, "", SECOND SECOND, ABSENT},
    {"a key in capitals", BOTH, "", "ANOTHER-SECRET-OF-A-SERVER", ABSENT},
    {"the whole list", BOTH, "", BOTH, ABSENT},
    {"two keys in one bearer", BOTH, "Bearer " FIRST " " SECOND, "",
     "unauthorized: not three parts"},
    {"an empty apikey", BOTH, "", " ", ABSENT},
    {"an empty apikey and empty keys", ",, ,", "", "", ABSENT},
    {"an empty bearer and empty keys", ",, ,", "Bearer \t", "", "unauthorized: no bearer token"},
    {"a comma and empty keys", ",, ,", "", ",", ABSENT},
    {"no server key is configured", "", "", FIRST, ABSENT},
    {"no server key is configured, as bearer", "", "Bearer " FIRST, "",
     "unauthorized: not three parts"},
};

static void test_server_key(void **state)
{
    const struct server_row *row = *state;
    struct auth_policy p = policy();
    struct auth_caller caller = {.role = AUTH_NOBODY};
    struct fault fault = {0};
    const struct auth_presented presented = {text_of(row->authorization), text_of(row->apikey)};

    p.server_keys = text_of(row->keys);
    bool good = auth_verify(&arena, &p, NULL, &presented, NOW, &caller, &fault);
    assert_string_equal(verdict_of(good, &caller, &fault), row->want);
    if (strstr(fault.detail, FIRST) || strstr(fault.detail, SECOND))
        fail_msg("a key is in the log: %s", fault.detail);
}

/* --- Signatures by the keys of a set. --- */

#define ES  "{\"alg\":\"ES256\",\"kid\":\"ec\"}"
#define RS  "{\"alg\":\"RS256\",\"kid\":\"rsa\"}"
#define ALL SET(EC_KEY "," RSA_KEY)
#define A10 "AAAAAAAAAA"

static struct key_row {
    const char *label, *header, *signature, *set, *want;
    const char *claims; /* NULL: CLAIMS */
} key_rows[] = {
    {"ES256 by its key", ES, SIG_ES_EC, ALL, "user " USER},
    {"RS256 by its key", RS, SIG_RS_RSA, ALL, "user " USER},
    {"ES256 by another key of that name", ES, SIG_ES_EC_STRANGER, ALL,
     "unauthorized: wrong signature"},
    {"RS256 by another key of that name", RS, SIG_RS_RSA_STRANGER, ALL,
     "unauthorized: wrong signature"},
    {"ES256 over other claims", ES, SIG_ES_EC, ALL, "unauthorized: wrong signature",
     "eyJyb2xlIjoic2VydmljZV9yb2xlIiwiZXhwIjo0MTAyNDQ0ODAwfQ"},
    {"RS256 over other claims", RS, SIG_RS_RSA, ALL, "unauthorized: wrong signature",
     "eyJyb2xlIjoic2VydmljZV9yb2xlIiwiZXhwIjo0MTAyNDQ0ODAwfQ"},
    {"ES256 with a kid that no key has", "{\"alg\":\"ES256\",\"kid\":\"gone\"}", SIG_ES_GONE, ALL,
     "unauthorized: unknown key for this algorithm"},
    {"ES256 with a kid in capitals", "{\"alg\":\"ES256\",\"kid\":\"EC\"}", SIG_ES_EC, ALL,
     "unauthorized: unknown key for this algorithm"},
    {"ES256 without a kid", "{\"alg\":\"ES256\"}", SIG_ES_NO_KID, ALL,
     "unauthorized: no key is named, or none is known"},
    {"ES256 with an empty kid", "{\"alg\":\"ES256\",\"kid\":\"\"}", SIG_ES_EC,
     SET(EC_JWK(",\"kid\":\"\"")), "unauthorized: no key is named, or none is known"},
    {"ES256 with a kid that is a number", "{\"alg\":\"ES256\",\"kid\":1}", SIG_ES_EC,
     SET(EC_JWK(",\"kid\":\"1\"")), "unauthorized: no key is named, or none is known"},
    {"RS256 with the kid of an EC key", "{\"alg\":\"RS256\",\"kid\":\"ec\"}", SIG_RS_EC, ALL,
     "unauthorized: unknown key for this algorithm"},
    {"ES256 with the kid of an RSA key", "{\"alg\":\"ES256\",\"kid\":\"rsa\"}", SIG_ES_RSA, ALL,
     "unauthorized: unknown key for this algorithm"},
    {"one kid for an RSA key and an EC key", "{\"alg\":\"ES256\",\"kid\":\"rsa\"}", SIG_ES_RSA,
     SET(RSA_KEY "," EC_JWK(",\"kid\":\"rsa\"")), "user " USER},
    {"ES384", "{\"alg\":\"ES384\",\"kid\":\"ec\"}", SIG_ES384_EC, ALL,
     "unauthorized: unknown algorithm"},
    {"RS512 by the key that is for RS256", "{\"alg\":\"RS512\",\"kid\":\"rsa\"}", SIG_RS512_RSA,
     ALL, "unauthorized: unknown algorithm"},
    {"PS256", "{\"alg\":\"PS256\",\"kid\":\"rsa\"}", SIG_PS256_RSA, ALL,
     "unauthorized: unknown algorithm"},
    {"ES256 by a key whose alg is another", ES, SIG_ES_EC,
     SET(EC_JWK(",\"kid\":\"ec\",\"alg\":\"ES384\"")),
     "unauthorized: unknown key for this algorithm"},
    {"RS256 by a key for encryption", RS, SIG_RS_RSA,
     SET(RSA_JWK(",\"kid\":\"rsa\",\"use\":\"enc\"")),
     "unauthorized: unknown key for this algorithm"},
    {"RS256 by a key of 1024 bits", "{\"alg\":\"RS256\",\"kid\":\"small\"}", SIG_RS_SMALL,
     SET("{\"kty\":\"RSA\",\"kid\":\"small\",\"n\":\"" SMALL_N "\",\"e\":\"AQAB\"}"),
     "unauthorized: unknown key for this algorithm"},
    {"an HMAC made with the RSA key's PEM", "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", SIG_HS_RSA_PEM,
     ALL, "unauthorized: wrong signature"},
    {"an HMAC made with the EC key's PEM", "{\"alg\":\"HS256\",\"kid\":\"ec\"}", SIG_HS_EC_PEM, ALL,
     "unauthorized: wrong signature"},
    {"an HMAC made with a symmetric key of the set", "{\"alg\":\"HS256\",\"kid\":\"ec\"}",
     SIG_HS_EC_PEM, SET("{\"kty\":\"oct\",\"kid\":\"ec\",\"alg\":\"HS256\",\"k\":\"AAAA\"}"),
     "unauthorized: wrong signature"},
    {"an ES256 signature of zeros", ES, A10 A10 A10 A10 A10 A10 A10 A10 "AAAAAA", ALL,
     "unauthorized: wrong signature"},
    {"an ES256 signature in DER", ES, SIG_ES_DER, ALL, "unauthorized: wrong signature"},
    {"an ES256 signature cut short", ES, A10 A10 A10 "AA", ALL, "unauthorized: wrong signature"},
    {"an ES256 signature of one byte", ES, "AA", ALL, "unauthorized: wrong signature"},
    {"an ES256 signature with bits left over", ES, SIG_ES_SPARE, ALL,
     "unauthorized: signature is no base64url"},
    {"an RS256 signature with a byte in front", RS, "AAAA" SIG_RS_RSA, ALL,
     "unauthorized: wrong signature"},
    {"no key set was ever good", ES, SIG_ES_EC, "{\"keys\":[",
     "misconfigured: key set: bad JSON at byte 9: unexpected character"},
};

static struct text key_token(const struct key_row *row)
{
    return format("%.*s.%s.%s", TEXT_ARG(base64url(text_of(row->header))),
                  row->claims ? row->claims : CLAIMS, row->signature);
}

static void test_key(void **state)
{
    const struct key_row *row = *state;
    struct auth_policy p = policy();

    put_keys(text_of(row->set));
    assert_string_equal(verify_token(&p, keys, key_token(row)), row->want);
    /* An error left in libcrypto's queue would be read as one of the next TLS connection. */
    assert_int_equal(ERR_peek_error(), 0);
}

static struct text es_token(void)
{
    return key_token(&key_rows[0]);
}

static struct text rs_token(void)
{
    return key_token(&key_rows[1]);
}

/* --- What is configured. --- */

static void test_nothing_configured(void **state)
{
    struct auth_policy p = {.audience = TEXT("authenticated")};
    struct text token = sign(TEXT("{\"alg\":\"HS256\"}"), TEXT(GOOD));

    (void)state;
    assert_string_equal(verify_token(&p, NULL, token),
                        "misconfigured: no secret and no key set to verify tokens");
    assert_string_equal(verify(&p, NULL, TEXT(""), NOW),
                        "missing_authorization: no authorization header");
}

static void test_secret_only(void **state)
{
    struct auth_policy p = policy();

    (void)state;
    p.jwks_file = NULL;
    put_keys(TEXT(ALL));
    assert_string_equal(verify_token(&p, NULL, sign(TEXT("{\"alg\":\"HS256\"}"), TEXT(GOOD))),
                        "user " USER);
    assert_string_equal(verify_token(&p, NULL, es_token()),
                        "unauthorized: no key is named, or none is known");
    assert_string_equal(verify_token(&p, keys, es_token()),
                        "unauthorized: no key is named, or none is known");
}

static void test_server_keys_only(void **state)
{
    struct auth_policy p = {.server_keys = TEXT(BOTH), .audience = TEXT("authenticated")};

    (void)state;
    assert_string_equal(verify_token(&p, NULL, TEXT(SECOND)), "server");
    assert_string_equal(verify_token(&p, NULL, TEXT(PUBLISHABLE)), "anon");
    assert_string_equal(verify_token(&p, NULL, sign(TEXT("{\"alg\":\"HS256\"}"), TEXT(GOOD))),
                        "unauthorized: no secret for HS256");
}

/** Where there is no secret, an HMAC with an empty one must not do. */
static void test_keys_only(void **state)
{
    struct auth_policy p = policy();
    struct text header = TEXT("{\"alg\":\"HS256\",\"kid\":\"ec\"}");

    (void)state;
    p.hmac_secret = (struct text){0};
    put_keys(TEXT(ALL));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    assert_string_equal(
        verify_token(&p, keys, sign_with(EVP_sha256(), header, TEXT(GOOD), TEXT(""))),
        "unauthorized: no secret for HS256");
    assert_string_equal(verify_token(&p, keys, sign(header, TEXT(GOOD))),
                        "unauthorized: no secret for HS256");
}

static void test_short_secret(void **state)
{
    struct auth_policy p = policy();
    struct text header = TEXT("{\"alg\":\"HS256\"}");

    (void)state;
    p.hmac_secret = TEXT("s");
    assert_string_equal(
        verify_token(&p, NULL, sign_with(EVP_sha256(), header, TEXT(GOOD), TEXT("s"))),
        "user " USER);
    assert_string_equal(verify_token(&p, NULL, sign(header, TEXT(GOOD))),
                        "unauthorized: wrong signature");
}

static void test_bad_set_spares_the_secret(void **state)
{
    struct auth_policy p = policy();

    (void)state;
    put_keys(TEXT("no key set"));
    assert_string_equal(verify_token(&p, keys, sign(TEXT("{\"alg\":\"HS256\"}"), TEXT(GOOD))),
                        "user " USER);
}

/** A token of `n` bytes: header, dots and signature are 65, and white space before claims is JSON.
 */
static struct text token_of_size(size_t n)
{
    return sign(TEXT("{\"alg\":\"HS256\"}"), format("%*s", (int)((n - 65) * 3 / 4), GOOD));
}

static void test_long_tokens(void **state)
{
    struct auth_policy p = policy();
    struct text longest = token_of_size(AUTH_TOKEN_MAX), longer = token_of_size(AUTH_TOKEN_MAX + 1);

    (void)state;
    assert_int_equal(longest.n, AUTH_TOKEN_MAX);
    assert_int_equal(longer.n, AUTH_TOKEN_MAX + 1);
    assert_string_equal(verify_token(&p, NULL, longest), "user " USER);
    assert_string_equal(verify_token(&p, NULL, longer), "headers_too_large: token has 16385 bytes");
    assert_string_equal(verify_token(&p, NULL, token_of_size(100000)),
                        "headers_too_large: token has 100000 bytes");
}

/** Little memory, then more, until it is enough: its want is never the token's fault. */
static void expect_no_memory(struct text token)
{
    struct auth_policy p = policy();
    const struct auth_presented presented = {format("Bearer %.*s", TEXT_ARG(token))};

    for (size_t room = 0;; room += 8) {
        struct arena small;
        struct auth_caller caller = {.role = AUTH_NOBODY};
        struct fault fault = {0};
        arena_init(&small, room);
        bool good = auth_verify(&small, &p, keys, &presented, NOW, &caller, &fault);
        arena_release(&small);
        if (good)
            break;
        assert_int_equal(fault.kind, FAULT_INTERNAL);
        assert_true(room < 1 << 20);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    put_keys(TEXT(ALL));
    expect_no_memory(TEXT(ANON));
    expect_no_memory(es_token());
    expect_no_memory(rs_token());
}

/* --- Which keys of a set are taken. --- */

static struct jwk_row {
    const char *label, *jwk;
    size_t want;
} jwks[] = {
    {"an EC key", EC_KEY, 1},
    {"an RSA key", RSA_KEY, 1},
    {"an EC key with everything that Supabase says of it",
     EC_JWK(
         ",\"kid\":\"a\",\"alg\":\"ES256\",\"use\":\"sig\",\"key_ops\":[\"verify\"],\"ext\":true"),
     1},
    {"an RSA key with everything",
     RSA_JWK(",\"kid\":\"a\",\"alg\":\"RS256\",\"use\":\"sig\",\"key_ops\":[\"verify\"]"), 1},
    {"a private key is taken for its public part",
     EC_JWK(",\"kid\":\"a\",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""), 1},
    {"no kid", EC_JWK(""), 0},
    {"an empty kid", EC_JWK(",\"kid\":\"\""), 0},
    {"a kid that is a number", EC_JWK(",\"kid\":1"), 0},
    {"two kids", EC_JWK(",\"kid\":\"a\",\"kid\":\"b\""), 0},
    {"an EC key for ES384", EC_JWK(",\"kid\":\"a\",\"alg\":\"ES384\""), 0},
    {"an EC key for RS256", EC_JWK(",\"kid\":\"a\",\"alg\":\"RS256\""), 0},
    {"an RSA key for ES256", RSA_JWK(",\"kid\":\"a\",\"alg\":\"ES256\""), 0},
    {"an RSA key for PS256", RSA_JWK(",\"kid\":\"a\",\"alg\":\"PS256\""), 0},
    {"an RSA key for HS256", RSA_JWK(",\"kid\":\"a\",\"alg\":\"HS256\""), 0},
    {"an algorithm that is null", EC_JWK(",\"kid\":\"a\",\"alg\":null"), 0},
    {"a key for encryption", EC_JWK(",\"kid\":\"a\",\"use\":\"enc\""), 0},
    {"a use that is a list", EC_JWK(",\"kid\":\"a\",\"use\":[\"sig\"]"), 0},
    {"a key that is to sign, not to verify", EC_JWK(",\"kid\":\"a\",\"key_ops\":[\"sign\"]"), 0},
    {"a key for several operations", EC_JWK(",\"kid\":\"a\",\"key_ops\":[\"sign\",\"verify\"]"), 1},
    {"a symmetric key", "{\"kty\":\"oct\",\"kid\":\"a\",\"alg\":\"HS256\",\"k\":\"AAAA\"}", 0},
    {"an Edwards key", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\",\"x\":\"" EC_X "\"}", 0},
    {"another curve",
     "{\"kty\":\"EC\",\"crv\":\"P-384\",\"kid\":\"a\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", 0},
    {"no curve", "{\"kty\":\"EC\",\"kid\":\"a\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "\"}", 0},
    {"a point that is not on the curve",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"" EC_X "\",\"y\":\"" EC_X "\"}", 0},
    {"a point at zero",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"" A10 A10 A10 A10
     "AAA\",\"y\":\"" A10 A10 A10 A10 "AAA\"}",
     0},
    {"a coordinate without its last byte, a zero",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":"
     "\"u74WAHkIP4ZX4MOf70o73kyodY9WYAyL3QxsqHIWtQ\",\"y\":\"EDn4-Is2awrWyX-c9GoBJ9EYrX7YiBh43_"
     "FHVvGUz94\"}",
     0},
    {"a second coordinate without its last byte",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":"
     "\"VUfuQri8SpFMzRdu5Jw7IIxT31FQ6t7iJryHhBf5hhk\",\"y\":\"NmRhR5PGj-RpUy9wo4a-mTAG_"
     "UOTLVAkUycvxseumQ\"}",
     0},
    {"a coordinate too long",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"AAAA" EC_X "\",\"y\":\"" EC_Y "\"}",
     0},
    {"a coordinate with padding",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"" EC_X "=\",\"y\":\"" EC_Y "\"}", 0},
    {"no second coordinate", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"" EC_X "\"}",
     0},
    {"a second coordinate with padding",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y "=\"}", 0},
    {"an RSA key of 1024 bits",
     "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"" SMALL_N "\",\"e\":\"AQAB\"}", 0},
    {"an RSA key of 2048 bits, the first 8 of them zero",
     "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AP__" SMALL_N SMALL_N "\",\"e\":\"AQAB\"}", 0},
    {"an RSA key without an exponent", "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"" RSA_N "\"}", 0},
    {"an RSA key whose exponent has padding",
     "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"" RSA_N "\",\"e\":\"AQAB=\"}", 0},
    {"an RSA key with the exponent 1",
     "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}", 0},
    {"an RSA key with an even exponent",
     "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"" RSA_N "\",\"e\":\"Ag\"}", 0},
    {"an RSA key with the exponent 3",
     "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"" RSA_N "\",\"e\":\"Aw\"}", 1},
    {"an RSA key with an empty modulus",
     "{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"\",\"e\":\"AQAB\"}", 0},
    {"a key that is a number", "5", 0},
    {"a good key between two bad ones", "5," EC_KEY ",{}", 1},
    {"no key at all", "", 0},
};

static void test_jwk(void **state)
{
    const struct jwk_row *row = *state;
    struct fault fault = {0};
    size_t count = 99;

    put_keys(format("{\"x\":1,\"keys\":[%s]}", row->jwk));
    assert_true(auth_keys_load(keys, &count, &fault));
    assert_int_equal(count, row->want);
    assert_int_equal(ERR_peek_error(), 0);
}

static bool load_modulus(size_t bytes)
{
    char n[1100];
    struct fault fault = {0};
    size_t count = 99;

    memset(n, 0xFF, sizeof(n));
    put_keys(format(SET("{\"kty\":\"RSA\",\"kid\":\"a\",\"e\":\"AQAB\",\"n\":\"%.*s\"}"),
                    TEXT_ARG(base64url((struct text){n, bytes}))));
    assert_true(auth_keys_load(keys, &count, &fault));
    return count == 1;
}

static void test_long_moduli(void **state)
{
    (void)state;
    assert_false(load_modulus(255));
    assert_true(load_modulus(256));
    assert_true(load_modulus(1024));
    assert_false(load_modulus(1025));
}

/* --- Files that are no key sets. --- */

static struct file_row {
    const char *label, *text, *want;
} files[] = {
    {"an empty file", "", "misconfigured: key set: bad JSON at byte 0: it is empty"},
    {"a byte order mark before the keys", "\xEF\xBB\xBF" SET(EC_KEY), "1"},
    {"half a surrogate pair and a NUL beside the keys",
     "{\"x\":\"\\ud83d\\u0000\",\"keys\":[" EC_KEY "]}", "1"},
    {"a file cut off", "{\"keys\":[" EC_KEY,
     "misconfigured: key set: bad JSON at byte 146: ',' or ']' expected"},
    {"a bare key", EC_KEY, "misconfigured: key set has no array 'keys'"},
    {"a bare list of keys", "[" EC_KEY "]",
     "misconfigured: key set: bad JSON at byte 0: not an object"},
    {"keys in an object", "{\"keys\":{\"a\":" EC_KEY "}}",
     "misconfigured: key set has no array 'keys'"},
    {"two lists of keys", "{\"keys\":[],\"keys\":[" EC_KEY "]}",
     "misconfigured: key set: a name stands twice in a JSON object"},
    {"a PEM file", "-----BEGIN PUBLIC KEY-----\n",
     "misconfigured: key set: bad JSON at byte 0: not an object"},
};

static const char *load(void)
{
    struct auth_caller nobody = {.role = AUTH_NOBODY};
    struct fault fault = {0};
    size_t count = 99;

    if (auth_keys_load(keys, &count, &fault))
        return format("%zu", count).s;
    assert_int_equal(count, 99);
    return verdict_of(false, &nobody, &fault);
}

static void test_file(void **state)
{
    const struct file_row *row = *state;

    put_keys(text_of(row->text));
    assert_string_equal(load(), row->want);
}

static void test_no_file(void **state)
{
    struct auth_policy p = policy();

    (void)state;
    assert_non_null(strstr(load(), "No such file or directory"));
    assert_int_equal(mkfifo(keys_path, 0600), 0);
    assert_non_null(strstr(load(), "is no file"));
    assert_int_equal(unlink(keys_path), 0);
    assert_int_equal(mkdir(keys_path, 0700), 0);
    assert_non_null(strstr(load(), "is no file"));
    assert_non_null(strstr(verify_token(&p, keys, es_token()), "misconfigured: key set '"));
}

/** Of a process's own memory the first page cannot be read; by its look it is a file. */
static void test_unreadable_file(void **state)
{
    (void)state;
    assert_int_equal(symlink("/proc/self/mem", keys_path), 0);
    assert_string_equal(load(), "misconfigured: cannot read key set: Input/output error");
}

static void test_most_keys(void **state)
{
    struct buffer b;
    struct text t;

    (void)state;
    for (int n = 64; n <= 65; n++) {
        buffer_init(&b, &arena, 64 << 10);
        for (int i = 0; i < n; i++)
            buffer_addf(&b, "%s" EC_JWK(",\"kid\":\"%d\""), i ? "," : "", i);
        assert_true(buffer_text(&b, &t));
        put_keys(format(SET("%.*s"), TEXT_ARG(t)));
        assert_string_equal(load(),
                            n == 64 ? "64" : "misconfigured: key set has more than 64 keys");
    }
}

static void test_largest_file(void **state)
{
    size_t own = strlen(ALL);

    (void)state;
    put_keys(format("%s%*s", ALL, (int)((256u << 10) - own), ""));
    assert_string_equal(load(), "2");
    put_keys(format("%s%*s", ALL, (int)((256u << 10) + 1 - own), ""));
    assert_string_equal(load(), "misconfigured: key set has more than 262144 bytes");
}

/* --- Files that change. --- */

static void test_rotation(void **state)
{
    struct auth_policy p = policy();

    (void)state;
    assert_non_null(strstr(verify_token(&p, keys, es_token()), "misconfigured: cannot find"));
    put_keys(TEXT(SET(EC_KEY)));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    assert_string_equal(verify_token(&p, keys, rs_token()),
                        "unauthorized: unknown key for this algorithm");
    put_keys(TEXT(SET(EC_KEY "," RSA_KEY)));
    assert_string_equal(verify_token(&p, keys, rs_token()), "user " USER);
    put_keys(TEXT(SET(RSA_KEY)));
    assert_string_equal(verify_token(&p, keys, es_token()),
                        "unauthorized: unknown key for this algorithm");
    assert_string_equal(verify_token(&p, keys, rs_token()), "user " USER);
}

/** The same length in the same file: only its times tell, which go by ticks of milliseconds. */
static struct rewriting_row {
    const char *label;
    bool put_back; /* the time of its content is set again, */
    int later_s;   /* so much later than it was */
} rewritings[] = {
    {"a file rewritten in place is read again"},
    {"a file rewritten, its time put back, is read again", true},
    {"a file rewritten, its time a second later, is read again", true, 1},
};

static void test_rewritten_in_place(void **state)
{
    const struct rewriting_row *row = *state;
    struct auth_policy p = policy();
    struct stat before;

    put_keys(TEXT(SET(EC_JWK(",\"kid\":\"xx\""))));
    assert_int_equal(stat(keys_path, &before), 0);
    assert_string_equal(verify_token(&p, keys, es_token()),
                        "unauthorized: unknown key for this algorithm");
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
    FILE *file = fopen(keys_path, "r+");
    assert_true(file && fputs(SET(EC_KEY), file) >= 0);
    assert_int_equal(fclose(file), 0);
    before.st_mtim.tv_sec += row->later_s;
    if (row->put_back)
        assert_int_equal(
            utimensat(AT_FDCWD, keys_path, (struct timespec[2]){before.st_atim, before.st_mtim}, 0),
            0);
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
}

/** Changes within one tick of the file's times: only which file it is, and its length, tell. */
static void test_quick_changes(void **state)
{
    struct auth_policy p = policy();

    (void)state;
    for (int i = 0; i < 10; i++) {
        put_keys(TEXT(SET(RSA_KEY)));
        assert_string_equal(verify_token(&p, keys, es_token()),
                            "unauthorized: unknown key for this algorithm");
        put_keys(TEXT(SET(EC_KEY)));
        assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    }
}

static void test_broken_file(void **state)
{
    struct auth_policy p = policy();

    (void)state;
    put_keys(TEXT(SET(EC_KEY)));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    put_keys(TEXT("{\"keys\":[" EC_KEY));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    assert_non_null(strstr(load(), "misconfigured"));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    assert_int_equal(unlink(keys_path), 0);
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    put_keys(TEXT(SET(RSA_KEY)));
    assert_string_equal(verify_token(&p, keys, rs_token()), "user " USER);
}

/** Of each state of the file that is no set: once, and only where there was a set before. */
static void test_complaint(void **state)
{
    struct auth_policy p = policy();
    struct fault failure = {0};

    (void)state;
    put_keys(TEXT("{"));
    verify_token(&p, keys, es_token());
    assert_false(auth_keys_complaint(keys, &failure));
    put_keys(TEXT(SET(EC_KEY)));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    assert_false(auth_keys_complaint(keys, &failure));
    put_keys(TEXT("{\"keys\":[" EC_KEY));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    assert_true(auth_keys_complaint(keys, &failure));
    assert_non_null(strstr(failure.detail, "key set: "));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    assert_false(auth_keys_complaint(keys, &failure));
    assert_int_equal(unlink(keys_path), 0);
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    assert_true(auth_keys_complaint(keys, &failure));
    assert_non_null(strstr(failure.detail, "cannot open"));
    assert_false(auth_keys_complaint(keys, &failure));
    put_keys(TEXT("["));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    put_keys(TEXT(SET(EC_KEY)));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
    assert_false(auth_keys_complaint(keys, &failure));
}

static void test_repaired_file(void **state)
{
    struct auth_policy p = policy();

    (void)state;
    put_keys(TEXT("{"));
    assert_non_null(strstr(verify_token(&p, keys, es_token()), "misconfigured: key set: bad JSON"));
    put_keys(TEXT(SET(EC_KEY)));
    assert_string_equal(verify_token(&p, keys, es_token()), "user " USER);
}

/** How often the key set is opened while the token is verified ten times. */
static int count_reads(const struct auth_policy *p, struct text token)
{
    char events[4096];
    int reads = 0, fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    assert_true(fd >= 0 && inotify_add_watch(fd, keys_path, IN_CLOSE_NOWRITE) >= 0);
    for (int i = 0; i < 10; i++) {
        (void)!verify_token(p, keys, token);
        reads += read(fd, events, sizeof(events)) > 0;
    }
    close(fd);
    return reads;
}

static void test_reads(void **state)
{
    struct auth_policy p = policy();
    struct key_row gone = {.header = "{\"alg\":\"ES256\",\"kid\":\"gone\"}",
                           .signature = SIG_ES_GONE};

    (void)state;
    put_keys(TEXT("{"));
    assert_int_equal(count_reads(&p, es_token()), 1);
    put_keys(TEXT(SET(EC_KEY)));
    assert_int_equal(count_reads(&p, es_token()), 1);
    assert_int_equal(count_reads(&p, es_token()), 0);
    assert_int_equal(count_reads(&p, key_token(&gone)), 0);
    put_keys(TEXT("{"));
    assert_int_equal(count_reads(&p, es_token()), 1);
    assert_int_equal(count_reads(&p, es_token()), 0);
    put_keys(TEXT(SET(EC_KEY)));
    assert_int_equal(count_reads(&p, sign(TEXT("{\"alg\":\"HS256\"}"), TEXT(GOOD))), 0);
}

/* --- Threads. --- */

struct reader {
    pthread_t thread;
    struct text authorization;
    int wrong;
};

static void *read_tokens(void *argument)
{
    struct reader *reader = argument;
    struct auth_policy p = policy();

    for (int i = 0; i < 60; i++) {
        struct arena own;
        struct auth_caller caller = {.role = AUTH_NOBODY};
        struct fault fault = {0};
        arena_init(&own, 1 << 20);
        const struct auth_presented presented = {reader->authorization};
        if (!auth_verify(&own, &p, keys, &presented, NOW, &caller, &fault) ||
            strcmp(caller.user, USER) != 0)
            reader->wrong++;
        arena_release(&own);
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct reader readers[4] = {0};
    static const char *const sets[] = {SET(EC_KEY), "{\"keys\":[", SET(RSA_KEY "," EC_KEY)};

    (void)state;
    put_keys(text_of(sets[0]));
    assert_string_equal(load(), "1");
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        readers[i].authorization = format("Bearer %.*s", TEXT_ARG(es_token()));
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_tokens, &readers[i]), 0);
    }
    for (size_t i = 0; i < 300; i++)
        put_keys(text_of(sets[i % ARRAY_LEN(sets)]));
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        pthread_join(readers[i].thread, NULL);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        assert_int_equal(readers[i].wrong, 0);
}

static int make_dir(void **state)
{
    (void)state;
    arena_init(&arena, 64 << 20);
    return mkdtemp(dir) && asprintf(&keys_path, "%s/keys.json", dir) > 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(keys_path);
    rmdir(keys_path);
    free(keys_path);
    arena_release(&arena);
    return rmdir(dir);
}

#define ONE(label, test)                                                                           \
    {                                                                                              \
        label, test, open_keys, close_keys, NULL                                                   \
    }
#define EACH(rows, test)                                                                           \
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)                                                   \
        tests[n++] = (struct CMUnitTest)                                                           \
        {                                                                                          \
            (rows)[i].label, test, open_keys, close_keys, &(rows)[i]                               \
        }

int main(void)
{
    static const struct CMUnitTest singles[] = {
        ONE("the tests' own signer makes jwt.io's example", test_signer),
        ONE("neither secret nor keys is a mistake of ours", test_nothing_configured),
        ONE("without a key set, HS256 alone", test_secret_only),
        ONE("with server keys alone, no token", test_server_keys_only),
        ONE("without a secret, no HS256", test_keys_only),
        ONE("a secret of one letter is taken as configured", test_short_secret),
        ONE("a broken key set spares HS256", test_bad_set_spares_the_secret),
        ONE("16 KiB of token are read, more is refused", test_long_tokens),
        ONE("want of memory is no fault of the token", test_no_memory),
        ONE("moduli of 2048 to 8192 bits are taken", test_long_moduli),
        ONE("a missing file, a pipe and a directory", test_no_file),
        ONE("a file that cannot be read", test_unreadable_file),
        ONE("64 keys are taken, 65 are not", test_most_keys),
        ONE("256 KiB are taken, one byte more is not", test_largest_file),
        ONE("a new set counts at once, its absentees too", test_rotation),
        ONE("changes that follow each other at once are seen", test_quick_changes),
        ONE("after a broken file the old keys stay", test_broken_file),
        ONE("a broken file is complained of once", test_complaint),
        ONE("a broken first file counts once repaired", test_repaired_file),
        ONE("a file is read once, whatever tokens come", test_reads),
        ONE("four threads verify while the set changes", test_threads),
    };
    struct CMUnitTest tests[ARRAY_LEN(published) + ARRAY_LEN(headers) + ARRAY_LEN(claims_rows) +
                            ARRAY_LEN(forms) + ARRAY_LEN(server_rows) + ARRAY_LEN(key_rows) +
                            ARRAY_LEN(jwks) + ARRAY_LEN(files) + ARRAY_LEN(rewritings) +
                            ARRAY_LEN(singles)];
    size_t n = 0;

    EACH(published, test_published);
    EACH(headers, test_header);
    EACH(claims_rows, test_claims);
    EACH(forms, test_form);
    EACH(server_rows, test_server_key);
    EACH(key_rows, test_key);
    EACH(jwks, test_jwk);
    EACH(files, test_file);
    EACH(rewritings, test_rewritten_in_place);
    memcpy(tests + n, singles, sizeof(singles));
    return cmocka_run_group_tests_name("auth", tests, make_dir, remove_dir);
}
