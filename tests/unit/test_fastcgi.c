/* Connections of a web server: how they are closed. The one side is fastcgi_serve() itself. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "../fastcgi_records.h"
#include "fastcgi.h"
#include "unit.h"

static struct fastcgi_address address;
static pthread_t server;

static void *open_state(void *payload)
{
    return payload;
}

/** As a program does: the request is read, then there is an answer. */
static void serve(void *state, const struct cgi_connection *connection)
{
    struct cgi_response response = {.status = 200, .body = TEXT("{}")};
    struct cgi_request request;
    struct arena arena;
    struct fault fault;

    (void)state;
    arena_init(&arena, 1u << 20);
    if (!cgi_read(connection, &arena, &clock_system, &request, &fault))
        cgi_fault(&response, &arena, &fault);
    (void)!cgi_write(connection, &arena, &request, &response);
    arena_release(&arena);
}

static void close_state(void *state)
{
    (void)state;
}

static void *run(void *payload)
{
    static const struct fastcgi_handler handler = {&address, open_state, serve, close_state};

    (void)payload;
    return fastcgi_serve(&handler, 2) == 0 ? &address : NULL;
}

static int start_server(void **state)
{
    sigset_t stop;

    (void)state;
    assert_true(fastcgi_listen(&address));
    /* how long libfcgi waits for the web server to close (2 seconds), in milliseconds */
    setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "60000", 1);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM); /* the server's thread waits for it, and no other may take it */
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    return pthread_create(&server, NULL, run, NULL);
}

static int stop_server(void **state)
{
    void *served;

    (void)state;
    kill(getpid(), SIGTERM);
    assert_int_equal(pthread_join(server, &served), 0);
    return served ? 0 : -1;
}

/** A POST: its body is announced with one length and may have another. */
struct post {
    const char *length, *body;
    enum { ENDED, ENDLESS, BROKEN } end; /* of the body */
    bool kept;                           /* the connection is to be */
};

static void add_post(struct buffer *b, struct arena *arena, const struct post *post)
{
    const char begin[] = {0, 1, (char)post->kept, 0, 0, 0, 0, 0}; /* as a responder */
    struct buffer variables;
    struct text bytes;

    buffer_init(&variables, arena, 4096);
    fastcgi_add_pair(&variables, TEXT("REQUEST_METHOD"), TEXT("POST"));
    fastcgi_add_pair(&variables, TEXT("CONTENT_LENGTH"), text_of(post->length));
    assert_true(buffer_text(&variables, &bytes));
    fastcgi_add_record(b, 1, (struct text){begin, sizeof(begin)});
    fastcgi_add_record(b, 4, bytes);
    fastcgi_add_record(b, 4, (struct text){0});
    if (*post->body)
        fastcgi_add_record(b, 5, text_of(post->body));
    if (post->end == ENDED)
        fastcgi_add_record(b, 5, (struct text){0});
    if (post->end == BROKEN) {
        fastcgi_add_record(b, 2, (struct text){0}); /* FCGI_ABORT_REQUEST */
        fastcgi_add_record(b, 5, text_of(post->body));
    }
}

static int connect_server(void)
{
    const struct timeval patience = {.tv_sec = 60};
    int peer = fastcgi_connect(&address);

    assert_true(peer >= 0);
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return peer;
}

/** As a web server that does not close the connection by itself. */
static void send_post(int peer, const struct post *post)
{
    struct arena arena;
    struct buffer b;
    struct text bytes;

    arena_init(&arena, 1u << 20);
    buffer_init(&b, &arena, 1u << 18);
    add_post(&b, &arena, post);
    assert_true(buffer_text(&b, &bytes));
    assert_int_equal(send(peer, bytes.s, bytes.n, MSG_NOSIGNAL), bytes.n);
    arena_release(&arena);
}

/** The whole answer comes, and then its end: not a broken connection. */
static void expect_answer(int peer, const char *status)
{
    char answer[4096];
    size_t n = 0;
    ssize_t got;

    while ((got = recv(peer, answer + n, sizeof(answer) - 1 - n, 0)) > 0)
        n += (size_t)got;
    assert_int_equal(got, 0);
    answer[n] = '\0';
    assert_true(n > 8);
    if (strncmp(answer + 8, status, strlen(status)) != 0) /* behind the record's head */
        fail_msg("%s", answer + 8);
}

/** Does the other side still take anything? */
static bool is_open(int peer)
{
    bool open = send(peer, "x", 1, MSG_NOSIGNAL) == 1;

    assert_true(open || errno == EPIPE);
    return open;
}

static void what_was_read_is_closed_at_once(void **state)
{
    static const struct post posts[] = {{"5", "hello", ENDED, false}, {"0", "", ENDED, false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(posts); i++) {
        int peer = connect_server();
        send_post(peer, &posts[i]);
        expect_answer(peer, "Status: 200");
        assert_false(is_open(peer));
        close(peer);
    }
}

static char much[60001];

/* Data that is not read when a connection is closed takes the answer with it. */
static void what_was_not_is_closed_by_the_web_server(void **state)
{
    static const struct post posts[] = {{"4", "hello", ENDED, false},
                                        {"5x", "hello", ENDED, false},
                                        {"4", much, ENDLESS, false},
                                        {"60000", much, BROKEN, false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(posts); i++) {
        int peer = connect_server();
        send_post(peer, &posts[i]);
        expect_answer(peer, i == 1 ? "Status: 400" : "Status: 200");
        assert_true(is_open(peer));
        close(peer);
    }
}

/** Until the record that ends a request (FCGI_END_REQUEST, 8 bytes) is there. */
static void expect_end_of_request(int peer)
{
    char bytes[4096];
    size_t n = 0;

    while (n < 16 || memcmp(bytes + n - 16, "\1\3\0\1\0\10", 6) != 0) {
        ssize_t got = recv(peer, bytes + n, sizeof(bytes) - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
    }
}

static void of_a_kept_connection_the_last_request_counts(void **state)
{
    int peer = connect_server();

    (void)state;
    send_post(peer, &(struct post){"5", "hello", ENDED, true});
    expect_end_of_request(peer);
    send_post(peer, &(struct post){"4", much, ENDED, false});
    expect_answer(peer, "Status: 200");
    assert_true(is_open(peer));
    close(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_is_closed_at_once),
        cmocka_unit_test(what_was_not_is_closed_by_the_web_server),
        cmocka_unit_test(of_a_kept_connection_the_last_request_counts),
    };

    alarm(300); /* a server that waits for what does not come would not stop */
    memset(much, 'x', sizeof(much) - 1);
    return cmocka_run_group_tests_name("fastcgi", tests, start_server, stop_server);
}
