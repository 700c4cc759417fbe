#include "reconcile_lists.h"

#include <stdio.h>
#include <string.h>

/* Questions in a row without an answer, each asked many times: Twilio is away. */
#define SILENT_MAX 3

/* Pages of one list: a list that has no end is none. */
#define PAGES_MAX 2000

/* What is in no list is asked for by itself: of a day at most so many. */
#define MISSED_MAX 100

void reconcile_lists_tell(const struct reconcile_log *log, struct text id, struct text was,
                          struct text is_now)
{
    printf("%s %.*s %.*s -> %.*s\n", log->dry_run ? "would:" : "did:  ", TEXT_ARG(id),
           TEXT_ARG(was), TEXT_ARG(is_now));
}

/** Count an answer; false where Twilio is away, or refuses us: there is no use in asking on. */
static bool heard(struct reconcile_lists *lists, enum twilio_answer answer, struct fault *reterr)
{
    lists->asked++;
    if (answer == TWILIO_NO_ANSWER || answer == TWILIO_NO_SENSE)
        memcpy(lists->problem, lists->detail, sizeof(lists->problem));
    lists->silent = answer == TWILIO_NO_ANSWER ? lists->silent + 1 : 0;
    return lists->silent < SILENT_MAX || fault_set(reterr, FAULT_TWILIO_UNAVAILABLE,
                                                   "Twilio cannot be asked: %s", lists->problem);
}

static bool is_among(const struct reconcile_log_row *rows, size_t n, struct text sid)
{
    for (size_t i = 0; i < n; i++)
        if (text_equal(rows[i].sid, sid))
            return true;
    return false;
}

/** Some messages of a list: those that have a row are written, the others may be an orphan's. */
static bool take_messages(struct reconcile_lists *lists, const struct twilio_message *messages,
                          size_t n, struct fault *reterr)
{
    struct reconcile_log_row *rows;
    size_t n_rows;

    arena_clear(&lists->scratch);
    if (!reconcile_log_listed(lists->log, &lists->scratch, messages, n, &rows, &n_rows, reterr))
        return false;
    for (size_t i = 0; i < n_rows; i++) {
        bool moved = !text_equal(rows[i].was, rows[i].is_now);
        if (moved)
            reconcile_lists_tell(lists->log, rows[i].id, rows[i].was, rows[i].is_now);
        lists->updated += moved;
        lists->priced += rows[i].priced;
    }
    for (size_t i = 0; i < n; i++)
        if (messages[i].outbound &&
            (messages[i].sid.n == 0 || !is_among(rows, n_rows, messages[i].sid)))
            orphans_see(lists->orphans, &messages[i]);
    return true;
}

static bool take_page(struct reconcile_lists *lists, const struct twilio_page *page,
                      struct fault *reterr)
{
    for (size_t i = 0; i < page->n; i++)
        if (page->messages[i].redacted && !lists->log->redacted &&
            !reconcile_log_redacted(lists->log, &lists->scratch, reterr))
            return false;
    for (size_t i = 0; i < page->n; i += RECONCILE_LOG_MOST) {
        size_t left = page->n - i;
        if (!take_messages(lists, page->messages + i,
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

bool reconcile_lists_walk(struct reconcile_lists *lists, struct text day, int64_t back_to,
                          bool *ret_whole, struct fault *reterr)
{
    struct twilio_page page = {0};
    char next[8192] = "";

    *ret_whole = false;
    for (size_t pages = 0; pages < PAGES_MAX; pages++) {
        arena_clear(&lists->page);
        enum twilio_answer answer =
            twilio_list(&lists->twilio, &lists->page, day, &page, lists->detail);
        if (!heard(lists, answer, reterr))
            return false;
        if (answer != TWILIO_FOUND)
            return true;
        if (!take_page(lists, &page, reterr))
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
    snprintf(lists->problem, sizeof(lists->problem), "Twilio's list has no end");
    return true;
}

bool reconcile_lists_ask(struct reconcile_lists *lists, struct text day, bool *ret_asked,
                         struct fault *reterr)
{
    struct arena arena;
    struct twilio_message message;
    struct text *sids;
    size_t n;

    *ret_asked = true;
    arena_init(&arena, 1u << 20);
    bool good = reconcile_log_missed(lists->log, &arena, day, MISSED_MAX, &sids, &n, reterr);
    for (size_t i = 0; good && i < n; i++) {
        arena_clear(&lists->page);
        enum twilio_answer answer =
            twilio_fetch(&lists->twilio, &lists->page, sids[i], &message, lists->detail);
        *ret_asked &= answer != TWILIO_NO_ANSWER;
        good = heard(lists, answer, reterr) &&
               (answer != TWILIO_FOUND || take_messages(lists, &message, 1, reterr));
    }
    arena_release(&arena);
    return good;
}
