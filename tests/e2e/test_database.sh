#!/bin/sh
# The database is away: nothing is sent without a row, and nothing that Twilio tells is lost.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
message='{"to":"01012345678","message":"hello"}'
fields='From=+15005550006 To=+201012345678 AccountSid='$sid

database_away() { cluster_stop "$work/db"; }

# A pooler learns of it a little later.
database_back()
{
    cluster_start "$work/db"
    await psql -X -q -c 'select' -d "$(database_url)"
}

spooled() { find "$work/spool" -maxdepth 1 -name '*.json' | wc -l | tr -d ' '; }

# drain [STATUS]: the maintenance verb, by hand, as the user whose spool it is.
drain()
{
    # shellcheck disable=SC2086 # a command and its arguments
    as_user env -i PATH=/usr/bin:/bin sh -c "$settings_then" "$settings_file" $program_wrapper \
        "$work/cgi-bin/twilio-delivery-status" --drain >"$work/drained" 2>&1
    equals 'exit status of --drain' "${1:-0}" $?
}
chmod 644 "$settings_file"

it 'send-twilio-message: 503, and Twilio is not called'
database_away
post send-twilio-message "$message"
answers 503 database_unavailable 'Database unavailable. Nothing was sent'
header Retry-After 5
body_has '"retry_after":5'
twilio_got_nothing

it 'send-whatsapp: 503, and Twilio is not called'
post send-whatsapp "$message" "$(bearer $user)" 'Content-Type: application/json'
answers 503 database_unavailable
twilio_got_nothing

it 'what is wrong with a request is said all the same'
post send-twilio-message '{"to":"12345","message":"hello"}'
answers 400 invalid_phone
post send-whatsapp "$message" 'Authorization: Bearer abc' 'Content-Type: application/json'
answers 401 unauthorized

it 'a callback is spooled'
# shellcheck disable=SC2086 # fields
callback '' MessageSid=SM00000000000000000000000000000001 MessageStatus=delivered $fields
answers 200
body_is '{"success":true,"message":"Status spooled"}'
equals 'files in the spool' 1 "$(spooled)"

it 'a callback that is not signed is not'
post twilio-delivery-status 'MessageSid=SM2&MessageStatus=sent' \
    'Content-Type: application/x-www-form-urlencoded'
answers 403 invalid_signature
equals 'files in the spool' 1 "$(spooled)"

it 'the spool cannot be written: 503'
settings SPOOL_DIR=/proc/no/such/directory
# shellcheck disable=SC2086 # fields
callback '' MessageSid=SM00000000000000000000000000000003 MessageStatus=delivered $fields
answers 503 database_unavailable
settings
chmod 644 "$settings_file"

it 'the database is back: what was spooled is recorded, with the time of its arrival'
database_back
drain
equals 'files in the spool' 0 "$(spooled)"
holds "select status, parameters->>'To', received_at < now() from messaging.message_status_events
    where external_id = 'SM00000000000000000000000000000001'" 'delivered|+201012345678|t'

it 'draining an empty spool is no error'
drain

it 'a statement that a process asks again is prepared, but not through a pooler'
sql -c "alter role twilio_cgi set log_statement = 'all'"
database_away
logged=$(wc -l <"$work/db/postgres.log")
database_back
for i in 1 2 3 4 5 6 7 8; do
    # shellcheck disable=SC2086 # fields
    callback '' MessageSid=SM0000000000000000000000000000000$i MessageStatus=delivered $fields
    answers 200
done
sql -c 'alter role twilio_cgi reset log_statement'
case $transport in
*-fastcgi) expected=yes ;;
*) expected=no ;;
esac
tail -n "+$logged" "$work/db/postgres.log" >"$work/logged"
equals 'asked' yes "$(grep -q 'messaging.record_status' "$work/logged" && echo yes)"
equals 'prepared' $expected "$(grep -q 'execute twilio_cgi_' "$work/logged" && echo yes || echo no)"

it 'Twilio has accepted, and the database goes away: 200, and the row is told later'
twilio_set slow-ms=3000
send slow POST send-twilio-message '{"to":"01012345910","message":"hello"}'
await_pending() { [ "$(sql -c "select status from message_logs where recipient = '+201012345910'")" = pending ]; }
await await_pending
database_away
take slow
answers 200
body_has '"status":"queued"'
slow_sid=$(member messageSid)
database_back
equals 'files in the spool' 1 "$(spooled)"
drain
holds "select status, external_id from message_logs where recipient = '+201012345910'" "queued|$slow_sid"

it 'a database without our schema: 500, and the log says what to do'
settings DATABASE_URL="$(conninfo twilio_cgi | sed 's/dbname=[^ ]*/dbname=postgres/')"
post send-twilio-message "$message" 'X-Request-Id: without-schema'
answers 500 misconfigured
case $(program_log | grep without-schema) in
*sql/migrate.sql*) ;;
*) complain 'the log' 'names sql/migrate.sql' "$(program_log | tail -n 1)" ;;
esac
twilio_got_nothing

it 'a role without rights: nothing is sent'
settings DATABASE_URL="$(conninfo anon)"
post send-twilio-message "$message"
equals 'a server error' 5 "${status%??}"
twilio_got_nothing

finish
