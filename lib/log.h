/**
 * The log: one JSON line a request on standard error, and one where a request found a fault in the
 * spool.
 *
 * A line never holds a secret, a message's text or a whole phone number: numbers are masked here,
 * and what else goes in are identifiers, fixed words and a fault's detail.
 *
 *     {"time":"2026-01-31T12:00:00.123Z","program":"send-whatsapp","request_id":"…","method":"POST",
 *      "status":200,"ms":84,"id":"…","sid":"SM…","to":"+2010*****678"}
 */
#ifndef LOG_H
#define LOG_H

#include "arena.h"
#include "clock.h"
#include "fault.h"

struct log_entry {
    const char *program;
    struct text request_id, method;
    int status;                /* 0: not of a request */
    int64_t ms;                /* how long the request took */
    const struct fault *fault; /* NULL: none */
    const char *note;          /* what else there is to say; NULL: nothing */
    struct text id, sid, to, event;
};

/** Write the line to a file descriptor in one call, so that lines of many processes don't mix. */
void log_write(int fd, struct arena *arena, const struct clock *clock,
               const struct log_entry *entry);

/** "+201012345678" is "+2010*****678": the first five and the last three characters stay. */
void log_mask(struct text number, char ret_masked[24]);

#endif
