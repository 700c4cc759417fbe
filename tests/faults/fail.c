/* LD_PRELOAD: lets one call of one function fail, once. By the environment:
 *
 *   HTTP_X_FAIL=NAME:N[:ERRNO]   the N-th call of NAME fails, N from 1; of a function of the
 *                                system with that errno instead of the table's below
 *   HTTP_X_COUNT=FILE            nothing fails; a line "NAME CALLS" for each is appended at the end
 *   HTTP_X_ONCE=FILE             only while that file is there, which the failure removes
 *
 * They have the names of header fields, so that each CGI request can bring its own. Calls count
 * from main() on: the programs' first act is to forbid core dumps.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <fcgiapp.h>
#include <jwt.h>
#include <libpq-events.h>
#include <libpq-fe.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

/* open(), openat() and two of libcurl's take "...", as which this machine passes any one more
 * argument; so their headers are left out. */
#define CURLE_COULDNT_CONNECT       7
#define CURLE_OUT_OF_MEMORY         27
#define CURLE_BAD_FUNCTION_ARGUMENT 43

/* FUNCTION(type, name, parameters, arguments, result of the failure, errno) */
#define SYSTEM_FUNCTIONS                                                                           \
    FUNCTION(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode), -1,       \
             EMFILE)                                                                               \
    FUNCTION(int, openat, (int dir, const char *path, int flags, mode_t mode),                     \
             (dir, path, flags, mode), -1, EMFILE)                                                 \
    FUNCTION(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n), -1, EIO)                    \
    FUNCTION(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n), -1, ENOSPC)      \
    FUNCTION(int, close, (int fd), (fd), -1, EIO)                                                  \
    FUNCTION(int, fsync, (int fd), (fd), -1, EIO)                                                  \
    FUNCTION(int, fstat, (int fd, struct stat *to), (fd, to), -1, EIO)                             \
    FUNCTION(int, stat, (const char *path, struct stat *to), (path, to), -1, EIO)                  \
    FUNCTION(int, fstatat, (int dir, const char *path, struct stat *to, int flags),                \
             (dir, path, to, flags), -1, EIO)                                                      \
    FUNCTION(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOSPC)                \
    FUNCTION(int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode), -1,        \
             ENOSPC)                                                                               \
    FUNCTION(int, chmod, (const char *path, mode_t mode), (path, mode), -1, EPERM)                 \
    FUNCTION(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EPERM)                            \
    FUNCTION(int, fchmodat, (int dir, const char *path, mode_t mode, int flags),                   \
             (dir, path, mode, flags), -1, EPERM)                                                  \
    FUNCTION(int, faccessat, (int dir, const char *path, int mode, int flags),                     \
             (dir, path, mode, flags), -1, EACCES)                                                 \
    FUNCTION(int, futimens, (int fd, const struct timespec times[2]), (fd, times), -1, EIO)        \
    FUNCTION(int, renameat, (int from_dir, const char *from, int to_dir, const char *to),          \
             (from_dir, from, to_dir, to), -1, EIO)                                                \
    FUNCTION(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags), -1, EIO)   \
    FUNCTION(DIR *, fdopendir, (int fd), (fd), NULL, ENOMEM)                                       \
    FUNCTION(struct dirent *, readdir, (DIR * list), (list), NULL, EIO)                            \
    FUNCTION(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1,      \
             EMFILE)                                                                               \
    FUNCTION(int, socketpair, (int domain, int type, int protocol, int fds[2]),                    \
             (domain, type, protocol, fds), -1, EMFILE)                                            \
    FUNCTION(int, connect, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n), -1,      \
             ECONNREFUSED)                                                                         \
    FUNCTION(int, accept, (int fd, struct sockaddr *from, socklen_t *n), (fd, from, n), -1,        \
             EMFILE)                                                                               \
    FUNCTION(ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags), \
             -1, EPIPE)                                                                            \
    FUNCTION(ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags), -1,       \
             ECONNRESET)                                                                           \
    FUNCTION(int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms), -1, ENOMEM)         \
    FUNCTION(int, getsockopt, (int fd, int level, int name, void *to, socklen_t *n),               \
             (fd, level, name, to, n), -1, ENOBUFS)                                                \
    FUNCTION(int, setsockopt, (int fd, int level, int name, const void *from, socklen_t n),        \
             (fd, level, name, from, n), -1, ENOBUFS)                                              \
    FUNCTION(int, getsockname, (int fd, struct sockaddr *to, socklen_t *n), (fd, to, n), -1,       \
             ENOBUFS)                                                                              \
    FUNCTION(int, getpeername, (int fd, struct sockaddr *to, socklen_t *n), (fd, to, n), -1,       \
             ENOBUFS)                                                                              \
    FUNCTION(                                                                                      \
        int, getaddrinfo,                                                                          \
        (const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **to),  \
        (host, port, hints, to), EAI_AGAIN, 0)                                                     \
    FUNCTION(int, epoll_create1, (int flags), (flags), -1, EMFILE)                                 \
    FUNCTION(int, epoll_ctl, (int epoll, int act, int fd, struct epoll_event *event),              \
             (epoll, act, fd, event), -1, ENOSPC)                                                  \
    FUNCTION(int, epoll_wait, (int epoll, struct epoll_event *to, int most, int ms),               \
             (epoll, to, most, ms), -1, EINTR)                                                     \
    FUNCTION(int, eventfd, (unsigned value, int flags), (value, flags), -1, EMFILE)                \
    FUNCTION(                                                                                      \
        int, pthread_create,                                                                       \
        (pthread_t * to, const pthread_attr_t *attributes, void *(*run)(void *), void *payload),   \
        (to, attributes, run, payload), EAGAIN, EAGAIN)                                            \
    FUNCTION(ssize_t, getrandom, (void *to, size_t n, unsigned flags), (to, n, flags), -1, ENOSYS)

#define LIBRARY_FUNCTIONS                                                                          \
    FUNCTION(PGconn *, PQconnectStartParams,                                                       \
             (const char *const *names, const char *const *values, int expand),                    \
             (names, values, expand), NULL, 0)                                                     \
    FUNCTION(PostgresPollingStatusType, PQconnectPoll, (PGconn * conn), (conn),                    \
             PGRES_POLLING_FAILED, 0)                                                              \
    FUNCTION(int, PQsetnonblocking, (PGconn * conn, int on), (conn, on), -1, 0)                    \
    FUNCTION(int, PQsendQueryParams,                                                               \
             (PGconn * conn, const char *sql, int n, const Oid *types, const char *const *values,  \
              const int *lengths, const int *formats, int format),                                 \
             (conn, sql, n, types, values, lengths, formats, format), 0, 0)                        \
    FUNCTION(int, PQsendPrepare,                                                                   \
             (PGconn * conn, const char *name, const char *sql, int n, const Oid *types),          \
             (conn, name, sql, n, types), 0, 0)                                                    \
    FUNCTION(int, PQsendQueryPrepared,                                                             \
             (PGconn * conn, const char *name, int n, const char *const *values,                   \
              const int *lengths, const int *formats, int format),                                 \
             (conn, name, n, values, lengths, formats, format), 0, 0)                              \
    FUNCTION(int, PQregisterEventProc,                                                             \
             (PGconn * conn, PGEventProc procedure, const char *name, void *payload),              \
             (conn, procedure, name, payload), 0, 0)                                               \
    FUNCTION(int, PQsetInstanceData, (PGconn * conn, PGEventProc procedure, void *data),           \
             (conn, procedure, data), 0, 0)                                                        \
    FUNCTION(int, PQflush, (PGconn * conn), (conn), -1, 0)                                         \
    FUNCTION(int, PQconsumeInput, (PGconn * conn), (conn), 0, 0)                                   \
    FUNCTION(PGresult *, PQgetResult, (PGconn * conn), (conn), NULL, 0)                            \
    FUNCTION(PQconninfoOption *, PQconninfoParse, (const char *string, char **error),              \
             (string, error), NULL, 0)                                                             \
    FUNCTION(void *, curl_easy_init, (void), (), NULL, 0)                                          \
    FUNCTION(int, curl_easy_setopt, (void *curl, int option, void *value), (curl, option, value),  \
             CURLE_OUT_OF_MEMORY, 0)                                                               \
    FUNCTION(int, curl_easy_getinfo, (void *curl, int info, void *to), (curl, info, to),           \
             CURLE_BAD_FUNCTION_ARGUMENT, 0)                                                       \
    FUNCTION(int, curl_easy_perform, (void *curl), (curl), CURLE_COULDNT_CONNECT, 0)               \
    FUNCTION(void *, curl_slist_append, (void *list, const char *text), (list, text), NULL, 0)     \
    FUNCTION(cJSON *, cJSON_ParseWithLength, (const char *text, size_t n), (text, n), NULL, 0)     \
    FUNCTION(int, jwt_decode, (jwt_t * *to, const char *token, const unsigned char *key, int n),   \
             (to, token, key, n), ENOMEM, ENOMEM)                                                  \
    FUNCTION(BIO *, BIO_new, (const BIO_METHOD *method), (method), NULL, 0)                        \
    FUNCTION(BIGNUM *, BN_bin2bn, (const unsigned char *from, int n, BIGNUM *to), (from, n, to),   \
             NULL, 0)                                                                              \
    FUNCTION(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_new, (void), (), NULL, 0)                            \
    FUNCTION(int, OSSL_PARAM_BLD_push_BN,                                                          \
             (OSSL_PARAM_BLD * to, const char *name, const BIGNUM *number), (to, name, number), 0, \
             0)                                                                                    \
    FUNCTION(OSSL_PARAM *, OSSL_PARAM_BLD_to_param, (OSSL_PARAM_BLD * from), (from), NULL, 0)      \
    FUNCTION(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_name,                                           \
             (OSSL_LIB_CTX * library, const char *name, const char *properties),                   \
             (library, name, properties), NULL, 0)                                                 \
    FUNCTION(int, EVP_PKEY_fromdata_init, (EVP_PKEY_CTX * context), (context), 0, 0)               \
    FUNCTION(int, EVP_PKEY_fromdata,                                                               \
             (EVP_PKEY_CTX * context, EVP_PKEY * *to, int selection, OSSL_PARAM params[]),         \
             (context, to, selection, params), 0, 0)                                               \
    FUNCTION(int, PEM_write_bio_PUBKEY, (BIO * to, const EVP_PKEY *key), (to, key), 0, 0)          \
    FUNCTION(int, FCGX_Init, (void), (), -1, 0)                                                    \
    FUNCTION(int, FCGX_PutStr, (const char *from, int n, FCGX_Stream *to), (from, n, to), -1, 0)

/* The sanitizers bring their own. __libc_*: what dlsym() needs itself must not ask it. */
#ifdef WITHOUT_MEMORY
#define MEMORY_FUNCTIONS
#else
#define MEMORY_FUNCTIONS                                                                           \
    FUNCTION(void *, malloc, (size_t n), (n), NULL, ENOMEM)                                        \
    FUNCTION(void *, calloc, (size_t n, size_t size), (n, size), NULL, ENOMEM)                     \
    FUNCTION(void *, realloc, (void *memory, size_t n), (memory, n), NULL, ENOMEM)

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *memory, size_t n);
#endif

#define FUNCTION(type, name, parameters, arguments, failure, error) CALLS_OF_##name,
enum calls { MEMORY_FUNCTIONS SYSTEM_FUNCTIONS LIBRARY_FUNCTIONS CALLS_KINDS };
#undef FUNCTION

#define FUNCTION(type, name, parameters, arguments, failure, error) #name,
static const char *const names[] = {MEMORY_FUNCTIONS SYSTEM_FUNCTIONS LIBRARY_FUNCTIONS};
#undef FUNCTION

static atomic_bool armed;
static _Thread_local bool
    sheltered; /* glibc 2.36's getpwuid_r() does not outlive a failed malloc() */
static atomic_long calls[CALLS_KINDS];
static const char *count_file, *once_file;
static size_t victim = CALLS_KINDS;
static long victim_call;
static int victim_error;

/** Counts the call; is it the one that fails? */
static bool fails(enum calls which)
{
    if (!atomic_load(&armed) || sheltered)
        return false;
    return atomic_fetch_add(&calls[which], 1) + 1 == victim_call && which == victim &&
           (!once_file || unlink(once_file) == 0);
}

static void set_errno(int error)
{
    if (error)
        errno = victim_error ? victim_error : error;
}

static void arm(void)
{
    const char *fail = getenv("HTTP_X_FAIL"), *colon = fail ? strchr(fail, ':') : NULL;
    char *end = NULL;

    count_file = getenv("HTTP_X_COUNT");
    once_file = getenv("HTTP_X_ONCE");
    for (size_t i = 0; colon && i < CALLS_KINDS; i++)
        if (strlen(names[i]) == (size_t)(colon - fail) &&
            strncmp(fail, names[i], strlen(names[i])) == 0)
            victim = i;
    victim_call = colon ? strtol(colon + 1, &end, 10) : 0;
    victim_error = end && *end == ':' ? (int)strtol(end + 1, NULL, 10) : 0;
    atomic_store(&armed, true);
}

__attribute__((destructor)) static void report(void)
{
    atomic_store(&armed, false);
    FILE *file = count_file ? fopen(count_file, "a") : NULL;
    for (size_t i = 0; file && i < CALLS_KINDS; i++)
        if (calls[i])
            fprintf(file, "%s %ld\n", names[i], atomic_load(&calls[i]));
    if (file)
        fclose(file);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    static int (*real)(__rlimit_resource_t, const struct rlimit *);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "setrlimit");
    if (resource == RLIMIT_CORE)
        arm();
    return real(resource, limit);
}

int getpwuid_r(uid_t user, struct passwd *to, char *buffer, size_t n, struct passwd **ret_to)
{
    static int (*real)(uid_t, struct passwd *, char *, size_t, struct passwd **);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getpwuid_r");
    sheltered = true;
    int status = real(user, to, buffer, n, ret_to);
    sheltered = false;
    return status;
}

#define FUNCTION(type, name, parameters, arguments, failure, error)                                \
    type name parameters                                                                           \
    {                                                                                              \
        if (fails(CALLS_OF_##name)) {                                                              \
            set_errno(error);                                                                      \
            return failure;                                                                        \
        }                                                                                          \
        return __libc_##name arguments;                                                            \
    }
MEMORY_FUNCTIONS
#undef FUNCTION

#define FUNCTION(type, name, parameters, arguments, failure, error)                                \
    type name parameters                                                                           \
    {                                                                                              \
        static type(*real) parameters;                                                             \
        if (!real)                                                                                 \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                             \
        if (fails(CALLS_OF_##name)) {                                                              \
            set_errno(error);                                                                      \
            return failure;                                                                        \
        }                                                                                          \
        return real arguments;                                                                     \
    }
SYSTEM_FUNCTIONS
LIBRARY_FUNCTIONS
