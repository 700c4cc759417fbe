# nginx and fcgiwrap with the configuration that is shipped; sourced by lib.sh.
#
# shellcheck shell=sh

server_start()
{
    web=$work/web
    make_directory "$web" "$web/log" "$web/nginx" "$web/run"
    sed "s|@PORT@|$port|; s|@STATE@|$work|" "$root/nginx/local.conf.in" >"$web/nginx/nginx.conf"
    cp "$root/nginx/twilio-cgi.conf" "$root/nginx/twilio-cgi-program.conf" "$web/nginx/"
    ( cd "$web" && as_user nginx -p "$web/" -e log/nginx.log -c "$web/nginx/nginx.conf" ) \
        </dev/null >"$web/log/nginx.out" 2>&1 &
    nginx_shell=$!
    await curl -q -s -o /dev/null "http://127.0.0.1:$port/"
    start_programs
}

# shellcheck disable=SC2016 # for the other shell to expand
start_programs()
{
    chmod 644 "$settings_file"
    rm -f "$web/run/fcgiwrap.socket"
    ( cd "$web" && as_user setsid sh -c 'echo $$ >run/fcgiwrap.pid; set -a; . "$0"
        exec "$@" 2>>log/programs.log' "$settings_file" env -u PGHOST -u PGPORT -u PGUSER \
        fcgiwrap -c 8 -s unix:run/fcgiwrap.socket ) </dev/null >/dev/null 2>&1 &
    programs_shell=$!
    await test -S "$web/run/fcgiwrap.socket"
    server_running=yes
}

stop_programs()
{
    [ -n "${server_running:-}" ] || return 0
    kill -s TERM -- "-$(cat "$web/run/fcgiwrap.pid")"
    wait "$programs_shell"
    server_running=
}

# Another environment needs other processes.
server_reload()
{
    stop_programs
    start_programs
}

server_stop()
{
    stop_programs
    [ ! -s "$web/run/nginx.pid" ] || kill "$(cat "$web/run/nginx.pid")"
    wait "$nginx_shell"
}
