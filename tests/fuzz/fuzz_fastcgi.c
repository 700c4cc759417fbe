/* FastCGI records: any bytes on the socket end in an answer or a closed connection, and the process
 * goes on. The thread that serves is the real one; only descriptor 0 is ours. */

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fastcgi.h"
#include "fuzz.h"

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_size;

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
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    pthread_t thread;

    (void)argc;
    (void)argv;
    address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                               (size_t)snprintf(address.sun_path + 1, 64, "fuzz-%d", getpid()));
    MUST(bind(listener, (struct sockaddr *)&address, address_size) == 0);
    MUST(listen(listener, 16) == 0 && dup2(listener, 0) == 0);
    return pthread_create(&thread, NULL, run, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char scrap[4096];
    int peer = socket(AF_UNIX, SOCK_STREAM, 0);

    if (size > 65536 || connect(peer, (struct sockaddr *)&address, address_size) != 0) {
        close(peer);
        return 0;
    }
    (void)!send(peer, data, size, MSG_NOSIGNAL);
    shutdown(peer, SHUT_WR);
    while (recv(peer, scrap, sizeof(scrap), 0) > 0)
        ;
    close(peer);
    return 0;
}
