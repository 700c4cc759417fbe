/* JSON bodies: what is accepted keeps the rules of a message, and its metadata is JSON. */

#include "fuzz.h"
#include "json.h"
#include "message.h"

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
        if (!message_metadata(&arena, &message, &metadata, NULL))
            continue;
        json_scoped struct json_document *document = json_parse(&arena, metadata, NULL);
        MUST(document);
    }
    return 0;
}
