/**
 * How long a text is on the air.
 *
 * GSM 03.38: 160 septets in one message, 153 in each part of several; the characters of the
 * extension table take two. Anything outside: UCS-2, 70 and 67 UTF-16 units. No character is split
 * over parts. Source: https://www.twilio.com/docs/glossary/what-sms-character-limit, 3GPP
 * TS 23.038 6.2.1. Texts are well-formed UTF-8.
 */
#ifndef SANDBOX_SEGMENTS_H
#define SANDBOX_SEGMENTS_H

#include <stddef.h>

size_t segments_utf16_units(const char *text);

/* At least 1, also for an empty text. */
unsigned segments_count(const char *text);

#endif
