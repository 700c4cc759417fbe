# Web servers with the configuration that is shipped, and what stands behind them; sourced by lib.sh.
#
# The transport is FRONT-BACK, a web server and how it reaches the programs: nginx-fcgiwrap,
# nginx-fastcgi, apache-cgi, apache-fastcgi; or pgbouncer, which is nginx-fastcgi with pgbouncer before
# the database.
#
#   server_start; server_stop     all of it; start sets server_running
#   server_reload                 after settings: another environment needs other processes
#
# They are made of these:
#
#   nginx_start WAY; nginx_stop   WAY: the configuration that says where the programs are. At $port it
#                                 listens for this machine, at $public_port for the world
#   nginx_run                     with nginx/nginx.conf as it is
#   apache_start WAY; apache_stop; apache_run    the same; the settings are in its environment
#   fcgiwrap_start; fcgiwrap_stop
#   fastcgi_start; fastcgi_stop   each program in processes of its own, as systemd would have it
#   bouncer_start; bouncer_stop   pgbouncer in transaction mode, for database_url
#
# Everything runs as the unprivileged user and lives in $web.
#
# shellcheck shell=sh disable=SC2034,SC2154 # lib.sh's variables

web=$work/web
make_directory "$web" "$web/log" "$web/nginx" "$web/run"
public_port=$(free_port $((port + 1)))

# in_web NAME COMMAND...: in the background; process id in run/NAME.pid, standard error in log/NAME.log.
# shellcheck disable=SC2016 # for the other shell to expand
in_web()
{
    ( cd "$web" && as_user setsid env -u PGHOST -u PGPORT -u PGUSER sh -c \
        'echo $$ >run/$0.pid; exec "$@" 2>>log/$0.log' "$@" ) </dev/null >/dev/null 2>&1 &
    eval "in_web_$1=\$!"
}

# stop NAME [-]: also its process group
stop()
{
    [ -s "$web/run/$1.pid" ] || return 0
    kill -s TERM -- "${2:-}$(cat "$web/run/$1.pid")"
    eval "wait \$in_web_$1"
    rm -f "$web/run/$1.pid"
}

# The environment is read at the start, so that settings has an effect.
with_settings()
{
    chmod 644 "$settings_file"
    name=$1
    shift
    in_web "$name" sh -c "$settings_then" "$settings_file" "$@"
}

# place FILE: a shipped configuration, with the places of this machine.
place()
{
    sed "s|/etc/apache2/twilio-cgi/|$web/apache/|; s|/usr/lib/twilio-cgi|$work/cgi-bin|; s|unix:/run/twilio-cgi/|unix:$web/run/|" \
        "$1"
}

# Apache's own lines begin with a bracket. A FastCGI process says at its start what is wrong with its
# settings.
program_log()
{
    cat "$web/log/programs.log" 2>/dev/null
    grep -v '^\[' "$web/log/apache-error.log" 2>/dev/null
    for program in $fastcgi_programs; do
        grep -v "^$(echo "$program" | tr _ -): " "$web/log/$program.log" 2>/dev/null
    done
}

# ---------------------------------------------------------------- nginx

nginx_start()
{
    for file in "$root"/nginx/twilio-cgi*.conf; do
        place "$file" >"$web/nginx/${file##*/}"
    done
    sed "s|@PORT@|$port|; s|@PUBLIC_PORT@|$public_port|; s|@WAY@|$1|" "$root/nginx/local.conf.in" \
        >"$web/nginx/nginx.conf"
    nginx_run
}

nginx_run()
{
    in_web nginx nginx -p "$web/" -e log/nginx.log -c "$web/nginx/nginx.conf"
    await curl -q -s -o /dev/null "http://127.0.0.1:$port/"
}

nginx_stop() { stop nginx; }

# ---------------------------------------------------------------- Apache

apache_start()
{
    apache_run <<TEXT
Listen 127.0.0.1:$port
Listen 127.0.0.1:$public_port
<VirtualHost *:$port>
    DocumentRoot $web/apache/documents
    Include $1
    Include twilio-cgi.conf
    Include internal.conf
</VirtualHost>
<VirtualHost *:$public_port>
    DocumentRoot $web/apache/documents
    Include $1
    Include twilio-cgi.conf
</VirtualHost>
TEXT
}

# apache_run [MODULE...]: with these besides, and with the servers that come on standard input.
apache_run()
{
    apache=$web/apache
    if [ ! -d "$apache" ]; then
        make_directory "$apache" "$apache/documents"
        cp -r "$root/nginx/apache/refusals" "$apache/"
        for file in "$root"/nginx/apache/*.conf; do
            place "$file" >"$apache/${file##*/}"
        done
    fi
    {
        for module in alias asis authz_core authz_host cgid env headers mpm_event proxy proxy_fcgi \
            rewrite reqtimeout unique_id "$@"; do
            echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
        done
        cat <<TEXT
ServerRoot $apache
ServerName localhost
DefaultRuntimeDir $web/run
ScriptSock cgid.socket
PidFile $web/run/apache.httpd
ErrorLog $web/log/apache-error.log
CustomLog $web/log/access.log "%h %l %u %t \"%r\" %>s %b"
StartServers 1
ServerLimit 4
ThreadsPerChild 32
MaxRequestWorkers 128
TEXT
        cat
    } >"$apache/apache.conf"
    with_settings apache apache2 -D FOREGROUND -f "$apache/apache.conf"
    await curl -q -s -o /dev/null "http://127.0.0.1:$port/"
}

apache_stop() { stop apache; }

# ---------------------------------------------------------------- programs

fcgiwrap_start()
{
    rm -f "$web/run/fcgiwrap.socket"
    with_settings programs fcgiwrap -c 8 -s unix:run/fcgiwrap.socket
    await test -S "$web/run/fcgiwrap.socket"
}

fcgiwrap_stop() { stop programs -; }

fastcgi_programs='send_twilio_message send_whatsapp twilio_delivery_status'

fastcgi_start()
{
    cp "$build/tests/faults/keeper" "$work/"
    for program in $fastcgi_programs; do
        name=$(echo "$program" | tr _ -)
        rm -f "$web/run/$name.socket"
        with_settings "$program" "$work/keeper" "run/$name.socket" 2 "$work/cgi-bin/$name"
    done
    for program in $fastcgi_programs; do
        await test -S "$web/run/$(echo "$program" | tr _ -).socket"
    done
}

# All at once, as each waits for its requests.
fastcgi_stop()
{
    for program in $fastcgi_programs; do
        [ ! -s "$web/run/$program.pid" ] || kill -s TERM "$(cat "$web/run/$program.pid")"
    done
    for program in $fastcgi_programs; do
        [ ! -s "$web/run/$program.pid" ] || eval "wait \$in_web_$program"
        rm -f "$web/run/$program.pid"
    done
}

# ---------------------------------------------------------------- pgbouncer

bouncer_start()
{
    make_directory "$web/bouncer"
    cat >"$web/bouncer.ini" <<TEXT
[databases]
twilio_cgi = host=$PGHOST port=$PGPORT user=twilio_cgi
[pgbouncer]
pool_mode = transaction
listen_addr =
listen_port = 6432
unix_socket_dir = $web/bouncer
auth_type = any
default_pool_size = 8
max_client_conn = 500
server_login_retry = 1
TEXT
    in_web bouncer pgbouncer -q bouncer.ini
    await test -S "$web/bouncer/.s.PGSQL.6432"
}

bouncer_stop() { stop bouncer; }

# ---------------------------------------------------------------- the transport

case $transport in
pgbouncer)
    front=nginx back=fastcgi
    database_url() { echo "host='$web/bouncer' port=6432 dbname=twilio_cgi"; }
    ;;
*) front=${transport%-*} back=${transport#*-} ;;
esac

# Apache starts CGI programs by itself.
back_start() { [ "$back" = cgi ] || "${back}_start"; }
back_stop() { [ "$back" = cgi ] || "${back}_stop"; }

front_start()
{
    case $front in
    nginx) nginx_start "twilio-cgi-$back.conf" ;;
    apache) apache_start "$back.conf" ;;
    esac
}

server_start()
{
    [ "$transport" != pgbouncer ] || bouncer_start
    back_start
    front_start
    server_running=yes
}

server_reload()
{
    if [ "$back" = cgi ]; then
        "${front}_stop"
        front_start
    else
        back_stop
        back_start
    fi
}

server_stop()
{
    back_stop
    "${front}_stop"
    [ "$transport" != pgbouncer ] || bouncer_stop
}
