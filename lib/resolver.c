#include "resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define ADDRESSES_MAX 8
#define ADDRESS_SIZE  64 /* an IPv6 address with its interface */
#define HOST_SIZE     256
#define STACK_SIZE    (256u << 10)

struct answer {
    int error; /* EAI_...; 0 */
    size_t n;
    char addresses[ADDRESSES_MAX][ADDRESS_SIZE];
};

/** A question under way: in the list until it is answered, and there for all who wait for it. */
struct question {
    struct question *next;
    size_t holders; /* who waits, and the thread */
    bool done;
    char host[HOST_SIZE];
    struct answer answer;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static struct question *under_way;

/** The lock is held. */
static void let_go(struct question *question)
{
    if (--question->holders == 0)
        free(question);
}

static void take_off(const struct question *question)
{
    struct question **at = &under_way;

    while (*at && *at != question)
        at = &(*at)->next;
    if (*at)
        *at = question->next;
}

static void look_up(const char *host, struct answer *ret_answer)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    *ret_answer = (struct answer){.error = getaddrinfo(host, NULL, &hints, &found)};
    for (const struct addrinfo *at = found; at && ret_answer->n < ADDRESSES_MAX; at = at->ai_next)
        if (getnameinfo(at->ai_addr, at->ai_addrlen, ret_answer->addresses[ret_answer->n],
                        ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0)
            ret_answer->n++;
    if (found)
        freeaddrinfo(found);
    if (ret_answer->n == 0 && ret_answer->error == 0)
        ret_answer->error = EAI_NONAME;
}

static void *run(void *payload)
{
    struct question *question = payload;
    struct answer answer;

    look_up(question->host, &answer);
    pthread_mutex_lock(&lock);
    question->answer = answer;
    question->done = true;
    take_off(question);
    pthread_cond_broadcast(&answered);
    let_go(question);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static bool start(struct question *question)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool good = pthread_create(&thread, &attributes, run, question) == 0;
    pthread_attr_destroy(&attributes);
    return good;
}

/** The question about a host, asked by now; the lock is held. NULL for want of memory. */
static struct question *question_of(const char *host)
{
    struct question *question = under_way;

    while (question && strcmp(question->host, host) != 0)
        question = question->next;
    if (question || !(question = calloc(1, sizeof(*question))))
        return question;
    snprintf(question->host, sizeof(question->host), "%s", host);
    question->holders = 1;
    if (!start(question)) {
        free(question);
        return NULL;
    }
    question->next = under_way;
    under_way = question;
    return question;
}

static struct answer ask(const char *host, int64_t wait_ms)
{
    struct answer answer = {.error = EAI_AGAIN};
    struct timespec until;
    bool in_time = wait_ms > 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    wait_ms += until.tv_nsec / 1000000;
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec = until.tv_nsec % 1000000 + wait_ms % 1000 * 1000000;
    pthread_mutex_lock(&lock);
    struct question *question = question_of(host);
    if (question) {
        question->holders++;
        while (!question->done && in_time)
            in_time = pthread_cond_clockwait(&answered, &lock, CLOCK_MONOTONIC, &until) == 0;
        if (question->done)
            answer = question->answer;
        let_go(question);
    }
    pthread_mutex_unlock(&lock);
    return answer;
}

/** The next entry of a list, which goes on behind it. */
static struct text next_entry(struct text *list)
{
    struct text entry = *list, rest = {0};

    text_cut(*list, ',', &entry, &rest);
    *list = rest;
    return entry;
}

/** A host name: no socket, no address, nothing with an '@', which is a password gone astray. */
static bool is_name(struct text entry, char ret_host[HOST_SIZE])
{
    struct in6_addr address;

    if (entry.n == 0 || entry.n >= HOST_SIZE || entry.s[0] == '/' || memchr(entry.s, '@', entry.n))
        return false;
    snprintf(ret_host, HOST_SIZE, "%.*s", TEXT_ARG(entry));
    return !strchr(ret_host, ':') && inet_pton(AF_INET, ret_host, &address) != 1;
}

bool resolver_has_names(const char *hosts)
{
    struct text list = text_of(hosts);
    char host[HOST_SIZE];

    while (list.n)
        if (is_name(next_entry(&list), host))
            return true;
    return false;
}

static void append(char list[RESOLVER_LIST_MAX], bool first, struct text entry)
{
    size_t n = strlen(list);

    snprintf(list + n, RESOLVER_LIST_MAX - n, "%s%.*s", first ? "" : ",", TEXT_ARG(entry));
}

static bool has_room(const struct resolver_hosts *hosts, struct text host)
{
    return strlen(hosts->hosts) + host.n + 2 < RESOLVER_LIST_MAX &&
           strlen(hosts->addresses) + ADDRESS_SIZE + 1 < RESOLVER_LIST_MAX &&
           strlen(hosts->ports) + 16 < RESOLVER_LIST_MAX;
}

static void add(struct resolver_hosts *hosts, size_t *n, struct text host, struct text address,
                struct text port)
{
    if (!has_room(hosts, host))
        return;
    append(hosts->hosts, *n == 0, host);
    append(hosts->addresses, *n == 0, address);
    if (port.s)
        append(hosts->ports, *n == 0, text_clip(port, 8));
    ++*n;
}

static size_t count_entries(struct text list)
{
    size_t n = 1;

    for (size_t i = 0; i < list.n; i++)
        n += list.s[i] == ',';
    return n;
}

bool resolver_find(const char *hosts, const char *ports, int64_t wait_ms,
                   struct resolver_hosts *ret_hosts, struct fault *reterr)
{
    struct text list = text_of(hosts), port_list = text_of(ports), port = {0};
    bool one_port = count_entries(port_list) == 1;
    int64_t share = wait_ms / (int64_t)count_entries(list);
    struct resolver_hosts found = {0};
    char host[HOST_SIZE];
    size_t n = 0;
    int error = 0;

    while (list.n) {
        struct text entry = next_entry(&list);
        if (!one_port)
            port = next_entry(&port_list);
        if (!is_name(entry, host)) {
            add(&found, &n, entry, (struct text){0}, port);
            continue;
        }
        const struct answer answer = ask(host, share);
        for (size_t i = 0; i < answer.n; i++)
            add(&found, &n, entry, text_of(answer.addresses[i]), port);
        error = answer.error ? answer.error : error;
    }
    *ret_hosts = found;
    return n > 0 || fault_set(reterr, FAULT_DATABASE_UNAVAILABLE, "cannot find its host: %s",
                              gai_strerror(error ? error : EAI_NONAME));
}

bool resolver_knows(const char *host, int64_t wait_ms, const char **ret_why)
{
    const struct answer answer = ask(host, wait_ms);

    *ret_why = gai_strerror(answer.error);
    return answer.error == 0;
}
