#include "form.h"

#include <string.h>

/** The next non-empty piece between two '&'; false behind the last. */
static bool next_piece(struct text *rest, struct text *ret_piece)
{
    while (rest->n) {
        text_cut(*rest, '&', ret_piece, rest);
        if (ret_piece->n)
            return true;
    }
    return false;
}

/** Stops counting as soon as the answer is "too many". */
static size_t count_pieces(struct text body)
{
    struct text piece;
    size_t n = 0;

    while (n <= FORM_FIELDS_MAX && next_piece(&body, &piece))
        n++;
    return n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool read_escape(struct text t, char *ret_byte)
{
    if (t.n < 3 || t.s[0] != '%')
        return false;
    int high = hex_digit(t.s[1]), low = hex_digit(t.s[2]);
    if (high < 0 || low < 0)
        return false;
    *ret_byte = (char)(high << 4 | low);
    return true;
}

/** Decode to *out and move it behind what was written: never more bytes than came in. */
static struct text decode(struct text t, char **out)
{
    char *start = *out, *end = start;

    while (t.n) {
        char c = t.s[0];
        bool escape = read_escape(t, &c);
        if (!escape && c == '+')
            c = ' ';
        *end++ = c;
        t = text_skip(t, escape ? 3 : 1);
    }
    *out = end;
    return (struct text){start, (size_t)(end - start)};
}

bool form_parse(struct arena *arena, struct text body, struct form *ret_form, struct fault *reterr)
{
    struct text piece, name, value;
    struct form form = {0};
    size_t n = count_pieces(body);

    if (n > FORM_FIELDS_MAX)
        return fault_set(reterr, FAULT_BODY_TOO_LARGE, "form has more than %d fields",
                         FORM_FIELDS_MAX);
    form.fields = arena_new(arena, struct form_field, n);
    char *bytes = arena_new(arena, char, body.n);
    if (!form.fields || !bytes)
        return fault_set(reterr, FAULT_NO_MEMORY, "no memory for a form of %zu field%s", n,
                         text_plural(n));
    while (next_piece(&body, &piece)) {
        text_cut(piece, '=', &name, &value);
        struct form_field *field = &form.fields[form.n++];
        field->name = decode(name, &bytes);
        field->value = decode(value, &bytes);
    }
    *ret_form = form;
    return true;
}

struct text form_get(const struct form *form, struct text name)
{
    for (size_t i = 0; i < form->n; i++)
        if (text_equal(form->fields[i].name, name))
            return form->fields[i].value;
    return (struct text){0};
}
