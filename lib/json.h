/**
 * JSON from outside (RFC 8259), read strictly. cJSON appears in json.c only.
 *
 * Stricter than cJSON alone: well-formed UTF-8, no raw control characters, nothing behind the
 * value, numbers as the grammar says, at most JSON_DEPTH_MAX levels. What programs really write is
 * taken: a byte-order mark in front is skipped, and half a surrogate pair (what cutting a text by
 * UTF-16 units leaves of an emoji) is U+FFFD, and so is \u0000, of which json_has_nul() tells.
 * Values and their strings borrow from their document.
 */
#ifndef JSON_H
#define JSON_H

#include "arena.h"
#include "buffer.h"
#include "fault.h"

#define JSON_DEPTH_MAX 32

struct json_document; /* owns everything read; json_free() */
struct json_value;    /* one value inside a document */

enum json_type {
    JSON_ABSENT,
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/**
 * Read a text whose top is an object in which no name stands twice.
 * NULL with FAULT_INVALID_JSON otherwise, whose text tells people what is wrong. The document is
 * freed by json_free (NULL is fine).
 */
must_check struct json_document *json_parse(struct arena *arena, struct text text,
                                            struct fault *reterr);
void json_free(struct json_document *document);

static inline void json_free_scoped(struct json_document **document)
{
    json_free(*document);
}

/** Frees the document when the variable goes out of scope; initialise it. */
#define json_scoped __attribute__((cleanup(json_free_scoped)))

/** The top object. */
const struct json_value *json_top(const struct json_document *document);

/** A member of an object by its exact name; NULL where there is none, or no object. */
const struct json_value *json_get(const struct json_value *object, const char *name);

/** The type of a value; JSON_ABSENT for NULL. */
enum json_type json_type(const struct json_value *value);

/** First child of an array or object, and the one after a child; NULL at the end. */
const struct json_value *json_first(const struct json_value *parent);
const struct json_value *json_next(const struct json_value *child);

/** The name of an object's member. Valid as long as the document. */
struct text json_name(const struct json_value *member);

/** The string's content, valid as long as the document; the empty slice for any other type. */
struct text json_string(const struct json_value *value);

/** Did \u0000 stand in this string, or in this member's name? */
bool json_has_nul(const struct json_value *value);
bool json_name_has_nul(const struct json_value *member);

/** The number's value; 0 for any other type. An overflowing number is infinite. */
double json_number(const struct json_value *value);

/** The number as it was written ("1200.50", "1E5"); the empty slice for any other type. */
struct text json_digits(const struct json_value *value);

/** True for the literal true. */
bool json_true(const struct json_value *value);

/** Is this value the string `want`? */
bool json_is_text(const struct json_value *value, struct text want);

/** Is it, or is it an array in which that string is? */
bool json_has_text(const struct json_value *value, struct text want);

/** Does any member's name stand twice in this object (not in objects inside it)? */
bool json_repeats(const struct json_value *object);

/**
 * Append a value as compact JSON text: numbers as JavaScript would write them (5, not 5.0).
 * A number that is not finite marks the buffer as failed.
 */
void json_write(struct buffer *b, const struct json_value *value);

#endif
