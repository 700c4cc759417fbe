/*
 * Slow clients: N connections to a port of the loopback interface, each with the beginning of a
 * request and then one byte a second, until standard input ends.
 *
 *   slow PORT N head|body PATH [HEADER...]
 *
 * head: of a header field that never ends; body: of a body of 32,000 bytes behind a whole header.
 * Prints "open N" once all are made, then, whenever it changes, how many the server has not closed.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MOST 4000

static int connect_to(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    perror("slow: connect");
    exit(1);
}

/** Has the server ended this connection? What it answers is thrown away. */
static bool is_over(int fd)
{
    char scrap[4096];
    ssize_t n;

    do
        n = recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT);
    while (n > 0);
    return n == 0 || send(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0;
}

static size_t still_open(int *fds, size_t n)
{
    size_t open = 0;

    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0 && is_over(fds[i])) {
            close(fds[i]);
            fds[i] = -1;
        } else if (fds[i] >= 0) {
            open++;
        }
    return open;
}

int main(int argc, char **argv)
{
    static int fds[MOST];
    char request[4096];
    struct rlimit files;

    if (argc < 5 || strtoul(argv[2], NULL, 10) > MOST)
        return 2;
    size_t n = strtoul(argv[2], NULL, 10), told = n;
    bool head = strcmp(argv[3], "head") == 0;
    int at = snprintf(request, sizeof(request), "POST %s HTTP/1.1\r\nHost: localhost\r\n", argv[4]);
    for (int i = 5; i < argc; i++)
        at += snprintf(request + at, sizeof(request) - (size_t)at, "%s\r\n", argv[i]);
    at += snprintf(request + at, sizeof(request) - (size_t)at, "%s",
                   head ? "X-Endless: " : "Content-Length: 32000\r\n\r\n");

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    for (size_t i = 0; i < n; i++) {
        fds[i] = connect_to((unsigned)strtoul(argv[1], NULL, 10));
        if (send(fds[i], request, (size_t)at, MSG_NOSIGNAL) != at)
            return 1;
    }
    printf("open %zu\n", n);
    fflush(stdout);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, 1000) == 0) {
        size_t open = still_open(fds, n);
        if (open != told)
            printf("open %zu\n", open);
        fflush(stdout);
        told = open;
    }
    return 0;
}
