#!/bin/sh
# The README's calls, pasted, and its questions to the database.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
settings WEBHOOK_SIGNATURE=if-present
TOKEN=$(jwt "$(user_claims $user)")
export TOKEN
calls=0

# Each call stands below a comment that ends in the status it gets.
sed -n '/^## Quick start/,/^## Requirements/{ /^# .*: [0-9]*$/p; /^curl /p }' "$root/README.md" >"$work/calls"
while IFS= read -r line; do
    case $line in
    '# '*)
        expected=${line##*: }
        it "${line#\# }"
        ;;
    *)
        calls=$((calls + 1))
        line=$(printf '%s\n' "$line" | sed "s|http://127.0.0.1:8080/functions/v1|$base|")
        answer=$work/output
        sh -c "$line -sS -w '\\n%{http_code}'" </dev/null >"$work/output" 2>&1
        equals 'status' "$expected" "$(tail -n 1 "$work/output")"
        case $expected in
        200) grep -q '^{"success":true,' "$work/output" || complain 'the answer' success "$(cat "$work/output")" ;;
        esac
        ;;
    esac
done <"$work/calls"

it "the owner's line is among them, and says that nobody knows the message"
equals 'the last answer' '{"success":true,"message":"Message not found, status logged"}' \
    "$(grep '^{' "$work/output")"

it 'there is a call for each thing that can be sent'
equals 'calls' 7 "$calls"
holds "select count(*), count(*) filter (where message_type = 'whatsapp'), count(media_url) from message_logs" \
    '5|4|1'

it 'the three calls of the Arabic part'
sed -n '/^## البداية/,$s/^curl //p' "$root/README.md" >"$work/calls"
equals 'calls' 3 "$(wc -l <"$work/calls" | tr -d ' ')"
while IFS= read -r line; do
    line=$(printf '%s\n' "$line" | sed "s|http://127.0.0.1:8080/functions/v1|$base|")
    equals "curl $line" 200 "$(sh -c "curl $line -sS -o '$work/output' -w '%{http_code}'" </dev/null 2>&1)"
done <"$work/calls"

# Those of the manual page: a statement may have two lines.
sed -n '/^Questions/,/^\.Sh/{ s/^\.Dl \(select\)/\1/; /^select/{ :more
    N; /\n\./!b more
    s/\n\..*//; s/\n */ /g; p; }; }' "$root/cgi-bin/twilio-delivery-status.8" >"$work/questions"
while IFS= read -r question; do
    it "a question to the database: $question"
    answer=
    equals 'exit status' 0 "$(sql -c "$question" >"$work/output" 2>&1; echo $?)"
done <"$work/questions"
it 'there are five questions'
equals 'questions' 5 "$(wc -l <"$work/questions" | tr -d ' ')"

finish
