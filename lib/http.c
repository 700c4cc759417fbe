#include "http.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

/* What libcurl itself makes of longer ones, from 8.14 on; older ones have no end. */
#define RETRY_AFTER_MAX 21600

/* A connection that has lain idle for so long is not used again, and is closed when somebody looks:
 * so many at a time, as each takes its leave. */
#define IDLE_S     50
#define LEAVE_MOST 4

/* So many bytes of an answer. libcurl's own 16 KB for each of 256 clients are 2 MB more in memory.
 */
#define RECEIVED_AT_ONCE 4096

/** A connection, be it to be made, and all that an exchange needs; one exchange has it at a time.
 */
struct client {
    TAILQ_ENTRY(client) others;
    CURL *curl;
    struct curl_slist *headers;
    curl_socket_t kept; /* after an exchange: its connection */
    bool leftover;      /* TLS has read more than the last answer */
    time_t idle_since;  /* by the monotonic clock */
};

TAILQ_HEAD(clients, client);

/** struct http's self: those that nobody has, the one used last first. */
struct pool {
    struct http_options options;
    pthread_mutex_t lock;
    struct clients idle;
};

/** One exchange on its way. */
struct exchange {
    struct client *client;
    struct arena *arena;
    size_t length; /* of the body */
    size_t reply_max;
    bool leftover; /* behind what libcurl has taken so far */
    bool spoiled;  /* the kept connection had something to say: nothing was sent */
    bool begun;    /* the request may have gone out, */
    long before;   /* behind so many bytes to a proxy on the way */
    bool again;    /* the connection broke, and libcurl would send the request a second time */
    bool early;    /* an answer began before the request was out in whole */
    char *reply;
    size_t n, room;
    bool too_large;
};

/**
 * Does TLS hold bytes that it has read and nobody has taken? The socket does not show them. What
 * another TLS than OpenSSL holds is not known.
 */
static bool tls_holds_more(CURL *curl)
{
    const struct curl_tlssessioninfo *tls = NULL;

    return curl_easy_getinfo(curl, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls &&
           tls->backend == CURLSSLBACKEND_OPENSSL && tls->internals &&
           SSL_pending(tls->internals) > 0;
}

static long info(CURL *curl, CURLINFO what)
{
    long value = 0;

    curl_easy_getinfo(curl, what, &value);
    return value;
}

/** Has a byte of the request gone out? */
static bool was_sent(const struct exchange *exchange)
{
    return exchange->begun &&
           info(exchange->client->curl, CURLINFO_REQUEST_SIZE) > exchange->before;
}

/**
 * Has the kept connection something to say, be it that it ends? Then it is not used again: nothing
 * was asked, so what stands there is no answer to what is asked next.
 */
static bool is_talking(const struct client *client)
{
    struct pollfd look = {.fd = client->kept, .events = POLLIN};

    return poll(&look, 1, 0) != 0;
}

/* NOLINTBEGIN(readability-non-const-parameter): libcurl says what its callbacks take */

/**
 * Called when a connection is there, right before a request goes out over it; and before it goes
 * out again, when a kept connection has broken: Twilio may have taken the first.
 */
static int look_before(void *payload, char *peer, char *own, int peer_port, int own_port)
{
    struct exchange *exchange = payload;
    CURL *curl = exchange->client->curl;
    bool kept = info(curl, CURLINFO_NUM_CONNECTS) == 0;

    (void)peer, (void)own, (void)peer_port, (void)own_port;
    exchange->again = was_sent(exchange);
    exchange->spoiled = !exchange->again && kept && is_talking(exchange->client);
    if (exchange->again || exchange->spoiled)
        return CURL_PREREQFUNC_ABORT;
    exchange->begun = true;
    exchange->before = info(curl, CURLINFO_REQUEST_SIZE);
    return CURL_PREREQFUNC_OK;
}

/** Called for each line of an answer's head, the status line first. */
static size_t take_header(char *from, size_t size, size_t count, void *payload)
{
    struct exchange *exchange = payload;
    CURL *curl = exchange->client->curl;
    curl_off_t sent = 0;

    (void)from;
    exchange->leftover = tls_holds_more(curl);
    curl_easy_getinfo(curl, CURLINFO_SIZE_UPLOAD_T, &sent);
    exchange->early = sent < (curl_off_t)exchange->length;
    return exchange->early ? 0 : size * count;
}

/* NOLINTEND(readability-non-const-parameter) */

static bool grow(struct exchange *exchange, size_t more)
{
    if (exchange->n + more <= exchange->room)
        return true;
    size_t room = exchange->room ? exchange->room * 2 : 4096;
    while (room < exchange->n + more)
        room *= 2;
    char *grown = realloc(exchange->reply, room);
    if (!grown)
        return false;
    exchange->reply = grown;
    exchange->room = room;
    return true;
}

static size_t take_reply(char *from, size_t size, size_t count, void *payload)
{
    struct exchange *exchange = payload;
    size_t n = size * count;

    exchange->leftover = tls_holds_more(exchange->client->curl);
    if (n > exchange->reply_max - exchange->n || !grow(exchange, n)) {
        exchange->too_large = true;
        return 0;
    }
    memcpy(exchange->reply + exchange->n, from, n);
    exchange->n += n;
    return n;
}

/** Options that are the same for every exchange of a client. */
static bool set_up(CURL *curl, const struct http_options *options)
{
    bool good = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;

    /* a nameserver that does not answer is left behind at the deadline, not waited for */
    good &= curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;

    good &= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR,
                             options->plain ? "http,https" : "https") == CURLE_OK;
    if (options->plain)
        good &= curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_CAPATH, options->ca_path) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_USERAGENT, "twilio-cgi") == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)IDLE_S) == CURLE_OK;
    /* one: of several, libcurl would choose one that nobody has looked at */
    good &= curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)RECEIVED_AT_ONCE) == CURLE_OK;
    /* what a proxy says to CONNECT is no part of the answer */
    good &= curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, look_before) == CURLE_OK;
    return good;
}

static bool set_request(CURL *curl, const struct http_request *request, struct exchange *exchange,
                        char *error)
{
    bool good = curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK;

    good &= curl_easy_setopt(curl, CURLOPT_USERNAME, request->user) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password) == CURLE_OK;
    good &=
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->total_ms) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_HEADERDATA, exchange) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_PREREQDATA, exchange) == CURLE_OK;
    if (request->post) {
        /* in one piece with the head, where it is no giant */
        const char *form = request->form.n ? request->form.s : "";
        good &= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->form.n) == CURLE_OK;
        good &= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form) == CURLE_OK;
    } else {
        good &= curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    }
    return good;
}

static struct curl_slist *make_headers(void)
{
    /* no "Expect: 100-continue": it costs a round trip */
    struct curl_slist *first = curl_slist_append(NULL, "Expect:");
    struct curl_slist *both = first ? curl_slist_append(first, "Accept: application/json") : NULL;

    if (!both)
        curl_slist_free_all(first);
    return both;
}

static void free_client(struct client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->headers);
    free(client);
}

static struct client *make_client(const struct http_options *options)
{
    struct client *client = calloc(1, sizeof(*client));

    if (!client)
        return NULL;
    /* The end of a process frees at once what OpenSSL would free piece by piece at exit. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    client->headers = make_headers();
    client->curl = curl_easy_init();
    if (client->headers && client->curl && set_up(client->curl, options) &&
        curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers) == CURLE_OK)
        return client;
    free_client(client);
    return NULL;
}

static time_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/** The client used last, so that few stay warm; NULL: there is no memory for one. */
static struct client *take_client(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct client *client = TAILQ_FIRST(&pool->idle);
    if (client)
        TAILQ_REMOVE(&pool->idle, client, others);
    pthread_mutex_unlock(&pool->lock);
    return client ? client : make_client(&pool->options);
}

static void give_client(struct pool *pool, struct client *client)
{
    client->idle_since = now_s();
    pthread_mutex_lock(&pool->lock);
    TAILQ_INSERT_HEAD(&pool->idle, client, others);
    pthread_mutex_unlock(&pool->lock);
}

/** The client that has been idle longest, where that is for long enough. */
static struct client *take_idle(struct pool *pool, time_t since)
{
    pthread_mutex_lock(&pool->lock);
    struct client *last = TAILQ_LAST(&pool->idle, clients);
    if (last && last->idle_since <= since)
        TAILQ_REMOVE(&pool->idle, last, others);
    else
        last = NULL;
    pthread_mutex_unlock(&pool->lock);
    return last;
}

static void close_idle(struct pool *pool)
{
    time_t since = now_s() - IDLE_S;
    struct client *client;

    for (size_t n = 0; n < LEAVE_MOST && (client = take_idle(pool, since)); n++)
        free_client(client);
}

/**
 * A server that has waited too long for a request says 408: over a kept connection it had the end
 * of the one before in mind, and may have crossed ours on its way.
 */
static bool is_late_timeout(CURL *curl, long status)
{
    return status == 408 && info(curl, CURLINFO_NUM_CONNECTS) == 0;
}

static void read_answer(CURL *curl, struct exchange *exchange, struct http_reply *reply)
{
    long status = 0;
    curl_off_t wait = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
    if (is_late_timeout(curl, status)) {
        reply->outcome = HTTP_NO_ANSWER;
        snprintf(reply->error, sizeof(reply->error), "the kept connection timed out");
        return;
    }
    reply->outcome = HTTP_ANSWERED;
    reply->status = (int)status;
    if (wait > 0) /* a date may have passed */
        reply->retry_after = wait < RETRY_AFTER_MAX ? (int)wait : RETRY_AFTER_MAX;
    if (!arena_copy(exchange->arena, (struct text){exchange->reply, exchange->n}, &reply->body)) {
        reply->outcome = HTTP_NO_ANSWER;
        snprintf(reply->error, sizeof(reply->error), "no memory for the answer");
    }
}

/** Over the kept connection, or a new one where that has something to say. */
static CURLcode exchange_once(struct client *client, struct exchange *exchange)
{
    CURLcode result = CURLE_OK;
    bool fresh = client->leftover;

    do {
        exchange->spoiled = false;
        curl_easy_setopt(client->curl, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
        result = curl_easy_perform(client->curl);
        fresh = true;
    } while (exchange->spoiled);
    client->leftover = exchange->leftover;
    client->kept = CURL_SOCKET_BAD;
    curl_easy_getinfo(client->curl, CURLINFO_ACTIVESOCKET, &client->kept);
    return result;
}

static void exchange_whole(struct client *client, const struct http_request *request,
                           struct exchange *exchange, struct http_reply *ret_reply)
{
    char error[CURL_ERROR_SIZE] = "";

    if (!set_request(client->curl, request, exchange, error)) {
        snprintf(ret_reply->error, sizeof(ret_reply->error), "cannot set up libcurl");
    } else {
        CURLcode result = exchange_once(client, exchange);
        if (result == CURLE_OK) {
            read_answer(client->curl, exchange, ret_reply);
        } else {
            /* can the request have been acted on? */
            ret_reply->outcome = was_sent(exchange) ? HTTP_NO_ANSWER : HTTP_NOT_SENT;
            snprintf(ret_reply->error, sizeof(ret_reply->error), "%.100s",
                     exchange->too_large ? "answer is too large"
                     : exchange->early   ? "an answer came before the request was out"
                     : exchange->again   ? "the kept connection broke"
                     : error[0]          ? error
                                         : curl_easy_strerror(result));
        }
    }
    curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, NULL);
}

static void perform(void *self, struct arena *arena, const struct http_request *request,
                    struct http_reply *ret_reply)
{
    struct pool *pool = self;
    struct client *client = take_client(pool);
    struct exchange exchange = {.client = client,
                                .arena = arena,
                                .length = request->form.n,
                                .reply_max =
                                    request->reply_max ? request->reply_max : HTTP_REPLY_MAX};

    *ret_reply = (struct http_reply){.outcome = HTTP_NOT_SENT};
    if (!client) {
        snprintf(ret_reply->error, sizeof(ret_reply->error), "cannot set up libcurl");
        return;
    }
    exchange_whole(client, request, &exchange, ret_reply);
    free(exchange.reply);
    give_client(pool, client);
    close_idle(pool);
}

bool http_open(const struct http_options *options, struct http *ret_http, struct fault *reterr)
{
    struct pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for an HTTP client");
    pool->options = *options;
    pthread_mutex_init(&pool->lock, NULL);
    TAILQ_INIT(&pool->idle);
    *ret_http = (struct http){pool, perform};
    /* cppcheck-suppress memleak ; http_close() frees it: cppcheck does not follow *ret_http */
    return true;
}

void http_close_idle(struct http *http)
{
    if (http->self)
        close_idle(http->self);
}

void http_close(struct http *http)
{
    struct pool *pool = http->self;
    struct client *client;

    while (pool && (client = TAILQ_FIRST(&pool->idle))) {
        TAILQ_REMOVE(&pool->idle, client, others);
        free_client(client);
    }
    if (pool)
        pthread_mutex_destroy(&pool->lock);
    free(pool);
    *http = (struct http){0};
}
