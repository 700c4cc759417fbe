/* Phone numbers: what normalises, normalises to itself. */

#include "fuzz.h"
#include "phone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct phone phone, again;
    uint64_t number;
    FUZZ_ARENA(arena);

    if (!phone_normalize(&arena, (struct text){(const char *)data, size}, &phone, NULL))
        return 0;
    MUST(phone.e164.n >= 9 && phone.e164.n <= 16 && phone.e164.s[0] == '+');
    MUST(text_number(text_skip(phone.e164, 1), UINT64_MAX, &number) && phone.e164.s[1] != '0');
    MUST(phone_normalize(&arena, phone.e164, &again, NULL));
    MUST(text_equal(again.e164, phone.e164) && again.kind == phone.kind);
    MUST((phone.kind == PHONE_FOREIGN) == !text_starts(phone.e164, TEXT("+20")));
    return 0;
}
