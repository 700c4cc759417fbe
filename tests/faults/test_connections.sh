#!/bin/sh
# A FastCGI process keeps its connection to Twilio. What comes there unasked, behind an answer, is no
# answer to the next message: plain and by TLS, with and without the connection's end.

# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/lib.sh"
begin_faults

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
    -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout "$work/key.pem" \
    -out "$work/cert.pem" 2>/dev/null
chmod 644 "$work/cert.pem"

# send DIGITS TEXT
send_one() { printf 'send-twilio-message\t{"to":"01012345%s","message":"%s"}\n' "$1" "$2" | crowd; }

# One thread: each message goes by the connection of the one before.
begin_with()
{
    programs_stop
    stop_sandbox
    start_sandbox
    settings TWILIO_API_URL="$1://127.0.0.1:${twilio_url##*:}" TWILIO_CA_FILE="$work/cert.pem" FCGI_THREADS=1
    programs_start 1
}

for scheme in http https; do
    sandbox_options=
    [ "$scheme" = http ] || sandbox_options="--tls-cert $work/cert.pem --tls-key $work/key.pem"
    : >"$work/twilio.log"
    begin_with "$scheme"
    for digits in 940 941 942 943 944 945 946 947 948 949; do
        it "$scheme: what comes unasked is no answer ($digits)"
        send_one "$digits" "$scheme $digits first"
        holds 'select status, code from answered' '200|'
        sleep 0.2
        send_one 678 "$scheme $digits second"
        holds 'select status, code from answered' '200|'
        twilio_table
        holds "select count(*) from posts where body like '$scheme $digits %' and status = 201" 2
        holds "select m.status, m.external_id = p.sid from posts p join message_logs m on m.id = p.log_id
            where p.body = '$scheme $digits second'" 'queued|t'
    done
    holds 'select m.id from message_logs m join posts p on p.log_id = m.id where m.external_id is distinct from p.sid' ''
done

finish
