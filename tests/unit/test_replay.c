/* From the spool into the table: what is written there, the exact statements it becomes, and what
 * becomes of what cannot be replayed. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fake_database.h"
#include "fake_spool.h"
#include "replay.h"
#include "unit.h"

#define ID  "0b8a4d1e-5a73-4c0e-9f6a-2f1f4f6d8c11"
#define SID "SM0123456789abcdef0123456789abcdef"
#define AT  "2026-01-01T11:59:00.500Z"

/* what is replayed waits for nobody */
#define AT_ONCE ",p_patience=>'100')"

#define RECORD "select outcome, id, external_id, status from messaging.record_status("
#define SETTLE "select messaging.settle_message("

#define EVENT                                                                                      \
    "{\"kind\":\"event\",\"id\":\"" ID "\",\"sid\":\"" SID "\",\"status\":\"failed\","             \
    "\"error_code\":\"30008\",\"error_message\":\"no \\\"way\\\"\",\"parameters\":{\"To\":"        \
    "\"+20\",\"A\":[1,null,\"\\u0645\"]},\"received_at\":\"" AT "\"}"
#define EVENT_SQL                                                                                  \
    RECORD "'" ID "','" SID "','failed','30008','no \"way\"','{\"To\":\"+20\",\"A\":[1,null,"      \
           "\"م\"]}','" AT "'" AT_ONCE
#define SHORT_EVENT                                                                                \
    "{\"kind\":\"event\",\"sid\":\"" SID "\",\"status\":\"sent\",\"received_at\":\"" AT "\"}"
#define SHORT_EVENT_SQL RECORD "null,'" SID "','sent',null,null,null,'" AT "'" AT_ONCE
#define SETTLEMENT                                                                                 \
    "{\"kind\":\"settlement\",\"id\":\"" ID "\",\"sid\":\"" SID "\",\"status\":\"queued\","        \
    "\"details\":{\"price\":null},\"release\":false,\"at\":\"" AT "\"}"
#define SETTLEMENT_SQL                                                                             \
    SETTLE "'" ID "','" SID "','queued',null,null,'{\"price\":null}','f','" AT "'" AT_ONCE
#define FAILURE                                                                                    \
    "{\"kind\":\"settlement\",\"id\":\"" ID "\",\"status\":\"failed\",\"error_code\":\"21211\","   \
    "\"error_message\":\"Invalid\",\"release\":true,\"at\":\"" AT "\"}"
#define FAILURE_SQL SETTLE "'" ID "',null,'failed','21211','Invalid',null,'t','" AT "'" AT_ONCE
#define WITHDRAWAL                                                                                 \
    "{\"kind\":\"settlement\",\"id\":\"" ID "\",\"status\":\"failed\",\"release\":true,"           \
    "\"in_doubt\":true,\"at\":\"" AT "\"}"
#define WITHDRAWAL_SQL "select messaging.withdraw_reservation('" ID "'" AT_ONCE
#define ORDER          "{\"at\":\"" AT "\",\"caller\":\"endpoint internal\",\"key\":\"k\",\"metadata\":{}}"
#define WITH_ORDER                                                                                 \
    "{\"kind\":\"settlement\",\"id\":\"" ID "\",\"sid\":\"" SID "\",\"status\":\"queued\","        \
    "\"details\":{\"price\":null},\"release\":false,\"order\":" ORDER ",\"at\":\"" AT "\"}"
#define RESTORE_SQL "select messaging.restore_reservation('" ID "','" ORDER "'" AT_ONCE

#define RECORDED FAKE_ROW("recorded", ID, SID, "failed")
#define SETTLED  FAKE_ROW("{}")
#define REFUSED                                                                                    \
    {                                                                                              \
        .fails = true, .fault = FAULT_INTERNAL, .sqlstate = "22023"                                \
    }

static const struct fake_answer none[1];

/** Replay with a scripted database and compare what was asked; `answers` ends with zero. */
static struct replay_summary replay(const struct fake_answer *answers, const char *const *want,
                                    size_t most)
{
    struct fake_database fake = {.answers = answers};
    const struct database database = fake_database(&fake);
    struct replay_summary summary = {0};

    const struct spool_choice due = spool_due(&fake_spool, SPOOL_ANY);

    replay_some(&fake_spool, &due, &database, &fake_spool_arena, most, &summary);
    fake_record_expect(&fake.record, want);
    fake_record_release(&fake.record);
    return summary;
}

static void expect(const struct replay_summary *got, size_t done, size_t bad, size_t left)
{
    assert_int_equal(got->done, done);
    assert_int_equal(got->bad, bad);
    assert_int_equal(got->left, left);
}

static void make_files(const char *const *contents)
{
    char name[80];

    fake_spool_make();
    for (int i = 0; contents[i]; i++) {
        snprintf(name, sizeof(name), "170000000000%d-11111111-1111-4111-8111-111111111111.json", i);
        fake_spool_file(name, contents[i]);
    }
}

/* One file, and the statement it becomes. */
static const struct good_row {
    const char *label, *content;
    struct fake_answer answers[2];
    const char *want;
} good_rows[] = {
    {"an event becomes its statement", EVENT, {RECORDED}, EVENT_SQL},
    {"an event with the least it needs", SHORT_EVENT, {RECORDED}, SHORT_EVENT_SQL},
    {"an event of a message that is not known is kept by the database",
     EVENT,
     {FAKE_ROW("unknown_message", NULL, SID, NULL)},
     EVENT_SQL},
    {"an id that is none is not asked with",
     "{\"kind\":\"event\",\"id\":\"1' or '1\",\"sid\":\"" SID "\",\"status\":\"sent\","
     "\"received_at\":\"" AT "\"}",
     {RECORDED},
     SHORT_EVENT_SQL},
    {"a settlement becomes its statement", SETTLEMENT, {SETTLED}, SETTLEMENT_SQL},
    {"a failure that frees its key", FAILURE, {SETTLED}, FAILURE_SQL},
    {"a reservation taken back", WITHDRAWAL, {SETTLED}, WITHDRAWAL_SQL},
    {"one that was never made", WITHDRAWAL, {FAKE_ROW("f")}, WITHDRAWAL_SQL},
    {"members that nobody knows are passed over",
     "{\"new\":[],\"kind\":\"event\",\"sid\":\"" SID "\",\"status\":\"sent\",\"received_at\":\"" AT
     "\"}\n\n",
     {RECORDED},
     SHORT_EVENT_SQL},
};

static void good(void **state)
{
    const struct good_row *row = *state;
    const char *const contents[] = {row->content, NULL}, *const want[] = {row->want, NULL};

    make_files(contents);
    struct replay_summary summary = replay(row->answers, want, 8);
    expect(&summary, 1, 0, 0);
    assert_string_equal(summary.problem, "");
    fake_spool_expect(0, 0, 0);
}

/* One file that is set aside. */
static const struct bad_row {
    const char *label, *content;
    struct fake_answer answers[2];
    const char *want, *problem;
} bad_rows[] = {
    {"an empty file", "", .problem = NULL},
    {"half a file", "{\"kind\":\"event\",\"sid\":\"SM", .problem = NULL},
    {"two events in one file", SHORT_EVENT SHORT_EVENT, .problem = NULL},
    {"garbage", "\xff\xfe\x01", .problem = NULL},
    {"a list", "[]", .problem = NULL},
    {"no kind", "{\"sid\":\"" SID "\"}", .problem = "an unknown kind"},
    {"another kind", "{\"kind\":\"order\"}", .problem = "an unknown kind"},
    {"an event without its SID",
     "{\"kind\":\"event\",\"status\":\"sent\",\"received_at\":\"" AT "\"}",
     .problem = "an event without its members"},
    {"an event without a status", "{\"kind\":\"event\",\"sid\":\"S\",\"received_at\":\"" AT "\"}",
     .problem = "an event without its members"},
    {"an event without its time", "{\"kind\":\"event\",\"sid\":\"S\",\"status\":\"sent\"}",
     .problem = "an event without its members"},
    {"an event whose status is a number",
     "{\"kind\":\"event\",\"sid\":\"S\",\"status\":1,\"received_at\":\"" AT "\"}",
     .problem = "an event without its members"},
    {"a settlement of no row", "{\"kind\":\"settlement\",\"status\":\"sent\",\"at\":\"" AT "\"}",
     .problem = "a settlement without its members"},
    {"a settlement whose id is none",
     "{\"kind\":\"settlement\",\"id\":\"1\",\"status\":\"sent\",\"at\":\"" AT "\"}",
     .problem = "a settlement without its members"},
    {"a settlement without a status",
     "{\"kind\":\"settlement\",\"id\":\"" ID "\",\"at\":\"" AT "\"}",
     .problem = "a settlement without its members"},
    {"a settlement without its time",
     "{\"kind\":\"settlement\",\"id\":\"" ID "\",\"status\":\"sent\"}",
     .problem = "a settlement without its members"},
    {"what the database refuses for its content", EVENT, {REFUSED}, EVENT_SQL, "statement failed"},
    {"a settlement that the database refuses",
     SETTLEMENT,
     {REFUSED},
     SETTLEMENT_SQL,
     "statement failed"},
    {"a settlement of a message that is not there",
     SETTLEMENT,
     {FAKE_ROW(NULL)},
     SETTLEMENT_SQL,
     "a settlement of no message"},
};

static void bad(void **state)
{
    const struct bad_row *row = *state;
    const char *const contents[] = {row->content, SHORT_EVENT, NULL};
    const char *const want[] = {row->want ? row->want : SHORT_EVENT_SQL,
                                row->want ? SHORT_EVENT_SQL : NULL, NULL};
    struct fake_answer answers[3] = {row->answers[0], RECORDED};

    if (!row->want)
        answers[0] = answers[1];
    make_files(contents);
    struct replay_summary summary = replay(answers, want, 8);
    expect(&summary, 1, 1, 0);
    if (row->problem)
        assert_string_equal(summary.problem, row->problem);
    else
        assert_true(summary.problem[0]);
    assert_false(summary.stuck);
    fake_spool_expect(0, 0, 1);
}

/* The database goes away with the second of four files. */
static const struct away_row {
    const char *label;
    struct fake_answer answer;
} away_rows[] = {
    {"a database that is away gives the file back and stops", FAKE_AWAY},
    {"a schema that is too old too", {.fails = true, .fault = FAULT_MISCONFIGURED}},
};

static void away(void **state)
{
    static const char *const contents[] = {EVENT, SHORT_EVENT, SETTLEMENT, FAILURE, NULL};
    static const char *const first[] = {EVENT_SQL, SHORT_EVENT_SQL, NULL};
    static const char *const second[] = {SHORT_EVENT_SQL, SETTLEMENT_SQL, FAILURE_SQL, NULL};
    static const struct fake_answer back[4] = {RECORDED, SETTLED, SETTLED};
    const struct away_row *row = *state;
    const struct fake_answer answers[3] = {RECORDED, row->answer};

    make_files(contents);
    struct replay_summary summary = replay(answers, first, 8);
    expect(&summary, 1, 0, 1);
    assert_string_equal(summary.problem, "statement failed");
    fake_spool_expect(3, 0, 0);
    summary = replay(back, second, 8);
    expect(&summary, 3, 0, 0);
    fake_spool_expect(0, 0, 0);
}

#define BUSY(state)                                                                                \
    {                                                                                              \
        .fails = true, .fault = FAULT_DATABASE_BUSY, .sqlstate = state                             \
    }

/* The second of four files is about something that somebody else holds: its own trouble. */
static void locked(void **state)
{
    static const char *const contents[] = {EVENT, SHORT_EVENT, SETTLEMENT, FAILURE, NULL};
    static const char *const first[] = {EVENT_SQL, SHORT_EVENT_SQL, SETTLEMENT_SQL, FAILURE_SQL,
                                        NULL};
    static const char *const second[] = {SHORT_EVENT_SQL, NULL}, *const nothing[] = {NULL};
    static const struct fake_answer answers[5] = {RECORDED, BUSY("55P03"), SETTLED, SETTLED};
    static const struct fake_answer free_again[2] = {RECORDED};

    (void)state;
    make_files(contents);
    struct replay_summary summary = replay(answers, first, 8);
    expect(&summary, 3, 0, 0);
    assert_int_equal(summary.locked, 1);
    fake_spool_expect(1, 0, 0);
    summary = replay(none, nothing, 8);
    expect(&summary, 0, 0, 0);
    fake_spool_moved_s = SPOOL_PAUSE_SECONDS + 1;
    summary = replay(free_again, second, 8);
    expect(&summary, 1, 0, 0);
    fake_spool_expect(0, 0, 0);
}

static void no_more_than_asked_for(void **state)
{
    static const char *const contents[] = {EVENT, EVENT, EVENT, NULL};
    static const char *const want[] = {EVENT_SQL, EVENT_SQL, NULL};
    static const struct fake_answer answers[4] = {RECORDED, RECORDED, RECORDED};

    (void)state;
    make_files(contents);
    struct replay_summary summary = replay(answers, want, 2);
    expect(&summary, 2, 0, 0);
    fake_spool_expect(1, 0, 0);
}

static void nothing_waits(void **state)
{
    static const char *const want[] = {NULL};

    (void)state;
    struct replay_summary summary = replay(none, want, 8);
    expect(&summary, 0, 0, 0);
    assert_false(summary.stuck);
    assert_string_equal(summary.problem, "");
}

static void a_spool_that_cannot_be_used(void **state)
{
    static const char *const contents[] = {EVENT, NULL}, *const want[] = {NULL};

    (void)state;
    make_files(contents);
    assert_int_equal(chmod(fake_spool_dir, 0777), 0);
    struct replay_summary summary = replay(none, want, 8);
    expect(&summary, 0, 0, 0);
    assert_true(summary.stuck);
    assert_string_equal(summary.problem, "cannot use the spool: Operation not permitted");
}

static void no_memory_is_no_fault_of_the_file(void **state)
{
    static const char *const contents[] = {EVENT, NULL}, *const want[] = {NULL};

    (void)state;
    make_files(contents);
    arena_release(&fake_spool_arena);
    arena_init(&fake_spool_arena, 10);
    struct replay_summary summary = replay(none, want, 8);
    expect(&summary, 0, 0, 1);
    assert_string_equal(summary.problem, "cannot read a file of the spool: Cannot allocate memory");
    fake_spool_expect(1, 0, 0);
}

/** A database that does all that it is asked, and needs no memory for it. */
static bool query_sparingly(void *self, struct arena *arena, const char *sql,
                            const char *const *parameters, size_t n_parameters,
                            struct database_result *ret_result, struct fault *reterr)
{
    static struct text cells[] = {{"{}", 2}};

    (void)self;
    (void)arena;
    (void)sql;
    (void)parameters;
    (void)n_parameters;
    (void)reterr;
    *ret_result = (struct database_result){.rows = 1, .columns = 1, .cells = cells};
    return true;
}

/* Little memory, then more, until it is enough: what waits, waits on. */
static const struct memory_row {
    const char *label, *content;
} memories[] = {
    {"an event waits until there is memory for all of it", EVENT},
    {"a settlement waits until there is memory for all of it", SETTLEMENT},
};

static void memory(void **state)
{
    const struct memory_row *row = *state;
    const char *const contents[] = {row->content, NULL};
    const struct spool_choice due = spool_due(&fake_spool, SPOOL_ANY);
    const struct database database = {NULL, query_sparingly};
    struct replay_summary summary = {0};

    make_files(contents);
    for (size_t room = 0; !summary.done; room += 8) {
        summary = (struct replay_summary){0};
        arena_release(&fake_spool_arena);
        arena_init(&fake_spool_arena, room);
        replay_some(&fake_spool, &due, &database, &fake_spool_arena, 1, &summary);
        if (summary.done)
            continue;
        expect(&summary, 0, 0, 1);
        assert_non_null(strstr(summary.problem, "memory"));
        fake_spool_expect(1, 0, 0);
        assert_true(room < 16384);
    }
    fake_spool_expect(0, 0, 0);
}

static void expect_file(const char *want)
{
    struct spool_claim claim;

    assert_true(fake_spool_take(&claim));
    assert_text_equal(claim.content, want);
    spool_end(&fake_spool, &claim, SPOOL_DONE);
}

static const struct message_log_event event = {
    .id = {ID, sizeof(ID) - 1},
    .sid = {SID, sizeof(SID) - 1},
    .status = {"failed", 6},
    .error_code = {"30008", 5},
    .error_message = {"no \"way\"", 8},
    .parameters = {"{\"To\":\"+20\",\"A\":[1,null,\"م\"]}", 30},
    .received_at = {AT, sizeof(AT) - 1},
};

static const struct message_log_settlement failure = {
    .id = {ID, sizeof(ID) - 1},
    .status = {"failed", 6},
    .error_code = {"21211", 5},
    .error_message = {"Invalid", 7},
    .release = true,
    .at = {AT, sizeof(AT) - 1},
    .order = {"{\"key\":\"k\"}", 11},
};

static void an_event_that_is_kept_comes_back_the_same(void **state)
{
    static const char *const want[] = {EVENT_SQL, NULL};
    static const struct fake_answer answers[2] = {RECORDED};
    struct fault fault;

    (void)state;
    assert_true(replay_keep_event(&fake_spool, &fake_spool_arena, &event, &fault));
    struct replay_summary summary = replay(answers, want, 8);
    expect(&summary, 1, 0, 0);
}

/* A failover lost the row: the file has what it is written again from. */
static void a_lost_row_is_written_again(void **state)
{
    static const char *const contents[] = {WITH_ORDER, NULL};
    static const char *const want[] = {SETTLEMENT_SQL, RESTORE_SQL, SETTLEMENT_SQL, NULL};
    static const struct fake_answer answers[4] = {FAKE_ROW(NULL), FAKE_ROW("t"), SETTLED};

    (void)state;
    make_files(contents);
    struct replay_summary summary = replay(answers, want, 8);
    expect(&summary, 1, 0, 0);
    fake_spool_expect(0, 0, 0);
}

static void a_row_that_is_there_is_only_settled(void **state)
{
    static const char *const contents[] = {WITH_ORDER, NULL};
    static const char *const want[] = {SETTLEMENT_SQL, NULL};
    static const struct fake_answer answers[2] = {SETTLED};

    (void)state;
    make_files(contents);
    struct replay_summary summary = replay(answers, want, 8);
    expect(&summary, 1, 0, 0);
}

/* Of a reservation that is still being written nothing is certain yet. */
static void a_withdrawal_waits_for_its_reservation(void **state)
{
    static const char *const contents[] = {WITHDRAWAL, NULL};
    static const char *const want[] = {WITHDRAWAL_SQL, NULL};
    static const struct fake_answer answers[2] = {BUSY("55P03")}, back[2] = {FAKE_ROW("t")};

    (void)state;
    make_files(contents);
    struct replay_summary summary = replay(answers, want, 8);
    expect(&summary, 0, 0, 0);
    assert_int_equal(summary.locked, 1);
    fake_spool_moved_s = SPOOL_PAUSE_SECONDS + 1;
    summary = replay(back, want, 8);
    expect(&summary, 1, 0, 0);
}

static void a_settlement_that_is_kept_comes_back_the_same(void **state)
{
    static const char *const want[] = {
        FAILURE_SQL, "select messaging.restore_reservation('" ID "','{\"key\":\"k\"}'" AT_ONCE,
        FAILURE_SQL, NULL};
    static const struct fake_answer answers[4] = {FAKE_ROW(NULL), FAKE_ROW("t"), SETTLED};
    struct fault fault;

    (void)state;
    assert_true(replay_keep_settlement(&fake_spool, &fake_spool_arena, &failure, &fault));
    struct replay_summary summary = replay(answers, want, 8);
    expect(&summary, 1, 0, 0);
}

static void without_a_time_it_is_now(void **state)
{
    struct fake_clock time = {0};
    const struct clock clock = fake_clock(&time);
    const struct spool spool = {fake_spool_dir, &clock};
    const struct message_log_event brief = {.sid = TEXT(SID), .status = TEXT("sent")};
    const struct message_log_settlement done = {.id = TEXT(ID), .status = TEXT("queued")};
    struct fault fault;

    (void)state;
    assert_true(replay_keep_event(&spool, &fake_spool_arena, &brief, &fault));
    expect_file("{\"kind\":\"event\",\"sid\":\"" SID "\",\"status\":\"sent\","
                "\"received_at\":\"" FAKE_STAMP "\"}\n");
    assert_true(replay_keep_settlement(&spool, &fake_spool_arena, &done, &fault));
    expect_file("{\"kind\":\"settlement\",\"id\":\"" ID "\",\"status\":\"queued\","
                "\"release\":false,\"at\":\"" FAKE_STAMP "\"}\n");
}

static void what_does_not_fit_is_refused(void **state)
{
    struct message_log_event big = event;
    struct fault fault;
    char *text = malloc(SPOOL_FILE_MAX);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', SPOOL_FILE_MAX);
    big.parameters = (struct text){text, SPOOL_FILE_MAX};
    assert_false(replay_keep_event(&fake_spool, &fake_spool_arena, &big, &fault));
    assert_int_equal(fault.kind, FAULT_SPOOL_UNAVAILABLE);
    assert_string_equal(fault.detail, "event does not fit into a file");
    free(text);
}

int main(void)
{
    struct CMUnitTest tests[64] = {
        IN_SPOOL("no more are replayed than asked for", no_more_than_asked_for),
        IN_SPOOL("a file about something locked is put off, and stops nothing", locked),
        IN_SPOOL("nothing waits", nothing_waits),
        IN_SPOOL("a spool that cannot be used is told", a_spool_that_cannot_be_used),
        IN_SPOOL("no memory is no fault of the file", no_memory_is_no_fault_of_the_file),
        IN_SPOOL("an event that is kept comes back the same",
                 an_event_that_is_kept_comes_back_the_same),
        IN_SPOOL("a lost row is written again", a_lost_row_is_written_again),
        IN_SPOOL("a row that is there is only settled", a_row_that_is_there_is_only_settled),
        IN_SPOOL("a withdrawal waits for its reservation", a_withdrawal_waits_for_its_reservation),
        IN_SPOOL("a settlement that is kept comes back the same",
                 a_settlement_that_is_kept_comes_back_the_same),
        IN_SPOOL("without a time it is now", without_a_time_it_is_now),
        IN_SPOOL("what does not fit into a file is refused", what_does_not_fit_is_refused),
    };
    size_t n = 0;

    while (tests[n].name)
        n++;
    ADD_ROWS(tests, n, good_rows, good);
    ADD_ROWS(tests, n, bad_rows, bad);
    ADD_ROWS(tests, n, away_rows, away);
    ADD_ROWS(tests, n, memories, memory);
    for (size_t i = 0; i < n; i++) {
        tests[i].setup_func = fake_spool_set_up;
        tests[i].teardown_func = fake_spool_tear_down;
    }
    return _cmocka_run_group_tests("replay", tests, n, NULL, NULL);
}
