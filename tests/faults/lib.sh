# What the tests of this directory share, on top of the end-to-end tests' language; sourced.
#
#   sh test_X.sh BUILD-DIRECTORY [MODE]        MODE: cgi or fastcgi
#   FAULTS_FULL=1                              the full size
#
#   size NORMAL FULL                the one that counts
#   programs_start [N [KILL-MS]]    N FastCGI processes of each program behind nginx
#   programs_signal SIGNAL          to each keeper, see keeper.c
#   programs_stop                   and the number of those killed in $killed
#   crowd [OPTION]...               requests from standard input, see crowd.c; the answers are the
#                                   table "answers" then, and the requests "asked"
#   twilio_table                    the table "posts" from the sandbox's log: time, body, status, sid
#   database stop|start|restart [MODE]
#   verb [-l SECONDS] PROGRAM ...   run a program by hand, with the clock so many seconds ahead
#
# What is expected is said in SQL, from what was asked and what Twilio saw, not from the tables under
# test alone.
#
# shellcheck shell=sh disable=SC2034,SC2154

mode=${2:-fastcgi}
set -- "$1" direct
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

full=${FAULTS_FULL:-}
size() { if [ -n "$full" ]; then echo "$2"; else echo "$1"; fi; }

begin_faults()
{
    begin
    # All that the programs do, they do as the user of the web server, who is not root.
    for tool in crowd keeper; do
        cp "$build/tests/faults/$tool" "$work/"
    done
    cp "$build/tests/faults/later.so" "$work/"
    [ "$(id -u)" -ne 0 ] || chown "$unprivileged_user:" "$work/stderr"
    web=$work/web
    make_directory "$web" "$web/nginx" "$web/log" "$web/run"
    sql -c 'create table asked (n serial, line text);
        create table answers (answer jsonb);
        create view answered as select (answer->>$$n$$)::int as n, (answer->>$$status$$)::int as status,
            answer->$$body$$->>$$code$$ as code, answer->$$headers$$ as headers, answer->$$body$$ as body,
            (answer->>$$tries$$)::int as tries from answers;
        create table posts (time bigint, body text, recipient text, log_id uuid, status int, sid text);
        create index on posts (log_id);'
}

# Whatever was started, ends.
end()
{
    trap - EXIT
    # shellcheck disable=SC2154
    for child in ${background:-} ${disturbing:-}; do kill "$child" 2>/dev/null; done
    programs_stop
    [ ! -s "$web/run/nginx.pid" ] || kill "$(cat "$web/run/nginx.pid")" 2>/dev/null
    [ ! -d "$work/full" ] || umount "$work/full" 2>/dev/null
    stop_sandbox
    cluster_stop "$work/db"
    wait
    free_ports_again
    rm -rf --one-file-system "$work"
}

# ---------------------------------------------------------------- programs

# The programs' environment is the settings and nothing else.
# shellcheck disable=SC2016
with_settings()
{
    as_user env -i PATH=/usr/bin:/bin ${preload:-} sh -c "$settings_then" "$settings_file" "$@"
}

nginx_start()
{
    cat >"$web/nginx/nginx.conf" <<TEXT
daemon off;
pid run/nginx.pid;
error_log log/nginx.log;
worker_processes 2;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path nginx/body;
    fastcgi_temp_path nginx/fastcgi;
    proxy_temp_path nginx/proxy;
    scgi_temp_path nginx/scgi;
    uwsgi_temp_path nginx/uwsgi;
    server {
        listen 127.0.0.1:$port backlog=1024;
        location ~ ^/functions/v1/(?<program>[a-z-]+)$ {
            fastcgi_param REQUEST_METHOD  \$request_method;
            fastcgi_param QUERY_STRING    \$query_string;
            fastcgi_param CONTENT_TYPE    \$content_type;
            fastcgi_param CONTENT_LENGTH  \$content_length;
            fastcgi_param REMOTE_ADDR     \$remote_addr;
            fastcgi_next_upstream off;
            fastcgi_read_timeout 300s;
            fastcgi_pass unix:run/\$program;
        }
    }
}
TEXT
    ( cd "$web" && as_user nginx -p "$web/" -e log/nginx.log -c "$web/nginx/nginx.conf" ) \
        </dev/null >"$web/log/nginx.out" 2>&1 &
    await curl -q -s -o /dev/null "http://127.0.0.1:$port/"
}

programs_start()
{
    [ -s "$web/run/nginx.pid" ] || nginx_start
    keepers=
    for program in send-twilio-message send-whatsapp twilio-delivery-status; do
        rm -f "$web/run/$program"
        ( cd "$web/run" && with_settings "$work/keeper" "$program" "${1:-8}" ${2:-} \
            "$work/cgi-bin/$program" ) </dev/null >"$web/log/$program.killed" 2>>"$work/stderr" &
        keepers="$keepers $!"
        await test -S "$web/run/$program"
    done
}

keeper_pids() { pgrep -f "^$work/keeper $*"; }

programs_signal()
{
    signal=$1
    shift
    for pid in $(keeper_pids "$@"); do kill -s "$signal" "$pid"; done
}

programs_stop()
{
    [ -n "${keepers:-}" ] || return 0
    programs_signal TERM
    # shellcheck disable=SC2086 # a list
    wait $keepers
    keepers=
    killed=$(cat "$web"/log/*.killed | awk '{ n += $1 } END { print n + 0 }')
}

crowd()
{
    cat >"$work/requests"
    way="--server $port"
    [ "$mode" != cgi ] || way="--programs $work/cgi-bin"
    # shellcheck disable=SC2086
    with_settings "$work/crowd" $way "$@" <"$work/requests" >"$work/answers.txt" 2>>"$work/stderr"
    equals "the exit status of crowd" 0 $?
    [ -z "${disturbing:-}" ] || wait "$disturbing"
    disturbing=
    load asked line "$work/requests"
    load answers answer "$work/answers.txt"
}

# load TABLE COLUMN FILE: lines as they are
load()
{
    sql -c "truncate $1 restart identity" -c "copy $1 ($2) from stdin (format csv, delimiter e'\\x02', quote e'\\x01')" <"$3"
}

verb()
{
    preload=
    if [ "$1" = -l ]; then
        preload="LD_PRELOAD=$work/later.so $asan_preload SECONDS_LATER=$2"
        shift 2
    fi
    program=$1
    shift
    with_settings "$work/cgi-bin/$program" "$@" >"$work/verb" 2>&1
    verb_status=$?
    preload=
    return $verb_status
}

# ---------------------------------------------------------------- Twilio, database, spool

twilio_config() { equals "the sandbox takes $1" 200 "$(curl -q -s -o /dev/null -w "%{http_code}" -d "$1" "$twilio_url/sandbox/config")"; }

twilio_table()
{
    sql -c 'create temporary table log (line jsonb)' \
        -c "copy log from stdin (format csv, delimiter e'\\x02', quote e'\\x01')" \
        -c 'truncate posts' \
        -c "insert into posts select (line->>'time')::bigint, line->'parameters'->>'Body',
            line->'parameters'->>'To',
            substring(line->'parameters'->>'StatusCallback' from 'id=([0-9a-f-]{36})')::uuid,
            (line->>'status')::int, line->>'sid' from log
            where line->>'type' = 'request' and line->>'method' = 'POST'
                and line->>'path' like '%/Messages.json'" <"$work/twilio.log"
}

# The messages that Twilio has, with the log id that each was given: table "taken".
taken_table()
{
    curl -q -s "$twilio_url/sandbox/messages" >"$work/taken"
    sql -c 'set client_min_messages = warning' -c 'drop table if exists taken' -c 'create table taken (message jsonb)' \
        -c "copy taken from stdin (format csv, delimiter e'\\x02', quote e'\\x01')" \
        -c "alter table taken add sid text generated always as (message->>'sid') stored,
            add body text generated always as (message->>'body') stored,
            add status text generated always as (message->>'status') stored,
            add log_id uuid generated always as
                (substring(message->>'status_callback' from 'id=([0-9a-f-]{36})')::uuid) stored" \
        <"$work/taken"
}

database()
{
    case $1 in
    stop) as_user "$cluster_bin/pg_ctl" -D "$work/db/data" -m "${2:-fast}" -w stop >/dev/null ;;
    start) cluster_start "$work/db" ;;
    restart) database stop "${2:-fast}" && database start ;;
    esac
}

spool_files() { find "$work/spool" -type f | wc -l | tr -d ' '; }

# As lib.sh has it, without more than what can be read.
holds() { equals "$1" "$2" "$(sql -c "$1" 2>&1 | head -n 12 | cut -c1-300)"; }

# The whole content, to compare.
dump()
{
    for table in public.message_logs messaging.message_status_events public.notifications \
        messaging.idempotency_keys; do
        sql -c "select t from $table t order by t::text"
    done
}
