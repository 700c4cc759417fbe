#include "unit.h"

static struct arena arena;

static int start(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static bool is_zero(const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i])
            return false;
    return true;
}

static void test_takes_nothing_at_first(void **state)
{
    (void)state;
    assert_null(arena.blocks);
    assert_int_equal(arena.taken, 0);
}

static void test_zeroed(void **state)
{
    (void)state;
    for (size_t n = 1; n < 10000; n = n * 3 + 1) {
        char *bytes = arena_new(&arena, char, n);
        assert_non_null(bytes);
        assert_true(is_zero(bytes, n));
        memset(bytes, 0xAA, n);
    }
}

#ifndef ARENA_PLAIN /* where it is, what was cleared may not be looked at */
static void test_wiped_by_clear(void **state)
{
    (void)state;
    char *secret = arena_new(&arena, char, 1000);
    assert_non_null(secret);
    memset(secret, 0xAA, 1000);
    arena_clear(&arena);
    assert_true(is_zero(secret, 1000));
}
#endif

static void test_zeroed_after_clear(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        char *bytes = arena_new(&arena, char, 1000);
        assert_non_null(bytes);
        assert_true(is_zero(bytes, 1000));
        memset(bytes, 0xAA, 1000);
        arena_clear(&arena);
    }
}

static void test_apart(void **state)
{
    unsigned char *pieces[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        pieces[i] = arena_new(&arena, unsigned char, i * 7);
        assert_non_null(pieces[i]);
        memset(pieces[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        for (size_t j = 0; j < i * 7; j++)
            assert_int_equal(pieces[i][j], i);
}

static void test_aligned(void **state)
{
    (void)state;
    for (size_t align = 1; align <= 16; align *= 2) {
        for (size_t n = 1; n < 40; n++) {
            assert_non_null(arena_alloc(&arena, 1, 1, 1));
            uintptr_t at = (uintptr_t)arena_alloc(&arena, n, 1, align);
            assert_true(at != 0 && at % align == 0);
        }
    }
    assert_int_equal((uintptr_t)arena_new(&arena, max_align_t, 1) % _Alignof(max_align_t), 0);
}

static void test_cap(void **state)
{
    size_t got = 0;

    (void)state;
    assert_null(arena_new(&arena, char, (1 << 20) + 1));
    while (got <= 2 << 20 && arena_new(&arena, char, 1000))
        got += 1000;
    assert_in_range(got, (1 << 20) * 9 / 10, 1 << 20);
    assert_true(arena.taken <= arena.cap);
    arena_clear(&arena);
    assert_non_null(arena_new(&arena, char, 1000));
}

static void test_whole_cap(void **state)
{
    (void)state;
    assert_non_null(arena_new(&arena, char, 1 << 20));
    assert_null(arena_new(&arena, char, 1));
}

static void test_small_cap(void **state)
{
    struct arena small;

    (void)state;
    arena_init(&small, 100);
    assert_null(arena_new(&small, char, 101));
    assert_non_null(arena_new(&small, char, 60));
    assert_null(arena_new(&small, char, 60));
    assert_non_null(arena_new(&small, char, 40));
    assert_null(arena_new(&small, char, 1));
    arena_release(&small);
    arena_init(&small, 0);
    assert_null(arena_new(&small, char, 0));
    assert_null(arena_new(&small, char, 1));
    arena_release(&small);
}

static void test_overflow(void **state)
{
    (void)state;
    assert_null(arena_alloc(&arena, SIZE_MAX, 2, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX / 8 + 2, 8, 8));
    assert_null(arena_alloc(&arena, SIZE_MAX, 1, 16));
    assert_non_null(arena_new(&arena, char, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX, 1, 16));
}

static void test_nothing(void **state)
{
    char *none = arena_new(&arena, char, 0), *other = arena_new(&arena, char, 0);

    (void)state;
    assert_non_null(none);
    assert_ptr_not_equal(none, other);
}

static void test_large(void **state)
{
    char *small = arena_new(&arena, char, 10), *large = arena_new(&arena, char, 300000);

    (void)state;
    assert_non_null(small);
    assert_non_null(large);
    memset(large, 0xAA, 300000);
    assert_true(is_zero(small, 10));
    arena_clear(&arena);
    assert_true(arena.taken < 300000);
    assert_non_null(arena_new(&arena, char, 1000000 - arena.taken));
}

static void test_large_first(void **state)
{
    (void)state;
    assert_non_null(arena_new(&arena, char, 300000));
    arena_clear(&arena);
    assert_int_equal(arena.taken, 0);
    assert_non_null(arena_new(&arena, char, 1 << 20));
}

static void test_release(void **state)
{
    (void)state;
    assert_non_null(arena_new(&arena, char, 200000));
    assert_non_null(arena_new(&arena, char, 200000));
    arena_release(&arena);
    assert_null(arena.blocks);
    assert_int_equal(arena.taken, 0);
    arena_release(&arena);
    arena_clear(&arena);
    assert_non_null(arena_new(&arena, char, 10));
}

static void test_copy(void **state)
{
    struct text source = TEXT("ab\0cd"), copy = {0};

    (void)state;
    assert_true(arena_copy(&arena, source, &copy));
    assert_true(text_equal(copy, source));
    assert_ptr_not_equal(copy.s, source.s);
    assert_int_equal(copy.s[copy.n], '\0');
    assert_true(arena_copy(&arena, (struct text){0}, &copy));
    assert_int_equal(copy.n, 0);
    assert_string_equal(copy.s, "");
}

static void test_copy_of_part(void **state)
{
    const char *cstr = arena_cstr(&arena, (struct text){"abcdef", 3});

    (void)state;
    assert_non_null(cstr);
    assert_string_equal(cstr, "abc");
}

static void test_cstr_nul(void **state)
{
    (void)state;
    assert_null(arena_cstr(&arena, TEXT("a\0b")));
    assert_null(arena_cstr(&arena, TEXT("\0")));
    assert_null(arena_cstr(&arena, TEXT("ab\0")));
    assert_string_equal(arena_cstr(&arena, TEXT("")), "");
    assert_string_equal(arena_cstr(&arena, (struct text){0}), "");
}

static void test_copy_without_memory(void **state)
{
    struct text copy = TEXT("before");
    struct arena small;

    (void)state;
    arena_init(&small, 4);
    assert_false(arena_copy(&small, TEXT("abcd"), &copy));
    assert_text_equal(copy, "before");
    assert_null(arena_cstr(&small, TEXT("abcd")));
    assert_true(arena_copy(&small, TEXT("abc"), &copy));
    assert_text_equal(copy, "abc");
    arena_release(&small);
}

#define CASE(sentence, test)                                                                       \
    {                                                                                              \
        .name = (sentence), .test_func = (test), .setup_func = start, .teardown_func = end         \
    }

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE("an arena takes no memory at first", test_takes_nothing_at_first),
        CASE("what is taken is zeroed", test_zeroed),
        CASE("what is taken after a clear is zeroed", test_zeroed_after_clear),
#ifndef ARENA_PLAIN
        CASE("a clear wipes", test_wiped_by_clear),
#endif
        CASE("pieces do not overlap", test_apart),
        CASE("pieces are aligned", test_aligned),
        CASE("the cap is reached and not passed", test_cap),
        CASE("one piece may fill the cap", test_whole_cap),
        CASE("a small cap holds to the byte", test_small_cap),
        CASE("a size that overflows is refused", test_overflow),
        CASE("no bytes have an address of their own", test_nothing),
        CASE("a large piece goes at the next clear", test_large),
        CASE("a large piece goes even where it came first", test_large_first),
        CASE("a release gives everything back, twice if need be", test_release),
        CASE("a copy ends with a NUL and keeps those inside", test_copy),
        CASE("a copy of a part ends where the part ends", test_copy_of_part),
        CASE("a NUL inside is not cut off but refused", test_cstr_nul),
        CASE("a copy that does not fit leaves the result alone", test_copy_without_memory),
    };

    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
