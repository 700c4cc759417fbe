#include "template_variables.h"

#include "buffer.h"
#include "json.h"

#define BLANKS_MAX 4 /* in a row (error 21656) */

static bool is_variable_name(const struct json_value *variable)
{
    struct text name = json_name(variable);
    size_t characters = 0;

    for (size_t at = 0; at < name.n; characters++)
        if (text_is_space(text_next(name, &at)))
            return false;
    return characters >= 1 && characters <= TEMPLATE_VARIABLES_NAME_MAX &&
           !json_name_has_nul(variable);
}

bool template_variables_check(const struct json_value *variables, struct fault *reterr)
{
    size_t n = 0;

    for (const struct json_value *v = json_first(variables); v; v = json_next(v)) {
        bool string = json_type(v) == JSON_STRING && json_string(v).n > 0 && !json_has_nul(v);
        if (!string && json_type(v) != JSON_NUMBER) {
            fault_set(reterr, FAULT_INVALID_TEMPLATE, "a variable is empty, or no string");
            return fault_say(reterr, "A template's variables are non-empty strings, or numbers");
        }
        if (!is_variable_name(v)) {
            fault_set(reterr, FAULT_INVALID_TEMPLATE, "a variable with a bad name");
            return fault_say(reterr,
                             "The names of a template's variables have 1 to %d characters "
                             "and no blanks",
                             TEMPLATE_VARIABLES_NAME_MAX);
        }
        if (++n > TEMPLATE_VARIABLES_MAX)
            return fault_set(reterr, FAULT_INVALID_TEMPLATE, "too many variables");
    }
    return true;
}

/** How many bytes of white space are at the start, and whether Twilio refuses them as they are. */
static size_t space_run(struct text t, bool *ret_refused)
{
    size_t end = 0, blanks = 0;
    bool refused = false;

    for (size_t at = 0; at < t.n; end = at) {
        uint32_t c = text_next(t, &at);
        if (!text_is_space(c))
            break;
        blanks++;
        refused = refused || c == '\t' || text_is_line_end(c);
    }
    *ret_refused = refused || blanks > BLANKS_MAX;
    return end;
}

static void add_value(struct buffer *b, struct text value)
{
    bool refused;

    while (value.n) {
        size_t n = space_run(value, &refused), at = 0;
        if (n == 0)
            text_next(value, &at);
        buffer_add(b, refused ? TEXT(" ") : (struct text){value.s, n ? n : at});
        value = text_skip(value, n ? n : at);
    }
}

/** ' as \u0027, which is the same: Twilio's parser has been reported to trip over it. */
static void add_without_apostrophes(struct buffer *b, struct text json)
{
    struct text head;

    while (text_cut(json, '\'', &head, &json)) {
        buffer_add(b, head);
        buffer_add(b, TEXT("\\u0027"));
    }
    buffer_add(b, head);
}

static bool add_variable(struct arena *arena, struct buffer *b, struct text name, struct text value)
{
    struct buffer clean;
    struct text text = {0};

    buffer_add_char(b, b->n ? ',' : '{');
    buffer_add_json(b, name);
    buffer_add_char(b, ':');
    buffer_init(&clean, arena, 1u << 18);
    add_value(&clean, value);
    bool good = buffer_text(&clean, &text);
    buffer_add_json(b, text);
    return good;
}

/** What add_variable has begun. */
static bool end_variables(struct arena *arena, struct buffer *b, struct text *ret_json)
{
    struct text text = {0};
    struct buffer safe;

    buffer_init(&safe, arena, 1u << 20);
    buffer_add_char(b, '}');
    bool good = buffer_text(b, &text);
    add_without_apostrophes(&safe, text);
    return good && buffer_text(&safe, ret_json);
}

bool template_variables_write(struct arena *arena, const struct json_value *variables,
                              struct text *ret_json, struct fault *reterr)
{
    struct buffer b;
    bool good = true;

    buffer_init(&b, arena, 1u << 20);
    for (const struct json_value *v = json_first(variables); v; v = json_next(v))
        good = add_variable(arena, &b, json_name(v),
                            json_type(v) == JSON_NUMBER ? json_digits(v) : json_string(v)) &&
               good;
    return (end_variables(arena, &b, ret_json) && good) ||
           fault_set(reterr, FAULT_NO_MEMORY, "no memory for the variables");
}

bool template_variables_of_text(struct arena *arena, struct text value, struct text *ret_json)
{
    struct buffer b;

    buffer_init(&b, arena, 1u << 18);
    return add_variable(arena, &b, TEXT("1"), value) && end_variables(arena, &b, ret_json);
}
