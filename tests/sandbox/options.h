/**
 * Settings: from the command line, from the environment (so that secrets do not stand in ps), and
 * most of them while running, through POST /sandbox/config with the same names.
 */
#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "behaviour.h"

#define FAIL_RULES_MAX 16

enum callback_order { ORDER_IN_ORDER, ORDER_SHUFFLED };

struct fail_rules {
    size_t count;
    struct {
        double percent;
        const struct behaviour *behaviour;
    } rules[FAIL_RULES_MAX];
};

/* Texts are owned and never NULL; "" is unset. Lists are separated by commas. */
struct options {
    char *listen, *port_file;
    char *account_sid, *auth_token, *api_key, *api_key_secret;
    char *from, *whatsapp_from, *messaging_service;
    char *log, *tls_cert, *tls_key, *callback_ca;
    long delay_ms, slow_ms, callback_delay_ms, callback_repeat, callback_concurrency, keep, seed;
    long price_delay_ms, age_s, together;
    double callback_drop, get_429;
    bool callbacks, early_callbacks, callback_verify, redact;
    enum callback_order callback_order;
    struct fail_rules fail;
};

/* Sets the defaults and what the environment says. */
bool options_init(struct options *options);

/* Reads the command line; says on stderr what is wrong with it. ret_first: index of the first
 * argument that is no option. ret_sign, ret_help: --sign and --help stood there. */
bool options_read(struct options *options, int argc, char **argv, int *ret_first, bool *ret_sign,
                  bool *ret_help);

/* Sets one option by name, as POST /sandbox/config does. False: no such option, not to be changed
 * while running, or no valid value; options are as before. */
bool options_change(struct options *options, const char *name, const char *value);

bool options_copy(struct options *target, const struct options *source);
void options_release(struct options *options);
void options_print_help(FILE *out);

/* Is item one of a list? Items may carry a prefix such as "whatsapp:", which is passed over. */
bool options_list_has(const char *list, const char *item);

/* The first item of a list, without its prefix; the caller frees it. */
char *options_list_first(const char *list);

#endif
