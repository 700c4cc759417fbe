#include "json.h"

#include <math.h>

#include <cjson/cJSON.h>

#include "json_scan.h"

/* Up to this many members are compared with each other without taking memory. */
#define FEW_MEMBERS 16

void json_free(struct json_document *document)
{
    if (document)
        cJSON_Delete((cJSON *)document);
}

/* A document is its top value, and a value a cJSON item: the names exist for the types' sake. */
static const cJSON *item_of(const struct json_value *value)
{
    return (const cJSON *)value;
}

static const struct json_value *value_of(const cJSON *item)
{
    return (const struct json_value *)item;
}

const struct json_value *json_top(const struct json_document *document)
{
    return (const struct json_value *)document;
}

const struct json_value *json_get(const struct json_value *object, const char *name)
{
    return object ? value_of(cJSON_GetObjectItemCaseSensitive(item_of(object), name)) : NULL;
}

enum json_type json_type(const struct json_value *value)
{
    if (!value)
        return JSON_ABSENT;
    switch (item_of(value)->type & 0xFF) {
    case cJSON_True:
    case cJSON_False:
        return JSON_BOOL;
    case cJSON_String:
        return *item_of(value)->valuestring == JSON_NUMBER_MARK ? JSON_NUMBER : JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

const struct json_value *json_first(const struct json_value *parent)
{
    return parent ? value_of(item_of(parent)->child) : NULL;
}

const struct json_value *json_next(const struct json_value *child)
{
    return child ? value_of(item_of(child)->next) : NULL;
}

/** Without the mark of a string in which \u0000 stood. */
static struct text unmarked(const char *cstr)
{
    return text_of(cstr && *cstr == JSON_NUL_MARK ? cstr + 1 : cstr);
}

struct text json_name(const struct json_value *member)
{
    return member ? unmarked(item_of(member)->string) : (struct text){0};
}

struct text json_string(const struct json_value *value)
{
    return json_type(value) == JSON_STRING ? unmarked(item_of(value)->valuestring)
                                           : (struct text){0};
}

bool json_has_nul(const struct json_value *value)
{
    return json_type(value) == JSON_STRING && *item_of(value)->valuestring == JSON_NUL_MARK;
}

bool json_name_has_nul(const struct json_value *member)
{
    const char *name = member ? item_of(member)->string : NULL;

    return name && *name == JSON_NUL_MARK;
}

struct text json_digits(const struct json_value *value)
{
    return json_type(value) == JSON_NUMBER ? text_of(item_of(value)->valuestring + 1)
                                           : (struct text){0};
}

double json_number(const struct json_value *value)
{
    return json_type(value) == JSON_NUMBER ? strtod(item_of(value)->valuestring + 1, NULL) : 0;
}

bool json_true(const struct json_value *value)
{
    return value && (item_of(value)->type & 0xFF) == cJSON_True;
}

static bool find_by_comparing(const struct json_value *object, struct text *ret_name)
{
    for (const struct json_value *a = json_first(object); a; a = json_next(a))
        for (const struct json_value *b = json_next(a); b; b = json_next(b))
            if (strcmp(item_of(a)->string, item_of(b)->string) == 0) {
                *ret_name = json_name(a);
                return true;
            }
    return false;
}

bool json_is_text(const struct json_value *value, struct text want)
{
    return json_type(value) == JSON_STRING && text_equal(json_string(value), want);
}

bool json_has_text(const struct json_value *value, struct text want)
{
    if (json_type(value) != JSON_ARRAY)
        return json_is_text(value, want);
    for (const struct json_value *v = json_first(value); v; v = json_next(v))
        if (json_is_text(v, want))
            return true;
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/** A name that stands twice; among many they are sorted first. */
static bool find_repeated(const struct json_value *object, struct text *ret_name)
{
    size_t n = 0;
    bool repeats = false;

    for (const struct json_value *member = json_first(object); member; member = json_next(member))
        n++;
    char **names = n > FEW_MEMBERS ? calloc(n, sizeof(*names)) : NULL;
    if (!names)
        return find_by_comparing(object, ret_name);
    n = 0;
    for (const struct json_value *member = json_first(object); member; member = json_next(member))
        names[n++] = item_of(member)->string;
    qsort(names, n, sizeof(*names), compare_names);
    for (size_t i = 1; i < n && !repeats; i++) {
        repeats = strcmp(names[i - 1], names[i]) == 0;
        if (repeats)
            *ret_name = unmarked(names[i]);
    }
    free(names);
    return repeats;
}

bool json_repeats(const struct json_value *object)
{
    struct text name;

    return json_type(object) == JSON_OBJECT && find_repeated(object, &name);
}

static void say_repeated(struct text name, struct fault *reterr)
{
    fault_set(reterr, FAULT_INVALID_JSON, "a name stands twice in a JSON object");
    if (name.n > 0 && name.n <= 32 && text_only(name, "_")) /* another may be anything */
        fault_say(reterr, "Request body has '%.*s' twice", TEXT_ARG(name));
    else
        fault_say(reterr, "Request body has a member twice");
}

struct json_document *json_parse(struct arena *arena, struct text text, struct fault *reterr)
{
    char *marked = arena_new(arena, char, JSON_SCAN_ROOM(text.n));
    struct text name;
    size_t n;

    if (!marked) {
        fault_set(reterr, FAULT_NO_MEMORY, "no memory to read %zu bytes of JSON", text.n);
        return NULL;
    }
    if (!json_scan(text, marked, &n, reterr))
        return NULL;
    struct json_document *document = (struct json_document *)cJSON_ParseWithLength(marked, n);
    if (!document) {
        fault_set(reterr, FAULT_NO_MEMORY, "no memory for %zu bytes of JSON", text.n);
        return NULL;
    }
    if (find_repeated(json_top(document), &name)) {
        say_repeated(name, reterr);
        json_free(document);
        return NULL;
    }
    return document;
}

/**
 * The shortest digits that read back as the same number, and the power of ten of the first. (Some
 * powers of two beyond 2^53 get one digit more than JavaScript gives them.)
 */
static int shortest_digits(double value, char digits[static 18], int *ret_power)
{
    char printed[32];
    int precision = -1;

    do {
        snprintf(printed, sizeof(printed), "%.*e", ++precision, value);
    } while (precision < 16 && strtod(printed, NULL) != value);
    int n = precision + 1;
    digits[0] = printed[0];
    if (n > 1)
        memcpy(digits + 1, printed + 2, (size_t)precision);
    *ret_power = (int)strtol(strchr(printed, 'e') + 1, NULL, 10);
    return n;
}

static void add_zeros(struct buffer *b, int n)
{
    while (n-- > 0)
        buffer_add_char(b, '0');
}

/** Number::toString of ECMA-262; `point` is its n, the place of the decimal point. */
static void write_number(struct buffer *b, double value)
{
    char digits[18];
    int power;

    if (!isfinite(value)) {
        b->failed = true;
        return;
    }
    if (value < 0)
        buffer_add_char(b, '-');
    int n = shortest_digits(fabs(value), digits, &power);
    int point = power + 1;
    if (point > 21 || point <= -6) {
        buffer_addf(b, "%c%s%.*se%+d", digits[0], n > 1 ? "." : "", n - 1, digits + 1, power);
    } else if (point <= 0) {
        buffer_add(b, TEXT("0."));
        add_zeros(b, -point);
        buffer_add(b, (struct text){digits, (size_t)n});
    } else if (n <= point) {
        buffer_add(b, (struct text){digits, (size_t)n});
        add_zeros(b, point - n);
    } else {
        buffer_addf(b, "%.*s.%.*s", point, digits, n - point, digits + point);
    }
}

static void write_children(struct buffer *b, const struct json_value *parent, bool named)
{
    for (const struct json_value *child = json_first(parent); child; child = json_next(child)) {
        if (child != json_first(parent))
            buffer_add_char(b, ',');
        if (named) {
            buffer_add_json(b, json_name(child));
            buffer_add_char(b, ':');
        }
        json_write(b, child);
    }
}

void json_write(struct buffer *b, const struct json_value *value)
{
    switch (json_type(value)) {
    case JSON_BOOL:
        buffer_add(b, json_true(value) ? TEXT("true") : TEXT("false"));
        break;
    case JSON_NUMBER:
        write_number(b, json_number(value));
        break;
    case JSON_STRING:
        buffer_add_json(b, json_string(value));
        break;
    case JSON_ARRAY:
        buffer_add_char(b, '[');
        write_children(b, value, false);
        buffer_add_char(b, ']');
        break;
    case JSON_OBJECT:
        buffer_add_char(b, '{');
        write_children(b, value, true);
        buffer_add_char(b, '}');
        break;
    case JSON_ABSENT:
    case JSON_NULL:
        buffer_add(b, TEXT("null"));
        break;
    }
}
