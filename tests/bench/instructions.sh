#!/bin/sh
# What one plain CGI request costs in instructions (callgrind) and memory at its peak: of the programs, of the
# same with shared libraries where those of the build are lean, and of those of another build, on the same
# database. No neighbour disturbs these figures.
#
#   sh tests/bench/instructions.sh BUILD-DIRECTORY [OTHER-BUILD]

other=${2:-}
[ -z "$other" ] || other=$(cd "$other" && pwd -P)
set -- "$1" direct
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
begin
make_certificates "$work" >"$work/openssl.log" 2>&1

# measure LABEL PROGRAM-FILE TARGET BODY [HEADER...]: the third request of three
measure()
{
    label=$1
    cp "$2" "$work/cgi-bin/${3%%\?*}" || exit 1
    shift 2
    program_wrapper="valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file=$work/callgrind"
    for _ in 1 2 3; do post "$@"; done
    said=$(head -c 100 "$answer")
    instructions=$(sed -n 's/.*Collected : //p' "$work/callgrind")
    program_wrapper="/usr/bin/time -o $work/time -f %M"
    post "$@"
    printf '%-44s %10.2f M %8.1f MiB   %s\n' "$label" "$(echo "$instructions / 1000000" | bc -l)" \
        "$(echo "$(cat "$work/time") / 1024" | bc -l)" "$(echo "$said" | head -n 1 | tr -d '\r')"
}

message='{"to":"01012345678","message":"hello"}'
json='Content-Type: application/json'
webhook() { measure "webhook, $1" "$2" twilio-delivery-status 'MessageSid=SM0123456789abcdef0123456789abcdef&MessageStatus=delivered'; }
sms() { measure "send, $1" "$2/send-twilio-message" send-twilio-message "$message" "$json"; }
tls() { measure "send TLS, $1" "$2/send-twilio-message" send-twilio-message "$message" "$json"; }
whatsapp() { measure "send-whatsapp, $1" "$2/send-whatsapp" send-whatsapp "$message" "$json" "$(server_bearer)"; }

each()
{
    settings WEBHOOK_SIGNATURE=if-present
    webhook "$1" "$2/twilio-delivery-status"
    sms "$1" "$2"
    whatsapp "$1" "$2"
    settings TWILIO_API_URL="$tls_url" TWILIO_CA_PATH="$work/authorities"
    tls "$1" "$2"
}

sandbox_options="--tls-cert $work/tls/cert.pem --tls-key $work/tls/key.pem"
plain=$sandbox_pid plain_url=$twilio_url
start_sandbox
tls=$sandbox_pid tls_url=$(echo "$twilio_url" | sed 's/^http:/https:/')
twilio_url=$plain_url sandbox_pid=$plain
trap 'kill "$tls"; end' EXIT

each ours "$build/cgi-bin"
[ ! -d "$build/tests/shared/cgi-bin" ] || each 'shared libraries' "$build/tests/shared/cgi-bin"
[ -z "$other" ] || each before "$other/cgi-bin"
