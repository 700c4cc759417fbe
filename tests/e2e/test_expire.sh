#!/bin/sh
# --expire: what goes and what stays by KEEP_TEXTS_DAYS and KEEP_MESSAGES_DAYS, and what it says of it.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin

# expires STATUS OPTION...: what it prints is in $work/out, with `said`
expires()
{
    wanted=$1
    shift
    answer=$work/out
    # shellcheck disable=SC2086 # a command and its arguments
    env -i PATH=/usr/bin:/bin sh -c "$settings_then" "$settings_file" ${program_wrapper:-} \
        "$work/cgi-bin/twilio-delivery-status" --expire "$@" >"$work/out" 2>"$work/err"
    equals "exit status of --expire $*" "$wanted" "$?"
}
said() { equals 'the output' "$1" "$(cat "$work/out")"; }
complains_of()
{
    equals 'lines on standard error' 1 "$(wc -l <"$work/err" | tr -d ' ')"
    grep -qF -e "$1" "$work/err" || complain 'standard error' "$1" "$(cat "$work/err")"
}
age() { sql -c "update message_logs set sent_at = sent_at - interval '$2', created_at = created_at - interval '$2'
    where recipient = '$1'"; }

# four messages, with what people send along: of now, of 40 days, of 400 days, and one that nobody has heard of since
for to in 01012345671 01012345672 01012345673 01012345674; do
    post send-twilio-message "{\"to\":\"$to\",\"message\":\"نص سري $to\",\"media_url\":\"https://example.org/a.jpg\",\"tag\":\"t\"}" \
        "Idempotency-Key: key-$to"
done
for n in 1 2 3; do
    sid_of="$(sql -c "select external_id from message_logs where recipient = '+20101234567$n'")"
    callback '' MessageSid="$sid_of" MessageStatus=delivered To="+20101234567$n" From=+15005550006
done
age +201012345672 '40 days'
age +201012345673 '400 days'
age +201012345674 '400 days'
last_sid=$(sql -c "select external_id from message_logs where recipient = '+201012345673'")
texts() { sql -c "select string_agg(right(recipient, 1) || case message_content when '' then '-' else '+' end
    || coalesce(length(media_url)::text, ''), ' ' order by recipient) from message_logs"; }
everything='1+25 2+25 3+25 4+25'
equals 'what there is' "$everything" "$(texts)"

it 'without the settings everything is kept'
expires 0
said 'texts: kept for ever
messages: kept for ever
expired: 0 records'
equals 'what there is' "$everything" "$(texts)"

it 'a dry run tells, and does nothing'
settings KEEP_TEXTS_DAYS=30 KEEP_MESSAGES_DAYS=365
expires 0 --dry-run
said "texts: kept for 30 days
messages: kept for 365 days
1 message would lose the text
1 message would go into the totals by day
0 idempotency keys would be dropped
0 events of no message would be emptied, or dropped"
equals 'what there is' "$everything" "$(texts)"
holds 'select count(*) from messaging.daily_totals' 0

it 'what is old goes, what is under way stays, and the day has its sums'
sums='select sum(total), sum(delivered), sum(in_flight), sum(segments) from message_report'
before=$(sql -c "$sums")
expires 0
said 'texts: kept for 30 days
messages: kept for 365 days
expired: 2 records'
equals 'standard error' '' "$(cat "$work/err")"
equals 'what there is' '1+25 2- 4+25' "$(texts)"
holds "select day = ((now() - interval '400 days') at time zone 'Africa/Cairo')::date, message_type, tag, total, delivered from messaging.daily_totals" 't|sms|t|1|1'
holds "$sums" "$before"
holds "select count(*) from messaging.message_status_events where external_id = '$last_sid'" 0
holds "select count(*) from messaging.idempotency_keys where key = messaging.key_name('send-twilio-message internal', 'key-01012345673')" 0
holds "select count(*) from messaging.message_status_events where parameters::text like '%1012345672%'" 0

it 'once more does nothing more'
expires 0
said 'texts: kept for 30 days
messages: kept for 365 days
expired: 0 records'
equals 'what there is' '1+25 2- 4+25' "$(texts)"

it 'a callback that comes later is answered, and brings nothing back'
callback '' MessageSid="$last_sid" MessageStatus=read To=+201012345673 From=+15005550006
answers 200
body_has '"message":"Message not found, status logged"'
holds "select count(*) from messaging.message_status_events where external_id = '$last_sid' or parameters::text like '%1012345673%'" 0
holds "$sums" "$before"

it 'idempotency keys go after 30 days, whatever is set'
settings
sql -c "update messaging.idempotency_keys set begun_at = now() - interval '31 days' where key = messaging.key_name('send-twilio-message internal', 'key-01012345671')"
expires 0 --dry-run
said 'texts: kept for ever
messages: kept for ever
0 messages would lose the text
0 messages would go into the totals by day
1 idempotency key would be dropped
0 events of no message would be emptied, or dropped'
expires 0
holds "select count(*) from messaging.idempotency_keys where key = messaging.key_name('send-twilio-message internal', 'key-01012345671')" 0
equals 'what there is' '1+25 2- 4+25' "$(texts)"

it 'a database that is away: it stops, and says so'
settings KEEP_TEXTS_DAYS=30 DATABASE_URL="host='$work/nowhere' user=twilio_cgi password=the-database-password"
expires 1
complains_of 'stopped: cannot connect to the database'
grep -q the-database-password "$work/out" "$work/err" && complain 'the output' 'no password' "$(cat "$work/out" "$work/err")"
expires 1 --dry-run
complains_of 'stopped: cannot connect to the database'

it 'settings and words that it does not take'
settings KEEP_TEXTS_DAYS=0
expires 1
complains_of KEEP_TEXTS_DAYS
settings KEEP_MESSAGES_DAYS='a year'
expires 1
complains_of KEEP_MESSAGES_DAYS
settings
for option in --now --dry-run=yes 30; do
    expires 2 "$option"
done
equals 'what there is' '1+25 2- 4+25' "$(texts)"

it 'its unit runs where one of them is set, and then the verb'
unit=$root/nginx/systemd/twilio-cgi-expire.service.in
condition=$(sed -n 's/^ExecCondition=//p' "$unit")
allows() { env -i PATH=/usr/bin:/bin "$@" sh -c "$condition" && echo yes || echo no; }
equals 'with neither' no "$(allows)"
equals 'with texts' yes "$(allows KEEP_TEXTS_DAYS=30)"
equals 'with messages' yes "$(allows KEEP_MESSAGES_DAYS=365)"
equals 'with both' yes "$(allows KEEP_TEXTS_DAYS=30 KEEP_MESSAGES_DAYS=365)"
equals 'what it runs' 'twilio-delivery-status --expire' "$(sed -n 's|^ExecStart=.*/||p' "$unit")"
equals 'when' 1 "$(grep -c '^OnCalendar=\*-\*-\* ..:..:..$' "$root/nginx/systemd/twilio-cgi-expire.timer")"

finish
