#include "unit.h"

#include "form.h"
#include "twilio_signature.h"

static struct arena arena;

/* --- Published vectors, from the tests of twilio-python, twilio-node and twilio-go and from
 * Twilio's pages on webhook security (2025 and older). The token is 12345 throughout. --- */

#define TOKEN    "12345"
#define REST     "mycompany.com/myapp.php?foo=1&bar=2"
#define U        "https://" REST
#define CALL(nr) "CallSid=CA1234567890ABCDE&Caller=%2B" nr "&Digits=1234&From=%2B" nr
#define PARAMS   CALL("14158675309") "&To=%2B18005551212"
#define JSON     "{\"property\": \"value\", \"boolean\": true}"
#define JSON_SHA "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
#define NIL_SHA  "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

static struct vector_row {
    const char *label, *url, *body, *want; /* body: NULL, no form */
} vectors[] = {
    {"https without port", U, PARAMS, "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
    {"https with port 443", "https://mycompany.com:443/myapp.php?foo=1&bar=2", PARAMS,
     "kvajT1Ptam85bY51eRf/AJRuM3w="},
    {"http with port 80", "http://mycompany.com:80/myapp.php?foo=1&bar=2", PARAMS,
     "0ZXoZLH/DfblKGATFgpif+LLRf4="},
    {"http with port 1234", "http://mycompany.com:1234/myapp.php?foo=1&bar=2", PARAMS,
     "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="},
    {"names sorted apart from values, values sorted, each once", U,
     "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234",
     "IK+Dwps556ElfBT0I3Rgjkr1wJU="},
    {"the same fields in another order", U,
     "Digits=1234&SidAccount=AC123&Digits=1234&Sid=CA123&Digits=5678",
     "IK+Dwps556ElfBT0I3Rgjkr1wJU="},
    {"a repeated name with its values in order", U,
     "MessagingBinding.Address=%2B1325xxxxxxx&MessagingBinding.Address=%2B1415xxxxxxx",
     "83O6e2vORAoJHUNzJjDWN1jz+BA="},
    {"a repeated name with its values out of order", U,
     "MessagingBinding.Address=%2B1415xxxxxxx&MessagingBinding.Address=%2B1325xxxxxxx",
     "83O6e2vORAoJHUNzJjDWN1jz+BA="},
    {"a JSON body's hash in the query", U "&bodySHA256=" JSON_SHA, NULL,
     "a9nBmqA0ju/hNViExpshrM61xv4="},
    {"a JSON body's hash as the whole query",
     "https://mycompany.com/myapp.php?bodySHA256=" JSON_SHA, NULL, "y77kIzt2vzLz71DgmJGsen2scGs="},
    {"an empty JSON object's hash, with port 443",
     "https://mycompany.com:443/myapp.php?foo=1&bar=2&bodySHA256=" NIL_SHA, NULL,
     "Ldidvp12m26NI7eqEvxnEpkd9Hc="},
    {"user and password are taken as they are", "https://user:pass@" REST, PARAMS,
     "CukzLTc1tT5dXEDIHm/tKBanW10="},
    {"a user alone is taken as it is", "https://user@" REST, PARAMS,
     "2YRLlVAflCqxaNicjMpJcSTgzSs="},
    {"user, password and port", "https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2", PARAMS,
     "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="},
    {"an apostrophe and a plus in the query stay as they are", U "&Body=It's+amazing", PARAMS,
     "dsq4Ehbj6cs+KdTkpF5sSSplOWw="},
    {"the worked example of the security page", "https://example.com/myapp.php?foo=1&bar=2",
     CALL("14158675310") "&To=%2B18005551212", "L/OH5YylLD5NRKLltdqwSvS0BnU="},
    {"the example of the older security page", U, CALL("12349013030") "&To=%2B18005551212",
     "0/KCTR6DLpKmkAf8muzZqo1nDgQ="},
};

static struct form read_form(const char *body)
{
    struct form form = {0};
    struct fault fault = {0};

    assert_true(form_parse(&arena, text_of(body), &form, &fault));
    return form;
}

static void expect_signature(struct text token, const char *url, const struct form *form,
                             const char *want)
{
    struct text signature = {0};

    assert_true(twilio_signature_make(&arena, token, TWILIO_SIGNATURE_SHA1, text_of(url), form,
                                      &signature));
    assert_text_equal(signature, want);
}

static void test_vector(void **state)
{
    const struct vector_row *row = *state;
    struct form form = read_form(row->body);

    expect_signature(TEXT(TOKEN), row->url, row->body ? &form : NULL, row->want);
}

/* --- RFC 2202 section 3, test cases 1 to 4, 6 and 7, as base64: HMAC-SHA1 itself. --- */

#define TIMES_5(x)  x x x x x
#define TIMES_10(x) TIMES_5(x) TIMES_5(x)
#define TIMES_20(x) TIMES_10(x) TIMES_10(x)
#define TIMES_50(x) TIMES_20(x) TIMES_20(x) TIMES_10(x)
#define TIMES_80(x) TIMES_20(x) TIMES_20(x) TIMES_20(x) TIMES_20(x)

static struct hmac_row {
    const char *label, *key, *data, *want;
} hmacs[] = {
    {"RFC 2202 case 1", TIMES_20("\x0b"), "Hi There", "thcxhlUFcmTii8C2+zeMjvFGvgA="},
    {"RFC 2202 case 2", "Jefe", "what do ya want for nothing?", "7/zfauXrL6LSdBbV8YTfnCWafHk="},
    {"RFC 2202 case 3", TIMES_20("\xaa"), TIMES_50("\xdd"), "El1zQrmsEc2Ro5r0iqF7T2PxddM="},
    {"RFC 2202 case 4",
     "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17"
     "\x18\x19",
     TIMES_50("\xcd"), "TJAH9AJiUMa8hBT5v1DIbC1yNdo="},
    {"RFC 2202 case 6, a key longer than a block", TIMES_80("\xaa"),
     "Test Using Larger Than Block-Size Key - Hash Key First", "qkrl4VJy0A6VcFY3zoo7Ve1AIRI="},
    {"RFC 2202 case 7, key and data longer than a block", TIMES_80("\xaa"),
     "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
     "6OmdD0UjfXhta7qnllx4CLv/GpE="},
    {"a key of exactly one block", TIMES_50("k") TIMES_10("k") "kkkk", "64",
     "H3SRJ6Rs0zI4jKo22CD8QL6NKGM="},
    {"a key of one block and a byte", TIMES_50("k") TIMES_10("k") "kkkkk", "65",
     "ZakfZC41UUi4p1F+VgTW1b24pU0="},
};

static void test_hmac(void **state)
{
    const struct hmac_row *row = *state;

    expect_signature(text_of(row->key), row->data, NULL, row->want);
}

/* --- Details that no published vector shows. The signatures are Python's hmac's. --- */

static struct vector_row details[] = {
    {"no field at all", "https://h.example/s", "", "GsA4jzqhoKzyuHUnurG+1j93MG0="},
    {"a name that begins another goes first, capitals before small letters", "https://h.example/s",
     "to=2&ToCity=&To=1", "jiRn43Xte3zO1x5dCk9SL5FrkYA="},
    {"an empty value is a value among others", "https://h.example/s",
     "a=&a=x&a=", "dte564MYi+enS5VNojSefrTb9iA="},
    {"UTF-8, an empty value, white space and a NUL are signed as they are",
     "https://h.example/s?id=1", "b=a%00b&%C3%A9=1&a=&Body=%D9%85%D8%B1%D8%AD%D8%A8%D8%A7&Z=+x+",
     "h0VoEH9O5bVmg27fMPe/5vtkGj0="},
};

/* --- Is a request Twilio's? --- */

#define SIGNATURE     "RSOYDt4T1cUTdK1PDd93/VVr8B8="
#define SIGNATURE_443 "kvajT1Ptam85bY51eRf/AJRuM3w="

static struct valid_row {
    const char *label;
    bool want;
    const char *url, *body, *signature;
} valid[] = {
    {"a signature made without port", true, U, PARAMS, SIGNATURE},
    {"a signature made with the default port that our address lacks", true, U, PARAMS,
     SIGNATURE_443},
    {"a signature made without the default port that our address has", true,
     "https://mycompany.com:443/myapp.php?foo=1&bar=2", PARAMS, SIGNATURE},
    {"a signature made with the default port that our address has", true,
     "https://mycompany.com:443/myapp.php?foo=1&bar=2", PARAMS, SIGNATURE_443},
    {"a signature made without the unusual port that our address has", true,
     "https://mycompany.com:1234/myapp.php?foo=1&bar=2", PARAMS, SIGNATURE},
    {"http and its default port", true, "http://" REST, PARAMS, "0ZXoZLH/DfblKGATFgpif+LLRf4="},
    {"http and the unusual port that our address has", true,
     "http://mycompany.com:1234/myapp.php?foo=1&bar=2", PARAMS, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="},
    {"user and password are dropped", true, "https://user:pass@" REST, PARAMS, SIGNATURE},
    {"a user is dropped", true, "https://user@" REST, PARAMS, SIGNATURE},
    {"an at sign in the password is dropped with it", true, "https://user:p@ss@" REST, PARAMS,
     SIGNATURE},
    {"user and password are dropped before a port", true,
     "https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2", PARAMS, SIGNATURE},
    {"the fragment is dropped", true, U "#rc=5&rp=all", PARAMS, SIGNATURE},
    {"the fragment is dropped before a port is added", true, U "#rc=5&rp=all", PARAMS,
     SIGNATURE_443},
    {"an address of host and port alone", true, "https://h.example", "a=1",
     "wLFRQgO3fGX2uP1NgZF2mMV4XSI="},
    {"an address without a host is taken as it is", true, "https:///s", "a=1",
     "I7KsVMqYN93TovlXE7G6tdJi16I="},
    {"an at sign and a colon in the query are no part of the host", true,
     "https://h.example:443?x=@:/", "a=1", "ToQXRVqblfAOdVjivdYxax7GiN8="},
    {"a port is added before a query without path", true, "https://h.example?x=@:/", "a=1",
     "FnOmOlvil42J/Feh1M3+WMSzSVI="},
    {"an at sign and a colon in the path are no part of the host", true,
     "https://h.example/a@b:1/c", "a=1", "8GJMYhUMZ8Mf7JCCQ7Lqg22s0co="},
    {"an IPv6 address without port", true, "https://[::1]/s", "a=1",
     "JO98tvJdL5EO2xfooujhMDpFGIg="},
    {"an IPv6 address to which the port is added", true, "https://[::1]/s", "a=1",
     "31FoueKxpaJThLYxhprMQhCs6Ic="},
    {"an IPv6 address whose port is taken away", true, "https://[::1]:8443/s", "a=1",
     "JO98tvJdL5EO2xfooujhMDpFGIg="},
    {"an IPv6 address with its unusual port", true, "https://[::1]:8443/s", "a=1",
     "mwjlfIVRYyW/4/2LvOUIUdTcCrs="},
    {"a scheme in capitals has its default port too", true, "HTTPS://h.example/s", "a=1",
     "sq7g4jHqPTN2FNjBGLPM4MdLQG4="},
    {"another scheme is taken as it is", true, "ftp://h.example/s", "a=1",
     "pqy7mvWu0i9pzApBgdoPqxNIMuI="},
    {"a JSON body", true, U "&bodySHA256=" JSON_SHA, JSON, "a9nBmqA0ju/hNViExpshrM61xv4="},
    {"a JSON body with only its hash in the query", true,
     "https://mycompany.com/myapp.php?bodySHA256=" JSON_SHA, JSON, "y77kIzt2vzLz71DgmJGsen2scGs="},
    {"an empty JSON object, signed with the port", true, U "&bodySHA256=" NIL_SHA, "{}",
     "Ldidvp12m26NI7eqEvxnEpkd9Hc="},
    {"an empty body and its hash", true,
     "https://h.example/"
     "s?bodySHA256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "", "aMO9Zw+KhBdklXWGSCpnKcYoX+M="},
    {"of two hashes in the query the first counts", true,
     "https://h.example/s?bodySHA256=" JSON_SHA "&bodySHA256=00", JSON,
     "HASh5HR1R/cGo/oYeOSwPM1wL8I="},
    {"a name that ends in bodySHA256 is another name", true,
     "https://h.example/s?xbodySHA256=" JSON_SHA, "a=1", "npxa5v7hEJq5WekiiExl/fSNnHw="},
    {"bodySHA256 in the path is no hash", true, "https://h.example/bodySHA256=" JSON_SHA, "a=1",
     "x/uRUE+uRnWH0L/sAazvrAl+aUM="},
    {"a field without name and value adds nothing", true, U, PARAMS "&=", SIGNATURE},

    {"a wrong signature is refused", false, U, PARAMS, "fakesignature12345678901234="},
    {"no signature is refused", false, U, PARAMS, ""},
    {"half a signature is refused", false, U, PARAMS, "RSOYDt4T1cUTdK1PDd93"},
    {"a signature and more is refused", false, U, PARAMS, SIGNATURE SIGNATURE},
    {"a signature with white space is refused", false, U, PARAMS, SIGNATURE " "},
    {"a signature in another case is refused", false, U, PARAMS, "rSOYDt4T1cUTdK1PDd93/VVr8B8="},
    {"a signature without its padding is refused", false, U, PARAMS, "RSOYDt4T1cUTdK1PDd93/VVr8B8"},
    {"a signature of the URL alone is refused for a form", false, "https://h.example/s", "a=1",
     "GsA4jzqhoKzyuHUnurG+1j93MG0="},
    {"an added query parameter is refused", false, U "&x=1", PARAMS, SIGNATURE},
    {"an added field is refused", false, U, PARAMS "&x=1", SIGNATURE},
    {"a field taken away is refused", false, U, CALL("14158675309"), SIGNATURE},
    {"a changed value is refused", false, U, CALL("14158675300") "&To=%2B18005551212", SIGNATURE},
    {"a plus that was not escaped is refused", false, U,
     "CallSid=CA1234567890ABCDE&Caller=+14158675309&Digits=1234&From=+14158675309&To=+18005551212",
     SIGNATURE},
    {"another host is refused", false, "https://mycompany.org/myapp.php?foo=1&bar=2", PARAMS,
     SIGNATURE},
    {"a trailing slash is refused", false, "https://mycompany.com/myapp.php/?foo=1&bar=2", PARAMS,
     SIGNATURE},
    {"http for https is refused", false, "http://" REST, PARAMS, SIGNATURE},
    {"http with the port of https is refused", false, "http://h.example/s", "a=1",
     "yPkGTwxc48agzwJNBQSMZEFSXQk="},
    {"https with the port of http is refused", false, "https://h.example/s", "a=1",
     "RQvsjO3UK0/hdH57IMhmNywomCg="},
    {"an unusual port that our address lacks is refused", false, "https://h.example/s", "a=1",
     "Yyrk4brvjYvpMvIW2kaRsD0zuMA="},
    {"another scheme gets no port", false, "ftp://h.example/s", "a=1",
     "1Qiz4xDTXXkRmtUELvgthGUXrf0="},
    {"an escaped apostrophe in the query is refused", false, U "&Body=It%27s+amazing", PARAMS,
     "dsq4Ehbj6cs+KdTkpF5sSSplOWw="},
    {"a signature with user and password inside is refused", false, "https://user:pass@" REST,
     PARAMS, "CukzLTc1tT5dXEDIHm/tKBanW10="},
    {"a changed JSON body is refused", false, U "&bodySHA256=" JSON_SHA, JSON " ",
     "a9nBmqA0ju/hNViExpshrM61xv4="},
    {"a JSON body without a hash in the query is refused", false, U, JSON, SIGNATURE},
    {"a wrong hash in the query is refused", false, U "&bodySHA256=" NIL_SHA, JSON,
     "a9nBmqA0ju/hNViExpshrM61xv4="},
    {"a hash in capitals is refused", false,
     "https://h.example/"
     "s?bodySHA256=0A1FF7634D9AB3B95DB5C9A2DFE9416E41502B283A80C7CF19632632F96E6620",
     JSON, "QzIZxZbhCiO89chA5MaNUS5Ycms="},
    {"a hash cut short is refused", false,
     "https://h.example/"
     "s?bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e662",
     JSON, "lBSENcwSGwO0y5H0CJRBBAl29Ik="},
    {"a hash without value is refused", false, "https://h.example/s?bodySHA256", JSON,
     "bj09Wu6wnw93dQqQrgo+oK+5TZs="},
    {"of two hashes in the query the second does not count", false,
     "https://h.example/s?bodySHA256=00&bodySHA256=" JSON_SHA, JSON,
     "ElJkA2cMNmgc35AxmDIEIPEp1rE="},
    {"an empty address is refused", false, "", PARAMS, SIGNATURE},
};

static bool is_valid(const struct text *tokens, size_t n_tokens, const char *url, const char *body,
                     const char *signature)
{
    const struct twilio_signature_keys keys = {tokens, n_tokens, TWILIO_SIGNATURE_SHA1};
    struct form form = read_form(body);

    return twilio_signature_valid(&arena, &keys, text_of(url), &form, text_of(body),
                                  text_of(signature));
}

static void test_valid(void **state)
{
    const struct valid_row *row = *state;
    const struct text token = TEXT(TOKEN);

    assert_int_equal(is_valid(&token, 1, row->url, row->body, row->signature), row->want);
}

static void test_tokens(void **state)
{
    const struct text both[] = {TEXT(TOKEN), TEXT("other")};
    const char *other = "whx0Xsnm1Pi2b+wIli/LVj4nqmM=";

    (void)state;
    assert_true(is_valid(both, 2, U, PARAMS, SIGNATURE));
    assert_true(is_valid(both, 2, U, PARAMS, other));
    assert_false(is_valid(both, 1, U, PARAMS, other));
    assert_false(is_valid(both + 1, 1, U, PARAMS, SIGNATURE));
    assert_false(is_valid(both, 0, U, PARAMS, SIGNATURE));
}

/** An unset token must not turn into one that everybody knows. */
static void test_empty_token(void **state)
{
    const struct text tokens[] = {TEXT(""), {0}, TEXT(TOKEN)};
    const struct twilio_signature_keys keys = {tokens, 3, TWILIO_SIGNATURE_SHA1};
    struct form form = read_form(PARAMS);
    struct text signature;

    (void)state;
    assert_true(
        twilio_signature_make(&arena, TEXT(""), TWILIO_SIGNATURE_SHA1, TEXT(U), &form, &signature));
    assert_int_equal(signature.n, 28);
    assert_false(twilio_signature_valid(&arena, &keys, TEXT(U), &form, TEXT(""), signature));
    assert_true(is_valid(tokens, 3, U, PARAMS, SIGNATURE));
}

static void test_no_form(void **state)
{
    const struct text token = TEXT(TOKEN);
    const struct twilio_signature_keys keys = {&token, 1, TWILIO_SIGNATURE_SHA1};

    (void)state;
    assert_true(twilio_signature_valid(&arena, &keys, TEXT("https://h.example/s"), NULL, TEXT(""),
                                       TEXT("GsA4jzqhoKzyuHUnurG+1j93MG0=")));
    assert_false(twilio_signature_valid(&arena, &keys, TEXT(U), NULL, TEXT(""), TEXT(SIGNATURE)));
}

/* --- Shared keys: the signatures are of the npm package twilio 6.3.1. --- */

static struct shared_row {
    const char *label, *header, *signature;
    bool want;
} shared_rows[] = {
    {"SHA-256", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBNbN+rElzNqP2AII8=", true},
    {"SHA-256 in small letters", "key=webhooks_sharedkey_01,algorithm=hmac_sha256",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBNbN+rElzNqP2AII8=", true},
    {"SHA-1", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA1",
     "FvHuRHm4dAMt6rLOqI256L3et1M=", true},
    {"SHA-1 in small letters", "key=webhooks_sharedkey_01,algorithm=Hmac_Sha1",
     "FvHuRHm4dAMt6rLOqI256L3et1M=", true},
    {"the second key", "algorithm=HMAC_SHA256,key=webhooks_sharedkey_01",
     "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=", true},
    {"the port that Twilio may have put in", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256",
     "vvhrrgSeH2hzvxKSpb5ZswcCONpqnpuvdv4dSjYLY6M=", true},
    {"blanks around all of it", " key=webhooks_sharedkey_01 , algorithm = HMAC_SHA256 ",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBNbN+rElzNqP2AII8=", true},
    {"without an algorithm: SHA-1", "key=webhooks_sharedkey_01",
     "FvHuRHm4dAMt6rLOqI256L3et1M=", true},
    {"with an empty one: SHA-1",
     "key=webhooks_sharedkey_01,algorithm=", "FvHuRHm4dAMt6rLOqI256L3et1M=", true},
    {"without an algorithm: no SHA-256", "key=webhooks_sharedkey_01",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBNbN+rElzNqP2AII8=", false},
    {"an empty algorithm before another",
     "key=webhooks_sharedkey_01,algorithm=,algorithm=HMAC_SHA256",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBNbN+rElzNqP2AII8=", true},
    {"of two algorithms the first counts",
     "key=webhooks_sharedkey_01,algorithm=HMAC_SHA1,algorithm=HMAC_SHA256",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBNbN+rElzNqP2AII8=", false},
    {"the other algorithm's signature", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA1",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBNbN+rElzNqP2AII8=", false},
    {"and the other way round", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256",
     "FvHuRHm4dAMt6rLOqI256L3et1M=", false},
    {"another secret", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256",
     "0klT0Ec5kllmB2k+UCzfoQ/bpl3tYaZ+im8ACKHQimo=", false},
    {"an unknown algorithm", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA512",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBNbN+rElzNqP2AII8=", false},
    {"an algorithm that goes on", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256X",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBNbN+rElzNqP2AII8=", false},
    {"no algorithm at all, by its word", "key=webhooks_sharedkey_01,algorithm=none",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBNbN+rElzNqP2AII8=", false},
    {"a signature cut short", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256",
     "v6e/8kO8KqIgxBa4JXKkQzMb8qBN", false},
    {"no signature", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256", "", false},
};

static void test_shared(void **state)
{
    const struct shared_row *row = *state;
    const struct text secrets[] = {TEXT("a-shared-key"), TEXT(TOKEN)};
    struct twilio_signature_keys keys = {secrets, ARRAY_LEN(secrets), TWILIO_SIGNATURE_SHA1};
    struct form form = read_form(PARAMS);

    assert_int_equal(twilio_signature_hash(text_of(row->header), &keys.hash) &&
                         twilio_signature_valid(&arena, &keys, TEXT(U), &form, TEXT(PARAMS),
                                                text_of(row->signature)),
                     row->want);
}

static void test_long_shared_key(void **state)
{
    struct form form = read_form(PARAMS);
    struct text signature;

    (void)state;
    assert_true(twilio_signature_make(&arena,
                                      TEXT("a secret of more than the 64 bytes that a block has, "
                                           "as RFC 2104 allows it"),
                                      TWILIO_SIGNATURE_SHA256, TEXT(U), &form, &signature));
    assert_text_equal(signature, "zX9Z35tOURV9gLUgd2G27WBUs3gQVB5twVPvtE3PoBU=");
}

/** The store keeps the fields as they came. */
static void test_form_untouched(void **state)
{
    struct form form = read_form("b=2&a=2&a=1&a=2");
    struct text signature;

    (void)state;
    assert_true(twilio_signature_make(&arena, TEXT(TOKEN), TWILIO_SIGNATURE_SHA1, TEXT(U), &form,
                                      &signature));
    assert_int_equal(form.n, 4);
    assert_text_equal(form.fields[0].name, "b");
    assert_text_equal(form.fields[1].value, "2");
    assert_text_equal(form.fields[3].value, "2");
}

static void test_no_memory(void **state)
{
    const struct text token = TEXT(TOKEN);
    const struct twilio_signature_keys keys = {&token, 1, TWILIO_SIGNATURE_SHA1};
    struct form form = read_form(PARAMS);
    struct text signature = TEXT("before");
    struct arena small;

    (void)state;
    for (size_t cap = 0; cap < sizeof(form.fields[0]) * form.n; cap += 32) {
        arena_init(&small, cap);
        assert_false(twilio_signature_make(&small, token, TWILIO_SIGNATURE_SHA1, TEXT(U), &form,
                                           &signature));
        assert_text_equal(signature, "before");
        assert_false(
            twilio_signature_valid(&small, &keys, TEXT(U), &form, TEXT(""), TEXT(SIGNATURE)));
        arena_release(&small);
    }
    arena_init(&small, sizeof(form.fields[0]) * form.n + 8);
    assert_false(twilio_signature_valid(&small, &keys, TEXT(U), &form, TEXT(""), TEXT(SIGNATURE)));
    arena_release(&small);
}

#define ADD_ROWS(rows, test)                                                                       \
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)                                                   \
        tests[n++] = (struct CMUnitTest)                                                           \
        {                                                                                          \
            .name = (rows)[i].label, .test_func = (test), .initial_state = &(rows)[i]              \
        }

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "during a rotation either token is good", .test_func = test_tokens},
        {.name = "an empty token signs nothing", .test_func = test_empty_token},
        {.name = "a request without form is its URL", .test_func = test_no_form},
        {.name = "signing leaves the form in its order", .test_func = test_form_untouched},
        {.name = "a shared key longer than a block", .test_func = test_long_shared_key},
        {.name = "want of memory makes nothing and accepts nothing", .test_func = test_no_memory},
    };
    struct CMUnitTest tests[ARRAY_LEN(vectors) + ARRAY_LEN(hmacs) + ARRAY_LEN(details) +
                            ARRAY_LEN(valid) + ARRAY_LEN(shared_rows) + ARRAY_LEN(singles)];
    size_t n = 0;

    ADD_ROWS(vectors, test_vector);
    ADD_ROWS(hmacs, test_hmac);
    ADD_ROWS(details, test_vector);
    ADD_ROWS(valid, test_valid);
    ADD_ROWS(shared_rows, test_shared);
    memcpy(tests + n, singles, sizeof(singles));
    arena_init(&arena, 4 << 20);
    int failed = cmocka_run_group_tests_name("twilio_signature", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
