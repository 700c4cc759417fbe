/* LD_PRELOAD: the bytes that the process holds, allocated and not free again. They are kept in the
 * file HELD_IN/PID, as one number of eight bytes in the machine's order. What the allocator keeps
 * for later is not among them: it grows with the most that ever ran at once, and what leaks is to
 * be told from it. A sanitizer has an allocator of its own, which this would take the place of.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own names of them, which need no dlsym(): that allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static atomic_long at_first;
static atomic_long *held = &at_first;

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("HELD_IN");
    char path[4096];

    if (!folder)
        return;
    snprintf(path, sizeof path, "%s/%ld", folder, (long)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, sizeof *held) != 0)
        abort();
    atomic_long *shared = mmap(NULL, sizeof *held, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared == MAP_FAILED)
        abort();
    *shared = at_first;
    held = shared;
}

static void count(long bytes)
{
    atomic_fetch_add_explicit(held, bytes, memory_order_relaxed);
}

static void *counted(void *block)
{
    count((long)malloc_usable_size(block));
    return block;
}

void *malloc(size_t size)
{
    return counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return counted(__libc_calloc(n, size));
}

void *realloc(void *block, size_t size)
{
    long before = (long)malloc_usable_size(block);
    void *after = __libc_realloc(block, size);

    /* Size 0 is a free(). */
    if (after || size == 0)
        count((long)malloc_usable_size(after) - before);
    return after;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}

int posix_memalign(void **to, size_t alignment, size_t size)
{
    void *block = aligned_alloc(alignment, size);

    if (!block)
        return ENOMEM;
    *to = block;
    return 0;
}

void free(void *block)
{
    count(-(long)malloc_usable_size(block));
    __libc_free(block);
}
