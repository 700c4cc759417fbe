#!/bin/sh
# --metrics: text that Prometheus takes, with the database's figures, also when it is away; and the alarms.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
rules=$root/nginx/prometheus/twilio-cgi.yml

# metrics [ARGUMENT...]: sets $status; the text is in $work/metrics, what else is said in $errors
metrics()
{
    answer=$work/metrics
    # shellcheck disable=SC2086 # a command and its arguments
    env -i PATH=/usr/bin:/bin sh -c "$settings_then" "$settings_file" ${program_wrapper:-} \
        "$work/cgi-bin/twilio-delivery-status" --metrics "$@" >"$work/metrics" 2>"$work/errors"
    status=$?
    errors=$(cat "$work/errors")
}

# tells NAME VALUE [FILE]
tells() { equals "$1" "$2" "$(awk -v name="$1" '$1 == name { print $2 }' "${3:-$work/metrics}")"; }

prometheus_takes() { equals 'promtool check metrics' '' "$(promtool check metrics <"${1:-$work/metrics}" 2>&1)"; }

it 'of an empty database'
metrics
equals 'exit status' 0 "$status"
equals 'the message' '' "$errors"
prometheus_takes
tells twilio_cgi_database_up 1
tells 'twilio_cgi_sends{window="1h"}' 0
tells twilio_cgi_spool_waiting_files 0
tells "twilio_cgi_build_info{version=\"$(sed -n 's/.*VERSION \([0-9.]*\) LANGUAGES.*/\1/p' "$root/CMakeLists.txt")\"}" 1
schema=$(sql -c 'select messaging.schema_version()')
tells twilio_cgi_schema_version "$schema"
tells twilio_cgi_schema_required_version "$schema"

it 'of messages that were sent, and one that failed'
for to in 01012345678 01112345678 01212345678; do post send-twilio-message "{\"to\":\"$to\",\"message\":\"نص\"}"; done
sql -c "update message_logs set status = 'failed', error_code = E'3\"\\\\\\n' where id = (select id from message_logs limit 1)" \
    -c "insert into message_logs (recipient, message_type, status, sent_at) values ('+201012345678', 'whatsapp', 'unknown', now() - interval '2 days')" \
    -c "select messaging.record_status(null, 'SM1', 'sent', null, null, '{}', null)" >>"$work/sql.out"
metrics
equals 'exit status' 0 "$status"
prometheus_takes
tells 'twilio_cgi_sends{window="1h"}' 3
tells 'twilio_cgi_messages{window="24h",channel="sms",status="queued"}' 2
tells 'twilio_cgi_messages{window="1h",channel="sms",status="failed"}' 1
tells 'twilio_cgi_failed_messages{window="1h",channel="sms",code="other"}' 1
tells 'twilio_cgi_ownerless_failed_messages{window="1h"}' 1
tells 'twilio_cgi_callbacks{window="1h"}' 1
tells 'twilio_cgi_unsettled_messages{status="unknown"}' 1
tells 'twilio_cgi_unsettled_messages{status="pending"}' 0
equals 'the age of it, in days' 2 "$(awk '/^twilio_cgi_unsettled_oldest_age_seconds.*unknown/ { print int($2 / 86400) }' "$work/metrics")"
equals 'anything of a number' '' "$(grep -E '01.12345678|\+20' "$work/metrics")"

it 'into a file, in one step'
metrics --file "$work/twilio-cgi.prom"
equals 'exit status' 0 "$status"
equals 'the output' "metrics written to '$work/twilio-cgi.prom'" "$(cat "$work/metrics")"
equals 'its mode' 644 "$(stat -c %a "$work/twilio-cgi.prom")"
equals 'what is beside it' "$work/twilio-cgi.prom" "$(ls "$work"/twilio-cgi.prom*)"
prometheus_takes "$work/twilio-cgi.prom"
tells 'twilio_cgi_sends{window="1h"}' 3 "$work/twilio-cgi.prom"

it 'when the database is away, the file says so'
settings DATABASE_URL="host='$work/nowhere' user=twilio_cgi password=the-database-password"
post send-twilio-message '{"to":"01012345678","message":"نص"}'
answers 503 database_unavailable
metrics --file "$work/twilio-cgi.prom"
equals 'exit status' 1 "$status"
case $errors in
"no figures of the database's: cannot connect to the database"*) ;;
*) complain 'the message' "no figures of the database's: …" "$errors" ;;
esac
case $errors in *the-database-password*) complain 'the message' 'no password' "$errors" ;; esac
prometheus_takes "$work/twilio-cgi.prom"
tells twilio_cgi_database_up 0 "$work/twilio-cgi.prom"
tells twilio_cgi_spool_bad_files 0 "$work/twilio-cgi.prom"
tells 'twilio_cgi_sends{window="1h"}' '' "$work/twilio-cgi.prom"
metrics
equals 'exit status without a file' 1 "$status"
tells twilio_cgi_database_up 0
settings

it 'when the schema has no such figures yet'
sql -c 'alter function messaging.metrics() rename to metrics_of_tomorrow'
metrics
equals 'exit status' 1 "$status"
tells twilio_cgi_database_up 0
sql -c 'alter function messaging.metrics_of_tomorrow() rename to metrics'

it 'what it is not given'
for arguments in '--file' '--file=' '--now' "--file $work/nowhere/x.prom" "--file $work" '--file /dev/null'; do
    # shellcheck disable=SC2086 # arguments
    metrics $arguments
    equals "exit status of $arguments" 2 "$status"
    equals "sentences of $arguments" 1 "$(printf '%s\n' "$errors" | wc -l)"
done
equals '/dev/null' 'character special file' "$(stat -c %F /dev/null)"

it 'what waits in the spool, and what was set aside'
echo nonsense >"$work/1700000000000-aaa.json"
install -d -m 700 "$work/spool/bad"
touch -d '2 hours ago' "$work/1700000000000-aaa.json"
cp -p "$work/1700000000000-aaa.json" "$work/spool/"
cp -p "$work/1700000000000-aaa.json" "$work/spool/bad/"
metrics
prometheus_takes
tells twilio_cgi_spool_waiting_files 1
tells twilio_cgi_spool_bad_files 1
equals 'the age of it, in hours' 2 "$(awk '/^twilio_cgi_spool_oldest_age_seconds/ { print int($2 / 3600) }' "$work/metrics")"
rm -r "$work/spool/bad" "$work/spool/1700000000000-aaa.json"

it 'the alarms are rules, which ring when they should'
equals 'promtool check rules' 0 "$(promtool check rules "$rules" >"$work/output" 2>&1; echo $?)"
answer=$work/output
equals 'promtool test rules' 0 "$(promtool test rules "$root/tests/e2e/metrics_rules.yml" >"$work/output" 2>&1; echo $?)"
equals 'names in them that are none' '' "$(grep -o 'twilio_cgi_[a-z_]*' "$rules" | sort -u |
    while read -r name; do grep -q "^# TYPE $name gauge" "$work/metrics" || echo "$name"; done)"
equals 'alarms without a test' '' "$(sed -n 's/.*- alert: //p' "$rules" |
    while read -r name; do grep -q "$name" "$root/tests/e2e/metrics_rules.yml" || echo "$name"; done)"

finish
