#include "orphans.h"

#include <stdlib.h>
#include <string.h>

/** Room for one more at the end of an array in an arena, which grows by doubling. */
static void *grown(struct arena *arena, void *array, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return array;
    size_t more = *room ? *room * 2 : 64;
    void *larger = arena_alloc(arena, more, size, 16);
    if (!larger)
        return NULL;
    if (n)
        memcpy(larger, array, n * size);
    *room = more;
    return larger;
}

bool orphans_keep(struct orphans *orphans, const struct message_log_unsettled *row)
{
    struct arena *arena = orphans->kept;
    struct message_log_unsettled copy = *row;

    if (!arena_copy(arena, row->id, &copy.id) || !arena_copy(arena, row->status, &copy.status) ||
        !arena_copy(arena, row->recipient, &copy.recipient) ||
        !arena_copy(arena, row->body, &copy.body) ||
        !arena_copy(arena, row->sent_at_text, &copy.sent_at_text))
        return false;
    struct message_log_unsettled *rows =
        grown(arena, orphans->rows, orphans->n, &orphans->room, sizeof(*rows));
    if (!rows)
        return false;
    orphans->rows = rows;
    rows[orphans->n++] = copy;
    return true;
}

static int compare_texts(struct text a, struct text b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.s, b.s, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_recipients(struct text a, enum message_channel by_a, struct text b,
                              enum message_channel by_b)
{
    int order = compare_texts(a, b);

    return order ? order : (by_a > by_b) - (by_a < by_b);
}

static int rows_by_recipient(const void *a, const void *b)
{
    const struct message_log_unsettled *one = a, *other = b;
    int order = compare_recipients(one->recipient, one->channel, other->recipient, other->channel);

    return order ? order : (one->sent_at > other->sent_at) - (one->sent_at < other->sent_at);
}

static int rows_by_time(const void *a, const void *b)
{
    const struct message_log_unsettled *const *one = a, *const *other = b;

    return ((*one)->sent_at > (*other)->sent_at) - ((*one)->sent_at < (*other)->sent_at);
}

static int messages_by_recipient(const void *a, const void *b)
{
    const struct pairing *one = a, *other = b;

    return compare_recipients(one->message.to, one->message.channel, other->message.to,
                              other->message.channel);
}

static int messages_by_recipient_and_sid(const void *a, const void *b)
{
    const struct pairing *one = a, *other = b;
    int order = messages_by_recipient(a, b);

    return order ? order : compare_texts(one->message.sid, other->message.sid);
}

bool orphans_index(struct orphans *orphans, struct fault *reterr)
{
    orphans->by_time = arena_new(orphans->kept, struct message_log_unsettled *, orphans->n);
    if (!orphans->by_time)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for the rows");
    if (orphans->n)
        qsort(orphans->rows, orphans->n, sizeof(*orphans->rows), rows_by_recipient);
    for (size_t i = 0; i < orphans->n; i++)
        orphans->by_time[i] = &orphans->rows[i];
    if (orphans->n)
        qsort(orphans->by_time, orphans->n, sizeof(struct message_log_unsettled *), rows_by_time);
    return true;
}

/** Where the rows about a message's time begin; all of them are, of a time that is not known. */
static size_t first_about(const struct orphans *orphans, const struct twilio_message *message)
{
    size_t from = 0, to = message->created ? orphans->n : 0;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (orphans->by_time[middle]->sent_at < message->created - PAIRING_DOUBT_S)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void doubt(const struct orphans *orphans, const struct twilio_message *message)
{
    for (size_t i = first_about(orphans, message);
         i < orphans->n && pairing_is_doubt(orphans->by_time[i], message); i++)
        orphans->by_time[i]->doubtful = true;
}

static bool may_be_of_any(const struct orphans *orphans, const struct twilio_message *message)
{
    for (size_t i = first_about(orphans, message);
         i < orphans->n && pairing_is_doubt(orphans->by_time[i], message); i++)
        if (pairing_is_near(orphans->by_time[i], message))
            return true;
    return false;
}

static bool keep_message(struct orphans *orphans, const struct twilio_message *message)
{
    struct twilio_message copy = *message;
    struct text *const texts[] = {&copy.sid,        &copy.status,        &copy.body,
                                  &copy.error_code, &copy.error_message, &copy.price,
                                  &copy.price_unit, &copy.num_segments,  &copy.to};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!arena_copy(orphans->found, *texts[i], texts[i]))
            return false;
    struct pairing *pairings = grown(orphans->found, orphans->pairings, orphans->n_pairings,
                                     &orphans->pairings_room, sizeof(*pairings));
    if (!pairings)
        return false;
    orphans->pairings = pairings;
    pairings[orphans->n_pairings++] = (struct pairing){.message = copy};
    return true;
}

void orphans_see(struct orphans *orphans, const struct twilio_message *message)
{
    /* what may be of one is looked at closer, if there is room for it */
    if (!may_be_of_any(orphans, message) || !keep_message(orphans, message))
        doubt(orphans, message);
}

/** By recipient, each once. */
static void sort_messages(struct orphans *orphans)
{
    struct pairing *pairings = orphans->pairings;
    size_t n = 0;

    if (orphans->n_pairings)
        qsort(pairings, orphans->n_pairings, sizeof(*pairings), messages_by_recipient_and_sid);
    for (size_t i = 0; i < orphans->n_pairings; i++)
        if (n == 0 || !text_equal(pairings[n - 1].message.sid, pairings[i].message.sid))
            pairings[n++] = pairings[i];
    orphans->n_pairings = n;
}

void orphans_pair(struct orphans *orphans)
{
    struct message_log_unsettled *rows = orphans->rows;
    struct pairing *pairings = orphans->pairings;
    size_t end, to = 0;

    sort_messages(orphans);
    for (size_t at = 0, from = 0; from < orphans->n_pairings; from = to) {
        const struct twilio_message *first = &pairings[from].message;
        for (to = from + 1;
             to < orphans->n_pairings && messages_by_recipient(&pairings[from], &pairings[to]) == 0;
             to++)
            ;
        while (at < orphans->n && compare_recipients(rows[at].recipient, rows[at].channel,
                                                     first->to, first->channel) < 0)
            at++;
        for (end = at;
             end < orphans->n && compare_recipients(rows[end].recipient, rows[end].channel,
                                                    first->to, first->channel) == 0;
             end++)
            ;
        pairing_make(rows + at, end - at, pairings + from, to - from);
        at = end;
    }
    for (size_t i = 0; i < orphans->n_pairings; i++)
        if (!pairings[i].row)
            doubt(orphans, &pairings[i].message);
}
