/* Signatures: what we sign is valid for us, under its own token and body only. */

#include "fuzz.h"
#include "twilio_signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text tokens[] = {TEXT("12345"), TEXT("")}, other = TEXT("54321");
    struct text input = {(const char *)data, size}, url, body, signature;
    struct form form;
    FUZZ_ARENA(arena);

    text_cut(input, '\n', &url, &body);
    if (!form_parse(&arena, body, &form, NULL))
        return 0;
    (void)!twilio_signature_valid(&arena, tokens, ARRAY_LEN(tokens), url, &form, body, input);
    if (!twilio_signature_make(&arena, tokens[0], url, &form, &signature))
        return 0;
    MUST(signature.n == 28);
    MUST(!twilio_signature_valid(&arena, &other, 1, url, &form, body, signature));
    MUST(!twilio_signature_valid(&arena, tokens, 2, url, &form, body, text_skip(signature, 1)));
    /* a URL of which nothing is dropped, and whose body is signed by its form */
    bool plain = text_starts(url, TEXT("https://h/")) && text_only(url, ":/?=&-._");
    for (size_t i = 0; plain && i < url.n; i++)
        plain = url.s[i] != 'S'; /* no bodySHA256 */
    if (plain)
        MUST(twilio_signature_valid(&arena, tokens, 2, url, &form, body, signature));
    return 0;
}
