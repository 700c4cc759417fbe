#include "fake_spool.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "spool_state.h"
#include "unit.h"

char fake_spool_top[64], fake_spool_dir[80];
struct arena fake_spool_arena;
int64_t fake_spool_moved_s;
bool fake_spool_no_dice;
int fake_spool_dice = -1;

static int64_t moved_epoch_ms(void *self)
{
    return clock_system.epoch_ms(self) + fake_spool_moved_s * 1000;
}

static bool moved_random(void *self, void *to, size_t n)
{
    if (fake_spool_no_dice)
        return false;
    if (fake_spool_dice >= 0 && n == 1) {
        *(unsigned char *)to = (unsigned char)fake_spool_dice;
        return true;
    }
    return clock_system.random(self, to, n);
}

static const struct clock moved = {.epoch_ms = moved_epoch_ms, .random = moved_random};
const struct spool fake_spool = {fake_spool_dir, &moved};

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

int fake_spool_set_up(void **state)
{
    (void)state;
    snprintf(fake_spool_top, sizeof(fake_spool_top), "/tmp/unit-spool-XXXXXX");
    if (!mkdtemp(fake_spool_top))
        return -1;
    snprintf(fake_spool_dir, sizeof(fake_spool_dir), "%s/spool", fake_spool_top);
    fake_spool_moved_s = 0;
    fake_spool_no_dice = false;
    fake_spool_dice = -1;
    arena_init(&fake_spool_arena, 4 << 20);
    return 0;
}

int fake_spool_tear_down(void **state)
{
    (void)state;
    arena_release(&fake_spool_arena);
    return nftw(fake_spool_top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fake_spool_remove(void)
{
    assert_int_equal(nftw(fake_spool_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *fake_spool_path(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", fake_spool_dir, name);
    return path;
}

void fake_spool_put(const char *content)
{
    struct fault fault;

    if (!spool_put(&fake_spool, SPOOL_EVENT, text_of(content), &fault))
        fail_msg("put: %s", fault.detail);
}

void fake_spool_make(void)
{
    assert_int_equal(mkdir(fake_spool_dir, 0700), 0);
}

void fake_spool_file(const char *name, const char *content)
{
    FILE *file = fopen(fake_spool_path(name), "w");

    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void fake_spool_expect(size_t waiting, size_t claimed, size_t bad)
{
    struct spool_state state;

    spool_state(&fake_spool, &state);
    assert_int_equal(state.waiting, waiting);
    assert_int_equal(state.claimed, claimed);
    assert_int_equal(state.bad, bad);
}

size_t fake_spool_entries(const char *path)
{
    DIR *list = opendir(path);
    const struct dirent *entry;
    size_t n = 0;

    assert_non_null(list);
    while ((entry = readdir(list)))
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(list);
    return n;
}

bool fake_spool_look(size_t most, struct spool_walk *ret_walk)
{
    const struct spool_choice due = spool_due(&fake_spool, SPOOL_ANY);

    return spool_look(&fake_spool, &due, most, ret_walk);
}

bool fake_spool_waits(void)
{
    const struct spool_choice due = spool_due(&fake_spool, SPOOL_ANY);

    return spool_waits(&fake_spool, &due);
}

bool fake_spool_take(struct spool_claim *claim)
{
    struct spool_walk walk;
    bool good =
        fake_spool_look(1, &walk) && spool_claim(&fake_spool, &walk, &fake_spool_arena, claim);

    spool_finish(&walk);
    return good;
}
