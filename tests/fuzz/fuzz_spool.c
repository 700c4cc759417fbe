/* Spool files: any content ends in a statement with sound parameters, or aside. */

#include <string.h>

#include "fuzz.h"
#include "replay.c" // NOLINT(bugprone-suspicious-include): replay_content is its inside

static bool query(void *self, struct arena *arena, const char *sql, const char *const *parameters,
                  size_t n_parameters, struct database_result *ret_result, struct fault *reterr)
{
    (void)self;
    (void)arena;
    MUST(strstr(sql, "messaging."));
    for (size_t i = 0; i < n_parameters; i++)
        MUST(!parameters[i] || text_is_utf8(text_of(parameters[i])));
    *ret_result = (struct database_result){0};
    (void)reterr;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct database database = {.query = query};
    struct fault fault;
    FUZZ_ARENA(arena);

    (void)!replay_content(&database, &arena, (struct text){(const char *)data, size}, &fault);
    return 0;
}
