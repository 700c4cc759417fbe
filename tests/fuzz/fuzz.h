/**
 * What every fuzz target needs. A target is a function from bytes to nothing that must neither
 * crash nor break an invariant; libFuzzer calls it (https://llvm.org/docs/LibFuzzer.html).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** An invariant; unlike assert() it stays in every build. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/** An arena for one input. */
static inline void fuzz_arena_release(struct arena *arena)
{
    arena_release(arena);
}

#define FUZZ_ARENA(name)                                                                           \
    __attribute__((cleanup(fuzz_arena_release))) struct arena name;                                \
    arena_init(&name, 8u << 20)

#endif
