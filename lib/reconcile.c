#include "reconcile.h"

#include <stdio.h>
#include <string.h>

#include "message_log.h"
#include "twilio_lookup.h"

#define ROWS_AT_A_TIME 200

/* Twilio's clock against the database's, and the longest way from reservation to Twilio's answer.
 */
#define EARLIER_S 2
#define LATER_S   60

/* A row that is pending may still be on its way to Twilio. */
#define IN_FLIGHT_S 60

struct run {
    struct service *service;
    struct twilio twilio;
    const struct reconcile_options *options;
    struct arena page, scratch; /* rows of one page; one question */
    size_t checked, updated, found, unsent, unchanged, unanswered;
    char problem[128];
};

static struct text read_interval(struct text word, char *to, size_t size)
{
    static const char *const units[][2] = {
        {"s", "seconds"}, {"m", "minutes"}, {"h", "hours"}, {"d", "days"}};
    uint64_t n;

    for (size_t i = 0; word.n > 1 && i < ARRAY_LEN(units); i++) {
        struct text number = {word.s, word.n - 1};
        if (word.s[word.n - 1] != units[i][0][0] || !text_number(number, 1000000, &n))
            continue;
        snprintf(to, size, "%llu %s", (unsigned long long)n, units[i][1]);
        return text_of(to);
    }
    return (struct text){0};
}

bool reconcile_options(int argc, char **argv, struct reconcile_options *ret_options)
{
    static char interval[32];
    struct reconcile_options options = {.older_than = TEXT("12 hours")};

    for (int i = 2; i < argc; i++) {
        struct text word = text_of(argv[i]);
        if (text_equal(word, TEXT("--dry-run"))) {
            options.dry_run = true;
        } else if (text_equal(word, TEXT("--older-than")) && i + 1 < argc) {
            options.older_than = read_interval(text_of(argv[++i]), interval, sizeof(interval));
            if (options.older_than.n == 0) {
                fprintf(stderr, "--older-than takes a number and s, m, h or d: 12h\n");
                return false;
            }
        } else {
            fprintf(stderr, "usage: --reconcile [--older-than 12h] [--dry-run]\n");
            return false;
        }
    }
    *ret_options = options;
    return true;
}

static void tell(const struct run *run, const struct message_log_unsettled *row, struct text status)
{
    printf("%s %.*s %.*s -> %.*s\n", run->options->dry_run ? "would:" : "did:  ", TEXT_ARG(row->id),
           TEXT_ARG(row->status), TEXT_ARG(status));
}

/** Into the table by the same door as a callback: the join, one notification, one event. */
static bool record(struct run *run, struct text sid, const struct twilio_message *message,
                   struct fault *reterr)
{
    struct message_log_event event = {.sid = sid,
                                      .status = message->status,
                                      .error_code = message->error_code,
                                      .error_message = message->error_message,
                                      .parameters = TEXT("{\"source\":\"reconcile\"}")};
    struct message_log_recorded ignored;

    return message_log_record(&run->service->database, &run->scratch, &event, &ignored, reterr);
}

static bool ask_by_sid(struct run *run, const struct message_log_unsettled *row,
                       struct fault *reterr)
{
    struct twilio_message message;

    switch (twilio_fetch(&run->twilio, &run->scratch, row->sid, &message, run->problem)) {
    case TWILIO_NO_ANSWER:
        run->unanswered++;
        return true;
    case TWILIO_NOT_FOUND:
        run->unchanged++;
        return true;
    default:
        break;
    }
    if (text_equal(message.status, row->status)) {
        run->unchanged++;
        return true;
    }
    tell(run, row, message.status);
    run->updated++;
    return run->options->dry_run || record(run, row->sid, &message, reterr);
}

/** Can this be the message of that row? Templates are rendered by Twilio: their text is not ours.
 */
static bool is_match(const struct message_log_unsettled *row, const struct twilio_message *message)
{
    return message->outbound && message->channel == row->channel &&
           text_equal(message->to, row->recipient) &&
           message->created >= row->sent_at - EARLIER_S &&
           message->created <= row->sent_at + LATER_S &&
           (row->template || text_equal(message->body, row->body));
}

/** Give the message to the row that was reserved last before Twilio took it. */
static struct message_log_unsettled *owner_of(struct message_log_unsettled *rows, size_t n,
                                              const struct twilio_message *message)
{
    struct message_log_unsettled *best = NULL;

    for (size_t i = 0; i < n; i++)
        if (rows[i].sid.n == 0 && is_match(&rows[i], message) &&
            (!best ||
             (rows[i].sent_at <= message->created + EARLIER_S && rows[i].sent_at > best->sent_at)))
            best = &rows[i];
    return best;
}

static bool claim(struct run *run, struct message_log_unsettled *row,
                  const struct twilio_message *message, struct fault *reterr)
{
    struct text ignored;
    bool known;

    if (!message_log_knows(&run->service->database, &run->scratch, message->sid, &known, reterr))
        return false;
    if (known)
        return true;
    if (!arena_copy(&run->page, message->sid, &row->sid))
        return fault_set(reterr, FAULT_INTERNAL, "no memory for a SID");
    tell(run, row, message->status);
    run->found++;
    if (run->options->dry_run)
        return true;
    struct message_log_settlement settlement = {
        .id = row->id, .sid = message->sid, .status = TWILIO_STATUS_ACCEPTED};
    return message_log_settle(&run->service->database, &run->scratch, &settlement, &ignored,
                              reterr) &&
           record(run, message->sid, message, reterr);
}

/** Walk Twilio's list for one recipient and claim what is ours; false in *ret_whole: not all seen.
 */
static bool search_recipient(struct run *run, struct message_log_unsettled *rows, size_t n,
                             const struct message_log_unsettled *first, int64_t until,
                             bool *ret_whole, struct fault *reterr)
{
    struct twilio_page page = {0};

    *ret_whole = false;
    do {
        arena_clear(&run->scratch);
        char next[2048];
        snprintf(next, sizeof(next), "%.*s", TEXT_ARG(text_clip(page.next, sizeof(next) - 1)));
        page.next = text_of(next);
        if (twilio_list(&run->twilio, &run->scratch, first->channel, first->recipient,
                        first->sent_at - EARLIER_S, until + LATER_S, &page,
                        run->problem) != TWILIO_FOUND)
            return true;
        for (size_t i = page.n; i-- > 0;) {
            struct message_log_unsettled *row = owner_of(rows, n, &page.messages[i]);
            if (row && !claim(run, row, &page.messages[i], reterr))
                return false;
        }
    } while (page.next.n);
    *ret_whole = true;
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
    int64_t now = run->service->clock->epoch_ms(run->service->clock->self) / 1000;
    struct text ignored;

    if (!text_equal(row->status, TWILIO_STATUS_UNKNOWN) && now - row->sent_at < IN_FLIGHT_S) {
        run->unchanged++;
        return true;
    }
    tell(run, row, settlement.status);
    run->unsent++;
    return run->options->dry_run || message_log_settle(&run->service->database, &run->scratch,
                                                       &settlement, &ignored, reterr);
}

static bool same_recipient(const struct message_log_unsettled *a,
                           const struct message_log_unsettled *b)
{
    return a->channel == b->channel && text_equal(a->recipient, b->recipient);
}

/** All rows without a SID that go to the recipient of rows[at], by one walk through Twilio's list.
 */
static bool ask_by_recipient(struct run *run, struct message_log_unsettled *rows, size_t n,
                             size_t at, bool *asked, struct fault *reterr)
{
    int64_t until = rows[at].sent_at;
    bool whole;

    for (size_t i = at; i < n; i++)
        if (rows[i].sid.n == 0 && same_recipient(&rows[i], &rows[at]))
            until = rows[i].sent_at;
    if (!search_recipient(run, rows, n, &rows[at], until, &whole, reterr))
        return false;
    for (size_t i = at; i < n; i++) {
        if (asked[i] || !same_recipient(&rows[i], &rows[at]))
            continue;
        asked[i] = true;
        if (rows[i].sid.n)
            continue;
        if (!whole)
            run->unanswered++;
        else if (!settle_unsent(run, &rows[i], reterr))
            return false;
    }
    return true;
}

static bool reconcile_page(struct run *run, struct message_log_unsettled *rows, size_t n,
                           struct fault *reterr)
{
    bool asked[ROWS_AT_A_TIME] = {0};

    for (size_t i = 0; i < n; i++) {
        arena_clear(&run->scratch);
        if (rows[i].sid.n) {
            asked[i] = true;
            if (!ask_by_sid(run, &rows[i], reterr))
                return false;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (!asked[i] && !ask_by_recipient(run, rows, n, i, asked, reterr))
            return false;
    run->checked += n;
    printf("%zu messages checked\n", run->checked);
    fflush(stdout);
    return true;
}

/** Page by page; a page's last row is where the next begins. */
static bool reconcile_all(struct run *run, struct fault *reterr)
{
    char after_time[64] = "", after_id[40] = "";
    struct message_log_unsettled *rows;
    size_t n;

    do {
        arena_clear(&run->page);
        if (!message_log_unsettled(&run->service->database, &run->page, run->options->older_than,
                                   text_of(after_time), text_of(after_id), ROWS_AT_A_TIME, &rows,
                                   &n, reterr) ||
            !reconcile_page(run, rows, n, reterr))
            return false;
        if (n) {
            snprintf(after_time, sizeof(after_time), "%.*s", TEXT_ARG(rows[n - 1].sent_at_text));
            snprintf(after_id, sizeof(after_id), "%.*s", TEXT_ARG(rows[n - 1].id));
        }
    } while (n == ROWS_AT_A_TIME);
    return true;
}

int reconcile_run(struct service *service, struct arena *arena,
                  const struct reconcile_options *options)
{
    struct run run = {.service = service,
                      .twilio = {service->settings, &service->http, service->clock},
                      .options = options};
    struct fault fault = {0};

    (void)arena;
    arena_init(&run.page, 16u << 20);
    arena_init(&run.scratch, 16u << 20);
    bool good = reconcile_all(&run, &fault);
    if (!good)
        printf("stopped: %s\n", fault.detail);
    if (run.unanswered)
        printf("%zu could not be asked: %s\n", run.unanswered, run.problem);
    printf("reconciled%s: %zu checked, %zu updated, %zu found, %zu never sent, %zu unchanged\n",
           options->dry_run ? " (dry run, nothing written)" : "", run.checked, run.updated,
           run.found, run.unsent, run.unchanged);
    arena_release(&run.page);
    arena_release(&run.scratch);
    return good && !run.unanswered ? 0 : 1;
}
