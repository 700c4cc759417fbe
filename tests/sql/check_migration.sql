-- That everything has arrived, compared with what starting_point.sql kept in the schema before.
-- Variables: shape, rows.
\set ON_ERROR_STOP on
\pset fieldsep '\n'
set search_path = public, auth;
set client_min_messages = warning;
select * from no_plan();
select :shape >= 5 as renamed, :shape = 6 as meta \gset

select is(count(*), (select count(*) from before.message_logs)
    + (select count(*) from before.whatsapp_messages w where not exists (
        select from before.message_logs b where b.id = w.id or b.external_id = w.message_sid)),
    'one row for each message, no more and no fewer')
from public.message_logs;
\if :meta
select is(to_regclass('messaging.whatsapp_messages_legacy'), null, 'there is no old table');
\else
select is((select count(*) from messaging.whatsapp_messages_legacy), :rows::bigint, 'the old table is frozen whole');
\endif

-- an old row that was not there before: all of it
select is(count(*) filter (where m.id is null), 0::bigint, 'every row has arrived under its id'),
    is(count(*) filter (where (m.delivered_at, m.read_at, m.created_at, m.updated_at)
        is distinct from (w.delivered_at, w.read_at, w.created_at, w.updated_at)), 0::bigint, 'with its times'),
    is(count(*) filter (where m.sent_at is distinct from coalesce((to_jsonb(w) ->> 'sent_at')::timestamptz, w.created_at)
        or m.failed_at is distinct from (to_jsonb(w) ->> 'failed_at')::timestamptz), 0::bigint, 'and sent_at, failed_at'),
    is(count(*) filter (where m.status is distinct from lower(w.status)), 0::bigint, 'its status, in small letters'),
    is(count(*) filter (where (m.error_code, m.error_message)
        is distinct from (nullif(w.error_code, ''), nullif(w.error_message, ''))), 0::bigint, 'its error'),
    is(count(*) filter (where m.external_id is distinct from w.message_sid), 0::bigint, 'its SID'),
    is(count(*) filter (where m.message_content is distinct from coalesce(w.body, '')), 0::bigint, 'its text, Arabic and emoji too'),
    is(count(*) filter (where m.recipient is distinct from regexp_replace(w.recipient_phone, '^whatsapp: ?', '', 'i')),
        0::bigint, 'its recipient, without the prefix'),
    is(count(*) filter (where (m.request_id, m.media_url) is distinct from (w.request_id, w.media_url)), 0::bigint,
        'its request and media'),
    is(count(*) filter (where coalesce(m.sender_id::text, m.metadata ->> 'sender_id') is distinct from w.sender_id::text),
        0::bigint, 'its sender, in metadata where there is no profile'),
    is(count(*) filter (where m.sender_id is null and w.sender_id in (select id from profiles)), 0::bigint,
        'but not where there is one'),
    is(count(*) filter (where m.metadata ->> 'campaign' is distinct from to_jsonb(w) ->> 'campaign'), 0::bigint,
        'and in metadata what no column is for'),
    is(count(*) filter (where c.value is distinct from m.metadata -> c.key), 0::bigint, 'whatever it is called, nulls in it too'),
    is(count(*) filter (where m.message_type <> 'whatsapp' or m.provider <> 'twilio'), 0::bigint, 'as WhatsApp of Twilio')
from before.whatsapp_messages w
left join public.message_logs m on m.id = w.id
left join lateral (
    select e.key, e.value from jsonb_each(to_jsonb(w)) as e
    where e.key in ('campaign', 'recipient', 'content', 'sid') and e.value <> 'null'
) as c on true
where not exists (select from before.message_logs b where b.id = w.id or b.external_id = w.message_sid);

-- the rows that message_logs had
select is(count(*) filter (where m.id is null), 0::bigint, 'message_logs has lost no row'),
    is(count(*) filter (where (m.created_at, m.updated_at, m.message_content, m.message_type)
        is distinct from (b.created_at, b.updated_at, coalesce(nullif(b.message_content, ''), m.message_content), b.message_type)),
        0::bigint, 'nor a row its times and text'),
    is(count(*) filter (where b.sent_at is not null and m.sent_at <> b.sent_at
        or b.delivered_at is not null and m.delivered_at <> b.delivered_at
        or b.error_message is not null and b.error_message <> m.error_message), 0::bigint, 'nor what else it knew'),
    is(count(*) filter (where messaging.status_rank(m.status) < messaging.status_rank(lower(b.status))
        or messaging.status_rank(lower(b.status)) is null and m.status <> b.status), 0::bigint, 'nor a status its place'),
    is(count(*) filter (where m.recipient <> regexp_replace(b.recipient, '^whatsapp: ?', '', 'i')), 0::bigint,
        'whatsapp: is off every recipient'),
    is(count(*) filter (where m.metadata -> 'former_metadata' is distinct from
            case when jsonb_typeof(b.metadata) not in ('object', 'null') then b.metadata end), 0::bigint,
        'nor metadata what was no object'),
    is(count(*) filter (where jsonb_typeof(m.metadata) <> 'object'), 0::bigint, 'which it is now'),
    is(count(*) filter (where nullif(btrim(b.external_id), '')
        is distinct from coalesce(case when b.external_id <> '' then m.external_id end,
            m.metadata ->> 'duplicate_external_id')), 0::bigint, 'every SID is where it was, or in metadata')
from before.message_logs b
left join public.message_logs m on m.id = b.id;

select is(count(*), 0::bigint, 'of two rows with one SID the older has it')
from before.message_logs one
join before.message_logs other on btrim(other.external_id) = btrim(one.external_id) and other.id <> one.id
join public.message_logs m on m.id = one.id
where one.external_id <> '' and (m.external_id is not null) <> ((one.created_at, one.id) < (other.created_at, other.id));
select isnt_empty('select from public.message_logs where metadata ? ''duplicate_external_id''', 'and there were such');

-- the rows that were in both: what the old one knows and the new one lacked
select is(count(*) > 0, :shape = 4, 'rows were half moved, or not'),
    is(count(*) filter (where (m.sender_id is null and w.sender_id in (select id from profiles))
        or (m.request_id, m.external_id) is distinct from (w.request_id, w.message_sid)), 0::bigint,
        'half moved: sender, request and SID'),
    is(count(*) filter (where (m.delivered_at, m.read_at, m.media_url)
        is distinct from (w.delivered_at, w.read_at, w.media_url)), 0::bigint, 'times and media'),
    is(count(*) filter (where m.failed_at is distinct from (to_jsonb(w) ->> 'failed_at')::timestamptz), 0::bigint, 'failed_at'),
    is(count(*) filter (where m.sent_at is distinct from coalesce(b.sent_at, (to_jsonb(w) ->> 'sent_at')::timestamptz, w.created_at)),
        0::bigint, 'sent_at'),
    is(count(*) filter (where coalesce(messaging.status_rank(m.status), -1) <> greatest(
        messaging.status_rank(b.status), coalesce(messaging.status_rank(lower(w.status)), -1))), 0::bigint, 'the greater status'),
    is(count(*) filter (where m.error_code is distinct from
        coalesce(nullif(b.metadata ->> 'error_code', ''), nullif(w.error_code, ''))), 0::bigint, 'the error'),
    is(count(*) filter (where m.metadata ? 'sender_id' and m.sender_id is not null), 0::bigint,
        'what is a column is in metadata no more'),
    is(count(*) filter (where m.metadata -> 'error_code' is not null), 0::bigint, 'error_code neither'),
    is(count(*) filter (where (b.metadata ->> 'read_at' = 'soon')
        <> ('soon' = coalesce(m.metadata ->> 'former_read_at', m.metadata ->> 'read_at', ''))), 0::bigint, 'what does not fit stays there'),
    is(count(*) filter (where m.metadata ->> 'template' is distinct from 'HX1'), 0::bigint, 'and what is not ours')
from before.message_logs b
join before.whatsapp_messages w on w.id = b.id or w.message_sid = b.external_id
left join public.message_logs m on m.id = b.id;

-- read_at, in the column and in metadata
select is(count(*) filter (where read_at <> (metadata ->> 'read_at')::timestamptz or metadata ->> 'read_at' !~ '^[\d-]{10}T[\d:.]+Z$'), 0::bigint,
        'read_at stands in metadata too, as ISO 8601'),
    is(count(*) filter (where read_at is not null and not metadata ? 'read_at'), 0::bigint, 'wherever there is one')
from public.message_logs where read_at is not null;
select is(count(*), 0::bigint, 'Unix seconds in metadata have become the column')
from before.message_logs b join public.message_logs m using (id)
where b.metadata ->> 'read_at' = '1780000000' and m.read_at is distinct from to_timestamp(1780000000);

-- the table around it
select is((select count(*) from trigger_calls), 0::bigint, 'the application''s triggers were not set off');
select is((select string_agg(tgname || tgenabled::text, ' ' order by tgname) from pg_trigger
        where tgrelid = 'message_logs'::regclass and not tgisinternal),
    case when :shape >= 5 then 'comparesO countedO looks_upO messaging_adoptO messaging_joinO messaging_late_updateO messaging_readO messaging_stageO messaging_tidyO messaging_withholdO off_alreadyD touchO'
        else 'comparesO countedO looks_upO messaging_adoptO messaging_joinO messaging_late_updateO messaging_readO messaging_tidyO messaging_withholdO off_alreadyD touchO' end, 'and are as they were, beside those of messaging');
select is((select string_agg(conname || ' ' || confrelid::regclass::text || ' ' || confdeltype::text, ', ' order by conname) from pg_constraint
        where conrelid = 'message_logs'::regclass and contype = 'f'),
    'message_logs_request_id_fkey maintenance_requests n, message_logs_sender_id_fkey profiles n', 'the foreign keys');
select is((select string_agg(tablename, ' ' order by tablename) from pg_publication_tables where pubname = 'supabase_realtime'),
    case :shape when 5 then '_legacy_messages message_logs' when 6 then '_legacy_messages _legacy_whatsapp_messages message_logs'
        else 'message_logs messages' end, 'supabase_realtime has the new table');
select is_empty('select from pg_publication_tables where pubname = ''other_feed''', 'no other publication has');
select is_empty($$
    select from pg_index i where i.indrelid = 'message_logs'::regclass
    and pg_get_indexdef(i.indexrelid) ~ '\m(status|updated_at|delivered_at|read_at|failed_at)\M'$$, 'no index makes a status change dearer');
\if :meta
select is((select string_agg(a.attname, ' ' order by a.attnum) from pg_attribute a where a.attrelid = 'whatsapp_messages'::regclass and attnum <= 4),
    'id wa_message_id direction phone_number', 'Meta''s view is as it was');
select is((select relkind from pg_class where oid = '_legacy_whatsapp_messages'::regclass), 'r', 'and its table');
set row_security = off;
select results_eq('table whatsapp_messages order by 1', 'table before.meta order by 1', 'with its rows');
reset row_security;
select ok(has_table_privilege('service_role', 'whatsapp_messages', 'insert'), 'and rights');
select is((select count(*) from pg_policy where polrelid = '_legacy_whatsapp_messages'::regclass), 1::bigint, 'and policies');
\else
select is((select count(*) from public.whatsapp_messages), (select count(*) from message_logs where message_type = 'whatsapp'),
    'the view has the WhatsApp messages');
select is((select relkind::text || relrowsecurity::text from pg_class where oid = 'messaging.whatsapp_messages_legacy'::regclass),
    'rtrue', 'the frozen table is still under row-level security');
select is((select count(*) from pg_trigger where tgrelid = 'messaging.whatsapp_messages_legacy'::regclass and not tgisinternal)
    + (select count(*) from pg_constraint where conrelid = 'messaging.whatsapp_messages_legacy'::regclass and contype = 'f'),
    0::bigint, 'and does nothing of its own');
select ok(not bool_or(has_table_privilege(r, 'messaging.whatsapp_messages_legacy', p)), 'nobody writes to it, but who forgets')
from unnest(array['anon', 'authenticated', 'service_role', 'twilio_cgi', 'messaging_owner']) as r,
    unnest(array['insert', 'update', 'delete', 'truncate']) as p
where (r, p) <> ('messaging_owner', 'delete');
\endif

\if :renamed
-- the application since April 2026
select is((select relkind from pg_class where oid = 'message_logs'::regclass), 'r', 'message_logs is a table again');
select is((select relkind::text || array_to_string(reloptions, ' ') from pg_class where oid = '_legacy_message_logs'::regclass),
    'vsecurity_invoker=true', 'and what it was called a view with the reader''s rights');
select is(count(*) filter (where (b.channel, b.notification_stage, b.retry_count, b.provider)
        is distinct from (m.channel, m.notification_stage, m.retry_count, m.provider)), 0::bigint, 'the application''s own columns are as they were'),
    is(count(*) filter (where m.message_type = 'whatsapp' and m.channel is distinct from 'whatsapp'), 0::bigint, 'the generated one too')
from before.message_logs b join public.message_logs m using (id);
select is((select attgenerated from pg_attribute where attrelid = 'message_logs'::regclass and attname = 'channel'), 's', 'which is one still');
select is(count(*), 40::bigint, 'inbound rows and Meta''s are there'),
    is(count(*) filter (where (b.recipient, b.status, b.external_id, b.provider, b.metadata - 'read_at', b.sent_at, b.updated_at)
        is distinct from (m.recipient, m.status, m.external_id, m.provider, m.metadata - 'read_at', m.sent_at, m.updated_at)), 0::bigint, 'as they were')
from before.message_logs b join public.message_logs m using (id) where b.id in (select test_id(k, n) from unnest('{i,m}'::text[]) as k, generate_series(1, 20) as n);
select is(count(*), 7::bigint, 'the seconds that Meta''s webhook wrote are read_at')
from public.message_logs where provider = 'meta' and read_at = to_timestamp(1770000000) and metadata ->> 'read_at' = '2026-02-02T02:40:00.000000Z';
select is((select string_agg(a.attname, ' ' order by a.attnum) from pg_attribute a where a.attrelid = '_legacy_message_logs'::regclass and a.attnum > 0),
    (select string_agg(a.attname, ' ' order by a.attnum) from pg_attribute a where a.attrelid = 'message_logs'::regclass and a.attnum > 0 and not attisdropped),
    'a row of the view is one of the table');
select bag_eq('table _legacy_message_logs', 'table message_logs', 'and they are the same');
select is((select confdeltype::text || convalidated from pg_constraint where conname = 'notifications_message_log_id_fkey'), 'ntrue',
    'a notification does not keep its message');
select is(count(*), 10::bigint, 'and knows it still') from notifications where message_log_id is not null;
select is((select string_agg(relname::text || relkind::text, ' ' order by relname) from pg_class where relnamespace = 'public'::regnamespace
    and relname in ('messages', '_legacy_messages', 'outbound_messages')), '_legacy_messagesr messagesv outbound_messagesr', 'what is not ours is as it was');
select is((select count(*) from outbound_messages), (select count(*) from before.message_logs), 'with its rows');

-- what was made upon either name
select lives_ok('select refresh_notification_stats()', 'the statistics are refreshed, concurrently');
select is((select sum(messages) from notification_stats_daily), (select count(*)::numeric from message_logs), 'and right');
select is((select count(*) from failed_messages), (select count(*) from message_logs where status = 'failed'), 'a view of the view');
select is((select sum(count) from failed_by_type), (select count(*)::numeric from message_logs where status = 'failed'), 'and a view of that');
select results_eq('select id from recent_logs()', 'select id from message_logs order by created_at desc limit 3', 'a function that returns rows');
select results_eq('select id from recent_legacy_logs()', 'select id from message_logs order by created_at desc limit 3', 'and one of the other name');
begin;
alter table message_logs disable trigger counted;
alter table message_logs disable trigger looks_up;
create temporary table written on commit drop as select log_message('+201012345678') as id;
select is((select retry_count::text || channel || provider || status from message_logs join written using (id)), '1smstwiliopending',
    'a function that writes by both names');
rollback;
select ok(bool_and(has_table_privilege(r, '_legacy_message_logs', p) = has_table_privilege(r, 'message_logs', p)), 'no wider rights by the one name than by the other')
from unnest(array['anon', 'authenticated', 'service_role', 'twilio_cgi']) as r,
    unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as p;
\endif
select * from finish();
