#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Counting the files takes as long as there are many: one put in so many counts them. */
#define COUNT_EVERY 32

static const char claimed_dir[] = "claimed";
static const char bad_dir[] = "bad";
static const char full_mark[] = ".full";

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static void close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

#define scoped_fd  __attribute__((cleanup(close_fd)))
#define scoped_dir __attribute__((cleanup(close_dir)))

/** The spool's directory, made where it is missing; -1 with errno. */
static int open_spool(const struct spool *spool, bool make)
{
    int fd = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT && make && mkdir(spool->dir, 0700) == 0)
        fd = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd;
}

static bool is_waiting(const char *name)
{
    size_t n = strlen(name);

    return name[0] >= '0' && name[0] <= '9' && n > 5 &&
           n < sizeof(((struct spool_claim *)0)->name) && strcmp(name + n - 5, ".json") == 0;
}

/** ".<uuid>": being written; nobody was told that it is safe. */
static bool is_temporary(const char *name)
{
    return name[0] == '.' && text_is_uuid(text_of(name + 1));
}

static DIR *open_list(int dir, const char *below)
{
    int fd = openat(dir, below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);

    if (!list && fd >= 0)
        close(fd);
    return list;
}

static size_t count_files(int dir, const char *below, size_t *ret_bytes)
{
    scoped_dir DIR *list = open_list(dir, below);
    const struct dirent *entry;
    struct stat status;
    size_t n = 0, bytes = 0;

    while (list && (entry = readdir(list))) {
        if (!is_waiting(entry->d_name))
            continue;
        n++;
        if (ret_bytes && fstatat(dirfd(list), entry->d_name, &status, 0) == 0)
            bytes += (size_t)status.st_size;
    }
    if (ret_bytes)
        *ret_bytes = bytes;
    return n;
}

/** Is there room for one more? Remembered in a mark, so that a full spool costs one look. */
static bool has_room(const struct spool *spool, int dir)
{
    bool marked = faccessat(dir, full_mark, F_OK, 0) == 0;
    unsigned char dice = 0;

    (void)spool->clock->random(spool->clock->self, &dice, 1);
    if (dice % COUNT_EVERY != 0)
        return !marked;
    size_t bytes, files = count_files(dir, ".", &bytes);
    bool full = files >= SPOOL_FILES_MAX || bytes >= SPOOL_BYTES_MAX;
    if (full && !marked)
        close(openat(dir, full_mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!full && marked)
        unlinkat(dir, full_mark, 0);
    return !full;
}

static bool write_all(int fd, struct text content)
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

/** A whole and flushed file under a name that nobody takes for a waiting one. */
static bool write_temporary(int dir, const char *name, struct text content)
{
    scoped_fd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    return fd >= 0 && write_all(fd, content) && fsync(fd) == 0;
}

bool spool_put(const struct spool *spool, struct text content, struct fault *reterr)
{
    char uuid[37], name[80], temporary[80];
    scoped_fd int dir = open_spool(spool, true);

    if (dir < 0)
        return fault_set(reterr, FAULT_SPOOL_UNAVAILABLE, "cannot open the spool: %s",
                         strerrordesc_np(errno));
    if (content.n > SPOOL_FILE_MAX)
        return fault_set(reterr, FAULT_SPOOL_UNAVAILABLE, "event has %zu bytes", content.n);
    if (!has_room(spool, dir))
        return fault_set(reterr, FAULT_SPOOL_UNAVAILABLE, "spool is full");
    clock_uuid(spool->clock, uuid);
    snprintf(name, sizeof(name), "%013lld-%s.json",
             (long long)spool->clock->epoch_ms(spool->clock->self), uuid);
    snprintf(temporary, sizeof(temporary), ".%s", uuid);
    if (!write_temporary(dir, temporary, content) || renameat(dir, temporary, dir, name) != 0 ||
        fsync(dir) != 0) {
        int error = errno;
        unlinkat(dir, temporary, 0);
        return fault_set(reterr, FAULT_SPOOL_UNAVAILABLE, "cannot write to the spool: %s",
                         strerrordesc_np(error));
    }
    return true;
}

/** Has nobody touched the file for so long that whoever did must be dead? A rename touches it. */
static bool is_orphan(const struct spool *spool, int dir, const char *name)
{
    int64_t now = spool->clock->epoch_ms(spool->clock->self) / 1000;
    struct stat status;

    return fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           now - status.st_ctim.tv_sec > SPOOL_CLAIM_SECONDS;
}

/** Claims of processes that are no more wait again. */
static void give_back_dead(const struct spool *spool, int dir)
{
    scoped_dir DIR *list = open_list(dir, claimed_dir);
    const struct dirent *entry;

    while (list && (entry = readdir(list)))
        if (is_waiting(entry->d_name) && is_orphan(spool, dirfd(list), entry->d_name))
            renameat(dirfd(list), entry->d_name, dir, entry->d_name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool spool_waits(const struct spool *spool)
{
    scoped_fd int dir = open_spool(spool, false);
    scoped_dir DIR *list = dir < 0 ? NULL : open_list(dir, ".");
    const struct dirent *entry;

    while (list && (entry = readdir(list)))
        if (is_waiting(entry->d_name))
            return true;
    return false;
}

bool spool_look(const struct spool *spool, size_t most, struct spool_walk *ret_walk)
{
    scoped_fd int dir = open_spool(spool, false);
    scoped_dir DIR *list = dir < 0 ? NULL : open_list(dir, ".");
    const struct dirent *entry;

    *ret_walk = (struct spool_walk){0};
    if (!list)
        return false;
    give_back_dead(spool, dir);
    ret_walk->names = calloc(most, sizeof(*ret_walk->names));
    while (ret_walk->names && ret_walk->n < most && (entry = readdir(list))) {
        if (is_waiting(entry->d_name) && (ret_walk->names[ret_walk->n] = strdup(entry->d_name)))
            ret_walk->n++;
        else if (is_temporary(entry->d_name) && is_orphan(spool, dir, entry->d_name))
            unlinkat(dir, entry->d_name, 0);
    }
    if (ret_walk->n)
        qsort(ret_walk->names, ret_walk->n, sizeof(*ret_walk->names), by_name);
    else
        spool_finish(ret_walk);
    return ret_walk->n > 0;
}

void spool_finish(struct spool_walk *walk)
{
    for (size_t i = 0; i < walk->n; i++)
        free(walk->names[i]);
    free(walk->names);
    *walk = (struct spool_walk){0};
}

static bool move(int dir, const char *from, const char *name, const char *to)
{
    char source[128], target[128];

    snprintf(source, sizeof(source), "%s/%s", from, name);
    snprintf(target, sizeof(target), "%s/%s", to, name);
    if (renameat(dir, source, dir, target) == 0)
        return true;
    if (errno != ENOENT || (mkdirat(dir, to, 0700) != 0 && errno != EEXIST))
        return false;
    return renameat(dir, source, dir, target) == 0;
}

static struct text read_claimed(int dir, const char *name, struct arena *arena)
{
    char path[128];
    struct stat status;

    snprintf(path, sizeof(path), "%s/%s", claimed_dir, name);
    scoped_fd int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
        status.st_size > SPOOL_FILE_MAX)
        return (struct text){0};
    char *content = arena_new(arena, char, (size_t)status.st_size + 1);
    size_t n = 0;
    while (content && n < (size_t)status.st_size) {
        ssize_t got = read(fd, content + n, (size_t)status.st_size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (struct text){0};
        n += (size_t)got;
    }
    return (struct text){content, content ? n : 0};
}

bool spool_claim(const struct spool *spool, struct spool_walk *walk, struct arena *arena,
                 struct spool_claim *ret_claim)
{
    scoped_fd int dir = open_spool(spool, false);

    while (dir >= 0 && walk->at < walk->n) {
        const char *name = walk->names[walk->at++];
        if (!move(dir, ".", name, claimed_dir))
            continue;
        snprintf(ret_claim->name, sizeof(ret_claim->name), "%s", name);
        ret_claim->content = read_claimed(dir, name, arena);
        return true;
    }
    return false;
}

void spool_end(const struct spool *spool, const struct spool_claim *claim, enum spool_end end)
{
    scoped_fd int dir = open_spool(spool, false);
    char path[128];

    if (dir < 0)
        return;
    if (end == SPOOL_GIVE_BACK) {
        (void)move(dir, claimed_dir, claim->name, ".");
    } else if (end == SPOOL_SET_ASIDE) {
        (void)move(dir, claimed_dir, claim->name, bad_dir);
    } else {
        snprintf(path, sizeof(path), "%s/%s", claimed_dir, claim->name);
        unlinkat(dir, path, 0);
    }
}

void spool_state(const struct spool *spool, struct spool_state *ret_state)
{
    scoped_fd int dir = open_spool(spool, false);
    struct stat status;

    *ret_state = (struct spool_state){0};
    if (dir < 0 || fstat(dir, &status) != 0)
        return;
    ret_state->exists = true;
    ret_state->writable = faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) == 0;
    ret_state->private = (status.st_mode & 077) == 0;
    ret_state->waiting = count_files(dir, ".", NULL);
    ret_state->claimed = count_files(dir, claimed_dir, NULL);
    ret_state->bad = count_files(dir, bad_dir, NULL);
}
