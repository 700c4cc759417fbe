/* --report: one question, four ways to write the answer. */

#include "report_figures.h"

#include <sys/stat.h>
#include <unistd.h>

#include "fake_database.h"
#include "report.h"
#include "report_page.h"
#include "report_text.h"
#include "unit.h"

#define ASKED "unhurried: select messaging.report('30')"

#define LINE(day, channel, price)                                                                  \
    "{\"day\":\"" day "\",\"message_type\":\"" channel "\",\"by_tag\":false,\"total\":1234,"       \
    "\"delivered\":617,\"read\":100,\"failed\":17,\"in_flight\":600,\"delivered_share\":0.5025,"   \
    "\"read_share\":0.0810,\"median_delivery_seconds\":2.500,\"p95_delivery_seconds\":400.1,"      \
    "\"segments\":2468," price ",\"unpriced\":3}"
#define PRICED   "\"price\":12.3400,\"price_unit\":\"USD\""
#define UNPRICED "\"price\":null,\"price_unit\":null"
#define TOTAL(period, channel)                                                                     \
    "{\"period\":\"" period "\",\"message_type\":" channel ",\"total\":1234,\"delivered\":617,"    \
    "\"read\":100,\"failed\":17,\"in_flight\":600,\"delivered_share\":0.5000,"                     \
    "\"failed_share\":0.0138,\"segments\":2468,\"unpriced\":3}"
#define ANSWER(report, failures, reasons, unit)                                                    \
    "{\"made_at\":\"2026-11-29 14:05\",\"first_day\":\"2026-11-27\",\"today\":\"2026-11-29\","     \
    "\"report\":[" report "],\"failures\":[" failures "],\"days\":[{\"day\":\"2026-11-29\"},"      \
    "{\"day\":\"2026-11-28\"},{\"day\":\"2026-11-27\"}],\"reasons\":[" reasons "],"                \
    "\"totals\":[" TOTAL("days", "null") "," TOTAL("days", "\"sms\"") "," TOTAL(                   \
        "today",                                                                                   \
        "null") "],\"costs\":[{\"period\":\"days\",\"message_type\":null,\"price_unit\":\"" unit   \
                "\","                                                                              \
                "\"price\":12.34}],\"two_currency_days\":0,\"delivery\":[{\"message_type\":"       \
                "\"sms\","                                                                         \
                "\"median_delivery_seconds\":2.5,\"p95_delivery_seconds\":400}],\"stuck\":[{"      \
                "\"status\":"                                                                      \
                "\"sent\",\"messages\":5,\"oldest\":\"2026-11-01 10:00\"}],"                       \
                "\"last_callback\":\"2026-11-29 14:04\"}"
#define FAILURE(code)                                                                              \
    "{\"day\":\"2026-11-28\",\"message_type\":\"sms\",\"error_code\":" code ",\"reason\":"         \
    "\"The 'To' number +201012345678, \\\"x\\\"\",\"reason_ar\":\"فات ٢٤ ساعة\",\"messages\":17}"
#define REASON(code)                                                                                      \
    "{\"error_code\":" code ",\"meaning\":\"Outside the window\",\"reason_ar\":\"فات ٢٤ ساعة\"," \
    "\"messages\":17,\"recent\":17,\"former\":0}"
#define HOSTILE_REASON(meaning)                                                                    \
    "{\"error_code\":\"63016\",\"meaning\":\"" meaning "\",\"reason_ar\":\"x\",\"messages\":17,"   \
    "\"recent\":17,\"former\":0}"
#define USUAL                                                                                      \
    ANSWER(LINE("2026-11-29", "sms", PRICED) "," LINE("2026-11-29", "whatsapp", UNPRICED),         \
           FAILURE("\"63016\""), REASON("\"63016\""), "USD")

static struct arena arena;

static void ask(const char *answer, struct report *report)
{
    const struct fake_answer answers[] = {FAKE_ROW(answer), FAKE_END};
    static const char *const asked[] = {ASKED, NULL};
    struct fake_database fake = {.answers = answers};
    const struct database database = fake_database(&fake);
    struct fault fault = {0};

    if (!report_ask(&database, &arena, 30, report, &fault))
        fail_msg("%s", fault.detail);
    fake_record_expect(&fake.record, asked);
    fake_record_release(&fake.record);
}

static struct text written(const char *answer,
                           void (*write)(const struct report *, struct buffer *))
{
    struct report report;
    struct buffer b;
    struct text text;

    ask(answer, &report);
    buffer_init(&b, &arena, 1 << 20);
    write(&report, &b);
    assert_true(buffer_text(&b, &text));
    return text;
}

static void write_plain(const struct report *report, struct buffer *b)
{
    report_write_table(report, false, b);
}

static void write_bars(const struct report *report, struct buffer *b)
{
    report_write_table(report, true, b);
}

static void test_csv(void **state)
{
    (void)state;
    assert_text_equal(
        written(USUAL, report_write_csv),
        "day,message_type,total,delivered,read,failed,in_flight,delivered_share,read_share,"
        "median_delivery_seconds,p95_delivery_seconds,segments,price,price_unit,unpriced\r\n"
        "2026-11-29,sms,1234,617,100,17,600,0.5025,0.0810,2.500,400.1,2468,12.3400,USD,3\r\n"
        "2026-11-29,whatsapp,1234,617,100,17,600,0.5025,0.0810,2.500,400.1,2468,,,3\r\n");
}

static void test_csv_quotes(void **state)
{
    struct text text = written(ANSWER(LINE("2026-11-29", "a\\\"b,c\\r\\nd", PRICED), "", "", "USD"),
                               report_write_csv);

    (void)state;
    assert_non_null(strstr(text.s, "\n2026-11-29,\"a\"\"b,c\r\nd\",1234,"));
}

static void test_json(void **state)
{
    (void)state;
    assert_text_equal(
        written(ANSWER(LINE("2026-11-29", "sms", UNPRICED), FAILURE("null"), "", "USD"),
                report_write_json),
        "{\"report\":[\n{\"day\":\"2026-11-29\",\"message_type\":\"sms\",\"total\":1234,"
        "\"delivered\":617,\"read\":100,\"failed\":17,\"in_flight\":600,\"delivered_share\":0.5025,"
        "\"read_share\":0.0810,\"median_delivery_seconds\":2.500,\"p95_delivery_seconds\":400.1,"
        "\"segments\":2468,\"price\":null,\"price_unit\":null,\"unpriced\":3}],\n"
        "\"failures\":[\n{\"day\":\"2026-11-28\",\"message_type\":\"sms\",\"error_code\":null,"
        "\"reason\":\"The 'To' number +201012345678, \\\"x\\\"\",\"reason_ar\":\"فات ٢٤ ساعة\","
        "\"messages\":17}]}\n");
}

static void test_table(void **state)
{
    (void)state;
    assert_text_equal(
        written(USUAL, write_plain),
        "messages from 2026-11-27 to 2026-11-29, days of Cairo; last callback: 2026-11-29 14:04\n"
        "today      1234 sent, 50.0% delivered, 17 failed (1.4%)\n"
        "all days   1234 sent, 50.0% delivered, 17 failed (1.4%), 12.34 USD\n\n"
        "day        channel     sent deliv.   read failed   open  time        cost\n"
        "2026-11-29 SMS         1234  50.3%   8.1%     17    600  2.5s   12.34 USD\n"
        "           WhatsApp    1234  50.3%   8.1%     17    600  2.5s           -\n\n"
        "failed because\n        17   63016 Outside the window\n\n"
        "stuck\n         5 sent      the oldest since 2026-11-01 10:00\n");
    assert_non_null(strstr(written(USUAL, write_bars).s, "  50.3% ███        17 "));
}

/* What is in no sum is told. */
static void test_two_currencies(void **state)
{
    struct text answer = text_of(USUAL), told;
    struct buffer b;
    const char *at = strstr(answer.s, "_days\":0");

    (void)state;
    buffer_init(&b, &arena, 1 << 20);
    buffer_add(&b, (struct text){answer.s, (size_t)(at - answer.s)});
    buffer_add(&b, TEXT("_days\":3"));
    buffer_add(&b, text_of(at + strlen("_days\":0")));
    assert_true(buffer_text(&b, &told));
    assert_non_null(
        strstr(written(told.s, write_plain).s,
               "12.34 USD\n           days in two currencies, not counted in the cost: 3\n\n"));
    assert_null(strstr(written(USUAL, write_plain).s, "two currencies"));
}

/* What somebody wrote into a code or a currency sends no terminal anywhere. */
static void test_hostile_words(void **state)
{
    struct text text =
        written(ANSWER("", "", REASON("\"\\u001b[2J\""), "\\u001b[31m"), write_plain);

    (void)state;
    assert_null(memchr(text.s, 0x1b, text.n));
}

/* Nor does what an operator wrote as an error's meaning, which stays in its line. */
static void test_hostile_meaning(void **state)
{
    struct text text = written(
        ANSWER("", "", HOSTILE_REASON("a\\u001b[2Jb\\nc\\u202ed\\u0085e"), "USD"), write_plain);

    (void)state;
    assert_non_null(strstr(text.s, "\n        17   63016 a [2Jb c d e\n"));
}

static void test_page(void **state)
{
    static const char *const has[] = {"dir=\"rtl\"",
                                      "data-figure=\"today-total\">1,234<",
                                      "<bdi dir=\"ltr\">50.3%</bdi>",
                                      "12.34 <small>USD</small>",
                                      "فات 24 ساعة",
                                      "&lt;b&gt;63016",
                                      "▲",
                                      "<td data-figure=\"stuck\">5</td>",
                                      "</html>"};
    static const char *const lacks[] = {"+2010",   "To' number", "<b>6",
                                        "<script", "http:",      "https:"};
    struct text text = written(ANSWER(LINE("2026-11-29", "sms", PRICED), FAILURE("\"<b>63016\""),
                                      REASON("\"<b>63016\""), "USD"),
                               report_write_page);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(has); i++)
        if (!strstr(text.s, has[i]))
            fail_msg("not in the page: %s", has[i]);
    for (size_t i = 0; i < ARRAY_LEN(lacks); i++)
        if (strstr(text.s, lacks[i]))
            fail_msg("in the page: %s", lacks[i]);
}

static const struct bad_row {
    const char *label;
    struct fake_answer answer;
    enum fault_kind kind;
} bad_rows[] = {
    {"a database that is away", FAKE_AWAY, FAULT_DATABASE_UNAVAILABLE},
    {"an answer that is no JSON", FAKE_ROW("<html>"), FAULT_INVALID_JSON},
    {"an answer without its tables", FAKE_ROW("{\"report\":[]}"), FAULT_INTERNAL},
};

static void test_bad(void **state)
{
    const struct bad_row *row = *state;
    const struct fake_answer answers[] = {row->answer, FAKE_END};
    struct fake_database fake = {.answers = answers};
    const struct database database = fake_database(&fake);
    struct report report;
    struct fault fault = {0};

    assert_false(report_ask(&database, &arena, 30, &report, &fault));
    assert_int_equal(fault.kind, row->kind);
    fake_record_release(&fake.record);
}

static const struct days_row {
    const char *label, *days;
    bool good;
} days_rows[] = {
    {"one day", "1", true},       {"ten years", "3660", true},
    {"no day", "0", false},       {"more than that", "3661", false},
    {"a sign", "-1", false},      {"a word", "all", false},
    {"half a day", "0.5", false},
};

static void test_days(void **state)
{
    const struct days_row *row = *state;

    assert_string_equal(report_verb.options[0].name, "--days");
    assert_int_equal(report_verb.options[0].check(text_of(row->days)) == NULL, row->good);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(bad_rows) + ARRAY_LEN(days_rows) + 6] = {
        {.name = "CSV", .test_func = test_csv},
        {.name = "CSV, of what needs quotes", .test_func = test_csv_quotes},
        {.name = "JSON, with the views' names", .test_func = test_json},
        {.name = "a table", .test_func = test_table},
        {.name = "days in two currencies are told", .test_func = test_two_currencies},
        {.name = "a terminal is sent nowhere", .test_func = test_hostile_words},
        {.name = "an operator's meaning stays in its line", .test_func = test_hostile_meaning},
        {.name = "the page has figures, and nobody's number", .test_func = test_page},
    };
    size_t n = 6;

    arena_init(&arena, 64 << 20);
    ADD_ROWS(tests, n, bad_rows, test_bad);
    ADD_ROWS(tests, n, days_rows, test_days);
    int failed = cmocka_run_group_tests_name("report", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
