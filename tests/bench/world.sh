# What everything runs on: database, pooler, web server, stand-ins for Twilio; POSIX sh, sourced by run.sh.
#
#   begin                  all of it, in a directory of its own ($work), until the script ends
#   sql OPTION...          psql, as the superuser; $side says in which database
#   fill ROWS              so many messages in the database of $side, each with an event
#   delay MILLISECONDS     before each answer of the stand-ins
#   in_background NAME COMMAND...   as the unprivileged user, with run/NAME.pid
#   await COMMAND...       until it succeeds
#   fail TEXT
#
# There are two sides: `ours`, with this checkout's programs and schema, and `before`, with those of
# OTHER-BUILD, whose programs are called before-NAME and whose sockets NAME-before.
#
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh's and its files' variables

users=20000
side=ours

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

begin()
{
    for tool in nginx fcgiwrap spawn-fcgi pgbouncer pgbench psql openssl; do
        command -v "$tool" >/dev/null || fail "$tool is missing"
    done
    [ -z "$node" ] || install_node
    work=$(mktemp -d /tmp/twilio-cgi-bench.XXXXXX)
    chmod 755 "$work"
    trap 'end; exit 1' HUP INT PIPE TERM
    trap end EXIT
    mkdir "$work/bin"
    for directory in run log nginx spool bouncer; do
        mkdir -m 700 "$work/$directory"
        [ "$(id -u)" -ne 0 ] || chown "$unprivileged_user:" "$work/$directory"
    done
    cp "$build"/cgi-bin/send-twilio-message "$build"/cgi-bin/send-whatsapp \
        "$build"/cgi-bin/twilio-delivery-status "$build"/tests/sandbox/twilio-sandbox \
        "$build"/tests/bench/bench_* "$work/bin/"
    if [ -n "$other" ]; then
        for name in send-twilio-message send-whatsapp twilio-delivery-status; do
            cp "$other/cgi-bin/$name" "$work/bin/before-$name"
        done
        other_root=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$other/CMakeCache.txt")
    fi
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
    trap '' PIPE # who read has gone
    set +e
    for pid_file in "$work"/run/*.pid; do
        name=${pid_file##*/}
        [ ! -s "$pid_file" ] || stop_one "${name%.pid}"
    done
    cluster_stop "$work/db"
    [ -z "$keep" ] || cp "$results" "$keep"
    free_ports_again
    rm -rf --one-file-system "$work"
}

in_background()
{
    name=$1
    shift
    # the shell need not know of it: "Terminated" is no news
    ( (
        cd "$work" || exit
        as_user env -i PATH="$PATH" LC_ALL="$LC_ALL" NAME="$name" sh -c \
            'echo $$ >"run/$NAME.pid"; exec "$@"' - "$@"
    ) </dev/null >>"$work/log/$name.log" 2>&1 &)
}

# ---------------------------------------------------------------- the database

database_name()
{
    case $side in
    before) echo before ;;
    *) echo twilio_cgi ;;
    esac
}

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$(database_name)" "$@"; }

start_database()
{
    cluster_start "$work/db"
    postgres_pid=$(head -n 1 "$work/db/data/postmaster.pid")
    psql -X -q -d postgres -c 'alter system set autovacuum = off' -c 'select pg_reload_conf()' >/dev/null
    make_database ours "$root"
    [ -z "$other" ] || make_database before "$other_root"
    side=ours
}

make_database()
{
    side=$1
    psql -X -q -d postgres -c "create database $(database_name)"
    { sql -f "$2/sql/standalone.sql" && sql -f "$2/sql/migrate.sql"; } >"$work/log/migrate.log" 2>&1 ||
        fail "the migration failed: $(tail -n 5 "$work/log/migrate.log")"
    sql -c "insert into public.profiles (id)
            select md5('user ' || n)::uuid from generate_series(0, $users - 1) n"
}

# The messages are of the past days. (Kept connections plan with what they find, and nobody's autovacuum
# tells them otherwise: on a table without events they would read all of it for each request.)
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
before = host=$PGHOST port=5432 user=twilio_cgi
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

# ---------------------------------------------------------------- Twilio and the web server

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

delay()
{
    for sandbox in plain tls; do
        curl -q -s -S -f --noproxy '*' --cacert "$work/tls/ca.pem" -d "delay-ms=$1" \
            "$(sandbox_url "$sandbox")/sandbox/config" >/dev/null
    done
}

# One location for each socket and program, /SOCKET/PROGRAM, and one for each service in Node, which
# speaks HTTP.
start_nginx()
{
    for file in "$root"/nginx/twilio-cgi*.conf; do
        sed "s|/usr/lib/twilio-cgi|$work/bin|" "$file" >"$work/${file##*/}"
    done
    cat >"$work/nginx.conf" <<CONF
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
    upstream node-webhook { server unix:$work/run/node-webhook.socket; keepalive 256; }
    upstream node-statements { server unix:$work/run/node-statements.socket; keepalive 256; }
    upstream node-send { server unix:$work/run/node-send.socket; keepalive 256; }
    server {
        listen 127.0.0.1:$port backlog=1024;
        location ~ ^/(?<service>node-[a-z]+)/ {
            proxy_pass http://\$service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
        location ~ ^/(?<socket>[a-z-]+)/(?<twilio_cgi_program>[a-z_-]+)\$ {
            include twilio-cgi-program.conf;
            fastcgi_pass unix:$work/run/\$socket.socket;
        }
        include twilio-cgi-refusals.conf;
    }
}
CONF
    in_background nginx nginx -p "$work/" -e "$work/log/nginx-error.log" -c "$work/nginx.conf"
    await curl -q -s -o /dev/null "http://127.0.0.1:$port/"
}
