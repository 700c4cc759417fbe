#!/bin/sh
# A browser's pages and CORS. Exit status 77 where there is no browser.

for chromium in chromium chromium-browser google-chrome ''; do
    ! command -v "$chromium" >/dev/null || break
done
[ -n "$chromium" ] || { echo '1..0 # SKIP no Chromium on this machine'; exit 77; }

# shellcheck source=tests/e2e/clients/clients.sh
. "$(dirname "$0")/clients/clients.sh"
install_clients "$1"

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
know_clients

page=$(free_port)
other_page=$(free_port $((page + 1)))

client browser.js "$chromium" any "$page" "$other_page"

settings SEND_TWILIO_MESSAGE_AUTH=required \
    "CORS_ALLOW_ORIGIN=https://app.example.org, http://127.0.0.1:$page"
client browser.js "$chromium" listed "$page" "$other_page"

# As the README moves an application over: the three paths are ours, the rest is Supabase's.
case $transport in
nginx-*)
    rest=$(free_port $((other_page + 1)))
    sed "s|https://|http://|; s|PROJECT.supabase.co|127.0.0.1:$rest|" "$root/nginx/twilio-cgi-supabase.conf" \
        >"$work/supabase.conf"
    sed "s|location / {|include $work/supabase.conf; &|" "$web/nginx/nginx.conf" >"$work/nginx.conf"
    cat "$work/nginx.conf" >"$web/nginx/nginx.conf" # which stays whose it is
    kill -s HUP "$(cat "$web/run/nginx.pid")"
    await sh -c "curl -q -s -o /dev/null -w '%{http_code}' '${base%/functions/v1}/rest/v1/x' | grep -qx 502"
    twilio_set callbacks=on
    client browser.js "$chromium" readme "$page" "$other_page" "$rest"
    twilio_set callbacks=off
    ;;
esac

finish
