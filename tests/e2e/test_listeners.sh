#!/bin/sh
# What the shipped web servers decide before a program is asked, and by which listener a request came.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
json='Content-Type: application/json'
sms='{"to":"01012345678","message":"hello"}'
internal=$base public=http://127.0.0.1:$public_port/functions/v1
server_key=sb_secret_0123456789abcdefghij

# refused STATUS CODE: also by its header it could be a program's.
refused()
{
    answers "$1" "$2"
    header Access-Control-Allow-Origin '*'
    header Access-Control-Expose-Headers 'X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Idempotent-Replayed, WWW-Authenticate'
}

# ---------------------------------------------------------------- listeners

for mode in none optional; do
    settings SEND_TWILIO_MESSAGE_AUTH=$mode SERVER_KEYS=$server_key
    base=$public
    it "$mode: at the public listener nobody sends, as by a proxy on this host that says nothing of itself"
    post send-twilio-message "$sms"
    refused 403 forbidden
    post send-twilio-message "$sms" "apikey: $server_key"
    refused 403 forbidden
    post send-twilio-message "$sms" "$json" "$(bearer $user)"
    refused 403 forbidden
    twilio_got_nothing
    holds_no_row
    it "$mode: a caller cannot say by which listener it came"
    for field in 'TWILIO_CGI_LISTENER: internal' 'TWILIO-CGI-LISTENER: internal'; do
        post send-twilio-message "$sms" "$field"
        refused 403 forbidden
    done

    base=$internal
    it "$mode: at the internal one this host sends"
    post send-twilio-message "$sms"
    answers 200
    it "$mode: but no proxy that can be told"
    mark_twilio
    for field in 'Forwarded: for=192.0.2.7' 'X-Forwarded-For: 127.0.0.1' 'X-Forwarded-Host: a' 'X-Forwarded-Proto: https' \
        'X-Real-IP: 192.0.2.7' 'Via: 1.1 proxy' 'CF-Connecting-IP: 192.0.2.7' 'CDN-Loop: cloudflare' 'True-Client-IP: 192.0.2.7' \
        'X-Client-IP: 192.0.2.7' 'X-Cluster-Client-IP: 192.0.2.7' 'Fastly-Client-IP: 192.0.2.7' 'Fly-Client-IP: 192.0.2.7'; do
        post send-twilio-message "$sms" "$field"
        refused 403 forbidden
    done
    twilio_got_nothing
    forget_rows
done

base=$public
it 'none: at the public listener a preflight is allowed nothing'
settings
request OPTIONS send-twilio-message '' 'Origin: https://app.example' 'Access-Control-Request-Headers: content-type'
answers 204
no_header Access-Control-Allow-Origin

settings SEND_TWILIO_MESSAGE_AUTH=required SERVER_KEYS=$server_key
it 'required: at the public listener who says who it is sends'
post send-twilio-message "$sms" "$json" "$(bearer $user)" 'Origin: https://app.example'
answers 200
post send-twilio-message "$sms" "apikey: $server_key"
answers 200
post send-twilio-message "$sms" "$(server_bearer)" 'X-Forwarded-For: 192.0.2.7'
answers 200
it 'required: and nobody else'
post send-twilio-message "$sms"
refused 401 missing_authorization
twilio_got_nothing

it 'the other two are at both'
for base in $public $internal; do
    post send-whatsapp "$sms" "apikey: $server_key"
    answers 200
    post twilio-delivery-status 'MessageSid=SM1&MessageStatus=sent' 'Content-Type: application/x-www-form-urlencoded'
    refused 403 invalid_signature
done

# ---------------------------------------------------------------- large header fields

# token_of BYTES: a user's token, of at most so many bytes, and three less
token_of()
{
    head='{"alg":"HS256"}'
    quads=$((($1 - 20 - 1 - 1 - 43) / 4)) # without base64url of the head, dots, signature
    claims="{\"sub\":\"$user\",\"role\":\"authenticated\",\"aud\":\"authenticated\",\"exp\":$(later),\"pad\":\"\"}"
    jwt "${claims%\"\}}$(printf "%$((quads * 3 - ${#claims}))s" '' | tr ' ' x)\"}" "$head"
}

largest=16384 # mod_proxy_fcgi takes a little less
! over apache-fastcgi || largest=16348
settings SEND_TWILIO_MESSAGE_AUTH=required RATE_LIMIT_PER_MINUTE=1000
for base in $public $internal; do
    for size in 8000 12000 $largest; do
        it "a token of $size bytes arrives at $base"
        token=$(token_of "$size")
        equals 'its size' "$size" $(((${#token} + 3) / 4 * 4))
        for program in send-twilio-message send-whatsapp; do
            post $program "$sms" "$json" "Authorization: Bearer $token" "X-Request-Id: order-7/step.2"
            answers 200
        done
    done
    for size in 16388 17500 20000 40000; do
        it "one of $size bytes is too large for $base"
        token=$(token_of "$size")
        for program in send-twilio-message send-whatsapp; do
            post $program "$sms" "$json" "Authorization: Bearer $token" 'Origin: https://app.example'
            refused 431 headers_too_large
        done
    done
    it "any field that is too large for $base"
    large=$(printf '%20000s' '' | tr ' ' x)
    for field in "Cookie: $large" "apikey: $large" "X-Other: $large" "X-Twilio-Signature: $large"; do
        for program in send-twilio-message send-whatsapp twilio-delivery-status nothing; do
            post $program "$sms" "$json" "$field"
            refused 431 headers_too_large
        done
    done
    it "what else is no request is another fault for $base"
    request GET "$(printf '%020000d' 0)" ''
    refused 400 invalid_json
done

# ---------------------------------------------------------------- large callbacks

form_type='Content-Type: application/x-www-form-urlencoded'
for base in $public $internal; do
    it "a callback of 32 KiB is read at $base, which is far more than Twilio sends"
    post twilio-delivery-status "$(printf 'MessageSid=SM1&MessageStatus=sent&x=%032732d' 0)" "$form_type"
    equals 'its size' 32768 "$(wc -c <"$answer.body" | tr -d ' ')"
    refused 403 invalid_signature
    ! over apache-fastcgi || continue # before FastCGI Apache keeps no limit; the program's is 64 KiB
    it "one of a byte more is not, at $base"
    post twilio-delivery-status "$(printf 'MessageSid=SM1&MessageStatus=sent&x=%032733d' 0)" "$form_type"
    refused 413 body_too_large
done

# ---------------------------------------------------------------- methods

for base in $public $internal; do
    for program in send-twilio-message send-whatsapp twilio-delivery-status; do
        for method in TRACE PATCH PROPFIND FOO; do
            it "$program answers $method with 405 at $base"
            request $method $program '' 'Authorization: Bearer secret'
            refused 405 method_not_allowed
            header Allow 'POST, OPTIONS'
            body_lacks secret
        done
    done
done

# ---------------------------------------------------------------- other paths

for base in $public $internal; do
    for path in '' '?a=b' other send-whatsapp/ send-twilio-message/ twilio-delivery-status/ send-whatsapp/x send-whatsapps \
        send-whatsap Send-WhatsApp send-whatsapp.html 'send-whatsapp%2F' x/send-whatsapp malformed headers-too-large \
        method-not-allowed \
        refusals/ refusals/403 refusals/204 .well-known; do
        it "not found: $base/$path"
        post "$path" "$sms" "$json" "$(server_bearer)" 'Origin: https://app.example' 'X-Request-Id: order-7/step.2'
        refused 404 not_found
        header X-Request-Id order-7/step.2
    done
    it "not found at $base, whatever the method"
    for method in GET PUT DELETE; do
        request $method other ''
        refused 404 not_found
    done
    it "nor how much is sent to $base"
    head -c 3000000 /dev/zero >"$work/large"
    for path in other send-whatsapp/; do
        post_file $path "$work/large" "$json"
        refused 404 not_found
    done
    it "not found above $base"
    base=${base%/functions/v1}
    request GET functions/v1 ''
    refused 404 not_found
    base=$base/functions/v1
    it "a page may read that at $base"
    request OPTIONS send-whatsapp/ '' 'Origin: https://app.example' \
        'Access-Control-Request-Method: POST' 'Access-Control-Request-Headers: authorization, apikey'
    answers 204
    header Access-Control-Allow-Origin '*'
    header Access-Control-Allow-Methods 'POST, OPTIONS'
    case $(header_value Access-Control-Allow-Headers) in
    *authorization*apikey*) ;;
    *) complain 'header Access-Control-Allow-Headers' 'authorization, apikey' "$(header_value Access-Control-Allow-Headers)" ;;
    esac
done

finish
