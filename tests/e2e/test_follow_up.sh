#!/bin/sh
# A WhatsApp message that cannot arrive goes out as SMS, at once or by --follow-up; another try; text by
# a template; dead numbers.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
json='Content-Type: application/json'
twilio_set callbacks=off

# whatsapp NNN [MEMBERS]: a message with a fallback to the recipient whose last three digits choose how
# the sandbox behaves.
whatsapp() { printf '{"to":"01012345%s","message":"hello","type":"whatsapp","fallback":"sms"%s}' "$1" "${2:-}"; }

# follow_up [EXPECTED-SUMMARY]
follow_up()
{
    env -i PATH=/usr/bin:/bin sh -c "$settings_then" "$settings_file" \
        "$work/cgi-bin/send-twilio-message" --follow-up >"$work/verb" 2>&1
    equals 'the exit status of --follow-up' "${2:-0}" "$?"
    [ -z "${1:-}" ] || equals 'its summary' "followed up: $1" "$(tail -n 1 "$work/verb")"
}

# told SID STATUS [CODE]: Twilio's callback
told() { callback '' "MessageSid=$1" "MessageStatus=$2" ${3:+"ErrorCode=$3"} && answers 200; }

sooner() { sql -c "update messaging.follow_ups set due_at = due_at - interval '$1', ends_at = ends_at - interval '$1'"; }

it 'refused in the answer: the SMS in the same request, and its answer'
post send-twilio-message "$(whatsapp 952 ',"tag":"visit"')" 'Idempotency-Key: at-once'
answers 200
body_has '"to":"+201012345952"' '"type":"sms"' '"fallback_from":"' '"status":"queued"'
second=$(member id) first=$(member fallback_from)
row queued message_type sms message_content hello "metadata ->> 'fallback_of'" "$first" "metadata ->> 'tag'" visit
holds "select status, error_code, metadata ->> 'fallback' from message_logs where id = '$first'" "failed|63003|$second"
equals 'posted to Twilio' 2 "$(posted | wc -l)"

it 'a repetition tells of the same pair'
before=$body
post send-twilio-message "$(whatsapp 952 ',"tag":"visit"')" 'Idempotency-Key: at-once'
answers 200
header Idempotent-Replayed true
equals 'the answer' "$before" "$body"
twilio_got_nothing

it 'send-whatsapp tells of it in data; one place of the limit is taken'
post send-whatsapp '{"to":"01012345952","message":"hello","fallback":"sms"}' "$json" "$(bearer $user)" 'Idempotency-Key: w'
answers 200
body_has '"data":{"message_sid":"SM' '"to":"+201012345952","type":"sms","fallback_from":"' '"saved_message":{"id":"'
header RateLimit-Remaining 4
before=$body
post send-whatsapp '{"to":"01012345952","message":"hello","fallback":"sms"}' "$json" "$(bearer $user)" 'Idempotency-Key: w'
equals 'the answer' "$before" "$body"
post send-whatsapp '{"to":"01012345001","message":"hello"}' "$json" "$(bearer $user)"
header RateLimit-Remaining 3
body_lacks fallback_from '"type":"whatsapp","'

it 'a template that Twilio refuses: so too'
post send-twilio-message "$(whatsapp 955 ",\"templateId\":\"$template\"")"
answers 200
body_has '"type":"sms"'
holds "select error_code from message_logs where id = '$(member fallback_from)'" 21655

it 'without a fallback it is a refusal as ever'
post send-twilio-message '{"to":"whatsapp:01012345952","message":"hello"}'
answers 422 twilio_rejected
twilio_got

it 'refused for what SMS shares: no SMS'
post send-twilio-message "$(whatsapp 928)"
answers 422 twilio_rejected
twilio_got

it 'a fallback that is none'
for body in '{"to":"01012345678","message":"x","fallback":"sms"}' \
    '{"to":"01012345678","message":"x","type":"whatsapp","fallback":"email"}' \
    "{\"to\":\"01012345678\",\"type\":\"whatsapp\",\"fallback\":\"sms\",\"templateId\":\"$template\"}"; do
    post send-twilio-message "$body"
    answers 400 invalid_type
done
twilio_got_nothing

it 'a landline gets WhatsApp, and no SMS'
post send-twilio-message '{"to":"whatsapp:0223456789","message":"x","fallback":"sms"}'
answers 200
told "$(member messageSid)" failed 63016
follow_up '0 sent, 0 refused, 0 unknown, 0 left for a later run'
twilio_got

it 'fails by callback: the next run sends the SMS, once'
post send-twilio-message "$(whatsapp 001)" 'Idempotency-Key: later'
answers 200
first=$(member id) before=$body
told "$(member messageSid)" failed 63016
mark_twilio
follow_up '1 sent, 0 refused, 0 unknown, 0 left for a later run'
twilio_got '"To":"+201012345001"' '"Body":"hello"'
follow_up '0 sent, 0 refused, 0 unknown, 0 left for a later run'
twilio_got
holds "select m.message_type, m.status, m.external_id is not null from message_logs m where m.metadata ->> 'fallback_of' = '$first'" 'sms|queued|t'
post send-twilio-message "$(whatsapp 001)" 'Idempotency-Key: later'
equals 'a repetition gets the first answer' "$before" "$body"

it 'what is left of its validity is the SMS'"'"'s'
post send-twilio-message "$(whatsapp 002 ',"validity":7200')"
told "$(member messageSid)" failed 63016
sooner '1 hour'
mark_twilio
follow_up
posted | grep -q '"ValidityPeriod":"3[56][0-9][0-9]"' || complain 'ValidityPeriod' 'about 3600' "$(posted)"

it 'another try where a rate was exceeded: the same row, a new SID'
post send-twilio-message '{"to":"01012345003","message":"again","media_url":["https://a.example/1","https://a.example/2"]}'
id=$(member id) old=$(member messageSid)
told "$old" failed 30001
mark_twilio
follow_up '0 sent, 0 refused, 0 unknown, 0 left for a later run'
sooner '31 seconds'
follow_up '1 sent, 0 refused, 0 unknown, 0 left for a later run'
twilio_got '"Body":"again"' "id=$id" 'https://a.example/2'
holds "select status, external_id <> '$old', metadata #>> '{attempts,0,sid}' from message_logs where id = '$id'" "queued|t|$old"
told "$old" failed 30001
holds "select status from message_logs where id = '$id'" queued

it 'Twilio away: it goes in a later run'
post send-twilio-message "$(whatsapp 004)"
first=$(member id)
told "$(member messageSid)" failed 63016
if over direct; then
    settings TWILIO_API_URL="http://127.0.0.1:$(free_port)"
    follow_up '0 sent, 0 refused, 0 unknown, 1 left for a later run' 1
    settings
    mark_twilio
    sooner '61 seconds'
fi
follow_up '1 sent, 0 refused, 0 unknown, 0 left for a later run'
holds "select count(*), min(status) from message_logs where metadata ->> 'fallback_of' = '$first'" '1|queued'

it 'text by the template, but to who has just written'
settings TWILIO_WHATSAPP_TEMPLATE="$template"
text='two\nlines, it'"'"'s'
post send-twilio-message "{\"to\":\"01012345005\",\"message\":\"$text\",\"type\":\"whatsapp\"}"
answers 200
twilio_got "\"ContentSid\":\"$template\"" 'two lines, it'
row queued "metadata ->> 'sent_as'" template "message_content" 'two
lines, it'"'"'s'
sql -c "insert into message_logs (recipient, message_type, status, metadata) values ('+201012345006', 'whatsapp', 'received', '{\"direction\": \"incoming\"}')"
mark_twilio
post send-twilio-message '{"to":"01012345006","message":"hello","type":"whatsapp"}'
twilio_got '"Body":"hello"'
row queued "metadata ->> 'sent_as'" text
mark_twilio
post send-twilio-message '{"to":"01012345006","message":"hello"}'
twilio_got '"Body":"hello"'
row queued "metadata ? 'sent_as'" f
mark_twilio
post send-twilio-message '{"to":"01012345005","message":"hello","type":"whatsapp","media_url":"https://a.example/1"}'
twilio_got '"Body":"hello"'
settings

it 'a further try says by which way it went'
settings TWILIO_WHATSAPP_TEMPLATE="$template"
post send-twilio-message '{"to":"01012345010","message":"way","type":"whatsapp"}'
id=$(member id)
way() { holds "select metadata ->> 'sent_as', metadata ->> 'template_id', metadata ? 'template_id' from message_logs where id = '$id'" "$1"; }
way "template|$template|t"
told "$(member messageSid)" failed 63018
sql -c "insert into message_logs (recipient, message_type, status, metadata) values ('+201012345010', 'whatsapp', 'received', '{\"direction\": \"incoming\"}')"
sooner '31 seconds'
mark_twilio
follow_up '1 sent, 0 refused, 0 unknown, 0 left for a later run'
twilio_got '"Body":"way"'
way 'text||f'
told "$(sql -c "select external_id from message_logs where id = '$id'")" failed 63018
sql -c "delete from message_logs where recipient = '+201012345010' and status = 'received'"
sooner '3 minutes'
mark_twilio
follow_up '1 sent, 0 refused, 0 unknown, 0 left for a later run'
twilio_got "\"ContentSid\":\"$template\"" way
way "template|$template|t"
settings

it 'a dead number is refused, and leaves nothing'
settings REFUSE_DEAD_NUMBERS=on
post send-twilio-message '{"to":"01012345007","message":"x"}'
told "$(member messageSid)" undelivered 30006
rows=$(sql -c 'select count(*) from message_logs')
mark_twilio
post send-twilio-message '{"to":"01012345007","message":"x"}' 'Idempotency-Key: dead'
answers 422 dead_number 'الرقم أرضي أو شبكته مش بتستقبل رسائلنا'
body_has '"twilio_code":30006'
holds 'select count(*) from message_logs' "$rows"
twilio_got_nothing
settings
post send-twilio-message '{"to":"01012345007","message":"x"}' 'Idempotency-Key: dead'
answers 200

it 'dead on WhatsApp: as SMS at once'
post send-twilio-message "$(whatsapp 008)"
told "$(member messageSid)" undelivered 63024
mark_twilio
post send-twilio-message "$(whatsapp 008)"
answers 200
body_has '"type":"sms"' '"fallback_from":"'
twilio_got '"To":"+201012345008"'
holds "select status, error_code from message_logs where id = '$(member fallback_from)'" 'failed|63024'

# Twilio finds us where there is a web server.
if over server; then
    it 'as Twilio does it: callbacks outside the window, no WhatsApp there, a rate exceeded once'
    follow_up
    twilio_set callbacks=on
    for digits in 950 951 953; do
        post send-twilio-message "$(whatsapp $digits ",\"requestId\":\"$maintenance_request\"")"
        answers 200
    done
    await sh -c "[ \"\$(psql -XAtq -d \"$(conninfo postgres)\" -c \"select count(*) from messaging.follow_ups where due_at is not null\")\" = 3 ]"
    sooner '31 seconds'
    follow_up '3 sent, 0 refused, 0 unknown, 0 left for a later run'
    await sh -c "[ \"\$(psql -XAtq -d \"$(conninfo postgres)\" -c \"select count(*) from message_logs where status in ('delivered', 'read') and right(recipient, 3) in ('950', '951', '953')\")\" = 3 ]"
    holds "select right(recipient, 3), message_type from message_logs where status in ('delivered', 'read') and right(recipient, 3) in ('950', '951', '953') order by 1" '950|sms
951|sms
953|whatsapp'
    holds 'select count(*) from notifications' 0
fi

finish
