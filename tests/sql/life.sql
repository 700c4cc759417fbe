-- Messages as they live: each call is a transaction of its own, and between a message's reservation, its
-- settlement and its callbacks others come. Half are SMS of the server's (queued, sent, delivered), half a
-- user's WhatsApp messages (sent, delivered, read), about half of them about a request, three in four with an
-- idempotency key, all with about 120 letters of Arabic; metadata and parameters are what Twilio sends and
-- lib/twilio_verdict.c keeps. Everything follows from the number, so each database gets the same.
\set ON_ERROR_STOP on
\set QUIET on

insert into profiles (id) select md5('user ' || n)::uuid from generate_series(0, 49) as n;
insert into maintenance_requests (id, created_by)
select md5('request ' || n)::uuid, md5('user ' || n % 50)::uuid from generate_series(0, 999) as n;

create or replace function public.words(p_seed text, p_letters integer) returns text
language plpgsql immutable
as $$
declare
    v_words constant text[] := '{تم,استلام,طلب,الصيانة,رقم,وسيتم,إرسال,الفني,إلى,العنوان,المسجل,خلال,ساعات,العمل,يرجى,التواصل,معنا,عند,الحاجة,شكرا,لكم,موعد,الزيارة,غدا,صباحا,مساء,الكهرباء,السباكة,التكييف,المصعد,المبنى,الشقة,الدور,الثالث,الخامس,تأكيد,إلغاء,تأجيل,فاتورة,قيمة,جنيه,مدفوعة}';
    v_text text := '';
begin
    for n in 1..1000 loop
        exit when length(v_text) >= p_letters;
        v_text := v_text || ' ' || v_words[1 + ('x' || left(md5(p_seed || n), 7))::bit(28)::integer % cardinality(v_words)];
    end loop;
    return ltrim(v_text);
end
$$;

create or replace procedure public.call_back(p_number integer, p_place integer)
language plpgsql
as $$
declare
    v_whatsapp constant boolean := p_number % 2 = 0;
    v_sid constant text := 'SM' || md5('sid ' || p_number);
    v_status constant text := (case when v_whatsapp then '{sent,delivered,read}' else '{queued,sent,delivered}' end::text[])[p_place];
    v_to constant text := '+2010' || lpad((p_number::bigint * 7919 % 100000000)::text, 8, '0');
begin
    if p_number < 1 then
        return;
    end if;
    perform messaging.record_status(md5('id ' || p_number)::uuid, v_sid, v_status, null, null,
        jsonb_build_object('AccountSid', 'AC0123456789abcdef0123456789abcdef', 'ApiVersion', '2010-04-01',
            'MessageSid', v_sid, 'SmsSid', v_sid, 'MessageStatus', v_status, 'SmsStatus', v_status)
        || case when v_whatsapp then jsonb_build_object('To', 'whatsapp:' || v_to, 'From', 'whatsapp:+14155238886',
                'ChannelPrefix', 'whatsapp', 'ChannelToAddress', v_to, 'ChannelInstallSid', 'XE0123456789abcdef0123456789abcdef',
                'StructuredMessage', 'false') || case v_status when 'read' then '{"EventType": "READ"}'
                    when 'delivered' then '{"EventType": "DELIVERED"}' else '{}' end::jsonb
            else jsonb_build_object('To', v_to, 'From', '+15005550006') || case v_status
                when 'delivered' then '{"RawDlrDoneDate": "2611291130"}' else '{}' end::jsonb end,
        null);
    commit;
end
$$;

create or replace procedure public.live(p_from integer, p_to integer)
language plpgsql
as $$
declare
    v_whatsapp boolean;
    v_settled integer;
begin
    for n in p_from..p_to loop
        v_whatsapp := n % 2 = 0;
        perform messaging.reserve_message(
            case when v_whatsapp then 'send-whatsapp ' || md5('user ' || n % 50)::uuid else 'send-twilio-message internal' end,
            case when n % 4 > 0 then md5('key ' || n)::uuid::text end,
            case when v_whatsapp then md5('user ' || n % 50)::uuid end, null,
            case when v_whatsapp then 'whatsapp' else 'sms' end,
            '+2010' || lpad((n::bigint * 7919 % 100000000)::text, 8, '0'), public.words('text ' || n, 120),
            case when n % 5 < 3 then md5('request ' || n * 31 % 1000)::uuid end, null,
            '{"account_sid": "AC0123456789abcdef0123456789abcdef"}', md5('id ' || n)::uuid);
        commit;
        v_settled := n - 3;
        if v_settled > 0 then
            perform messaging.settle_message(md5('id ' || v_settled)::uuid, 'SM' || md5('sid ' || v_settled), 'queued', null, null,
                jsonb_build_object('num_segments', '2', 'num_media', '0', 'price_unit', 'USD', 'direction', 'outbound-api',
                    'api_version', '2010-04-01', 'from',
                    case when v_settled % 2 = 0 then 'whatsapp:+14155238886' else '+15005550006' end), false, null);
            commit;
        end if;
        call public.call_back(n - 10, 1);
        call public.call_back(n - 20, 2);
        call public.call_back(n - 120, 3);
    end loop;
end
$$;

-- In steps of a fifth, as autovacuum comes when a fifth has changed: instead of it, so that it comes then on
-- a busy machine too, where it would look at a table for long, and keep what others leave meanwhile.
set synchronous_commit = off;
alter table message_logs set (autovacuum_enabled = off);
alter table messaging.message_status_events set (autovacuum_enabled = off);
alter table messaging.idempotency_keys set (autovacuum_enabled = off);
select format('call public.live(%s, %s)', g, least(h - 1, :messages)),
    'vacuum analyze message_logs, messaging.message_status_events, messaging.idempotency_keys'
from (
    with recursive step (g, h) as (
        select 1, 201
        union all
        select h, ceil(h * 1.2)::integer from step where h <= :messages)
    select g, h from step) as s
\gexec
