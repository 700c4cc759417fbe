-- The figures that the programs show: asked for once, written as a table, a page, CSV or JSON.

-- Under way for longer than a message may be. Looked at are those of the last 30 days: there is no
-- index on status, and the index on sent_at bounds what is read.
create or replace view messaging.stuck_messages with (security_invoker = true) as
select m.id, m.message_type, m.status, m.sent_at as since
from messaging.message_facts m
where m.in_flight
  -- Of what is left of a person who was forgotten nobody asks what became of it.
  and not m.forgotten
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
-- are rows of public.message_report and public.message_failures. "totals" and "costs" are for the period
-- "today" and for "days", all of them, of all channels (message_type is null) and of each; "reasons" and
-- "delivery" are over all the days ("recent" and "former" in the last and the second last half of them, without
-- today, which is not over), "stuck" is of now. The costs of two_currency_days are in no sum. In "reasons" nothing is of Twilio's own texts, which name recipients.
create or replace function messaging.report(p_days integer) returns json
language sql stable security definer set search_path = pg_catalog, pg_temp
set jit = off set work_mem = '32MB'
as $$
    with asked as (
        select d.today - p_days + 1 as first_day, d.today
        from (select messaging.cairo_day(now()) as today) as d
    ),
    lines as materialized (
        select l.*
        from messaging.message_report_lines l
        where not l.by_tag and l.day >= (select a.first_day from asked a) and l.day <= (select a.today from asked a)
    ),
    failures as materialized (
        select f.*
        from public.message_failures f
        where f.day >= (select a.first_day from asked a) and f.day <= (select a.today from asked a)
    ),
    parts as (
        select p.period, l.*
        from asked a
        cross join lateral (values ('today', a.today), ('days', a.first_day)) as p (period, since)
        left join lines l on l.day >= p.since
    )
    select json_build_object(
        'made_at', to_char(now() at time zone 'Africa/Cairo', 'YYYY-MM-DD HH24:MI'),
        'first_day', a.first_day,
        'today', a.today,
        'report', (select coalesce(json_agg(l order by l.day desc, l.message_type), '[]') from lines l),
        'failures', (
            select coalesce(json_agg(
                f order by f.day desc, f.messages desc, f.message_type, f.error_code, f.reason), '[]')
            from failures f),
        'days', (
            select json_agg(json_build_object('day', a.today - n) order by n)
            from generate_series(0, a.today - a.first_day) as n),
        'reasons', (
            select coalesce(json_agg(s order by s.messages desc, s.error_code), '[]')
            from (
                select f.error_code, coalesce(t.meaning, 'Unknown error') as meaning, f.reason_ar,
                    sum(f.messages) as messages,
                    coalesce(sum(f.messages) filter (where f.day < a.today and f.day >= a.today - h.half), 0)
                        as recent,
                    coalesce(sum(f.messages) filter (
                        where f.day < a.today - h.half and f.day >= a.today - 2 * h.half), 0) as former
                from failures f
                cross join (select (p_days - 1) / 2 as half) as h
                left join messaging.twilio_errors t on t.code = f.error_code
                group by f.error_code, t.meaning, f.reason_ar
            ) as s),
        'totals', (
            select json_agg(t)
            from (
                select p.period, p.message_type,
                    coalesce(sum(p.total), 0) as total,
                    coalesce(sum(p.delivered), 0) as delivered,
                    coalesce(sum(p.read), 0) as read,
                    coalesce(sum(p.failed), 0) as failed,
                    coalesce(sum(p.in_flight), 0) as in_flight,
                    round(sum(p.delivered) / sum(p.total), 4) as delivered_share,
                    round(sum(p.failed) / sum(p.total), 4) as failed_share,
                    coalesce(sum(p.segments), 0) as segments,
                    coalesce(sum(p.unpriced), 0) as unpriced
                from parts p
                group by grouping sets ((p.period), (p.period, p.message_type))
                having grouping(p.message_type) = 1 or p.message_type is not null
                order by 1, 2 nulls first
            ) as t),
        'costs', (
            select coalesce(json_agg(c), '[]')
            from (
                select p.period, p.message_type, p.price_unit, sum(p.price) as price
                from parts p
                where p.price is not null
                group by grouping sets ((p.period, p.price_unit), (p.period, p.message_type, p.price_unit))
                order by 1, 2 nulls first, 3
            ) as c),
        'two_currency_days', (select count(distinct l.day) from lines l where l.two_currencies),
        'delivery', (
            select coalesce(json_agg(s order by s.message_type), '[]')
            from (
                select m.message_type,
                    round((percentile_cont(0.5) within group (order by m.delivery_seconds))::numeric, 3)
                        as median_delivery_seconds,
                    round((percentile_cont(0.95) within group (order by m.delivery_seconds))::numeric, 3)
                        as p95_delivery_seconds
                from messaging.message_facts m
                where m.sent_at >= a.first_day::timestamp at time zone 'Africa/Cairo'
                  and m.sent_at < (a.today + 1)::timestamp at time zone 'Africa/Cairo'
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
    from asked a
$$;
comment on function messaging.report(integer) is
    'What became of the messages of the last days, as JSON: the figures of --report.';
