/**
 * What went in and out: one JSON line per request received and per callback attempt made, for tests
 * to read, and a count of the latest ones for GET /sandbox/requests.
 *
 *   {"time":1700000000000,"type":"request","method":"POST","path":"/2010-04-01/...","parameters":{...},
 *    "status":201,"sid":"SM...","behaviour":"normal"}
 *   {"time":...,"type":"callback","url":"http://...","parameters":{...},"attempt":1,"status":200,
 *    "outcome":"answered","ms":3,"sid":"SM...","signature":"...","token":"..."}
 *
 * A repeated parameter is an array. status 0: no answer. outcome: answered, connect, read, dropped.
 * Each line is one write to a file opened for appending. Credentials are not logged.
 */
#ifndef SANDBOX_REQUEST_LOG_H
#define SANDBOX_REQUEST_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "params.h"

struct cJSON;

struct log_entry {
    bool callback;
    int64_t time_ms;
    const char *method; /* requests */
    const char *path;   /* a callback's address */
    const struct params *params;
    int status;
    const char *sid, *behaviour, *outcome, *signature, *token; /* NULL: left out */
    unsigned attempt;                                          /* callbacks, from 1 */
    int64_t took_ms;
};

struct request_log {
    int fd; /* -1: no file */
    struct tally *tallies;
    uint64_t count;
};

/* path "": counts only. */
bool request_log_open(struct request_log *log, const char *path);
void request_log_add(struct request_log *log, const struct log_entry *entry);

/* Counts of the last 65536 entries from since_ms on: {"posts":N,"gets":N,"callbacks":N,
 * "statuses":{"201":N},"callback_statuses":{"200":N,"0":N}}. The caller deletes it. */
struct cJSON *request_log_counts(const struct request_log *log, int64_t since_ms);

void request_log_reset(struct request_log *log);
void request_log_close(struct request_log *log);

#endif
