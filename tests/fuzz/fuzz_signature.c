/* Signatures: what we sign is valid for us, under its own token and body only. */

#include "fuzz.h"
#include "twilio_signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct text tokens[] = {TEXT("12345"), TEXT("")}, other[] = {TEXT("54321")};
    struct twilio_signature_keys ours = {tokens, ARRAY_LEN(tokens), TWILIO_SIGNATURE_SHA1};
    struct twilio_signature_keys theirs = {other, 1, TWILIO_SIGNATURE_SHA1};
    struct text input = {(const char *)data, size}, url, body, signature;
    struct form form;
    FUZZ_ARENA(arena);

    text_cut(input, '\n', &url, &body);
    if (!form_parse(&arena, body, &form, NULL))
        return 0;
    if (twilio_signature_hash(url, &ours.hash))
        theirs.hash = ours.hash;
    (void)!twilio_signature_valid(&arena, &ours, url, &form, body, input);
    if (!twilio_signature_make(&arena, tokens[0], ours.hash, url, &form, &signature))
        return 0;
    MUST(signature.n == (ours.hash == TWILIO_SIGNATURE_SHA256 ? 44 : 28));
    MUST(!twilio_signature_valid(&arena, &theirs, url, &form, body, signature));
    MUST(!twilio_signature_valid(&arena, &ours, url, &form, body, text_skip(signature, 1)));
    /* a URL of which nothing is dropped, and whose body is signed by its form */
    bool plain = text_starts(url, TEXT("https://h/")) && text_only(url, ":/?=&-._");
    for (size_t i = 0; plain && i < url.n; i++)
        plain = url.s[i] != 'S'; /* no bodySHA256 */
    if (plain)
        MUST(twilio_signature_valid(&arena, &ours, url, &form, body, signature));
    return 0;
}
