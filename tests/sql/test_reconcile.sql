-- unsettled_messages, known_sids
begin;
select no_plan();
insert into message_logs (id, recipient, message_type, status, sent_at, external_id)
select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '+2010', case when n = 9 then 'email' else 'sms' end,
    (array['pending', 'unknown', 'queued', 'sent', 'delivered', 'failed', 'read', 'canceled', 'sent', 'sending', 'undelivered', 'sent'])[n],
    now() - case n when 12 then interval '31 days' else interval '1 day' - (n / 2) * interval '1 minute' end, 'SM' || n
from generate_series(1, 12) as n;
select become('twilio_cgi');
select results_eq('select external_id, status from messaging.unsettled_messages(''12 h'', null, null, 10)',
    $$values ('SM1', 'pending'), ('SM2', 'unknown'), ('SM3', 'queued'), ('SM4', 'sent'), ('SM10', 'sending')$$, 'what has no final status, oldest first');
select is_empty('select from messaging.unsettled_messages(''25 h'', null, null, 10)', 'only what is old enough');
select is((select string_agg(p.page, ' | ') from (
    with recursive page as (
        select 0 as n, null::timestamptz as at, null::uuid as id, null::text as page
        union all
        select n + 1, u.at, u.id, u.page from page, lateral (
            select max(sent_at) as at, (array_agg(id order by sent_at desc, id desc))[1] as id, string_agg(external_id, ' ' order by sent_at, id) as page
            from messaging.unsettled_messages('0', page.at, page.id, 2)) as u
        where n < 5 and (n = 0 or page.at is not null))
    select page from page where page is not null order by n) as p), 'SM1 SM2 | SM3 SM4 | SM10', 'page after page, nothing twice, nothing left out');
select results_eq('select * from messaging.known_sids(''{SM3,SM99,SM12}'') order by 1', $$values ('SM12'), ('SM3')$$, 'the SIDs that are here');
select is_empty('select * from messaging.known_sids(''{}'')', 'of none, none');
select * from finish();
rollback;
