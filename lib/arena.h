/**
 * The memory of one request.
 *
 * What is taken from an arena is zeroed and lives until the arena is cleared or released, which
 * wipes it; nothing is freed by itself. Growth is bounded by the cap given at the start, so a
 * hostile request ends in one FAULT_NO_MEMORY and not in a swapping host. Where the build is made
 * with the address sanitizer (ARENA_PLAIN) every piece is a block of its own, so that an overrun by
 * one byte is seen.
 *
 *     struct arena arena = {0};
 *     arena_init(&arena, 4 << 20);
 *     char *copy = arena_alloc(&arena, n + 1, 1, 1);
 *     arena_release(&arena);
 */
#ifndef ARENA_H
#define ARENA_H

#include "text.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t taken;               /* bytes in all blocks */
    size_t cap;                 /* at most this many */
};

/** An empty arena that may grow to `cap` bytes. Takes no memory yet. */
void arena_init(struct arena *arena, size_t cap);

/** Empty the arena for the next request, keeping its oldest block. */
void arena_clear(struct arena *arena);

/** Give everything back. The arena may be initialised again. */
void arena_release(struct arena *arena);

/**
 * `count` zeroed objects of `size` bytes, aligned to `align` (a power of two up to 16).
 * NULL when the cap is reached, memory has run out or count * size overflows.
 */
must_check void *arena_alloc(struct arena *arena, size_t count, size_t size, size_t align);

/** `n` zeroed objects of a type, or NULL. */
#define arena_new(arena, type, n) ((type *)arena_alloc(arena, n, sizeof(type), _Alignof(type)))

/**
 * A NUL-terminated copy, the way to libpq and libcurl. NULL for want of memory, or when the text
 * has a NUL inside, which a C library would read as its end.
 */
must_check const char *arena_cstr(struct arena *arena, struct text t);

/** A copy, NUL-terminated beyond its end; false for want of memory. */
must_check bool arena_copy(struct arena *arena, struct text t, struct text *ret_copy);

#endif
