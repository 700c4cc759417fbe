#include "message_row.h"

#include "buffer.h"
#include "json.h"
#include "template_variables.h"

static bool copy_media(struct arena *arena, const struct json_value *row, struct message *message)
{
    const struct json_value *urls = json_get(json_get(row, "metadata"), "media_urls");
    const struct json_value *only = json_get(row, "media_url");
    const struct json_value *url = urls ? json_first(urls) : json_string(only).n ? only : NULL;

    for (; url && message->n_media < MESSAGE_MAX_MEDIA; url = urls ? json_next(url) : NULL)
        if (!arena_copy(arena, json_string(url), &message->media[message->n_media++]))
            return false;
    return true;
}

bool message_row_read(struct arena *arena, const struct json_value *row,
                      struct message *ret_message, struct fault *reterr)
{
    const struct json_value *metadata = json_get(row, "metadata");
    bool free_text = json_get(metadata, "sent_as") != NULL;
    struct message message = {
        .channel = json_is_text(json_get(row, "message_type"), TEXT("whatsapp")) ? MESSAGE_WHATSAPP
                                                                                 : MESSAGE_SMS,
        .validity = (int)json_number(json_get(metadata, "validity")),
    };
    const struct {
        const struct json_value *value;
        struct text *ret_text;
    } texts[] = {
        {json_get(row, "recipient"), &message.to},
        {json_get(row, "message_content"), &message.body},
        {json_get(row, "request_id"), &message.request_id},
        {json_get(metadata, "tag"), &message.tag},
        {json_get(metadata, "fallback_of"), &message.fallback_of},
        {free_text ? NULL : json_get(metadata, "template_id"), &message.template_id},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!arena_copy(arena, json_string(texts[i].value), texts[i].ret_text))
            return fault_set(reterr, FAULT_NO_MEMORY, "no memory for a row");
    const struct json_value *variables = json_get(metadata, "variables");
    if (message.template_id.n && json_first(variables) &&
        !template_variables_write(arena, variables, &message.variables, reterr))
        return false;
    if (!copy_media(arena, row, &message))
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for a row");
    if (message.to.n == 0)
        return fault_set(reterr, FAULT_INTERNAL, "a row that is no message");
    *ret_message = message;
    return true;
}

static void add_member(struct buffer *b, const char *name)
{
    buffer_addf(b, "%s\"%s\":", b->n > 1 ? "," : "", name);
}

static void add_media(struct buffer *b, const struct message *message)
{
    add_member(b, "media_urls");
    for (size_t i = 0; i < message->n_media; i++) {
        buffer_add_char(b, i ? ',' : '[');
        buffer_add_json(b, message->media[i]);
    }
    buffer_add_char(b, ']');
}

bool message_row_metadata(struct arena *arena, const struct message *message, struct text *ret_json,
                          struct fault *reterr)
{
    const struct {
        const char *name;
        struct text value;
    } texts[] = {{"template_id", message->template_id},
                 {"tag", message->tag},
                 {"fallback_type", message->fallback ? TEXT("sms") : (struct text){0}},
                 {"fallback_of", message->fallback_of}};
    struct buffer b;

    buffer_init(&b, arena, 1u << 20);
    buffer_add_char(&b, '{');
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].value.n) {
            add_member(&b, texts[i].name);
            buffer_add_json(&b, texts[i].value);
        }
    if (message->variables.n) {
        add_member(&b, "variables");
        buffer_add(&b, message->variables);
    }
    if (message->n_media > 1)
        add_media(&b, message);
    if (message->validity) {
        add_member(&b, "validity");
        buffer_addf(&b, "%d", message->validity);
    }
    buffer_add_char(&b, '}');
    return buffer_text(&b, ret_json) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for metadata");
}
