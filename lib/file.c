#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void file_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static bool read_all(const char *what, int fd, size_t max, struct arena *arena,
                     struct text *ret_content, struct fault *reterr)
{
    char *bytes = arena_new(arena, char, max + 1);
    size_t n = 0;

    if (!bytes)
        return fault_set(reterr, FAULT_INTERNAL, "no memory to read the %s", what);
    while (n <= max) {
        ssize_t got = read(fd, bytes + n, max + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault_set(reterr, FAULT_MISCONFIGURED, "cannot read %s: %s", what,
                             strerrordesc_np(errno));
        if (got == 0)
            break;
        n += (size_t)got;
    }
    if (n > max)
        return fault_set(reterr, FAULT_MISCONFIGURED, "%s has more than %zu bytes", what, max);
    *ret_content = (struct text){bytes, n};
    return true;
}

bool file_read(const char *what, const char *path, size_t max, struct arena *arena,
               struct stat *ret_status, struct text *ret_content, struct fault *reterr)
{
    file_scoped int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return fault_set(reterr, FAULT_MISCONFIGURED, "cannot open %s '%s': %s", what, path,
                         strerrordesc_np(errno));
    if (fstat(fd, ret_status) != 0 || !S_ISREG(ret_status->st_mode))
        return fault_set(reterr, FAULT_MISCONFIGURED, "%s '%s' is no file", what, path);
    return read_all(what, fd, max, arena, ret_content, reterr);
}

bool file_write_all(int fd, struct text content)
{
    while (content.n) {
        ssize_t done = write(fd, content.s, content.n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        content = text_skip(content, (size_t)done);
    }
    return true;
}

/* Some file systems cannot and say EINVAL: they have no need to. */
bool file_flush_directory(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL;
}

/** A whole and flushed file beside the one that it will replace. */
static bool write_beside(char *name, struct text content, mode_t mode)
{
    file_scoped int fd = mkostemp(name, O_CLOEXEC);

    if (fd < 0)
        return false;
    if (file_write_all(fd, content) && fchmod(fd, mode) == 0 && fsync(fd) == 0)
        return true;
    int error = errno;
    unlink(name);
    errno = error;
    return false;
}

static bool flush_directory_of(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash)
        slash[slash == path ? 1 : 0] = '\0';
    file_scoped int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && file_flush_directory(fd);
}

static bool replace(char *path, struct text content, mode_t mode)
{
    char beside[PATH_MAX];

    if ((size_t)snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= sizeof(beside)) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (!write_beside(beside, content, mode))
        return false;
    if (rename(beside, path) == 0)
        return flush_directory_of(path);
    int error = errno;
    unlink(beside);
    errno = error;
    return false;
}

bool file_replace(const char *path, struct text content, mode_t mode, struct fault *reterr)
{
    char target[PATH_MAX];
    struct stat status;

    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return fault_set(reterr, FAULT_MISCONFIGURED, "cannot write '%s': it is no file", path);
    if (!realpath(path, target) &&
        (size_t)snprintf(target, sizeof(target), "%s", path) >= sizeof(target))
        errno = ENAMETOOLONG;
    else if (replace(target, content, mode))
        return true;
    return fault_set(reterr, FAULT_MISCONFIGURED, "cannot write '%s': %s", path,
                     strerrordesc_np(errno));
}
