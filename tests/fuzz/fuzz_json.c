/* JSON: what is read, written and read again is written the same, and so is what a byte order mark
 * stands before. Numbers keep their digits. */

#include "fuzz.h"
#include "json.h"

static bool write(struct arena *arena, const struct json_document *document, struct text *ret_text)
{
    struct buffer b;

    buffer_init(&b, arena, 1u << 20);
    json_write(&b, json_top(document));
    return buffer_text(&b, ret_text);
}

static bool with_mark(struct arena *arena, struct text text, struct text *ret_text)
{
    struct buffer b;

    buffer_init(&b, arena, 1u << 20);
    buffer_add(&b, TEXT("\xEF\xBB\xBF"));
    buffer_add(&b, text_without(text, TEXT("\xEF\xBB\xBF")));
    return buffer_text(&b, ret_text);
}

/** Strings are UTF-8, whatever escapes they had; a number's digits are its own. */
static void check_values(const struct json_value *parent)
{
    for (const struct json_value *v = json_first(parent); v; v = json_next(v)) {
        MUST(text_is_utf8(json_string(v)) && text_is_utf8(json_name(v)));
        if (json_type(v) == JSON_NUMBER)
            MUST(json_digits(v).n > 0 && text_only(json_digits(v), "+-."));
        check_values(v);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {(const char *)data, size}, first, second, marked;
    FUZZ_ARENA(arena);
    json_scoped struct json_document *document = json_parse(&arena, text, NULL);

    if (!document)
        return 0;
    MUST(text_is_utf8(text));
    check_values(json_top(document));
    if (!write(&arena, document, &first))
        return 0;
    json_scoped struct json_document *again = json_parse(&arena, first, NULL);
    MUST(again && write(&arena, again, &second));
    MUST(text_equal(first, second));
    if (!with_mark(&arena, text, &marked))
        return 0;
    json_scoped struct json_document *same = json_parse(&arena, marked, NULL);
    MUST(same && write(&arena, same, &second));
    MUST(text_equal(first, second));
    return 0;
}
