/* Events of many threads: who records what with whom, and what each is told. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake_clock.h"
#include "fake_record.h"
#include "unit.h"

/* to see who waits */
#include "recorder.c"

#define THREADS_MAX 80

/** What a statement of a kind comes to. */
struct stub_end {
    enum fault_kind fault; /* with a message; FAULT__MAX: none */
    const char *sqlstate;
    bool in_doubt;
};

#define GOOD                                                                                       \
    {                                                                                              \
        FAULT__MAX, NULL, false                                                                    \
    }

/**
 * The database: its first statement is held until all others are waiting. SIDs whose first letter
 * is B are busy among others; what is recorded is "<sid>.<status>".
 */
static struct stub {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hold; /* the next statement, for */
    size_t n_held;
    const struct stub_end *ends; /* of the statements, in their order; then they are good */
    size_t n_ends, n_asked, n_several;
    char asked[THREADS_MAX * 2][4096]; /* the SIDs of each */
} stub;

static struct fake_clock time_passed;
static struct clock frozen;
static struct recorder *recorder;

static size_t count_waiting(void)
{
    size_t n = 0;

    pthread_mutex_lock(&recorder->lock);
    for (const struct waiting *each = recorder->first; each; each = each->next)
        n++;
    pthread_mutex_unlock(&recorder->lock);
    return n;
}

/** "{"SM1","SM2"}" or "SM1": the next of them, without quotes. */
static bool next_sid(const char **at, char ret_sid[64])
{
    size_t n = strcspn(*at += strspn(*at, "{\","), "{\",}");

    if (!n)
        return false;
    snprintf(ret_sid, 64, "%.*s", (int)n, *at);
    *at += n;
    return true;
}

static struct text copy(struct arena *arena, const char *s)
{
    struct text t = {0};

    assert_true(arena_copy(arena, text_of(s), &t));
    return t;
}

static void answer(struct arena *arena, const char *sids, const char *statuses, bool several,
                   struct database_result *ret_result)
{
    char sid[64], status[64], place[16], id[130];
    size_t n = 0;

    *ret_result = (struct database_result){.columns = 5};
    ret_result->cells = arena_new(arena, struct text, 5 * RECORDER_TOGETHER_MAX);
    while (next_sid(&sids, sid) && next_sid(&statuses, status)) {
        /* in another order than that of the parameters */
        struct text *row = ret_result->cells + 5 * n;
        snprintf(place, sizeof(place), "%zu", ++n);
        snprintf(id, sizeof(id), "%s.%s", sid, status);
        row[0] = copy(arena, place);
        row[1] = several && *sid == 'B' ? TEXT("busy") : TEXT("recorded");
        row[2] = copy(arena, id);
        row[3] = copy(arena, sid);
        row[4] = copy(arena, status);
    }
    for (size_t i = 0; i < n / 2; i++)
        for (size_t column = 0; column < 5; column++) {
            struct text *a = &ret_result->cells[5 * i + column];
            struct text *b = &ret_result->cells[5 * (n - 1 - i) + column], kept = *a;
            *a = *b;
            *b = kept;
        }
    ret_result->rows = n;
}

/** message_log_record() does not ask for the place. */
static void without_place(struct database_result *result)
{
    result->cells++;
    result->columns--;
}

static bool query(void *self, struct arena *arena, const char *sql, const char *const *parameters,
                  size_t n_parameters, struct database_result *ret_result, struct fault *reterr)
{
    bool several = strstr(sql, "record_statuses");

    (void)self;
    (void)n_parameters;
    pthread_mutex_lock(&stub.lock);
    struct stub_end end = GOOD;
    if (stub.n_asked < stub.n_ends)
        end = stub.ends[stub.n_asked];
    snprintf(stub.asked[stub.n_asked % (THREADS_MAX * 2)], sizeof(stub.asked[0]), "%s",
             parameters[1]);
    stub.n_asked++;
    stub.n_several += several;
    bool held = stub.hold;
    stub.hold = false;
    stub.n_held += held;
    pthread_cond_broadcast(&stub.changed);
    while (held && stub.n_held)
        pthread_cond_wait(&stub.changed, &stub.lock);
    pthread_mutex_unlock(&stub.lock);

    *ret_result = (struct database_result){.in_doubt = end.in_doubt};
    if (end.fault != FAULT__MAX) {
        snprintf(ret_result->sqlstate, sizeof(ret_result->sqlstate), "%s", end.sqlstate);
        return fault_set(reterr, end.fault, "statement failed");
    }
    answer(arena, parameters[1], parameters[2], several, ret_result);
    if (!strstr(sql, "select 1,") && !several)
        without_place(ret_result);
    return true;
}

static const struct database database = {.query = query};

/** A thread with an event, and what it is told. */
struct caller {
    pthread_t thread;
    char sid[32], status[32];
    size_t times, cap;
    bool good;
    char id[72];
    struct fault fault;
} callers[THREADS_MAX];

static void *call(void *payload)
{
    struct caller *caller = payload;
    const struct message_log_event event = {.sid = text_of(caller->sid),
                                            .status = text_of(caller->status),
                                            .parameters = TEXT("{\"a\":\"\\\\b\"}")};
    struct message_log_recorded recorded = {0};
    struct arena arena;

    arena_init(&arena, caller->cap ? caller->cap : 1 << 20);
    for (size_t i = 0; i <= caller->times; i++) {
        caller->good =
            recorder_record(recorder, &database, &arena, &event, &recorded, &caller->fault);
        snprintf(caller->id, sizeof(caller->id), "%.*s", TEXT_ARG(recorded.id));
        arena_clear(&arena);
    }
    arena_release(&arena);
    return NULL;
}

static void start_caller(size_t i, const char *sid)
{
    callers[i] = (struct caller){.times = 0};
    snprintf(callers[i].sid, sizeof(callers[i].sid), "%s", sid);
    snprintf(callers[i].status, sizeof(callers[i].status), "status%zu", i);
    assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
}

/** The first is at the database, held; the others wait behind it, in their order. */
static void line_up_callers(const char *const *sids, size_t n)
{
    stub.hold = true;
    for (size_t i = 0; i < n; i++) {
        start_caller(i, sids[i]);
        if (i == 0) {
            pthread_mutex_lock(&stub.lock);
            while (!stub.n_held)
                pthread_cond_wait(&stub.changed, &stub.lock);
            pthread_mutex_unlock(&stub.lock);
        }
        while (count_waiting() < i)
            usleep(100);
    }
}

/** What is held goes on; the next statement is held, if wanted. */
static void let_go_on(bool hold)
{
    pthread_mutex_lock(&stub.lock);
    stub.n_held = 0;
    stub.hold = hold;
    pthread_cond_broadcast(&stub.changed);
    pthread_mutex_unlock(&stub.lock);
}

static void await_statement(size_t n)
{
    pthread_mutex_lock(&stub.lock);
    while (stub.n_asked < n)
        pthread_cond_wait(&stub.changed, &stub.lock);
    pthread_mutex_unlock(&stub.lock);
}

static void let_go(size_t n)
{
    let_go_on(false);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
}

static void expect_recorded(size_t i)
{
    char want[72];

    assert_true(callers[i].good);
    snprintf(want, sizeof(want), "%s.%s", callers[i].sid, callers[i].status);
    assert_string_equal(callers[i].id, want);
}

/** Statements from the second on that are of one event each, whatever their order. */
static size_t count_asked(const char *sids)
{
    size_t n = 0;

    for (size_t i = 0; i < stub.n_asked; i++)
        n += strcmp(stub.asked[i], sids) == 0;
    return n;
}

static int start(void **state)
{
    (void)state;
    stub = (struct stub){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    time_passed = (struct fake_clock){0};
    frozen = fake_clock(&time_passed);
    recorder = recorder_open(&frozen, 2); /* one statement at a time */
    assert_non_null(recorder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    recorder_close(recorder);
    return 0;
}

/** How the statements end, the first first; those behind them go well. */
static void end_with(const struct stub_end *ends, size_t n)
{
    stub.ends = ends;
    stub.n_ends = n;
}

static void let_time_pass(int64_t ms)
{
    pthread_mutex_lock(&recorder->lock);
    time_passed.passed_ms = ms;
    pthread_mutex_unlock(&recorder->lock);
}

static void one_alone_is_recorded_at_once(void **state)
{
    (void)state;
    start_caller(0, "SM1");
    let_go(1);
    expect_recorded(0);
    assert_int_equal(stub.n_asked, 1);
    assert_int_equal(stub.n_several, 0);
}

static void who_waits_is_recorded_together(void **state)
{
    static const char *const sids[] = {"SM1", "SM3", "SM2", "SM3"};

    (void)state;
    line_up_callers(sids, 4);
    assert_int_equal(stub.n_asked, 1);
    let_go(4);
    for (size_t i = 0; i < 4; i++)
        expect_recorded(i);
    assert_int_equal(stub.n_asked, 2);
    assert_string_equal(stub.asked[1], "{\"SM3\",\"SM2\",\"SM3\"}");
}

static void let_two_lead(void)
{
    pthread_mutex_lock(&recorder->lock);
    recorder->leaders_max = 2;
    pthread_mutex_unlock(&recorder->lock);
}

static void beside_one_another_is_recorded_at_once(void **state)
{
    static const char *const sids[] = {"SM1"};

    (void)state;
    line_up_callers(sids, 1);
    let_two_lead();
    start_caller(1, "SM2");
    assert_int_equal(pthread_join(callers[1].thread, NULL), 0); /* the first is held yet */
    expect_recorded(1);
    assert_int_equal(stub.n_several, 0);
    let_go(1);
    expect_recorded(0);
}

/** Events 1 and 2 are held at the database, together, where two may lead. */
static void hold_several(void)
{
    static const char *const sids[] = {"SM1", "SM2", "SM3"};

    line_up_callers(sids, 3);
    let_go_on(true);
    await_statement(2);
    let_two_lead();
    assert_int_equal(stub.n_asked, 2);
    assert_int_equal(stub.n_several, 1);
}

/** They wait, one behind the other. */
static void start_waiting(size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        start_caller(i, "SM4");
        while (count_waiting() < i - from + 1)
            usleep(100);
    }
}

static void end_callers(size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        expect_recorded(i);
    }
}

/** While events 1 and 2 are held yet. */
static void expect_all_recorded(size_t from, size_t end)
{
    end_callers(from, end);
    assert_int_equal(stub.n_asked, 3);
    let_go(3);
    for (size_t i = 0; i < 3; i++)
        expect_recorded(i);
    assert_int_equal(recorder->n_leaders, 0);
    assert_int_equal(recorder->n_batches, 0);
    assert_int_equal(recorder->n_waiting, 0);
}

static void beside_several_others_are_when_many_wait(void **state)
{
    size_t end = 3 + RECORDER_TOGETHER_MAX / 2;

    (void)state;
    hold_several();
    start_waiting(3, end - 1);
    assert_int_equal(recorder->n_leaders, 1);
    start_caller(end - 1, "SM4");
    expect_all_recorded(3, end);
}

static void or_when_it_takes_too_long(void **state)
{
    (void)state;
    hold_several();
    start_waiting(3, 5);
    assert_int_equal(recorder->n_leaders, 1);
    let_time_pass(STUCK_MS);
    expect_all_recorded(3, 5);
}

/** Event 3, right behind several, is held at the database; those up to `end` wait. */
static void wait_behind_several(size_t end)
{
    hold_several();
    let_go_on(true);
    end_callers(0, 3);
    start_caller(3, "SM4");
    await_statement(3);
    start_waiting(4, end);
    assert_int_equal(recorder->n_leaders, 1);
}

/* Who comes first behind several is one of many, and the others are on their way. */
static void behind_several_one_is_waited_for_too(void **state)
{
    (void)state;
    wait_behind_several(6);
    let_go_on(false);
    end_callers(3, 6);
    assert_int_equal(stub.n_asked, 4);
    assert_string_equal(stub.asked[3], "{\"SM4\",\"SM4\"}");
}

static void but_for_a_while_only(void **state)
{
    (void)state;
    wait_behind_several(5);
    let_time_pass(SOON_MS);
    end_callers(4, 5); /* the other is held yet */
    let_go_on(false);
    end_callers(3, 4);
}

/** One is held at the database, and another is recorded beside it. */
static void expect_beside(size_t n_asked)
{
    stub.hold = true;
    start_caller(4, "SM5");
    await_statement(n_asked + 1);
    start_caller(5, "SM6");
    end_callers(5, 6);
    let_go_on(false);
    end_callers(4, 5);
    assert_int_equal(stub.n_several, 1);
}

static void behind_one_alone_nobody_is(void **state)
{
    (void)state;
    hold_several();
    let_go_on(false);
    end_callers(0, 3);
    start_caller(3, "SM4");
    end_callers(3, 4);
    expect_beside(3);
}

static void nor_a_while_behind_several(void **state)
{
    (void)state;
    hold_several();
    let_go_on(false);
    end_callers(0, 3);
    let_time_pass(SOON_MS);
    expect_beside(2);
}

/* Whoever is appointed takes itself out of the line: another leader that fails does not. */
static void who_is_to_lead_is_not_told_else(void **state)
{
    const struct fault away = {.kind = FAULT_DATABASE_UNAVAILABLE};
    struct waiting first = {.since_ms = now_ms(recorder), .role = ROLE_LEADER};

    (void)state;
    let_time_pass(PATIENCE_MS);
    recorder->first = &first;
    recorder->end = &first.next;
    recorder->n_waiting = 1;
    recorder->n_leaders = 2;
    recorder->appointed = true;
    step_down(recorder, 1, &away);
    assert_ptr_equal(recorder->first, &first);
    assert_int_equal(first.role, ROLE_LEADER);
    recorder->first = NULL;
}

static void one_that_waits_is_recorded_by_its_own_call(void **state)
{
    static const char *const sids[] = {"SM1", "SM2"};

    (void)state;
    line_up_callers(sids, 2);
    let_go(2);
    expect_recorded(1);
    assert_string_equal(stub.asked[1], "SM2");
    assert_int_equal(stub.n_several, 0);
}

static void as_many_as_a_statement_takes(void **state)
{
    const char *sids[RECORDER_TOGETHER_MAX + 3];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sids); i++)
        sids[i] = "SM1";
    line_up_callers(sids, ARRAY_LEN(sids));
    let_go(ARRAY_LEN(sids));
    for (size_t i = 0; i < ARRAY_LEN(sids); i++)
        expect_recorded(i);
    assert_int_equal(stub.n_asked, 3);
    assert_string_equal(stub.asked[2], "{\"SM1\",\"SM1\"}");
}

static void what_is_busy_is_recorded_by_itself(void **state)
{
    static const char *const sids[] = {"SM1", "B1", "SM2", "B2", "SM3"};

    (void)state;
    line_up_callers(sids, 5);
    let_go(5);
    for (size_t i = 0; i < 5; i++)
        expect_recorded(i);
    assert_int_equal(stub.n_asked, 4);
    assert_int_equal(stub.n_several, 1);
    assert_int_equal(count_asked("B1"), 1);
    assert_int_equal(count_asked("B2"), 1);
}

/** A statement of several is refused; of the five that follow (its own, one each) the last fails.
 */
static const struct refusal_row {
    const char *label;
    struct stub_end end;
} refusals[] = {
    {"a check that one breaks harms no other", {FAULT_INTERNAL, "23514", false}},
    {"nor a deadlock", {FAULT_DATABASE_BUSY, "40P01", false}},
    {"nor what somebody holds", {FAULT_DATABASE_BUSY, "55P03", false}},
    {"nor an end to the statement", {FAULT_DATABASE_BUSY, "57014", false}},
    {"nor a schema without the function", {FAULT_MISCONFIGURED, "42883", false}},
    {"nor a full disk", {FAULT_DATABASE_UNAVAILABLE, "53100", false}},
};

static void what_is_refused_is_recorded_one_by_one(void **state)
{
    static const char *const sids[] = {"SM1", "SM2", "SM3", "SM4"};
    const struct refusal_row *row = *state;
    const struct stub_end ends[] = {GOOD, row->end, {FAULT_INTERNAL, "23514", false}};
    size_t n_bad = 0;

    end_with(ends, ARRAY_LEN(ends));
    line_up_callers(sids, 4);
    let_go(4);
    expect_recorded(0);
    for (size_t i = 1; i < 4; i++) {
        n_bad += !callers[i].good;
        if (callers[i].good)
            expect_recorded(i);
        else
            assert_int_equal(callers[i].fault.kind, FAULT_INTERNAL);
        assert_int_equal(count_asked(sids[i]), 1);
    }
    assert_int_equal(n_bad, 1);
    assert_int_equal(stub.n_asked, 5);
}

static const struct refusal_row aways[] = {
    {"a connection that breaks is for all of them", {FAULT_DATABASE_UNAVAILABLE, "", true}},
    {"one that cannot be had too", {FAULT_DATABASE_UNAVAILABLE, "", false}},
    {"a server that goes too", {FAULT_DATABASE_UNAVAILABLE, "57P01", true}},
};

static void nobody_asks_a_database_that_is_away_again(void **state)
{
    static const char *const sids[] = {"SM1", "SM2", "SM3", "SM4"};
    const struct refusal_row *row = *state;
    const struct stub_end ends[] = {GOOD, row->end};

    end_with(ends, ARRAY_LEN(ends));
    line_up_callers(sids, 4);
    let_go(4);
    expect_recorded(0);
    for (size_t i = 1; i < 4; i++) {
        assert_false(callers[i].good);
        assert_int_equal(callers[i].fault.kind, FAULT_DATABASE_UNAVAILABLE);
        assert_string_equal(callers[i].fault.detail, "statement failed");
    }
    assert_int_equal(stub.n_asked, 2);
}

static void who_waited_long_for_it_does_not_ask_at_all(void **state)
{
    static const char *const sids[] = {"SM1", "SM2", "SM3", "SM4"};
    static const struct stub_end ends[] = {{FAULT_DATABASE_UNAVAILABLE, "", false}};

    (void)state;
    end_with(ends, ARRAY_LEN(ends));
    line_up_callers(sids, 3);
    let_time_pass(PATIENCE_MS);
    start_caller(3, sids[3]);
    while (count_waiting() < 3)
        usleep(100);
    let_go(4);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(callers[i].fault.kind, FAULT_DATABASE_UNAVAILABLE);
    expect_recorded(3); /* it came just now */
    assert_int_equal(stub.n_asked, 2);
}

static void what_is_wrong_with_one_is_nobody_elses(void **state)
{
    static const char *const sids[] = {"SM1", "SM2", "SM3"};
    static const struct stub_end ends[] = {{FAULT_INTERNAL, "23514", false}};

    (void)state;
    end_with(ends, ARRAY_LEN(ends));
    line_up_callers(sids, 3);
    let_time_pass(PATIENCE_MS);
    let_go(3);
    assert_int_equal(callers[0].fault.kind, FAULT_INTERNAL);
    expect_recorded(1);
    expect_recorded(2);
}

/** Somebody is in its way: it leaves its place to the others, and asks again, with patience. */
static void one_alone_that_is_busy_makes_room(void **state)
{
    static const struct stub_end ends[] = {{FAULT_DATABASE_BUSY, "55P03", false}};

    (void)state;
    end_with(ends, ARRAY_LEN(ends));
    start_caller(0, "SM1");
    let_go(1);
    expect_recorded(0);
    assert_int_equal(stub.n_asked, 2);
    assert_int_equal(recorder->n_leaders, 0);
}

static void one_alone_that_was_cancelled_is_not_asked_again(void **state)
{
    static const struct stub_end ends[] = {{FAULT_DATABASE_BUSY, "57014", false}};

    (void)state;
    end_with(ends, ARRAY_LEN(ends));
    start_caller(0, "SM1");
    let_go(1);
    assert_int_equal(callers[0].fault.kind, FAULT_DATABASE_BUSY);
    assert_int_equal(stub.n_asked, 1);
}

static void what_is_replayed_goes_alone(void **state)
{
    const struct message_log_event event = {
        .sid = TEXT("SM1"), .status = TEXT("sent"), .replayed = true};
    struct message_log_recorded recorded;
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 16);
    recorder->n_leaders = recorder->leaders_max; /* it would wait for ever */
    assert_true(recorder_record(recorder, &database, &arena, &event, &recorded, NULL));
    recorder->n_leaders = 0;
    assert_true(recorder_record(NULL, &database, &arena, &event, &recorded, NULL));
    arena_release(&arena);
}

static void many_threads_get_their_own(void **state)
{
    (void)state;
    recorder_close(recorder);
    recorder = recorder_open(&frozen, 5);
    assert_non_null(recorder);
    for (size_t i = 0; i < THREADS_MAX; i++) {
        callers[i] = (struct caller){.times = 200};
        snprintf(callers[i].sid, sizeof(callers[i].sid), "%s%zu", i % 5 ? "SM" : "B", i);
        snprintf(callers[i].status, sizeof(callers[i].status), "status%zu", i);
    }
    for (size_t i = 0; i < THREADS_MAX; i++)
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    for (size_t i = 0; i < THREADS_MAX; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        expect_recorded(i);
    }
    assert_int_equal(recorder->n_leaders, 0);
    assert_int_equal(recorder->n_batches, 0);
    assert_int_equal(recorder->n_waiting, 0);
    assert_null(recorder->first);
}

#define CASE(sentence, test)                                                                       \
    {                                                                                              \
        .name = (sentence), .test_func = (test), .setup_func = start, .teardown_func = end         \
    }

int main(void)
{
    struct CMUnitTest tests[32] = {
        CASE("one alone is recorded at once", one_alone_is_recorded_at_once),
        CASE("who waits is recorded together, in order", who_waits_is_recorded_together),
        CASE("beside one another is recorded at once", beside_one_another_is_recorded_at_once),
        CASE("beside several others are when many wait", beside_several_others_are_when_many_wait),
        CASE("or when it takes too long", or_when_it_takes_too_long),
        CASE("behind several one is waited for, too", behind_several_one_is_waited_for_too),
        CASE("but for a while only", but_for_a_while_only),
        CASE("behind one alone nobody is", behind_one_alone_nobody_is),
        CASE("nor a while behind several", nor_a_while_behind_several),
        CASE("who is to lead is not told anything else", who_is_to_lead_is_not_told_else),
        CASE("one that waits is recorded by its own call",
             one_that_waits_is_recorded_by_its_own_call),
        CASE("as many as a statement takes", as_many_as_a_statement_takes),
        CASE("what is busy is recorded by itself", what_is_busy_is_recorded_by_itself),
        CASE("who waited long for a database that is away does not ask",
             who_waited_long_for_it_does_not_ask_at_all),
        CASE("what is wrong with one alone is not said to who waited long",
             what_is_wrong_with_one_is_nobody_elses),
        CASE("one alone that is busy makes room", one_alone_that_is_busy_makes_room),
        CASE("one alone that was cancelled is not asked again",
             one_alone_that_was_cancelled_is_not_asked_again),
        CASE("what is replayed goes alone", what_is_replayed_goes_alone),
        CASE("many threads get each their own", many_threads_get_their_own),
    };
    size_t n = 19;

    alarm(300); /* who is not told would wait for ever */

    ADD_ROWS(tests, n, refusals, what_is_refused_is_recorded_one_by_one);
    ADD_ROWS(tests, n, aways, nobody_asks_a_database_that_is_away_again);
    for (size_t i = 0; i < n; i++) {
        tests[i].setup_func = start;
        tests[i].teardown_func = end;
    }
    return _cmocka_run_group_tests("recorder", tests, n, NULL, NULL);
}
