/**
 * HTML as text that grows. Whatever is written goes through here, and is escaped here and nowhere
 * else: texts of Twilio's and of operators come in.
 *
 *     html_open(&b, "td", "class", "number", NULL);
 *     html_text(&b, reason);
 *     html_close(&b, "td");
 *
 * Names of elements and attributes are the program's own; what is between them may be anybody's.
 */
#ifndef HTML_H
#define HTML_H

#include "buffer.h"

/**
 * Text between tags. What HTML gives a meaning to (& < > " ') is escaped; what is no character of a
 * page (control characters, bytes that are no UTF-8) becomes U+FFFD, and marks that turn the
 * direction of what follows are left out.
 */
void html_text(struct buffer *b, struct text t);

/** The same, by printf; up to 255 bytes. */
void html_textf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** <name attribute="value" ...>: pairs of names and values up to NULL; a value is escaped. */
#define html_open(b, name, ...) html_open_with(b, name, (const char *const[]){__VA_ARGS__})
void html_open_with(struct buffer *b, const char *name, const char *const *attributes);

/** </name>. */
void html_close(struct buffer *b, const char *name);

/** A whole element with a text and at most a class (NULL: none): <td class="number">5</td>. */
void html_element(struct buffer *b, const char *name, const char *class, struct text t);

/** A bar of an SVG picture. */
void html_bar(struct buffer *b, const char *class, double x, double y, double width, double height);

/** What is written in the program itself, and is HTML already. */
void html_raw(struct buffer *b, const char *html);

#endif
