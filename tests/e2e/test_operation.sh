#!/bin/sh
# What an operator does by hand: usage, --version, --check, and the README's table of settings.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin

# by_hand PROGRAM [ARGUMENT...]: sets $status (the exit status), $output and $errors.
by_hand()
{
    program=$1
    shift
    answer=$work/output
    # shellcheck disable=SC2086 # a command and its arguments
    env -i PATH=/usr/bin:/bin sh -c "$settings_then" "$settings_file" $program_wrapper \
        "$work/cgi-bin/$program" "$@" >"$work/output" 2>"$work/errors"
    status=$?
    output=$(cat "$work/output") errors=$(cat "$work/errors")
}

# prints TEXT...
prints()
{
    for text; do
        case $output in
        *"$text"*) ;;
        *) complain 'part of the output' "$text" "$output" ;;
        esac
    done
}

lacks()
{
    for text; do
        case $output$errors in
        *"$text"*) complain 'not in the output' "$text" "$output$errors" ;;
        esac
    done
}

for program in send-twilio-message send-whatsapp twilio-delivery-status; do
    it "$program, started by hand, says what it is"
    by_hand $program
    equals 'exit status' 0 "$status"
    prints "$program: " '--check' '--version' DATABASE_URL PUBLIC_URL
    started=$output
    by_hand $program --help
    equals 'the output' "$started" "$output"

    it "$program --version"
    by_hand $program --version
    equals 'exit status' 0 "$status"
    equals 'the output' "$program $(sed -n 's/.*VERSION \([0-9.]*\) LANGUAGES.*/\1/p' "$root/CMakeLists.txt")" "$(printf '%s\n' "$output" | head -n 1)"
    case $(ldd "$work/cgi-bin/$program") in
    *libpq*) prints 'built in: nothing' ;;
    *) prints 'built in: ' 'libpq5 ' 'libssl3 ' ;;
    esac

    it "$program with an unknown option"
    by_hand $program --chekc
    equals 'exit status' 2 "$status"
    equals 'the output' '' "$output"
    equals 'the message' "$program: unknown option '--chekc', see --help" "$errors"

    it "$program --check, when all is well"
    settings TWILIO_AUTH_TOKEN_SECONDARY=another-secret-token
    by_hand $program --check
    equals 'exit status' 0 "$status"
    prints "$program: ready" 'reachable, schema ' 'DATABASE_URL '
    lacks "$auth_token" "$jwt_secret" another-secret-token

    it "$program --check tells of a schema that is behind it"
    schema=$(sql -c 'select messaging.schema_version()')
    sql -c "update messaging.schema_migrations set version = '0' where version = '$schema'"
    by_hand $program --check
    equals 'exit status' 1 "$status"
    prints 'reachable, schema 20' ", older than $schema of this program: run sql/migrate.sql" "$program: not ready"
    sql -c "update messaging.schema_migrations set version = '21000101000000' where version = '0'"
    by_hand $program --check
    equals 'of one that is ahead of it: exit status' 0 "$status"
    sql -c "update messaging.schema_migrations set version = '$schema' where version = '21000101000000'"

    it "$program --check names what is missing"
    settings PUBLIC_URL=
    by_hand $program --check
    equals 'exit status' 1 "$status"
    prints 'missing' "$program: not ready"
    equals 'the line' 1 "$(printf '%s\n' "$output" | grep -c '^PUBLIC_URL  *missing')"

    it "$program --check names what is wrong"
    settings CORS_ALLOW_ORIGIN="'"
    by_hand $program --check
    equals 'exit status' 1 "$status"
    equals 'the line' 1 "$(printf '%s\n' "$output" | grep -c '^CORS_ALLOW_ORIGIN  *invalid')"

    it "$program --check tells where Twilio itself would not find us"
    for url in http://localhost:8080/functions/v1 https://192.168.1.5/functions/v1 https://webserver/v1 \
        'https://[fe80::1]:8443/functions/v1' https://server.local/functions/v1 \
        https://example.org/functions/v1/twilio-delivery-status; do
        settings PUBLIC_URL="$url" TWILIO_API_URL=
        by_hand $program --check
        equals "the line for $url" 1 \
            "$(printf '%s\n' "$output" | grep -c '^PUBLIC_URL  *set: Twilio cannot reach it: ')"
    done
    settings PUBLIC_URL=https://example.org:65536/functions/v1
    by_hand $program --check
    equals 'exit status for a port that there is not' 1 "$status"
    settings PUBLIC_URL=https://example.org/functions/v1 TWILIO_API_URL=
    by_hand $program --check
    equals 'the line for an address that is good' 1 "$(printf '%s\n' "$output" | grep -c '^PUBLIC_URL  *set$')"
    settings PUBLIC_URL=http://localhost:8080/functions/v1
    by_hand $program --check
    equals 'the line with a stand-in' 1 "$(printf '%s\n' "$output" | grep -c '^PUBLIC_URL  *set$')"

    it "$program --check names a secret with a blank behind it"
    settings TWILIO_AUTH_TOKEN="$auth_token "
    by_hand $program --check
    equals 'exit status' 1 "$status"
    prints 'TWILIO_AUTH_TOKEN              invalid: has a blank or a line end around it'
    lacks "$auth_token"

    it "$program --check, when the database is away"
    settings DATABASE_URL="host='$work/nowhere' user=twilio_cgi password=the-database-password"
    by_hand $program --check
    equals 'exit status' 1 "$status"
    prints 'cannot connect to the database' "$program: not ready"
    lacks the-database-password
    settings
done

for program in send-twilio-message send-whatsapp; do
    it "$program --check resolves Twilio's address"
    by_hand $program --check
    prints resolvable
    settings TWILIO_API_URL=https://no-such-host.invalid
    by_hand $program --check
    equals 'exit status' 1 "$status"
    prints 'not resolvable'
    settings
done

for program in send-twilio-message send-whatsapp; do
    it "$program --check names libjwt, where it cannot be loaded"
    name=$(grep -a -o 'libjwt\.so\.[0-9]*' "$work/cgi-bin/$program" | head -n 1)
    mkdir "$work/broken"
    : >"$work/broken/$name"
    settings LD_LIBRARY_PATH="$work/broken"
    by_hand $program --check
    equals 'exit status' 1 "$status"
    prints "$name: file too short" "$program: not ready"
    settings
    rm -r "$work/broken"
done

it 'a verb that takes no argument is not run with one'
by_hand twilio-delivery-status --drain now
equals 'exit status' 2 "$status"
equals 'the message' "twilio-delivery-status: '--drain' takes no argument" "$errors"

it 'send-whatsapp --check looks into the key set'
echo '{"keys":[]}' >"$work/keys.json"
settings JWT_JWKS_FILE="$work/keys.json"
by_hand send-whatsapp --check
equals 'exit status with a secret beside it' 0 "$status"
prints ' 0 usable keys'
settings JWT_JWKS_FILE="$work/keys.json" SUPABASE_JWT_SECRET=
by_hand send-whatsapp --check
equals 'exit status without' 1 "$status"
settings JWT_JWKS_FILE="$work/nowhere.json"
by_hand send-whatsapp --check
equals 'exit status without the file' 1 "$status"
prints ' invalid: '
settings SUPABASE_JWT_SECRET=too-short
by_hand send-whatsapp --check
equals 'exit status with a short secret' 0 "$status"
prints ' shorter than 32 bytes'
lacks too-short
settings

it 'an argument that a web server makes of a query string is no verb'
answer=$work/output
env -i REQUEST_METHOD=GET sh -c "$settings_then" "$settings_file" "$work/cgi-bin/send-whatsapp" --check \
    >"$work/output" 2>>"$work/stderr"
equals 'the first line' 'Status: 405 Method Not Allowed' "$(head -n 1 "$work/output" | tr -d '\r')"

it 'the whole answer, byte by byte'
env -i REQUEST_METHOD=GET HTTP_X_REQUEST_ID=one sh -c "$settings_then" "$settings_file" \
    "$work/cgi-bin/send-whatsapp" </dev/null >"$work/output" 2>>"$work/stderr"
printf '%s\r\n' 'Status: 405 Method Not Allowed' 'Content-Type: application/json; charset=utf-8' \
    'Cache-Control: no-store' 'X-Content-Type-Options: nosniff' 'X-Request-Id: one' \
    'Access-Control-Allow-Origin: *' \
    'Access-Control-Expose-Headers: X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Retry-After, Idempotent-Replayed, WWW-Authenticate' \
    'Allow: POST, OPTIONS' '' >"$work/expected"
printf '{"success":false,"error":"Method not allowed","code":"method_not_allowed"}' >>"$work/expected"
equals 'standard output' "$(od -c "$work/expected")" "$(od -c "$work/output")"

it 'the webhook has no business with libcurl'
answer=
equals 'libraries' '' "$(ldd "$work/cgi-bin/twilio-delivery-status" | grep -E 'libcurl|libjwt')"

it "the README's table of settings is the programs' own"
table()
{
    for program in send-twilio-message send-whatsapp twilio-delivery-status; do
        "$work/cgi-bin/$program" --help | sed '1,/^Settings/d'
    done | sort -u | sed -n 's/^  \([A-Z_]*\)  *\(.*\)/\1 | \2/p'
}
readme_table()
{
    sed -n '/^## Settings/,/^## Deploy/s/^| `\([A-Z_]*\)` | \(.*\) |$/\1 | \2/p' "$root/README.md" | sort -u
}
equals 'the table' "$(table)" "$(readme_table)"

finish
