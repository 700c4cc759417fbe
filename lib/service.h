/**
 * What a handler or a verb may reach: settings and the seams to the world. No module knows a
 * global.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdatomic.h>

#include "auth.h"
#include "cgi.h"
#include "clock.h"
#include "database.h"
#include "http.h"
#include "settings.h"
#include "spool.h"

/** One thread of a process at a time looks at the spool; the others don't wait for it. */
struct service_turn {
    atomic_bool taken;
    _Atomic int64_t next_look_ms; /* by the monotonic clock */
};

struct recorder;

struct service {
    const struct settings *settings;
    const struct clock *clock;
    size_t connections; /* to the database, at once; 0 is one */
    struct database database;
    struct spool spool;
    struct http http;          /* to Twilio, see twilio_client; senders only */
    struct auth_keys *keys;    /* senders only; NULL without a key set */
    bool database_answers;     /* in this request: what waits in the spool may be replayed */
    struct service_turn *turn; /* of all threads; NULL: there is one */
    struct recorder *recorder; /* of all threads, see recorder.h; webhook only */
};

/** An endpoint: from a request to an answer. On failure the fault is the answer. */
typedef bool service_handler(struct service *service, struct arena *arena,
                             const struct cgi_request *request, struct cgi_response *response,
                             struct fault *reterr);

/**
 * A part of a service that is opened before it is used. The module that knows how exports it, and
 * whoever needs it lists it, so that a program links and opens nothing else:
 *
 *     .needs = {&service_database, &twilio_client},
 */
struct service_part {
    bool (*open)(struct service *service, struct fault *reterr);
    void (*close)(struct service *service); /* of one that was not opened, too */
    void (*rest)(struct service *service);  /* let go of what was wanted; NULL: nothing */
};

#define SERVICE_PARTS_MAX 4

/** What settings say of the database. Connects when a statement needs it. */
extern const struct service_part service_database;

/** The spool's place, which is made when something is put there. */
extern const struct service_part service_spool;

/** Open parts in their order, up to the first NULL. On failure some are open: close them all. */
must_check bool service_open(struct service *service,
                             const struct service_part *const parts[SERVICE_PARTS_MAX],
                             struct fault *reterr);

/** For a while there was less to do. */
void service_rest(struct service *service,
                  const struct service_part *const parts[SERVICE_PARTS_MAX]);

/** Close parts, the last first. */
void service_close(struct service *service,
                   const struct service_part *const parts[SERVICE_PARTS_MAX]);

#endif
