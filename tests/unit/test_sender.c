/* What comes before a message: callers, media types, idempotency keys; and --check. */

#include <stdlib.h>
#include <unistd.h>

#include "fake_database.h"
#include "fake_http.h"
#include "fake_tokens.h"
#include "sender.h"
#include "twilio.h"
#include "unit.h"

#define ID  "0b8a4d1e-5a73-4c0e-9f6a-2f1f4f6d8c11"
#define SID "SM0123456789abcdef0123456789abcdef"

#define FAKE_KEY        "sb_secret_0123456789abcdef"
#define FAKE_KEY_BEARER "HTTP_AUTHORIZATION=bearer  " FAKE_KEY
#define PUBLISHABLE     "sb_publishable_0123456789abcdef"

static const struct settings usual = {
    .twilio_account_sid = "AC1",
    .twilio_auth_token = "token",
    .twilio_phone_number = "+15005550006",
    .twilio_whatsapp_number = "+14155238886",
    .twilio_api_url = "https://api.twilio.com",
    .public_url = "https://example.org",
    .jwt_secret = "a-secret-of-at-least-32-characters!!",
    .jwt_audience = "authenticated",
    .server_keys = FAKE_KEY ", sb_secret_another",
    .rate_limit = 5,
};

/** The reservation that a request led to, up to the message; or why it led to none. */
static void expect_reservation(enum sender_tokens tokens, const struct cgi_request *request,
                               const char *want, const char *want_fault)
{
    static const struct fake_answer answers[] = {FAKE_ROW("reserved", ID, "{}", NULL, NULL, NULL),
                                                 FAKE_ROW("{}"), FAKE_END};
    static const struct fake_reply replies[] = {
        {.status = 201, .body = "{\"sid\":\"" SID "\",\"status\":\"queued\"}"}, {0}};
    const struct sender_policy policy = {.endpoint = "e", .tokens = tokens};
    struct fake_clock time = {0};
    const struct clock clock = fake_clock(&time);
    struct fake_database database = {.answers = answers};
    struct fake_http twilio = {.replies = replies};
    struct service service = {.settings = &usual,
                              .clock = &clock,
                              .database = fake_database(&database),
                              .http = fake_http(&twilio)};
    struct cgi_response response = {0};
    struct sender_sent sent;
    struct arena arena;
    struct fault fault = {0};

    arena_init(&arena, 4 << 20);
    bool good = sender_handle(&policy, &service, &arena, request, &response, &sent, &fault);
    if (good != !want_fault)
        fail_msg("%s", good ? "was sent" : fault.detail);
    if (good) {
        const char *arguments = strchr(database.record.calls[0], '(') + 1;
        if (strncmp(arguments, want, strlen(want)) != 0)
            fail_msg("reserved as %s", arguments);
        assert_text_equal(response.log_id, ID);
        assert_text_equal(response.log_sid, SID);
    } else {
        assert_string_equal(fault_code(&fault), want_fault);
        assert_int_equal(database.record.n, 0);
        assert_int_equal(twilio.record.n, 0);
    }
    fake_record_release(&database.record);
    fake_record_release(&twilio.record);
    arena_release(&arena);
}

static const char hello[] = "{\"to\":\"01012345678\",\"message\":\"Hello\"}";

#define NOBODY "'e internal',null,null,null,"
#define SERVER "'e service_role',null,null,null,"
#define USER   "'e " FAKE_USER "',null,'" FAKE_USER "','5',"

/** Each kind of token at each kind of endpoint. */
static const struct token_row {
    const char *label;
    enum sender_tokens tokens;
    const char *token; /* as a variable, NULL: none */
    const char *origin;
    const char *want, *fault;
    const char *apikey, *listener;
} tokens[] = {
    {"ignored: none", SENDER_TOKENS_IGNORED, NULL, NULL, NOBODY},
    {"ignored: a user's", SENDER_TOKENS_IGNORED, FAKE_USER_TOKEN, NULL, NOBODY},
    {"ignored: a false one", SENDER_TOKENS_IGNORED, FAKE_FALSE_TOKEN, NULL, NOBODY},
    {"ignored: a browser", SENDER_TOKENS_IGNORED, NULL, "https://a.example", NULL, "forbidden"},
    {"ignored: a browser with a user's", SENDER_TOKENS_IGNORED, FAKE_USER_TOKEN, "null", NULL,
     "forbidden"},
    {"optional: none", SENDER_TOKENS_OPTIONAL, NULL, NULL, NOBODY},
    {"optional: anon's", SENDER_TOKENS_OPTIONAL, FAKE_ANON_TOKEN, NULL, NOBODY},
    {"optional: a user's", SENDER_TOKENS_OPTIONAL, FAKE_USER_TOKEN, "https://a.example", USER},
    {"optional: a server's", SENDER_TOKENS_OPTIONAL, FAKE_SERVER_TOKEN, NULL, SERVER},
    {"optional: a false one", SENDER_TOKENS_OPTIONAL, FAKE_FALSE_TOKEN, NULL, NULL, "unauthorized"},
    {"optional: an expired one", SENDER_TOKENS_OPTIONAL, FAKE_EXPIRED_TOKEN, NULL, NULL,
     "unauthorized"},
    {"ignored: a server key", SENDER_TOKENS_IGNORED, NULL, NULL, NOBODY, .apikey = FAKE_KEY},
    {"ignored: a browser with a server key", SENDER_TOKENS_IGNORED, FAKE_KEY_BEARER, "https://a",
     NULL, "forbidden", FAKE_KEY},
    {"ignored: at a public listener", SENDER_TOKENS_IGNORED, NULL, NULL, NULL, "forbidden",
     FAKE_KEY, "public"},
    {"ignored: at an internal one", SENDER_TOKENS_IGNORED, NULL, NULL, NOBODY,
     .listener = "internal"},
    {"optional: at a public listener", SENDER_TOKENS_OPTIONAL, FAKE_USER_TOKEN, NULL, NULL,
     "forbidden", NULL, "public"},
    {"required: at a public listener", SENDER_TOKENS_REQUIRED, FAKE_USER_TOKEN, NULL, USER,
     .listener = "public"},
    {"required: none at a public listener", SENDER_TOKENS_REQUIRED, NULL, NULL, NULL,
     "missing_authorization", NULL, "public"},
    {"optional: a server key", SENDER_TOKENS_OPTIONAL, FAKE_KEY_BEARER, NULL, SERVER},
    {"optional: a server key as apikey", SENDER_TOKENS_OPTIONAL, NULL, NULL, SERVER,
     .apikey = "sb_secret_another"},
    {"optional: a publishable key as apikey", SENDER_TOKENS_OPTIONAL, NULL, NULL, NOBODY,
     .apikey = PUBLISHABLE},
    {"optional: a publishable key as bearer", SENDER_TOKENS_OPTIONAL,
     "HTTP_AUTHORIZATION=Bearer " PUBLISHABLE, NULL, NOBODY, .apikey = PUBLISHABLE},
    {"optional: a false bearer beside a server key", SENDER_TOKENS_OPTIONAL, FAKE_FALSE_TOKEN, NULL,
     NULL, "unauthorized", FAKE_KEY},
    {"optional: a user beside a server key", SENDER_TOKENS_OPTIONAL, FAKE_USER_TOKEN, NULL, USER,
     .apikey = FAKE_KEY},
    {"required: a server key", SENDER_TOKENS_REQUIRED, FAKE_KEY_BEARER, NULL, SERVER,
     .apikey = PUBLISHABLE},
    {"required: a server key as apikey", SENDER_TOKENS_REQUIRED, NULL, NULL, SERVER,
     .apikey = FAKE_KEY},
    {"required: a publishable key as apikey", SENDER_TOKENS_REQUIRED, NULL, NULL, NULL,
     "missing_authorization", PUBLISHABLE},
    {"required: a publishable key as bearer", SENDER_TOKENS_REQUIRED,
     "HTTP_AUTHORIZATION=Bearer " PUBLISHABLE, NULL, NULL, "forbidden", FAKE_KEY},
    {"required: anon's beside a server key", SENDER_TOKENS_REQUIRED, FAKE_ANON_TOKEN, NULL, NULL,
     "forbidden", FAKE_KEY},
    {"required: none", SENDER_TOKENS_REQUIRED, NULL, NULL, NULL, "missing_authorization"},
    {"required: anon's", SENDER_TOKENS_REQUIRED, FAKE_ANON_TOKEN, NULL, NULL, "forbidden"},
    {"required: a user's", SENDER_TOKENS_REQUIRED, FAKE_USER_TOKEN, NULL, USER},
    {"required: a server's", SENDER_TOKENS_REQUIRED, FAKE_SERVER_TOKEN, NULL, SERVER},
    {"required: a false one", SENDER_TOKENS_REQUIRED, FAKE_FALSE_TOKEN, NULL, NULL, "unauthorized"},
    {"required: an expired one", SENDER_TOKENS_REQUIRED, FAKE_EXPIRED_TOKEN, NULL, NULL,
     "unauthorized"},
};

static void test_token(void **state)
{
    const struct token_row *row = *state;
    const struct cgi_request request = {
        .content_type = TEXT("application/json"),
        .authorization = text_of(row->token ? strchr(row->token, '=') + 1 : NULL),
        .apikey = text_of(row->apikey),
        .listener = text_of(row->listener),
        .origin = text_of(row->origin),
        .body = text_of(hello)};

    expect_reservation(row->tokens, &request, row->want, row->fault);
}

#define X51  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X255 X51 X51 X51 X51 X51

static const struct key_row {
    const char *label, *header;
    const char *want; /* the key, NULL: refused, "": none */
} keys[] = {
    {"no header, no key", "", ""},
    {"white space is no key", "  ", ""},
    {"a bare key", "abc", "abc"},
    {"a key of one character", "!", "!"},
    {"white space around a key", "\t abc ", "abc"},
    {"a quoted key", "\"abc\"", "abc"},
    {"a bare key of 255", X255, X255},
    {"a quoted key of 255", "\"" X255 "\"", X255},
    {"a key of 256", X255 "x", NULL},
    {"a quoted key of 256", "\"" X255 "x\"", NULL},
    {"an empty quoted key", "\"\"", NULL},
    {"one quote alone", "\"", NULL},
    {"a quote that is not closed", "\"abc", NULL},
    {"something behind the quotes", "\"abc\"; a=1", NULL},
    {"a space inside", "a b", NULL},
    {"a space inside quotes", "\"a b\"", NULL},
    {"a tab inside", "a\tb", NULL},
    {"a control character", "a\x7F", NULL},
    {"letters that are not ASCII", "م", NULL},
};

static void test_key(void **state)
{
    const struct key_row *row = *state;
    const struct cgi_request request = {.content_type = TEXT("application/json"),
                                        .idempotency_key = text_of(row->header),
                                        .body = text_of(hello)};
    char want[512];

    if (row->want && *row->want)
        snprintf(want, sizeof(want), "'e internal','%s',", row->want);
    else
        snprintf(want, sizeof(want), NOBODY);
    expect_reservation(SENDER_TOKENS_IGNORED, &request, want,
                       row->want ? NULL : "invalid_idempotency_key");
}

/** Of several faults the first in the fixed order is told: caller, media type, key, body. */
static const struct order_row {
    const char *label;
    const char *origin, *encoding, *key, *body, *want;
} orders[] = {
    {"the caller is looked at first", "x", "gzip", "a b", "", "forbidden"},
    {"then the encoding", "", "gzip", "a b", "", "unsupported_media_type"},
    {"then the key", "", "identity", "a b", "", "invalid_idempotency_key"},
    {"then the body", "", "identity", "ab", "", "invalid_json"},
};

static void test_order(void **state)
{
    const struct order_row *row = *state;
    const struct cgi_request request = {.content_encoding = text_of(row->encoding),
                                        .origin = text_of(row->origin),
                                        .idempotency_key = text_of(row->key),
                                        .body = text_of(row->body)};

    expect_reservation(SENDER_TOKENS_IGNORED, &request, NULL, row->want);
}

/** --check: no network is needed for an address that is a number. */
static const struct check_row {
    const char *label, *url, *keys;
    bool want;
    const char *set; /* what the key set says, in a file of its own */
    bool no_secret;
    const char *source; /* where it is fetched from */
} checks[] = {
    {"an address that is a number", "http://127.0.0.1:4010", NULL, true},
    {"an IPv6 address", "http://[::1]:4010", NULL, true},
    {"no address", NULL, NULL, true},
    {"an address that is no name", "https://..", NULL, false},
    {"a key set that is not there", "http://127.0.0.1", "/dev/null/keys.json", false},
    {"the address of a set without a file for it", "http://127.0.0.1", NULL, false,
     .source = "http://127.0.0.1/keys"},
    {"the address of a set that is not there yet", "http://127.0.0.1", "/dev/null/keys.json", false,
     .source = "http://127.0.0.1/keys"},
    {"the address of a set that is no name", "http://127.0.0.1", NULL, false, "{\"keys\":[]}",
     .source = "https://../keys"},
    {"a set and its address", "http://127.0.0.1", NULL, true, "{\"keys\":[]}",
     .source = "http://127.0.0.1:81/keys/of:all"},
    {"no key in the set beside a secret", "http://127.0.0.1", NULL, true, "{\"keys\":[]}"},
    {"no key in the set and no secret", "http://127.0.0.1", NULL, false, "{\"keys\":[]}", true},
    {"a key in the set and no secret", "http://127.0.0.1", NULL, true,
     "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":"
     "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
     "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}",
     true},
};

static void test_check(void **state)
{
    const struct check_row *row = *state;
    struct settings settings = usual;
    struct service service = {.settings = &settings};
    char file[] = "/tmp/unit-sender-XXXXXX";
    int fd = mkstemp(file);
    struct fault fault;

    assert_true(fd >= 0);
    settings.twilio_api_url = row->url;
    settings.jwks_file = row->keys;
    settings.jwks_url = row->source;
    if (row->no_secret)
        settings.jwt_secret = NULL;
    if (row->set) {
        assert_true(write(fd, row->set, strlen(row->set)) > 0);
        settings.jwks_file = file;
    }
    assert_true(sender_keys.open(&service, &fault));
    assert_true((service.keys != NULL) == (settings.jwks_file != NULL));
    assert_true(twilio_client.open(&service, &fault));
    assert_true(sender_check(&service) == row->want);
    twilio_client.close(&service);
    sender_keys.close(&service);
    assert_null(service.http.self);
    assert_null(service.keys);
    close(fd);
    unlink(file);
}

int main(void)
{
    struct CMUnitTest
        tests[ARRAY_LEN(tokens) + ARRAY_LEN(keys) + ARRAY_LEN(orders) + ARRAY_LEN(checks)];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, tokens, test_token);
    ADD_ROWS(tests, n, keys, test_key);
    ADD_ROWS(tests, n, orders, test_order);
    ADD_ROWS(tests, n, checks, test_check);
    return cmocka_run_group_tests_name("sender", tests, NULL, NULL);
}
