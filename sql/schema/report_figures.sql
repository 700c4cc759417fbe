-- The figures that the programs show: asked for once, written as a table, a page, CSV or JSON.

-- As long as data.md says a message may be under way. Looked at are those of the last 30 days: there is no
-- index on status, and the index on sent_at bounds what is read.
create or replace view messaging.stuck_messages with (security_invoker = true) as
select m.id, m.message_type, m.status, m.sent_at as since
from messaging.message_facts m
where m.in_flight
  and m.sent_at >= now() - interval '30 days'
  and m.sent_at < now() - case
        when m.status = 'pending' then interval '10 minutes'
        when m.status in ('accepted', 'queued', 'sending', 'sent') then interval '12 hours'
        when m.status = 'unknown' then interval '1 day' end;
comment on view messaging.stuck_messages is
    'Messages that should have come to something: pending for 10 minutes, accepted, queued, sending or sent '
    'for 12 hours, unknown for a day.';

-- By the index on received_at from its end, past what a reconcile run wrote.
create or replace view messaging.last_callback with (security_invoker = true) as
select max(e.received_at) as received_at
from messaging.message_status_events e
where e.parameters ->> 'source' is distinct from 'reconcile';
comment on view messaging.last_callback is 'When Twilio last called; null where it has not.';

-- Of today and the p_days - 1 days before, in Cairo, where the times are told too. "report" and "failures"
-- are rows of public.message_report and public.message_failures; "delivery" is over all the days; "stuck" is
-- of now.
create or replace function messaging.report(p_days integer) returns json
language sql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set work_mem = '32MB'
as $$
    with window_of as (
        select d.today - p_days + 1 as first_day, d.today
        from (select messaging.cairo_day(now()) as today) as d
    )
    select json_build_object(
        'made_at', to_char(now() at time zone 'Africa/Cairo', 'YYYY-MM-DD HH24:MI'),
        'first_day', w.first_day,
        'today', w.today,
        'report', (
            select coalesce(json_agg(r order by r.day desc, r.message_type), '[]')
            from public.message_report r
            where r.day between w.first_day and w.today),
        'failures', (
            select coalesce(json_agg(f order by f.day desc, f.messages desc, f.message_type, f.error_code, f.reason), '[]')
            from public.message_failures f
            where f.day between w.first_day and w.today),
        'delivery', (
            select coalesce(json_agg(s order by s.message_type), '[]')
            from (
                select m.message_type,
                    round((percentile_cont(0.5) within group (order by m.delivery_seconds))::numeric, 3)
                        as median_delivery_seconds,
                    round((percentile_cont(0.95) within group (order by m.delivery_seconds))::numeric, 3)
                        as p95_delivery_seconds
                from messaging.message_facts m
                where m.sent_at >= w.first_day::timestamp at time zone 'Africa/Cairo'
                  and m.sent_at < (w.today + 1)::timestamp at time zone 'Africa/Cairo'
                group by m.message_type
            ) as s),
        'stuck', (
            select coalesce(json_agg(s order by s.status), '[]')
            from (
                select m.status, count(*) as messages,
                    to_char(min(m.since) at time zone 'Africa/Cairo', 'YYYY-MM-DD HH24:MI') as oldest
                from messaging.stuck_messages m
                group by m.status
            ) as s),
        'last_callback', (
            select to_char(c.received_at at time zone 'Africa/Cairo', 'YYYY-MM-DD HH24:MI')
            from messaging.last_callback c))
    from window_of w
$$;
comment on function messaging.report(integer) is
    'What became of the messages of the last days, as JSON: the figures of --report.';
