#!/bin/sh
# A PostgreSQL that is there and of no use, and a Twilio that cannot show who it is: nothing is sent, the
# caller hears so, and callbacks wait in the spool.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults
message='{"to":"01012345678","message":"hello"}'

# ---------------------------------------------------------------- Twilio

certify()
{
    cat >"$work/ca.conf" <<TEXT
[ca]
default_ca = ca_default
[ca_default]
database = $work/ca.index
serial = $work/ca.serial
new_certs_dir = $work
default_md = sha256
policy = anything
copy_extensions = copy
[anything]
commonName = supplied
TEXT
    : >"$work/ca.index"
    echo 01 >"$work/ca.serial"
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -days 2 -keyout "$work/ca.key" -out "$work/ca.pem" \
        -addext basicConstraints=critical,CA:TRUE
}

# certificate NAME SUBJECT-ALTERNATIVE-NAME START END
certificate()
{
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -addext "subjectAltName=$2" -keyout "$work/$1.key" -out "$work/$1.csr" &&
        openssl ca -batch -config "$work/ca.conf" -cert "$work/ca.pem" -keyfile "$work/ca.key" -startdate "$3" \
            -enddate "$4" -in "$work/$1.csr" -out "$work/$1.pem"
}

# twilio_behind NAME: a sandbox with that certificate, which is asked to send a message in the background
twilio_behind()
{
    : >"$work/$1.log"
    TWILIO_ACCOUNT_SID=$sid TWILIO_AUTH_TOKEN=$auth_token "$sandbox" --log "$work/$1.log" --port-file "$work/$1.port" \
        --callbacks=off --tls-cert "$work/$1.pem" --tls-key "$work/$1.key" >>"$work/sandbox.out" 2>&1 &
    background="${background:-} $!"
    await test -s "$work/$1.port"
    settings TWILIO_API_URL="https://127.0.0.1:$(cat "$work/$1.port")" TWILIO_CA_FILE="$work/ca.pem"
    send "$1" POST send-twilio-message "$message" "Idempotency-Key: $1"
}

{
    certify
    soon=$(date -u -d tomorrow +%Y%m%d%H%M%SZ)
    certificate good IP:127.0.0.1 20200101000000Z "$soon"
    certificate wrong_name DNS:api.twilio.com 20200101000000Z "$soon"
    certificate expired IP:127.0.0.1 20200101000000Z 20200201000000Z
    certificate not_yet IP:127.0.0.1 "$soon" "$(date -u -d 'next week' +%Y%m%d%H%M%SZ)"
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -days 2 \
        -keyout "$work/self_signed.key" -out "$work/self_signed.pem"
} >"$work/openssl.log" 2>&1
for name in good wrong_name expired not_yet self_signed; do twilio_behind $name; done
settings

it 'a certificate that is good'
take good
answers 200
row queued
equals 'requests' 1 "$(wc -l <"$work/good.log" | tr -d ' ')"

for name in wrong_name expired not_yet self_signed; do
    it "a certificate that is not: $name"
    take $name
    answers 502 twilio_unavailable
    equals 'requests' 0 "$(wc -l <"$work/$name.log" | tr -d ' ')"
    row failed 'external_id is null' t
    holds "select count(*) from messaging.idempotency_keys where key = messaging.key_name('send-twilio-message internal', '$name')" 0
done

# Longer than a request may take, shorter than this test: whoever waits for the resolver is found out.
it 'a nameserver that does not answer holds nobody: Twilio, the database, --check'
without_names()
{
    printf 'send-twilio-message\t%s\n' "$message" >"$work/line"
    preload="LD_PRELOAD=$work/later.so $asan_preload SILENT_NAMES=90"
    with_settings "$work/crowd" --programs "$work/cgi-bin" <"$work/line" >"$work/answers.txt" 2>>"$work/stderr"
    preload=
    load answers answer "$work/answers.txt"
    holds "select status, code, (answer->>'ms')::int < 60000 from answered, answers" "$1|t"
}
settings TWILIO_API_URL=https://twilio.invalid
without_names '502|twilio_unavailable'
settings DATABASE_URL='postgresql://twilio_cgi@database.invalid/twilio_cgi'
without_names '503|database_unavailable'
settings TWILIO_API_URL=https://twilio.invalid
before=$(date +%s)
preload="LD_PRELOAD=$work/later.so $asan_preload SILENT_NAMES=90"
with_settings "$work/cgi-bin/send-twilio-message" --check >"$work/verb" 2>&1
preload=
[ $(($(date +%s) - before)) -lt 60 ] || complain '--check' 'less than a minute' "$(($(date +%s) - before)) s"
equals 'what --check says' 1 "$(grep -c "^Twilio's address .*not resolvable" "$work/verb")"
settings

# ---------------------------------------------------------------- PostgreSQL

events=0

# of_no_use STATUS CODE: a message is not sent, a callback waits
of_no_use()
{
    post send-twilio-message "$message"
    answers "$1" "$2"
    twilio_got_nothing
    events=$((events + 1))
    callback '' "MessageSid=SM$events" MessageStatus=sent To=+201012345678
    answers 200
    body_is '{"success":true,"message":"Status spooled"}'
    equals 'files in the spool' "$events" "$(spool_files)"
}

it 'read-only, as a standby is'
sql -c 'alter database twilio_cgi set default_transaction_read_only = on'
of_no_use 503 database_unavailable
sql -c 'set default_transaction_read_only = off' -c 'alter database twilio_cgi reset default_transaction_read_only'

it 'out of connections'
sql -c 'alter role twilio_cgi connection limit 0'
of_no_use 503 database_unavailable
sql -c 'alter role twilio_cgi connection limit -1'

it 'closed to this role'
sql -c 'alter role twilio_cgi nologin'
of_no_use 503 database_unavailable
sql -c 'alter role twilio_cgi login'

it 'busy with the table for longer than a request may take'
sql -o /dev/null -c 'begin' -c 'lock message_logs' -c 'select pg_sleep(600)' 2>/dev/null &
locker=$!
is_locked() { [ "$(sql -c "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and relation = 'message_logs'::regclass")" = 1 ]; }
await is_locked
of_no_use 503 database_unavailable
sql -o /dev/null -c "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()"
wait "$locker"

it 'silent: it takes connections and says nothing'
postmaster=$(head -n 1 "$work/db/data/postmaster.pid")
kill -STOP "$postmaster"
of_no_use 503 database_unavailable
kill -CONT "$postmaster"

elsewhere() { psql -X -q -v ON_ERROR_STOP=1 -d postgres "$@"; }

# An old schema lacks a function, a new one may have another in its place.
for change in 'drop schema messaging cascade' 'alter function messaging.reserve_message rename to reserve_message_2;
        alter function messaging.record_status rename to record_status_2'; do
    it "with another schema than this program's: ${change%% *}"
    elsewhere -c 'create database before template twilio_cgi'
    sql -c 'set client_min_messages = warning' -c "$change"
    of_no_use 500 misconfigured
    equals 'the log names the remedy' 2 "$(tail -n 2 "$work/stderr" | grep -c 'sql/migrate.sql')"
    verb twilio-delivery-status --drain && complain '--drain' 'exit status 1' 0
    equals 'files in the spool' "$events" "$(spool_files)"
    elsewhere -c 'drop database twilio_cgi with (force)' -c 'alter database before rename to twilio_cgi'
done

it 'as it should be: what waited is recorded, and messages are sent'
verb twilio-delivery-status --drain || complain '--drain' 'exit status 0' "$(cat "$work/verb")"
equals 'files in the spool' 0 "$(spool_files)"
holds 'select count(*) from messaging.message_status_events' "$events"
post send-twilio-message "$message"
answers 200

finish
