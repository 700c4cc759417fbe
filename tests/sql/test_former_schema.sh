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
        (select string_agg(k::text, '|') from messaging.idempotency_keys k)))"
}
before=$(rows)
migrate $db postgres > "$work/said"
is 'it is migrated' $? 0
schema_of $db > "$work/former.sql"
is 'to what a new one is' "$(diff "$work/new.sql" "$work/former.sql")" ''
is 'with its rows' "$(rows)" "$before"
said=$(migrate $db postgres)
is 'and again there is nothing to do' "$said" "the messaging schema is at version $(db=former_new value 'select messaging.schema_version()')"

# With as many parameters as they gave, and the columns that they looked at.
program() {
    psql -XAtq -F ' ' -v ON_ERROR_STOP=1 -d $db -U twilio_cgi -c "$1" 2>&1
}
id=$(program "select id from messaging.reserve_message('c', null, '00000000-0000-4000-8000-00000000000a', 5, 'sms', '+201012345678', 'نص', null, null, '{}', null)")
is 'a program of then reserves' "$(value "select status from message_logs where id = '$id'")" pending
is 'all columns' "$(program "select outcome, id, saved ->> 'status', twilio_status, remaining, reset_seconds from messaging.reserve_message('c', 'key', null, 5, 'sms', '+201012345678', 'x', null, null, '{}', '00000000-0000-4000-8000-000000000009')")" 'reserved 00000000-0000-4000-8000-000000000009 pending   '
is 'settles' "$(program "select messaging.settle_message('$id', 'SM9', 'queued', null, null, '{}', false, null) ->> 'status'")" queued
is 'records' "$(program "select outcome, id, external_id, status from messaging.record_status(null, 'SM9', 'sent', null, null, '{}', null)")" "recorded $id SM9 sent"
is 'looks for what is unsettled' "$(program "select count(*) from messaging.unsettled_messages('0 s', null, null, 10)")" 4
is 'and for SIDs' "$(program "select messaging.known_sids(array['SM9'])")" SM9
is 'and for the version' "$(program 'select messaging.schema_version()')" "$(db=former_new value 'select max(version) from messaging.schema_migrations')"
done_testing
