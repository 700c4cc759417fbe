#!/bin/sh
# Five messages of one user in any 60 seconds, whoever sends them at the same time.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
json='Content-Type: application/json'
message='{"to":"01012345678","message":"hello"}'
token=$(bearer $user)
user_rows="select count(*) from message_logs where sender_id = '$user'"

it 'what is refused for its content does not count'
for _ in 1 2 3; do
    post send-whatsapp '{"to":"12345","message":"hello"}' "$json" "$token"
    answers 400 invalid_phone
    no_header RateLimit-Limit
done

it 'what Twilio refuses does count'
post send-whatsapp '{"to":"01012345928","message":"hello"}' "$json" "$token"
answers 422 twilio_rejected
header RateLimit-Limit 5
header RateLimit-Remaining 4

for left in 3 2 1; do
    it "the answer says how many are left: $left"
    post send-whatsapp "$message" "$json" "$token"
    answers 200
    header RateLimit-Limit 5
    header RateLimit-Remaining $left
    header RateLimit-Reset 0
done

# between LOW HIGH VALUE
between() { [ "${3:-0}" -ge "$1" ] && [ "${3:-0}" -le "$2" ] || complain 'a number' "$1 to $2" "$3"; }

it 'the fifth says when there will be a place'
post send-whatsapp "$message" "$json" "$token"
answers 200
header RateLimit-Remaining 0
between 1 60 "$(header_value RateLimit-Reset)"

it 'the sixth is refused, without a row and without Twilio'
post send-whatsapp "$message" "$json" "$token"
answers 429 rate_limited 'Rate limit exceeded. Maximum 5 messages per minute.'
header RateLimit-Remaining 0
between 1 60 "$(header_value Retry-After)"
body_has "\"retry_after\":$(header_value Retry-After)"
twilio_got_nothing
holds "$user_rows" 5

it 'another user is not concerned'
post send-whatsapp "$message" "$json" "$(bearer $other_user)"
answers 200
header RateLimit-Remaining 4

it 'a server is not concerned'
post send-whatsapp "$message" "$json" "$(server_bearer)"
answers 200

it 'the limit is one for both endpoints'
settings SEND_TWILIO_MESSAGE_AUTH=required
post send-twilio-message "$message" "$token"
answers 429 rate_limited
settings

it 'a place is free as soon as the oldest is 60 seconds old'
sql -c "update message_logs set created_at = created_at - interval '61 seconds' where id =
    (select id from message_logs where sender_id = '$user' order by created_at limit 1)"
post send-whatsapp "$message" "$json" "$token"
answers 200
header RateLimit-Remaining 0
post send-whatsapp "$message" "$json" "$token"
answers 429 rate_limited

it 'of twenty at the same time five are taken'
forget_rows
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    send "$n" POST send-whatsapp "$message" "$json" "$token"
done
# On a slow machine some wait for their turn longer than the database is waited for: 503, nothing sent.
taken=0 refused=0 late=0
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    take "$n"
    case $status in
    200) taken=$((taken + 1)) ;;
    429) refused=$((refused + 1)) ;;
    503) late=$((late + 1)) && body_has '"code":"database_unavailable"' ;;
    esac
done
equals 'taken and refused' "5 and $((15 - late))" "$taken and $refused"
post send-whatsapp "$message" "$json" "$token"
answers 429 rate_limited
equals 'messages posted to Twilio' 5 "$(posted | wc -l | tr -d ' ')"
holds "$user_rows" 5

it 'another limit is told in the refusal'
forget_rows
settings RATE_LIMIT_PER_MINUTE=1
post send-whatsapp "$message" "$json" "$token"
answers 200
header RateLimit-Limit 1
post send-whatsapp "$message" "$json" "$token"
answers 429 rate_limited 'Rate limit exceeded. Maximum 1 messages per minute.'

finish
