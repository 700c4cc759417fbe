# Starting and stopping what is measured; POSIX sh, sourced by run.sh.
#
#   cgi SOCKET WAY TWILIO                          fcgiwrap, with these settings
#   fastcgi SOCKET WAY TWILIO PROCESSES PROGRAM    a program with a listening socket
#   node_service SOCKET SCRIPT NAME=VALUE...       a service of node/, if asked for
#   both COMMAND SOCKET...                         the same of both sides
#   stop SOCKET...                                 of both sides
#   with_settings WAY TWILIO NAME COMMAND...       in the environment of a program
#
# WAY to the database: direct, bouncer. TWILIO: plain, tls. Threads and connections of our programs are
# those of the package, which sets none; the floors' are MINIMAL_THREADS and MINIMAL_POOL.
#
# shellcheck shell=sh disable=SC2034,SC2154 # run.sh's and its files' variables

database_url()
{
    case $1 in
    bouncer) echo "host=$work/bouncer port=6432 dbname=$(database_name) user=twilio_cgi" ;;
    *) echo "host=$PGHOST port=5432 dbname=$(database_name) user=twilio_cgi application_name=$2" ;;
    esac
}

with_settings()
{
    url=$(database_url "$1" "$3") api=$(sandbox_url "$2")
    shift 3
    as_user env -i PATH="$PATH" DATABASE_URL="$url" TWILIO_ACCOUNT_SID="$sid" \
        TWILIO_AUTH_TOKEN="$auth_token" TWILIO_PHONE_NUMBER=+15005550006 TWILIO_API_URL="$api" \
        TWILIO_CA_PATH="$work/authorities" PUBLIC_URL="$public_url" \
        SUPABASE_JWT_SECRET="$jwt_secret" SPOOL_DIR="$work/spool" \
        MINIMAL_THREADS="${threads:-1}" MINIMAL_POOL="${pool:-1}" "$@"
}

# suffixed SOCKET: of this side
suffixed()
{
    case $side in
    before) echo "$1-before" ;;
    *) echo "$1" ;;
    esac
}

both()
{
    "$@"
    [ -n "$other" ] || return 0
    side=before
    "$@"
    side=ours
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

cgi()
{
    socket=$(suffixed "$1")
    group=$(make_group "$socket")
    # shellcheck disable=SC2016 # for the other shell to expand
    ([ -z "$group" ] || sh -c 'echo $PPID' >"$group/cgroup.procs"
    with_settings "$2" "$3" "$socket" setsid sh -c 'cd "$0" && echo $$ >"run/$1.pid" &&
        exec fcgiwrap -c 32 -s "unix:$0/run/$1.socket" 2>>"log/$1.log"' "$work" "$socket" </dev/null \
        >/dev/null 2>&1 &)
    await test -S "$work/run/$socket.socket"
}

fastcgi()
{
    socket=$(suffixed "$1") program=$5
    [ "$side" = ours ] || program=before-$5
    # shellcheck disable=SC2016 # for the other shell to expand
    with_settings "$2" "$3" "$socket" spawn-fcgi -s "$work/run/$socket.socket" -F "$4" -b 1024 \
        -P "$work/run/$socket.pid" -- /bin/sh -c 'exec "$0" 2>>"$1"' "$work/bin/$program" \
        "$work/log/$socket.log" >/dev/null
    await test -S "$work/run/$socket.socket"
}

# What a service in Node needs, as package-lock.json has it; once.
install_node()
{
    for tool in node npm; do
        command -v "$tool" >/dev/null || fail "$tool is missing"
    done
    modules=$build/tests/bench/node
    mkdir -p "$modules"
    cmp -s "$here/node/package-lock.json" "$modules/installed" || {
        echo '# npm installs what the services in Node need' >&2
        cp "$here"/node/package*.json "$here/node/.npmrc" "$modules"
        (cd "$modules" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 </dev/null) ||
            fail "npm ci failed: $(tail -n 5 "$modules/npm.log")"
        cp "$modules/package-lock.json" "$modules/installed"
    }
}

# One process, as such services run; it connects as npm's pg does by default, ten connections at most. What
# it may write no role of ours may.
node_service()
{
    [ -n "$node" ] || return 0
    sql -c "do \$\$ begin create role bench_node login bypassrls; exception when duplicate_object then null; end \$\$;
        grant usage on schema public, messaging to bench_node;
        grant select, insert, update on public.message_logs to bench_node;
        grant select, insert, update on messaging.message_status_events to bench_node;
        grant set on parameter session_replication_role to bench_node;
        grant execute on all functions in schema messaging to bench_node"
    [ -d "$work/node" ] || {
        mkdir "$work/node"
        cp -R "$here"/node/*.js "$build/tests/bench/node/node_modules" "$work/node"
        chmod -R a+rX "$work/node"
    }
    node_socket=$1 node_script=$2
    shift 2
    in_background "$node_socket" env NODE_ENV=production LISTEN="$work/run/$node_socket.socket" \
        PGHOST="$PGHOST" PGPORT=5432 PGUSER=bench_node PGDATABASE=twilio_cgi PGAPPNAME="$node_socket" \
        TWILIO_ACCOUNT_SID="$sid" TWILIO_AUTH_TOKEN="$auth_token" TWILIO_PHONE_NUMBER=+15005550006 \
        TWILIO_API_URL="$(sandbox_url plain)" PUBLIC_URL="$public_url" "$@" \
        node "$work/node/$node_script"
    await test -S "$work/run/$node_socket.socket"
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

stop_one()
{
    for pid in $(cat "$work/run/$1.pid"); do
        # of fcgiwrap, the whole group: its children would stay
        kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || :
        await is_gone "$pid"
    done
    rm -f "$work/run/$1.pid" "$work/run/$1.socket"
    remove_group "$1"
}

stop()
{
    for name in "$@"; do
        for of_a_side in "$name" "$name-before"; do
            [ ! -s "$work/run/$of_a_side.pid" ] || stop_one "$of_a_side"
        done
    done
}
