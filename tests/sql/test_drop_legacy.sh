# drop-legacy.sql drops what is wholly in message_logs and read by nobody, and refuses the rest.
. "$root/tests/sql/tap.sh"
db=drop_legacy

drop_legacy() {
    psql -X -d "$db" -U app_owner -f "$root/sql/drop-legacy.sql" 2>&1
}
# refused NAME SQL PATTERN UNDO
refused() {
    psql -XAtq -d "$db" -c 'set session_replication_role = replica' -c "$2"
    said=$(drop_legacy)
    is "$1: refused" $? 3
    matches "$1: says so" "$said" "*ERROR:  $3"
    is "$1: still there" "$(value 'select count(*) >= 500 from messaging.whatsapp_messages_legacy')" t
    psql -XAtq -d "$db" -c 'set session_replication_role = replica' -c "$4"
}

starting_point $db 3 500 1
migrate $db > /dev/null
said=$(drop_legacy)
is 'read by others: refused' $? 3
matches 'read by others: says by whom' "$said" \
    '*ERROR:  still reading messaging.whatsapp_messages_legacy: constraint campaigns_message_fkey on table public.campaigns, function public.whatsapp_count(), policy with own messages on table public.campaigns, view public.whatsapp_by_day; change or drop them first'
psql -XAtq -d $db -c 'drop view whatsapp_by_day' -c 'drop function whatsapp_count()' -c 'drop table campaigns'

refused 'a function that names it' 'create function f() returns bigint language sql as $$ select count(*) from messaging.whatsapp_messages_legacy $$' \
    'still reading messaging.whatsapp_messages_legacy: function public.f()*' 'drop function f()'
refused 'a row more' "insert into messaging.whatsapp_messages_legacy (message_sid, recipient_phone) values ('SMnew', '+20')" \
    '1 rows of messaging.whatsapp_messages_legacy are not or not wholly in message_logs*' "delete from messaging.whatsapp_messages_legacy where message_sid = 'SMnew'"
refused 'a message less' "create table kept as select * from message_logs where id = test_id('w', 7); delete from message_logs where id = test_id('w', 7)" \
    "1 rows*the first is f1290186-0000-4000-8000-000000000007*" 'insert into message_logs select * from kept'
refused 'a time less' "update message_logs set read_at = null where id = test_id('w', 3)" '1 rows*' \
    "update message_logs m set read_at = b.read_at from before.whatsapp_messages b where b.id = m.id and m.id = test_id('w', 3)"
refused 'a status less' "update message_logs set status = 'sent' where id = test_id('w', 3)" '1 rows*' "update message_logs set status = 'read' where id = test_id('w', 3)"
refused 'another SID' "update message_logs set external_id = 'SMother' where id = test_id('w', 3)" '1 rows*' "update message_logs set external_id = test_sid(3) where id = test_id('w', 3)"

# lacks WHAT COLUMN N OTHER NOTHING: a message without what its old row knows, and then with another
lacks() {
    for than in "${5:-null}" "$4"; do
        refused "$1 $than" "update message_logs set $2 = $than where id = test_id('w', $3)" '1 rows*' \
            "update message_logs m set $2 = k.$2 from kept_all k where k.id = m.id and m.id = test_id('w', $3)"
    done
}
psql -XAtq -d $db -c 'create table kept_all as table message_logs' -c 'alter function count_call() security definer'
lacks text message_content 5 "'other'" "''"
lacks media media_url 6 "'https://other'"
lacks error error_message 4 "'other'"
lacks sender sender_id 2 "test_id('u', 9)"
lacks request request_id 4 "test_id('r', 9)"
# Somewhere in metadata will do, and an error that a later status brought.
psql -XAtq -d $db -c 'set session_replication_role = replica' -c "update message_logs set metadata = metadata || jsonb_build_object('former', jsonb_build_array(message_content)), message_content = 'other' where id = test_id('w', 5)" \
    -c 'reset session_replication_role' -c "select from messaging.record_status(null, test_sid(4), 'undelivered', '30003', 'later', '{}', null)" \
    -c "delete from maintenance_requests where id = test_id('r', 5)"

# A status that has gone on, a user and a request that are gone: no reason.
psql -XAtq -d $db -c "select from messaging.record_status(null, test_sid(1), 'delivered', null, null, '{}', null);
    delete from auth.users where id = test_id('u', 60); update maintenance_requests set created_by = null; delete from profiles where id = test_id('u', 4)"
said=$(drop_legacy)
is 'nothing in the way: dropped' $? 0
matches 'and says so' "$said" '*messaging.whatsapp_messages_legacy is gone, its 500 rows are in message_logs'
is 'it is gone' "$(value "select to_regclass('messaging.whatsapp_messages_legacy')")" ''
is 'the view goes on' "$(value 'select count(*) > 500 from whatsapp_messages')" t
said=$(drop_legacy)
is 'again' $? 0
matches 'has nothing to do' "$said" '*nothing to drop'
is 'and the migration neither' "$(migrate $db)" "the messaging schema is at version $(value 'select messaging.schema_version()')"

# The name that message_logs had for a while.
db=drop_renamed
starting_point $db 5 50 0
migrate $db > /dev/null
said=$(drop_legacy)
is 'the other name: refused' $? 3
matches 'the other name: says who goes by it' "$said" '*ERROR:  still going by the name of public._legacy_message_logs: function public.log_message(text), function public.recent_legacy_logs(), function public.recent_logs(), view public.failed_messages; let them use public.message_logs, or drop them first'
is 'the other name: nothing is dropped' "$(value "select to_regclass('_legacy_message_logs'), to_regclass('messaging.whatsapp_messages_legacy')")" '_legacy_message_logs|messaging.whatsapp_messages_legacy'
value 'drop function recent_logs, recent_legacy_logs, log_message; drop view failed_by_type, failed_messages'
rows=$(value 'select count(*) from message_logs')
said=$(drop_legacy)
is 'the other name: dropped' $? 0
matches 'the other name: says so' "$said" '*public._legacy_message_logs is gone, the table is public.message_logs*messaging.whatsapp_messages_legacy is gone, its 50 rows*'
is 'the other name: no row with it' "$(value "select count(*), to_regclass('_legacy_message_logs') from message_logs")" "$rows|"
is 'the other name: the migration has nothing to do' "$(migrate $db)" "the messaging schema is at version $(value 'select messaging.schema_version()')"

# Half moved rows: what the two rows tell differently is in the message's metadata.
db=drop_half_moved
starting_point $db 4 500 0
psql -XAtq -d $db -U app_owner -c "update message_logs m set metadata = m.metadata || '{\"media_url\": \"https://other\"}', request_id = test_id('r', 9) where id = test_id('w', 12)"
# What only the new row knows is no reason either.
value "create table both_know as select id, row_number() over (order by id) as n from whatsapp_messages w join message_logs using (id) where id <> test_id('w', 12) and w.sid is null order by id limit 2;
    update whatsapp_messages set sender_id = null, request_id = null where id in (select id from both_know);
    update message_logs set metadata = jsonb_build_object('sender_id', test_id('u', 5)), request_id = null where id = (select id from both_know where n = 1);
    update message_logs set metadata = '{}', request_id = test_id('r', 5) where id = (select id from both_know where n = 2)"
migrate $db > /dev/null
is 'half moved: what the old row did not know' "$(value "select sender_id = test_id('u', 5), request_id = test_id('r', 5), metadata - 'read_at' from both_know join message_logs using (id) order by n")" 't||{}
|t|{}'
is 'half moved: the old text is kept' "$(value "select count(*), bool_and(coalesce(w.body, '') = coalesce(m.metadata ->> 'former_message_content', '')) from before.whatsapp_messages w join message_logs m using (id) where m.message_content = 'another text'")" '25|t'
is 'half moved: the rest' "$(value "select media_url, metadata ->> 'former_media_url', metadata ->> 'former_request_id' = test_id('r', 13)::text from message_logs where external_id = test_sid(12)")" 'https://other|https://example.org/12.jpg|t'
said=$(drop_legacy)
is 'half moved: nothing in the way' $? 0
matches 'half moved: says so' "$said" '*its 500 rows are in message_logs'
done_testing
