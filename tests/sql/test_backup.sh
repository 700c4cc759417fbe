# A dump of the application's schemas by who is no superuser, as of a Supabase project, restored in another
# cluster by the commands of twilio-cgi-database(7): it is what it was, migrate.sql finds nothing to do, and
# the default privileges of the new place have given nobody more. That place is of the version that NEWER_BIN
# names, else of the old one's.
. "$root/tests/sql/tap.sh"
. "$root/tests/common.sh"
page=$root/cgi-bin/twilio-cgi-database.7
old_host=$PGHOST
new=$work/new
trap 'POSTGRES_BIN=${NEWER_BIN:-${POSTGRES_BIN:-}} cluster_stop "$new"' EXIT
rm -rf "$new/data"

# commands SUBSECTION: those of the page
commands() {
    sed -n "/^\.Ss $1\$/,/^\.S[sh] /{ /^\.Bd/,/^\.Ed/p; }" "$page" | sed -e '/^\.[BE]d/d' -e 's/\\e/\\/g'
}
# on HOST USER DATABASE
on() { echo "host='$1' port=5432 user=$2 dbname=$3"; }
# schemas_of DATABASE: to the letter, or where the new version writes views and owners' rights otherwise, but for these
schemas_of() {
    if [ -n "${NEWER_BIN:-}" ]; then
        sed 's/pg_get_viewdef(c.oid)/null/' "$root/tests/sql/schema.sql" > "$work/schema.sql"
        for schema in public messaging; do
            psql -XAtq -d "$1" -v schema=$schema -v relation= -v without= -f "$work/schema.sql"
        done | sed -E 's/[a-z_]+=arwdDxtm?\/[a-z_]+ ?//g; s/ \|/|/g'
        return
    fi
    pg_dump --schema-only -n public -n messaging -d "$1" | grep -v -e '^\\restrict' -e '^\\unrestrict' -e '^-- Dumped from'
}
rows_of() {
    for table in $(psql -XAtq -d "$1" -c "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname in ('public', 'messaging') order by 1"); do
        psql -XAtq -d "$1" -c "select '$table', count(*), md5(string_agg(t::text, chr(10) order by t::text)) from $table t"
    done
    psql -XAtq -d "$1" -c "select schemaname, sequencename, last_value from pg_sequences where schemaname in ('public', 'messaging') order by 1, 2"
}

# As it is on Supabase: roles, auth, publication and default privileges are there, of others too.
POSTGRES_BIN=${NEWER_BIN:-${POSTGRES_BIN:-}} cluster_start "$new" || exit 1
psql -XAtq -d postgres -c 'create role app_owner login createrole' -c 'create role other_owner'
psql -XAtq -d postgres -c 'create database neighbours_template'
psql -XAtq -d neighbours_template -f "$root/sql/standalone.sql"
psql -XAtq -d neighbours_template <<'SQL'
drop table public.profiles, public.user_roles, public.maintenance_requests, public.notifications, public.messages;
grant usage on schema auth to app_owner;
grant select, insert, references on auth.users to app_owner;
grant all on schema public to app_owner;
alter default privileges for role app_owner in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role app_owner in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges for role other_owner in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role other_owner in schema public grant all on functions to anon, authenticated, service_role;
SQL
new_host=$PGHOST

for shape in 3 5; do
    db=backup_$shape
    PGHOST=$old_host
    starting_point $db $shape 1000 $((shape == 3))
    migrate $db > /dev/null
    psql -XAtq -d $db -U app_owner -c 'alter function public.count_call() security definer' \
        -c 'alter function public.look_up() security definer set search_path = public, pg_temp'
    # What is there only once programs have been at work.
    psql -XAtq -d $db -U app_owner > "$work/said" 2>&1 <<'SQL'
select m.id, messaging.record_status(m.id, m.external_id, 'undelivered', '30003', null, '{"MessageStatus": "undelivered"}', null)
from message_logs m where m.status = 'sent' and m.external_id is not null order by m.id limit 20;
select messaging.reserve_message('caller', 'key ' || n, null, 5, 'whatsapp', '+201012345678', 'نص', null, null, '{"fallback": "sms"}') from generate_series(1, 3) as n;
insert into messaging.failure_readers values ('manager');
select messaging.expire('1 day', '1000 days', 200);
select messaging.forget_recipient(m.recipient) from message_logs m where m.recipient like '+%' order by m.id limit 1;
SQL
    is "shape $shape: the programs have been at work" "$(grep ERROR "$work/said")" ''
    schemas_of $db > "$work/old.sql"
    rows_of $db > "$work/old.rows"
    version=$(value 'select messaging.schema_version()')
    users=$(value 'copy auth.users (id) to stdout')

    PGHOST=$new_host
    psql -XAtq -d postgres -c "create database $db template neighbours_template owner app_owner"
    printf '%s\n' "$users" | psql -XAtq -d $db -c 'copy auth.users (id) from stdin' \
        -c 'set client_min_messages = error' -c 'create publication supabase_realtime' -c 'alter publication supabase_realtime owner to app_owner'
    for part in 'A project to keep' 'A project to fill'; do
        ( cd "$root" && OWNER=$(on "$old_host" app_owner $db) NEW=$(on "$new_host" app_owner $db) PGOPTIONS='-c client_min_messages=warning' \
            DUMPS=$work sh -euc "$(commands "$part")" ) > "$work/said" 2>&1
        is "shape $shape: $part" "$? $(cat "$work/said")" "0 $([ "$part" = 'A project to keep' ] || echo "the messaging schema is at version $version")"
    done
    schemas_of $db > "$work/new.sql"
    rows_of $db > "$work/new.rows"
    is "shape $shape: the schemas are what they were" "$(diff "$work/old.sql" "$work/new.sql")" ''
    is "shape $shape: and the rows" "$(diff "$work/old.rows" "$work/new.rows")" ''
    is "shape $shape: screens hear of changes" "$(value "select count(*) from pg_publication_tables where pubname = 'supabase_realtime' and tablename = 'message_logs'")" 1
    is "shape $shape: what the ledger has" "$(value 'select count(*) > 5 from messaging.schema_migrations')" t
    # What was restored was so in one transaction.
    for catalog in pg_trigger:tgrelid pg_policy:polrelid pg_index:indrelid; do
        is "shape $shape: of ${catalog%:*} migrate.sql has made none anew" "$(value "select count(distinct c.xmin::text) from ${catalog%:*} c
            join pg_class r on r.oid = c.${catalog#*:} where r.relnamespace in ('public'::regnamespace, 'messaging'::regnamespace)")" 1
    done
    is "shape $shape: nor the views of those who send" "$(value "select count(distinct c.xmin::text) from (select xmin from pg_rewrite
        where ev_class in ('messaging.outbound_messages'::regclass, 'whatsapp_messages'::regclass) union all select xmin from pg_policy) as c")" 1
    is "shape $shape: and again there is nothing to do" "$(migrate $db)" "the messaging schema is at version $version"
    is "shape $shape: a program sends" "$(psql -XAtq -d $db -U twilio_cgi -c "select outcome from messaging.reserve_message('caller', 'key 9', null, 5, 'sms', '+201012345678', 'x', null, null, '{}')" 2>&1)" reserved
    is "shape $shape: and a key of before is known" "$(psql -XAtq -d $db -U twilio_cgi -c "select outcome from messaging.reserve_message('caller', 'key 1', null, 5, 'whatsapp', '+201012345678', 'another', null, null, '{}')" 2>&1)" mismatch
done

# What the dump's own grants do not take back: what the place gives to everybody who makes a table there.
is 'the default privileges give nobody more' "$(value "select string_agg(distinct x.grantee::regrole || ' ' || x.privilege_type, ', ') from pg_class c, aclexplode(c.relacl) as x where c.oid = 'message_logs'::regclass and x.grantee::regrole in ('anon', 'authenticated')")" \
    'authenticated SELECT'

# What the page says of taking all of it out again, by the same, where nobody reads what is former. Roles are the
# cluster's.
psql -XAtq -d postgres -c 'drop database backup_3' -c 'drop database backup_5'
take_out() {
    ( cd "$root" && OWNER=$(on "$new_host" app_owner $db) PGOPTIONS='-c client_min_messages=error' sh -uc "$(commands 'To take it out')" ) > "$work/said" 2>&1
}
db=backup_read
starting_point $db 2 100 1
migrate $db > /dev/null
take_out
matches 'not while what is former is read' "$? $(cat "$work/said")" '[1-9] *ERROR: *'
is 'then all of it is there' "$(value "select count(*) > 0 from messaging.whatsapp_messages_legacy")" t
psql -XAtq -d postgres -c "drop database $db"
db=backup_2
starting_point $db 2 100 0
migrate $db > /dev/null
messages=$(value 'select count(*), md5(string_agg(m::text, chr(10) order by id)) from message_logs m')
take_out
is 'taken out, by what the page says' "$? $(cat "$work/said")" '0 '
is 'no role, no schema, no trigger, no view is left' "$(value "select (select count(*) from pg_roles where rolname in ('messaging_owner', 'twilio_cgi')), (select count(*) from pg_namespace where nspname = 'messaging'), (select count(*) from pg_trigger where tgrelid = 'message_logs'::regclass and tgname like 'messaging%'), to_regclass('public.whatsapp_messages')")" '0|0|0|'
is 'the messages are' "$(value 'select count(*), md5(string_agg(m::text, chr(10) order by id)) from message_logs m')" "$messages"
is 'for service_role' "$(value "select string_agg(distinct r::regrole::text, ' ') from pg_policy, unnest(polroles) as r where polrelid = 'message_logs'::regclass and polname like 'messaging%'")" service_role
done_testing
