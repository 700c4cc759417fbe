/* Load for a web server: see usage(). With a rate, requests fall due at random moments (a Poisson
 * process, as pgbench -R has it) and a request's time runs from the moment it was due, whether or
 * not a connection was free: a slow answer cannot hide those that wait behind it. */

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "requests.h"

#define CONNECTIONS_MAX 1024
#define GRACE_NS        35000000000 /* for the last answers */

struct connection {
    int fd;
    bool busy;
    int64_t due;
    size_t n; /* of the answer */
    char answer[16384];
};

struct load {
    struct requests requests;
    unsigned short port;
    double rate; /* 0: as fast as the answers come */
    int64_t end, next_due;
    long first, sent, most, ok, bad;
    size_t n_connections, n_idle;
    struct connection *idle[CONNECTIONS_MAX];
    int epoll;
    uint32_t *micros; /* each good answer's time */
    size_t room;
    bool exhausted;
};

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void connect_server(struct load *load, struct connection *c)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(load->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        die("cannot connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        die("cannot watch a connection");
}

static void issue(struct load *load, struct connection *c, int64_t due)
{
    char request[4096];
    size_t n = requests_make(&load->requests, load->first + load->sent, request, sizeof(request));

    if (n == 0 || n > sizeof(request)) {
        load->exhausted = true;
        load->idle[load->n_idle++] = c;
        return;
    }
    load->sent++;
    c->due = due;
    c->busy = true;
    c->n = 0;
    if (send(c->fd, request, n, MSG_NOSIGNAL) == (ssize_t)n)
        return;
    /* the server closed a connection that lay idle */
    close(c->fd);
    connect_server(load, c);
    if (send(c->fd, request, n, MSG_NOSIGNAL) != (ssize_t)n)
        die("cannot send");
}

static void count(struct load *load, const struct connection *c, bool good)
{
    if (!good) {
        if (load->bad++ == 0)
            fprintf(stderr, "load: a wrong answer: %.*s\n", c->n > 900 ? 900 : (int)c->n,
                    c->answer);
        return;
    }
    if ((size_t)load->ok == load->room) {
        load->room = load->room ? load->room * 2 : 65536;
        load->micros = realloc(load->micros, load->room * sizeof(*load->micros));
        if (!load->micros)
            die("no memory");
    }
    load->micros[load->ok++] = (uint32_t)((now_ns() - c->due) / 1000);
}

/** Is the answer whole? By its length, or by the last chunk. */
static bool is_whole(struct connection *c)
{
    static const char length[] = "\r\nContent-Length:", last_chunk[] = "\r\n0\r\n\r\n";
    size_t tail = sizeof(last_chunk) - 1;

    c->answer[c->n] = '\0';
    const char *end = strstr(c->answer, "\r\n\r\n");
    const char *said = strcasestr(c->answer, length);
    if (!end)
        return false;
    if (said && said < end)
        return c->n >= (size_t)(end + 4 - c->answer) + strtoul(said + sizeof(length) - 1, NULL, 10);
    return c->n >= tail && memcmp(c->answer + c->n - tail, last_chunk, tail) == 0;
}

static void end_answer(struct load *load, struct connection *c, bool good)
{
    count(load, c, good);
    c->busy = false;
    if (load->rate > 0 || load->exhausted || load->sent == load->most || now_ns() >= load->end)
        load->idle[load->n_idle++] = c;
    else
        issue(load, c, now_ns());
}

static void take(struct load *load, struct connection *c)
{
    ssize_t got = recv(c->fd, c->answer + c->n, sizeof(c->answer) - 1 - c->n, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        close(c->fd);
        connect_server(load, c);
        if (c->busy)
            end_answer(load, c, false);
        return;
    }
    c->n += (size_t)got;
    if (is_whole(c))
        end_answer(load, c, strncmp(c->answer, "HTTP/1.1 200 ", 13) == 0);
    else if (c->n == sizeof(c->answer) - 1)
        die("an answer is too long");
}

static int64_t next_gap(const struct load *load)
{
    return (int64_t)(-log(1.0 - drand48()) / load->rate * 1e9);
}

static bool may_issue(const struct load *load)
{
    return !load->exhausted && load->sent < load->most && load->next_due < load->end;
}

/** Issue what is due; when to look again. */
static int64_t issue_due(struct load *load)
{
    if (load->rate <= 0)
        return load->end;
    while (may_issue(load) && load->next_due <= now_ns() && load->n_idle) {
        issue(load, load->idle[--load->n_idle], load->next_due);
        load->next_due += next_gap(load);
    }
    /* with no connection free the next answer wakes us */
    return may_issue(load) && load->n_idle ? load->next_due : load->end + GRACE_NS;
}

static void run(struct load *load)
{
    struct epoll_event events[256];

    while (load->rate <= 0 && load->n_idle && !load->exhausted && load->sent < load->most)
        issue(load, load->idle[--load->n_idle], now_ns());
    for (;;) {
        int64_t until = issue_due(load), now = now_ns();
        bool done = load->n_idle == load->n_connections && (load->rate <= 0 || !may_issue(load));
        if (done || now > load->end + GRACE_NS)
            return;
        if (until <= now)
            until = load->rate > 0 ? now : load->end + GRACE_NS;
        const struct timespec wait = {(until - now) / 1000000000, (until - now) % 1000000000};
        int n = epoll_pwait2(load->epoll, events, 256, &wait, NULL);
        for (int i = 0; i < n; i++)
            take(load, events[i].data.ptr);
    }
}

static int by_size(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double percentile(const struct load *load, double part)
{
    size_t n = (size_t)load->ok;

    if (n == 0)
        return 0;
    size_t at = (size_t)(part * (double)n);
    return load->micros[at < n ? at : n - 1] / 1000.0;
}

static int usage(void)
{
    puts("usage: load --port N --path PATH --kind webhook|sms|whatsapp --rows N\n"
         "            --auth-token TOKEN --public-url URL --jwt-secret SECRET\n"
         "            [--connections N] [--rate N] [--seconds N] [--most N] [--first N]\n\n"
         "Posts requests number FIRST and on, at a rate or as fast as they are answered, and "
         "prints\n"
         "sent= ok= bad= seconds= rate= (good answers a second) p50= p99= max= (milliseconds).");
    return 2;
}

static bool read_kind(const char *word, enum requests_kind *ret_kind)
{
    static const char *const words[] = {"webhook", "sms", "whatsapp"};

    for (size_t i = 0; i < 3; i++)
        if (strcmp(word, words[i]) == 0) {
            *ret_kind = (enum requests_kind)i;
            return true;
        }
    return false;
}

static bool read_options(struct load *load, int argc, char **argv, double *ret_seconds)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},
        {"path", required_argument, NULL, 'u'},
        {"kind", required_argument, NULL, 'k'},
        {"rows", required_argument, NULL, 'n'},
        {"auth-token", required_argument, NULL, 't'},
        {"public-url", required_argument, NULL, 'b'},
        {"jwt-secret", required_argument, NULL, 'j'},
        {"connections", required_argument, NULL, 'c'},
        {"rate", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {"most", required_argument, NULL, 'm'},
        {"first", required_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    struct requests *requests = &load->requests;
    int option;
    bool kind = false;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p':
            load->port = (unsigned short)strtoul(optarg, NULL, 10);
            break;
        case 'u':
            requests->path = optarg;
            break;
        case 'k':
            kind = read_kind(optarg, &requests->kind);
            break;
        case 'n':
            requests->rows = strtol(optarg, NULL, 10);
            break;
        case 't':
            requests->auth_token = optarg;
            break;
        case 'b':
            requests->public_url = optarg;
            break;
        case 'j':
            requests->jwt_secret = optarg;
            break;
        case 'c':
            load->n_connections = strtoul(optarg, NULL, 10);
            break;
        case 'r':
            load->rate = strtod(optarg, NULL);
            break;
        case 's':
            *ret_seconds = strtod(optarg, NULL);
            break;
        case 'm':
            load->most = strtol(optarg, NULL, 10);
            break;
        case 'f':
            load->first = strtol(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    return kind && load->port && requests->path && requests->rows > 0 && requests->auth_token &&
           requests->public_url && requests->jwt_secret && load->n_connections > 0 &&
           load->n_connections <= CONNECTIONS_MAX;
}

int main(int argc, char **argv)
{
    struct load load = {.n_connections = 8, .most = INT32_MAX};
    double seconds = 5;

    if (!read_options(&load, argc, argv, &seconds))
        return usage();
    struct connection *connections = calloc(load.n_connections, sizeof(*connections));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!connections || load.epoll < 0)
        die("no memory");
    for (size_t i = 0; i < load.n_connections; i++) {
        connect_server(&load, &connections[i]);
        load.idle[load.n_idle++] = &connections[i];
    }
    int64_t start = now_ns();
    load.next_due = start;
    load.end = start + (int64_t)(seconds * 1e9);
    run(&load);
    double took = (double)(now_ns() - start) / 1e9;
    qsort(load.micros, (size_t)load.ok, sizeof(*load.micros), by_size);
    printf("sent=%ld ok=%ld bad=%ld seconds=%.3f rate=%.1f p50=%.3f p99=%.3f max=%.3f\n", load.sent,
           load.ok, load.bad, took, (double)load.ok / took, percentile(&load, 0.5),
           percentile(&load, 0.99), percentile(&load, 1));
    free(load.micros);
    free(connections);
    return load.ok > 0 && load.bad == 0 && load.ok == load.sent ? 0 : 1;
}
