#!/bin/sh
# shellcheck disable=SC2317 # functions are called by way of "await"
# 600 slow clients at one address: whoever comes from another one is answered, at all three endpoints.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
json='Content-Type: application/json'
sms='{"to":"01012345678","message":"hello"}'
slow_address='X-Forwarded-For: 192.0.2.7' other='X-Forwarded-For: 192.0.2.8'

# The web server knows a balancer at its own address, so that callers have addresses of their own.
nginx_stop
nginx_start "twilio-cgi-$back.conf"
sed 's/server_name localhost;/& set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;/' \
    "$web/nginx/nginx.conf" >"$web/nginx/balanced.conf"
mv "$web/nginx/balanced.conf" "$web/nginx/nginx.conf"
nginx_stop
nginx_run

# all_answer NAME: to another address, and to this host's servers
all_answer()
{
    it "$1: the front end of another address is answered"
    post send-whatsapp "$sms" "$json" "$(bearer "$2")" "$other"
    answers 200
    it "$1: Twilio is"
    fields="MessageSid=SM$case_number&MessageStatus=sent"
    post twilio-delivery-status "$fields" "$other" 'Content-Type: application/x-www-form-urlencoded' \
        "X-Twilio-Signature: $(sign "$auth_token" "$base/twilio-delivery-status" "MessageSid=SM$case_number" MessageStatus=sent)"
    answers 200
    it "$1: a server of ours is"
    post send-twilio-message "$sms"
    answers 200
}

open_now() { sed -n '$s/^open //p' "$work/slow"; }
at_most() { [ "$(open_now)" -le "$1" ]; }
opened() { grep -q '^open 600$' "$work/slow"; }

# slowly head|body PATH MOST USER: and so many connections are left after a while
slowly()
{
    case_number=$((${case_number:-0} + 1))
    mkfifo "$work/until.$case_number"
    "$build/tests/e2e/slow" "$port" 600 "$1" "/functions/v1/$2" "$slow_address" \
        <"$work/until.$case_number" >"$work/slow" 2>&1 &
    slow=$!
    exec 7>"$work/until.$case_number"
    await opened
    all_answer "$1 of $2" "$4"
    it "$1 of $2: $3 connections of one address at most stay open"
    answer=
    await at_most "$3"
    all_answer "still $1 of $2" "$4"
    exec 7>&-
    wait "$slow"
}

slowly body twilio-delivery-status 128 $user
slowly body send-whatsapp 64 $user
slowly body send-twilio-message 64 $other_user
slowly head twilio-delivery-status 0 $other_user

finish
