/* JSON bodies: what is accepted keeps the rules of a message, and its metadata is JSON. */

#include "fuzz.h"
#include "json.h"
#include "message_row.h"
#include "template_variables.h"

/** What Twilio takes (error 21656): strings with something in them, on one line, no five blanks. */
static void check_variables(struct arena *arena, struct text json)
{
    json_scoped struct json_document *document = json_parse(arena, json, NULL);
    size_t blanks = 0;

    if (!document)
        return; /* want of memory: the metadata, which it is part of, was read before */
    for (size_t i = 0; i < json.n; i++)
        MUST(json.s[i] != '\'');
    for (const struct json_value *v = json_first(json_top(document)); v; v = json_next(v)) {
        struct text value = json_string(v);
        MUST(value.n > 0 && json_name(v).n > 0 &&
             json_name(v).n <= 4 * TEMPLATE_VARIABLES_NAME_MAX);
        for (size_t at = 0; at < value.n;) {
            uint32_t c = text_next(value, &at);
            blanks = text_is_space(c) ? blanks + 1 : 0;
            MUST(c != '\t' && !text_is_line_end(c) && blanks <= 4);
        }
        blanks = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message message;
    struct text metadata;
    FUZZ_ARENA(arena);

    for (int whatsapp_only = 0; whatsapp_only < 2; whatsapp_only++) {
        if (!message_parse(&arena, (struct text){(const char *)data, size}, whatsapp_only, &message,
                           NULL))
            continue;
        MUST(message.to.n >= 9 && message.to.n <= 16 && message.to.s[0] == '+');
        MUST(text_is_utf8(message.body) && text_utf16_units(message.body) <= MESSAGE_MAX_UNITS);
        MUST(message.body.n || message.template_id.n || message.n_media);
        MUST(message.template_id.n == 0 || message.channel == MESSAGE_WHATSAPP);
        MUST(!whatsapp_only || message.channel == MESSAGE_WHATSAPP);
        MUST(message.n_media <= (message.channel == MESSAGE_WHATSAPP ? 1 : MESSAGE_MAX_MEDIA));
        MUST(text_equal(text_strip(message.request_id), message.request_id));
        MUST(message.tag.n <= MESSAGE_MAX_TAG && text_only(message.tag, "-_"));
        MUST(message.validity == 0 || (message.validity >= MESSAGE_MIN_VALIDITY &&
                                       message.validity <= MESSAGE_MAX_VALIDITY));
        for (size_t i = 0; i < message.n_media; i++)
            MUST(text_starts_nocase(message.media[i], TEXT("https://")));
        if (!message_row_metadata(&arena, &message, &metadata, NULL))
            continue;
        json_scoped struct json_document *document = json_parse(&arena, metadata, NULL);
        MUST(document);
        if (message.variables.n)
            check_variables(&arena, message.variables);
    }
    return 0;
}
