/**
 * Templates (ContentSid, ContentVariables). The stand-in knows no templates' texts: it renders
 * "Template HX...: one, two" from the variables' values.
 * Source: https://www.twilio.com/docs/api/errors/21656
 */
#ifndef SANDBOX_CONTENT_H
#define SANDBOX_CONTENT_H

enum content_result {
    CONTENT_OK,
    CONTENT_INVALID, /* no JSON object; a value that is no text or empty, or has a line break, a tab
                        or more than four blanks in a row; a name with blanks or beyond 16
                        characters */
    CONTENT_TOO_LONG, /* a value of more than 1600 UTF-16 units */
};

/* variables: NULL for none. *ret_body, set on success only, is the caller's to free. */
enum content_result content_render(const char *sid, const char *variables, char **ret_body);

#endif
