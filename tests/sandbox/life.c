#include "life.h"

size_t life_steps(enum life life, bool whatsapp, bool service,
                  struct life_step ret_steps[LIFE_STEPS_MAX])
{
    size_t n = 0;

    if (life == LIFE_FAILED_AT_ONCE)
        return n;
    if (service)
        ret_steps[n++] = (struct life_step){"queued", 0};
    if (life == LIFE_FAILED) {
        ret_steps[n++] = (struct life_step){"failed", whatsapp ? 63016 : 30008};
        return n;
    }
    if (life == LIFE_RATE) {
        ret_steps[n++] = (struct life_step){"failed", whatsapp ? 63018 : 30001};
        return n;
    }
    ret_steps[n++] = (struct life_step){"sent", 0};
    if (life == LIFE_SENT_ONLY)
        return n;
    if (life == LIFE_UNDELIVERED) {
        ret_steps[n++] = (struct life_step){"undelivered", whatsapp ? 63024 : 30003};
        return n;
    }
    if (life == LIFE_UNKNOWN_STATUS)
        ret_steps[n++] = (struct life_step){"teleported", 0};
    ret_steps[n++] = (struct life_step){"delivered", 0};
    if (whatsapp)
        ret_steps[n++] = (struct life_step){"read", 0};
    return n;
}

struct life_step life_begin(enum life life, bool service)
{
    if (life == LIFE_FAILED_AT_ONCE)
        return (struct life_step){"failed", 30001};
    return (struct life_step){service ? "accepted" : "queued", 0};
}

const char *life_error_text(int code)
{
    switch (code) {
    case 30001:
        return "Queue overflow";
    case 30003:
        return "Unreachable destination handset";
    case 63016:
        return "Failed to send freeform message because you are outside the allowed window. If you "
               "are using WhatsApp, please use a Message Template.";
    case 63018:
        return "Rate limit exceeded for Channel";
    case 63024:
        return "Invalid message recipient";
    default:
        return "Unknown error";
    }
}
