/**
 * What the floors share: the least that a program can do for the same answer of the same SQL
 * functions. They check nothing, store nothing else and know nothing of errors.
 */
#ifndef BENCH_MINIMAL_H
#define BENCH_MINIMAL_H

#include <stdbool.h>
#include <stddef.h>

#include <libpq-fe.h>

/** The value of `name` in a form as it stands there, or "". */
void minimal_field(const char *form, const char *name, char *to, size_t room);

/** record_status for a callback's query and body; true and the row's status where it is recorded.
 */
bool minimal_record(PGconn *conn, const char *query, const char *body, char *status, size_t room);

/** reserve_message for a body {"to":"...","message":"..."} as load makes it; the row's id. */
bool minimal_reserve(PGconn *conn, const char *body, char id[37], char to[32],
                     const char **ret_message, size_t *ret_n);

/** settle_message with a SID. */
bool minimal_settle(PGconn *conn, const char *id, const char *sid);

/** POST a message to TWILIO_API_URL by libcurl; `curl` keeps its connection. */
bool minimal_post(void *curl, const char *id, const char *to, const char *message, size_t n,
                  char sid[40]);

#endif
