#include "pairing.h"

#include <stdlib.h>
#include <string.h>

static bool is_in_time(const struct message_log_unsettled *row,
                       const struct twilio_message *message, int64_t earlier, int64_t later)
{
    return message->created >= row->sent_at - earlier && message->created <= row->sent_at + later;
}

bool pairing_is_doubt(const struct message_log_unsettled *row, const struct twilio_message *message)
{
    return message->outbound &&
           (message->created == 0 || is_in_time(row, message, PAIRING_DOUBT_S, PAIRING_DOUBT_S));
}

bool pairing_is_near(const struct message_log_unsettled *row, const struct twilio_message *message)
{
    return pairing_is_doubt(row, message) && !message->unreadable &&
           message->channel == row->channel && text_equal(message->to, row->recipient);
}

/** Twilio counts media late: none may still be some. Of a single one the row does not tell. */
static bool media_agree(const struct message_log_unsettled *row,
                        const struct twilio_message *message)
{
    return row->n_media < 2 || message->num_media == 0 || message->num_media == row->n_media;
}

/** One way of being that row's: a text of its own, or a template, which Twilio renders. */
static bool is_match(const struct message_log_unsettled *row, const struct twilio_message *message,
                     bool rendered, int64_t earlier)
{
    return row->template == rendered && !message->foreign && pairing_is_near(row, message) &&
           is_in_time(row, message, earlier, PAIRING_LATER_S) && media_agree(row, message) &&
           (rendered || text_equal(message->body, row->body));
}

static int newest_first(const void *a, const void *b)
{
    const struct pairing *one = a, *other = b;

    return (other->message.created > one->message.created) -
           (other->message.created < one->message.created);
}

/* All rows wait equally long, so newest message to newest row pairs as many as can be. */
static void pair_texts(struct message_log_unsettled *rows, size_t n, struct pairing *pairings,
                       size_t n_pairings, int64_t earlier)
{
    for (size_t m = 0; m < n_pairings; m++)
        for (size_t i = n; i-- > 0 && !pairings[m].row;)
            if (rows[i].sid.n == 0 && is_match(&rows[i], &pairings[m].message, false, earlier)) {
                pairings[m].row = &rows[i];
                rows[i].sid = pairings[m].message.sid;
            }
}

/** The only message that nothing else explains and that may be this template's; NULL: none, or
 * more. */
static struct pairing *only_message(const struct message_log_unsettled *row,
                                    struct pairing *pairings, size_t n_pairings)
{
    struct pairing *only = NULL;

    for (size_t m = 0; m < n_pairings; m++)
        if (!pairings[m].row && is_match(row, &pairings[m].message, true, PAIRING_EARLIER_S)) {
            if (only)
                return NULL;
            only = &pairings[m];
        }
    return only;
}

static size_t count_templates(const struct message_log_unsettled *rows, size_t n,
                              const struct twilio_message *message)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += rows[i].sid.n == 0 && is_match(&rows[i], message, true, PAIRING_EARLIER_S);
    return count;
}

static void pair_templates(struct message_log_unsettled *rows, size_t n, struct pairing *pairings,
                           size_t n_pairings)
{
    for (size_t i = 0; i < n; i++) {
        struct pairing *only =
            rows[i].sid.n == 0 ? only_message(&rows[i], pairings, n_pairings) : NULL;
        if (only && count_templates(rows, n, &only->message) == 1) {
            only->row = &rows[i];
            rows[i].sid = only->message.sid;
        }
    }
}

void pairing_make(struct message_log_unsettled *rows, size_t n, struct pairing *pairings,
                  size_t n_pairings)
{
    if (n_pairings)
        qsort(pairings, n_pairings, sizeof(*pairings), newest_first);
    pair_texts(rows, n, pairings, n_pairings, 0);
    pair_texts(rows, n, pairings, n_pairings, PAIRING_EARLIER_S);
    pair_templates(rows, n, pairings, n_pairings);
}
