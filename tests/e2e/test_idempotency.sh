#!/bin/sh
# The same Idempotency-Key is the same message, sent once.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
json='Content-Type: application/json'
message='{"to":"01012345678","message":"hello"}'

it 'a repetition gets the same answer, and Twilio hears nothing of it'
post send-twilio-message "$message" 'Idempotency-Key: order-1'
answers 200
no_header Idempotent-Replayed
first=$body
mark_twilio
post send-twilio-message "$message" 'Idempotency-Key: order-1'
answers 200
header Idempotent-Replayed true
equals 'the answers' "$first" "$body"
twilio_got_nothing
holds 'select count(*) from message_logs' 1

it 'a key in quotes is the same key'
post send-twilio-message "$message" 'Idempotency-Key: "order-1"'
answers 200
header Idempotent-Replayed true
twilio_got_nothing

it 'the same message written otherwise is the same message'
post send-twilio-message '{ "message": "hello", "type": "sms", "to": "+20 101 234 5678" }' \
    'Idempotency-Key: order-1'
answers 200
header Idempotent-Replayed true

it 'another message under the key is refused'
post send-twilio-message '{"to":"01012345678","message":"goodbye"}' 'Idempotency-Key: order-1'
answers 422 idempotency_mismatch
twilio_got_nothing

it 'tag and validity are part of the message'
for more in ',"tag":"a"' ',"validity":60'; do
    post send-twilio-message "{\"to\":\"01012345678\",\"message\":\"hello\"$more}" 'Idempotency-Key: order-1'
    answers 422 idempotency_mismatch
    twilio_got_nothing
done
post send-twilio-message '{"to":"01012345678","message":"hello","tag":null,"validity":""}' \
    'Idempotency-Key: order-1'
answers 200
header Idempotent-Replayed true

it "a key is each caller's own"
post send-whatsapp "$message" "$json" "$(bearer $user)" 'Idempotency-Key: order-1'
answers 200
no_header Idempotent-Replayed
mine=$(member message_sid)
post send-whatsapp "$message" "$json" "$(bearer $other_user)" 'Idempotency-Key: order-1'
answers 200
no_header Idempotent-Replayed
post send-whatsapp "$message" "$json" "$(bearer $user)" 'Idempotency-Key: order-1'
answers 200
header Idempotent-Replayed true
equals 'the SID' "$mine" "$(member message_sid)"

it 'a repetition is answered when the limit is reached, and does not count'
for _ in 1 2 3 4; do
    post send-whatsapp "$message" "$json" "$(bearer $user)"
    answers 200
done
post send-whatsapp "$message" "$json" "$(bearer $user)"
answers 429
post send-whatsapp "$message" "$json" "$(bearer $user)" 'Idempotency-Key: order-1'
answers 200
header Idempotent-Replayed true
header RateLimit-Limit 5
header RateLimit-Remaining 0

it "Twilio's refusal is repeated as it was"
post send-twilio-message '{"to":"01012345928","message":"hello"}' 'Idempotency-Key: refused'
answers 422 twilio_rejected
first=$body
mark_twilio
post send-twilio-message '{"to":"01012345928","message":"hello"}' 'Idempotency-Key: refused'
answers 422 twilio_rejected
header Idempotent-Replayed true
equals 'the answers' "$first" "$body"
twilio_got_nothing

it 'while the first is at work a second waits for its turn'
post_slowly='{"to":"01012345910","message":"hello"}'
twilio_set slow-ms=3000
send slow POST send-twilio-message "$post_slowly" 'Idempotency-Key: slow'
await_row() { [ -n "$(sql -c "select 1 from message_logs where recipient = '+201012345910'")" ]; }
await await_row
post send-twilio-message "$post_slowly" 'Idempotency-Key: slow'
answers 409 in_progress
header Retry-After 1
take slow
answers 200
post send-twilio-message "$post_slowly" 'Idempotency-Key: slow'
answers 200
header Idempotent-Replayed true
twilio_got

it 'an outcome that nobody knows is not tried again'
post send-twilio-message '{"to":"01012345917","message":"hello"}' 'Idempotency-Key: unknown'
answers 504 outcome_unknown
row unknown
unknown_id=$id
mark_twilio
post send-twilio-message '{"to":"01012345917","message":"hello"}' 'Idempotency-Key: unknown'
answers 504 outcome_unknown
equals 'the row' "$unknown_id" "$(member id)"
twilio_got_nothing

it 'what was begun more than a minute ago and never ended is of unknown outcome'
post send-twilio-message "$message" 'Idempotency-Key: crashed'
answers 200
sql -c "update messaging.idempotency_keys set begun_at = begun_at - interval '61 seconds', answer = null,
    twilio_status = null where key = messaging.key_name('send-twilio-message internal', 'crashed')" \
    -c "alter table message_logs disable trigger user" \
    -c "update message_logs set external_id = null, status = 'pending' where id = '$(member id)'" \
    -c "alter table message_logs enable trigger user"
mark_twilio
post send-twilio-message "$message" 'Idempotency-Key: crashed'
answers 504 outcome_unknown
twilio_got_nothing

# 921, 922: Twilio refuses the credentials. 911, 502 and 503 of other causes: test_twilio.sh.
it 'an attempt that certainly sent nothing gives the key back'
post send-twilio-message '{"to":"01012345921","message":"hello"}' 'Idempotency-Key: again'
answers 502 twilio_auth
post send-twilio-message '{"to":"01012345921","message":"hello"}' 'Idempotency-Key: again'
answers 502 twilio_auth
no_header Idempotent-Replayed
equals 'messages posted to Twilio' 2 "$(posted | wc -l | tr -d ' ')"

it 'a key may have 255 characters'
post send-twilio-message "$message" "Idempotency-Key: $(printf '%0255d' 0)"
answers 200

bad_key()
{
    it "$1 is refused as a key"
    post send-twilio-message "$message" "Idempotency-Key: $2"
    answers 400 invalid_idempotency_key
    twilio_got_nothing
}

bad_key 'more than 255 characters' "$(printf '%0256d' 0)"
bad_key 'a quote without its pair' '"order'
bad_key 'nothing in quotes' '""'
bad_key 'a space inside' 'order 1'
bad_key 'a letter beyond ASCII' 'طلب'

it 'twenty with one key at the same time are one message'
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    send "$n" POST send-twilio-message '{"to":"01099999999","message":"hello"}' 'Idempotency-Key: crowd'
done
# On a slow machine some wait for the first one's row longer than the database is waited for: 503.
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    take "$n"
    case $status in
    200 | 409) ;;
    503) body_has '"code":"database_unavailable"' ;;
    *) complain 'status' '200 or 409' "$status" ;;
    esac
done
post send-twilio-message '{"to":"01099999999","message":"hello"}' 'Idempotency-Key: crowd'
answers 200
header Idempotent-Replayed true
twilio_got
holds "select count(*) from message_logs where recipient = '+201099999999'" 1

finish
