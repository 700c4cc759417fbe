#!/bin/sh
# valgrind: no leak and no error in each program, for good and bad requests.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
command -v valgrind >/dev/null || { echo '1..0 # skip: no valgrind'; exit 77; }
case $(ldd "$programs/send-whatsapp") in
*libasan* | *libclang_rt*) echo '1..0 # skip: built with a sanitizer'; exit 77 ;;
esac
begin
program_wrapper="valgrind -q --log-file=$work/valgrind.%p --leak-check=full --show-leak-kinds=definite,indirect,possible --errors-for-leak-kinds=definite,indirect,possible --track-fds=no --error-exitcode=99"

# clean: valgrind's own log is empty.
clean()
{
    equals 'exit status' 0 "$(cat "$answer.exit")"
    equals "valgrind's findings" '' "$(cat "$work"/valgrind.*)"
    rm -f "$work"/valgrind.*
}

json='Content-Type: application/json'
message='{"to":"01012345678","message":"hello"}'

it 'send-twilio-message: sent'
post send-twilio-message "$message" 'Idempotency-Key: one'
answers 200
clean
it 'send-twilio-message: answered again'
post send-twilio-message "$message" 'Idempotency-Key: one'
answers 200
clean
it 'send-twilio-message: a template, and what Twilio refuses'
post send-twilio-message "{\"to\":\"whatsapp:01012345928\",\"templateId\":\"$template\",\"variables\":{\"1\":\"a\"}}"
answers 422
clean
it 'send-twilio-message: a bad request'
post send-twilio-message '{"to":"12345","message":"hello"'
answers 400
clean
it 'send-twilio-message: an outcome that nobody knows'
post send-twilio-message '{"to":"01012345918","message":"hello"}'
answers 504
clean
it 'send-whatsapp: sent'
post send-whatsapp "$message" "$json" "$(bearer $user)"
answers 200
clean
it 'send-whatsapp: a bad token'
post send-whatsapp "$message" "$json" 'Authorization: Bearer a.b.c'
answers 401
clean
it 'twilio-delivery-status: recorded'
callback '' MessageSid=SM1 MessageStatus=delivered To=+201012345678
answers 200
clean
it 'twilio-delivery-status: a wrong signature'
post twilio-delivery-status 'MessageSid=SM1&MessageStatus=delivered' \
    'X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA='
answers 403
clean
it 'twilio-delivery-status: spooled'
cluster_stop "$work/db"
callback '' MessageSid=SM2 MessageStatus=delivered
answers 200
clean
it 'send-twilio-message: no database'
post send-twilio-message "$message"
answers 503
clean

finish
