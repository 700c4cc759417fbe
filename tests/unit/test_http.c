/* libcurl behind one question: can the request have been processed? Against a server on loopback
 * that misbehaves in a thread, and with curl_easy_perform() replaced where real parts cannot be
 * brought to fail. */

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "clock.h"
#include "fake_record.h"
#include "http.h"
#include "unit.h"

CURLcode __real_curl_easy_perform(CURL *curl);
CURLcode __wrap_curl_easy_perform(CURL *curl);

static CURLcode pretended; /* CURLE_OK: libcurl's own */

static void (*before_perform)(void); /* between the look at a kept connection and its use */

CURLcode __wrap_curl_easy_perform(CURL *curl)
{
    if (before_perform)
        before_perform();
    return pretended == CURLE_OK ? __real_curl_easy_perform(curl) : pretended;
}

/** What the server does with one connection. */
struct act {
    const char *answers[4];   /* one a request, then the connection is closed */
    bool reads_nothing;       /* closes (with a reset) or answers before it has read */
    bool silent;              /* reads and never answers */
    bool closes_after_answer; /* though it has said nothing of it: a kept connection breaks */
    size_t large;             /* bytes of 'x' behind the last answer */
    bool waits_for_body;      /* before it reads nothing */
    const char *stray;        /* what nobody has asked for, behind the answers */
    bool joined;              /* in one piece with the last answer */
    bool waits;               /* sends it when it is told to */
    bool fin;                 /* and says that nothing more will come */
};

/** A connection at its end: the test's own TLS, or none. */
struct peer {
    int fd;
    SSL *tls;
};

struct server {
    const struct act *acts; /* one a connection; a zero one is the end */
    int listener;
    int port;
    pthread_t thread;
    int stop[2];
    SSL_CTX *tls;
    const char *tunnel;  /* what a proxy on the way answers, NULL: there is none */
    struct peer kept[4]; /* left open to the end of the test */
    size_t n_kept;
    char seen[1 << 18]; /* all that was read */
    size_t n_seen, n_reads, n_connections, n_requests, n_failed;
    atomic_size_t n_ended; /* connections */
    atomic_size_t n_strays;
    atomic_bool may_stray;
};

/** Is there something to read? False when the test is over. */
static bool wait_readable(struct server *server, int fd)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};

    return poll(fds, 2, 10000) > 0 && !(fds[1].revents & POLLIN);
}

static ssize_t receive(const struct peer *peer, char *to, size_t room)
{
    return peer->tls ? SSL_read(peer->tls, to, (int)room) : recv(peer->fd, to, room, 0);
}

static void send_all(const struct peer *peer, const char *from, size_t n)
{
    while (n) {
        ssize_t done =
            peer->tls ? SSL_write(peer->tls, from, (int)n) : send(peer->fd, from, n, MSG_NOSIGNAL);
        if (done <= 0)
            return;
        from += done;
        n -= (size_t)done;
    }
}

static void send_text(const struct peer *peer, const char *text)
{
    send_all(peer, text, strlen(text));
}

/** Read one request whole: to the end of its body. */
static bool read_one(struct server *server, const struct peer *peer)
{
    size_t start = server->n_seen;

    for (;;) {
        char *head = server->seen + start, *end;
        server->seen[server->n_seen] = '\0';
        if ((end = strstr(head, "\r\n\r\n"))) {
            const char *length = strstr(head, "Content-Length: ");
            size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
            if (server->n_seen - start >= (size_t)(end + 4 - head) + body) {
                server->n_requests++;
                return true;
            }
        }
        if (!wait_readable(server, peer->fd))
            return false;
        ssize_t n =
            receive(peer, server->seen + server->n_seen, sizeof(server->seen) - 1 - server->n_seen);
        if (n <= 0)
            return false;
        server->n_reads++;
        server->n_seen += (size_t)n;
    }
}

static void send_large(const struct peer *peer, size_t n)
{
    static char chunk[65536];

    memset(chunk, 'x', sizeof(chunk));
    for (; n > sizeof(chunk); n -= sizeof(chunk))
        send_all(peer, chunk, sizeof(chunk));
    send_all(peer, chunk, n);
}

/** Nothing is read of it, but its body has come. */
static void wait_for_body(struct server *server, int fd)
{
    char seen[4096] = "";

    while (wait_readable(server, fd) && recv(fd, seen, sizeof(seen) - 1, MSG_PEEK) > 0 &&
           !strstr(seen, "\r\n\r\na=b"))
        usleep(1000);
}

static void stray(struct server *server, const struct act *act, const struct peer *peer)
{
    while (act->waits && !server->may_stray)
        usleep(1000);
    if (!act->joined)
        send_text(peer, act->stray);
    if (act->fin && peer->tls)
        SSL_shutdown(peer->tls);
    if (act->fin)
        shutdown(peer->fd, SHUT_WR);
    server->n_strays++;
}

/** The head by itself: of TLS, what is behind the body is then in a record that has been read. */
static void answer(const struct act *act, const struct peer *peer, size_t i)
{
    bool last = i + 1 == ARRAY_LEN(act->answers) || !act->answers[i + 1];
    const char *end = strstr(act->answers[i], "\r\n\r\n");
    char rest[4096];

    if (!act->joined || !last || !end) {
        send_text(peer, act->answers[i]);
        return;
    }
    send_all(peer, act->answers[i], (size_t)(end + 4 - act->answers[i]));
    usleep(20000);
    snprintf(rest, sizeof(rest), "%s%s", end + 4, act->stray);
    send_text(peer, rest);
}

/** True: the connection is to stay open. */
static bool play(struct server *server, const struct act *act, const struct peer *peer)
{
    const struct linger reset = {1, 0};

    if (act->reads_nothing) {
        if (act->waits_for_body)
            wait_for_body(server, peer->fd);
        else
            wait_readable(server, peer->fd); /* a reset before that may look like a refusal */
        for (size_t i = 0; act->answers[i]; i++)
            send_text(peer, act->answers[i]);
        if (!act->answers[0])
            setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        return false;
    }
    if (act->silent) {
        while (read_one(server, peer))
            ;
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(act->answers) && act->answers[i] && read_one(server, peer);
         i++)
        answer(act, peer, i);
    send_large(peer, act->large);
    if (act->stray) {
        stray(server, act, peer);
        return true;
    }
    if (!act->closes_after_answer && wait_readable(server, peer->fd))
        read_one(server, peer);
    return false;
}

static void hang_up(struct peer *peer)
{
    SSL_free(peer->tls);
    close(peer->fd);
}

/** It is a proxy first, to which nothing of TLS is said. */
static void play_proxy(struct server *server, int fd)
{
    const struct peer proxy = {.fd = fd};

    if (server->tunnel && read_one(server, &proxy))
        send_text(&proxy, server->tunnel);
}

static void *run(void *self)
{
    struct server *server = self;

    while (wait_readable(server, server->listener)) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            break;
        /* what is sent is there when it has been sent */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        play_proxy(server, fd);
        struct peer peer = {.fd = fd, .tls = server->tls ? SSL_new(server->tls) : NULL};
        if (peer.tls && (!SSL_set_fd(peer.tls, fd) || SSL_accept(peer.tls) != 1))
            server->n_failed++;
        if (play(server, &server->acts[server->n_connections++], &peer))
            server->kept[server->n_kept++] = peer;
        else
            hang_up(&peer);
        server->n_ended++;
    }
    return NULL;
}

static SSL_CTX *with_tls; /* of the next server; NULL: plain */
static const char *with_tunnel;

static void start(struct server *server, const struct act *acts)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    memset(server, 0, sizeof(*server));
    server->acts = acts;
    server->tls = with_tls;
    server->tunnel = with_tunnel;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server->listener >= 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&at, &n), 0);
    server->port = ntohs(at.sin_port);
    assert_int_equal(pipe(server->stop), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
}

static void stop(struct server *server)
{
    assert_int_equal(write(server->stop[1], "x", 1), 1);
    pthread_join(server->thread, NULL);
    for (size_t i = 0; i < server->n_kept; i++)
        hang_up(&server->kept[i]);
    close(server->listener);
    close(server->stop[0]);
    close(server->stop[1]);
}

static struct server server;
static struct arena arena;

/** One exchange of an open client with the server. */
static struct http_reply ask(const struct http *http, const char *scheme, int port,
                             const char *form, int total_ms)
{
    char url[128];
    struct http_reply reply;
    struct http_request request = {.url = url,
                                   .user = "AC1",
                                   .password = "token",
                                   .post = form != NULL,
                                   .form = text_of(form),
                                   /* where the server has TLS, it is as slow as the machine */
                                   .connect_ms = with_tls ? 60000 : 2000,
                                   .total_ms = total_ms};

    snprintf(url, sizeof(url), "%s://127.0.0.1:%d/a?b=c", scheme, port);
    http->perform(http->self, &arena, &request, &reply);
    return reply;
}

static char ca_file[] = "/tmp/test_http.XXXXXX"; /* the server's own certificate */

static struct http open_client(bool plain)
{
    const struct http_options options = {.plain = plain, .ca_file = with_tls ? ca_file : NULL};
    struct fault fault;
    struct http http;

    assert_true(http_open(&options, &http, &fault));
    return http;
}

#define OK(body, length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body

/** One connection, one request, and what is told of it. */
static const struct exchange_row {
    const char *label;
    struct act act;
    const char *scheme; /* NULL: http, which is allowed */
    bool get;
    enum http_outcome want;
    int status, retry_after;
    const char *body, *error; /* error: a part of it */
} exchanges[] = {
    {"an answer", {{OK("hello", "5")}}, .want = HTTP_ANSWERED, .status = 200, .body = "hello"},
    {"an answer to GET",
     {{OK("hello", "5")}},
     .get = true,
     .want = HTTP_ANSWERED,
     .status = 200,
     .body = "hello"},
    {"an answer without a body", {{OK("", "0")}}, .want = HTTP_ANSWERED, .status = 200, .body = ""},
    {"an answer in chunks",
     {{"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}},
     .want = HTTP_ANSWERED,
     .status = 201,
     .body = "hello"},
    {"a refusal is an answer",
     {{"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"}},
     .want = HTTP_ANSWERED,
     .status = 400,
     .body = "{}"},
    {"401 is not tried with other credentials",
     {{"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"}},
     .want = HTTP_ANSWERED,
     .status = 401,
     .body = ""},
    {"a redirect is not followed",
     {{"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"}},
     .want = HTTP_ANSWERED,
     .status = 302,
     .body = ""},
    {"307 is not followed either",
     {{"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"}},
     .want = HTTP_ANSWERED,
     .status = 307,
     .body = ""},
    {"Retry-After in seconds",
     {{"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"}},
     .want = HTTP_ANSWERED,
     .status = 429,
     .retry_after = 7,
     .body = ""},
    {"Retry-After beyond six hours is six hours, as newer libcurls have it",
     {{"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 999999\r\nContent-Length: 0\r\n\r\n"}},
     .want = HTTP_ANSWERED,
     .status = 429,
     .retry_after = 21600,
     .body = ""},
    {"Retry-After in the past is none",
     {{"HTTP/1.1 429 Too Many Requests\r\nRetry-After: Fri, 13 Aug 2021 01:16:24 GMT\r\n"
       "Content-Length: 0\r\n\r\n"}},
     .want = HTTP_ANSWERED,
     .status = 429,
     .body = ""},
    {"Retry-After that is no number is none",
     {{"HTTP/1.1 429 Too Many Requests\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n"}},
     .want = HTTP_ANSWERED,
     .status = 429,
     .body = ""},
    {"a connection that closes instead of answering",
     {{""}, .closes_after_answer = true},
     .want = HTTP_NO_ANSWER,
     .error = "Empty reply"},
    {"a connection that is reset at once",
     {.reads_nothing = true, .waits_for_body = true},
     .want = HTTP_NO_ANSWER},
    {"garbage", {{"SMTP ready\r\n"}, .closes_after_answer = true}, .want = HTTP_NO_ANSWER},
    {"a status line and no more says what it says",
     {{"HTTP/1.1 503 Unavailable\r\n"}, .closes_after_answer = true},
     .want = HTTP_ANSWERED,
     .status = 503,
     .body = ""},
    {"a body that breaks off",
     {{OK("hel", "5")}, .closes_after_answer = true},
     .want = HTTP_NO_ANSWER},
    {"chunks that break off",
     {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"},
      .closes_after_answer = true},
     .want = HTTP_NO_ANSWER},
    {"a body above 2 MiB",
     {{OK("", "3000000")}, .closes_after_answer = true, .large = 3000000},
     .want = HTTP_NO_ANSWER,
     .error = "answer is too large"},
    {"an endless body",
     {{"HTTP/1.1 200 OK\r\n\r\n"}, .closes_after_answer = true, .large = 4000000},
     .want = HTTP_NO_ANSWER,
     .error = "answer is too large"},
    {"a server that never answers", {.silent = true}, .want = HTTP_NO_ANSWER, .error = "timed out"},
    {"a server that never answers GET",
     {.silent = true},
     .get = true,
     .want = HTTP_NO_ANSWER,
     .error = "timed out"},
    {"TLS with a server that has none sends nothing",
     {{"HTTP/1.1 400 Bad Request\r\n\r\n"}, .reads_nothing = true},
     .scheme = "https",
     .want = HTTP_NOT_SENT},
    {"a server that closes before TLS is there was sent nothing",
     {.reads_nothing = true},
     .scheme = "https",
     .want = HTTP_NOT_SENT},
};

static void test_exchange(void **state)
{
    const struct exchange_row *row = *state;
    const struct act acts[] = {row->act, row->act, row->act, {.silent = true}};
    struct http http = open_client(true);

    /* only who never answers is waited for, and not before a slow machine has asked */
    int total_ms = row->act.silent ? 3000 : 60000;
    start(&server, acts);
    struct http_reply reply = ask(&http, row->scheme ? row->scheme : "http", server.port,
                                  row->get ? NULL : "a=b", total_ms);
    stop(&server);
    http_close(&http);
    if (reply.outcome != row->want)
        fail_msg("outcome %d: %s", (int)reply.outcome, reply.error);
    assert_int_equal(reply.status, row->status);
    assert_int_equal(reply.retry_after, row->retry_after);
    assert_text_equal(reply.body, row->body);
    if (row->want != HTTP_ANSWERED)
        assert_string_not_equal(reply.error, "");
    if (row->error && !strstr(reply.error, row->error))
        fail_msg("%s", reply.error);
    assert_int_equal(server.n_connections, 1);
    assert_true(server.n_requests <= 1);
}

static void test_largest(void **state)
{
    const struct act acts[] = {
        {{OK("", "2097152")}, .closes_after_answer = true, .large = HTTP_REPLY_MAX}, {{NULL}}};
    struct http http = open_client(true);

    (void)state;
    start(&server, acts);
    struct http_reply reply = ask(&http, "http", server.port, "a=b", 5000);
    stop(&server);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_ANSWERED);
    assert_int_equal(reply.body.n, HTTP_REPLY_MAX);
}

static void test_request(void **state)
{
    const struct act acts[] = {{{OK("", "0")}}, {{NULL}}};
    struct http http = open_client(true);
    char want[512];

    (void)state;
    start(&server, acts);
    struct http_reply reply = ask(&http, "http", server.port, "To=%2B20&Body=a", 2000);
    stop(&server);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_ANSWERED);
    snprintf(want, sizeof(want),
             "POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
             "Authorization: Basic QUMxOnRva2Vu\r\nUser-Agent: twilio-cgi\r\n"
             "Accept: application/json\r\nContent-Length: 15\r\n"
             "Content-Type: application/x-www-form-urlencoded\r\n\r\nTo=%%2B20&Body=a",
             server.port);
    assert_string_equal(server.seen, want);
    assert_int_equal(server.n_reads, 1); /* head and body in one piece */
}

static void test_large_request(void **state)
{
    static char form[200001]; /* libcurl asks for 64 KiB at a time */
    const struct act acts[] = {{{OK("", "0")}}, {{NULL}}};
    struct http http = open_client(true);

    (void)state;
    memset(form, 'x', sizeof(form) - 1);
    start(&server, acts);
    struct http_reply reply = ask(&http, "http", server.port, form, 5000);
    stop(&server);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_ANSWERED);
    assert_string_equal(server.seen + server.n_seen - 200000, form);
}

/** A port on which nobody listens. */
static int closed_port(void)
{
    static const struct act none[] = {{{NULL}}};

    start(&server, none);
    stop(&server);
    return server.port;
}

static void test_refused(void **state)
{
    struct http http = open_client(true);

    (void)state;
    struct http_reply reply = ask(&http, "http", closed_port(), "a=b", 2000);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_NOT_SENT);
    assert_int_equal(reply.status, 0);
    assert_non_null(strstr(reply.error, "127.0.0.1"));
}

static void test_unknown_name(void **state)
{
    struct http http = open_client(true);
    const struct http_request request = {.url = "http://..:1/",
                                         .post = true,
                                         .form = TEXT("a=b"),
                                         .connect_ms = 2000,
                                         .total_ms = 2000};
    struct http_reply reply;

    (void)state;
    http.perform(http.self, &arena, &request, &reply);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_NOT_SENT);
}

static void test_only_https(void **state)
{
    const struct act acts[] = {{{OK("", "0")}}, {{NULL}}};
    struct http http = open_client(false);

    (void)state;
    start(&server, acts);
    struct http_reply reply = ask(&http, "http", server.port, "a=b", 2000);
    stop(&server);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_NOT_SENT);
    assert_int_equal(server.n_connections, 0);
}

static void test_no_files(void **state)
{
    struct http http = open_client(true);
    const struct http_request request = {
        .url = "file:///etc/passwd", .connect_ms = 2000, .total_ms = 2000};
    struct http_reply reply;

    (void)state;
    http.perform(http.self, &arena, &request, &reply);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_NOT_SENT);
}

static void test_no_proxy(void **state)
{
    const struct act acts[] = {{{OK("", "0")}}, {{NULL}}};
    struct http http = open_client(true);
    char proxy[64];

    (void)state;
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", closed_port());
    assert_int_equal(setenv("http_proxy", proxy, 1), 0);
    start(&server, acts);
    struct http_reply reply = ask(&http, "http", server.port, "a=b", 2000);
    stop(&server);
    http_close(&http);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(reply.outcome, HTTP_ANSWERED);
}

static void test_kept(void **state)
{
    const struct act acts[] = {{{"HTTP/1.1 429 X\r\nRetry-After: 7\r\nContent-Length: 1\r\n\r\na",
                                 OK("b", "1"), OK("c", "1")}},
                               {{NULL}}};
    struct http http = open_client(true);
    char got[4] = "";

    (void)state;
    start(&server, acts);
    for (size_t i = 0; i < 3; i++) {
        struct http_reply reply = ask(&http, "http", server.port, i == 1 ? NULL : "a=b", 2000);
        assert_int_equal(reply.outcome, HTTP_ANSWERED);
        assert_int_equal(reply.retry_after, i == 0 ? 7 : 0);
        got[i] = reply.body.s[0];
    }
    stop(&server);
    http_close(&http);
    assert_string_equal(got, "abc");
    assert_int_equal(server.n_connections, 1);
    assert_int_equal(server.n_requests, 3);
}

/* The request goes out over the kept connection, which breaks: it must not go out again. */
static void test_kept_one_breaks(void **state)
{
    const struct act acts[] = {
        {{OK("a", "1"), ""}, .closes_after_answer = true}, {{OK("never", "5")}}, {{NULL}}};
    struct http http = open_client(true);

    (void)state;
    start(&server, acts);
    assert_int_equal(ask(&http, "http", server.port, "a=b", 2000).outcome, HTTP_ANSWERED);
    struct http_reply reply = ask(&http, "http", server.port, "a=b", 2000);
    stop(&server);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_NO_ANSWER);
    assert_int_equal(server.n_requests, 2);
}

/* The server has closed the kept connection before: a new one, and one request. */
static void test_kept_one_is_gone(void **state)
{
    const struct act acts[] = {
        {{OK("a", "1")}, .closes_after_answer = true}, {{OK("b", "1")}}, {{NULL}}};
    struct http http = open_client(true);

    (void)state;
    start(&server, acts);
    assert_int_equal(ask(&http, "http", server.port, "a=b", 2000).outcome, HTTP_ANSWERED);
    for (int i = 0; server.n_ended < 1; i++) {
        assert_true(i < 10000);
        usleep(1000);
    }
    struct http_reply reply = ask(&http, "http", server.port, "a=b", 2000);
    stop(&server);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_ANSWERED);
    assert_text_equal(reply.body, "b");
    assert_int_equal(server.n_connections, 2);
    assert_int_equal(server.n_requests, 2);
}

/* What was sent before does not count for the next exchange. */
static void test_sent_is_per_exchange(void **state)
{
    const struct act acts[] = {{{OK("a", "1")}, .closes_after_answer = true}, {{NULL}}};
    struct http http = open_client(true);

    (void)state;
    start(&server, acts);
    assert_int_equal(ask(&http, "http", server.port, "a=b", 2000).outcome, HTTP_ANSWERED);
    stop(&server);
    struct http_reply reply = ask(&http, "http", server.port, "a=b", 2000);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_NOT_SENT);
}

static const struct http *shared;
static struct http_reply meanwhile;

static void ask_meanwhile(void)
{
    before_perform = NULL;
    meanwhile = ask(shared, "http", server.port, "a=b", 60000);
}

/* Two at once have a connection each; the one used last is used next, and no more are made. */
static void test_shared(void **state)
{
    const struct act acts[] = {
        {{OK("a", "1")}, .closes_after_answer = true}, {{OK("b", "1"), OK("c", "1")}}, {{NULL}}};
    struct http http = open_client(true);

    (void)state;
    start(&server, acts);
    shared = &http;
    before_perform = ask_meanwhile;
    struct http_reply first = ask(&http, "http", server.port, "a=b", 60000);
    struct http_reply next = ask(&http, "http", server.port, "a=b", 60000);
    stop(&server);
    http_close(&http);
    assert_int_equal(meanwhile.outcome, HTTP_ANSWERED);
    assert_text_equal(meanwhile.body, "a");
    assert_int_equal(first.outcome, HTTP_ANSWERED);
    assert_text_equal(first.body, "b");
    assert_int_equal(next.outcome, HTTP_ANSWERED);
    assert_text_equal(next.body, "c");
    assert_int_equal(server.n_connections, 2);
}

static void await_strays(size_t n)
{
    for (int i = 0; server.n_strays < n; i++) {
        assert_true(i < 60000);
        usleep(1000);
    }
}

/** What comes unasked over a kept connection, after the answer to the first request. */
static const struct stray_row {
    const char *label, *stray;
    bool fin, joined, tls;
} strays[] = {
#define STRAY(what, text)                                                                          \
    {what " is no answer to the next request", text}, {what " and the end", text, .fin = true},    \
        {what " in one piece with the answer", text, .joined = true},                              \
        {what " by TLS", text, .tls = true},                                                       \
        {what " and the end by TLS", text, true, .tls = true},                                     \
    {                                                                                              \
        what " in one piece by TLS", text, .joined = true, .tls = true                             \
    }
    STRAY("a 408", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"),
    STRAY("a 400", "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"),
    STRAY("a 503", "HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"),
    STRAY("a second 201", "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\na"),
    STRAY("half an answer", "HTTP/1.1 201 Created\r\nContent-Le"),
    STRAY("noise", "\r\n\x15\x03\x01 out of memory\n"),
    STRAY("nothing at all", ""),
#undef STRAY
};

static SSL_CTX *server_tls;

/** A certificate for 127.0.0.1 that signs itself, also written to ca_file. */
static SSL_CTX *make_tls(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_EXTENSION *address = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    int fd = mkstemp(ca_file);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    if (!file || !tls || !address || !X509_add_ext(certificate, address, -1) ||
        !X509_sign(certificate, key, EVP_sha256()) || !PEM_write_X509(file, certificate) ||
        SSL_CTX_use_certificate(tls, certificate) != 1 || SSL_CTX_use_PrivateKey(tls, key) != 1)
        abort();
    fclose(file);
    X509_EXTENSION_free(address);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
}

static void test_stray(void **state)
{
    const struct stray_row *row = *state;
    const struct act acts[] = {
        {{OK("a", "1")}, .stray = row->stray, .fin = row->fin, .joined = row->joined},
        {{OK("b", "1"), OK("c", "1"), OK("d", "1")}},
        {{NULL}}};

    with_tls = row->tls ? server_tls : NULL;
    struct http http = open_client(!row->tls);
    const char *scheme = row->tls ? "https" : "http";
    start(&server, acts);
    struct http_reply first = ask(&http, scheme, server.port, "a=b", 60000);
    if (first.outcome != HTTP_ANSWERED)
        fail_msg("%s", first.error);
    await_strays(1);
    for (size_t i = 0; i < 3 && (row->stray[0] || row->fin); i++) {
        struct http_reply reply = ask(&http, scheme, server.port, i == 1 ? NULL : "a=b", 60000);
        if (reply.outcome != HTTP_ANSWERED)
            fail_msg("%s", reply.error);
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.body.s[0], "bcd"[i]);
    }
    stop(&server);
    http_close(&http);
    with_tls = NULL;
    assert_int_equal(server.n_connections, row->stray[0] || row->fin ? 2 : 1);
}

/* Tickets come with the first answer and must not make every connection look as if it had something
 * to say. */
static void test_kept_by_tls(void **state)
{
    const struct act acts[] = {{{OK("a", "1"), OK("b", "1"), OK("c", "1"), OK("d", "1")}},
                               {{NULL}}};

    (void)state;
    with_tls = server_tls;
    struct http http = open_client(false);
    start(&server, acts);
    for (size_t i = 0; i < 4; i++) {
        struct http_reply reply = ask(&http, "https", server.port, "a=b", 60000);
        if (reply.outcome != HTTP_ANSWERED)
            fail_msg("%s", reply.error);
        assert_int_equal(reply.body.s[0], "abcd"[i]);
    }
    stop(&server);
    http_close(&http);
    with_tls = NULL;
    assert_int_equal(server.n_connections, 1);
    assert_int_equal(server.n_requests, 4);
}

/** What a proxy says to CONNECT, and what is heard of a request then. */
static const struct tunnel_row {
    const char *label, *tunnel, *form;
    enum http_outcome want;
} tunnels[] = {
    {"a proxy that leads there", "HTTP/1.1 200 Connection established\r\n\r\n", "a=b",
     HTTP_ANSWERED},
    {"a proxy that leads there, GET", "HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\n\r\n",
     NULL, HTTP_ANSWERED},
    {"to a proxy that refuses nothing is sent", "HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n",
     "a=b", HTTP_NOT_SENT},
};

static void test_tunnel(void **state)
{
    const struct tunnel_row *row = *state;
    bool open = row->want == HTTP_ANSWERED;
    const struct act acts[] = {{{OK("a", "1"), OK("b", "1")}}, {{NULL}}, {{NULL}}};
    char proxy[64];

    with_tls = server_tls;
    with_tunnel = row->tunnel;
    struct http http = open_client(false);
    start(&server, acts);
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", server.port);
    assert_int_equal(setenv("https_proxy", proxy, 1), 0);
    for (size_t i = 0; i < 2; i++) {
        struct http_reply reply = ask(&http, "https", server.port, row->form, 60000);
        if (reply.outcome != row->want)
            fail_msg("%s", reply.error);
        if (open)
            assert_int_equal(reply.body.s[0], "ab"[i]);
    }
    stop(&server);
    http_close(&http);
    assert_int_equal(unsetenv("https_proxy"), 0);
    with_tls = NULL;
    with_tunnel = NULL;
    assert_int_equal(server.n_requests, open ? 3 : 2); /* CONNECT is one */
    assert_int_equal(server.n_connections, open ? 1 : 2);
}

static void stray_now(void)
{
    if (!server.n_connections || !server.acts[0].waits)
        return;
    server.may_stray = true;
    await_strays(1);
}

/** What comes between the look at the connection and the request. */
static const struct crossing_row {
    const char *label, *stray;
    bool tls;
} crossings[] = {
    {"a stray answer that comes in the last moment is none", OK("x", "1")},
    {"noise in the last moment is none", "+OK ready\r\n\r\n"},
    {"a stray answer in the last moment by TLS", OK("x", "1"), .tls = true},
};

static void test_crossing(void **state)
{
    const struct crossing_row *row = *state;
    const struct act acts[] = {
        {{OK("a", "1")}, .stray = row->stray, .waits = true}, {{OK("b", "1")}}, {{NULL}}};

    with_tls = row->tls ? server_tls : NULL;
    struct http http = open_client(!row->tls);
    const char *scheme = row->tls ? "https" : "http";
    start(&server, acts);
    assert_int_equal(ask(&http, scheme, server.port, "a=b", 60000).outcome, HTTP_ANSWERED);
    before_perform = stray_now;
    struct http_reply crossed = ask(&http, scheme, server.port, "a=b", 60000);
    before_perform = NULL;
    stop(&server);
    http_close(&http);
    with_tls = NULL;
    if (crossed.outcome != HTTP_ANSWERED)
        fail_msg("%s", crossed.error);
    assert_text_equal(crossed.body, "b");
    assert_int_equal(server.n_connections, 2);
    assert_int_equal(server.n_requests, 2);
}

/* Part of the body is out: whether it was acted on nobody knows. */
static void test_answer_before_the_end(void **state)
{
    static char form[8 << 20];
    const struct act acts[] = {{{OK("x", "1")}, .reads_nothing = true, .waits_for_body = true},
                               {{NULL}}};
    struct http http = open_client(true);

    (void)state;
    memset(form, 'x', sizeof(form) - 1);
    memcpy(form, "a=b", 3);
    start(&server, acts);
    struct http_reply reply = ask(&http, "http", server.port, form, 60000);
    stop(&server);
    http_close(&http);
    assert_int_equal(reply.outcome, HTTP_NO_ANSWER);
}

/* 408 says that no request came: who hears it over a kept connection cannot know which is meant. */
static void test_late_timeout(void **state)
{
    static const char timeout[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
    const struct act acts[] = {{{timeout, timeout}}, {{NULL}}};
    struct http http = open_client(true);

    (void)state;
    start(&server, acts);
    struct http_reply fresh = ask(&http, "http", server.port, "a=b", 60000);
    struct http_reply kept = ask(&http, "http", server.port, "a=b", 60000);
    stop(&server);
    http_close(&http);
    assert_int_equal(fresh.outcome, HTTP_ANSWERED);
    assert_int_equal(fresh.status, 408);
    assert_int_equal(kept.outcome, HTTP_NO_ANSWER);
    assert_int_equal(server.n_connections, 1);
}

static void test_pretended(void **state)
{
    static const CURLcode codes[] = {CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
                                     CURLE_SSL_CONNECT_ERROR,    CURLE_PEER_FAILED_VERIFICATION,
                                     CURLE_OPERATION_TIMEDOUT,   CURLE_OUT_OF_MEMORY};
    struct http http = open_client(true);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        pretended = codes[i];
        struct http_reply reply = ask(&http, "http", 1, "a=b", 2000);
        pretended = CURLE_OK;
        assert_int_equal(reply.outcome, HTTP_NOT_SENT);
        assert_string_equal(reply.error, curl_easy_strerror(codes[i]));
    }
    http_close(&http);
}

static void test_no_memory(void **state)
{
    const struct act acts[] = {{{OK("hello", "5")}}, {{NULL}}};
    struct http http = open_client(true);
    char url[64];
    struct http_reply reply;
    struct arena none;

    (void)state;
    arena_init(&none, 1);
    start(&server, acts);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", server.port);
    const struct http_request request = {
        .url = url, .post = true, .form = TEXT("a"), .connect_ms = 2000, .total_ms = 2000};
    http.perform(http.self, &none, &request, &reply);
    stop(&server);
    http_close(&http);
    arena_release(&none);
    assert_int_equal(reply.outcome, HTTP_NO_ANSWER);
}

static void test_close_unopened(void **state)
{
    struct http http = {0};

    (void)state;
    http_close(&http);
    http = open_client(true);
    http_close(&http);
    assert_null(http.self);
}

static int clear(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest singles[] = {
        {.name = "2 MiB are taken", .test_func = test_largest},
        {.name = "the request on the wire", .test_func = test_request},
        {.name = "a request of 200,000 bytes", .test_func = test_large_request},
        {.name = "a refused connection sent nothing", .test_func = test_refused},
        {.name = "a name that is not there was sent nothing", .test_func = test_unknown_name},
        {.name = "http is not for all", .test_func = test_only_https},
        {.name = "other schemes are for nobody", .test_func = test_no_files},
        {.name = "loopback goes by no proxy", .test_func = test_no_proxy},
        {.name = "a connection is kept, and nothing of the last answer", .test_func = test_kept},
        {.name = "over a kept connection that breaks nothing is sent twice",
         .test_func = test_kept_one_breaks},
        {.name = "a kept connection that is gone is replaced", .test_func = test_kept_one_is_gone},
        {.name = "two at once have a connection each, and no more are made",
         .test_func = test_shared},
        {.name = "what was sent is told of each exchange", .test_func = test_sent_is_per_exchange},
        {.name = "a connection by TLS is kept, tickets or not", .test_func = test_kept_by_tls},
        {.name = "an answer before the end of the request is none",
         .test_func = test_answer_before_the_end},
        {.name = "a 408 over a kept connection is no answer", .test_func = test_late_timeout},
        {.name = "failures before the first byte sent nothing", .test_func = test_pretended},
        {.name = "an answer that does not fit is none", .test_func = test_no_memory},
        {.name = "what was not used closes too", .test_func = test_close_unopened},
    };
    struct CMUnitTest tests[ARRAY_LEN(exchanges) + ARRAY_LEN(strays) + ARRAY_LEN(crossings) +
                            ARRAY_LEN(tunnels) + ARRAY_LEN(singles)];
    size_t n = 0;

    ADD_ROWS(tests, n, exchanges, test_exchange);
    ADD_ROWS(tests, n, strays, test_stray);
    ADD_ROWS(tests, n, crossings, test_crossing);
    ADD_ROWS(tests, n, tunnels, test_tunnel);
    memcpy(tests + n, singles, sizeof(singles));
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tests[i].teardown_func = clear;
    signal(SIGPIPE, SIG_IGN); /* as the programs do */
    curl_global_init(CURL_GLOBAL_DEFAULT);
    server_tls = make_tls();
    arena_init(&arena, 8 << 20);
    int failed = cmocka_run_group_tests_name("http", tests, NULL, NULL);
    arena_release(&arena);
    SSL_CTX_free(server_tls);
    unlink(ca_file);
    curl_global_cleanup();
    return failed;
}
