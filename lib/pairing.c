#include "pairing.h"

#include <stdlib.h>
#include <string.h>

static bool is_in_time(const struct message_log_unsettled *row,
                       const struct twilio_message *message, int64_t earlier, int64_t later)
{
    return message->created >= row->sent_at - earlier && message->created <= row->sent_at + later;
}

bool pairing_is_near(const struct message_log_unsettled *row, const struct twilio_message *message)
{
    return message->outbound && message->channel == row->channel &&
           text_equal(message->to, row->recipient) &&
           (message->created == 0 || is_in_time(row, message, PAIRING_DOUBT_S, PAIRING_DOUBT_S));
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
static void pair_by(struct message_log_unsettled *rows, size_t n, struct pairing *pairings,
                    size_t n_pairings, bool rendered, int64_t earlier)
{
    for (size_t m = 0; m < n_pairings; m++)
        for (size_t i = n; i-- > 0 && !pairings[m].row;)
            if (rows[i].sid.n == 0 && is_match(&rows[i], &pairings[m].message, rendered, earlier)) {
                pairings[m].row = &rows[i];
                rows[i].sid = pairings[m].message.sid;
            }
}

void pairing_make(struct message_log_unsettled *rows, size_t n, struct pairing *pairings,
                  size_t n_pairings)
{
    if (n_pairings)
        qsort(pairings, n_pairings, sizeof(*pairings), newest_first);
    for (int rendered = 0; rendered <= 1; rendered++) {
        pair_by(rows, n, pairings, n_pairings, rendered, 0);
        pair_by(rows, n, pairings, n_pairings, rendered, PAIRING_EARLIER_S);
    }
}

bool pairing_is_doubtful(const struct message_log_unsettled *row, const struct pairing *pairings,
                         size_t n_pairings)
{
    for (size_t m = 0; m < n_pairings; m++)
        if (!pairings[m].row && pairing_is_near(row, &pairings[m].message))
            return true;
    return false;
}
