-- A table of :rows messages over 90 days with two events each, as it would be after a while: most
-- settled, a sender who writes every tenth message, others' e-mails.
\set ON_ERROR_STOP on
\set QUIET on
set synchronous_commit = off;
create or replace function public.test_id(kind text, n bigint) returns uuid
language sql immutable
as $$ select (left(md5(kind), 8) || '-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
insert into profiles (id) select test_id('u', n) from generate_series(0, :rows / 100) as n;
insert into maintenance_requests (id, created_by) select test_id('r', n), test_id('u', n) from generate_series(0, :rows / 100) as n;
alter table message_logs disable trigger all;
insert into message_logs (id, request_id, recipient, message_type, message_content, status, external_id, sent_at, delivered_at,
    created_at, updated_at, sender_id, error_code, metadata)
select md5('m' || n)::uuid, case when n % 3 = 0 then test_id('r', n % (:rows / 100)) end, '+2010' || lpad((n::bigint * 7919 % 100000000)::text, 8, '0'),
    case when n % 20 = 0 then 'email' when n % 2 = 0 then 'whatsapp' else 'sms' end, 'رسالة رقم ' || n || repeat(' نص', 10),
    case when n % 997 = 0 then 'sent' when n % 5 = 0 then 'read' when n % 7 = 0 then 'undelivered' else 'delivered' end,
    case when n % 20 > 0 then 'SM' || md5('s' || n) end, at, at + interval '3 seconds', at, at,
    case when n % 10 = 0 then test_id('u', 0) else test_id('u', n % (:rows / 100)) end,
    case when n % 5 > 0 and n % 7 = 0 then (array['30003', '30005', '63016', '63024'])[1 + n % 4] end,
    jsonb_build_object('num_segments', (1 + n % 3)::text, 'price', case when n % 100 > 0 then '-0.04500' end, 'price_unit', 'USD', 'direction', 'outbound-api')
from generate_series(1, :rows) as n, lateral (select now() - interval '1 minute' - (:rows - n) * (interval '90 days' / :rows)) as t (at);
alter table message_logs enable trigger all;
alter table messaging.message_status_events disable trigger all;
insert into messaging.message_status_events (message_log_id, external_id, status, parameters, received_at)
select m.id, m.external_id, s, '{"ApiVersion": "2010-04-01"}', m.sent_at from message_logs m, unnest(array['sent', 'delivered']) as s
where m.external_id is not null;
alter table messaging.message_status_events enable trigger all;
insert into messaging.idempotency_keys (key, fingerprint, message_log_id, begun_at, twilio_status, answer)
select messaging.key_name('send-whatsapp ' || m.sender_id, 'key ' || m.external_id), '', m.id, m.sent_at, 'queued', to_jsonb(m)
from message_logs m where m.external_id like 'SM%7';
vacuum analyze;
