-- The status is a join: sequences of statuses with repeats, drawn at random, run through the real
-- functions in several orders, with settle_message somewhere among them, end where a plain model says,
-- whatever the order. Not one transaction: every sequence holds its SIDs' locks.
\set ON_ERROR_STOP on
\if :{?sequences}
\else
\set sequences 2000
\endif
select setseed(0.20261123);

create table draws (n int, place int, status text, code text, text text, at timestamptz);
-- Up to six of the seven, of every kind; errors only with failures. Equal ones may come with
-- different texts, one of them the code's meaning, or without one.
insert into draws
select n, place, status,
    case when status in ('failed', 'undelivered') then (array['30003', '30005', '9999', '30003', '0', null])[1 + floor(random() * 6)::int] end,
    case when status in ('failed', 'undelivered') then (array['text', 'Text', null, null, 'Unreachable destination handset'])[1 + floor(random() * 5)::int] end,
    timestamptz '2026-11-01' + n * interval '1 minute' + place * interval '1 second'
from (
    select n, place, (array['queued', 'sending', 'sent', 'undelivered', 'failed', 'delivered', 'read'])[1 + floor(random() * 7)::int] as status
    from generate_series(1, :sequences) as n, lateral generate_series(1, 1 + floor(random() * 6)::int + n * 0) as place) as d;
-- settle tells queued, or a failure with or without code and text.
create table settles as
select n, status, case when status <> 'queued' then (array['30003', '9999', null])[1 + floor(random() * 3)::int] else '0' end as code,
    case when status <> 'queued' then (array['settled', 'Settled', null])[1 + floor(random() * 3)::int] end as text,
    timestamptz '2026-10-31' as at
from (select n, (array['queued', 'queued', 'failed', 'undelivered'])[1 + floor(random() * 4)::int] as status
    from generate_series(1, :sequences) as n) as d;

-- Every sequence in four orders: as drawn, backwards, shuffled, shuffled with everything twice. The
-- settle comes at some place of each: before it, the events have no message.
create table runs (n int, run int, step bigint, kind text, status text, code text, text text, at timestamptz);
insert into runs
select n, run, row_number() over (partition by n, run order by place), kind, status, code, text, at
from (
    select n, run, 'record' as kind, status, code, text, at,
        case run when 1 then place when 2 then -place else random() * 7 end as place
    from draws, generate_series(1, 4) as run, generate_series(1, case when run = 4 then 2 else 1 end)
    union all
    select n, run, 'settle', status, code, text, at, -8 + random() * 16
    from settles, generate_series(1, 4) as run) as r;
create index on runs (n, run, step);
create table messages_of (n int, run int, id uuid, primary key (n, run));

do $$
declare
    v_run record;
    v_step record;
    v_id uuid;
    v_done int := 0;
begin
    for v_run in select distinct n, run from runs order by n, run loop
        select r.id into v_id from messaging.reserve_message(
            'x', null, '00000000-0000-4000-8000-00000000000a', null, 'sms', '+201012345678', 'x', null, null, '{}') as r;
        insert into messages_of values (v_run.n, v_run.run, v_id);
        for v_step in select * from runs r where r.n = v_run.n and r.run = v_run.run order by step loop
            if v_step.kind = 'settle' then
                perform messaging.settle_message(v_id, 'SM' || v_run.n || 'x' || v_run.run, v_step.status, v_step.code, v_step.text, '{}', false, v_step.at);
            else
                perform messaging.record_status(null, 'SM' || v_run.n || 'x' || v_run.run, v_step.status, v_step.code, v_step.text,
                    jsonb_build_object('ErrorMessage', v_step.text), v_step.at);
            end if;
        end loop;
        v_done := v_done + 1;
        if v_done % 100 = 0 then
            commit;
        end if;
    end loop;
end
$$;

-- The model, from the words of the contract.
create view model as
select d.n,
    (array_agg(d.status order by messaging.status_rank(d.status) desc))[1] as status,
    -- code and text of one event, of one without a code only where there is no other
    (array_agg(d.code order by d.code is null, messaging.status_rank(d.status) desc, d.code::int) filter (where d.error))[1] as error_code,
    (array_agg(coalesce(d.text, (select meaning from messaging.twilio_errors t where t.code = d.code), 'Twilio error ' || d.code)
        order by d.code is null, messaging.status_rank(d.status) desc, d.code::int, d.text is null, d.text collate "C") filter (where d.error))[1] as error_message,
    min(d.at) filter (where d.status in ('delivered', 'read')) as delivered_at,
    min(d.at) filter (where d.status = 'read') as read_at,
    min(d.at) filter (where d.status in ('failed', 'undelivered')) as failed_at,
    count(distinct (d.status, d.code)) as events
from (
    select n, status, c.code, case when c.code = '30003' then nullif(text, 'Unreachable destination handset') else text end as text, at, c.code is not null or text is not null as error
    from (table draws union all select n, 0, status, code, text, at from settles) as told, nullif(told.code, '0') as c (code)) as d
group by d.n;
-- what settle tells is no event
create view event_counts as select n, count(distinct (status, nullif(code, '0'))) as events from draws group by n;

select plan(9);
select is(count(distinct o.n), :sequences::bigint, 'sequences, each in four orders') from messages_of o;
select is(count(*), 0::bigint, 'the status is the greatest')
from messages_of o join message_logs m using (id) join model using (n) where m.status <> model.status;
select is(count(*), 0::bigint, 'the error is that of the greatest status that brought one')
from messages_of o join message_logs m using (id) join model using (n) where m.error_code is distinct from model.error_code;
select is(count(*), 0::bigint, 'so is its text')
from messages_of o join message_logs m using (id) join model using (n) where m.error_message is distinct from model.error_message;
select is(count(*), 0::bigint, 'the times are the earliest evidence')
from messages_of o join message_logs m using (id) join model using (n)
where (m.delivered_at, m.read_at, m.failed_at) is distinct from (model.delivered_at, model.read_at, model.failed_at);
select is(count(*), 0::bigint, 'the order makes no difference at all')
from (select n from messages_of o join message_logs m using (id) group by n
    having count(distinct (m.status, m.error_code, m.error_message, m.delivered_at, m.read_at, m.failed_at, m.metadata)) <> 1) as d;
select is(count(*), 0::bigint, 'every event is kept once')
from messages_of o join event_counts c using (n)
where c.events <> (select count(*) from messaging.message_status_events e where e.message_log_id = o.id);
select is(count(*), 0::bigint, 'whoever ends failed is announced once, others at most once')
from messages_of o join message_logs m using (id),
    lateral (select count(*) as told from notifications t where t.message_log_id = o.id) as t
where told > 1 or m.status in ('failed', 'undelivered') and told <> 1;
select ok(count(*) filter (where error_code is not null) > 0 and count(*) filter (where read_at is not null) > 0
    and count(*) filter (where status = 'undelivered') > 0, 'of every kind') from message_logs;
select * from finish();
