-- What became of the messages, for staff, where supabase-js can read it: public.message_report,
-- message_report_by_tag, message_failures, message_timeline. They read with the reader's rights, and show
-- nothing to a user who is not staff, who would else see a report of his own messages.
--
-- A day is Cairo's, which has 23 hours when summer time begins (it begins at midnight) and 25 when it ends.
-- Under row-level security no index on an expression with a time zone serves "where day = …", for what
-- makes it is not leakproof. So the days stand outside, and of each that is asked for a function looks by the
-- index on sent_at for its messages: who wants one day pays for one, and each sorts its own. What a day
-- costs is said with the function: else the planner takes it for a share of the table, and begins to compile.

create or replace function messaging.may_read_reports() returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select current_user not in ('anon', 'authenticated') or messaging.is_staff()
$$;
comment on function messaging.may_read_reports() is 'Whether the current user is staff, or a server or operator.';

create or replace function messaging.cairo_day(p_at timestamptz) returns date
language sql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select (p_at at time zone 'Africa/Cairo')::date
$$;
comment on function messaging.cairo_day(timestamptz) is 'The day in Cairo.';

create or replace function messaging.day_begins(p_day date) returns timestamptz
language sql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select p_day::timestamp at time zone 'Africa/Cairo'
$$;
comment on function messaging.day_begins(date) is 'When a day begins in Cairo.';

-- For the few rows, of before, that do not say when they were handed over.
call pg_temp.keep($$create index message_logs_created_at_not_sent_idx on public.message_logs (created_at)
    where sent_at is null$$);

-- Whoever may read no report sees no day, and so nothing of what hangs on them. The estimate of rows is
-- the usual report's. What somebody dated to the year 1 or 9999 makes no days.
create or replace function messaging.reported_days() returns setof date
language sql stable rows 30 set search_path = pg_catalog, pg_temp
as $$
    select f.day + n
    from (
        select
            messaging.cairo_day(least(greatest(least(
                (select min(m.sent_at) from public.message_logs m),
                (select min(m.created_at) from public.message_logs m where m.sent_at is null)),
                '2000-01-01'), now() + interval '10 years')) as day,
            messaging.cairo_day(greatest(least(greatest(
                (select max(m.sent_at) from public.message_logs m),
                (select max(m.created_at) from public.message_logs m where m.sent_at is null)),
                now() + interval '10 years'), '2000-01-01')) as last_day
        where (select messaging.may_read_reports())
    ) as f
    cross join generate_series(0, f.last_day - f.day) as n
$$;
comment on function messaging.reported_days() is
    'The days, from the first message to the last; none for who is not staff.';

-- What a report asks of a message of ours. A number that somebody wrote into metadata and that is none
-- counts as not there. Twilio took what has a SID. Who asks for many, and for one column twice, puts an
-- OFFSET 0 behind it: the planner would write the column's expression twice.
create or replace view messaging.message_facts with (security_invoker = true) as
select
    m.id, m.message_type, m.status, m.error_code, m.error_message, m.sent_at, m.created_at,
    nullif(m.metadata ->> 'tag', '') as tag,
    m.status in ('delivered', 'read') as delivered,
    m.status = 'read' as read,
    m.status in ('failed', 'undelivered') as failed,
    coalesce(m.status, '') not in ('canceled', 'failed', 'undelivered', 'delivered', 'read') as in_flight,
    m.external_id is not null and coalesce(m.status, '') <> 'canceled' as taken,
    case when m.delivered_at >= m.sent_at then date_part('epoch', m.delivered_at - m.sent_at) end as delivery_seconds,
    -- What is common is told without a pattern, which costs more than all else here.
    case m.metadata ->> 'num_segments' when '1' then 1 when '2' then 2 when '3' then 3
        else substring(m.metadata ->> 'num_segments' from '^[0-9]{1,4}$')::integer end as segments,
    abs(case
        when length(m.metadata ->> 'price') <= 11 and translate(m.metadata ->> 'price', '0123456789', '') = '-.'
            and left(m.metadata ->> 'price', 1) = '-' and left(m.metadata ->> 'price', 2) <> '-.'
            and right(m.metadata ->> 'price', 1) <> '.'
        then (m.metadata ->> 'price')::numeric
        else substring(m.metadata ->> 'price' from '^-?[0-9]{1,9}(?:[.][0-9]{1,9})?$')::numeric end) as price,
    left(m.metadata ->> 'price_unit', 8) as price_unit,
    m.recipient = '' as forgotten
from messaging.outbound_messages m;
comment on view messaging.message_facts is 'Of each message of ours what the reports, and metrics, count.';

-- The sums of a day and channel (by_tag is false, tag null), and of its messages of each tag, those without
-- one included (by_tag is true). Of one day there may be several parts, which the reports add up: they may
-- not be read alone. Each day is sorted by itself, in memory. Of messages that are gone daily_totals has the
-- sums. Delivery times do not add up: what has the least measure counts.
create or replace function messaging.day_sums(p_day date)
returns table (
    message_type text, by_tag boolean, tag text, total bigint, delivered bigint, read bigint, failed bigint,
    in_flight bigint, median_delivery_seconds numeric, p95_delivery_seconds numeric, segments bigint, price numeric,
    least_unit text, greatest_unit text, unpriced bigint)
language sql stable rows 6 set search_path = pg_catalog, pg_temp set jit = off
as $$
    select
        m.message_type,
        grouping(m.tag) = 0 as by_tag,
        m.tag,
        count(*) as total,
        count(*) filter (where m.delivered) as delivered,
        count(*) filter (where m.read) as read,
        count(*) filter (where m.failed) as failed,
        count(*) filter (where m.in_flight) as in_flight,
        round((percentile_cont(0.5) within group (order by m.delivery_seconds))::numeric, 3)
            as median_delivery_seconds,
        round((percentile_cont(0.95) within group (order by m.delivery_seconds))::numeric, 3)
            as p95_delivery_seconds,
        sum(m.segments) as segments,
        sum(m.price) as price,
        min(m.price_unit) filter (where m.price is not null) as least_unit,
        max(m.price_unit) filter (where m.price is not null) as greatest_unit,
        count(*) filter (where m.taken and m.price is null) as unpriced
    from (
        select * from messaging.message_facts f
        where f.sent_at >= messaging.day_begins(p_day) and f.sent_at < messaging.day_begins(p_day + 1)
        union all
        select * from messaging.message_facts f
        where f.sent_at is null
          and f.created_at >= messaging.day_begins(p_day) and f.created_at < messaging.day_begins(p_day + 1)
        offset 0
    ) as m
    group by grouping sets ((m.message_type), (m.message_type, m.tag))
$$;
comment on function messaging.day_sums(date) is 'The sums of the messages of one day that are there.';

create or replace view messaging.message_sums with (security_invoker = true) as
select d.day, s.*, 2 as measure
from messaging.reported_days() as d (day)
cross join lateral messaging.day_sums(d.day) as s
union all
select t.day, t.message_type, g.by_tag, case when g.by_tag then nullif(t.tag, '') end, t.total, t.delivered, t.read, t.failed,
    t.in_flight, null, null, t.segments, t.price, t.least_unit, t.greatest_unit, t.unpriced, 4
from messaging.daily_totals t
cross join (values (false), (true)) as g (by_tag)
where (select messaging.may_read_reports())
union all
select t.day, t.message_type, t.by_tag, nullif(t.tag, ''), 0, 0, 0, 0, 0, t.median_delivery_seconds, t.p95_delivery_seconds,
    null, null, null, null, 0, case when t.expired then 1 else 3 end
from messaging.daily_delivery t
where (select messaging.may_read_reports());
comment on view messaging.message_sums is 'The sums of the messages of each day of Cairo, in parts.';

create or replace view messaging.message_report_lines with (security_invoker = true) as
select
    p.day,
    p.message_type,
    p.by_tag,
    p.tag,
    sum(p.total)::bigint as total,
    sum(p.delivered)::bigint as delivered,
    sum(p.read)::bigint as read,
    sum(p.failed)::bigint as failed,
    sum(p.in_flight)::bigint as in_flight,
    round(sum(p.delivered) / nullif(sum(p.total), 0), 4) as delivered_share,
    round(sum(p.read) / nullif(sum(p.total), 0), 4) as read_share,
    (array_agg(p.median_delivery_seconds order by p.measure) filter (where p.median_delivery_seconds is not null))[1]
        as median_delivery_seconds,
    (array_agg(p.p95_delivery_seconds order by p.measure) filter (where p.p95_delivery_seconds is not null))[1]
        as p95_delivery_seconds,
    coalesce(sum(p.segments), 0)::bigint as segments,
    case when min(p.least_unit) = max(p.greatest_unit) then sum(p.price) end as price,
    case when min(p.least_unit) = max(p.greatest_unit) then min(p.least_unit) end as price_unit,
    sum(p.unpriced)::bigint as unpriced,
    coalesce(min(p.least_unit) <> max(p.greatest_unit), false) as two_currencies
from messaging.message_sums p
group by p.day, p.message_type, p.by_tag, p.tag
having sum(p.total) > 0;
comment on view messaging.message_report_lines is 'Both reports, of which each shows its own lines.';

create or replace view public.message_report with (security_invoker = true) as
select l.day, l.message_type, l.total, l.delivered, l.read, l.failed, l.in_flight, l.delivered_share, l.read_share,
    l.median_delivery_seconds, l.p95_delivery_seconds, l.segments, l.price, l.price_unit, l.unpriced
from messaging.message_report_lines l
where not l.by_tag;
comment on view public.message_report is
    'For staff: what became of the messages of a day of Cairo. delivered includes read; both shares are of '
    'total; canceled messages are in total only; a delivery before the sending is left out of the seconds; '
    'price is null where a day has two currencies, or no price yet; unpriced is what Twilio took and has not '
    'priced yet.';

create or replace view public.message_report_by_tag with (security_invoker = true) as
select l.day, l.message_type, l.tag, l.total, l.delivered, l.read, l.failed, l.in_flight, l.delivered_share,
    l.read_share, l.median_delivery_seconds, l.p95_delivery_seconds, l.segments, l.price, l.price_unit, l.unpriced
from messaging.message_report_lines l
where l.by_tag;
comment on view public.message_report_by_tag is
    'For staff: message_report for each tag; tag is null for messages without one.';

-- Without a code each text is a reason of its own.
create or replace function messaging.day_failures(p_day date)
returns table (message_type text, error_code text, reason text, messages bigint)
language sql stable rows 10 set search_path = pg_catalog, pg_temp set jit = off
as $$
    select m.message_type, m.error_code, mode() within group (order by m.error_message), count(*)
    from (
        select * from messaging.message_facts f
        where f.sent_at >= messaging.day_begins(p_day) and f.sent_at < messaging.day_begins(p_day + 1)
        union all
        select * from messaging.message_facts f
        where f.sent_at is null
          and f.created_at >= messaging.day_begins(p_day) and f.created_at < messaging.day_begins(p_day + 1)
    ) as m
    where m.failed
    group by m.message_type, m.error_code, case when m.error_code is null then m.error_message end
$$;
comment on function messaging.day_failures(date) is 'The failed ones of the messages of one day that are there.';

create or replace view public.message_failures with (security_invoker = true) as
select
    f.day,
    f.message_type,
    f.error_code,
    coalesce(max(f.text), t.meaning, 'Unknown error') as reason,
    messaging.error_meaning_ar(f.error_code) as reason_ar,
    sum(f.messages)::bigint as messages
from (
    select d.day, s.message_type, s.error_code, s.reason as text, s.messages
    from messaging.reported_days() as d (day)
    cross join lateral messaging.day_failures(d.day) as s
    union all
    select t.day, t.message_type, nullif(t.error_code, ''), nullif(t.reason, ''), t.messages
    from messaging.daily_failures t
    where (select messaging.may_read_reports())
) as f
left join messaging.twilio_errors t on t.code = f.error_code
group by f.day, f.message_type, f.error_code, case when f.error_code is null then f.text end, t.meaning;
comment on view public.message_failures is
    'For staff: the failed messages of a day of Cairo by error code; the reason is Twilio''s most frequent text, '
    'else the code''s meaning.';

-- The former reports, for who reads them with SQL.
create or replace view messaging.delivery_report with (security_invoker = true) as
select r.day, r.message_type, r.total, r.delivered, r.read, r.failed, r.in_flight, r.delivered_share, r.read_share,
    r.median_delivery_seconds, r.p95_delivery_seconds
from public.message_report r;
comment on view messaging.delivery_report is 'public.message_report without segments and prices.';

create or replace view messaging.failure_report with (security_invoker = true) as
select f.day, f.message_type, f.error_code, f.reason, f.messages
from public.message_failures f;
comment on view messaging.failure_report is 'public.message_failures without the Arabic.';

drop function if exists messaging.report_days();

-- The events of a message under each of its SIDs; before them its beginning; and of what its row tells
-- that for which there is no event (it failed in Twilio's very answer, it came from a former table).
create or replace view public.message_timeline with (security_invoker = true) as
select
    h.message_log_id, h.at, h.status, h.error_code,
    case when h.error_code is not null or h.status in ('failed', 'undelivered')
        then messaging.error_meaning_ar(h.error_code) end as reason_ar
from (
    select e.message_log_id, e.received_at as at, e.status, e.error_code
    from messaging.message_status_events e
    where e.message_log_id is not null
    union all
    select m.id, v.at, v.status, case when v.status in ('failed', 'undelivered') then m.error_code end
    from messaging.outbound_messages m
    cross join lateral (values
        ('pending', coalesce(m.sent_at, m.created_at)),
        (case when m.status = 'undelivered' then m.status else 'failed' end, m.failed_at),
        ('delivered', case when m.delivered_at is distinct from m.read_at then m.delivered_at end),
        ('read', m.read_at),
        (case when m.status not in ('pending', 'failed', 'undelivered', 'delivered', 'read') then m.status end,
            m.updated_at)
    ) as v (status, at)
    where v.at is not null and v.status is not null
      and not exists (
          select from messaging.message_status_events e
          where e.message_log_id = m.id
            and (e.status = v.status or e.status in ('failed', 'undelivered') and v.status in ('failed', 'undelivered')))
) as h
where (select messaging.may_read_reports());
comment on view public.message_timeline is
    'For staff: what happened to a message, its further attempts included, by the time it was known here.';
