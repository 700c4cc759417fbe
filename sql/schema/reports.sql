-- Reports for staff. A day is one of the reader's time zone, and a message belongs to the day it was
-- sent on. Both views read with the reader's rights and show nothing to a user who is not staff, who
-- would else see a report of his own messages.

create or replace function messaging.may_read_reports() returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select current_user not in ('anon', 'authenticated') or messaging.is_staff()
$$;
comment on function messaging.may_read_reports() is 'Whether the current user is staff, or a server or operator.';

-- Of days that are gone daily_totals has the sums, by days of Cairo; a delivery time is the one with the
-- least measure, as in message_sums.
create or replace view messaging.delivery_report with (security_invoker = true) as
select
    p.day,
    p.message_type,
    sum(p.total)::bigint as total,
    sum(p.delivered)::bigint as delivered,
    sum(p.read)::bigint as read,
    sum(p.failed)::bigint as failed,
    sum(p.in_flight)::bigint as in_flight,
    round(sum(p.delivered) / sum(p.total), 4) as delivered_share,
    round(sum(p.read) / sum(p.total), 4) as read_share,
    (array_agg(p.median_delivery_seconds order by p.measure) filter (where p.median_delivery_seconds is not null))[1]
        as median_delivery_seconds,
    (array_agg(p.p95_delivery_seconds order by p.measure) filter (where p.p95_delivery_seconds is not null))[1]
        as p95_delivery_seconds
from (
    select
        coalesce(m.sent_at, m.created_at)::date as day,
        m.message_type,
        count(*) as total,
        count(*) filter (where m.status in ('delivered', 'read')) as delivered,
        count(*) filter (where m.status = 'read') as read,
        count(*) filter (where m.status in ('failed', 'undelivered')) as failed,
        count(*) filter (
            where m.status not in ('canceled', 'failed', 'undelivered', 'delivered', 'read')) as in_flight,
        round((percentile_cont(0.5) within group (order by extract(epoch from m.delivered_at - m.sent_at))
            filter (where m.delivered_at >= m.sent_at))::numeric, 3) as median_delivery_seconds,
        round((percentile_cont(0.95) within group (order by extract(epoch from m.delivered_at - m.sent_at))
            filter (where m.delivered_at >= m.sent_at))::numeric, 3) as p95_delivery_seconds,
        2 as measure
    from messaging.outbound_messages m
    where (select messaging.may_read_reports())
    group by 1, 2
    union all
    select t.day, t.message_type, t.total, t.delivered, t.read, t.failed, t.in_flight, null, null, 4
    from messaging.daily_totals t
    where (select messaging.may_read_reports())
    union all
    select t.day, t.message_type, 0, 0, 0, 0, 0, t.median_delivery_seconds, t.p95_delivery_seconds,
        case when t.expired then 1 else 3 end
    from messaging.daily_delivery t
    where not t.by_tag and (select messaging.may_read_reports())
) as p
group by p.day, p.message_type
having sum(p.total) > 0;
comment on view messaging.delivery_report is
    'What became of the messages of a day. delivered includes read; both shares are of total; canceled '
    'messages are in total only; a delivery before the sending is left out of the seconds.';

create or replace view messaging.failure_report with (security_invoker = true) as
select
    f.day,
    f.message_type,
    f.error_code,
    coalesce(max(f.text), t.meaning, 'Unknown error') as reason,
    sum(f.messages)::bigint as messages
from (
    select
        coalesce(m.sent_at, m.created_at)::date as day,
        m.message_type,
        m.error_code,
        mode() within group (order by m.error_message) as text,
        count(*) as messages
    from messaging.outbound_messages m
    where m.status in ('failed', 'undelivered')
      and (select messaging.may_read_reports())
    group by 1, 2, 3, case when m.error_code is null then m.error_message end
    union all
    select t.day, t.message_type, nullif(t.error_code, ''), nullif(t.reason, ''), t.messages
    from messaging.daily_failures t
    where (select messaging.may_read_reports())
) as f
left join messaging.twilio_errors t on t.code = f.error_code
group by f.day, f.message_type, f.error_code, case when f.error_code is null then f.text end, t.meaning;
comment on view messaging.failure_report is 'The failed messages of a day by error code; the reason is Twilio''s most frequent text, else the code''s meaning.';
