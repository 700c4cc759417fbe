/**
 * A template's variables, as a caller gives them and as Twilio takes them (ContentVariables).
 *
 * Every value becomes a string, a number with the digits it was written with. Line breaks, tabs and
 * runs of more than four blanks, which Twilio refuses, become one blank (error 21656).
 *
 *     {"1":"Ahmad\n","2":42}   is   {"1":"Ahmad ","2":"42"}
 */
#ifndef TEMPLATE_VARIABLES_H
#define TEMPLATE_VARIABLES_H

#include "arena.h"
#include "fault.h"

struct json_value;

#define TEMPLATE_VARIABLES_MAX      100 /* of one template (Twilio's limit) */
#define TEMPLATE_VARIABLES_NAME_MAX 16  /* characters of a name (error 21656) */

/** Does Twilio take an object's members? Fails with FAULT_INVALID_TEMPLATE, in words for people. */
must_check bool template_variables_check(const struct json_value *variables, struct fault *reterr);

/** An object that was checked, as Twilio takes it. Fails for want of memory. */
must_check bool template_variables_write(struct arena *arena, const struct json_value *variables,
                                         struct text *ret_json, struct fault *reterr);

/** A text as the only variable, "1"; false for want of memory. */
must_check bool template_variables_of_text(struct arena *arena, struct text value,
                                           struct text *ret_json);

#endif
