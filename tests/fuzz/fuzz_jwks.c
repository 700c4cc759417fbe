/* Key sets: any file gives keys or a fault, and a token that none of them signed is refused. */

#include <sys/mman.h>
#include <unistd.h>

#include "auth.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* {"alg":"ES256","kid":"a"} . {} . 64 bytes of zero */
    static const char bearer[] =
        "Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.e30."
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const struct auth_policy policy = {.jwks_file = "set"};
    struct auth_caller caller;
    size_t count;
    char path[32];
    FUZZ_ARENA(arena);
    int file = memfd_create("jwks", 0);

    if (file < 0 || write(file, data, size) != (ssize_t)size)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    struct auth_keys *keys = auth_keys_new(path);
    if (keys) {
        (void)!auth_keys_load(keys, &count, NULL);
        const struct auth_presented presented = {.authorization = text_of(bearer)};
        MUST(!auth_verify(&arena, &policy, keys, &presented, 1700000000, &caller, NULL));
    }
    auth_keys_free(keys);
    close(file);
    return 0;
}
