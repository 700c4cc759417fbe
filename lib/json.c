#include "json.h"

#include <math.h>

#include <cjson/cJSON.h>

#include "library.h"

/* Before the fix of CVE-2023-26819 cJSON takes no number of more than 63 characters. */
#define NUMBER_MAX 63

/* Up to this many members are compared with each other without taking memory. */
#define FEW_MEMBERS 16

static struct {
    __typeof__(&cJSON_ParseWithLength) parse;
    __typeof__(&cJSON_GetObjectItemCaseSensitive) get;
    __typeof__(&cJSON_Delete) delete;
} cjson;

static const struct library_function cjson_functions[] = {
    {"cJSON_ParseWithLength", &cjson.parse},
    {"cJSON_GetObjectItemCaseSensitive", &cjson.get},
    {"cJSON_Delete", &cjson.delete},
};

static struct library libcjson = {LIBCJSON, cjson_functions, ARRAY_LEN(cjson_functions), false};

/**
 * The strict reading. cJSON is lenient in places (leading zeros, control characters as white space,
 * a byte-order mark, text behind the value), so what reaches it has passed the whole grammar here.
 */
struct scan {
    char *s; /* NUL-terminated, so that looking at s[at] needs no check */
    size_t n, at;
    const char *why; /* what is wrong at `at` */
};

static bool scan_value(struct scan *scan, int depth);

static bool wrong(struct scan *scan, const char *why)
{
    scan->why = why;
    return false;
}

static bool take(struct scan *scan, char c)
{
    if (scan->s[scan->at] != c)
        return false;
    scan->at++;
    return true;
}

static void skip_space(struct scan *scan)
{
    while (take(scan, ' ') || take(scan, '\t') || take(scan, '\n') || take(scan, '\r'))
        ;
}

static bool take_digits(struct scan *scan)
{
    size_t start = scan->at;

    while (scan->s[scan->at] >= '0' && scan->s[scan->at] <= '9')
        scan->at++;
    return scan->at > start;
}

/** Put a long number's short equivalent in its place, and blanks behind it. */
static void shorten(char *s, size_t n)
{
    char number[32];
    double value = strtod(s, NULL);

    int length = isfinite(value) ? snprintf(number, sizeof(number), "%.17g", value)
                                 : snprintf(number, sizeof(number), value < 0 ? "-1e999" : "1e999");
    memset(s, ' ', n);
    memcpy(s, number, (size_t)length);
}

static bool scan_number(struct scan *scan)
{
    size_t start = scan->at;

    take(scan, '-');
    if (!take(scan, '0') && !take_digits(scan))
        return wrong(scan, "unexpected character");
    if (take(scan, '.') && !take_digits(scan))
        return wrong(scan, "unfinished number");
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+'))
            take(scan, '-');
        if (!take_digits(scan))
            return wrong(scan, "unfinished number");
    }
    if (scan->at - start > NUMBER_MAX)
        shorten(scan->s + start, scan->at - start);
    return true;
}

/** The four hexadecimal digits behind \u; -1 where they are not there. */
static int take_hex4(struct scan *scan)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        char c = scan->s[scan->at];
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            value = value * 16 + ((c | 0x20) - 'a' + 10);
        else
            return -1;
        scan->at++;
    }
    return value;
}

static bool scan_unicode_escape(struct scan *scan)
{
    int unit = take_hex4(scan);

    if (unit < 0)
        return wrong(scan, "bad escape");
    if (unit == 0)
        return wrong(scan, "escaped NUL");
    if (unit < 0xD800 || unit > 0xDFFF)
        return true;
    if (unit > 0xDBFF || !take(scan, '\\') || !take(scan, 'u'))
        return wrong(scan, "lone surrogate");
    unit = take_hex4(scan);
    return (unit >= 0xDC00 && unit <= 0xDFFF) || wrong(scan, "lone surrogate");
}

static bool scan_string(struct scan *scan)
{
    if (!take(scan, '"'))
        return wrong(scan, "string expected");
    while (!take(scan, '"')) {
        if (scan->at >= scan->n)
            return wrong(scan, "unfinished string");
        unsigned char c = (unsigned char)scan->s[scan->at];
        if (c < 0x20)
            return wrong(scan, "control character in a string");
        scan->at++;
        if (c != '\\')
            continue;
        if (take(scan, 'u')) {
            if (!scan_unicode_escape(scan))
                return false;
        } else if (scan->s[scan->at] && strchr("\"\\/bfnrt", scan->s[scan->at])) {
            scan->at++;
        } else {
            return wrong(scan, "bad escape");
        }
    }
    return true;
}

static bool scan_array(struct scan *scan, int depth)
{
    skip_space(scan);
    if (take(scan, ']'))
        return true;
    do {
        if (!scan_value(scan, depth))
            return false;
    } while (take(scan, ','));
    return take(scan, ']') || wrong(scan, "',' or ']' expected");
}

static bool scan_object(struct scan *scan, int depth)
{
    skip_space(scan);
    if (take(scan, '}'))
        return true;
    do {
        skip_space(scan);
        if (!scan_string(scan))
            return false;
        skip_space(scan);
        if (!take(scan, ':'))
            return wrong(scan, "':' expected");
        if (!scan_value(scan, depth))
            return false;
    } while (take(scan, ','));
    return take(scan, '}') || wrong(scan, "',' or '}' expected");
}

static bool scan_word(struct scan *scan, struct text word)
{
    struct text rest = {scan->s + scan->at, scan->n - scan->at};

    if (!text_starts(rest, word))
        return wrong(scan, "unexpected character");
    scan->at += word.n;
    return true;
}

static bool scan_plain(struct scan *scan)
{
    switch (scan->s[scan->at]) {
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, TEXT("true"));
    case 'f':
        return scan_word(scan, TEXT("false"));
    case 'n':
        return scan_word(scan, TEXT("null"));
    default:
        return scan_number(scan);
    }
}

/** A value with the white space around it; `depth` counts the arrays and objects that it is in. */
static bool scan_value(struct scan *scan, int depth)
{
    skip_space(scan);
    bool object = take(scan, '{');
    if (object || take(scan, '[')) {
        if (depth >= JSON_DEPTH_MAX)
            return wrong(scan, "nested too deeply");
        if (!(object ? scan_object : scan_array)(scan, depth + 1))
            return false;
    } else if (!scan_plain(scan)) {
        return false;
    }
    skip_space(scan);
    return true;
}

static bool scan_text(struct scan *scan)
{
    if (!text_is_utf8((struct text){scan->s, scan->n}))
        return wrong(scan, "no UTF-8");
    skip_space(scan);
    if (scan->s[scan->at] != '{')
        return wrong(scan, "no object");
    if (!scan_value(scan, 0))
        return false;
    return scan->at == scan->n || wrong(scan, "text behind the object");
}

bool json_load(struct fault *reterr)
{
    return library_load(&libcjson, reterr);
}

struct json_document *json_parse(struct arena *arena, struct text text, struct fault *reterr)
{
    char *copy = arena_new(arena, char, text.n + 1);

    if (!copy) {
        fault_set(reterr, FAULT_NO_MEMORY, "no memory to read %zu bytes of JSON", text.n);
        return NULL;
    }
    if (text.n)
        memcpy(copy, text.s, text.n);
    struct scan scan = {.s = copy, .n = text.n};
    if (!scan_text(&scan)) {
        fault_set(reterr, FAULT_INVALID_JSON, "bad JSON at byte %zu: %s", scan.at, scan.why);
        return NULL;
    }
    if (!json_load(reterr))
        return NULL;
    struct json_document *document = (struct json_document *)cjson.parse(copy, text.n + 1);
    if (!document) {
        fault_set(reterr, FAULT_NO_MEMORY, "no memory for %zu bytes of JSON", text.n);
        return NULL;
    }
    if (json_repeats(json_top(document))) {
        json_free(document);
        fault_set(reterr, FAULT_INVALID_JSON, "a name stands twice in a JSON object");
        return NULL;
    }
    return document;
}

void json_free(struct json_document *document)
{
    if (document)
        cjson.delete((cJSON *)document);
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
    return object ? value_of(cjson.get(item_of(object), name)) : NULL;
}

enum json_type json_type(const struct json_value *value)
{
    if (!value)
        return JSON_ABSENT;
    switch (item_of(value)->type & 0xFF) {
    case cJSON_True:
    case cJSON_False:
        return JSON_BOOL;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
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

struct text json_name(const struct json_value *member)
{
    return member ? text_of(item_of(member)->string) : (struct text){0};
}

struct text json_string(const struct json_value *value)
{
    return json_type(value) == JSON_STRING ? text_of(item_of(value)->valuestring)
                                           : (struct text){0};
}

double json_number(const struct json_value *value)
{
    return json_type(value) == JSON_NUMBER ? item_of(value)->valuedouble : 0;
}

bool json_true(const struct json_value *value)
{
    return value && (item_of(value)->type & 0xFF) == cJSON_True;
}

static bool repeats_by_comparing(const struct json_value *object)
{
    for (const struct json_value *a = json_first(object); a; a = json_next(a))
        for (const struct json_value *b = json_next(a); b; b = json_next(b))
            if (text_equal(json_name(a), json_name(b)))
                return true;
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

bool json_repeats(const struct json_value *object)
{
    size_t n = 0;
    bool repeats = false;

    if (json_type(object) != JSON_OBJECT)
        return false;
    for (const struct json_value *member = json_first(object); member; member = json_next(member))
        n++;
    char **names = n > FEW_MEMBERS ? calloc(n, sizeof(*names)) : NULL;
    if (!names)
        return repeats_by_comparing(object);
    n = 0;
    for (const struct json_value *member = json_first(object); member; member = json_next(member))
        names[n++] = item_of(member)->string;
    qsort(names, n, sizeof(*names), compare_names);
    for (size_t i = 1; i < n && !repeats; i++)
        repeats = strcmp(names[i - 1], names[i]) == 0;
    free(names);
    return repeats;
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
