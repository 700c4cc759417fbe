#!/bin/sh
# What a caller sends, what Twilio gets of it, what the table keeps.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin

it 'an SMS to an Egyptian number as people type it is taken'
post send-twilio-message '{"to":"01012345678","message":"تم استلام طلبك"}'
answers 200
body_is '{"success":true,"messageSid":"<sid>","status":"queued","to":"+201012345678","type":"sms","id":"<uuid>"}'
twilio_got '"To":"+201012345678"' '"From":"+15005550006"' '"Body":"تم استلام طلبك"' \
    "\"StatusCallback\":\"$base/twilio-delivery-status?id=$(member id)#rc=5&rp=all\"" \
    '"status":201'
holds "select recipient, message_type, message_content, provider, external_id,
    sent_at is not null, metadata->>'num_segments', sender_id, request_id from message_logs
    where id = '$(member id)'" \
    "+201012345678|sms|تم استلام طلبك|twilio|$(member messageSid)|t|1||"

it 'the hook useTwilioMessages sends a template with an empty message'
post send-twilio-message "{\"to\":\"+201012345678\",\"message\":\"\",\"type\":\"whatsapp\",
    \"requestId\":\"$maintenance_request\",\"templateId\":\"$template\",\"variables\":{\"1\":\"أحمد\\nع'\",\"2\":1200.50}}" \
    'Content-Type: application/json'
answers 200
body_is '{"success":true,"messageSid":"<sid>","status":"queued","to":"whatsapp:+201012345678","type":"whatsapp","id":"<uuid>"}'
twilio_got '"To":"whatsapp:+201012345678"' '"From":"whatsapp:+14155238886"' \
    "\"ContentSid\":\"$template\"" '{\"1\":\"أحمد ع\\u0027\",\"2\":\"1200.50\"}'
holds "select recipient, request_id from message_logs where id = '$(member id)'" \
    "+201012345678|$maintenance_request"

it 'a template goes out without Body and MediaUrl'
equals 'Body in the request' '' "$(posted | grep -o '"Body"')"

it 'tag and validity are kept, and Twilio is told how long an SMS may wait'
post send-twilio-message '{"to":"01012345678","message":"x","tag":"rent-due","validity":600}'
answers 200
twilio_got '"ValidityPeriod":"600"'
holds "select metadata->>'tag', metadata->>'validity' from message_logs where id = '$(member id)'" 'rent-due|600'

it 'what was pasted around numbers, ids and addresses is dropped'
post send-twilio-message "{\"to\":\"\\u202awhatsapp:\\u200f+201012345678\\u202c\\n\",\"message\":\"x\",
    \"requestId\":\"\\ufeff$maintenance_request\\u0085\",\"media_url\":[\"\\u00a0https://example.org/a.jpg\\u2028\"]}"
answers 200
twilio_got '"To":"whatsapp:+201012345678"' '"MediaUrl":"https://example.org/a.jpg"'
holds "select recipient, request_id from message_logs where id = '$(member id)'" \
    "+201012345678|$maintenance_request"

it 'the prefix whatsapp: chooses the channel, and never reaches the table'
post send-twilio-message '{"to":"whatsapp:01012345678","message":"مرحبا"}'
answers 200
body_has '"to":"whatsapp:+201012345678"' '"type":"whatsapp"'
twilio_got '"To":"whatsapp:+201012345678"'
holds "select recipient, message_type from message_logs where id = '$(member id)'" \
    '+201012345678|whatsapp'

it 'a picture goes with a WhatsApp message'
post send-twilio-message '{"to":"01012345678","type":"whatsapp","message":"صورة","media_url":"https://example.org/a.jpg"}'
answers 200
twilio_got '"MediaUrl":"https://example.org/a.jpg"' '"Body":"صورة"'
holds "select media_url from message_logs where id = '$(member id)'" https://example.org/a.jpg

it 'ten pictures go with an MMS, without a text'
post send-twilio-message '{"to":"+12025550123","mediaUrl":["https://a.example/1","https://a.example/2",
    "https://a.example/3","https://a.example/4","https://a.example/5","https://a.example/6",
    "https://a.example/7","https://a.example/8","https://a.example/9","https://a.example/10"]}'
answers 200
twilio_got '"MediaUrl":["https://a.example/1","https://a.example/2"' '"https://a.example/10"]'

it 'a message of 1600 UTF-16 units is taken'
long=$(printf '%01600d' 0)
post send-twilio-message "{\"to\":\"01012345678\",\"message\":\"$long\"}"
answers 200
twilio_got "$long"

it 'a Messaging Service sends SMS instead of the number'
settings TWILIO_MESSAGING_SERVICE_SID=MG0123456789abcdef0123456789abcdef
post send-twilio-message '{"to":"01012345678","message":"hello"}'
equals 'From in the request' '' "$(posted | grep -o '"From"')"
twilio_got '"MessagingServiceSid":"MG0123456789abcdef0123456789abcdef"'
settings

it 'the front end sends WhatsApp, and sees the row'
post send-whatsapp '{"to":"01012345678","message":"مرحبا","request_id":"'$maintenance_request'"}' \
    "$(bearer $user)" 'Content-Type: application/json'
answers 200
body_has '{"success":true,"message":"تم إرسال الرسالة بنجاح","data":{"message_sid":"SM' \
    '"status":"queued","to":"whatsapp:+201012345678","saved_message":{"' \
    "\"sender_id\":\"$user\"" "\"request_id\":\"$maintenance_request\"" '"recipient":"+201012345678"' \
    '"message_type":"whatsapp"' "\"external_id\":\"$(member message_sid)\""
twilio_got '"To":"whatsapp:+201012345678"'
holds "select sender_id, status in ('queued', 'sent', 'delivered', 'read') from message_logs
    where external_id = '$(member message_sid)'" "$user|t"

it 'the service key sends WhatsApp without being anybody'
post send-whatsapp '{"to":"01012345678","message":"مرحبا"}' "$(server_bearer)"
answers 200
no_header RateLimit-Limit
holds "select sender_id is null from message_logs where external_id = '$(member message_sid)'" t

forget_rows

# What is wrong with a request is found before anything is written or sent.
refused()
{
    it "$1: $3"
    post send-twilio-message "$2"
    answers 400 "$3" "${4:-}"
    twilio_got_nothing
    holds_no_row
}

refused 'a body that is no JSON' 'to=01012345678' invalid_json 'Request body must be a JSON object: not an object'
refused 'an empty body' '' invalid_json
refused 'JSON that is no object' '[1]' invalid_json
refused 'something behind the JSON' '{"to":"01012345678","message":"x"} x' invalid_json
refused 'a member that stands twice' '{"to":"01012345678","message":"x","message":"y"}' invalid_json
refused 'both spellings of a member' \
    "{\"to\":\"01012345678\",\"message\":\"x\",\"requestId\":\"$maintenance_request\",\"request_id\":null}" invalid_json
refused 'no recipient' '{"message":"x"}' missing_fields 'Missing required fields: to, message'
refused 'an empty recipient' '{"to":"","message":"x"}' missing_fields
refused 'a recipient of white space' '{"to":"  \u200f\n","message":"x"}' missing_fields
refused 'no message' '{"to":"01012345678"}' missing_fields
refused 'an empty message' '{"to":"01012345678","message":""}' missing_fields
refused 'a recipient that is a number in JSON' '{"to":1012345678,"message":"x"}' invalid_phone
refused 'a number that is none' '{"to":"12345","message":"x"}' invalid_phone \
    'Invalid phone number format. Use international format: +201234567890'
refused 'a landline' '{"to":"02 2345 6789","message":"x"}' invalid_phone \
    'This is a landline number and cannot receive SMS'
refused 'a message of 1601 units' "{\"to\":\"01012345678\",\"message\":\"${long}0\"}" invalid_message \
    'Message must be between 1 and 1600 characters'
refused 'a message that is no string' '{"to":"01012345678","message":7}' invalid_message
refused 'another type' '{"to":"01012345678","message":"x","type":"email"}' invalid_type
refused 'sms beside whatsapp:' '{"to":"whatsapp:01012345678","message":"x","type":"sms"}' invalid_type
refused 'a template that is none' '{"to":"whatsapp:01012345678","templateId":"HX12"}' invalid_template
refused 'a template by SMS' "{\"to\":\"01012345678\",\"templateId\":\"$template\"}" invalid_template
refused 'variables without a template' '{"to":"whatsapp:01012345678","message":"x","variables":{"1":"a"}}' \
    invalid_template
refused 'a variable that is empty' \
    "{\"to\":\"whatsapp:01012345678\",\"templateId\":\"$template\",\"variables\":{\"1\":\"\"}}" invalid_template
refused 'a variable whose name has a blank' \
    "{\"to\":\"whatsapp:01012345678\",\"templateId\":\"$template\",\"variables\":{\"a b\":\"c\"}}" invalid_template
refused 'a picture whose address has a blank' \
    '{"to":"01012345678","message":"x","media_url":"https://a.example/my photo.jpg"}' invalid_media_url \
    'Invalid media URL: no blanks in a URL, write %20'
refused 'a mobile that lacks a digit' '{"to":"0152649592","message":"x"}' invalid_phone \
    'Invalid phone number format. Use international format: +201234567890'
refused 'a tag of two words' '{"to":"01012345678","message":"x","tag":"rent due"}' invalid_tag
refused 'a validity of half a minute' '{"to":"01012345678","message":"x","validity":30}' invalid_validity
refused 'a picture by http' '{"to":"01012345678","message":"x","media_url":"http://a.example/1"}' \
    invalid_media_url
refused 'two pictures by WhatsApp' \
    '{"to":"whatsapp:01012345678","message":"x","media_url":["https://a.example/1","https://a.example/2"]}' \
    invalid_media_url
refused 'a request id that is no UUID' '{"to":"01012345678","message":"x","requestId":"7"}' \
    invalid_request_id

it 'a maintenance request that nobody knows: unknown_request'
post send-twilio-message "{\"to\":\"01012345678\",\"message\":\"x\",\"requestId\":\"$stranger\"}"
answers 422 unknown_request
twilio_got_nothing
holds_no_row

finish
