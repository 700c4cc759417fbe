#!/bin/sh
# The tests of sql/ on a private cluster.
#
#   run.sh DIR up        make and start the cluster, and the databases that the tests copy
#   run.sh DIR TEST      run one test, a .sql file (pgTAP) or a .sh file of this folder
#   run.sh DIR down      stop it
#   run.sh DIR           all of it
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
tests=$root/tests/sql
. "$root/tests/common.sh"
mkdir -p "$1"
dir=$(cd "$1" && pwd)

up() {
    cluster_stop "$dir"
    # Nothing in it is worth keeping, a run that was cut off least.
    as_user rm -rf "$dir/data" 2> /dev/null || rm -rf "$dir/data"
    cluster_start "$dir"
    # As on Supabase: who owns the application's tables and migrates is no superuser but makes roles; the
    # REST interface's roles, auth and the databases belong to somebody else. other_owner is another
    # project's, who owns nothing of the kind yet.
    psql -XAtq -d postgres <<-'SQL'
	create role app_owner login createrole;
	create role other_owner login createrole;
	create role authenticator login noinherit;
	create database messaging_template owner app_owner;
	create database neighbours_template;
	SQL
    psql -XAtq -d messaging_template -f "$root/sql/standalone.sql"
    psql -XAtq -d messaging_template <<-'SQL'
	grant anon, authenticated, service_role to authenticator;
	alter table public.profiles owner to app_owner;
	alter table public.user_roles owner to app_owner;
	alter table public.maintenance_requests owner to app_owner;
	alter table public.notifications owner to app_owner;
	alter table public.messages owner to app_owner;
	grant usage on schema auth to app_owner;
	grant references on auth.users to app_owner;
	SQL
    # He makes messaging_owner and twilio_cgi, which from PostgreSQL 16 on is not yet to be one of them.
    psql -XAtq -d messaging_template -U app_owner -f "$root/sql/migrate.sql" > /dev/null
    psql -XAtq -d messaging_template -c 'create extension pgtap' -c 'create schema before' \
        -f "$tests/fixtures.sql"
    # Here the application's tables are still to come, and what is made in public is given to everybody.
    psql -XAtq -d neighbours_template -f "$root/sql/standalone.sql"
    psql -XAtq -d neighbours_template <<-'SQL'
	drop table public.profiles, public.user_roles, public.maintenance_requests, public.notifications,
	    public.messages;
	create extension pgtap with schema auth;
	SQL
    for owner in app_owner other_owner; do
        psql -XAtq -d neighbours_template <<-SQL
	grant usage on schema auth to $owner;
	grant select, insert, references on auth.users to $owner;
	grant all on schema public to $owner;
	alter default privileges for role $owner in schema public
	    grant all on tables to anon, authenticated, service_role;
	alter default privileges for role $owner in schema public
	    grant all on functions to anon, authenticated, service_role;
	SQL
    done
}

# Passes when the plan is there, is kept, and nothing is 'not ok'.
judge() {
    awk '
        { print }
        /^1\.\.[0-9]+/ { plan = substr($0, 4) + 0; planned = 1 }
        /^ok / { ran++ }
        /^not ok / { ran++; failed++ }
        /ERROR:|FATAL:/ { broken = 1 }
        END {
            if (!planned || ran != plan || failed || broken) {
                printf "# FAILED: planned %s, ran %d, not ok %d\n", (planned ? plan : "nothing"), ran, failed
                exit 1
            }
        }'
}

one() {
    cluster_start "$dir"
    test=${1##*/}
    name=${test%.*}
    case $test in
    *.sql)
        . "$tests/tap.sh"
        fresh_database "$name"
        psql -XAtq -F '
' -v ON_ERROR_STOP=1 -d "$name" -f "$tests/$test" 2>&1 | judge
        ;;
    *.sh)
        export root name
        mkdir -p "$dir/work/$name"
        work=$dir/work/$name sh "$tests/$test" 2>&1 | judge
        ;;
    esac
}

case ${2:-all} in
up) up ;;
down) cluster_stop "$dir" ;;
all)
    up
    trap 'cluster_stop "$dir"' EXIT
    failed=0
    for file in "$tests"/test_*; do
        echo "# ${file##*/}"
        one "$file" || failed=1
    done
    exit "$failed"
    ;;
*) one "$2" ;;
esac
