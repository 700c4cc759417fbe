# The end-to-end tests' own language; POSIX sh, sourced by each test_*.sh.
#
#   sh test_X.sh BUILD-DIRECTORY TRANSPORT
#
# TRANSPORT is how a request reaches a program. `direct` runs the program by environment and standard
# input and reads standard output; any other is a web server, see servers.sh.
# The tests are the same: what only some transports can do stands behind `over`.
#
#   it 'NAME'                          a new case
#   post TARGET BODY ['Name: value'...]     send; TARGET is PROGRAM or PROGRAM?QUERY
#   request METHOD TARGET BODY [HEADER...]  the same with another method
#   answers STATUS [CODE [TEXT]]       the status, and of an error its code and text
#   header NAME VALUE; no_header NAME  of the answer
#   body_has TEXT...; body_lacks TEXT...
#   row STATUS [SQL VALUE]...          the message_logs row that the answer names by its id
#   holds SQL VALUE                    a query's result
#   equals WHAT EXPECTED ACTUAL        anything
#   twilio_got [TEXT...]               exactly one message was posted to the sandbox, with these
#   twilio_got_nothing                 none was; a pattern in $beside names recipients not meant
#   twilio_set NAME=VALUE...           options of the sandbox, from now on: see its --help
#   settings NAME=VALUE...             from now on instead of the defaults; without any: the defaults
#   send NAME METHOD TARGET BODY [HEADER...]; take NAME    a request in the background, its answer
#
# Each case prints "ok" or "not ok" (the TAP format) with what came; finish gives the exit status.
#
# shellcheck shell=sh disable=SC2034

build=$(cd "$1" && pwd -P)
transport=$2
programs=${E2E_PROGRAMS:-$build/cgi-bin}
program_wrapper=${E2E_WRAPPER:-} # before a program that is run by hand, say valgrind
root=$(cd "$(dirname "$0")/../.." && pwd -P)
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

# shellcheck source=tests/common.sh
. "$root/tests/common.sh"
as_user_caps= # everything that the user needs is in $work, where it can go

# A library that is preloaded comes before AddressSanitizer's, which asks not to be second.
asan_preload=ASAN_OPTIONS=verify_asan_link_order=0

sid=AC0123456789abcdef0123456789abcdef
auth_token=0123456789abcdef0123456789abcde0
jwt_secret=a-secret-of-32-characters-or-more
template=HX0123456789abcdef0123456789abcdef

# People and a maintenance request, known to the database.
user=11111111-1111-4111-8111-111111111111
other_user=22222222-2222-4222-8222-222222222222
stranger=33333333-3333-4333-8333-333333333333 # has no profile
maintenance_request=44444444-4444-4444-8444-444444444444

# ---------------------------------------------------------------- the system under test

begin()
{
    work=$(mktemp -d /tmp/twilio-cgi-e2e.XXXXXX) || exit 1
    chmod 755 "$work"
    trap 'end; exit 1' HUP INT PIPE TERM
    trap end EXIT
    mkdir "$work/cgi-bin" "$work/answers"
    make_directory "$work/spool"
    for program in send-twilio-message send-whatsapp twilio-delivery-status; do
        cp "$programs/$program" "$work/cgi-bin/"
    done
    sandbox=$build/tests/sandbox/twilio-sandbox
    : >"$work/stderr"

    database_start || exit 1
    sql -c "insert into profiles (id) values ('$user'), ('$other_user');
        insert into maintenance_requests (id, created_by)
        values ('$maintenance_request', '$user');" || exit 1

    port=$(free_port) # of the web server
    base=http://127.0.0.1:$port/functions/v1
    start_sandbox
    if over server; then
        # shellcheck source=tests/e2e/servers.sh
        . "$root/tests/e2e/servers.sh"
    fi
    settings
    ! over server || server_start || exit 1
}

# A database of its own with our schema: a copy of one that is made once for this schema and server,
# as initdb and the migrations cost more than most tests.
database_start()
{
    cluster_server=$(postgres_bin) || return 1
    cluster_template=$build/tests/e2e/cluster-$(printf %s "$cluster_server" | cksum | cut -d ' ' -f 1)
    mkdir -p "$cluster_template" "$work/db"
    {
        flock 8 || return 1
        schema="$(cat "$root"/sql/*.sql "$root"/sql/*/*.sql | cksum) $cluster_server $(id -u)"
        if [ "$(cat "$cluster_template/schema" 2>/dev/null)" != "$schema" ]; then
            rm -rf "$cluster_template/schema" "$cluster_template/data"
            # what it starts must not keep the lock, should this end in the middle
            template_make 8>&- && cp -a "$work/template/data" "$cluster_template/data" || return 1
            rm -rf "$work/template"
            echo "$schema" >"$cluster_template/schema"
        fi
        flock -s 8
        cp -a "$cluster_template/data" "$work/db/data" || return 1
    } 8>>"$cluster_template/lock"
    cluster_start "$work/db"
}

template_make()
{
    cluster_start "$work/template" && psql -X -q -d postgres -c 'create database twilio_cgi' || return 1
    for file in standalone migrate; do
        sql -f "$root/sql/$file.sql" >"$work/migration.log" 2>&1 ||
            { cat "$work/migration.log"; return 1; }
    done
    cluster_stop "$work/template"
}

# A directory of the unprivileged user's.
make_directory()
{
    mkdir -m 700 "$@"
    [ "$(id -u)" -ne 0 ] || chown "$unprivileged_user:" "$@"
}

end()
{
    trap - EXIT
    ! over server || server_stop 2>/dev/null
    stop_sandbox
    cluster_stop "$work/template"
    cluster_stop "$work/db"
    free_ports_again
    rm -rf --one-file-system "$work"
}

# Without callbacks, so that a row stays as the program left it: see twilio_set.
start_sandbox()
{
    rm -f "$work/twilio.port"
    # shellcheck disable=SC2086 # options
    TWILIO_ACCOUNT_SID=$sid TWILIO_AUTH_TOKEN=$auth_token "$sandbox" --log "$work/twilio.log" \
        --port-file "$work/twilio.port" --callbacks=off --callback-delay-ms 20 \
        --slow-ms 300 ${sandbox_options:-} >>"$work/sandbox.out" 2>&1 &
    sandbox_pid=$!
    await test -s "$work/twilio.port"
    twilio_url=http://127.0.0.1:$(cat "$work/twilio.port")
}

stop_sandbox()
{
    [ -n "${sandbox_pid:-}" ] || return 0
    kill "$sandbox_pid" 2>/dev/null
    wait "$sandbox_pid" 2>/dev/null
    sandbox_pid=
}

# await COMMAND...: until it succeeds. CTest ends what waits for ever.
await()
{
    until "$@" >/dev/null 2>&1; do sleep 0.05; done
}

conninfo() { echo "host='$PGHOST' port=5432 dbname=twilio_cgi user=$1"; }

# What the programs are told.
database_url() { conninfo twilio_cgi; }

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$(conninfo postgres)" "$@"; }

# What stands in the database, and does not differ from one version of PostgreSQL to the next: not how it
# writes views, nor what it calls all that an owner may do.
schema_told()
{
    sed 's/pg_get_viewdef(c.oid)/null/' "$root/tests/sql/schema.sql" >"$work/schema.sql"
    sql -v schema= -v relation= -v without= -f "$work/schema.sql" | sed -E 's/[a-z_]+=arwdDxtm?\/[a-z_]+ ?//g; s/ \|/|/g'
}

# The programs' settings, a file that a shell can read.
settings()
{
    # A file of its own each time: a program in the background may not have read the last one yet.
    settings_count=$((${settings_count:-0} + 1))
    settings_file=$work/settings.$settings_count
    cat >"$settings_file" <<TEXT
TWILIO_ACCOUNT_SID=$sid
TWILIO_AUTH_TOKEN=$auth_token
TWILIO_PHONE_NUMBER=+15005550006
TWILIO_API_URL=$twilio_url
PUBLIC_URL=$base
DATABASE_URL="$(database_url)"
SUPABASE_JWT_SECRET=$jwt_secret
SPOOL_DIR=$work/spool
TEXT
    for setting; do
        printf "%s='%s'\n" "${setting%%=*}" "$(printf %s "${setting#*=}" | sed "s/'/'\\\\''/g")" \
            >>"$settings_file"
    done
    [ -z "${server_running:-}" ] || server_reload
}

# shellcheck disable=SC2016 # for the other shell to expand
settings_then='set -a; . "$0"; set +a; exec "$@"'

# over TRANSPORT: is it this one? "over server" is any web server.
over() { [ "$transport" = "$1" ] || { [ "$1" = server ] && [ "$transport" != direct ]; }; }

# processes PROGRAM [OPTION]: who runs it, or with pgrep's -o the oldest of them. What stands in /proc besides
# is for root alone to read.
processes() { pgrep ${2:+"$2"} -f "^$work/cgi-bin/$1"; }

# ---------------------------------------------------------------- cases

cases=0 failed_cases=0 case_name='' case_failed=''

it()
{
    close_case
    case_name=$1 case_failed=''
    mark_twilio
}

close_case()
{
    [ -n "$case_name" ] || return 0
    cases=$((cases + 1))
    if [ -n "$case_failed" ]; then
        failed_cases=$((failed_cases + 1))
        echo "not ok $cases - $case_name"
    else
        echo "ok $cases - $case_name"
    fi
    case_name=
}

finish()
{
    close_case
    # What LeakSanitizer says of a thread that was killed while it looked is not the program's.
    if program_log |
        grep -v -e '^{"time":".*}$' -e '^==[0-9]*==Unable to get registers from thread' \
            >"$work/stray"; then
        cases=$((cases + 1)) failed_cases=$((failed_cases + 1))
        echo "not ok $cases - programs write nothing but log lines to standard error"
        sed 's/^/#   /' "$work/stray"
    fi
    echo "1..$cases"
    [ "$failed_cases" -eq 0 ] || echo "# $failed_cases of $cases failed"
    [ "$cases" -gt 0 ] && [ "$failed_cases" -eq 0 ]
    exit
}

# What the programs have written to standard error.
program_log() { cat "$work/stderr"; }

# log_of ANSWER: its request's line, which may come a moment after it; or the last one
log_of()
{
    id=$(sed -n 's/^X-Request-Id: *//Ip' "$1" | tr -d '\r')
    for moment in 1 2 3 4 5; do
        program_log | grep -F "\"request_id\":\"${id:-none}\"" && return
        sleep 0.2
    done
    program_log | tail -n 1
}

# complain WHAT EXPECTED ACTUAL
complain()
{
    if [ -z "$case_failed" ]; then
        echo "# $case_name"
        if [ -f "${answer:-/nonexistent}" ]; then
            echo "#   the answer was:"
            head -c 3000 "$answer" | tr -d '\r' | sed 's/^/#     /'
            echo
            log_of "$answer" | sed 's/^/#   the log said: /'
        fi
    fi
    case_failed=yes
    printf '#   %s\n#     expected: %s\n#     actual:   %s\n' "$1" "$2" "$3"
}

equals() { [ "$2" = "$3" ] || complain "$1" "$2" "$3"; }

# ---------------------------------------------------------------- requests

post() { request POST "$@"; }

request()
{
    answer=$work/answer
    exchange "$answer" "$@"
    read_answer
}

send()
{
    name=$1
    shift
    exchange "$work/answers/$name" "$@" &
    eval "sent_$name=\$!"
}

take()
{
    eval "wait \$sent_$1"
    answer=$work/answers/$1
    read_answer
}

# A body of any bytes: post_file TARGET FILE [HEADER...]
post_file()
{
    body_file=$2 target=$1
    shift 2
    request POST "$target" @"$body_file" "$@"
}

# exchange ANSWER-FILE METHOD TARGET BODY [HEADER...]
exchange()
(
    answer=$1 method=$2 target=$3 body=$4
    shift 4
    body_file=$answer.body
    case $body in
    @*) body_file=${body#@} ;;
    *) printf %s "$body" >"$body_file" ;;
    esac
    if over direct; then
        run_program "$@"
    else
        call_server "$@"
    fi
)

# The environment that RFC 3875 describes.
run_program()
{
    query='' type='' length=$(wc -c <"$body_file") remote=127.0.0.1
    case $target in
    *\?*) query=${target#*\?} ;;
    esac
    for field; do
        shift
        value=${field#*:}
        value=${value# }
        case $field in
        Content-Type:*) type=$value ;;
        Content-Length:*) length=$value ;;
        Remote-Address:*) remote=$value ;;
        *)
            set -- "$@" "HTTP_$(printf %s "${field%%:*}" | tr 'a-z-' 'A-Z_')=$value"
            ;;
        esac
    done
    # shellcheck disable=SC2086 # a command and its arguments
    env -i PATH=/usr/bin:/bin GATEWAY_INTERFACE=CGI/1.1 SERVER_PROTOCOL=HTTP/1.1 \
        REQUEST_METHOD="$method" QUERY_STRING="$query" CONTENT_TYPE="$type" \
        CONTENT_LENGTH="$length" REMOTE_ADDR="$remote" SCRIPT_NAME="/functions/v1/${target%%\?*}" \
        SERVER_NAME=localhost SERVER_PORT=80 "$@" \
        sh -c "$settings_then" "$settings_file" $program_wrapper \
        "$work/cgi-bin/${target%%\?*}" \
        <"$body_file" >"$answer" 2>"$answer.stderr"
    echo "$?" >"$answer.exit"
    cat "$answer.stderr" >>"$work/stderr"
}

call_server()
{
    typed=
    for field; do
        shift
        case $field in
        Content-Type:*) typed=yes ;;
        esac
        case $field in
        *:\ ?* | *:[!\ ]*) set -- "$@" -H "$field" ;;
        *) set -- "$@" -H "${field%%:*};" ;;
        esac
    done
    # curl would say that a body is a form.
    [ -n "$typed" ] || set -- "$@" -H 'Content-Type:'
    # and OPTIONS, GET and the like are sent as they are, without a body where there is none.
    if [ "$method" = POST ] || [ -s "$body_file" ]; then
        set -- "$@" --data-binary @"$body_file"
    fi
    curl -q -s -i --http1.1 -H Expect: -X "$method" "$@" "$base/$target" >"$answer" 2>"$answer.stderr"
    echo "$?" >"$answer.exit"
}

# Sets $status, $headers (a file) and $body.
read_answer()
{
    headers=$answer.headers
    tr -d '\r' <"$answer" | sed '/^$/,$d' >"$headers"
    body=$(sed '1,/^\r*$/d; s/": /":/g; s/, "/,"/g' "$answer") # jsonb's spaces do not matter
    status=$(sed -n '1s/^\(Status:\|HTTP\/1.1\) \([0-9]*\).*/\2/p' "$headers")
    equals 'exit status' 0 "$(cat "$answer.exit")"
    if over direct; then
        equals 'lines in the log' 1 "$(wc -l <"$answer.stderr" | tr -d ' ')"
    fi
}

# ---------------------------------------------------------------- what is expected

answers()
{
    equals 'status' "$1" "$status"
    header Cache-Control no-store
    header X-Content-Type-Options nosniff
    case $(header_value X-Request-Id) in
    ????????*) ;;
    *) complain 'header X-Request-Id' 'eight characters or more' "$(header_value X-Request-Id)" ;;
    esac
    # A web server may leave the type out where there is nothing.
    [ "$1" = 204 ] || header Content-Type 'application/json; charset=utf-8'
    case $1 in
    204) equals 'body' '' "$body" ;;
    200) body_has '{"success":true,' ;;
    *)
        body_has '{"success":false,"error":"'
        [ -z "${2:-}" ] || body_has "\"code\":\"$2\""
        [ -z "${3:-}" ] || body_has "\"error\":\"$3\""
        ;;
    esac
}

header_value() { sed -n "s/^$1: //Ip" "$headers"; }

header() { equals "header $1" "$2" "$(header_value "$1")"; }

no_header() { equals "header $1" '' "$(header_value "$1")"; }

body_has()
{
    for text; do
        case $body in
        *"$text"*) ;;
        *) complain 'part of the body' "$text" "$body" ;;
        esac
    done
}

body_lacks()
{
    for text; do
        case $body in
        *"$text"*) complain 'not in the body' "$text" "$body" ;;
        esac
    done
}

# The body with what differs each time replaced: <uuid>, <sid>, <time>.
plain_body()
{
    printf %s "$body" | sed -E 's/[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}/<uuid>/g
        s/(SM|MM)[0-9a-f]{32}/<sid>/g
        s/"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+\+00:00"/"<time>"/g'
}

body_is() { equals 'body' "$1" "$(plain_body)"; }

# The member of the answer that is a string.
member() { printf %s "$body" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

holds() { equals "$1" "$2" "$(sql -c "$1" 2>&1)"; }

row()
{
    id=$(member id)
    case $id in
    ????????-????-????-????-????????????) ;;
    *) complain 'the answer names its row' 'a UUID' "$id" && return ;;
    esac
    holds "select status from message_logs where id = '$id'" "$1"
    shift
    while [ $# -gt 0 ]; do
        holds "select $1 from message_logs where id = '$id'" "$2"
        shift 2
    done
}

holds_no_row() { holds 'select count(*) from message_logs' 0; }

forget_rows() { sql -c 'truncate message_logs cascade' >/dev/null 2>&1; }

# ---------------------------------------------------------------- Twilio's side

twilio_set()
{
    for option; do
        shift
        set -- "$@" -d "$option"
    done
    equals 'the sandbox takes options' 200 \
        "$(curl -q -s -o /dev/null -w '%{http_code}' "$twilio_url/sandbox/config" "$@")"
}

mark_twilio() { twilio_mark=$(wc -l <"$work/twilio.log" 2>/dev/null || echo 0); }

posted()
{
    tail -n +"$((twilio_mark + 1))" "$work/twilio.log" |
        grep '"type":"request","method":"POST","path":"[^"]*/Messages.json"' |
        grep -v "\"To\":\"${beside:-none}\""
}

twilio_got()
{
    equals 'messages posted to Twilio' 1 "$(posted | wc -l | tr -d ' ')"
    for text; do
        case $(posted) in
        *"$text"*) ;;
        *) complain 'part of the request to Twilio' "$text" "$(posted)" ;;
        esac
    done
}

twilio_got_nothing() { equals 'messages posted to Twilio' '' "$(posted)"; }

# ---------------------------------------------------------------- tokens and signatures

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# jwt CLAIMS [HEADER [SECRET]]: an HS256 token.
jwt()
{
    signed=$(printf %s "${2:-{\"alg\":\"HS256\",\"typ\":\"JWT\"\}}" | base64url).$(printf %s "$1" | base64url)
    printf '%s.%s' "$signed" "$(printf %s "$signed" |
        openssl dgst -sha256 -hmac "${3:-$jwt_secret}" -binary | base64url)"
}

later() { echo $(($(date +%s) + 3600)); }

user_claims() { printf '{"sub":"%s","role":"authenticated","aud":"authenticated","exp":%s}' "$1" "$(later)"; }

bearer() { printf 'Authorization: Bearer %s' "$(jwt "$(user_claims "$1")")"; }

server_bearer() { printf 'Authorization: Bearer %s' "$(jwt "{\"role\":\"service_role\",\"exp\":$(later)}")"; }

# sign TOKEN URL [NAME=VALUE...]: X-Twilio-Signature as Twilio's page describes it, by openssl.
# https://www.twilio.com/docs/usage/webhooks/webhooks-security
sign()
{
    key=$1 url=$2
    shift 2
    { printf %s "$url"; [ $# -eq 0 ] || printf '%s\n' "$@" | sort | sed 's/=//' | tr -d '\n'; } |
        openssl dgst -sha1 -hmac "$key" -binary | openssl base64 -A
}

encode() { printf %s "$1" | sed 's/%/%25/g; s/+/%2B/g; s/&/%26/g; s/#/%23/g; s/ /+/g'; }

form()
{
    form=
    for field; do
        form="$form${form:+&}$(encode "${field%%=*}")=$(encode "${field#*=}")"
    done
    printf %s "$form"
}

# callback QUERY NAME=VALUE...: a status callback as Twilio makes it, signed.
callback()
{
    target=twilio-delivery-status${1:+?$1}
    shift
    post "$target" "$(form "$@")" 'Content-Type: application/x-www-form-urlencoded' \
        "X-Twilio-Signature: $(sign "$auth_token" "$base/$target" "$@")"
}
