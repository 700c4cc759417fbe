#include "sender.h"

#include <stdio.h>
#include <string.h>

#include "resolver.h"

/* --check waits so long for a name */
#define RESOLVE_MS 10000

static bool open_keys(struct service *service, struct fault *reterr)
{
    const char *file = service->settings->jwks_file;

    return !file || (service->keys = auth_keys_new(file)) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the key set");
}

static void close_keys(struct service *service)
{
    auth_keys_free(service->keys);
    service->keys = NULL;
}

const struct service_part sender_keys = {.open = open_keys, .close = close_keys};

/** A set of no keys is what Supabase publishes while a secret signs; without one it is no use. */
static bool check_keys(const struct service *service)
{
    const struct settings *settings = service->settings;
    const char *secret = settings->jwt_secret;
    struct fault fault;
    size_t count;

    if (secret && strlen(secret) < 32)
        printf("%-30s shorter than 32 bytes (RFC 7518, 3.2)\n", "SUPABASE_JWT_SECRET");
    if (settings->jwks_url && !settings->jwks_file) {
        printf("%-30s none: JWT_JWKS_URL has no use without JWT_JWKS_FILE\n", "key set");
        return false;
    }
    if (!service->keys)
        return true;
    if (!auth_keys_load(service->keys, &count, &fault)) {
        printf("%-30s invalid: %s; running processes keep the last good one%s\n", "key set",
               fault.detail, settings->jwks_url ? " (send-whatsapp --fetch-keys fetches it)" : "");
        return false;
    }
    printf("%-30s %zu usable key%s\n", "key set", count, text_plural(count));
    return count > 0 || secret;
}

/** Is there a way to the host of an address? `what` begins the line; without an address: none. */
static bool check_address(const char *what, const char *url)
{
    struct text host = text_of(url), rest;
    const char *why;
    char name[256];

    if (!url)
        return true;
    host = text_skip(host, text_starts(host, TEXT("https://")) ? 8 : 7);
    text_cut(host, '/', &host, &rest);
    if (text_starts(host, TEXT("[")))
        text_cut(text_skip(host, 1), ']', &host, &rest);
    else
        text_cut(host, ':', &host, &rest);
    snprintf(name, sizeof(name), "%.*s", TEXT_ARG(host));
    bool found = resolver_knows(name, RESOLVE_MS, &why);
    printf("%-30s %s%s\n", what, found ? "resolvable" : "not resolvable: ", found ? "" : why);
    return found;
}

bool sender_check(const struct service *service)
{
    bool keys = check_keys(service);
    bool source = check_address("key set's address", service->settings->jwks_url);

    return check_address("Twilio's address", service->settings->twilio_api_url) && keys && source;
}

static bool identify(struct service *service, struct arena *arena, enum sender_tokens tokens,
                     const struct cgi_request *request, struct auth_caller *ret_caller,
                     struct fault *reterr)
{
    const struct settings *settings = service->settings;
    const struct auth_policy policy = {
        .hmac_secret = text_of(settings->jwt_secret),
        .jwks_file = settings->jwks_file,
        .audience = text_of(settings->jwt_audience),
        .issuer = text_of(settings->jwt_issuer),
        .server_keys = text_of(settings->server_keys),
    };
    const struct auth_presented presented = {request->authorization, request->apikey};
    struct fault fault;
    int64_t now = service->clock->epoch_ms(service->clock->self) / 1000;

    *ret_caller = (struct auth_caller){.role = AUTH_NOBODY};
    if (tokens != SENDER_TOKENS_REQUIRED && text_equal(request->listener, TEXT("public")))
        return fault_set(reterr, FAULT_FORBIDDEN,
                         "the internal sender asked for at a public listener");
    if (tokens == SENDER_TOKENS_IGNORED)
        return request->origin.n == 0 ||
               fault_set(reterr, FAULT_FORBIDDEN, "a browser at the internal sender");
    if (!auth_verify(arena, &policy, service->keys, &presented, now, ret_caller, &fault)) {
        if (tokens == SENDER_TOKENS_OPTIONAL && fault.kind == FAULT_MISSING_AUTHORIZATION)
            return true;
        *reterr = fault;
        return false;
    }
    if (ret_caller->role != AUTH_ANON)
        return true;
    if (tokens == SENDER_TOKENS_REQUIRED)
        return fault_set(reterr, FAULT_FORBIDDEN, "role anon may not send");
    ret_caller->role = AUTH_NOBODY;
    return true;
}

/** RFC 9110 section 8.4: "identity", which says nothing, once or more. */
static bool is_identity(struct text encoding)
{
    struct text item;

    while (encoding.n) {
        text_cut(encoding, ',', &item, &encoding);
        item = text_trim(item);
        if (item.n && !text_equal_nocase(item, TEXT("identity")))
            return false;
    }
    return true;
}

/**
 * The body is JSON by any label, unless it is encoded. A page without a token, where none is asked
 * for, must say that it is: the browser then asks first (CORS), and no page sends unseen.
 */
static bool check_media_type(enum sender_tokens tokens, const struct cgi_request *request,
                             const struct auth_caller *caller, struct fault *reterr)
{
    bool unseen = tokens == SENDER_TOKENS_OPTIONAL && request->origin.n > 0 &&
                  request->authorization.n == 0 && caller->role == AUTH_NOBODY;

    if (!is_identity(request->content_encoding)) {
        fault_set(reterr, FAULT_UNSUPPORTED_MEDIA_TYPE, "body has a Content-Encoding");
        return fault_say(reterr, "Unsupported Content-Encoding");
    }
    return !unseen || cgi_is_type(request->content_type, TEXT("application/json")) ||
           fault_set(reterr, FAULT_UNSUPPORTED_MEDIA_TYPE, "body is not application/json");
}

/** Bare or quoted (RFC 8941 section 3.3.3): 1 to 255 visible ASCII characters. */
static bool take_key(struct text header, struct text *ret_key, struct fault *reterr)
{
    struct text key = text_trim(header);

    if (key.n == 0)
        return true;
    if (key.s[0] == '"') {
        if (key.n < 2 || key.s[key.n - 1] != '"')
            return fault_set(reterr, FAULT_INVALID_IDEMPOTENCY_KEY, "quote without its pair");
        key = (struct text){key.s + 1, key.n - 2};
    }
    if (key.n < 1 || key.n > 255)
        return fault_set(reterr, FAULT_INVALID_IDEMPOTENCY_KEY, "key has %zu characters", key.n);
    for (size_t i = 0; i < key.n; i++)
        if (key.s[i] < 0x21 || key.s[i] > 0x7E)
            return fault_set(reterr, FAULT_INVALID_IDEMPOTENCY_KEY, "key has another character");
    *ret_key = key;
    return true;
}

/** Of a key set that went bad under a running process. */
static void note_keys(const struct service *service, struct arena *arena,
                      struct cgi_response *response)
{
    struct fault failure;

    if (service->keys && auth_keys_complaint(service->keys, &failure))
        cgi_note(response, arena, "the last good key set is kept: %s", failure.detail);
}

bool sender_handle(const struct sender_policy *policy, struct service *service, struct arena *arena,
                   const struct cgi_request *request, struct cgi_response *response,
                   struct sender_sent *ret_sent, struct fault *reterr)
{
    struct dispatch_order order = {.endpoint = policy->endpoint};
    struct sender_sent sent = {0};
    struct rate_limit rate = {0};
    struct auth_caller caller;

    bool identified = identify(service, arena, policy->tokens, request, &caller, reterr);
    note_keys(service, arena, response);
    if (!identified || !check_media_type(policy->tokens, request, &caller, reterr) ||
        !take_key(request->idempotency_key, &order.key, reterr) ||
        !message_parse(arena, request->body, policy->whatsapp_only, &sent.message, reterr))
        return false;
    order.caller = &caller;
    order.message = &sent.message;
    response->log_to = sent.message.to;
    bool good = dispatch_message(service, arena, &order, &sent.receipt, &rate, reterr);
    rate_limit_headers(response, arena, &rate);
    if (sent.receipt.replayed)
        cgi_header(response, "Idempotent-Replayed", TEXT("true"));
    response->log_id = good ? sent.receipt.id : text_of(reterr->id);
    response->log_sid = sent.receipt.sid;
    if (sent.receipt.note)
        response->log_note = sent.receipt.note;
    *ret_sent = sent;
    return good;
}
