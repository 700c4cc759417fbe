#!/bin/sh
# New programs before the schema of the release before, whose upgrade was forgotten: they refuse, say why,
# send nothing and lose nothing.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/former.sh
. "$root/tests/e2e/former.sh"
former_directory=$(mktemp -d /tmp/twilio-cgi-e2e.XXXXXX) || exit 1
trap 'rm -rf "$former_directory"' EXIT
former_sources "$former_directory"
begin
trap 'end; rm -rf "$former_directory"' EXIT
former_schema
[ -z "${server_running:-}" ] || server_reload
json='Content-Type: application/json'
needed=$(sed -n "s/.*values ('\([0-9]*\)').*/\1/p" "$root/sql/schema/version.sql")
message='{"to":"01012345678","message":"hello"}'

it '--check says that the schema is older'
for program in send-twilio-message send-whatsapp twilio-delivery-status; do
    verb $program --check
    equals "exit status of $program" 1 "$code"
    equals 'what it says of the database' \
        "database                       reachable, schema 20261123080700, older than $needed of this program: run sql/migrate.sql" \
        "$(printf '%s\n' "$output" | grep '^database')"
done

it 'a message is refused, and nothing is sent or written'
post send-twilio-message "$message" 'Idempotency-Key: key-1'
answers 500 misconfigured
program_log | tail -n 1 | grep -q 'run sql/migrate.sql' || complain 'the log' 'run sql/migrate.sql' "$(program_log | tail -n 1)"
post send-whatsapp "$message" "$json" "$(bearer $user)" 'Idempotency-Key: key-1'
answers 500 misconfigured
twilio_got_nothing
holds_no_row
holds 'select count(*) from messaging.idempotency_keys' 0

# Plain CGI asks for nothing that this schema does not have: it records.
it 'callbacks, many at a time, wait in the spool unless that schema can take them'
for n in 1 2 3 4; do
    send "callback$n" POST twilio-delivery-status "$(form MessageSid=SM$n MessageStatus=sent To=+201012345678)" \
        'Content-Type: application/x-www-form-urlencoded' \
        "X-Twilio-Signature: $(sign "$auth_token" "$base/twilio-delivery-status" MessageSid=SM$n MessageStatus=sent To=+201012345678)"
done
for n in 1 2 3 4; do
    take "callback$n"
    answers 200
    if over direct; then body_has 'Message not found, status logged'; else body_has 'Status spooled'; fi
done
equals 'files in the spool' "$(over direct && echo 0 || echo 4)" "$(spooled)"
holds 'select count(*) from messaging.message_status_events' "$(over direct && echo 4 || echo 0)"

it '--drain leaves what that schema cannot take where it is, and says why'
echo '{"kind":"settlement","id":"44444444-4444-4444-8444-000000000001","sid":"SMlost","status":"queued","details":{},"release":false,"order":{"at":"2026-11-01T00:00:00.000Z","caller":"send-twilio-message internal","key":"key-2","type":"sms","recipient":"+201012345678","content":"lost","metadata":{}},"at":"2026-11-01T00:00:01.000Z"}' \
    >"$work/spool/1700000000000-44444444-4444-4444-8444-000000000001.settlement.json"
[ "$(id -u)" -ne 0 ] || chown "$unprivileged_user:" "$work/spool"/*.json
waiting=$(spooled)
verb twilio-delivery-status --drain
equals 'its exit status' 1 "$code"
case $output in
*'stopped: '*'run sql/migrate.sql'*) ;;
*) complain 'what it says' 'run sql/migrate.sql' "$output" ;;
esac
equals 'files in the spool' "$waiting 0" "$(spooled) $(aside)"

it 'the other verbs refuse, and say why'
settings KEEP_TEXTS_DAYS=30
for run in 'send-twilio-message --reconcile' 'send-twilio-message --follow-up' 'twilio-delivery-status --report' \
    'twilio-delivery-status --expire' 'twilio-delivery-status --expire --dry-run'; do
    # shellcheck disable=SC2086 # a program and its options
    verb $run
    equals "exit status of $run" 1 "$code"
    case $output in
    *'run sql/migrate.sql'*) ;;
    *) complain "what $run says" 'run sql/migrate.sql' "$output" ;;
    esac
done
settings
it 'the metrics tell of both versions'
verb twilio-delivery-status --metrics
printf '%s\n' "$output" | grep -q "^twilio_cgi_schema_required_version $needed" || complain 'the metrics' "$needed" "$output"

it 'once the schema is there what waited is recorded, and the keys are free'
sql -f "$root/sql/migrate.sql" >"$work/migration.log" 2>&1 || complain 'migrate.sql' success "$(cat "$work/migration.log")"
verb twilio-delivery-status --drain
equals 'its exit status' 0 "$code"
equals 'files in the spool' '0 0' "$(spooled) $(aside)"
holds 'select count(*) from messaging.message_status_events' 4
holds "select status from message_logs where message_content = 'lost'" queued
post send-twilio-message "$message" 'Idempotency-Key: key-1'
answers 200
no_header Idempotent-Replayed
twilio_got '"Body":"hello"'

finish
