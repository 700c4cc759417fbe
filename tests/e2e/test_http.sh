#!/bin/sh
# What belongs to HTTP: methods, CORS, media types, sizes, request ids, settings that are wrong.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
sms='{"to":"01012345678","message":"hello"}'
callback_form='MessageSid=SM123456789&MessageStatus=delivered'

for program in send-twilio-message send-whatsapp twilio-delivery-status; do
    for method in GET PUT DELETE; do
        it "$program answers $method with 405 and says what it allows"
        request $method $program ''
        answers 405 method_not_allowed
        header Allow 'POST, OPTIONS'
    done
done

for program in send-whatsapp twilio-delivery-status; do
    it "$program answers a preflight, and touches nothing"
    request OPTIONS $program '' 'Origin: https://app.example' 'Access-Control-Request-Method: POST' \
        'Access-Control-Request-Headers: authorization, x-client-info, apikey, content-type, x-evil, x-supabase-client-platform, sentry-trace, baggage, traceparent, tracestate, x-region'
    answers 204
    header Access-Control-Allow-Origin '*'
    header Access-Control-Allow-Methods 'POST, OPTIONS'
    header Access-Control-Allow-Headers \
        'authorization, x-client-info, apikey, content-type, x-supabase-client-platform, sentry-trace, baggage, traceparent, tracestate, x-region'
    header Access-Control-Max-Age 86400
    holds_no_row
done

it 'send-twilio-message tells no web page that it may call, while it asks for no token'
request OPTIONS send-twilio-message '' 'Origin: https://app.example' \
    'Access-Control-Request-Headers: content-type'
answers 204
no_header Access-Control-Allow-Origin
no_header Access-Control-Allow-Headers
no_header Access-Control-Allow-Methods

it 'send-twilio-message refuses what a browser sends, while it asks for no token'
post send-twilio-message "$sms" 'Origin: https://app.example' 'Content-Type: application/json'
answers 403 forbidden
twilio_got_nothing
holds_no_row

for mode in optional required; do
    it "send-twilio-message answers a preflight when its tokens are $mode"
    settings SEND_TWILIO_MESSAGE_AUTH=$mode
    request OPTIONS send-twilio-message '' 'Origin: https://app.example' \
        'Access-Control-Request-Headers: content-type'
    answers 204
    header Access-Control-Allow-Origin '*'
    header Access-Control-Allow-Headers content-type
done

it 'of a list of origins the one that asks is named'
settings CORS_ALLOW_ORIGIN='https://a.example, https://b.example'
post send-whatsapp '{}' 'Origin: https://b.example' 'Content-Type: application/json'
answers 401
header Access-Control-Allow-Origin https://b.example
header Vary Origin

it 'an origin that is not on the list is not named'
post send-whatsapp '{}' 'Origin: https://c.example' 'Content-Type: application/json'
no_header Access-Control-Allow-Origin
header Vary Origin
settings

it 'an answer lets scripts see the headers that are for them'
post send-whatsapp '{}'
header Access-Control-Expose-Headers 'X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Idempotent-Replayed, WWW-Authenticate'

for type in 'application/json' 'Application/JSON; charset=UTF-8' text/plain \
    application/x-www-form-urlencoded ''; do
    it "a script's JSON is read whose type is '$type'"
    post send-twilio-message "$sms" "Content-Type: $type"
    answers 200
done

for type in application/octet-stream 'application/json, application/json' application/xml; do
    it "a script's JSON is read though it is labelled '$type'"
    post send-twilio-message "$sms" "Content-Type: $type"
    answers 200
done

for type in text/plain 'application/json, application/json' application/octet-stream ''; do
    it "with a token a page's JSON is read whose type is '$type'"
    post send-whatsapp "$sms" "Content-Type: $type" 'Origin: https://app.example' "$(server_bearer)"
    answers 200
done

it 'identity is no encoding'
post send-twilio-message "$sms" 'Content-Encoding: Identity'
answers 200
for program in send-twilio-message send-whatsapp; do
    it "$program reads no body that is encoded"
    post $program "$sms" 'Content-Encoding: gzip' "$(server_bearer)"
    answers 415 unsupported_media_type 'Unsupported Content-Encoding'
    twilio_got_nothing
done

settings SEND_TWILIO_MESSAGE_AUTH=optional
for type in text/plain application/x-www-form-urlencoded ''; do
    it "a browser must not send without asking first, by the type '$type'"
    post send-twilio-message "$sms" "Content-Type: $type" 'Origin: https://app.example'
    answers 415 unsupported_media_type
    twilio_got_nothing
done
it 'a browser may send JSON'
post send-twilio-message "$sms" 'Content-Type: application/json' 'Origin: https://app.example'
answers 200
settings

it "the caller's request id comes back"
post send-twilio-message "$sms" 'X-Request-Id: order-7/step.2'
header X-Request-Id order-7/step.2

it 'a request id that could do harm is replaced'
post send-twilio-message "$sms" 'X-Request-Id: a"b;<script>'
answers 200
case $(header_value X-Request-Id) in
*[!A-Za-z0-9._:+/=-]*) complain 'header X-Request-Id' 'a sane one' "$(header_value X-Request-Id)" ;;
????????????????????*) ;;
*) complain 'header X-Request-Id' '20 characters or more' "$(header_value X-Request-Id)" ;;
esac

# sized BYTES: a good request of that size.
sized() { printf '{"to":"01012345678","message":"hello"%*s}' $(($1 - 38)) ''; }

it 'a body of 64 KiB is read'
post send-twilio-message "$(sized 65536)"
equals 'size of the body' 65536 "$(wc -c <"$answer.body" | tr -d ' ')"
answers 200

for program in send-twilio-message send-whatsapp twilio-delivery-status; do
    it "$program refuses a body of one byte more"
    post $program "$(sized 65537)"
    answers 413 body_too_large
    twilio_got_nothing
done

it 'a body of almost a megabyte is refused in the same way'
sized 1000000 >"$work/large"
post send-twilio-message @"$work/large"
answers 413 body_too_large

if over direct; then
    it 'a body that is shorter than announced is refused'
    post send-twilio-message "$sms" 'Content-Length: 1000'
    answers 400 invalid_json
    twilio_got_nothing

    it 'a callback that is shorter than announced is refused'
    post twilio-delivery-status "$callback_form" 'Content-Length: 1000'
    answers 400 missing_fields

    for length in -1 12x 99999999999999999999999 ' '; do
        it "a length that is no number is refused: '$length'"
        post send-twilio-message "$sms" "Content-Length: $length"
        answers 400 invalid_json
        twilio_got_nothing
    done

    it 'nothing is read behind the announced length'
    post send-twilio-message "$sms and more" "Content-Length: ${#sms}"
    answers 200
fi

if over server; then
    it 'a proxy that nobody has named does not bring the world near'
    for field in X-Forwarded-For Forwarded; do
        post send-twilio-message "$sms" "$field: 192.0.2.7"
        answers 403 forbidden
    done
    twilio_got_nothing

    it 'a body in chunks is read'
    post send-twilio-message "$sms" 'Transfer-Encoding: chunked'
    answers 200

    it 'a path beside the three is not found'
    request GET "" ''
    equals status 404 "$status"
fi

it 'a NUL in a JSON body is refused'
printf '{"to":"01012345678","message":"a\000b"}' >"$work/nul"
post send-twilio-message @"$work/nul"
answers 400 invalid_json
twilio_got_nothing

it 'an escaped NUL in a message is refused before the database sees it'
post send-twilio-message '{"to":"01012345678","message":"a\u0000b"}'
answers 400 invalid_message
twilio_got_nothing

it 'an escaped NUL in a member that nobody reads is nobody'"'"'s error'
post send-twilio-message '{"to":"01012345678","message":"ab","x":{"y\u0000":["\u0000","\ud83d"]}}'
answers 200

it 'half an emoji and a byte order mark are taken'
printf '\357\273\277{"to":"01012345678","message":"cut \\ud83d"}' >"$work/mark"
post send-twilio-message @"$work/mark"
answers 200
twilio_got '"Body":"cut �"'

it 'bytes that are no UTF-8 are refused'
printf '{"to":"01012345678","message":"\377\376"}' >"$work/latin"
post send-twilio-message @"$work/latin"
equals status 400 "$status"
twilio_got_nothing

# misconfigured PROGRAM SETTING: 500; which setting it is goes to the log.
misconfigured()
{
    it "$1 without a sound $2 answers 500 and tells only the log why"
    settings "$3"
    post "$1" "$sms" 'X-Request-Id: the-misconfigured-one'
    answers 500 misconfigured 'Missing Twilio configuration'
    body_lacks "${2%%=*}"
    case $(program_log | grep the-misconfigured-one | tail -n 1) in
    *"${2%%=*}"*) ;;
    *) complain 'the log names the setting' "$2" "$(program_log | tail -n 1)" ;;
    esac
}

misconfigured send-twilio-message TWILIO_ACCOUNT_SID TWILIO_ACCOUNT_SID=
misconfigured send-twilio-message TWILIO_AUTH_TOKEN TWILIO_AUTH_TOKEN=
misconfigured send-twilio-message TWILIO_API_URL TWILIO_API_URL=http://api.twilio.example
misconfigured send-twilio-message SEND_TWILIO_MESSAGE_AUTH SEND_TWILIO_MESSAGE_AUTH=no
misconfigured send-whatsapp SUPABASE_JWT_SECRET SUPABASE_JWT_SECRET=
misconfigured send-whatsapp RATE_LIMIT_PER_MINUTE RATE_LIMIT_PER_MINUTE=many
misconfigured twilio-delivery-status PUBLIC_URL PUBLIC_URL=
misconfigured twilio-delivery-status WEBHOOK_SIGNATURE WEBHOOK_SIGNATURE=maybe

finish
