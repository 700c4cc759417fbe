/**
 * Text that grows: how every body, URL and log line is put together.
 *
 * A buffer is born with a cap and lives in an arena. Adding never fails on the spot: what does not
 * fit marks the buffer, and buffer_text() tells once, at the end.
 *
 *     struct buffer b;
 *     buffer_init(&b, arena, 4096);
 *     buffer_add(&b, TEXT("{\"to\":"));
 *     buffer_add_json(&b, to);
 *     buffer_add(&b, TEXT("}"));
 *     if (!buffer_text(&b, &body))
 *         return fault_set(reterr, FAULT_INTERNAL, "answer does not fit");
 */
#ifndef BUFFER_H
#define BUFFER_H

#include "arena.h"

struct buffer {
    struct arena *arena;
    char *s;
    size_t n, room, cap;
    bool failed; /* something did not fit: the content is not to be used */
};

/** An empty buffer that may grow to `cap` bytes; the arena must outlive it. */
void buffer_init(struct buffer *b, struct arena *arena, size_t cap);

void buffer_add(struct buffer *b, struct text t);
void buffer_add_char(struct buffer *b, char c);

/** printf into the buffer; one piece may be up to 1023 bytes. */
void buffer_addf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * A JSON string with its quotes (RFC 8259 section 7). Bytes that are not UTF-8 become U+FFFD, so
 * the result is valid whatever came in.
 */
void buffer_add_json(struct buffer *b, struct text t);

/** A member of a JSON object behind another one: `,"name":"value"`; nothing for the empty slice. */
void buffer_add_member(struct buffer *b, const char *name, struct text value);

/**
 * An element of an array as PostgreSQL reads it (its manual, "Array Input and Output Syntax"): in
 * quotes; the empty slice is NULL.
 */
void buffer_add_element(struct buffer *b, struct text t);

/**
 * application/x-www-form-urlencoded, percent-encoding all but letters, digits and "-._~": read the
 * same by form decoders and by plain URL decoders.
 */
void buffer_add_urlencoded(struct buffer *b, struct text t);

/** The whole, NUL-terminated beyond its end; false when anything did not fit. */
must_check bool buffer_text(const struct buffer *b, struct text *ret_text);

#endif
