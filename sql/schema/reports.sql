-- Reports for staff. A day is one of the reader's time zone, and a message belongs to the day it was
-- sent on. Both views read with the reader's rights and show nothing to a user who is not staff, who
-- would else see a report of his own messages.

create or replace function messaging.may_read_reports() returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select current_user not in ('anon', 'authenticated') or messaging.is_staff()
$$;
comment on function messaging.may_read_reports() is 'Whether the current user is staff, or a server or operator.';

create or replace view messaging.delivery_report with (security_invoker = true) as
select
    coalesce(m.sent_at, m.created_at)::date as day,
    m.message_type,
    count(*) as total,
    count(*) filter (where m.status in ('delivered', 'read')) as delivered,
    count(*) filter (where m.status = 'read') as read,
    count(*) filter (where m.status in ('failed', 'undelivered')) as failed,
    count(*) filter (
        where m.status not in ('canceled', 'failed', 'undelivered', 'delivered', 'read')) as in_flight,
    round(count(*) filter (where m.status in ('delivered', 'read'))::numeric / count(*), 4) as delivered_share,
    round(count(*) filter (where m.status = 'read')::numeric / count(*), 4) as read_share,
    round((percentile_cont(0.5) within group (order by extract(epoch from m.delivered_at - m.sent_at))
        filter (where m.delivered_at >= m.sent_at))::numeric, 3) as median_delivery_seconds,
    round((percentile_cont(0.95) within group (order by extract(epoch from m.delivered_at - m.sent_at))
        filter (where m.delivered_at >= m.sent_at))::numeric, 3) as p95_delivery_seconds
from messaging.outbound_messages m
where (select messaging.may_read_reports())
group by 1, 2;
comment on view messaging.delivery_report is
    'What became of the messages of a day. delivered includes read; both shares are of total; canceled '
    'messages are in total only; a delivery before the sending is left out of the seconds.';

create or replace view messaging.failure_report with (security_invoker = true) as
select
    coalesce(m.sent_at, m.created_at)::date as day,
    m.message_type,
    m.error_code,
    coalesce(mode() within group (order by m.error_message), min(t.meaning), 'Unknown error') as reason,
    count(*) as messages
from messaging.outbound_messages m
left join messaging.twilio_errors t on t.code = m.error_code
where m.status in ('failed', 'undelivered')
  and (select messaging.may_read_reports())
group by 1, 2, 3, case when m.error_code is null then m.error_message end;
comment on view messaging.failure_report is 'The failed messages of a day by error code; the reason is Twilio''s most frequent text, else the code''s meaning.';
