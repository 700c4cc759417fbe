/*
 * twilio-sandbox: a stand-in for Twilio's Messages API.
 *
 * As strict as Twilio where Twilio is (credentials, parameters, error codes, the magic numbers of
 * the test credentials); 201 with a full Message resource; then signed status callbacks. Also the
 * GETs of a reconcile run. It shares no code with the programs it tests.
 *
 * Each message can be steered by its recipient. The last three digits of +2010xxxxxNNN, with or
 * without "whatsapp:" before it, choose:
 *
 *   900 normal           taken and delivered (as any number that is not listed here)
 *   901 undelivered      undelivered, 30003 (WhatsApp: 63024)
 *   902 failed           failed, 30008 (WhatsApp: 63016)
 *   903 sent-only        sent, and nothing is heard of it any more
 *   910 slow             taken; answers after --slow-ms
 *   911 busy             429, 20429, always
 *   912 busy-once        429 the first time for a recipient and body, then 201
 *   913 error            500, 20500, not taken
 *   914 error-taken      500, 20500, although taken (callbacks come)
 *   915 garbage          200 text/html, taken
 *   916 close            closes the connection without an answer, not taken
 *   917 close-taken      closes the connection without an answer, although taken
 *   918 truncated        closes the connection in the middle of the answer, taken
 *   919 timeout          never answers, although taken
 *   920 other-json       201 with JSON that is no Message resource, taken
 *   921 unauthorized     401, 20003
 *   922 forbidden        403, 20403
 *   923 early-callbacks  all callbacks are made before the answer
 *   924 reversed         callbacks in reverse order
 *   925 repeated         each callback three times
 *   926 no-callbacks     delivered without any callback
 *   927 late-callbacks   callbacks begin 3 s later
 *   928 unsubscribed     400, 21610
 *   929 text-400         400 with a body that is no JSON
 *   930 unavailable      503, 20503, not taken
 *   931 redirect         302, not taken
 *   932 huge             201 with 10 MiB of JSON, taken
 *   933 unknown-status   a callback with an unknown status word; unknown, empty, repeated
 * parameters
 *   934 failed-at-once   201 with status failed, 30001; no callbacks
 *   940 stray-408        taken; then a 408 comes unasked on the connection (941: and its end);
 *                        942 400, 944 503, 946 a second 201, 948 noise; 943 to 949 the same
 *
 * The words are the kinds of --fail PERCENT:KIND, which misbehaves at random for the other numbers.
 */
#include "sandbox.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_api.h"
#include "signature.h"
#include "url.h"

#define BODY_LIMIT   1048576
#define HEADER_LIMIT 65536
#define BACKLOG      4096
#define IDLE_SECONDS 600

int64_t sandbox_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* splitmix64 */
uint64_t sandbox_random(struct sandbox *sandbox)
{
    uint64_t z = sandbox->random_state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

bool sandbox_chance(struct sandbox *sandbox, double percent)
{
    if (percent <= 0)
        return false;
    return (double)(sandbox_random(sandbox) >> 11) * 0x1p-53 * 100 < percent;
}

static bool complain(const char *what, const char *subject)
{
    fprintf(stderr, "twilio-sandbox: %s '%s': %s\n", what, subject, strerror(errno));
    return false;
}

static bool seed_random(struct sandbox *sandbox)
{
    sandbox->random_state = (uint64_t)sandbox->now.seed;
    return sandbox->now.seed != 0 ||
           RAND_bytes((unsigned char *)&sandbox->random_state, sizeof sandbox->random_state) == 1;
}

/* "127.0.0.1:8081" or "[::1]:0"; the caller frees the result. NULL: errno says why. */
static struct addrinfo *parse_address(const char *text)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    const char *colon = strrchr(text, ':');
    size_t bracket = text[0] == '[' ? 1 : 0;
    struct addrinfo *address = NULL;
    char *host = NULL;

    if (colon && (size_t)(colon - text) > 2 * bracket)
        host = strndup(text + bracket, (size_t)(colon - text) - 2 * bracket);
    if (!host || getaddrinfo(host, colon + 1, &hints, &address) != 0) {
        errno = EINVAL;
        address = NULL;
    }
    free(host);
    return address;
}

static int port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {0};
    socklen_t length = sizeof bound;

    if (getsockname(fd, &bound.any, &length) != 0)
        return -1;
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

/* A socket of our own: the accepted ones inherit TCP_NODELAY from it, and many clients may knock at
 * once. */
static int open_listener(const char *text)
{
    struct addrinfo *address = parse_address(text);
    int on = 1;
    int fd;

    if (!address)
        return -1;
    fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(address);
    return fd;
}

/* Under another name first, so that a reader never finds half a number. */
static bool write_port_file(const char *path, int port)
{
    char *temporary = NULL;
    FILE *file;
    bool ok;

    if (!*path)
        return true;
    if (asprintf(&temporary, "%s.%ld", path, (long)getpid()) < 0)
        return false;
    file = fopen(temporary, "we");
    ok = file && fprintf(file, "%d\n", port) > 0;
    if (file)
        ok = fclose(file) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;
    free(temporary);
    return ok || complain("cannot write", path);
}

static bool serve_http(struct sandbox *sandbox)
{
    const struct options *options = &sandbox->now;
    int fd = open_listener(options->listen);

    if (fd < 0)
        return complain("cannot listen on", options->listen);
    sandbox->http = evhttp_new(sandbox->base);
    if (!sandbox->http || evhttp_accept_socket(sandbox->http, fd) != 0) {
        close(fd);
        return complain("cannot serve", options->listen);
    }
    evhttp_set_max_body_size(sandbox->http, BODY_LIMIT);
    evhttp_set_max_headers_size(sandbox->http, HEADER_LIMIT);
    evhttp_set_timeout(sandbox->http, IDLE_SECONDS);
    evhttp_set_default_content_type(sandbox->http, NULL);
    evhttp_set_gencb(sandbox->http, http_api_handle, sandbox);
    if (sandbox->tls.server)
        evhttp_set_bevcb(sandbox->http, tls_accept_stream, &sandbox->tls);
    return write_port_file(options->port_file, port_of(fd));
}

/* Changes of interest are told to epoll once per turn: evhttp makes several for each request. */
static struct event_base *make_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

static bool sandbox_open(struct sandbox *sandbox)
{
    if (!options_copy(&sandbox->now, &sandbox->start) || !seed_random(sandbox) ||
        !store_init(&sandbox->store, (size_t)sandbox->now.keep))
        return false;
    if (!request_log_open(&sandbox->log, sandbox->now.log))
        return complain("cannot open", sandbox->now.log);
    sandbox->base = make_base();
    sandbox->dns =
        sandbox->base ? evdns_base_new(sandbox->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE) : NULL;
    if (!sandbox->dns)
        return complain("cannot start", "event loop");
    /* Without a name server, addresses and the names of /etc/hosts still work. */
    evdns_base_resolv_conf_parse(sandbox->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
    return tls_init(&sandbox->tls, &sandbox->now) && serve_http(sandbox);
}

static void sandbox_close(struct sandbox *sandbox)
{
    callbacks_clear(&sandbox->callbacks);
    answers_clear(&sandbox->answers);
    if (sandbox->http)
        evhttp_free(sandbox->http);
    if (sandbox->dns)
        evdns_base_free(sandbox->dns, 0);
    if (sandbox->base)
        event_base_free(sandbox->base);
    tls_release(&sandbox->tls);
    request_log_close(&sandbox->log);
    store_release(&sandbox->store);
    seen_clear(&sandbox->seen);
    options_release(&sandbox->start);
    options_release(&sandbox->now);
    libevent_global_shutdown();
}

static void on_signal(evutil_socket_t number, short what, void *argument)
{
    (void)number;
    (void)what;
    event_base_loopbreak(argument);
}

static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int serve(struct sandbox *sandbox)
{
    struct event *interrupt, *terminate;

    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    if (!sandbox_open(sandbox))
        return EXIT_FAILURE;
    interrupt = evsignal_new(sandbox->base, SIGINT, on_signal, sandbox->base);
    terminate = evsignal_new(sandbox->base, SIGTERM, on_signal, sandbox->base);
    if (interrupt && terminate) {
        evsignal_add(interrupt, NULL);
        evsignal_add(terminate, NULL);
        event_base_dispatch(sandbox->base);
    }
    if (interrupt)
        event_free(interrupt);
    if (terminate)
        event_free(terminate);
    return EXIT_SUCCESS;
}

/* --sign URL [NAME=VALUE]... */
static int sign(const struct options *options, int count, char **arguments)
{
    struct params params = {0};
    char signature[SIGNATURE_SIZE];
    struct url url;
    bool ok = count > 0 && url_parse(&url, arguments[0]);

    if (!ok) {
        fputs("twilio-sandbox: --sign needs a URL\n", stderr);
        return EXIT_FAILURE;
    }
    for (int i = 1; i < count && ok; i++) {
        char *equals = strchr(arguments[i], '=');

        if (equals)
            *equals = '\0';
        ok = params_add(&params, arguments[i], equals ? equals + 1 : "");
    }
    ok = ok && signature_make(signature, options->auth_token, url.to_sign, &params);
    if (ok)
        puts(signature);
    params_clear(&params);
    url_release(&url);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct sandbox sandbox = {.log = {.fd = -1}};
    bool wants_signature = false, wants_help = false;
    int first = 0;
    int result = EXIT_FAILURE;

    answers_init(&sandbox.answers);
    callbacks_init(&sandbox.callbacks);
    if (!options_init(&sandbox.start)) {
        fputs("twilio-sandbox: no valid value in the environment\n", stderr);
    } else if (options_read(&sandbox.start, argc, argv, &first, &wants_signature, &wants_help)) {
        if (wants_help) {
            options_print_help(stdout);
            result = EXIT_SUCCESS;
        } else if (wants_signature) {
            result = sign(&sandbox.start, argc - first, argv + first);
        } else if (first < argc) {
            fprintf(stderr, "twilio-sandbox: unexpected argument '%s'\n", argv[first]);
        } else {
            result = serve(&sandbox);
        }
    }
    sandbox_close(&sandbox);
    return result;
}
