# A database that has had the migrations of commit 3114e0e ends as a new one does, with its rows, and the
# programs of then go on.
. "$root/tests/sql/tap.sh"

for db in former_schema former_new; do
    psql -XAtq -d postgres -c "drop database if exists $db" -c "create database $db" 2> /dev/null
    psql -XAtq -d $db -f "$root/sql/standalone.sql"
done
migrate $db postgres > /dev/null
schema_of $db > "$work/new.sql"

db=former_schema
psql -XAtq -d $db -f "$root/tests/sql/former_schema.sql" > /dev/null
is 'the database of then is there' "$(value 'select max(version), count(*) from messaging.schema_migrations')" '20261123080700|30'
rows() {
    value "select md5(concat((select string_agg(m::text, '|' order by id) from message_logs m),
        (select string_agg(e::text, '|' order by id) from messaging.message_status_events e),
        (select string_agg(concat_ws(' ', k.message_log_id, k.begun_at, k.ended, k.twilio_status, k.answer), '|') from messaging.idempotency_keys k)))"
}
before=$(rows)
value "set session_replication_role = replica; insert into messaging.idempotency_keys (caller, key, fingerprint, message_log_id, begun_at)
    values ('c', 'old', '', '00000000-0000-4000-8000-000000000001', now() - interval '31 days')"
migrate $db postgres > "$work/said"
is 'it is migrated' $? 0
schema_of $db > "$work/former.sql"
is 'to what a new one is' "$(diff "$work/new.sql" "$work/former.sql")" ''
is 'with its rows, but for keys that count no more' "$(rows)" "$before"
said=$(migrate $db postgres)
is 'and again there is nothing to do' "$said" "the messaging schema is at version $(db=former_new value 'select messaging.schema_version()')"

# What the former rules left in rows: a text of another event than the code's, a code of 0, read_at in one
# place alone.
value "delete from messaging.schema_migrations where version = '20261129090100';
    insert into message_logs (recipient, message_type, status, external_id) select '+2010', 'sms', 'delivered', 'SMold' || n from generate_series(1, 6) as n;
    insert into messaging.message_status_events (message_log_id, external_id, status, error_code, parameters)
        select id, external_id, 'failed', '30003', '{\"ErrorMessage\": \"its own\"}' from message_logs where external_id = 'SMold2';
    set session_replication_role = replica;
    update message_logs set error_code = '0', error_message = 'Twilio error 0', metadata = '{\"error_status\": \"sent\", \"x\": 1}' where external_id = 'SMold1';
    update message_logs set error_code = '30003', error_message = 'of another', metadata = '{\"error_status\": \"failed\", \"error_message_status\": \"undelivered\"}'
        where external_id in ('SMold2', 'SMold3');
    update message_logs set metadata = '{\"read_at\": 1762000000}' where external_id = 'SMold4';
    alter table message_logs disable trigger messaging_read;
    update message_logs set read_at = '2025-11-01 12:26:40+00', metadata = null where external_id = 'SMold5';
    alter table message_logs enable trigger messaging_read;" > /dev/null
before=$(value "select string_agg(t.tgname || t.tgenabled::text, ' ' order by t.tgname) from pg_trigger t where t.tgrelid = 'message_logs'::regclass and not t.tgisinternal")
migrate $db postgres > /dev/null
is 'errors and times of former rules are put in order' "$(value "select external_id, error_code, error_message, read_at at time zone 'UTC', metadata from message_logs where external_id like 'SMold%' order by 1")" \
    "SMold1||||{\"x\": 1}
SMold2|30003|its own||{\"error_status\": \"failed\"}
SMold3|30003|Unreachable destination handset||{\"error_status\": \"failed\"}
SMold4|||2025-11-01 12:26:40|{\"read_at\": \"2025-11-01T12:26:40.000000Z\"}
SMold5|||2025-11-01 12:26:40|{\"read_at\": \"2025-11-01T12:26:40.000000Z\"}
SMold6||||{}"
is 'and every trigger is as it was' "$(value "select string_agg(t.tgname || t.tgenabled::text, ' ' order by t.tgname) from pg_trigger t where t.tgrelid = 'message_logs'::regclass and not t.tgisinternal")" "$before"

# With as many parameters as they gave, and the columns that they looked at.
program() {
    psql -XAtq -F ' ' -v ON_ERROR_STOP=1 -d $db -U twilio_cgi -c "$1" 2>&1
}
id=$(program "select id from messaging.reserve_message('c', null, '00000000-0000-4000-8000-00000000000a', 5, 'sms', '+201012345678', 'نص', null, null, '{}', null)")
is 'a program of then reserves' "$(value "select status from message_logs where id = '$id'")" pending
is 'all columns' "$(program "select outcome, id, saved ->> 'status', twilio_status, remaining, reset_seconds from messaging.reserve_message('c', 'key', null, 5, 'sms', '+201012345678', 'x', null, null, '{}', '00000000-0000-4000-8000-000000000009')")" 'reserved 00000000-0000-4000-8000-000000000009 pending   '
is 'a key of then is known' "$(program "select outcome, id from messaging.reserve_message('c', 'k', null, 5, 'sms', '+201012345678', 'x', null, null, '{}', null)")" 'mismatch 00000000-0000-4000-8000-000000000002'
is 'settles' "$(program "select messaging.settle_message('$id', 'SM9', 'queued', null, null, '{}', false, null) ->> 'status'")" queued
is 'records' "$(program "select outcome, id, external_id, status from messaging.record_status(null, 'SM9', 'sent', null, null, '{}', null)")" "recorded $id SM9 sent"
is 'looks for what is unsettled' "$(program "select count(*) from messaging.unsettled_messages('0 s', null, null, 10)")" 4
is 'and for SIDs' "$(program "select messaging.known_sids(array['SM9'])")" SM9
is 'and for the version' "$(program 'select messaging.schema_version()')" "$(db=former_new value 'select max(version) from messaging.schema_migrations')"
done_testing
