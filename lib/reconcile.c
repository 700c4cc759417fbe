#include "reconcile.h"

#include <stdio.h>
#include <time.h>

#include "reconcile_lists.h"

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
    struct reconcile_log log;
    struct orphans orphans;
    struct reconcile_lists lists;
    struct arena kept, found;
    int64_t first_day; /* midnight, seconds of the Unix epoch */
    int64_t now;
    int64_t until; /* orphans that were handed over later are for another run */
    struct day days[DAYS];
    bool undated_whole;
    size_t checked, claimed, unsent, unclear, unanswered, of_others;
};

static void day_text(const struct run *run, size_t day, char text[static TWILIO_DAY_SIZE])
{
    time_t at = (time_t)(run->first_day + (int64_t)day * DAY_S);
    struct tm parts;

    gmtime_r(&at, &parts);
    strftime(text, TWILIO_DAY_SIZE, "%Y-%m-%d", &parts);
}

/* ---- messages with a SID, day by day */

/** Which days have something due. */
static bool look_at_days(struct run *run, struct fault *reterr)
{
    char day[TWILIO_DAY_SIZE];
    size_t of_others;

    for (size_t i = 0; i < DAYS; i++) {
        arena_clear(&run->lists.scratch);
        day_text(run, i, day);
        if (!reconcile_log_day(&run->log, &run->lists.scratch, text_of(day), &run->days[i].due,
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
    arena_clear(&run->lists.scratch);
    if (!reconcile_log_missed(&run->log, &run->lists.scratch, text_of(day), 1, &sids, &n, reterr))
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
                  (missed && !reconcile_lists_ask(&run->lists, text_of(day), &asked, reterr))))
        return false;
    if (!asked) {
        run->unanswered += run->days[i].due;
        return true;
    }
    run->checked += run->days[i].due;
    arena_clear(&run->lists.scratch);
    return reconcile_log_end(&run->log, &run->lists.scratch, text_of(day), (struct text){0},
                             reterr);
}

static bool walk_day(struct run *run, size_t i, struct fault *reterr)
{
    char day[TWILIO_DAY_SIZE];
    size_t asked = run->lists.asked;

    day_text(run, i, day);
    if (!reconcile_lists_walk(&run->lists, text_of(day), 0, &run->days[i].whole, reterr))
        return false;
    printf("%s: Twilio's list, %zu page%s\n", day, run->lists.asked - asked,
           text_plural(run->lists.asked - asked));
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
        arena_clear(&run->lists.page);
        if (!reconcile_log_orphans(&run->log, &run->lists.page, last.id.n ? &last : NULL,
                                   ROWS_AT_A_TIME, &rows, &n, reterr))
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
           reconcile_lists_walk(&run->lists, (struct text){0}, oldest - PAIRING_DOUBT_S,
                                &run->undated_whole, reterr);
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
        (!message_log_record(&run->service->database, &run->lists.scratch, &event, &recorded,
                             reterr) ||
         !reconcile_log_listed(&run->log, &run->lists.scratch, message, 1, &rows, &n, reterr)))
        return false;
    if (text_equal(recorded.id, row->id)) {
        reconcile_lists_tell(&run->log, row->id, row->status, message->status);
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

    if (!run->log.dry_run && !message_log_settle(&run->service->database, &run->lists.scratch,
                                                 &settlement, &saved, reterr))
        return false;
    reconcile_lists_tell(&run->log, row->id, row->status, settlement.status);
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
    arena_clear(&run->lists.scratch);
    if (!row->doubtful && !run->log.redacted)
        return settle_unsent(run, row, reterr);
    run->unclear++;
    return reconcile_log_end(&run->log, &run->lists.scratch, (struct text){0}, row->id, reterr);
}

static bool settle_orphans(struct run *run, struct fault *reterr)
{
    struct orphans *orphans = &run->orphans;

    orphans_pair(orphans);
    for (size_t i = 0; i < orphans->n_pairings; i++) {
        const struct pairing *pairing = &orphans->pairings[i];
        arena_clear(&run->lists.scratch);
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
    size_t changed = run->lists.updated + run->claimed + run->unsent + run->unclear;

    if (run->unanswered)
        printf("%zu could not be asked: %s\n", run->unanswered, run->lists.problem);
    if (run->of_others)
        printf("%zu of another account passed over\n", run->of_others);
    if (run->log.redacted)
        printf("numbers are blotted out in this account's lists: they prove nothing\n");
    if (run->unclear)
        printf("%zu left alone: a message at Twilio's may belong there\n", run->unclear);
    printf("%zu price%s, %zu question%s to Twilio\n", run->lists.priced,
           text_plural(run->lists.priced), run->lists.asked, text_plural(run->lists.asked));
    printf("reconciled%s: %zu checked, %zu updated, %zu found, %zu never sent, %zu unchanged\n",
           run->log.dry_run ? " (dry run, nothing written)" : "", run->checked, run->lists.updated,
           run->claimed, run->unsent, run->checked > changed ? run->checked - changed : 0);
}

static int run_verb(struct service *service, struct arena *arena, const char *const *values)
{
    int64_t now = service->clock->epoch_ms(service->clock->self) / 1000;
    struct run run = {
        .service = service,
        .lists = {.twilio = {service->settings, &service->http, service->clock},
                  .log = &run.log,
                  .orphans = &run.orphans},
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
    arena_init(&run.lists.page, PAGE_BYTES);
    arena_init(&run.lists.scratch, 16u << 20);
    bool good = reconcile(&run, values[OLDER_THAN], &fault);
    if (!good)
        printf("stopped: %s\n", fault.detail);
    summarise(&run);
    arena_release(&run.kept);
    arena_release(&run.found);
    arena_release(&run.lists.page);
    arena_release(&run.lists.scratch);
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
