#include "log.h"

#include <errno.h>
#include <unistd.h>

#include "buffer.h"

void log_mask(struct text number, char ret_masked[24])
{
    number = text_without(number, TEXT("whatsapp:"));
    size_t n = number.n < 23 ? number.n : 23;

    for (size_t i = 0; i < n; i++)
        ret_masked[i] = (char)(i < 5 || (i >= number.n - 3 && number.n > 10) ? number.s[i] : '*');
    ret_masked[n] = '\0';
}

static void add_member(struct buffer *b, const char *name, struct text value)
{
    if (value.n == 0)
        return;
    buffer_addf(b, ",\"%s\":", name);
    buffer_add_json(b, text_clip(value, 300));
}

void log_write(int fd, struct arena *arena, const struct clock *clock,
               const struct log_entry *entry)
{
    struct buffer b;
    struct text line;
    char masked[24], stamp[32];

    buffer_init(&b, arena, 16384); /* nine members of 300 bytes, each byte escaped */
    log_mask(entry->to, masked);
    clock_stamp(clock, stamp);
    buffer_addf(&b, "{\"time\":\"%s\"", stamp);
    add_member(&b, "program", text_of(entry->program));
    add_member(&b, "request_id", entry->request_id);
    add_member(&b, "method", entry->method);
    if (entry->status)
        buffer_addf(&b, ",\"status\":%d,\"ms\":%lld", entry->status, (long long)entry->ms);
    if (entry->fault) {
        add_member(&b, "code", text_of(fault_entry(entry->fault->kind)->code));
        add_member(&b, "detail", text_of(entry->fault->detail));
        if (entry->fault->twilio_code)
            buffer_addf(&b, ",\"twilio_code\":%d", entry->fault->twilio_code);
    }
    add_member(&b, "note", text_of(entry->note));
    add_member(&b, "id", entry->id);
    add_member(&b, "sid", entry->sid);
    add_member(&b, "event", entry->event);
    add_member(&b, "to", text_of(masked));
    buffer_add(&b, TEXT("}\n"));
    if (buffer_text(&b, &line))
        while (write(fd, line.s, line.n) < 0 && errno == EINTR)
            ;
}
