# The packages that this project needs, in one place. Sourced by nginx/local.sh and tests/run.sh.
#
#   packages_need NAME...     install what is missing of these, by apt-get
#
# Nothing else on the machine changes: no recommended packages, no system database is created, no
# service is started or enabled.
#
# shellcheck shell=sh disable=SC2034 # sourced: the lists are used there

packages_build="gcc libc6-dev make cmake pkg-config libcurl4-openssl-dev libpq-dev libcjson-dev
    libjwt-dev libfcgi-dev libssl-dev libevent-dev libcmocka-dev"
packages_run="postgresql nginx fcgiwrap curl openssl ca-certificates"
packages_clang="clang"
packages_package="dpkg-dev file" # for cpack -G DEB

# What runs clients. Node and npm may have come from elsewhere, which Debian's own npm conflicts with;
# Ubuntu's chromium is no package of its own, and without it the browser's test is skipped.
packages_clients()
{
    command -v node >/dev/null && command -v npm >/dev/null || echo nodejs npm
    ! grep -qx 'ID=debian' /etc/os-release || echo chromium
}

packages_test="valgrind apache2-bin pgbouncer cppcheck devscripts $(packages_clients)
    mmdebstrap $packages_package lintian iproute2 spawn-fcgi time procps prometheus"
packages_analyze="clang-tidy clang-format"
packages_coverage="gcovr"

# The archives that lean programs are linked with, beside those that come with packages_build, which must
# be there: the server's development files are named after libpq's release. They are large, so a trial does
# without.
packages_lean()
{
    echo "zlib1g-dev $(pg_config --version | sed 's/[^0-9]*\([0-9]*\).*/postgresql-server-dev-\1/')"
}

# pgTAP for the newest server that is installed.
packages_pgtap()
{
    for server in /usr/lib/postgresql/*/bin/postgres; do
        version=${server#/usr/lib/postgresql/}
        echo "${version%%/*}"
    done | sort -n | sed -n '$s/.*/postgresql-&-pgtap/p'
}

packages_missing()
{
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) in
        ?i*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

packages_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# What a fresh package would start is held back by the policy that invoke-rc.d and systemd ask; an
# administrator's own policy stays. PostgreSQL's packages read from createcluster.conf whether they
# shall make a database.
packages_policy=/usr/sbin/policy-rc.d
packages_cluster=/etc/postgresql-common/createcluster.conf
packages_policy_text='#!/bin/sh
exit 101 # held back while twilio-cgi installs packages'

packages_hold()
{
    [ -e "$packages_policy" ] ||
        printf '%s\n' "$packages_policy_text" |
        packages_root sh -c "cat >'$packages_policy' && chmod 755 '$packages_policy'"
    if [ -e "$packages_cluster" ] && [ ! -e "$packages_cluster.twilio-cgi" ]; then
        packages_root sh -c "cp -p '$packages_cluster' '$packages_cluster.twilio-cgi' &&
            echo 'create_main_cluster = false' >>'$packages_cluster'"
    fi
}

packages_release()
{
    if [ "$(cat "$packages_policy" 2>/dev/null)" = "$packages_policy_text" ]; then
        packages_root rm -f "$packages_policy"
    fi
    if [ -e "$packages_cluster.twilio-cgi" ]; then
        packages_root mv "$packages_cluster.twilio-cgi" "$packages_cluster"
    fi
}

# packages_apt NAME...: install quietly; the whole output only when it fails.
packages_apt()
{
    packages_log=$(mktemp) || return 1
    if ! packages_root apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" >"$packages_log" 2>&1 </dev/null; then
        tail -n 30 "$packages_log" >&2
        rm -f "$packages_log"
        return 1
    fi
    rm -f "$packages_log"
}

# Services of packages that were not there before must not come up at the next boot either.
packages_disable()
{
    command -v systemctl >/dev/null || return 0
    for package in "$@"; do
        case $package in
        postgresql) units=postgresql.service ;;
        nginx) units=nginx.service ;;
        pgbouncer) units=pgbouncer.service ;;
        prometheus) units=prometheus.service ;;
        fcgiwrap) units='fcgiwrap.socket fcgiwrap.service' ;;
        *) continue ;;
        esac
        # shellcheck disable=SC2086 # a list
        packages_root systemctl disable --quiet $units >/dev/null 2>&1 || :
    done
}

packages_install()
{
    case " $* " in
    *" postgresql "*) packages_apt postgresql-common || return ;;
    esac
    packages_hold && packages_apt "$@" && packages_disable "$@"
}

packages_need()
{
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "Missing: $missing. This script installs packages on Debian and Ubuntu only." >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "Missing: $missing. Run this as root, or as a user with sudo." >&2
        return 1
    fi
    echo "Installing (this may take some minutes): $missing"
    packages_root apt-get update -q >/dev/null 2>&1 </dev/null ||
        echo "apt-get update failed; trying with the package lists at hand" >&2
    trap packages_release EXIT
    trap 'packages_release; exit 130' HUP INT PIPE TERM
    # shellcheck disable=SC2086 # a list
    packages_hold && packages_install $missing
    packages_status=$?
    packages_release
    trap - EXIT HUP INT PIPE TERM
    return "$packages_status"
}
