-- public.message_logs: every outbound SMS and WhatsApp message. Created where it is missing, else
-- given the columns that it lacks; what is in it is taken care of by the migrations that follow.
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
);
do $$
declare
    wanted record;
begin
    for wanted in
        select * from (values
            ('request_id', 'uuid'), ('message_content', 'text'), ('provider', 'text'), ('external_id', 'text'),
            ('metadata', 'jsonb'), ('error_message', 'text'), ('sent_at', 'timestamptz'),
            ('delivered_at', 'timestamptz'), ('created_at', 'timestamptz default now()'),
            ('updated_at', 'timestamptz default now()'), ('sender_id', 'uuid'), ('media_url', 'text'),
            ('error_code', 'text'), ('read_at', 'timestamptz'), ('failed_at', 'timestamptz')
        ) as columns (name, type)
        where not exists (
            select from pg_attribute a
            where a.attrelid = 'public.message_logs'::regclass and a.attname = name and not a.attisdropped)
    loop
        execute format('alter table public.message_logs add column %I %s', wanted.name, wanted.type);
    end loop;
end
$$;

-- Every row that is written from now on knows when it began, whoever writes it.
alter table public.message_logs
    alter column id set default gen_random_uuid(),
    alter column provider set default 'twilio',
    alter column status set default 'pending',
    alter column metadata set default '{}',
    alter column sent_at set default now(),
    alter column created_at set default now(),
    alter column updated_at set default now();

-- A status changes several times within minutes: room on the page keeps that change beside its row
-- and out of the indexes (HOT).
alter table public.message_logs set (fillfactor = 85);

comment on table public.message_logs is 'Every outbound SMS and WhatsApp message.';
comment on column public.message_logs.recipient is 'E.164, without whatsapp:.';
comment on column public.message_logs.external_id is 'Twilio''s SID; null until Twilio has answered or called.';
comment on column public.message_logs.status is
    'The greatest seen so far of pending < unknown < accepted = scheduled < queued < sending < sent < '
    'canceled < failed < undelivered < delivered < read.';
comment on column public.message_logs.sent_at is 'When the message was handed to Twilio: the row''s beginning.';
comment on column public.message_logs.metadata is
    'What Twilio says of price and segments; template, variables, further media.';

insert into messaging.schema_migrations (version) values ('20261104080000') on conflict do nothing;
