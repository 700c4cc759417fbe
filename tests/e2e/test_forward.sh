#!/bin/sh
# Callers inside Supabase: the function that forwards the two old names, and the notifier, under Deno.

# shellcheck source=tests/e2e/clients/clients.sh
. "$(dirname "$0")/clients/clients.sh"
install_clients "$1"

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
know_clients

SERVER_KEY=sb_secret_for-the-forwarding-function
export SERVER_KEY
settings SERVER_KEYS="another-key-of-20-characters,$SERVER_KEY" SEND_TWILIO_MESSAGE_AUTH=required
function=$(free_port $((port + 1)))
lost=$(free_port $((function + 1)))
client forward.js "$function" "$lost" "$(free_port $((lost + 1)))"

finish
