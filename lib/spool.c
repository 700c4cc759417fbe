#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "spool_folder.h"
#include "spool_state.h"

/* Counting the files takes as long as there are many: one put in so many counts them, and when they
 * were too many nobody counts for so long. */
#define COUNT_EVERY  32
#define MARK_SECONDS 10

static const char full_mark[] = ".full";

struct spool_choice spool_due(const struct spool *spool, enum spool_kind kind)
{
    return (struct spool_choice){kind, spool->clock->epoch_ms(spool->clock->self) + 1};
}

struct spool_choice spool_all(const struct spool *spool)
{
    int64_t now = spool->clock->epoch_ms(spool->clock->self);

    return (struct spool_choice){SPOOL_ANY, now + SPOOL_PAUSE_SECONDS * INT64_C(1000)};
}

/** ".<uuid>": being written; nobody was told that it is safe. */
static bool is_temporary(const char *name)
{
    return name[0] == '.' && text_is_uuid(text_of(name + 1));
}

static void set_mark(int dir)
{
    file_scoped int fd = openat(dir, full_mark, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd >= 0 && spool_folder_give(dir, fd))
        (void)!futimens(fd, NULL);
}

/** Is there room for one more? Remembered in a mark, so that a full spool costs one look. */
static bool has_room(const struct spool *spool, int dir)
{
    int64_t now = spool->clock->epoch_ms(spool->clock->self) / 1000;
    struct stat mark;
    unsigned char dice = 0;

    bool marked = fstatat(dir, full_mark, &mark, AT_SYMLINK_NOFOLLOW) == 0;
    if (marked && now >= mark.st_mtim.tv_sec && now - mark.st_mtim.tv_sec < MARK_SECONDS)
        return false;
    (void)spool->clock->random(spool->clock->self, &dice, 1);
    if (!marked && dice % COUNT_EVERY != 0)
        return true;
    bool full = spool_state_is_full(dir);
    if (full)
        set_mark(dir);
    else if (marked)
        unlinkat(dir, full_mark, 0);
    return !full;
}

/** A whole and flushed file under a name that nobody takes for a waiting one. */
static bool write_temporary(int dir, const char *name, struct text content)
{
    file_scoped int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    return fd >= 0 && fchmod(fd, 0600) == 0 && spool_folder_give(dir, fd) &&
           file_write_all(fd, content) && fsync(fd) == 0;
}

static bool unavailable(struct fault *reterr, const char *what, const char *why)
{
    fault_set(reterr, FAULT_SPOOL_UNAVAILABLE, "%s: %s", what, why);
    if (reterr)
        reterr->retry_after = 5;
    return false;
}

bool spool_put(const struct spool *spool, enum spool_kind kind, struct text content,
               struct fault *reterr)
{
    char uuid[37], name[SPOOL_NAME_SIZE], temporary[SPOOL_NAME_SIZE];

    if (content.n > SPOOL_FILE_MAX)
        return unavailable(reterr, "cannot write to the spool", "event is too long");
    file_scoped int dir = spool_folder_open(spool, true);
    if (dir < 0)
        return unavailable(reterr, "cannot open the spool", strerrordesc_np(errno));
    if (!has_room(spool, dir))
        return unavailable(reterr, "cannot write to the spool", "it is full");
    if (!clock_uuid(spool->clock, uuid))
        return unavailable(reterr, "cannot write to the spool", "no random bytes for a name");
    snprintf(name, sizeof(name), "%013lld-%s%s",
             (long long)spool->clock->epoch_ms(spool->clock->self), uuid,
             kind == SPOOL_SETTLEMENT ? SPOOL_SETTLEMENT_END : SPOOL_EVENT_END);
    snprintf(temporary, sizeof(temporary), ".%s", uuid);
    if (!write_temporary(dir, temporary, content) || renameat(dir, temporary, dir, name) != 0 ||
        !file_flush_directory(dir)) {
        int error = errno;
        unlinkat(dir, temporary, 0);
        return unavailable(reterr, "cannot write to the spool", strerrordesc_np(error));
    }
    return true;
}

/**
 * Has nobody touched the file for so long that whoever did must be dead? A rename touches it. Much
 * later than now is before the clock was set back.
 */
static bool is_orphan(const struct spool *spool, int dir, const char *name)
{
    int64_t now = spool->clock->epoch_ms(spool->clock->self) / 1000;
    struct stat status;

    return fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           (now - status.st_ctim.tv_sec > SPOOL_CLAIM_SECONDS ||
            status.st_ctim.tv_sec - now > SPOOL_CLAIM_SECONDS);
}

static bool is_dead_claim(const struct spool *spool, int claimed, const char *name)
{
    return spool_folder_is_waiting(name) && is_orphan(spool, claimed, name);
}

/** Claims of processes that are no more wait again. */
static void give_back_dead(const struct spool *spool, int dir)
{
    spool_folder_scoped DIR *list = spool_folder_list(dir, SPOOL_CLAIMED);
    const struct dirent *entry;

    while (list && (entry = readdir(list)))
        if (is_dead_claim(spool, dirfd(list), entry->d_name))
            renameat(dirfd(list), entry->d_name, dir, entry->d_name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

bool spool_waits(const struct spool *spool, const struct spool_choice *choice)
{
    file_scoped int dir = spool_folder_open(spool, false);
    spool_folder_scoped DIR *waiting = dir < 0 ? NULL : spool_folder_list(dir, ".");
    spool_folder_scoped DIR *claimed = dir < 0 ? NULL : spool_folder_list(dir, SPOOL_CLAIMED);
    const struct dirent *entry;

    while (waiting && (entry = readdir(waiting)))
        if (spool_folder_is_chosen(spool, choice, entry->d_name))
            return true;
    while (claimed && (entry = readdir(claimed)))
        if (is_dead_claim(spool, dirfd(claimed), entry->d_name))
            return true;
    return false;
}

/** The names; what was begun to be written and never finished goes. */
static void collect_names(const struct spool *spool, const struct spool_choice *choice, DIR *list,
                          size_t most, struct spool_walk *walk)
{
    const struct dirent *entry;

    errno = 0;
    while (walk->n < most && (entry = readdir(list))) {
        const char *name = entry->d_name;
        if (spool_folder_is_chosen(spool, choice, name))
            memcpy(walk->names[walk->n++], name, strlen(name) + 1);
        else if (is_temporary(name) && is_orphan(spool, dirfd(list), name))
            unlinkat(dirfd(list), name, 0);
        errno = 0;
    }
    walk->error = errno;
}

bool spool_look(const struct spool *spool, const struct spool_choice *choice, size_t most,
                struct spool_walk *ret_walk)
{
    struct spool_walk walk = {0};
    file_scoped int dir = spool_folder_open(spool, false);
    int error = errno;
    spool_folder_scoped DIR *list = NULL;

    if (dir >= 0) {
        give_back_dead(spool, dir);
        list = spool_folder_list(dir, ".");
        error = errno;
    }
    if (!list) {
        walk.error = dir < 0 && error == ENOENT ? 0 : error;
    } else if (!(walk.names = calloc(most, sizeof(*walk.names)))) {
        walk.error = ENOMEM;
    } else {
        collect_names(spool, choice, list, most, &walk);
        if (walk.n)
            qsort(walk.names, walk.n, sizeof(*walk.names), by_name);
    }
    *ret_walk = walk;
    if (walk.n)
        return true;
    free(walk.names);
    ret_walk->names = NULL;
    return false;
}

void spool_finish(struct spool_walk *walk)
{
    free(walk->names);
    *walk = (struct spool_walk){0};
}

/** Can the same be read another time? */
static bool is_passing(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR ||
           error == EAGAIN || error == ESTALE;
}

/** The whole file; false with errno, 0 or ELOOP where it is no file that spool_put() wrote. */
static bool read_whole(int folder, const char *name, struct arena *arena, struct text *ret_content)
{
    /* O_NONBLOCK: a named pipe must not hold us. */
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    struct stat status;
    size_t n = 0;

    file_scoped int fd = openat(folder, name, flags);
    if (fd < 0 || fstat(fd, &status) != 0)
        return false;
    errno = 0;
    if (!S_ISREG(status.st_mode) || status.st_size > SPOOL_FILE_MAX)
        return false;
    size_t size = (size_t)status.st_size;
    char *content = arena_new(arena, char, size + 1);
    errno = ENOMEM;
    while (content && n < size) {
        ssize_t got = read(fd, content + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = 0;
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
    *ret_content = (struct text){content, n};
    return content != NULL;
}

bool spool_claim(const struct spool *spool, struct spool_walk *walk, struct arena *arena,
                 struct spool_claim *ret_claim)
{
    file_scoped int dir = spool_folder_open(spool, false);
    file_scoped int claimed = dir < 0 ? -1 : spool_folder_below(dir, SPOOL_CLAIMED);

    if (claimed < 0) {
        walk->error = errno;
        return false;
    }
    while (walk->at < walk->n) {
        const char *name = walk->names[walk->at++];
        if (renameat(dir, name, claimed, name) != 0) {
            if (errno == ENOENT)
                continue;
            walk->error = errno;
            return false;
        }
        *ret_claim = (struct spool_claim){0};
        snprintf(ret_claim->name, sizeof(ret_claim->name), "%s", name);
        if (!read_whole(claimed, name, arena, &ret_claim->content))
            *(is_passing(errno) ? &ret_claim->passing : &ret_claim->unreadable) =
                errno == ELOOP ? 0 : errno;
        return true;
    }
    return false;
}

/** The same file, due at that time; of a name that has no room for it, its end. */
static void name_later(const char *name, int64_t due, char ret_later[SPOOL_NAME_SIZE])
{
    struct text rest = text_skip(text_of(name), strspn(name, "0123456789"));
    size_t n = (size_t)snprintf(ret_later, SPOOL_NAME_SIZE, "%013lld-", (long long)due);
    size_t room = SPOOL_NAME_SIZE - 1 - n;

    rest = text_skip(rest, text_starts(rest, TEXT("-")));
    rest = text_skip(rest, rest.n > room ? rest.n - room : 0);
    memcpy(ret_later + n, rest.s, rest.n);
    ret_later[n + rest.n] = '\0';
}

/** Give a claim back under a name that is due after the pause, and nobody else's. */
static void put_off(const struct spool *spool, int dir, int claimed, const char *name)
{
    int64_t due = spool->clock->epoch_ms(spool->clock->self) + SPOOL_PAUSE_SECONDS * INT64_C(1000);
    char later[SPOOL_NAME_SIZE];
    struct stat status;

    do
        name_later(name, due++, later);
    while (fstatat(dir, later, &status, AT_SYMLINK_NOFOLLOW) == 0);
    renameat(claimed, name, dir, later);
}

void spool_end(const struct spool *spool, const struct spool_claim *claim, enum spool_end end)
{
    file_scoped int dir = spool_folder_open(spool, false);
    file_scoped int claimed = dir < 0 ? -1 : spool_folder_below(dir, SPOOL_CLAIMED);
    file_scoped int bad = -1;

    if (claimed < 0)
        return;
    switch (end) {
    case SPOOL_DONE:
        unlinkat(claimed, claim->name, 0);
        break;
    case SPOOL_GIVE_BACK:
        renameat(claimed, claim->name, dir, claim->name);
        break;
    case SPOOL_PUT_OFF:
        put_off(spool, dir, claimed, claim->name);
        break;
    case SPOOL_SET_ASIDE:
        bad = spool_folder_below(dir, SPOOL_BAD);
        if (bad >= 0)
            renameat(claimed, claim->name, bad, claim->name);
        break;
    }
}
