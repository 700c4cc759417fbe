-- :rows messages over ten years, with their events and keys, for growth.sh. The last 30 days are the same
-- however many rows there are: :recent messages. The oldest day has :rows / 100; the rest is spread evenly.
-- By parts: begin, then messages, events and keys at the same time, then end of each of these tables.
\set ON_ERROR_STOP on
\set QUIET on
set session_replication_role = replica;
set synchronous_commit = off;
set synchronize_seqscans = off;
set maintenance_work_mem = '1GB';
select :'part' = 'begin' as begins, :'part' = 'messages' as messages, :'part' = 'events' as events, :'part' = 'keys' as keys,
    :'part' like 'end %' as ends, split_part(:'part', ' ', 2) as of_table \gset

\if :begins
create or replace function public.growth_id(p_kind text, p_n bigint) returns uuid
language sql immutable parallel safe
as $$ select md5(p_kind || p_n)::uuid $$;
-- What this connection's server process has used of a processor, in nanoseconds.
create or replace function public.growth_cpu() returns bigint
language sql volatile security definer
as $$ select split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint $$;

insert into public.profiles (id) select public.growth_id('user', n) from generate_series(0, 4999) as n;
insert into public.maintenance_requests (id, created_by)
select public.growth_id('request', n), public.growth_id('user', n % 5000) from generate_series(0, 99999) as n;

-- Indexes are built when all is there.
update pg_index set indisready = false, indisvalid = false
where indrelid in ('public.message_logs'::regclass, 'messaging.message_status_events'::regclass,
    'messaging.idempotency_keys'::regclass);

create unlogged table public.growth_rows as
select n, gen_random_uuid() as id, 'SM' || md5('sid ' || n) as sid,
    case when n % 3 = 0 then 'whatsapp' else 'sms' end as message_type,
    case when n % 23 = 0 then 'undelivered' when n % 3 = 0 and n % 2 = 0 then 'read' else 'delivered' end as status,
    case
        when n > :rows - :recent then now() - interval '30 days' + (n - :rows + :recent) * interval '30 days' / :recent
        when n <= :rows / 100 then now() - interval '3651 days' + n * interval '1 day' / (:rows / 100)
        else now() - interval '3650 days'
            + (n - :rows / 100) * (interval '3620 days' / greatest(:rows - :recent - :rows / 100, 1))
    end - interval '2 minutes' as at
from generate_series(1, :rows) as n;

\elif :messages
insert into public.message_logs (id, request_id, recipient, message_type, message_content, status, external_id,
    metadata, sent_at, delivered_at, read_at, failed_at, created_at, updated_at, sender_id, error_code, error_message)
select g.id, case when n % 3 > 0 then growth_id('request', n % 100000) end, '+2010' || lpad((n % 20011 * 4999)::text, 8, '0'),
    message_type, 'مرحباً، تم استلام طلب الصيانة رقم ' || n || ' وسيتواصل معكم الفني قريباً', status, sid,
    jsonb_build_object('account_sid', 'AC0123456789abcdef0123456789abcdef', 'num_segments', (1 + n % 3)::text,
        'num_media', '0', 'direction', 'outbound-api', 'price', '-0.04500', 'price_unit', 'USD')
        || case when n % 2 = 0 then '{"tag": "received"}'::jsonb else '{}' end
        || case when status = 'undelivered' then '{"error_status": "undelivered"}'::jsonb else '{}' end
        || case when status = 'read' then jsonb_build_object('read_at', at + interval '1 minute') else '{}' end,
    at, case when status <> 'undelivered' then at + interval '3 seconds' end,
    case when status = 'read' then at + interval '1 minute' end,
    case when status = 'undelivered' then at + interval '4 seconds' end, at, at + interval '4 seconds',
    growth_id('user', n % 5000), case when status = 'undelivered' then '30003' end,
    case when status = 'undelivered' then 'Unreachable destination handset' end
from public.growth_rows as g;

\elif :events
insert into messaging.message_status_events (message_log_id, external_id, status, error_code, parameters, received_at)
select g.id, g.sid, s.status, case when s.status = 'undelivered' then '30003' end,
    '{"From": "+15005550006", "ApiVersion": "2010-04-01"}', g.at + s.after
from public.growth_rows as g
cross join lateral (values
    ('sent', interval '1 second'),
    (case when g.status = 'undelivered' then 'undelivered' else 'delivered' end, interval '3 seconds'),
    (case when g.status = 'read' then 'read' end, interval '1 minute')) as s (status, after)
where s.status is not null;

\elif :keys
-- Every fifth came with a key, and none of them has gone yet.
insert into messaging.idempotency_keys (key, fingerprint, message_log_id, begun_at, ended, twilio_status, answer)
select messaging.key_name('send-whatsapp ' || growth_id('user', n % 5000), n::text), substr(sha256(g.sid::bytea), 1, 16), g.id, g.at, true,
    'queued', jsonb_build_object('id', g.id, 'status', 'queued', 'external_id', g.sid, 'updated_at', g.at,
        'metadata', jsonb_build_object('num_segments', '1', 'account_sid', 'AC0123456789abcdef0123456789abcdef'))
from public.growth_rows as g
where n % 5 = 0;

\elif :ends
reindex table :of_table;
vacuum (analyze) :of_table;
\endif
