# Shared by the tests and by nginx/local.sh; POSIX sh, to be sourced.
# The caller sets `root` to the checkout's directory; for ports of its own `work`, too, to a directory of its own.
#
#   as_user CMD...                 run CMD as the unprivileged user
#   cluster_start DIR [fsync]      private PostgreSQL cluster in DIR; exports PGHOST PGPORT PGUSER,
#                                  and the newest clients come first in PATH
#   cluster_stop DIR               stop it; leaves no process
#   free_port [PREFERRED]          print a free port of the loopback interface; where `work` is set, nobody
#                                  else who asks here gets it (a link in /tmp says whose it is) until
#   free_ports_again               gives back those of `work`
#   make_certificates DIR          a throw-away authority (DIR/authorities, hashed) and a certificate of its
#                                  for 127.0.0.1 and localhost (DIR/tls/cert.pem, key.pem)
#
# The server is the newest that the system has, or that of the directory POSTGRES_BIN, see postgres.sh.
# A cluster listens on a unix socket only, trusts whoever may enter the socket's directory (the
# unprivileged user and root), and keeps everything it writes under DIR.

# A server refuses to run as root, so when root calls, everything that stays behind runs as this user.
# A checkout below a closed directory (a clone under /root) is still usable: the command then keeps
# the one capability that passes directory permissions.
unprivileged_user=www-data

as_user() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
        return
    fi
    if [ -z "${as_user_caps+set}" ]; then
        as_user_caps=
        if ! setpriv --reuid "$unprivileged_user" --regid "$unprivileged_user" --init-groups \
            test -r "$root/tests/common.sh"; then
            as_user_caps='--inh-caps +dac_override --ambient-caps +dac_override'
        fi
    fi
    # shellcheck disable=SC2086  # options, to be split
    setpriv --reuid "$unprivileged_user" --regid "$unprivileged_user" --init-groups \
        $as_user_caps -- "$@"
}

# The directory of the PostgreSQL server programs.
postgres_bin() {
    if [ -n "${POSTGRES_BIN:-}" ]; then
        echo "$POSTGRES_BIN"
        return
    fi
    postgres_newest initdb && return
    echo 'common.sh: no PostgreSQL server programs under /usr/lib/postgresql' >&2
    return 1
}

# postgres_newest PROGRAM: the directory of the newest that the system has
postgres_newest() {
    for candidate in /usr/lib/postgresql/*/bin; do
        [ -x "$candidate/$1" ] && echo "$candidate"
    done | sort -t / -k 5,5n | tail -n 1 | grep .
}

cluster_start() {
    mkdir -p "$1" || return 1
    cluster_dir=$(cd "$1" && pwd) || return 1
    cluster_bin=$(postgres_bin) || return 1
    if [ "$(id -u)" -eq 0 ]; then
        chown "$unprivileged_user:" "$cluster_dir" || return 1
    fi

    if [ ! -f "$cluster_dir/data/PG_VERSION" ]; then
        as_user rm -rf "$cluster_dir/data" "$cluster_dir/data.new"
        if ! as_user "$cluster_bin/initdb" -D "$cluster_dir/data.new" -U postgres -E UTF8 \
            --locale=C.UTF-8 --auth-local=trust --auth-host=reject --no-sync --wal-segsize=1 \
            > "$cluster_dir/initdb.log" 2>&1; then
            cat "$cluster_dir/initdb.log" >&2
            return 1
        fi
        # Small segments, as clusters are copied; not more checkpoints for it. Not as an option, which would
        # stand above what somebody sets.
        as_user sh -c 'echo max_wal_size = 1GB >>"$1"' sh "$cluster_dir/data.new/postgresql.conf" || return 1
        as_user mv "$cluster_dir/data.new" "$cluster_dir/data" || return 1
    fi

    if as_user "$cluster_bin/pg_ctl" -D "$cluster_dir/data" status > /dev/null 2>&1; then
        cluster_socket=$(sed -n 5p "$cluster_dir/data/postmaster.pid")
    else
        # The kernel's limit for the path of a unix socket is 107 bytes.
        cluster_socket=$cluster_dir/socket
        as_user rm -rf "$cluster_socket"
        if [ "$(printf %s "$cluster_socket/.s.PGSQL.5432" | wc -c)" -gt 107 ]; then
            cluster_socket=$(as_user mktemp -d /tmp/pg.XXXXXX) || return 1
            as_user ln -s "$cluster_socket" "$cluster_dir/socket" || return 1
        else
            as_user mkdir "$cluster_socket" || return 1
        fi
        as_user chmod 700 "$cluster_socket" || return 1

        cluster_options="-c listen_addresses= -c port=5432 -c max_connections=200"
        cluster_options="$cluster_options -c unix_socket_directories='$cluster_socket'"
        if [ "${2:-}" = fsync ]; then
            cluster_options="$cluster_options -c fsync=on"
        else
            cluster_options="$cluster_options -c fsync=off -c full_page_writes=off"
        fi
        if ! as_user "$cluster_bin/pg_ctl" -D "$cluster_dir/data" -l "$cluster_dir/postgres.log" \
            -o "$cluster_options" -w -t 60 start > /dev/null < /dev/null; then
            tail -n 20 "$cluster_dir/postgres.log" >&2
            return 1
        fi
    fi
    PGHOST=$cluster_socket PGPORT=5432 PGUSER=postgres
    # Debian's /usr/bin/psql is a Perl program that looks for the server first, for six times as long.
    cluster_clients=$(postgres_newest psql) || return 1
    case :$PATH: in
    *:"$cluster_clients":*) ;;
    *) PATH=$cluster_clients:$PATH ;;
    esac
    export PGHOST PGPORT PGUSER PATH
}

cluster_stop() {
    [ -f "$1/data/PG_VERSION" ] || return 0
    cluster_dir=$(cd "$1" && pwd) || return 1
    cluster_bin=$(postgres_bin) || return 1
    if as_user "$cluster_bin/pg_ctl" -D "$cluster_dir/data" status > /dev/null 2>&1; then
        as_user "$cluster_bin/pg_ctl" -D "$cluster_dir/data" -m fast -w -t 60 stop > /dev/null ||
            return 1
    fi
    if [ -L "$cluster_dir/socket" ]; then
        cluster_socket=$(readlink "$cluster_dir/socket")
        case $cluster_socket in
        /tmp/pg.??????) as_user rm -rf "$cluster_socket" ;;
        esac
    fi
    as_user rm -rf "$cluster_dir/socket"
}

# Ports that nobody listens on now, from what the kernel says; below the ephemeral range, so that
# an outgoing connection does not take it before its user does.
free_port() (
    listening=$(cat /proc/net/tcp /proc/net/tcp6 2> /dev/null |
        awk '$4 == "0A" { sub(/.*:/, "", $2); print $2 }')
    taken() {
        case "
$listening
" in
        *"
$(printf %04X "$1")
"*) return 0 ;;
        esac
        return 1
    }
    take() { ! taken "$1" && { [ -z "${work:-}" ] || ln -sT "$work" "/tmp/twilio-cgi-port.$1" 2> /dev/null; }; }
    if [ -n "${1:-}" ] && take "$1"; then
        echo "$1"
        return 0
    fi
    seed=$(od -An -N2 -tu2 /dev/urandom)
    tries=0
    while [ "$tries" -lt 1000 ]; do
        port=$((20000 + (seed + tries * 7) % 12000))
        if take "$port"; then
            echo "$port"
            return 0
        fi
        tries=$((tries + 1))
    done
    echo 'common.sh: no free port' >&2
    return 1
)

free_ports_again() { find /tmp -maxdepth 1 -name 'twilio-cgi-port.*' -lname "$work" -delete 2> /dev/null; }

make_certificates() {
    mkdir "$1/tls" "$1/authorities" || return 1
    (
        cd "$1/tls" || exit 1
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 1 -subj '/CN=test CA'
        openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj '/CN=localhost'
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >names
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 \
            -extfile names -out cert.pem
        cp ca.pem ../authorities/
        openssl rehash ../authorities
        chmod 644 key.pem
    )
}
