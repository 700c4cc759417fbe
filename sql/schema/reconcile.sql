-- What the reconcile run asks; it writes what it learns through record_status and settle_message.

-- Messages of the last 30 days without a final status, oldest first, a page at a time: the next page
-- begins after the last row of the one before. There is no index on status, which would make every
-- status change dearer; the index on sent_at bounds what is read to those 30 days. Twilio ends every
-- message within hours, and what is older stays as it is.
create or replace function messaging.unsettled_messages(
    p_older_than interval, p_after_sent_at timestamptz, p_after_id uuid, p_limit integer)
returns table (
    id uuid, external_id text, message_type text, recipient text, message_content text, status text,
    sent_at timestamptz, metadata jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select m.id, m.external_id, m.message_type, m.recipient, m.message_content, m.status, m.sent_at, m.metadata
    from public.message_logs m
    where m.sent_at >= greatest(now() - interval '30 days', p_after_sent_at)
      and m.sent_at < now() - p_older_than
      and (p_after_sent_at is null or (m.sent_at, m.id) > (p_after_sent_at, p_after_id))
      and m.provider = 'twilio'
      and m.message_type in ('sms', 'whatsapp')
      and m.status not in ('canceled', 'failed', 'undelivered', 'delivered', 'read')
    order by m.sent_at, m.id
    limit p_limit
$$;
comment on function messaging.unsettled_messages(interval, timestamptz, uuid, integer) is
    'Messages of the last 30 days without a final status, by (sent_at, id), one page.';

create or replace function messaging.known_sids(p_sids text[]) returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select m.external_id from public.message_logs m where m.external_id = any (p_sids)
$$;
comment on function messaging.known_sids(text[]) is 'Those of the SIDs that belong to a message here.';
