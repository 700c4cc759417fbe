/* The reconcile run where there is much: long lists of Twilio's, many rows; and its arguments. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "fake_http.h"
#include "fake_reconcile.h"
#include "unit.h"

/** Twilio's list as a function: pages of 100 messages, the newest of an hour ago. */
struct long_list {
    int64_t every_s;  /* from one message to the next; 0: a page comes again and again */
    size_t n;         /* messages on a page, 0: 100 */
    const char *body; /* NULL: "Hi" */
    size_t asked;
};

static void perform(void *self, struct arena *arena, const struct http_request *request,
                    struct http_reply *ret_reply)
{
    struct long_list *list = self;
    size_t n = list->n ? list->n : 100;
    struct buffer b;

    assert_false(request->post);
    buffer_init(&b, arena, 4 << 20);
    buffer_add(&b, TEXT("{\"messages\":["));
    for (size_t i = 0; i < n && list->every_s; i++) {
        time_t at =
            (time_t)(FAKE_EPOCH_MS / 1000 - 3600 - (int64_t)(list->asked * n + i) * list->every_s);
        struct tm parts;
        char date[40];
        gmtime_r(&at, &parts);
        strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &parts);
        buffer_addf(&b,
                    "%s{\"sid\":\"SM%032zu\",\"status\":\"delivered\",\"to\":\"" TO
                    "\",\"direction\":\"outbound-api\",\"date_created\":\"%s\","
                    "\"date_sent\":\"%s\",\"body\":\"",
                    i ? "," : "", list->asked * n + i, date, date);
        buffer_add(&b, text_of(list->body ? list->body : "Hi"));
        buffer_add(&b, TEXT("\"}"));
    }
    buffer_addf(&b, "],\"next_page_uri\":\"" PATH ".json?Page=%zu\"}", list->asked + 1);
    list->asked++;
    *ret_reply = (struct http_reply){.outcome = HTTP_ANSWERED, .status = 200};
    assert_true(buffer_text(&b, &ret_reply->body));
}

static void a_recipient_with_hundreds_of_messages(void **state)
{
    /* The message is number 350: 3600 + 350 * 300 seconds ago. Those a quarter of an hour around it
     * may have been changed on their way. */
    static const struct stored rows[] = {{R1, NULL, "unknown", 108602}};
    static const struct fake_answer answers[9] = {TABLE, NONE, NONE, NONE,
                                                  NONE,  NONE, NONE, RECORDED(R1, "delivered")};
    static const char *const statements[] = {
        FIRST_PAGE,
        KNOWN("SM00000000000000000000000000000348"),
        KNOWN("SM00000000000000000000000000000349"),
        KNOWN("SM00000000000000000000000000000350"),
        KNOWN("SM00000000000000000000000000000351"),
        KNOWN("SM00000000000000000000000000000352"),
        KNOWN("SM00000000000000000000000000000353"),
        CLAIMED(R1, "SM00000000000000000000000000000350", "delivered"),
        NULL};
    struct fake_reconcile tables = {.script = {.answers = answers}, .tables = {rows}, .n = {1}};
    struct long_list list = {.every_s = 300};
    int status;

    (void)state;
    char *output = fake_reconcile(&tables, (struct http){&list, perform}, NULL, false, &status);
    fake_record_expect(&tables.script.record, statements);
    assert_int_equal(list.asked, 4); /* what is older than the row is not looked at */
    assert_int_equal(status, 0);
    fake_record_release(&tables.script.record);
    free(output);
}

/* Message number 50 is the row's; those a quarter of an hour around it may be. */
static void a_row_between_many_messages(void **state)
{
    static const struct stored rows[] = {{R1, NULL, "unknown", 3600 + 50 * 70 + 1}};
    struct fake_answer answers[64] = {TABLE};
    const char *statements[64] = {ALL_YOUNG};
    char known[64][80];
    struct fake_reconcile tables = {.script = {.answers = answers}, .tables = {rows}, .n = {1}};
    struct long_list list = {.every_s = 70};
    int status;
    size_t n = 1;

    (void)state;
    for (int i = 38; i <= 62; i++) {
        snprintf(known[n], sizeof(known[n]), "select messaging.known_sids(array['SM%032d'])", i);
        answers[n] = (struct fake_answer)NONE;
        statements[n] = known[n];
        n++;
    }
    answers[n] = (struct fake_answer)RECORDED(R1, "delivered");
    statements[n] = CLAIMED(R1, "SM00000000000000000000000000000050", "delivered");
    char *output = fake_reconcile(&tables, (struct http){&list, perform}, "0s", false, &status);
    fake_record_expect(&tables.script.record, statements);
    assert_string_equal(output, "0 messages checked\ndid:   " R1
                                " unknown -> delivered\n" SUMMARY(1, 0, 1, 0, 0));
    assert_int_equal(status, 0);
    fake_record_release(&tables.script.record);
    free(output);
}

/* A message that is not looked at may be the row's: where they are too many nothing is settled. */
static void more_messages_than_fit(void **state)
{
    enum { TEXT_BYTES = 200000 };
    static const struct stored rows[] = {{R1, NULL, "unknown", 3800}};
    struct fake_answer answers[128] = {TABLE};
    struct fake_reconcile tables = {.script = {.answers = answers}, .tables = {rows}, .n = {1}};
    char *text = calloc(1, TEXT_BYTES + 1);
    struct long_list list = {.every_s = 1, .n = 10, .body = text};
    int status;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', TEXT_BYTES);
    for (size_t i = 1; i + 1 < ARRAY_LEN(answers); i++)
        answers[i] = (struct fake_answer)NONE;
    char *output = fake_reconcile(&tables, (struct http){&list, perform}, "0s", false, &status);
    assert_string_equal(output, "0 messages checked\nstopped: no memory for Twilio's "
                                "messages\n" SUMMARY(0, 0, 0, 0, 0));
    assert_int_equal(status, 1);
    assert_true(tables.script.record.n > 60);
    fake_record_release(&tables.script.record);
    free(output);
    free(text);
}

/* Longer than any address of Twilio's. */
static void an_address_without_an_end(void **state)
{
    static const struct stored rows[] = {{R1, NULL, "unknown"}};
    static const struct fake_answer answers[2] = {TABLE};
    static const char *const statements[] = {FIRST_PAGE, NULL}, *const requests[] = {LIST, NULL};
    struct fake_reconcile tables = {.script = {.answers = answers}, .tables = {rows}, .n = {1}};
    char body[9000];
    int status;

    (void)state;
    snprintf(body, sizeof(body),
             "{\"messages\":[],\"next_page_uri\":\"" PATH ".json?Page=%08192d\"}", 1);
    struct fake_http twilio = {
        .replies = (struct fake_reply[]){{.status = 200, .body = body}, {.status = 0}}};
    char *output = fake_reconcile(&tables, fake_http(&twilio), NULL, false, &status);
    fake_record_expect(&twilio.record, requests);
    fake_record_expect(&tables.script.record, statements);
    assert_string_equal(output, "0 messages checked\n1 could not be asked: Twilio's list has no "
                                "end\n" SUMMARY(1, 0, 0, 0, 0));
    assert_int_equal(status, 1);
    fake_record_release(&twilio.record);
    fake_record_release(&tables.script.record);
    free(output);
}

static void a_list_without_an_end(void **state)
{
    static const struct stored rows[] = {{R1, NULL, "unknown"}};
    static const struct fake_answer answers[2] = {TABLE};
    static const char *const statements[] = {FIRST_PAGE, NULL};
    struct fake_reconcile tables = {.script = {.answers = answers}, .tables = {rows}, .n = {1}};
    struct long_list list = {0};
    int status;

    (void)state;
    char *output = fake_reconcile(&tables, (struct http){&list, perform}, NULL, false, &status);
    fake_record_expect(&tables.script.record, statements);
    assert_int_equal(list.asked, 1000);
    assert_int_equal(status, 1);
    assert_string_equal(output, "0 messages checked\n1 could not be asked: Twilio's list has no "
                                "end\n" SUMMARY(1, 0, 0, 0, 0));
    fake_record_release(&tables.script.record);
    free(output);
}

/** Rows from the oldest on, with so many seconds from one to the next. */
static void make_many(struct stored *rows, size_t n, int64_t oldest_s, int64_t every_s,
                      const char *text)
{
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct stored){R1, NULL, "unknown", oldest_s - (int64_t)i * every_s, text};
}

static void page_after_page(void **state)
{
    static struct stored rows[201];
    static const struct fake_answer answers[3] = {TABLE, TABLE};
    static const char *const statements[] = {
        ALL_YOUNG, UNSETTLED "'0 seconds','21 s ago','" R1 "','200')", NULL};
    struct fake_reconcile tables = {
        .script = {.answers = answers}, .tables = {rows, rows + 200}, .n = {200, 1}};
    struct fake_http twilio = {.replies = (struct fake_reply[1]){{.status = 0}}};
    int status;

    (void)state;
    make_many(rows, 201, 40, 0, NULL);
    for (size_t i = 0; i < 200; i++)
        rows[i].age_s = 40 - (int64_t)i / 10;
    char *output = fake_reconcile(&tables, fake_http(&twilio), "0s", false, &status);
    fake_record_expect(&tables.script.record, statements);
    assert_int_equal(twilio.record.n, 0);
    assert_string_equal(output, "0 messages checked\n0 messages checked\n" SUMMARY(0, 0, 0, 0, 0));
    assert_int_equal(status, 0);
    fake_record_release(&tables.script.record);
    free(output);
}

/** How many rows of 1600 long ones are looked for, with one question that is answered by 400. */
static unsigned long look_for_many(int64_t every_s)
{
    enum { ROWS = 1600, TEXT_BYTES = 50000 };
    static struct stored rows[ROWS];
    static const struct fake_answer answers[9] = {TABLE, TABLE, TABLE, TABLE,
                                                  TABLE, TABLE, TABLE, TABLE};
    const struct fake_reply replies[2] = {{.status = 400}};
    static const char *const requests[] = {LIST, NULL};
    struct fake_reconcile tables = {.script = {.answers = answers}};
    struct fake_http twilio = {.replies = replies};
    char *text = calloc(1, TEXT_BYTES + 1);
    int status;

    assert_non_null(text);
    memset(text, 'x', TEXT_BYTES);
    make_many(rows, ROWS, 1000000, every_s, text);
    for (size_t i = 0; i < 8; i++) {
        tables.tables[i] = rows + i * 200;
        tables.n[i] = 200;
    }
    char *output = fake_reconcile(&tables, fake_http(&twilio), NULL, false, &status);
    fake_record_expect(&twilio.record, requests);
    assert_true(tables.next < 8);
    assert_int_equal(status, 1);
    const char *line = strstr(output, " could not be asked");
    assert_non_null(line);
    while (line > output && line[-1] != '\n')
        line--;
    unsigned long asked = strtoul(line, NULL, 10);
    fake_record_release(&twilio.record);
    fake_record_release(&tables.script.record);
    free(output);
    free(text);
    return asked;
}

/* Those that were seen with all their neighbours are looked for: not those of the last minute. */
static void more_rows_than_fit(void **state)
{
    unsigned long apart = look_for_many(100), close = look_for_many(1);

    (void)state;
    assert_true(apart > 500);
    assert_int_equal(apart - close, 62);
}

#define ALONE(sentence, function)                                                                  \
    {                                                                                              \
        .name = sentence, .test_func = function                                                    \
    }

int main(void)
{
    struct CMUnitTest tests[32] = {
        ALONE("a recipient with hundreds of messages", a_recipient_with_hundreds_of_messages),
        ALONE("a list without an end is left at some time", a_list_without_an_end),
        ALONE("an address without an end is not asked for", an_address_without_an_end),
        ALONE("a row finds its message among many", a_row_between_many_messages),
        ALONE("more messages than fit", more_messages_than_fit),
        ALONE("rows are asked for page after page", page_after_page),
        ALONE("more rows than fit", more_rows_than_fit),
    };
    size_t n = 0;

    while (tests[n].name)
        n++;
    return _cmocka_run_group_tests("reconcile_lists", tests, n, NULL, NULL);
}
