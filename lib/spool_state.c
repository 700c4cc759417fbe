#include "spool_state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "spool_folder.h"

/* entries that are looked at where a whole directory would take too long */
#define FEW 32

/** How many files are in a folder; their bytes are added to *bytes. */
static size_t count_files(int dir, const char *below, size_t *bytes)
{
    spool_folder_scoped DIR *list = spool_folder_list(dir, below);
    const struct dirent *entry;
    struct stat status;
    size_t n = 0;

    while (list && (entry = readdir(list))) {
        if (!spool_folder_is_waiting(entry->d_name))
            continue;
        n++;
        if (bytes && fstatat(dirfd(list), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
            *bytes += (size_t)status.st_size;
    }
    return n;
}

bool spool_state_is_full(int dir)
{
    size_t bytes = 0, files = count_files(dir, ".", &bytes);

    files += count_files(dir, SPOOL_CLAIMED, &bytes);
    files += count_files(dir, SPOOL_BAD, &bytes);
    return files >= SPOOL_FILES_MAX || bytes >= SPOOL_BYTES_MAX;
}

static bool has_bad(int dir)
{
    spool_folder_scoped DIR *bad = spool_folder_list(dir, SPOOL_BAD);
    const struct dirent *entry;

    while (bad && (entry = readdir(bad)))
        if (entry->d_name[0] != '.')
            return true;
    return false;
}

/** A file that waits, or a folder, that we may not read. */
static bool is_unreadable(int dir, const char *name)
{
    bool ours = spool_folder_is_waiting(name) || strcmp(name, SPOOL_CLAIMED) == 0 ||
                strcmp(name, SPOOL_BAD) == 0;

    return ours && faccessat(dir, name, R_OK, AT_EACCESS) != 0 && errno == EACCES;
}

/** How many of the files that wait, and of the folders, we may not read; of the first so many. */
static size_t count_unreadable(int dir, size_t most)
{
    spool_folder_scoped DIR *list = spool_folder_list(dir, ".");
    const struct dirent *entry;
    size_t n = 0;

    while (list && most-- && (entry = readdir(list)))
        n += is_unreadable(dir, entry->d_name);
    return n;
}

const char *spool_complaint(const struct spool *spool)
{
    file_scoped int dir = spool_folder_open(spool, false);

    if (dir < 0)
        return NULL;
    if (has_bad(dir))
        return "spool: files are set aside, see --check";
    return count_unreadable(dir, FEW) ? "spool: files cannot be read, see --check" : NULL;
}

static size_t count_put_off(const struct spool *spool, int dir)
{
    const struct spool_choice due = spool_due(spool, SPOOL_ANY);
    spool_folder_scoped DIR *list = spool_folder_list(dir, ".");
    const struct dirent *entry;
    size_t n = 0;

    while (list && (entry = readdir(list)))
        n += spool_folder_is_waiting(entry->d_name) &&
             !spool_folder_is_chosen(spool, &due, entry->d_name);
    return n;
}

/** How long the oldest file of a folder has been there: what it is called later tells nothing of
 * it. */
static int64_t oldest_ms(const struct spool *spool, int dir, const char *below)
{
    int64_t now = spool->clock->epoch_ms(spool->clock->self), oldest = 0;
    spool_folder_scoped DIR *list = spool_folder_list(dir, below);
    const struct dirent *entry;
    struct stat status;

    while (list && (entry = readdir(list))) {
        if (!spool_folder_is_waiting(entry->d_name) ||
            fstatat(dirfd(list), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        int64_t age =
            now - (int64_t)status.st_mtim.tv_sec * 1000 - status.st_mtim.tv_nsec / 1000000;
        if (age > oldest)
            oldest = age;
    }
    return oldest;
}

void spool_state(const struct spool *spool, struct spool_state *ret_state)
{
    file_scoped int dir = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;

    *ret_state = (struct spool_state){0};
    if (dir < 0 || fstat(dir, &status) != 0)
        return;
    ret_state->exists = true;
    ret_state->writable =
        spool_folder_is_ours(&status) && faccessat(dir, ".", R_OK | W_OK | X_OK, AT_EACCESS) == 0;
    ret_state->private = (status.st_mode & 077) == 0;
    ret_state->waiting = count_files(dir, ".", NULL);
    ret_state->claimed = count_files(dir, SPOOL_CLAIMED, NULL);
    ret_state->bad = count_files(dir, SPOOL_BAD, NULL);
    ret_state->put_off = count_put_off(spool, dir);
    ret_state->unreadable = count_unreadable(dir, SIZE_MAX);
    int64_t waiting = oldest_ms(spool, dir, "."), claimed = oldest_ms(spool, dir, SPOOL_CLAIMED);
    ret_state->oldest_ms = waiting > claimed ? waiting : claimed;
}
