-- What the reconcile run asks and writes; and what it asked before.
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
select set_config('role', 'none', true);
delete from message_logs;

-- turns
create function public.turns(p_ages interval[], p_asked interval) returns text
language sql
as $$
    select string_agg(case when messaging.is_turn(now() - age, case when p_asked <= age then now() - age + p_asked end, null, now())
        then 'due' else '-' end, ' ' order by age) from unnest(p_ages) as age
$$;
select is(turns('{11:59,12:00,13:00,23:00,25:00}', '9999 h'), '- due due due due', 'from twelve hours on a message is due that nobody has asked about');
select is(turns('{13:00,23:59,24:00,71:00,72:00}', '12:30'), '- - due due due', 'asked after its first turn it waits for the second');
select is(turns('{25:00,71:00,72:00,167:00,168:00}', '24:30'), '- - due due due', 'asked after its second, for the third');
select is(turns('{73:00,167:00,168:00,400:00}', '72:30'), '- - due due', 'and for the fourth');
select is(turns('{169:00,700:00}', '168:00'), '- -', 'and then it rests');
select is(turns('{25:00,73:00}', '11:00'), 'due due', 'an hour too early is no turn');
select ok(messaging.is_turn(now() - interval '5 min', now() - interval '1 min', '3 min', now()), 'with an age, whatever is older, whenever it was asked');
select ok(not messaging.is_turn(now() - interval '5 min', now() + interval '1 s', '3 min', now()), 'once in a run');
select ok(not messaging.is_turn(now() - interval '5 min', null, '6 min', now()), 'and nothing that is younger');

-- what is due of the day three days ago: its first hour
create function public.old_message(p_sid text, p_status text, p_more jsonb default '{}', p_type text default 'sms',
    p_provider text default 'twilio') returns void
language sql
as $$
    insert into message_logs (recipient, message_type, provider, status, sent_at, external_id, metadata)
    values ('+201012345678', p_type, p_provider, p_status, (date_trunc('day', now() at time zone 'UTC')
        - interval '3 days' + interval '1 min') at time zone 'UTC', p_sid, p_more)
$$;
select old_message('SM1', 'sent'), old_message('SM2', 'delivered'), old_message('SM3', 'delivered', '{"price": "-0.04"}'),
    old_message('SM4', 'canceled'), old_message('SM5', 'failed'), old_message(null, 'failed'), old_message(null, 'unknown'),
    old_message('SM6', 'received'), old_message('SM7', 'sent', '{"direction": "incoming"}'),
    old_message('SM8', 'sent', p_type => 'email'), old_message('SM9', 'sent', p_provider => 'meta'),
    old_message('SM10', 'sent', '{"account_sid": "AC2"}'), old_message(null, 'unknown', '{"account_sid": "AC2"}'),
    old_message('SM11', 'sent', '{"account_sid": "AC1"}');
select (now() at time zone 'UTC')::date - 3 as day \gset
select row_eq(format('select due, of_others from messaging.reconcile_day(%L, ''AC1'', null, now())', :'day'), row(4::bigint, 2::bigint),
    'what has no final status or no price; nothing of others; another account''s is counted');
select row_eq(format('select due, of_others from messaging.reconcile_day(%L, ''AC1'', null, now())', :'day'::date + 1), row(0::bigint, 0::bigint), 'each day by itself');
select results_eq('select status, due from messaging.reconcile_orphans(''AC1'', null, now(), null, null, 9)', $$values ('unknown', true)$$, 'and what has no SID, of this account');

-- a list is taken
select results_eq($q$select sid, was, is_now, priced from messaging.reconcile_listed('[
    {"sid": "SM1", "status": "undelivered", "code": "30003", "text": "Unreachable", "details": {}},
    {"sid": "SM2", "status": "delivered", "details": {"price": "-0.05", "price_unit": "USD", "num_segments": "2"}},
    {"sid": "SM9", "status": "failed", "details": {"price": "-1"}}, {"sid": "SM99", "status": "sent"}, {"sid": "SM11"}]', true) order by 1$q$,
    $$values ('SM1', 'sent', 'undelivered', false), ('SM11', 'sent', 'sent', false), ('SM2', 'delivered', 'delivered', true), ('SM9', 'sent', 'sent', false)$$,
    'rows of a list are ours, or known at least; what nobody here has is not among them');
select row_eq('select status, error_code, error_message from message_logs where external_id = ''SM1''', row('undelivered'::text, '30003'::text, 'Unreachable'::text), 'status and error are joined');
select is((select metadata from message_logs where external_id = 'SM2'), '{"price": "-0.05", "price_unit": "USD", "num_segments": "2"}', 'price, unit and segments go to metadata');
select is((select metadata from message_logs where external_id = 'SM9'), '{}', 'nothing of it to another provider''s row');
select row_eq(format('select due from messaging.reconcile_day(%L, ''AC1'', null, now())', :'day'), row(2::bigint),
    'a price settles its message; one without has had its turn');
select is((select count(*) from messaging.message_status_events), 1::bigint, 'only news is an event');
select is((select string_agg(s, ' ') from messaging.reconcile_missed(:'day', 'AC1', null, now(), 9) as s), 'SM11', 'what has no final status and was in no list');
select messaging.reconcile_end(:'day', 'AC1', null, now(), '{}');
select row_eq(format('select due from messaging.reconcile_day(%L, ''AC1'', null, now())', :'day'), row(0::bigint), 'when the day ends all have had their turn');
select is(count(*), 1::bigint, 'but not those without a SID') from messaging.reconcile_orphans('AC1', null, now(), null, null, 9) as o where o.due;
select messaging.reconcile_end(null, 'AC1', null, now(), array[(select o.id from messaging.reconcile_orphans('AC1', null, now(), null, null, 9) as o)]);
select is(count(*), 0::bigint, 'until they have theirs') from messaging.reconcile_orphans('AC1', null, now(), null, null, 9) as o where o.due;
select results_eq($q$select was, is_now from messaging.reconcile_listed('[{"sid": "SM10", "status": "delivered", "details": {"price": "-1"}}]', false)$q$,
    $$values ('sent', 'delivered')$$, 'a dry run tells');
select is((select status || metadata::text from message_logs where external_id = 'SM10'), 'sent{"account_sid": "AC2"}', 'and writes nothing');
select row_eq('select redacted from messaging.reconcile_begin(''AC1'')', row(false), 'an account is sound');
select messaging.reconcile_redacted('AC1'), messaging.reconcile_redacted('AC1');
select row_eq('select redacted from messaging.reconcile_begin(''AC1'')', row(true), 'until numbers are seen blotted out in its lists');
select row_eq('select redacted from messaging.reconcile_begin(''AC2'')', row(false), 'which says nothing of others');

-- forgotten: nothing is asked, and nobody else gets it
select old_message('SM31', 'sent'), old_message(null, 'unknown'), old_message('SM32', 'delivered', '{"price": "-1"}');
select is((select due from messaging.reconcile_day(:'day', 'AC1', null, now())), 1::bigint, 'one more is due');
select is(count(*), 1::bigint, 'and one without a SID') from messaging.reconcile_orphans('AC1', null, now(), null, null, 9) as o where o.due;
select cmp_ok((select value from messaging.metrics() where figure = 'unsettled_messages' and label_1 = 'unknown'), '>', 0::double precision, 'which metrics count');
select isnt((messaging.report(30) -> 'stuck')::text, '[]', 'and the report');
select cmp_ok(messaging.forget_recipient('01012345678'), '>', 3, 'their person is forgotten');
select cmp_ok(count(*), '>', 2::bigint, 'of those under way rows are left') from message_logs where recipient = '' and status in ('sent', 'unknown');
select is((select due from messaging.reconcile_day(:'day', 'AC1', null, now())), 0::bigint, 'nothing is due of the day');
select is_empty(format('select from messaging.reconcile_missed(%L, ''AC1'', null, now(), 9)', :'day'), 'nor missed');
select is_empty('select from messaging.reconcile_orphans(''AC1'', null, now(), null, null, 9)', 'nothing without a SID could be proved never to have been sent');
select is_empty('select from messaging.unsettled_messages(''0'', null, null, 9)', 'nor do programs of before ask');
select messaging.reconcile_end(:'day', 'AC1', null, now(), '{}');
select is_empty('select from messaging.reconcile_turns t join message_logs m on m.id = t.message_log_id where m.external_id = ''SM31''', 'nor have they turns');
select is((select sum(value) from messaging.metrics() where figure = 'unsettled_messages'), 0::double precision, 'no alarm that nobody could end');
select is((messaging.report(30) -> 'stuck')::text, '[]', 'nor in the report');
select results_eq($q$select sid, is_now from messaging.reconcile_listed('[{"sid": "SM31", "status": "delivered", "details": {"price": "-0.05"}}, {"sid": "SM32", "status": "delivered"}]', true) order by 1$q$,
    $$values ('SM31', 'delivered'), ('SM32', null)$$, 'what a list tells is joined in; one that is gone is known, so that no other message gets it');
select results_eq('select * from messaging.known_sids(''{SM31,SM32,SM99}'') order by 1', $$values ('SM31'), ('SM32')$$, 'to programs of before, too');
select row_eq('select recipient, status, metadata ->> ''price'' from message_logs where external_id = ''SM31''', row(''::text, 'delivered'::text, '-0.05'::text), 'without the number');

-- the account is no part of what a key stands for
create function public.reserved(p_metadata jsonb) returns text
language sql
as $$ select outcome from messaging.reserve_message('c', 'k', null, null, 'sms', '+20', 'x', null, null, p_metadata) $$;
select is(reserved('{"account_sid": "AC1", "tag": "a"}'), 'reserved', 'a key by one account');
select is(reserved('{"account_sid": "AC2", "tag": "a"}'), 'in_progress', 'after a change of the account it is the same');
select is(reserved('{"tag": "a"}'), 'in_progress', 'for programs of before too');
select is(reserved('{"tag": "b"}'), 'mismatch', 'but not for another message');
select * from finish();
rollback;
