/**
 * Misbehaviours on demand: by recipient (the last three digits of +2010xxxxxNNN) or at random
 * (--fail PERCENT:KIND). The table in behaviour.c is also what --help prints.
 */
#ifndef SANDBOX_BEHAVIOUR_H
#define SANDBOX_BEHAVIOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "life.h"

enum behaviour_answer {
    ANSWERS_MESSAGE,   /* 201 and the Message resource */
    ANSWERS_ERROR,     /* .status and .code in Twilio's error shape */
    ANSWERS_GARBAGE,   /* 200, text/html */
    ANSWERS_OTHER,     /* 201, JSON that is no Message resource */
    ANSWERS_TEXT,      /* .status, a body that is no JSON */
    ANSWERS_REDIRECT,  /* 302 */
    ANSWERS_HUGE,      /* 201, 10 MiB of JSON */
    ANSWERS_TRUNCATED, /* 201, and closes in the middle of it */
    ANSWERS_CLOSE,     /* closes the connection */
    ANSWERS_NEVER,     /* says nothing until the client goes */
};

struct behaviour {
    int digits; /* 900 to 999 */
    const char *kind;
    const char *help;
    enum behaviour_answer answer;
    int status, code;
    enum life life;
    bool not_taken;       /* Twilio has no such message afterwards, and calls nobody back */
    bool slow;            /* answers after --slow-ms */
    bool whatsapp_only;   /* SMS behave normally */
    bool free_text_only;  /* and so do templates */
    bool once;            /* only the first time for a recipient and body, then normally */
    bool early_callbacks; /* calls back before it answers */
    bool reversed, silent, late;
    const char *stray; /* what comes on the connection behind the answer, unasked */
    bool stray_fin;    /* and that nothing more will */
    int copies;        /* of each callback; 0: as --callback-repeat says */
};

/* to: with or without "whatsapp:". Never NULL: other numbers behave normally. */
const struct behaviour *behaviour_of_recipient(const char *to);

/* NULL: there is no such kind. */
const struct behaviour *behaviour_of_kind(const char *kind, size_t length);

void behaviour_print_table(FILE *out);

#endif
