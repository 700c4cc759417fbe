#!/bin/sh
# Who may send: tokens at send-whatsapp, and at send-twilio-message where the deployment asks for them.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
message='{"to":"01012345678","message":"hello"}'
json='Content-Type: application/json'
now=$(date +%s)

# refused 'NAME' STATUS CODE [HEADER]
refused()
{
    it "$1"
    post send-whatsapp "$message" "$json" ${4:+"$4"}
    answers "$2" "$3"
    case $2 in
    401) header WWW-Authenticate Bearer ;;
    *) no_header WWW-Authenticate ;;
    esac
    no_header RateLimit-Limit
    twilio_got_nothing
    holds_no_row
}

with_token() { printf 'Authorization: Bearer %s' "$1"; }
claims() { printf '{"sub":"%s","role":"authenticated","aud":"authenticated"%s}' "$user" "$1"; }

refused 'no token' 401 missing_authorization
refused 'an empty header' 401 missing_authorization 'Authorization: '
refused 'another scheme' 401 unauthorized 'Authorization: Basic dXNlcjpwYXNz'
refused 'what is no token' 401 unauthorized 'Authorization: Bearer abc'
refused 'a token with another secret' 401 unauthorized \
    "$(with_token "$(jwt "$(user_claims $user)" '{"alg":"HS256","typ":"JWT"}' another-secret)")"
refused 'a token whose claims were changed' 401 unauthorized \
    "$(bearer $user | sed "s/\\.[^.]*\\./.$(user_claims $other_user | base64url)./")"
refused 'the algorithm none' 401 unauthorized \
    "$(with_token "$(printf '{"alg":"none"}' | base64url).$(user_claims $user | base64url).")"
refused 'the algorithm HS512' 401 unauthorized \
    "$(with_token "$(jwt "$(user_claims $user)" '{"alg":"HS512"}')")"
refused 'a token that has expired' 401 unauthorized "$(with_token "$(jwt "$(claims ",\"exp\":$((now - 60))")")")"
refused 'a token that never expires' 401 unauthorized "$(with_token "$(jwt "$(claims '')")")"
refused 'a token for later' 401 unauthorized \
    "$(with_token "$(jwt "$(claims ",\"exp\":$((now + 7200)),\"nbf\":$((now + 3600))")")")"
refused 'a token for another audience' 401 unauthorized \
    "$(with_token "$(jwt "{\"sub\":\"$user\",\"role\":\"authenticated\",\"aud\":\"others\",\"exp\":$(later)}")")"
refused "the front end's anonymous key" 403 forbidden "$(with_token "$(jwt "{\"role\":\"anon\",\"exp\":$(later)}")")"
refused 'another role' 403 forbidden \
    "$(with_token "$(jwt "{\"sub\":\"$user\",\"role\":\"authenticator\",\"aud\":\"authenticated\",\"exp\":$(later)}")")"
refused 'a subject that is no UUID' 403 forbidden \
    "$(with_token "$(jwt "{\"sub\":\"me\",\"role\":\"authenticated\",\"aud\":\"authenticated\",\"exp\":$(later)}")")"
refused 'an anonymous user' 403 forbidden \
    "$(with_token "$(jwt "$(claims ",\"is_anonymous\":true,\"exp\":$(later)")")")"
# That the database finds out, which has looked at the limit by then.
it 'a user without a profile'
post send-whatsapp "$message" "$json" "$(bearer $stranger)"
answers 403 forbidden
header RateLimit-Limit 5
header RateLimit-Remaining 5
header RateLimit-Reset 0
twilio_got_nothing
holds_no_row

settings JWT_ISSUER=https://auth.example
refused 'a token of another issuer' 401 unauthorized "$(bearer $user)"
it 'a token of the issuer'
post send-whatsapp "$message" "$json" \
    "$(with_token "$(jwt "$(claims ",\"iss\":\"https://auth.example\",\"exp\":$(later)")")")"
answers 200
it "a server's token is asked for no issuer"
post send-whatsapp "$message" "$json" "$(server_bearer)"
answers 200
settings

it 'claims that libjwt cannot read are called that, not a wrong signature'
for claim in '"id":123456789012345678901234567890' '"x":[1e400]' '"n":"\ud83d"' '"n":"\u0000"'; do
    post send-whatsapp "$message" "$json" "$(with_token "$(jwt "{\"role\":\"service_role\",\"exp\":$(later),$claim}")")"
    answers 401 unauthorized Unauthorized
    ! over direct || grep -q 'libjwt cannot read it' "$answer.stderr" ||
        complain 'the log' 'libjwt cannot read it' "$(cat "$answer.stderr")"
done

it 'the clocks of two hosts may differ by some seconds'
post send-whatsapp "$message" "$json" "$(with_token "$(jwt "$(claims ",\"exp\":$(($(date +%s) - 1))")")")"
answers 200

it 'the scheme may be written in any case'
post send-whatsapp "$message" "$json" "$(bearer $user | sed 's/Bearer/bEARER/')"
answers 200

it 'a token is looked at before the message'
post send-whatsapp 'no JSON' "$json"
answers 401 missing_authorization

forget_rows
it 'send-twilio-message ignores tokens by default'
post send-twilio-message "$message" 'Authorization: Bearer abc'
answers 200
no_header RateLimit-Limit
row queued 'sender_id is null' t

settings SEND_TWILIO_MESSAGE_AUTH=optional
it 'optional: nobody may send'
post send-twilio-message "$message"
answers 200
no_header RateLimit-Limit
row queued 'sender_id is null' t
it 'optional: a user is the sender, and limited'
post send-twilio-message "$message" "$(bearer $user)"
answers 200
header RateLimit-Limit 5
row queued sender_id $user
it 'optional: the anonymous key is nobody'
post send-twilio-message "$message" "$(with_token "$(jwt "{\"role\":\"anon\",\"exp\":$(later)}")")"
answers 200
row queued 'sender_id is null' t
it 'optional: a token that is there must be valid'
post send-twilio-message "$message" 'Authorization: Bearer abc'
answers 401 unauthorized
twilio_got_nothing

settings SEND_TWILIO_MESSAGE_AUTH=required
it 'required: nobody may not send'
post send-twilio-message "$message"
answers 401 missing_authorization 'Missing authorization header'
twilio_got_nothing
it 'required: the anonymous key may not send'
post send-twilio-message "$message" "$(with_token "$(jwt "{\"role\":\"anon\",\"exp\":$(later)}")")"
answers 403 forbidden
twilio_got_nothing
it 'required: a user may'
post send-twilio-message "$message" "$(bearer $user)"
answers 200
row queued sender_id $user
it 'required: a server may'
post send-twilio-message "$message" "$(server_bearer)"
answers 200
no_header RateLimit-Limit


# ---------------------------------------------------------------- keys of servers

server_key=sb_secret_0123456789abcdefghij other_key=the-key-of-another-server
publishable=sb_publishable_0123456789abcdefghij

# by_server PROGRAM HEADER...: a server's message, which no user's limit concerns
by_server()
{
    program=$1
    shift
    post "$program" "$message" "$json" "$@"
    answers 200
    no_header RateLimit-Limit
    holds "select count(*) filter (where sender_id is not null) from message_logs" 0
}

forget_rows
settings SEND_TWILIO_MESSAGE_AUTH=required SERVER_KEYS="$server_key , $other_key"
for program in send-twilio-message send-whatsapp; do
    it "$program: a server key as apikey, as bearer, and as both"
    by_server $program "apikey: $server_key"
    by_server $program "Authorization: Bearer $other_key"
    by_server $program "apikey: $other_key" "Authorization: bearer   $server_key"
    it "$program: as supabase-js sends it for a server"
    by_server $program "apikey: $publishable" "Authorization: Bearer $server_key"
    it "$program: servers have their keys of idempotency in common, and more than five messages"
    for n in 1 2 3 4 5 6; do by_server $program "apikey: $server_key" "Idempotency-Key: of-servers-$program-1"; done
    by_server $program "$(server_bearer)" "Idempotency-Key: of-servers-$program-1"
    header Idempotent-Replayed true

    forget_rows
    it "$program: another key counts as absent"
    for key in sb_secret_0123456789abcdefghik "${server_key}x" "$server_key,$other_key" "$publishable" ''; do
        post $program "$message" "$json" "apikey: $key"
        answers 401 missing_authorization
    done
    it "$program: as a bearer it is no token"
    post $program "$message" "$json" 'Authorization: Bearer sb_secret_0123456789abcdefghik'
    answers 401 unauthorized
    it "$program: who is not signed in has a publishable key as bearer"
    post $program "$message" "$json" "Authorization: Bearer $publishable" "apikey: $publishable"
    answers 403 forbidden
    it "$program: a bearer counts before apikey"
    post $program "$message" "$json" 'Authorization: Bearer abc' "apikey: $server_key"
    answers 401 unauthorized
    twilio_got_nothing
    holds_no_row
done

settings SEND_TWILIO_MESSAGE_AUTH=optional SERVER_KEYS="$server_key"
it 'optional: a publishable key is nobody, as bearer and as apikey'
post send-twilio-message "$message" "Authorization: Bearer $publishable"
answers 200
post send-twilio-message "$message" "apikey: $publishable"
answers 200
it 'optional: a bearer that is there must be valid, whatever apikey says'
post send-twilio-message "$message" 'Authorization: Bearer abc' "apikey: $server_key"
answers 401 unauthorized

settings SEND_TWILIO_MESSAGE_AUTH=required SUPABASE_JWT_SECRET= SERVER_KEYS="$server_key"
it 'server keys alone: no token is valid'
for program in send-twilio-message send-whatsapp; do
    post $program "$message" "$json" "$(bearer $user)"
    answers 401 unauthorized
done
it 'and the programs are configured'
post send-whatsapp "$message" "$json" "apikey: $server_key"
answers 200

settings SERVER_KEYS=0123456789abcdefghi
it 'a server key that can be guessed is no setting'
post send-whatsapp "$message" "$json" 'apikey: 0123456789abcdefghi'
answers 500 misconfigured

# A key set as RFC 7517 (appendix A.1) has it, and tokens that somebody else has signed with such a key.
key='{"kty":"EC","crv":"P-256","kid":"1","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}'
stranger_es256=$(printf '{"alg":"ES256","kid":"1"}' | base64url).$(user_claims $user | base64url).$(head -c 64 /dev/zero | base64url)
complaints() { program_log | grep -c '"note":"the last good key set is kept: '; }
publish() { printf %s "$1" >"$work/keys.new" && chmod 644 "$work/keys.new" && mv "$work/keys.new" "$work/keys.json"; }
case $transport in
*-fastcgi | pgbouncer)
    publish "{\"keys\":[$key]}"
    settings JWT_JWKS_FILE="$work/keys.json" RATE_LIMIT_PER_MINUTE=1000
    it 'a key set that goes bad under a running process: the last good one is kept, the log says so once'
    for token in 1 2 3 4 5 6 7 8 9 10 11 12; do
        post send-whatsapp "$message" "$json" "$(with_token "$stranger_es256")"
    done
    answers 401 unauthorized
    equals 'complaints before' 0 "$(complaints)"
    publish '{"keys":['
    for token in 1 2 3 4 5 6 7 8 9 10 11 12; do
        post send-whatsapp "$message" "$json" "$(with_token "$stranger_es256")"
    done
    answers 401 unauthorized
    case $(complaints) in
    [12]) ;;
    *) complain 'complaints of two processes' '1 or 2' "$(complaints)" ;;
    esac
    chmod 644 "$settings_file"
    as_user env -i sh -c "$settings_then" "$settings_file" "$work/cgi-bin/send-whatsapp" --check >"$work/check" 2>&1
    equals 'exit status of --check' 1 $?
    equals 'what --check says' 1 "$(grep -c '^key set  *invalid: .*; running processes keep the last good one' "$work/check")"
    ;;
esac

finish
