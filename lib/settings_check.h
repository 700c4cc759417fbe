/**
 * What a setting's value must be: what is wrong with one, in words that follow its name ("must be
 * on or off"); NULL for nothing. No value is empty. Which setting is which stands in settings.c's
 * table.
 */
#ifndef SETTINGS_CHECK_H
#define SETTINGS_CHECK_H

#include "text.h"

#define SETTINGS_DAYS_MAX 36500

/** AC, SK (API key), MG (Messaging Service) or HX (template, hexadecimal) and 32 characters. */
const char *settings_check_account(struct text value);
const char *settings_check_api_key(struct text value);
const char *settings_check_service(struct text value);
const char *settings_check_content(struct text value);

/** on or off. */
const char *settings_check_switch(struct text value);

/** An international number, with or without whatsapp:. */
const char *settings_check_number(struct text value);

/** The same, a short code, or a name of up to 11 letters. */
const char *settings_check_sms_sender(struct text value);

/** https without a path; http only for loopback. */
const char *settings_check_api_url(struct text value);

/** https with a path; what it has behind a question mark is its own affair. */
const char *settings_check_set_url(struct text value);

/** http or https without a trailing slash, and with a host that Twilio calls (error 21609). */
const char *settings_check_public_url(struct text value);

/** none, optional or required. */
const char *settings_check_auth(struct text value);

/** required or if-present. */
const char *settings_check_signature(struct text value);

/** A number from 1 to 1000; threads to 512, connections to 64, days to SETTINGS_DAYS_MAX. */
const char *settings_check_rate(struct text value);
const char *settings_check_threads(struct text value);
const char *settings_check_pool(struct text value);
const char *settings_check_days(struct text value);

/** * or origins as a browser says them (RFC 6454 section 6.2), separated by commas. */
const char *settings_check_origins(struct text value);

/** Keys, separated by commas: what a header field can carry and nobody guesses; none is public. */
const char *settings_check_server_keys(struct text value);

/** Right to the letter: nothing that people paste along with it. */
const char *settings_check_exact(struct text value);

/** The same of a URL; in libpq's other form blanks mean nothing. */
const char *settings_check_database_url(struct text value);

/** An absolute path. */
const char *settings_check_dir(struct text value);

/** The parts of an http or https URL without user, query or fragment; false where it is none. */
bool settings_check_cut_url(struct text url, bool *ret_https, struct text *ret_host,
                            struct text *ret_path);

#endif
