#!/bin/sh
# How fast, beside what the machine can do: prints a table in Markdown.
#
#   sh tests/bench/run.sh [OPTION]... BUILD-DIRECTORY
#
#   --quick         one short round: does it work, not how fast is it
#   --only NAME     only this part; may be given more than once. The parts are
#                   webhook-cgi webhook-fastcgi webhook-rate send-cgi send-fastcgi
#                   send-whatsapp memory growth
#   --rounds N      rounds (3); each runs every program of a part once, the next one backwards
#   --seconds N     how long one program is measured in one round (4), a whole number
#   --keep FILE     also write each single measurement there
#
# Everything runs here: database, web server, programs, the stand-in for Twilio, and the load, so
# only ratios within one table mean anything. Each figure is the median of its rounds, each ratio
# the median of the rounds' ratios. Every request is a new one, and after every measurement the
# database must hold what was answered, else the run fails.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=tests/common.sh
. "$root/tests/common.sh"

all='webhook-cgi webhook-fastcgi webhook-rate send-cgi send-fastcgi send-whatsapp memory growth'
only= rounds=3 seconds=4 rows=40000 grown=1000000 keep= flat_first=10000 flat_then=90000

usage()
{
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit "$1"
}

build=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) rounds=1 seconds=1 rows=20000 grown=30000 flat_first=500 flat_then=500 ;;
    --only) only="$only $2" && shift ;;
    --rounds) rounds=$2 && shift ;;
    --seconds) seconds=$2 && shift ;;
    --keep) keep=$2 && shift ;;
    -h | --help) usage 0 ;;
    -*) usage 2 >&2 ;;
    *) build=$1 ;;
    esac
    shift
done
[ -n "$build" ] || usage 2 >&2
build=$(cd "$build" && pwd -P)
only=${only:-$all}

# The FastCGI programs: ours and their floors have the same number of threads and connections.
webhook_processes=8 # the floor's, one connection each
webhook_own=2       # ours; they have as many threads and connections in all
send_processes=2
send_threads=128 # in each of them
send_pool=8      # connections of each of them
users=20000

sid=AC0123456789abcdef0123456789abcdef
auth_token=0123456789abcdef0123456789abcde0
jwt_secret=a-secret-of-32-characters-or-more
public_url=https://example.org/functions/v1

fail()
{
    echo "run.sh: $*" >&2
    exit 1
}

await()
{
    tries=1200
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "waited in vain for: $*"
        sleep 0.05
    done
}

# ---------------------------------------------------------------- what everything runs on

begin()
{
    for tool in nginx fcgiwrap spawn-fcgi pgbouncer pgbench psql openssl; do
        command -v "$tool" >/dev/null || fail "$tool is missing"
    done
    work=$(mktemp -d /tmp/twilio-cgi-bench.XXXXXX)
    chmod 755 "$work"
    trap 'end; exit 1' HUP INT TERM
    trap end EXIT
    mkdir "$work/bin"
    for directory in run log nginx spool bouncer; do
        mkdir -m 700 "$work/$directory"
        [ "$(id -u)" -ne 0 ] || chown "$unprivileged_user:" "$work/$directory"
    done
    cp "$build"/cgi-bin/send-twilio-message "$build"/cgi-bin/send-whatsapp \
        "$build"/cgi-bin/twilio-delivery-status "$build"/tests/sandbox/twilio-sandbox \
        "$build"/tests/bench/bench_* "$work/bin/"
    as_user_caps= # what the user needs is in $work, where it can go
    results=$work/results
    : >"$results"
    start_database
    start_bouncer
    start_sandbox plain
    start_sandbox tls
    port=$(free_port)
    start_nginx
}

end()
{
    trap - EXIT HUP INT TERM
    set +e
    for pid_file in "$work"/run/*.pid; do
        name=${pid_file##*/}
        [ ! -s "$pid_file" ] || stop "${name%.pid}"
    done
    cluster_stop "$work/db"
    [ -z "$keep" ] || cp "$results" "$keep"
    rm -rf --one-file-system "$work"
}

# in_background NAME COMMAND...: as the unprivileged user, in the work directory.
in_background()
{
    name=$1
    shift
    # the shell need not know of it: "Terminated" is no news
    ( (
        cd "$work"
        as_user env -i PATH="$PATH" LC_ALL="$LC_ALL" NAME="$name" sh -c \
            'echo $$ >"run/$NAME.pid"; exec "$@"' - "$@"
    ) </dev/null >>"$work/log/$name.log" 2>&1 &)
}

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d twilio_cgi "$@"; }

start_database()
{
    cluster_start "$work/db"
    postgres_pid=$(head -n 1 "$work/db/data/postmaster.pid")
    psql -X -q -d postgres -c 'create database twilio_cgi' \
        -c 'alter system set autovacuum = off' -c 'select pg_reload_conf()' >/dev/null
    { sql -f "$root/sql/standalone.sql" && sql -f "$root/sql/migrate.sql"; } >"$work/log/migrate.log" 2>&1 ||
        fail "the migration failed: $(tail -n 5 "$work/log/migrate.log")"
    sql -c "insert into public.profiles (id)
            select md5('user ' || n)::uuid from generate_series(0, $users - 1) n"
}

# fill ROWS: so many messages, of the past days, each with an event. (Kept connections plan with what
# they find, and nobody's autovacuum tells them otherwise: on a table without events they would read
# all of it for each request.)
fill()
{
    sql <<SQL
set client_min_messages = warning;
truncate public.message_logs, messaging.message_status_events, messaging.idempotency_keys,
    public.notifications cascade;
insert into public.message_logs (id, sender_id, recipient, message_type, message_content, status,
    external_id, metadata, sent_at, created_at, updated_at)
select md5('row ' || n)::uuid, md5('user ' || n % $users)::uuid, '+2010' || lpad(n::text, 8, '0'),
    'sms', 'تم استلام طلب الصيانة رقم ' || n, 'accepted', 'SM' || md5('sid ' || n),
    '{"num_segments": "1", "num_media": "0", "direction": "outbound-api"}', at, at, at
from (select n, now() - interval '1 hour' - n * interval '1 second' as at
      from generate_series(0, $1 - 1) n) as numbers;
insert into messaging.message_status_events (message_log_id, external_id, status, parameters,
    received_at)
select id, external_id, 'accepted', '{"AccountSid": "AC0123456789abcdef0123456789abcdef",
    "ApiVersion": "2010-04-01", "From": "+15005550006", "MessageStatus": "accepted",
    "SmsStatus": "accepted", "To": "+201012345678"}', created_at
from public.message_logs;
vacuum analyze public.message_logs;
vacuum analyze messaging.message_status_events;
vacuum analyze messaging.idempotency_keys;
checkpoint;
SQL
    filled=$1 next=0
}

start_bouncer()
{
    cat >"$work/bouncer.ini" <<INI
[databases]
twilio_cgi = host=$PGHOST port=5432 user=twilio_cgi
[pgbouncer]
pool_mode = transaction
listen_addr =
listen_port = 6432
unix_socket_dir = $work/bouncer
auth_type = any
max_client_conn = 500
default_pool_size = 8
log_connections = 0
log_disconnections = 0
INI
    in_background bouncer pgbouncer "$work/bouncer.ini"
    await test -S "$work/bouncer/.s.PGSQL.6432"
}

start_sandbox()
{
    set -- "$1" "$work/bin/twilio-sandbox" --account-sid "$sid" --auth-token "$auth_token" \
        --callbacks off --port-file "$work/run/$1.port"
    if [ "$1" = tls ]; then
        make_certificates "$work" >"$work/log/openssl.log" 2>&1
        set -- "$@" --tls-cert "$work/tls/cert.pem" --tls-key "$work/tls/key.pem"
    fi
    in_background "$@"
    await test -s "$work/run/$1.port"
}

sandbox_url()
{
    case $1 in
    tls) echo "https://127.0.0.1:$(cat "$work/run/tls.port")" ;;
    *) echo "http://127.0.0.1:$(cat "$work/run/plain.port")" ;;
    esac
}

# delay MILLISECONDS: before each answer of the stand-ins.
delay()
{
    for sandbox in plain tls; do
        curl -q -s -S -f --noproxy '*' --cacert "$work/tls/ca.pem" -d "delay-ms=$1" \
            "$(sandbox_url "$sandbox")/sandbox/config" >/dev/null
    done
}

# One location for each socket and program: /SOCKET/PROGRAM.
start_nginx()
{
    for file in "$root"/nginx/twilio-cgi*.conf; do
        sed "s|/usr/lib/twilio-cgi|$work/bin|" "$file" >"$work/${file##*/}"
    done
    {
        cat <<CONF
daemon off;
pid $work/nginx/nginx.pid;
error_log $work/log/nginx-error.log;
worker_processes 1;
worker_rlimit_nofile 4096;
events { worker_connections 2048; }
http {
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path $work/nginx/body;
    fastcgi_temp_path $work/nginx/fastcgi;
    proxy_temp_path $work/nginx/proxy;
    scgi_temp_path $work/nginx/scgi;
    uwsgi_temp_path $work/nginx/uwsgi;
    include twilio-cgi-http.conf;
    server {
        listen 127.0.0.1:$port backlog=1024;
        location ~ ^/(?<socket>[a-z-]+)/(?<twilio_cgi_program>[a-z_-]+)\$ {
            include twilio-cgi-program.conf;
            fastcgi_pass unix:$work/run/\$socket.socket;
        }
        include twilio-cgi-refusals.conf;
    }
}
CONF
    } >"$work/nginx.conf"
    in_background nginx nginx -p "$work/" -e "$work/log/nginx-error.log" -c "$work/nginx.conf"
    await curl -q -s -o /dev/null "http://127.0.0.1:$port/"
}

# ---------------------------------------------------------------- programs

# database_url direct|bouncer NAME
database_url()
{
    case $1 in
    bouncer) echo "host=$work/bouncer port=6432 dbname=twilio_cgi user=twilio_cgi" ;;
    *) echo "host=$PGHOST port=5432 dbname=twilio_cgi user=twilio_cgi application_name=$2" ;;
    esac
}

# with_settings WAY TWILIO NAME COMMAND...: in the environment of a program.
with_settings()
{
    url=$(database_url "$1" "$3") api=$(sandbox_url "$2")
    shift 3
    as_user env -i PATH="$PATH" DATABASE_URL="$url" TWILIO_ACCOUNT_SID="$sid" \
        TWILIO_AUTH_TOKEN="$auth_token" TWILIO_PHONE_NUMBER=+15005550006 TWILIO_API_URL="$api" \
        TWILIO_CA_PATH="$work/authorities" PUBLIC_URL="$public_url" \
        SUPABASE_JWT_SECRET="$jwt_secret" SPOOL_DIR="$work/spool" FCGI_THREADS="${threads:-32}" \
        DATABASE_POOL="${pool:-4}" MINIMAL_THREADS="${threads:-1}" MINIMAL_POOL="${pool:-1}" "$@"
}

# fcgiwrap does not wait for its children, so their CPU time goes to nobody: only a control group
# counts it, where we may make one. Prints its directory.
make_group()
{
    mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
    group=$mount/twilio-cgi-bench-$$-$1
    if [ -n "$mount" ] && mkdir "$group" 2>/dev/null; then
        echo "$group" | tee "$work/$1.group"
    fi
}

remove_group()
{
    [ -s "$work/$1.group" ] || return 0
    await rmdir "$(cat "$work/$1.group")"
    rm -f "$work/$1.group"
}

# cgi SOCKET WAY TWILIO: fcgiwrap with these settings.
cgi()
{
    # shellcheck disable=SC2016 # for the other shell to expand
    group=$(make_group "$1")
    ([ -z "$group" ] || sh -c 'echo $PPID' >"$group/cgroup.procs"
    with_settings "$2" "$3" "$1" setsid sh -c 'cd "$0" && echo $$ >"run/$1.pid" &&
        exec fcgiwrap -c 32 -s "unix:$0/run/$1.socket" 2>>"log/$1.log"' "$work" "$1" </dev/null \
        >/dev/null 2>&1 &)
    await test -S "$work/run/$1.socket"
}

# fastcgi SOCKET WAY TWILIO PROCESSES PROGRAM; threads and pool are the caller's.
fastcgi()
{
    # shellcheck disable=SC2016 # for the other shell to expand
    with_settings "$2" "$3" "$1" spawn-fcgi -s "$work/run/$1.socket" -F "$4" -b 1024 \
        -P "$work/run/$1.pid" -- /bin/sh -c 'exec "$0" 2>>"$1"' "$work/bin/$5" \
        "$work/log/$1.log" >/dev/null
    await test -S "$work/run/$1.socket"
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# stop SOCKET...
stop()
{
    for socket; do
        for pid in $(cat "$work/run/$socket.pid"); do
            # of fcgiwrap, the whole group: its children would stay
            kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || :
            await is_gone "$pid"
        done
        rm -f "$work/run/$socket.pid" "$work/run/$socket.socket"
        remove_group "$socket"
    done
}

# ---------------------------------------------------------------- measurements

# CPU ticks of the programs, the web server, the database, the pooler: own, and of children reaped.
# Where there is a control group it counts for the programs.
# A process belongs to a component when it, or its parent, is one that was started for it.
ticks()
{
    group=$(cat "$work/$1.group" 2>/dev/null) || group=
    usage=
    [ -z "$group" ] || usage=$(sed -n 's/^usage_usec //p' "$group/cpu.stat")
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v programs="$(cat "$work/run/$1.pid" 2>/dev/null | tr '\n' ' ')" \
        -v nginx="$(cat "$work/run/nginx.pid")" -v postgres="$postgres_pid" \
        -v bouncer="$(cat "$work/run/bouncer.pid")" -v usage="$usage" \
        -v hz="$(getconf CLK_TCK)" '
        BEGIN {
            n = split(programs, list, " ")
            for (i = 1; i <= n; i++) component[list[i]] = 1
            component[nginx] = 2; component[postgres] = 3; component[bouncer] = 4
        }
        {
            pid = $1
            sub(/^.*\) /, "")
            c = pid in component ? component[pid] : $2 in component ? component[$2] : 0
            sum[c] += $12 + $13 + $14 + $15
        }
        END { print usage ? usage / 1e6 * hz : sum[1] + 0, sum[2] + 0, sum[3] + 0, sum[4] + 0 }'
}

pss()
{
    for pid in $(cat "$work/run/$1.pid"); do
        sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' "/proc/$pid/smaps_rollup"
    done | awk '{ sum += $1 } END { print sum + 0 }'
}

stored()
{
    case $1 in
    webhook) sql -c 'select count(*) from messaging.message_status_events' ;;
    *) sql -c "select count(*) - $filled from public.message_logs where external_id is not null" ;;
    esac
}

value() { printf '%s\n' "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"; }

# note LINE PROGRAM KIND BEFORE AFTER RESULT: check what was stored, and keep the figures.
note()
{
    ok=$(value ok "$6") sent=$(value sent "$6")
    now_stored=$(stored "$3")
    [ "$now_stored" -eq $((was_stored + ok)) ] && [ "$ok" -eq "$sent" ] ||
        fail "$1, $2: $sent requests, $ok good answers, $((now_stored - was_stored)) stored"
    # shellcheck disable=SC2086 # two lists of four numbers
    cpu=$(set -- $4 $5 && awk -v n="$ok" -v hz="$(getconf CLK_TCK)" -v a="$1" -v b="$2" -v c="$3" \
        -v d="$4" -v e="$5" -v f="$6" -v g="$7" -v h="$8" 'BEGIN {
            k = 1000 / hz / n
            printf "program=%.4f nginx=%.4f postgres=%.4f bouncer=%.4f", (e - a) * k, (f - b) * k, (g - c) * k, (h - d) * k
        }')
    echo "$1|$2|$round|$6 $cpu ${extra:-}" >>"$results"
    next=$((next + sent))
    echo "  $1, $2: $6 $cpu ${extra:-}" >&2
}

# load LINE PROGRAM KIND TARGET OPTION...
load()
{
    line=$1 program=$2 kind=$3 target=$4
    shift 4
    modulus=$filled
    [ "$kind" != whatsapp ] || modulus=$users
    socket=${target%%/*}
    # A first request each, and the connections are there.
    warm_up "$kind" "$target"
    was_stored=$(stored "$kind") before=$(ticks "$socket")
    result=$("$work/bin/bench_load" --port "$port" --path "/$target" --kind "$kind" --rows "$modulus" \
        --auth-token "$auth_token" --public-url "$public_url" --jwt-secret "$jwt_secret" \
        --seconds "$seconds" --first "$next" "$@") || fail "$line, $program: $result"
    after=$(ticks "$socket") extra=
    case $target in
    cgi*) ;;
    *)
        extra="pss=$(pss "$socket") connections=$(sql -c \
            "select count(*) from pg_stat_activity where application_name = '$socket'")"
        ;;
    esac
    note "$line" "$program" "$kind" "$before" "$after" "$result"
}

warm_up()
{
    warm=$("$work/bin/bench_load" --port "$port" --path "/$2" --kind "$1" --rows "$modulus" \
        --auth-token "$auth_token" --public-url "$public_url" --jwt-secret "$jwt_secret" \
        --seconds 5 --most 32 --connections 32 --first "$next") || fail "$2 does not answer: $warm"
    next=$((next + 32))
}

# bench LINE PROGRAM WAY OPTION...: the webhook's statement by pgbench, as the same role.
bench()
{
    line=$1 program=$2 way=$3
    shift 3
    cat >"$work/pgbench.sql" <<'SQL'
\set n :first + :k * 8 + :client_id
\set k :k + 1
\set row :n % :rows
\set pass :n / :rows
select outcome, id, external_id, status from messaging.record_status(md5('row ' || :row)::uuid, 'SM' || md5('sid ' || :row), (array['queued','sending','sent','delivered','read'])[:pass + 1], null, null, '{"AccountSid":"AC0123456789abcdef0123456789abcdef","ApiVersion":"2010-04-01","From":"+15005550006","MessageSid":"SM0123456789abcdef0123456789abcdef","MessageStatus":"delivered","SmsSid":"SM0123456789abcdef0123456789abcdef","SmsStatus":"delivered","To":"+201012345678"}'::jsonb, null);
SQL
    was_stored=$(stored webhook) before=$(ticks none)
    (cd "$work" && pgbench -n -c 8 -j 2 -D first="$next" -D k=0 -D rows="$filled" -f pgbench.sql \
        --log --log-prefix="$work/log/pgbench" "$@" -T "$seconds" \
        "$(database_url "$way" pgbench)") >"$work/log/pgbench.out" 2>&1 ||
        fail "$line, $program: $(tail -n 3 "$work/log/pgbench.out")"
    after=$(ticks none) extra=
    most=$(cat "$work"/log/pgbench.[0-9]* | awk '$2 > most { most = $2 } END { print most }')
    result=$(cat "$work"/log/pgbench.[0-9]* | awk '{ print $3 }' | sort -n | awk -v out="$work/log/pgbench.out" '
        { t[NR] = $1 / 1000 }
        END {
            while ((getline line < out) > 0)
                if (line ~ /^tps = /) { split(line, word, " "); rate = word[3] }
            printf "sent=%d ok=%d bad=0 rate=%.1f p50=%.3f p99=%.3f max=%.3f", NR, NR, rate,
                t[int(NR * 0.5) + 1], t[int(NR * 0.99) + 1], t[NR]
        }')
    rm -f "$work"/log/pgbench.[0-9]*
    note "$line" "$program" webhook "$before" "$after" "$result"
    next=$((next + 8 * most)) # clients are not at the same number
}

# in_rounds ROWS MEMBER...: each a function of no arguments; every other round backwards.
in_rounds()
{
    fill_rows=$1
    shift
    round=0
    while [ "$round" -lt "$rounds" ]; do
        round=$((round + 1))
        order=$*
        if [ $((round % 2)) -eq 0 ]; then
            order=$(printf '%s\n' "$@" | tac)
        fi
        for member in $order; do
            fill "$fill_rows"
            "$member"
        done
    done
}

# ---------------------------------------------------------------- the parts

part_webhook_cgi()
{
    cgi cgi-direct direct plain
    cgi cgi-bouncer bouncer plain
    in_rounds 10000 webhook_cgi floor_webhook_cgi bench_connect \
        webhook_cgi_bouncer floor_webhook_cgi_bouncer bench_connect_bouncer
    stop cgi-direct cgi-bouncer
}

line_cgi='webhook, CGI, 8 callers'
line_cgi_bouncer='webhook, CGI, pgbouncer, 8 callers'
webhook_cgi() { load "$line_cgi" ours webhook cgi-direct/twilio-delivery-status; }
floor_webhook_cgi() { load "$line_cgi" 'minimal CGI, libpq' webhook cgi-direct/bench_webhook_cgi; }
bench_connect() { bench "$line_cgi" 'pgbench -C' direct -C; }
webhook_cgi_bouncer() { load "$line_cgi_bouncer" ours webhook cgi-bouncer/twilio-delivery-status; }
floor_webhook_cgi_bouncer()
{
    load "$line_cgi_bouncer" 'minimal CGI, libpq' webhook cgi-bouncer/bench_webhook_cgi
}
bench_connect_bouncer() { bench "$line_cgi_bouncer" 'pgbench -C' bouncer -C; }

# More threads than connections would only wait for each other.
start_webhooks()
{
    pool=$((webhook_processes / webhook_own)) threads=$((webhook_processes / webhook_own))
    fastcgi webhook-direct direct plain "$webhook_own" twilio-delivery-status
    fastcgi floor-direct direct plain "$webhook_processes" bench_webhook_fcgi
}

part_webhook_fastcgi()
{
    start_webhooks
    fastcgi webhook-bouncer bouncer plain "$webhook_own" twilio-delivery-status
    fastcgi floor-bouncer bouncer plain "$webhook_processes" bench_webhook_fcgi
    pool='' threads=''
    in_rounds "$rows" webhook_fcgi floor_webhook_fcgi bench_kept \
        webhook_fcgi_bouncer floor_webhook_fcgi_bouncer bench_kept_bouncer
    stop webhook-direct webhook-bouncer floor-direct floor-bouncer
}

line_fcgi='webhook, FastCGI, 16 callers'
line_fcgi_bouncer='webhook, FastCGI, pgbouncer, 16 callers'
webhook_fcgi()
{
    load "$line_fcgi" ours webhook webhook-direct/twilio-delivery-status --connections 16
}
floor_webhook_fcgi()
{
    load "$line_fcgi" 'minimal FastCGI, libpq' webhook floor-direct/bench_webhook_fcgi --connections 16
}
bench_kept() { bench "$line_fcgi" 'pgbench -M prepared' direct -M prepared; }
webhook_fcgi_bouncer()
{
    load "$line_fcgi_bouncer" ours webhook webhook-bouncer/twilio-delivery-status --connections 16
}
floor_webhook_fcgi_bouncer()
{
    load "$line_fcgi_bouncer" 'minimal FastCGI, libpq' webhook floor-bouncer/bench_webhook_fcgi \
        --connections 16
}
# A pooler in transaction mode forgets prepared statements.
bench_kept_bouncer() { bench "$line_fcgi_bouncer" 'pgbench -M extended' bouncer -M extended; }

part_webhook_rate()
{
    cgi cgi-direct direct plain
    start_webhooks
    pool='' threads=''
    in_rounds "$rows" webhook_1000 floor_webhook_1000 bench_1000 webhook_100 floor_webhook_100 bench_100
    stop cgi-direct webhook-direct floor-direct
}

line_1000='webhook, FastCGI, 1,000 a second'
line_100='webhook, CGI, 100 a second'
webhook_1000()
{
    load "$line_1000" ours webhook webhook-direct/twilio-delivery-status --connections 64 --rate 1000
}
floor_webhook_1000()
{
    load "$line_1000" 'minimal FastCGI, libpq' webhook floor-direct/bench_webhook_fcgi \
        --connections 64 --rate 1000
}
bench_1000() { bench "$line_1000" 'pgbench -M prepared' direct -M prepared -R 1000; }
webhook_100()
{
    load "$line_100" ours webhook cgi-direct/twilio-delivery-status --connections 64 --rate 100
}
floor_webhook_100()
{
    load "$line_100" 'minimal CGI, libpq' webhook cgi-direct/bench_webhook_cgi --connections 64 --rate 100
}
bench_100() { bench "$line_100" 'pgbench -C' direct -C -R 100; }

part_send_cgi()
{
    cgi cgi-direct direct plain
    cgi cgi-bouncer bouncer plain
    cgi cgi-tls direct tls
    in_rounds 10000 send_cgi floor_send_cgi send_cgi_bouncer floor_send_cgi_bouncer \
        send_cgi_tls floor_send_cgi_tls send_cgi_100 floor_send_cgi_100 send_cgi_tls_100 \
        floor_send_cgi_tls_100
    stop cgi-direct cgi-bouncer cgi-tls
}

# sends LINE-END PROGRAM TARGET DELAY CALLERS
sends()
{
    delay "$4"
    load "send, $1" "$2" sms "$3" --connections "$5"
    delay 0
}
floor_cgi='minimal CGI, libpq and libcurl'
send_cgi() { sends 'CGI, 8 callers' ours cgi-direct/send-twilio-message 0 8; }
floor_send_cgi() { sends 'CGI, 8 callers' "$floor_cgi" cgi-direct/bench_send_cgi 0 8; }
send_cgi_bouncer() { sends 'CGI, pgbouncer, 8 callers' ours cgi-bouncer/send-twilio-message 0 8; }
floor_send_cgi_bouncer()
{
    sends 'CGI, pgbouncer, 8 callers' "$floor_cgi" cgi-bouncer/bench_send_cgi 0 8
}
send_cgi_tls() { sends 'CGI, TLS, 8 callers' ours cgi-tls/send-twilio-message 0 8; }
floor_send_cgi_tls() { sends 'CGI, TLS, 8 callers' "$floor_cgi" cgi-tls/bench_send_cgi 0 8; }
send_cgi_100() { sends 'CGI, 100 ms, 32 callers' ours cgi-direct/send-twilio-message 100 32; }
floor_send_cgi_100() { sends 'CGI, 100 ms, 32 callers' "$floor_cgi" cgi-direct/bench_send_cgi 100 32; }
send_cgi_tls_100() { sends 'CGI, TLS, 100 ms, 32 callers' ours cgi-tls/send-twilio-message 100 32; }
floor_send_cgi_tls_100()
{
    sends 'CGI, TLS, 100 ms, 32 callers' "$floor_cgi" cgi-tls/bench_send_cgi 100 32
}

part_send_fastcgi()
{
    threads=$send_threads pool=$send_pool
    for way in direct bouncer tls; do
        to=plain
        [ "$way" != tls ] || to=tls
        fastcgi "send-$way" "$way" "$to" "$send_processes" send-twilio-message
        fastcgi "floor-$way" "$way" "$to" "$send_processes" bench_send_fcgi
    done
    threads='' pool=''
    in_rounds 10000 send_fcgi floor_send_fcgi send_fcgi_bouncer floor_send_fcgi_bouncer \
        send_fcgi_tls floor_send_fcgi_tls send_fcgi_100 floor_send_fcgi_100 send_fcgi_tls_100 \
        floor_send_fcgi_tls_100 send_500 floor_send_500
    stop send-direct send-bouncer send-tls floor-direct floor-bouncer floor-tls
}

floor_fcgi='minimal FastCGI, libpq and libcurl'
send_fcgi() { sends 'FastCGI, 256 callers' ours send-direct/send-twilio-message 0 256; }
floor_send_fcgi() { sends 'FastCGI, 256 callers' "$floor_fcgi" floor-direct/bench_send_fcgi 0 256; }
send_fcgi_bouncer()
{
    sends 'FastCGI, pgbouncer, 256 callers' ours send-bouncer/send-twilio-message 0 256
}
floor_send_fcgi_bouncer()
{
    sends 'FastCGI, pgbouncer, 256 callers' "$floor_fcgi" floor-bouncer/bench_send_fcgi 0 256
}
send_fcgi_tls() { sends 'FastCGI, TLS, 256 callers' ours send-tls/send-twilio-message 0 256; }
floor_send_fcgi_tls()
{
    sends 'FastCGI, TLS, 256 callers' "$floor_fcgi" floor-tls/bench_send_fcgi 0 256
}
send_fcgi_100() { sends 'FastCGI, 100 ms, 256 callers' ours send-direct/send-twilio-message 100 256; }
floor_send_fcgi_100()
{
    sends 'FastCGI, 100 ms, 256 callers' "$floor_fcgi" floor-direct/bench_send_fcgi 100 256
}
send_fcgi_tls_100()
{
    sends 'FastCGI, TLS, 100 ms, 256 callers' ours send-tls/send-twilio-message 100 256
}
floor_send_fcgi_tls_100()
{
    sends 'FastCGI, TLS, 100 ms, 256 callers' "$floor_fcgi" floor-tls/bench_send_fcgi 100 256
}
line_500='send, FastCGI, 500 a second'
send_500() { load "$line_500" ours sms send-direct/send-twilio-message --connections 64 --rate 500; }
floor_send_500()
{
    load "$line_500" "$floor_fcgi" sms floor-direct/bench_send_fcgi --connections 64 --rate 500
}

part_send_whatsapp()
{
    cgi cgi-direct direct plain
    threads=64 pool=4
    fastcgi sms direct plain 2 send-twilio-message
    fastcgi whatsapp direct plain 2 send-whatsapp
    threads='' pool=''
    in_rounds 10000 whatsapp_fcgi sms_fcgi whatsapp_cgi sms_cgi
    stop cgi-direct sms whatsapp
}

line_whatsapp='send-whatsapp, FastCGI, 64 callers'
line_whatsapp_cgi='send-whatsapp, CGI, 8 callers'
whatsapp_fcgi() { load "$line_whatsapp" ours whatsapp whatsapp/send-whatsapp --connections 64; }
sms_fcgi() { load "$line_whatsapp" 'send-twilio-message, SMS' sms sms/send-twilio-message --connections 64; }
whatsapp_cgi() { load "$line_whatsapp_cgi" ours whatsapp cgi-direct/send-whatsapp; }
sms_cgi() { load "$line_whatsapp_cgi" 'send-twilio-message, SMS' sms cgi-direct/send-twilio-message; }

# Does a figure depend on how much is stored, and memory on how much was served?
part_growth()
{
    start_webhooks
    threads=64 pool=4
    fastcgi send-direct direct plain 2 send-twilio-message
    threads='' pool=''
    round=0
    while [ "$round" -lt "$rounds" ]; do
        round=$((round + 1))
        for many in "$grown" 10000; do
            fill "$many"
            if [ "$many" = 10000 ]; then
                program='10,000 rows'
            else
                program=ours
            fi
            load 'webhook, FastCGI, 1,000,000 rows' "$program" webhook \
                webhook-direct/twilio-delivery-status --connections 16
            load 'send, FastCGI, 1,000,000 rows' "$program" sms send-direct/send-twilio-message \
                --connections 64
        done
    done
    stop webhook-direct floor-direct send-direct
}

part_memory()
{
    fill 10000
    round=1
    peak webhook twilio-delivery-status plain
    peak webhook bench_webhook_cgi plain
    for to in plain tls; do
        peak "send, $to" send-twilio-message "$to"
        peak "send, $to" bench_send_cgi "$to"
    done
    fill "$rows"
    start_webhooks
    threads=64 pool=4
    fastcgi send-direct direct plain 2 send-twilio-message
    threads='' pool=''
    for kind in webhook sms; do
        target=webhook-direct/twilio-delivery-status
        [ "$kind" = webhook ] || target=send-direct/send-twilio-message
        served "$kind" "$target" "$flat_first" first
        served "$kind" "$target" "$flat_then" then
    done
    stop webhook-direct floor-direct send-direct
}

# served KIND TARGET NUMBER WHEN
served()
{
    before_seconds=$seconds seconds=600
    load "memory, FastCGI, $1" "$4" "$1" "$2" --connections 16 --most "$3"
    seconds=$before_seconds
}

# peak WHAT PROGRAM TWILIO: the program by hand, its peak resident memory.
peak()
{
    query='' signature='' type=application/json
    printf '{"to":"+201012345678","message":"hello"}' >"$work/body"
    if [ "$1" = webhook ]; then
        type=application/x-www-form-urlencoded
        query=id=$(printf 'row 1' | md5sum | sed -E 's/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/\1-\2-\3-\4-\5/')
        name=SM$(printf 'sid 1' | md5sum | cut -c 1-32)
        printf 'MessageSid=%s&MessageStatus=sent' "$name" >"$work/body"
        signature=$("$work/bin/twilio-sandbox" --account-sid "$sid" --auth-token "$auth_token" \
            --sign "$public_url/twilio-delivery-status?$query" MessageSid="$name" MessageStatus=sent)
    fi
    chmod 644 "$work/body"
    with_settings direct "$3" peak REQUEST_METHOD=POST QUERY_STRING="$query" CONTENT_TYPE="$type" \
        CONTENT_LENGTH="$(wc -c <"$work/body")" REMOTE_ADDR=127.0.0.1 \
        HTTP_X_TWILIO_SIGNATURE="$signature" /usr/bin/time -f '%M' -o "$work/run/peak" \
        "$work/bin/$2" <"$work/body" >"$work/peak.out" 2>"$work/peak.err"
    grep -q '"success":true' "$work/peak.out" || fail "$2: $(cat "$work/peak.out" "$work/peak.err")"
    echo "memory, CGI, $1|$2|1|peak=$(cat "$work/run/peak")" >>"$results"
    echo "  memory, CGI, $1, $2: peak=$(cat "$work/run/peak")" >&2
}

begin
for part in $only; do
    echo "# $part, $(cut -d ' ' -f 1 /proc/loadavg) busy" >&2
    "part_$(echo "$part" | tr - _)"
done
awk -f "$root/tests/bench/table.awk" "$results"
