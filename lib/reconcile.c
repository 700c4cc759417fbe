#include "reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message_log.h"
#include "pairing.h"
#include "twilio_lookup.h"

#define ROWS_AT_A_TIME 200

/* How old a message is before anybody asks, where --older-than does not say. */
#define DEFAULT_AGE_S INT64_C(43200)

/* Which message is whose shows only when all rows are seen that may be its own: those that are
 * younger by this take part, and are left as they are. A row in flight is such a one. */
#define WINDOW_S (PAIRING_EARLIER_S + PAIRING_LATER_S)

/* Questions in a row without an answer, each asked many times: Twilio is away. */
#define SILENT_MAX 3

/* Pages of one recipient's list: a list that has no end is none. */
#define PAGES_MAX 1000

/* Rows without a SID are kept until all are seen. */
#define KEPT_BYTES (64u << 20)

/* Options, in the order of the verb's. */
enum { OLDER_THAN, DRY_RUN };

struct run {
    struct service *service;
    struct twilio twilio;
    int64_t older_than_s;    /* seconds since a message was handed over */
    bool dry_run;            /* ask, tell, write nothing */
    int64_t due, due_orphan; /* rows that were handed over later wait for another run */
    struct arena kept, page, scratch, found;
    struct message_log_unsettled *orphans; /* rows without a SID */
    size_t n_orphans, room;
    size_t checked, updated, claimed, unsent, unchanged, unclear, unanswered, silent;
    char problem[TWILIO_DETAIL_SIZE];
};

static void tell(const struct run *run, const struct message_log_unsettled *row, struct text status)
{
    printf("%s %.*s %.*s -> %.*s\n", run->dry_run ? "would:" : "did:  ", TEXT_ARG(row->id),
           TEXT_ARG(row->status), TEXT_ARG(status));
}

/** Into the table by the same door as a callback: the join, one notification, one event. */
static bool record(struct run *run, struct text id, const struct twilio_message *message,
                   struct message_log_recorded *ret_recorded, struct fault *reterr)
{
    struct message_log_event event = {.id = id,
                                      .sid = message->sid,
                                      .status = message->status,
                                      .error_code = message->error_code,
                                      .error_message = message->error_message,
                                      .parameters = TEXT("{\"source\":\"reconcile\"}")};

    return message_log_record(&run->service->database, &run->scratch, &event, ret_recorded, reterr);
}

/** Count an answer; false where Twilio is away, or refuses us: there is no use in asking on. */
static bool heard(struct run *run, enum twilio_answer answer, struct fault *reterr)
{
    run->silent = answer == TWILIO_NO_ANSWER ? run->silent + 1 : 0;
    return run->silent < SILENT_MAX ||
           fault_set(reterr, FAULT_TWILIO_UNAVAILABLE, "Twilio cannot be asked: %s", run->problem);
}

static bool ask_by_sid(struct run *run, const struct message_log_unsettled *row,
                       struct fault *reterr)
{
    struct message_log_recorded recorded = {0};
    struct twilio_message message;

    enum twilio_answer answer =
        twilio_fetch(&run->twilio, &run->scratch, row->sid, &message, run->problem);
    run->unanswered += answer == TWILIO_NO_ANSWER || answer == TWILIO_NO_SENSE;
    if (answer != TWILIO_FOUND || text_equal(message.status, row->status)) {
        run->unchanged += answer == TWILIO_FOUND || answer == TWILIO_NOT_FOUND;
        return heard(run, answer, reterr);
    }
    run->silent = 0;
    recorded.status = message.status;
    if (!run->dry_run && !record(run, (struct text){0}, &message, &recorded, reterr))
        return false;
    /* What Twilio says may be older than what a callback told. */
    bool moved = !text_equal(recorded.status, row->status);
    if (moved)
        tell(run, row, recorded.status);
    run->updated += moved;
    run->unchanged += !moved;
    return true;
}

/** Keep a row without a SID until all are seen; false where there is no room. */
static bool keep(struct run *run, const struct message_log_unsettled *row)
{
    struct message_log_unsettled copy = *row;

    if (run->n_orphans == run->room) {
        size_t room = run->room ? run->room * 2 : ROWS_AT_A_TIME;
        struct message_log_unsettled *grown =
            arena_new(&run->kept, struct message_log_unsettled, room);
        if (!grown)
            return false;
        if (run->n_orphans)
            memcpy(grown, run->orphans, run->n_orphans * sizeof(*grown));
        run->orphans = grown;
        run->room = room;
    }
    if (!arena_copy(&run->kept, row->id, &copy.id) ||
        !arena_copy(&run->kept, row->status, &copy.status) ||
        !arena_copy(&run->kept, row->recipient, &copy.recipient) ||
        !arena_copy(&run->kept, row->body, &copy.body) ||
        !arena_copy(&run->kept, row->sent_at_text, &copy.sent_at_text))
        return false;
    run->orphans[run->n_orphans++] = copy;
    return true;
}

/** Those with a SID are asked for, the others kept. *ret_full: no more can be. */
static bool take_page(struct run *run, const struct message_log_unsettled *rows, size_t n,
                      bool *ret_full, struct fault *reterr)
{
    for (size_t i = 0; i < n && !*ret_full; i++) {
        arena_clear(&run->scratch);
        bool due = rows[i].sent_at <= (rows[i].sid.n ? run->due : run->due_orphan);
        if (rows[i].sid.n && due && !ask_by_sid(run, &rows[i], reterr))
            return false;
        if (rows[i].sid.n == 0 && !keep(run, &rows[i])) {
            /* Rows are in the order of time: what comes from here on is for the next run. */
            run->due_orphan = rows[i].sent_at - WINDOW_S - 1;
            *ret_full = true;
        }
        run->checked += rows[i].sid.n && due;
    }
    printf("%zu messages checked\n", run->checked);
    fflush(stdout);
    return true;
}

/** Page by page; a page's last row is where the next begins. */
static bool take_rows(struct run *run, struct fault *reterr)
{
    int64_t older = run->older_than_s - WINDOW_S;
    char after_time[64] = "", after_id[40] = "", interval[32];
    struct message_log_unsettled *rows;
    bool full = false;
    size_t n;

    snprintf(interval, sizeof(interval), "%lld seconds", (long long)(older > 0 ? older : 0));
    do {
        arena_clear(&run->page);
        if (!message_log_unsettled(&run->service->database, &run->page, text_of(interval),
                                   text_of(after_time), text_of(after_id), ROWS_AT_A_TIME, &rows,
                                   &n, reterr) ||
            !take_page(run, rows, n, &full, reterr))
            return false;
        if (n) {
            snprintf(after_time, sizeof(after_time), "%.*s", TEXT_ARG(rows[n - 1].sent_at_text));
            snprintf(after_id, sizeof(after_id), "%.*s", TEXT_ARG(rows[n - 1].id));
        }
    } while (n == ROWS_AT_A_TIME && !full);
    return true;
}

/** The rows of one recipient on one channel, oldest first, and what Twilio has for them. */
struct search {
    struct message_log_unsettled *rows;
    size_t n;
    struct pairing *pairings;
    size_t n_pairings, room;
    bool whole; /* Twilio's list was seen as far as it matters */
};

static bool is_near_any(const struct search *search, const struct twilio_message *message)
{
    for (size_t i = 0; i < search->n; i++)
        if (pairing_is_near(&search->rows[i], message))
            return true;
    return false;
}

static bool is_kept(const struct search *search, struct text sid)
{
    for (size_t i = 0; i < search->n_pairings; i++)
        if (text_equal(search->pairings[i].message.sid, sid))
            return true;
    return false;
}

static bool keep_message(struct run *run, struct search *search,
                         const struct twilio_message *message, struct fault *reterr)
{
    struct twilio_message copy = *message;

    if (search->n_pairings == search->room) {
        size_t room = search->room ? search->room * 2 : 16;
        struct pairing *grown = arena_new(&run->found, struct pairing, room);
        if (grown && search->n_pairings)
            memcpy(grown, search->pairings, search->n_pairings * sizeof(*grown));
        search->pairings = grown;
        search->room = room;
    }
    if (!search->pairings || !arena_copy(&run->found, message->sid, &copy.sid) ||
        !arena_copy(&run->found, message->status, &copy.status) ||
        !arena_copy(&run->found, message->body, &copy.body) ||
        !arena_copy(&run->found, message->to, &copy.to) ||
        !arena_copy(&run->found, message->error_code, &copy.error_code) ||
        !arena_copy(&run->found, message->error_message, &copy.error_message))
        return fault_set(reterr, FAULT_INTERNAL, "no memory for Twilio's messages");
    search->pairings[search->n_pairings++] = (struct pairing){.message = copy};
    return true;
}

/** From one page what may be ours and no row has yet. */
static bool take_messages(struct run *run, struct search *search, const struct twilio_page *page,
                          struct fault *reterr)
{
    bool known;

    for (size_t i = 0; i < page->n; i++) {
        const struct twilio_message *message = &page->messages[i];
        if (!is_near_any(search, message) || is_kept(search, message->sid))
            continue;
        if (!message_log_knows(&run->service->database, &run->scratch, message->sid, &known,
                               reterr) ||
            (!known && !keep_message(run, search, message, reterr)))
            return false;
    }
    return true;
}

/** The list goes from the message sent last to the first: is the rest from before our rows? */
static bool is_past(const struct search *search, const struct twilio_page *page)
{
    int64_t first = search->rows[0].sent_at - PAIRING_DOUBT_S;

    for (size_t i = 0; i < page->n; i++)
        if (page->messages[i].sent && page->messages[i].sent < first)
            return true;
    return false;
}

static bool walk_list(struct run *run, struct search *search, struct fault *reterr)
{
    struct twilio_page page = {0};
    char next[8192];

    for (size_t pages = 0; pages < PAGES_MAX; pages++) {
        arena_clear(&run->scratch);
        enum twilio_answer answer =
            twilio_list(&run->twilio, &run->scratch, search->rows[0].channel,
                        search->rows[0].recipient, &page, run->problem);
        if (!heard(run, answer, reterr))
            return false;
        if (answer != TWILIO_FOUND)
            return true;
        if (!take_messages(run, search, &page, reterr))
            return false;
        if (page.next.n == 0 || is_past(search, &page)) {
            search->whole = true;
            return true;
        }
        if (page.next.n >= sizeof(next))
            break;
        snprintf(next, sizeof(next), "%.*s", TEXT_ARG(page.next));
        page.next = text_of(next);
    }
    snprintf(run->problem, sizeof(run->problem), "Twilio's list has no end");
    return true;
}

/** By the row's id: the SID becomes the row's where it has none, and where no other has it. */
static bool claim(struct run *run, const struct pairing *pairing, struct fault *reterr)
{
    const struct message_log_unsettled *row = pairing->row;
    struct message_log_recorded recorded = {.id = row->id};

    if (!run->dry_run && !record(run, row->id, &pairing->message, &recorded, reterr))
        return false;
    bool ours = text_equal(recorded.id, row->id);
    if (ours)
        tell(run, row, pairing->message.status);
    run->claimed += ours;
    run->unchanged += !ours;
    return true;
}

/** Has no callback settled it, or given it its SID, since the rows were read? */
static bool is_still_orphan(struct run *run, const struct message_log_unsettled *row,
                            bool *ret_still, struct fault *reterr)
{
    struct message_log_unsettled *rows;
    size_t n;

    *ret_still = false;
    if (!message_log_unsettled(&run->service->database, &run->scratch, TEXT("0 seconds"),
                               row->sent_at_text, TEXT("00000000-0000-0000-0000-000000000000"), 16,
                               &rows, &n, reterr))
        return false;
    for (size_t i = 0; i < n; i++)
        if (text_equal(rows[i].id, row->id) && rows[i].sid.n == 0)
            *ret_still = true;
    return true;
}

/** Twilio's whole list does not have it: it was never sent. */
static bool settle_unsent(struct run *run, const struct message_log_unsettled *row,
                          struct fault *reterr)
{
    struct message_log_settlement settlement = {.id = row->id,
                                                .status = TWILIO_STATUS_FAILED,
                                                .error_message =
                                                    TEXT("Twilio never received this message"),
                                                .release = true};
    struct text ignored;
    bool still = true;

    if (!run->dry_run && (!is_still_orphan(run, row, &still, reterr) ||
                          (still && !message_log_settle(&run->service->database, &run->scratch,
                                                        &settlement, &ignored, reterr))))
        return false;
    if (still)
        tell(run, row, settlement.status);
    run->unsent += still;
    run->unchanged += !still;
    return true;
}

static bool settle_rows(struct run *run, const struct search *search, struct fault *reterr)
{
    for (size_t i = 0; i < search->n_pairings; i++) {
        const struct pairing *pairing = &search->pairings[i];
        arena_clear(&run->scratch);
        if (pairing->row && pairing->row->sent_at <= run->due_orphan &&
            !claim(run, pairing, reterr))
            return false;
    }
    for (size_t i = 0; i < search->n; i++) {
        const struct message_log_unsettled *row = &search->rows[i];
        arena_clear(&run->scratch);
        if (row->sent_at > run->due_orphan || row->sid.n)
            continue;
        if (pairing_is_doubtful(row, search->pairings, search->n_pairings))
            run->unclear++;
        else if (!settle_unsent(run, row, reterr))
            return false;
    }
    return true;
}

/** All rows that go to one recipient, by one walk through Twilio's list. */
static bool ask_by_recipient(struct run *run, struct message_log_unsettled *rows, size_t n,
                             struct fault *reterr)
{
    struct search search = {.rows = rows, .n = n};
    size_t due = 0;

    for (size_t i = 0; i < n; i++)
        due += rows[i].sent_at <= run->due_orphan;
    if (due == 0)
        return true;
    arena_clear(&run->found);
    if (!walk_list(run, &search, reterr))
        return false;
    run->checked += due;
    if (!search.whole) {
        run->unanswered += due;
        return true;
    }
    pairing_make(rows, n, search.pairings, search.n_pairings);
    return settle_rows(run, &search, reterr);
}

static int compare_texts(struct text a, struct text b)
{
    int order = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_recipient(const void *a, const void *b)
{
    const struct message_log_unsettled *one = a, *other = b;
    int order = compare_texts(one->recipient, other->recipient);

    if (order == 0)
        order = (one->channel > other->channel) - (one->channel < other->channel);
    return order ? order : (one->sent_at > other->sent_at) - (one->sent_at < other->sent_at);
}

static bool search_orphans(struct run *run, struct fault *reterr)
{
    struct message_log_unsettled *rows = run->orphans;
    size_t end;

    if (run->n_orphans)
        qsort(rows, run->n_orphans, sizeof(*rows), by_recipient);
    for (size_t at = 0; at < run->n_orphans; at = end) {
        for (end = at + 1; end < run->n_orphans && rows[end].channel == rows[at].channel &&
                           text_equal(rows[end].recipient, rows[at].recipient);
             end++)
            ;
        if (!ask_by_recipient(run, rows + at, end - at, reterr))
            return false;
    }
    return true;
}

static void summarise(const struct run *run)
{
    if (run->unanswered)
        printf("%zu could not be asked: %s\n", run->unanswered, run->problem);
    if (run->unclear)
        printf("%zu left as they are: Twilio has a message that may be theirs\n", run->unclear);
    printf("reconciled%s: %zu checked, %zu updated, %zu found, %zu never sent, %zu unchanged\n",
           run->dry_run ? " (dry run, nothing written)" : "", run->checked, run->updated,
           run->claimed, run->unsent, run->unchanged);
}

static int run_verb(struct service *service, struct arena *arena, const char *const *values)
{
    int64_t now = service->clock->epoch_ms(service->clock->self) / 1000;
    int64_t older = values[OLDER_THAN] ? verb_age(values[OLDER_THAN]) : DEFAULT_AGE_S;
    struct run run = {.service = service,
                      .twilio = {service->settings, &service->http, service->clock},
                      .older_than_s = older,
                      .dry_run = values[DRY_RUN],
                      .due = now - older,
                      .due_orphan = now - (older > WINDOW_S ? older : WINDOW_S)};
    struct fault fault = {0};

    (void)arena;
    arena_init(&run.kept, KEPT_BYTES);
    arena_init(&run.page, 16u << 20);
    arena_init(&run.scratch, 16u << 20);
    arena_init(&run.found, 16u << 20);
    bool good = take_rows(&run, &fault) && search_orphans(&run, &fault);
    if (!good)
        printf("stopped: %s\n", fault.detail);
    summarise(&run);
    arena_release(&run.kept);
    arena_release(&run.page);
    arena_release(&run.scratch);
    arena_release(&run.found);
    return good && !run.unanswered ? 0 : 1;
}

const struct verb reconcile_verb = {
    .name = "--reconcile",
    .help = "ask Twilio for messages without a final status",
    .options = {[OLDER_THAN] = {.name = "--older-than", .value = "12h", .check = verb_check_age},
                [DRY_RUN] = {.name = "--dry-run"}},
    .needs = {&service_database, &twilio_client},
    .run = run_verb,
};
