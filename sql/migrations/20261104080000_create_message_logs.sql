-- public.message_logs: every outbound SMS and WhatsApp message. Created where it is missing, else
-- given the columns that it lacks; what is in it is taken care of by the migrations that follow.
do $$
begin
    if to_regclass('public.message_logs') is null then
        create table public.message_logs (
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
    end if;
end
$$;
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

-- Checks of an existing table that refuse what is valid now. The words a status may have are Twilio's
-- affair, and message_content may be empty where a template speaks.
do $$
declare
    found record;
begin
    for found in
        select c.conname, pg_get_constraintdef(c.oid) as definition
        from pg_constraint c
        where c.conrelid = 'public.message_logs'::regclass and c.contype = 'c'
          and exists (
              select from pg_attribute a
              where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
                and (a.attname in ('status', 'message_content')
                    or a.attname = 'message_type' and not (pg_get_constraintdef(c.oid) ~ 'sms'
                        and pg_get_constraintdef(c.oid) ~ 'whatsapp')
                    or a.attname = 'provider' and pg_get_constraintdef(c.oid) !~ 'twilio'))
    loop
        execute format('alter table public.message_logs drop constraint %I', found.conname);
        raise notice 'constraint % of message_logs is gone: %', found.conname, found.definition;
    end loop;
end
$$;

-- Indexes of an existing table on what a status change writes: each makes every change dearer.
do $$
declare
    found record;
begin
    for found in
        select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
        from pg_index i
        where i.indrelid = 'public.message_logs'::regclass
          and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
          and exists (
              select from pg_depend d
              join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
              where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
                and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid
                and a.attname in ('status', 'error_code', 'error_message', 'delivered_at', 'read_at',
                    'failed_at', 'updated_at'))
    loop
        execute format('drop index %s', found.name);
        raise notice 'index % of message_logs is gone, it made every status change dearer: %',
            found.name, found.definition;
    end loop;
end
$$;

-- A length that was enough for yesterday's words.
do $$
declare
    found record;
begin
    for found in
        select a.attname, format_type(a.atttypid, a.atttypmod) as type
        from pg_attribute a
        where a.attrelid = 'public.message_logs'::regclass and a.attnum > 0 and not a.attisdropped
          and a.atttypid = 'character varying'::regtype and a.atttypmod > 0
          and a.attname in ('recipient', 'message_type', 'message_content', 'provider', 'status', 'external_id',
              'error_message', 'error_code', 'media_url')
    loop
        begin
            execute format('alter table public.message_logs alter column %I type text', found.attname);
        exception when feature_not_supported then
            raise exception 'column message_logs.% is of type % and a view or policy uses it: drop that, make the column text, and create it again',
                found.attname, found.type;
        end;
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
