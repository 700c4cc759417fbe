# What is no supported starting point is refused in one sentence, and left as it was.
. "$root/tests/sql/tap.sh"

starting_point refusals_base 3 20 0
starting_point refusals_renamed 5 20 0
base=refusals_base

# refused NAME SQL-THAT-SPOILS PATTERN
refused() {
    db=refusals
    psql -XAtq -d postgres -c "drop database if exists $db" -c "create database $db template $base owner app_owner" 2> /dev/null
    psql -XAtq -d $db -v ON_ERROR_STOP=1 -c "set client_min_messages = error" -c "$2"
    schema_of $db > "$work/before.sql"
    said=$(migrate $db)
    is "$1: exit status" $? 3
    matches "$1: says so" "$said" "psql:$root/sql/migrations/20261102080000_check_starting_point.sql:*: ERROR:  $3"
    is "$1: in one line" "$(printf '%s\n' "$said" | wc -l | tr -d ' ')" 1
    schema_of $db > "$work/after.sql"
    is "$1: nothing changed" "$(diff "$work/before.sql" "$work/after.sql")" ''
    is "$1: no schema" "$(value "select to_regclass('messaging.schema_migrations')")" ''
}

refused 'no profiles' 'drop table profiles cascade' 'table public.profiles is missing: create it*'
refused 'no requests' 'drop table maintenance_requests cascade' 'table public.maintenance_requests is missing*'
refused 'no roles table' 'drop table user_roles cascade' 'table public.user_roles is missing*'
refused 'no notifications' 'drop table notifications' 'table public.notifications is missing*'
refused 'no auth.uid()' 'drop function auth.uid() cascade' 'function auth.uid() is missing*standalone.sql*'
refused 'status as a number' 'drop index idx_message_logs_status, idx_message_logs_type_status; alter table message_logs drop constraint message_logs_status_check, alter status drop default, alter status type integer using 0' \
    'column message_logs.status is of type integer, not text or character varying: change it with alter table*'
refused 'external_id as a uuid' 'alter table message_logs alter external_id type uuid using null' 'column message_logs.external_id is of type uuid*'
refused 'metadata as json' 'alter table message_logs alter metadata drop default, alter metadata type json' 'column message_logs.metadata is of type json, not jsonb*'
refused 'a time without zone' 'alter table message_logs alter sent_at type timestamp' 'column message_logs.sent_at is of type timestamp without time zone*'
refused 'sender_id as text' 'alter table message_logs add sender_id text' 'column message_logs.sender_id is of type text, not uuid*'
refused 'an old id as text' 'alter table whatsapp_messages alter id drop default, alter id type text' 'column whatsapp_messages.id is of type text, not uuid*'
refused 'an old time as text' 'alter table whatsapp_messages alter read_at type text' 'column whatsapp_messages.read_at is of type text*'
refused 'an old status as an enumeration' "drop index idx_whatsapp_messages_status; create type s as enum ('sent'); alter table whatsapp_messages alter status drop default, alter status type s using 'sent'" \
    'column whatsapp_messages.status is of type public.s*'
refused 'no old SID' 'alter table whatsapp_messages drop message_sid' 'column whatsapp_messages.message_sid is missing*'
refused 'no old text' 'alter table whatsapp_messages drop message_content' '*has neither message_body nor message_content*'
refused 'no recipient of notifications' 'alter table notifications drop recipient_id cascade' 'column notifications.recipient_id is missing*'
refused 'profiles with a number' 'drop table profiles cascade; create table profiles (id bigint primary key)' 'column profiles.id is of type bigint, not uuid*'
refused 'profiles without a key' 'alter table profiles drop constraint profiles_pkey cascade' 'column profiles.id is not unique: alter table public.profiles add primary key (id)'
refused 'a view for the table' 'alter table whatsapp_messages rename to w; create view whatsapp_messages as select * from w' 'public.whatsapp_messages is neither the old table*'
refused 'a column that must be filled' 'alter table message_logs add tenant int not null default 1; alter table message_logs alter tenant drop default' 'column message_logs.tenant is not null and has no default*'
refused 'the same of notifications' 'alter table notifications add tenant int not null' 'column notifications.tenant is not null and has no default*'
refused 'a table of somebody else' 'alter table notifications owner to postgres' 'table public.notifications belongs to postgres*'

refused 'a view for profiles' 'alter table profiles rename to people; create view profiles as select * from people' 'public.profiles is a view, not a table: rename it*'
refused 'a schema of that name' 'create schema messaging; create table messaging.ours (n int)' 'schema messaging belongs to postgres and is not this project*'
refused 'an index of that name' 'create index message_logs_sent_at_idx on message_logs (sent_at, status)' 'public.message_logs_sent_at_idx is not a plain index on message_logs (sent_at): rename it'
refused 'an index of that name, not unique' 'create index message_logs_external_id_key on message_logs (external_id)' 'public.message_logs_external_id_key is not a plain index on message_logs (external_id)*'
refused 'a table of that name' 'create table message_logs_recipient_idx (n int)' 'public.message_logs_recipient_idx is not a plain index*'
refused 'a generated column' 'alter table message_logs add media_url text generated always as (upper(recipient)) stored' 'column message_logs.media_url is generated, but is to be written: alter table*drop expression'
refused 'a table that inherits' 'create table more () inherits (whatsapp_messages); alter table more owner to app_owner' 'table public.more inherits from public.whatsapp_messages: alter table public.more no inherit public.whatsapp_messages*'
refused 'nothing may be made in public' 'alter schema public owner to postgres; revoke create on schema public from app_owner' 'role app_owner may not create tables and views in public: grant create on schema public to app_owner'

# The application since April 2026, otherwise than it should be.
base=refusals_renamed
remake='drop view message_logs cascade; create view message_logs'
alter_owner='alter view message_logs owner to app_owner'
refused 'a view of more' "$remake as select *, 1 as more from _legacy_message_logs; $alter_owner" \
    'view public.message_logs is another one than select \* from public._legacy_message_logs*: drop view public.message_logs; create view public.message_logs with (security_invoker = true) as select \* from public._legacy_message_logs'
refused 'a view of fewer rows' "$remake as select * from _legacy_message_logs where status <> 'failed'; $alter_owner" 'view public.message_logs is another one than*'
refused 'a view of other columns' "$remake as select id, recipient as phone from _legacy_message_logs; $alter_owner" 'view public.message_logs is another one than*'
refused 'a view of something else' "$remake as select * from before.message_logs; $alter_owner" \
    'public.message_logs is a view, and none of a table public._legacy_message_logs: drop view public.message_logs, and give the table it reads this name, alter table before.message_logs rename to message_logs'
refused 'a view that does more' "create trigger t instead of insert on message_logs for each row execute function touch_updated_at()" \
    'view public.message_logs has the trigger t, and is a table again from now on: drop trigger t on public.message_logs*'
refused 'a view with a rule' "create rule \"To B\" as on delete to message_logs do instead nothing" 'view public.message_logs has the rule "To B"*drop rule "To B" on public.message_logs*'
refused 'a view of somebody else' 'alter view message_logs owner to postgres' 'view public.message_logs belongs to postgres: run the migration as that role or as a superuser'
refused 'a table of somebody else behind it' 'alter table _legacy_message_logs owner to postgres' 'table public._legacy_message_logs belongs to postgres: run*'
refused 'statistics of somebody else' 'alter materialized view notification_stats_daily owner to authenticator' \
    'materialized view public.notification_stats_daily belongs to authenticator, who may read no message from now on: alter materialized view public.notification_stats_daily owner to app_owner'
refused 'a time of it without zone' 'alter table before.message_logs rename to other; drop view message_logs cascade; drop materialized view notification_stats_daily; alter table _legacy_message_logs alter sent_at type timestamp; create view message_logs as select * from _legacy_message_logs; alter view message_logs owner to app_owner' \
    'column _legacy_message_logs.sent_at is of type timestamp without time zone*alter table public._legacy_message_logs alter column sent_at*'
refused 'its old table without text' 'drop view whatsapp_messages; alter table _legacy_whatsapp_messages drop message_content; create view whatsapp_messages as select * from _legacy_whatsapp_messages; alter view whatsapp_messages owner to app_owner' \
    'table public._legacy_whatsapp_messages has neither message_body nor message_content*'
refused 'a view of the old table and more' 'drop view whatsapp_messages; create view whatsapp_messages as select * from _legacy_whatsapp_messages where status is not null; alter view whatsapp_messages owner to app_owner' 'view public.whatsapp_messages is another one than*'
base=refusals_base

# A server too old: the version is what the file compares it with.
db=refusals
starting_point $db 2 20 0
mkdir -p "$work/sql"
cp -r "$root/sql/." "$work/sql"
sed -i 's/150000/990000/' "$work/sql/migrations/20261102080000_check_starting_point.sql"
said=$(psql -X -d $db -U app_owner -f "$work/sql/migrate.sql" 2>&1)
is 'an old server: exit status' $? 3
matches 'an old server: says so' "$said" '*ERROR:  PostgreSQL 1* is too old for messaging: move the database to version 15 or newer'
is 'an old server: nothing changed' "$(value "select to_regnamespace('messaging')")" ''

# An error in the middle, whatever it is: nothing has happened.
sed -i 's/990000/150000/' "$work/sql/migrations/20261102080000_check_starting_point.sql"
echo 'select 1 / 0;' >> "$work/sql/schema/message_reports.sql"
schema_of $db > "$work/before.sql"
psql -X -d $db -U app_owner -f "$work/sql/migrate.sql" > /dev/null 2>&1
is 'an error in the middle: exit status' $? 3
schema_of $db > "$work/after.sql"
is 'an error in the middle: nothing changed' "$(diff "$work/before.sql" "$work/after.sql")" ''
is 'an error in the middle: no row moved' "$(psql -XAtq -d $db -c 'alter table whatsapp_messages no force row level security' -c 'select count(*) from whatsapp_messages')" 20

# What is unusual, and no reason to refuse.
starting_point $db 2 200 0
psql -XAtq -d $db -U app_owner -c "alter table message_logs add sender_id uuid references auth.users (id);
    alter table message_logs alter error_message type varchar(5);
    alter table whatsapp_messages alter error_code type integer using nullif(error_code, '')::int;
    update message_logs set sender_id = test_id('u', 55) where id = test_id('l', 3)" 2>&1 |
    grep -v 'too long'
migrate $db > "$work/said"
is 'a sender_id that points to auth.users' $? 0
is 'points to profiles' "$(value "select confrelid::regclass from pg_constraint where conname = 'message_logs_sender_id_fkey'")" profiles
is 'and who has none is in metadata' "$(value "select metadata ->> 'sender_id' from message_logs where id = test_id('l', 3)")" "$(value "select test_id('u', 55)")"
starting_point both_texts 2 20 0
psql -XAtq -d both_texts -U app_owner -c "alter table whatsapp_messages add message_content text, no force row level security;
    update whatsapp_messages set message_body = (array['one', '', null, 'one'])[right(id::text, 1)::int % 4 + 1],
        message_content = (array['other', 'other', 'other', null])[right(id::text, 1)::int % 4 + 1]"
migrate both_texts > /dev/null
is 'both texts: none is lost' "$(db=both_texts value "select string_agg(distinct concat_ws(' ', message_content, metadata - '{sender_id,read_at}'::text[]), ', ') from message_logs where id in (select id from before.whatsapp_messages)")" \
    'one {"message_content": "other"}, one {}, other {}'
is 'an old error_code that is a number' "$(value "select count(*) from message_logs where error_code = '30003'" )" "$(value "select count(*) from before.whatsapp_messages where error_code = '30003'")"

# The application's renaming: without the views, with a length, after this project's own migration.
starting_point renamed_bare 5 50 0
psql -XAtq -d renamed_bare -c 'set client_min_messages = warning' -c 'drop view message_logs, whatsapp_messages cascade' \
    -c 'drop function log_message, recent_legacy_logs' -c 'drop materialized view notification_stats_daily' -c 'alter table _legacy_message_logs alter status type varchar(20)' \
    -c 'create materialized view notification_stats_daily as select status, count(*) from _legacy_message_logs group by 1' -c 'alter materialized view notification_stats_daily owner to app_owner' \
    -c 'alter table _legacy_message_logs disable trigger counted' -c 'alter table _legacy_message_logs disable trigger looks_up'
migrate renamed_bare > "$work/said"
is 'renamed, no views: works' $? 0
is 'renamed, no views: the names, and what was used' "$(db=renamed_bare value "select (select relkind from pg_class where oid = 'message_logs'::regclass), (select relkind from pg_class where oid = '_legacy_message_logs'::regclass),
    (select relkind from pg_class where oid = 'whatsapp_messages'::regclass), to_regclass('_legacy_whatsapp_messages'), (select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'message_logs'::regclass and attname = 'status')")" \
    'r|v|v||character varying(20)'
is 'renamed, no views: sends' "$(db=renamed_bare value "select outcome from messaging.reserve_message('c', null, null, null, 'sms', '+201012345678', 'x', null, null, '{}', '00000000-0000-4000-8000-000000000001');
    select status from messaging.record_status('00000000-0000-4000-8000-000000000001', 'SMbare', 'undelivered', '30003', null, '{}', null)" 2>&1)" 'reserved
undelivered'
starting_point renamed_later 3 50 0
migrate renamed_later > /dev/null
psql -XAtq -d renamed_later -U app_owner -c 'alter table message_logs rename to _legacy_message_logs' \
    -c 'create view message_logs with (security_invoker = true) as select * from _legacy_message_logs' 2> /dev/null
matches 'renamed later: --check is told' "$(psql -X -d renamed_later -U twilio_cgi -c 'select messaging.schema_version()' 2>&1)" '*public.message_logs is a view, not the table*'
rows=$(db=renamed_later value 'select md5(string_agg(m::text, chr(10) order by id)) from message_logs m')
matches 'renamed later: told' "$(migrate renamed_later)" '*NOTICE:  message_logs is a table again*the messaging schema is at version*'
is 'renamed later: is a table again' "$(db=renamed_later value "select relkind, (select md5(string_agg(m::text, chr(10) order by id)) from message_logs m) from pg_class where oid = 'message_logs'::regclass")" "r|$rows"

# Columns that most rows have nothing for.
starting_point not_null 4 200 0
psql -XAtq -d not_null -U app_owner -c "alter table message_logs add media_url text not null default '', add read_at timestamptz not null default now(), alter delivered_at set default now();
    update message_logs set external_id = coalesce(external_id, ''), error_message = coalesce(error_message, '');
    alter table message_logs alter external_id set default '', alter external_id set not null, alter error_message set default '', alter error_message set not null" > "$work/said" 2>&1
migrate not_null > "$work/said"
is 'not null: works' $? 0
matches 'not null: says so' "$(cat "$work/said")" '*column external_id of message_logs may be null now*'
psql -XAtq -d not_null -c 'alter function count_call() security definer' -c 'alter function look_up() security definer'
is 'not null: reserves' "$(db=not_null value "select bool_and(r.outcome = 'reserved' and r.saved -> 'external_id' = 'null' and r.saved -> 'delivered_at' = 'null') from generate_series(1, 2),
    lateral (select * from messaging.reserve_message('c', null, null, null, 'sms', '+201012345678', 'x', null, null, '{}')) as r" 2>&1)" t

# One SID with spaces and without them, where it is unique with them; a publication of another role; an
# enumeration of notifications' types.
starting_point spaced 2 200 0
psql -XAtq -d spaced -v ON_ERROR_STOP=1 -c "set client_min_messages = error" -c "update message_logs set external_id = 'SM' || id where external_id is not null;
    alter table message_logs add unique (external_id);
    update message_logs set external_id = 'SML2' where id = test_id('l', 7); update message_logs set external_id = 'SML2 ' where id = test_id('l', 8);
    alter table whatsapp_messages no force row level security;
    update whatsapp_messages set message_sid = 'SMW1' where id = test_id('w', 7); update whatsapp_messages set message_sid = 'SMW1 ' where id = test_id('w', 8);
    alter publication other_feed owner to postgres;
    create type kind as enum ('info', 'warning'); alter table notifications alter type type kind using type::kind"
migrate spaced > "$work/said"
is 'spaces about a SID: works' $? 0
is 'spaces about a SID: the older has it' "$(db=spaced value "select string_agg(concat_ws(' ', right(id::text, 1), external_id, metadata ->> 'duplicate_external_id'), ', ' order by id) from message_logs where id in (test_id('l', 7), test_id('l', 8), test_id('w', 7), test_id('w', 8))" )" \
    "$(db=spaced value "select string_agg(right(id::text, 1) || ' ' || case when left(id::text, 8) = left(test_id('w', 1)::text, 8) then 'SMW1' else 'SML2' end, ', ' order by id) from message_logs where id in (test_id('l', 7), test_id('l', 8), test_id('w', 7), test_id('w', 8))")"
matches 'a publication of another role is named' "$(cat "$work/said")" '*publication other_feed belongs to another role: let it run alter publication other_feed drop table messaging.whatsapp_messages_legacy*'
matches 'a notification that cannot be made is foretold' "$(cat "$work/said")" '*failed messages will not be announced, an insert into notifications fails: invalid input value for enum public.kind: "error"*'
is 'and none was made' "$(db=spaced value 'select count(*) from notifications')" 0

# Published and without a primary key, or told to leave none: it takes updates all the same.
# published NAME SQL IDENTITY
published() {
    starting_point $db 4 200 0
    psql -XAtq -d $db -v ON_ERROR_STOP=1 -c "set client_min_messages = error" -c "$2"
    migrate $db > "$work/said"
    is "published, $1: works" $? 0
    matches "published, $1: says so" "$(cat "$work/said")" '*message_logs had no replica identity*'
    is "published, $1: takes an update" "$(psql -XAtq -d $db -c "update message_logs set provider = provider" \
        -c "select relreplident, (select indexrelid::regclass from pg_index where indrelid = c.oid and indisreplident) from pg_class c where oid = 'message_logs'::regclass" 2>&1)" "$3"
}
published 'a unique index' 'alter table message_logs drop constraint message_logs_pkey; create unique index ours on message_logs (id); alter publication supabase_realtime add table message_logs' 'i|ours'
published 'a unique index of what may be null' 'alter table message_logs drop constraint message_logs_pkey, alter id drop not null; create unique index ours on message_logs (id); create publication everything for all tables' 'f|'
published 'no identity' 'alter table message_logs replica identity nothing; create publication all_of_public for tables in schema public' 'i|message_logs_pkey'
published 'an identity that is gone' 'create unique index ours on message_logs (id); alter table message_logs replica identity using index ours; drop index ours; create publication everything for all tables' 'i|message_logs_pkey'
# in a database that is migrated already
psql -XAtq -d $db -c 'alter table message_logs replica identity nothing' -c "delete from messaging.schema_migrations where version = '20261104080200'"
matches 'published, migrated already: says so' "$(migrate $db postgres)" '*message_logs had no replica identity*index message_logs_pkey*'
is 'published, migrated already: takes an update' "$(value 'update message_logs set provider = provider' 2>&1)" ''
done_testing
