-- Numbers at which nothing will arrive, by channel: what their last outcomes say.

-- A message that was not sent because its number is dead says nothing new.
create or replace view public.message_dead_numbers with (security_invoker = true) as
select
    d.recipient,
    d.message_type,
    d.error_code,
    messaging.error_meaning_ar(d.error_code) as reason_ar,
    d.since
from (
    select
        m.recipient,
        m.message_type,
        (array_agg(m.error_code order by m.at desc, m.error_code))[1] as error_code,
        min(m.at) as since,
        max(m.at) as last
    from (
        select f.recipient, f.message_type, f.error_code, coalesce(f.failed_at, f.sent_at, f.created_at) as at
        from messaging.outbound_messages f
        join messaging.twilio_errors t on t.code = f.error_code and t.dead in (f.message_type, 'both')
        where f.status in ('failed', 'undelivered')
          and f.recipient <> ''
          and f.metadata -> 'dead_number' is null
    ) as m
    where m.at > now() - interval '90 days'
      and not exists (
          select from messaging.outbound_messages a
          where a.recipient = m.recipient and a.message_type = m.message_type and a.delivered_at > m.at)
    group by m.recipient, m.message_type
) as d
where (select messaging.may_read_reports());
comment on view public.message_dead_numbers is
    'For staff: numbers that are opted out, unreachable for good or no mobile, by channel, as the last '
    'outcomes say; since when. A later delivery, or 90 days, lifts it.';

create or replace function messaging.dead_code(p_recipient text, p_type text) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select d.error_code from public.message_dead_numbers d
    where d.recipient = p_recipient and d.message_type = p_type
$$;
comment on function messaging.dead_code(text, text) is
    'The code by which a number is dead on a channel; null where it is not.';
