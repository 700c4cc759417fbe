/* The log line: one JSON object a request, and what never stands in it. */

#include <sys/mman.h>
#include <unistd.h>

#include "fake_clock.h"
#include "fake_record.h"
#include "json.h"
#include "log.h"
#include "unit.h"

static const struct mask_row {
    const char *label, *number, *want;
} masks[] = {
    {"an Egyptian number", "+201012345678", "+2010*****678"},
    {"with its channel", "whatsapp:+201012345678", "+2010*****678"},
    {"eleven characters", "+2010123456", "+2010***456"},
    {"ten characters lose their end too", "+201012345", "+2010*****"},
    {"a short code of five", "12345", "12345"},
    {"nothing", "", ""},
    {"a number that is too long is cut", "+2010123456789012345678901234",
     "+2010******************"},
};

static void test_mask(void **state)
{
    const struct mask_row *row = *state;
    char masked[24];

    log_mask(text_of(row->number), masked);
    assert_string_equal(masked, row->want);
}

static const struct fault rejected = {
    .kind = FAULT_TWILIO_REJECTED,
    .twilio_code = 21211,
    .text = "The 'To' number +201012345678 is not a valid phone number.",
    .detail = "Twilio rejected the message",
};

static const struct fault misconfigured = {.kind = FAULT_MISCONFIGURED,
                                           .detail = "setting 'PUBLIC_URL' missing: \"is\"\n"};

#define TIME "{\"time\":\"" FAKE_STAMP "\""

static const struct line_row {
    const char *label;
    struct log_entry entry;
    const char *want;
} lines[] = {
    {"an answered request",
     {.program = "send-whatsapp",
      .request_id = {"abc", 3},
      .method = {"POST", 4},
      .status = 200,
      .ms = 84,
      .id = {"row", 3},
      .sid = {"SM1", 3},
      .to = {"+201012345678", 13}},
     TIME ",\"program\":\"send-whatsapp\",\"request_id\":\"abc\",\"method\":\"POST\","
          "\"status\":200,\"ms\":84,\"id\":\"row\",\"sid\":\"SM1\",\"to\":\"+2010*****678\"}\n"},
    {"a callback",
     {.program = "twilio-delivery-status",
      .request_id = {"abc", 3},
      .method = {"POST", 4},
      .status = 200,
      .note = "event spooled",
      .sid = {"SM1", 3},
      .event = {"delivered", 9}},
     TIME ",\"program\":\"twilio-delivery-status\",\"request_id\":\"abc\",\"method\":\"POST\","
          "\"status\":200,\"ms\":0,\"note\":\"event spooled\",\"sid\":\"SM1\","
          "\"event\":\"delivered\"}\n"},
    {"a refusal of Twilio's has its number, not its text",
     {.program = "p", .method = {"POST", 4}, .status = 422, .ms = 5, .fault = &rejected},
     TIME ",\"program\":\"p\",\"method\":\"POST\",\"status\":422,\"ms\":5,"
          "\"code\":\"twilio_rejected\",\"detail\":\"Twilio rejected the message\","
          "\"twilio_code\":21211}\n"},
    {"a detail is escaped",
     {.program = "p", .method = {"POST", 4}, .status = 500, .fault = &misconfigured},
     TIME ",\"program\":\"p\",\"method\":\"POST\",\"status\":500,\"ms\":0,"
          "\"code\":\"misconfigured\",\"detail\":\"setting 'PUBLIC_URL' missing: \\\"is\\\"\\n\"}"
          "\n"},
    {"a method that is no method is escaped and mended",
     {.program = "p", .method = {"\xFF\n\"", 3}, .status = 405},
     TIME ",\"program\":\"p\",\"method\":\"\xEF\xBF\xBD\\n\\\"\",\"status\":405,\"ms\":0}\n"},
    {"a number cut inside a character is mended",
     {.program = "p", .status = 200, .to = {"+201\xD9\x85\xD9\x85\xD9\x85\xD9\x85", 12}},
     TIME ",\"program\":\"p\",\"status\":200,\"ms\":0,\"to\":\"+201\xEF\xBF\xBD****"
          "\xEF\xBF\xBD\xD9\x85\"}\n"},
};

static struct text write_line(struct arena *arena, const struct log_entry *entry, char *to,
                              size_t size)
{
    struct fake_clock time = {0};
    const struct clock clock = fake_clock(&time);
    int fd = memfd_create("log", MFD_CLOEXEC);

    assert_true(fd >= 0);
    log_write(fd, arena, &clock, entry);
    ssize_t n = pread(fd, to, size - 1, 0);
    assert_true(n >= 0);
    close(fd);
    to[n] = '\0';
    return text_of(to);
}

static void test_line(void **state)
{
    const struct line_row *row = *state;
    struct fault fault;
    struct arena arena;
    char written[8192];

    arena_init(&arena, 1 << 20);
    struct text line = write_line(&arena, &row->entry, written, sizeof(written));
    assert_text_equal(line, row->want);
    struct json_document *document = json_parse(&arena, line, &fault);
    assert_non_null(document);
    json_free(document);
    arena_release(&arena);
}

static void test_long_values(void **state)
{
    char letters[1000], written[16384];
    struct log_entry entry = {.program = "p", .status = 200};
    struct arena arena;

    (void)state;
    memset(letters, 0x01, sizeof(letters));
    entry.request_id = entry.method = entry.id = entry.sid = (struct text){letters, 1000};
    arena_init(&arena, 1 << 20);
    struct text line = write_line(&arena, &entry, written, sizeof(written));
    assert_true(line.n > 0);
    assert_int_equal(line.s[line.n - 1], '\n');
    arena_release(&arena);
}

static void test_no_memory(void **state)
{
    const struct log_entry entry = {.program = "p", .status = 200};
    char written[256];

    (void)state;
    for (size_t room = 0; room < 300; room++) {
        struct arena small;
        arena_init(&small, room);
        struct text line = write_line(&small, &entry, written, sizeof(written));
        assert_true(line.n == 0 || room >= 256);
        if (line.n)
            assert_text_equal(line, TIME ",\"program\":\"p\",\"status\":200,\"ms\":0}\n");
        arena_release(&small);
    }
}

static void test_nobody_reads(void **state)
{
    struct fake_clock time = {0};
    const struct clock clock = fake_clock(&time);
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20);
    log_write(-1, &arena, &clock, &(struct log_entry){.program = "p", .status = 200});
    arena_release(&arena);
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "values too long are cut, the line is written", .test_func = test_long_values},
        {.name = "for want of memory there is no line, and never half of one",
         .test_func = test_no_memory},
        {.name = "a log that cannot be written holds nobody", .test_func = test_nobody_reads},
    };
    struct CMUnitTest tests[ARRAY_LEN(masks) + ARRAY_LEN(lines) + ARRAY_LEN(singles)];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, masks, test_mask);
    ADD_ROWS(tests, n, lines, test_line);
    memcpy(tests + n, singles, sizeof(singles));
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
