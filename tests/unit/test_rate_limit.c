/* How an answer tells of the limit. */

#include "fake_record.h"
#include "rate_limit.h"
#include "unit.h"

static const struct headers_row {
    const char *label;
    struct rate_limit rate;
    const char *want; /* "limit remaining reset", NULL: no headers */
} headers[] = {
    {"a user with places left", {true, 5, 4, 0}, "5 4 0"},
    {"a user with the last place taken", {true, 5, 0, 37}, "5 0 37"},
    {"another limit than five", {true, 1000, 999, 0}, "1000 999 0"},
    {"before the reservation there is nothing to tell", {false, 5, 4, 0}, NULL},
    {"a server has no limit", {true, 0, 0, 0}, NULL},
};

static void test_headers(void **state)
{
    static const char *const names[] = {"RateLimit-Limit", "RateLimit-Remaining",
                                        "RateLimit-Reset"};
    const struct headers_row *row = *state;
    struct cgi_response response = {0};
    struct arena arena;
    char got[64] = "";

    arena_init(&arena, 4096);
    rate_limit_headers(&response, &arena, &row->rate);
    assert_int_equal(response.n_headers, row->want ? 3 : 0);
    for (size_t i = 0; i < response.n_headers; i++) {
        size_t n = strlen(got);
        assert_string_equal(response.headers[i].name, names[i]);
        snprintf(got + n, sizeof(got) - n, "%s%.*s", i ? " " : "",
                 TEXT_ARG(response.headers[i].value));
    }
    assert_string_equal(got, row->want ? row->want : "");
    arena_release(&arena);
}

static const struct refusal_row {
    const char *label;
    struct rate_limit rate;
    const char *text;
    int retry_after;
} refusals[] = {
    {"the limit of five has its fixed text",
     {true, 5, 0, 37},
     "Rate limit exceeded. Maximum 5 messages per minute.",
     37},
    {"another limit is named",
     {true, 12, 0, 60},
     "Rate limit exceeded. Maximum 12 messages per minute.",
     60},
    {"a limit of one, in the contract's words",
     {true, 1, 0, 60},
     "Rate limit exceeded. Maximum 1 messages per minute.",
     60},
    {"to come back at once is to come back in a second",
     {true, 5, 0, 0},
     "Rate limit exceeded. Maximum 5 messages per minute.",
     1},
};

static void test_refusal(void **state)
{
    const struct refusal_row *row = *state;
    struct fault fault;

    assert_false(rate_limit_refuse(&row->rate, &fault));
    assert_int_equal(fault.kind, FAULT_RATE_LIMITED);
    assert_string_equal(fault_text(&fault), row->text);
    assert_int_equal(fault.retry_after, row->retry_after);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(headers) + ARRAY_LEN(refusals)];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, headers, test_headers);
    ADD_ROWS(tests, n, refusals, test_refusal);
    return cmocka_run_group_tests_name("rate_limit", tests, NULL, NULL);
}
