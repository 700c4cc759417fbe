/* The SQL functions: each call's statement, what its answer means, and what its refusal means. */

#include "fake_database.h"
#include "message_log.h"
#include "message_log_operation.h"
#include "unit.h"

#define ID   "0b8a4d1e-5a73-4c0e-9f6a-2f1f4f6d8c11"
#define USER "11111111-2222-4333-8444-555555555555"
#define UUID "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

#define TEXT_INIT(literal)                                                                         \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define RESERVE(arguments) RESERVE_WITH(arguments, "null")
#define RESERVE_WITH(arguments, id)                                                                \
    "select outcome, id, saved, twilio_status, remaining, reset_seconds, dead_code, reason_ar, "   \
    "sent_as from messaging.reserve_message(" arguments "," id ",p_refuse_dead=>'f',"              \
    "p_template=>null)"

static struct arena arena;

static const struct message hello = {.to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hello")};
static const struct message everything = {
    .channel = MESSAGE_WHATSAPP,
    .to = TEXT_INIT("+201012345678"),
    .body = TEXT_INIT("it's"),
    .request_id = TEXT_INIT(UUID),
    .template_id = TEXT_INIT("HX1"),
    .media = {TEXT_INIT("https://a"), TEXT_INIT("https://b")},
    .n_media = 2,
};

/** A reservation: statement and answer. */
static const struct reserve_row {
    const char *label;
    struct message_log_order order;
    struct fake_answer answer;
    const char *statement;
    enum message_log_outcome outcome;
    const char *id, *row, *status;
    struct rate_limit rate;
    const char *fault; /* NULL: none */
    bool in_doubt;
} reservations[] = {
    {"as little as there can be",
     {.scope = TEXT_INIT("s internal"), .message = &hello},
     FAKE_ROW("reserved", ID, "{}", NULL, NULL, NULL),
     RESERVE("'s internal',null,null,null,'sms','+201012345678','Hello',null,null,'{}'"),
     MESSAGE_LOG_RESERVED,
     ID,
     "{}"},
    {"the account that sends it is remembered",
     {.scope = TEXT_INIT("s"), .account = TEXT_INIT("AC1"), .message = &hello},
     FAKE_ROW("reserved", ID, "{}", NULL, NULL, NULL),
     RESERVE("'s',null,null,null,'sms','+201012345678','Hello',null,null,"
             "'{\"account_sid\":\"AC1\"}'"),
     MESSAGE_LOG_RESERVED,
     ID,
     "{}"},
    {"what is empty is null, wherever it points",
     {.scope = TEXT_INIT("s"), .key = TEXT_INIT(""), .sender = TEXT_INIT(""), .message = &hello},
     FAKE_ROW("reserved", ID, "{}", NULL, NULL, NULL),
     RESERVE("'s',null,null,null,'sms','+201012345678','Hello',null,null,'{}'"),
     MESSAGE_LOG_RESERVED,
     ID,
     "{}"},
    {"as much as there can be",
     {.id = TEXT_INIT(ID),
      .scope = TEXT_INIT("s " USER),
      .key = TEXT_INIT("k"),
      .sender = TEXT_INIT(USER),
      .limit = 1000,
      .message = &everything},
     FAKE_ROW("reserved", ID, "{}", NULL, "999", "0"),
     RESERVE_WITH("'s " USER "','k','" USER "','1000','whatsapp','+201012345678','it's','" UUID
                  "','https://a','{\"template_id\":\"HX1\",\"media_urls\":[\"https://a\","
                  "\"https://b\"]}'",
                  "'" ID "'"),
     MESSAGE_LOG_RESERVED,
     ID,
     "{}",
     NULL,
     {true, 1000, 999, 0}},
#define ORDER                                                                                      \
    {                                                                                              \
        .scope = TEXT_INIT("s"), .key = TEXT_INIT("k"), .limit = 5, .message = &hello              \
    }
#define STATEMENT RESERVE("'s','k',null,'5','sms','+201012345678','Hello',null,null,'{}'")
    {"a replay", ORDER, FAKE_ROW("replay", ID, "{\"a\":1}", "queued", NULL, NULL), STATEMENT,
     MESSAGE_LOG_REPLAY, ID, "{\"a\":1}", "queued"},
    {"in progress", ORDER, FAKE_ROW("in_progress", ID, NULL, NULL, NULL, NULL), STATEMENT,
     MESSAGE_LOG_IN_PROGRESS, ID},
    {"another message's key", ORDER, FAKE_ROW("mismatch", ID, NULL, NULL, NULL, NULL), STATEMENT,
     MESSAGE_LOG_MISMATCH, ID},
    {"an unknown outcome", ORDER, FAKE_ROW("unknown", ID, NULL, NULL, NULL, NULL), STATEMENT,
     MESSAGE_LOG_UNKNOWN, ID},
    {"no place left",
     ORDER,
     FAKE_ROW("limited", NULL, NULL, NULL, "0", "60"),
     STATEMENT,
     MESSAGE_LOG_LIMITED,
     NULL,
     NULL,
     NULL,
     {true, 5, 0, 60}},
    {"numbers that are none count as nothing",
     ORDER,
     FAKE_ROW("reserved", ID, "{}", NULL, "-1", "soon"),
     STATEMENT,
     MESSAGE_LOG_RESERVED,
     ID,
     "{}",
     NULL,
     {true, 5, 0, 0}},
    {"an outcome nobody knows", ORDER, FAKE_ROW("maybe", ID, "{}", NULL, "4", "0"), STATEMENT,
     .rate = {true, 5, 4, 0}, .fault = "internal"},
    {"no outcome at all", ORDER, {.no_rows = true}, STATEMENT, .fault = "internal"},
    {"a sender without a profile", ORDER, FAKE_ROW("no_profile", NULL, NULL, NULL, "5", "0"),
     STATEMENT, .rate = {true, 5, 5, 0}, .fault = "forbidden"},
    {"a request that is not there", ORDER, FAKE_ROW("unknown_request", NULL, NULL, NULL, "4", "0"),
     STATEMENT, .rate = {true, 5, 4, 0}, .fault = "unknown_request"},
    {"another constraint",
     ORDER,
     {.fails = true,
      .fault = FAULT_INTERNAL,
      .sqlstate = "23514",
      .constraint = "message_logs_sender_id_fkey"},
     STATEMENT,
     .fault = "internal"},
    {"a database that is away", ORDER, FAKE_AWAY, STATEMENT, .fault = "database_unavailable"},
    {"an answer that was lost", ORDER, FAKE_LOST, STATEMENT, .fault = "database_unavailable",
     .in_doubt = true},
    {"a schema that is not there",
     ORDER,
     {.fails = true, .fault = FAULT_MISCONFIGURED, .sqlstate = "42883"},
     STATEMENT,
     .fault = "misconfigured"},
    {"a NUL never reaches the database",
     {.scope = {"a\0b", 3}, .message = &hello},
     FAKE_END,
     NULL,
     .fault = "internal"},
};

static void expect_statement(struct fake_database *fake, const char *statement)
{
    const char *const want[] = {statement, NULL};

    fake_record_expect(&fake->record, want);
    fake_record_release(&fake->record);
}

static void test_reserve(void **state)
{
    const struct reserve_row *row = *state;
    const struct fake_answer answers[] = {row->answer, FAKE_END};
    struct fake_database fake = {.answers = answers};
    const struct database database = fake_database(&fake);
    struct message_log_reservation reservation = {.id = TEXT("untouched")};
    struct rate_limit rate = {0};
    struct fault fault = {0};

    bool good = message_log_reserve(&database, &arena, &row->order, &reservation, &rate, &fault);
    expect_statement(&fake, row->statement);
    assert_int_equal(good, !row->fault);
    assert_int_equal(rate.counted, row->rate.counted);
    assert_int_equal(rate.limit, row->rate.limit);
    assert_int_equal(rate.remaining, row->rate.remaining);
    assert_int_equal(rate.reset, row->rate.reset);
    if (!good) {
        assert_string_equal(fault_code(&fault), row->fault);
        assert_text_equal(reservation.id, "untouched");
        assert_int_equal(reservation.in_doubt, row->in_doubt);
        return;
    }
    assert_int_equal(reservation.outcome, row->outcome);
    assert_text_equal(reservation.id, row->id);
    assert_text_equal(reservation.row, row->row);
    assert_text_equal(reservation.twilio_status, row->status);
}

static const struct settle_row {
    const char *label;
    struct message_log_settlement settlement;
    struct fake_answer answer;
    const char *statement, *row, *fault;
} settlements[] = {
    {"a message that was taken",
     {.id = TEXT_INIT(ID),
      .sid = TEXT_INIT("SM1"),
      .status = TEXT_INIT("queued"),
      .details = TEXT_INIT("{\"a\":1}")},
     FAKE_ROW("{\"b\":2}"),
     "select messaging.settle_message('" ID "','SM1','queued',null,null,'{\"a\":1}','f',null)",
     "{\"b\":2}"},
    {"a message that failed, its key released, at another time",
     {.id = TEXT_INIT(ID),
      .status = TEXT_INIT("failed"),
      .error_code = TEXT_INIT("20003"),
      .error_message = TEXT_INIT("Authenticate"),
      .release = true,
      .at = TEXT_INIT("2026-01-01T12:00:00.000Z")},
     FAKE_ROW("{}"),
     "select messaging.settle_message('" ID "',null,'failed','20003','Authenticate',null,'t',"
     "'2026-01-01T12:00:00.000Z')",
     "{}"},
    {"a row that is not there",
     {.id = TEXT_INIT(ID), .status = TEXT_INIT("failed")},
     FAKE_ROW(NULL),
     "select messaging.settle_message('" ID "',null,'failed',null,null,null,'f',null)",
     ""},
    {"a database that is away",
     {.id = TEXT_INIT(ID), .status = TEXT_INIT("failed")},
     FAKE_AWAY,
     "select messaging.settle_message('" ID "',null,'failed',null,null,null,'f',null)",
     NULL,
     "database_unavailable"},
};

static void test_settle(void **state)
{
    const struct settle_row *row = *state;
    const struct fake_answer answers[] = {row->answer, FAKE_END};
    struct fake_database fake = {.answers = answers};
    const struct database database = fake_database(&fake);
    struct text saved = TEXT("untouched");
    struct fault fault;

    bool good = message_log_settle(&database, &arena, &row->settlement, &saved, &fault);
    expect_statement(&fake, row->statement);
    assert_int_equal(good, !row->fault);
    assert_text_equal(saved, good ? row->row : "untouched");
    if (!good)
        assert_string_equal(fault_code(&fault), row->fault);
}

#define RECORD(arguments)                                                                          \
    "select outcome, id, external_id, status from messaging.record_status(" arguments ")"

static const struct record_row {
    const char *label;
    struct message_log_event event;
    struct fake_answer answer;
    const char *statement;
    bool found;
    const char *id, *sid, *status, *fault;
} events[] = {
    {"an event with everything",
     {.id = TEXT_INIT(ID),
      .sid = TEXT_INIT("SM1"),
      .status = TEXT_INIT("failed"),
      .error_code = TEXT_INIT("30003"),
      .error_message = TEXT_INIT("x"),
      .parameters = TEXT_INIT("{}"),
      .received_at = TEXT_INIT("2026-01-01T12:00:00.000Z")},
     FAKE_ROW("recorded", ID, "SM1", "failed"),
     RECORD("'" ID "','SM1','failed','30003','x','{}','2026-01-01T12:00:00.000Z'"),
     true,
     ID,
     "SM1",
     "failed"},
    {"an event without its message",
     {.sid = TEXT_INIT("SM1"), .status = TEXT_INIT("sent"), .parameters = TEXT_INIT("{}")},
     FAKE_ROW("unmatched", NULL, NULL, NULL),
     RECORD("null,'SM1','sent',null,null,'{}',null")},
    {"an id that is no UUID is left out",
     {.id = TEXT_INIT("1'--"), .sid = TEXT_INIT("SM1"), .status = TEXT_INIT("sent")},
     FAKE_ROW("recorded", ID, "SM1", "sent"),
     RECORD("null,'SM1','sent',null,null,null,null"),
     true,
     ID,
     "SM1",
     "sent"},
    {"an answer that says nothing",
     {.sid = TEXT_INIT("SM1")},
     {.no_rows = true},
     RECORD("null,'SM1',null,null,null,null,null")},
    {"a database that is away",
     {.sid = TEXT_INIT("SM1"), .status = TEXT_INIT("sent")},
     FAKE_AWAY,
     RECORD("null,'SM1','sent',null,null,null,null"),
     .fault = "database_unavailable"},
};

static void test_record(void **state)
{
    const struct record_row *row = *state;
    const struct fake_answer answers[] = {row->answer, FAKE_END};
    struct fake_database fake = {.answers = answers};
    const struct database database = fake_database(&fake);
    struct message_log_recorded recorded = {.id = TEXT("untouched")};
    struct fault fault;

    bool good = message_log_record(&database, &arena, &row->event, &recorded, &fault);
    expect_statement(&fake, row->statement);
    assert_int_equal(good, !row->fault);
    if (!good) {
        assert_string_equal(fault_code(&fault), row->fault);
        assert_text_equal(recorded.id, "untouched");
        return;
    }
    assert_int_equal(recorded.found, row->found);
    assert_text_equal(recorded.id, row->id);
    assert_text_equal(recorded.external_id, row->sid);
    assert_text_equal(recorded.status, row->status);
}

static void test_version(void **state)
{
    static const struct fake_answer answers[] = {FAKE_ROW("20261117080000"), FAKE_AWAY, FAKE_END};
    struct fake_database fake = {.answers = answers};
    const struct database database = fake_database(&fake);
    struct text version = {0};
    struct fault fault;

    (void)state;
    assert_true(message_log_version(&database, &arena, &version, &fault));
    assert_text_equal(version, "20261117080000");
    assert_false(message_log_version(&database, &arena, &version, &fault));
    assert_string_equal(fault_code(&fault), "database_unavailable");
    assert_string_equal(fake.record.calls[0], "select messaging.schema_version()");
    fake_record_release(&fake.record);
}

/** A database that answers two rows of one cell, and needs no memory for it. */
static bool answer_sparingly(void *self, struct arena *none, const char *sql,
                             const char *const *parameters, size_t n_parameters,
                             struct database_result *ret_result, struct fault *reterr)
{
    static struct text cells[] = {{ID, sizeof(ID) - 1}, {ID, sizeof(ID) - 1}};

    (void)none;
    (void)sql;
    (void)parameters;
    (void)n_parameters;
    (void)reterr;
    ++*(size_t *)self;
    *ret_result = (struct database_result){.rows = 2, .columns = 1, .cells = cells};
    return true;
}

static bool reserve_some(const struct database *database, struct arena *small, struct fault *reterr)
{
    const struct message_log_order order = {.scope = TEXT("s"), .limit = 5, .message = &everything};
    struct message_log_reservation reservation;
    struct rate_limit rate;

    return message_log_reserve(database, small, &order, &reservation, &rate, reterr) ||
           reterr->kind == FAULT_INTERNAL; /* ID is no outcome */
}

static bool settle_some(const struct database *database, struct arena *small, struct fault *reterr)
{
    const struct message_log_settlement settlement = {
        .id = TEXT(ID), .sid = TEXT("SM1"), .status = TEXT("queued"), .details = TEXT("{}")};
    struct text row = {0};

    bool good = message_log_settle(database, small, &settlement, &row, reterr);
    assert_text_equal(row, good ? ID : "");
    return good;
}

static bool record_some(const struct database *database, struct arena *small, struct fault *reterr)
{
    const struct message_log_event event = {
        .id = TEXT(ID), .sid = TEXT("SM1"), .status = TEXT("sent"), .parameters = TEXT("{}")};
    struct message_log_recorded recorded;

    return message_log_record(database, small, &event, &recorded, reterr);
}

/* Of a statement that lacks a parameter for want of memory the database would believe null. */
static const struct memory_row {
    const char *label;
    bool (*call)(const struct database *database, struct arena *small, struct fault *reterr);
} calls[] = {
    {"for want of memory nothing is reserved", reserve_some},
    {"for want of memory nothing is settled", settle_some},
    {"for want of memory nothing is recorded", record_some},
};

static void test_no_memory(void **state)
{
    const struct memory_row *row = *state;
    bool good = false;

    for (size_t room = 0; !good; room++) {
        size_t n_asked = 0;
        const struct database database = {&n_asked, answer_sparingly};
        struct fault fault = {0};
        struct arena small;
        arena_init(&small, room);
        good = row->call(&database, &small, &fault);
        if (!good)
            assert_int_equal(fault.kind, FAULT_NO_MEMORY);
        assert_int_equal(n_asked, good ? 1 : 0);
        arena_release(&small);
        assert_true(room < 8192);
    }
}

static int clear(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "the schema's version", .test_func = test_version},
    };
    struct CMUnitTest tests[ARRAY_LEN(reservations) + ARRAY_LEN(settlements) + ARRAY_LEN(events) +
                            ARRAY_LEN(calls) + ARRAY_LEN(singles)];
    size_t n = 0;

    ADD_ROWS(tests, n, reservations, test_reserve);
    ADD_ROWS(tests, n, settlements, test_settle);
    ADD_ROWS(tests, n, events, test_record);
    ADD_ROWS(tests, n, calls, test_no_memory);
    memcpy(tests + n, singles, sizeof(singles));
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tests[i].teardown_func = clear;
    arena_init(&arena, 4 << 20);
    int failed = cmocka_run_group_tests_name("message_log", tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
