/* LD_PRELOAD: the clock on the wall is SECONDS_LATER ahead, so that nobody must wait for what is
 * promised after a minute or two. */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    const char *seconds = getenv("SECONDS_LATER");

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, now);
    if (id == CLOCK_REALTIME && status == 0 && seconds)
        now->tv_sec += strtol(seconds, NULL, 10);
    return status;
}
