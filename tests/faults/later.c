/* LD_PRELOAD, by the environment:
 *
 *   SECONDS_LATER    the clock on the wall is so many seconds ahead, so that nobody must wait for
 *                    what is promised after a minute or two
 *   PAUSE_IN_WRITE   writing to a file stops in the middle for so many seconds
 *   SILENT_NAMES     no nameserver answers for so many seconds
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static long number(const char *name)
{
    const char *value = getenv(name);

    return value ? strtol(value, NULL, 10) : 0;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, now);
    if (id == CLOCK_REALTIME && status == 0)
        now->tv_sec += number("SECONDS_LATER");
    return status;
}

ssize_t write(int fd, const void *from, size_t n)
{
    static ssize_t (*real)(int, const void *, size_t);
    long pause = number("PAUSE_IN_WRITE");
    struct stat status;

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "write");
    if (!pause || n < 2 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return real(fd, from, n);
    ssize_t half = real(fd, from, n / 2);
    sleep((unsigned)pause);
    return half;
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **to)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    long pause = number("SILENT_NAMES");

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (!pause || !host || (hints && hints->ai_flags & AI_NUMERICHOST))
        return real(host, port, hints, to);
    sleep((unsigned)pause);
    return EAI_AGAIN;
}
