#include "json.h"

#include <math.h>

#include <cjson/cJSON.h>

#include "library.h"

/*
 * Bytes that no UTF-8 has, and so nothing from outside. A number is given to cJSON as a string that
 * begins with the first, which keeps its digits; a string in which \u0000 stood begins with the
 * second, for cJSON's strings end at a NUL.
 */
#define NUMBER_MARK '\xC0'
#define NUL_MARK    '\xC1'

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
 * text behind the value), so what reaches it has passed the whole grammar here: `out` is the same
 * without white space, with marks, and with U+FFFD where half a surrogate pair or a NUL was.
 */
struct scan {
    const char *s;
    size_t n, at;
    const char *why; /* what is wrong at `at` */
    char *out;
    size_t n_out;
};

/* A number takes the most room: a digit and what parts it from the next become five bytes. */
#define OUT_ROOM(n) ((n) + ((n) / 2 + 1) * 3)

static bool scan_value(struct scan *scan, int depth);

static bool wrong(struct scan *scan, const char *why)
{
    scan->why = why;
    return false;
}

/** The next byte; 0 at the end, which stands nowhere else in JSON. */
static char peek(const struct scan *scan)
{
    if (scan->at == scan->n)
        return '\0';
    return scan->s[scan->at];
}

static bool take(struct scan *scan, char c)
{
    if (scan->at == scan->n || scan->s[scan->at] != c)
        return false;
    scan->at++;
    return true;
}

static void put(struct scan *scan, struct text t)
{
    if (t.n)
        memcpy(scan->out + scan->n_out, t.s, t.n);
    scan->n_out += t.n;
}

static void put_char(struct scan *scan, char c)
{
    scan->out[scan->n_out++] = c;
}

/** What was read from `from` on. */
static struct text since(const struct scan *scan, size_t from)
{
    return (struct text){scan->s + from, scan->at - from};
}

/** Take a character that means the same to cJSON. */
static bool pass(struct scan *scan, char c)
{
    if (!take(scan, c))
        return false;
    put_char(scan, c);
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

    while (peek(scan) >= '0' && peek(scan) <= '9')
        scan->at++;
    return scan->at > start;
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
    put_char(scan, '"');
    put_char(scan, NUMBER_MARK);
    put(scan, since(scan, start));
    put_char(scan, '"');
    return true;
}

/** The four hexadecimal digits behind \u; -1 where they are not there. */
static int take_hex4(struct scan *scan)
{
    int value = 0;

    for (int i = 0; i < 4; i++) {
        char c = peek(scan);
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

/** The second half of a surrogate pair; what is none is left for its own turn. */
static bool take_low_surrogate(struct scan *scan)
{
    size_t start = scan->at;

    if (take(scan, '\\') && take(scan, 'u')) {
        int unit = take_hex4(scan);
        if (unit >= 0xDC00 && unit <= 0xDFFF)
            return true;
    }
    scan->at = start;
    return false;
}

/** Behind \u. *ret_unit: the code unit, 0xFFFD for half a surrogate pair. */
static bool scan_unicode_escape(struct scan *scan, int *ret_unit)
{
    int unit = take_hex4(scan);

    if (unit < 0)
        return wrong(scan, "bad escape");
    if (unit >= 0xD800 && unit <= 0xDFFF && !(unit <= 0xDBFF && take_low_surrogate(scan)))
        unit = 0xFFFD;
    *ret_unit = unit;
    return true;
}

/** Behind a backslash; `*from` is what was not put out yet. */
static bool scan_escape(struct scan *scan, size_t *from, bool *nul)
{
    size_t start = scan->at - 1;
    int unit;

    if (!take(scan, 'u')) {
        if (!peek(scan) || !strchr("\"\\/bfnrt", peek(scan)))
            return wrong(scan, "bad escape");
        scan->at++;
        return true;
    }
    if (!scan_unicode_escape(scan, &unit))
        return false;
    if (unit != 0 && unit != 0xFFFD)
        return true;
    *nul = *nul || unit == 0;
    put(scan, (struct text){scan->s + *from, start - *from});
    put(scan, TEXT("\xEF\xBF\xBD"));
    *from = scan->at;
    return true;
}

static bool scan_string(struct scan *scan)
{
    bool nul = false;

    if (!pass(scan, '"'))
        return wrong(scan, "string expected");
    size_t from = scan->at, first = scan->n_out;
    while (!take(scan, '"')) {
        if (scan->at == scan->n)
            return wrong(scan, "unfinished string");
        unsigned char c = (unsigned char)peek(scan);
        if (c < 0x20)
            return wrong(scan, "control character in a string");
        scan->at++;
        if (c == '\\' && !scan_escape(scan, &from, &nul))
            return false;
    }
    put(scan, since(scan, from));
    if (!nul)
        return true;
    memmove(scan->out + first + 1, scan->out + first, scan->n_out - first);
    scan->out[first] = NUL_MARK;
    scan->n_out++;
    return true;
}

static bool scan_array(struct scan *scan, int depth)
{
    skip_space(scan);
    if (pass(scan, ']'))
        return true;
    do {
        if (!scan_value(scan, depth))
            return false;
    } while (pass(scan, ','));
    return pass(scan, ']') || wrong(scan, "',' or ']' expected");
}

static bool scan_object(struct scan *scan, int depth)
{
    skip_space(scan);
    if (pass(scan, '}'))
        return true;
    do {
        skip_space(scan);
        if (!scan_string(scan))
            return false;
        skip_space(scan);
        if (!pass(scan, ':'))
            return wrong(scan, "':' expected");
        if (!scan_value(scan, depth))
            return false;
    } while (pass(scan, ','));
    return pass(scan, '}') || wrong(scan, "',' or '}' expected");
}

static bool scan_word(struct scan *scan, struct text word)
{
    if (!text_starts(text_skip((struct text){scan->s, scan->n}, scan->at), word))
        return wrong(scan, "unexpected character");
    scan->at += word.n;
    put(scan, word);
    return true;
}

static bool scan_plain(struct scan *scan)
{
    switch (peek(scan)) {
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
    bool object = pass(scan, '{');
    if (object || pass(scan, '[')) {
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
    static const struct text mark = {"\xEF\xBB\xBF", 3}; /* byte order */

    if (!text_is_utf8((struct text){scan->s, scan->n}))
        return wrong(scan, "not valid UTF-8");
    if (text_starts((struct text){scan->s, scan->n}, mark))
        scan->at = mark.n;
    skip_space(scan);
    if (peek(scan) != '{')
        return wrong(scan, scan->at == scan->n ? "it is empty" : "not an object");
    if (!scan_value(scan, 0))
        return false;
    return scan->at == scan->n || wrong(scan, "text behind the object");
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
    case cJSON_String:
        return *item_of(value)->valuestring == NUMBER_MARK ? JSON_NUMBER : JSON_STRING;
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
    return text_of(cstr && *cstr == NUL_MARK ? cstr + 1 : cstr);
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
    return json_type(value) == JSON_STRING && *item_of(value)->valuestring == NUL_MARK;
}

bool json_name_has_nul(const struct json_value *member)
{
    const char *name = member ? item_of(member)->string : NULL;

    return name && *name == NUL_MARK;
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

bool json_load(struct fault *reterr)
{
    return library_load(&libcjson, reterr);
}

static void say_wrong(const struct scan *scan, struct fault *reterr)
{
    fault_set(reterr, FAULT_INVALID_JSON, "bad JSON at byte %zu: %s", scan->at, scan->why);
    if (scan->at)
        fault_say(reterr, "Request body must be a JSON object: %s at byte %zu", scan->why,
                  scan->at);
    else
        fault_say(reterr, "Request body must be a JSON object: %s", scan->why);
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
    struct scan scan = {.s = text.s, .n = text.n, .out = arena_new(arena, char, OUT_ROOM(text.n))};

    if (!scan.out) {
        fault_set(reterr, FAULT_NO_MEMORY, "no memory to read %zu bytes of JSON", text.n);
        return NULL;
    }
    if (!scan_text(&scan)) {
        say_wrong(&scan, reterr);
        return NULL;
    }
    if (!json_load(reterr))
        return NULL;
    put_char(&scan, '\0');
    struct json_document *document = (struct json_document *)cjson.parse(scan.out, scan.n_out);
    if (!document) {
        fault_set(reterr, FAULT_NO_MEMORY, "no memory for %zu bytes of JSON", text.n);
        return NULL;
    }
    struct text name;
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
