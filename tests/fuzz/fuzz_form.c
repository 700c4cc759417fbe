/* Form bodies: what is read, encoded and read again is the same. */

#include "buffer.h"
#include "form.h"
#include "fuzz.h"
#include "twilio_callback.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct twilio_callback callback;
    struct form form, again;
    struct text body, json;
    struct buffer b;
    FUZZ_ARENA(arena);

    if (!form_parse(&arena, (struct text){(const char *)data, size}, &form, NULL))
        return 0;
    MUST(form.n <= FORM_FIELDS_MAX);
    buffer_init(&b, &arena, 1u << 20);
    for (size_t i = 0; i < form.n; i++) {
        buffer_add(&b, i ? TEXT("&") : TEXT(""));
        buffer_add_urlencoded(&b, form.fields[i].name);
        buffer_add_char(&b, '=');
        buffer_add_urlencoded(&b, form.fields[i].value);
    }
    if (!buffer_text(&b, &body) || !form_parse(&arena, body, &again, NULL))
        return 0;
    MUST(again.n == form.n);
    for (size_t i = 0; i < form.n; i++)
        MUST(text_equal(again.fields[i].name, form.fields[i].name) &&
             text_equal(again.fields[i].value, form.fields[i].value));
    if (twilio_callback_read(&form, &callback, NULL)) {
        MUST(callback.sid.n >= 3 && callback.sid.n <= 66 && text_only(callback.sid, ""));
        MUST(callback.status.n >= 1 && callback.status.n <= 32 && text_only(callback.status, "_"));
        MUST(text_is_utf8(callback.error_message));
    }
    if (twilio_callback_json(&arena, &form, &json, NULL))
        MUST(text_is_utf8(json));
    return 0;
}
