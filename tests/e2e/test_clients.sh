#!/bin/sh
# The clients themselves: supabase-js as the callers use it, Twilio's own package, libphonenumber.

# shellcheck source=tests/e2e/clients/clients.sh
. "$(dirname "$0")/clients/clients.sh"
install_clients "$1"

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
know_clients

for auth in none required optional; do
    settings SEND_TWILIO_MESSAGE_AUTH=$auth
    client supabase.js "$auth"
done

settings
client signatures.js webhook "$base"
for url in https://example.org/functions/v1 http://example.org/functions/v1; do
    settings PUBLIC_URL=$url
    client signatures.js webhook "$url"
done
twilio_set callbacks=on
client signatures.js sandbox
twilio_set callbacks=off

# Numbers are read the same behind every server: once for each way of starting a program.
case $transport in
nginx-*)
    settings
    client phones.js
    ;;
esac

finish
