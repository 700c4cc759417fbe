-- The figures of --metrics (lib/metrics.c knows what they are called): bounded, whatever the tables hold, as
-- each is found by an index and within a window of time.

-- What waits for Twilio's word, has no SID; it gets one when its row is written for the first time, which is no
-- HOT update anyhow. Others' rows are not in it.
call pg_temp.keep($$create index message_logs_sent_at_no_sid_idx on public.message_logs (sent_at)
    where external_id is null and message_type in ('sms', 'whatsapp')$$);

-- Windows are "1h" and "24h", and end now. No label can be anything of a person's: a status is one of ours and
-- a code is digits, else "other"; of codes those that are most frequent.
create or replace function messaging.metrics()
returns table (figure text, label_1 text, label_2 text, label_3 text, value double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp
set jit = off
as $$
    with sums as materialized (
        select m.message_type, m.status, m.error_code,
            m.status in ('failed', 'undelivered') as failed,
            m.status in ('failed', 'undelivered') and m.sender_id is null
                and (select r.created_by from public.maintenance_requests r where r.id = m.request_id) is null
                as ownerless,
            count(*) as of_day,
            count(*) filter (where m.sent_at > now() - interval '1 hour') as of_hour
        from messaging.outbound_messages m
        where m.sent_at > now() - interval '1 day' and m.sent_at <= now()
        group by m.message_type, m.status, m.error_code, 4, 5
    ),
    named as (
        select s.message_type, s.failed, s.ownerless, s.of_day, s.of_hour,
            case when messaging.status_rank(s.status) is null then 'other' else s.status end as status,
            case when s.error_code is null then 'none' when s.error_code ~ '^[0-9]{1,6}$' then s.error_code else 'other' end
                as code
        from sums s
    ),
    told as (
        select w.name as time_window, n.message_type, n.status, n.code, n.failed, n.ownerless, w.messages
        from named n
        cross join lateral (values ('1h', n.of_hour), ('24h', n.of_day)) as w (name, messages)
        where w.messages > 0
    ),
    codes as (
        select n.code, row_number() over (order by sum(n.of_day) desc, n.code) as place
        from named n
        where n.failed and n.code <> 'other'
        group by n.code
    ),
    unsettled as (
        select m.status, count(*) as messages, min(m.sent_at) as since
        from messaging.outbound_messages m
        where m.external_id is null and m.message_type in ('sms', 'whatsapp')
          and m.sent_at > now() - interval '30 days' and m.sent_at <= now()
          and m.status in ('pending', 'unknown')
          -- Nobody settles what is left of a person who was forgotten.
          and m.recipient <> ''
        group by m.status
    ),
    unsettled_of_each as (
        select s.status, coalesce(u.messages, 0) as messages, coalesce(date_part('epoch', now() - u.since), 0) as age
        from (values ('pending'), ('unknown')) as s (status)
        left join unsettled u on u.status = s.status
    )
    select 'messages', t.time_window, t.message_type, t.status, sum(t.messages)::double precision
    from told t
    group by t.time_window, t.message_type, t.status
    union all
    select 'failed_messages', t.time_window, t.message_type, coalesce(c.code, 'other'), sum(t.messages)
    from told t
    left join codes c on c.code = t.code and c.place <= 50
    where t.failed
    group by 1, 2, 3, 4
    union all
    select 'ownerless_failed_messages', w.name, null, null, coalesce(sum(t.messages) filter (where t.ownerless), 0)
    from (values ('1h'), ('24h')) as w (name)
    left join told t on t.time_window = w.name
    group by w.name
    union all
    select 'sends', '1h', null, null, coalesce(sum(s.of_hour), 0)
    from sums s
    union all
    select 'callbacks', '1h', null, null, count(*)
    from messaging.message_status_events e
    where e.received_at > now() - interval '1 hour' and e.received_at <= now()
      and e.parameters ->> 'source' is distinct from 'reconcile'
    union all
    select 'last_callback_age_seconds', null, null, null, greatest(date_part('epoch', now() - c.received_at), 0)
    from messaging.last_callback c
    where c.received_at is not null
    union all
    select 'unsettled_messages', u.status, null, null, u.messages
    from unsettled_of_each u
    union all
    select 'unsettled_oldest_age_seconds', u.status, null, null, u.age
    from unsettled_of_each u
    union all
    select 'schema_version', null, null, null, messaging.schema_version()::double precision
$$;
comment on function messaging.metrics() is
    'The figures of --metrics, a line each: what it is, its labels, its value.';
