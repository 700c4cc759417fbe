/**
 * What a handler may reach: settings and the seams to the world. No module knows a global.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "auth.h"
#include "cgi.h"
#include "clock.h"
#include "database.h"
#include "http.h"
#include "settings.h"
#include "spool.h"

struct service {
    const struct settings *settings;
    const struct clock *clock;
    struct database database;
    struct spool spool;
    struct http http;       /* senders only */
    struct auth_keys *keys; /* senders only; NULL without a key set */
    bool database_answers;  /* in this request: what waits in the spool may be replayed */
    int64_t next_look_ms;   /* at the spool, by the monotonic clock */
};

/** An endpoint: from a request to an answer. On failure the fault is the answer. */
typedef bool service_handler(struct service *service, struct arena *arena,
                             const struct cgi_request *request, struct cgi_response *response,
                             struct fault *reterr);

#endif
