/* Libraries that are loaded when they are needed. */

#include <pthread.h>

#include "fake_record.h"
#include "library.h"
#include "unit.h"

/* One of glibc's that no program of ours is linked with. */
#define SOME_LIBRARY "libm.so.6"

static double (*square_root)(double);
static const char *(*nothing)(void);

static const struct library_function there[] = {{"sqrt", &square_root}};
static const struct library_function half[] = {{"sqrt", &square_root}, {"no_such_call", &nothing}};

static const struct load_row {
    const char *label;
    struct library library;
    const char *want; /* NULL: loaded */
} loads[] = {
    {"there", {SOME_LIBRARY, there, 1, false}, NULL},
    {"no such library",
     {"libno-such-library.so.7", there, 1, false},
     "cannot load libno-such-library.so.7: cannot open shared object file: No such file or "
     "directory"},
    {"no such function", {SOME_LIBRARY, half, 2, false}, "no_such_call is not in " SOME_LIBRARY},
};

/** What fails, fails the next time too; what is loaded stays. */
static void a_library_is_loaded_or_the_log_says_why(void **state)
{
    const struct load_row *row = *state;
    struct library library = row->library;

    for (int i = 0; i < 2; i++) {
        struct fault fault = {0};
        square_root = NULL;
        assert_int_equal(library_load(&library, &fault), row->want == NULL);
        if (row->want) {
            assert_string_equal(fault.detail, row->want);
            assert_string_equal(fault_code(&fault), "internal");
        } else if (i == 0) {
            assert_true(square_root(9.0) == 3.0);
        } else {
            assert_null(square_root); /* nothing is looked up twice */
        }
    }
}

static void *load(void *payload)
{
    return library_load(payload, NULL) && square_root(4.0) == 2.0 ? payload : NULL;
}

static void many_threads_may_ask_at_once(void **state)
{
    struct library library = {SOME_LIBRARY, there, 1, false};
    pthread_t threads[16];
    void *good;

    (void)state;
    square_root = NULL;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load, &library), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_ptr_equal(good, &library);
    }
}

int main(void)
{
    struct CMUnitTest tests[8] = {
        {.name = "many threads may ask at once", .test_func = many_threads_may_ask_at_once},
    };
    size_t n = 1;

    ADD_ROWS(tests, n, loads, a_library_is_loaded_or_the_log_says_why);
    return _cmocka_run_group_tests("library", tests, n, NULL, NULL);
}
