/* The way of one message, where the endpoints' tests do not look: time, memory, odd answers. */

#include "dispatch.h"
#include "fake_database.h"
#include "fake_http.h"
#include "twilio.h"
#include "unit.h"

#define ID   "0b8a4d1e-5a73-4c0e-9f6a-2f1f4f6d8c11"
#define SID  "SM0123456789abcdef0123456789abcdef"
#define USER "11111111-2222-4333-8444-555555555555"

#define TEXT_INIT(literal)                                                                         \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define RESERVED FAKE_ROW("reserved", ID, "{\"status\":\"pending\"}", NULL, NULL, NULL)
#define QUEUED                                                                                     \
    {                                                                                              \
        .status = 201, .body = "{\"sid\":\"" SID "\",\"status\":\"queued\"}"                       \
    }

static const struct settings settings = {
    .twilio_account_sid = "AC1",
    .twilio_auth_token = "token",
    .twilio_phone_number = "+15005550006",
    .twilio_api_url = "https://api.twilio.com",
    .public_url = "https://example.org",
    .rate_limit = 7,
};

static const struct message hello = {.to = TEXT_INIT("+201012345678"), .body = TEXT_INIT("Hello")};

/** A dispatch between scripts, without a spool. */
struct dispatching {
    struct fake_clock time;
    struct clock clock;
    struct fake_database database;
    struct fake_http twilio;
    struct service service;
    struct arena arena;
    struct dispatch_receipt receipt;
    struct rate_limit rate;
    struct fault fault;
};

static bool dispatch(struct dispatching *d, const struct auth_caller *caller, const char *key,
                     const struct fake_answer *answers, const struct fake_reply *replies)
{
    const struct dispatch_order order = {
        .endpoint = "endpoint", .caller = caller, .message = &hello, .key = text_of(key)};

    *d = (struct dispatching){0};
    d->clock = fake_clock(&d->time);
    d->database = (struct fake_database){.answers = answers, .clock = &d->time};
    d->twilio = (struct fake_http){.replies = replies, .clock = &d->time};
    d->service = (struct service){.settings = &settings,
                                  .clock = &d->clock,
                                  .database = fake_database(&d->database),
                                  .http = fake_http(&d->twilio),
                                  .spool = {"/dev/null/spool", &d->clock}};
    arena_init(&d->arena, 4 << 20);
    return dispatch_message(&d->service, &d->arena, &order, &d->receipt, &d->rate, &d->fault);
}

static void release(struct dispatching *d)
{
    fake_record_release(&d->database.record);
    fake_record_release(&d->twilio.record);
    arena_release(&d->arena);
}

static const struct auth_caller nobody = {.role = AUTH_NOBODY};

static const struct caller_row {
    const char *label;
    struct auth_caller caller;
    const char *want; /* what the reservation begins with */
} callers[] = {
    {"nobody is internal",
     {.role = AUTH_NOBODY},
     "reserve_message('endpoint internal','k',null,"
     "null,"},
    {"a server has its own keys",
     {.role = AUTH_SERVER},
     "reserve_message('endpoint service_role','k',null,null,"},
    {"a user has own keys, is the sender and is limited",
     {.role = AUTH_USER, .user = USER},
     "reserve_message('endpoint " USER "','k','" USER "','7',"},
};

static void test_caller(void **state)
{
    static const struct fake_answer answers[] = {RESERVED, FAKE_ROW("{}"), FAKE_END};
    static const struct fake_reply replies[] = {QUEUED, {0}};
    const struct caller_row *row = *state;
    struct dispatching d;

    assert_true(dispatch(&d, &row->caller, "k", answers, replies));
    assert_non_null(strstr(d.database.record.calls[0], row->want));
    release(&d);
}

/** Time: what the reservation took is not Twilio's any more. */
static const struct time_row {
    const char *label;
    int64_t reserving_ms;
    int want; /* what the attempt gets */
} times[] = {
    {"a fast reservation leaves an attempt its 15 s", 10, 15000},
    {"a reservation of 6 s leaves an attempt its 15 s", 6000, 15000},
    {"a reservation of 8 s leaves Twilio 13 s", 8000, 13000},
};

static void test_time(void **state)
{
    const struct time_row *row = *state;
    const struct fake_answer answers[] = {
        {.cells = {"reserved", ID, "{}"}, .n_cells = 6, .takes_ms = row->reserving_ms},
        FAKE_ROW("{}"),
        FAKE_END};
    static const struct fake_reply replies[] = {QUEUED, {0}};
    struct dispatching d;

    assert_true(dispatch(&d, &nobody, NULL, answers, replies));
    assert_int_equal(d.twilio.total_ms[0], row->want);
    release(&d);
}

static void test_taken(void **state)
{
    static const struct fake_answer answers[] = {FAKE_ROW("reserved", ID, "{}", NULL, "6", "0"),
                                                 FAKE_ROW("{\"a\":1}"), FAKE_END};
    static const struct fake_reply replies[] = {QUEUED, {0}};
    struct dispatching d;

    (void)state;
    assert_true(dispatch(&d, &(struct auth_caller){.role = AUTH_USER, .user = USER}, NULL, answers,
                         replies));
    assert_text_equal(d.receipt.id, ID);
    assert_text_equal(d.receipt.sid, SID);
    assert_text_equal(d.receipt.status, "queued");
    assert_text_equal(d.receipt.row, "{\"a\":1}");
    assert_false(d.receipt.replayed);
    assert_null(d.receipt.note);
    assert_true(d.service.database_answers);
    assert_true(d.rate.counted);
    assert_int_equal(d.rate.remaining, 6);
    release(&d);
}

static void test_row_is_gone(void **state)
{
    /* and is not to be there: somebody has forgotten it meanwhile */
    static const struct fake_answer answers[] = {RESERVED, FAKE_ROW(NULL), FAKE_ROW("f"),
                                                 FAKE_ROW(NULL), FAKE_END};
    static const struct fake_reply replies[] = {QUEUED, {0}};
    struct dispatching d;

    (void)state;
    assert_true(dispatch(&d, &nobody, NULL, answers, replies));
    assert_int_equal(d.database.record.n, 4);
    assert_text_equal(d.receipt.row, "{\"status\":\"queued\"}");
    release(&d);
}

static void test_rejected_without_words(void **state)
{
    static const struct fake_answer answers[] = {RESERVED, FAKE_ROW("{\"error_code\":null}"),
                                                 FAKE_END};
    static const struct fake_reply replies[] = {{.status = 400, .body = "<html>"}, {0}};
    struct dispatching d;

    (void)state;
    assert_false(dispatch(&d, &nobody, NULL, answers, replies));
    assert_string_equal(fault_code(&d.fault), "twilio_rejected");
    assert_string_equal(fault_text(&d.fault), "Twilio rejected the message");
    assert_int_equal(d.fault.twilio_code, 0);
    assert_string_equal(d.fault.id, ID);
    release(&d);
}

static void test_rejected_while_the_database_is_away(void **state)
{
    static const struct fake_answer answers[] = {RESERVED, FAKE_AWAY, FAKE_END};
    static const struct fake_reply replies[] = {{.status = 400, .body = "<html>"}, {0}};
    struct dispatching d;

    (void)state;
    assert_false(dispatch(&d, &nobody, NULL, answers, replies));
    assert_string_equal(fault_code(&d.fault), "twilio_rejected");
    assert_string_equal(fault_text(&d.fault), "Twilio rejected the message");
    assert_string_equal(d.fault.id, ID);
    release(&d);
}

static void test_no_id(void **state)
{
    static const struct fake_answer answers[] = {FAKE_ROW("in_progress", NULL, NULL), FAKE_END};
    static const struct fake_reply replies[] = {{0}};
    struct dispatching d;

    (void)state;
    assert_false(dispatch(&d, &nobody, "k", answers, replies));
    assert_string_equal(fault_code(&d.fault), "in_progress");
    assert_string_equal(d.fault.id, "");
    release(&d);
}

/** A world that needs no memory: what the database and Twilio say, and how often Twilio was asked.
 */
struct spare {
    const char *outcome, *reserved, *settled; /* NULL: no row any more */
    int status;
    const char *body;
    size_t n_sent;
    struct text cells[6];
};

static bool query_sparingly(void *self, struct arena *none, const char *sql,
                            const char *const *parameters, size_t n_parameters,
                            struct database_result *ret_result, struct fault *reterr)
{
    struct spare *spare = self;

    (void)none;
    (void)parameters;
    (void)n_parameters;
    (void)reterr;
    if (strstr(sql, "reserve_message")) {
        spare->cells[0] = text_of(spare->outcome);
        spare->cells[1] = TEXT(ID);
        spare->cells[2] = text_of(spare->reserved);
        spare->cells[3] = TEXT("queued");
    } else {
        spare->cells[0] = text_of(spare->settled);
    }
    *ret_result = (struct database_result){.rows = 1, .columns = 6, .cells = spare->cells};
    return true;
}

static void send_sparingly(void *self, struct arena *none, const struct http_request *request,
                           struct http_reply *ret_reply)
{
    struct spare *spare = self;

    (void)none;
    (void)request;
    spare->n_sent++;
    *ret_reply = (struct http_reply){.status = spare->status, .body = text_of(spare->body)};
}

/** Dispatch with an arena of `room` bytes; to be released. */
static bool dispatch_sparingly(struct dispatching *d, struct spare *spare, size_t room)
{
    const struct dispatch_order order = {
        .endpoint = "endpoint", .caller = &nobody, .message = &hello, .key = TEXT("k")};

    *d = (struct dispatching){0};
    d->clock = fake_clock(&d->time);
    d->service = (struct service){.settings = &settings,
                                  .clock = &d->clock,
                                  .database = {spare, query_sparingly},
                                  .http = {spare, send_sparingly},
                                  .spool = {"/dev/null/spool", &d->clock}};
    arena_init(&d->arena, room);
    return dispatch_message(&d->service, &d->arena, &order, &d->receipt, &d->rate, &d->fault);
}

/* Little memory, then more. What was sent is never said not to have been. */
static const struct memory_row {
    const char *label;
    struct spare spare;
    const char *row;     /* of the receipt, once there is enough; NULL: Twilio rejects */
    const char *rows[2]; /* and with less */
} memories[] = {
    {"with little memory what was sent is sent or unknown",
     {"reserved", "{\"status\":\"pending\"}", "{\"a\":1}", 201,
      "{\"sid\":\"" SID "\",\"status\":\"queued\"}"},
     "{\"a\":1}",
     {"{}", "{\"status\":\"queued\"}"}},
    {"with little memory a row that is gone is made up or left empty",
     {"reserved", "{\"status\":\"pending\"}", NULL, 201,
      "{\"sid\":\"" SID "\",\"status\":\"queued\"}"},
     "{\"status\":\"queued\"}",
     {"{}"}},
    {"with little memory a refusal is a refusal",
     {"reserved", "{\"status\":\"pending\"}", "{\"error_code\":\"21211\"}", 400,
      "{\"code\":21610,\"message\":\"wrong\"}"}},
};

static void test_memory(void **state)
{
    const struct memory_row *row = *state;
    bool whole = false;

    for (size_t room = 0; !whole; room++) {
        struct spare spare = row->spare;
        struct dispatching d;
        bool good = dispatch_sparingly(&d, &spare, room);
        assert_true(spare.n_sent <= 1);
        assert_false(good && !spare.n_sent);
        if (good) {
            assert_non_null(row->row);
            assert_text_equal(d.receipt.sid, SID);
            assert_text_equal(d.receipt.status, "queued");
            whole = text_equal(d.receipt.row, text_of(row->row));
            assert_true(whole || text_equal(d.receipt.row, text_of(row->rows[0])) ||
                        text_equal(d.receipt.row, text_of(row->rows[1])));
        } else if (spare.n_sent) {
            assert_int_equal(d.fault.kind,
                             row->row ? FAULT_OUTCOME_UNKNOWN : FAULT_TWILIO_REJECTED);
            assert_string_equal(d.fault.id, ID);
            whole = d.fault.twilio_code == 21211; /* the row's number, not Twilio's */
        }
        arena_release(&d.arena);
        assert_true(room < 16384);
    }
}

static void test_replay_memory(void **state)
{
    bool good = false;

    (void)state;
    for (size_t room = 0; !good; room++) {
        struct spare spare = {.outcome = "replay", .reserved = "{\"external_id\":\"" SID "\"}"};
        struct dispatching d;
        good = dispatch_sparingly(&d, &spare, room);
        if (good)
            assert_text_equal(d.receipt.sid, SID);
        else
            assert_string_equal(fault_code(&d.fault), "internal");
        assert_int_equal(spare.n_sent, 0);
        arena_release(&d.arena);
        assert_true(room < 16384);
    }
}

/** Stored answers that are no answers. */
static const struct replay_row {
    const char *label, *row, *fault;
    int code;
} replays[] = {
    {"a stored answer that is no JSON", "rubbish", "internal"},
    {"no stored answer", NULL, "internal"},
    {"a stored refusal with a number that is none",
     "{\"error_code\":\"many\",\"error_message\":\"x\"}", "twilio_rejected"},
    {"a stored refusal", "{\"error_code\":\"21211\"}", "twilio_rejected", 21211},
};

static void test_replay(void **state)
{
    const struct replay_row *row = *state;
    const struct fake_answer answers[] = {{.cells = {"replay", ID, row->row}, .n_cells = 6},
                                          FAKE_END};
    static const struct fake_reply replies[] = {{0}};
    struct dispatching d;

    assert_false(dispatch(&d, &nobody, "k", answers, replies));
    assert_string_equal(fault_code(&d.fault), row->fault);
    assert_int_equal(d.fault.twilio_code, row->code);
    assert_int_equal(d.twilio.record.n, 0);
    assert_int_equal(d.database.record.n, 1);
    release(&d);
}

static void test_long_texts(void **state)
{
    static const struct fake_reply replies[] = {{0}};
    char row[2048];
    struct dispatching d;

    (void)state;
    snprintf(row, sizeof(row), "{\"error_code\":\"1\",\"error_message\":\"%0510d\xD9\x85\"}", 0);
    const struct fake_answer answers[] = {{.cells = {"replay", ID, row}, .n_cells = 6}, FAKE_END};
    assert_false(dispatch(&d, &nobody, "k", answers, replies));
    assert_int_equal(strlen(d.fault.text), 510);
    release(&d);
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "what Twilio took is receipted", .test_func = test_taken},
        {.name = "a row that is gone is answered as it would be", .test_func = test_row_is_gone},
        {.name = "a refusal without words has the table's",
         .test_func = test_rejected_without_words},
        {.name = "a refusal without words while the database is away",
         .test_func = test_rejected_while_the_database_is_away},
        {.name = "a key in use whose row is not told", .test_func = test_no_id},
        {.name = "with little memory nothing is sent in a replay's place",
         .test_func = test_replay_memory},
        {.name = "a long text is cut between characters", .test_func = test_long_texts},
    };
    struct CMUnitTest tests[ARRAY_LEN(callers) + ARRAY_LEN(times) + ARRAY_LEN(replays) +
                            ARRAY_LEN(memories) + ARRAY_LEN(singles)];
    size_t n = 0;

    memset(tests, 0, sizeof(tests));
    ADD_ROWS(tests, n, callers, test_caller);
    ADD_ROWS(tests, n, times, test_time);
    ADD_ROWS(tests, n, replays, test_replay);
    ADD_ROWS(tests, n, memories, test_memory);
    memcpy(tests + n, singles, sizeof(singles));
    return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
