#!/bin/sh
# shellcheck disable=SC2317 # functions are called by way of "await"
# More than one host: two web hosts, each with its own nginx, processes and spool, behind a balancer;
# pgbouncer in transaction mode before one PostgreSQL; one Twilio. Later a third.
#
#   sh test_hosts.sh BUILD-DIRECTORY
#
#   127.0.0.1        the caller, and the balancer it calls
#   10.77.0.1        Twilio, and the balancer as the web hosts see it
#   10.77.0.9        pgbouncer
#   10.77.0.11 …     the web hosts
#
# A host is a network namespace and a root directory: this machine's, with what the package installs, a
# settings file and a spool on top, in memory. All of it, processes too, is in namespaces that end with
# the test, however it ends. Nothing is mounted below what is removed at the end.

if [ "$(id -u)" -ne 0 ] || ! unshare --mount --net --pid --fork true; then
    echo 'only a root who may make namespaces can have more hosts'
    exit 77
fi
if [ -z "${hosts_inside:-}" ]; then
    export hosts_inside=yes
    exec unshare --mount --net --pid --fork --kill-child --mount-proc sh "$0" "$@"
fi
set -- "$1"
# shellcheck source=tests/faults/lib.sh
. "$(dirname "$0")/../faults/lib.sh"

# What is not ended here ends with the namespaces.
end()
{
    trap - EXIT
    cluster_stop "$work/db"
    free_ports_again
    rm -rf --one-file-system "$work"
}

program_log() { cat "$work"/web*.log; }

# ---------------------------------------------------------------- the network

# machine NAME ADDRESS: on the bridge
machine()
{
    ip netns add "$1" &&
        ip link add "to-$1" type veth peer name eth0 netns "$1" &&
        ip link set "to-$1" master bridge up &&
        ip -n "$1" link set lo up &&
        ip -n "$1" address add "$2/24" dev eth0 &&
        ip -n "$1" link set eth0 up
}

network()
{
    mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && mount -t tmpfs -o mode=755 tmpfs /media &&
        ip link set lo up && ip link add bridge type bridge && ip link set bridge up &&
        ip address add 10.77.0.1/24 dev bridge && machine data 10.77.0.9
}

# Twilio is another machine for the hosts: https.
start_sandbox()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=twilio \
        -addext subjectAltName=IP:10.77.0.1 -keyout "$work/twilio.key" -out "$work/twilio.pem" 2>/dev/null
    export CURL_CA_BUNDLE="$work/twilio.pem"
    TWILIO_ACCOUNT_SID=$sid TWILIO_AUTH_TOKEN=$auth_token "$sandbox" --log "$work/twilio.log" \
        --port-file "$work/twilio.port" --listen 10.77.0.1:0 --callbacks on --callback-delay-ms 30 \
        --tls-cert "$work/twilio.pem" --tls-key "$work/twilio.key" >>"$work/sandbox.out" 2>&1 &
    sandbox_pid=$!
    await test -s "$work/twilio.port"
    twilio_url=https://10.77.0.1:$(cat "$work/twilio.port")
}

bouncer_start()
{
    cat >"$work/bouncer.ini" <<TEXT
[databases]
twilio_cgi = host=$PGHOST port=$PGPORT user=twilio_cgi
[pgbouncer]
pool_mode = transaction
listen_addr = 10.77.0.9
listen_port = 6432
unix_socket_dir =
auth_type = any
default_pool_size = 8
max_client_conn = 500
TEXT
    ip netns exec data setpriv --reuid "$unprivileged_user" --regid "$unprivileged_user" --init-groups \
        pgbouncer -q "$work/bouncer.ini" </dev/null >"$work/bouncer.log" 2>&1 &
    await psql -X -q -d 'host=10.77.0.9 port=6432 dbname=twilio_cgi user=twilio_cgi' -c ''
}

# balance ADDRESS...: to these, from now on. What a host may have begun no other host repeats.
balance()
{
    [ -d "$web/balancer" ] || make_directory "$web/balancer"
    {
        cat <<TEXT
daemon off;
pid $web/balancer.pid;
error_log $web/balancer.log;
worker_processes 1;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $web/balancer/body;
    fastcgi_temp_path $web/balancer/fastcgi;
    proxy_temp_path $web/balancer/proxy;
    scgi_temp_path $web/balancer/scgi;
    uwsgi_temp_path $web/balancer/uwsgi;
    proxy_connect_timeout 2s;
    proxy_next_upstream error timeout;
    proxy_set_header X-Forwarded-For \$remote_addr;
    server {
        listen 127.0.0.1:$port backlog=1024;
        location / { proxy_pass http://hosts; }
    }
    upstream hosts {
TEXT
        for address; do echo "        server $address:8080 max_fails=1 fail_timeout=5s;"; done
        printf '    }\n}\n'
    } >"$web/balancer.conf"
    if [ -s "$web/balancer.pid" ]; then
        kill -s HUP "$(cat "$web/balancer.pid")"
        return
    fi
    as_user nginx -e "$web/balancer.log" -c "$web/balancer.conf" </dev/null >"$work/balancer.out" 2>&1 &
    await curl -q -s -o /dev/null "http://127.0.0.1:$port/"
}

# ---------------------------------------------------------------- a host

# host N: made of this machine, the package, the settings file. Nothing else.
host()
{
    host=/media/web$1
    machine "web$1" "10.77.0.1$1" &&
        mkdir "$host" "$host.upper" "$host.work" &&
        mount -t overlay -o "lowerdir=/,upperdir=$host.upper,workdir=$host.work" overlay "$host" &&
        mount -t proc proc "$host/proc" && mount -t tmpfs -o mode=755 tmpfs "$host/dev" &&
        mount -t tmpfs -o mode=1777 tmpfs "$host/tmp" &&
        mknod -m 666 "$host/dev/null" c 1 3 && mknod -m 666 "$host/dev/urandom" c 1 9 || return
    cp -a "$work/package/." "$host/"
    install -D -m 600 "$work/environment" "$host/etc/twilio-cgi/environment"
    install -D -m 644 "$work/twilio.pem" "$host/etc/twilio-cgi/twilio.pem"
    install -d -o "$unprivileged_user" -m 700 "$host/var/spool/twilio-cgi" "$host/run/twilio-cgi" \
        "$host/var/lib/web" "$host/var/lib/web/log" "$host/var/lib/web/run" "$host/var/lib/web/nginx"
    cp "$build/tests/faults/keeper" "$build/tests/faults/later.so" "$host/usr/local/lib/"
    cp "$host"/usr/share/doc/twilio-cgi/examples/*.conf "$host/var/lib/web/nginx/"
    sed "s|127.0.0.1:@PORT@|8080|; s|@PUBLIC_PORT@|8081|; s|@WAY@|twilio-cgi-fastcgi.conf|
        s|server_name localhost;|& set_real_ip_from 10.77.0.1; real_ip_header X-Forwarded-For;|" \
        "$root/nginx/local.conf.in" >"$host/var/lib/web/nginx/nginx.conf"
    for program in send-twilio-message send-whatsapp twilio-delivery-status; do
        on "$1" /usr/local/lib/keeper "/run/twilio-cgi/$program.socket" 2 "/usr/lib/twilio-cgi/$program" \
            </dev/null >/dev/null 2>>"$work/web$1.log" &
        await test -S "$host/run/twilio-cgi/$program.socket"
    done
    on "$1" nginx -p /var/lib/web/ -e log/nginx.log -c nginx/nginx.conf </dev/null >"$work/nginx$1.out" 2>&1 &
    await curl -q -s -o /dev/null "http://10.77.0.1$1:8080/"
}

# on N COMMAND...: on that host, as the user of the programs, with the settings of its file
# shellcheck disable=SC2016 # for the other shell to expand
on()
{
    on_host=$1
    shift
    ip netns exec "web$on_host" chroot "/media/web$on_host" env -i PATH=/usr/sbin:/usr/bin:/bin sh -c \
        'cd /var/lib/web; set -a; . /etc/twilio-cgi/environment; set +a
        exec setpriv --reuid "$0" --regid "$0" --init-groups "$@"' "$unprivileged_user" "$@"
}

spooled() { find "/media/web$1/var/spool/twilio-cgi" -type f | wc -l; }

# served N PROGRAM: requests it has a log line of
served() { grep -c "\"program\":\"$2\".*\"status\":" "$work/web$1.log"; }

network || { echo 'no network'; exit 1; }
begin_faults
web=$work/web
bouncer_start
DESTDIR="$work/package" cmake --install "$build" --prefix /usr >"$work/install" || { cat "$work/install"; exit 1; }
cat >"$work/environment" <<TEXT
TWILIO_ACCOUNT_SID=$sid
TWILIO_AUTH_TOKEN=$auth_token
TWILIO_PHONE_NUMBER=+15005550006
TWILIO_API_URL=$twilio_url
TWILIO_CA_FILE=/etc/twilio-cgi/twilio.pem
PUBLIC_URL=$base
DATABASE_URL="host=10.77.0.9 port=6432 dbname=twilio_cgi user=twilio_cgi"
SUPABASE_JWT_SECRET=$jwt_secret
TEXT
host 1
host 2
balance 10.77.0.11 10.77.0.12

# whatsapp WHO FIRST LAST; messages FIRST LAST: of every fourth message Twilio tells nothing by itself
whatsapp()
{
    token=$(bearer "$1")
    seq -f "send-whatsapp	{\"to\":\"01012345678\",\"message\":\"$1 %.0f\"}	Content-Type: application/json	$token" \
        "$2" "$3"
}
messages()
{
    seq -f 'send-twilio-message	{"to":"01012345678","message":"message %.0f"}' "$1" "$2" |
        sed '0~4s/345678/345926/'
}

it 'each host says that all is well'
for n in 1 2; do
    on $n /usr/lib/twilio-cgi/send-twilio-message --check >"$work/check" 2>&1 ||
        complain "--check on host $n" ready "$(cat "$work/check")"
done

it 'of 60 requests of one user at once, on two hosts, exactly 5 become messages'
whatsapp "$user" 1 60 | crowd --parallel 60
holds "select status, code, count(*) from answered group by 1, 2 order by 1" \
    "200||5
429|rate_limited|55"
holds "select count(*) from message_logs where sender_id = '$user'" 5
for n in 1 2; do
    [ "$(served $n send-whatsapp)" -ge 10 ] || complain "requests on host $n" '10 or more' "$(served $n send-whatsapp)"
done

it 'a host is cut off in the middle: the other one answers whoever comes'
twilio_config delay-ms=300
{
    taken() { [ "$(curl -q -s "$twilio_url/sandbox/messages" | wc -l)" -ge 60 ]; }
    await taken
    ip link set to-web1 down
    # Until it has given up a message that Twilio has, perhaps, and keeps what it knows.
    until grep -q outcome_unknown "$work/web1.log" && [ "$(spooled 1)" -gt 0 ]; do sleep 0.2; done
    ip link set to-web1 up
} &
disturbing=$!
messages 1 300 | crowd --parallel 16
holds "select count(*) > 200 from answered where status = 200" t
holds "select status, code from answered where status not in (0, 200, 502, 503, 504) group by 1, 2" ''
echo "# $(sql -c "select string_agg(n || ' x ' || status || coalesce(' ' || code, ''), ', ')
    from (select status, code, count(*) as n from answered group by 1, 2 order by 1) as kinds")"
echo "# waiting on host 1: $(spooled 1), unsettled rows: $(sql -c "select count(*) from message_logs
    where status in ('pending', 'unknown')")"

it 'when it is back, drained and reconciled, nothing is lost'
# Twilio has said all that it will say.
silent() { ! curl -q -s "$twilio_url/sandbox/messages" | grep -v -e '"status":"delivered"' -e '"status":"read"'; }
await silent
for n in 1 2; do
    on $n /usr/lib/twilio-cgi/twilio-delivery-status --drain >"$work/drain" 2>&1 ||
        complain "--drain on host $n" 0 "$(cat "$work/drain")"
    equals "what waits on host $n" 0 "$(spooled $n)"
done
holds "select count(*) > 0 from message_logs where status not in ('delivered', 'read')" t
on 2 env LD_PRELOAD=/usr/local/lib/later.so $asan_preload SECONDS_LATER=121 \
    /usr/lib/twilio-cgi/send-twilio-message --reconcile --older-than 0s >"$work/reconcile" 2>&1 ||
    complain --reconcile 0 "$(cat "$work/reconcile")"
taken_table
twilio_table
holds 'select count(*) > 200 from taken' t
holds 'select count(*) from taken t where not exists (select from message_logs m
    where m.external_id = t.sid and m.id = t.log_id and m.status = t.status)' 0
holds 'select body, count(*) from posts group by body having count(*) > 1' ''
holds "select status, count(*) from message_logs where status in ('pending', 'unknown') group by 1" ''
holds "select count(*) from answered a where status = 200 and not exists (select from taken t
    where t.sid = a.body->>'messageSid')" 0

it 'each callback that was answered 200 is recorded'
sql -c 'create table calls (line jsonb)' \
    -c "copy calls from stdin (format csv, delimiter e'\\x02', quote e'\\x01')" <"$work/twilio.log"
holds "select count(*) > 300 from calls where line->>'type' = 'callback' and line->>'status' = '200'" t
holds "select count(*) from calls where line->>'type' = 'callback' and line->>'status' = '200' and not exists
    (select from messaging.message_status_events e where e.external_id = line->'parameters'->>'MessageSid'
        and e.status = line->'parameters'->>'MessageStatus')" 0

it 'a third host needs the package and the settings file, and a line in the balancer'
twilio_config delay-ms=0
host 3
balance 10.77.0.11 10.77.0.12 10.77.0.13
await sh -c "curl -q -s -o /dev/null -d '{}' '$base/send-whatsapp' && grep -q send-whatsapp '$work/web3.log'"
messages 1000 1059 | crowd --parallel 6
holds 'select status, count(*) from answered group by 1' '200|60'
[ "$(served 3 send-twilio-message)" -ge 10 ] ||
    complain 'messages that host 3 sent' '10 or more' "$(served 3 send-twilio-message)"
whatsapp "$other_user" 1 30 | crowd --parallel 30
holds "select status, count(*) from answered group by 1 order by 1" "200|5
429|25"

finish
