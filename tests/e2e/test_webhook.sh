#!/bin/sh
# What Twilio tells of a message: signatures, look-up, the join of statuses, notifications.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
form_type='Content-Type: application/x-www-form-urlencoded'

it 'the signatures here are made as Twilio publishes it'
# https://www.twilio.com/docs/usage/webhooks/webhooks-security, the worked example
equals 'signature' L/OH5YylLD5NRKLltdqwSvS0BnU= "$(sign 12345 'https://example.com/myapp.php?foo=1&bar=2' \
    CallSid=CA1234567890ABCDE Caller=+14158675310 Digits=1234 From=+14158675310 To=+18005551212)"

it 'the sandbox signs in the same way'
equals 'signature' "$(sign "$auth_token" "$base/x?id=1" 'A=b c' B=+20 C=)" \
    "$("$sandbox" --auth-token "$auth_token" --sign "$base/x?id=1" 'A=b c' B=+20 C=)"

# ---------------------------------------------------------------- who may tell

settings WEBHOOK_SIGNATURE=if-present
it "the owner's line as it stands, on a machine for trying"
post twilio-delivery-status 'MessageSid=SM123456789&MessageStatus=delivered&To=+201234567890' "$form_type"
answers 200
body_is '{"success":true,"message":"Message not found, status logged"}'
holds "select status, parameters->>'To' from messaging.message_status_events
    where external_id = 'SM123456789'" 'delivered| 201234567890'

it 'there too a wrong signature is refused'
post twilio-delivery-status 'MessageSid=SM123456789&MessageStatus=failed' "$form_type" \
    'X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA='
answers 403 invalid_signature

it 'there too a web page, and what comes through a proxy, must be signed'
for field in 'Origin: https://app.example' 'Origin: null' 'Forwarded: for=127.0.0.1' 'X-Forwarded-For: 127.0.0.1' \
    'X-Forwarded-Proto: https' 'Via: 1.1 proxy' 'X-Real-IP: 127.0.0.1' 'CF-Connecting-IP: 127.0.0.1' 'True-Client-IP: 127.0.0.1' \
    'X-Client-IP: 127.0.0.1' 'X-Cluster-Client-IP: 127.0.0.1' 'Fastly-Client-IP: 127.0.0.1' 'Fly-Client-IP: 127.0.0.1'; do
    post twilio-delivery-status 'MessageSid=SM123456788&MessageStatus=failed' "$form_type" "$field"
    answers 403 invalid_signature
done
holds "select count(*) from messaging.message_status_events where external_id = 'SM123456788'" 0

if over direct; then
    it 'there too only an address of loopback is near'
    for address in 127.0.0.1.evil.example localhost unix: 128.0.0.1 ::2 ''; do
        post twilio-delivery-status 'MessageSid=SM123456788&MessageStatus=failed' "$form_type" \
            "Remote-Address: $address"
        answers 403 invalid_signature
    done
    for address in ::1 127.1.2.3 ::ffff:127.0.0.1; do
        post twilio-delivery-status 'MessageSid=SM123456787&MessageStatus=failed' "$form_type" \
            "Remote-Address: $address"
        answers 200
    done

    it 'there too nobody from outside gets in without a signature'
    post twilio-delivery-status 'MessageSid=SM123456789&MessageStatus=failed' "$form_type" \
        'Remote-Address: 192.0.2.7'
    answers 403 invalid_signature
fi
settings

refused()
{
    it "$1"
    shift
    post "$@"
    answers 403 invalid_signature
    holds "select count(*) from messaging.message_status_events where external_id = 'SM7'" 0
}

fields='MessageSid=SM7&MessageStatus=delivered'
good=$(sign "$auth_token" "$base/twilio-delivery-status" MessageSid=SM7 MessageStatus=delivered)
refused 'no signature' twilio-delivery-status "$fields" "$form_type"
refused 'an empty signature' twilio-delivery-status "$fields" "$form_type" 'X-Twilio-Signature: '
refused 'a signature with another token' twilio-delivery-status "$fields" "$form_type" \
    "X-Twilio-Signature: $(sign another-token "$base/twilio-delivery-status" MessageSid=SM7 MessageStatus=delivered)"
refused 'a signature of another address' "twilio-delivery-status?id=$stranger" "$fields" "$form_type" \
    "X-Twilio-Signature: $good"
refused 'one more parameter than was signed' twilio-delivery-status "$fields&ErrorCode=1" "$form_type" \
    "X-Twilio-Signature: $good"
refused 'another value than was signed' twilio-delivery-status 'MessageSid=SM7&MessageStatus=read' \
    "$form_type" "X-Twilio-Signature: $good"
refused 'half a signature' twilio-delivery-status "$fields" "$form_type" "X-Twilio-Signature: ${good%???????=}"

it 'the good one'
post twilio-delivery-status "$fields" "$form_type" "X-Twilio-Signature: $good"
answers 200

it 'parameters that are unknown, empty, repeated, or in Arabic are signed like any other'
callback '' MessageSid=SM8 MessageStatus=sent 'New=x y' Empty= List=b List=a 'Text=مرحبا + 100%'
answers 200
holds "select parameters - 'MessageSid' - 'MessageStatus' from messaging.message_status_events
    where external_id = 'SM8'" \
    '{"New": "x y", "List": ["b", "a"], "Text": "مرحبا + 100%", "Empty": ""}'

it 'the token of before a rotation is good while it is set'
settings TWILIO_AUTH_TOKEN=the-new-token TWILIO_AUTH_TOKEN_SECONDARY=$auth_token
callback '' MessageSid=SM9 MessageStatus=sent
answers 200

# ruled HASH SECRET ALGORITHM: a callback under a webhook rule, signed by openssl
ruled()
{
    post twilio-delivery-status 'MessageSid=SM11&MessageStatus=sent' "$form_type" \
        "X-Twilio-Signature: $(printf %s "$base/twilio-delivery-statusMessageSidSM11MessageStatussent" |
            openssl dgst "-$1" -hmac "$2" -binary | openssl base64 -A)" \
        "X-Twilio-Webhooks-Signature-Settings: key=webhooks_sharedkey_01${3:+,algorithm=$3}"
}
settings TWILIO_WEBHOOK_SECRET=shared-one TWILIO_WEBHOOK_SECRET_SECONDARY=shared-two
it 'a shared key signs by the algorithm that the request names'
for secret in shared-one shared-two; do
    ruled sha256 $secret HMAC_SHA256
    answers 200
    ruled sha1 $secret hmac_sha1
    answers 200
done
it 'by no other, and without the request saying so by none'
ruled sha256 shared-one HMAC_SHA1
answers 403 invalid_signature
ruled sha512 shared-one HMAC_SHA512
answers 403 invalid_signature
post twilio-delivery-status 'MessageSid=SM11&MessageStatus=sent' "$form_type" \
    "X-Twilio-Signature: $(sign shared-one "$base/twilio-delivery-status" MessageSid=SM11 MessageStatus=sent)"
answers 403 invalid_signature
it 'the auth token signs nothing under a rule'
for hash in sha1 sha256; do
    for algorithm in "HMAC_$hash" ''; do
        ruled $hash "$auth_token" "$algorithm"
        answers 403 invalid_signature
    done
done
it 'nor where no shared key is set'
settings
ruled sha1 "$auth_token" HMAC_SHA1
answers 403 invalid_signature

# signed_as URL: a callback whose signature is for that URL.
signed_as()
{
    post 'twilio-delivery-status?id=7' 'MessageSid=SM10&MessageStatus=sent' "$form_type" \
        "X-Twilio-Signature: $(sign "$auth_token" "$1/twilio-delivery-status?id=7" MessageSid=SM10 MessageStatus=sent)"
}
settings PUBLIC_URL=https://example.org/functions/v1
it "Twilio's view of the address counts, not the web server's"
signed_as https://example.org/functions/v1
answers 200
it 'with the default port written out as well'
signed_as https://example.org:443/functions/v1
answers 200
it 'with another port not'
signed_as https://example.org:8443/functions/v1
answers 403
settings

# ---------------------------------------------------------------- what is told

bad_callback()
{
    it "refused: $1"
    shift
    callback '' "$@"
    answers 400 missing_fields
}
bad_callback 'no MessageSid' MessageStatus=sent
bad_callback 'no MessageStatus' MessageSid=SM1
bad_callback 'an empty MessageStatus' MessageSid=SM1 MessageStatus=
bad_callback 'the SID of a call' MessageSid=CA1 MessageStatus=sent
bad_callback 'a SID with other characters' 'MessageSid=SM1;--' MessageStatus=sent
bad_callback 'a SID that is too long' "MessageSid=SM$(printf '%065d' 0)" MessageStatus=sent
bad_callback 'a status that is no word' MessageSid=SM1 'MessageStatus=sent 2'
it 'refused: a NUL in a parameter'
settings WEBHOOK_SIGNATURE=if-present
post twilio-delivery-status 'MessageSid=SM1&MessageStatus=sent&Text=a%00b' "$form_type"
answers 400 missing_fields
it 'refused: an empty body'
post twilio-delivery-status '' "$form_type"
answers 400 missing_fields
settings

# message: a new one, with $id and $message_sid.
message()
{
    post send-twilio-message "{\"to\":\"01012345678\",\"message\":\"hello\",\"requestId\":\"$maintenance_request\"}"
    answers 200
    id=$(member id) message_sid=$(member messageSid)
}

# told STATUS [NAME=VALUE...]: a callback about that message.
told()
{
    word=$1
    shift
    callback "id=$id" MessageSid="$message_sid" MessageStatus="$word" SmsSid="$message_sid" \
        SmsStatus="$word" AccountSid="$sid" From=+15005550006 To=+201012345678 ApiVersion=2010-04-01 "$@"
    answers 200
}

the_row() { holds "select $1 from message_logs where id = '$id'" "$2"; }

it 'a message is sent, delivered and read'
message
told sent
body_is '{"success":true,"message":"Status updated successfully","data":{"id":"<uuid>","external_id":"<sid>","status":"sent"}}'
told delivered
the_row "status, delivered_at is not null, read_at is null" 'delivered|t|t'
told read
the_row "status, delivered_at <= read_at" 'read|t'

it 'late news change nothing'
told sent
body_has '"status":"read"'
told delivered
the_row status read

it 'read alone proves the delivery too'
message
told read
the_row 'status, delivered_at is not null, read_at is not null' 'read|t|t'

it 'what is told twice is kept once'
message
told delivered
told delivered
holds "select count(*) from messaging.message_status_events where message_log_id = '$id'" 1

it 'without an id in the address the SID finds the message'
message
callback '' MessageSid="$message_sid" MessageStatus=delivered
answers 200
body_has '"status":"delivered"'

it 'news that come before the SID is known find the message by its id'
message
sql -c "update message_logs set external_id = null, status = 'pending' where id = '$id'"
told sent
the_row 'status, external_id' "sent|$message_sid"

it 'news of a message that is not there yet are joined in when it is'
message
callback '' MessageSid=SM000000000000000000000000000000aa MessageStatus=delivered
answers 200
body_has 'Message not found, status logged'
sql -c "update message_logs set external_id = null, status = 'pending' where id = '$id'" \
    -c "select messaging.settle_message('$id', 'SM000000000000000000000000000000aa', 'queued', null, null, null, false, null)" >/dev/null
the_row 'status, delivered_at is not null' 'delivered|t'

it 'a status that nobody knows is kept, and moves nothing'
message
told teleported
the_row status queued
holds "select status from messaging.message_status_events where message_log_id = '$id'" teleported

notifications() { holds "select count(*) from notifications where message_log_id = '$id'" "$1"; }

it 'a failure is told to whom it concerns, once, in Arabic'
message
told undelivered ErrorCode=30003
told undelivered ErrorCode=30003
told failed ErrorCode=30003
the_row 'status, error_code, failed_at is not null, error_message is not null' 'undelivered|30003|t|t'
notifications 1
holds "select recipient_id, type, entity_type, entity_id = '$id', title,
    message like 'فشل إرسال الرسالة إلى +201012345678. %' from notifications where message_log_id = '$id'" \
    "$user|error|message_log|t|فشل إرسال رسالة SMS|t"

it 'a failure after the delivery leaves its error, not its status, and tells nobody'
message
told delivered
told failed ErrorCode=30008
the_row 'status, error_code, failed_at is not null' 'delivered|30008|t'
notifications 0

it 'an error once known is not erased by news without one'
message
told failed ErrorCode=30008 ErrorMessage=Why
told undelivered
the_row 'status, error_code' 'undelivered|30008'

it 'twenty callbacks at the same time end where they would in their order'
message
n=0
for word in sent delivered read sent delivered queued sending read sent delivered \
    sent delivered read sent delivered queued sending read sent delivered; do
    n=$((n + 1))
    send "$n" POST "twilio-delivery-status?id=$id" "MessageSid=$message_sid&MessageStatus=$word" "$form_type" \
        "X-Twilio-Signature: $(sign "$auth_token" "$base/twilio-delivery-status?id=$id" \
            MessageSid="$message_sid" MessageStatus=$word)"
done
while [ "$n" -gt 0 ]; do
    take "$n"
    answers 200
    n=$((n - 1))
done
the_row 'status, delivered_at is not null, read_at is not null' 'read|t|t'
holds "select count(*) from messaging.message_status_events where message_log_id = '$id'" 5

finish
