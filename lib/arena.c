#include "arena.h"

#include <stdlib.h>
#include <string.h>

#ifdef ARENA_PLAIN
#define FIRST_BLOCK 0
#else
#define FIRST_BLOCK (64u << 10)
#endif

struct arena_block {
    struct arena_block *older;
    size_t size, used;
    _Alignas(16) char bytes[];
};

void arena_init(struct arena *arena, size_t cap)
{
    *arena = (struct arena){.cap = cap};
}

/** Texts and secrets do not outlive their request. */
static void wipe(struct arena_block *block)
{
    explicit_bzero(block->bytes, block->used);
    block->used = 0;
}

static void free_down_to(struct arena *arena, const struct arena_block *last)
{
    while (arena->blocks && arena->blocks != last) {
        struct arena_block *gone = arena->blocks;
        arena->blocks = gone->older;
        arena->taken -= gone->size;
        wipe(gone);
        free(gone);
    }
}

void arena_clear(struct arena *arena)
{
    struct arena_block *oldest = arena->blocks;

    while (oldest && oldest->older)
        oldest = oldest->older;
    if (oldest && oldest->size != FIRST_BLOCK)
        oldest = NULL;
    free_down_to(arena, oldest);
    if (oldest)
        wipe(oldest);
}

void arena_release(struct arena *arena)
{
    free_down_to(arena, NULL);
}

static bool add_block(struct arena *arena, size_t least)
{
    size_t left = arena->cap - arena->taken;
    size_t usual = left > FIRST_BLOCK ? FIRST_BLOCK : left;
    size_t size = least > usual ? least : usual;

    if (size > left)
        return false;
    struct arena_block *block = malloc(sizeof(*block) + size);
    if (!block)
        return false;
    block->size = size;
    block->used = 0;
    block->older = arena->blocks;
    arena->blocks = block;
    arena->taken += size;
    return true;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size, size_t align)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes) || bytes > arena->cap)
        return NULL;
    if (bytes == 0)
        bytes = 1;
    struct arena_block *block = arena->blocks;
    size_t start = block ? (block->used + align - 1) & ~(align - 1) : 0;
    if (!block || start > block->size || bytes > block->size - start) {
        if (!add_block(arena, bytes))
            return NULL;
        block = arena->blocks;
        start = 0;
    }
    block->used = start + bytes;
    /* here, not by calloc(): what is not used of a block is not touched, and costs no memory */
    return memset(block->bytes + start, 0, bytes);
}

bool arena_copy(struct arena *arena, struct text t, struct text *ret_copy)
{
    char *copy = arena_new(arena, char, t.n + 1);

    if (!copy)
        return false;
    if (t.n)
        memcpy(copy, t.s, t.n);
    *ret_copy = (struct text){copy, t.n};
    return true;
}

const char *arena_cstr(struct arena *arena, struct text t)
{
    struct text copy;

    if ((t.n && memchr(t.s, '\0', t.n)) || !arena_copy(arena, t, &copy))
        return NULL;
    return copy.s;
}
