/* Many callers at once: sends requests in parallel, to a web server or each to a CGI process of its
 * own, and writes down what came of each.
 *
 *   crowd (--server PORT | --programs DIRECTORY) [OPTION]... <REQUESTS >ANSWERS
 *
 *   --parallel N       requests under way at a time (1)
 *   --tries N          how often a request is made while nobody answers it (1)
 *   --seconds N        begin again with the first request until so many seconds are over
 *   --rate N           begin at most so many requests a second
 *   --sign TOKEN URL   add the X-Twilio-Signature of a form posted to URL and the target
 *   --kill US          with --programs: SIGKILL each process at a random moment, at most so many
 *                      microseconds from its start
 *
 * A request is a line: target, body, and header fields ("Name: value"), separated by tabs; the
 * target is a program's name with or without a query. An answer is a line of JSON:
 *
 *   {"n":1,"status":200,"exit":0,"tries":1,"ms":4,"headers":{"retry-after":"1"},"body":{...}}
 *
 * n counts the lines of REQUESTS from 1. "exit" is a CGI process' exit status, 128 and the signal
 * of one that was killed. An answer is one that a program gave: JSON. Anything else, say a web
 * server's 502 for a program that died, is no answer, and its status is 0.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define FIELDS_MAX 16
#define ANSWER_MAX (1 << 20)

struct request {
    size_t number;
    char *target, *body, *headers[FIELDS_MAX];
    size_t n_headers;
};

static struct {
    int port; /* 0: CGI */
    const char *programs, *token, *url;
    long parallel, tries, seconds, rate, kill_us;
} options = {.parallel = 1, .tries = 1};

static struct request *requests;
static size_t n_requests, next_request, n_taken;
static int64_t start_us;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, turns = PTHREAD_MUTEX_INITIALIZER;
static bool wrong; /* something that is not the programs' fault */

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* ------------------------------------------------------------------ signatures */

static int digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10;
}

/** What a form field is: '+' and %XX decoded, in place. */
static void decode(char *s)
{
    char *to = s;

    for (; *s; s++) {
        if (s[0] == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
            *to++ = (char)(digit(s[1]) * 16 + digit(s[2]));
            s += 2;
        } else {
            *to++ = *s;
            if (*s == '+')
                to[-1] = ' ';
        }
    }
    *to = '\0';
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/** https://www.twilio.com/docs/usage/webhooks/webhooks-security; names that stand once. */
static void sign(const struct request *request, char ret_signature[64])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char *form = must(strdup(request->body)), *fields[64], *rest = form, *field;
    size_t n = 0, room = strlen(options.url) + strlen(request->target) + strlen(form) + 2;
    char *text = must(malloc(room));
    unsigned length = 0;
    int at = snprintf(text, room, "%s/%s", options.url, request->target);

    while ((field = strsep(&rest, "&")) && n < 64)
        fields[n++] = field;
    qsort(fields, n, sizeof(*fields), by_text);
    for (size_t i = 0; i < n; i++) {
        char *value = fields[i], *name = strsep(&value, "=");
        decode(name);
        if (value)
            decode(value);
        at += snprintf(text + at, room - (size_t)at, "%s%s", name, value ? value : "");
    }
    HMAC(EVP_sha1(), options.token, (int)strlen(options.token), (unsigned char *)text, (size_t)at,
         digest, &length);
    EVP_EncodeBlock((unsigned char *)ret_signature, digest, (int)length);
    free(text);
    free(form);
}

/* ------------------------------------------------------------------ one exchange */

static void write_all(int fd, const char *from, size_t n)
{
    while (n) {
        ssize_t done = write(fd, from, n);
        if (done <= 0)
            return; /* who does not listen does not answer either */
        from += done;
        n -= (size_t)done;
    }
}

/** Until the end; the answer with a NUL behind it. Kills `pid` when its time has come. */
static char *read_answer(int fd, pid_t pid, int64_t kill_at)
{
    char *answer = must(malloc(ANSWER_MAX + 1));
    size_t n = 0;

    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        struct timespec wait;
        int64_t left = kill_at ? kill_at - now_us() : 0;
        if (kill_at && left <= 0) {
            kill(pid, SIGKILL);
            kill_at = 0;
        }
        wait = (struct timespec){left / 1000000, left % 1000000 * 1000};
        if (ppoll(&ready, 1, kill_at ? &wait : NULL, NULL) != 1)
            continue;
        ssize_t got = read(fd, answer + n, ANSWER_MAX - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    answer[n] = '\0';
    return answer;
}

static char *ask_server(const struct request *request)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)options.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char signature[64], *head = NULL;
    size_t n = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    FILE *file = must(open_memstream(&head, &n));

    fprintf(file,
            "POST /functions/v1/%s HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n"
            "Content-Length: %zu\r\n",
            request->target, strlen(request->body));
    for (size_t i = 0; i < request->n_headers; i++)
        fprintf(file, "%s\r\n", request->headers[i]);
    if (options.token) {
        sign(request, signature);
        fprintf(file,
                "Content-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: %s\r\n",
                signature);
    }
    fprintf(file, "\r\n%s", request->body);
    fclose(file);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    char *answer = NULL;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        write_all(fd, head, n);
        answer = read_answer(fd, 0, 0);
    } else {
        perror("crowd: connect");
        wrong = true;
    }
    close(fd);
    free(head);
    return answer ? answer : must(strdup(""));
}

static void add_variable(char **variables, size_t *n, const char *name, const char *value)
{
    if (asprintf(&variables[(*n)++], "%s=%s", name, value) < 0)
        abort();
}

/** The environment that RFC 3875 describes, before the settings. */
static char **make_environment(const struct request *request)
{
    extern char **environ;
    size_t settings = 0, n = 0;
    char length[24], signature[64], *program = must(strdup(request->target)), *query = program;

    while (environ[settings])
        settings++;
    char **variables = must(calloc(settings + FIELDS_MAX + 16, sizeof(*variables)));
    strsep(&query, "?");
    snprintf(length, sizeof(length), "%zu", strlen(request->body));
    add_variable(variables, &n, "GATEWAY_INTERFACE", "CGI/1.1");
    add_variable(variables, &n, "REQUEST_METHOD", "POST");
    add_variable(variables, &n, "QUERY_STRING", query ? query : "");
    add_variable(variables, &n, "CONTENT_LENGTH", length);
    add_variable(variables, &n, "REMOTE_ADDR", "127.0.0.1");
    for (size_t i = 0; i < request->n_headers; i++) {
        char *copy = must(strdup(request->headers[i])), *value = copy, name[128];
        const char *field = strsep(&value, ":");
        int at = snprintf(name, sizeof(name), "%s",
                          strcasecmp(field, "Content-Type") == 0 ? "" : "HTTP_");
        for (; *field && at < (int)sizeof(name) - 1; field++)
            name[at++] = *field == '-' ? '_' : (char)toupper((unsigned char)*field);
        name[at] = '\0';
        add_variable(variables, &n, name, value ? value + strspn(value, " ") : "");
        free(copy);
    }
    if (options.token) {
        sign(request, signature);
        add_variable(variables, &n, "CONTENT_TYPE", "application/x-www-form-urlencoded");
        add_variable(variables, &n, "HTTP_X_TWILIO_SIGNATURE", signature);
    }
    for (size_t i = 0; i < settings; i++)
        variables[n++] = must(strdup(environ[i]));
    free(program);
    return variables;
}

static char *ask_program(const struct request *request, unsigned *dice, int *ret_exit)
{
    posix_spawn_file_actions_t actions;
    char path[4096], *arguments[] = {path, NULL}, **variables = make_environment(request);
    int in[2], out[2], status = 0;
    pid_t pid;

    snprintf(path, sizeof(path), "%s/%.*s", options.programs, (int)strcspn(request->target, "?"),
             request->target);
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        abort();
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    int64_t kill_at = options.kill_us ? now_us() + 1 + rand_r(dice) % options.kill_us : 0;
    if (posix_spawn(&pid, path, &actions, NULL, arguments, variables) != 0) {
        fprintf(stderr, "crowd: cannot run '%s'\n", path);
        exit(2);
    }
    close(in[0]);
    close(out[1]);
    write_all(in[1], request->body, strlen(request->body));
    close(in[1]);
    char *answer = read_answer(out[0], pid, kill_at);
    close(out[0]);
    /* its answer is out, and what it does behind it (the spool) may be cut off as well */
    for (; waitpid(pid, &status, WNOHANG) == 0; usleep(200))
        if (kill_at && now_us() >= kill_at)
            kill(pid, SIGKILL);
    *ret_exit = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    posix_spawn_file_actions_destroy(&actions);
    for (char **variable = variables; *variable; variable++)
        free(*variable);
    free(variables);
    return answer;
}

/* ------------------------------------------------------------------ all of them */

static int status_of(const char *answer)
{
    if (strncmp(answer, "HTTP/1.1 ", 9) == 0)
        return (int)strtol(answer + 9, NULL, 10);
    return strncmp(answer, "Status: ", 8) == 0 ? (int)strtol(answer + 8, NULL, 10) : 0;
}

/** Header fields as members of JSON; values without what JSON would escape. */
static void print_headers(FILE *file, char *headers)
{
    const char *separator = "";
    char *line;

    strsep(&headers, "\n"); /* the status */
    while ((line = strsep(&headers, "\n"))) {
        char *value = line, *name = strsep(&value, ":");
        if (!value)
            continue;
        for (char *c = name; *c; c++)
            *c = (char)tolower((unsigned char)*c);
        value += strspn(value, " ");
        value[strcspn(value, "\r\"\\")] = '\0';
        fprintf(file, "%s\"%s\":\"%s\"", separator, name, value);
        separator = ",";
    }
}

static bool report(const struct request *request, char *answer, int exit_status, long tries,
                   int64_t start, bool last)
{
    int status = status_of(answer);
    char *body = strstr(answer, "\r\n\r\n");
    bool good = status && body && body[4] == '{' && body[strlen(body) - 1] == '}';

    if (!good && !last)
        return false;
    pthread_mutex_lock(&lock);
    printf("{\"n\":%zu,\"status\":%d,\"exit\":%d,\"tries\":%ld,\"ms\":%lld,\"headers\":{",
           request->number, good ? status : 0, exit_status, tries,
           (long long)(now_us() - start) / 1000);
    if (good) {
        *body = '\0';
        print_headers(stdout, answer);
    }
    printf("},\"body\":%s}\n", good ? body + 4 : "null");
    fflush(stdout);
    pthread_mutex_unlock(&lock);
    return true;
}

/** Sleep until the request may begin; `turns` is held. */
static void wait_for_turn(void)
{
    int64_t wait =
        options.rate ? start_us + (int64_t)n_taken * 1000000 / options.rate - now_us() : 0;

    n_taken++;
    if (wait > 0)
        usleep((useconds_t)wait);
}

static const struct request *take_request(void)
{
    const struct request *request = NULL;

    pthread_mutex_lock(&turns);
    if (options.seconds && next_request == n_requests)
        next_request = 0;
    if (next_request < n_requests) {
        wait_for_turn();
        if (!options.seconds || now_us() < start_us + options.seconds * 1000000)
            request = &requests[next_request++];
    }
    pthread_mutex_unlock(&turns);
    return request;
}

static void *run(void *payload)
{
    unsigned dice = (unsigned)(uintptr_t)payload * 7919u + (unsigned)now_us();
    const struct request *request;

    while ((request = take_request())) {
        int64_t start = now_us();
        bool done = false;
        for (long tries = 1; !done; tries++) {
            int exit_status = 0;
            char *answer =
                options.port ? ask_server(request) : ask_program(request, &dice, &exit_status);
            done = report(request, answer, exit_status, tries, start, tries >= options.tries);
            free(answer);
            if (!done)
                usleep(20000);
        }
    }
    return NULL;
}

static void read_requests(void)
{
    char *line = NULL, *field, *rest;
    size_t room = 0, held = 0;
    static char none[] = "";
    ssize_t n;

    while ((n = getline(&line, &room, stdin)) > 0) {
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        if (n_requests == held) {
            held = held ? held * 2 : 1024;
            requests = must(realloc(requests, held * sizeof(*requests)));
        }
        struct request *request = &requests[n_requests++];
        *request = (struct request){.number = n_requests};
        rest = must(strdup(line));
        request->target = strsep(&rest, "\t");
        request->body = rest ? strsep(&rest, "\t") : none;
        while (rest && (field = strsep(&rest, "\t")) && request->n_headers < FIELDS_MAX)
            if (*field)
                request->headers[request->n_headers++] = field;
    }
    free(line);
}

static bool read_options(char **argv)
{
    for (; *argv; argv++) {
        if (!argv[1])
            return false;
        const char *name = *argv++;
        long number = strtol(*argv, NULL, 10);
        if (strcmp(name, "--server") == 0)
            options.port = (int)number;
        else if (strcmp(name, "--programs") == 0)
            options.programs = *argv;
        else if (strcmp(name, "--parallel") == 0)
            options.parallel = number;
        else if (strcmp(name, "--tries") == 0)
            options.tries = number;
        else if (strcmp(name, "--seconds") == 0)
            options.seconds = number;
        else if (strcmp(name, "--rate") == 0)
            options.rate = number;
        else if (strcmp(name, "--kill") == 0)
            options.kill_us = number;
        else if (strcmp(name, "--sign") == 0 && argv[1])
            options.token = *argv++, options.url = *argv;
        else
            return false;
    }
    return options.parallel > 0 && (options.port != 0) != (options.programs != NULL);
}

int main(int argc, char **argv)
{
    (void)argc;
    if (!read_options(argv + 1)) {
        fprintf(stderr, "crowd: wrong options, see the head of crowd.c\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    read_requests();
    start_us = now_us();
    pthread_t *threads = must(calloc((size_t)options.parallel, sizeof(*threads)));
    for (long i = 0; i < options.parallel; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)(i + 1)) != 0)
            abort();
    for (long i = 0; i < options.parallel; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return wrong ? 1 : 0;
}
