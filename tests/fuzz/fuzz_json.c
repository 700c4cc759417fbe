/* JSON: what is read, written and read again is written the same. */

#include "fuzz.h"
#include "json.h"

static bool write(struct arena *arena, const struct json_document *document, struct text *ret_text)
{
    struct buffer b;

    buffer_init(&b, arena, 1u << 20);
    json_write(&b, json_top(document));
    return buffer_text(&b, ret_text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text first, second;
    FUZZ_ARENA(arena);
    json_scoped struct json_document *document =
        json_parse(&arena, (struct text){(const char *)data, size}, NULL);

    if (!document)
        return 0;
    MUST(text_is_utf8((struct text){(const char *)data, size}));
    if (!write(&arena, document, &first))
        return 0;
    json_scoped struct json_document *again = json_parse(&arena, first, NULL);
    MUST(again && write(&arena, again, &second));
    MUST(text_equal(first, second));
    return 0;
}
