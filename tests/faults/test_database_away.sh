#!/bin/sh
# The database goes away between the row and Twilio's answer: the caller hears what Twilio said, and
# the row learns it from the spool.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
programs_start 2
type='Content-Type: application/json'

# while_twilio_thinks MODE HOW: sends the line, and stops PostgreSQL before Twilio has answered.
while_twilio_thinks()
{
    kill -STOP "$sandbox_pid" # for as long as it takes
    # shellcheck disable=SC2086
    ( mode=$1; crowd_only ) <"$work/line" &
    sender=$!
    until [ "$(sql -c "select count(*) from message_logs where status = 'pending'" 2>/dev/null)" = 1 ]; do
        sleep 0.05
    done
    database stop "$2"
    kill -CONT "$sandbox_pid"
    wait "$sender"
}

crowd_only()
{
    way="--server $port"
    [ "$mode" != cgi ] || way="--programs $work/cgi-bin"
    # shellcheck disable=SC2086
    with_settings "$work/crowd" $way >"$work/answers.txt" 2>>"$work/stderr"
}

case_of()
{
    it "PostgreSQL stopped ($3) while Twilio thinks: $1 answers 200 all the same ($2)"
    printf '%s\t%s\t%s\t%s\n' "$1" '{"to":"01012345678","message":"'"$1 $2 $3"'"}' "$type" "$4" >"$work/line"
    while_twilio_thinks "$2" "$3"
    files=$(cd "$work/spool" && find . -type f -name '*.json')
    equals 'files in the spool' 1 "$(echo "$files" | wc -l | tr -d ' ')"
    equals 'their mode' 600 "$(stat -c %a "$work/spool/$files")"
    equals 'the mode of the spool' 700 "$(stat -c %a "$work/spool")"
    database start
    load answers answer "$work/answers.txt"
    holds 'select status, code from answered' '200|'
    holds "select count(*) from message_logs m, answered where m.message_content = '$1 $2 $3'
        and m.id::text = coalesce(body->>'id', body->'data'->'saved_message'->>'id')" 1
    holds "select status, external_id from message_logs where status = 'pending'" 'pending|'
    # The next message finds the database, and brings the settlement along.
    printf '%s\t%s\t%s\t%s\n' send-twilio-message '{"to":"01012345678","message":"next"}' "$type" >"$work/line"
    mode=$2
    crowd <"$work/line"
    mode=fastcgi
    holds 'select status from answered' 200
    await no_file
    twilio_table
    holds "select m.status, m.external_id = p.sid from message_logs m join posts p on p.log_id = m.id
        where m.message_content = '$1 $2 $3'" 'queued|t'
    holds "select count(*) from posts where body = '$1 $2 $3'" 1
}
no_file() { [ "$(spool_files)" -eq 0 ]; }

for how in fast immediate; do
    for way in fastcgi cgi; do
        case_of send-twilio-message $way $how
    done
done
case_of send-whatsapp fastcgi fast "$(bearer "$user")"

it 'before the row is there, nothing is sent: 503, and when to come again'
database stop
for mode in fastcgi cgi; do
    printf '%s\t%s\t%s\n' send-twilio-message '{"to":"01012345678","message":"no row"}' "$type" >"$work/line"
    crowd_only <"$work/line"
    equals 'the answer' 503 "$(sed 's/.*"status":\([0-9]*\).*/\1/' "$work/answers.txt")"
    equals 'its code' 1 "$(grep -c '"code":"database_unavailable"' "$work/answers.txt")"
    equals 'Retry-After' 1 "$(grep -c '"retry-after":"[0-9]' "$work/answers.txt")"
done
database start
twilio_table
holds "select count(*) from posts where body = 'no row'" 0
holds "select count(*) from message_logs where message_content = 'no row'" 0
equals 'files in the spool' 0 "$(spool_files)"

finish
