#!/bin/sh
# A message's whole life through a web server: real callbacks, signed by the sandbox.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
twilio_set callbacks=on callback-delay-ms=30

events() { sql -c "select $1 from messaging.message_status_events where message_log_id = '$id'"; }
has_events() { [ "$(events 'count(*)')" -ge "$(echo "$1" | wc -w)" ]; }
is_status() { [ "$(sql -c "select status from message_logs where id = '$id'")" = "$1" ]; }

# lives 'NAME' RECIPIENT STATUS [STATUSES]: sent to it, a message gets there; all its events.
lives()
{
    it "$1"
    post send-twilio-message "{\"to\":\"$2\",\"message\":\"تم استلام طلبك\",
        \"requestId\":\"$maintenance_request\"}"
    id=$(member id)
    await is_status "$3"
    [ -n "${4:-}" ] || return 0
    await has_events "$4"
    equals 'events' "$4" "$(events "string_agg(status, ' ' order by status)")"
}

lives 'an SMS is delivered' 01012345678 delivered 'delivered sent'
answers 200
holds "select sent_at <= delivered_at, external_id, metadata->>'num_segments' from message_logs
    where id = '$id'" "t|$(member messageSid)|1"

lives 'a WhatsApp message is read' whatsapp:01012345678 read 'delivered read sent'
lives 'an SMS does not arrive' 01012345901 undelivered 'sent undelivered'
holds "select error_code, failed_at is not null from message_logs where id = '$id'" '30003|t'
holds "select count(*) from notifications where message_log_id = '$id'" 1
lives 'a WhatsApp message is refused by the channel' whatsapp:01012345902 failed failed
holds "select error_code from message_logs where id = '$id'" 63016
lives 'callbacks before the answer' 01012345923 delivered
lives 'callbacks in reverse order' 01012345924 delivered 'delivered sent'
lives 'callbacks three times each' 01012345925 delivered 'delivered sent'
lives 'callbacks with words of tomorrow' 01012345933 delivered 'delivered sent teleported'
lives 'an answer that is lost: callbacks settle what was unknown' 01012345914 delivered
answers 504 outcome_unknown
holds "select external_id is not null from message_logs where id = '$id'" t

it 'every callback was signed, and answered 200'
equals 'answers to callbacks' 200 "$(grep '"type":"callback"' "$work/twilio.log" |
    sed 's/.*"status":\([0-9]*\),"outcome.*/\1/' | sort -u | tr '\n' ' ' | sed 's/ $//')"

finish
