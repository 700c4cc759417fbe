#include "behaviour.h"

#include <string.h>

#define STRAY_201                                                                                  \
    "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 65\r\n\r\n"         \
    "{\"sid\":\"SM00000000000000000000000000000bad\",\"status\":\"queued\"}   "

static const struct behaviour behaviours[] = {
    {.digits = 900, .kind = "normal", .help = "taken and delivered"},
    {.digits = 901,
     .kind = "undelivered",
     .help = "undelivered, 30003 (WhatsApp: 63024)",
     .life = LIFE_UNDELIVERED},
    {.digits = 902,
     .kind = "failed",
     .help = "failed, 30008 (WhatsApp: 63016)",
     .life = LIFE_FAILED},
    {.digits = 903,
     .kind = "sent-only",
     .help = "sent, and nothing is heard of it any more",
     .life = LIFE_SENT_ONLY},
    {.digits = 910, .kind = "slow", .help = "taken; answers after --slow-ms", .slow = true},
    {.digits = 911,
     .kind = "busy",
     .help = "429, 20429, always",
     .answer = ANSWERS_ERROR,
     .status = 429,
     .code = 20429,
     .not_taken = true},
    {.digits = 912,
     .kind = "busy-once",
     .help = "429 the first time for a recipient and body, then 201",
     .answer = ANSWERS_ERROR,
     .status = 429,
     .code = 20429,
     .not_taken = true,
     .once = true},
    {.digits = 913,
     .kind = "error",
     .help = "500, 20500, not taken",
     .answer = ANSWERS_ERROR,
     .status = 500,
     .code = 20500,
     .not_taken = true},
    {.digits = 914,
     .kind = "error-taken",
     .help = "500, 20500, although taken (callbacks come)",
     .answer = ANSWERS_ERROR,
     .status = 500,
     .code = 20500},
    {.digits = 915, .kind = "garbage", .help = "200 text/html, taken", .answer = ANSWERS_GARBAGE},
    {.digits = 916,
     .kind = "close",
     .help = "closes the connection without an answer, not taken",
     .answer = ANSWERS_CLOSE,
     .not_taken = true},
    {.digits = 917,
     .kind = "close-taken",
     .help = "closes the connection without an answer, although taken",
     .answer = ANSWERS_CLOSE},
    {.digits = 918,
     .kind = "truncated",
     .help = "closes the connection in the middle of the answer, taken",
     .answer = ANSWERS_TRUNCATED},
    {.digits = 919,
     .kind = "timeout",
     .help = "never answers, although taken",
     .answer = ANSWERS_NEVER},
    {.digits = 920,
     .kind = "other-json",
     .help = "201 with JSON that is no Message resource, taken",
     .answer = ANSWERS_OTHER},
    {.digits = 921,
     .kind = "unauthorized",
     .help = "401, 20003",
     .answer = ANSWERS_ERROR,
     .status = 401,
     .code = 20003,
     .not_taken = true},
    {.digits = 922,
     .kind = "forbidden",
     .help = "403, 20403",
     .answer = ANSWERS_ERROR,
     .status = 403,
     .code = 20403,
     .not_taken = true},
    {.digits = 923,
     .kind = "early-callbacks",
     .help = "all callbacks are made before the answer",
     .early_callbacks = true},
    {.digits = 924, .kind = "reversed", .help = "callbacks in reverse order", .reversed = true},
    {.digits = 925, .kind = "repeated", .help = "each callback three times", .copies = 3},
    {.digits = 926,
     .kind = "no-callbacks",
     .help = "delivered without any callback",
     .silent = true},
    {.digits = 927, .kind = "late-callbacks", .help = "callbacks begin 3 s later", .late = true},
    {.digits = 928,
     .kind = "unsubscribed",
     .help = "400, 21610",
     .answer = ANSWERS_ERROR,
     .status = 400,
     .code = 21610,
     .not_taken = true},
    {.digits = 929,
     .kind = "text-400",
     .help = "400 with a body that is no JSON",
     .answer = ANSWERS_TEXT,
     .status = 400,
     .not_taken = true},
    {.digits = 930,
     .kind = "unavailable",
     .help = "503, 20503, not taken",
     .answer = ANSWERS_ERROR,
     .status = 503,
     .code = 20503,
     .not_taken = true},
    {.digits = 931,
     .kind = "redirect",
     .help = "302, not taken",
     .answer = ANSWERS_REDIRECT,
     .not_taken = true},
    {.digits = 932,
     .kind = "huge",
     .help = "201 with 10 MiB of JSON, taken",
     .answer = ANSWERS_HUGE},
    {.digits = 933,
     .kind = "unknown-status",
     .help = "a callback with an unknown status word; all with unknown, empty, repeated parameters",
     .life = LIFE_UNKNOWN_STATUS},
    {.digits = 934,
     .kind = "failed-at-once",
     .help = "201 with status failed, 30001; no callbacks",
     .life = LIFE_FAILED_AT_ONCE,
     .silent = true},
    {.digits = 940,
     .kind = "stray-408",
     .help = "taken; then a 408 comes unasked on the connection",
     .stray = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"},
    {.digits = 941,
     .kind = "stray-408-fin",
     .help = "taken; then a 408 comes unasked on the connection, and its end",
     .stray = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
     .stray_fin = true},
    {.digits = 942,
     .kind = "stray-400",
     .help = "taken; then a 400 comes unasked on the connection",
     .stray = "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"},
    {.digits = 943,
     .kind = "stray-400-fin",
     .help = "taken; then a 400 comes unasked on the connection, and its end",
     .stray = "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}",
     .stray_fin = true},
    {.digits = 944,
     .kind = "stray-503",
     .help = "taken; then a 503 comes unasked on the connection",
     .stray = "HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"},
    {.digits = 945,
     .kind = "stray-503-fin",
     .help = "taken; then a 503 comes unasked on the connection, and its end",
     .stray = "HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n",
     .stray_fin = true},
    {.digits = 946,
     .kind = "stray-201",
     .help = "taken; then a second 201 comes unasked on the connection",
     .stray = STRAY_201},
    {.digits = 947,
     .kind = "stray-201-fin",
     .help = "taken; then a second 201 comes unasked on the connection, and its end",
     .stray = STRAY_201,
     .stray_fin = true},
    {.digits = 948,
     .kind = "stray-noise",
     .help = "taken; then noise comes unasked on the connection",
     .stray = "\r\n* BYE out of memory\r\n"},
    {.digits = 949,
     .kind = "stray-noise-fin",
     .help = "taken; then noise comes unasked on the connection, and its end",
     .stray = "\r\n* BYE out of memory\r\n",
     .stray_fin = true},
};

#define BEHAVIOUR_COUNT (sizeof behaviours / sizeof *behaviours)

const struct behaviour *behaviour_of_recipient(const char *to)
{
    static const char channel[] = "whatsapp:";
    int digits;

    if (strncmp(to, channel, sizeof channel - 1) == 0)
        to += sizeof channel - 1;
    if (strlen(to) != 13 || strncmp(to, "+2010", 5) != 0)
        return &behaviours[0];
    digits = (to[10] - '0') * 100 + (to[11] - '0') * 10 + (to[12] - '0');
    for (size_t i = 0; i < BEHAVIOUR_COUNT; i++) {
        if (behaviours[i].digits == digits)
            return &behaviours[i];
    }
    return &behaviours[0];
}

const struct behaviour *behaviour_of_kind(const char *kind, size_t length)
{
    for (size_t i = 0; i < BEHAVIOUR_COUNT; i++) {
        if (strlen(behaviours[i].kind) == length && memcmp(behaviours[i].kind, kind, length) == 0)
            return &behaviours[i];
    }
    return NULL;
}

void behaviour_print_table(FILE *out)
{
    for (size_t i = 0; i < BEHAVIOUR_COUNT; i++)
        fprintf(out, "  %d  %-16s %s\n", behaviours[i].digits, behaviours[i].kind,
                behaviours[i].help);
}
