#include "spool_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

void spool_folder_close(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

bool spool_folder_is_ours(const struct stat *status)
{
    uid_t me = geteuid();

    return (status->st_mode & S_IWOTH) == 0 &&
           (me == 0 || status->st_uid == me || status->st_uid == 0);
}

bool spool_folder_give(int dir, int fd)
{
    struct stat status;

    return geteuid() != 0 ||
           (fstat(dir, &status) == 0 && fchown(fd, status.st_uid, status.st_gid) == 0);
}

/** The directory itself; the one above is flushed so that it lasts. */
static bool make_spool(const char *path)
{
    file_scoped int above = -1;

    if (mkdir(path, 0700) != 0)
        return errno == EEXIST;
    if (chmod(path, 0700) != 0)
        return false;
    file_scoped int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    above = fd < 0 ? -1 : openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return above >= 0 && file_flush_directory(above);
}

int spool_folder_open(const struct spool *spool, bool make)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    struct stat status;
    int fd = open(spool->dir, flags);

    if (fd < 0 && errno == ENOENT && make && make_spool(spool->dir))
        fd = open(spool->dir, flags);
    if (fd >= 0 && (fstat(fd, &status) != 0 || !spool_folder_is_ours(&status))) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

int spool_folder_below(int dir, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir, name, flags);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (mkdirat(dir, name, 0700) != 0)
        return errno == EEXIST ? openat(dir, name, flags) : -1;
    if (fchmodat(dir, name, 0700, 0) != 0 || (fd = openat(dir, name, flags)) < 0)
        return -1;
    if (spool_folder_give(dir, fd) && file_flush_directory(dir))
        return fd;
    close(fd);
    return -1;
}

static bool has_end(const char *name, const char *end)
{
    size_t n = strlen(name), n_end = strlen(end);

    return n > n_end && strcmp(name + n - n_end, end) == 0;
}

bool spool_folder_is_waiting(const char *name)
{
    return name[0] >= '0' && name[0] <= '9' && strlen(name) < SPOOL_NAME_SIZE &&
           has_end(name, SPOOL_EVENT_END);
}

/** When the file is due; 0 for a number that no clock of ours has written. */
static int64_t due_ms(const struct spool *spool, const char *name)
{
    int64_t now = spool->clock->epoch_ms(spool->clock->self);
    struct text digits = {name, strspn(name, "0123456789")};
    uint64_t due = 0;

    (void)!text_number(digits, (uint64_t)now + (SPOOL_PAUSE_SECONDS + 1) * UINT64_C(1000), &due);
    return (int64_t)due;
}

bool spool_folder_is_chosen(const struct spool *spool, const struct spool_choice *choice,
                            const char *name)
{
    bool settlement = has_end(name, SPOOL_SETTLEMENT_END);

    return spool_folder_is_waiting(name) &&
           (choice->kind == SPOOL_ANY || (choice->kind == SPOOL_SETTLEMENT) == settlement) &&
           due_ms(spool, name) < choice->until_ms;
}

DIR *spool_folder_list(int dir, const char *below)
{
    int fd = openat(dir, below, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);

    if (!list && fd >= 0)
        close(fd);
    return list;
}
