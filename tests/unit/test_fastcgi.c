/* Connections of a web server: how they are closed. The one side is fastcgi_serve() itself. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buffer.h"
#include "fastcgi.h"
#include "unit.h"

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_size;
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
    assert_int_equal(fastcgi_serve(&handler, 2), 0);
    return NULL;
}

static int start_server(void **state)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    sigset_t stop;

    (void)state;
    address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                               (size_t)snprintf(address.sun_path + 1, 64, "test-%d", getpid()));
    assert_int_equal(bind(listener, (struct sockaddr *)&address, address_size), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(dup2(listener, 0), 0);
    close(listener);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM); /* the server's thread waits for it, and no other may take it */
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    return pthread_create(&server, NULL, run, NULL);
}

static int stop_server(void **state)
{
    (void)state;
    kill(getpid(), SIGTERM);
    return pthread_join(server, NULL);
}

/** FCGI_Header (section 3.3): version, type, request 1, content length, padding, reserved. */
static void add_record(struct buffer *b, uint8_t type, struct text content)
{
    const char header[] = {1, (char)type, 0, 1, (char)(content.n >> 8), (char)content.n, 0, 0};

    buffer_add(b, (struct text){header, sizeof(header)});
    buffer_add(b, content);
}

static void add_pair(struct buffer *b, struct text name, struct text value)
{
    buffer_add_char(b, (char)name.n);
    buffer_add_char(b, (char)value.n);
    buffer_add(b, name);
    buffer_add(b, value);
}

/** A POST whose body is announced with one length, and has another, or no end yet. */
struct post {
    const char *length, *body;
    bool endless;
};

/** What it sends, as a responder's request. A web server that does not close the connection. */
static int send_post(const struct post *post)
{
    int peer = socket(AF_UNIX, SOCK_STREAM, 0);
    struct buffer b, variables;
    struct arena arena;
    struct text bytes;

    arena_init(&arena, 1u << 20);
    buffer_init(&variables, &arena, 4096);
    add_pair(&variables, TEXT("REQUEST_METHOD"), TEXT("POST"));
    add_pair(&variables, TEXT("CONTENT_LENGTH"), text_of(post->length));
    assert_true(buffer_text(&variables, &bytes));
    buffer_init(&b, &arena, 1u << 18);
    add_record(&b, 1, (struct text){"\0\1\0\0\0\0\0\0", 8});
    add_record(&b, 4, bytes);
    add_record(&b, 4, (struct text){0});
    add_record(&b, 5, text_of(post->body));
    if (!post->endless)
        add_record(&b, 5, (struct text){0});
    assert_true(buffer_text(&b, &bytes));
    assert_int_equal(connect(peer, (struct sockaddr *)&address, address_size), 0);
    assert_int_equal(send(peer, bytes.s, bytes.n, MSG_NOSIGNAL), bytes.n);
    arena_release(&arena);
    return peer;
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
    int peer = send_post(&(struct post){"5", "hello", false});

    (void)state;
    expect_answer(peer, "Status: 200");
    assert_false(is_open(peer));
    close(peer);
}

/* Data that is not read when a connection is closed takes the answer with it. */
static void what_was_not_is_closed_by_the_web_server(void **state)
{
    static char much[60001];
    const struct post posts[] = {{"4", "hello", false}, {"5x", "hello", false}, {"4", much, true}};

    (void)state;
    memset(much, 'x', sizeof(much) - 1);
    for (size_t i = 0; i < ARRAY_LEN(posts); i++) {
        int peer = send_post(&posts[i]);
        expect_answer(peer, i == 1 ? "Status: 400" : "Status: 200");
        assert_true(is_open(peer));
        close(peer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_read_is_closed_at_once),
        cmocka_unit_test(what_was_not_is_closed_by_the_web_server),
    };

    return cmocka_run_group_tests_name("fastcgi", tests, start_server, stop_server);
}
