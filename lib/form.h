/**
 * application/x-www-form-urlencoded bodies (WHATWG URL standard, section 5.1), as Twilio posts
 * them.
 */
#ifndef FORM_H
#define FORM_H

#include "arena.h"
#include "fault.h"

/** More fields than this are refused: Twilio sends about twenty. */
#define FORM_FIELDS_MAX 1000

struct form_field {
    struct text name, value; /* decoded: '+' is a space, %XX a byte; may hold any byte */
};

struct form {
    struct form_field *fields; /* in the order they came, repeated names included */
    size_t n;
};

/**
 * Read a body. Lenient where the standard is: a '%' without two hexadecimal digits stands for
 * itself, a field without '=' has an empty value, empty pieces between two '&' are skipped.
 *
 * Everything lives in the arena. Fails with FAULT_BODY_TOO_LARGE above FORM_FIELDS_MAX fields, with
 * FAULT_NO_MEMORY when the arena is full; *ret_form is untouched then.
 */
must_check bool form_parse(struct arena *arena, struct text body, struct form *ret_form,
                           struct fault *reterr);

/** The first value of a name (compared byte by byte); the empty slice where there is none. */
struct text form_get(const struct form *form, struct text name);

#endif
