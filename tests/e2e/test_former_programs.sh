#!/bin/sh
# shellcheck disable=SC2317 # functions are called by way of "both_ways"
# Hosts are upgraded one by one: programs of the release before and of this one at the same database, of
# this release's schema, and at the same spool. Whoever is asked, the answer is the same.
#
# Those programs are built once, in BUILD-DIRECTORY/former.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/former.sh
. "$root/tests/e2e/former.sh"
former_build
begin
mv "$work/cgi-bin" "$work/ours"
mkdir "$work/theirs"
cp "$former_directory"/built/send-twilio-message "$former_directory"/built/send-whatsapp \
    "$former_directory"/built/twilio-delivery-status "$work/theirs/"
json='Content-Type: application/json'

# by WHOM: the programs of the release before (theirs) or these (ours), from now on
by()
{
    ln -sfn "$1" "$work/cgi-bin"
}
# both ways CASE: once with theirs first, once with ours
both_ways()
{
    for order in 'theirs ours' 'ours theirs'; do
        first_by=${order% *} then_by=${order#* }
        "$1"
    done
}
# The database is away from the programs, and back.
hold() { sql -c 'alter role twilio_cgi nologin' -c "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'twilio_cgi'" >/dev/null; }
let_go() { sql -c 'alter role twilio_cgi login'; }

it 'the programs of the release before find a newer schema well'
by theirs
for program in send-twilio-message send-whatsapp twilio-delivery-status; do
    verb $program --check
    equals "exit status of their $program" 0 "$code"
done

# repeats PROGRAM BODY STATUS [HEADER...]: the first answer again, and nothing is sent
repeats()
{
    program=$1 message=$2 expected=$3
    key=$first_by-$(printf %s "$program $message" | cksum | tr ' ' -)
    shift 3
    by "$first_by"
    post "$program" "$message" "Idempotency-Key: $key" "$@"
    equals "status by $first_by" "$expected" "$status"
    before=$body
    mark_twilio
    by "$then_by"
    post "$program" "$message" "Idempotency-Key: $key" "$@"
    equals "status by $then_by" "$expected" "$status"
    header Idempotent-Replayed true
    equals "the answer, first by $first_by" "$before" "$body"
    post "$program" '{"to":"01012345678","message":"another"}' \
        "Idempotency-Key: $key" "$@"
    answers 422 idempotency_mismatch
    twilio_got_nothing
}
repeated()
{
    it "what was first sent by $first_by, $then_by answer a repetition of as they did"
    repeats send-twilio-message '{"to":"01012345678","message":"نص"}' 200
    repeats send-twilio-message '{"to":"01012345678","message":"about","requestId":"'"$maintenance_request"'","media_url":["https://example.org/a.jpg","https://example.org/b.jpg"]}' 200
    repeats send-twilio-message '{"to":"whatsapp:01012345678","message":"","templateId":"'"$template"'","variables":{"1":"a"}}' 200
    repeats send-whatsapp '{"to":"01012345678","message":"نص"}' 200 "$json" "$(server_bearer)"
    repeats send-twilio-message '{"to":"01012345928","message":"refused"}' 422
}
both_ways repeated

in_doubt()
{
    it "what $first_by do not know the outcome of, $then_by do not send again"
    by "$first_by"
    post send-twilio-message '{"to":"01012345914","message":"x"}' "Idempotency-Key: doubt-$first_by"
    answers 504 outcome_unknown
    mark_twilio
    by "$then_by"
    post send-twilio-message '{"to":"01012345914","message":"x"}' "Idempotency-Key: doubt-$first_by"
    answers 504 outcome_unknown
    twilio_got_nothing
}
both_ways in_doubt

it 'the limit counts what either has accepted'
for turn in theirs ours theirs ours theirs; do
    by $turn
    post send-whatsapp '{"to":"01012345678","message":"one of five"}' "$json" "$(bearer $user)"
    answers 200
done
header RateLimit-Remaining 0
sql -c "update message_logs set created_at = now() + interval '1 hour' where sender_id = '$user'"
for turn in ours theirs; do
    by $turn
    post send-whatsapp '{"to":"01012345678","message":"a sixth"}' "$json" "$(bearer $user)"
    answers 429 rate_limited
done

told()
{
    it "a message of $first_by, of which $then_by are told"
    by "$first_by"
    post send-twilio-message "{\"to\":\"01012345678\",\"message\":\"of $first_by\",\"requestId\":\"$maintenance_request\"}"
    id=$(member id) message_sid=$(member messageSid)
    by "$then_by"
    callback "id=$id" MessageSid="$message_sid" MessageStatus=sent To=+201012345678
    answers 200
    body_has "\"id\":\"$id\"" '"status":"sent"'
    by "$first_by"
    callback "id=$id" MessageSid="$message_sid" MessageStatus=undelivered ErrorCode=30003 To=+201012345678
    by "$then_by"
    callback "id=$id" MessageSid="$message_sid" MessageStatus=undelivered ErrorCode=30003 To=+201012345678
    answers 200
    body_has '"status":"undelivered"'
    holds "select status, error_code, (select count(*) from messaging.message_status_events e where e.message_log_id = m.id), (select count(*) from notifications n where n.entity_id = m.id)
        from message_logs m where id = '$id'" 'undelivered|30003|2|1'
}
both_ways told

spooled_events()
{
    it "events that $first_by have put into the spool, $then_by take out"
    by "$first_by"
    post send-twilio-message "{\"to\":\"01012345678\",\"message\":\"spooled by $first_by\"}"
    id=$(member id) message_sid=$(member messageSid)
    hold
    callback "id=$id" MessageSid="$message_sid" MessageStatus=delivered To=+201012345678
    answers 200
    body_has 'Status spooled'
    callback '' MessageSid="SMnobody$first_by" MessageStatus=sent To=+201012345678
    equals 'files' 2 "$(spooled)"
    let_go
    by "$then_by"
    verb twilio-delivery-status --drain
    equals 'files' '0 0 0' "$code $(spooled) $(aside)"
    holds "select status from message_logs where id = '$id'" delivered
    holds "select count(*) from messaging.message_status_events where external_id = 'SMnobody$first_by'" 1
}
both_ways spooled_events

# A message whose settlement is in the spool: settlement_of BODY
settlement_of()
{
    kill -STOP "$sandbox_pid"
    send waiting POST send-twilio-message "{\"to\":\"01012345678\",\"message\":\"$1\"}" "Idempotency-Key: $(printf %s "$1" | tr ' ' -)"
    await sh -c "psql -XAtq -d '$(conninfo postgres)' -c \"select 1 from message_logs where message_content = '$1'\" | grep 1"
    hold
    kill -CONT "$sandbox_pid"
    take waiting
    answers 200
    equals 'files' 1 "$(spooled)"
    id=$(member id) message_sid=$(member messageSid) before=$body
}
spooled_settlements()
{
    it "Twilio's answers that $first_by have put into the spool, $then_by take out"
    by "$first_by"
    settlement_of "settled by $first_by"
    let_go
    by "$then_by"
    verb twilio-delivery-status --drain
    equals 'files' '0 0 0' "$code $(spooled) $(aside)"
    holds "select status, external_id from message_logs where id = '$id'" "queued|$message_sid"
    mark_twilio
    post send-twilio-message "{\"to\":\"01012345678\",\"message\":\"settled by $first_by\"}" \
        "Idempotency-Key: settled-by-$first_by"
    answers 200
    header Idempotent-Replayed true
    equals 'the answer' "$before" "$body"
    twilio_got_nothing
}
both_ways spooled_settlements

it 'a lost row whose settlement theirs cannot make sense of they set aside, and ours write again'
by ours
settlement_of 'a lost row'
sql -c "delete from message_logs where id = '$id'"
let_go
by theirs
verb twilio-delivery-status --drain
equals 'set aside' '0 1' "$(spooled) $(aside)"
mv "$work/spool/bad"/* "$work/spool/"
by ours
verb twilio-delivery-status --drain
equals 'files' '0 0 0' "$code $(spooled) $(aside)"
holds "select status, external_id from message_logs where id = '$id'" "queued|$message_sid"

it 'a reservation in doubt of ours, which theirs take out of the spool, sends nothing and blocks nobody'
sql -c "select messaging.reserve_message('send-twilio-message internal', 'in doubt', null, null, 'sms', '+201012345678', 'doubt', null, null, '{}', '55555555-5555-4555-8555-555555555555')" >/dev/null
echo '{"kind":"settlement","id":"55555555-5555-4555-8555-555555555555","status":"failed","release":true,"in_doubt":true,"at":"2026-11-01T00:00:01.000Z"}' \
    >"$work/spool/1700000000000-55555555-5555-4555-8555-555555555555.settlement.json"
by theirs
verb twilio-delivery-status --drain
equals 'files' '0 0 0' "$code $(spooled) $(aside)"
holds "select status from message_logs where message_content = 'doubt'" failed
holds "select count(*) from messaging.idempotency_keys where key = messaging.key_name('send-twilio-message internal', 'in doubt')" 0

reconciled()
{
    it "what $first_by have sent, $then_by ask Twilio about"
    twilio_set age-s=600 callbacks=on callback-drop=100
    by "$first_by"
    post send-twilio-message "{\"to\":\"01012345678\",\"message\":\"asked about $first_by\"}"
    id=$(member id)
    sql -c "update message_logs set sent_at = sent_at - interval '10 min', created_at = created_at - interval '10 min' where id = '$id'"
    twilio_is_done() { curl -q -s "$twilio_url/sandbox/messages" | grep "asked about $first_by" | grep -q '"status":"delivered"'; }
    await twilio_is_done
    by "$then_by"
    verb send-twilio-message --reconcile --older-than 0s
    equals 'exit status' 0 "$code"
    holds "select status from message_logs where id = '$id'" delivered
    twilio_set age-s=0 callbacks=off callback-drop=0
}
both_ways reconciled

finish
