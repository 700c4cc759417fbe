#include "signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

static int by_name_and_value(const void *left, const void *right)
{
    const struct param *a = left;
    const struct param *b = right;
    int order = strcmp(a->name, b->name);

    return order != 0 ? order : strcmp(a->value, b->value);
}

static char *append_text(char *out, const char *text)
{
    return mempcpy(out, text, strlen(text));
}

/* The text that is signed; the caller frees it. */
static char *signed_text(const char *url, const struct params *params, size_t *ret_length)
{
    struct param sorted[PARAMS_MAX];
    size_t room = strlen(url) + 1;
    char *text, *out;

    for (size_t i = 0; i < params->count; i++) {
        sorted[i] = params->items[i];
        room += strlen(sorted[i].name) + strlen(sorted[i].value);
    }
    if (params->count > 0)
        qsort(sorted, params->count, sizeof *sorted, by_name_and_value);
    text = malloc(room);
    if (!text)
        return NULL;
    out = append_text(text, url);
    for (size_t i = 0; i < params->count; i++) {
        if (i > 0 && by_name_and_value(&sorted[i - 1], &sorted[i]) == 0)
            continue;
        out = append_text(out, sorted[i].name);
        out = append_text(out, sorted[i].value);
    }
    *ret_length = (size_t)(out - text);
    return text;
}

bool signature_make(char ret_signature[SIGNATURE_SIZE], const char *token, const char *url,
                    const struct params *params)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_length = 0;
    size_t length = 0;
    char *text = signed_text(url, params, &length);
    const unsigned char *done;

    if (!text)
        return false;
    done = HMAC(EVP_sha1(), token, (int)strlen(token), (const unsigned char *)text, length, digest,
                &digest_length);
    free(text);
    if (!done)
        return false;
    EVP_EncodeBlock((unsigned char *)ret_signature, digest, (int)digest_length);
    return true;
}
