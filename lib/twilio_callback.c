#include "twilio_callback.h"

#include <string.h>

#include "buffer.h"

static bool has_nul(const struct form *form)
{
    for (size_t i = 0; i < form->n; i++) {
        struct text name = form->fields[i].name, value = form->fields[i].value;
        if ((name.n && memchr(name.s, '\0', name.n)) || (value.n && memchr(value.s, '\0', value.n)))
            return true;
    }
    return false;
}

static bool is_callback_sid(struct text sid)
{
    return sid.n >= 3 && sid.n <= 66 &&
           (text_starts(sid, TEXT("SM")) || text_starts(sid, TEXT("MM"))) && text_only(sid, "");
}

static bool is_callback_status(struct text status)
{
    if (status.n < 1 || status.n > 32)
        return false;
    for (size_t i = 0; i < status.n; i++)
        if (status.s[i] >= '0' && status.s[i] <= '9')
            return false;
    return text_only(status, "_");
}

bool twilio_callback_read(const struct form *form, struct twilio_callback *ret_callback,
                          struct fault *reterr)
{
    struct twilio_callback callback = {
        .sid = form_get(form, TEXT("MessageSid")),
        .status = form_get(form, TEXT("MessageStatus")),
        .error_code = form_get(form, TEXT("ErrorCode")),
        .error_message = form_get(form, TEXT("ErrorMessage")),
        .to = form_get(form, TEXT("To")),
    };
    uint64_t number;

    if (has_nul(form))
        return fault_set(reterr, FAULT_MISSING_CALLBACK_FIELDS, "a NUL in the form");
    if (!is_callback_sid(callback.sid))
        return fault_set(reterr, FAULT_MISSING_CALLBACK_FIELDS, "no sound MessageSid");
    if (!is_callback_status(callback.status))
        return fault_set(reterr, FAULT_MISSING_CALLBACK_FIELDS, "no sound MessageStatus");
    if (callback.error_message.n == 0)
        callback.error_message = form_get(form, TEXT("ChannelStatusMessage"));
    if (!text_is_utf8(callback.error_message))
        callback.error_message = (struct text){0}; /* the parameters keep it, mended */
    callback.error_message = text_clip(callback.error_message, 500);
    if (callback.error_code.n > 10 || !text_number(callback.error_code, UINT64_MAX, &number) ||
        number == 0)
        callback.error_code = (struct text){0};
    *ret_callback = callback;
    return true;
}

static size_t count_name(const struct form *form, size_t from, struct text name)
{
    size_t n = 0;

    for (size_t i = from; i < form->n; i++)
        n += text_equal(form->fields[i].name, name);
    return n;
}

static bool stood_before(const struct form *form, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (text_equal(form->fields[i].name, form->fields[at].name))
            return true;
    return false;
}

static void add_parameter(struct buffer *b, const struct form *form, size_t at)
{
    struct text name = form->fields[at].name;
    bool list = count_name(form, at, name) > 1;
    const char *comma = "";

    buffer_add_json(b, name);
    buffer_add(b, list ? TEXT(":[") : TEXT(":"));
    for (size_t i = at; i < form->n; i++) {
        if (!text_equal(form->fields[i].name, name))
            continue;
        buffer_addf(b, "%s", comma);
        buffer_add_json(b, form->fields[i].value);
        comma = ",";
    }
    buffer_add(b, list ? TEXT("]") : TEXT(""));
}

bool twilio_callback_json(struct arena *arena, const struct form *form, struct text *ret_json,
                          struct fault *reterr)
{
    struct buffer b;

    buffer_init(&b, arena, 1u << 20);
    buffer_add_char(&b, '{');
    for (size_t i = 0; i < form->n; i++) {
        if (stood_before(form, i))
            continue;
        if (b.n > 1)
            buffer_add_char(&b, ',');
        add_parameter(&b, form, i);
    }
    buffer_add_char(&b, '}');
    return buffer_text(&b, ret_json) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the parameters");
}
