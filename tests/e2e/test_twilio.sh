#!/bin/sh
# Twilio away, slow, busy, refusing, talking nonsense: what the caller is told and what the row says.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin

# to NNN: a message to the recipient whose last three digits choose how the sandbox behaves.
to() { printf '{"to":"01012345%s","message":"hello"}' "$1"; }

# These take their time, beside the others. (Another environment would cut them off at a web server,
# so what needs other settings is tried by hand only.)
beside='+2010123459\(11\|19\)'
send busy POST send-twilio-message "$(to 911)" 'Idempotency-Key: busy'
send timeout POST send-twilio-message "$(to 919)" 'Idempotency-Key: timeout'
if over direct; then
    settings TWILIO_API_URL="http://127.0.0.1:$(free_port)"
    send away POST send-twilio-message "$(to 001)" 'Idempotency-Key: away'
    settings TWILIO_API_URL="https://127.0.0.1:${twilio_url##*:}"
    send tls POST send-whatsapp "$(to 002)" "$(server_bearer)" 'Content-Type: application/json'
    settings
fi

it "Twilio's refusal of a message: its code and words"
post send-twilio-message "$(to 928)"
answers 422 twilio_rejected
body_has '"twilio_code":21610' '"id":"'
refusal=$(member error)
row failed error_code 21610 error_message "$refusal" 'failed_at is not null' t \
    'external_id is null' t 'sent_at is not null' t
twilio_got '"status":400'

it 'a refusal that is no JSON'
post send-twilio-message "$(to 929)"
answers 422 twilio_rejected 'Twilio answered 400'
body_lacks twilio_code
row failed 'error_code is null' t
twilio_got

it 'taken, and failed at once: an answer like another, and its error in the row'
post send-twilio-message "$(to 934)" 'Idempotency-Key: at-once'
answers 200
body_has '"status":"failed"' '"messageSid":"SM'
row failed error_code 30001 error_message 'Queue overflow' 'failed_at is not null' t \
    'external_id is not null' t
post send-twilio-message "$(to 934)" 'Idempotency-Key: at-once'
answers 200
body_has '"status":"failed"'
twilio_got

for digits in 921 922; do
    it "Twilio refuses our credentials ($digits)"
    post send-twilio-message "$(to $digits)"
    answers 502 twilio_auth
    row failed 'error_message is not null' t
    twilio_got
done

it 'busy once: tried again, sent once'
post send-twilio-message "$(to 912)"
answers 200
row queued
equals 'answers of Twilio' '429 201' "$(posted | sed 's/.*"status":\([0-9]*\).*/\1/' | tr '\n' ' ' | sed 's/ $//')"

it 'a slow answer is waited for'
post send-twilio-message "$(to 910)"
answers 200
row queued
twilio_got

it 'a message under way is finished, although its program is told to stop'
twilio_set slow-ms=2000
send ending POST send-twilio-message '{"to":"01012346910","message":"hello"}'
is_pending() { [ "$(sql -c "select status from message_logs where recipient = '+201012346910'")" = pending ]; }
await is_pending
processes send-twilio-message | xargs -r kill -TERM
take ending
answers 200
row queued
twilio_set slow-ms=300

# Whether Twilio has sent it nobody knows: never a second time.
doubtful()
{
    it "doubtful: $2"
    post send-twilio-message "$(to "$1")"
    answers 504 outcome_unknown
    row unknown 'error_code is null' t 'external_id is null' t 'failed_at is null' t
    twilio_got
}

doubtful 913 'an error of Twilio (500)'
doubtful 914 'an error of Twilio (500), although it took the message'
doubtful 930 'Twilio is not available (503)'
doubtful 915 'a web page instead of an answer'
doubtful 916 'the connection closes without an answer'
doubtful 917 'the connection closes without an answer, although Twilio took the message'
doubtful 918 'the connection closes in the middle of the answer'
doubtful 920 'JSON that is no message'
doubtful 931 'a redirect'
doubtful 932 'an answer of ten megabytes'

it 'send-whatsapp says the same, with its limit'
post send-whatsapp "$(to 914)" "$(bearer $user)" 'Content-Type: application/json'
answers 504 outcome_unknown
header RateLimit-Remaining 4
row unknown sender_id $user

it "each of Twilio's numbers for trying"
for pair in 15005550001:21211 15005550002:21612 15005550003:21408 15005550004:21610 15005550009:21614; do
    post send-twilio-message "{\"to\":\"+${pair%:*}\",\"message\":\"hello\"}"
    answers 422 twilio_rejected
    body_has "\"twilio_code\":${pair#*:}"
done

if over direct; then
    it 'a token that Twilio does not know'
    settings TWILIO_AUTH_TOKEN=another-token
    post send-twilio-message "$(to 001)"
    answers 502 twilio_auth
    row failed error_code 20003
    settings

    it 'an API key sends instead of the token'
    settings TWILIO_API_KEY=SK0123456789abcdef0123456789abcdef TWILIO_API_KEY_SECRET=wrong
    post send-twilio-message "$(to 001)"
    answers 502 twilio_auth
    settings

    it 'an address that Twilio does not send from'
    settings TWILIO_PHONE_NUMBER=+15005550001
    post send-twilio-message "$(to 001)"
    answers 422 twilio_rejected
    body_has '"twilio_code":21212'
    settings
fi

# What took its time. Who sends nothing gives the key back; who may have sent keeps it.
it 'always busy: nothing was sent, try again later'
take busy
answers 503 twilio_busy
case $(header_value Retry-After) in
[1-9]*) ;;
*) complain 'header Retry-After' 'a number' "$(header_value Retry-After)" ;;
esac
row failed
holds "select count(*) from messaging.idempotency_keys where key = messaging.key_name('send-twilio-message internal', 'busy')" 0

if over direct; then
    it 'nobody listens: nothing was sent'
    take away
    answers 502 twilio_unavailable
    row failed 'error_message is not null' t
    holds "select count(*) from messaging.idempotency_keys where key = messaging.key_name('send-twilio-message internal', 'away')" 0

    it 'no TLS session: nothing was sent'
    take tls
    answers 502 twilio_unavailable
    row failed
fi

it 'no answer at all: doubtful'
take timeout
answers 504 outcome_unknown
row unknown
holds "select count(*) from messaging.idempotency_keys where key = messaging.key_name('send-twilio-message internal', 'timeout')" 1
equals 'requests to Twilio' 1 "$(grep -c '"To":"+201012345919"' "$work/twilio.log")"

finish
