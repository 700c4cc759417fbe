-- public.message_dead_numbers, and that such numbers are refused.
begin;
select no_plan();
create function failed(p_recipient text, p_type text, p_code text, p_days int default 0, p_status text default 'undelivered', p_delivered_days int default null) returns void language sql as $$
    insert into message_logs (recipient, message_type, message_content, status, error_code, sent_at, created_at, failed_at, delivered_at)
    values (p_recipient, p_type, 'x', p_status, p_code, now() - make_interval(days => p_days), now() - make_interval(days => p_days),
        case when p_code is not null then now() - make_interval(days => p_days) end, now() - make_interval(days => p_delivered_days))
$$;
select failed('+201000000001', 'sms', '30005', 3), failed('+201000000001', 'sms', '30006', 2), failed('+201000000001', 'whatsapp', null, 1, 'delivered', 1);
select failed('+201000000002', 'whatsapp', '63024');
select failed('+201000000003', 'sms', '21610', 5, 'failed'), failed('+201000000003', 'sms', null, 1, 'delivered', 1);
select failed('+201000000004', 'sms', '21614', 91);
select failed('+201000000005', 'sms', '30003');
select failed('+201000000006', 'sms', '21610', 5, 'failed'), failed('+201000000006', 'sms', null, 6, 'delivered', 6), failed('+201000000006', 'whatsapp', '30006', 1);
select become('authenticated', '00000000-0000-4000-8000-00000000000c');
select results_eq('select recipient, message_type, error_code, reason_ar, since = now() - interval ''3 days'' from message_dead_numbers order by 1, 2',
    $$values ('+201000000001', 'sms', '30006', 'الرقم أرضي أو شبكته مش بتستقبل رسائلنا', true),
        ('+201000000002', 'whatsapp', '63024', 'المستلم ما يقدرش يستقبل رسائل واتساب', false),
        ('+201000000006', 'sms', '21610', 'المستلم طلب ما نبعتلوش رسائل', false)$$, 'by channel, as the last outcomes say, since the first');
select become('authenticated', '00000000-0000-4000-8000-00000000000a');
select is_empty('select from message_dead_numbers', 'not for others');
select become('anon');
select throws_ok('select from message_dead_numbers', '42501', null, 'nor for nobody');
select set_config('role', 'none', true);

create function reserve(p_recipient text, p_type text, p_refuse boolean default true, p_metadata jsonb default '{}', p_limit int default 5)
returns table (outcome text, id uuid, saved jsonb, twilio_status text, remaining int, reset_seconds int, dead_code text, reason_ar text, sent_as text)
language sql as $$
    select * from messaging.reserve_message('t', 'key', '00000000-0000-4000-8000-00000000000a', p_limit, p_type, p_recipient, 'x', null, null, p_metadata, p_refuse_dead => p_refuse)
$$;
select results_eq('select outcome, id, dead_code, reason_ar, remaining from reserve(''+201000000001'', ''sms'')',
    $$values ('dead_number', null::uuid, '30006', 'الرقم أرضي أو شبكته مش بتستقبل رسائلنا', 5)$$, 'refused, with the reason, and no place is spent');
select is_empty('select from messaging.idempotency_keys', 'its key stays free');
select is_empty('select from message_logs where status = ''pending''', 'and it has no row');
create function outcome(p_recipient text, p_type text, p_refuse boolean, p_metadata jsonb default '{}') returns text language plpgsql as $$
declare v_outcome text := (select outcome || coalesce(dead_code, '') from reserve(p_recipient, p_type, p_refuse, p_metadata));
begin
    delete from messaging.idempotency_keys;
    delete from message_logs where status = 'pending';
    return v_outcome;
end $$;
select is(outcome('+201000000001', 'whatsapp', true), 'reserved', 'the other channel is not dead');
select is(outcome('+201000000001', 'sms', false), 'reserved', 'only where it is asked for');
select is(outcome('+201000000003', 'sms', true), 'reserved', 'a later delivery lifts it');
select is(outcome('+201000000004', 'sms', true), 'reserved', 'and so do 90 days');
select is(outcome('+201000000002', 'whatsapp', true, '{"fallback_type": "sms"}'), 'reserved63024', 'what may go as SMS instead goes so');
select is(outcome('+201000000002', 'whatsapp', false, '{"fallback_type": "sms"}'), 'reserved63024', 'in any case');
select failed('+201000000002', 'sms', '30006');
select is(outcome('+201000000002', 'whatsapp', true, '{"fallback_type": "sms"}'), 'dead_number63024', 'where that is not dead too');
select is(outcome('+201000000002', 'whatsapp', false, '{"fallback_type": "sms"}'), 'reserved', 'refused only where it is asked for');
update message_logs set metadata = '{"dead_number": true}' where recipient = '+201000000002';
select is(outcome('+201000000002', 'whatsapp', true), 'reserved', 'what was not sent says nothing new');

select * from finish();
rollback;
