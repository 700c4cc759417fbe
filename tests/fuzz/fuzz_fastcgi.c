/* FastCGI records as a web server makes them of a hostile request: any names, values and body, in
 * records cut anywhere, and a connection that ends anywhere. It ends in an answer or a closed
 * connection, and the process goes on. The thread that serves is the real one; only descriptor 0 is
 * ours.
 *
 * Lengths inside a record are sound: libfcgi believes them, so its socket is the web server's
 * alone. */

#include <pthread.h>
#include <string.h>

#include "../fastcgi_records.h"
#include "fastcgi.h"
#include "fuzz.h"

static struct fastcgi_address address;

static void *open_state(void *payload)
{
    return payload;
}

static void serve(void *state, const struct cgi_connection *connection)
{
    struct cgi_response response = {.status = 200, .body = TEXT("{}")};
    struct cgi_request request;
    FUZZ_ARENA(arena);

    (void)state;
    (void)!cgi_read(connection, &arena, &clock_system, &request, NULL);
    (void)!cgi_write(connection, &arena, &request, &response);
}

static void close_state(void *state)
{
    (void)state;
}

static void *run(void *payload)
{
    static const struct fastcgi_handler handler = {&address, open_state, serve, close_state};

    (void)payload;
    fastcgi_serve(&handler, 1);
    return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    pthread_t thread;

    (void)argc;
    (void)argv;
    MUST(fastcgi_listen(&address));
    return pthread_create(&thread, NULL, run, NULL);
}

/** What is left of the input, and what goes onto the socket. */
struct stream {
    const uint8_t *data;
    size_t size;
    struct buffer out;
};

static uint8_t next_byte(struct stream *stream)
{
    if (stream->size == 0)
        return 0;
    stream->size--;
    return *stream->data++;
}

static struct text next_bytes(struct stream *stream, size_t n)
{
    struct text bytes = {(const char *)stream->data, n < stream->size ? n : stream->size};

    stream->data += bytes.n;
    stream->size -= bytes.n;
    return bytes;
}

/** The content in records of any sizes, then the empty one that ends it. */
static void add_stream(struct stream *stream, uint8_t type, struct text content)
{
    while (content.n) {
        size_t n = (size_t)next_byte(stream) + 1;
        struct text piece = {content.s, n < content.n ? n : content.n};
        fastcgi_add_record(&stream->out, type, piece);
        content = text_skip(content, piece.n);
    }
    fastcgi_add_record(&stream->out, type, (struct text){0});
}

static bool make_records(struct stream *stream, struct arena *arena, struct text *ret_bytes)
{
    static const char *const names[] = {
        "REQUEST_METHOD", "CONTENT_LENGTH",    "CONTENT_TYPE",          "QUERY_STRING",
        "HTTP_ORIGIN",    "HTTP_X_REQUEST_ID", "HTTP_TRANSFER_ENCODING"};
    struct buffer parameters;
    struct text content;

    buffer_init(&parameters, arena, 65536);
    for (int pairs = next_byte(stream) % 16; pairs > 0; pairs--) {
        uint8_t which = next_byte(stream);
        struct text name =
            which < ARRAY_LEN(names) ? text_of(names[which]) : next_bytes(stream, which % 128u);
        fastcgi_add_pair(&parameters, name, next_bytes(stream, next_byte(stream) % 128u));
    }
    fastcgi_add_record(&stream->out, 1,
                       (struct text){"\0\1\0\0\0\0\0\0", 8}); /* begin, as a responder */
    if (!buffer_text(&parameters, &content))
        return false;
    add_stream(stream, 4, content);
    content = (struct text){(const char *)stream->data, stream->size};
    uint8_t cut = next_byte(stream);
    add_stream(stream, 5, content);
    if (!buffer_text(&stream->out, ret_bytes))
        return false;
    if (cut)
        ret_bytes->n -= ret_bytes->n * cut / 512;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char scrap[4096];
    struct text bytes;
    FUZZ_ARENA(arena);
    struct stream stream = {data, size, {0}};

    buffer_init(&stream.out, &arena, 1u << 20);
    if (!make_records(&stream, &arena, &bytes))
        return 0;
    int peer = fastcgi_connect(&address);
    MUST(peer >= 0);
    (void)!send(peer, bytes.s, bytes.n, MSG_NOSIGNAL);
    shutdown(peer, SHUT_WR);
    while (recv(peer, scrap, sizeof(scrap), 0) > 0)
        ;
    close(peer);
    return 0;
}
