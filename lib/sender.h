/**
 * What the two sending endpoints share before a message is looked at: who calls, under which key.
 */
#ifndef SENDER_H
#define SENDER_H

#include "dispatch.h"
#include "program.h"

/** How an endpoint looks at tokens. */
enum sender_tokens {
    SENDER_TOKENS_IGNORED,  /* nobody is asked; a browser (Origin) is refused */
    SENDER_TOKENS_OPTIONAL, /* one that is presented must be valid; anon counts as nobody */
    SENDER_TOKENS_REQUIRED, /* a user's or a server's */
};

/** In what the endpoints differ. */
struct sender_policy {
    const char *endpoint;
    enum sender_tokens tokens;
    bool whatsapp_only;
};

/** What was sent, and how it went. */
struct sender_sent {
    struct message message;
    struct dispatch_receipt receipt;
};

/**
 * Everything of a send request: caller, media type, key, message, in this order; then send it.
 *
 * On success and failure alike the response gets the RateLimit and replay headers and what the log
 * tells. Fails with what it met first.
 */
must_check bool sender_handle(const struct sender_policy *policy, struct service *service,
                              struct arena *arena, const struct cgi_request *request,
                              struct cgi_response *response, struct sender_sent *ret_sent,
                              struct fault *reterr);

/** The key set, of a process. */
extern const struct service_part sender_keys;

/** --check: key set readable, Twilio's address resolvable. */
bool sender_check(const struct service *service);

#endif
