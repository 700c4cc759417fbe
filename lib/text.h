/**
 * Slices of text, and the few questions asked of them.
 *
 * A slice borrows its bytes: it lives as long as what it points into (in practice the request's
 * arena, or a string literal), and is not terminated by a NUL. `s` may be NULL only where `n` is 0.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define must_check   __attribute__((warn_unused_result))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct text {
    const char *s;
    size_t n;
};

/** A string literal as a slice: TEXT("sms"). */
#define TEXT(literal) ((struct text){"" literal, sizeof(literal) - 1})

/** For printf's "%.*s": printf("%.*s", TEXT_ARG(t)). The slice must be shorter than INT_MAX. */
#define TEXT_ARG(t) (int)(t).n, (t).n ? (t).s : ""

/** A C string as a slice; NULL is the empty slice. */
struct text text_of(const char *cstr);

bool text_equal(struct text a, struct text b);

/** Equal when ASCII letters are folded; bytes above 127 must be the same. */
bool text_equal_nocase(struct text a, struct text b);

bool text_starts(struct text t, struct text prefix);
bool text_starts_nocase(struct text t, struct text prefix);

/** The slice without its first n bytes (n at most t.n). */
struct text text_skip(struct text t, size_t n);

/** The slice without the prefix, where it has it. */
struct text text_without(struct text t, struct text prefix);

/** Without white space (space, tab, CR, LF) at both ends. */
struct text text_trim(struct text t);

/** Unicode's White_Space: blanks of any width, tabs, and what ends a line. */
bool text_is_space(uint32_t c);

/** Does this end a line? LF, VT, FF, CR, NEL, line and paragraph separator. */
bool text_is_line_end(uint32_t c);

/** Marks, embeddings and isolates: U+200E, U+200F, U+061C, U+202A to U+202E, U+2066 to U+2069. */
bool text_turns_direction(uint32_t c);

/**
 * Without what nobody sees at both ends, as it comes along when people paste: Unicode's white
 * space, line ends, direction marks, characters without width, a byte order mark.
 */
struct text text_strip(struct text t);

/**
 * Cut at the first `sep`: "a=b" by '=' gives head "a", tail "b".
 * Without one: false, head is the whole and tail is empty, so that a loop over a list ends by
 * itself.
 */
bool text_cut(struct text t, char sep, struct text *ret_head, struct text *ret_tail);

/** Is every byte an ASCII letter or digit, or one of `more`? The empty slice is. */
bool text_only(struct text t, const char *more);

/** Digits only, at least one, value at most max: "007" is 7. No sign, no space, nothing behind. */
must_check bool text_number(struct text t, uint64_t max, uint64_t *ret_value);

/** Is every byte a hexadecimal digit, of either case? The empty slice is. */
bool text_is_hex(struct text t);

/** 8-4-4-4-12 hexadecimal digits, either case (RFC 9562 section 4). */
bool text_is_uuid(struct text t);

/** Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
bool text_is_utf8(struct text t);

/**
 * Decode one character at t.s[*at] and move *at behind it.
 * A byte that starts no well-formed sequence gives U+FFFD and moves by one. Needs *at < t.n.
 */
uint32_t text_next(struct text t, size_t *at);

/** The number of UTF-16 code units: what Twilio's 1600 is counted in. Needs well-formed UTF-8. */
size_t text_utf16_units(struct text t);

/** The longest prefix of at most `max` bytes that does not end inside a UTF-8 sequence. */
struct text text_clip(struct text t, size_t max);

/** What a regular noun ends in behind a number: "" behind 1, else "s". For printf's "%zu key%s". */
const char *text_plural(uint64_t n);

/**
 * Compare two secrets in time that depends on neither's content, only on the lengths.
 * The one function by which secrets and signatures are compared.
 */
bool text_equal_secret(struct text a, struct text b);

#endif
