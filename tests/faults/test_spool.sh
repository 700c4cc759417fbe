#!/bin/sh
# The spool is the last resort: what it cannot hold is not answered 200.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
mode=cgi

# event COUNT [FIRST]: so many callbacks of messages that nobody knows
event()
{
    seq "${2:-1}" "$((${2:-1} + $1 - 1))" | awk '{ printf "twilio-delivery-status\tMessageSid=SM%032d&MessageStatus=sent&To=%%2B201012345678\n", $1 }' |
        with_settings "$work/crowd" --programs "$work/cgi-bin" --parallel 4 --sign "$auth_token" "$base" \
            >"$work/answers.txt" 2>>"$work/stderr"
    answered=$(sed 's/.*"status":\([0-9]*\).*/\1/' "$work/answers.txt" | sort | uniq -c | sed 's/^ *//' | tr '\n' ',')
}

database stop

it 'the spool is made where it is missing, for its user alone'
make_directory "$work/parent"
settings SPOOL_DIR="$work/parent/spool"
event 3
equals 'answers' '3 200,' "$answered"
equals 'mode' 700 "$(stat -c %a "$work/parent/spool")"
equals 'files' 3 "$(find "$work/parent/spool" -name '[0-9]*.json' -perm 600 | wc -l | tr -d ' ')"
equals 'all files' 3 "$(find "$work/parent/spool" -type f | wc -l | tr -d ' ')"

it 'a spool that may not be written is a 503, and nothing is left behind'
make_directory "$work/closed"
chmod 500 "$work/closed"
settings SPOOL_DIR="$work/closed"
event 3
equals 'answers' '3 503,' "$answered"
equals 'files' 0 "$(find "$work/closed" -type f | wc -l | tr -d ' ')"
chmod 700 "$work/closed"
event 3
equals 'answers once it may' '3 200,' "$answered"

it 'a spool that is a file is a 503'
: >"$work/file"
settings SPOOL_DIR="$work/file"
event 1
equals 'answers' '1 503,' "$answered"

it 'a spool that holds all it may is a 503, and has room again once it is drained'
make_directory "$work/crowded"
as_user sh -c 'cd "$0" && seq -f 1700000000000-00000000-0000-4000-8000-%012.0f.json 100000 | xargs touch' "$work/crowded"
settings SPOOL_DIR="$work/crowded"
event 200
case $answered in
*' 503,') ;;
*) complain 'answers' 'after a few only 503' "$answered" ;;
esac
[ "$(find "$work/crowded" -name '[0-9]*.json' | wc -l)" -le 100250 ] ||
    complain 'files' 'about 100000' "$(find "$work/crowded" -name '[0-9]*.json' | wc -l)"
event 20
equals 'answers when that is known' '20 503,' "$answered"
find "$work/crowded" -name '17*-00000000-*' -delete
database start
verb twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$(cat "$work/verb")"
database stop
# A full spool is looked at again every few seconds.
until event 1 1000 && [ "$answered" = "1 200," ]; do sleep 0.5; done
event 20 1001
equals 'answers once it is drained' '20 200,' "$answered"

it 'a full disk is a 503 without a rest, and the next one is taken when there is space'
make_directory "$work/full"
if mount -t tmpfs -o "size=64k,mode=700,uid=$(id -u "$unprivileged_user")" tmpfs "$work/full" 2>/dev/null; then
    settings SPOOL_DIR="$work/full"
    as_user dd if=/dev/zero of="$work/full/ballast" bs=1k count=64 2>/dev/null
    event 5
    equals 'answers' '5 503,' "$answered"
    equals 'files' ballast "$(ls -A "$work/full")"
    rm "$work/full/ballast"
    event 5
    equals 'answers with space' '5 200,' "$answered"
    database start
    verb twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$(cat "$work/verb")"
    database stop
    equals 'files when drained' '' "$(find "$work/full" -type f)"
    umount "$work/full"
else
    echo '# skipped: no file system can be mounted here'
fi

it 'what waited is in the table, with the time of its arrival'
settings SPOOL_DIR="$work/parent/spool"
database start
verb twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$(cat "$work/verb")"
holds "select count(*), bool_and(received_at between now() - interval '30 minutes' and now() - interval '1 second')
    from messaging.message_status_events where external_id <= 'SM' || lpad('3', 32, '0')" '3|t'

it 'a file that nobody can make sense of is set aside, told, and stops nothing'
as_user sh -c 'echo "{\"kind\":" >"$0/1600000000000-00000000-0000-4000-8000-000000000000.json"' "$work/parent/spool"
as_user chmod 600 "$work"/parent/spool/*.json
database stop
event 2 5000
database start
verb twilio-delivery-status --drain && complain '--drain' 'exit status 1' 0
holds "select count(*) from messaging.message_status_events where external_id > 'SM' || lpad('4999', 32, '0')" 2
equals 'files that wait' 0 "$(find "$work/parent/spool" -maxdepth 1 -name '*.json' | wc -l | tr -d ' ')"
equals 'files set aside' 1 "$(find "$work/parent/spool/bad" -type f | wc -l | tr -d ' ')"

it 'a file that is being written is nobody'"'"'s yet, and one whose writer died goes'
make_directory "$work/slow"
# The writer does not reach the database, and stops in the middle of its file.
settings SPOOL_DIR="$work/slow" DATABASE_URL=host=/nonexistent
echo 'twilio-delivery-status	MessageSid=SM1&MessageStatus=sent' >"$work/line"
preload="LD_PRELOAD=$work/later.so $asan_preload PAUSE_IN_WRITE=600"
with_settings "$work/crowd" --programs "$work/cgi-bin" --sign "$auth_token" "$base" \
    <"$work/line" >"$work/answers.txt" 2>/dev/null &
writer=$!
preload=
until [ -n "$(find "$work/slow" -type f -size +0)" ]; do sleep 0.05; done
settings SPOOL_DIR="$work/slow"
verb twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$(cat "$work/verb")"
equals 'files' 1 "$(find "$work/slow" -type f | wc -l | tr -d ' ')"
kill -9 "$(processes twilio-delivery-status)"
wait "$writer"
equals 'the answer' 0 "$(sed 's/.*"status":\([0-9]*\).*/\1/' "$work/answers.txt")"
verb -l 121 twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$(cat "$work/verb")"
equals 'files two minutes later' '' "$(find "$work/slow" -type f)"
holds "select count(*) from messaging.message_status_events where external_id = 'SM1'" 0

finish
