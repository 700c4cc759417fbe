/**
 * The strict reading of JSON, for json.c alone; others: json.h.
 *
 * cJSON is lenient in places (leading zeros, control characters as white space, text behind the
 * value), so what reaches it has passed the whole grammar here. It is given the same without white
 * space, with marks, and with U+FFFD where half a surrogate pair or a \u0000 was.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "fault.h"

/*
 * Bytes that no UTF-8 has, and so nothing from outside. A number is given to cJSON as a string that
 * begins with the first, which keeps its digits; a string in which \u0000 stood begins with the
 * second, for cJSON's strings end at a NUL.
 */
#define JSON_NUMBER_MARK '\xC0'
#define JSON_NUL_MARK    '\xC1'

/* A number takes the most room: a digit and what parts it from the next become five bytes. */
#define JSON_SCAN_ROOM(n) ((n) + ((n) / 2 + 1) * 3)

/**
 * Read a text whose top is an object; write what cJSON is to read, with a NUL behind it, to `out`,
 * where JSON_SCAN_ROOM(text.n) bytes are. *ret_n counts the NUL. Fails with FAULT_INVALID_JSON,
 * whose text tells people what is wrong.
 */
must_check bool json_scan(struct text text, char *out, size_t *ret_n, struct fault *reterr);

#endif
