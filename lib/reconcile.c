#include "reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "orphans.h"
#include "reconcile_log.h"

/* Rows of so many days are looked at, and the day before the first. */
#define DAYS  32
#define DAY_S 86400

#define ROWS_AT_A_TIME 200

/* Which message is whose shows only when all rows are seen that may be its own: those that are
 * younger by this take part, and are left as they are. A row in flight is such a one. */
#define WINDOW_S (PAIRING_EARLIER_S + PAIRING_LATER_S)

/* So long may a message wait at Twilio (ValidityPeriod); before it is sent no list of a day has it.
 */
#define QUEUE_S 36000

/* Questions in a row without an answer, each asked many times: Twilio is away. */
#define SILENT_MAX 3

/* Pages of one list: a list that has no end is none. */
#define PAGES_MAX 2000

/* What is in no list is asked for by itself: of a day at most so many. */
#define MISSED_MAX 100

/* Rows without a SID, messages that may be theirs, and a page of Twilio's: read, and as JSON. */
#define KEPT_BYTES  (64u << 20)
#define FOUND_BYTES (32u << 20)
#define PAGE_BYTES  (64u << 20)

/* Options, in the order of the verb's. */
enum { OLDER_THAN, DRY_RUN };

struct day {
    size_t due;  /* messages with a SID */
    bool needed; /* its list is */
    bool whole;  /* its list was seen to its end */
};

struct run {
    struct service *service;
    struct twilio twilio;
    struct reconcile_log log;
    struct orphans orphans;
    struct arena kept, found, page, scratch;
    int64_t first_day; /* midnight, seconds of the Unix epoch */
    int64_t now;
    int64_t until; /* orphans that were handed over later are for another run */
    struct day days[DAYS];
    bool undated_whole;
    size_t checked, updated, priced, claimed, unsent, unclear, unanswered, of_others, silent, asked;
    char detail[TWILIO_DETAIL_SIZE],
        problem[TWILIO_DETAIL_SIZE]; /* of the last answer; the last bad */
};

static void day_text(const struct run *run, size_t day, char text[static TWILIO_DAY_SIZE])
{
    time_t at = (time_t)(run->first_day + (int64_t)day * DAY_S);
    struct tm parts;

    gmtime_r(&at, &parts);
    strftime(text, TWILIO_DAY_SIZE, "%Y-%m-%d", &parts);
}

static void tell(const struct run *run, struct text id, struct text was, struct text is_now)
{
    printf("%s %.*s %.*s -> %.*s\n", run->log.dry_run ? "would:" : "did:  ", TEXT_ARG(id),
           TEXT_ARG(was), TEXT_ARG(is_now));
}

/** Count an answer; false where Twilio is away, or refuses us: there is no use in asking on. */
static bool heard(struct run *run, enum twilio_answer answer, struct fault *reterr)
{
    run->asked++;
    if (answer == TWILIO_NO_ANSWER || answer == TWILIO_NO_SENSE)
        memcpy(run->problem, run->detail, sizeof(run->problem));
    run->silent = answer == TWILIO_NO_ANSWER ? run->silent + 1 : 0;
    return run->silent < SILENT_MAX ||
           fault_set(reterr, FAULT_TWILIO_UNAVAILABLE, "Twilio cannot be asked: %s", run->problem);
}

/* ---- Twilio's lists */

static bool is_among(const struct reconcile_log_row *rows, size_t n, struct text sid)
{
    for (size_t i = 0; i < n; i++)
        if (text_equal(rows[i].sid, sid))
            return true;
    return false;
}

/** Some messages of a list: those that have a row are written, the others may be an orphan's. */
static bool take_messages(struct run *run, const struct twilio_message *messages, size_t n,
                          struct fault *reterr)
{
    struct reconcile_log_row *rows;
    size_t n_rows;

    arena_clear(&run->scratch);
    if (!reconcile_log_listed(&run->log, &run->scratch, messages, n, &rows, &n_rows, reterr))
        return false;
    for (size_t i = 0; i < n_rows; i++) {
        bool moved = !text_equal(rows[i].was, rows[i].is_now);
        if (moved)
            tell(run, rows[i].id, rows[i].was, rows[i].is_now);
        run->updated += moved;
        run->priced += rows[i].priced;
    }
    for (size_t i = 0; i < n; i++)
        if (messages[i].outbound &&
            (messages[i].sid.n == 0 || !is_among(rows, n_rows, messages[i].sid)))
            orphans_see(&run->orphans, &messages[i]);
    return true;
}

static bool take_page(struct run *run, const struct twilio_page *page, struct fault *reterr)
{
    for (size_t i = 0; i < page->n; i++)
        if (page->messages[i].redacted && !run->log.redacted &&
            !reconcile_log_redacted(&run->log, &run->scratch, reterr))
            return false;
    for (size_t i = 0; i < page->n; i += RECONCILE_LOG_MOST) {
        size_t left = page->n - i;
        if (!take_messages(run, page->messages + i,
                           left < RECONCILE_LOG_MOST ? left : RECONCILE_LOG_MOST, reterr))
            return false;
    }
    return true;
}

/** The list goes from the message sent last to the first: is the rest from before that time? */
static bool is_past(const struct twilio_page *page, int64_t time)
{
    for (size_t i = 0; i < page->n; i++)
        if (page->messages[i].sent && page->messages[i].sent < time)
            return true;
    return false;
}

/** A list page by page (of a day; empty: of all, back to a time). *ret_whole: to its end. */
static bool walk_list(struct run *run, struct text day, int64_t back_to, bool *ret_whole,
                      struct fault *reterr)
{
    struct twilio_page page = {0};
    char next[8192] = "";

    *ret_whole = false;
    for (size_t pages = 0; pages < PAGES_MAX; pages++) {
        arena_clear(&run->page);
        enum twilio_answer answer = twilio_list(&run->twilio, &run->page, day, &page, run->detail);
        if (!heard(run, answer, reterr))
            return false;
        if (answer != TWILIO_FOUND)
            return true;
        if (!take_page(run, &page, reterr))
            return false;
        if (page.next.n == 0 || is_past(&page, back_to)) {
            *ret_whole = true;
            return true;
        }
        if (page.next.n >= sizeof(next) || text_equal(page.next, text_of(next)))
            break;
        snprintf(next, sizeof(next), "%.*s", TEXT_ARG(page.next));
        page.next = text_of(next);
    }
    snprintf(run->problem, sizeof(run->problem), "Twilio's list has no end");
    return true;
}

/** What is in no list (not sent yet, or deleted), by its SID. *ret_asked: Twilio could be reached.
 */
static bool ask_for_missed(struct run *run, struct text day, bool *ret_asked, struct fault *reterr)
{
    struct arena arena;
    struct twilio_message message;
    struct text *sids;
    size_t n;

    *ret_asked = true;
    arena_init(&arena, 1u << 20);
    bool good = reconcile_log_missed(&run->log, &arena, day, MISSED_MAX, &sids, &n, reterr);
    for (size_t i = 0; good && i < n; i++) {
        arena_clear(&run->page);
        enum twilio_answer answer =
            twilio_fetch(&run->twilio, &run->page, sids[i], &message, run->detail);
        *ret_asked &= answer != TWILIO_NO_ANSWER;
        good = heard(run, answer, reterr) &&
               (answer != TWILIO_FOUND || take_messages(run, &message, 1, reterr));
    }
    arena_release(&arena);
    return good;
}

/* ---- messages with a SID, day by day */

/** Which days have something due. */
static bool look_at_days(struct run *run, struct fault *reterr)
{
    char day[TWILIO_DAY_SIZE];
    size_t of_others;

    for (size_t i = 0; i < DAYS; i++) {
        arena_clear(&run->scratch);
        day_text(run, i, day);
        if (!reconcile_log_day(&run->log, &run->scratch, text_of(day), &run->days[i].due,
                               &of_others, reterr))
            return false;
        run->days[i].needed |= run->days[i].due > 0;
        run->of_others += of_others;
    }
    return true;
}

/** Is there anything left of a day after its own list? It may have been sent after midnight. */
static bool has_missed(struct run *run, size_t i, bool *ret_missed, struct fault *reterr)
{
    char day[TWILIO_DAY_SIZE];
    struct text *sids;
    size_t n = 0;

    *ret_missed = false;
    if (run->days[i].due == 0 || !run->days[i].whole || run->log.dry_run)
        return true;
    day_text(run, i, day);
    arena_clear(&run->scratch);
    if (!reconcile_log_missed(&run->log, &run->scratch, text_of(day), 1, &sids, &n, reterr))
        return false;
    *ret_missed = n > 0;
    return true;
}

/** Could its list be seen to the end, and the next day's where that was needed? */
static bool was_whole(const struct run *run, size_t i)
{
    return run->days[i].whole &&
           (i + 1 == DAYS || !run->days[i + 1].needed || run->days[i + 1].whole);
}

/** A day's messages have had their turn. */
static bool end_day(struct run *run, size_t i, struct fault *reterr)
{
    bool asked = was_whole(run, i), missed = false;
    char day[TWILIO_DAY_SIZE];

    day_text(run, i, day);
    if (asked && (!has_missed(run, i, &missed, reterr) ||
                  (missed && !ask_for_missed(run, text_of(day), &asked, reterr))))
        return false;
    if (!asked) {
        run->unanswered += run->days[i].due;
        return true;
    }
    run->checked += run->days[i].due;
    arena_clear(&run->scratch);
    return reconcile_log_end(&run->log, &run->scratch, text_of(day), (struct text){0}, reterr);
}

static bool walk_day(struct run *run, size_t i, struct fault *reterr)
{
    char day[TWILIO_DAY_SIZE];
    size_t asked = run->asked;

    day_text(run, i, day);
    if (!walk_list(run, text_of(day), 0, &run->days[i].whole, reterr))
        return false;
    printf("%s: Twilio's list, %zu page%s\n", day, run->asked - asked,
           text_plural(run->asked - asked));
    fflush(stdout);
    return true;
}

static bool walk_days(struct run *run, struct fault *reterr)
{
    bool missed;

    for (size_t i = 0; i < DAYS; i++) {
        if (run->days[i].needed && !walk_day(run, i, reterr))
            return false;
        if (!has_missed(run, i, &missed, reterr))
            return false;
        if (missed && i + 1 < DAYS)
            run->days[i + 1].needed = true;
    }
    return true;
}

static bool end_days(struct run *run, struct fault *reterr)
{
    for (size_t i = 0; i < DAYS; i++)
        if (run->days[i].due && !end_day(run, i, reterr))
            return false;
    return true;
}

/* ---- messages without one */

/** All of the last 30 days, page by page; where there is no room the rest is for the next run. */
static bool take_orphans(struct run *run, struct fault *reterr)
{
    struct message_log_unsettled *rows, last = {0};
    char time[64] = "", id[40] = "";
    bool full = false;
    size_t n;

    do {
        arena_clear(&run->page);
        if (!reconcile_log_orphans(&run->log, &run->page, last.id.n ? &last : NULL, ROWS_AT_A_TIME,
                                   &rows, &n, reterr))
            return false;
        for (size_t i = 0; i < n && !full; i++) {
            full = !orphans_keep(&run->orphans, &rows[i]);
            if (full && rows[i].sent_at - WINDOW_S <= run->until)
                run->until = rows[i].sent_at - WINDOW_S - 1;
        }
        if (n) {
            snprintf(time, sizeof(time), "%.*s", TEXT_ARG(rows[n - 1].sent_at_text));
            snprintf(id, sizeof(id), "%.*s", TEXT_ARG(rows[n - 1].id));
            last = (struct message_log_unsettled){.id = text_of(id), .sent_at_text = text_of(time)};
        }
    } while (n == ROWS_AT_A_TIME && !full);
    return orphans_index(&run->orphans, reterr);
}

/** What is in flight, or next to what there was no room for, is not settled. */
static void choose_orphans(struct run *run)
{
    struct orphans *orphans = &run->orphans;

    for (size_t i = 0; i < orphans->n; i++)
        orphans->rows[i].due &= orphans->rows[i].sent_at <= run->until;
}

static size_t day_of(const struct run *run, int64_t time)
{
    int64_t day = (time - run->first_day) / DAY_S;

    return day < 0 ? 0 : day < DAYS ? (size_t)day : DAYS - 1;
}

/** The days in whose lists a row's message can be: created about then, and sent from the queue. */
static void days_of(const struct run *run, const struct message_log_unsettled *row,
                    size_t *ret_first, size_t *ret_last)
{
    *ret_first = day_of(run, row->sent_at - PAIRING_DOUBT_S);
    *ret_last = day_of(run, row->sent_at + PAIRING_DOUBT_S + QUEUE_S);
}

/** A message like it may still wait at Twilio: then only the list of all has it. */
static bool is_young(const struct run *run, const struct message_log_unsettled *row)
{
    return row->sent_at + PAIRING_DOUBT_S + QUEUE_S > run->now;
}

static void need_days(struct run *run)
{
    size_t first, last;

    for (size_t i = 0; i < run->orphans.n; i++) {
        if (!run->orphans.rows[i].due)
            continue;
        days_of(run, &run->orphans.rows[i], &first, &last);
        for (size_t day = first; day <= last; day++)
            run->days[day].needed = true;
    }
}

static bool walk_undated(struct run *run, struct fault *reterr)
{
    int64_t oldest = INT64_MAX;

    for (size_t i = 0; i < run->orphans.n; i++) {
        const struct message_log_unsettled *row = &run->orphans.rows[i];
        if (row->due && is_young(run, row) && row->sent_at < oldest)
            oldest = row->sent_at;
    }
    return oldest == INT64_MAX ||
           walk_list(run, (struct text){0}, oldest - PAIRING_DOUBT_S, &run->undated_whole, reterr);
}

static bool was_seen(const struct run *run, const struct message_log_unsettled *row)
{
    size_t first, last;

    days_of(run, row, &first, &last);
    for (size_t day = first; day <= last; day++)
        if (!run->days[day].whole)
            return false;
    return run->undated_whole || !is_young(run, row);
}

/** By the row's id: the SID becomes the row's where it has none, and where no other has it. */
static bool claim(struct run *run, const struct pairing *pairing, struct fault *reterr)
{
    const struct twilio_message *message = &pairing->message;
    const struct message_log_unsettled *row = pairing->row;
    struct message_log_event event = {.id = row->id,
                                      .sid = message->sid,
                                      .status = message->status,
                                      .error_code = message->error_code,
                                      .error_message = message->error_message,
                                      .parameters = TEXT("{\"source\":\"reconcile\"}")};
    struct message_log_recorded recorded = {.id = row->id};
    struct reconcile_log_row *rows;
    size_t n;

    if (!run->log.dry_run &&
        (!message_log_record(&run->service->database, &run->scratch, &event, &recorded, reterr) ||
         !reconcile_log_listed(&run->log, &run->scratch, message, 1, &rows, &n, reterr)))
        return false;
    if (text_equal(recorded.id, row->id)) {
        tell(run, row->id, row->status, message->status);
        run->claimed++;
    }
    return true;
}

/** Twilio's lists do not have it: it was never sent. A SID that has come meanwhile is respected. */
static bool settle_unsent(struct run *run, const struct message_log_unsettled *row,
                          struct fault *reterr)
{
    const struct message_log_settlement settlement = {
        .id = row->id,
        .status = TWILIO_STATUS_FAILED,
        .error_message = TEXT("Twilio never received this message"),
        .release = true};
    struct text saved;

    if (!run->log.dry_run &&
        !message_log_settle(&run->service->database, &run->scratch, &settlement, &saved, reterr))
        return false;
    tell(run, row->id, row->status, settlement.status);
    run->unsent++;
    return true;
}

static bool settle_orphan(struct run *run, const struct message_log_unsettled *row,
                          struct fault *reterr)
{
    if (!was_seen(run, row)) {
        run->unanswered++;
        return true;
    }
    run->checked++;
    if (row->sid.n)
        return true; /* claimed */
    arena_clear(&run->scratch);
    if (!row->doubtful && !run->log.redacted)
        return settle_unsent(run, row, reterr);
    run->unclear++;
    return reconcile_log_end(&run->log, &run->scratch, (struct text){0}, row->id, reterr);
}

static bool settle_orphans(struct run *run, struct fault *reterr)
{
    struct orphans *orphans = &run->orphans;

    orphans_pair(orphans);
    for (size_t i = 0; i < orphans->n_pairings; i++) {
        const struct pairing *pairing = &orphans->pairings[i];
        arena_clear(&run->scratch);
        if (pairing->row && pairing->row->due && was_seen(run, pairing->row) &&
            !claim(run, pairing, reterr))
            return false;
    }
    for (size_t i = 0; i < orphans->n; i++)
        if (orphans->rows[i].due && !settle_orphan(run, &orphans->rows[i], reterr))
            return false;
    return true;
}

/* ---- the run */

static bool begin(struct run *run, const char *older_than, struct fault *reterr)
{
    struct tm parts = {0};
    char interval[32], today[16];

    if (older_than) {
        snprintf(interval, sizeof(interval), "%lld seconds", (long long)verb_age(older_than));
        if (!arena_copy(&run->kept, text_of(interval), &run->log.older_than))
            return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the run");
    }
    if (!reconcile_log_begin(&run->log, &run->kept, reterr))
        return false;
    snprintf(today, sizeof(today), "%.*s", TEXT_ARG(text_clip(run->log.today, 15)));
    if (!strptime(today, "%Y-%m-%d", &parts))
        return fault_set(reterr, FAULT_INTERNAL, "the database does not say what day it is");
    run->first_day = (int64_t)timegm(&parts) - (int64_t)(DAYS - 1) * DAY_S;
    return true;
}

static bool reconcile(struct run *run, const char *older_than, struct fault *reterr)
{
    if (!begin(run, older_than, reterr) || !take_orphans(run, reterr))
        return false;
    choose_orphans(run);
    need_days(run);
    return look_at_days(run, reterr) && walk_days(run, reterr) && walk_undated(run, reterr) &&
           settle_orphans(run, reterr) && end_days(run, reterr);
}

static void summarise(const struct run *run)
{
    size_t changed = run->updated + run->claimed + run->unsent + run->unclear;

    if (run->unanswered)
        printf("%zu could not be asked: %s\n", run->unanswered, run->problem);
    if (run->of_others)
        printf("%zu of another account passed over\n", run->of_others);
    if (run->log.redacted)
        printf("numbers are blotted out in this account's lists: they prove nothing\n");
    if (run->unclear)
        printf("%zu left alone: a message at Twilio's may belong there\n", run->unclear);
    printf("%zu price%s, %zu question%s to Twilio\n", run->priced, text_plural(run->priced),
           run->asked, text_plural(run->asked));
    printf("reconciled%s: %zu checked, %zu updated, %zu found, %zu never sent, %zu unchanged\n",
           run->log.dry_run ? " (dry run, nothing written)" : "", run->checked, run->updated,
           run->claimed, run->unsent, run->checked > changed ? run->checked - changed : 0);
}

static int run_verb(struct service *service, struct arena *arena, const char *const *values)
{
    int64_t now = service->clock->epoch_ms(service->clock->self) / 1000;
    struct run run = {
        .service = service,
        .twilio = {service->settings, &service->http, service->clock},
        .log = {.database = &service->database,
                .account = text_of(service->settings->twilio_account_sid),
                .dry_run = values[DRY_RUN]},
        .orphans = {.kept = &run.kept, .found = &run.found},
        .now = now,
        .until = now - WINDOW_S,
    };
    struct fault fault = {0};

    (void)arena;
    arena_init(&run.kept, KEPT_BYTES);
    arena_init(&run.found, FOUND_BYTES);
    arena_init(&run.page, PAGE_BYTES);
    arena_init(&run.scratch, 16u << 20);
    bool good = reconcile(&run, values[OLDER_THAN], &fault);
    if (!good)
        printf("stopped: %s\n", fault.detail);
    summarise(&run);
    arena_release(&run.kept);
    arena_release(&run.found);
    arena_release(&run.page);
    arena_release(&run.scratch);
    return good && !run.unanswered ? VERB_DONE : VERB_INCOMPLETE;
}

const struct verb reconcile_verb = {
    .name = "--reconcile",
    .help = "ask Twilio for messages without a final status or price",
    .options = {[OLDER_THAN] = {.name = "--older-than", .value = "12h", .check = verb_check_age},
                [DRY_RUN] = {.name = "--dry-run"}},
    .needs = {&service_database, &twilio_client},
    .run = run_verb,
};
