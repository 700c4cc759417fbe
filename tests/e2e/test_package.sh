#!/bin/sh
# shellcheck disable=SC2317 # functions are called by way of "ok"
# The Debian package: built, judged by lintian, installed into a clean Debian; its programs, started as
# its units say, send a message that is delivered; removed and purged it leaves what it must.
#
#   sh test_package.sh BUILD-DIRECTORY
#
# The clean Debian is made once, by mmdebstrap, in BUILD-DIRECTORY/debian. But for what is fetched,
# nothing is written there: each run has a layer of its own above it, in memory. Mounts and processes are in namespaces that end
# with the test, however it ends. Nothing is mounted below what is removed at the end, and no directory
# of this machine's is in there but the database's socket.

if [ "$(id -u)" -ne 0 ] || ! unshare --mount --pid --fork true; then
    echo 'only a root who may mount can install a package'
    exit 77
fi
if [ -z "${package_inside:-}" ]; then
    export package_inside=yes
    exec unshare --mount --pid --fork --kill-child --mount-proc sh "$0" "$@"
fi
set -- "$1" direct
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
debian=$build/debian clean=/media/clean programs='send-twilio-message send-whatsapp twilio-delivery-status'
export DEBIAN_FRONTEND=noninteractive

# ---------------------------------------------------------------- a clean Debian

# Nothing starts there, nothing waits for the disk, and what is downloaded is kept for the next run.
make_base()
{
    [ ! -d "$debian" ] || return 0
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    components=$(. /etc/os-release && if [ "$ID" = ubuntu ]; then echo main,universe; else echo main; fi)
    # shellcheck disable=SC2016 # for apt to expand
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $codename" |
        head -n 1)
    rm -rf --one-file-system "$debian.new"
    mmdebstrap -q --variant=apt --include=systemd --components="$components" "$codename" \
        "$debian.new" ${mirror:+"$mirror"} || return 1
    echo force-unsafe-io >"$debian.new/etc/dpkg/dpkg.cfg.d/unsafe-io"
    echo 'Binary::apt-get::APT::Keep-Downloaded-Packages "true";' >"$debian.new/etc/apt/apt.conf.d/keep"
    printf '#!/bin/sh\nexit 101\n' >"$debian.new/usr/sbin/policy-rc.d"
    chmod 755 "$debian.new/usr/sbin/policy-rc.d"
    mv "$debian.new" "$debian"
}

# What the package needs is fetched, not installed.
fetch()
{
    cp /etc/resolv.conf "$debian/etc/"
    mkdir -p "$debian/package"
    cp "$package" "$debian/package/twilio-cgi.deb"
    for update in no yes; do
        [ "$update" = no ] || chroot "$debian" apt-get update -q
        chroot "$debian" apt-get install -y -q --no-install-recommends --download-only \
            /package/twilio-cgi.deb fcgiwrap && return
    done
}

layer()
{
    mount -t tmpfs -o mode=755 tmpfs /media && mkdir /media/upper /media/work "$clean" &&
        { mount -t overlay overlay \
            -o "lowerdir=$debian,upperdir=/media/upper,workdir=/media/work" "$clean" ||
            cp -a "$debian/." "$clean/"; } &&
        mount -t proc proc "$clean/proc"
}

in_clean() { chroot "$clean" "$@"; }

install_package() { in_clean apt-get install -y -q --no-install-recommends --reinstall "$@"; }

# ok COMMAND...: it succeeds; otherwise its output is shown.
ok() { "$@" >"$work/output" 2>&1 || complain "$*" success "$(tail -n 30 "$work/output")"; }

# ---------------------------------------------------------------- units

# unit NAME KEY: its value
unit()
{
    sed -e ':a' -e '/\\$/{ N; s/\\\n *//; ba; }' "$clean/usr/lib/systemd/system/$1" | sed -n "s/^$2=//p"
}

# A script that starts what a unit starts, as the unit's user, with its settings.
starter()
{
    groups=$(unit "$1" SupplementaryGroups)
    groups=${groups:+--groups $groups}
    cat >"$work/start-$1" <<TEXT
#!/bin/sh
exec chroot $clean env -i sh -c 'set -a; . "\$0"; set +a; exec setpriv --no-new-privs --reuid "$(unit "$1" User)" \
    --regid "$(unit "$1" Group | tail -n 1)" ${groups:---clear-groups} "\$@"' "$(unit "$1" EnvironmentFile)" $(unit "$1" ExecStart) "\$@"
TEXT
    chmod 755 "$work/start-$1"
}

# The socket of a unit with so many processes of its service.
start_unit()
{
    starter "$2"
    listen=$clean$(unit "$1" ListenStream)
    mkdir -p "${listen%/*}"
    ( cd "${listen%/*}" && exec "$build/tests/faults/keeper" "${listen##*/}" "$3" "$work/start-$2" ) \
        </dev/null >/dev/null 2>>"$work/stderr" &
    keepers="${keepers:-} $!"
    await test -S "$listen"
    chgrp "$(unit "$1" SocketGroup)" "$listen"
    chmod "$(unit "$1" SocketMode)" "$listen"
}

# Processes and sockets, as RemoveOnStop= has it.
stop_units()
{
    # shellcheck disable=SC2086 # a list
    kill $keepers && wait $keepers
    rm -r "$clean/run/twilio-cgi"
}

# nginx_start WAY: with the examples in the package; WAY is the one that says where the programs are
nginx_start()
{
    web=$work/web
    rm -rf "$web"
    make_directory "$web" "$web/nginx" "$web/log" "$web/run"
    for file in "$clean"/usr/share/doc/twilio-cgi/examples/*.conf; do
        sed "s|unix:/run/|unix:$clean/run/|" "$file" >"$web/nginx/${file##*/}"
    done
    sed "s|@PORT@|$port|; s|@PUBLIC_PORT@|$(free_port $((port + 1)))|; s|@WAY@|$1|; s|location / {|location = /other { include other.conf; } \
        location = /jwks.json { alias $work/jwks.json; } &|" \
        "$root/nginx/local.conf.in" >"$web/nginx/nginx.conf"
    echo "fastcgi_param SCRIPT_FILENAME /bin/ls;
        fastcgi_pass unix:$clean/run/twilio-cgi/fcgiwrap.socket;" >"$web/nginx/other.conf"
    ( cd "$web" && exec setpriv --reuid "$unprivileged_user" --regid "$unprivileged_user" --init-groups \
        nginx -p "$web/" -e log/nginx.log -c "$web/nginx/nginx.conf" ) </dev/null >"$work/nginx.out" 2>&1 &
    nginx=$!
    await curl -q -s -o /dev/null "http://127.0.0.1:$port/"
}

nginx_stop() { kill "$nginx" && wait "$nginx"; }

# A message is sent and delivered.
delivers()
{
    curl -q -s -S -d '{"to":"01012345678","message":"تم استلام طلبك"}' "$base/send-twilio-message" \
        >"$work/sent" 2>&1
    sent=$(sed -n 's/^{"success":true,.*"id":"\([^"]*\)".*/\1/p' "$work/sent")
    if [ -n "$sent" ]; then await delivered "$sent"; else complain answer success "$(cat "$work/sent")"; fi
}
delivered() { [ "$(sql -c "select status from message_logs where id = '$1'")" = delivered ]; }

# ---------------------------------------------------------------- the package

it 'CPack builds a package'
ok cpack --config "$build/CPackConfig.cmake" -G DEB -B "$work/package"
package=$(find "$work/package" -maxdepth 1 -name 'twilio-cgi_*.deb')
equals 'its version' "$(sed -n 's/.*VERSION \([0-9.]*\) LANGUAGES.*/\1/p' "$root/CMakeLists.txt")" \
    "$(dpkg-deb -f "$package" Version)"
shared='libcjson libjwt'
linked='libcurl libpq5 libfcgi libssl'
case $(ldd "$build/cgi-bin/send-whatsapp") in
*libpq*) shared="$shared $linked" linked= ;;
esac
for library in $shared; do
    dpkg-deb -f "$package" Depends | grep -q "$library" ||
        complain 'a dependency' "$library" "$(dpkg-deb -f "$package" Depends)"
done
for library in $linked; do
    dpkg-deb -f "$package" Description | grep -q "$library.*=" ||
        complain 'what is linked in' "$library" "$(dpkg-deb -f "$package" Description)"
done

# listed PACKAGE: modes, owners and names of what is in it
listed() { dpkg-deb -c "$1" | awk '{ print $1, $2, $6, $7, $8 }'; }

it 'what is in it is for everybody to read, and for root to change'
equals 'other modes' '' "$(listed "$package" | grep -v -E '^(-rw-r--r--|-rwxr-xr-x|drwxr-xr-x|lrwxrwxrwx) root/root ')"
equals 'programs' 3 "$(listed "$package" | grep -c '^-rwxr-xr-x ')"

it 'a clone and a umask that let nobody in change nothing of that'
clone=$work/clone
mkdir -m 700 "$clone"
( cd "$root" && tar -cf - CMakeLists.txt README.md cgi-bin lib nginx sql ) | tar -xf - -C "$clone"
chmod -R go= "$clone"
umasks=077
[ -z "${FAULTS_FULL:-}" ] || umasks='077 027'
for umask in $umasks; do
    [ $umask = 077 ] || chmod -R g=rX "$clone"
    ok sh -c "umask $umask && cmake -S '$clone' -B '$clone/build' -DBUILD_TESTING=OFF -DCMAKE_BUILD_TYPE=Debug &&
        cmake --build '$clone/build' --parallel 2 && cd '$clone/build' && cpack -G DEB -B '$clone/package.$umask' &&
        DESTDIR='$work/installed.$umask' cmake --install . --prefix /usr/local"
    equals "what is in the package with $umask" "$(listed "$package")" \
        "$(listed "$(find "$clone/package.$umask" -maxdepth 1 -name 'twilio-cgi_*.deb')")"
    installed=$work/installed.$umask/usr/local
    equals "what cmake --install leaves closed with $umask" '' "$(find "$installed" -mindepth 1 \
        \( -type d ! -perm 755 \) -o \( -type f ! -perm 644 ! -path '*/lib/twilio-cgi/*' \))"
    equals "programs installed with $umask" 3 "$(find "$installed/lib/twilio-cgi" -type f -perm 755 | wc -l)"
done

it 'who installs from one build at the same time gets the same'
find "$clone/build/nginx" | sort >"$work/before"
installers=
for n in 1 2 3 4 5 6; do
    DESTDIR="$work/beside.$n" cmake --install "$clone/build" --prefix /usr/local >"$work/beside.$n.log" 2>&1 &
    installers="$installers $!"
done
for installer in $installers; do
    wait "$installer" || complain 'an installer' 'exit status 0' "$(cat "$work"/beside.*.log)"
done
for n in 1 2 3 4 5 6; do
    ok diff -r "$installed" "$work/beside.$n/usr/local"
done
equals 'what that leaves in the build' '' "$(find "$clone/build/nginx" | sort | diff "$work/before" -)"

it 'what is installed elsewhere names no place of the package'
equals 'files' '' "$(grep -rlE '/usr/(lib|share|share/doc)/twilio-cgi' "$installed" --exclude=README.md |
    grep -v "^$installed/lib/twilio-cgi/")"
ok grep -q '"/usr/local/lib/twilio-cgi"' "$installed/share/doc/twilio-cgi/examples/twilio-cgi-http.conf"
ok grep -q '<Directory "/usr/local/lib/twilio-cgi">' "$installed/share/doc/twilio-cgi/examples/apache/cgi.conf"
for example in "$root"/nginx/apache/refusals/* "$root/nginx/prometheus/twilio-cgi.yml"; do
    ok cmp "$example" "$installed/share/doc/twilio-cgi/examples/${example#"$root/nginx/"}"
done

it 'the README is there, to which the manual points'
ok cmp "$root/README.md" "$installed/share/doc/twilio-cgi/README.md"
equals 'in the package' 1 "$(listed "$package" | grep -c ' ./usr/share/doc/twilio-cgi/README.md ')"

it 'lintian finds no errors'
chmod -R go+rX "$work/package"
ok as_user env HOME="$work" TMPDIR=/tmp lintian --fail-on error "$package"
sed 's/^/# /' "$work/output" # warnings, which differ from one lintian to the next

it 'it can be installed in a clean Debian'
ok make_base
ok fetch
ok layer
ok install_package /package/twilio-cgi.deb fcgiwrap
equals 'the user' "twilio-cgi /usr/sbin/nologin" \
    "$(in_clean getent passwd twilio-cgi | awk -F: '{ print $1, $7 }')"
equals 'settings, spool and programs' 'root root 600 /etc/twilio-cgi/environment
twilio-cgi twilio-cgi 700 /var/spool/twilio-cgi
twilio-cgi twilio-cgi 755 /var/lib/twilio-cgi
root root 755 /usr/lib/twilio-cgi/send-whatsapp' "$(in_clean stat -c '%U %G %a %n' \
    /etc/twilio-cgi/environment /var/spool/twilio-cgi /var/lib/twilio-cgi \
    /usr/lib/twilio-cgi/send-whatsapp)"
equals 'what the programs'"'"' user reads of the settings' '' "$(in_clean setpriv --reuid twilio-cgi \
    --regid twilio-cgi --clear-groups cat /etc/twilio-cgi/environment 2>/dev/null)"
equals 'what sysusers.d and tmpfiles.d would make' '' "$(in_clean systemd-tmpfiles --create twilio-cgi.conf 2>&1
    in_clean systemd-sysusers twilio-cgi.conf 2>&1)"
equals 'programs in the directory that web servers run' '' "$(find "$clean/usr/lib/cgi-bin" 2>/dev/null)"
equals 'units that are enabled' '' "$(find "$clean/etc/systemd" -name '*twilio*' -o -name 'send-*')"

it 'systemd has nothing to say against its units'
units=$(cd "$clean/usr/lib/systemd/system" && ls twilio-* send-* | sed 's/@\./@1./')
# shellcheck disable=SC2086 # a list
equals 'systemd-analyze verify' '' "$(in_clean systemd-analyze verify --man=no $units 2>&1)"
# Who tells of failures gets no settings, and whatever mailer an administrator puts into it.
for service in $(printf '%s\n' "$units" | grep '\.service$' | grep -v failure); do
    # Offline it wants the file, not the instance.
    ok in_clean systemd-analyze security --no-pager --offline=yes --threshold=15 \
        "/usr/lib/systemd/system/$service"
    equals "the settings of $service" /etc/twilio-cgi/environment \
        "$(unit "$(echo "$service" | sed 's/@1/@/')" EnvironmentFile)"
done
equals 'units whose failure nobody is told of' '' "$(cd "$clean/usr/lib/systemd/system" &&
    grep -L '^OnFailure=twilio-cgi-failure@%n.service$' twilio-*.service send-*.service twilio-*.socket send-*.socket |
    grep -v '^twilio-cgi-failure@.service$')"
failure=twilio-cgi-failure@.service
equals 'what tells of it' 'journal err 1' "$(unit $failure StandardOutput) $(unit $failure SyslogLevel) $(unit $failure StartLimitBurst)"
mkdir "$clean/etc/systemd/system/$failure.d"
sed -n 's/^#   //p' "$clean/usr/lib/systemd/system/$failure" >"$clean/etc/systemd/system/$failure.d/mail.conf"
equals 'what systemd says to its way to tell by mail' ''     "$(grep -q '^ExecStart=.*mail' "$clean/etc/systemd/system/$failure.d/mail.conf" || echo nothing
    in_clean systemd-analyze verify --man=no twilio-cgi-failure@1.service 2>&1)"
rm -r "$clean/etc/systemd/system/$failure.d"
ok in_clean systemctl enable twilio-cgi.target send-whatsapp@2.service
equals 'what the target has when it is enabled' 'send-twilio-message.socket send-twilio-message@1.service send-whatsapp.socket send-whatsapp@1.service send-whatsapp@2.service twilio-cgi-drain.timer twilio-cgi-expire.timer twilio-cgi-follow-up.timer twilio-cgi-keys.timer twilio-cgi-reconcile.timer twilio-delivery-status.socket twilio-delivery-status@1.service ' \
    "$(ls "$clean/etc/systemd/system/twilio-cgi.target.wants" | tr '\n' ' ')"

it 'the SQL in it is all that a database needs'
psql -X -q -d postgres -c 'drop database twilio_cgi' -c 'create database twilio_cgi'
for file in standalone migrate; do
    ok sql -f "$clean/usr/share/twilio-cgi/sql/$file.sql"
done

it 'without settings each program says what is missing'
for program in $programs; do
    starter "$program@.service"
    "$work/start-$program@.service" --check >"$work/output" 2>&1 </dev/null
    equals "exit status of $program --check" 1 $?
    grep -q '^PUBLIC_URL  *missing' "$work/output" || complain missing PUBLIC_URL "$(cat "$work/output")"
done

# The database's socket, for the package's user alone.
chgrp "$(in_clean id -g twilio-cgi)" "$PGHOST"
chmod 750 "$PGHOST"
mkdir "$clean/run/postgresql"
mount --bind "$PGHOST" "$clean/run/postgresql"
settings=$clean/etc/twilio-cgi/environment
cat >>"$settings" <<TEXT
TWILIO_ACCOUNT_SID=$sid
TWILIO_AUTH_TOKEN=$auth_token
TWILIO_PHONE_NUMBER=+15005550006
TWILIO_API_URL=$twilio_url
PUBLIC_URL=$base
DATABASE_URL="host=/run/postgresql dbname=twilio_cgi user=twilio_cgi"
SUPABASE_JWT_SECRET=$jwt_secret
TEXT
cp "$settings" "$work/settings.kept"

it 'with settings each program says that it is ready'
for program in $programs; do ok "$work/start-$program@.service" --check; done

it 'its FastCGI processes, started as the units say behind its nginx, send a message that is delivered'
twilio_set callbacks=on callback-delay-ms=30
nginx_start twilio-cgi-fastcgi.conf
for program in $programs; do start_unit "$program.socket" "$program@.service" 2; done
delivers
ok nginx_stop

it 'plain CGI likewise'
start_unit twilio-cgi-fcgiwrap.socket twilio-cgi-fcgiwrap.service 1
nginx_start twilio-cgi-fcgiwrap.conf
delivers
it 'which runs nothing but the programs'
equals 'the answer for /bin/ls' 403 "$(curl -q -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/other")"

it 'the jobs of the timers run'
# The public key of RFC 7515, appendix A.3.
echo '{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}' >"$work/jwks.json"
cat >>"$settings" <<TEXT
JWT_JWKS_URL=http://127.0.0.1:$port/jwks.json
JWT_JWKS_FILE=/var/lib/twilio-cgi/jwks.json
TEXT
cp "$settings" "$work/settings.kept"
for job in drain reconcile follow-up keys report; do
    starter twilio-cgi-$job.service
    ok "$work/start-twilio-cgi-$job.service"
done
equals 'the keys' "$(cat "$work/jwks.json")" "$(cat "$clean/var/lib/twilio-cgi/jwks.json" 2>&1)"
equals 'their owner and mode' 'twilio-cgi 644' \
    "$(in_clean stat -c '%U %a' /var/lib/twilio-cgi/jwks.json 2>&1)"
equals 'where systemd lets the job write' "twilio-cgi" "$(unit twilio-cgi-keys.service StateDirectory)"
equals 'the page, its owner, group and mode' 'twilio-cgi www-data 640' \
    "$(in_clean stat -c '%U %G %a' /var/lib/twilio-cgi/report.html 2>&1)"
it 'the timer of the metrics writes them where a node_exporter looks'
starter twilio-cgi-metrics.service
before=$(unit twilio-cgi-metrics.service ExecStartPre | sed "s/^[^']*'//; s/'\$//")
ok in_clean sh -c "$before"
mkdir -p "$clean/var/lib/prometheus/node-exporter"
ok in_clean sh -c "$before"
ok in_clean sh -c "$before"
ok "$work/start-twilio-cgi-metrics.service"
equals 'owner and mode' 'twilio-cgi 644' \
    "$(in_clean stat -L -c '%U %a' /var/lib/prometheus/node-exporter/twilio-cgi.prom 2>&1)"
equals 'what is there' twilio-cgi.prom "$(ls "$clean/var/lib/prometheus/node-exporter")"
ok promtool check metrics <"$clean/var/lib/twilio-cgi/metrics.prom"
grep -qx 'twilio_cgi_database_up 1' "$clean/var/lib/twilio-cgi/metrics.prom" ||
    complain 'the metrics' 'a database' "$(cat "$clean/var/lib/twilio-cgi/metrics.prom")"

it 'the timer of the keys asks for nothing where no address is set'
ok env JWT_JWKS_URL=x sh -c "$(unit twilio-cgi-keys.service ExecCondition | sed "s/^[^']*'//; s/'\$//")"
equals 'the exit status without' 1 "$(env JWT_JWKS_URL= sh -c \
    "$(unit twilio-cgi-keys.service ExecCondition | sed "s/^[^']*'//; s/'\$//")"; echo $?)"
it 'the timer that forgets does nothing where no setting says so'
ok env KEEP_TEXTS_DAYS=30 sh -c "$(unit twilio-cgi-expire.service ExecCondition | sed "s/^[^']*'//; s/'\$//")"
equals 'the exit status without' 1 "$(env KEEP_TEXTS_DAYS= KEEP_MESSAGES_DAYS= sh -c \
    "$(unit twilio-cgi-expire.service ExecCondition | sed "s/^[^']*'//; s/'\$//")"; echo $?)"
ok stop_units
# fcgiwrap's own words on what it refused
equals 'lines about /bin/ls' 1 "$(grep -c '^The given script is not allowed to execute' "$work/stderr")"
# and how it ends
sed -i -e '/^The given script is not allowed to execute/d' \
    -e "/^keeper: '.*twilio-cgi-fcgiwrap.service' died of signal 15\$/d" "$work/stderr"

it 'an upgrade keeps settings and spool'
install -o "$(in_clean id -u twilio-cgi)" -m 600 /dev/null \
    "$clean/var/spool/twilio-cgi/1700000000000-waits.json"
ok in_clean dpkg -i /package/twilio-cgi.deb
ok cmp "$settings" "$work/settings.kept"

it 'removed, it leaves settings and spool alone'
in_clean dpkg -L twilio-cgi | sort >"$work/files"
ok in_clean dpkg --remove twilio-cgi
while read -r file; do
    [ -d "$clean$file" ] || [ ! -e "$clean$file" ] || complain 'a file of the package' removed "$file"
done <"$work/files"
ok cmp "$settings" "$work/settings.kept"

# remains: what is there and was not before, of ours
remains() { ( cd "$clean" && find . -xdev \( -path '*twilio*' -o -name 'send-*' \) | sort ); }

it "purged, it leaves an event that waits and what the administrator put beside the settings, and says so"
cp "$root/README.md" "$clean/etc/twilio-cgi/database.crt"
ok in_clean dpkg --purge twilio-cgi
equals 'what it says of the event' 1 "$(grep -c 'events wait in /var/spool/twilio-cgi' "$work/output")"
equals 'what it says of the rest' 1 "$(grep -c 'what was put into /etc/twilio-cgi stays' "$work/output")"
ok cmp "$root/README.md" "$clean/etc/twilio-cgi/database.crt"
equals 'what is left' './etc/twilio-cgi
./etc/twilio-cgi/database.crt
./package/twilio-cgi.deb
./var/spool/twilio-cgi
./var/spool/twilio-cgi/1700000000000-waits.json' "$(remains)"

it 'installed again and purged with an empty spool, it leaves nothing'
ok in_clean dpkg -i /package/twilio-cgi.deb
rm "$clean/var/spool/twilio-cgi/"*.json "$clean/etc/twilio-cgi/database.crt"
mkdir -p "$clean/var/lib/systemd/timers"
# What systemd keeps of a timer that makes up for what it missed.
for timer in $(grep -l '^Persistent=yes' "$root"/nginx/systemd/*.timer); do
    touch "$clean/var/lib/systemd/timers/stamp-$(basename "$timer")"
done
ok in_clean dpkg --purge twilio-cgi
equals 'what is left' './package/twilio-cgi.deb' "$(remains)"
equals 'stamps of timers' '' "$(ls "$clean/var/lib/systemd/timers")"

# ---------------------------------------------------------------- from the release before

# At its full size the package of its sources, where they are in the history; else this one with its number
# and its units.
former_package()
{
    if [ -n "${FAULTS_FULL:-}" ]; then
        # shellcheck source=tests/e2e/former.sh
        . "$root/tests/e2e/former.sh"
        built=0
        ( former_build ) || built=$?
        if [ $built -eq 0 ]; then
            ( cd "$former_directory/build" && cpack -G DEB -B "$work/former" ) &&
                cp "$work"/former/twilio-cgi_1.0.0_*.deb "$clean/package/former.deb"
            return
        fi
        [ $built -eq 77 ] || return 1
    fi
    dpkg-deb -R "$package" "$work/former" &&
        rm "$work"/former/usr/lib/systemd/system/twilio-cgi-follow-up.* \
            "$work"/former/usr/lib/systemd/system/twilio-cgi-keys.* \
            "$work"/former/usr/lib/systemd/system/twilio-cgi-expire.* &&
        sed -i -E 's/twilio-cgi-(follow-up|keys|expire).timer//g' "$work/former/usr/lib/systemd/system/twilio-cgi.target" &&
        sed -i 's/^Version: .*/Version: 1.0.0/' "$work/former/DEBIAN/control" &&
        dpkg-deb -Znone -b "$work/former" "$clean/package/former.deb"
}
timers() { ( cd "$clean/etc/systemd/system/$1.wants" && find . -name 'twilio-cgi-*.timer' | sort | tr '\n' ' ' ); }

it 'from the release before apt upgrades; settings and spool stay, timers that are new go with those that ran'
ok former_package
[ "${built:-}" != 77 ] || sed 's/^/# /' "$work/output"
ok install_package /package/former.deb
ok in_clean systemctl enable twilio-cgi.target
equals 'timers before' './twilio-cgi-drain.timer ./twilio-cgi-reconcile.timer ' "$(timers twilio-cgi.target)"
ok in_clean systemctl disable twilio-cgi-reconcile.timer
cp "$work/settings.kept" "$settings"
install -o "$(in_clean id -u twilio-cgi)" -m 600 /dev/null \
    "$clean/var/spool/twilio-cgi/1700000000000-waits.json"
ok in_clean apt-get install -y -q --no-install-recommends /package/twilio-cgi.deb
# shellcheck disable=SC2016 # for dpkg-query to expand
equals 'its version' "$(dpkg-deb -f "$package" Version)" "$(in_clean dpkg-query -W -f '${Version}' twilio-cgi)"
for target in twilio-cgi.target timers.target; do
    equals "timers of $target" './twilio-cgi-drain.timer ./twilio-cgi-expire.timer ./twilio-cgi-follow-up.timer ./twilio-cgi-keys.timer ' \
        "$(timers $target)"
done
ok cmp "$settings" "$work/settings.kept"
ok test -e "$clean/var/spool/twilio-cgi/1700000000000-waits.json"
equals 'directories, as a new one has them' 'twilio-cgi twilio-cgi 755' "$(in_clean stat -c '%U %G %a' /var/lib/twilio-cgi)"
it 'and once more it enables nothing'
ok in_clean systemctl disable twilio-cgi-expire.timer
ok in_clean dpkg -i /package/twilio-cgi.deb
equals 'timers' './twilio-cgi-drain.timer ./twilio-cgi-follow-up.timer ./twilio-cgi-keys.timer ' "$(timers twilio-cgi.target)"

finish
