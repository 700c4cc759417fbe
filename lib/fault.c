#include "fault.h"

#include <stdarg.h>
#include <stdio.h>

static const struct fault_entry entries[] = {
#define X(name, status, code, text) [FAULT_##name] = {status, code, text},
    FAULTS(X)
#undef X
};

_Static_assert(ARRAY_LEN(entries) == FAULT__MAX, "every fault has an entry");

const struct fault_entry *fault_entry(enum fault_kind kind)
{
    return &entries[kind < FAULT__MAX ? kind : FAULT_INTERNAL];
}

bool fault_set(struct fault *reterr, enum fault_kind kind, const char *detail, ...)
{
    va_list args;

    if (!reterr)
        return false;
    *reterr = (struct fault){.kind = kind};
    va_start(args, detail);
    vsnprintf(reterr->detail, sizeof(reterr->detail), detail, args);
    va_end(args);
    return false;
}

bool fault_say(struct fault *reterr, const char *text, ...)
{
    va_list args;

    if (!reterr)
        return false;
    va_start(args, text);
    vsnprintf(reterr->text, sizeof(reterr->text), text, args);
    va_end(args);
    return false;
}

const char *fault_text(const struct fault *fault)
{
    return fault->text[0] ? fault->text : fault_entry(fault->kind)->text;
}
