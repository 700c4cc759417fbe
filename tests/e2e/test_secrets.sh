#!/bin/sh
# What must not be seen, marked, in requests of every kind: no secret, no whole number, no text of a
# message in the log, in the web server's log, in what the verbs print, in names of files or processes.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin

json='Content-Type: application/json'
number=01098765432 words='marked-text نص-سري'
database_password=marked-database-password
marked_key=marked-key-of-a-server
printf '%s\n' 1098765432 '10123459[0-9][0-9]' '1500555[0-9]{4}' marked- نص-سري "$auth_token" "$jwt_secret" \
    'eyJ[A-Za-z0-9_-]+' >"$work/marks"

# visible FILE...: those of the marks that are in them
visible() { grep -a -o -h -i -E -f "$work/marks" "$@" 2>/dev/null | sort -u; }

# By every way that a message takes through the program.
send_marked() { post send-twilio-message "{\"to\":\"${1:-$number}\",\"message\":\"$words\"${2:-}}" "Idempotency-Key: marked-key-$1$2"; }

# The settings as a file has them: with a password in the connection string.
with_password()
{
    marked DATABASE_URL="$(conninfo twilio_cgi) password=$database_password"
}
marked()
{
    settings TWILIO_AUTH_TOKEN_SECONDARY=marked-secondary-token SERVER_KEYS="$marked_key" TWILIO_WEBHOOK_SECRET=marked-shared "$@"
}

it 'requests that are answered: the log has them, masked'
with_password
send_marked
answers 200
send_marked
answers 200
post send-twilio-message "{\"to\":\"whatsapp:+2$number\",\"templateId\":\"$template\",\"variables\":{\"1\":\"marked-variable\"}}"
answers 200
post send-twilio-message "{\"to\":\"$number\",\"message\":\"$words\",\"media_url\":\"https://example.org/marked-picture\"}"
answers 200
post send-whatsapp "{\"to\":\"$number\",\"message\":\"$words\"}" "$json" "$(bearer $user)"
answers 200
callback '' MessageSid=SM0 MessageStatus=undelivered ErrorCode=30003 "ErrorMessage=cannot reach +2$number: marked-words" \
    "To=+2$number" "Body=$words" From=+15005550006
answers 200

it 'requests that are refused for what is in them'
for body in "{\"to\":\"$number\",\"message\":\"$words\"" "{\"to\":\"$number\",\"message\":\"$words\",\"message\":\"$words\"}" \
    "{\"to\":\"${number}0000\",\"message\":\"$words\"}" "{\"to\":\"marked-number $number\",\"message\":\"$words\"}" \
    "{\"to\":[\"$number\"],\"message\":\"$words\"}" "{\"to\":\"$number\",\"message\":{\"marked-member\":\"$words\"}}" \
    "{\"to\":\"$number\",\"message\":\"$words\",\"type\":\"marked-type\"}" "marked-body=$number&$words" \
    "{\"to\":\"$number\",\"templateId\":\"marked-template\",\"variables\":{\"1\":\"$words\"},\"type\":\"whatsapp\"}" \
    "{\"to\":\"$number\",\"message\":\"$words\",\"media_url\":\"http://marked-host/$number\"}" \
    "{\"to\":\"$number\",\"message\":\"$words\",\"requestId\":\"marked-request-$number\"}"; do
    post send-twilio-message "$body"
    equals 'the status' 400 "$status"
    post send-whatsapp "$body" "$json" "$(bearer $user)"
    equals 'the status' 400 "$status"
done
send_marked "$number" ',"requestId":"55555555-5555-4555-8555-555555555555"'
answers 422 unknown_request
post send-twilio-message "{\"to\":\"$number\",\"message\":\"$words\"}" 'Idempotency-Key: marked key'
answers 400 invalid_idempotency_key
post send-twilio-message "{\"to\":\"$number\",\"message\":\"another $words\"}" 'Idempotency-Key: marked-key-'
answers 422 idempotency_mismatch
post send-twilio-message "{\"to\":\"$number\",\"message\":\"$words\"}" 'Origin: https://marked-origin.example'
answers 403 forbidden

it 'tokens and signatures that are refused'
for token in marked-token "$(jwt "{\"sub\":\"$user\",\"role\":\"authenticated\",\"aud\":\"authenticated\",\"exp\":1}")" \
    "$(jwt "$(user_claims "$user")" '{"alg":"none"}')" "$(jwt "$(user_claims "$user")" '{"alg":"HS256","kid":"marked-kid"}' marked-secret)" \
    "$(jwt "{\"sub\":\"marked-sub\",\"email\":\"marked-email\",\"exp\":\"marked-time\"}")" 'eyJhbGciOi.marked-claims.x'; do
    post send-whatsapp "{\"to\":\"$number\",\"message\":\"$words\"}" "$json" "Authorization: Bearer $token"
    answers 401 unauthorized
done
for field in "apikey: $marked_key" "Authorization: Bearer $marked_key"; do
    post send-whatsapp "{\"to\":\"$number\",\"message\":\"$words\"}" "$json" "$field"
    answers 200
    post send-whatsapp "{\"to\":\"$number\",\"message\":\"$words\"}" "$json" "${field}s"
    equals 'the status' 401 "$status"
done
post send-whatsapp "{\"to\":\"$number\",\"message\":\"$words\"}" "$json" "$(bearer $stranger)"
answers 403 forbidden
post twilio-delivery-status "MessageSid=SM1&MessageStatus=sent&To=%2B2$number&Body=marked-words" \
    'X-Twilio-Signature: marked-signature' 'Content-Type: application/x-www-form-urlencoded'
answers 403 invalid_signature
post twilio-delivery-status "MessageSid=SM1&MessageStatus=sent&To=%2B2$number&Body=marked-words" \
    'X-Twilio-Signature: marked-signature' 'X-Twilio-Webhooks-Signature-Settings: key=marked-key,algorithm=marked-algorithm'
answers 403 invalid_signature
callback '' MessageSid=marked-sid "MessageStatus=marked-status $number" "To=+2$number" "Body=$words"
answers 400 missing_fields

it 'what Twilio and PostgreSQL say of numbers and texts'
for to in 01012345928 01012345929 01012345921 01012345913 01012345915 01012345918 +15005550001 +15005550009; do
    send_marked "$to"
    [ "$status" -ge 422 ] || complain 'the status' 'an error' "$status"
done
sql -c "create function quote_it() returns trigger language plpgsql as \$\$ begin
        raise exception using errcode = '22023', message = 'it was ' || new.message_content || new.recipient; end \$\$;
    create trigger quote_it before insert on message_logs for each row when (new.message_content like '%raised%')
        execute function quote_it();
    alter table message_logs add constraint not_refused check (message_content not like '%refused%')"
for word in raised refused; do
    post send-twilio-message "{\"to\":\"$number\",\"message\":\"$words $word\"}"
    answers 500 internal
done
sql -c 'drop trigger quote_it on message_logs; alter table message_logs drop constraint not_refused'

it 'connection strings that lead nowhere, or are not read as they were meant'
for string in "host='$work/nowhere' user=twilio_cgi password=$database_password" \
    "postgresql://twilio_cgi:$database_password@no-such-host.invalid/postgres" \
    "postgresql://twilio_cgi:$database_password/x@no-such-host.invalid/postgres" \
    "postgresql://twilio_cgi:$database_password@x@127.0.0.1:1/postgres" \
    "twilio_cgi:$database_password@no-such-host.invalid" "password=$database_password '"; do
    marked DATABASE_URL="$string"
    send_marked
    answers 503 database_unavailable
    callback '' MessageSid=SM3 MessageStatus=sent "To=+2$number" "Body=$words"
    answers 200
    body_has 'Status spooled'
done

it 'names of files in the spool'
find "$work/spool" >"$work/names"
equals 'files' 6 "$(grep -c '/[0-9][^/]*\.json$' "$work/names")"
equals 'visible' '' "$(visible "$work/names")"

it 'command lines and titles of processes while a message is on its way'
with_password
twilio_set slow-ms=8000 # to look at all processes takes a while
send slow POST send-twilio-message "{\"to\":\"01012345910\",\"message\":\"$words\"}"
is_pending() { [ "$(sql -c "select count(*) from message_logs where recipient = '+201012345910' and status = 'pending'")" = 1 ]; }
await is_pending
# By the first word of each, which `head` tells of all at once; others' command lines, curl's too, have the text.
head -z -v -n 1 /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | while read -r word file _; do
    case $word in
    '==>') process=${file%/cmdline} ;;
    "$work"/* | nginx* | *fcgiwrap | *postgres* | *valgrind*) tr '\0' '\n' <"$process/cmdline"; cat "$process/comm" ;;
    esac
done >"$work/titles" 2>/dev/null
take slow
answers 200
equals 'a title of the program' 1 "$(grep -c '/send-twilio-message$' "$work/titles" | sed 's/^[1-9][0-9]*$/1/')"
equals 'visible' '' "$(visible "$work/titles")"

# The same user, as whom a web server runs other things too, finds nothing in there.
it "a program's memory is nobody's to read, nor to leave behind"
twilio_set slow-ms=4000
looker=$unprivileged_user
[ "$(id -u)" -eq 0 ] || looker=$(id -un)
chmod 644 "$settings_file"
printf '{"to":"01012345910","message":"%s"}' "$words" >"$work/slow"
as_user env -i PATH=/usr/bin:/bin REQUEST_METHOD=POST CONTENT_TYPE=application/json \
    CONTENT_LENGTH="$(wc -c <"$work/slow")" REMOTE_ADDR=127.0.0.1 \
    sh -c "ulimit -S -c \$(ulimit -H -c); $settings_then" "$settings_file" "$work/cgi-bin/send-twilio-message" \
    <"$work/slow" >"$work/slow.answer" 2>>"$work/stderr" &
slow=$!
await is_pending
running=$(processes send-twilio-message | head -n 1)
equals 'its user' "$looker" "$(ps -o user:32= -p "$running" | tr -d ' ')"
for file in environ mem maps auxv; do
    equals "whose $file is" root "$(stat -c %U "/proc/$running/$file")"
    ! as_user head -c 1 "/proc/$running/$file" >/dev/null 2>&1 || complain "$file" unreadable read
done
equals 'the size of a core' '0 0' "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$running/limits")"
wait "$slow"
equals 'the first line of the answer' 'Status: 200 OK' "$(head -n 1 "$work/slow.answer" | tr -d '\r')"

it 'what the verbs print'
by_hand()
{
    chmod 644 "$settings_file"
    program=$1
    shift
    as_user env -i PATH=/usr/bin:/bin sh -c "$settings_then" "$settings_file" "$work/cgi-bin/$program" "$@" \
        >>"$work/printed" 2>&1
}
by_hand send-twilio-message --reconcile --older-than 0s --dry-run
by_hand twilio-delivery-status --drain
echo "{\"kind\":\"marked-kind\",\"to\":\"$number\"" >"$work/spool/1700000000000-00000000-0000-4000-8000-000000000000.json"
chmod 644 "$work/spool"/*.json
by_hand twilio-delivery-status --drain
for each in send-twilio-message send-whatsapp twilio-delivery-status; do
    with_password
    by_hand $each --check
    marked DATABASE_URL="postgresql://twilio_cgi:$database_password@x@127.0.0.1:1/postgres" \
        TWILIO_API_KEY=marked-api-key TWILIO_API_KEY_SECRET=marked-api-key-secret TWILIO_PHONE_NUMBER="marked-$number" \
        SUPABASE_JWT_SECRET=marked-x SERVER_KEYS=marked-short TWILIO_AUTH_TOKEN='marked-token with blank' TWILIO_ACCOUNT_SID=marked-sid
    by_hand $each --check
    by_hand $each
done
equals 'lines' yes "$([ "$(wc -l <"$work/printed")" -gt 100 ] && echo yes)"
equals 'visible' '' "$(visible "$work/printed")"

it 'the log and the logs of the web server'
cat "$work/stderr" "$work"/web/log/* >"$work/logs" 2>/dev/null
equals 'requests in the log' yes "$([ "$(grep -c '"request_id"' "$work/logs")" -gt 40 ] && echo yes)"
equals 'visible' '' "$(visible "$work/logs")"
equals 'masked numbers' yes "$(grep -q '"to":"+2010\*\*\*\*\*432"' "$work/logs" && echo yes)"

finish
