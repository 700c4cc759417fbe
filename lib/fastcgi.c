#include "fastcgi.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define NO_FCGI_DEFINES
#include <fcgiapp.h>

#define LISTEN_FD 0

/* libpq, libcurl and the resolver are frugal: this is four times what they were seen to need. */
#define STACK_SIZE (256u << 10)

/* Somebody is there whom we cannot take, for want of descriptors or memory, say. */
#define ACCEPT_PAUSE_US 20000

struct server {
    const struct fastcgi_handler *handler;
    int stop; /* an eventfd, readable when it is time to stop */
    atomic_bool stopping;
    atomic_size_t alive; /* threads */
};

bool fastcgi_is_listening(void)
{
    int listening = 0;
    socklen_t size = sizeof(listening);

    return getsockopt(LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

static const char *variable(void *self, const char *name)
{
    FCGX_Request *request = self;

    return FCGX_GetParam(name, request->envp);
}

static const char *each(void *self, size_t i)
{
    FCGX_Request *request = self;

    return request->envp[i];
}

static ssize_t read_body(void *self, char *to, size_t n)
{
    FCGX_Request *request = self;

    return FCGX_GetStr(to, n < 65536 ? (int)n : 65536, request->in);
}

/** The answer comes in one piece: it goes out here, before what is left to do, the log first. */
static bool write_answer(void *self, const char *from, size_t n)
{
    FCGX_Request *request = self;
    bool good = n <= INT32_MAX && FCGX_PutStr(from, (int)n, request->out) == (int)n;

    FCGX_Finish_r(request);
    return good;
}

static void finish(void *self)
{
    FCGX_Finish_r(self);
}

/** Sleep until a connection may be accepted (true) or it is time to stop (false). */
static bool await_connection(int epoll)
{
    struct epoll_event event;

    while (epoll_wait(epoll, &event, 1, -1) != 1)
        ;
    return event.data.fd == LISTEN_FD;
}

static int make_epoll(const struct server *server)
{
    /* one connection wakes one thread, the stop wakes all */
    struct epoll_event connection = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = LISTEN_FD};
    struct epoll_event stop = {.events = EPOLLIN, .data.fd = server->stop};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll >= 0 && (epoll_ctl(epoll, EPOLL_CTL_ADD, server->stop, &stop) != 0 ||
                       epoll_ctl(epoll, EPOLL_CTL_ADD, LISTEN_FD, &connection) != 0)) {
        close(epoll);
        return -1;
    }
    return epoll;
}

static void serve_connections(const struct server *server, int epoll, void *state)
{
    FCGX_Request request;
    const struct cgi_connection connection = {.self = &request,
                                              .variable = variable,
                                              .each = each,
                                              .read = read_body,
                                              .write = write_answer,
                                              .finish = finish};

    FCGX_InitRequest(&request, LISTEN_FD, FCGI_FAIL_ACCEPT_ON_INTR);
    while (!atomic_load(&server->stopping)) {
        int error = FCGX_Accept_r(&request);
        if (error) {
            /* nobody there: sleep. Under load somebody is, and the system call is saved */
            if (!await_connection(epoll))
                break;
            if (error != -EAGAIN)
                usleep(ACCEPT_PAUSE_US);
            continue;
        }
        server->handler->serve(state, &connection);
        FCGX_Finish_r(&request); /* no harm a second time */
    }
    FCGX_Free(&request, 1);
}

/** The process ends with its last thread, so that whoever watches it starts another. */
static void leave(struct server *server, size_t threads)
{
    if (atomic_fetch_sub(&server->alive, threads) == threads && !atomic_load(&server->stopping))
        kill(getpid(), SIGTERM);
}

static void *run_thread(void *payload)
{
    struct server *server = payload;
    void *state = server->handler->open(server->handler->payload);
    int epoll = make_epoll(server);

    if (state && epoll >= 0)
        serve_connections(server, epoll, state);
    if (state)
        server->handler->close(state);
    if (epoll >= 0)
        close(epoll);
    leave(server, 1);
    return NULL;
}

static size_t start_threads(struct server *server, size_t n, pthread_t *threads)
{
    pthread_attr_t attributes;
    size_t started = 0;

    atomic_store(&server->alive, n);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    while (started < n && pthread_create(&threads[started], &attributes, run_thread, server) == 0)
        started++;
    pthread_attr_destroy(&attributes);
    if (started < n)
        leave(server, n - started);
    return started;
}

int fastcgi_serve(const struct fastcgi_handler *handler, size_t threads)
{
    struct server server = {.handler = handler, .stop = eventfd(0, EFD_CLOEXEC)};
    pthread_t ids[FASTCGI_THREADS_MAX];
    sigset_t stops;
    int signal;

    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stops, NULL);
    /* a thread that was woken for a connection that another took must not sleep in accept() */
    fcntl(LISTEN_FD, F_SETFL, fcntl(LISTEN_FD, F_GETFL) | O_NONBLOCK);
    if (server.stop < 0 || FCGX_Init() != 0)
        return 1;
    size_t started =
        start_threads(&server, threads < FASTCGI_THREADS_MAX ? threads : FASTCGI_THREADS_MAX, ids);
    sigwait(&stops, &signal);
    bool deserted = atomic_load(&server.alive) == 0;
    atomic_store(&server.stopping, true);
    eventfd_write(server.stop, 1);
    for (size_t i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
    close(server.stop);
    return deserted ? 1 : 0;
}
