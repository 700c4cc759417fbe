#include "fastcgi.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
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

/* So many threads wait for requests, where there may be as many: the connection of a web server
 * that says nothing yet keeps one. The kernel wakes the oldest; one that it did not wake for so
 * long is not wanted. */
#define SPARE   8
#define IDLE_MS 60000

/* Requests that are worked on at once, beside those that wait for Twilio: more would wait for
 * processors and the database in the process, where it costs, instead of at its door. */
#define WORKING 32

struct server {
    const struct fastcgi_handler *handler;
    pthread_attr_t attributes; /* of a thread */
    size_t most;               /* threads */
    int stop;                  /* an eventfd, readable when it is time to stop */
    atomic_bool stopping;
    pthread_mutex_t lock;
    pthread_cond_t left;   /* the last thread has */
    size_t alive, waiting; /* threads, and those of them without a request */
    sem_t turns;           /* to work on a request */
    bool has_gone;         /* is there a thread that has left and was not joined? */
    pthread_t gone;
};

/** A thread's request. */
struct in_hand {
    FCGX_Request request;
    struct server *server;
    bool has_turn;
};

/** Why a thread that waited for a connection does so no more. */
enum wake { WAKE_CONNECTION, WAKE_STOP, WAKE_IDLE };

bool fastcgi_is_listening(void)
{
    int listening = 0;
    socklen_t size = sizeof(listening);

    return getsockopt(LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

static const char *variable(void *self, const char *name)
{
    FCGX_Request *request = &((struct in_hand *)self)->request;

    return FCGX_GetParam(name, request->envp);
}

static const char *each(void *self, size_t i)
{
    FCGX_Request *request = &((struct in_hand *)self)->request;

    return request->envp[i];
}

static ssize_t read_body(void *self, char *to, size_t n)
{
    FCGX_Request *request = &((struct in_hand *)self)->request;

    return FCGX_GetStr(to, n < 65536 ? (int)n : 65536, request->in);
}

/**
 * Behind the body stands the record that ends it (the specification's section 6.2), which is waited
 * for. Where that has come, nothing can lie unread when the connection is closed, and it is closed
 * at once. Else libfcgi first waits for the web server to close it: what lies there would take the
 * answer with it.
 */
static void end_body(void *self)
{
    FCGX_Request *request = &((struct in_hand *)self)->request;

    if (FCGX_GetChar(request->in) == EOF && FCGX_GetError(request->in) == 0)
        FCGX_Detach(request);
}

/** The answer comes in one piece: it goes out here, before what is left to do, the log first. */
static bool write_answer(void *self, const char *from, size_t n)
{
    FCGX_Request *request = &((struct in_hand *)self)->request;
    bool good = n <= INT32_MAX && FCGX_PutStr(from, (int)n, request->out) == (int)n;

    FCGX_Finish_r(request);
    return good;
}

static void take_turn(struct in_hand *hand)
{
    while (sem_wait(&hand->server->turns) != 0)
        ;
    hand->has_turn = true;
}

static void give_turn(struct in_hand *hand)
{
    if (hand->has_turn)
        sem_post(&hand->server->turns);
    hand->has_turn = false;
}

/** What has waited for Twilio is brought to its end without another turn. */
static void step_aside(void *self)
{
    give_turn(self);
}

static void finish(void *self)
{
    FCGX_Finish_r(&((struct in_hand *)self)->request);
}

static enum wake await_connection(int epoll)
{
    struct epoll_event event;
    int n;

    while ((n = epoll_wait(epoll, &event, 1, IDLE_MS)) < 0)
        ;
    return n == 0 ? WAKE_IDLE : event.data.fd == LISTEN_FD ? WAKE_CONNECTION : WAKE_STOP;
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

static void *run_thread(void *payload);

/** One more thread, which waits; the lock is held. It can be tried again with the next request. */
static bool start_thread(struct server *server)
{
    pthread_t id;

    if (server->alive == server->most ||
        pthread_create(&id, &server->attributes, run_thread, server) != 0)
        return false;
    server->alive++;
    server->waiting++;
    return true;
}

/** A thread has got a request: another one waits for the next, where there may be more. */
static void begin_request(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    if (--server->waiting < SPARE && !atomic_load(&server->stopping))
        (void)start_thread(server);
    pthread_mutex_unlock(&server->lock);
}

static void end_request(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    server->waiting++;
    pthread_mutex_unlock(&server->lock);
}

/** A thread could not begin. */
static void stop_waiting(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    server->waiting--;
    pthread_mutex_unlock(&server->lock);
}

/** May a thread that waits end? Then it does not count any more. */
static bool is_spare(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    bool spare = server->waiting > SPARE;
    server->waiting -= spare;
    pthread_mutex_unlock(&server->lock);
    return spare;
}

static void serve_connections(struct server *server, int epoll, void *state)
{
    struct in_hand hand = {.server = server};
    const struct cgi_connection connection = {.self = &hand,
                                              .variable = variable,
                                              .each = each,
                                              .read = read_body,
                                              .end_body = end_body,
                                              .write = write_answer,
                                              .finish = finish,
                                              .step_aside = step_aside};

    FCGX_InitRequest(&hand.request, LISTEN_FD, FCGI_FAIL_ACCEPT_ON_INTR);
    for (;;) {
        take_turn(&hand);
        if (atomic_load(&server->stopping))
            break;
        int error = FCGX_Accept_r(&hand.request);
        if (error) {
            give_turn(&hand);
            /* nobody there: sleep. Under load somebody is, and the system call is saved */
            enum wake wake = await_connection(epoll);
            if (wake == WAKE_STOP || (wake == WAKE_IDLE && is_spare(server)))
                break;
            if (error != -EAGAIN)
                usleep(ACCEPT_PAUSE_US);
            continue;
        }
        FCGX_Attach(&hand.request); /* the connection may be that of the last one, and detached */
        begin_request(server);
        server->handler->serve(state, &connection);
        FCGX_Finish_r(&hand.request); /* no harm a second time */
        give_turn(&hand);
        end_request(server);
    }
    give_turn(&hand);
    FCGX_Free(&hand.request, 1);
}

/**
 * A thread that leaves joins the one that left before it, and the process the last one. It ends
 * with it, so that whoever watches it starts another.
 */
static void leave(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    bool has_gone = server->has_gone, last = --server->alive == 0;
    pthread_t gone = server->gone;
    server->has_gone = true;
    server->gone = pthread_self();
    if (last && !atomic_load(&server->stopping))
        kill(getpid(), SIGTERM);
    if (last)
        pthread_cond_signal(&server->left);
    pthread_mutex_unlock(&server->lock);
    if (has_gone)
        pthread_join(gone, NULL);
}

static void *run_thread(void *payload)
{
    struct server *server = payload;
    void *state = server->handler->open(server->handler->payload);
    int epoll = make_epoll(server);

    if (state && epoll >= 0)
        serve_connections(server, epoll, state);
    else
        stop_waiting(server);
    if (state)
        server->handler->close(state);
    if (epoll >= 0)
        close(epoll);
    leave(server);
    return NULL;
}

static bool open_server(struct server *server, const struct fastcgi_handler *handler,
                        size_t threads)
{
    *server = (struct server){.handler = handler,
                              .most = threads < FASTCGI_THREADS_MAX ? threads : FASTCGI_THREADS_MAX,
                              .stop = eventfd(0, EFD_CLOEXEC)};
    if (server->stop < 0)
        return false;
    sem_init(&server->turns, 0, WORKING);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->left, NULL);
    pthread_attr_init(&server->attributes);
    pthread_attr_setstacksize(&server->attributes, STACK_SIZE);
    return true;
}

static void close_server(struct server *server)
{
    pthread_attr_destroy(&server->attributes);
    pthread_cond_destroy(&server->left);
    pthread_mutex_destroy(&server->lock);
    sem_destroy(&server->turns);
    close(server->stop);
}

/** Is there a thread, at first? */
static bool start_threads(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    while (server->waiting < SPARE && start_thread(server))
        ;
    bool started = server->alive > 0;
    pthread_mutex_unlock(&server->lock);
    return started;
}

/** False: there was no thread left before it was told to stop. */
static bool stop_threads(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    bool deserted = server->alive == 0;
    atomic_store(&server->stopping, true);
    eventfd_write(server->stop, 1);
    while (server->alive > 0)
        pthread_cond_wait(&server->left, &server->lock);
    pthread_mutex_unlock(&server->lock);
    if (server->has_gone)
        pthread_join(server->gone, NULL);
    return !deserted;
}

int fastcgi_serve(const struct fastcgi_handler *handler, size_t threads)
{
    struct server server;
    sigset_t stops;
    int signal;

    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stops, NULL);
    /* a thread that was woken for a connection that another took must not sleep in accept() */
    fcntl(LISTEN_FD, F_SETFL, fcntl(LISTEN_FD, F_GETFL) | O_NONBLOCK);
    if (FCGX_Init() != 0 || !open_server(&server, handler, threads))
        return 1;
    bool good = start_threads(&server);
    if (good) {
        sigwait(&stops, &signal);
        good = stop_threads(&server);
    }
    close_server(&server);
    return good ? 0 : 1;
}
