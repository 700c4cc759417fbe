-- public.message_logs: every outbound SMS and WhatsApp message. One that was there before the migration
-- has been given what it lacked (migrations/*_adopt_message_logs.sql).
create table if not exists public.message_logs (
    id uuid primary key default gen_random_uuid(),
    request_id uuid,
    recipient text not null,
    message_type text not null,
    message_content text,
    provider text not null default 'twilio',
    status text not null default 'pending',
    external_id text,
    metadata jsonb default '{}',
    error_message text,
    sent_at timestamptz default now(),
    delivered_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    sender_id uuid,
    media_url text,
    error_code text,
    read_at timestamptz,
    failed_at timestamptz
)
-- A status changes several times within minutes: room on the page keeps that change beside its row
-- and out of the indexes (HOT).
with (fillfactor = 85);
comment on table public.message_logs is 'Every outbound SMS and WhatsApp message.';
comment on column public.message_logs.recipient is 'E.164, without whatsapp:.';
comment on column public.message_logs.external_id is 'Twilio''s SID; null until Twilio has answered or called.';
comment on column public.message_logs.status is
    'The greatest seen so far of pending < unknown < accepted = scheduled < queued < sending < sent < '
    'canceled < failed < undelivered < delivered < read.';
comment on column public.message_logs.sent_at is 'When the message was handed to Twilio: the row''s beginning.';
comment on column public.message_logs.metadata is
    'What Twilio says of price and segments; template, variables, further media; read_at, where a screen reads it.';

-- Others write rows here too: inbound messages, e-mails, what goes by another provider. Those count in no
-- rate, no report and no reconcile run, each of which reads this. (A view and no function of a row, which
-- with a search_path of its own would be called for each; the words that nearly all rows have come first, as
-- lower() costs more than all the rest.)
call pg_temp.keep($$create view messaging.outbound_messages with (security_invoker = true) as
select m.id, m.request_id, m.recipient, m.message_type, m.message_content, m.provider, m.status, m.external_id,
    m.metadata, m.error_message, m.sent_at, m.delivered_at, m.created_at, m.updated_at, m.sender_id, m.media_url,
    m.error_code, m.read_at, m.failed_at
from public.message_logs m
where m.message_type in ('sms', 'whatsapp')
  and (m.provider = 'twilio' or coalesce(lower(m.provider), 'twilio') = 'twilio')
  and (m.status in ('pending', 'unknown', 'accepted', 'scheduled', 'queued', 'sending', 'sent', 'canceled', 'failed',
          'undelivered', 'delivered', 'read')
      or coalesce(lower(m.status), '') not in ('received', 'receiving'))
  and (coalesce(m.metadata ->> 'direction', 'outbound-api') = 'outbound-api'
      or lower(m.metadata ->> 'direction') not in ('incoming', 'inbound'))$$);
comment on view messaging.outbound_messages is 'The rows of message_logs that are outbound messages of Twilio''s.';

-- A time as others write it into metadata: ISO 8601, or Unix seconds as a number or as a string of digits.
create or replace function messaging.time_of(p_value jsonb) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_text constant text := p_value #>> '{}';
begin
    if jsonb_typeof(p_value) in ('number', 'string') and v_text ~ '^\d{1,11}(\.\d+)?$' then
        return to_timestamp(v_text::double precision);
    end if;
    if jsonb_typeof(p_value) = 'string' and v_text ~ '^\d{4}-\d\d-\d\d' then
        return v_text::timestamptz;
    end if;
    return null;
exception when others then
    return null;
end
$$;
comment on function messaging.time_of(jsonb) is 'A time written as ISO 8601 or Unix seconds; null for anything else.';
