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
    'What Twilio says of price and segments; template, variables, further media.';
