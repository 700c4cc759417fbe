#!/bin/sh
# shellcheck disable=SC2317 # functions are called by way of "ok"
# PostgreSQL 15 to 17 by pg_upgrade, as twilio-cgi-database(7) has it: by hand and in Debian's way. What the
# programs are told meanwhile waits; afterwards all of it is there, and they go on.
#
#   sh test_pg_upgrade.sh BUILD-DIRECTORY
#
# Both versions come from Debian's packages, 15 from Debian 12 and 17 from Debian 13, in a root that is made
# once, by mmdebstrap, in BUILD-DIRECTORY/debian-13-postgres; each run has a layer of its own above it, in
# memory. Mounts and processes are in namespaces that end with the test, however it ends.

if [ "$(id -u)" -ne 0 ] || ! unshare --mount --pid --fork true; then
    echo 'only a root who may mount can make another Debian'
    exit 77
fi
if [ -z "${upgrade_inside:-}" ]; then
    export upgrade_inside=yes
    exec unshare --mount --pid --fork --kill-child --mount-proc sh "$0" "$@"
fi
set -- "$1" direct
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
debian=$build/debian-13-postgres clean=/media/clean page=$root/cgi-bin/twilio-cgi-database.7
export DEBIAN_FRONTEND=noninteractive

make_base()
{
    [ ! -d "$debian" ] || return 0
    # shellcheck disable=SC2016 # for apt to expand
    site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' \
        "Codename: $(. /etc/os-release && echo "$VERSION_CODENAME")" | head -n 1)
    rm -rf --one-file-system "$debian.new"
    mmdebstrap -q --variant=apt --include=postgresql-15,postgresql-17 trixie "$debian.new" \
        "deb $site trixie main" "deb $site bookworm main" && mv "$debian.new" "$debian"
}

layer()
{
    mount -t tmpfs -o mode=755 tmpfs /media && mkdir /media/upper /media/work "$clean" &&
        { mount -t overlay overlay \
            -o "lowerdir=$debian,upperdir=/media/upper,workdir=/media/work" "$clean" ||
            cp -a "$debian/." "$clean/"; } &&
        mount -t proc proc "$clean/proc" && mkdir -p "$clean/dev/shm" &&
        mount -t tmpfs -o mode=1777 tmpfs "$clean/dev/shm" &&
        mkdir -p "$clean/run/postgresql" && chroot "$clean" chown postgres: /run/postgresql
}

# there COMMAND...: in the root, as the user postgres
there()
{
    chroot "$clean" setpriv --reuid postgres --regid postgres --init-groups env -i \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/var/lib/postgresql LC_ALL=C.UTF-8 "$@"
}
server() { there "/usr/lib/postgresql/$1/bin/pg_ctl" -D "$2" -l "/var/lib/postgresql/log" -o "-c listen_addresses=" -w -t 60 "$3"; }

ok() { "$@" >"$work/output" 2>&1 </dev/null || complain "$*" success "$(tail -n 30 "$work/output")"; }

# follow SUBSECTION NAME=VALUE...: the page's commands there
follow()
{
    sed -n "/^\.Ss $1\$/,/^\.S[sh] /{ /^\.Bd/,/^\.Ed/p; }" "$page" | sed -e '/^\.[BE]d/d' -e 's/\\e/\\/g' \
        >"$clean/var/lib/postgresql/commands"
    [ -s "$clean/var/lib/postgresql/commands" ] || complain "the page's commands" "$1" nothing
    shift
    ok there "$@" sh -euc 'cd; . ./commands'
}
verb() { ok sh -c "$settings_then" "$settings_file" "$work/cgi-bin/$1" "$2"; }
rows()
{
    sql -c "select md5(string_agg(t::text, chr(10) order by id)) from message_logs t" \
        -c "select md5(string_agg(t::text, chr(10) order by id)) from messaging.message_status_events t" \
        -c "select md5(string_agg(t::text, chr(10) order by t::text)) from messaging.idempotency_keys t" \
        -c "select last_value from messaging.message_status_events_id_seq" \
        -c "select rolname, rolcanlogin, rolpassword from pg_authid where rolname !~ '^pg_' order by 1"
}

begin

it 'a Debian with both versions'
if ! make_base >"$work/output" 2>&1; then
    tail -n 5 "$work/output"
    echo "where this machine's packages come from are no PostgreSQL 15 and 17"
    exit 77
fi
ok layer

it 'PostgreSQL 15 there has the roles and the database of before'
post send-twilio-message '{"to":"01012345678","message":"first"}' 'Idempotency-Key: key-1'
answers 200
first=$body
ok there /usr/lib/postgresql/15/bin/initdb -D /var/lib/postgresql/old -E UTF8 --locale=C.UTF-8
ok server 15 /var/lib/postgresql/old start
pg_dumpall --roles-only >"$work/roles.sql"
pg_dump -Fc -d twilio_cgi -f "$work/messages.dump"
cluster_stop "$work/db"
PGHOST=$clean/run/postgresql
psql -q -d postgres -f "$work/roles.sql" >"$work/output" 2>&1
ok pg_restore -d postgres --create --exit-on-error "$work/messages.dump"
sql -c "alter role twilio_cgi password 'secret'" -c 'grant select on profiles to authenticated'
version=$(sql -c 'select max(version) from messaging.schema_migrations')
settings
verb send-twilio-message --check
schema_told >"$work/old"
rows >"$work/old.rows"

it 'while it is stopped, callbacks wait and nothing is sent'
ok server 15 /var/lib/postgresql/old stop
cp -a "$clean/var/lib/postgresql/old" "$clean/var/lib/postgresql/again"
callback "id=$(printf %s "$first" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')" \
    "MessageSid=$(printf %s "$first" | sed -n 's/.*"messageSid":"\([^"]*\)".*/\1/p')" MessageStatus=delivered To=+201012345678
answers 200
body_has '"message":"Status spooled"'
post send-twilio-message '{"to":"01012345678","message":"held"}'
answers 503 database_unavailable
twilio_got_nothing

it 'by hand'
follow 'By hand' OLD_BIN=/usr/lib/postgresql/15/bin NEW_BIN=/usr/lib/postgresql/17/bin \
    OLD_DATA=/var/lib/postgresql/old NEW_DATA=/var/lib/postgresql/new
ok server 17 /var/lib/postgresql/new start
follow 'After it'
equals 'version' 17 "$(sql -c 'show server_version' | cut -d . -f 1)"
holds "select count(*) > 0 from pg_stats where schemaname = 'public' and tablename = 'message_logs'" t

it 'all of it is there, and migrate.sql finds nothing to do'
schema_told >"$work/new"
rows >"$work/new.rows"
equals 'schema' '' "$(diff "$work/old" "$work/new")"
equals 'rows' '' "$(diff "$work/old.rows" "$work/new.rows")"
equals 'migrate.sql' "the messaging schema is at version $version" "$(sql -f "$root/sql/migrate.sql" 2>&1)"
schema_told >"$work/new"
equals 'schema after it' '' "$(diff "$work/old" "$work/new")"

it 'the programs go on'
for program in send-twilio-message send-whatsapp twilio-delivery-status; do verb $program --check; done
verb twilio-delivery-status --drain
holds "select status from message_logs where message_content = 'first'" delivered
post send-twilio-message '{"to":"01012345678","message":"first"}' 'Idempotency-Key: key-1'
answers 200
header Idempotent-Replayed true
equals 'the answers' "$first" "$body"
twilio_got_nothing
ok server 17 /var/lib/postgresql/new stop

it "in Debian's way"
in_root() { chroot "$clean" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"; }
# The old one where the programs look, and the empty one of the package beside it.
! in_root pg_lsclusters -h | grep -q '^17 main' || ok in_root pg_dropcluster 17 main --stop
echo "listen_addresses = ''" >>"$clean/var/lib/postgresql/again/postgresql.conf" # the new one takes it over
ok in_root pg_createcluster 15 main -p 5432 -d /var/lib/postgresql/again
ok in_root pg_createcluster 17 main
sed -n '/^\.Ss On Debian/,/^\.Ed/p' "$page" | grep '^pg_' >"$clean/commands"
equals 'commands' 2 "$(wc -l <"$clean/commands" | tr -d ' ')"
ok in_root sh -eu /commands
await psql -X -q -d postgres -c ''
equals 'version' 17 "$(sql -c 'show server_version' | cut -d . -f 1)"
schema_told >"$work/new"
rows >"$work/new.rows"
equals 'schema' '' "$(diff "$work/old" "$work/new")"
equals 'rows' '' "$(diff "$work/old.rows" "$work/new.rows")"
ok in_root pg_ctlcluster 17 main stop

finish
