#include "http.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

/* What libcurl itself makes of longer ones, from 8.14 on; older ones have no end. */
#define RETRY_AFTER_MAX 21600

struct client {
    struct http_options options;
    CURL *curl;    /* made at the first exchange */
    bool leftover; /* TLS has read more than the last answer */
};

/** One exchange on its way. */
struct exchange {
    CURL *curl;
    bool leftover; /* behind what libcurl has taken so far */
    struct arena *arena;
    struct text unsent; /* what is left of the body */
    size_t length;      /* of the whole body */
    size_t reply_max;
    bool body_read; /* libcurl has asked for it: from then on something may have gone out */
    bool early;     /* an answer began before the request was out in whole */
    char *reply;
    size_t n, room;
    bool too_large;
};

static size_t give_body(char *to, size_t size, size_t count, void *payload)
{
    struct exchange *exchange = payload;
    size_t n = size * count;

    exchange->body_read = true;
    if (n > exchange->unsent.n)
        n = exchange->unsent.n;
    if (n)
        memcpy(to, exchange->unsent.s, n);
    exchange->unsent = text_skip(exchange->unsent, n);
    return n;
}

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

/** Called for each line of an answer's head, the status line first. */
static size_t take_header(char *from, size_t size, size_t count, void *payload)
{
    struct exchange *exchange = payload;
    curl_off_t sent = 0;

    (void)from;
    exchange->leftover = tls_holds_more(exchange->curl);
    curl_easy_getinfo(exchange->curl, CURLINFO_SIZE_UPLOAD_T, &sent);
    exchange->early = sent < (curl_off_t)exchange->length;
    return exchange->early ? 0 : size * count;
}

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

    exchange->leftover = tls_holds_more(exchange->curl);
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
    good &= curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, 50L) == CURLE_OK;
    /* one: of several, libcurl would choose one that nobody has looked at */
    good &= curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body) == CURLE_OK;
    return good;
}

/**
 * Has the kept connection something to say, be it that it ends? Then it is not used again: nothing
 * was asked, so what stands there is no answer to what is asked next.
 */
static bool is_talking(const struct client *client)
{
    curl_socket_t kept = CURL_SOCKET_BAD;

    if (client->leftover)
        return true;
    if (curl_easy_getinfo(client->curl, CURLINFO_ACTIVESOCKET, &kept) != CURLE_OK ||
        kept == CURL_SOCKET_BAD)
        return false;
    struct pollfd look = {.fd = kept, .events = POLLIN};
    return poll(&look, 1, 0) != 0;
}

/**
 * The body comes through a read function that cannot be rewound on purpose: libcurl would otherwise
 * send it a second time when a kept connection breaks, and Twilio may have taken the first.
 */
static bool set_request(CURL *curl, const struct http_request *request, struct exchange *exchange,
                        struct curl_slist *headers, char *error)
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
    good &= curl_easy_setopt(curl, CURLOPT_READDATA, exchange) == CURLE_OK;
    good &= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
    if (request->post) {
        good &= curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK;
        good &= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->form.n) == CURLE_OK;
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

static CURL *ready_client(struct client *client)
{
    if (!client->curl) {
        /* The end of a process frees at once what OpenSSL would free piece by piece at exit. */
        OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
        client->curl = curl_easy_init();
        if (client->curl && !set_up(client->curl, &client->options)) {
            curl_easy_cleanup(client->curl);
            client->curl = NULL;
        }
    }
    return client->curl;
}

/** Can the request have been acted on? A POST without a byte of its body is none. */
static bool was_sent(const struct exchange *exchange, bool post)
{
    long bytes = 0;

    curl_easy_getinfo(exchange->curl, CURLINFO_REQUEST_SIZE, &bytes);
    return exchange->body_read || (!post && bytes > 0);
}

/**
 * A server that has waited too long for a request says 408: over a kept connection it had the end
 * of the one before in mind, and may have crossed ours on its way.
 */
static bool is_late_timeout(CURL *curl, long status)
{
    long connects = 1;

    curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connects);
    return status == 408 && connects == 0;
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

static void perform(void *self, struct arena *arena, const struct http_request *request,
                    struct http_reply *ret_reply)
{
    char error[CURL_ERROR_SIZE] = "";
    struct client *client = self;
    CURL *curl = ready_client(client);
    struct curl_slist *headers = make_headers();
    struct exchange exchange = {.curl = curl,
                                .arena = arena,
                                .unsent = request->form,
                                .length = request->form.n,
                                .reply_max =
                                    request->reply_max ? request->reply_max : HTTP_REPLY_MAX};

    *ret_reply = (struct http_reply){.outcome = HTTP_NOT_SENT};
    if (!curl || !headers || !set_request(curl, request, &exchange, headers, error)) {
        snprintf(ret_reply->error, sizeof(ret_reply->error), "cannot set up libcurl");
    } else {
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, is_talking(client) ? 1L : 0L);
        CURLcode result = curl_easy_perform(curl);
        client->leftover = exchange.leftover;
        if (result == CURLE_OK) {
            read_answer(curl, &exchange, ret_reply);
        } else {
            ret_reply->outcome =
                was_sent(&exchange, request->post) ? HTTP_NO_ANSWER : HTTP_NOT_SENT;
            snprintf(ret_reply->error, sizeof(ret_reply->error), "%.100s",
                     exchange.too_large ? "answer is too large"
                     : exchange.early   ? "an answer came before the request was out"
                     : error[0]         ? error
                                        : curl_easy_strerror(result));
        }
    }
    if (curl) {
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    }
    curl_slist_free_all(headers);
    free(exchange.reply);
}

bool http_open(const struct http_options *options, struct http *ret_http, struct fault *reterr)
{
    struct client *client = calloc(1, sizeof(*client));

    if (!client)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for an HTTP client");
    client->options = *options;
    *ret_http = (struct http){client, perform};
    /* cppcheck-suppress memleak ; http_close() frees it: cppcheck does not follow *ret_http */
    return true;
}

void http_close(struct http *http)
{
    struct client *client = http->self;

    if (client && client->curl)
        curl_easy_cleanup(client->curl);
    free(client);
    *http = (struct http){0};
}
