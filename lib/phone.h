/**
 * Numbering plans: from what people type to E.164.
 */
#ifndef PHONE_H
#define PHONE_H

#include "arena.h"
#include "fault.h"

enum phone_kind {
    PHONE_MOBILE,   /* an Egyptian mobile: 010, 011, 012, 015 */
    PHONE_LANDLINE, /* any other Egyptian number, toll-free too: cannot receive SMS */
    PHONE_FOREIGN,  /* any other country, taken as it is */
};

struct phone {
    struct text e164; /* "+201012345678", in the arena */
    enum phone_kind kind;
};

/**
 * Bring a number to E.164 ("0100 123 4567" is "+201001234567"); Egypt is the default country.
 *
 * Dropped: spaces, dashes, dots, parentheses, Unicode spaces and direction marks. Arabic-Indic,
 * Eastern Arabic and full-width digits count as digits. At both ends what nobody sees is dropped,
 * line breaks too (text_strip). "+20" may be followed by the trunk 0, and another country's code by
 * one in parentheses, which is dropped ("+44 (0)7700 900123"). A national number that fits no
 * Egyptian pattern is refused, never turned into a foreign one, and so is what could mean two
 * things: letters, slashes, extensions, a second plus, a line break inside.
 *
 * Fails with FAULT_INVALID_PHONE, or FAULT_NO_MEMORY for want of memory, leaving *ret_phone
 * untouched. Does not take a channel prefix, and does not ask whether the number is in service.
 */
must_check bool phone_normalize(struct arena *arena, struct text typed, struct phone *ret_phone,
                                struct fault *reterr);

#endif
