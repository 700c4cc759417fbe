#!/bin/sh
# The whole system on this machine, for trying it out: see usage().
#
# Everything lives in build/local/: programs, database, configuration, sockets, process ids, logs.
# The servers run as an unprivileged user: www-data where root calls this, else the caller.
#
# build/local/ is the caller's, and so is all in it that this script itself reads and writes. That user's
# are data/, run/, spool/ and the files that a server opens by itself: there, what is to be done is done
# as that user. Settings are read as text, never run.
set -eu
umask 022
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin

usage()
{
    cat <<'TEXT'
usage: sh nginx/local.sh up [NUMBER] | down | status | demo [NUMBER] | run PROGRAM [ARGUMENT...]

  up      install what is missing, build, start everything, send a first SMS and watch it arrive
  down    stop what up has started; the data stays in build/local/
  status  what runs, where, and whether it is well (exit status 0: all of it, 3: nothing runs,
          1: a part, or something is wrong with it)
  demo    send another SMS, and watch it; to NUMBER, where one is given
  run     a program with the local system's settings and user: run twilio-delivery-status --report

Messages go to a stand-in for Twilio. With TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and
TWILIO_PHONE_NUMBER in the environment, up uses the real Twilio, which calls back to PUBLIC_URL.
TEXT
}

root=$(cd "$(dirname "$0")/.." && pwd -P)
build=$root/build
local=$build/local
state=$local
services='database twilio programs web'
programs='send-twilio-message send-whatsapp twilio-delivery-status'

# shellcheck source=nginx/packages.sh
. "$root/nginx/packages.sh"
# shellcheck source=tests/common.sh
. "$root/tests/common.sh"

warn() { printf '%s\n' "local.sh: $*" >&2; }

# fail MESSAGE [LOG]: with the last lines of the log concerned.
fail()
{
    warn "$1"
    if [ -s "${2:-/nonexistent}" ]; then
        warn "the end of $2:"
        tail -n 25 "$2" >&2
    fi
    exit 1
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for()
{
    tries=$(($1 * 10))
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

# ---------------------------------------------------------------- the unprivileged user and place

# No capabilities for the user: what it needs is brought to where it can go.
become=
if [ "$(id -u)" -eq 0 ]; then
    become="setpriv --reuid=$unprivileged_user --regid=$unprivileged_user --clear-groups --"
fi

as_user()
{
    # shellcheck disable=SC2086 # a command and its arguments, or nothing
    $become "$@"
}

# in_state COMMAND...: the user's, in build/local/, with nothing of the caller's environment.
in_state()
{
    (
        cd "$state"
        as_user env -i PATH="$PATH" LC_ALL="$LC_ALL" "$@"
    )
}

find_state()
{
    if [ -d "$local" ]; then
        state=$(cd "$local" 2>/dev/null && pwd -P) || refuse "$local"
    fi
}

# ---------------------------------------------------------------- whose it is

refuse()
{
    owner=$(stat -c %U "$1" | sed 's/^UNKNOWN$/another user/')
    fail "$1 is $owner's, who has used this clone before: call this as $owner, or remove ${2:-$local}"
}

# What somebody else has made here is neither believed nor changed. The build may be that of the clone's
# owner, who calls this with sudo; but the servers' user has no business with it.
check_owner()
{
    for place in "$build" "$build/.local-lock" "$build/CMakeCache.txt" "$build/cgi-bin"; do
        [ -e "$place" ] || continue
        [ -w "$place" ] || refuse "$place" "$build"
        [ -z "$become" ] || [ "$(stat -c %U "$place")" != "$unprivileged_user" ] || refuse "$place" "$build"
    done
    [ -e "$build" ] || [ -w "$root" ] || fail "nothing can be built in $root: it is $(stat -c %U "$root")'s"
    for place in "$local" "$state" "$state/environment" "$state/log" "$state/nginx" "$state/record"; do
        [ -e "$place" ] || [ -L "$place" ] || continue
        [ "$(stat -c %u "$place")" = "$(id -u)" ] || refuse "$place"
        [ "$place" = "$local" ] || [ ! -L "$place" ] || fail "$place is a link: remove $local"
    done
}

# fresh FILE...: empty ones, and no ways to other files, whatever was there.
fresh()
{
    for file; do
        rm -f "$file"
        ( set -C && : >"$file" )
    done
}

# For the user to write, in a directory where that user can put nothing in its place.
users_file()
{
    if [ -L "$1" ] || [ ! -f "$1" ]; then
        fresh "$1"
    fi
    [ -z "$become" ] || chown -h "$unprivileged_user:" "$1"
    chmod 600 "$1"
}

# Can the user get there, does a socket's name fit (107 bytes), can every configuration say it?
is_usable()
{
    as_user test -x "$1" && [ ${#1} -le 80 ] || return 1
    case $1 in
    *[\"\'\$\\,]*) return 1 ;;
    esac
}

# Below /root, for one, that user gets nowhere: then the directory stays in /var/tmp while the system
# runs, and build/local is a link to it. down brings it back.
settle_state()
{
    [ -e "$local" ] || rm -f "$local"
    if [ ! -L "$local" ]; then
        mkdir -p "$local"
        chmod 700 "$local"
        [ -z "$become" ] || { chgrp "$unprivileged_user" "$local" && chmod 750 "$local"; }
        if ! is_usable "$local"; then
            shelter=$(mktemp -d /var/tmp/twilio-cgi.XXXXXX)
            mv -T "$local" "$shelter"
            ln -s "$shelter" "$local"
        fi
    fi
    find_state
    for directory in bin cgi-bin log nginx record sql; do
        mkdir -p "$state/$directory"
    done
    for directory in data run spool nginx/body nginx/fastcgi nginx/proxy nginx/scgi nginx/uwsgi; do
        [ -d "$state/$directory" ] ||
            install -d -m 700 ${become:+-o "$unprivileged_user" -g "$unprivileged_user"} "$state/$directory"
    done
    for file in nginx access twilio-requests; do
        users_file "$state/log/$file.log"
    done
}

bring_state_back()
{
    if [ -L "$local" ] && [ -d "$local" ]; then
        rm -f "$local"
        mv -T "$state" "$local"
        state=$local
    fi
}

# ---------------------------------------------------------------- processes

# A process is the one recorded only if it began when that one did, in the same run of the machine.
identity()
{
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    pid=$1
    # shellcheck disable=SC2086 # fields, behind a name that may hold anything
    set -- ${line##*) }
    [ "$1" != Z ] || return 1
    echo "$pid ${20} $(cat /proc/sys/kernel/random/boot_id)"
}

# pid_of SERVICE: its process id, if it is running.
pid_of()
{
    recorded=$(cat "$state/record/$1.pid" 2>/dev/null) || return 1
    [ "$(identity "${recorded%% *}")" = "$recorded" ] && echo "${recorded%% *}"
}

# members_of SERVICE: the processes of its group that are at home in build/local/.
members_of()
{
    recorded=$(cat "$state/record/$1.pid" 2>/dev/null) || return 0
    [ "${recorded##* }" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 0
    for process in /proc/[0-9]*; do
        { read -r line <"$process/stat"; } 2>/dev/null || continue
        # shellcheck disable=SC2086 # fields: state, parent, process group
        set -- ${line##*) }
        if [ "$1" = Z ] || [ "$3" != "${recorded%% *}" ]; then
            continue
        fi
        case $(readlink "$process/cwd" 2>/dev/null) in
        "$state" | "$state"/*) echo "${process#/proc/}" ;;
        esac
    done
}

is_gone() { [ -z "$(members_of "$1")" ]; }

# start SERVICE [with-settings] COMMAND...: in build/local/, in a process group of its own, with its own
# log, as the user.
start()
{
    service=$1 then=
    shift
    if [ "$1" = with-settings ]; then
        then=$settings_then
        shift
    fi
    fresh "$state/log/$service.log" "$state/record/$service.pid"
    (
        cd "$state"
        # shellcheck disable=SC2086 # a command and its arguments, or nothing
        exec env -i PATH="$PATH" LC_ALL="$LC_ALL" ${then:+sh -c "$then" -} $become setsid "$@" 9>&-
    ) </dev/null >>"$state/log/$service.log" 2>&1 &
    identity "$!" >"$state/record/$service.pid" || fail "$service did not start" "$state/log/$service.log"
}

# await SERVICE COMMAND...: until the command succeeds, as long as the service lives.
await()
{
    service=$1
    shift
    while pid_of "$service" >/dev/null; do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    fail "$service did not start" "$state/log/$service.log"
}

stop()
{
    case $1 in
    database) # a fast shutdown; its children hear of it from their parent
        ! pid=$(pid_of database) || kill -INT "$pid" 2>/dev/null || : ;;
    *) # programs that still answer a request ignore this and end by themselves
        # shellcheck disable=SC2046 # a list
        is_gone "$1" || kill -TERM $(members_of "$1") 2>/dev/null || : ;;
    esac
    if ! wait_for 40 is_gone "$1"; then
        warn "$1 does not stop: killing it"
        # shellcheck disable=SC2046 # a list
        kill -KILL $(members_of "$1") 2>/dev/null || :
        wait_for 10 is_gone "$1" || warn "$1 cannot be stopped"
    fi
    rm -f "$state/record/$1.pid"
}

stop_all()
{
    for service in web programs twilio database; do
        [ ! -e "$state/record/$service.pid" ] || stop "$service"
    done
}

# What is to run: the real Twilio is not ours.
expected()
{
    for service in $services; do
        [ "$service" != twilio ] || [ ! -e "$state/record/real-twilio" ] || continue
        echo "$service"
    done
}

is_up()
{
    for service in $(expected); do
        pid_of "$service" >/dev/null || return 1
    done
}

is_down()
{
    for service in $services; do
        is_gone "$service" || return 1
    done
}

# ---------------------------------------------------------------- the parts

build_programs()
{
    log=$state/log/build.log
    echo "Building (the compiler's output is in build/local/log/build.log)"
    fresh "$log"
    cmake -S "$root" -B "$build" >>"$log" 2>&1 || fail "cmake failed" "$log"
    cmake --build "$build" --parallel "$(nproc)" --target send_twilio_message send_whatsapp \
        twilio_delivery_status twilio-sandbox >>"$log" 2>&1 || fail "the build failed" "$log"
    for program in $programs; do
        install -m 755 "$build/cgi-bin/$program" "$state/cgi-bin/$program"
    done
    install -m 755 "$build/tests/sandbox/twilio-sandbox" "$state/bin/twilio-sandbox"
}

# As a value in a libpq connection string.
quote_conninfo() { printf '%s' "$1" | sed "s/[\\\\']/\\\\&/g; s/^/'/; s/\$/'/"; }

# conninfo ROLE [DATABASE]
conninfo()
{
    echo "host=$(quote_conninfo "$state/run") port=5432 dbname=${2:-twilio_cgi} user=$1"
}

sql()
{
    in_state psql -X -q -A -t -v ON_ERROR_STOP=1 "$(conninfo postgres)" "$@"
}

start_database()
{
    log=$state/log/database.log
    version=$(in_state head -n 1 data/PG_VERSION 2>/dev/null) || :
    case $version in
    '')
        bin=$(postgres_bin) || fail "no PostgreSQL server"
        fresh "$log"
        in_state "$bin/initdb" -D "$state/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
            >>"$log" 2>&1 </dev/null || fail "initdb failed" "$log"
        ;;
    *[!0-9]*) fail "$state/data is no database" ;;
    *) bin=/usr/lib/postgresql/$version/bin ;;
    esac
    [ -x "$bin/postgres" ] || fail "the database in $state/data needs $bin/postgres"
    # Only a process that is gone can have left these, and its number may be another's by now: whatever
    # runs has been stopped before.
    in_state rm -f data/postmaster.pid run/.s.PGSQL.5432 run/.s.PGSQL.5432.lock
    start database "$bin/postgres" -D "$state/data" -p 5432 -c listen_addresses= \
        -c unix_socket_directories=../run -c unix_socket_permissions=0700
    await database in_state psql -X -q -c 'select' "$(conninfo postgres postgres)"
    sql -c 'select' >/dev/null 2>&1 ||
        in_state psql -X -q -c 'create database twilio_cgi' "$(conninfo postgres postgres)" ||
        fail "no database" "$log"
    rm -rf "$state/sql"
    cp -R "$root/sql" "$state/sql"
    chmod -R u+w,a+rX "$state/sql"
    log=$state/log/migration.log
    fresh "$log"
    { sql -f sql/standalone.sql && sql -f sql/migrate.sql; } >>"$log" 2>&1 ||
        fail "the migration failed" "$log"
    sql -c "insert into public.profiles (id) values ('$profile') on conflict do nothing;
            insert into public.maintenance_requests (id, created_by)
            values ('$request', '$profile') on conflict do nothing" >>"$log" 2>&1 ||
        fail "the first rows were refused" "$log"
}

# A user of the front end and a maintenance request, for trying.
profile=7a1e0c52-5d0f-4c55-9b86-3f1f6f3f0c01
request=7a1e0c52-5d0f-4c55-9b86-3f1f6f3f0c02

hex() { openssl rand -hex "$1"; }

# The settings' file has one NAME=value a line, as it is: nothing is quoted.
setting() { printf '%s=%s\n' "$1" "$2"; }

# setting_of NAME: its value, of several the last.
setting_of() { sed -n "s/^$1=//p" "$state/environment" | tail -n 1; }

# For sh -c in build/local/, before a command: with the settings in its environment.
# shellcheck disable=SC2016 # for the other shell to expand
settings_then='while IFS= read -r setting; do
    case $setting in
    LD_*) ;;
    [A-Z]*=*) export "$setting" ;;
    esac
done <environment
exec "$@"'

# Settings that are the operator's wherever they are set.
own_settings='TWILIO_WHATSAPP_NUMBER TWILIO_WHATSAPP_TEMPLATE SEND_TWILIO_MESSAGE_AUTH
    RATE_LIMIT_PER_MINUTE CORS_ALLOW_ORIGIN JWT_JWKS_FILE JWT_JWKS_URL JWT_AUDIENCE JWT_ISSUER
    SERVER_KEYS TWILIO_WEBHOOK_SECRET TWILIO_WEBHOOK_SECRET_SECONDARY REFUSE_DEAD_NUMBERS
    KEEP_TEXTS_DAYS KEEP_MESSAGES_DAYS'
twilio_settings='TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN TWILIO_PHONE_NUMBER
    TWILIO_MESSAGING_SERVICE_SID TWILIO_API_KEY TWILIO_API_KEY_SECRET TWILIO_AUTH_TOKEN_SECONDARY
    TWILIO_API_URL TWILIO_CA_FILE TWILIO_CA_PATH'

pass_settings()
{
    for name in "$@"; do
        eval "value=\${$name:-}"
        [ -z "$value" ] || setting "$name" "$value"
    done
}

has_credentials()
{
    [ -n "${TWILIO_ACCOUNT_SID:-}" ] && [ -n "${TWILIO_AUTH_TOKEN:-}" ] &&
        [ -n "${TWILIO_PHONE_NUMBER:-}" ]
}

# Half an account is somebody's mistake, and nothing to send with.
check_credentials()
{
    has_credentials || [ -z "${TWILIO_ACCOUNT_SID:-}${TWILIO_AUTH_TOKEN:-}" ] ||
        fail "the real Twilio needs TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER"
    for name in $own_settings $twilio_settings SUPABASE_JWT_SECRET PUBLIC_URL WEBHOOK_SIGNATURE; do
        eval "value=\${$name:-}"
        case $value in
        *"$line_end"*) fail "$name has a line end" ;;
        esac
    done
}
line_end='
'

# The programs' settings, but for Twilio's address and ours, which are known when those are up.
write_settings()
{
    fresh "$state/environment"
    chmod 600 "$state/environment"
    {
        echo "# Settings of the local system, made by nginx/local.sh up."
        setting DATABASE_URL "$(conninfo twilio_cgi)"
        setting SPOOL_DIR "$state/spool"
        setting SUPABASE_JWT_SECRET "${SUPABASE_JWT_SECRET:-$(hex 32)}"
        # shellcheck disable=SC2086 # lists
        pass_settings $own_settings
        # shellcheck disable=SC2086 # lists
        if has_credentials; then
            pass_settings $twilio_settings
        else
            setting TWILIO_ACCOUNT_SID "AC$(hex 16)"
            setting TWILIO_AUTH_TOKEN "$(hex 16)"
            setting TWILIO_PHONE_NUMBER +15005550006
        fi
    } >>"$state/environment"
}

start_twilio()
{
    if has_credentials; then
        fresh "$state/record/real-twilio"
        return
    fi
    rm -f "$state/record/real-twilio"
    in_state rm -f run/twilio.port
    # Slow enough to be watched.
    start twilio with-settings bin/twilio-sandbox --listen 127.0.0.1:0 \
        --port-file run/twilio.port --log log/twilio-requests.log --delay-ms 300 \
        --callback-delay-ms 700
    await twilio in_state test -s run/twilio.port
    twilio_port=$(in_state head -c 5 run/twilio.port | tr -cd 0-9)
    setting TWILIO_API_URL "http://127.0.0.1:$twilio_port" >>"$state/environment"
}

# Does anything listen on this port of the loopback interface (or of all of them)?
is_taken()
{
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port=":$(printf '%04X' "$1")\$" '$4 == "0A" && $2 ~ port { found = 1 }
            END { exit !found }'
}

write_web_configuration()
{
    web_place=$(printf '%s' "$state" | sed 's/[&|\\]/\\&/g')
    rm -f "$state"/nginx/*.conf
    for file in "$root"/nginx/twilio-cgi*.conf; do
        sed "s|/usr/lib/twilio-cgi|$web_place/cgi-bin|; s|unix:/run/twilio-cgi/|unix:run/|" "$file" \
            >"$state/nginx/${file##*/}"
    done
    sed "s|@PORT@|$1|; s|@PUBLIC_PORT@|$2|; s|@WAY@|twilio-cgi-fcgiwrap.conf|" \
        "$root/nginx/local.conf.in" >"$state/nginx/nginx.conf"
    chmod 644 "$state"/nginx/*.conf
}

# nginx notes its process when all its ports are its own: before, it may be somebody else who answers.
answers_or_dead()
{
    in_state test -s run/nginx.pid && curl -q -s -o /dev/null --noproxy '*' "http://127.0.0.1:$1/" ||
        ! pid_of web >/dev/null
}

start_web()
{
    for port in $(seq 8080 8180); do
        is_taken "$port" && continue
        public_port=$((port + 1))
        while is_taken "$public_port"; do public_port=$((public_port + 1)); done
        write_web_configuration "$port" "$public_port"
        in_state rm -f run/nginx.pid
        start web nginx -p "$state/" -e stderr -c "$state/nginx/nginx.conf"
        wait_for 60 answers_or_dead "$port" || break
        if pid_of web >/dev/null; then
            fresh "$state/record/port" "$state/record/public-port"
            echo "$port" >>"$state/record/port"
            echo "$public_port" >>"$state/record/public-port"
            return
        fi
        # Somebody was quicker: the next one.
        grep -q 'Address already in use' "$state/log/web.log" || break
    done
    fail "nginx did not start" "$state/log/web.log"
}

start_programs()
{
    port=$(cat "$state/record/port")
    {
        setting PUBLIC_URL "${own_public_url:-http://127.0.0.1:$port/functions/v1}"
        # Whoever can reach a public address could make up callbacks.
        setting WEBHOOK_SIGNATURE \
            "${WEBHOOK_SIGNATURE:-$([ -n "$own_public_url" ] && echo required || echo if-present)}"
    } >>"$state/environment"
    in_state rm -f run/fcgiwrap.socket
    start programs with-settings fcgiwrap -c 8 -s unix:run/fcgiwrap.socket
    await programs test -S "$state/run/fcgiwrap.socket"
    are_ready || fail 'the programs are not ready'
}

# with_settings COMMAND...: the user's, in build/local/
with_settings()
{
    (
        cd "$state"
        # shellcheck disable=SC2086 # a command and its arguments, or nothing
        env -i PATH="$PATH" LC_ALL="$LC_ALL" sh -c "$settings_then" - $become "$@"
    )
}

# Do the programs find all they need? What they say is wrong otherwise.
are_ready()
{
    all_ready=yes
    for program in $programs; do
        if ! said=$(with_settings "cgi-bin/$program" --check 2>&1 </dev/null); then
            all_ready=
            printf '%s --check says:\n' "$program"
            printf '%s\n' "$said" | sed -E '/ (set|not set|default)$/d; s/^/  /'
        fi
    done
    [ -n "$all_ready" ]
}

# ---------------------------------------------------------------- what there is to see

base() { echo "http://127.0.0.1:$(cat "$state/record/port")/functions/v1"; }

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# A token as Supabase gives one to a user: HS256, for a day.
user_token()
{
    secret=$(setting_of SUPABASE_JWT_SECRET)
    audience=$(setting_of JWT_AUDIENCE)
    issuer=$(setting_of JWT_ISSUER)
    head=$(printf '{"alg":"HS256","typ":"JWT"}' | base64url)
    claims=$(printf '{"sub":"%s","role":"authenticated","aud":"%s"%s,"exp":%s}' "$profile" \
        "${audience:-authenticated}" "${issuer:+,\"iss\":\"$issuer\"}" "$(($(date +%s) + 86400))" | base64url)
    printf '%s.%s.%s' "$head" "$claims" "$(printf '%s.%s' "$head" "$claims" |
        openssl dgst -sha256 -hmac "$secret" -binary | base64url)"
}

# bearer: the header that a call of send-twilio-message needs where one without a token is refused.
bearer() { [ "$(setting_of SEND_TWILIO_MESSAGE_AUTH)" != required ] || echo "Authorization: Bearer $(user_token)"; }

show_calls()
{
    header=$(bearer)
    with=${header:+ -H "'$header'"}
    cat <<TEXT

Calls to try:

# SMS
curl -i $(base)/send-twilio-message$with -d '{"to":"01012345678","message":"تم استلام طلب الصيانة"}'

# WhatsApp
curl -i $(base)/send-twilio-message$with -d '{"to":"01012345678","message":"تم استلام طلب الصيانة","type":"whatsapp"}'

# WhatsApp, from an approved template
curl -i $(base)/send-twilio-message$with -d '{"to":"whatsapp:+201012345678","message":"","templateId":"HX0123456789abcdef0123456789abcdef","variables":{"1":"أحمد","2":"42"}}'

# WhatsApp with a picture
curl -i $(base)/send-twilio-message$with -d '{"to":"01012345678","message":"صورة العطل","type":"whatsapp","media_url":"https://example.org/picture.jpg"}'

# A number that is none: 400
curl -i $(base)/send-twilio-message$with -d '{"to":"12345","message":"تم استلام طلب الصيانة"}'

# The front end's sender: a user's token, five messages a minute (send it six times)
curl -i $(base)/send-whatsapp -H 'Content-Type: application/json' -H 'Authorization: Bearer $(user_token)' -d '{"to":"01012345678","message":"تم استلام طلب الصيانة"}'

# The webhook, about a message that nobody has sent
curl -i -X POST $(base)/twilio-delivery-status -H "Content-Type: application/x-www-form-urlencoded" -d "MessageSid=SM123456789&MessageStatus=delivered&To=+201234567890"

# What became of the messages
psql "$(conninfo postgres)" -c 'select created_at, message_type, recipient, status, error_code from message_logs order by created_at desc limit 10'

Another message: sh nginx/local.sh demo     Stop: sh nginx/local.sh down
TEXT
}

# stop_watching TEXT: the answer is there, and where no message came of it there is nothing to watch.
stop_watching()
{
    sql -c "select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'watch'
        and query like '%$1%' and not exists (select from message_logs where message_content = '$1')" >/dev/null
}

# watch_message TEXT: first "ready", then each status of the message with that text, as it comes. One
# statement that looks again and again, as a new psql for each look would be too slow to see them all.
watch_message()
{
    sql -c "set application_name = 'watch'" -c "do \$\$
        declare
            message record;
            last text;
        begin
            raise info 'ready';
            for look in 1..3000 loop
                select status, id, external_id into message from message_logs
                    where message_content = '$1' order by created_at desc limit 1;
                exit when not found and look > 500;
                if message.status is distinct from last then
                    last := message.status;
                    raise info '  %  % %', to_char(clock_timestamp(), 'HH24:MI:SS.MS'),
                        rpad(last, 12), coalesce(message.external_id, 'row ' || message.id);
                end if;
                exit when last in ('delivered', 'read', 'undelivered', 'failed', 'canceled');
                perform pg_sleep(0.02);
            end loop;
        end \$\$" 2>&1 | sed -u -n 's/^INFO:  //p'
}

# send_demo NUMBER
send_demo()
{
    text="طلب الصيانة رقم $(date +%H%M%S) قيد التنفيذ"
    body="{\"to\":\"$1\",\"message\":\"$text\"}"
    echo
    echo "A message on its way:"
    header=$(bearer)
    echo "  curl -i $(base)/send-twilio-message${header:+ -H "'$header'"} -d '$body'"
    fresh "$state/record/answer"
    watch_message "$text" | {
        while IFS= read -r line; do
            if [ "$line" = ready ]; then
                {
                    curl -q -sS --noproxy '*' -m 60 "$(base)/send-twilio-message" ${header:+-H "$header"} -d "$body" \
                        >>"$state/record/answer" 2>&1 || :
                    stop_watching "$text"
                } &
            else
                echo "$line"
            fi
        done
        wait
    }
    last=$(sql -c "select status from message_logs where message_content = '$text'")
    echo "  the answer was: $(cat "$state/record/answer")"
    sql -x -c "select recipient, status, external_id, sent_at, delivered_at,
        metadata->>'num_segments' as segments, error_code, error_message
        from message_logs where message_content = '$text'" | sed '/|$/d; s/^/  /; s/|/ = /'
    case $last in
    delivered | read) ;;
    '')
        ! grep -q '"code":"invalid_' "$state/record/answer" || fail "the message was refused"
        fail "no message came of it" "$state/log/programs.log"
        ;;
    *) [ -e "$state/record/real-twilio" ] || fail "the message was not delivered" "$state/log/programs.log" ;;
    esac
}

# A first message costs money with the real Twilio, and the number is somebody's.
demo()
{
    if [ -n "${1:-}" ]; then
        send_demo "$1"
    elif [ -e "$state/record/real-twilio" ]; then
        echo "Nothing sent: this is the real Twilio. To send an SMS: sh nginx/local.sh demo NUMBER"
    else
        send_demo 01012345678
    fi
}

say_where()
{
    echo "Up at $(base)/ (programs, database and logs: $state)"
    if [ -e "$state/record/real-twilio" ]; then
        echo "Messages go to the real Twilio."
        echo "It calls back to $(setting_of PUBLIC_URL), which must lead to" \
            "http://127.0.0.1:$(cat "$state/record/public-port")/functions/v1: what comes by that port" \
            "sends nothing without a token. No tunnel may lead to the other one."
    else
        echo "Messages go to a stand-in for Twilio at $(setting_of TWILIO_API_URL)."
    fi
}

# ---------------------------------------------------------------- verbs

up()
{
    if is_up; then
        echo "Already up."
        ! has_credentials || [ -e "$state/record/real-twilio" ] ||
            warn "the account in the environment is not used: down, then up"
        say_where
        are_ready || fail 'the programs are not ready: down, then up'
        show_calls
        return
    fi
    check_credentials
    # shellcheck disable=SC2086 # lists
    packages_need $packages_build $packages_run || fail "packages are missing"
    stop_all
    settle_state
    trap 'ended=$?; trap - EXIT; [ "$ended" -eq 0 ] || stop_all; exit "$ended"' EXIT
    trap 'exit 130' HUP INT PIPE TERM
    own_public_url=
    ! has_credentials || own_public_url=${PUBLIC_URL:-}
    build_programs
    write_settings
    start_database
    start_twilio
    start_web
    start_programs
    say_where
    demo "${1:-}"
    show_calls
}

down()
{
    if is_down; then
        echo "Not running."
    else
        stop_all
        echo "Stopped. The data is in build/local/."
    fi
    bring_state_back
}

status()
{
    running=0 all=0
    for service in $(expected); do
        all=$((all + 1))
        if pid=$(pid_of "$service"); then
            running=$((running + 1))
            printf '%-10s running, process %s\n' "$service" "$pid"
        else
            printf '%-10s not running\n' "$service"
        fi
    done
    if [ "$running" -eq "$all" ]; then
        say_where
        echo "psql \"$(conninfo postgres)\""
        are_ready || return 1
        return 0
    fi
    is_down && return 3
    return 1
}

# run PROGRAM [ARGUMENT...]: its exit status is the program's.
run()
{
    program=${1:-}
    for known in $programs; do
        [ "$program" != "$known" ] || break
    done
    [ "$program" = "$known" ] || fail "run one of: $programs"
    shift
    [ -f "$state/environment" ] || fail "there are no settings yet: sh nginx/local.sh up"
    with_settings "cgi-bin/$program" "$@"
}

unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE \
    PGOPTIONS PGSSLMODE PGCLIENTENCODING PGTZ PGDATESTYLE PGCHANNELBINDING PGREQUIREPEER
find_state
check_owner
mkdir -p "$build"
case ${1:-} in
up | down | demo)
    exec 9>>"$build/.local-lock"
    flock -n 9 || fail "another local.sh is at work here"
    ;;
esac
case ${1:-} in
up) up "${2:-}" ;;
down) down ;;
status) status ;;
demo)
    is_up || fail "not up; sh nginx/local.sh up"
    demo "${2:-}"
    ;;
run)
    shift
    run "$@"
    ;;
-h | --help | help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
